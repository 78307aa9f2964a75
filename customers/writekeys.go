package customers

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/text"
)

// Kinds of write key.
const (
	// ServerKey is a secret of the company's own programs: what it says of a
	// person is believed.
	ServerKey = "server"
	// BrowserKey is public: it records what somebody does and proves nothing.
	BrowserKey = "browser"
)

// Prefixes of write keys, so that a leaked one is recognised.
const (
	serverPrefix  = "fws_"
	browserPrefix = "fwb_"
)

// The sandbox's own keys; they work on the sandbox's machine only.
const (
	SandboxKey        = "sandbox"
	SandboxBrowserKey = "sandbox-browser"
)

const maxKeyName = 60

// WriteKey lets programs and websites make tracking calls.
type WriteKey struct {
	ID         ids.ID     `json:"id"`
	Name       string     `json:"name"`
	Kind       string     `json:"kind" enum:"server,browser"`
	Key        *string    `json:"key" doc:"Of a server key only once, when it is made"`
	Sandbox    bool       `json:"sandbox" doc:"Works on the sandbox's own machine only"`
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
	RevokedAt  *time.Time `json:"revoked_at"`
}

func scanWriteKey(r store.Row) (WriteKey, error) {
	var k WriteKey
	var public string
	var created, used, revoked int64
	err := r.Scan(&k.ID, &k.Name, &k.Kind, &public, &k.Sandbox, &created, &used, &revoked)
	k.Key, k.CreatedAt = optional(public), clock.FromMillis(created)
	for _, p := range []struct {
		ms int64
		to **time.Time
	}{{used, &k.LastUsedAt}, {revoked, &k.RevokedAt}} {
		if p.ms > 0 {
			at := clock.FromMillis(p.ms)
			*p.to = &at
		}
	}
	return k, err
}

// CreateWriteKey makes a write key; Key is its secret. That of a server key is
// kept as a hash and never seen again.
func (s *Service) CreateWriteKey(ctx context.Context, p auth.Principal, name, kind string) (WriteKey, error) {
	if err := p.Require(auth.TrackingManage); err != nil {
		return WriteKey{}, err
	}
	name = text.CleanLine(name)
	var bad []fault.Field
	switch n := text.Length(name); {
	case n == 0:
		bad = append(bad, fault.Field{Field: "name", Code: "required"})
	case n > maxKeyName:
		bad = append(bad, fault.Field{Field: "name", Code: "too_long", Params: fault.Params{"max": maxKeyName}})
	}
	prefix := map[string]string{ServerKey: serverPrefix, BrowserKey: browserPrefix}[kind]
	if prefix == "" {
		bad = append(bad, fault.Field{Field: "kind", Code: "not_one_of", Params: fault.Params{"allowed": "server, browser"}})
	}
	if err := fault.AtFields(bad...); err != nil {
		return WriteKey{}, err
	}
	key := prefix + rand.Text()
	k := WriteKey{ID: s.ids.Next(), Name: name, Kind: kind, Key: &key, CreatedAt: s.clk.Now()}
	err := s.db.Write(ctx, func(tx *store.Tx) error {
		if err := insertKeyTx(tx, k, p.ID, key); err != nil || s.auditor == nil {
			return err
		}
		return s.auditor.AuditTx(tx, p, "write_key.created", "write_key/"+k.ID.String(), map[string]any{"name": name, "kind": kind})
	})
	return k, err
}

func insertKeyTx(tx *store.Tx, k WriteKey, by ids.ID, key string) error {
	public := ""
	if k.Kind == BrowserKey {
		public = key
	}
	_, err := tx.Exec(queries.Get("insert-write-key"), k.ID, k.Name, k.Kind, hashKey(key), public, k.Sandbox, by, clock.Millis(k.CreatedAt))
	return err
}

func hashKey(key string) string {
	h := sha256.Sum256([]byte(key))
	return hex.EncodeToString(h[:])
}

// EnsureSandboxKeys makes the sandbox's write keys, whose names are their
// secrets. Whoever takes calls refuses them off the sandbox's machine.
func (s *Service) EnsureSandboxKeys(ctx context.Context) error {
	return s.db.Write(ctx, func(tx *store.Tx) error {
		for _, k := range []struct{ key, kind string }{{SandboxKey, ServerKey}, {SandboxBrowserKey, BrowserKey}} {
			if err := insertKeyTx(tx, WriteKey{ID: s.ids.Next(), Name: k.key, Kind: k.kind, Sandbox: true, CreatedAt: s.clk.Now()}, 0, k.key); err != nil {
				return err
			}
		}
		return nil
	})
}

// WriteKeys lists the write keys, revoked ones last, otherwise oldest first.
func (s *Service) WriteKeys(ctx context.Context) ([]WriteKey, error) {
	rows, err := s.db.Reader(ctx).Query(queries.Get("write-keys"))
	return store.Collect(rows, err, scanWriteKey)
}

// WriteKeyBy finds the write key with a secret; unknown_write_key when there is
// none, or it has been revoked.
func (s *Service) WriteKeyBy(ctx context.Context, key string) (WriteKey, error) {
	unknown := fault.New(fault.Unauthenticated, "unknown_write_key", nil)
	if key == "" || len(key) > 100 || strings.TrimSpace(key) != key {
		return WriteKey{}, unknown
	}
	k, err := scanWriteKey(s.db.Reader(ctx).QueryRow(queries.Get("write-key-by"), hashKey(key)))
	if isNoRows(err) {
		return WriteKey{}, unknown
	}
	return k, err
}

// RevokeWriteKey ends a key at once; revoking one that is revoked changes
// nothing.
func (s *Service) RevokeWriteKey(ctx context.Context, p auth.Principal, id ids.ID) error {
	if err := p.Require(auth.TrackingManage); err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *store.Tx) error {
		k, err := scanWriteKey(tx.QueryRow(queries.Get("write-key"), id))
		if isNoRows(err) {
			return fault.Missing("write_key")
		}
		if err != nil || k.RevokedAt != nil {
			return err
		}
		if _, err := tx.Exec(queries.Get("revoke-write-key"), clock.Millis(s.clk.Now()), id); err != nil || s.auditor == nil {
			return err
		}
		return s.auditor.AuditTx(tx, p, "write_key.revoked", "write_key/"+id.String(), map[string]any{"name": k.Name})
	})
}
