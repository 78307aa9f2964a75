package realtime_test

import (
	"context"
	"sync"
	"testing"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/channelstest"
	"github.com/fanward/fanward/channels/webchat"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/testkit/house"
	"github.com/fanward/fanward/web/realtime"
)

// browsers bring messages through real sockets, one of each person.
type browsers struct {
	t        *testing.T
	hall     *hall
	account  *channels.Account
	visitors *webchat.Visitors

	mu   sync.Mutex
	open map[string]*browser
}

// browser answers one send after the other, as its socket does.
type browser struct {
	mu sync.Mutex
	*client
}

func (b *browsers) Deliver(_ context.Context, from, key, body string) error {
	b.mu.Lock()
	s, ok := b.open[from]
	if !ok {
		c := dial(b.t, b.hall.server, "/visitor/"+b.account.Key, nil)
		c.say(map[string]any{"t": "hello", "visitor": b.visitors.Token(b.visitors.Fresh(b.account, webchat.DefaultConfig()))})
		c.next("hello")
		s = &browser{client: c}
		b.open[from] = s
	}
	b.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.say(map[string]any{"t": "send", "client_key": key, "body": body, "attachment_ids": []string{}})
	for {
		f, err := s.read()
		switch {
		case err != nil:
			return err
		case f.T == "ack" && f.ClientKey == key:
			return nil
		case f.T == "error":
			return fault.New(fault.Invalid, f.Code, nil)
		}
	}
}

// Web chat keeps the contract of every channel through its sockets, too.
func TestWebChatContractThroughSockets(t *testing.T) {
	channelstest.Run(t, channelstest.Subject{
		Adapter: webchat.Adapter{},
		Inlet: func(t *testing.T, h *house.House, account *channels.Account, sink channels.Sink) channelstest.Inlet {
			x := &hall{House: h, standing: map[ids.ID]auth.Standing{}}
			visitors := webchat.NewVisitors(h.DB, h.Accounts, h.Customers, h.Keys, sink, h.Clock.Now)
			x.hub, x.server, x.stop = x.node(t, "node-1", func(o *realtime.Options) { o.Visitors = visitors })
			t.Cleanup(x.stop)
			return &browsers{t: t, hall: x, account: account, visitors: visitors, open: map[string]*browser{}}
		},
	})
}
