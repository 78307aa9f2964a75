package jobs_test

import (
	"context"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/fanward/fanward/internal/bus"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/jobs"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
)

func at(t *testing.T, s string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestScheduleInstants walks the clock from one instant to another in steps of
// fifteen minutes, each a restart, and notes when the schedule fires.
func TestScheduleInstants(t *testing.T) {
	cases := []struct {
		name, spec, zone string
		from, to         string
		want             []string // UTC
	}{
		{"daily in UTC", "30 4 * * *", "", "2026-01-01T00:00:00Z", "2026-01-03T12:00:00Z",
			[]string{"2026-01-01T04:30:00Z", "2026-01-02T04:30:00Z", "2026-01-03T04:30:00Z"}},
		{"morning in Shanghai", "0 9 * * 1-5", "Asia/Shanghai", "2026-01-01T12:00:00Z", "2026-01-06T12:00:00Z",
			[]string{"2026-01-02T01:00:00Z", "2026-01-05T01:00:00Z", "2026-01-06T01:00:00Z"}},
		{"wall clock stays through spring", "0 9 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", "2026-03-30T12:00:00Z",
			[]string{"2026-03-28T08:00:00Z", "2026-03-29T07:00:00Z", "2026-03-30T07:00:00Z"}},
		{"in the spring gap: when it is over", "30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", "2026-03-30T12:00:00Z",
			[]string{"2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"}},
		{"quarters through the spring gap", "*/15 * * * *", "Europe/Berlin", "2026-03-29T00:29:00Z", "2026-03-29T01:31:00Z",
			[]string{"2026-03-29T00:30:00Z", "2026-03-29T00:45:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:15:00Z", "2026-03-29T01:30:00Z"}},
		{"in the autumn overlap: the first time", "30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z",
			[]string{"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}},
		{"half hours through the autumn overlap", "*/30 * * * *", "Europe/Berlin", "2026-10-24T23:59:00Z", "2026-10-25T02:01:00Z",
			[]string{"2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T02:00:00Z"}},
		{"half an hour of summer time", "15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", "2026-10-05T00:00:00Z",
			[]string{"2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"}},
		{"New York gap", "0 2 8 3 *", "America/New_York", "2026-03-07T00:00:00Z", "2026-03-09T00:00:00Z", []string{"2026-03-08T07:00:00Z"}},
		{"a day that does not exist", "0 12 30 12 *", "Pacific/Apia", "2011-12-29T00:00:00Z", "2012-01-01T00:00:00Z", []string{"2011-12-30T10:00:00Z"}},
		{"leap day", "0 0 29 2 *", "", "2026-01-01T00:00:00Z", "2026-03-02T00:00:00Z", nil},
		{"never", "0 0 30 2 *", "", "2026-02-27T00:00:00Z", "2026-03-02T00:00:00Z", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := clock.NewFake(at(t, c.from))
			h := newHouse(t, testkit.Open(t, store.SQLite), f, testkit.IDs(t, f), "node-1")
			if err := h.Queue.Schedule(jobs.Schedule{Name: "s", Spec: c.spec, Zone: c.zone, Kind: "tick"}); err != nil {
				t.Fatal(err)
			}
			h.restart()
			for end := at(t, c.to); f.Now().Before(end); {
				f.Advance(min(f.Now().Truncate(step).Add(step).Sub(f.Now()), end.Sub(f.Now())))
				h.restart()
			}
			got := h.created("tick")
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s in %s fired at\n%v, want\n%v", c.spec, c.zone, got, c.want)
			}
		})
	}
}

const step = 15 * time.Minute

// restart starts the queue, lets everything due happen, and stops it.
func (h *house) restart() {
	h.t.Helper()
	if err := h.Start(ctx); err != nil {
		h.t.Fatal(err)
	}
	h.clock.AwaitSleepers(3)
	h.Stop(ctx)
}

// created lists when the jobs of a kind were made.
func (h *house) created(kind string) []string {
	h.t.Helper()
	rows, err := h.db.Reader(ctx).Query(qCreated, kind)
	out, err := store.Collect(rows, err, func(r store.Row) (string, error) {
		var ms int64
		err := r.Scan(&ms)
		return clock.FromMillis(ms).Format(time.RFC3339), err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

func TestScheduleCatchesUpOnce(t *testing.T) {
	each(t, func(h *house) {
		if err := h.Queue.Schedule(jobs.Schedule{Name: "minutely", Spec: "* * * * *", Kind: "tick"}); err != nil {
			h.t.Fatal(err)
		}
		steps := []struct {
			name string
			move time.Duration
			want int
		}{
			{"the first start", 0, 0}, {"a long downtime", 400 * 24 * time.Hour, 1}, {"a restart at once", 0, 1},
			{"a clock set back", -time.Hour, 1}, {"the clock right again", time.Hour, 1}, {"a minute later", time.Minute, 2},
		}
		for _, s := range steps {
			h.clock.Advance(s.move)
			h.restart()
			if got := h.count("tick"); got != s.want {
				h.t.Errorf("%s: %d jobs in all, want %d", s.name, got, s.want)
			}
		}
	})
}

// TestRareScheduleIsNotForgotten: looking back from now must find an instant
// however long ago it was.
func TestRareScheduleIsNotForgotten(t *testing.T) {
	f := clock.NewFake(at(t, "2023-06-01T00:00:00Z"))
	h := newHouse(t, testkit.Open(t, store.SQLite), f, testkit.IDs(t, f), "node-1")
	if err := h.Queue.Schedule(jobs.Schedule{Name: "leap", Spec: "0 0 29 2 *", Kind: "tick"}); err != nil {
		t.Fatal(err)
	}
	h.restart()
	f.Advance(at(t, "2027-06-01T00:00:00Z").Sub(f.Now()))
	h.restart()
	if got := h.count("tick"); got != 1 {
		t.Errorf("%d jobs", got)
	}
}

func TestScheduleFiresOnceForAllNodes(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		c := testkit.Clock(t)
		source := testkit.IDs(t, c)
		hub := bus.NewMemory()
		done := make(chan string, 100)
		var nodes []*jobs.Queue
		for _, name := range []string{"node-1", "node-2", "node-3"} {
			q := jobs.New(jobs.Config{DB: db, Clock: c, IDs: source, Bus: hub, Log: slog.New(slog.DiscardHandler), Holder: name,
				// Told when the outcome is stored: the clock may jump past leases then.
				Observe: func(_, what string, _ time.Duration) { done <- what }})
			jobs.Register(q, "tick", jobs.WorkerOptions{}, func(context.Context, jobs.Job, any) error { return nil })
			if err := q.Schedule(jobs.Schedule{Name: "hourly", Spec: "0 * * * *", Zone: "Asia/Kolkata", Kind: "tick"}); err != nil {
				t.Fatal(err)
			}
			nodes = append(nodes, q)
		}
		for _, q := range nodes {
			if err := q.Start(ctx); err != nil {
				t.Fatal(err)
			}
		}
		for range 3 {
			c.AwaitSleepers(9)
			c.Advance(time.Hour)
			c.AwaitSleepers(9)
			hub.Publish(jobs.Topic, nil)
			select {
			case <-done:
			case <-time.After(20 * time.Second):
				t.Fatal("nobody fires")
			}
		}
		for _, q := range nodes {
			q.Stop(ctx)
		}
		if len(done) > 0 {
			t.Errorf("%d too many", len(done))
		}
		h := &house{t: t, db: db}
		if n := h.count("tick"); n != 3 {
			t.Errorf("%d jobs for three hours", n)
		}
	})
}

func TestChangedScheduleBeginsAnew(t *testing.T) {
	db := testkit.Open(t, store.SQLite)
	c := testkit.Clock(t)
	source := testkit.IDs(t, c)
	run := func(spec string) int {
		h := newHouse(t, db, c, source, "node-1")
		if err := h.Queue.Schedule(jobs.Schedule{Name: "s", Spec: spec, Kind: "tick"}); err != nil {
			t.Fatal(err)
		}
		h.restart()
		return h.count("tick")
	}
	run("0 5 * * *")
	c.Advance(48 * time.Hour)
	if got := run("0 6 * * *"); got != 0 {
		t.Errorf("instants of the new times, but before the change, fire: %v", got)
	}
	c.Advance(24 * time.Hour)
	if got := run("0 6 * * *"); got != 1 {
		t.Errorf("the new times fire %d times", got)
	}
}

func TestScheduleRefusesNonsense(t *testing.T) {
	q := jobs.New(jobs.Config{})
	for _, s := range []jobs.Schedule{
		{Name: "a", Spec: "61 * * * *"}, {Name: "b", Spec: "@every 1s"}, {Name: "c", Spec: "* * * * * *"}, {Name: "d", Spec: ""},
		{Name: "e", Spec: "* * * * *", Zone: "Mars/Base"}, {Name: "f", Spec: "TZ=Asia/Tokyo * * * * *"},
	} {
		if err := q.Schedule(s); err == nil || !strings.Contains(err.Error(), "schedule "+s.Name) {
			t.Errorf("%+v: %v", s, err)
		}
	}
}
