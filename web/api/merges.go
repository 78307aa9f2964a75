package api

import (
	"context"
	"net/http"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/ids"
)

type mergeRequest struct {
	Absorb    ids.ID   `json:"absorb" doc:"The customer who becomes part of this one"`
	ClientKey string   `json:"client_key" doc:"The client's name for this merge; repeating it returns the first result"`
	Despite   []string `json:"despite,omitempty" doc:"Codes of serious objections that the teammate has seen and overrules"`
}

// mergePreview is what a merge would do, with what the caller sees of the inbox.
type mergePreview struct {
	customers.Preview
	Conversations mergedConversations `json:"conversations" doc:"Those that the caller sees"`
}

type mergedConversations struct {
	Survivor int64 `json:"survivor"`
	Absorbed int64 `json:"absorbed"`
}

func (s *Server) addMerges() {
	path := root + "/customers/{id}"
	add(s, operation{
		id: "previewMerge", method: http.MethodGet, path: path + "/merge-preview", tag: "customers", access: needs(auth.CustomersRead),
		summary: "What merging another customer into this one would do", description: "Objections tell what speaks against it; nothing changes.",
	}, s.previewMerge)
	add(s, operation{
		id: "mergeCustomers", method: http.MethodPost, path: path + "/merge", tag: "customers", access: needs(auth.CustomersWrite),
		status: http.StatusCreated, errors: []int{http.StatusConflict}, summary: "Merge another customer into this one",
		description: "Identities, conversations and events move; blank profile fields are filled. A serious objection that despite does not name: 409 merge_objected. " +
			"The same client_key returns the first merge.",
	}, func(ctx context.Context, in *struct {
		ByID
		Body mergeRequest
	}) (*answer[*customers.Merge], error) {
		return answered(s.o.Customers.Merge(ctx, principal(ctx), customers.MergeRequest{
			Survivor: in.ID.ID, Absorb: in.Body.Absorb, ClientKey: in.Body.ClientKey, Despite: in.Body.Despite,
		}))
	})
	add(s, operation{
		id: "undoMerge", method: http.MethodPost, path: root + "/merges/{id}/undo", tag: "customers", access: needs(auth.CustomersWrite),
		summary: "Take a merge back, of whatever kind and in whatever order",
		description: "Identities go back with everything that came through them, also since. What was filled is taken back unless somebody has changed it. " +
			"A merge that is undone already stays so.",
	}, func(ctx context.Context, in *ByID) (*answer[*customers.Merge], error) {
		return answered(s.o.Customers.Undo(ctx, principal(ctx), in.ID.ID))
	})
	add(s, operation{
		id: "listMerges", method: http.MethodGet, path: path + "/merges", tag: "customers", access: needs(auth.CustomersRead),
		summary: "What joined the records of a customer, newest first", description: "Merges that were undone are listed, too.",
	}, s.listMerges)
	add(s, operation{
		id: "listContradictions", method: http.MethodGet, path: root + "/contradictions", tag: "customers", access: needs(auth.CustomersRead),
		errors:  []int{http.StatusNotFound},
		summary: "Proofs that name two people at once, newest first", description: "One stands until the two are merged.",
	}, s.listContradictions)
}

func (s *Server) previewMerge(ctx context.Context, in *struct {
	ByID
	With idParam `query:"with" required:"true" doc:"The customer who would become part of this one"`
}) (*answer[mergePreview], error) {
	p, err := s.o.Customers.PreviewMerge(ctx, in.ID.ID, in.With.ID)
	if err != nil {
		return nil, err
	}
	out := mergePreview{Preview: *p}
	for _, side := range []struct {
		customer *customers.Customer
		to       *int64
	}{{p.Survivor.Customer, &out.Conversations.Survivor}, {p.Absorbed.Customer, &out.Conversations.Absorbed}} {
		side.customer.Online = s.o.Online(side.customer.ID)
		if who := principal(ctx); who.Can(auth.InboxRead) {
			if *side.to, err = s.o.Inbox.Count(ctx, who, inbox.Filter{Customer: side.customer.ID}); err != nil {
				return nil, err
			}
		}
	}
	return &answer[mergePreview]{out}, nil
}

// idPlace is a place in a list ordered by id.
type idPlace struct {
	ID ids.ID `json:"i"`
}

func (s *Server) listMerges(ctx context.Context, in *struct {
	ByID
	PageInput
}) (*answer[Page[customers.Merge]], error) {
	const kind = "merges"
	at, err := decodeCursor[idPlace](kind, in.Cursor)
	if err != nil {
		return nil, err
	}
	c, err := s.o.Customers.Get(ctx, in.ID.ID)
	if err != nil {
		return nil, err
	}
	f := customers.MergeFilter{Customer: c.ID, Before: at.ID, Limit: in.Limit + 1}
	list, err := s.o.Customers.Merges(ctx, f)
	if err != nil {
		return nil, err
	}
	return counted(paged(list, in.Limit, kind, func(m customers.Merge) idPlace { return idPlace{m.ID} }), in.PageInput,
		func() (int64, error) { return s.o.Customers.CountMerges(ctx, f) })
}

func (s *Server) listContradictions(ctx context.Context, in *struct {
	CustomerID idParam `query:"customer_id"`
	PageInput
}) (*answer[Page[customers.Contradiction]], error) {
	const kind = "contradictions"
	at, err := decodeCursor[idPlace](kind, in.Cursor)
	if err != nil {
		return nil, err
	}
	f := customers.ContradictionFilter{Customer: in.CustomerID.ID, Before: at.ID, Limit: in.Limit + 1}
	if f.Customer != 0 {
		c, err := s.o.Customers.Get(ctx, f.Customer)
		if err != nil {
			return nil, err
		}
		f.Customer = c.ID
	}
	list, err := s.o.Customers.Contradictions(ctx, f)
	if err != nil {
		return nil, err
	}
	return counted(paged(list, in.Limit, kind, func(c customers.Contradiction) idPlace { return idPlace{c.ID} }), in.PageInput,
		func() (int64, error) { return s.o.Customers.CountContradictions(ctx, f) })
}
