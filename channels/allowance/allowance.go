// Package allowance counts what a provider lets us send to one person: each of
// the person's own acts grants a number of messages for a while, each send
// spends one of them. The soonest to end is spent first.
package allowance

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

//go:embed queries.sql
var queriesSQL string

var (
	queries = store.Load("allowance", queriesSQL)
	qLock   = queries.Get("lock")
	qSave   = queries.Get("save")

	qGranted = queries.Get("granted")
)

// MaxAutomated is how much of a message's grant automations may spend, so that
// people can still answer.
const MaxAutomated = 2

// Codes of the refusals of SpendTx and Allows.
const (
	// Closed: nothing is granted at present; only the person can change that.
	Closed = "reply_window_closed"
	// Spent: a grant still runs, but all of it has been used.
	Spent = "reply_allowance_spent"
	// Reserved: what is left is kept for people.
	Reserved = "reply_allowance_reserved"
	// Short: something is left, but less than is to be sent at once.
	Short = "reply_allowance_short"
)

// held is a grant as an identity's row keeps it.
type held struct {
	Trigger string `json:"trigger"`
	Count   int    `json:"count"`
	Left    int    `json:"left"`
	// Automated is how many of the spent ones automations have used.
	Automated int   `json:"automated,omitempty"`
	At        int64 `json:"at"`
	Until     int64 `json:"until"`
}

// State is what a person's acts allow us to send. It holds the grants as they
// were last counted: whoever reads it later leaves out those that have ended.
type State struct {
	Grants []Running `json:"grants"`
}

// Running is one grant.
type Running struct {
	Trigger string    `json:"trigger" doc:"message, menu, follow or scan"`
	Count   int       `json:"count" doc:"How many messages it allowed at first"`
	Left    int       `json:"left" doc:"How many of them may still be sent"`
	Until   time.Time `json:"until" doc:"When it ends, whatever is left"`
}

// Read is the state that an identity's row means; nil when nothing was ever
// granted.
func Read(row string) (*State, error) {
	all, err := parse(row)
	if err != nil || row == "" {
		return nil, err
	}
	return stateOf(all), nil
}

func stateOf(all []held) *State {
	s := &State{Grants: make([]Running, 0, len(all))}
	for _, g := range all {
		s.Grants = append(s.Grants, Running{g.Trigger, g.Count, g.Left, clock.FromMillis(g.Until)})
	}
	return s
}

// Left is how many messages may be sent at an instant; s may be nil.
func (s *State) Left(now time.Time) (n int) {
	if s == nil {
		return 0
	}
	for _, g := range s.Grants {
		if g.Until.After(now) {
			n += g.Left
		}
	}
	return n
}

// Allows tells why n messages cannot be sent at an instant, a coded fault; nil when
// they can. s may be nil.
func (s *State) Allows(n int, now time.Time) error {
	left := s.Left(now)
	switch {
	case left >= n:
		return nil
	case left > 0:
		return fault.New(fault.Conflict, Short, nil)
	case s != nil && slices.ContainsFunc(s.Grants, func(g Running) bool { return g.Until.After(now) }):
		return fault.New(fault.Conflict, Spent, nil)
	}
	return fault.New(fault.Conflict, Closed, nil)
}

// Until is when the last grant ends that still runs and has something left; nil
// when none does.
func (s *State) Until(now time.Time) *time.Time {
	var last *time.Time
	for i := range s.Grants {
		if g := &s.Grants[i]; g.Left > 0 && g.Until.After(now) && (last == nil || g.Until.After(*last)) {
			last = &g.Until
		}
	}
	return last
}

// GrantTx adds what a person's act allows and returns what there is then. The caller holds the customer's lock.
// A grant replaces an earlier one of the same trigger. Acts may be told late and
// out of order: an older one never shortens a newer.
func GrantTx(tx *store.Tx, identity ids.ID, grants []channels.Grant, at, now time.Time) (*State, error) {
	all, err := lockTx(tx, identity)
	if err != nil {
		return nil, err
	}
	all = running(all, now)
	for _, g := range grants {
		if !g.Until.After(now) || g.Count <= 0 {
			continue
		}
		fresh := held{Trigger: g.Trigger, Count: g.Count, Left: g.Count, At: clock.Millis(at), Until: clock.Millis(g.Until)}
		i := slices.IndexFunc(all, func(h held) bool { return h.Trigger == g.Trigger })
		switch {
		case i < 0:
			all = append(all, fresh)
		case all[i].Until <= fresh.Until:
			all[i] = fresh
		}
	}
	all = running(all, now)
	return stateOf(all), saveTx(tx, identity, all)
}

// SpendTx takes n messages from the grants, of that first which ends first, and
// returns a note with which RefundTx gives them back. A refusal is a coded fault
// and changes nothing.
func SpendTx(tx *store.Tx, identity ids.ID, n int, automated bool, now time.Time) (note string, err error) {
	all, err := lockTx(tx, identity)
	if err != nil {
		return "", err
	}
	all = running(all, now)
	if len(all) == 0 {
		return "", fault.New(fault.Conflict, Closed, nil)
	}
	var notes []string
	refusal := Spent
	for i := range all {
		for g := &all[i]; g.Left > 0 && len(notes) < n; {
			if automated && g.Trigger == channels.TriggerMessage && g.Automated >= MaxAutomated {
				refusal = Reserved
				break
			}
			notes = append(notes, g.spend(automated))
		}
	}
	switch {
	case len(notes) == n:
		return strings.Join(notes, ","), saveTx(tx, identity, all)
	case len(notes) > 0:
		refusal = Short
	}
	return "", fault.New(fault.Conflict, refusal, nil)
}

// spend takes one message and notes of which grant it was.
func (g *held) spend(automated bool) (note string) {
	g.Left--
	note = fmt.Sprintf("%s@%d", g.Trigger, g.At)
	if automated {
		g.Automated++
		note += "+"
	}
	return note
}

// RefundTx gives back what a send has spent that certainly reached nobody. A
// grant that has been replaced or has ended meanwhile is left alone.
func RefundTx(tx *store.Tx, identity ids.ID, note string, now time.Time) error {
	if note == "" {
		return nil
	}
	all, err := lockTx(tx, identity)
	if err != nil {
		return err
	}
	all = running(all, now)
	changed := false
	for _, one := range strings.Split(note, ",") {
		trigger, rest, _ := strings.Cut(one, "@")
		rest, automated := strings.CutSuffix(rest, "+")
		at, err := strconv.ParseInt(rest, 10, 64)
		if err != nil {
			return fmt.Errorf("allowance: the note %q: %w", note, err)
		}
		i := slices.IndexFunc(all, func(g held) bool { return g.Trigger == trigger && g.At == at && g.Left < g.Count })
		if i < 0 {
			continue
		}
		if all[i].Left++; automated {
			all[i].Automated--
		}
		changed = true
	}
	if !changed {
		return nil
	}
	return saveTx(tx, identity, all)
}

// ExhaustTx empties every grant: the provider says that nothing is left,
// whatever was counted here.
func ExhaustTx(tx *store.Tx, identity ids.ID, now time.Time) error {
	all, err := lockTx(tx, identity)
	if err != nil {
		return err
	}
	all = running(all, now)
	for i := range all {
		all[i].Left = 0
	}
	return saveTx(tx, identity, all)
}

// LockTx takes the lock under which grants change, the customer's, so that what
// the caller locks afterwards comes in the order of the house.
func LockTx(tx *store.Tx, identity ids.ID) error {
	_, err := lockTx(tx, identity)
	return err
}

func lockTx(tx *store.Tx, identity ids.ID) ([]held, error) {
	var row string
	if err := tx.QueryRow(qLock, identity).Scan(&row); err != nil {
		if errors.Is(err, store.ErrNoRows) {
			return nil, fault.Missing("identity")
		}
		return nil, err
	}
	return parse(row)
}

func saveTx(tx *store.Tx, identity ids.ID, all []held) error {
	row, err := json.Marshal(all)
	if err != nil {
		return err
	}
	if _, err = tx.Exec(qSave, string(row), openUntil(all), identity); err != nil {
		return err
	}
	return customers.TouchOwnerTx(tx, identity)
}

// openUntil is when the last of the grants ends that have something for
// automations, in milliseconds; 0 when none has.
func openUntil(all []held) (until int64) {
	for _, g := range all {
		if g.Left > 0 && (g.Trigger != channels.TriggerMessage || g.Automated < MaxAutomated) {
			until = max(until, g.Until)
		}
	}
	return until
}

// Refusal is the code with which an automation's message would be refused at an
// instant, of the grants in an identity's row; "" when one may go out.
func Refusal(row string, now time.Time) (string, error) {
	all, err := parse(row)
	if err != nil {
		return "", err
	}
	all = running(all, now)
	switch {
	case openUntil(all) > 0:
		return "", nil
	case len(all) == 0:
		return Closed, nil
	}
	for _, g := range all {
		if g.Left > 0 {
			return Reserved, nil
		}
	}
	return Spent, nil
}

// Backfill works out open_until of the grants that were there before the column
// was; repeating it does no harm.
func Backfill(tx *store.Tx) error {
	type one struct {
		id  ids.ID
		row string
	}
	rows, err := tx.Query(qGranted)
	found, err := store.Collect(rows, err, func(r store.Row) (one, error) {
		var o one
		return o, r.Scan(&o.id, &o.row)
	})
	if err != nil {
		return err
	}
	for _, o := range found {
		all, err := parse(o.row)
		if err != nil {
			return err
		}
		if err := saveTx(tx, o.id, all); err != nil {
			return err
		}
	}
	return nil
}

func parse(row string) ([]held, error) {
	if row == "" {
		return nil, nil
	}
	var all []held
	if err := json.Unmarshal([]byte(row), &all); err != nil {
		return nil, fmt.Errorf("allowance: stored grants: %w", err)
	}
	return all, nil
}

// running are the grants that have not ended, the soonest to end first.
func running(all []held, now time.Time) []held {
	out := slices.DeleteFunc(slices.Clone(all), func(g held) bool { return g.Until <= clock.Millis(now) })
	slices.SortStableFunc(out, func(a, b held) int { return int(a.Until - b.Until) })
	return out
}
