package api

import (
	"context"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
)

func (s *Server) addMessages() {
	add(s, operation{
		id: "listMessages", method: http.MethodGet, path: root + "/conversations/{id}/messages", tag: "inbox", access: needs(auth.InboxRead),
		summary:     "A page of a thread, ascending by seq",
		description: "The newest page, or the one before before_seq or after after_seq. next_cursor goes on in the same direction, from the newest page towards the oldest.",
	}, s.listMessages)
	add(s, operation{
		id: "createMessage", method: http.MethodPost, path: root + "/conversations/{id}/messages", tag: "inbox", access: needs(auth.InboxReply),
		status: http.StatusCreated, errors: []int{http.StatusConflict}, summary: "Answer the customer or leave a note",
		description: "The message is durable when this returns. The same client_key returns the first message; in another conversation: 409 client_key_reused.",
	}, s.createMessage)
	add(s, operation{
		id: "retryDelivery", method: http.MethodPost, path: root + "/deliveries/{id}/retry", tag: "inbox", access: needs(auth.InboxReply),
		summary: "Send a failed or unknown delivery again", errors: []int{http.StatusConflict},
	}, func(ctx context.Context, in *ByID) (*answer[*inbox.Delivery], error) {
		return answered(s.o.Inbox.Retry(ctx, principal(ctx), in.ID.ID))
	})
}

// seqParam is a seq in a query that may be absent; 0 is a value.
type seqParam struct {
	Seq int64
	Set bool
}

// Receiver implements huma.ParamWrapper.
func (p *seqParam) Receiver() reflect.Value { return reflect.ValueOf(p).Elem().Field(0) }

// OnParamSet implements huma.ParamReactor.
func (p *seqParam) OnParamSet(set bool, _ any) { p.Set = set }

// Schema implements huma.SchemaProvider.
func (seqParam) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeInteger, Format: "int64", Minimum: new(float64)}
}

func (p seqParam) pointer() *int64 {
	if !p.Set {
		return nil
	}
	return &p.Seq
}

type listMessagesInput struct {
	ByID
	BeforeSeq seqParam `query:"before_seq"`
	AfterSeq  seqParam `query:"after_seq"`
	PageInput
}

// MessagePage is a stretch of a thread, and whether it goes on at either end.
type MessagePage struct {
	Page[inbox.Message]
	HasMoreBefore bool `json:"has_more_before"`
	HasMoreAfter  bool `json:"has_more_after"`
}

// threadPlace is a place in a thread with the direction in which to go on.
type threadPlace struct {
	Before *int64 `json:"b,omitempty"`
	After  *int64 `json:"a,omitempty"`
}

const threadKind = "messages"

// place is where the page begins or ends. A cursor goes on from where its page
// ended, whatever began the first one.
func (in *listMessagesInput) place() (threadPlace, error) {
	switch {
	case in.Cursor != "":
		return decodeCursor[threadPlace](threadKind, in.Cursor)
	case in.BeforeSeq.Set && in.AfterSeq.Set:
		return threadPlace{}, fault.AtField("before_seq", "not_together", fault.Params{"other": "after_seq"})
	}
	return threadPlace{Before: in.BeforeSeq.pointer(), After: in.AfterSeq.pointer()}, nil
}

func (s *Server) listMessages(ctx context.Context, in *listMessagesInput) (*answer[MessagePage], error) {
	at, err := in.place()
	if err != nil {
		return nil, err
	}
	p := principal(ctx)
	read, err := s.o.Inbox.Messages(ctx, p, in.ID.ID, at.After, at.Before, in.Limit)
	if err != nil {
		return nil, err
	}
	out := MessagePage{Page: Page[inbox.Message]{Items: read.Messages}, HasMoreBefore: read.MoreBefore, HasMoreAfter: read.MoreAfter}
	if out.Items == nil {
		out.Items = []inbox.Message{}
	}
	if n := len(out.Items); n > 0 {
		var next string
		switch {
		case at.After != nil && read.MoreAfter:
			next = encodeCursor(threadKind, threadPlace{After: &out.Items[n-1].Seq})
		case at.After == nil && read.MoreBefore:
			next = encodeCursor(threadKind, threadPlace{Before: &out.Items[0].Seq})
		}
		if next != "" {
			out.NextCursor = &next
		}
	}
	if in.Total {
		n, err := s.o.Inbox.CountMessages(ctx, p, in.ID.ID)
		if err != nil {
			return nil, err
		}
		out.Total = &n
	}
	return &answer[MessagePage]{out}, nil
}

type newMessage struct {
	ClientKey     string   `json:"client_key" doc:"The client's name for this message; repeating it returns the first result"`
	Body          string   `json:"body,omitempty" doc:"Plain text; may be empty with attachments"`
	Kind          string   `json:"kind,omitempty" enum:"text,note" default:"text" doc:"note: only teammates see it"`
	AttachmentIDs []ids.ID `json:"attachment_ids,omitempty" doc:"Own uploads that no message has yet"`
	AndResolve    bool     `json:"and_resolve,omitempty" doc:"Resolve the conversation together with the message"`
}

func (s *Server) createMessage(ctx context.Context, in *struct {
	ByID
	Body newMessage
}) (*answer[*inbox.Message], error) {
	return answered(s.o.Inbox.Write(ctx, principal(ctx), in.ID.ID, inbox.Write{
		ClientKey: in.Body.ClientKey, Kind: in.Body.Kind, Body: in.Body.Body, Attachments: in.Body.AttachmentIDs, AndResolve: in.Body.AndResolve,
	}))
}
