package auth

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

const (
	// touchEvery is how often the use of a session or token is written down.
	touchEvery = time.Minute
	// freshLink is how long after signing in by a link the password may be set
	// without the old one.
	freshLink    = 30 * time.Minute
	maxUserAgent = 300
	maxSecret    = 512
)

var errNotSignedIn = fault.New(fault.Unauthenticated, "not_signed_in", nil)

// How a session began.
const (
	viaPassword = "password"
	viaLink     = "link"
)

// Client is where a sign-in comes from.
type Client struct {
	IP        string // after trusted proxies
	UserAgent string
}

// SignedIn is a new session.
type SignedIn struct {
	// Token is the cookie's value. Only its hash is stored.
	Token     string
	ExpiresAt time.Time
	Teammate  Teammate
}

// SignIn opens a session with an e-mail address and a password. It fails with
// wrong_credentials, which says and shows by its time nothing about whether
// the account exists, or rate_limited after repeated failures.
func (s *Service) SignIn(ctx context.Context, email, password string, from Client) (SignedIn, error) {
	wrong := fault.New(fault.Unauthenticated, "wrong_credentials", nil)
	email = foldEmail(email)
	if email == "" || len(email) > maxEmail || password == "" || len(password) > maxPassword {
		return SignedIn{}, wrong
	}
	giveBack, err := s.throttle.take(ctx, email, from.IP)
	if err != nil {
		return SignedIn{}, err
	}
	// One statement either way, so that the time tells nothing.
	t, err := scanTeammate(s.o.DB.Reader(ctx).QueryRow(queries.Get("teammate-by-email"), email))
	if err != nil && !errors.Is(err, store.ErrNoRows) {
		giveBack()
		return SignedIn{}, err
	}
	stored := ""
	if err == nil && !t.Disabled {
		stored = t.passwordHash
	}
	ok, err := s.verify(ctx, password, stored)
	if err != nil {
		giveBack()
		return SignedIn{}, err
	}
	if !ok {
		s.o.Log.InfoContext(ctx, "a sign-in was refused", slog.String("ip", from.IP))
		return SignedIn{}, wrong
	}
	giveBack()
	var in SignedIn
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		// Read again under its lock: it may have been disabled, or its password changed.
		now, err := oneTeammate(tx, "teammate-lock", int64(t.ID))
		if err != nil {
			return err
		}
		if now.Disabled || now.passwordHash != stored {
			return wrong
		}
		in, err = s.openSession(tx, now, viaPassword, from)
		return err
	})
	return in, err
}

// openSession stores a session of t and notes the visit.
func (s *Service) openSession(tx *store.Tx, t *Teammate, via string, from Client) (SignedIn, error) {
	now := s.o.Clock.Now()
	in := SignedIn{Token: newSecret(), ExpiresAt: now.Add(s.o.SessionLifetime)}
	agent := from.UserAgent
	if len(agent) > maxUserAgent {
		agent = agent[:maxUserAgent]
	}
	_, err := tx.Exec(queries.Get("insert-session"), hashSecret(in.Token), int64(t.ID), via, clock.Millis(now), clock.Millis(in.ExpiresAt),
		clock.Millis(now), storable(agent), storable(from.IP))
	if err != nil {
		return in, err
	}
	first := t.LastSeenAt == nil
	if _, err := tx.Exec(queries.Get("seen"), clock.Millis(now), int64(t.ID), clock.Millis(now)); err != nil {
		return in, err
	}
	t.LastSeenAt = &now
	in.Teammate = *t
	if err := s.audit(tx, t.principal(), "session.opened", object("teammate", t.ID), map[string]any{"via": via, "ip": from.IP}); err != nil {
		return in, err
	}
	if first { // others see that the invitation has been accepted
		return in, s.tellTeammate(tx, t)
	}
	return in, nil
}

// session is a row of an open session.
type session struct {
	hash                       string
	teammate                   ids.ID
	via                        string
	createdAt, expiresAt, seen int64
}

func readSession(q store.Querier, token string) (session, error) {
	x := session{hash: hashSecret(token)}
	err := q.QueryRow(queries.Get("session"), x.hash).Scan(&x.teammate, &x.via, &x.createdAt, &x.expiresAt, &x.seen)
	if errors.Is(err, store.ErrNoRows) {
		return x, errNotSignedIn
	}
	return x, err
}

// BySession tells who holds the cookie's value, and the session's name, by
// which sockets and changes know it. It fails with not_signed_in when the
// session has ended or the teammate is disabled. Use moves the session's end.
func (s *Service) BySession(ctx context.Context, token string) (Principal, string, error) {
	if token == "" || len(token) > maxSecret {
		return Principal{}, "", errNotSignedIn
	}
	q := s.o.DB.Reader(ctx)
	x, err := readSession(q, token)
	if err != nil {
		return Principal{}, "", err
	}
	now := s.o.Clock.Now()
	if clock.Millis(now) >= x.expiresAt {
		return Principal{}, "", errNotSignedIn
	}
	t, err := oneTeammate(q, "teammate", int64(x.teammate))
	if err != nil || t.Disabled {
		if err == nil || fault.KindOf(err) == fault.NotFound {
			err = errNotSignedIn
		}
		return Principal{}, "", err
	}
	if now.Sub(clock.FromMillis(x.seen)) >= touchEvery {
		s.touch(ctx, x.hash, func(tx *store.Tx) error {
			at, long := clock.Millis(now), clock.Millis(now.Add(s.o.SessionLifetime))
			if _, err := tx.Exec(queries.Get("touch-session"), at, long, x.hash, at); err != nil {
				return err
			}
			_, err := tx.Exec(queries.Get("seen"), at, int64(t.ID), at)
			return err
		})
	}
	return t.principal(), sessionName(x.hash), nil
}

// touch notes a use, once however many requests come at the same moment. That
// it failed stops nobody: reading works even when the disk is full.
func (s *Service) touch(ctx context.Context, key string, write func(tx *store.Tx) error) {
	if _, busy := s.touching.LoadOrStore(key, true); busy {
		return
	}
	defer s.touching.Delete(key)
	if err := s.o.DB.Write(ctx, write); err != nil && ctx.Err() == nil {
		s.o.Log.WarnContext(ctx, "the use of a sign-in could not be noted", slog.Any("error", err))
	}
}

// SignOut ends the session of the cookie's value; its sockets close. One that
// has ended already is no error.
func (s *Service) SignOut(ctx context.Context, token string) error {
	hash := hashSecret(token)
	return s.o.DB.Write(ctx, func(tx *store.Tx) error {
		var teammate ids.ID
		err := tx.QueryRow(queries.Get("end-session"), hash).Scan(&teammate)
		if errors.Is(err, store.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		return s.tellSignedOut(tx, teammate, hash)
	})
}

func (s *Service) tellSignedOut(tx *store.Tx, teammate ids.ID, hash string) error {
	return s.tell(tx, "signed_out", teammate, map[string]string{"session": sessionName(hash)})
}

// endSessions ends every session of a teammate but one.
func (s *Service) endSessions(tx *store.Tx, teammate ids.ID, except string) error {
	rows, err := tx.Query(queries.Get("end-sessions"), int64(teammate), except)
	hashes, err := store.Collect(rows, err, func(r store.Row) (h string, err error) { return h, r.Scan(&h) })
	if err != nil {
		return err
	}
	for _, h := range hashes {
		if err := s.tellSignedOut(tx, teammate, h); err != nil {
			return err
		}
	}
	return nil
}
