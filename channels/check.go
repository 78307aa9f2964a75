package channels

import (
	"context"
	"encoding/json"
	"maps"

	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
)

// Checker is an Adapter that can try a configuration before it is stored: it
// takes the steps of a connection in their order and ends at the first that
// fails. Nothing is sent to any customer.
type Checker interface {
	Check(ctx context.Context, config json.RawMessage, secrets Secrets) []Step
}

// Step is one step of a check.
type Step struct {
	// Name is the step's key in the catalogue, "account.step.<channel>.<name>".
	Name   string       `json:"name"`
	OK     bool         `json:"ok"`
	Code   string       `json:"code,omitempty" doc:"What went wrong, a code of the error catalogue"`
	Params fault.Params `json:"params,omitempty"`
}

// Check tries a configuration without storing it. id, when not 0, is the account
// whose stored credentials stand in for those that n does not give. A channel
// that has nothing to try answers without steps.
func (a *Accounts) Check(ctx context.Context, id ids.ID, n New) ([]Step, error) {
	adapter, err := a.registry.Adapter(n.Channel)
	if err != nil {
		return nil, err
	}
	secrets := Secrets{}
	if id != 0 {
		acc, err := a.Get(ctx, id)
		if err != nil {
			return nil, err
		}
		if acc.Channel != n.Channel {
			return nil, fault.AtField("channel", "channel_differs", fault.Params{"channel": acc.Channel})
		}
		if secrets, err = a.Secrets(acc); err != nil {
			return nil, err
		}
	}
	maps.Copy(secrets, n.Secrets)
	config, err := adapter.Configure(n.Config, secrets)
	if err != nil {
		return nil, err
	}
	checker, ok := adapter.(Checker)
	if !ok {
		return []Step{}, nil
	}
	return checker.Check(ctx, config, secrets), nil
}
