package rule_test

import (
	"slices"
	"testing"

	"github.com/fanward/fanward/internal/testkit/oracle"
	"github.com/fanward/fanward/internal/testkit/oracle/stored"
	"github.com/fanward/fanward/segments/rule"
)

// TestUntil holds valid-until to the oracle: before it no answer changes, at it
// the truth of a leaf does, and of a single leaf it is the very next change.
func TestUntil(t *testing.T) {
	worlds, rounds := 2, 60
	if soaking {
		worlds, rounds = 20, 200
	}
	changes, never, drifting := 0, 0, 0
	for i := range worlds {
		w := oracle.NewWorld(uint64(1000 + i))
		people, _ := w.People(60)
		for range rounds {
			r := newRound(w, people)
			program, err := rule.Compile(r.tree)
			if err != nil {
				t.Fatal(err)
			}
			for range 20 {
				p := people[w.IntN(len(people))]
				k := stored.Know(t, p)
				_, until := program.Eval(k, r.at)
				holdUntil(t, r, p, until)
				for _, leaf := range append(slices.Clone(r.leaves), w.Drifting(people, r.at)) {
					program, err := rule.Compile(leaf)
					if err != nil {
						t.Fatal(err)
					}
					holdEdges(t, w, leaf, program, k)
					_, until := program.Eval(k, r.at)
					if want := nextChange(leaf, p, r.at); until != want {
						t.Fatalf("%+v changes at %d, not %d (%d before), at %d\n%s", leaf, want, until, want-until, r.at, p)
					}
					if until == 0 {
						never++
					} else {
						changes++
					}
					if until != 0 && slices.ContainsFunc(leaf.Where, func(f rule.Filter) bool { return f.Duration != "" }) {
						drifting++
					}
				}
			}
		}
	}
	t.Logf("%d leaves change, %d by their conditions on properties, %d never do", changes, drifting, never)
	if changes < 500 || never < 500 || drifting < 50 {
		t.Errorf("too few: %d leaves change, %d by their conditions on properties, %d never do", changes, drifting, never)
	}
}

// holdEdges compares with the oracle where the answer for a person may change.
func holdEdges(t *testing.T, w *oracle.World, n rule.Node, program *rule.Program, k *stored.Known) {
	t.Helper()
	edges := k.Raw.Edges(n, w.Now-200*86_400_000)
	for range 6 {
		if len(edges) == 0 {
			return
		}
		edge := edges[w.IntN(len(edges))]
		for _, at := range []int64{edge - 1, edge, edge + 1} {
			got, until := program.Eval(k, at)
			if want := oracle.Match(n, k.Raw, at); got != want {
				t.Fatalf("at %d, the edge %d, Eval says %v, the oracle %v: %+v\n%s", at, edge, got, want, n, k.Raw)
			}
			if until != 0 && (oracle.Match(n, k.Raw, until) == got || oracle.Match(n, k.Raw, until-1) != got) {
				t.Fatalf("at %d, the edge %d, Eval says %v until %d: %+v\n%s", at, edge, got, until, n, k.Raw)
			}
		}
	}
}

// nextChange is the first instant after t at which the oracle changes its mind.
func nextChange(n rule.Node, p *oracle.Person, t int64) int64 {
	now := oracle.Match(n, p, t)
	for _, at := range p.Edges(n, t) {
		if oracle.Match(n, p, at) != now {
			return at
		}
	}
	return 0
}

func holdUntil(t *testing.T, r round, p *oracle.Person, until int64) {
	t.Helper()
	now := oracle.Match(r.tree, p, r.at)
	same := func(at int64) {
		if at > r.at && (until == 0 || at < until) && oracle.Match(r.tree, p, at) != now {
			t.Fatalf("the answer is not the same until %d, but changes at %d, %s\n%s", until, at, r, p)
		}
	}
	for _, at := range p.Edges(r.tree, r.at) {
		for _, at := range []int64{at - 1, at, at + 1} {
			same(at)
		}
	}
	if until == 0 {
		same(r.at + 1000*365*86_400_000)
		return
	}
	same(until - 1)
	if !slices.ContainsFunc(r.leaves, func(n rule.Node) bool { return oracle.Match(n, p, until) != oracle.Match(n, p, until-1) }) {
		t.Fatalf("nothing changes at %d, %s\n%s", until, r, p)
	}
}
