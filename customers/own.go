package customers

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// While a record represents others, too, its columns show its own fields with
// the blanks filled from theirs; what is its own is kept apart, so that an undo
// takes back exactly what was filled.

var (
	qMembers     = queries.Get("members")
	qOwn         = queries.Get("own")
	qSetOwn      = queries.Get("set-own")
	qSetSeen     = queries.Get("set-seen")
	qNewestEvent = queries.Get("newest-event")
)

// fields are a record's own ones: absent ones are blank and can be filled; ""
// and nil values have been cleared by somebody and stay so.
type fields struct {
	Name       *string    `json:"name,omitempty"`
	Locale     *string    `json:"locale,omitempty"`
	Timezone   *string    `json:"timezone,omitempty"`
	Attributes Attributes `json:"attributes,omitempty"`
	// Seen is when the record was seen last before it was merged.
	Seen int64 `json:"seen,omitempty"`
}

// member is one record of a person.
type member struct {
	id     ids.ID
	own    fields
	merged bool // own is kept apart from the columns
}

// membersOf reads the records of a person.
func membersOf(q store.Querier, rep ids.ID) (map[ids.ID]member, error) {
	rows, err := q.Query(qMembers, rep, rep)
	list, err := store.Collect(rows, err, func(r store.Row) (member, error) {
		var m member
		var name, locale, zone, own string
		var attributes []byte
		var seen int64
		if err := r.Scan(&m.id, &name, &locale, &zone, &attributes, &own, &seen); err != nil {
			return m, err
		}
		if m.merged = own != ""; m.merged {
			return m, json.Unmarshal([]byte(own), &m.own)
		}
		m.own = fields{Name: optional(name), Locale: optional(locale), Timezone: optional(zone), Seen: seen}
		return m, json.Unmarshal(attributes, &m.own.Attributes)
	})
	out := make(map[ids.ID]member, len(list))
	for _, m := range list {
		out[m.id] = m
	}
	return out, err
}

// fill takes over what is blank here and set there.
func (f *fields) fill(from fields) {
	for _, p := range []struct{ to, from **string }{{&f.Name, &from.Name}, {&f.Locale, &from.Locale}, {&f.Timezone, &from.Timezone}} {
		if *p.to == nil {
			*p.to = *p.from
		}
	}
	f.Seen = max(f.Seen, from.Seen)
	merged := maps.Clone(f.Attributes)
	if merged == nil {
		merged = map[string]any{}
	}
	for _, k := range slices.Sorted(maps.Keys(from.Attributes)) {
		if _, there := merged[k]; there || len(merged) >= maxAttributes {
			continue
		}
		merged[k] = from.Attributes[k]
		if text, err := json.Marshal(merged); err != nil || len(text) > maxAttributesSize {
			delete(merged, k)
		}
	}
	f.Attributes = merged
}

// shown is what a person's profile shows: the fields of its representative,
// blanks filled from the others in the order of their merges.
func shown(members map[ids.ID]member, order []ids.ID) fields {
	var f fields
	for _, id := range order {
		f.fill(members[id].own)
	}
	maps.DeleteFunc(f.Attributes, func(_ string, v any) bool { return v == nil })
	return f
}

// refreshTx writes what the profile of a person shows, after the person or the
// own fields of one of its records changed. The caller holds the lock. parted
// says that records have left.
func (s *Service) refreshTx(tx *store.Tx, rep ids.ID, parted bool, now time.Time) (*Customer, error) {
	members, err := membersOf(tx, rep)
	if err != nil {
		return nil, err
	}
	edges, err := edgesOf(tx, rep)
	if err != nil {
		return nil, err
	}
	order := reach(edges, rep)
	if len(order) != len(members) {
		return nil, fmt.Errorf("customer %s has %d records, its merges lead to %d", rep, len(members), len(order))
	}
	own := ""
	if len(order) > 1 {
		text, err := json.Marshal(members[rep].own)
		if err != nil {
			return nil, err
		}
		own = string(text)
	}
	if _, err := tx.Exec(qSetOwn, own, rep); err != nil {
		return nil, err
	}
	f := shown(members, order)
	c, err := lockTx(tx, rep)
	if err != nil {
		return nil, err
	}
	c.Name, c.Locale, c.Timezone, c.Attributes = blankless(f.Name), blankless(f.Locale), blankless(f.Timezone), f.Attributes
	if err := s.saveTx(tx, c, now); err != nil {
		return nil, err
	}
	return c, seenTx(tx, c, f.Seen, parted)
}

// seenTx sets when a person was seen last. After records have left that is when
// those that stay were seen before their merges, or an event that is theirs.
func seenTx(tx *store.Tx, c *Customer, before int64, parted bool) error {
	at := before
	if parted {
		newest, err := newestEvent(tx, c.ID)
		if err != nil {
			return err
		}
		at = max(at, newest)
	} else if c.LastSeenAt != nil {
		at = max(at, clock.Millis(*c.LastSeenAt))
	}
	c.LastSeenAt = nil
	if at > 0 {
		t := clock.FromMillis(at)
		c.LastSeenAt = &t
	}
	_, err := tx.Exec(qSetSeen, at, c.ID)
	return err
}

func blankless(s *string) *string {
	if s == nil {
		return nil
	}
	return optional(*s)
}

// ownTx gives the own fields of a record to change; merged is false when its
// columns are its own.
func ownTx(tx *store.Tx, rep, record ids.ID) (f fields, merged bool, err error) {
	var own string
	if err := tx.QueryRow(qOwn, rep).Scan(&own); err != nil || own == "" {
		return f, false, missing(err)
	}
	members, err := membersOf(tx, rep)
	m, there := members[record]
	if err == nil && !there {
		return f, true, fmt.Errorf("record %s is none of customer %s", record, rep)
	}
	return m.own, true, err
}

// setOwnTx writes the own fields of a record of a merged person and shows them.
func (s *Service) setOwnTx(tx *store.Tx, rep, record ids.ID, f fields, now time.Time) (*Customer, error) {
	text, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	if _, err := tx.Exec(qSetOwn, string(text), record); err != nil {
		return nil, err
	}
	return s.refreshTx(tx, rep, false, now)
}
