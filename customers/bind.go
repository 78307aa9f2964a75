package customers

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"time"

	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// BindLifetime is how long a bind token can be used.
const BindLifetime = 5 * time.Minute

// scenePrefix marks a scene that holds a bind token.
const scenePrefix = "bind_"

// IsBindScene tells whether a scene that a channel brings back may hold a bind
// token.
func IsBindScene(scene string) bool { return strings.HasPrefix(scene, scenePrefix) }

// BindToken is a single-use token that joins a follower to the customer who
// asked for it.
type BindToken struct {
	// Scene is what the QR code carries: at most 64 characters.
	Scene     string
	ExpiresAt time.Time
}

// BindToken makes a token for a known customer, to be brought back through the
// channel account (0: none, so nobody can use it). device is the browser that
// asks, or 0: what the token brings belongs to whoever is signed in there. A
// customer without a proven identity is refused: identity_required.
func (s *Service) BindToken(ctx context.Context, customer, device, account ids.ID) (BindToken, error) {
	b := make([]byte, 24)
	_, _ = rand.Read(b) // never fails since Go 1.24
	now := s.clk.Now()
	out := BindToken{Scene: scenePrefix + base64.RawURLEncoding.EncodeToString(b), ExpiresAt: now.Add(BindLifetime)}
	err := s.db.Write(ctx, func(tx *store.Tx) error {
		rep, err := whose(tx, customer)
		if err != nil {
			return err
		}
		var through ids.ID
		if err := tx.QueryRow(queries.Get("signed-in-as"), device, rep).Scan(&through); err != nil {
			if isNoRows(err) {
				err = fault.New(fault.Forbidden, "identity_required", nil)
			}
			return err
		}
		if _, err := tx.Exec(queries.Get("sweep-bind-tokens"), clock.Millis(now.Add(-24*time.Hour))); err != nil {
			return err
		}
		_, err = tx.Exec(queries.Get("insert-bind-token"), hashScene(out.Scene), through, account, clock.Millis(now), clock.Millis(out.ExpiresAt))
		return err
	})
	return out, err
}

func hashScene(scene string) string {
	h := sha256.Sum256([]byte(scene))
	return hex.EncodeToString(h[:])
}

// Bound is the outcome of Bind.
type Bound struct {
	Customer ids.ID
	Identity ids.ID
	// Repeat is true when the same identity had used the token before: nothing
	// was changed.
	Repeat bool
}

// Bind joins whoever brings a scene back through a channel (k names them within
// the account that the token is for) to the customer who asked for it. Refused,
// with nothing joined: bind_invalid, bind_expired, bind_used (by somebody else),
// bind_foreign (another account's), and bind_known when both are known people;
// the last is noted as a contradiction and uses the token up.
func (s *Service) Bind(ctx context.Context, scene string, k Key) (Bound, error) {
	var out Bound
	var refused error
	err := s.db.Write(ctx, func(tx *store.Tx) (err error) {
		out, refused, err = s.bindTx(tx, scene, k)
		return err
	})
	if err == nil {
		err = refused
	}
	return out, err
}

type bindToken struct {
	through, account, usedBy ids.ID
	expires                  int64
}

// bindTx gives refused apart from err where what was written has to stay.
func (s *Service) bindTx(tx *store.Tx, scene string, k Key) (out Bound, refused, err error) {
	now := s.clk.Now()
	hash := hashScene(scene)
	t, err := bindTokenOf(tx, hash)
	if err != nil {
		return out, nil, err
	}
	if k.Namespace != t.account.String() { // of account 0 there are no followers
		return out, nil, fault.New(fault.Forbidden, "bind_foreign", nil)
	}
	follower, err := s.ResolveTx(tx, k, true, "", now) // waits for the follower's lock
	if err != nil {
		return out, nil, err
	}
	if t, err = bindTokenOf(tx, hash); err != nil {
		return out, nil, err
	}
	out = Bound{Customer: follower.Customer, Identity: follower.Identity}
	switch {
	case t.usedBy == follower.Identity:
		out.Repeat = true
		return out, nil, nil
	case t.usedBy != 0:
		return out, nil, fault.New(fault.Conflict, "bind_used", nil)
	case clock.Millis(now) >= t.expires:
		return out, nil, fault.New(fault.Conflict, "bind_expired", nil)
	}
	n, err := tx.Exec(queries.Get("use-bind-token"), follower.Identity, hash)
	if err != nil || n == 0 {
		return out, nil, errorOr(err, fault.New(fault.Conflict, "bind_used", nil))
	}
	return s.bindToTx(tx, t, follower, now)
}

func bindTokenOf(q store.Querier, hash string) (t bindToken, err error) {
	err = q.QueryRow(queries.Get("bind-token"), hash).Scan(&t.through, &t.account, &t.expires, &t.usedBy)
	if isNoRows(err) {
		err = fault.New(fault.Forbidden, "bind_invalid", nil)
	}
	return t, err
}

// bindToTx joins a locked follower to the customer of a token that is theirs to use.
func (s *Service) bindToTx(tx *store.Tx, t bindToken, follower Resolved, now time.Time) (out Bound, refused, err error) {
	out = Bound{Customer: follower.Customer, Identity: follower.Identity}
	home, err := homeOf(tx, t.through)
	if err != nil {
		return out, nil, err
	}
	rep, err := whose(tx, home)
	if err != nil || rep == follower.Customer {
		return out, nil, err
	}
	if err := lockAtOnceTx(tx, rep); err != nil {
		return out, nil, err
	}
	if again, err := whose(tx, home); err != nil || again != rep {
		return out, nil, errorOr(err, store.ErrRestart)
	}
	both := true
	for _, id := range []ids.ID{rep, follower.Customer} {
		one, err := known(tx, id)
		if err != nil {
			return out, nil, err
		}
		both = both && one
	}
	if both {
		return out, fault.New(fault.Conflict, "bind_known", nil), s.contradictTx(tx, ByBind, t.through, follower.Identity, now)
	}
	done, err := s.joinTx(tx, join{
		kind: ByBind, survivor: rep, absorbed: follower.Customer, survivorEnd: home, absorbedEnd: follower.Home,
		survivorIdentity: t.through, absorbedIdentity: follower.Identity, by: auth.System,
	}, now)
	if err != nil {
		return out, nil, err
	}
	out.Customer = rep
	return out, nil, announceAll(tx, done.customer, done.browsers, now)
}
