package channels

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// secretPurpose binds a sealed secret to its use and its account.
func secretPurpose(id ids.ID) string { return "account/" + id.String() + "/identity-secret" }

func credentialsPurpose(id ids.ID) string { return "account/" + id.String() + "/credentials" }

// NewSecret makes, seals and stores a new identity secret and returns it in
// the hex form that shops put into their configuration; it cannot be read
// back later. The old one stops working at once.
func (a *Accounts) NewSecret(ctx context.Context, by auth.Principal, id ids.ID) (string, error) {
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return "", err
	}
	shown := hex.EncodeToString(secret)
	sealed := a.sealer.Seal(secretPurpose(id), []byte(shown))
	var acc *Account
	err := a.db.Write(ctx, func(tx *store.Tx) (err error) {
		if acc, err = scanAccount(tx.QueryRow(qLock, id)); err != nil {
			return missing(err)
		}
		now := a.clk.Now()
		if _, err := tx.Exec(qSecret, sealed, clock.Millis(now), id); err != nil {
			return err
		}
		if err := a.auditTx(tx, by, "secret_made", id, nil); err != nil {
			return err
		}
		acc.HasSecret = true
		return announce(tx, acc, now)
	})
	if acc != nil {
		a.Forget(acc.Key)
	}
	if err != nil {
		return "", err
	}
	return shown, nil
}

// Secret opens an account's identity secret, the HMAC key as shops hold it; ok
// is false when it has none.
func (a *Accounts) Secret(acc *Account) (secret []byte, ok bool, err error) {
	if acc.sealedSecret == "" {
		return nil, false, nil
	}
	secret, err = a.sealer.Unseal(secretPurpose(acc.ID), acc.sealedSecret)
	return secret, err == nil, err
}

func (a *Accounts) configure(acc *Account, p Patch) error {
	adapter, err := a.registry.Adapter(acc.Channel)
	if err != nil {
		return err
	}
	secrets, err := a.Secrets(acc)
	if err != nil {
		return err
	}
	for name, value := range p.Secrets {
		if secrets[name] = value; value == "" {
			delete(secrets, name)
		}
	}
	config := acc.Config
	if p.Config != nil {
		config = p.Config
	}
	if acc.Config, err = adapter.Configure(config, secrets); err != nil {
		return err
	}
	return a.seal(acc, secrets)
}

// seal puts the credentials into acc as they are stored.
func (a *Accounts) seal(acc *Account, s Secrets) error {
	acc.SecretNames = slices.Sorted(maps.Keys(s))
	acc.sealedCredentials = ""
	if len(s) == 0 {
		acc.SecretNames = []string{}
		return nil
	}
	plain, err := json.Marshal(s)
	if err != nil {
		return err
	}
	// The names stand in the clear: lists show them without opening the seal.
	acc.sealedCredentials = strings.Join(acc.SecretNames, ",") + ":" + a.sealer.Seal(credentialsPurpose(acc.ID), plain)
	return nil
}

// Secrets opens an account's credentials; the map is the caller's.
func (a *Accounts) Secrets(acc *Account) (Secrets, error) {
	s := Secrets{}
	_, sealed, found := strings.Cut(acc.sealedCredentials, ":")
	if !found {
		return s, nil
	}
	plain, err := a.sealer.Unseal(credentialsPurpose(acc.ID), sealed)
	if err != nil {
		return nil, err
	}
	return s, json.Unmarshal(plain, &s)
}
