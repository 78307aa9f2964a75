package customers

import (
	"context"
	"slices"
	"time"

	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/text"
)

// ConsentState is what somebody said of a purpose on a channel.
type ConsentState string

// The states. Where nothing was said there is no row.
const (
	Granted   ConsentState = "granted"
	Withdrawn ConsentState = "withdrawn"
)

// Purposes that consent is asked for; answering a customer needs none.
const (
	PurposeMarketing     = "marketing"
	PurposeTransactional = "transactional"
)

var consentPurposes = []string{PurposeMarketing, PurposeTransactional}

// SourceUnsubscribe is the source of what somebody says behind the link that our
// own mails carry; the console names it in the reader's language.
const SourceUnsubscribe = "unsubscribe link"

// Consent is one thing that was said.
type Consent struct {
	ID         ids.ID       `json:"id"`
	Channel    string       `json:"channel"`
	Purpose    string       `json:"purpose" enum:"marketing,transactional"`
	State      ConsentState `json:"state" enum:"granted,withdrawn"`
	Source     string       `json:"source" doc:"Where it was said, in the company's words; unsubscribe link: the one in our own mails"`
	IdentityID ids.ID       `json:"identity_id" nullable:"true" doc:"Through which identity it came"`
	Actor      Actor        `json:"actor"`
	At         time.Time    `json:"at"`

	record ids.ID
}

// Consents are what holds now, one a channel and purpose, and everything that
// was ever said, newest first.
type Consents struct {
	Current []Consent `json:"current"`
	History []Consent `json:"history"`
}

// ConsentChange says something new.
type ConsentChange struct {
	Customer ids.ID
	Channel  string
	Purpose  string
	State    ConsentState
	Source   string
	// Identity it came through; 0 when a teammate writes it down.
	Identity ids.ID
	// ClientKey makes a repeat recognisable; "" for what follows from other rows.
	ClientKey string
}

const (
	maxConsentChannel = 40
	maxConsentSource  = 200
)

func (c *ConsentChange) check() error {
	var bad []fault.Field
	if c.Channel == "" || text.CleanLine(c.Channel) != c.Channel || text.Length(c.Channel) > maxConsentChannel {
		bad = append(bad, fault.Field{Field: "channel", Code: "unknown_channel", Params: fault.Params{"channel": text.Preview(c.Channel, maxConsentChannel)}})
	}
	if !slices.Contains(consentPurposes, c.Purpose) {
		bad = append(bad, fault.Field{Field: "purpose", Code: "not_one_of", Params: fault.Params{"allowed": "marketing, transactional"}})
	}
	if c.State != Granted && c.State != Withdrawn {
		bad = append(bad, fault.Field{Field: "state", Code: "not_one_of", Params: fault.Params{"allowed": "granted, withdrawn"}})
	}
	c.Source = text.CleanLine(c.Source)
	switch n := text.Length(c.Source); {
	case n == 0:
		bad = append(bad, fault.Field{Field: "source", Code: "required"})
	case n > maxConsentSource:
		bad = append(bad, fault.Field{Field: "source", Code: "too_long", Params: fault.Params{"max": maxConsentSource}})
	}
	return fault.AtFields(bad...)
}

// SetConsent writes down what a customer said and returns what holds since. The
// same ClientKey writes it once.
func (s *Service) SetConsent(ctx context.Context, p auth.Principal, c ConsentChange) (*Consents, error) {
	if err := p.Require(auth.CustomersWrite); err != nil {
		return nil, err
	}
	if err := checkKey(c.ClientKey); err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	if err := s.db.Write(ctx, func(tx *store.Tx) error { return s.consentTx(tx, p, c) }); err != nil {
		return nil, err
	}
	return s.Consents(ctx, c.Customer)
}

func (s *Service) consentTx(tx *store.Tx, p auth.Principal, c ConsentChange) error {
	who, err := lockTx(tx, c.Customer)
	if err != nil {
		return err
	}
	by := actorOf(p)
	key := by.Kind + "/" + p.ID.String() + "/" + c.Customer.String() + "/" + c.ClientKey
	var channel, purpose, state string
	err = tx.QueryRow(queries.Get("consent-by-key"), key).Scan(&channel, &purpose, &state)
	switch {
	case err == nil && (channel != c.Channel || purpose != c.Purpose || state != string(c.State)):
		return fault.New(fault.Conflict, "client_key_reused", nil)
	case err == nil || !isNoRows(err):
		return err
	}
	record := who.ID
	if c.Identity != 0 {
		if record, err = consentRecord(tx, who.ID, c.Identity); err != nil {
			return err
		}
	}
	now := s.clk.Now()
	_, err = tx.Exec(queries.Get("insert-consent"), s.ids.Next(), record, c.Identity, c.Channel, c.Purpose, string(c.State), c.Source,
		by.Kind, by.ID, deref(by.Name), key, clock.Millis(now))
	if err != nil {
		return err
	}
	if err := s.auditTx(tx, p, "customer.consent", who.ID, map[string]any{"channel": c.Channel, "purpose": c.Purpose, "state": c.State}); err != nil {
		return err
	}
	TouchTx(tx, who.ID)
	if err := s.consentsNowTx(tx, who.ID); err != nil {
		return err
	}
	return announce(tx, who, 0, now)
}

// consentRecord is the record of a customer for which an identity speaks.
func consentRecord(q store.Querier, customer, identity ids.ID) (ids.ID, error) {
	all, err := identitiesOf(q, customer)
	for _, h := range all {
		if h.id == identity {
			return h.home, err
		}
	}
	return 0, errorOr(err, fault.AtField("identity_id", "identity_unknown", nil))
}

// Consents reads what a customer allows, and the history of it.
func (s *Service) Consents(ctx context.Context, customer ids.ID) (*Consents, error) {
	out := &Consents{Current: []Consent{}, History: []Consent{}}
	err := s.db.Snapshot(ctx, func(q store.Querier) error {
		rep, err := whose(q, customer)
		if err != nil {
			return err
		}
		current, history, err := consentsOf(q, rep)
		out.Current, out.History = append(out.Current, current...), append(out.History, history...)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// consentsOf goes through what was said and the merges that hold, in the order
// in which they came. What is said is true of everybody it was said for by then;
// a merge keeps the stricter of two. So an undo, after which the merge is not
// there any more, restores what each one had said.
func consentsOf(q store.Querier, rep ids.ID) (current, history []Consent, err error) {
	rows, err := q.Query(queries.Get("consents"), rep, rep)
	said, err := store.Collect(rows, err, scanConsent)
	if err != nil || len(said) == 0 {
		return nil, nil, err
	}
	edges, err := edgesOf(q, rep)
	if err != nil {
		return nil, nil, err
	}
	b := newConsentBook(edges, said)
	for _, e := range edges {
		for len(said) > 0 && said[0].ID < e.id {
			b.say(said[0])
			history, said = append(history, said[0]), said[1:]
		}
		b.join(e)
	}
	for _, c := range said {
		b.say(c)
		history = append(history, c)
	}
	slices.Reverse(history)
	return b.holds(rep), history, nil
}

func scanConsent(r store.Row) (Consent, error) {
	var c Consent
	var at int64
	var name string
	err := r.Scan(&c.ID, &c.record, &c.IdentityID, &c.Channel, &c.Purpose, &c.State, &c.Source, &c.Actor.Kind, &c.Actor.ID, &name, &at)
	c.Actor.Name, c.At = optional(name), clock.FromMillis(at)
	return c, err
}
