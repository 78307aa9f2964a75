package rule

import (
	"bytes"
	"encoding/json"
	"io"

	"github.com/fanward/fanward/internal/fault"
)

// parse reads exactly one tree. Numbers stay as they were written.
func parse(raw json.RawMessage) (Node, error) {
	var n Node
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	d.UseNumber()
	if err := d.Decode(&n); err != nil {
		return n, fault.Wrap(err, fault.Invalid, "rule_unreadable", nil)
	}
	if _, err := d.Token(); err != io.EOF {
		return n, fault.New(fault.Invalid, "rule_unreadable", nil)
	}
	return n, nil
}
