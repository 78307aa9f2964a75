package outbox

import (
	"testing"
	"time"
)

// The end of quiet hours, by the wall clocks of a zone.
func TestQuietUntil(t *testing.T) {
	for name, c := range map[string]struct {
		zone, from, to, now, want string // instants in UTC; "" is not quiet
	}{
		"evening in Shanghai":        {"Asia/Shanghai", "22:00", "08:00", "2026-01-02T14:00:00Z", "2026-01-03T00:00:00Z"},
		"a moment before":            {"Asia/Shanghai", "22:00", "08:00", "2026-01-02T13:59:59.999Z", ""},
		"early morning":              {"Asia/Shanghai", "22:00", "08:00", "2026-01-02T23:59:59.999Z", "2026-01-03T00:00:00Z"},
		"the end itself":             {"Asia/Shanghai", "22:00", "08:00", "2026-01-03T00:00:00Z", ""},
		"at noon":                    {"Asia/Shanghai", "12:00", "14:00", "2026-01-02T05:00:00Z", "2026-01-02T06:00:00Z"},
		"half an hour beside":        {"Asia/Kolkata", "22:00", "08:00", "2026-01-02T16:30:00Z", "2026-01-03T02:30:00Z"},
		"across the new year":        {"Pacific/Auckland", "22:00", "08:00", "2026-12-31T09:30:00Z", "2026-12-31T19:00:00Z"},
		"the 29th of February":       {"UTC", "22:00", "08:00", "2028-02-28T23:00:00Z", "2028-02-29T08:00:00Z"},
		"a night that loses an hour": {"America/New_York", "22:00", "08:00", "2026-03-08T04:00:00Z", "2026-03-08T12:00:00Z"},
		"a night that gains one":     {"America/New_York", "22:00", "08:00", "2026-11-01T03:00:00Z", "2026-11-01T13:00:00Z"},
		"an end that is skipped":     {"America/New_York", "22:00", "02:30", "2026-03-08T05:00:00Z", "2026-03-08T07:00:00Z"},
		"behind the skipped end":     {"America/New_York", "22:00", "02:30", "2026-03-08T07:00:00Z", ""},
		"an end that comes twice":    {"America/New_York", "22:00", "01:30", "2026-11-01T04:00:00Z", "2026-11-01T05:30:00Z"},
		"between the two":            {"America/New_York", "22:00", "01:30", "2026-11-01T05:45:00Z", ""},
		"quiet a second time":        {"America/New_York", "22:00", "01:30", "2026-11-01T06:10:00Z", "2026-11-01T06:30:00Z"},
		"midnight skipped":           {"America/Santiago", "22:00", "00:30", "2026-09-06T03:30:00Z", "2026-09-06T04:00:00Z"},
		"an end at midnight":         {"Europe/Berlin", "20:00", "00:00", "2026-06-01T20:00:00Z", "2026-06-01T22:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			zone, err := time.LoadLocation(c.zone)
			if err != nil {
				t.Fatal(err)
			}
			now, err := time.Parse(time.RFC3339Nano, c.now)
			if err != nil {
				t.Fatal(err)
			}
			q := Quiet{Enabled: true, From: c.from, To: c.to}
			got := ""
			if until := q.until(now, zone); !until.IsZero() {
				got = until.Format(time.RFC3339)
			}
			if got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
			if q.Enabled = false; !q.until(now, zone).IsZero() {
				t.Error("quiet although switched off")
			}
		})
	}
}

// Whatever the zone and the hour: the end lies ahead, is not quiet, and every
// minute before it is.
func TestQuietUntilIsTheFirstEnd(t *testing.T) {
	for _, name := range []string{"America/New_York", "Asia/Shanghai", "Australia/Lord_Howe", "America/Santiago", "Europe/London", "Africa/Casablanca"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range []Quiet{{true, "22:00", "08:00"}, {true, "23:30", "02:15"}, {true, "01:00", "01:45"}, {true, "09:00", "08:00"}} {
			from, _ := minuteOf(q.From)
			to, _ := minuteOf(q.To)
			for now := time.Date(2026, 3, 1, 0, 7, 0, 0, time.UTC); now.Before(time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)); now = now.Add(3*time.Hour + 11*time.Minute) {
				until := q.until(now, zone)
				if until.IsZero() == quietAt(now.In(zone), from, to) {
					t.Fatalf("%s %v at %s: until %s", name, q, now, until)
				}
				if until.IsZero() {
					continue
				}
				for m := now; m.Before(until); m = m.Add(time.Minute) {
					if !quietAt(m.In(zone), from, to) {
						t.Fatalf("%s %v at %s: until %s, but %s is not quiet", name, q, now.In(zone), until.In(zone), m.In(zone))
					}
				}
				if quietAt(until.In(zone), from, to) || until.Sub(now) > 26*time.Hour {
					t.Fatalf("%s %v at %s: until %s", name, q, now.In(zone), until.In(zone))
				}
			}
		}
	}
}
