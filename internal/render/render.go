// Package render fills templates: Liquid, as marketers know it, held to limits
// that no template can get around.
//
// What comes out is plain text, whatever channel it is for. Whoever makes HTML of
// it (the mail channel) escapes all of it, so a value with markup in it can do
// nothing; the filter escape is there for those who want to show markup as it is
// written. A value is never read as a template again.
//
// Nothing runs on behind a caller's back: loops, filters and tags count their
// work and stop by themselves, so that a render needs no thread that could be
// left behind.
package render

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/osteele/liquid/parser"
	liquid "github.com/osteele/liquid/render"

	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/locale"
	"github.com/fanward/fanward/internal/text"
)

// The limits of one template and of one rendering of it.
const (
	// MaxTemplate and MaxOutput are in bytes.
	MaxTemplate = 20_000
	MaxOutput   = 40_000
	// maxSteps counts turns of loops, tags and filters, maxWork the bytes that
	// filters look at, maxValue and maxList the size of one value: together they
	// keep a rendering far below a tenth of a second.
	maxSteps = 5_000
	maxWork  = 8_000_000
	maxValue = 100_000
	maxList  = 1_000
	// lastResort ends what the counts have overlooked.
	lastResort = 2 * time.Second
)

// Codes of what is wrong with a template.
const (
	TooLong         = "template_too_long"
	Syntax          = "template_syntax"
	Unclosed        = "template_unclosed"
	UnknownTag      = "template_unknown_tag"
	UnknownFilter   = "template_unknown_filter"
	UnknownVariable = "template_unknown_variable"
	TooMuch         = "template_too_much"
	OutputTooLong   = "template_output_too_long"
	Failed          = "template_failed"
)

// Renderer fills templates. Locale and Zone are those of people of whom none is
// known; the zero Renderer speaks English and means UTC. It is safe for
// concurrent use.
type Renderer struct {
	Locale string
	Zone   *time.Location
}

// Text is Renderer.Text of the zero Renderer.
func Text(ctx context.Context, template string, vars map[string]any) (string, error) {
	return Renderer{}.Text(ctx, template, vars)
}

// Text fills a template. The variables are plain values as JSON knows them, and
// instants; customer.locale and customer.timezone decide how dates and numbers
// look. What a template names and nobody has given is empty. Errors are coded and
// say the line.
func (r Renderer) Text(ctx context.Context, template string, vars map[string]any) (out string, err error) {
	ctx, cancel := context.WithTimeout(ctx, lastResort)
	defer cancel()
	n := &run{ctx: ctx, steps: maxSteps, work: maxWork, lang: locale.English, zone: time.UTC}
	if r.Locale != "" {
		n.lang = r.Locale
	}
	if r.Zone != nil {
		n.zone = r.Zone
	}
	return n.text(template, vars)
}

func (n *run) text(template string, vars map[string]any) (out string, err error) {
	if len(template) > MaxTemplate {
		return "", fault.New(fault.Invalid, TooLong, fault.Params{"max": MaxTemplate})
	}
	defer func() {
		if p := recover(); p != nil {
			// A defect of the library, or of a value: it stays here.
			out, err = "", fault.Wrap(fmt.Errorf("panic: %v", p), fault.Invalid, Failed, fault.Params{"line": 0})
		}
	}()
	given, err := plainVars(vars)
	if err != nil {
		return "", err
	}
	n.speaks(given)
	root, config, err := n.compile(template)
	if err != nil {
		return "", err
	}
	var w strings.Builder
	if e := liquid.Render(root, &limited{w: &w, left: MaxOutput}, given, config); e != nil && !errors.Is(e, errBreak) && !errors.Is(e, errContinue) {
		return "", n.failure(e)
	}
	return text.Clean(w.String()), nil
}

// source names the template in the library's errors, so that they keep the line
// of what is innermost.
const source = "template"

func (n *run) compile(template string) (liquid.Node, liquid.Config, error) {
	config := n.config()
	root, e := config.Compile(template, parser.SourceLoc{Pathname: source, LineNo: 1})
	if e != nil {
		return nil, config, fault.Wrap(e, fault.Invalid, Syntax, fault.Params{"line": max(1, e.LineNumber())})
	}
	return root, config, nil
}

// failure is the coded form of what ended a rendering.
func (n *run) failure(e liquid.Error) error {
	line := max(1, e.LineNumber())
	code := Failed
	switch {
	case errors.Is(e, errOutput):
		code = OutputTooLong
	case n.stopped != "":
		code = n.stopped
	case strings.Contains(e.Error(), "undefined filter"):
		code = UnknownFilter
	}
	return fault.Wrap(e, fault.Invalid, code, fault.Params{"line": line})
}

var errOutput = errors.New("the output is too long")

// limited ends a rendering whose output grows too long.
type limited struct {
	w    io.Writer
	left int
}

func (l *limited) Write(b []byte) (int, error) {
	if l.left -= len(b); l.left < 0 {
		return 0, errOutput
	}
	return l.w.Write(b)
}

// run is one rendering.
type run struct {
	ctx         context.Context
	steps, work int
	// stopped is the code of the limit that was met.
	stopped string
	lang    string
	zone    *time.Location
	now     time.Time
}

// speaks takes language, zone and now from the variables.
func (n *run) speaks(vars map[string]any) {
	if now, ok := vars["now"].(time.Time); ok {
		n.now = now
	}
	customer, _ := vars["customer"].(map[string]any)
	if lang, ok := customer["locale"].(string); ok && lang != "" {
		n.lang = lang
	}
	if name, ok := customer["timezone"].(string); ok && name != "" && name != "Local" {
		if zone, err := time.LoadLocation(name); err == nil {
			n.zone = zone
		}
	}
}

// chinese tells whether dates and numbers look Chinese.
func (n *run) chinese() bool { return strings.HasPrefix(strings.ToLower(n.lang), "zh") }

var errTooMuch = errors.New("the template does too much")

// spend counts one step and what it costs.
func (n *run) spend(cost int) error {
	n.steps--
	n.work -= cost
	if n.steps < 0 || n.work < 0 || n.ctx.Err() != nil {
		n.stopped = TooMuch
		return errTooMuch
	}
	return nil
}
