package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fanward/fanward/internal/bus"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/store/feed"
)

//go:embed queries.sql
var queriesSQL string

var queries = store.Load("auth", queriesSQL)

// Options are what a Service works with. DB, Clock, IDs and SessionLifetime
// are required.
type Options struct {
	DB    *store.DB
	Clock clock.Clock
	IDs   *ids.Source
	Log   *slog.Logger
	// SessionLifetime is how long a sign-in lasts without use.
	SessionLifetime time.Duration
	// Locale of teammates for whom nobody chose one; "" means en.
	Locale string
	// Limits count failed sign-ins; nil: this process alone does.
	Limits bus.Limiter
	// TeamDeleted runs in the transaction that deletes a team, so that what
	// points at it can let go. May be nil.
	TeamDeleted func(tx *store.Tx, team ids.ID) error
}

// Service keeps teammates, teams, sessions, sign-in links and API tokens. It
// is safe for concurrent use.
type Service struct {
	o        Options
	throttle throttle
	hashing  chan struct{} // a slot per password that is being hashed
	waiting  chan struct{} // a slot per request that waits for one
	hashes   atomic.Int64  // how many have been computed
	touching sync.Map      // sessions and tokens whose use is being written down
}

// New returns a Service.
func New(o Options) *Service {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Locale == "" {
		o.Locale = "en"
	}
	if o.TeamDeleted == nil {
		o.TeamDeleted = func(*store.Tx, ids.ID) error { return nil }
	}
	if o.Limits == nil {
		o.Limits = bus.NewMemoryLimiter(o.Clock)
	}
	return &Service{
		o: o, throttle: throttle{o.Limits},
		hashing: make(chan struct{}, hashersAtOnce), waiting: make(chan struct{}, hashersAtOnce+hashersWaiting),
	}
}

// System acts for the program and its operator at the command line.
var System = Principal{Name: "system", Role: Owner, Scope: ScopeAll}

// newSecret makes 256 random bits that fit into a URL.
func newSecret() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// hashSecret is what is stored of a secret. The secrets are random, so a fast
// hash is enough.
func hashSecret(secret string) string {
	h := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(h[:])
}

// sessionName stands for a session in changes and sockets.
func sessionName(hash string) string { return hash[:16] }

// Auditor keeps the audit trail; a Service is one.
type Auditor interface {
	AuditTx(tx *store.Tx, by Principal, action, object string, details map[string]any) error
}

// AuditTx notes in the caller's transaction who did what to which object
// ("customer/17"). details hold no secrets.
func (s *Service) AuditTx(tx *store.Tx, by Principal, action, object string, details map[string]any) error {
	return s.audit(tx, by, action, object, details)
}

// audit notes who did what to which object. details hold no secrets.
func (s *Service) audit(tx *store.Tx, by Principal, action, object string, details map[string]any) error {
	kind := "teammate"
	switch {
	case by.Token:
		kind = "token"
	case by.ID == 0:
		kind = "system"
	}
	if details == nil {
		details = map[string]any{}
	}
	text, err := json.Marshal(details)
	if err != nil {
		return fmt.Errorf("audit %s: %w", action, err)
	}
	_, err = tx.Exec(queries.Get("audit"), int64(s.o.IDs.Next()), clock.Millis(s.o.Clock.Now()), kind, int64(by.ID), action, object, string(text))
	return err
}

// tell puts a change of staff into the feed.
func (s *Service) tell(tx *store.Tx, kind string, teammate ids.ID, payload any) error {
	text, err := json.Marshal(payload)
	if err != nil {
		return fmt.Errorf("change %s: %w", kind, err)
	}
	audience := feed.Staff
	if kind == "signed_out" || kind == "token_revoked" {
		audience = feed.Own
	}
	return feed.Append(tx, feed.Change{At: s.o.Clock.Now(), Kind: kind, Audience: audience, Teammate: teammate, Payload: text})
}

// Sweep forgets sessions and links that have ended.
func (s *Service) Sweep(ctx context.Context) error {
	now := clock.Millis(s.o.Clock.Now())
	return s.o.DB.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(queries.Get("sweep-sessions"), now); err != nil {
			return err
		}
		_, err := tx.Exec(queries.Get("sweep-links"), now)
		return err
	})
}
