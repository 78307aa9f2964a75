package outbox

import "time"

// spread is over how long what quiet hours held back is sent out, so that a
// morning does not begin with everything at once.
const spread = 15 * time.Minute

// until is when the quiet hours end that hold at an instant in a zone; the zero
// time when none do. Wall clocks decide: an end that a zone skips in spring is
// the moment of the change, and an hour that comes twice in autumn is as quiet
// the second time as the first.
func (q Quiet) until(now time.Time, zone *time.Location) time.Time {
	from, err := minuteOf(q.From)
	to, err2 := minuteOf(q.To)
	if !q.Enabled || err != nil || err2 != nil || from == to || !quietAt(now.In(zone), from, to) {
		return time.Time{}
	}
	local := now.In(zone)
	for day := range 3 {
		end := wall(local.Year(), local.Month(), local.Day()+day, to, zone)
		if end.After(now) {
			return end.UTC()
		}
		// The end of an hour that comes twice may lie ahead a second time.
		if again := end.Add(secondTime(end)); again.After(now) && again != end {
			return again.UTC()
		}
	}
	return time.Time{}
}

// quietAt tells whether the wall clock stands within the hours.
func quietAt(local time.Time, from, to int) bool {
	minute := local.Hour()*60 + local.Minute()
	if from < to {
		return minute >= from && minute < to
	}
	return minute >= from || minute < to
}

// wall is the first instant of a day at which its wall clocks show a minute, or,
// where they skip it, the moment at which they do.
func wall(year int, month time.Month, day, minute int, zone *time.Location) time.Time {
	t := time.Date(year, month, day, minute/60, minute%60, 0, 0, zone)
	shown := t.Hour()*60 + t.Minute()
	start, end := t.ZoneBounds()
	switch {
	case shown != minute && t.Day() == time.Date(year, month, day, 12, 0, 0, 0, zone).Day() && shown > minute:
		return start // counted by the offset before the change, so it lies behind it
	case shown != minute:
		return end
	}
	if !start.IsZero() {
		_, was := start.Add(-time.Second).Zone()
		_, is := t.Zone()
		if earlier := t.Add(-time.Duration(was-is) * time.Second); was > is && earlier.Before(start) {
			return earlier // both offsets show it: the first
		}
	}
	return t
}

// secondTime is after how long the wall clocks show the same again; 0 where they
// do not.
func secondTime(t time.Time) time.Duration {
	_, end := t.ZoneBounds()
	if end.IsZero() {
		return 0
	}
	_, is := t.Zone()
	_, then := end.Zone()
	if back := time.Duration(is-then) * time.Second; back > 0 && !t.Add(back).Before(end) && t.Before(end) {
		return back
	}
	return 0
}
