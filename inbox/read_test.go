package inbox_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/testkit/house"
)

func TestUnreadArithmetic(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		id := h.Receive("v", "1", "one").Conversation // seq 2
		h.Receive("v", "2", "two")                    // 3
		h.Reply(h.Boss, id, "r", "three")             // 4
		h.Receive("v", "3", "four")                   // 5
		lin := h.Teammate(auth.Principal{Role: auth.Viewer})
		for _, step := range []struct{ seq, read, inbound int64 }{{0, 0, 0}, {1, 1, 0}, {2, 2, 1}, {5, 5, 3}, {3, 3, 2}, {99, 5, 3}, {4, 4, 2}} {
			got, err := h.Inbox.MarkRead(h.Ctx(), lin, id, step.seq)
			if err != nil || got.Seq != step.read || got.InboundCount != step.inbound || got.ConversationID != id {
				t.Errorf("read %d: %+v %v", step.seq, got, err)
			}
			if c := get(t, h, lin, id); *c.ReadSeq != step.read || *c.ReadInboundCount != step.inbound {
				t.Errorf("read %d: %+v", step.seq, c)
			}
		}
		same(t, "what the customer sees read", h.Number("SELECT agent_read_seq FROM conversations"), 5)
		same(t, "the boss has read", *get(t, h, h.Boss, id).ReadInboundCount, 2)
		_, err := h.Inbox.MarkRead(h.Ctx(), lin, id, -1)
		house.Refused(t, err, "not_negative", "seq")
		before := h.Dump()
		if _, err := h.Inbox.MarkRead(h.Ctx(), lin, id, 4); err != nil || h.Dump() != before {
			t.Error("reading to the same place again stores something", err)
		}
	})
}

// Whatever comes in while people read and unread, inbound_count less
// read_inbound_count is the number of inbound messages behind the cursor.
func TestUnreadWhileMessagesCome(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		id := h.Receive("v", "0", "zero").Conversation
		readers := []auth.Principal{h.Boss, h.Teammate(auth.Principal{Role: auth.Agent}), h.Teammate(auth.Principal{Role: auth.Viewer})}
		var wg sync.WaitGroup
		wg.Go(func() {
			for i := range 30 {
				h.Receive("v", fmt.Sprint("m", i), "text")
			}
		})
		for r, p := range readers {
			rng := rand.New(rand.NewPCG(1, uint64(r)))
			wg.Go(func() {
				for i := range 15 {
					if _, err := h.Inbox.MarkRead(h.Ctx(), p, id, rng.Int64N(35)); err != nil {
						t.Error(err)
					}
					if r == 0 && i%3 == 0 {
						h.Reply(p, id, fmt.Sprint("r", i), "text")
					}
				}
			})
		}
		wg.Wait()
		dense(t, thread(t, h, id))
		for _, p := range readers {
			c := get(t, h, p, id)
			behind := h.Number("SELECT count(*) FROM messages WHERE conversation_id = ? AND direction = 'in' AND seq > ?", id, *c.ReadSeq)
			same(t, "unread", c.InboundCount-*c.ReadInboundCount, behind)
		}
	})
}

func TestDrafts(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		id := h.Receive("v", "1", "hello").Conversation
		lin := h.Teammate(auth.Principal{Role: auth.Agent})
		read := func(p auth.Principal) inbox.Draft {
			t.Helper()
			d, err := h.Inbox.ReadDraft(h.Ctx(), p, id)
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
		for _, body := range []string{"Dear ", "Dear\n\n", "  indented", "好", strings.Repeat("x", house.MaxBody), "tab\t"} {
			if err := h.Inbox.SaveDraft(h.Ctx(), lin, id, inbox.Draft{Kind: inbox.KindNote, Body: body}); err != nil {
				t.Fatal(err)
			}
			same(t, "draft", read(lin), inbox.Draft{Kind: inbox.KindNote, Body: body})
			same(t, "the boss's", read(h.Boss), inbox.Draft{Kind: inbox.KindText})
		}
		if err := h.Inbox.SaveDraft(h.Ctx(), lin, id, inbox.Draft{Kind: inbox.KindText, Body: "a\r\nb\x00 "}); err != nil {
			t.Fatal(err)
		}
		same(t, "cleaned", read(lin).Body, "a\nb ")
		house.Refused(t, h.Inbox.SaveDraft(h.Ctx(), lin, id, inbox.Draft{Kind: "poem", Body: "x"}), "not_one_of", "kind")
		house.Refused(t, h.Inbox.SaveDraft(h.Ctx(), lin, id, inbox.Draft{Kind: inbox.KindText, Body: strings.Repeat("x", house.MaxBody+1)}), "body_too_long", "body")
		same(t, "after refusals", read(lin).Body, "a\nb ")
		if err := h.Inbox.SaveDraft(h.Ctx(), lin, id, inbox.Draft{Kind: inbox.KindText}); err != nil {
			t.Fatal(err)
		}
		same(t, "drafts", h.Number("SELECT count(*) FROM drafts"), 0)
		same(t, "told to others", h.Number("SELECT count(*) FROM changes WHERE kind = 'draft' AND (audience <> 'own' OR teammate_id <> ?)", lin.ID), 0)
	})
}

func TestPagesOfAThread(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		id := h.Receive("v", "0", "zero").Conversation
		for i := range 18 {
			h.Receive("v", fmt.Sprint(i+1), "text")
		} // seq 1..20
		for _, c := range []struct {
			after, before *int64
			limit         int
			first, last   int64
			moreBefore    bool
			moreAfter     bool
		}{
			{nil, nil, 5, 16, 20, true, false}, {nil, nil, 20, 1, 20, false, false}, {nil, nil, 50, 1, 20, false, false},
			{nil, ptr(int64(16)), 5, 11, 15, true, true}, {nil, ptr(int64(4)), 5, 1, 3, false, true}, {nil, ptr(int64(1)), 5, 0, 0, false, true},
			{ptr(int64(0)), nil, 5, 1, 5, false, true}, {ptr(int64(15)), nil, 5, 16, 20, true, false}, {ptr(int64(20)), nil, 5, 0, 0, true, false},
			{ptr(int64(17)), nil, 2, 18, 19, true, true},
		} {
			page, err := h.Inbox.Messages(h.Ctx(), h.Boss, id, c.after, c.before, c.limit)
			if err != nil {
				t.Fatal(err)
			}
			var first, last int64
			if n := len(page.Messages); n > 0 {
				first, last = page.Messages[0].Seq, page.Messages[n-1].Seq
				same(t, "length", int64(n), last-first+1)
			}
			if first != c.first || last != c.last || page.MoreBefore != c.moreBefore || page.MoreAfter != c.moreAfter {
				t.Errorf("%+v gave %d..%d %v %v", c, first, last, page.MoreBefore, page.MoreAfter)
			}
		}
		if n, err := h.Inbox.CountMessages(h.Ctx(), h.Boss, id); err != nil || n != 20 {
			t.Errorf("%d %v", n, err)
		}
	})
}
