package rule_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/internal/testkit/oracle"
	"github.com/fanward/fanward/internal/testkit/oracle/stored"
	"github.com/fanward/fanward/segments/rule"
)

// soaking says that the long run is wanted.
var soaking = os.Getenv("FANWARD_SOAK") == "1"

// round is one condition with an instant and the people it is asked of.
type round struct {
	tree   rule.Node
	leaves []rule.Node
	at     int64
}

func (r round) String() string {
	raw, _ := json.Marshal(r.tree)
	return fmt.Sprintf("at %d\n%s", r.at, raw)
}

func newRound(w *oracle.World, people []*oracle.Person) round {
	r := round{at: w.Instant(people)}
	if w.IntN(2) == 0 { // one leaf, at one of its own edges
		for {
			leaf := w.Leaf(people, r.at)
			at := w.EdgeOf(leaf, people, r.at)
			if share := oracle.Share(leaf, people, at); share >= 20 && share <= 80 {
				return round{w.Tree([]rule.Node{leaf}), []rule.Node{leaf}, at}
			}
		}
	}
	for range 1 + w.IntN(5) {
		r.leaves = append(r.leaves, w.Leaf(people, r.at))
	}
	r.tree = w.Tree(r.leaves)
	return r
}

// TestOracle holds the matcher and the SQL of both databases to the oracle: the
// same trees, people and instants.
func TestOracle(t *testing.T) {
	worlds, rounds, crowd := 3, 120, 120
	if soaking {
		worlds, rounds = 40, 210
	}
	seen := &coverage{}
	for i := range worlds {
		w := oracle.NewWorld(uint64(i) + 1)
		people, absorbed := w.People(crowd)
		var each []*stored.Known
		for _, p := range people {
			each = append(each, stored.Know(t, p))
		}
		list := make([]round, rounds)
		for i := range list {
			list[i] = newRound(w, people)
			seen.add(t, list[i], people)
		}
		want := make([][]int64, rounds)
		for i, r := range list {
			want[i] = members(t, r, people, each)
		}
		for _, engine := range testkit.Engines {
			db := testkit.Open(t, engine)
			stored.Put(t, db, people, absorbed)
			for i, r := range list {
				holdSQL(t, db, r, want[i], people)
			}
		}
	}
	seen.enough(t)
}

// members asks oracle and matcher of everybody and returns for whom it is true.
func members(t *testing.T, r round, people []*oracle.Person, each []*stored.Known) (ids []int64) {
	t.Helper()
	if bad := r.tree.Check(rule.CheckOptions{}); len(bad) > 0 && !strings.Contains(found(bad), "rule_unneeded") {
		t.Fatalf("%s\n%s", found(bad), r)
	}
	program, err := rule.Compile(kept(t, r.tree))
	if err != nil {
		t.Fatalf("%v\n%s", err, r)
	}
	for i, p := range people {
		want := oracle.Match(r.tree, p, r.at)
		if want {
			ids = append(ids, p.ID)
		}
		got, until := program.Eval(each[i], r.at)
		if got != want {
			t.Fatalf("Eval says %v, the oracle %v, %s\n%s", got, want, r, p)
		}
		explained := program.Explain(each[i], r.at)
		if explained.Match != want || explained.Until != until || explained.Why.Match != want {
			t.Fatalf("the explanation says %+v, the oracle %v, until %d, %s\n%s", explained, want, until, r, p)
		}
	}
	return ids
}

// kept is a tree as it comes back from where it is kept.
func kept(t *testing.T, n rule.Node) rule.Node {
	t.Helper()
	raw, err := json.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	n, err = rule.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func holdSQL(t *testing.T, db *store.DB, r round, want []int64, people []*oracle.Person) {
	t.Helper()
	got := find(t, db, r.tree, r.at)
	for _, p := range people {
		if got[p.ID] != slices.Contains(want, p.ID) {
			t.Fatalf("%s says %v, %s\n%s", db.Engine(), got[p.ID], r, p)
		}
		delete(got, p.ID)
	}
	if len(got) > 0 {
		t.Fatalf("%s finds nobody's records %v, %s", db.Engine(), got, r)
	}
}

// coverage counts what the rounds were about.
type coverage struct {
	triples, leaves int
	of              map[string]int
}

func (c *coverage) add(t *testing.T, r round, people []*oracle.Person) {
	t.Helper()
	if c.of == nil {
		c.of = map[string]int{}
	}
	c.triples += len(people)
	for _, n := range r.leaves {
		c.leaves++
		if share := oracle.Share(n, people, r.at); share < 20 || share > 80 {
			t.Fatalf("a leaf is true of %d of a hundred: %s", share, r)
		}
		c.of[string(n.Kind)]++
		if n.Kind == rule.Attribute {
			c.of["attribute "+string(n.Op)]++
		}
		if n.Kind == rule.Events {
			c.of["event "+n.Measure+" "+string(n.Op)]++
		}
		if n.Kind == rule.Time {
			c.of["time "+n.Which+" "+string(n.Op)]++
		}
		for _, f := range n.Where {
			c.of["where "+string(f.Op)]++
		}
	}
}

// enough holds that the rounds were many and about everything.
func (c *coverage) enough(t *testing.T) {
	t.Helper()
	least := 20_000
	if soaking {
		least = 1_000_000
	}
	t.Logf("%d triples, %d leaves: %v", c.triples, c.leaves, c.of)
	if c.triples < least {
		t.Errorf("only %d triples", c.triples)
	}
	for _, kind := range []string{"attribute", "tag", "stage", "event", "time", "dormant", "reachable"} {
		if c.of[kind] < 5 {
			t.Errorf("only %d leaves are of the kind %s", c.of[kind], kind)
		}
	}
	for _, op := range []rule.Op{rule.Equals, rule.NotEquals, rule.In, rule.NotIn, rule.Contains, rule.NotContains, rule.StartsWith, rule.EndsWith, rule.Exists, rule.NotExists,
		rule.AtLeast, rule.MoreThan, rule.AtMost, rule.LessThan, rule.Before, rule.After, rule.WithinLast, rule.MoreThanAgo, rule.WithinNext} {
		if c.of["attribute "+string(op)]+c.of["where "+string(op)] == 0 {
			t.Errorf("nothing was compared by %s", op)
		}
	}
}
