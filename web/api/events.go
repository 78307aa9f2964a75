package api

import (
	"context"
	"net/http"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/auth"
)

func (s *Server) addObserved() {
	add(s, operation{
		id: "listEventNames", method: http.MethodGet, path: root + "/event-names", tag: "tracking", access: needs(auth.CustomersRead), summary: "What customers have done, by name",
		description: "With the properties of the latest ones. The numbers may be some seconds old.",
	}, func(ctx context.Context, _ *struct{}) (*answer[items[customers.EventName]], error) {
		return all(s.o.Customers.EventNames(ctx))
	})
	add(s, operation{
		id: "listAttributeNames", method: http.MethodGet, path: root + "/attribute-names", tag: "tracking", access: needs(auth.CustomersRead), summary: "The attributes of the customers seen last",
	}, func(ctx context.Context, _ *struct{}) (*answer[items[customers.Observed]], error) {
		return all(s.o.Customers.AttributeNames(ctx))
	})
}
