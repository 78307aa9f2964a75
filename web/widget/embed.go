// Package widget carries the built chat widget inside the binary.
package widget

import "embed"

//go:embed all:dist
var files embed.FS

// Script returns the built widget.js and true, or nil and false when the
// binary was compiled without building the widget first. The bytes never
// change while the program runs.
func Script() ([]byte, bool) {
	script, err := files.ReadFile("dist/widget.js")
	if err != nil {
		return nil, false
	}
	return script, true
}
