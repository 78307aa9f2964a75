package customers

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/store/feed"
	"github.com/fanward/fanward/internal/text"
)

// Why two people were joined.
const (
	// ByHand: a teammate did it.
	ByHand = "manual"
	// ByIdentify: the site proved who uses a browser.
	ByIdentify = "identify"
	// ByBind: a single-use token was brought back.
	ByBind = "bind"
	// ByUnionID: the platform says that both are one.
	ByUnionID = "unionid"
	// ByEmail: the site proved whose address it is.
	ByEmail = "email"
)

var (
	qLockMerging = queries.Get("lock-merging")
	qInsertMerge = queries.Get("insert-merge")
	qMergeByKey  = queries.Get("merge-by-key")
	qRepoint     = queries.Get("repoint")
	qRepointOne  = queries.Get("repoint-one")
	qUndone      = queries.Get("undone-evidence")
)

// Actor is who did something to a customer: nobody but the program itself when
// Kind is "system".
type Actor struct {
	Kind string  `json:"kind" enum:"teammate,token,system"`
	ID   ids.ID  `json:"id" nullable:"true"`
	Name *string `json:"name"`
}

var systemActor = Actor{Kind: "system"}

func actorOf(p auth.Principal) Actor {
	switch {
	case p.ID == 0:
		return systemActor
	case p.Token:
		return Actor{"token", p.ID, optional(p.Name)}
	}
	return Actor{"teammate", p.ID, optional(p.Name)}
}

// OnAudit names who keeps the audit trail. Call it while the program starts.
func (s *Service) OnAudit(a auth.Auditor) { s.auditor = a }

func (s *Service) auditTx(tx *store.Tx, by auth.Principal, action string, customer ids.ID, details map[string]any) error {
	if s.auditor == nil {
		return nil
	}
	return s.auditor.AuditTx(tx, by, action, "customer/"+customer.String(), details)
}

// join says which two people become one, and what shows it.
type join struct {
	kind string
	// survivor and absorbed represent the two people, both locked.
	survivor, absorbed ids.ID
	// survivorEnd and absorbedEnd are the records that the evidence is about.
	survivorEnd, absorbedEnd ids.ID
	// survivorIdentity and absorbedIdentity are the evidence; 0 by hand.
	survivorIdentity, absorbedIdentity ids.ID
	by                                 auth.Principal
	key                                string
}

// joined is what became of a join.
type joined struct {
	merge    ids.ID
	customer *Customer
	// browsers are the visitor identities that have moved.
	browsers []ids.ID
}

// joinTx makes two people one and announces it: identities with everything that
// came through them go to the survivor, whose blanks are filled.
func (s *Service) joinTx(tx *store.Tx, j join, now time.Time) (joined, error) {
	out := joined{merge: s.ids.Next()}
	before, err := lockTx(tx, j.survivor)
	if err != nil {
		return out, err
	}
	moving, err := identitiesOf(tx, j.absorbed)
	if err != nil {
		return out, err
	}
	many, err := manyEvents(tx, j.absorbed)
	if err != nil {
		return out, err
	}
	for _, h := range moving {
		if err := s.moveTx(tx, h.id, j.absorbed, j.survivor, many); err != nil {
			return out, err
		}
	}
	at := clock.Millis(now)
	if _, err := tx.Exec(qRepoint, j.survivor, at, j.absorbed); err != nil {
		return out, err
	}
	if _, err := tx.Exec(qRepointOne, j.survivor, at, j.absorbed); err != nil {
		return out, err
	}
	for _, q := range []string{"move-tags", "move-stage-changes"} {
		if _, err := tx.Exec(queries.Get(q), j.survivor, j.absorbed); err != nil {
			return out, err
		}
	}
	if err := s.logTx(tx, out.merge, j, moving, now); err != nil {
		return out, err
	}
	if err := s.restageTx(tx, j.survivor, false, now); err != nil {
		return out, err
	}
	TouchTx(tx, j.absorbed)
	if out.customer, err = s.refreshTx(tx, j.survivor, false, now); err != nil {
		return out, err
	}
	if _, err := tx.Exec(queries.Get("set-merge-fields"), string(filled(before, out.customer)), out.merge); err != nil {
		return out, err
	}
	if err := s.consentsNowTx(tx, j.absorbed, j.survivor); err != nil {
		return out, err
	}
	out.browsers = browsers(moving)
	if err := leaves(tx, j.absorbed, j.survivor, now); err != nil {
		return out, err
	}
	return out, s.auditTx(tx, j.by, "customer.merged", j.survivor, map[string]any{"merge_id": out.merge, "kind": j.kind, "absorbed": j.absorbed})
}

func browsers(moved []held) (out []ids.ID) {
	for _, h := range moved {
		if h.kind == KindVisitor {
			out = append(out, h.id)
		}
	}
	return out
}

func (s *Service) logTx(tx *store.Tx, id ids.ID, j join, moved []held, now time.Time) error {
	list := make([]ids.ID, len(moved))
	for i, h := range moved {
		list[i] = h.id
	}
	identities, err := json.Marshal(list)
	if err != nil {
		return err
	}
	var key any
	if j.key != "" {
		key = j.key
	}
	by := actorOf(j.by)
	_, err = tx.Exec(qInsertMerge, id, j.kind, j.survivor, j.absorbed, j.survivorEnd, j.absorbedEnd, j.survivorIdentity, j.absorbedIdentity, key,
		by.Kind, by.ID, deref(by.Name), clock.Millis(now), string(identities), "{}")
	return err
}

// filled are the fields that a merge has filled, for its log.
func filled(before, after *Customer) []byte {
	f := fields{Attributes: map[string]any{}}
	for _, p := range []struct {
		was, is *string
		to      **string
	}{{before.Name, after.Name, &f.Name}, {before.Locale, after.Locale, &f.Locale}, {before.Timezone, after.Timezone, &f.Timezone}} {
		if p.was == nil {
			*p.to = p.is
		}
	}
	for k, v := range after.Attributes {
		if _, had := before.Attributes[k]; !had {
			f.Attributes[k] = v
		}
	}
	b, err := json.Marshal(f)
	if err != nil {
		return []byte("{}") // attributes come from JSON
	}
	return b
}

// leaves tells that a record is part of another person now.
func leaves(tx *store.Tx, absorbed, survivor ids.ID, at time.Time) error {
	payload, err := json.Marshal(map[string]any{"customer_id": absorbed, "into_id": survivor})
	if err != nil {
		return err
	}
	return feed.Append(tx, feed.Change{At: at, Kind: "customer_merged", Audience: feed.Customers, Customer: absorbed, Payload: payload})
}

// announceAll tells of a changed customer and of every browser that is theirs
// from here on.
func announceAll(tx *store.Tx, c *Customer, browsers []ids.ID, at time.Time) error {
	var first ids.ID
	if len(browsers) > 0 {
		first, browsers = browsers[0], browsers[1:]
	}
	if err := announce(tx, c, first, at); err != nil {
		return err
	}
	for _, id := range browsers {
		// Only the browser's own sockets have to hear of it.
		if err := feed.Append(tx, feed.Change{At: at, Kind: "customer", Audience: feed.Visitor, Customer: c.ID, Identity: id, Payload: []byte("{}")}); err != nil {
			return err
		}
	}
	return nil
}

// MergeRequest asks for a merge by hand.
type MergeRequest struct {
	Survivor, Absorb ids.ID
	// ClientKey makes a repeat recognisable.
	ClientKey string
	// Despite are the codes of the objections that the teammate has seen and
	// overrules.
	Despite []string
}

const maxClientKey = 64

// Merge joins two customers by hand. The same ClientKey returns the first
// merge. What speaks against it has to be overruled by name: merge_objected.
func (s *Service) Merge(ctx context.Context, p auth.Principal, r MergeRequest) (*Merge, error) {
	if err := p.Require(auth.CustomersWrite); err != nil {
		return nil, err
	}
	if err := checkKey(r.ClientKey); err != nil {
		return nil, err
	}
	var id ids.ID
	err := s.db.Write(ctx, func(tx *store.Tx) (err error) {
		id, err = s.mergeByHandTx(tx, p, r)
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.MergeByID(ctx, id)
}

func checkKey(key string) error {
	if key == "" {
		return fault.AtField("client_key", "required", nil)
	}
	if len(key) > maxClientKey || text.CleanLine(key) != key {
		return fault.AtField("client_key", "client_key_invalid", fault.Params{"max": maxClientKey})
	}
	return nil
}

func (s *Service) mergeByHandTx(tx *store.Tx, p auth.Principal, r MergeRequest) (ids.ID, error) {
	// Merges by hand take turns: of two with one key the second finds the first.
	var one int64
	if err := tx.QueryRow(qLockMerging).Scan(&one); err != nil {
		return 0, err
	}
	key := actorOf(p).Kind + "/" + p.ID.String() + "/" + r.ClientKey
	var first, survivor, absorbed ids.ID
	switch err := tx.QueryRow(qMergeByKey, key).Scan(&first, &survivor, &absorbed); {
	case err == nil:
		return first, sameMerge(tx, r, survivor, absorbed)
	case !isNoRows(err):
		return 0, err
	}
	survivor, absorbed, err := s.bothTx(tx, r)
	if err != nil {
		return 0, err
	}
	objections, err := s.objections(tx, survivor, absorbed)
	if err != nil {
		return 0, err
	}
	for _, o := range objections {
		if o.Serious && !slices.Contains(r.Despite, o.Code) {
			return 0, fault.New(fault.Conflict, "merge_objected", fault.Params{"objection": o.Code})
		}
	}
	now := s.clk.Now()
	done, err := s.joinTx(tx, join{kind: ByHand, survivor: survivor, absorbed: absorbed, survivorEnd: survivor, absorbedEnd: absorbed, by: p, key: key}, now)
	if err != nil {
		return 0, err
	}
	return done.merge, announceAll(tx, done.customer, done.browsers, now)
}

// sameMerge tells whether a repeat asks for what its key has done: the ids may
// be those of other records of the same people.
func sameMerge(q store.Querier, r MergeRequest, survivor, absorbed ids.ID) error {
	for _, pair := range [][2]ids.ID{{r.Survivor, survivor}, {r.Absorb, absorbed}} {
		asked, err := whose(q, pair[0])
		if err != nil {
			return err
		}
		did, err := whose(q, pair[1])
		if err != nil {
			return err
		}
		if asked != did {
			return fault.New(fault.Conflict, "client_key_reused", nil)
		}
	}
	return nil
}

// bothTx finds and locks the two people of a merge by hand.
func (s *Service) bothTx(tx *store.Tx, r MergeRequest) (survivor, absorbed ids.ID, err error) {
	if survivor, err = whose(tx, r.Survivor); err != nil {
		return 0, 0, err
	}
	if absorbed, err = whose(tx, r.Absorb); err != nil {
		if fault.KindOf(err) == fault.NotFound {
			err = fault.AtField("absorb", "customer_unknown", nil)
		}
		return 0, 0, err
	}
	if survivor == absorbed {
		return 0, 0, fault.AtField("absorb", "merge_same", nil)
	}
	if err := lockOrderTx(tx, survivor); err != nil {
		return 0, 0, err
	}
	if err := lockAtOnceTx(tx, absorbed); err != nil {
		return 0, 0, err
	}
	for _, id := range []ids.ID{survivor, absorbed} {
		if now, err := whose(tx, id); err != nil || now != id {
			return 0, 0, errorOr(err, store.ErrRestart)
		}
	}
	return survivor, absorbed, nil
}

// lockAtOnceTx takes a second customer's lock without waiting for it: see
// lockBothTx.
func lockAtOnceTx(tx *store.Tx, id ids.ID) error {
	if tx.Engine() != store.Postgres {
		return nil
	}
	var locked ids.ID
	err := tx.QueryRow(qLockAtOnce, id).Scan(&locked)
	if isNoRows(err) {
		return store.ErrRestart
	}
	return err
}

func errorOr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// barred tells whether a teammate has taken apart what the same evidence had
// joined: a program does not do it again.
func barred(q store.Querier, kind string, absorbed, survivor ids.ID) (bool, error) {
	var n int64
	err := q.QueryRow(qUndone, absorbed, survivor, kind).Scan(&n)
	return n > 0, err
}
