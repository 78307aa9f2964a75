package journeys

import (
	"time"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// PeopleOf reads and changes the house's customers.
func PeopleOf(c *customers.Service) People { return people{c} }

type people struct{ customers *customers.Service }

func (p people) Person(q store.Querier, id ids.ID) (Person, error) {
	c, err := p.customers.GetTx(q, id)
	if err != nil {
		return Person{}, err
	}
	out := Person{ID: c.ID, Name: deref(c.Name), Label: c.Label, Locale: deref(c.Locale), Timezone: deref(c.Timezone), Tags: c.Tags, Attributes: c.Attributes}
	if c.Stage != nil {
		out.Stage = c.Stage.Key
	}
	return out, nil
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func (p people) SetAttributeTx(tx *store.Tx, customer ids.ID, name string, value any) error {
	_, err := p.customers.UpdateTx(tx, customer, customers.Patch{Attributes: map[string]any{name: value}})
	return err
}

func (p people) TagTx(tx *store.Tx, customer ids.ID, add, remove []string, by Cause, now time.Time) error {
	return p.customers.TagTx(tx, customer, add, remove, by.actor(), now)
}

func (p people) MoveStageTx(tx *store.Tx, customer ids.ID, to string, forwardOnly bool, by Cause, now time.Time) (bool, error) {
	return p.customers.MoveStageTx(tx, customer, to, customers.StageMove{
		Kind: customers.StageJourney, Reason: by.Name, Ref: "journey:" + by.Journey.String() + ":" + by.Node, Actor: by.actor(), ForwardOnly: forwardOnly,
	}, now)
}

func (p people) TrackTx(tx *store.Tx, customer ids.ID, name string, properties map[string]any, now time.Time) error {
	return p.customers.TrackTx(tx, customers.Track{Customer: customer, Name: name, At: now, Properties: properties}, now)
}

// actor is the program, under the name of the journey.
func (c Cause) actor() customers.Actor {
	name := c.Name
	return customers.Actor{Kind: "system", Name: &name}
}
