package rule

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/fanward/fanward/internal/fault"
)

// Decode reads one JSON value that holds rules, or parts of them; numbers stay as
// they were written, for a rule is exact to more digits than a float64 keeps.
func Decode(raw []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("there is more than one JSON value")
	}
	return nil
}

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
