package rule_test

import (
	"testing"

	"github.com/fanward/fanward/internal/testkit/oracle"
	"github.com/fanward/fanward/internal/testkit/oracle/stored"
	"github.com/fanward/fanward/segments/rule"
)

// BenchmarkEval asks fifty live trees of one person, as an event makes it
// necessary; an op is all fifty.
func BenchmarkEval(b *testing.B) {
	w := oracle.NewWorld(7)
	people, _ := w.People(100)
	var each []*stored.Known
	for _, p := range people {
		each = append(each, stored.Know(b, p))
	}
	var programs []*rule.Program
	for len(programs) < 50 {
		p, err := rule.Compile(newRound(w, people).tree)
		if err != nil {
			b.Fatal(err)
		}
		programs = append(programs, p)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		for _, p := range programs {
			p.Eval(each[i%len(each)], w.Now)
		}
	}
}

// BenchmarkEvalStory asks whether somebody ordered twice in 30 days and is no
// VIP; an op is one answer.
func BenchmarkEvalStory(b *testing.B) {
	p, err := rule.Compile(tree(b, `{'kind':'all','of':[{'kind':'event','name':'Order Completed','op':'at_least','value':2,'window':{'last':'30d'},'where':[{'property':'total','op':'more_than','value':10}]},{'kind':'none','of':[{'kind':'tag','name':'VIP'}]}]}`))
	if err != nil {
		b.Fatal(err)
	}
	w := oracle.NewWorld(7)
	people, _ := w.People(100)
	var each []*stored.Known
	for _, p := range people {
		each = append(each, stored.Know(b, p))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p.Eval(each[i%len(each)], w.Now)
	}
}

func BenchmarkFacts(b *testing.B) {
	m := object(b, `{"order_id":"A-1042","total":129.9,"currency":"CNY","city":"上海","paid":true,"at":"2026-11-22T08:00:00Z","products":["wine","glass"],"shop":{"id":7}}`, true)
	b.ReportAllocs()
	for b.Loop() {
		_ = rule.FactsOf(m).JSON()
	}
}
