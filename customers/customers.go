// Package customers keeps who someone is and what they did: one record per
// person, the identities under which channels know them, and their events.
package customers

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/store/feed"
	"github.com/fanward/fanward/segments/rule"
)

//go:embed queries.sql
var queriesSQL string

var queries = store.Load("customers", queriesSQL)

// Kinds of identity.
const (
	// KindVisitor is a browser that chats; its namespace is the channel account.
	KindVisitor = "visitor"
	// KindExternal is the company's own user id, proven by an HMAC; its
	// namespace is the installation, so all of a company's sites share it.
	KindExternal = "external"
	// KindEmail is an address in lower case (EmailKey); its namespace is the
	// installation.
	KindEmail = "email"
	KindPhone = "phone"
	// KindOpenID is a follower of a WeChat account; its namespace is the account.
	KindOpenID = "openid"
	// KindAnonymous is a browser or program that tracking calls name, before they
	// say whose it is; its namespace is the installation.
	KindAnonymous = "anonymous"
	// KindUnionID is what WeChat calls one person on all accounts of a company;
	// its namespace is that company's open platform, or the installation.
	KindUnionID = "unionid"
)

// Installation is the namespace of identities that hold everywhere.
const Installation = "installation"

// Customer is the record of one person, at every stage.
type Customer struct {
	ID         ids.ID     `json:"id"`
	Name       *string    `json:"name"`
	Label      string     `json:"label" doc:"What to show: the name, else the first mail address, else a short code; never empty"`
	Locale     *string    `json:"locale"`
	Timezone   *string    `json:"timezone" doc:"IANA name"`
	Attributes Attributes `json:"attributes"`
	Tags       []string   `json:"tags"`
	Stage      *AtStage   `json:"stage" doc:"null: in no stage"`
	LastSeenAt *time.Time `json:"last_seen_at"`
	CreatedAt  time.Time  `json:"created_at"`
	Online     bool       `json:"online" doc:"A hint: a socket of this customer is open"`
}

// Ref is how other records show a customer.
type Ref struct {
	ID    ids.ID  `json:"id"`
	Name  *string `json:"name"`
	Label string  `json:"label"`
}

// Identity is one name under which a channel knows a customer.
type Identity struct {
	ID         ids.ID    `json:"id"`
	CustomerID ids.ID    `json:"-"`
	Kind       string    `json:"kind"`
	Namespace  string    `json:"namespace"`
	Value      string    `json:"value"`
	Verified   bool      `json:"verified"`
	Suppressed *string   `json:"suppressed" doc:"Why nothing is sent to it any more, a code; null when it can be written to"`
	CreatedAt  time.Time `json:"created_at"`
}

// Service reads and writes customers. It is safe for concurrent use.
type Service struct {
	db  *store.DB
	clk clock.Clock
	ids *ids.Source
	// names are the numbers of the house's own events, fixed by Prepare.
	names map[string]int64
	// numbers are those of the names that tracking calls have brought.
	numbers eventNumbers
	moved   []Moved
	parted  []Parted
	tracked []func(*store.Tx, Tracked) error
	staged  []func(*store.Tx, StageChanged) error
	// stageRules follow the rules of stages.
	stageRules []func(*store.Tx, string, *rule.Node) error
	auditor    auth.Auditor
	log        *callLog
	observed   observer
}

// Moved tells a domain that an identity and what came through it now belong to
// another customer. It moves its own rows in the same transaction.
type Moved func(tx *store.Tx, identity, from, to ids.ID) error

// OnMove registers a domain's Moved. Call it while the program starts.
func (s *Service) OnMove(m Moved) { s.moved = append(s.moved, m) }

var qAddress = queries.Get("address")

// columns are what scan reads, of the customers c.
var columns = `c.id, c.name, ` + Address("c") + `, c.locale, c.timezone, c.attributes, c.last_seen_at, c.created_at, c.stage, c.stage_since,
  COALESCE((SELECT s.name_en FROM stages s WHERE s.key = c.stage), ''), COALESCE((SELECT s.name_zh FROM stages s WHERE s.key = c.stage), ''),
  COALESCE((SELECT string_agg(g.name, ',' ORDER BY g.folded_name) FROM customer_tags l JOIN tags g ON g.id = l.tag_id WHERE l.customer_id = c.id), '')`

// New returns the customer service.
func New(db *store.DB, clk clock.Clock, src *ids.Source) *Service {
	return &Service{db: db, clk: clk, ids: src, log: newCallLog()}
}

// Address is the SQL of the address by which a customer is shown who has no name:
// the first by which mail of theirs came; ” for others. of names the row of the
// customer. It is no name: nothing that asks for names is told of it.
func Address(of string) string {
	return "CASE WHEN " + of + ".name = '' THEN COALESCE((SELECT e.value FROM identities e WHERE e.customer_id = " + of +
		".id AND e.kind = 'email' AND e.value LIKE '%@%' ORDER BY e.id LIMIT 1), '') ELSE '' END"
}

// Label is what to show of a customer: the name, else the address (see Address),
// else a short code made from the id, stable and the same in every language.
func Label(id ids.ID, name, address string) string {
	if name != "" {
		return name
	}
	if address != "" {
		return address
	}
	code := strings.ToUpper(strconv.FormatInt(int64(id), 36))
	return "#" + code[max(0, len(code)-5):]
}

// NewRef makes a Ref; name and address may be empty.
func NewRef(id ids.ID, name, address string) Ref {
	return Ref{ID: id, Name: optional(name), Label: Label(id, name, address)}
}

// RefTx is NewRef for whoever has not asked for the address.
func RefTx(q store.Querier, id ids.ID, name string) (Ref, error) {
	address := ""
	if name == "" {
		if err := q.QueryRow(qAddress, id).Scan(&address); err != nil && !isNoRows(err) {
			return Ref{}, err
		}
	}
	return NewRef(id, name, address), nil
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Get returns one customer. A merged record answers with the survivor.
func (s *Service) Get(ctx context.Context, id ids.ID) (*Customer, error) {
	return get(s.db.Reader(ctx), qGet, id)
}

// GetTx is Get within somebody else's transaction or snapshot.
func (s *Service) GetTx(q store.Querier, id ids.ID) (*Customer, error) { return get(q, qGet, id) }

func get(q store.Querier, query *store.Query, id ids.ID) (*Customer, error) {
	c, err := scan(q.QueryRow(query, id))
	if errors.Is(err, store.ErrNoRows) {
		return nil, fault.Missing("customer")
	}
	return c, err
}

// lockTx reads a customer, of a merged record the survivor, and keeps others from
// changing them. When records were merged or parted while it waited, the
// transaction starts anew.
func lockTx(tx *store.Tx, id ids.ID) (*Customer, error) {
	c, err := get(tx, qLock, id)
	if tx.Engine() != store.Postgres || err == nil && c.ID == id || err != nil && fault.KindOf(err) != fault.NotFound {
		return c, err
	}
	now, other := whose(tx, id)
	if other != nil {
		return nil, other // there has never been such a customer
	}
	if err != nil || now != c.ID {
		return nil, store.ErrRestart
	}
	return c, nil
}

// Identities lists a customer's identities, oldest first.
func (s *Service) Identities(ctx context.Context, id ids.ID) ([]Identity, error) {
	rows, err := s.db.Reader(ctx).Query(queries.Get("identities"), id)
	return store.Collect(rows, err, scanIdentity)
}

func scanIdentity(r store.Row) (Identity, error) {
	var i Identity
	var at int64
	var suppressed string
	err := r.Scan(&i.ID, &i.CustomerID, &i.Kind, &i.Namespace, &i.Value, &i.Verified, &suppressed, &at)
	i.Suppressed = optional(suppressed)
	i.CreatedAt = clock.FromMillis(at)
	return i, err
}

func scan(r store.Row) (*Customer, error) {
	var c Customer
	var name, address, locale, zone, tags string
	var attributes []byte
	var seen, created, since int64
	var at AtStage
	if err := r.Scan(&c.ID, &name, &address, &locale, &zone, &attributes, &seen, &created, &at.Key, &since, &at.NameEN, &at.NameZH, &tags); err != nil {
		return nil, err
	}
	if at.Key != "" {
		at.Since = clock.FromMillis(since)
		c.Stage = &at
	}
	c.Tags = tagsOf(tags)
	c.Name, c.Locale, c.Timezone, c.Label = optional(name), optional(locale), optional(zone), Label(c.ID, name, address)
	c.CreatedAt = clock.FromMillis(created)
	if seen > 0 {
		t := clock.FromMillis(seen)
		c.LastSeenAt = &t
	}
	c.Attributes = Attributes{}
	return &c, json.Unmarshal(attributes, &c.Attributes)
}

// announce tells of a changed customer; through, when not 0, is the identity
// that has come to them: sockets of that browser belong to them from here on.
func announce(tx *store.Tx, c *Customer, through ids.ID, at time.Time) error {
	payload, err := json.Marshal(map[string]any{"customer": c})
	if err != nil {
		return err
	}
	return feed.Append(tx, feed.Change{At: at, Kind: "customer", Audience: feed.Customers, Customer: c.ID, Identity: through, Payload: payload})
}
