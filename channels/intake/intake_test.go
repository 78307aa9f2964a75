package intake_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/intake"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/internal/testkit/house"
)

const soon = 20 * time.Second

// desk is a handler that notes what it is given and does as it is told.
type desk struct {
	mu     sync.Mutex
	seen   []string
	flying map[string]int
	most   map[string]int
	answer func(raw intake.Raw) error
}

func (d *desk) Handle(_ context.Context, _ *channels.Account, raw intake.Raw) error {
	d.mu.Lock()
	if d.flying == nil {
		d.flying, d.most = map[string]int{}, map[string]int{}
	}
	d.flying[raw.Lane]++
	d.most[raw.Lane] = max(d.most[raw.Lane], d.flying[raw.Lane])
	d.seen = append(d.seen, raw.Lane+":"+string(raw.Body))
	answer := d.answer
	d.mu.Unlock()
	var err error
	if answer != nil {
		err = answer(raw)
	}
	d.mu.Lock()
	d.flying[raw.Lane]--
	d.mu.Unlock()
	return err
}

func (d *desk) of(lane string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(d.seen), func(s string) bool { return s[:len(lane)] != lane })
}

type bench struct {
	*house.House
	t    *testing.T
	desk *desk
}

func each(t *testing.T, fn func(t *testing.T, b *bench)) {
	t.Helper()
	house.Each(t, house.Options{}, func(t *testing.T, h *house.House) { fn(t, &bench{h, t, &desk{}}) })
}

func (b *bench) keep(lane, key, body string) bool {
	b.t.Helper()
	first, err := b.Intake.Keep(b.Ctx(), intake.Raw{Account: b.Account.ID, Key: key, Lane: lane, Body: []byte(body)})
	if err != nil {
		b.t.Fatal(err)
	}
	return first
}

// start runs the intake as a process named holder would.
func (b *bench) start(holder string, alone bool) (stop func()) {
	wake, unsubscribe := b.Bus.Subscribe(intake.Topic, 1)
	b.t.Cleanup(unsubscribe)
	return b.startOn(wake, holder, alone)
}

// startOn is start for a process that only wake tells of anything.
func (b *bench) startOn(wake <-chan []byte, holder string, alone bool) (stop func()) {
	in := intake.New(intake.Options{DB: b.DB, Clock: b.Clock, IDs: b.IDs, Accounts: b.Accounts, Holder: holder})
	in.Register("webchat", b.desk)
	ctx, cancel := context.WithCancel(b.Ctx())
	var running sync.WaitGroup
	running.Go(func() { in.Run(ctx, wake, alone) })
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); running.Wait() }) }
	b.t.Cleanup(stop)
	return stop
}

func (b *bench) becomes(state string, n int64) {
	b.t.Helper()
	testkit.Eventually(b.t, soon, fmt.Sprintf("%d are %s", n, state), func() bool {
		return b.Number("SELECT count(*) FROM inbound WHERE state = ?", state) == n
	})
}

// One person's things are handled one at a time and in order, a failure holds
// up only its own lane, and a repeat is kept once.
func TestOrder(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		failed := false
		b.desk.answer = func(raw intake.Raw) error {
			if raw.Key == "a1" && !failed {
				failed = true
				return errors.New("the far side is away")
			}
			return nil
		}
		for i := range 5 {
			for _, lane := range []string{"a", "b", "c"} {
				key := fmt.Sprint(lane, i)
				if !b.keep(lane, key, fmt.Sprint(i)) || b.keep(lane, key, "again") {
					t.Errorf("%s: a repeat counts as new, or the first as a repeat", key)
				}
			}
		}
		b.start("one", false)
		b.becomes("done", 11) // all but the rest of a
		b.Clock.AwaitSleepers(1)
		if got := b.desk.of("a"); len(got) != 2 {
			t.Errorf("while a1 waits: %v", got)
		}
		b.Clock.Advance(time.Second)
		b.becomes("done", 15)
		if got := fmt.Sprint(b.desk.of("a")); got != "[a:0 a:1 a:1 a:2 a:3 a:4]" {
			t.Error(got)
		}
		for _, lane := range []string{"b", "c"} {
			if got := fmt.Sprint(b.desk.of(lane)); got != fmt.Sprintf("[%[1]s:0 %[1]s:1 %[1]s:2 %[1]s:3 %[1]s:4]", lane) {
				t.Error(got)
			}
			if b.desk.most[lane] != 1 {
				t.Errorf("%d at once in lane %s", b.desk.most[lane], lane)
			}
		}
	})
}

// What is refused, or fails for too long, is kept and shown, and a person can
// have it tried again. Panics count as failures.
func TestGivenUp(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.desk.answer = func(raw intake.Raw) error {
			switch raw.Lane {
			case "broken":
				return intake.Refuse("mail_unreadable", errors.New("no header"))
			case "panics":
				panic("oh")
			}
			return nil
		}
		b.keep("broken", "1", "x")
		b.keep("panics", "2", "y")
		b.start("one", false)
		b.becomes("failed", 1)
		for i := range intake.DefaultLimits.MaxAttempts - 1 {
			testkit.Eventually(t, soon, "it was tried", func() bool { return len(b.desk.of("panics")) == i+1 })
			b.Clock.AwaitSleepers(1)
			b.Clock.Advance(5 * time.Minute)
		}
		b.becomes("failed", 2)
		failed, err := b.Intake.Failed(b.Ctx(), 10)
		if err != nil || len(failed) != 2 || failed[0].ErrorCode != "internal" || failed[1].ErrorCode != "mail_unreadable" || failed[1].Channel != "webchat" {
			t.Fatalf("%+v %v", failed, err)
		}
		b.desk.mu.Lock()
		b.desk.answer = nil
		b.desk.mu.Unlock()
		for _, f := range failed {
			if err := b.Intake.Retry(b.Ctx(), f.ID); err != nil {
				t.Fatal(err)
			}
		}
		b.becomes("done", 2)
		house.Refused(t, b.Intake.Retry(b.Ctx(), failed[0].ID), "not_found", "")
	})
}

// Later is no failure, however often it is said.
func TestLater(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		times := 0
		b.desk.answer = func(intake.Raw) error {
			if times++; times <= 2*intake.DefaultLimits.MaxAttempts {
				return intake.Later(time.Second, nil)
			}
			return nil
		}
		b.keep("a", "1", "x")
		b.start("one", false)
		for i := range 2 * intake.DefaultLimits.MaxAttempts {
			testkit.Eventually(t, soon, "it was tried", func() bool { return len(b.desk.of("a")) == i+1 })
			b.Clock.AwaitSleepers(1)
			b.Clock.Advance(time.Second)
		}
		b.becomes("done", 1)
	})
}

// What a dead process had claimed is handled by the next: at once when nobody
// else can have it, otherwise when the claim is over.
func TestCrashes(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		claim := func(key string) {
			b.keep(key, key, "x")
			b.Run("UPDATE inbound SET leased_by = 'dead', lease_until = ?, attempt = 1 WHERE lane = ?", b.Clock.Now().Add(intake.DefaultLimits.Lease).UnixMilli(), key)
		}
		claim("only")
		stop := b.start("one", true)
		b.becomes("done", 1)
		stop()
		claim("other")
		b.start("two", false)
		b.Clock.AwaitSleepers(1)
		if got := b.desk.of("other"); len(got) != 0 {
			t.Errorf("handled while another process has it: %v", got)
		}
		b.Clock.Advance(intake.DefaultLimits.Lease + time.Millisecond)
		testkit.Eventually(t, soon, "it is handled", func() bool { b.Bus.Publish(intake.Topic, nil); return len(b.desk.of("other")) == 1 })
		b.becomes("done", 2)
		n, err := b.Intake.Forget(b.Ctx(), b.Clock.Now().Add(time.Second), 10)
		if n != 2 || err != nil || b.Number("SELECT count(*) FROM inbound") != 0 {
			t.Errorf("%d %v", n, err)
		}
	})
}

// A process that was stopped in the middle of handling, and taken for dead by
// another one, wakes when that one has done it: what it does then is a repeat, what
// it says of it is not heard, and what came after is handled once.
func TestSleeper(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		asleep, wake := make(chan struct{}), make(chan struct{})
		var once atomic.Bool
		b.desk.answer = func(raw intake.Raw) error {
			slept := once.CompareAndSwap(false, true)
			if slept {
				close(asleep)
				<-wake
			}
			if _, err := b.Inbox.Receive(b.Ctx(), b.Inbound(b.Account, raw.Lane, raw.Key, string(raw.Body))); err != nil || !slept {
				return err
			}
			return intake.Refuse("unreadable", errors.New("said by a sleeper"))
		}
		b.keep("lin", "1", "hello")
		b.keep("lin", "2", "again")
		stop := b.startOn(nil, "sleeper", false)
		awake := sync.OnceFunc(func() { close(wake) })
		defer awake() // a test that fails must not wait for it
		<-asleep
		if err := b.DB.Write(b.Ctx(), func(tx *store.Tx) error { return b.Intake.ReleaseTx(tx, "sleeper") }); err != nil {
			t.Fatal(err)
		}
		b.start("other", false)
		b.becomes("done", 2)
		awake()
		stop()
		if n := b.Number("SELECT count(*) FROM inbound WHERE state = 'done' AND attempt <= 2"); n != 2 {
			t.Errorf("%d of 2 are done", n)
		}
		if n := b.Number("SELECT count(*) FROM messages WHERE direction = 'in'"); n != 2 {
			t.Errorf("%d messages", n)
		}
		if got := fmt.Sprint(b.desk.of("lin")); got != "[lin:hello lin:hello lin:again]" {
			t.Error(got)
		}
	})
}
