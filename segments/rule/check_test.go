package rule_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/segments/rule"
)

// tree reads a tree in the form of the API, with ' for ".
func tree(t testing.TB, text string) rule.Node {
	t.Helper()
	n, err := rule.Parse(json.RawMessage(strings.ReplaceAll(text, "'", `"`)))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return n
}

func found(bad []fault.Field) string {
	var s []string
	for _, f := range bad {
		s = append(s, f.Field+" "+f.Code)
	}
	return strings.Join(s, "; ")
}

func TestCheck(t *testing.T) {
	long := strings.Repeat("x", 501)
	for _, c := range []struct{ tree, bad string }{
		{`{'kind':'all'}`, ""},
		{`{'kind':'any','of':[{'kind':'none','of':[{'kind':'tag','name':'VIP'}]}]}`, ""},
		{`{'kind':'attribute','name':'city','op':'in','values':['上海',5,true]}`, ""},
		{`{'kind':'attribute','name':'$created_at','op':'within_last','duration':'30d'}`, ""},
		{`{'kind':'event','name':'Order Completed','op':'at_least','value':2,'window':{'last':'30d'},'where':[{'property':'total','op':'more_than','value':99.5}]}`, ""},
		{`{'kind':'event','name':'Order Completed','op':'less_than','value':-2.5,'measure':'sum','property':'total','window':{'from':'2026-01-01','to':'2026-02-01T00:00:00+08:00'}}`, ""},
		{`{'kind':'time','name':'Signed In','which':'last','op':'more_than_ago','duration':'2w'}`, ""},
		{`{'kind':'stage','values':['','member'],'duration':'1d'}`, ""},
		{`{'kind':'dormant','duration':'90m'}`, ""},
		{`{'kind':'segment','id':'12'}`, ""},
		{`{'kind':'reachable','channel':'any'}`, ""},
		{`{'kind':'tag','name':'VIP','of':[],'values':[],'where':[]}`, ""},

		{`{'kind':'both'}`, "rule.kind not_one_of"},
		{`{'kind':'all','name':'x'}`, "rule.name rule_unneeded"},
		{`{'kind':'tag'}`, "rule.name required"},
		{`{'kind':'tag','name':'VIP','op':'equals','value':1}`, "rule.op rule_unneeded; rule.value rule_unneeded"},
		{`{'kind':'all','of':[{'kind':'tag','name':' '},{'kind':'any','of':[{'kind':'dormant'}]}]}`, "rule.of[0].name required; rule.of[1].of[0].duration required"},
		{`{'kind':'attribute','op':'exists'}`, "rule.name required"},
		{`{'kind':'attribute','name':'a\\b','op':'exists'}`, "rule.name rule_name_invalid"},
		{`{'kind':'attribute','name':'a'}`, "rule.op required"},
		{`{'kind':'attribute','name':'a','op':'like','value':'x'}`, "rule.op not_one_of"},
		{`{'kind':'attribute','name':'a','op':'equals'}`, "rule.value required"},
		{`{'kind':'attribute','name':'a','op':'equals','value':['x']}`, "rule.value rule_needs_scalar"},
		{`{'kind':'attribute','name':'a','op':'equals','value':'` + long + `'}`, "rule.value too_long"},
		{`{'kind':'attribute','name':'a','op':'equals','value':1,'values':[1],'duration':'1d'}`, "rule.values rule_unneeded; rule.duration rule_unneeded"},
		{`{'kind':'attribute','name':'a','op':'in'}`, "rule.values required"},
		{`{'kind':'attribute','name':'a','op':'in','values':['x',null,{}]}`, "rule.values[1] required; rule.values[2] rule_needs_scalar"},
		{`{'kind':'attribute','name':'a','op':'contains','value':5}`, "rule.value rule_needs_text"},
		{`{'kind':'attribute','name':'a','op':'contains','value':' '}`, "rule.value required"},
		{`{'kind':'attribute','name':'a','op':'at_least','value':'5'}`, "rule.value rule_needs_number"},
		{`{'kind':'attribute','name':'a','op':'at_least','value':9e12}`, "rule.value rule_number_range"},
		{`{'kind':'attribute','name':'a','op':'before','value':'tomorrow'}`, "rule.value rule_needs_instant"},
		{`{'kind':'attribute','name':'a','op':'before','value':5}`, "rule.value rule_needs_instant"},
		{`{'kind':'attribute','name':'a','op':'within_next','duration':'1 day'}`, "rule.duration duration_invalid"},
		{`{'kind':'attribute','name':'$created_at','op':'equals','value':'2026-01-01'}`, "rule.op not_one_of"},
		{`{'kind':'stage'}`, "rule.values required"},
		{`{'kind':'stage','values':['member',3,'nowhere'],'duration':'x'}`, "rule.values[1] rule_needs_text; rule.values[2] stage_unknown; rule.duration duration_invalid"},
		{`{'kind':'event','name':'A','op':'contains','value':2}`, "rule.op not_one_of"},
		{`{'kind':'event','name':'A','op':'at_least'}`, "rule.value required"},
		{`{'kind':'event','name':'A','op':'at_least','value':1.5}`, "rule.value rule_needs_count"},
		{`{'kind':'event','name':'A','op':'at_least','value':-1}`, "rule.value rule_needs_count"},
		{`{'kind':'event','name':'A','op':'at_least','value':1,'property':'x'}`, "rule.property rule_unneeded"},
		{`{'kind':'event','name':'A','op':'at_least','value':1,'measure':'sum'}`, "rule.property required"},
		{`{'kind':'event','name':'A','op':'at_least','value':1,'measure':'avg'}`, "rule.measure not_one_of"},
		{`{'kind':'event','name':'A','op':'at_least','value':1,'window':{'last':'0d','from':'2026-01-01'}}`, "rule.window.last duration_invalid; rule.window.last not_together"},
		{`{'kind':'event','name':'A','op':'at_least','value':1,'window':{'from':'x','to':'y'}}`, "rule.window.from rule_needs_instant; rule.window.to rule_needs_instant"},
		{`{'kind':'event','name':'A','op':'at_least','value':1,'window':{'from':'2026-01-02','to':'2026-01-02'}}`, "rule.window.to rule_window_empty"},
		{`{'kind':'event','name':'A','op':'at_least','value':1,'where':[{'property':'','op':'exists'},{'property':'x','op':'equals'}]}`, "rule.where[0].property required; rule.where[1].value required"},
		{`{'kind':'time','name':'A','op':'within_next','duration':'1d'}`, "rule.which required; rule.op not_one_of"},
		{`{'kind':'time','name':'A','which':'first','op':'before','value':'2026-01-01','where':[{'property':'x','op':'within_last','duration':'1d'}]}`, "rule.where[0].op not_one_of"},
		{`{'kind':'segment'}`, "rule.id required"},
		{`{'kind':'segment','id':'13'}`, "rule.id segment_unknown"},
		{`{'kind':'segment','id':'12','of':[{'kind':'all'}]}`, "rule.of rule_unneeded"},
		{`{'kind':'reachable'}`, "rule.channel required"},
		{`{'kind':'reachable','channel':'fax','purpose':'reply'}`, "rule.channel not_one_of; rule.purpose not_one_of"},
	} {
		bad := tree(t, c.tree).Check(rule.CheckOptions{Segment: func(id string) bool { return id == "12" }, Stage: func(key string) bool { return key == "member" }})
		if got := found(bad); got != c.bad {
			t.Errorf("%s: found %q, not %q", c.tree, got, c.bad)
		}
	}
}

func TestCheckHasLimits(t *testing.T) {
	deep := rule.Node{Kind: rule.All}
	for range rule.MaxDepth {
		deep = rule.Node{Kind: rule.All, Of: []rule.Node{deep}}
	}
	if got := found(deep.Check(rule.CheckOptions{Prefix: "exit"})); got != "exit"+strings.Repeat(".of[0]", rule.MaxDepth)+" rule_too_deep" {
		t.Error(got)
	}
	wide := rule.Node{Kind: rule.All, Of: slices.Repeat([]rule.Node{{Kind: rule.Tag, Name: "x"}}, rule.MaxNodes-1)}
	if bad := wide.Check(rule.CheckOptions{}); len(bad) > 0 {
		t.Error(found(bad))
	}
	wide.Of = append(wide.Of, wide.Of...)
	if got := found(wide.Check(rule.CheckOptions{})); got != fmt.Sprintf("rule.of[%d] rule_too_large", rule.MaxNodes-1) {
		t.Error(got)
	}
	many := rule.Node{Kind: rule.Attribute, Name: "a", Op: rule.In, Values: slices.Repeat([]any{"x"}, rule.MaxValues+1)}
	if got := found(many.Check(rule.CheckOptions{})); got != "rule.values too_many" {
		t.Error(got)
	}
	filters := rule.Node{Kind: rule.Events, Name: "A", Op: rule.AtLeast, Value: 1, Where: slices.Repeat([]rule.Filter{{Property: "x", Op: rule.Exists}}, rule.MaxWhere+1)}
	if got := found(filters.Check(rule.CheckOptions{})); got != "rule.where too_many" {
		t.Error(got)
	}
}

func TestWhere(t *testing.T) {
	where := []rule.Filter{{Property: "total", Op: rule.AtLeast, Value: 100.0}, {Property: "city", Op: rule.Equals, Value: "WIEN"}}
	if bad := rule.CheckWhere(where, "trigger.where"); len(bad) > 0 {
		t.Error(found(bad))
	}
	if got := found(rule.CheckWhere([]rule.Filter{{Property: "x", Op: "is"}}, "trigger.where")); got != "trigger.where[0].op not_one_of" {
		t.Error(got)
	}
	for text, want := range map[string]bool{`{"total":100,"city":"Wien"}`: true, `{"total":99.999999,"city":"Wien"}`: false, `{"total":100}`: false} {
		if rule.Where(where, rule.FactsOf(object(t, text, true)), 0) != want {
			t.Errorf("%s is %v", text, !want)
		}
	}
	if !rule.Where(nil, nil, 0) {
		t.Error("no condition is false")
	}
}

func TestExpand(t *testing.T) {
	segments := map[string]rule.Node{
		"1": tree(t, `{'kind':'tag','name':'VIP'}`),
		"2": tree(t, `{'kind':'all','of':[{'kind':'segment','id':'1'},{'kind':'event','name':'B','op':'at_least','value':1}]}`),
		"3": tree(t, `{'kind':'none','of':[{'kind':'segment','id':'4'}]}`),
		"4": tree(t, `{'kind':'any','of':[{'kind':'segment','id':'3'}]}`),
	}
	look := func(id string) (rule.Node, bool) { n, ok := segments[id]; return n, ok }
	n, err := rule.Expand(tree(t, `{'kind':'any','of':[{'kind':'dormant','duration':'1d'},{'kind':'segment','id':'2'}]}`), look)
	if err != nil {
		t.Fatal(err)
	}
	if of := n.Of[1]; of.Kind != rule.Segment || of.ID != "2" || of.Of[0].Of[0].Of[0].Name != "VIP" {
		t.Errorf("%+v", n)
	}
	needs := n.Needs()
	if !needs.Tags || !needs.Seen || needs.Attributes || needs.Stage || needs.Reach || !slices.Equal(needs.Events, []string{"B"}) || !slices.Equal(needs.Segments, []string{"1", "2"}) {
		t.Errorf("%+v", needs)
	}
	if _, err := rule.Compile(n); err != nil {
		t.Error(err)
	}
	if segments["2"].Of[0].Of != nil {
		t.Error("the segment's own tree was changed")
	}
	for _, c := range []struct{ id, tree, field, code, path string }{
		{"", `{'kind':'all','of':[{'kind':'segment','id':'9'}]}`, "rule.of[0]", "segment_unknown", ""},
		{"", `{'kind':'all','of':[{'kind':'segment','id':'1'},{'kind':'segment','id':'3'}]}`, "rule.of[1]", "segment_cycle", "3 → 4 → 3"},
		{"7", `{'kind':'segment','id':'7'}`, "rule", "segment_cycle", "7 → 7"},
		{"1", `{'kind':'segment','id':'2'}`, "rule", "segment_cycle", "1 → 2 → 1"},
	} {
		_, err := rule.ExpandSegment(c.id, tree(t, c.tree), look)
		f, ok := fault.As(err)
		if !ok || f.Code != c.code || f.Fields[0].Field != c.field || c.path != "" && f.Params["path"] != c.path {
			t.Errorf("%s: %v", c.tree, err)
		}
	}
	// Each names the one before twice: two to the power of twenty.
	for i := 10; i < 30; i++ {
		below := rule.Node{Kind: rule.Segment, ID: fmt.Sprint(i - 1)}
		segments[fmt.Sprint(i)] = rule.Node{Kind: rule.All, Of: []rule.Node{below, below}}
	}
	segments["9"] = rule.Node{Kind: rule.All}
	if _, err := rule.Expand(rule.Node{Kind: rule.Segment, ID: "29"}, look); fault.CodeOf(err) != "rule_too_large" {
		t.Error(err)
	}
}

func TestCompileRefuses(t *testing.T) {
	for text, code := range map[string]string{
		`{'kind':'segment','id':'2'}`: "segment_unknown",
		`{'kind':'tag'}`:              "required",
	} {
		n := tree(t, text)
		if _, err := rule.Compile(n); fault.CodeOf(err) != code {
			t.Errorf("%s: %v", text, err)
		}
		if _, _, err := rule.SQL(n, rule.SQLite, 0); fault.CodeOf(err) != code {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, raw := range []string{"", "null x", "[]", `{"kind":"all"} {}`, `{"kind":"all","off":[]}`, `{"kind":"all","of":{}}`} {
		if n, err := rule.Parse(json.RawMessage(raw)); fault.CodeOf(err) != "rule_unreadable" {
			t.Errorf("%s is read as %+v, %v", raw, n, err)
		}
	}
}
