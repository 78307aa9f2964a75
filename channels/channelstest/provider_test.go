package channelstest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/channelstest"
	"github.com/fanward/fanward/internal/testkit/house"
)

// direct hands messages to the sink as an adapter does that has verified them.
type direct struct {
	h       *house.House
	account *channels.Account
	sink    channels.Sink
}

func (d direct) Deliver(ctx context.Context, from, key, body string) error {
	_, err := d.sink.Receive(ctx, d.h.Inbound(d.account, from, key, body))
	return err
}

// The provider that the outbox is tested with keeps the contract itself.
func TestProvider(t *testing.T) {
	p := &channelstest.Provider{}
	channelstest.Run(t, channelstest.Subject{
		Adapter: p,
		Configs: []string{`{"address":"far"}`, `{ "address" : "far" }`},
		Refused: map[string]string{"config.adress": `{"adress":"far"}`, "config.address": `{"address":7}`},
		Inlet: func(_ *testing.T, h *house.House, account *channels.Account, sink channels.Sink) channelstest.Inlet {
			return direct{h, account, sink}
		},
		Outlet: func(_ *testing.T, will channelstest.Far) *channels.Account {
			p.Script = script(will)
			return &channels.Account{ID: 1, Channel: p.Channel(), Status: channels.Active}
		},
	})
}

func script(will channelstest.Far) func(context.Context, channels.Outbound) error {
	say := func(o channels.Outcome, code string) func(context.Context, channels.Outbound) error {
		return func(context.Context, channels.Outbound) error {
			return &channels.SendError{Outcome: o, Code: code, Err: errors.New(string(will))}
		}
	}
	switch will {
	case channelstest.Refuses:
		return say(channels.Refused, "send_failed")
	case channelstest.IsBusy:
		return say(channels.Temporary, "send_failed")
	case channelstest.CutsOff, channelstest.Nonsense:
		return say(channels.Ambiguous, "send_unknown")
	case channelstest.NeverEnds:
		return func(ctx context.Context, _ channels.Outbound) error {
			<-ctx.Done()
			return &channels.SendError{Outcome: channels.Ambiguous, Code: "send_unknown", Err: ctx.Err()}
		}
	}
	return nil
}
