package api

import (
	"context"
	"net/http"
	"time"

	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
)

func (s *Server) addConversations() {
	add(s, operation{
		id: "listConversations", method: http.MethodGet, path: root + "/conversations", tag: "inbox", access: needs(auth.InboxRead),
		summary: "Conversations that the caller sees, newest activity first",
	}, s.listConversations)
	add(s, operation{
		id: "countConversations", method: http.MethodGet, path: root + "/conversations/counts", tag: "inbox", access: needs(auth.InboxRead),
		summary: "The numbers beside the views: open conversations that the caller sees",
	}, func(ctx context.Context, _ *struct{}) (*answer[inbox.Counts], error) {
		return answered(s.o.Inbox.Counts(ctx, principal(ctx)))
	})
	add(s, operation{
		id: "getConversation", method: http.MethodGet, path: root + "/conversations/{id}", tag: "inbox", access: needs(auth.InboxRead),
		summary: "One conversation with the caller's own read cursor",
	}, func(ctx context.Context, in *ByID) (*answer[*inbox.Conversation], error) {
		return answered(s.o.Inbox.Get(ctx, principal(ctx), in.ID.ID))
	})
	add(s, operation{
		id: "updateConversation", method: http.MethodPatch, path: root + "/conversations/{id}", tag: "inbox", access: needs(auth.InboxReply),
		summary: "Change status, assignee, team or snooze", errors: []int{http.StatusConflict},
		description: "Absent fields stay, null clears. With if_version, 409 conversation_changed when the conversation has changed since.",
	}, s.updateConversation)
	add(s, operation{
		id: "markConversationRead", method: http.MethodPost, path: root + "/conversations/{id}/read", tag: "inbox", access: needs(auth.InboxRead),
		summary: "Set the caller's own read cursor; it may move back",
	}, func(ctx context.Context, in *struct {
		ByID
		Body struct {
			Seq int64 `json:"seq" minimum:"0" doc:"The last message that counts as read"`
		} `nameHint:"MarkRead"`
	}) (*answer[inbox.ReadCursor], error) {
		return answered(s.o.Inbox.MarkRead(ctx, principal(ctx), in.ID.ID, in.Body.Seq))
	})
	s.addDrafts()
}

type listConversationsInput struct {
	View       string  `query:"view" enum:"mine,unassigned,all,team" default:"all"`
	Status     string  `query:"status" enum:"open,snoozed,resolved,all" default:"open"`
	TeamID     idParam `query:"team_id" doc:"Needed with view=team"`
	AccountID  idParam `query:"account_id"`
	AssigneeID idParam `query:"assignee_id"`
	CustomerID idParam `query:"customer_id"`
	PageInput
}

// instantPlace is a place in a list ordered by an instant and an id.
type instantPlace struct {
	At int64  `json:"t"`
	ID ids.ID `json:"i"`
}

func (s *Server) listConversations(ctx context.Context, in *listConversationsInput) (*answer[Page[*inbox.Conversation]], error) {
	const kind = "conversations"
	at, err := decodeCursor[instantPlace](kind, in.Cursor)
	if err != nil {
		return nil, err
	}
	f := inbox.Filter{
		View: inbox.View(in.View), Status: inbox.Status(in.Status), Team: in.TeamID.ID, Account: in.AccountID.ID, Assignee: in.AssigneeID.ID,
		Customer: in.CustomerID.ID, Before: inbox.Position{At: clock.FromMillis(at.At), ID: at.ID}, Limit: in.Limit + 1,
	}
	if in.Status == "all" {
		f.Status = ""
	}
	p := principal(ctx)
	list, err := s.o.Inbox.List(ctx, p, f)
	if err != nil {
		return nil, err
	}
	return counted(paged(list, in.Limit, kind, func(c *inbox.Conversation) instantPlace {
		return instantPlace{clock.Millis(c.LastActivityAt), c.ID}
	}), in.PageInput, func() (int64, error) { return s.o.Inbox.Count(ctx, p, f) })
}

type conversationPatch struct {
	Status       opt[string]          `json:"status,omitempty" enum:"open,snoozed,resolved"`
	AssigneeID   clearable[ids.ID]    `json:"assignee_id,omitempty" doc:"null: nobody"`
	TeamID       clearable[ids.ID]    `json:"team_id,omitempty" doc:"null: no team"`
	SnoozedUntil clearable[time.Time] `json:"snoozed_until,omitempty" doc:"Together with status snoozed"`
	IfVersion    opt[int64]           `json:"if_version,omitempty" doc:"Refuse when the conversation's version differs"`
}

func (s *Server) updateConversation(ctx context.Context, in *struct {
	ByID
	Body conversationPatch `nameHint:"ConversationPatch"`
}) (*answer[*inbox.Conversation], error) {
	b := in.Body
	u := inbox.Update{Assignee: b.AssigneeID.pointer(), Team: b.TeamID.pointer(), IfVersion: b.IfVersion.pointer()}
	if b.Status.Set {
		status := inbox.Status(b.Status.Value)
		u.Status = &status
	}
	if b.SnoozedUntil.Set {
		if b.SnoozedUntil.Value.IsZero() && !b.Status.Set {
			return nil, fault.AtField("snoozed_until", "snooze_needs_status", nil)
		}
		if !b.SnoozedUntil.Value.IsZero() {
			u.SnoozedUntil = &b.SnoozedUntil.Value
		}
	}
	return answered(s.o.Inbox.Update(ctx, principal(ctx), in.ID.ID, u))
}

func (s *Server) addDrafts() {
	path := root + "/conversations/{id}/draft"
	add(s, operation{
		id: "getDraft", method: http.MethodGet, path: path, tag: "inbox", access: needs(auth.InboxReply),
		summary: "The caller's own draft; empty when there is none",
	}, func(ctx context.Context, in *ByID) (*answer[inbox.Draft], error) {
		return answered(s.o.Inbox.ReadDraft(ctx, principal(ctx), in.ID.ID))
	})
	add(s, operation{
		id: "saveDraft", method: http.MethodPut, path: path, tag: "inbox", access: needs(auth.InboxReply),
		summary: "Keep the caller's own draft; an empty body deletes it",
	}, func(ctx context.Context, in *struct {
		ByID
		Body inbox.Draft
	}) (*nothing, error) {
		return nil, s.o.Inbox.SaveDraft(ctx, principal(ctx), in.ID.ID, in.Body)
	})
	add(s, operation{
		id: "deleteDraft", method: http.MethodDelete, path: path, tag: "inbox", access: needs(auth.InboxReply),
		summary: "Forget the caller's own draft",
	}, func(ctx context.Context, in *ByID) (*nothing, error) {
		return nil, s.o.Inbox.SaveDraft(ctx, principal(ctx), in.ID.ID, inbox.Draft{Kind: inbox.KindText})
	})
}
