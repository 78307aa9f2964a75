package clock

import "time"

// Civil is what the wall clock of zone shows at t, written as UTC.
func Civil(t time.Time, zone *time.Location) time.Time {
	l := t.In(zone)
	return time.Date(l.Year(), l.Month(), l.Day(), l.Hour(), l.Minute(), l.Second(), 0, time.UTC)
}

// Instant is when the wall clock of zone first shows c; for a time it skips,
// the moment it jumps over it.
func Instant(c time.Time, zone *time.Location) time.Time {
	// The clock shows c at c minus the offset then in force. A day before and
	// after c both offsets around a change are in force.
	_, before := c.Add(-24 * time.Hour).In(zone).Zone()
	_, after := c.Add(24 * time.Hour).In(zone).Zone()
	first := c.Add(-time.Duration(before) * time.Second)
	if Civil(first, zone).Equal(c) {
		return first.UTC()
	}
	second := c.Add(-time.Duration(after) * time.Second)
	if Civil(second, zone).Equal(c) {
		return second.UTC()
	}
	_, jump := second.In(zone).ZoneBounds()
	if jump.IsZero() || jump.After(first) {
		return first.UTC()
	}
	return jump.UTC()
}
