package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/ids"
)

// accountConfig is a configuration as it is sent: what is missing takes its
// default. The channel's adapter judges it.
type accountConfig struct{ json.RawMessage }

// Schema implements huma.SchemaProvider.
func (accountConfig) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true,
		Description: "The channel's own settings; what is missing takes its default, what is unknown is refused by name"}
}

type newAccount struct {
	Channel string           `json:"channel" example:"webchat" doc:"webchat, wechat or email"`
	Name    string           `json:"name" example:"Shop"`
	Config  accountConfig    `json:"config,omitempty"`
	Secrets channels.Secrets `json:"secrets,omitempty" doc:"The channel's credentials by name; never read back"`
}

type accountPatch struct {
	Name    opt[string]           `json:"name,omitempty"`
	Config  opt[accountConfig]    `json:"config,omitempty"`
	Secrets opt[channels.Secrets] `json:"secrets,omitempty" doc:"Those named are replaced; an empty value takes one away"`
	Status  opt[channels.Status]  `json:"status,omitempty" enum:"active,disabled"`
}

type accountCheck struct {
	Channel string           `json:"channel" example:"wechat"`
	Config  accountConfig    `json:"config,omitempty"`
	Secrets channels.Secrets `json:"secrets,omitempty"`
	// ID lends the stored credentials to those that are not given.
	ID ids.ID `json:"id,omitempty" doc:"An account whose stored credentials stand in for those that are not given"`
}

type newSecret struct {
	Secret string `json:"secret" doc:"The key of the identity hash; shown once"`
}

func (s *Server) addAccounts() {
	path := root + "/accounts"
	add(s, operation{
		id: "listAccounts", method: http.MethodGet, path: path, tag: "accounts", access: signedIn, summary: "The channel accounts that the caller may see",
	}, s.listAccounts)
	add(s, operation{
		id: "createAccount", method: http.MethodPost, path: path, tag: "accounts", access: needs(auth.AccountsManage), status: http.StatusCreated,
		summary: "Connect a channel",
	}, func(ctx context.Context, in *struct{ Body newAccount }) (*answer[*channels.Account], error) {
		return answered(s.o.Accounts.Create(ctx, channels.New{Channel: in.Body.Channel, Name: in.Body.Name, Config: in.Body.Config.RawMessage, Secrets: in.Body.Secrets, By: principal(ctx)}))
	})
	add(s, operation{
		id: "updateAccount", method: http.MethodPatch, path: path + "/{id}", tag: "accounts", access: needs(auth.AccountsManage),
		summary: "Rename, configure, switch on or off", description: "A given config replaces the whole.",
	}, func(ctx context.Context, in *struct {
		ByID
		Body accountPatch `nameHint:"AccountPatch"`
	}) (*answer[*channels.Account], error) {
		return answered(s.o.Accounts.Update(ctx, in.ID.ID, channels.Patch{
			Name: in.Body.Name.pointer(), Config: in.Body.Config.Value.RawMessage, Secrets: in.Body.Secrets.Value, Status: in.Body.Status.pointer(), By: principal(ctx),
		}))
	})
	add(s, operation{
		id: "checkAccount", method: http.MethodPost, path: path + "/check", tag: "accounts", access: needs(auth.AccountsManage), errors: []int{http.StatusNotFound},
		summary:     "Try a configuration without storing it",
		description: "Takes the steps of a connection in their order and ends at the first that fails. Nothing is sent to any customer.",
	}, func(ctx context.Context, in *struct{ Body accountCheck }) (*answer[items[channels.Step]], error) {
		return all(s.o.Accounts.Check(ctx, in.Body.ID, channels.New{Channel: in.Body.Channel, Config: in.Body.Config.RawMessage, Secrets: in.Body.Secrets}))
	})
	add(s, operation{
		id: "disableAccount", method: http.MethodDelete, path: path + "/{id}", tag: "accounts", access: needs(auth.AccountsManage),
		summary: "Switch an account off; its conversations stay",
	}, func(ctx context.Context, in *ByID) (*nothing, error) {
		off := channels.Disabled
		_, err := s.o.Accounts.Update(ctx, in.ID.ID, channels.Patch{Status: &off, By: principal(ctx)})
		return nil, err
	})
	add(s, operation{
		id: "newIdentitySecret", method: http.MethodPost, path: path + "/{id}/identity-secret", tag: "accounts", access: needs(auth.AccountsManage),
		status: http.StatusCreated, summary: "Make a new identity secret; the old one stops working at once",
	}, func(ctx context.Context, in *ByID) (*answer[newSecret], error) {
		secret, err := s.o.Accounts.NewSecret(ctx, principal(ctx), in.ID.ID)
		return answered(newSecret{secret}, err)
	})
}

func (s *Server) listAccounts(ctx context.Context, _ *struct{}) (*answer[items[*channels.Account]], error) {
	list, err := s.o.Accounts.List(ctx)
	p := principal(ctx)
	if !p.SeesEverything() && len(p.AccountIDs) > 0 {
		list = slices.DeleteFunc(list, func(a *channels.Account) bool { return !slices.Contains(p.AccountIDs, a.ID) })
	}
	return all(list, err)
}
