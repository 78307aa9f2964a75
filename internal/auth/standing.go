package auth

import (
	"context"
	"slices"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/store"
)

// Standing says whether what a long-lived connection was opened with still
// holds.
type Standing int

// The standings.
const (
	// Stands: nothing has changed.
	Stands Standing = iota
	// RightsMoved: load the principal again.
	RightsMoved
	// SignedOut: the session or token has ended, or the teammate is disabled.
	SignedOut
)

// Standing looks up how p stands now, who came by session ("" for tokens).
func (s *Service) Standing(ctx context.Context, p Principal, session string) (Standing, error) {
	q := s.o.DB.Reader(ctx)
	if p.Token {
		var held int64
		if err := q.QueryRow(queries.Get("holds-token"), int64(p.ID)).Scan(&held); err != nil || held > 0 {
			return Stands, err
		}
		return SignedOut, nil
	}
	now, err := s.PrincipalOf(ctx, p.ID)
	if k := fault.KindOf(err); err != nil && (k == fault.NotFound || k == fault.Unauthenticated) {
		return SignedOut, nil
	}
	if err != nil {
		return Stands, err
	}
	rows, err := q.Query(queries.Get("live-sessions"), int64(p.ID), clock.Millis(s.o.Clock.Now()))
	names, err := store.Collect(rows, err, func(r store.Row) (name string, err error) {
		err = r.Scan(&name)
		return sessionName(name), err
	})
	switch {
	case err != nil:
		return Stands, err
	case !slices.Contains(names, session):
		return SignedOut, nil
	case now.RightsVersion != p.RightsVersion:
		return RightsMoved, nil
	}
	return Stands, nil
}
