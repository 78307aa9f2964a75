package email

import (
	"context"
	"strings"
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

// Mailbox finds the account behind an address: its own, also with a "+tag" behind
// the name, one of its reply addresses, or the postmaster of its domain, who has
// to be reached wherever mail is taken (RFC 5321, section 4.5.1). Case does not
// matter. The sandbox's account has a mailbox only for
// peers on this machine.
func (d *Directory) Mailbox(ctx context.Context, address string, local bool) (ids.ID, bool, error) {
	return d.find(ctx, text.FoldEmail(address), func(b box, d *Directory, address string) int {
		if b.sandbox && !local {
			return 0
		}
		if rank := b.owns(d, address); rank > 0 {
			return rank
		}
		if name, domain, _ := cutLast(address); name == "postmaster" && (domain == b.domain || strings.HasSuffix(b.address, "@"+domain)) {
			return 1
		}
		return 0
	})
}

// find gives the account whose claim to an address ranks highest, of several the
// first.
func (d *Directory) find(ctx context.Context, address string, claim func(b box, d *Directory, address string) int) (ids.ID, bool, error) {
	in := func(boxes []box) (account ids.ID, found bool) {
		best := 0
		for _, b := range boxes {
			if rank := claim(b, d, address); rank > best {
				best, account = rank, b.account
			}
		}
		return account, best > 0
	}
	d.mu.Lock()
	boxes, fresh := d.boxes, d.clk.Now().Sub(d.loaded) < directoryLife
	d.mu.Unlock()
	if fresh {
		if id, ok := in(boxes); ok {
			return id, true, nil
		}
	}
	boxes, err := d.load(ctx)
	if err != nil {
		return 0, false, err
	}
	id, ok := in(boxes)
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

// Ours tells whether an address is that of an account or a reply address. The
// postmaster is not: other servers of the domain write in that name.
func (d *Directory) Ours(ctx context.Context, address string) (bool, error) {
	_, ok, err := d.find(ctx, text.FoldEmail(address), box.owns)
	return ok, err
}

// owns ranks an account's claim to an address: its own goes before what is made of
// it.
func (b box) owns(d *Directory, address string) int {
	name, domain, _ := cutLast(address)
	if b.address == address {
		return 3
	}
	if b.domain == domain {
		if _, ok := ParseReply(d.signer, b.account, address); ok {
			return 3
		}
		if _, ok := ParseUnsubscribe(d.signer, b.account, address); ok {
			return 3
		}
	}
	if base, _, tagged := strings.Cut(name, "+"); tagged && b.address == base+"@"+domain {
		return 2
	}
	return 0
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
