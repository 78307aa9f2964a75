package customers

import (
	"context"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// Contradiction is a proof that names two people at once. It stands until a
// teammate merges them, or the identities are one person's for another reason.
type Contradiction struct {
	ID       ids.ID    `json:"id"`
	Kind     string    `json:"kind" enum:"email,bind,unionid" doc:"What would have joined them"`
	Customer Ref       `json:"customer" doc:"Whose proof it was"`
	Identity Identity  `json:"identity" doc:"By which that customer is known"`
	Other    Ref       `json:"other" doc:"To whom the identity belongs"`
	Theirs   Identity  `json:"other_identity" doc:"What both are said to own"`
	At       time.Time `json:"at"`
}

func (s *Service) contradictTx(tx *store.Tx, kind string, identity, other ids.ID, now time.Time) error {
	_, err := tx.Exec(queries.Get("insert-contradiction"), s.ids.Next(), kind, identity, other, clock.Millis(now))
	return err
}

// ContradictionFilter is a page of contradictions; Customer 0 means everybody's.
type ContradictionFilter struct {
	Customer ids.ID
	Before   ids.ID
	Limit    int
}

// Contradictions lists those that stand, newest first.
func (s *Service) Contradictions(ctx context.Context, f ContradictionFilter) ([]Contradiction, error) {
	var b store.Builder
	b.Add(`SELECT x.id, x.kind, x.at, c.id, c.name, ` + Address("c") + `, i.id, i.kind, i.namespace, i.value, i.verified, i.created_at,
  d.id, d.name, ` + Address("d") + `, o.id, o.kind, o.namespace, o.value, o.verified, o.created_at`)
	f.where(&b)
	if f.Before != 0 {
		b.Add("AND x.id < ?", f.Before)
	}
	b.Add("ORDER BY x.id DESC LIMIT ?", f.Limit)
	query, args := b.Query()
	rows, err := s.db.Reader(ctx).Query(query, args...)
	return store.Collect(rows, err, func(r store.Row) (Contradiction, error) {
		var x Contradiction
		var at, made, madeToo int64
		var one, other ids.ID
		var name, address, otherName, otherAddress string
		err := r.Scan(&x.ID, &x.Kind, &at, &one, &name, &address, &x.Identity.ID, &x.Identity.Kind, &x.Identity.Namespace, &x.Identity.Value, &x.Identity.Verified, &made,
			&other, &otherName, &otherAddress, &x.Theirs.ID, &x.Theirs.Kind, &x.Theirs.Namespace, &x.Theirs.Value, &x.Theirs.Verified, &madeToo)
		x.Customer, x.Other, x.At = NewRef(one, name, address), NewRef(other, otherName, otherAddress), clock.FromMillis(at)
		x.Identity.CreatedAt, x.Theirs.CreatedAt = clock.FromMillis(made), clock.FromMillis(madeToo)
		return x, err
	})
}

// CountContradictions is the exact number of those that stand.
func (s *Service) CountContradictions(ctx context.Context, f ContradictionFilter) (n int64, err error) {
	var b store.Builder
	b.Add("SELECT count(*)")
	f.where(&b)
	query, args := b.Query()
	return n, s.db.Reader(ctx).QueryRow(query, args...).Scan(&n)
}

func (f ContradictionFilter) where(b *store.Builder) {
	b.Add(`FROM contradictions x JOIN identities i ON i.id = x.identity_id JOIN customers c ON c.id = i.customer_id
JOIN identities o ON o.id = x.other_identity_id JOIN customers d ON d.id = o.customer_id WHERE c.id <> d.id`)
	if f.Customer != 0 {
		b.Add("AND (c.id = ? OR d.id = ?)", f.Customer, f.Customer)
	}
}
