package auth

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// TokenPrefix begins every API token, so that a leaked one is recognised.
const TokenPrefix = "fwt_"

// Token is an API token without its secret.
type Token struct {
	ID         ids.ID     `json:"id"`
	Name       string     `json:"name"`
	Role       Role       `json:"role" enum:"owner,admin,manager,agent,marketer,viewer"`
	CreatedBy  ids.ID     `json:"created_by" nullable:"true" doc:"The teammate who made it, null for the command line"`
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
}

func scanToken(r store.Row) (Token, error) {
	var t Token
	var created, used int64
	err := r.Scan(&t.ID, &t.Name, &t.Role, &t.CreatedBy, &created, &used)
	t.CreatedAt = clock.FromMillis(created)
	if used > 0 {
		at := clock.FromMillis(used)
		t.LastUsedAt = &at
	}
	return t, err
}

// CreateToken makes an API token that may do what role may. The secret is
// returned once and stored as a hash.
func (s *Service) CreateToken(ctx context.Context, by Principal, name string, role Role) (Token, string, error) {
	if err := by.Require(TokensManage); err != nil {
		return Token{}, "", err
	}
	c := checks{}
	name = check(&c, name, cleanName)
	c.add(checkRole(role))
	if err := c.err(); err != nil {
		return Token{}, "", err
	}
	if role == Owner && by.Role != Owner {
		return Token{}, "", fault.New(fault.Forbidden, "owner_only", nil)
	}
	secret := TokenPrefix + newSecret()
	t := Token{ID: s.o.IDs.Next(), Name: name, Role: role, CreatedAt: s.o.Clock.Now()}
	if !by.Token {
		t.CreatedBy = by.ID
	}
	err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(queries.Get("insert-token"), int64(t.ID), hashSecret(secret), t.Name, string(t.Role), int64(t.CreatedBy), clock.Millis(t.CreatedAt)); err != nil {
			return err
		}
		return s.audit(tx, by, "token.created", object("token", t.ID), map[string]any{"name": t.Name, "role": t.Role})
	})
	return t, secret, err
}

// Tokens lists the tokens that work, oldest first.
func (s *Service) Tokens(ctx context.Context) ([]Token, error) {
	rows, err := s.o.DB.Reader(ctx).Query(queries.Get("tokens"))
	out, err := store.Collect(rows, err, scanToken)
	if out == nil {
		out = []Token{}
	}
	return out, err
}

// RevokeToken ends a token at once; not_found when it does not work any more.
func (s *Service) RevokeToken(ctx context.Context, by Principal, id ids.ID) error {
	if err := by.Require(TokensManage); err != nil {
		return err
	}
	return s.o.DB.Write(ctx, func(tx *store.Tx) error {
		t, err := scanToken(tx.QueryRow(queries.Get("token-lock"), int64(id)))
		if errors.Is(err, store.ErrNoRows) {
			return fault.Missing("token")
		}
		if err != nil {
			return err
		}
		if t.Role == Owner && by.Role != Owner {
			return fault.New(fault.Forbidden, "owner_only", nil)
		}
		if _, err := tx.Exec(queries.Get("revoke-token"), clock.Millis(s.o.Clock.Now()), int64(id)); err != nil {
			return err
		}
		if err := s.tell(tx, "token_revoked", id, struct{}{}); err != nil {
			return err
		}
		return s.audit(tx, by, "token.revoked", object("token", id), map[string]any{"name": t.Name})
	})
}

// ByToken tells who holds an API token; not_signed_in when it does not work.
func (s *Service) ByToken(ctx context.Context, secret string) (Principal, error) {
	if !strings.HasPrefix(secret, TokenPrefix) || len(secret) > maxSecret {
		return Principal{}, errNotSignedIn
	}
	hash := hashSecret(secret)
	t, err := scanToken(s.o.DB.Reader(ctx).QueryRow(queries.Get("token-by-hash"), hash))
	if errors.Is(err, store.ErrNoRows) {
		return Principal{}, errNotSignedIn
	}
	if err != nil {
		return Principal{}, err
	}
	now := s.o.Clock.Now()
	if t.LastUsedAt == nil || now.Sub(*t.LastUsedAt) >= touchEvery {
		s.touch(ctx, hash, func(tx *store.Tx) error {
			_, err := tx.Exec(queries.Get("touch-token"), clock.Millis(now), int64(t.ID), clock.Millis(now))
			return err
		})
	}
	return Principal{ID: t.ID, Token: true, Name: t.Name, Role: t.Role, Scope: ScopeAll, RightsVersion: 1}, nil
}
