package journeys_test

import (
	"testing"

	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/render"
	"github.com/fanward/fanward/journeys"
	"github.com/fanward/fanward/journeys/flow"
)

// TestTemplatesCanGoLive: of every template only what the company knows is open.
func TestTemplatesCanGoLive(t *testing.T) {
	o := flow.CheckOptions{Channels: []string{"wechat", "email", "webchat"}, Liquid: func(s string) (out []fault.Field) {
		for _, p := range render.Check(s) {
			out = append(out, fault.Field{Code: p.Code, Params: p.Params})
		}
		return out
	}}
	for _, tpl := range journeys.Templates() {
		for _, g := range []flow.Graph{tpl.Graph, tpl.GraphZH} {
			if g.Trigger.Kind == flow.OnSegmentEnter {
				g.Trigger.Segment = "5"
			}
			if problems := flow.Check(g, o); len(problems) > 0 {
				t.Errorf("%s: %+v", tpl.Key, problems)
			}
		}
		if tpl.NameEN == "" || tpl.NameZH == "" || tpl.DescriptionEN == "" || tpl.DescriptionZH == "" {
			t.Errorf("%s lacks words", tpl.Key)
		}
	}
}
