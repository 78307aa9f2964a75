package clock

import (
	"fmt"
	"time"

	"github.com/robfig/cron/v3"
)

// Cron is a schedule by the wall clock of a place: cron's five fields (minute,
// hour, day of month, month, weekday) in a zone.
//
// Each civil instant fires once: an hour that the clocks skip in spring fires
// when it is over, an hour that they repeat in autumn only the first time.
type Cron struct {
	schedule cron.Schedule
	zone     *time.Location
}

var cronParser = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)

// ParseCron reads a schedule; zone is not nil.
func ParseCron(spec string, zone *time.Location) (Cron, error) {
	// Parsed and stepped in UTC: what the wall clock shows is counted as if it
	// never jumped, and only then placed in the zone.
	s, err := cronParser.Parse("TZ=UTC " + spec)
	if err != nil {
		return Cron{}, fmt.Errorf("schedule: %w", err)
	}
	return Cron{schedule: s, zone: zone}, nil
}

// Civil is what the schedule's wall clock shows at t, written as UTC.
func (c Cron) Civil(t time.Time) time.Time { return Civil(t, c.zone) }

// Next is the civil instant after last and when it is; ok is false for a schedule
// that never fires again ("0 0 30 2 *").
func (c Cron) Next(last time.Time) (at, when time.Time, ok bool) {
	at = c.schedule.Next(last)
	if at.IsZero() {
		return at, at, false
	}
	return at, Instant(at, c.zone), true
}

// Due is the latest civil instant after last whose time has come by now. After a
// long downtime it looks back from now, ever further, instead of counting every
// minute missed.
func (c Cron) Due(last, now time.Time) (latest time.Time, ok bool) {
	for back := time.Hour; ; back *= 8 {
		from := c.Civil(now).Add(-back)
		if back <= 0 || !from.After(last) {
			return c.lastBy(now, last)
		}
		if latest, ok = c.lastBy(now, from); ok {
			return latest, true
		}
	}
}

// lastBy is the latest civil instant after from whose time has come by now.
func (c Cron) lastBy(now, from time.Time) (latest time.Time, ok bool) {
	for {
		at, when, more := c.Next(from)
		if !more || when.After(now) {
			return latest, ok
		}
		from, latest, ok = at, at, true
	}
}
