package inbox_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit/house"
)

func update(t *testing.T, h *house.House, p auth.Principal, id ids.ID, u inbox.Update) *inbox.Conversation {
	t.Helper()
	c, err := h.Inbox.Update(h.Ctx(), p, id, u)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestUpdateTellsWhatHappened(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		id := h.Receive("v", "1", "hello").Conversation
		lin, team := h.Teammate(auth.Principal{Role: auth.Agent, Name: "Lin"}), h.Team("Support")
		until := h.Clock.Now().Add(time.Hour)
		c := update(t, h, h.Boss, id, inbox.Update{Assignee: &lin.ID, Team: &team, Status: ptr(inbox.Snoozed), SnoozedUntil: &until})
		if c.AssigneeID != lin.ID || c.TeamID != team || c.Status != inbox.Snoozed || !c.SnoozedUntil.Equal(until) || c.Version != 2 {
			t.Errorf("%+v", c)
		}
		update(t, h, h.Boss, id, inbox.Update{Assignee: ptr(ids.ID(0)), Team: ptr(ids.ID(0)), Status: ptr(inbox.Open)})
		update(t, h, lin, id, inbox.Update{Assignee: &lin.ID, Status: ptr(inbox.Resolved)})
		same(t, "thread", bodies(thread(t, h, id)), []string{"[conversation_opened]", "hello", "[assigned]", "[team_changed]", "[snoozed]", "[unassigned]", "[team_changed]", "[reopened]", "[assigned]", "[resolved]"})
		all := thread(t, h, id)
		for i, want := range map[int]string{
			2: fmt.Sprintf("map[assignee_id:%s assignee_name:Lin by_id:%s by_name:Boss]", lin.ID, h.Boss.ID),
			3: "map[by_name:Boss team_name:Support]", 5: "map[by_name:Boss]", 6: "map[by_name:Boss team_name:<nil>]", 7: "map[by_name:Boss]", 9: "map[by_name:Lin]",
		} {
			same(t, all[i].Activity.Code, all[i].Activity.Params, want)
		}
		if c := get(t, h, h.Boss, id); c.LastMessage.Seq != 2 || c.WaitingSince != nil || c.LastSeq != 10 {
			t.Errorf("%+v", c)
		}
	})
}

func TestUpdateOfNothingChangesNothing(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		id := h.Receive("v", "1", "hello").Conversation
		until := h.Clock.Now().Add(time.Hour)
		update(t, h, h.Boss, id, inbox.Update{Assignee: &h.Boss.ID, Status: ptr(inbox.Snoozed), SnoozedUntil: &until})
		before := h.Dump()
		for _, u := range []inbox.Update{{}, {Assignee: &h.Boss.ID}, {Team: ptr(ids.ID(0))}, {Status: ptr(inbox.Snoozed), SnoozedUntil: &until}} {
			if c := update(t, h, h.Boss, id, u); c.Version != 2 {
				t.Errorf("%+v", c)
			}
		}
		same(t, "what is stored", h.Dump(), before)
	})
}

func TestUpdateRefuses(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		id := h.Receive("v", "1", "hello").Conversation
		team, gone := h.Team("Support"), h.Teammate(auth.Principal{Role: auth.Agent})
		h.Run("UPDATE teammates SET disabled_at = 1 WHERE id = ?", gone.ID)
		soon, snoozed := h.Clock.Now().Add(time.Hour), ptr(inbox.Snoozed)
		before := h.Dump()
		for name, c := range map[string]struct {
			u           inbox.Update
			code, field string
		}{
			"nobody":              {inbox.Update{Assignee: ptr(ids.ID(99))}, "teammate_unknown", "assignee_id"},
			"disabled":            {inbox.Update{Assignee: &gone.ID}, "teammate_unknown", "assignee_id"},
			"no team":             {inbox.Update{Team: ptr(ids.ID(99)), Assignee: &h.Boss.ID}, "team_unknown", "team_id"},
			"status":              {inbox.Update{Status: ptr(inbox.Status("closed")), Team: &team}, "not_one_of", "status"},
			"snooze without time": {inbox.Update{Status: snoozed}, "required", "snoozed_until"},
			"snooze now":          {inbox.Update{Status: snoozed, SnoozedUntil: ptr(h.Clock.Now())}, "snooze_out_of_range", "snoozed_until"},
			"snooze for ages":     {inbox.Update{Status: snoozed, SnoozedUntil: ptr(h.Clock.Now().AddDate(2, 0, 0))}, "snooze_out_of_range", "snoozed_until"},
			"time without status": {inbox.Update{SnoozedUntil: &soon}, "snooze_needs_status", "snoozed_until"},
			"time when open":      {inbox.Update{Status: ptr(inbox.Open), SnoozedUntil: &soon}, "snooze_needs_status", "snoozed_until"},
			"version":             {inbox.Update{Status: ptr(inbox.Resolved), IfVersion: ptr(int64(7))}, "conversation_changed", ""},
		} {
			_, err := h.Inbox.Update(h.Ctx(), h.Boss, id, c.u)
			house.Refused(t, err, c.code, c.field)
			if h.Dump() != before {
				t.Fatalf("%s: something was stored", name)
			}
		}
	})
}

// Of many who change the same version one wins, the others are told.
func TestIfVersion(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		id := h.Receive("v", "1", "hello").Conversation
		var won atomic.Int64
		var wg sync.WaitGroup
		for range 8 {
			p := h.Teammate(auth.Principal{Role: auth.Agent})
			wg.Go(func() {
				_, err := h.Inbox.Update(h.Ctx(), p, id, inbox.Update{Assignee: &p.ID, IfVersion: ptr(int64(1))})
				switch {
				case err == nil:
					won.Add(1)
				case fault.CodeOf(err) != "conversation_changed" || fault.KindOf(err) != fault.Conflict:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		same(t, "winners", won.Load(), 1)
		dense(t, thread(t, h, id))
	})
}

func TestSnoozedOnesWake(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		var all []ids.ID
		for i := range 120 { // more than one chunk
			all = append(all, h.Receive(fmt.Sprint("v", i), "1", "hello").Conversation)
		}
		if next, err := h.Inbox.WakeDue(h.Ctx()); err != nil || !next.IsZero() {
			t.Fatalf("%v %v", next, err)
		}
		start := h.Clock.Now()
		for i, id := range all {
			until := start.Add(time.Hour)
			if i == 0 {
				until = start.Add(2 * time.Hour)
			}
			update(t, h, h.Boss, id, inbox.Update{Status: ptr(inbox.Snoozed), SnoozedUntil: &until})
		}
		open := "SELECT count(*) FROM conversations WHERE status = 'open'"
		for _, step := range []struct {
			at   time.Duration
			open int64
			next time.Duration
		}{{time.Hour - time.Millisecond, 0, time.Hour}, {time.Hour, 119, 2 * time.Hour}, {30 * time.Minute, 119, 2 * time.Hour}, {2 * time.Hour, 120, 0}} {
			h.Clock.Advance(start.Add(step.at).Sub(h.Clock.Now()))
			next, err := h.Inbox.WakeDue(h.Ctx())
			if err != nil || step.next > 0 && !next.Equal(start.Add(step.next)) || step.next == 0 && !next.IsZero() {
				t.Errorf("at %v: next %v, %v", step.at, next, err)
			}
			same(t, fmt.Sprint("open at ", step.at), h.Number(open), step.open)
		}
		same(t, "counted", h.Number("SELECT sum(n) FROM conversation_counts WHERE status = 'open'"), 120)
		messages := thread(t, h, all[0])
		if last := messages[len(messages)-1]; last.Activity == nil || last.Activity.Code != "woken" {
			t.Errorf("%+v", last)
		}
	})
}

// However many cannot wake, the others do.
func TestThoseThatCannotWakeKeepNobodyWaiting(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		stuck := h.Clock.Now().Add(time.Hour)
		for i := range 130 { // more than one chunk of them, before the others
			until := stuck
			if i >= 110 {
				until = stuck.Add(time.Minute)
			}
			update(t, h, h.Boss, h.Receive(fmt.Sprint("v", i), "1", "hello").Conversation, inbox.Update{Status: ptr(inbox.Snoozed), SnoozedUntil: &until})
		}
		h.Clock.Advance(2 * time.Hour)
		when := fmt.Sprintf("WHEN (OLD.snoozed_until = %d)", clock.Millis(stuck))
		lift := "DROP TRIGGER stuck"
		if h.DB.Engine() == store.SQLite {
			h.Run("CREATE TRIGGER stuck BEFORE UPDATE ON conversations " + when + " BEGIN SELECT RAISE(ABORT, 'stuck'); END")
		} else {
			h.Run("CREATE FUNCTION stuck() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'stuck'; END $$")
			h.Run("CREATE TRIGGER stuck BEFORE UPDATE ON conversations FOR EACH ROW " + when + " EXECUTE FUNCTION stuck()")
			lift += " ON conversations"
		}
		if _, err := h.Inbox.WakeDue(h.Ctx()); err == nil || strings.Count(err.Error(), "wake conversation") != 110 {
			t.Errorf("what is told: %.300v", err)
		}
		open := "SELECT count(*) FROM conversations WHERE status = 'open'"
		same(t, "awake", h.Number(open), 20)
		h.Run(lift)
		if _, err := h.Inbox.WakeDue(h.Ctx()); err != nil {
			t.Error(err)
		}
		same(t, "awake once they can", h.Number(open), 130)
	})
}

// Two nodes wake the same ones at once: each conversation wakes once.
func TestWakingOnTwoNodes(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		for i := range 20 {
			id := h.Receive(fmt.Sprint("v", i), "1", "hello").Conversation
			update(t, h, h.Boss, id, inbox.Update{Status: ptr(inbox.Snoozed), SnoozedUntil: ptr(h.Clock.Now().Add(time.Hour))})
		}
		h.Clock.Advance(time.Hour)
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if _, err := h.Inbox.WakeDue(h.Ctx()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		same(t, "woken", h.Number("SELECT count(*) FROM messages WHERE payload LIKE '%woken%'"), 20)
	})
}
