package auth_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/store/feed"
	"github.com/fanward/fanward/internal/testkit"
)

var (
	ctx  = context.Background()
	here = auth.Client{IP: "192.0.2.1", UserAgent: "test"}
)

var (
	probes  = store.Load("auth_test", "-- name: audit\nSELECT actor_kind, action, object, details FROM audit ORDER BY id\n-- name: expiry\nSELECT last_seen_at, expires_at FROM sessions\n-- name: secrets\nSELECT token_hash FROM sessions UNION ALL SELECT token_hash FROM sign_in_links UNION ALL SELECT token_hash FROM tokens UNION ALL SELECT password_hash FROM teammates")
	qAudit  = probes.Get("audit")
	qExpiry = probes.Get("expiry")
	qSecret = probes.Get("secrets")
)

const password = "correct horse battery"

// house is a Service on one engine with everything a test turns by hand.
type house struct {
	*auth.Service
	t     *testing.T
	db    *store.DB
	clock *clock.Fake
	gone  []ids.ID // teams that TeamDeleted heard of
	seen  feed.Position
}

func each(t *testing.T, fn func(h *house)) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		h := &house{t: t, db: db, clock: testkit.Clock(t)}
		h.Service = auth.New(auth.Options{DB: db, Clock: h.clock, IDs: testkit.IDs(t, h.clock), SessionLifetime: 30 * 24 * time.Hour,
			TeamDeleted: func(_ *store.Tx, id ids.ID) error { h.gone = append(h.gone, id); return nil }})
		fn(h)
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// hire invites somebody and lets them sign in by their link.
func (h *house) hire(email string, role auth.Role) (auth.Principal, auth.SignedIn) {
	h.t.Helper()
	_, link, err := h.Invite(ctx, auth.System, auth.NewTeammate{Email: email, Name: strings.ToUpper(email[:1]) + email[1:3], Role: role})
	if err != nil {
		h.t.Fatal(err)
	}
	in, err := h.SignInByLink(ctx, link.Secret, here)
	if err != nil {
		h.t.Fatal(err)
	}
	p, _, err := h.BySession(ctx, in.Token)
	if err != nil {
		h.t.Fatal(err)
	}
	return p, in
}

// changes returns the feed since the last call, as "kind payload".
func (h *house) changes() (out []feed.Change) {
	h.t.Helper()
	out, err := feed.After(h.db.Reader(ctx), h.seen, 1000)
	if err != nil {
		h.t.Fatal(err)
	}
	if len(out) > 0 {
		h.seen = out[len(out)-1].Position
	}
	return out
}

func kinds(cs []feed.Change) string {
	var out []string
	for _, c := range cs {
		out = append(out, c.Kind)
	}
	return strings.Join(out, " ")
}

func (h *house) fails(err error, code string) {
	h.t.Helper()
	if fault.CodeOf(err) != code {
		h.t.Errorf("got %v, want the code %q", err, code)
	}
}

func (h *house) audits() (out []string) {
	h.t.Helper()
	rows, err := h.db.Reader(ctx).Query(qAudit)
	out, err = store.Collect(rows, err, func(r store.Row) (string, error) {
		var kind, action, object, details string
		err := r.Scan(&kind, &action, &object, &details)
		return kind + " " + action + " " + details, err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

func TestFirstOwner(t *testing.T) {
	each(t, func(h *house) {
		first, needed, err := h.OwnerLink(ctx)
		if err != nil || !needed {
			h.t.Fatal(needed, err)
		}
		h.clock.Advance(time.Hour)
		second := must3(h.OwnerLink(ctx))
		if all := must(h.Teammates(ctx)); len(all) != 1 || all[0].Role != auth.Owner || all[0].LastSeenAt != nil || all[0].HasPassword {
			h.t.Errorf("a second start makes another owner: %+v", all)
		}
		_, err = h.SignInByLink(ctx, first.Secret, here)
		h.fails(err, "link_invalid")
		in := must(h.SignInByLink(ctx, second.Secret, here))
		if in.Teammate.Role != auth.Owner || in.Teammate.LastSeenAt == nil {
			h.t.Errorf("%+v", in.Teammate)
		}
		if _, needed, _ := h.OwnerLink(ctx); needed {
			h.t.Error("there is still a link after the owner signed in")
		}
	})
}

// TestInvitedOwnerKeepsTheInvitation: the link that every start prints does
// not end the one that was sent, and either ends the other once used.
func TestInvitedOwnerKeepsTheInvitation(t *testing.T) {
	each(t, func(h *house) {
		_, invited, err := h.Invite(ctx, auth.System, auth.NewTeammate{Email: "boss@example.com", Name: "Boss", Role: auth.Owner})
		if err != nil {
			h.t.Fatal(err)
		}
		printed := must3(h.OwnerLink(ctx))
		if in, err := h.SignInByLink(ctx, invited.Secret, here); err != nil || in.Teammate.Email != "boss@example.com" {
			h.t.Error("the invitation does not work any more:", err)
		}
		_, err = h.SignInByLink(ctx, printed.Secret, here)
		h.fails(err, "link_invalid")
	})
}

func must3(l auth.Link, needed bool, err error) auth.Link {
	if err != nil || !needed {
		panic(err)
	}
	return l
}

func TestLinksWorkOnce(t *testing.T) {
	each(t, func(h *house) {
		_, link, err := h.Invite(ctx, auth.System, auth.NewTeammate{Email: "lin@example.com", Name: "Lin", Role: auth.Agent})
		if err != nil {
			h.t.Fatal(err)
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		won := 0
		for range 10 {
			wg.Go(func() {
				_, err := h.SignInByLink(ctx, link.Secret, here)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won++
				} else {
					h.fails(err, "link_invalid")
				}
			})
		}
		wg.Wait()
		if won != 1 {
			h.t.Errorf("the link let %d in", won)
		}
		lin := must(h.Teammates(ctx))[0]
		for _, c := range []struct {
			name string
			wait time.Duration
			code string
		}{{"a millisecond early", 24*time.Hour - time.Millisecond, ""}, {"at its end", 24 * time.Hour, "link_invalid"}} {
			l := must(h.NewLink(ctx, auth.System, lin.ID))
			h.clock.Advance(c.wait)
			if _, err := h.SignInByLink(ctx, l.Secret, here); fault.CodeOf(err) != c.code {
				h.t.Errorf("%s: %v", c.name, err)
			}
		}
		_, err = h.SignInByLink(ctx, "", here)
		h.fails(err, "link_invalid")
	})
}

func TestAudit(t *testing.T) {
	each(t, func(h *house) {
		owner, _ := h.hire("owner@example.com", auth.Owner)
		lin, _ := h.hire("lin@example.com", auth.Agent)
		if _, err := h.UpdateTeammate(ctx, owner, lin.ID, auth.TeammatePatch{Role: ptr(auth.Manager)}); err != nil {
			h.t.Fatal(err)
		}
		all := h.audits()
		if want := `teammate teammate.changed {"role":{"from":"agent","to":"manager"}}`; all[len(all)-1] != want {
			h.t.Errorf("got %s, want %s", all[len(all)-1], want)
		}
		if !strings.HasPrefix(all[0], "system teammate.invited ") || !strings.HasPrefix(all[1], "teammate session.opened ") {
			h.t.Errorf("audit %v", all)
		}
	})
}
