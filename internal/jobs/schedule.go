package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/fanward/fanward/internal/clock"
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
	cron clock.Cron
	last time.Time // the last civil instant that fired, written as UTC
}

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
	c, err := clock.ParseCron(s.Spec, zone)
	if err != nil {
		return fmt.Errorf("schedule %s: %w", s.Name, err)
	}
	q.schedules = append(q.schedules, &schedule{Schedule: s, cron: c})
	return nil
}

// openSchedule reads where a schedule stands, or lets it begin now: when it is
// new, or its times have been changed.
func (q *Queue) openSchedule(ctx context.Context, s *schedule) error {
	start := s.cron.Civil(q.Clock.Now())
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
		if _, when, ok := s.cron.Next(s.last); ok {
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
	at, ok := s.cron.Due(s.last, q.Clock.Now())
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
