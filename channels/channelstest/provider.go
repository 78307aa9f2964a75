// Package channelstest holds every channel adapter to one contract, and has a
// provider for tests that does as it is told. Only tests import it.
package channelstest

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/ids"
)

// ProviderChannel is the channel of a Provider.
const ProviderChannel = "scripted"

// Provider is a channel whose other side is a script: each Send asks the script
// for its outcome. The zero value accepts everything. It is safe for concurrent
// use.
type Provider struct {
	// Name is the channel; empty means ProviderChannel.
	Name string
	// Deduplicates and Allowance are the capabilities; with Allowance there is one
	// conversation for each identity.
	Deduplicates, Allowance, OptIn bool
	// Script decides what happens to a message; nil accepts it. It may block.
	Script func(ctx context.Context, out channels.Outbound) error

	mu    sync.Mutex
	calls []channels.Outbound
	heard chan struct{}
	// flying counts the sends under way by lane of the test's choosing.
	flying map[string]int
	most   map[string]int
}

// Channel implements channels.Adapter.
func (p *Provider) Channel() string {
	if p.Name == "" {
		return ProviderChannel
	}
	return p.Name
}

// Capabilities implements channels.Adapter.
func (p *Provider) Capabilities() channels.Capabilities {
	return channels.Capabilities{MaxBody: 5000, Deduplicates: p.Deduplicates, Allowance: p.Allowance, PerIdentity: p.Allowance,
		Identity: customers.KindVisitor, PerAccount: true, OptIn: p.OptIn}
}

// ProviderConfig is a Provider's configuration.
type ProviderConfig struct {
	Address string `json:"address"`
}

// Configure implements channels.Adapter.
func (p *Provider) Configure(raw json.RawMessage, secrets channels.Secrets) (json.RawMessage, error) {
	var c ProviderConfig
	if err := channels.DecodeConfig(raw, &c); err != nil {
		return nil, err
	}
	if err := secrets.Check([]string{"key"}, nil); err != nil {
		return nil, err
	}
	return json.Marshal(c)
}

// Send implements channels.Adapter.
func (p *Provider) Send(ctx context.Context, out channels.Outbound) (channels.Sent, error) {
	lane := out.Identity.Value
	p.mu.Lock()
	if p.flying == nil {
		p.flying, p.most = map[string]int{}, map[string]int{}
	}
	p.calls = append(p.calls, out)
	p.flying[lane]++
	p.most[lane] = max(p.most[lane], p.flying[lane])
	if p.heard != nil {
		close(p.heard)
		p.heard = nil
	}
	script := p.Script
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		p.flying[lane]--
		p.mu.Unlock()
	}()
	if script != nil {
		if err := script(ctx, out); err != nil {
			return channels.Sent{}, err
		}
	}
	return channels.Sent{ProviderRef: "ref-" + out.Delivery.String()}, nil
}

// Calls are the messages that Send was given, in their order.
func (p *Provider) Calls() []channels.Outbound {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]channels.Outbound(nil), p.calls...)
}

// Bodies are the texts that Send was given for one recipient, in their order.
func (p *Provider) Bodies(recipient string) (out []string) {
	for _, c := range p.Calls() {
		if c.Identity.Value == recipient {
			out = append(out, c.Body)
		}
	}
	return out
}

// Times is how often Send was given a delivery.
func (p *Provider) Times(delivery ids.ID) (n int) {
	for _, c := range p.Calls() {
		if c.Delivery == delivery {
			n++
		}
	}
	return n
}

// MostAtOnce is how many sends to one recipient were ever under way together.
func (p *Provider) MostAtOnce(recipient string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.most[recipient]
}

// Heard waits until Send was called n times, or ctx ends.
func (p *Provider) Heard(ctx context.Context, n int) error {
	for {
		p.mu.Lock()
		if len(p.calls) >= n {
			p.mu.Unlock()
			return nil
		}
		if p.heard == nil {
			p.heard = make(chan struct{})
		}
		wait := p.heard
		p.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
