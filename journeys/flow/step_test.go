package flow_test

import (
	"fmt"
	"math"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/fanward/fanward/journeys/flow"
)

func at(t *testing.T, s string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := flow.Zone(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// TestUntil is the table of wall clocks: instants are given in the offset that
// the place has then, so that each row can be read off a clock on the wall.
func TestUntil(t *testing.T) {
	cases := []struct {
		name, zone, at string
		weekdays       []int
		from, want     string
	}{
		{"later today", "Asia/Shanghai", "09:00", nil, "2026-11-22T08:00:00+08:00", "2026-11-22T09:00:00+08:00"},
		{"tomorrow, it is past", "Asia/Shanghai", "09:00", nil, "2026-11-22T09:00:01+08:00", "2026-11-23T09:00:00+08:00"},
		{"at the very instant: the next day, or a loop would never wait", "Asia/Shanghai", "09:00", nil, "2026-11-22T09:00:00+08:00", "2026-11-23T09:00:00+08:00"},
		{"a millisecond before", "Asia/Shanghai", "09:00", nil, "2026-11-22T08:59:59.999+08:00", "2026-11-22T09:00:00+08:00"},
		{"Monday in Shanghai while UTC has Sunday", "Asia/Shanghai", "05:00", []int{1}, "2026-11-22T20:00:00Z", "2026-11-22T21:00:00Z"},
		{"Sunday is over in Shanghai though not in UTC", "Asia/Shanghai", "05:00", []int{7}, "2026-11-22T20:00:00Z", "2026-11-29T05:00:00+08:00"},
		{"weekdays: from Friday evening to Monday", "Asia/Shanghai", "10:00", []int{1, 2, 3, 4, 5}, "2026-11-20T18:00:00+08:00", "2026-11-23T10:00:00+08:00"},
		{"the same weekday, a week later", "Asia/Shanghai", "10:00", []int{5}, "2026-11-20T10:00:00+08:00", "2026-11-27T10:00:00+08:00"},
		{"spring gap: when it is over", "Europe/Berlin", "02:30", nil, "2026-03-28T12:00:00+01:00", "2026-03-29T03:00:00+02:00"},
		{"from inside the jump to the next day", "Europe/Berlin", "02:30", nil, "2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"},
		{"after the spring gap the clock's time stays", "Europe/Berlin", "09:00", nil, "2026-03-28T10:00:00+01:00", "2026-03-29T09:00:00+02:00"},
		{"autumn overlap: the first time", "Europe/Berlin", "02:30", nil, "2026-10-24T12:00:00+02:00", "2026-10-25T02:30:00+02:00"},
		{"autumn overlap: not the second time", "Europe/Berlin", "02:30", nil, "2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"},
		{"from between the two", "Europe/Berlin", "02:30", nil, "2026-10-25T02:15:00+01:00", "2026-10-26T02:30:00+01:00"},
		{"New York's gap", "America/New_York", "02:00", nil, "2026-03-07T12:00:00-05:00", "2026-03-08T03:00:00-04:00"},
		{"half an hour of summer time", "Australia/Lord_Howe", "02:15", nil, "2026-10-03T12:00:00+10:30", "2026-10-04T02:30:00+11:00"},
		{"midnight that does not exist", "America/Santiago", "00:00", nil, "2026-09-05T12:00:00-04:00", "2026-09-06T01:00:00-03:00"},
		{"29 February", "Asia/Shanghai", "08:00", nil, "2028-02-28T09:00:00+08:00", "2028-02-29T08:00:00+08:00"},
		{"the day after 29 February", "Asia/Shanghai", "08:00", nil, "2028-02-29T09:00:00+08:00", "2028-03-01T08:00:00+08:00"},
		{"no 29 February", "Asia/Shanghai", "08:00", nil, "2027-02-28T09:00:00+08:00", "2027-03-01T08:00:00+08:00"},
		{"year's end", "Asia/Shanghai", "00:00", nil, "2026-12-31T23:59:59+08:00", "2027-01-01T00:00:00+08:00"},
		{"year's end by weekday", "Asia/Shanghai", "09:30", []int{1}, "2026-12-29T00:00:00+08:00", "2027-01-04T09:30:00+08:00"},
		{"a day that a place has skipped", "Pacific/Apia", "12:00", nil, "2011-12-29T13:00:00-10:00", "2011-12-31T00:00:00+14:00"},
		{"quarter hours of offset", "Asia/Kathmandu", "06:15", nil, "2026-11-22T00:00:00Z", "2026-11-22T00:30:00Z"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			n := flow.Node{Kind: flow.Until, Until: &flow.UntilStep{At: c.at, Weekdays: c.weekdays}}
			got := n.Due(at(t, c.from), zone(t, c.zone))
			if !got.Equal(at(t, c.want)) {
				t.Errorf("%v, want %v", got.In(zone(t, c.zone)), at(t, c.want))
			}
			n.Until.Zone = c.zone
			if !n.Due(at(t, c.from), time.UTC).Equal(got) {
				t.Error("the node's own zone does not win over the person's")
			}
		})
	}
}

func TestDelaysAreLengthsNotDays(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	n := flow.Node{Kind: flow.Delay, Delay: &flow.DelayStep{For: "1d"}}
	from := at(t, "2026-03-28T12:00:00+01:00")
	if got := n.Due(from, berlin); !got.Equal(from.Add(24 * time.Hour)) {
		t.Errorf("a day is %v", got.Sub(from))
	}
}

func TestSplitsAreFixedAndFair(t *testing.T) {
	n := flow.Node{ID: "split", Kind: flow.Split, Ways: []flow.Way{{Percent: 10}, {Percent: 60}, {Percent: 30}}}
	const people = 20000
	var got [3]int
	differs := 0
	for i := range people {
		customer := fmt.Sprint(i)
		way := n.Way("7", customer)
		got[way]++
		if way != n.Way("7", customer) {
			t.Fatal("asked again, it is another way")
		}
		if way != n.Way("8", customer) {
			differs++
		}
	}
	for i, want := range []float64{.1, .6, .3} {
		// Five standard deviations.
		if off := math.Abs(float64(got[i])/people - want); off > 5*math.Sqrt(want*(1-want)/people) {
			t.Errorf("way %d took %d of %d", i, got[i], people)
		}
	}
	// Independent of the other journey: 1 − (.01 + .36 + .09) of them differ.
	if part := float64(differs) / people; part < .50 || part > .58 {
		t.Errorf("%.2f of the people go another way in another journey", part)
	}
}

func TestFollow(t *testing.T) {
	delay := func(id, next string) flow.Node {
		return flow.Node{ID: id, Kind: flow.Delay, Next: next, Delay: &flow.DelayStep{For: "1h"}}
	}
	old := flow.Compile(flow.Graph{Start: "a", Nodes: []flow.Node{
		delay("a", "b"), delay("b", "c"),
		{ID: "c", Kind: flow.Wait, Next: "d", Else: "e", Wait: &flow.WaitStep{Reply: true, For: "1h"}},
		delay("d", "e"), delay("e", ""), delay("x", "y"), delay("y", "x"),
	}})
	next := func(nodes ...flow.Node) *flow.Flow { return flow.Compile(flow.Graph{Nodes: nodes}) }
	cases := []struct {
		name, at string
		to       *flow.Flow
		want     flow.Moved
	}{
		{"still there", "a", next(delay("a", "")), flow.Moved{Node: "a", Stays: true}},
		{"the next one", "a", next(delay("b", "")), flow.Moved{Node: "b"}},
		{"the one after it", "a", next(delay("c", "")), flow.Moved{Node: "c"}},
		{"two ways lead on", "a", next(delay("d", ""), delay("e", "")), flow.Moved{Gone: true}},
		{"the end", "d", next(delay("q", "")), flow.Moved{}},
		{"round in a circle", "x", next(delay("a", "")), flow.Moved{Gone: true}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := c.to.Follow(old, c.at); got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}
