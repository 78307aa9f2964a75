package customers

import (
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/segments/rule"
)

// claimed is the namespace of user ids that a browser says without proof: they
// are nobody's but that browser's.
const claimed = "claimed"

// keeper stores the calls of one transaction.
type keeper struct {
	*batch
	tx    *store.Tx
	known map[Key]Resolved
	// nobody are the identities that nobody has.
	nobody map[Key]bool
	// seen is when people were seen last by what they did here.
	seen map[ids.ID]int64
	// names are the numbers of names, waiting the events that are to be stored
	// together.
	names   map[string]int64
	waiting []waiting
}

// waiting is an event of a call that is about to be stored.
type waiting struct {
	Tracked
	call                       int
	name                       int64
	properties, facts, context string
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
		err = k.event(i, &o)
	case c.Type == CallIdentify:
		if err = k.flush(); err == nil {
			err = k.identify(c, &o)
		}
	default:
		if err = k.flush(); err == nil {
			err = k.alias(c, &o)
		}
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

// event makes the event of a track, page, screen or group call; flush stores it.
func (k *keeper) event(i int, o *outcome) error {
	c := k.calls[i]
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
	w := waiting{call: i}
	text, plain, err := decoded(c.Properties)
	if err != nil {
		return err
	}
	if len(c.Context) > 0 {
		context, err := json.Marshal(c.Context)
		if err != nil {
			return err
		}
		w.context = string(context)
	}
	if w.name, err = k.number(c.Event); err != nil {
		return err
	}
	w.Tracked = Tracked{Event: k.s.ids.Next(), Customer: who.Customer, Identity: who.Identity, Name: c.Event, At: c.At, ReceivedAt: k.now,
		Properties: plain, Facts: rule.FactsOf(plain), Imported: c.Imported}
	w.properties, w.facts = string(text), w.Facts.JSON()
	k.waiting = append(k.waiting, w)
	return nil
}

// flush stores the events that wait. They belong to who was found to have their
// identities: on SQLite nobody else writes meanwhile, on PostgreSQL the locks of
// these people are held, and those who are joined by a call of this transaction
// are joined after what came before.
func (k *keeper) flush() error {
	list := k.waiting
	k.waiting = nil
	var events, contexts []any
	for _, w := range list {
		events = append(events, w.Event, w.Customer, w.Identity, w.name, clock.Millis(w.At), clock.Millis(w.ReceivedAt), w.properties, w.facts)
		if w.context != "" {
			contexts = append(contexts, w.Event, w.context)
		}
	}
	if err := store.InsertMany(k.tx, "INSERT INTO events (id, customer_id, identity_id, name_id, at, received_at, properties, facts) VALUES", 8, events, ""); err != nil {
		return err
	}
	if err := store.InsertMany(k.tx, "INSERT INTO event_contexts (event_id, context) VALUES", 2, contexts, ""); err != nil {
		return err
	}
	for _, w := range list {
		touchBy(k.tx, w.Customer, w.name)
		for _, fn := range k.s.tracked {
			if err := fn(k.tx, w.Tracked); err != nil {
				return &failed{w.call, err}
			}
		}
	}
	return nil
}

// blame says on which call a transaction failed, unless that is known.
func (k *keeper) blame(call int, err error) error {
	var known *failed
	if errors.As(err, &known) {
		return err
	}
	return &failed{call, err}
}

// prepare looks everybody up whom the calls name, and on PostgreSQL takes the
// locks of those who have done something.
func (k *keeper) prepare(group []int) error {
	if k.tx.Engine() == store.Postgres && k.calls[group[0]].Event != "" {
		return k.lockAll(group)
	}
	keys := map[Key]bool{}
	for _, i := range group {
		if c := k.calls[i]; c.Event != "" {
			keys[k.whose(c)] = true
			if c.UserID != "" && k.key.Kind != ServerKey {
				keys[Key{KindExternal, Installation, c.UserID}] = true
			}
		}
	}
	return k.findAll(keys)
}

// findAll looks identities up, and remembers those that nobody has.
func (k *keeper) findAll(keys map[Key]bool) error {
	kinds := map[Key][]string{}
	for key := range keys {
		kind := Key{Kind: key.Kind, Namespace: key.Namespace}
		kinds[kind] = append(kinds[kind], key.Value)
	}
	for kind, values := range kinds {
		slices.Sort(values)
		var b store.Builder
		b.Add("SELECT i.value, c.id, i.id, i.home_id, i.verified, c.name, c.locale, c.timezone FROM identities i JOIN customers c ON c.id = i.customer_id")
		b.Add("WHERE i.kind = ? AND i.namespace = ? AND", kind.Kind, kind.Namespace)
		store.AddIn(&b, "i.value", values)
		query, args := b.Query()
		rows, err := k.tx.Query(query, args...)
		_, err = store.Collect(rows, err, func(row store.Row) (struct{}, error) {
			var r Resolved
			key := kind
			err := row.Scan(&key.Value, &r.Customer, &r.Identity, &r.Home, &r.Verified, &r.Name, &r.locale, &r.zone)
			k.known[key] = r
			return struct{}{}, err
		})
		if err != nil {
			return err
		}
	}
	for key := range keys {
		if _, there := k.known[key]; !there {
			k.nobody[key] = true
		}
	}
	return nil
}

// find is FindTx for what has been looked up already.
func (k *keeper) find(key Key) (Resolved, bool, error) {
	if r, there := k.known[key]; there {
		return r, true, nil
	}
	if k.nobody[key] {
		return Resolved{}, false, nil
	}
	return FindTx(k.tx, key)
}

// resolve finds or makes the person behind an identity. A server's user id is
// proven.
func (k *keeper) resolve(key Key) (Resolved, error) {
	r, found, err := k.find(key)
	proven := key.Kind == KindExternal
	switch {
	case err == nil && !found:
		if r, err = k.s.createTx(k.tx, key, proven, "", 0, k.now); err == nil {
			TouchTx(k.tx, r.Customer)
		}
	case err == nil && proven && !r.Verified:
		if _, err = k.tx.Exec(qVerify, r.Identity); err == nil {
			TouchTx(k.tx, r.Customer)
		}
		r.Verified = true
	}
	if err == nil {
		k.known[key] = r
		delete(k.nobody, key)
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
	proven, found, err := k.find(Key{KindExternal, Installation, c.UserID})
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
	if err := k.findAll(keys); err != nil {
		return err
	}
	var owners []string
	for _, key := range sorted {
		r, err := k.resolve(key)
		if err != nil {
			return err
		}
		owners = append(owners, r.Customer.String())
	}
	rows, err := k.tx.Query(qLockMany, strings.Join(owners, ","))
	if _, err := store.Collect(rows, err, scanID); err != nil {
		return err
	}
	before := k.known
	k.forget()
	if err := k.findAll(keys); err != nil {
		return err
	}
	for _, key := range sorted {
		if k.known[key].Customer != before[key].Customer {
			return store.ErrRestart
		}
	}
	return nil
}

// finish marks people as seen.
func (k *keeper) finish() error {
	var values []any
	for _, id := range slices.Sorted(maps.Keys(k.seen)) {
		values = append(values, id, k.seen[id])
		touchBy(k.tx, id, TouchedSeen)
	}
	k.batch.names = k.names
	return seeTx(k.tx, values)
}

// seeTx notes when people were seen last: ids, each with its instant.
func seeTx(tx *store.Tx, values []any) error {
	return store.ExecRows(tx, "WITH seen (id, at) AS (VALUES", "(CAST(? AS BIGINT), CAST(? AS BIGINT))", 2, values,
		") UPDATE customers SET last_seen_at = seen.at FROM seen WHERE customers.id = seen.id AND customers.last_seen_at < seen.at")
}

// forget drops who is who after people have been joined.
func (k *keeper) forget() { k.known, k.nobody = map[Key]Resolved{}, map[Key]bool{} }

// seenNow is ResolveTx for a call that changes its person: it leaves them locked.
func (k *keeper) seenNow(key Key, verified bool, locale string, at time.Time) (Resolved, error) {
	return k.s.resolveTx(k.tx, key, verified, locale, at, k.now)
}
