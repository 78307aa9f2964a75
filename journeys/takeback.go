package journeys

import (
	"slices"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// Why a message of a journey that still waited does not go out, or not now.
const (
	codeStopped = "journey_stopped"
	codePaused  = "journey_paused"
	codeLeft    = "journey_left"
)

// pauseLook is how often a message asks whether its journey goes on.
const pauseLook = time.Minute

// stays are the ends that somebody came to by walking: what was sent to them on
// the way is still theirs.
var stays = []string{"", endReached, endExitNode}

// takeBackTx cancels what still waits to be sent of enrollments that have been
// cut off.
func (s *Service) takeBackTx(tx *store.Tx, turns []*turn, now time.Time) error {
	for _, t := range turns {
		for _, st := range t.all {
			if !st.dirty || st.e.state == Active || !st.fresh && st.was.state != Active || slices.Contains(stays, st.e.reason) {
				continue
			}
			rows, err := tx.Query(queries.Get("waiting-deliveries"), st.e.id)
			waiting, err := store.Collect(rows, err, scanID)
			if err != nil {
				return err
			}
			code := codeLeft
			if st.e.reason == endStopped {
				code = codeStopped
			}
			for _, d := range waiting {
				if err := s.o.Sender.CancelTx(tx, d, code, now); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// Vouch tells whether a journey still wants a message of its own to go out: not
// when it was stopped or the person was taken out of it meanwhile, not now while
// it is paused.
func (s *Service) Vouch(q store.Querier, journey, enrollment ids.ID, now time.Time) (channels.Verdict, error) {
	var state, standing, reason string
	err := q.QueryRow(queries.Get("vouch"), enrollment, journey).Scan(&state, &standing, &reason)
	switch {
	case isNoRows(err) || err == nil && state == Stopped:
		return channels.Verdict{Code: codeStopped}, nil
	case err != nil:
		return channels.Verdict{}, err
	case standing != Active && !slices.Contains(stays, reason):
		return channels.Verdict{Code: codeLeft}, nil
	case state == Paused:
		return channels.Verdict{Code: codePaused, Until: now.Add(pauseLook)}, nil
	}
	return channels.Verdict{}, nil
}
