package rule_test

import (
	"context"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/internal/testkit/oracle"
	"github.com/fanward/fanward/internal/testkit/oracle/stored"
	"github.com/fanward/fanward/segments/rule"
)

// FuzzRule holds that whatever passes Check can be compiled, matched and asked
// of a database, and that all say what the oracle says.
func FuzzRule(f *testing.F) {
	w := oracle.NewWorld(1)
	people, _ := w.People(12)
	var each []*stored.Known
	for _, p := range people {
		each = append(each, stored.Know(f, p))
	}
	for range 60 {
		raw, err := json.Marshal(newRound(w, people).tree)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw, int64(0))
	}
	f.Add([]byte(`{"kind":"all","of":[{"kind":"segment","id":"1"},{"kind":"none"}]}`), int64(math.MaxInt64))
	f.Add([]byte(`{"kind":"attribute","name":"$created_at","op":"within_next","duration":"36500d"}`), int64(math.MinInt64))
	db := testkit.Open(f, store.SQLite)
	stored.Put(f, db, people, nil)
	f.Fuzz(func(t *testing.T, raw []byte, shift int64) {
		n, err := rule.Parse(raw)
		if err != nil || len(n.Check(rule.CheckOptions{})) > 0 {
			return
		}
		n, err = rule.Expand(n, func(string) (rule.Node, bool) { return rule.Node{Kind: rule.Tag, Name: "VIP"}, true })
		if err != nil {
			t.Fatal(err)
		}
		program, err := rule.Compile(n)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range each { // far away, nothing may overflow into a panic or the past
			if _, until := program.Eval(k, shift); until != 0 && until <= shift {
				t.Fatalf("at %d it is true until %d", shift, until)
			}
			program.Explain(k, shift)
		}
		at := w.Now + shift%(100*86_400_000)
		members := map[int64]bool{}
		for i, p := range people {
			members[p.ID], _ = program.Eval(each[i], at)
			if want := oracle.Match(n, p, at); members[p.ID] != want {
				t.Fatalf("Eval says %v, the oracle %v, at %d\n%s\n%s", members[p.ID], want, at, raw, p)
			}
		}
		if condition, args, err := rule.SQL(n, rule.Postgres, at); err != nil || strings.Count(condition, "?") != len(args) {
			t.Fatalf("%s: %d values, %v", condition, len(args), err)
		}
		for id := range find(t, db, n, at) {
			if !members[id] {
				t.Fatalf("the database finds %d at %d\n%s", id, at, raw)
			}
			delete(members, id)
		}
		for id, is := range members {
			if is {
				t.Fatalf("the database does not find %d at %d\n%s", id, at, raw)
			}
		}
	})
}

// find asks a database.
func find(t testing.TB, db *store.DB, n rule.Node, at int64) map[int64]bool {
	t.Helper()
	condition, args, err := rule.SQL(n, rule.Dialect(db.Engine()), at)
	if err != nil {
		t.Fatal(err)
	}
	var b store.Builder
	q, args := b.Add("SELECT c.id FROM customers c WHERE c.merged_into = 0 AND "+condition, args...).Once()
	rows, err := db.Reader(context.Background()).Query(q, args...)
	list, err := store.Collect(rows, err, func(row store.Row) (id int64, err error) { return id, row.Scan(&id) })
	if err != nil {
		t.Fatalf("%s: %v\n%s", db.Engine(), err, condition)
	}
	found := map[int64]bool{}
	for _, id := range list {
		found[id] = true
	}
	return found
}

// FuzzFacts holds that facts of whatever came in can be stored and read back.
func FuzzFacts(f *testing.F) {
	for _, s := range []string{`{"a":1.5,"b":"x","c":[1,"y"],"d":{"e":true}}`, `{"a":"\u0000\ud800","\u0000":1}`, `{"a":1e999999999999,"b":-0.0}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var m map[string]any
		if json.Unmarshal(raw, &m) != nil {
			return
		}
		facts := rule.FactsOf(m)
		stored := facts.JSON()
		if strings.Contains(stored, `\u0000`) {
			t.Fatalf("PostgreSQL refuses %s", stored)
		}
		back, err := rule.ParseFacts(stored)
		if err != nil || back.JSON() != stored || len(back) != len(facts) {
			t.Fatalf("%s: %v, %s", stored, err, back.JSON())
		}
	})
}
