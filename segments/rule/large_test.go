package rule_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/internal/testkit/oracle"
	"github.com/fanward/fanward/internal/testkit/oracle/stored"
	"github.com/fanward/fanward/segments/rule"
)

// TestLargest: databases take the largest trees that are allowed.
func TestLargest(t *testing.T) {
	values := make([]any, rule.MaxValues)
	for i := range values {
		switch i % 3 {
		case 0:
			values[i] = fmt.Sprintf("v%d \"quoted\"", i)
		case 1:
			values[i] = i
		case 2:
			values[i] = i%2 == 0
		}
	}
	values[0] = "上海"
	filter := rule.Filter{Property: "city", Op: rule.In, Values: values}
	event := rule.Node{Kind: rule.Events, Name: "Order", Op: rule.AtLeast, Value: 1, Where: slices.Repeat([]rule.Filter{filter}, rule.MaxWhere)}
	full := rule.Node{Kind: rule.All, Of: slices.Repeat([]rule.Node{event}, rule.MaxNodes-1)}
	if bad := full.Check(rule.CheckOptions{}); len(bad) > 0 {
		t.Fatal(found(bad))
	}
	wide := rule.Node{Kind: rule.Any, Of: slices.Repeat([]rule.Node{{Kind: rule.Attribute, Name: "city", Op: rule.In, Values: values}}, rule.MaxNodes-1)}
	deep := rule.Node{Kind: rule.Segment, ID: "1"}
	for range rule.MaxDepth - 1 {
		deep = rule.Node{Kind: rule.None, Of: []rule.Node{deep}}
	}
	chain := map[string]rule.Node{}
	for i := range 40 {
		chain[fmt.Sprint(i)] = rule.Node{Kind: rule.None, Of: []rule.Node{{Kind: rule.Segment, ID: fmt.Sprint(i + 1)}, {Kind: rule.Tag, Name: "x"}}}
	}
	chain["40"], chain["wide"] = rule.Node{Kind: rule.Tag, Name: "x"}, wide
	look := func(id string) (rule.Node, bool) { n, ok := chain[id]; return n, ok }
	long, err := rule.Expand(rule.Node{Kind: rule.All, Of: []rule.Node{deep, {Kind: rule.Segment, ID: "0"}, {Kind: rule.Segment, ID: "wide"}, {Kind: rule.Segment, ID: "40"}}}, look)
	if err != nil {
		t.Fatal(err)
	}
	who := &oracle.Person{ID: 1, CreatedAt: 1, Attributes: []byte(`{"city":"上海"}`), Events: []oracle.Event{{Name: "Order", At: 1, Properties: []byte(`{"city":"上海"}`)}}}
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		stored.Put(t, db, []*oracle.Person{who}, nil)
		for name, n := range map[string]rule.Node{"full": full, "wide": wide, "long": long} {
			if got, want := find(t, db, n, 2)[1], oracle.Match(n, who, 2); got != want {
				t.Errorf("%s: %v, not %v", name, got, want)
			}
		}
	})
	look2 := func(string) (rule.Node, bool) { return full, true }
	several, err := rule.Expand(rule.Node{Kind: rule.All, Of: slices.Repeat([]rule.Node{{Kind: rule.Segment, ID: "1"}}, 4)}, look2)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := rule.SQL(several, rule.SQLite, 2); fault.CodeOf(err) != "rule_too_large" {
		t.Error(err)
	}
}
