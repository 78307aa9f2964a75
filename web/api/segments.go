package api

import (
	"context"
	"net/http"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/segments"
	"github.com/fanward/fanward/segments/rule"
)

type segmentBody struct {
	Name        string    `json:"name"`
	Description string    `json:"description,omitempty"`
	Rule        rule.Node `json:"rule"`
}

type segmentChange struct {
	Name        string    `json:"name"`
	Description string    `json:"description,omitempty"`
	Rule        rule.Node `json:"rule"`
	Version     int64     `json:"version" doc:"Of the segment that was changed; another one now: 409 segment_changed"`
}

func (c segmentChange) definition() segments.Definition {
	return segments.Definition{Name: c.Name, Description: c.Description, Rule: c.Rule}
}

func (b segmentBody) definition() segments.Definition {
	return segments.Definition{Name: b.Name, Description: b.Description, Rule: b.Rule}
}

func (s *Server) addSegments() {
	path := root + "/segments"
	add(s, operation{
		id: "listSegments", method: http.MethodGet, path: path, tag: "segments", access: needs(auth.SegmentsRead), summary: "Segments, by name",
	}, func(ctx context.Context, _ *struct{}) (*answer[items[*segments.Segment]], error) {
		return all(s.o.Segments.List(ctx))
	})
	add(s, operation{
		id: "createSegment", method: http.MethodPost, path: path, tag: "segments", access: needs(auth.SegmentsManage), status: http.StatusCreated,
		errors: []int{http.StatusConflict}, summary: "Make a segment", description: "Who is in it is found out in the background; what is wrong with the rule is named at its path.",
	}, func(ctx context.Context, in *struct {
		Body segmentBody `nameHint:"NewSegment"`
	}) (*answer[*segments.Segment], error) {
		return answered(s.o.Segments.Create(ctx, principal(ctx), in.Body.definition()))
	})
	add(s, operation{
		id: "getSegment", method: http.MethodGet, path: path + "/{id}", tag: "segments", access: needs(auth.SegmentsRead), summary: "One segment",
	}, func(ctx context.Context, in *ByID) (*answer[*segments.Segment], error) {
		return answered(s.o.Segments.Get(ctx, in.ID.ID))
	})
	add(s, operation{
		id: "updateSegment", method: http.MethodPut, path: path + "/{id}", tag: "segments", access: needs(auth.SegmentsManage), errors: []int{http.StatusConflict},
		summary: "Change a segment", description: "With another rule it is built anew, and so are the segments that name it; until then it keeps the people it has.",
	}, func(ctx context.Context, in *struct {
		ByID
		Body segmentChange `nameHint:"SegmentChange"`
	}) (*answer[*segments.Segment], error) {
		return answered(s.o.Segments.Update(ctx, principal(ctx), in.ID.ID, in.Body.Version, in.Body.definition()))
	})
	add(s, operation{
		id: "deleteSegment", method: http.MethodDelete, path: path + "/{id}", tag: "segments", access: needs(auth.SegmentsManage), status: http.StatusNoContent,
		errors: []int{http.StatusConflict}, summary: "Delete a segment", description: "What another segment, a journey or a stage needs stays: 409 segment_in_use names them in used_by.",
	}, func(ctx context.Context, in *ByID) (*nothing, error) {
		return nil, s.o.Segments.Delete(ctx, principal(ctx), in.ID.ID)
	})
	add(s, operation{
		id: "rebuildSegment", method: http.MethodPost, path: path + "/{id}/rebuild", tag: "segments", access: needs(auth.SegmentsManage),
		summary: "Go through everybody again", description: "Segments are exact without it.",
	}, func(ctx context.Context, in *ByID) (*answer[*segments.Segment], error) {
		return answered(s.o.Segments.Rebuild(ctx, principal(ctx), in.ID.ID))
	})
	s.addSegmentPeople(path)
	s.addSegmentQuestions(path)
}

// seesPeople is what every list of people asks for beside its own permission.
func seesPeople(ctx context.Context) error { return principal(ctx).Require(auth.CustomersRead) }

func (s *Server) addSegmentPeople(path string) {
	add(s, operation{
		id: "listSegmentMembers", method: http.MethodGet, path: path + "/{id}/members", tag: "segments", access: needs(auth.SegmentsRead),
		summary: "Who is in a segment, the latest first", description: "Asks for customers.read, too.",
	}, s.listSegmentMembers)
	add(s, operation{
		id: "listSegmentChanges", method: http.MethodGet, path: path + "/{id}/changes", tag: "segments", access: needs(auth.SegmentsRead),
		summary: "Who entered and left a segment, the latest first", description: "Asks for customers.read, too.",
	}, s.listSegmentChanges)
	add(s, operation{
		id: "listCustomerSegments", method: http.MethodGet, path: root + "/customers/{id}/segments", tag: "customers", access: needs(auth.SegmentsRead),
		summary: "The segments that a customer is in, the latest first", description: "Asks for customers.read, too.",
	}, func(ctx context.Context, in *ByID) (*answer[items[segments.CustomerSegment]], error) {
		if err := seesPeople(ctx); err != nil {
			return nil, err
		}
		c, err := s.o.Customers.Get(ctx, in.ID.ID)
		if err != nil {
			return nil, err
		}
		return all(s.o.Segments.OfCustomer(ctx, c.ID))
	})
}

// memberPlace is where a page of members ended.
type memberPlace struct {
	Since    int64  `json:"s"`
	Customer ids.ID `json:"c"`
}

func (s *Server) listSegmentMembers(ctx context.Context, in *struct {
	ByID
	Q string `query:"q" doc:"Looked for in names, identities and codes"`
	PageInput
}) (*answer[Page[segments.Member]], error) {
	const kind = "members"
	if err := seesPeople(ctx); err != nil {
		return nil, err
	}
	at, err := decodeCursor[memberPlace](kind, in.Cursor)
	if err != nil {
		return nil, err
	}
	f := segments.MemberFilter{Segment: in.ID.ID, Query: in.Q, Before: segments.MemberPosition(at), Limit: in.Limit + 1}
	list, err := s.o.Segments.Members(ctx, f)
	if err != nil {
		return nil, err
	}
	for _, m := range list {
		m.Customer.Online = s.o.Online(m.Customer.ID)
	}
	return counted(paged(list, in.Limit, kind, func(m segments.Member) memberPlace { return memberPlace(m.Place()) }), in.PageInput,
		func() (int64, error) { return s.o.Segments.CountMembers(ctx, f) })
}

func (s *Server) listSegmentChanges(ctx context.Context, in *struct {
	ByID
	PageInput
}) (*answer[Page[segments.Entry]], error) {
	const kind = "membership_changes"
	if err := seesPeople(ctx); err != nil {
		return nil, err
	}
	at, err := decodeCursor[idPlace](kind, in.Cursor)
	if err != nil {
		return nil, err
	}
	f := segments.EntryFilter{Segment: in.ID.ID, Before: at.ID, Limit: in.Limit + 1}
	list, err := s.o.Segments.Changes(ctx, f)
	if err != nil {
		return nil, err
	}
	return counted(paged(list, in.Limit, kind, func(e segments.Entry) idPlace { return idPlace{e.ID} }), in.PageInput,
		func() (int64, error) { return s.o.Segments.CountChanges(ctx, f) })
}

func (s *Server) addSegmentQuestions(path string) {
	add(s, operation{
		id: "previewSegment", method: http.MethodPost, path: path + "/preview", tag: "segments", access: needs(auth.SegmentsRead),
		summary: "Whom a rule would gather now", description: "Nothing is stored. Asks for customers.read, too.",
	}, func(ctx context.Context, in *struct {
		Body struct {
			Rule rule.Node `json:"rule"`
		} `nameHint:"RuleQuestion"`
	}) (*answer[*segments.Preview], error) {
		if err := seesPeople(ctx); err != nil {
			return nil, err
		}
		out, err := s.o.Segments.Preview(ctx, in.Body.Rule)
		if err != nil {
			return nil, err
		}
		s.online(out.Sample)
		return &answer[*segments.Preview]{out}, nil
	})
	add(s, operation{
		id: "explainMember", method: http.MethodGet, path: path + "/{id}/why/{customer_id}", tag: "segments", access: needs(auth.SegmentsRead),
		summary: "Why a customer is in a segment, or is not", description: "Asks for customers.read, too.",
	}, func(ctx context.Context, in *struct {
		ByID
		Customer idParam `path:"customer_id"`
	}) (*answer[*segments.Explained], error) {
		if err := seesPeople(ctx); err != nil {
			return nil, err
		}
		return answered(s.o.Segments.ExplainMember(ctx, in.ID.ID, in.Customer.ID))
	})
	add(s, operation{
		id: "explainRule", method: http.MethodPost, path: path + "/why", tag: "segments", access: needs(auth.SegmentsRead),
		summary: "Why a customer matches a rule, or does not", description: "Nothing is stored. Asks for customers.read, too.", errors: []int{http.StatusNotFound},
	}, func(ctx context.Context, in *struct {
		Body struct {
			Rule     rule.Node `json:"rule"`
			Customer ids.ID    `json:"customer_id"`
		} `nameHint:"WhyQuestion"`
	}) (*answer[*segments.Explained], error) {
		if err := seesPeople(ctx); err != nil {
			return nil, err
		}
		return answered(s.o.Segments.Explain(ctx, in.Body.Rule, in.Body.Customer))
	})
}

func (s *Server) online(list []*customers.Customer) {
	for _, c := range list {
		c.Online = s.o.Online(c.ID)
	}
}
