package api

import (
	"context"
	"net/http"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/auth"
)

type tagChange struct {
	Add    []string `json:"add,omitempty" doc:"Names; new ones are made"`
	Remove []string `json:"remove,omitempty"`
}

func (s *Server) addTags() {
	add(s, operation{
		id: "listTags", method: http.MethodGet, path: root + "/tags", tag: "customers", access: needs(auth.CustomersRead), summary: "Every tag, by name",
	}, func(ctx context.Context, _ *struct{}) (*answer[items[customers.Tag]], error) {
		return all(s.o.Customers.Tags(ctx))
	})
	add(s, operation{
		id: "changeTags", method: http.MethodPut, path: root + "/customers/{id}/tags", tag: "customers", access: needs(auth.CustomersWrite), summary: "Add and remove tags of a customer",
		description: "Names that are the same but for case are one tag. What is removed goes first.",
	}, func(ctx context.Context, in *struct {
		ByID
		Body tagChange `nameHint:"TagChange"`
	}) (*answer[*customers.Customer], error) {
		return answered(s.present(s.o.Customers.SetTags(ctx, principal(ctx), in.ID.ID, in.Body.Add, in.Body.Remove)))
	})
}
