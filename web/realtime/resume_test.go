package realtime_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/bus"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/store/feed"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/web/realtime"
)

func ptr[T any](v T) *T { return &v }

// follower is a client that is cut at random points and resumes.
type follower struct {
	*client
	p        auth.Principal
	position any
	got      []string // "position kind"
	resets   int
}

func (f *follower) connect(t *testing.T, h *hall) {
	t.Helper()
	var hello frame
	f.client, hello = h.staff(t, f.p, f.position)
	if f.position != nil && !hello.Resumed {
		f.resets++
	}
	f.position = hello.Position
}

// expected is what a principal may see of the whole feed, by the rules of the
// protocol: nothing of what it never saw, conversation where sight is gained,
// removed where it is lost.
func expected(t *testing.T, h *hall, p auth.Principal, from feed.Position) (out []string) {
	t.Helper()
	all, err := feed.After(h.DB.Reader(h.Ctx()), from, 100000)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		kind := c.Kind
		switch c.Audience {
		case feed.Visitor:
			continue
		case feed.Own:
			if c.Teammate != p.ID {
				continue
			}
		case feed.Inbox:
			if !p.Can(auth.InboxRead) {
				continue
			}
			before, after := c.Existed && p.Sees(c.Account, c.Before.Team, c.Before.Assignee), p.Sees(c.Account, c.After.Team, c.After.Assignee)
			switch {
			case !before && !after:
				continue
			case before && !after:
				kind = "removed"
			case !before && c.Existed:
				kind = "conversation"
			}
		}
		out = append(out, c.Position.String()+" "+kind)
	}
	return out
}

// Clients that are cut at random points have, after resuming, every change they
// may see exactly once and in order. Conversations do not change hands while a
// client is away here; TestReplayJudgesByToday has those.
func TestResumeIsExact(t *testing.T) {
	each(t, func(t *testing.T, h *hall) {
		rng := rand.New(rand.NewPCG(4, 2))
		team := h.Team("Support")
		other := h.NewAccount("Other", nil)
		people := []auth.Principal{
			h.Boss, h.Teammate(auth.Principal{Role: auth.Manager}), h.Teammate(auth.Principal{Role: auth.Agent}), h.Teammate(auth.Principal{Role: auth.Marketer}),
			h.Teammate(auth.Principal{Role: auth.Agent, Scope: auth.ScopeTeam, TeamIDs: []ids.ID{team}}),
			h.Teammate(auth.Principal{Role: auth.Viewer, Scope: auth.ScopeAssigned}),
			h.Teammate(auth.Principal{Role: auth.Agent, AccountIDs: []ids.ID{other.ID}}),
		}
		start := h.settled(t)
		var all []*follower
		for _, p := range people {
			f := &follower{p: p}
			f.connect(t, h)
			all = append(all, f)
		}
		var conversations []ids.ID
		write := func(n int) {
			key := fmt.Sprint(n)
			account := h.Account
			if n%5 == 0 {
				account = other
			}
			r, err := h.Inbox.Receive(h.Ctx(), h.Inbound(account, fmt.Sprint("v", rng.IntN(8)), key, "text "+key))
			if err != nil {
				t.Fatal(err)
			}
			conversations = append(conversations, r.Conversation)
			who := people[rng.IntN(3)]
			if who.Can(auth.InboxReply) {
				h.Reply(who, conversations[rng.IntN(len(conversations))], key, "answer")
			}
		}
		n := 0
		for round := range 12 {
			for _, f := range all {
				if rng.IntN(3) == 0 {
					f.cut()
					f.client = nil
				}
			}
			for range rng.IntN(6) {
				n++
				write(n)
			}
			// While everybody is connected, conversations change hands.
			for _, f := range all {
				if f.client == nil {
					f.connect(t, h)
				}
			}
			if len(conversations) > 0 && round%2 == 0 {
				here := h.settled(t)
				for _, f := range all {
					f.follow(t, here)
				}
				id := conversations[rng.IntN(len(conversations))]
				u := inbox.Update{Assignee: ptr([]ids.ID{0, people[5].ID, people[2].ID}[rng.IntN(3)]), Team: ptr([]ids.ID{0, team}[rng.IntN(2)])}
				if _, err := h.Inbox.Update(h.Ctx(), h.Boss, id, u); err != nil {
					t.Fatal(err)
				}
				here = h.settled(t)
				for _, f := range all {
					f.follow(t, here)
				}
			}
		}
		end := h.settled(t)
		for i, f := range all {
			f.follow(t, end)
			want := expected(t, h, f.p, start)
			if strings.Join(f.got, "\n") != strings.Join(want, "\n") {
				t.Errorf("client %d (%s %s) got\n%s\nwant\n%s", i, f.p.Role, f.p.Scope, strings.Join(f.got, "\n"), strings.Join(want, "\n"))
			}
			same(t, "snapshots", f.resets, 0)
		}
	})
}

// follow reads what has come up to now: a ping tells where that is, since a
// client may see nothing of the last changes.
func (f *follower) follow(t *testing.T, until feed.Position) {
	t.Helper()
	f.say(map[string]any{"t": "ping"})
	for {
		x := f.next("change", "position", "pong")
		if x.T == "pong" {
			return
		}
		at, _ := feed.ParsePosition(f.position.(string))
		next, err := feed.ParsePosition(x.Position)
		if err != nil || next.Before(at) || x.T == "change" && next == at || until.Before(next) {
			t.Fatalf("%s came at %v (until %v), %v", x.text, at, until, err)
		}
		f.position = x.Position
		if x.T == "change" {
			f.got = append(f.got, x.Position+" "+x.Kind)
		}
	}
}

// A replay is judged by where things stand today.
func TestReplayJudgesByToday(t *testing.T) {
	each(t, func(t *testing.T, h *hall) {
		lin := h.Teammate(auth.Principal{Role: auth.Agent, Scope: auth.ScopeAssigned})
		mine, lost, gained := h.Receive("a", "1", "A").Conversation, h.Receive("b", "1", "B").Conversation, h.Receive("c", "1", "C").Conversation
		h.Assign(mine, lin.ID)
		h.Assign(lost, lin.ID)
		h.settled(t)
		c, hello := h.staff(t, lin, nil)
		c.cut()
		h.Receive("a", "2", "for lin")
		h.Receive("b", "2", "SECRET while still lin's")
		h.Assign(lost, 0)
		h.Receive("b", "3", "SECRET afterwards")
		h.Receive("c", "2", "before it was lin's")
		h.Assign(gained, lin.ID)
		h.Receive("c", "3", "for lin as well")
		h.settled(t)
		c, again := h.staff(t, lin, hello.Position)
		if !again.Resumed {
			t.Fatal(again.text)
		}
		var got []string
		c.say(map[string]any{"t": "ping"})
		for {
			f := c.next("change", "pong")
			if f.T == "pong" {
				break
			}
			if strings.Contains(f.text, "SECRET") {
				t.Errorf("content of a lost conversation: %s", f.text)
			}
			got = append(got, f.Kind)
		}
		same(t, "replay", got, []string{"message", "removed", "conversation", "message"})
	})
}

// Sight is gained and lost live, too: gained with the whole state, lost without content.
func TestSightMoves(t *testing.T) {
	each(t, func(t *testing.T, h *hall) {
		lin, mei := h.Teammate(auth.Principal{Role: auth.Agent, Scope: auth.ScopeAssigned}), h.Teammate(auth.Principal{Role: auth.Agent, Scope: auth.ScopeAssigned})
		id := h.Receive("a", "1", "hello").Conversation
		l, _ := h.staff(t, lin, nil)
		m, _ := h.staff(t, mei, nil)
		h.Assign(id, lin.ID)
		if c := conversationOf(t, l.changed("conversation")); c.ID != id || c.AssigneeID != lin.ID || c.LastMessage == nil {
			t.Errorf("%+v", c)
		}
		h.Receive("a", "2", "more")
		l.changed("message")
		h.Assign(id, mei.ID)
		if f := l.changed("removed"); string(f.Data) != fmt.Sprintf(`{"conversation_id":"%s"}`, id) {
			t.Errorf("%s", f.text)
		}
		if c := conversationOf(t, m.changed("conversation")); c.AssigneeID != mei.ID {
			t.Errorf("%+v", c)
		}
		h.Receive("a", "3", "and more")
		m.changed("message")
		h.settled(t)
		l.quiet()
	})
}

// Positions that cannot be resumed from ask for a snapshot, in words.
func TestNoResume(t *testing.T) {
	each(t, func(t *testing.T, h *hall) {
		for i := range 5 {
			h.Receive("v", fmt.Sprint(i), "text")
		}
		h.settled(t)
		_, hello := h.staff(t, h.Boss, nil)
		h.Receive("v", "5", "text")
		at := h.settled(t)
		future := feed.Position{Xact: at.Xact + 1e9, ID: at.ID/2 + 1<<40}
		for _, after := range []string{"", "nonsense", "-1.0", future.String()} {
			c, f := h.staff(t, h.Boss, after)
			if f.Resumed {
				t.Errorf("%q: %s", after, f.text)
			}
			h.Receive("v", "after "+after, "text")
			c.changed("message") // and what comes from now on comes
		}
		if err := h.DB.Write(h.Ctx(), func(tx *store.Tx) error {
			_, err := feed.Prune(tx, h.Clock.Now().Add(time.Hour), 1000)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if _, f := h.staff(t, h.Boss, hello.Position); f.Resumed {
			t.Errorf("resumed from what is gone: %s", f.text)
		}
		// The teammate's own rights may have moved while they were away.
		lin := h.Teammate(auth.Principal{Role: auth.Agent})
		_, hello = h.staff(t, lin, nil)
		h.tell(t, feed.Change{Kind: "teammate", Audience: feed.Staff, Teammate: lin.ID, Payload: []byte(`{"teammate":{},"rights_version":1}`)})
		h.settled(t)
		if _, f := h.staff(t, lin, hello.Position); f.Resumed {
			t.Errorf("resumed across a change of rights: %s", f.text)
		}
		if _, f := h.staff(t, h.Boss, hello.Position); !f.Resumed {
			t.Errorf("others resume: %s", f.text)
		}
	})
}

// A returning client that has missed more than its queue holds takes a
// snapshot instead of being cut again and again.
func TestALongAbsence(t *testing.T) {
	h := open(t, store.SQLite)
	_, hello := h.staff(t, h.Boss, nil)
	for i := range 200 { // more than 5 MB
		h.Receive("v", fmt.Sprint(i), strings.Repeat("好", 9000))
	}
	h.settled(t)
	c, f := h.staff(t, h.Boss, hello.Position)
	if f.Resumed {
		t.Error("more than half of the queue is replayed")
	}
	c.quiet()
}

// A client that comes from a node that is further along gets nothing twice and
// nothing is lost.
func TestResumeOnANodeThatIsBehind(t *testing.T) {
	h := open(t, store.SQLite)
	machine := testkit.Clock(t) // the second node polls when it moves, and nobody hints it
	hub, server, stop := h.node(t, "node-2", func(o *realtime.Options) { o.Bus, o.Machine = bus.NewMemory(), machine })
	defer stop()
	id := h.Receive("v", "1", "one").Conversation
	ahead := h.settled(t)
	h2 := &hall{House: h.House, hub: hub, server: server}
	c, f := h2.staff(t, h.Boss, ahead.String())
	if !f.Resumed || f.Position != ahead.String() {
		t.Errorf("%s, ahead is %s", f.text, ahead)
	}
	h.Reply(h.Boss, id, "k", "two")
	h.settled(t)
	machine.AwaitSleepers(3)
	machine.Advance(time.Second)
	seen := 0
	testkit.Eventually(t, soon, "the node catches up", func() bool { return !hub.Position().Before(h.hub.Position()) && hub.Position() != ahead })
	c.say(map[string]any{"t": "ping"})
	for {
		x := c.next("change", "pong")
		if x.T == "pong" {
			break
		}
		if p, _ := feed.ParsePosition(x.Position); !ahead.Before(p) {
			t.Errorf("a change it had comes again: %s", x.text)
		}
		seen++
	}
	if seen != 2 { // the answer, and the boss's own cursor
		t.Errorf("%d changes came", seen)
	}
}
