package rule_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/internal/testkit/oracle"
	"github.com/fanward/fanward/internal/testkit/oracle/stored"
	"github.com/fanward/fanward/segments/rule"
)

const day = 86_400_000

// TestEdges says in full what the ends of every window are. Instants are days
// and milliseconds after 1 January 2026.
func TestEdges(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	order := func(at int64, properties string) oracle.Event {
		return oracle.Event{Name: "Order", At: start + at, Properties: json.RawMessage(strings.ReplaceAll(properties, "'", `"`))}
	}
	ming := &oracle.Person{
		ID: 1, CreatedAt: start, LastSeenAt: start + 10*day, Stage: "member", StageSince: start + 5*day,
		Attributes: json.RawMessage(`{"birthday":"2026-01-21"}`),
		Identities: []oracle.Identity{{Kind: "openid", OpenUntil: start + 12*day}, {Kind: "openid", OpenUntil: start + 11*day}},
		Events:     []oracle.Event{order(10*day, `{'total':20,'until':'2026-01-15'}`), order(12*day, `{'total':-5}`), order(12*day, `{'total':1}`), order(40*day, `{'total':20}`)},
	}
	stranger := &oracle.Person{ID: 2, CreatedAt: start, Attributes: json.RawMessage("{}")}
	type answer struct {
		at    int64
		match bool
		until int64
	}
	cases := []struct {
		tree string
		of   *oracle.Person
		want []answer
	}{
		{`{'kind':'event','name':'Order','op':'at_least','value':1,'window':{'last':'30d'}}`, ming,
			[]answer{{10*day - 1, false, 10 * day}, {10 * day, true, 70 * day}, {70*day - 1, true, 70 * day}, {70 * day, false, 0}}},
		{`{'kind':'event','name':'Order','op':'at_least','value':3,'window':{'last':'30d'}}`, ming,
			[]answer{{12*day - 1, false, 12 * day}, {12 * day, true, 42 * day}, {40 * day, true, 42 * day}, {42 * day, false, 0}}},
		{`{'kind':'event','name':'Order','op':'equals','value':0}`, ming, []answer{{10*day - 1, true, 10 * day}, {10 * day, false, 0}}},
		{`{'kind':'event','name':'Order','op':'at_least','value':0}`, stranger, []answer{{0, true, 0}}},
		{`{'kind':'event','name':'Order','op':'more_than','value':0}`, stranger, []answer{{0, false, 0}}},
		{`{'kind':'event','name':'Order','op':'less_than','value':0}`, stranger, []answer{{0, false, 0}}},
		{`{'kind':'event','name':'Order','op':'at_most','value':0}`, stranger, []answer{{0, true, 0}}},
		{`{'kind':'event','name':'Order','op':'not_equals','value':0}`, stranger, []answer{{0, false, 0}}},
		{`{'kind':'event','name':'Order','op':'equals','value':0}`, stranger, []answer{{0, true, 0}}},
		{`{'kind':'event','name':'Order','op':'less_than','value':20,'measure':'sum','property':'total'}`, ming,
			[]answer{{10*day - 1, true, 10 * day}, {10 * day, false, 12 * day}, {12 * day, true, 40 * day}, {40 * day, false, 0}}},
		{`{'kind':'event','name':'Order','op':'at_least','value':1,'window':{'from':'2026-01-11','to':'2026-01-13'}}`, ming, []answer{{10*day - 1, false, 10 * day}, {10 * day, true, 0}}},
		{`{'kind':'event','name':'Order','op':'at_least','value':1,'window':{'from':'2026-01-11T00:00:00.001Z','to':'2026-01-13'}}`, ming, []answer{{20 * day, false, 0}}},
		{`{'kind':'event','name':'Order','op':'at_least','value':3,'window':{'to':'2026-01-13'}}`, ming, []answer{{12 * day, false, 0}}},
		{`{'kind':'event','name':'Order','op':'at_least','value':3,'window':{'to':'2026-01-13T00:00:00.001Z'}}`, ming, []answer{{12*day - 1, false, 12 * day}, {12 * day, true, 0}}},
		// The property says until the 15th; it counts from 24 hours before on, and no longer at its end.
		{`{'kind':'event','name':'Order','op':'at_least','value':1,'where':[{'property':'until','op':'within_next','duration':'1d'}]}`, ming,
			[]answer{{13*day - 1, false, 13 * day}, {13 * day, true, 14 * day}, {14*day - 1, true, 14 * day}, {14 * day, false, 0}}},
		{`{'kind':'event','name':'Order','op':'at_least','value':1,'window':{'from':'2026-01-11'},'where':[{'property':'until','op':'within_last','duration':'1d'}]}`, ming,
			[]answer{{14*day - 1, false, 14 * day}, {14 * day, true, 15 * day}, {15*day - 1, true, 15 * day}, {15 * day, false, 0}}},
		{`{'kind':'event','name':'Order','op':'at_least','value':1,'window':{'to':'2026-01-11'},'where':[{'property':'until','op':'within_last','duration':'1d'}]}`, ming, []answer{{14 * day, false, 0}}},
		{`{'kind':'event','name':'Order','op':'at_least','value':1,'window':{'last':'4d'},'where':[{'property':'until','op':'more_than_ago','duration':'1h'}]}`, ming, []answer{{14 * day, false, 0}}},
		{`{'kind':'time','name':'Order','which':'first','op':'within_last','duration':'1d'}`, ming, []answer{{10*day - 1, false, 10 * day}, {10 * day, true, 11 * day}, {11 * day, false, 0}}},
		{`{'kind':'time','name':'Order','which':'last','op':'within_last','duration':'2d'}`, ming,
			[]answer{{10*day - 1, false, 10 * day}, {10 * day, true, 14 * day}, {14*day - 1, true, 14 * day}, {14 * day, false, 40 * day}, {42 * day, false, 0}}},
		{`{'kind':'time','name':'Order','which':'last','op':'more_than_ago','duration':'2d'}`, ming,
			[]answer{{12*day - 1, false, 14 * day}, {14 * day, true, 40 * day}, {40 * day, false, 42 * day}, {42 * day, true, 0}}},
		{`{'kind':'time','name':'Order','which':'last','op':'after','value':'2026-01-13'}`, ming, []answer{{12 * day, false, 40 * day}, {40 * day, true, 0}}},
		{`{'kind':'time','name':'Order','which':'first','op':'before','value':'2026-01-11'}`, ming, []answer{{12 * day, false, 0}}},
		{`{'kind':'time','name':'Order','which':'first','op':'more_than_ago','duration':'1h'}`, stranger, []answer{{0, false, 0}}},
		{`{'kind':'dormant','duration':'30d'}`, ming, []answer{{40*day - 1, false, 40 * day}, {40 * day, true, 0}}},
		{`{'kind':'dormant','duration':'30d'}`, stranger, []answer{{30*day - 1, false, 30 * day}, {30 * day, true, 0}}},
		{`{'kind':'stage','values':['member'],'duration':'1d'}`, ming, []answer{{6*day - 1, false, 6 * day}, {6 * day, true, 0}}},
		{`{'kind':'stage','values':['']}`, stranger, []answer{{0, true, 0}}},
		{`{'kind':'attribute','name':'birthday','op':'within_next','duration':'7d'}`, ming, []answer{{13*day - 1, false, 13 * day}, {13 * day, true, 20 * day}, {20*day - 1, true, 20 * day}, {20 * day, false, 0}}},
		{`{'kind':'attribute','name':'birthday','op':'within_last','duration':'7d'}`, ming, []answer{{20*day - 1, false, 20 * day}, {20 * day, true, 27 * day}, {27 * day, false, 0}}},
		{`{'kind':'attribute','name':'birthday','op':'before','value':'2026-01-21'}`, ming, []answer{{0, false, 0}}},
		{`{'kind':'attribute','name':'birthday','op':'after','value':'2026-01-20T23:59:59.999Z'}`, ming, []answer{{0, true, 0}}},
		{`{'kind':'attribute','name':'$last_seen_at','op':'not_exists'}`, stranger, []answer{{0, true, 0}}},
		{`{'kind':'reachable','channel':'wechat'}`, ming, []answer{{12*day - 1, true, 12 * day}, {12 * day, false, 0}}},
		// While one condition decides, the others wake nobody.
		{`{'kind':'all','of':[{'kind':'tag','name':'VIP'},{'kind':'dormant','duration':'30d'}]}`, ming, []answer{{20 * day, false, 0}}},
		{`{'kind':'all','of':[{'kind':'stage','values':['member'],'duration':'1d'},{'kind':'dormant','duration':'30d'}]}`, ming, []answer{{0, false, 40 * day}}},
		{`{'kind':'any','of':[{'kind':'stage','values':['member'],'duration':'1d'},{'kind':'dormant','duration':'30d'}]}`, ming, []answer{{0, false, 6 * day}, {7 * day, true, 0}}},
		{`{'kind':'none','of':[{'kind':'reachable','channel':'wechat'}]}`, ming, []answer{{0, false, 12 * day}, {12 * day, true, 0}}},
		{`{'kind':'all'}`, ming, []answer{{0, true, 0}}},
		{`{'kind':'any'}`, ming, []answer{{0, false, 0}}},
	}
	var databases []*store.DB
	for _, engine := range testkit.Engines {
		db := testkit.Open(t, engine)
		stored.Put(t, db, []*oracle.Person{ming, stranger}, nil)
		databases = append(databases, db)
	}
	for _, c := range cases {
		n := tree(t, c.tree)
		if bad := n.Check(rule.CheckOptions{}); len(bad) > 0 {
			t.Fatalf("%s: %s", c.tree, found(bad))
		}
		for _, w := range c.want {
			at, until := start+w.at, start+w.until
			if w.until == 0 {
				until = 0
			}
			if got := rule.Match(n, stored.Know(t, c.of), at); got.Match != w.match || got.Until != until {
				t.Errorf("%s at day %s: %v until day %s, not %v until %s", c.tree, days(w.at), got.Match, days(got.Until-start), w.match, days(w.until))
			}
			for _, db := range databases {
				if find(t, db, n, at)[c.of.ID] != w.match {
					t.Errorf("%s at day %s: %s says %v", c.tree, days(w.at), db.Engine(), !w.match)
				}
			}
		}
	}
}

func days(ms int64) string {
	return (time.Duration(ms) * time.Millisecond / 24).String() // hours are days
}
