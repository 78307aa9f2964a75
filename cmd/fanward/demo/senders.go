package demo

import (
	"context"
	"sync"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/outbox"
)

// Pretender stands in the place of a channel's adapter: it is configured as that
// one is, and sends nothing to anybody.
type Pretender struct {
	channels.Adapter
	// Ref is the provider's name for a message.
	Ref func(out channels.Outbound) string

	mu sync.Mutex
	// trouble says what goes wrong with a message; nil: nothing does.
	trouble func(out channels.Outbound) error
	took    []receipt
}

// receipt is a message that a provider has taken.
type receipt struct {
	out channels.Outbound
	ref string
}

// Send implements channels.Adapter.
func (p *Pretender) Send(_ context.Context, out channels.Outbound) (channels.Sent, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.trouble != nil {
		if err := p.trouble(out); err != nil {
			return channels.Sent{}, err
		}
	}
	ref := p.Ref(out)
	p.took = append(p.took, receipt{out, ref})
	return channels.Sent{ProviderRef: ref}, nil
}

func (p *Pretender) take() []receipt {
	p.mu.Lock()
	defer p.mu.Unlock()
	took := p.took
	p.took = nil
	return took
}

// troubles lets some messages fail as they do in life.
func (w *world) troubles() {
	gone := map[string]bool{}
	for _, p := range w.people {
		gone[p.address] = p.bounces
	}
	mails, pushes := 0, 0
	w.Post.trouble = func(out channels.Outbound) error {
		switch mails++; {
		case gone[out.Identity.Value]:
			return &channels.SendError{Outcome: channels.Refused, Code: "mail_address_unknown", Suppress: true}
		case mails%211 == 60:
			return &channels.SendError{Outcome: channels.Refused, Code: "mail_refused"}
		case mails%331 == 90:
			return &channels.SendError{Outcome: channels.Ambiguous, Code: "send_unknown"}
		}
		return nil
	}
	w.Platform.trouble = func(channels.Outbound) error {
		switch pushes++; {
		case pushes%173 == 40:
			return &channels.SendError{Outcome: channels.Ambiguous, Code: "send_unknown"}
		case pushes%140 == 70:
			return &channels.SendError{Outcome: channels.Refused, Code: "wechat_not_following"}
		}
		return nil
	}
}

// deliver sends what is due. Some mail servers tell later that a mail has
// arrived, and some people that they have read it.
func (w *world) deliver(ctx context.Context) error {
	if err := w.Outbox.Flush(ctx); err != nil {
		return err
	}
	w.Platform.take()
	for _, one := range w.Post.take() {
		if !w.chance(70) {
			continue
		}
		hears := func(after time.Duration, state channels.DeliveryState) {
			w.at(w.Clock.Now().Add(after), "a receipt", func(ctx context.Context) error {
				_, err := w.Outbox.Receipt(ctx, w.Mail.ID, one.ref, outbox.Receipt{State: state})
				return err
			})
		}
		hears(w.between(time.Second, time.Minute), channels.Delivered)
		if w.chance(45) {
			hears(w.between(3*time.Minute, 9*time.Hour), channels.Read)
		}
	}
	return nil
}
