package api

import (
	"context"
	"net/http"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/ids"
)

type consentRequest struct {
	ClientKey  string                 `json:"client_key" doc:"The client's name for this change; repeating it writes it once"`
	Channel    string                 `json:"channel" doc:"webchat, wechat or email"`
	Purpose    string                 `json:"purpose" enum:"marketing,transactional"`
	State      customers.ConsentState `json:"state" enum:"granted,withdrawn"`
	Source     string                 `json:"source" doc:"Where it was said, in the company's words"`
	IdentityID ids.ID                 `json:"identity_id,omitempty" doc:"Through which identity of the customer it came"`
}

func (s *Server) addConsents() {
	path := root + "/customers/{id}/consents"
	add(s, operation{
		id: "listConsents", method: http.MethodGet, path: path, tag: "customers", access: needs(auth.CustomersRead),
		summary: "What a customer allows, and everything that was ever said",
	}, func(ctx context.Context, in *ByID) (*answer[*customers.Consents], error) {
		return answered(s.o.Customers.Consents(ctx, in.ID.ID))
	})
	add(s, operation{
		id: "setConsent", method: http.MethodPost, path: path, tag: "customers", access: needs(auth.CustomersWrite),
		status: http.StatusCreated, errors: []int{http.StatusConflict}, summary: "Write down what a customer has said",
		description: "The history stays. A merge keeps the stricter of two, its undo restores what each one had said.",
	}, func(ctx context.Context, in *struct {
		ByID
		Body consentRequest
	}) (*answer[*customers.Consents], error) {
		b := in.Body
		return answered(s.o.Customers.SetConsent(ctx, principal(ctx), customers.ConsentChange{
			Customer: in.ID.ID, Channel: b.Channel, Purpose: b.Purpose, State: b.State, Source: b.Source, Identity: b.IdentityID, ClientKey: b.ClientKey,
		}))
	})
}
