package inbox_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/testkit/house"
)

// town is a house with enough people to make every filter matter.
type town struct {
	*house.House
	rng           *rand.Rand
	accounts      []*channels.Account
	agents        []auth.Principal
	teams         []ids.ID
	conversations []ids.ID
	n             int
}

func newTown(t *testing.T, h *house.House, seed uint64) *town {
	w := &town{House: h, rng: rand.New(rand.NewPCG(seed, 7)), accounts: []*channels.Account{h.Account, h.NewAccount("B", nil), h.NewAccount("C", nil)}}
	t.Logf("seed %d", seed)
	for i := range 3 {
		w.teams = append(w.teams, h.Team(fmt.Sprint("team ", i)))
		w.agents = append(w.agents, h.Teammate(auth.Principal{Role: auth.Agent}))
	}
	return w
}

// pick returns one of them.
func pick[T any](rng *rand.Rand, of ...T) T { return of[rng.IntN(len(of))] }

// some returns a random part of them, in their order.
func some[T any](rng *rand.Rand, of []T) (out []T) {
	for _, v := range of {
		if rng.IntN(2) == 0 {
			out = append(out, v)
		}
	}
	return out
}

// step does one random thing to a conversation.
func (w *town) step(t *testing.T) {
	t.Helper()
	w.Clock.Advance(time.Duration(w.rng.IntN(3)-1) * time.Second)
	w.n++
	key := fmt.Sprint(w.n)
	if len(w.conversations) == 0 || w.rng.IntN(4) == 0 {
		visitor := fmt.Sprint("visitor ", w.rng.IntN(20))
		r, err := w.Inbox.Receive(w.Ctx(), w.Inbound(pick(w.rng, w.accounts...), visitor, key, "text"))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(w.conversations, r.Conversation) {
			w.conversations = append(w.conversations, r.Conversation)
		}
		return
	}
	id, p := pick(w.rng, w.conversations...), pick(w.rng, append(w.agents, w.Boss)...)
	var err error
	switch w.rng.IntN(6) {
	case 0:
		_, err = w.Inbox.Write(w.Ctx(), p, id, inbox.Write{ClientKey: key, Kind: pick(w.rng, inbox.KindText, inbox.KindNote), Body: "text", AndResolve: w.rng.IntN(3) == 0})
	case 1:
		_, err = w.Inbox.MarkRead(w.Ctx(), p, id, w.rng.Int64N(20))
	case 2:
		_, err = w.Inbox.Update(w.Ctx(), p, id, inbox.Update{Assignee: ptr(pick(w.rng, 0, w.agents[0].ID, w.agents[1].ID, w.agents[2].ID))})
	case 3:
		_, err = w.Inbox.Update(w.Ctx(), p, id, inbox.Update{Team: ptr(pick(w.rng, append(w.teams, 0)...)), Status: ptr(inbox.Open)})
	case 4:
		_, err = w.Inbox.Update(w.Ctx(), p, id, inbox.Update{Status: ptr(inbox.Resolved)})
	case 5:
		until := w.Clock.Now().Add(time.Duration(1+w.rng.IntN(5)) * time.Second)
		if _, err = w.Inbox.Update(w.Ctx(), p, id, inbox.Update{Status: ptr(inbox.Snoozed), SnoozedUntil: &until}); err == nil {
			_, err = w.Inbox.WakeDue(w.Ctx())
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// principal is anybody who may read the inbox, in any state of rights.
func (w *town) principal() auth.Principal {
	p := auth.Principal{
		ID: pick(w.rng, w.agents...).ID, Role: pick(w.rng, auth.Roles...), Scope: pick(w.rng, auth.ScopeAll, auth.ScopeTeam, auth.ScopeAssigned), Token: w.rng.IntN(6) == 0,
		TeamIDs: some(w.rng, w.teams),
	}
	if w.rng.IntN(2) == 0 {
		for _, a := range some(w.rng, w.accounts) {
			p.AccountIDs = append(p.AccountIDs, a.ID)
		}
	}
	return p
}

func (w *town) filter() inbox.Filter {
	f := inbox.Filter{View: pick(w.rng, "", inbox.ViewAll, inbox.ViewMine, inbox.ViewUnassigned), Status: pick(w.rng, "", inbox.Open, inbox.Snoozed, inbox.Resolved)}
	if w.rng.IntN(4) == 0 {
		f.View, f.Team = inbox.ViewTeam, pick(w.rng, w.teams...)
	}
	if w.rng.IntN(4) == 0 {
		f.Account = pick(w.rng, w.accounts...).ID
	}
	if w.rng.IntN(4) == 0 {
		f.Assignee = pick(w.rng, w.agents...).ID
	}
	return f
}

// matches is what the filter says, in words of its own.
func matches(p auth.Principal, f inbox.Filter, c *inbox.Conversation) bool {
	mine := !p.Token && c.AssigneeID == p.ID
	return (f.Status == "" || c.Status == f.Status) && (f.View != inbox.ViewMine || mine) && (f.View != inbox.ViewUnassigned || c.AssigneeID == 0) &&
		(f.Team == 0 || c.TeamID == f.Team) && (f.Account == 0 || c.AccountID == f.Account) && (f.Assignee == 0 || c.AssigneeID == f.Assignee) &&
		(f.Customer == 0 || c.Customer.ID == f.Customer) && p.Sees(c.AccountID, c.TeamID, c.AssigneeID)
}

// pages reads a whole list, page by page.
func (w *town) pages(t *testing.T, p auth.Principal, f inbox.Filter, limit int) (all []*inbox.Conversation) {
	t.Helper()
	for f.Limit = limit; ; {
		page, err := w.Inbox.List(w.Ctx(), p, f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page...)
		if len(page) < limit {
			return all
		}
		last := page[len(page)-1]
		f.Before = inbox.Position{At: last.LastActivityAt, ID: last.ID}
	}
}

func idsOf(list []*inbox.Conversation) (out []ids.ID) {
	for _, c := range list {
		out = append(out, c.ID)
	}
	return out
}

// After any sequence of operations the counters are what counting would give,
// and list, count, counts and Sees agree for everybody and every filter.
func TestListsAndCountersAreExact(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		w := newTown(t, h, 11)
		for round := range 12 {
			for range 12 {
				w.step(t)
			}
			everything := w.pages(t, w.Boss, inbox.Filter{}, 200)
			same(t, "conversations", len(everything), len(w.conversations))
			w.counters(t)
			for range 12 {
				p, f := w.principal(), w.filter()
				if w.rng.IntN(6) == 0 {
					f.Customer = pick(w.rng, everything...).Customer.ID
				}
				w.compare(t, p, f, everything)
			}
			if t.Failed() {
				t.Fatalf("round %d", round)
			}
		}
	})
}

// counters compares conversation_counts with the conversations.
func (w *town) counters(t *testing.T) {
	t.Helper()
	const place = "account_id, team_id, assignee_id, status"
	wrong := w.Number(`SELECT count(*) FROM (
  SELECT ` + place + `, sum(n) AS n FROM (
    SELECT ` + place + `, n FROM conversation_counts UNION ALL SELECT ` + place + `, -1 FROM conversations
  ) a GROUP BY ` + place + `) b WHERE n <> 0`)
	if wrong != 0 || w.Number("SELECT count(*) FROM conversation_counts WHERE n < 0") != 0 {
		t.Errorf("%d counters are wrong", wrong)
	}
}

func (w *town) compare(t *testing.T, p auth.Principal, f inbox.Filter, everything []*inbox.Conversation) {
	t.Helper()
	if !p.Can(auth.InboxRead) {
		_, err := w.Inbox.List(w.Ctx(), p, f)
		house.Refused(t, err, "forbidden", "")
		_, err = w.Inbox.Count(w.Ctx(), p, f)
		house.Refused(t, err, "forbidden", "")
		_, err = w.Inbox.Counts(w.Ctx(), p)
		house.Refused(t, err, "forbidden", "")
		return
	}
	var want []ids.ID
	expect := inbox.Counts{Teams: map[string]int64{}, Accounts: map[string]int64{}}
	for _, c := range everything {
		if matches(p, f, c) {
			want = append(want, c.ID)
		}
		if c.Status != inbox.Open || !p.Sees(c.AccountID, c.TeamID, c.AssigneeID) {
			continue
		}
		expect.All++
		expect.Accounts[c.AccountID.String()]++
		if c.TeamID != 0 {
			expect.Teams[c.TeamID.String()]++
		}
		switch {
		case c.AssigneeID == 0:
			expect.Unassigned++
		case c.AssigneeID == p.ID && !p.Token:
			expect.Mine++
			if got := get(t, w.House, auth.Principal{ID: p.ID, Role: auth.Owner}, c.ID); got.InboundCount > *got.ReadInboundCount {
				expect.Unread++
			}
		}
	}
	got := w.pages(t, p, f, 1+w.rng.IntN(7))
	if !slices.Equal(idsOf(got), want) {
		t.Errorf("%+v\n%+v\nlisted %v\nwant   %v", p, f, idsOf(got), want)
	}
	n, err := w.Inbox.Count(w.Ctx(), p, f)
	if err != nil || int(n) != len(want) {
		t.Errorf("%+v\n%+v\ncounted %d, want %d, %v", p, f, n, len(want), err)
	}
	counts, err := w.Inbox.Counts(w.Ctx(), p)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []map[string]int64{counts.Teams, counts.Accounts} {
		for k, v := range m {
			if v == 0 {
				delete(m, k) // nobody stands there any more
			}
		}
	}
	same(t, fmt.Sprintf("counts of %+v", p), counts, expect)
}

// While conversations move up, paging neither repeats one nor skips one that
// stayed where it was.
func TestPagingWhileActivityMoves(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		w := newTown(t, h, 3)
		for i := range 40 {
			w.conversations = append(w.conversations, h.Receive(fmt.Sprint("v", i), "0", "x").Conversation)
			if i%3 > 0 { // many share an instant
				h.Clock.Advance(time.Millisecond)
			}
		}
		moved, seen := map[ids.ID]bool{}, map[ids.ID]int{}
		f := inbox.Filter{Limit: 4}
		for page := 0; ; page++ {
			list, err := h.Inbox.List(h.Ctx(), h.Boss, f)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range list {
				seen[c.ID]++
			}
			if len(list) < f.Limit {
				break
			}
			last := list[len(list)-1]
			f.Before = inbox.Position{At: last.LastActivityAt, ID: last.ID}
			h.Clock.Advance(time.Second)
			i := w.rng.IntN(40)
			h.Receive(fmt.Sprint("v", i), fmt.Sprint(page+1), "up")
			moved[w.conversations[i]] = true
		}
		for _, id := range w.conversations {
			if seen[id] > 1 || seen[id] == 0 && !moved[id] {
				t.Errorf("conversation %s was listed %d times (moved: %v)", id, seen[id], moved[id])
			}
		}
	})
}

func TestListRefuses(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		for _, c := range []struct {
			f           inbox.Filter
			code, field string
		}{
			{inbox.Filter{View: "later"}, "not_one_of", "view"}, {inbox.Filter{Status: "closed"}, "not_one_of", "status"}, {inbox.Filter{View: inbox.ViewTeam}, "required", "team_id"},
		} {
			_, err := h.Inbox.List(h.Ctx(), h.Boss, c.f)
			house.Refused(t, err, c.code, c.field)
			_, err = h.Inbox.Count(h.Ctx(), h.Boss, c.f)
			house.Refused(t, err, c.code, c.field)
		}
	})
}
