package webchat

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/text"
)

// tokenPurpose binds visitor tokens to their use.
const tokenPurpose = "webchat/visitor"

// tokenLifetime is how long a browser that never comes back is remembered;
// every session makes a new token for the same visitor.
const tokenLifetime = 400 * 24 * time.Hour

const maxUserID = 200

// Signer signs and checks tokens; internal/seal is one.
type Signer interface {
	Sign(purpose string, payload []byte, expires time.Time) string
	Open(purpose, token string, now time.Time) ([]byte, error)
}

// Visitor is a browser that talks to one account.
type Visitor struct {
	Account *channels.Account
	Config  Config
	// Key is the browser's random identity; it has a row only once it has
	// written or been identified.
	Key string
}

// Identity is the visitor's identity in the customers' terms.
func (v Visitor) Identity() customers.Key {
	return customers.Key{Kind: customers.KindVisitor, Namespace: v.Account.ID.String(), Value: v.Key}
}

// Visitors knows browsers by their signed tokens. It is safe for concurrent use.
type Visitors struct {
	db        *store.DB
	accounts  *channels.Accounts
	customers *customers.Service
	signer    Signer
	sink      channels.Sink
	now       func() time.Time
}

// NewVisitors returns the visitors' side of web chat.
func NewVisitors(db *store.DB, accounts *channels.Accounts, c *customers.Service, signer Signer, sink channels.Sink, now func() time.Time) *Visitors {
	return &Visitors{db: db, accounts: accounts, customers: c, signer: signer, sink: sink, now: now}
}

// Account finds an active web chat account by its public key.
func (s *Visitors) Account(ctx context.Context, key string) (*channels.Account, Config, error) {
	acc, err := s.accounts.ByKey(ctx, key)
	if err != nil {
		return nil, Config{}, err
	}
	if acc.Channel != Channel {
		return nil, Config{}, fault.Missing("account")
	}
	if acc.Status != channels.Active {
		return nil, Config{}, fault.New(fault.Forbidden, "account_disabled", nil)
	}
	config, err := ParseConfig(acc.Config)
	return acc, config, err
}

// Open checks a token and returns its visitor; visitor_refused when it is
// forged, expired or another account's.
func (s *Visitors) Open(acc *channels.Account, config Config, token string) (Visitor, error) {
	payload, err := s.signer.Open(tokenPurpose, token, s.now())
	account, key, ok := strings.Cut(string(payload), ":")
	if err != nil || !ok || account != acc.ID.String() {
		return Visitor{}, fault.New(fault.Unauthenticated, "visitor_refused", nil)
	}
	return Visitor{Account: acc, Config: config, Key: key}, nil
}

// Fresh makes a new visitor, which has no row yet.
func (s *Visitors) Fresh(acc *channels.Account, config Config) Visitor {
	b := make([]byte, 18)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return Visitor{Account: acc, Config: config, Key: base64.RawURLEncoding.EncodeToString(b)}
}

// Token is the visitor's token, valid for 400 days from now.
func (s *Visitors) Token(v Visitor) string {
	return s.signer.Sign(tokenPurpose, []byte(v.Account.ID.String()+":"+v.Key), s.now().Add(tokenLifetime))
}

// Claim is what a site says of its signed-in user.
type Claim struct {
	UserID string
	// Hash is hex HMAC-SHA256 of UserID under the account's identity secret.
	Hash string
	// EmailHash, when given, is the same of UserID, a line feed and Email in
	// lower case: it proves the address.
	EmailHash string
	customers.Traits
}

// Identify joins v to the person that the site has proven. The returned
// visitor differs from v (replaced is true) when the browser was known as
// somebody else: two known people are never joined.
func (s *Visitors) Identify(ctx context.Context, v Visitor, c Claim) (_ Visitor, replaced bool, err error) {
	if err := s.checkClaim(v.Account, c); err != nil {
		return v, false, err
	}
	person := customers.Key{Kind: customers.KindExternal, Namespace: customers.Installation, Value: c.UserID}
	c.EmailProven = c.EmailHash != ""
	done, err := s.customers.Identify(ctx, v.Identity(), person, c.Traits)
	if err != nil {
		return v, false, err
	}
	if !done.Taken {
		return v, false, nil
	}
	v = s.Fresh(v.Account, v.Config)
	_, err = s.customers.Identify(ctx, v.Identity(), person, c.Traits)
	return v, true, err
}

func (s *Visitors) checkClaim(acc *channels.Account, c Claim) error {
	if c.UserID == "" || len(c.UserID) > maxUserID || text.CleanLine(c.UserID) != c.UserID {
		return fault.AtField("identity.user_id", "user_id_invalid", fault.Params{"max": maxUserID})
	}
	secret, ok, err := s.accounts.Secret(acc)
	if err != nil {
		return err
	}
	refused := fault.New(fault.Forbidden, "identity_refused", nil)
	if !ok {
		return refused
	}
	got, err := hex.DecodeString(c.Hash)
	if err != nil || !hmac.Equal(got, IdentityHash(secret, c.UserID)) {
		return refused
	}
	if c.EmailHash == "" {
		return nil
	}
	got, err = hex.DecodeString(c.EmailHash)
	if err != nil || !hmac.Equal(got, EmailHash(secret, c.UserID, c.Email)) {
		return fault.New(fault.Forbidden, "email_proof_refused", nil)
	}
	return nil
}

// EmailHash is what a shop's server computes to prove its user's address.
func EmailHash(secret []byte, userID, email string) []byte {
	return IdentityHash(secret, userID+"\n"+strings.ToLower(email))
}

// IdentityHash is what a shop's server computes for its signed-in user.
func IdentityHash(secret []byte, userID string) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(userID))
	return h.Sum(nil)
}

// Who is what is known of a visitor by now.
type Who struct {
	Customer, Identity ids.ID
	// Known is true when somebody has signed in on this very browser and both are
	// one customer: that a teammate has merged the browser with a known customer
	// proves nothing.
	Known bool
}

var (
	qKnown = queries.Get("known")
	qKey   = queries.Get("key")
)

// Who looks a visitor up; ok is false while it has no row.
func (s *Visitors) Who(ctx context.Context, v Visitor) (w Who, ok bool, err error) {
	q := s.db.Reader(ctx)
	r, found, err := customers.FindTx(q, v.Identity())
	if err != nil || !found {
		return Who{}, false, err
	}
	w = Who{Customer: r.Customer, Identity: r.Identity}
	w.Known, err = signedIn(q, r.Identity)
	return w, err == nil, err
}

// SignedIn tells whether somebody has signed in on the browser behind an
// identity who is the same customer.
func (s *Visitors) SignedIn(ctx context.Context, identity ids.ID) (bool, error) {
	return signedIn(s.db.Reader(ctx), identity)
}

func signedIn(q store.Querier, identity ids.ID) (bool, error) {
	var n int64
	err := q.QueryRow(qKnown, identity).Scan(&n)
	return n > 0, err
}

// Message is what a visitor writes.
type Message struct {
	ClientKey   string
	Body        string
	Attachments []ids.ID
	Locale      string
}

// Send stores a visitor's message; it is durable when Send returns. The same
// ClientKey returns the first message.
func (s *Visitors) Send(ctx context.Context, v Visitor, m Message) (channels.Received, error) {
	if err := checkKey(m.ClientKey); err != nil {
		return channels.Received{}, err
	}
	v, err := s.today(ctx, v)
	if err != nil {
		return channels.Received{}, err
	}
	if v.Config.RequireIdentity {
		if w, ok, err := s.Who(ctx, v); err != nil {
			return channels.Received{}, err
		} else if !ok || !w.Known {
			return channels.Received{}, fault.New(fault.Forbidden, "identity_required", nil)
		}
	}
	id := v.Identity()
	return s.sink.Receive(ctx, channels.Inbound{
		Account:    v.Account,
		Identity:   channels.Identity{Kind: id.Kind, Namespace: id.Namespace, Value: id.Value},
		ExternalID: v.Key + ":" + m.ClientKey, ClientKey: m.ClientKey,
		Body: m.Body, Attachments: m.Attachments, AttachmentOwner: v.OwnerKey(), Locale: m.Locale,
	})
}

// today is v with its account as it stands now: a socket outlives changes of
// its account, but a disabled one takes nothing and a rule holds at once.
func (s *Visitors) today(ctx context.Context, v Visitor) (Visitor, error) {
	acc, err := s.accounts.ByKey(ctx, v.Account.Key)
	if err == nil && acc == v.Account && acc.Status == channels.Active {
		return v, nil
	}
	v.Account, v.Config, err = s.Account(ctx, v.Account.Key)
	return v, err
}

// OwnerKey names the visitor as owner of uploads.
func (v Visitor) OwnerKey() string { return v.Account.ID.String() + ":" + v.Key }

const maxClientKey = 64

func checkKey(key string) error {
	if key == "" {
		return fault.AtField("client_key", "required", nil)
	}
	if len(key) > maxClientKey || text.CleanLine(key) != key {
		return fault.AtField("client_key", "client_key_invalid", fault.Params{"max": maxClientKey})
	}
	return nil
}

// KeyOf is the account and key of the browser behind an identity; false when
// the identity is not a browser.
func (s *Visitors) KeyOf(ctx context.Context, identity ids.ID) (account ids.ID, key string, ok bool, err error) {
	var namespace string
	err = s.db.Reader(ctx).QueryRow(qKey, identity).Scan(&namespace, &key)
	if errors.Is(err, store.ErrNoRows) {
		return 0, "", false, nil
	}
	if err != nil {
		return 0, "", false, err
	}
	account, err = ids.Parse(namespace)
	return account, key, err == nil, err
}
