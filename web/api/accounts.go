package api

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/webchat"
	"github.com/fanward/fanward/internal/auth"
)

// accountConfig is a configuration as it is sent: what is missing takes its
// default. The channel's adapter judges it.
type accountConfig struct{ json.RawMessage }

// Schema implements huma.SchemaProvider.
func (accountConfig) Schema(r huma.Registry) *huma.Schema {
	s := *huma.SchemaFromType(r, reflect.TypeFor[webchat.Config]())
	s.Required = nil
	s.Description = "What is missing takes its default"
	return &s
}

type newAccount struct {
	Channel string        `json:"channel" enum:"webchat"`
	Name    string        `json:"name" example:"Shop"`
	Config  accountConfig `json:"config,omitempty"`
}

type accountPatch struct {
	Name   opt[string]          `json:"name,omitempty"`
	Config opt[accountConfig]   `json:"config,omitempty"`
	Status opt[channels.Status] `json:"status,omitempty" enum:"active,disabled"`
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
		return answered(s.o.Accounts.Create(ctx, channels.New{Channel: in.Body.Channel, Name: in.Body.Name, Config: in.Body.Config.RawMessage}))
	})
	add(s, operation{
		id: "updateAccount", method: http.MethodPatch, path: path + "/{id}", tag: "accounts", access: needs(auth.AccountsManage),
		summary: "Rename, configure, switch on or off", description: "A given config replaces the whole.",
	}, func(ctx context.Context, in *struct {
		ByID
		Body accountPatch `nameHint:"AccountPatch"`
	}) (*answer[*channels.Account], error) {
		return answered(s.o.Accounts.Update(ctx, in.ID.ID, channels.Patch{
			Name: in.Body.Name.pointer(), Config: in.Body.Config.Value.RawMessage, Status: in.Body.Status.pointer(),
		}))
	})
	add(s, operation{
		id: "disableAccount", method: http.MethodDelete, path: path + "/{id}", tag: "accounts", access: needs(auth.AccountsManage),
		summary: "Switch an account off; its conversations stay",
	}, func(ctx context.Context, in *ByID) (*nothing, error) {
		off := channels.Disabled
		_, err := s.o.Accounts.Update(ctx, in.ID.ID, channels.Patch{Status: &off})
		return nil, err
	})
	add(s, operation{
		id: "newIdentitySecret", method: http.MethodPost, path: path + "/{id}/identity-secret", tag: "accounts", access: needs(auth.AccountsManage),
		status: http.StatusCreated, summary: "Make a new identity secret; the old one stops working at once",
	}, func(ctx context.Context, in *ByID) (*answer[newSecret], error) {
		secret, err := s.o.Accounts.NewSecret(ctx, in.ID.ID)
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
