package mime

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/emersion/go-message/textproto"

	"github.com/fanward/fanward/internal/text"
)

var errTooLarge = errors.New("the mail is too large")

// Parse reads one mail. It fails with mail_too_large, mail_header_too_long,
// mail_malformed (nothing of it is a mail), or the reader's own error.
func Parse(r io.Reader, limits Limits) (*Mail, error) {
	in := &counted{r: r, left: limits.Bytes}
	br := bufio.NewReaderSize(in, 16<<10)
	p := &parser{limits: limits, mail: &Mail{}, parts: limits.Parts, containers: limits.Parts, text: limits.Text, html: limits.Text}
	block, err := p.headerBlock(br)
	if err != nil {
		return nil, p.fail(in, err)
	}
	h, err := textproto.ReadHeader(bufio.NewReader(bytes.NewReader(block)))
	if err != nil {
		return nil, malformed(err)
	}
	if h.Len() == 0 {
		return nil, malformed(errors.New("no header"))
	}
	p.headers(h)
	whole := p.read(h, br, 0)
	if in.failed != nil {
		return nil, p.fail(in, in.failed)
	}
	p.finish(whole)
	return p.mail, nil
}

// parser reads one mail.
type parser struct {
	limits Limits
	mail   *Mail
	// parts is how many more may be read, containers how many of those that hold
	// them.
	parts, containers int
	// text and html are how many bytes more are kept.
	text, html int
	// original is the returned mail of a bounce, its header only.
	original *textproto.Header
	// delivery are the fields of a delivery report.
	delivery []textproto.Header
	// shown are the fields of a read receipt.
	shown []textproto.Header
	signs signs
	names int
}

func (p *parser) fail(in *counted, err error) error {
	if in.failed != nil {
		err = in.failed
	}
	if errors.Is(err, errTooLarge) {
		return tooLarge(p.limits.Bytes)
	}
	return err
}

// counted fails with errTooLarge beyond its limit and remembers how the
// underlying reader failed: the decoders on top of it report in their own words.
type counted struct {
	r      io.Reader
	left   int64
	failed error
}

func (c *counted) Read(b []byte) (int, error) {
	if c.failed != nil {
		return 0, c.failed
	}
	n, err := c.r.Read(b)
	if c.left -= int64(n); c.left < 0 {
		c.failed = errTooLarge
		return 0, errTooLarge
	}
	if err != nil && !errors.Is(err, io.EOF) {
		c.failed = err
	}
	return n, err
}

// headerBlock reads up to the empty line and leaves out what is no header:
// strict readers would otherwise refuse the whole mail for one bad line.
func (p *parser) headerBlock(br *bufio.Reader) ([]byte, error) {
	var block []byte
	size, dropping, first := 0, false, true
	for {
		line, err := br.ReadSlice('\n')
		for errors.Is(err, bufio.ErrBufferFull) {
			line = bytes.Clone(line)
			var more []byte
			more, err = br.ReadSlice('\n')
			line = append(line, more...)
			if len(line) > p.limits.Header {
				return nil, headerTooLong(p.limits.Header)
			}
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if size += len(line); size > p.limits.Header {
			return nil, headerTooLong(p.limits.Header)
		}
		content := bytes.TrimRight(line, "\r\n")
		if len(content) == 0 {
			return append(block, '\r', '\n'), nil
		}
		switch {
		case content[0] == ' ' || content[0] == '\t':
			dropping = dropping || len(block) == 0
		case first && bytes.HasPrefix(content, []byte("From ")): // a mailbox file's separator
			dropping = true
		default:
			if dropping = !isField(content); dropping {
				p.mail.defect(DefectHeader)
			}
		}
		first = false
		if !dropping {
			block = append(append(block, bytes.ReplaceAll(content, []byte("\r"), nil)...), '\r', '\n')
		}
		if err != nil {
			return append(block, '\r', '\n'), nil
		}
	}
}

// isField tells whether a line begins with a header field's name.
func isField(line []byte) bool {
	i := bytes.IndexByte(line, ':')
	if i <= 0 {
		return false
	}
	name := bytes.TrimRight(line[:i], " \t")
	for _, c := range name {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return len(name) > 0
}

// finish brings what the parts gave into its final form.
func (p *parser) finish(whole content) {
	m := p.mail
	m.HTML, m.RemotePictures = "", 0
	if whole.html != "" {
		shown, err := Sanitise(whole.html)
		if err != nil {
			m.defect(DefectHTML)
		}
		m.HTML, m.RemotePictures = shown.HTML, shown.Remote
		for i := range m.Attachments {
			a := &m.Attachments[i]
			a.Inline = a.ContentID != "" && shown.Cids[a.ContentID]
		}
	}
	if strings.TrimSpace(whole.text) != "" {
		m.Body, m.Quoted = Fold(text.Clean(whole.text))
	} else {
		body, quoted := splitText(whole.html)
		var more string
		m.Body, more = Fold(text.Clean(body))
		m.Quoted = strings.Trim(more+"\n\n"+text.Clean(quoted), "\n")
	}
	m.Digest = digest(m, whole)
	m.Automatic = p.automatic()
	p.report()
}
