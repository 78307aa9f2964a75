package email

import (
	"context"
	"sync"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/text"
)

// Lister lists the channel accounts; channels.Accounts is one.
type Lister interface {
	List(context.Context) ([]*channels.Account, error)
}

// Directory knows which addresses are ours. It is safe for concurrent use.
type Directory struct {
	accounts Lister
	signer   Signer
	clk      clock.Clock

	mu     sync.Mutex
	boxes  []box
	loaded time.Time
	// forgotten counts Forgets, so that what was read before one is not kept.
	forgotten int
}

type box struct {
	account         ids.ID
	address, domain string
	sandbox         bool
}

// directoryLife is how long a list is believed for addresses that stand in it;
// for one that does not stand in it, it is always read again.
const directoryLife = 2 * time.Second

// NewDirectory makes a directory over the active mail accounts.
func NewDirectory(l Lister, s Signer, clk clock.Clock) *Directory {
	return &Directory{accounts: l, signer: s, clk: clk}
}

// Mailbox finds the account behind an address: its own or one of its reply
// addresses. Case does not matter. The sandbox's account has a mailbox only for
// peers on this machine.
func (d *Directory) Mailbox(ctx context.Context, address string, local bool) (ids.ID, bool, error) {
	address = text.FoldEmail(address)
	d.mu.Lock()
	boxes, fresh := d.boxes, d.clk.Now().Sub(d.loaded) < directoryLife
	d.mu.Unlock()
	if fresh {
		if id, ok := d.in(boxes, address, local); ok {
			return id, true, nil
		}
	}
	boxes, err := d.load(ctx)
	if err != nil {
		return 0, false, err
	}
	id, ok := d.in(boxes, address, local)
	return id, ok, nil
}

// Forget lets the list be read anew: call it when the feed tells that an account
// has changed.
func (d *Directory) Forget() {
	d.mu.Lock()
	d.loaded = time.Time{}
	d.forgotten++
	d.mu.Unlock()
}

// Ours tells whether an address is that of an account or a reply address.
func (d *Directory) Ours(ctx context.Context, address string) (bool, error) {
	_, ok, err := d.Mailbox(ctx, address, true)
	return ok, err
}

func (d *Directory) in(boxes []box, address string, local bool) (ids.ID, bool) {
	_, domain, _ := cutLast(address)
	for _, b := range boxes {
		if b.sandbox && !local {
			continue
		}
		if b.address == address {
			return b.account, true
		}
		if b.domain != domain {
			continue
		}
		if _, ok := ParseReply(d.signer, b.account, address); ok {
			return b.account, true
		}
		if _, ok := ParseUnsubscribe(d.signer, b.account, address); ok {
			return b.account, true
		}
	}
	return 0, false
}

func (d *Directory) load(ctx context.Context) ([]box, error) {
	now := d.clk.Now()
	d.mu.Lock()
	seen := d.forgotten
	d.mu.Unlock()
	all, err := d.accounts.List(ctx)
	if err != nil {
		return nil, err
	}
	boxes := []box{}
	for _, acc := range all {
		if acc.Channel != Channel || acc.Status != channels.Active {
			continue
		}
		c, err := ParseConfig(acc.Config)
		if err != nil {
			return nil, err
		}
		boxes = append(boxes, box{account: acc.ID, address: c.Address, domain: c.Domain, sandbox: acc.Sandbox})
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.forgotten == seen {
		d.boxes, d.loaded = boxes, now
	}
	return boxes, nil
}
