package index_test

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/testkit/oracle"
	"github.com/fanward/fanward/segments/index"
	"github.com/fanward/fanward/segments/rule"
)

// TestMany: copies of the same people, more than one worker takes at a time, are
// all found.
func TestMany(t *testing.T) {
	w := oracle.NewWorld(3)
	models, _ := w.People(101)
	const copies = 400
	rows, happened := make([]index.Person, 0, copies*len(models)), []index.Event{}
	for c := range int64(copies) {
		for i, p := range models {
			r := row(t, p)
			r.ID = c*int64(len(models)) + int64(i)
			rows = append(rows, r)
		}
	}
	of := make([][]index.Event, len(models))
	for i, p := range models {
		of[i] = events(t, p)
	}
	for _, r := range rows {
		for _, e := range of[r.ID%int64(len(models))] {
			e.Customer = r.ID
			happened = append(happened, e)
		}
	}
	x, err := index.Load(index.Options{}, each(rows), each(happened))
	if err != nil {
		t.Fatal(err)
	}
	for range 30 {
		at := w.Instant(models)
		n := w.Tree([]rule.Node{w.Leaf(models, at), w.Leaf(models, at)})
		program, err := rule.Compile(n)
		if err != nil {
			t.Fatal(err)
		}
		var want []int64
		is := make([]bool, len(models))
		for i, p := range models {
			is[i] = oracle.Match(n, p, at)
		}
		for c := range int64(copies) {
			for i := range models {
				if is[i] {
					want = append(want, c*int64(len(models))+int64(i))
				}
			}
		}
		got, err := x.Members(program, at)
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("found %d, not %d, %v: %+v", len(got), len(want), err, n)
		}
	}
}

// BenchmarkCount asks five conditions of a million people with twenty million
// events.
func BenchmarkCount(b *testing.B) {
	const people, each = 1_000_000, 20
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC).UnixMilli()
	start := time.Now()
	x, err := index.Load(index.Options{}, crowd(people, now), deeds(people, each, now))
	if err != nil {
		b.Fatal(err)
	}
	s := x.Stats()
	b.Logf("%d people, %d events, %d MB, loaded in %v", s.People, s.Events, s.Bytes>>20, time.Since(start).Round(time.Millisecond))
	for _, c := range []struct{ name, tree string }{
		{"five", `{'kind':'all','of':[{'kind':'event','name':'Order Completed','op':'at_least','value':2,'window':{'last':'30d'}},{'kind':'event','name':'Page Viewed','op':'at_least','value':3,'window':{'last':'90d'},'where':[{'property':'city','op':'equals','value':'c7'}]},{'kind':'event','name':'Order Completed','op':'more_than','value':100,'measure':'sum','property':'total','window':{'last':'60d'}},{'kind':'attribute','name':'age','op':'at_least','value':30},{'kind':'none','of':[{'kind':'tag','name':'vip'}]}]}`},
		{"count", `{'kind':'event','name':'Page Viewed','op':'at_least','value':3,'window':{'last':'30d'}}`},
		{"sum", `{'kind':'event','name':'Order Completed','op':'more_than','value':100,'measure':'sum','property':'total','window':{'last':'60d'}}`},
		{"last", `{'kind':'time','name':'Page Viewed','which':'last','op':'more_than_ago','duration':'30d'}`},
		{"attribute", `{'kind':'attribute','name':'age','op':'at_least','value':30}`},
	} {
		p := compile(b, c.tree)
		b.Run(c.name, func(b *testing.B) {
			n := 0
			for b.Loop() {
				if n, err = x.Count(p, now); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n), "people")
		})
		b.Run(c.name+"/members", func(b *testing.B) {
			for b.Loop() {
				if _, err = x.Members(p, now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func crowd(people int, now int64) iter.Seq2[index.Person, error] {
	return func(yield func(index.Person, error) bool) {
		r := rand.New(rand.NewPCG(1, 1))
		for i := range people {
			p := index.Person{ID: int64(i), CreatedAt: now - r.Int64N(700*86_400_000), Facts: fmt.Sprintf(`{"age":{"n":%d},"city":{"s":"c%d"}}`, (15+r.IntN(60))*1_000_000, r.IntN(300))}
			p.LastSeenAt = p.CreatedAt
			if r.IntN(10) == 0 {
				p.Tags = []string{"vip"}
			}
			if !yield(p, nil) {
				return
			}
		}
	}
}

// deeds are events in the order of their rows: a quarter are orders.
func deeds(people, each int, now int64) iter.Seq2[index.Event, error] {
	return func(yield func(index.Event, error) bool) {
		r := rand.New(rand.NewPCG(2, 2))
		var facts [2000]string
		for i := range facts {
			facts[i] = fmt.Sprintf(`{"city":{"s":"c%d"},"total":{"n":%d}}`, i%20, i*100_000)
		}
		at := make([]int64, each)
		for i := range people {
			for j := range at {
				at[j] = now - r.Int64N(365*86_400_000)
			}
			slices.Sort(at[:each/4])
			slices.Sort(at[each/4:])
			for j := range at {
				name := "Page Viewed"
				if j < each/4 {
					name = "Order Completed"
				}
				if !yield(index.Event{Customer: int64(i), Name: name, At: at[j], Facts: facts[r.IntN(len(facts))]}, nil) {
					return
				}
			}
		}
	}
}
