package render

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/osteele/liquid/expressions"
	liquid "github.com/osteele/liquid/render"
	"github.com/osteele/liquid/values"
)

// The tags of the house: the library's own count nothing, read files and know
// nothing of limits.
var tagNames = []string{"assign", "break", "capture", "case", "comment", "continue", "cycle", "for", "if", "raw", "unless",
	"else", "elsif", "when", "endcapture", "endcase", "endcomment", "endfor", "endif", "endraw", "endunless"}

var (
	errBreak    = errors.New("break")
	errContinue = errors.New("continue")
)

type renderer = func(io.Writer, liquid.Context) error

func (n *run) config() liquid.Config {
	c := liquid.NewConfig()
	n.addFilters(&c)
	c.AddTag("assign", n.assign)
	c.AddTag("cycle", n.cycle)
	c.AddTag("break", func(string) (renderer, error) {
		return func(_ io.Writer, ctx liquid.Context) error { return ctx.WrapError(errBreak) }, nil
	})
	c.AddTag("continue", func(string) (renderer, error) {
		return func(_ io.Writer, ctx liquid.Context) error { return ctx.WrapError(errContinue) }, nil
	})
	c.AddBlock("capture").Compiler(n.capture)
	c.AddBlock("case").Clause("when").Clause("else").Compiler(n.choose)
	c.AddBlock("comment")
	c.AddBlock("for").Clause("else").Compiler(n.loop)
	c.AddBlock("if").Clause("else").Clause("elsif").Compiler(n.branch(true))
	c.AddBlock("raw")
	c.AddBlock("unless").Clause("else").Clause("elsif").Compiler(n.branch(false))
	return c
}

func (n *run) assign(args string) (renderer, error) {
	s, err := expressions.ParseStatement(expressions.AssignStatementSelector, args)
	if err != nil {
		return nil, err
	}
	if len(s.Path) > 1 {
		return nil, errors.New("assign takes a plain name")
	}
	return func(_ io.Writer, ctx liquid.Context) error {
		v, err := ctx.Evaluate(s.ValueFn)
		if err != nil {
			return err
		}
		cost, err := weigh(v)
		if err != nil {
			n.stopped = TooMuch
			return err
		}
		ctx.Set(s.Assignment.Variable, v)
		return n.spend(cost / 16)
	}, nil
}

func (n *run) capture(node liquid.BlockNode) (renderer, error) {
	name := strings.TrimSpace(node.Args)
	if name == "" || strings.ContainsAny(name, " \t\n.") {
		return nil, fmt.Errorf("capture takes one name, not %q", node.Args)
	}
	return func(_ io.Writer, ctx liquid.Context) error {
		var s strings.Builder
		if err := ctx.RenderChildren(&limited{w: &s, left: MaxOutput}); err != nil {
			return err
		}
		ctx.Set(name, s.String())
		return n.spend(s.Len())
	}, nil
}

// arm is one part of an if or a case.
type arm struct {
	holds func(liquid.Context) (bool, error)
	body  *liquid.BlockNode
}

// arms renders the first that holds.
func (n *run) arms(all []arm) renderer {
	return func(w io.Writer, ctx liquid.Context) error {
		if err := n.spend(0); err != nil {
			return err
		}
		for _, a := range all {
			yes, err := a.holds(ctx)
			if err != nil {
				return err
			}
			if yes {
				return ctx.RenderBlock(w, a.body)
			}
		}
		return nil
	}
}

func always(liquid.Context) (bool, error) { return true, nil }

func truth(e expressions.Expression, want bool) func(liquid.Context) (bool, error) {
	return func(ctx liquid.Context) (bool, error) {
		v, err := ctx.Evaluate(e)
		return (v != nil && v != false) == want, err
	}
}

func (n *run) branch(want bool) liquid.BlockCompiler {
	return func(node liquid.BlockNode) (renderer, error) {
		e, err := expressions.Parse(node.Args)
		if err != nil {
			return nil, err
		}
		all := []arm{{truth(e, want), &node}}
		for _, c := range node.Clauses {
			if c.Name == "else" {
				all = append(all, arm{always, c})
				continue
			}
			if e, err = expressions.Parse(c.Args); err != nil {
				return nil, err
			}
			all = append(all, arm{truth(e, true), c})
		}
		return n.arms(all), nil
	}
}

func (n *run) choose(node liquid.BlockNode) (renderer, error) {
	of, err := expressions.Parse(node.Args)
	if err != nil {
		return nil, err
	}
	var all []arm
	for _, c := range node.Clauses {
		if c.Name == "else" {
			all = append(all, arm{always, c})
			continue
		}
		s, err := expressions.ParseStatement(expressions.WhenStatementSelector, c.Args)
		if err != nil {
			return nil, err
		}
		all = append(all, arm{equalsOne(of, s.Exprs), c})
	}
	return n.arms(all), nil
}

func equalsOne(of expressions.Expression, exprs []expressions.Expression) func(liquid.Context) (bool, error) {
	return func(ctx liquid.Context) (bool, error) {
		v, err := ctx.Evaluate(of)
		if err != nil {
			return false, err
		}
		for _, e := range exprs {
			w, err := ctx.Evaluate(e)
			if err != nil || values.Equal(v, w) {
				return err == nil, err
			}
		}
		return false, nil
	}
}

const (
	loopState = "forloop"
	// cyclesAt keeps where the cycles of a loop stand; no template can name it.
	cyclesAt = ".cycles"
)

func (n *run) loop(node liquid.BlockNode) (renderer, error) {
	s, err := expressions.ParseStatement(expressions.LoopStatementSelector, node.Args)
	if err != nil {
		return nil, err
	}
	if s.Loop.Cols != nil || len(node.Clauses) > 1 {
		return nil, errors.New("a loop has no cols and one else at most")
	}
	return func(w io.Writer, ctx liquid.Context) error {
		if err := n.spend(0); err != nil {
			return err
		}
		all, err := n.items(s.Loop, ctx)
		if err != nil {
			return err
		}
		if len(all) == 0 {
			if len(node.Clauses) == 1 {
				return ctx.RenderBlock(w, node.Clauses[0])
			}
			return nil
		}
		return n.turns(s.Loop.Variable, all, w, ctx)
	}, nil
}

func (n *run) turns(name string, all []any, w io.Writer, ctx liquid.Context) error {
	outer, shadowed := ctx.Get(loopState), ctx.Get(name)
	defer func() {
		ctx.Set(loopState, outer)
		ctx.Set(name, shadowed)
	}()
	cycles := map[string]int{}
	for i, item := range all {
		if err := n.spend(0); err != nil {
			return err
		}
		ctx.Set(name, item)
		ctx.Set(loopState, map[string]any{
			"index": i + 1, "index0": i, "rindex": len(all) - i, "rindex0": len(all) - i - 1, "first": i == 0, "last": i == len(all)-1, "length": len(all),
			"parentloop": outer, cyclesAt: cycles,
		})
		// A nil Error must not become an error.
		if e := ctx.RenderChildren(w); e != nil {
			var err error = e
			switch {
			case errors.Is(err, errBreak):
				return nil
			case errors.Is(err, errContinue):
				continue
			}
			return err
		}
	}
	return nil
}

// items are what a loop goes through: of a list its entries, of a map [key,
// value], of a range its numbers.
func (n *run) items(l expressions.Loop, ctx liquid.Context) ([]any, error) {
	v, err := ctx.Evaluate(l.Expr)
	if err != nil {
		return nil, err
	}
	all, err := entries(v)
	if err != nil {
		n.stopped = TooMuch
		return nil, err
	}
	for _, m := range []struct {
		by    expressions.Expression
		apply func(int)
	}{
		{l.Offset, func(k int) { all = all[min(max(k, 0), len(all)):] }},
		{l.Limit, func(k int) { all = all[:min(max(k, 0), len(all))] }},
	} {
		if m.by == nil {
			continue
		}
		v, err := ctx.Evaluate(m.by)
		if err != nil {
			return nil, err
		}
		k, ok := whole(v)
		if !ok {
			return nil, ctx.Errorf("limit and offset are whole numbers")
		}
		m.apply(k)
	}
	if l.Reversed {
		turned := make([]any, len(all))
		for i, v := range all {
			turned[len(all)-1-i] = v
		}
		all = turned
	}
	return all, nil
}

func entries(v any) ([]any, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case values.Range:
		return numbers(v)
	case map[string]any:
		if len(v) > maxList {
			return nil, errTooMuch
		}
		all := make([]any, 0, len(v))
		for _, k := range sortedKeys(v) {
			all = append(all, []any{k, v[k]})
		}
		return all, nil
	}
	list := reflect.ValueOf(v)
	if k := list.Kind(); k != reflect.Slice && k != reflect.Array {
		return nil, nil
	}
	if list.Len() > maxList {
		return nil, errTooMuch
	}
	all := make([]any, list.Len())
	for i := range all {
		all[i] = list.Index(i).Interface()
	}
	return all, nil
}

// numbers are those of a range; the library would count without end near the
// largest one.
func numbers(r values.Range) ([]any, error) {
	size := r.Len()
	if size > maxList {
		return nil, errTooMuch
	}
	all := make([]any, 0, max(size, 0))
	for i := range size {
		all = append(all, r.Index(i))
	}
	return all, nil
}

func whole(v any) (int, bool) {
	switch v := v.(type) {
	case int:
		return v, true
	case int64:
		return int(v), true
	case float64:
		return int(v), v == float64(int(v))
	}
	return 0, false
}

func (n *run) cycle(args string) (renderer, error) {
	s, err := expressions.ParseStatement(expressions.CycleStatementSelector, args)
	if err != nil {
		return nil, err
	}
	return func(w io.Writer, ctx liquid.Context) error {
		state, _ := ctx.Get(loopState).(map[string]any)
		cycles, _ := state[cyclesAt].(map[string]int)
		if cycles == nil {
			return ctx.Errorf("cycle stands in a loop")
		}
		k := s.Cycle.Group + "\x00" + strings.Join(s.Cycle.Values, "\x00")
		i := cycles[k]
		cycles[k] = i + 1
		_, err := io.WriteString(w, s.Cycle.Values[i%len(s.Cycle.Values)])
		return err
	}, nil
}
