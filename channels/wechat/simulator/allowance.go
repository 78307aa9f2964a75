package simulator

import (
	_ "embed"
	"encoding/json"
	"time"
)

//go:embed rules.json
var rulesJSON []byte

// DefaultProfile is today's allowance.
const DefaultProfile = "2023"

// The triggers that let an account write to a person.
const (
	TriggerMessage = "message"
	TriggerMenu    = "menu"
	TriggerFollow  = "follow"
	TriggerScan    = "scan"
	TriggerPayment = "payment"
)

type grantRule struct {
	Count   int `json:"count"` // -1: without limit
	Seconds int `json:"seconds"`
}

type profile map[string]grantRule

var (
	profiles   map[string]profile
	deliveries int // of a push that is not acknowledged
	textBytes  int // of a message that is sent
)

func init() {
	var file struct {
		Profiles   map[string]profile
		Deliveries struct{ Value int }
		TextBytes  struct{ Value int } `json:"text_bytes"`
	}
	if err := json.Unmarshal(rulesJSON, &file); err != nil {
		panic("simulator: rules.json: " + err.Error())
	}
	profiles, deliveries, textBytes = file.Profiles, file.Deliveries.Value, file.TextBytes.Value
}

// Grant is what one thing that a person did allows an account to send.
type Grant struct {
	Trigger string    `json:"trigger"`
	Left    int       `json:"left"` // -1: without limit
	Until   time.Time `json:"until"`
}

// Allowance is what an account may still send to a person now.
type Allowance struct {
	Left   int        `json:"left"` // -1: without limit
	Until  *time.Time `json:"until"`
	Grants []Grant    `json:"grants"`
}

// AllowanceOf tells what an account may still send to a person.
func (s *Simulator) AllowanceOf(appID, openID string) (Allowance, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, p, err := s.find(appID, openID)
	if err != nil {
		return Allowance{}, err
	}
	return p.allowance(s.now()), nil
}

// grant notes that a person did something. A new message replaces the grant of
// the one before; the others count apart.
func (s *Simulator) grant(p *person, trigger string) {
	rule := s.rules[trigger]
	if rule.Count == 0 {
		return
	}
	now := s.now()
	kept := p.Grants[:0]
	for _, g := range p.Grants {
		if now.Before(g.Until) && (trigger != TriggerMessage || g.Trigger != TriggerMessage) {
			kept = append(kept, g)
		}
	}
	p.Grants = append(kept, &Grant{Trigger: trigger, Left: rule.Count, Until: now.Add(time.Duration(rule.Seconds) * time.Second)})
}

// usable is the grant to spend next: of those that are neither spent nor over,
// the one that ends soonest. open tells whether any is not over.
func (p *person) usable(now time.Time) (use *Grant, open bool) {
	for _, g := range p.Grants {
		if !now.Before(g.Until) {
			continue
		}
		open = true
		if g.Left != 0 && (use == nil || g.Until.Before(use.Until)) {
			use = g
		}
	}
	return use, open
}

func (p *person) allowance(now time.Time) Allowance {
	a := Allowance{Grants: []Grant{}}
	for _, g := range p.Grants {
		if !now.Before(g.Until) {
			continue
		}
		a.Grants = append(a.Grants, *g)
		if g.Left == 0 {
			continue
		}
		if g.Left < 0 || a.Left < 0 {
			a.Left = -1
		} else {
			a.Left += g.Left
		}
		if a.Until == nil || g.Until.After(*a.Until) {
			until := g.Until
			a.Until = &until
		}
	}
	return a
}
