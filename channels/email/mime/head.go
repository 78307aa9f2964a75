package mime

import (
	"bufio"
	"bytes"

	"github.com/emersion/go-message/textproto"
)

// ParseHead reads only the header of a mail; head may end anywhere after it.
// The errors are those of Parse.
func ParseHead(head []byte, limits Limits) (*Mail, error) {
	p := &parser{limits: limits, mail: &Mail{}}
	block, err := p.headerBlock(bufio.NewReader(bytes.NewReader(head)))
	if err != nil {
		return nil, err
	}
	h, err := textproto.ReadHeader(newReader(block))
	if err != nil || h.Len() == 0 {
		return nil, malformed(err)
	}
	p.headers(h)
	return p.mail, nil
}
