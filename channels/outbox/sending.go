package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/store"
)

// Sending are the rules that hold back marketing, whoever sends it.
type Sending struct {
	Quiet Quiet `json:"quiet"`
	Cap   Cap   `json:"cap"`
	// Timezone is that of people of whom none is known; the installation's
	// settings name it, and SetSending does not change it.
	Timezone string `json:"timezone,omitempty" readOnly:"true" doc:"IANA name; that of people of whom none is known, which the setting installation.timezone names"`
}

// Quiet are hours in which nobody is sent marketing; the hours are those of the
// person's own time zone.
type Quiet struct {
	Enabled bool `json:"enabled"`
	// From is when they begin and To when they end, "22:00"; From later than To
	// spans midnight.
	From string `json:"from" doc:"Local time, HH:MM"`
	To   string `json:"to" doc:"Local time, HH:MM; earlier than from: the next day"`
}

// Cap is how many marketing messages one person gets, over all channels.
type Cap struct {
	Enabled bool `json:"enabled"`
	Max     int  `json:"max" minimum:"1" maximum:"1000"`
	// Days are spans of 24 hours, counted back from the moment of sending.
	Days int `json:"days" minimum:"1" maximum:"365"`
}

// DefaultSending is what holds until somebody has decided otherwise.
var DefaultSending = Sending{Quiet: Quiet{Enabled: true, From: "22:00", To: "08:00"}, Cap: Cap{Enabled: true, Max: 3, Days: 7}}

const (
	settingSending = "sending"
	maxCap         = 1000
	maxCapDays     = 365
)

var (
	qSetting    = queries.Get("setting")
	qSetSetting = queries.Get("set-setting")
)

func (s Sending) check() error {
	var bad []fault.Field
	from, err := minuteOf(s.Quiet.From)
	if err != nil {
		bad = append(bad, fault.Field{Field: "quiet.from", Code: "time_invalid", Params: fault.Params{"value": s.Quiet.From}})
	}
	to, err2 := minuteOf(s.Quiet.To)
	if err2 != nil {
		bad = append(bad, fault.Field{Field: "quiet.to", Code: "time_invalid", Params: fault.Params{"value": s.Quiet.To}})
	}
	if s.Quiet.Enabled && err == nil && err2 == nil && from == to {
		bad = append(bad, fault.Field{Field: "quiet.to", Code: "quiet_always"})
	}
	for _, n := range []struct {
		field    string
		is, most int
	}{{"cap.max", s.Cap.Max, maxCap}, {"cap.days", s.Cap.Days, maxCapDays}} {
		switch {
		case n.is < 1:
			bad = append(bad, fault.Field{Field: n.field, Code: "too_small", Params: fault.Params{"min": 1}})
		case n.is > n.most:
			bad = append(bad, fault.Field{Field: n.field, Code: "too_big", Params: fault.Params{"max": n.most}})
		}
	}
	return fault.AtFields(bad...)
}

// minuteOf reads a local time as minutes after midnight.
func minuteOf(s string) (int, error) {
	t, err := time.Parse("15:04", s)
	if err != nil || len(s) != len("15:04") {
		return 0, fmt.Errorf("%.10q is no time of day", s)
	}
	return t.Hour()*60 + t.Minute(), nil
}

// Sending reads the rules in force.
func (o *Outbox) Sending(ctx context.Context) (Sending, error) {
	s, err := sendingIn(o.db.Reader(ctx))
	s.Timezone = o.zone.String()
	return s, err
}

func sendingIn(q store.Querier) (Sending, error) {
	var raw string
	err := q.QueryRow(qSetting, settingSending).Scan(&raw)
	if errors.Is(err, store.ErrNoRows) {
		return DefaultSending, nil
	}
	if err != nil {
		return Sending{}, err
	}
	var s Sending
	if err := json.Unmarshal([]byte(raw), &s); err != nil {
		return s, fmt.Errorf("the stored sending rules: %w", err)
	}
	return s, nil
}

// SetSending changes the rules; what waits is judged by them when its time
// comes. Whoever manages journeys may.
func (o *Outbox) SetSending(ctx context.Context, p auth.Principal, s Sending) (Sending, error) {
	if err := p.Require(auth.JourneysManage); err != nil {
		return s, err
	}
	if err := s.check(); err != nil {
		return s, err
	}
	s.Timezone = ""
	raw, err := json.Marshal(s)
	if err != nil {
		return s, err
	}
	kept := s
	s.Timezone = o.zone.String()
	return s, o.db.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(qSetSetting, settingSending, string(raw)); err != nil || o.auditor == nil {
			return err
		}
		return o.auditor.AuditTx(tx, p, "sending.changed", "settings/sending", map[string]any{"sending": kept})
	})
}
