package customers

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// claimed is the namespace of user ids that a browser says without proof: they
// are nobody's but that browser's.
const claimed = "claimed"

// keeper stores the calls of one transaction.
type keeper struct {
	*batch
	tx    *store.Tx
	known map[Key]Resolved
	// seen is when people were seen last by what they did here.
	seen map[ids.ID]int64
}

// whose names the identity of a call: a server's user id counts, a browser's is
// only a claim.
func (b *batch) whose(c Call) Key {
	switch {
	case c.UserID != "" && b.key.Kind == ServerKey:
		return Key{KindExternal, Installation, c.UserID}
	case c.AnonymousID != "":
		return Key{KindAnonymous, Installation, c.AnonymousID}
	}
	return Key{KindAnonymous, claimed, c.UserID}
}

// keep stores one call and says what became of it.
func (k *keeper) keep(i int) error {
	c := k.calls[i]
	o := outcome{status: CallAccepted, reasons: slices.Clone(c.Reasons)}
	var err error
	switch {
	case c.Event != "":
		err = k.event(c, &o)
	case c.Type == CallIdentify:
		err = k.identify(c, &o)
	default:
		err = k.alias(c, &o)
	}
	if len(o.reasons) > 0 {
		o.status = CallAdjusted
	}
	k.out[i] = o
	return err
}

func (o *outcome) note(field, code string, params fault.Params) {
	o.reasons = append(o.reasons, fault.Field{Field: field, Code: code, Params: params})
}

// event stores a track, page, screen or group call.
func (k *keeper) event(c Call, o *outcome) error {
	who, err := k.resolve(k.whose(c))
	if err != nil {
		return err
	}
	if err := k.place(&who, c); err != nil {
		return err
	}
	if err := k.noteClaim(c, who, o); err != nil {
		return err
	}
	o.customer = who.Customer
	k.seen[who.Customer] = max(k.seen[who.Customer], clock.Millis(c.At))
	return k.s.TrackTx(k.tx, Track{Customer: who.Customer, Identity: who.Identity, Name: c.Event, At: c.At, Properties: c.Properties, Context: c.Context, Imported: c.Imported}, k.now)
}

// resolve finds or makes the person behind an identity. A server's user id is
// proven.
func (k *keeper) resolve(key Key) (Resolved, error) {
	if r, there := k.known[key]; there {
		return r, nil
	}
	r, found, err := FindTx(k.tx, key)
	proven := key.Kind == KindExternal
	switch {
	case err == nil && !found:
		r, err = k.s.createTx(k.tx, key, proven, "", 0, k.now)
	case err == nil && proven && !r.Verified:
		_, err = k.tx.Exec(qVerify, r.Identity)
		r.Verified = true
	}
	if err == nil {
		k.known[key] = r
	}
	return r, err
}

// place fills in where somebody lives, as far as nobody has told it.
func (k *keeper) place(r *Resolved, c Call) error {
	locale, zone := "", ""
	if r.locale == "" {
		locale = canonicalLocale(c.Locale)
	}
	if r.zone == "" {
		zone = c.Timezone
	}
	if locale == "" && zone == "" {
		return nil
	}
	if _, err := k.s.fillTx(k.tx, r.Customer, r.Home, Traits{Locale: locale, Timezone: zone}, k.now); err != nil {
		return err
	}
	r.locale, r.zone = cmp.Or(r.locale, locale), cmp.Or(r.zone, zone)
	for key, known := range k.known {
		if known.Customer == r.Customer {
			known.locale, known.zone = r.locale, r.zone
			k.known[key] = known
		}
	}
	return nil
}

// noteClaim says that a browser's user id was not believed, unless it is known
// to be right.
func (k *keeper) noteClaim(c Call, who Resolved, o *outcome) error {
	if c.UserID == "" || k.key.Kind == ServerKey {
		return nil
	}
	proven, found, err := FindTx(k.tx, Key{KindExternal, Installation, c.UserID})
	if err == nil && (!found || proven.Customer != who.Customer) {
		o.note("userId", "user_unproven", nil)
	}
	return err
}

// lockAll finds or makes everybody whom the calls name and takes their locks,
// both in one order; whoever has changed hands meanwhile makes it start anew.
func (k *keeper) lockAll(group []int) error {
	keys := map[Key]bool{}
	for _, i := range group {
		keys[k.whose(k.calls[i])] = true
	}
	sorted := slices.SortedFunc(maps.Keys(keys), func(a, b Key) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Value, b.Value))
	})
	var owners []string
	for _, key := range sorted {
		r, err := k.resolve(key)
		if err != nil {
			return err
		}
		owners = append(owners, r.Customer.String())
	}
	rows, err := k.tx.Query(qLockMany, strings.Join(owners, ","))
	if _, err := store.Collect(rows, err, func(r store.Row) (id ids.ID, err error) { return id, r.Scan(&id) }); err != nil {
		return err
	}
	for _, key := range sorted {
		now, _, err := FindTx(k.tx, key)
		if err == nil && now.Customer != k.known[key].Customer {
			err = store.ErrRestart
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// finish marks people as seen.
func (k *keeper) finish() error {
	for _, id := range slices.Sorted(maps.Keys(k.seen)) {
		if _, err := k.tx.Exec(qSeen, k.seen[id], k.seen[id], "", id); err != nil {
			return err
		}
		TouchTx(k.tx, id)
	}
	return nil
}

// forget drops who is who after people have been joined.
func (k *keeper) forget() { clear(k.known) }

// seenNow is ResolveTx for a call that changes its person: it leaves them locked.
func (k *keeper) seenNow(key Key, verified bool, locale string, at time.Time) (Resolved, error) {
	return k.s.resolveTx(k.tx, key, verified, locale, at, k.now)
}
