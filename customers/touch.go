package customers

import (
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// TopicTouched is hinted when there are people whose membership may have changed.
const TopicTouched = "touched"

// What a mark says beside the numbers of events' names.
const (
	// touchedAnyhow: anything a rule can ask for may have changed.
	touchedAnyhow = 0
	// TouchedSeen: they have been seen.
	TouchedSeen = -1
)

var qOwnerOf = queries.Get("owner-of")

// touching marks people. What two marks say is what both say; a mark that has
// become long says nothing.
var touching = store.NewEnding("touch", func(tx *store.Tx, list []store.Left) error {
	row, places := "(?, ?, ?, ?)", 4
	if tx.Engine() == store.Postgres {
		row, places = "(?, pg_current_xact_id()::text::bigint, ?, pg_current_xact_id()::text::bigint)", 2
	}
	values := make([]any, 0, places*len(list))
	for _, l := range list {
		if places == 2 {
			values = append(values, l.ID, touchedBy(l.Notes))
			continue
		}
		version := rand.Int64()
		values = append(values, l.ID, version, touchedBy(l.Notes), version)
	}
	return store.ExecRows(tx, "INSERT INTO touched (customer_id, version, names, names_version) VALUES", row, places, values,
		`ON CONFLICT (customer_id) DO UPDATE SET version = excluded.version, names_version = excluded.names_version, names = CASE
		 WHEN touched.names_version <> touched.version OR touched.names = '' OR excluded.names = '' OR length(touched.names) > 200 THEN ''
		 ELSE touched.names || ',' || excluded.names END`)
})

// touchedBy writes notes down; "" is anything.
func touchedBy(notes []int64) string {
	var b strings.Builder
	for n, note := range notes {
		if note == touchedAnyhow {
			return ""
		}
		if n > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatInt(note, 10))
	}
	return b.String()
}

// TouchTx notes, as the transaction's last step, that a customer's membership
// may have changed. Whoever changes something that a rule can ask for calls it
// in the transaction of the change.
func TouchTx(tx *store.Tx, customer ids.ID) { touchBy(tx, customer, touchedAnyhow) }

// touchBy is TouchTx for a change of which one event tells all, or being seen.
func touchBy(tx *store.Tx, customer ids.ID, what int64) {
	tx.Finally(touching, int64(customer), what)
	tx.Hint(TopicTouched)
}

// TouchOwnerTx is TouchTx for the owner of an identity. The caller holds the
// lock of the identity or of its owner.
func TouchOwnerTx(tx *store.Tx, identity ids.ID) error {
	var owner ids.ID
	if err := tx.QueryRow(qOwnerOf, identity).Scan(&owner); err != nil {
		return err
	}
	TouchTx(tx, owner)
	return nil
}

// TouchTx is the function of the same name, for those who declare what they need
// of the service.
func (s *Service) TouchTx(tx *store.Tx, customer ids.ID) { TouchTx(tx, customer) }
