package channels

import (
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/store/feed"
	"github.com/fanward/fanward/internal/text"
)

//go:embed queries.sql
var queriesSQL string

var (
	queries  = store.Load("channels", queriesSQL)
	qInsert  = queries.Get("insert-account")
	qUpdate  = queries.Get("update-account")
	qSecret  = queries.Get("set-secret")
	qList    = queries.Get("list-accounts")
	qGet     = queries.Get("get-account")
	qLock    = queries.Get("lock-account")
	qByKey   = queries.Get("account-by-key")
	qSandbox = queries.Get("sandbox-account")
	qReal    = queries.Get("count-real-accounts")
	qHealth  = queries.Get("set-health")
	qClaims  = queries.Get("lock-claims")
)

// Status of an account.
type Status string

// The states of an account: a disabled one takes and sends nothing, its
// conversations stay.
const (
	Active   Status = "active"
	Disabled Status = "disabled"
)

const maxAccountName = 80

// Account is one channel account: a website's chat, a WeChat official account,
// a mailbox.
type Account struct {
	ID        ids.ID          `json:"id"`
	Channel   string          `json:"channel"`
	Name      string          `json:"name"`
	Key       string          `json:"key" doc:"Public key in the account's addresses"`
	Status    Status          `json:"status" enum:"active,disabled"`
	Sandbox   bool            `json:"sandbox"`
	Config    json.RawMessage `json:"config"`
	HasSecret bool            `json:"has_identity_secret"`
	// SecretNames are the credentials that are set; their values are never told.
	SecretNames []string  `json:"secrets" doc:"The names of the credentials that are set"`
	Health      Health    `json:"health"`
	CreatedAt   time.Time `json:"created_at"`

	sealedSecret      string
	sealedCredentials string
}

// Sealer keeps secrets at rest; internal/seal is one.
type Sealer interface {
	Seal(purpose string, plain []byte) string
	Unseal(purpose, sealed string) ([]byte, error)
}

// Accounts keeps the channel accounts. Reads by key are cached; the cache
// follows the change feed's hints through Forget.
type Accounts struct {
	db       *store.DB
	clk      clock.Clock
	ids      *ids.Source
	registry *Registry
	sealer   Sealer

	mu    sync.RWMutex
	byKey map[string]*Account
	// forgotten counts invalidations, so that a row read before one is not
	// cached after it.
	forgotten int
	auditor   auth.Auditor
}

// OnAudit names who keeps the audit trail. Call it while the program starts.
func (a *Accounts) OnAudit(auditor auth.Auditor) { a.auditor = auditor }

// auditTx notes who did what to an account; details hold no secrets.
func (a *Accounts) auditTx(tx *store.Tx, by auth.Principal, action string, id ids.ID, details map[string]any) error {
	if a.auditor == nil {
		return nil
	}
	return a.auditor.AuditTx(tx, by, "account."+action, "account/"+id.String(), details)
}

// NewAccounts returns the account store.
func NewAccounts(db *store.DB, clk clock.Clock, src *ids.Source, r *Registry, s Sealer) *Accounts {
	return &Accounts{db: db, clk: clk, ids: src, registry: r, sealer: s, byKey: map[string]*Account{}}
}

// New describes an account to create.
type New struct {
	Channel string
	Name    string
	Config  json.RawMessage
	// Secrets are its credentials; an empty value is none.
	Secrets Secrets
	Sandbox bool
	// By is who connects it; the zero value is the program itself.
	By auth.Principal
}

// Create stores a new active account. What belongs to one account alone (a mail
// address, an AppID) and is another's already: 422 account_taken at its field.
func (a *Accounts) Create(ctx context.Context, n New) (*Account, error) {
	adapter, err := a.registry.Adapter(n.Channel)
	if err != nil {
		return nil, err
	}
	name, err := accountName(n.Name)
	if err != nil {
		return nil, err
	}
	secrets := maps.Clone(n.Secrets)
	maps.DeleteFunc(secrets, func(_, value string) bool { return value == "" })
	config, err := adapter.Configure(n.Config, secrets)
	if err != nil {
		return nil, err
	}
	acc := &Account{
		ID: a.ids.Next(), Channel: n.Channel, Name: name, Key: randomKey(), Status: Active,
		Sandbox: n.Sandbox, Config: config, Health: Health{OK: true}, CreatedAt: a.clk.Now(),
	}
	if err := a.seal(acc, secrets); err != nil {
		return nil, err
	}
	err = a.db.Write(ctx, func(tx *store.Tx) error {
		if err := claimTx(tx, adapter, acc); err != nil {
			return err
		}
		now := clock.Millis(acc.CreatedAt)
		if _, err := tx.Exec(qInsert, acc.ID, acc.Channel, acc.Name, acc.Key, string(acc.Status), acc.Sandbox, string(acc.Config), acc.sealedCredentials, now, now); err != nil {
			return err
		}
		if err := a.auditTx(tx, n.By, "created", acc.ID, map[string]any{"channel": acc.Channel, "name": acc.Name}); err != nil {
			return err
		}
		return announce(tx, acc, acc.CreatedAt)
	})
	if err != nil {
		return nil, err
	}
	return acc, nil
}

// Patch changes an account; nil fields stay.
type Patch struct {
	Name   *string
	Config json.RawMessage
	// Secrets replace those of the same name; an empty value takes one away.
	Secrets Secrets
	Status  *Status
	// By is who changes it; the zero value is the program itself.
	By auth.Principal
}

// Update applies a patch.
func (a *Accounts) Update(ctx context.Context, id ids.ID, p Patch) (*Account, error) {
	var acc *Account
	err := a.db.Write(ctx, func(tx *store.Tx) (err error) {
		if p.Config != nil {
			if err := lockClaimsTx(tx); err != nil {
				return err
			}
		}
		if acc, err = scanAccount(tx.QueryRow(qLock, id)); err != nil {
			return missing(err)
		}
		before := *acc
		if err := a.apply(acc, p); err != nil {
			return err
		}
		if err := a.keepClaimTx(tx, &before, acc); err != nil {
			return err
		}
		if changed := p.differences(&before, acc); len(changed) > 0 {
			if err := a.auditTx(tx, p.By, "changed", acc.ID, changed); err != nil {
				return err
			}
		}
		now := a.clk.Now()
		if _, err := tx.Exec(qUpdate, acc.Name, string(acc.Status), string(acc.Config), acc.sealedCredentials, clock.Millis(now), acc.ID); err != nil {
			return err
		}
		return announce(tx, acc, now)
	})
	if acc != nil {
		a.Forget(acc.Key) // after a failure, too: a lost answer may hide a commit
	}
	if err != nil {
		return nil, err
	}
	return acc, nil
}

// differences are the audit's account of a change: secrets by name only.
func (p Patch) differences(before, after *Account) map[string]any {
	out := map[string]any{}
	if before.Name != after.Name {
		out["name"] = after.Name
	}
	if before.Status != after.Status {
		out["status"] = after.Status
	}
	if string(before.Config) != string(after.Config) {
		out["config"] = after.Config
	}
	if len(p.Secrets) > 0 {
		out["secrets"] = slices.Sorted(maps.Keys(p.Secrets))
	}
	return out
}

func (a *Accounts) apply(acc *Account, p Patch) error {
	if p.Name != nil {
		name, err := accountName(*p.Name)
		if err != nil {
			return err
		}
		acc.Name = name
	}
	if p.Config != nil || p.Secrets != nil {
		if err := a.configure(acc, p); err != nil {
			return err
		}
	}
	if p.Status != nil {
		if *p.Status != Active && *p.Status != Disabled {
			return fault.AtField("status", "not_one_of", fault.Params{"allowed": "active, disabled"})
		}
		acc.Status = *p.Status
	}
	return nil
}

// List returns every account, oldest first.
func (a *Accounts) List(ctx context.Context) ([]*Account, error) {
	rows, err := a.db.Reader(ctx).Query(qList)
	return store.Collect(rows, err, scanAccount)
}

// Get returns one account.
func (a *Accounts) Get(ctx context.Context, id ids.ID) (*Account, error) {
	acc, err := scanAccount(a.db.Reader(ctx).QueryRow(qGet, id))
	return acc, missing(err)
}

// ByKey returns the account behind a public key. Callers must not change it.
func (a *Accounts) ByKey(ctx context.Context, key string) (*Account, error) {
	a.mu.RLock()
	acc, seen := a.byKey[key], a.forgotten
	a.mu.RUnlock()
	if acc != nil {
		return acc, nil
	}
	acc, err := scanAccount(a.db.Reader(ctx).QueryRow(qByKey, key))
	if err != nil {
		return nil, missing(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.forgotten == seen {
		a.byKey[key] = acc
	}
	return acc, nil
}

// Forget drops an account from the cache: call it when the feed tells of a
// change made elsewhere.
func (a *Accounts) Forget(key string) {
	a.mu.Lock()
	delete(a.byKey, key)
	a.forgotten++
	a.mu.Unlock()
}

// Sandbox returns the sandbox's account of a channel, and false when there is
// none yet.
func (a *Accounts) Sandbox(ctx context.Context, channel string) (*Account, bool, error) {
	acc, err := scanAccount(a.db.Reader(ctx).QueryRow(qSandbox, channel))
	if errors.Is(err, store.ErrNoRows) {
		return nil, false, nil
	}
	return acc, err == nil, err
}

// HasReal tells whether any account outside the sandbox exists.
func (a *Accounts) HasReal(ctx context.Context) (bool, error) {
	var n int64
	err := a.db.Reader(ctx).QueryRow(qReal).Scan(&n)
	return n > 0, err
}

func announce(tx *store.Tx, acc *Account, at time.Time) error {
	payload, err := json.Marshal(map[string]any{"account": acc})
	if err != nil {
		return err
	}
	return feed.Append(tx, feed.Change{At: at, Kind: "account", Audience: feed.Staff, Account: acc.ID, Payload: payload})
}

func accountName(s string) (string, error) {
	s = text.CleanLine(s)
	switch n := text.Length(s); {
	case n == 0:
		return "", fault.AtField("name", "required", nil)
	case n > maxAccountName:
		return "", fault.AtField("name", "too_long", fault.Params{"max": maxAccountName})
	}
	return s, nil
}

func scanAccount(r store.Row) (*Account, error) {
	var acc Account
	var config []byte
	var health string
	var created int64
	err := r.Scan(&acc.ID, &acc.Channel, &acc.Name, &acc.Key, &acc.Status, &acc.Sandbox, &config, &acc.sealedSecret, &acc.sealedCredentials, &health, &created)
	if err != nil {
		return nil, err
	}
	acc.SecretNames = []string{}
	if names, _, found := strings.Cut(acc.sealedCredentials, ":"); found {
		acc.SecretNames = strings.Split(names, ",")
	}
	acc.Health = Health{OK: true}
	if health != "" {
		if err := json.Unmarshal([]byte(health), &acc.Health); err != nil {
			return nil, err
		}
	}
	acc.Config, acc.HasSecret, acc.CreatedAt = slices.Clone(config), acc.sealedSecret != "", clock.FromMillis(created)
	return &acc, nil
}

func missing(err error) error {
	if errors.Is(err, store.ErrNoRows) {
		return fault.Missing("account")
	}
	return err
}

func randomKey() string {
	b := make([]byte, 12)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return base64.RawURLEncoding.EncodeToString(b)
}
