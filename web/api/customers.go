package api

import (
	"context"
	"net/http"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/clock"
)

type customerPatch struct {
	Name       clearable[string]         `json:"name,omitempty"`
	Locale     clearable[string]         `json:"locale,omitempty" doc:"A language tag"`
	Timezone   clearable[string]         `json:"timezone,omitempty" doc:"IANA name"`
	Attributes opt[customers.Attributes] `json:"attributes,omitempty" doc:"Attributes named here change; null removes one"`
}

func (s *Server) addCustomers() {
	path := root + "/customers"
	add(s, operation{
		id: "listCustomers", method: http.MethodGet, path: path, tag: "customers", access: needs(auth.CustomersRead), summary: "Customers, last seen first",
	}, s.listCustomers)
	add(s, operation{
		id: "getCustomer", method: http.MethodGet, path: path + "/{id}", tag: "customers", access: needs(auth.CustomersRead),
		summary: "One customer", description: "The id of a record that has been merged answers with the one it became part of.",
	}, func(ctx context.Context, in *ByID) (*answer[*customers.Customer], error) {
		return answered(s.present(s.o.Customers.Get(ctx, in.ID.ID)))
	})
	add(s, operation{
		id: "updateCustomer", method: http.MethodPatch, path: path + "/{id}", tag: "customers", access: needs(auth.CustomersWrite),
		summary: "Change a customer's profile", description: "Absent fields stay, null clears.",
	}, func(ctx context.Context, in *struct {
		ByID
		Body customerPatch `nameHint:"CustomerPatch"`
	}) (*answer[*customers.Customer], error) {
		b := in.Body
		return answered(s.present(s.o.Customers.Update(ctx, in.ID.ID, customers.Patch{
			Name: b.Name.pointer(), Locale: b.Locale.pointer(), Timezone: b.Timezone.pointer(), Attributes: b.Attributes.Value,
		})))
	})
	add(s, operation{
		id: "listIdentities", method: http.MethodGet, path: path + "/{id}/identities", tag: "customers", access: needs(auth.CustomersRead),
		summary: "The names under which channels know a customer",
	}, func(ctx context.Context, in *ByID) (*answer[items[customers.Identity]], error) {
		c, err := s.o.Customers.Get(ctx, in.ID.ID)
		if err != nil {
			return nil, err
		}
		return all(s.o.Customers.Identities(ctx, c.ID))
	})
	s.addEvents()
	add(s, operation{
		id: "liftSuppression", method: http.MethodDelete, path: root + "/identities/{id}/suppression", tag: "customers", access: needs(auth.CustomersWrite), status: http.StatusNoContent,
		summary: "Let an identity be written to again that had blocked us or bounced",
	}, func(ctx context.Context, in *ByID) (*nothing, error) {
		return nil, s.o.Outbox.Unsuppress(ctx, in.ID.ID)
	})
}

// present adds the hint that a socket of the customer is open.
func (s *Server) present(c *customers.Customer, err error) (*customers.Customer, error) {
	if err == nil {
		c.Online = s.o.Online(c.ID)
	}
	return c, err
}

func (s *Server) listCustomers(ctx context.Context, in *struct {
	Q         string  `query:"q" doc:"Looked for in names, identities and codes"`
	Stage     string  `query:"stage" doc:"The key of a stage; - for those in none"`
	Tag       string  `query:"tag" doc:"The name of a tag"`
	Segment   idParam `query:"segment" doc:"Members of this segment"`
	Anonymous bool    `query:"anonymous" doc:"true: also those of whom nothing but a tracking id is known; q, tag, segment and a stage take them in, too"`
	PageInput
}) (*answer[Page[*customers.Customer]], error) {
	const kind = "customers"
	at, err := decodeCursor[instantPlace](kind, in.Cursor)
	if err != nil {
		return nil, err
	}
	f := customers.ListFilter{Query: in.Q, Stage: in.Stage, Tag: in.Tag, Segment: in.Segment.ID, Anonymous: in.Anonymous, Before: customers.ListPosition{SeenAt: at.At, ID: at.ID}, Limit: in.Limit + 1}
	list, err := s.o.Customers.List(ctx, f)
	if err != nil {
		return nil, err
	}
	for _, c := range list {
		c.Online = s.o.Online(c.ID)
	}
	return counted(paged(list, in.Limit, kind, func(c *customers.Customer) instantPlace {
		if c.LastSeenAt == nil {
			return instantPlace{0, c.ID}
		}
		return instantPlace{clock.Millis(*c.LastSeenAt), c.ID}
	}), in.PageInput, func() (int64, error) { return s.o.Customers.Count(ctx, f) })
}

// EventInput narrows a list of events.
type EventInput struct {
	Name string       `query:"name"`
	From instantParam `query:"from" doc:"At or after this instant"`
	To   instantParam `query:"to" doc:"Before this instant"`
	PageInput
}

func (s *Server) addEvents() {
	add(s, operation{
		id: "listCustomerEvents", method: http.MethodGet, path: root + "/customers/{id}/events", tag: "customers", access: needs(auth.CustomersRead),
		summary: "What a customer did, newest first",
	}, func(ctx context.Context, in *struct {
		ByID
		EventInput
	}) (*answer[Page[customers.Event]], error) {
		c, err := s.o.Customers.Get(ctx, in.ID.ID)
		if err != nil {
			return nil, err
		}
		return s.events(ctx, customers.EventFilter{Customer: c.ID}, in.EventInput)
	})
	add(s, operation{
		id: "listEvents", method: http.MethodGet, path: root + "/events", tag: "customers", access: needs(auth.CustomersRead),
		summary: "What customers did, newest first",
	}, func(ctx context.Context, in *struct {
		CustomerID idParam `query:"customer_id"`
		EventInput
	}) (*answer[Page[customers.Event]], error) {
		return s.events(ctx, customers.EventFilter{Customer: in.CustomerID.ID}, in.EventInput)
	})
}

func (s *Server) events(ctx context.Context, f customers.EventFilter, in EventInput) (*answer[Page[customers.Event]], error) {
	const kind = "events"
	at, err := decodeCursor[instantPlace](kind, in.Cursor)
	if err != nil {
		return nil, err
	}
	f.Name, f.From, f.To, f.Limit = in.Name, in.From.At, in.To.At, in.Limit+1
	f.Before = customers.EventPosition{At: at.At, ID: at.ID}
	list, err := s.o.Customers.Events(ctx, f)
	if err != nil {
		return nil, err
	}
	return counted(paged(list, in.Limit, kind, func(e customers.Event) instantPlace {
		return instantPlace{clock.Millis(e.At), e.ID}
	}), in.PageInput, func() (int64, error) { return s.o.Customers.CountEvents(ctx, f) })
}
