package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/fanward/fanward/internal/store"
)

// Schedule enqueues a job whenever the wall clock of a place says so.
//
// Each civil instant fires once: an hour that the clocks skip in spring fires
// when it is over (everything skipped together, as one job), an hour that they
// repeat in autumn fires only the first time. After downtime the latest missed
// instant fires, once. The first start fires nothing.
type Schedule struct {
	// Name is the identity of the schedule; it outlives restarts.
	Name string
	// Spec has cron's five fields: minute, hour, day of month, month, weekday.
	Spec string
	// Zone is the IANA time zone of the wall clock; "" means UTC.
	Zone string
	Kind string
	// Payload of each job; may be nil.
	Payload any
}

type schedule struct {
	Schedule
	cron cron.Schedule
	zone *time.Location
	last time.Time // the last civil instant that fired, written as UTC
}

var cronParser = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)

// civilForm is how a civil instant stands in rows and keys.
const civilForm = "2006-01-02T15:04"

// memory is a schedule's row in settings.
type memory struct {
	Civil string `json:"civil"`
	Spec  string `json:"spec"`
	Zone  string `json:"zone"`
}

// Schedule adds a schedule; call it before Start.
func (q *Queue) Schedule(s Schedule) error {
	zone, err := time.LoadLocation(s.Zone)
	if err != nil {
		return fmt.Errorf("schedule %s: %w", s.Name, err)
	}
	// Parsed and stepped in UTC: what the wall clock shows is counted as if it
	// never jumped, and only then placed in the zone.
	c, err := cronParser.Parse("TZ=UTC " + s.Spec)
	if err != nil {
		return fmt.Errorf("schedule %s: %w", s.Name, err)
	}
	q.schedules = append(q.schedules, &schedule{Schedule: s, cron: c, zone: zone})
	return nil
}

// civil is what the wall clock of zone shows at t, written as UTC.
func civil(t time.Time, zone *time.Location) time.Time {
	l := t.In(zone)
	return time.Date(l.Year(), l.Month(), l.Day(), l.Hour(), l.Minute(), l.Second(), 0, time.UTC)
}

// instant is when the wall clock of zone first shows c; for a time it skips,
// the moment it jumps over it.
func instant(c time.Time, zone *time.Location) time.Time {
	// The clock shows c at c minus the offset then in force. A day before and
	// after c both offsets around a change are in force.
	_, before := c.Add(-24 * time.Hour).In(zone).Zone()
	_, after := c.Add(24 * time.Hour).In(zone).Zone()
	first := c.Add(-time.Duration(before) * time.Second)
	if civil(first, zone).Equal(c) {
		return first.UTC()
	}
	second := c.Add(-time.Duration(after) * time.Second)
	if civil(second, zone).Equal(c) {
		return second.UTC()
	}
	_, jump := second.In(zone).ZoneBounds()
	if jump.IsZero() || jump.After(first) {
		return first.UTC()
	}
	return jump.UTC()
}

// next is the civil instant after c and when it is; ok is false for a schedule
// that never fires again ("0 0 30 2 *").
func (s *schedule) next(c time.Time) (at, when time.Time, ok bool) {
	at = s.cron.Next(c)
	if at.IsZero() {
		return at, at, false
	}
	return at, instant(at, s.zone), true
}

// due is the latest civil instant after s.last whose time has come. After a
// long downtime it looks back from now, ever further, instead of counting
// every minute missed.
func (s *schedule) due(now time.Time) (latest time.Time, ok bool) {
	for back := time.Hour; ; back *= 8 {
		from := civil(now, s.zone).Add(-back)
		if back <= 0 || !from.After(s.last) {
			return s.lastBy(now, s.last)
		}
		if latest, ok = s.lastBy(now, from); ok {
			return latest, true
		}
	}
}

// lastBy is the latest civil instant after c whose time has come by now.
func (s *schedule) lastBy(now, c time.Time) (latest time.Time, ok bool) {
	for {
		at, when, more := s.next(c)
		if !more || when.After(now) {
			return latest, ok
		}
		c, latest, ok = at, at, true
	}
}

// openSchedule reads where a schedule stands, or lets it begin now: when it is
// new, or its times have been changed.
func (q *Queue) openSchedule(ctx context.Context, s *schedule) error {
	start := civil(q.Clock.Now(), s.zone)
	return q.DB.Write(ctx, func(tx *store.Tx) error {
		fresh := s.remember(start)
		if _, err := tx.Exec(qScheduleInsert, s.row(), fresh); err != nil {
			return err
		}
		m, err := s.read(tx)
		if err != nil {
			return err
		}
		if m.Spec != s.Spec || m.Zone != s.Zone {
			s.last = start
			_, err := tx.Exec(qScheduleUpdate, fresh, s.row())
			return err
		}
		s.last, err = time.Parse(civilForm, m.Civil)
		return err
	})
}

func (s *schedule) row() string { return "schedule/" + s.Name }

func (s *schedule) remember(c time.Time) string {
	b, _ := json.Marshal(memory{Civil: c.Format(civilForm), Spec: s.Spec, Zone: s.Zone}) // three strings
	return string(b)
}

func (s *schedule) read(tx *store.Tx) (m memory, err error) {
	var value string
	if err := tx.QueryRow(qSchedule, s.row()).Scan(&value); err != nil {
		return m, err
	}
	if err := json.Unmarshal([]byte(value), &m); err != nil {
		return m, fmt.Errorf("the state of schedule %s: %w", s.Name, err)
	}
	return m, nil
}

func (q *Queue) scheduleLoop(s *schedule) {
	r := q.run
	for {
		wait := time.Hour
		if _, when, ok := s.next(s.last); ok {
			wait = min(wait, when.Sub(q.Clock.Now()))
		}
		alarm, stop := q.Clock.After(wait)
		select {
		case <-r.quit:
			stop()
			return
		case <-alarm:
		}
		if err := q.tick(r.hard, s); err != nil {
			q.trouble("schedule "+s.Name, err)
			alarm, stop := q.Clock.After(time.Second)
			select {
			case <-r.quit:
				stop()
				return
			case <-alarm:
			}
		}
	}
}

// tick fires what is due. The row is locked, so that of several nodes one
// fires and the others see that it did.
func (q *Queue) tick(ctx context.Context, s *schedule) error {
	at, ok := s.due(q.Clock.Now())
	if !ok {
		return nil
	}
	now := at
	err := q.DB.Write(ctx, func(tx *store.Tx) error {
		m, err := s.read(tx)
		if err != nil {
			return err
		}
		last, err := time.Parse(civilForm, m.Civil)
		if err != nil {
			return fmt.Errorf("the state of schedule %s: %w", s.Name, err)
		}
		if m.Spec != s.Spec || m.Zone != s.Zone {
			return errReplaced
		}
		if now = at; !last.Before(at) {
			now = last
			return nil
		}
		key := fmt.Sprintf("schedule/%s/%s", s.Name, at.Format(civilForm))
		if _, _, err := q.EnqueueTx(tx, s.Kind, s.Payload, Options{UniqueKey: key}); err != nil {
			return err
		}
		_, err = tx.Exec(qScheduleUpdate, s.remember(at), s.row())
		return err
	})
	if errors.Is(err, errReplaced) {
		s.last = at // a newer node has other times: this one no longer decides
		return nil
	}
	if err == nil {
		s.last = now
	}
	return err
}

var errReplaced = errors.New("the schedule has been replaced")
