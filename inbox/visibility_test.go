package inbox_test

import (
	"testing"

	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/testkit/house"
)

// What one may not see does not exist, whichever way one asks; and asking
// changes nothing.
func TestOutOfSight(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		id := h.Receive("v", "1", "hello").Conversation
		team := h.Team("Support")
		update(t, h, h.Boss, id, inbox.Update{Assignee: &h.Boss.ID, Team: &team})
		m := h.Reply(h.Boss, id, "k", "hi")
		h.Run("UPDATE deliveries SET state = 'failed'")
		other := h.NewAccount("Other", nil)
		blind := map[string]auth.Principal{
			"another account": h.Teammate(auth.Principal{Role: auth.Agent, AccountIDs: []ids.ID{other.ID}, TeamIDs: []ids.ID{team}}),
			"another team":    h.Teammate(auth.Principal{Role: auth.Agent, Scope: auth.ScopeTeam, TeamIDs: []ids.ID{team + 1}}),
			"own only":        h.Teammate(auth.Principal{Role: auth.Agent, Scope: auth.ScopeAssigned, TeamIDs: []ids.ID{team}}),
			"a token":         {ID: h.Boss.ID, Token: true, Role: auth.Agent, Scope: auth.ScopeAssigned},
		}
		before := h.Dump()
		for name, p := range blind {
			for what, try := range ways(h, p, id, m.Delivery.ID) {
				if err := try(); err == nil {
					t.Errorf("%s: %s works", name, what)
				} else if code := codeOf(err); code != "not_found" && (!p.Token || code != "teammates_only") {
					t.Errorf("%s: %s says %v", name, what, err)
				}
			}
			if ok, err := h.Inbox.VisibleNow(h.DB.Reader(h.Ctx()), p, id); ok || err != nil {
				t.Errorf("%s: visible now: %v %v", name, ok, err)
			}
			if list, err := h.Inbox.List(h.Ctx(), p, inbox.Filter{Limit: 10}); err != nil || len(list) != 0 {
				t.Errorf("%s: listed %v %v", name, list, err)
			}
		}
		same(t, "what is stored", h.Dump(), before)
		for what, try := range ways(h, h.Boss, 12345, 12345) {
			house.Refused(t, try(), "not_found", "")
			_ = what
		}
	})
}

// ways are all the ways to a conversation.
func ways(h *house.House, p auth.Principal, id, delivery ids.ID) map[string]func() error {
	ctx := h.Ctx()
	return map[string]func() error{
		"get":      func() error { _, err := h.Inbox.Get(ctx, p, id); return err },
		"messages": func() error { _, err := h.Inbox.Messages(ctx, p, id, nil, nil, 10); return err },
		"count":    func() error { _, err := h.Inbox.CountMessages(ctx, p, id); return err },
		"draft":    func() error { _, err := h.Inbox.ReadDraft(ctx, p, id); return err },
		"save":     func() error { return h.Inbox.SaveDraft(ctx, p, id, inbox.Draft{Kind: "text", Body: "x"}) },
		"read":     func() error { _, err := h.Inbox.MarkRead(ctx, p, id, 1); return err },
		"update": func() error {
			_, err := h.Inbox.Update(ctx, p, id, inbox.Update{Status: ptr(inbox.Resolved)})
			return err
		},
		"retry": func() error { _, err := h.Inbox.Retry(ctx, p, delivery); return err },
		"write": func() error {
			_, err := h.Inbox.Write(ctx, p, id, inbox.Write{ClientKey: "z", Kind: "note", Body: "x"})
			return err
		},
		"the key of a message that is out of sight": func() error {
			_, err := h.Inbox.Write(ctx, p, id, inbox.Write{ClientKey: "k", Kind: "text", Body: "x"})
			return err
		},
	}
}

// Every role may do what the protocol's table says, and the refusal names the
// permission.
func TestPermissions(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		id := h.Receive("v", "1", "hello").Conversation
		reads := map[string]bool{"get": true, "messages": true, "count": true, "draft": true, "read": true}
		for _, role := range auth.Roles {
			p := h.Teammate(auth.Principal{Role: role})
			for what, try := range ways(h, p, id, 1) {
				allowed := p.Can(auth.InboxReply)
				if reads[what] {
					allowed = p.Can(auth.InboxRead)
				}
				if refused := codeOf(try()) == "forbidden"; refused == allowed {
					t.Errorf("%s, %s: allowed %v", role, what, !refused)
				}
			}
		}
	})
}

// An update that hands a conversation to somebody else still returns it, once.
func TestGivingAway(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		id := h.Receive("v", "1", "hello").Conversation
		lin, mei := h.Teammate(auth.Principal{Role: auth.Agent, Scope: auth.ScopeAssigned}), h.Teammate(auth.Principal{Role: auth.Agent, Scope: auth.ScopeAssigned})
		h.Assign(id, lin.ID)
		if c := update(t, h, lin, id, inbox.Update{Assignee: &mei.ID}); c.AssigneeID != mei.ID {
			t.Errorf("%+v", c)
		}
		_, err := h.Inbox.Get(h.Ctx(), lin, id)
		house.Refused(t, err, "not_found", "")
		get(t, h, mei, id)
	})
}

func codeOf(err error) string { return fault.CodeOf(err) }
