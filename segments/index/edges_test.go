package index_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/testkit/oracle"
	"github.com/fanward/fanward/segments/index"
)

// TestEdges asks at every end of every window, and a millisecond beside it, of
// people to whom everything happens on full seconds.
func TestEdges(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	w := oracle.NewWorld(5)
	second := func() int64 { return start.UnixMilli() + int64(w.IntN(9))*1000 }
	var people []*oracle.Person
	for id := range int64(40) {
		p := &oracle.Person{ID: id + 1, CreatedAt: second(), StageSince: second(), Stage: "member", Attributes: json.RawMessage("{}")}
		if id%2 == 0 {
			p.LastSeenAt = second()
			p.Identities = []oracle.Identity{{Kind: "openid", OpenUntil: second()}}
		}
		for range w.IntN(5) {
			p.Events = append(p.Events, oracle.Event{Name: "Order", At: second(), Properties: json.RawMessage(fmt.Sprintf(`{"total":%d,"paid":%v}`, w.IntN(3)-1, w.IntN(2) == 0))})
		}
		people = append(people, p)
	}
	x := load(t, index.Options{}, people)
	var trees []string
	for _, op := range []string{"equals", "not_equals", "at_least", "more_than", "at_most", "less_than"} {
		for _, window := range []string{`{'last':'2s'}`, `{'from':'2026-01-01T00:00:03Z','to':'2026-01-01T00:00:06Z'}`, `{'from':'2026-01-01T00:00:03.001Z'}`, `{'to':'2026-01-01T00:00:05.999Z'}`} {
			for _, where := range []string{"", `,'where':[{'property':'paid','op':'equals','value':true}]`, `,'measure':'sum','property':'total'`} {
				trees = append(trees, fmt.Sprintf(`{'kind':'event','name':'Order','op':'%s','value':1,'window':%s%s}`, op, window, where))
			}
		}
	}
	for _, which := range []string{"first", "last"} {
		for _, op := range []string{`'op':'within_last','duration':'2s'`, `'op':'more_than_ago','duration':'2s'`, `'op':'before','value':'2026-01-01T00:00:03Z'`, `'op':'after','value':'2026-01-01T00:00:03Z'`} {
			trees = append(trees, fmt.Sprintf(`{'kind':'time','name':'Order','which':'%s',%s}`, which, op))
		}
	}
	trees = append(trees, `{'kind':'dormant','duration':'2s'}`, `{'kind':'stage','values':['member'],'duration':'2s'}`, `{'kind':'reachable','channel':'wechat'}`,
		`{'kind':'attribute','name':'$last_seen_at','op':'within_last','duration':'2s'}`, `{'kind':'attribute','name':'$created_at','op':'more_than_ago','duration':'2s'}`)
	for _, text := range trees {
		p := compile(t, text)
		for s := range int64(11) {
			for _, beside := range []int64{-1, 0, 1} {
				at := start.UnixMilli() + s*1000 + beside
				want := 0
				for _, who := range people {
					if oracle.Match(p.Tree(), who, at) {
						want++
					}
				}
				if got, err := x.Count(p, at); got != want || err != nil {
					t.Errorf("%s at %d: %d, %v, not %d", text, at-start.UnixMilli(), got, err, want)
				}
			}
		}
	}
}
