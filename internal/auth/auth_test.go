package auth_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
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

func TestPasswords(t *testing.T) {
	each(t, func(h *house) {
		lin, in := h.hire("lin@example.com", auth.Agent)
		other := must(h.SignInByLink(ctx, must(h.NewLink(ctx, auth.System, lin.ID)).Secret, here))
		h.fails(h.SetPassword(ctx, in.Token, "too short", ""), "password_too_short")
		h.fails(h.SetPassword(ctx, in.Token, strings.Repeat("x", 300), ""), "password_too_long")
		h.fails(h.SetPassword(ctx, "nonsense", password, ""), "not_signed_in")
		h.changes()
		if err := h.SetPassword(ctx, in.Token, password, ""); err != nil {
			h.t.Fatal(err)
		}
		if got := kinds(h.changes()); got != "teammate signed_out" {
			h.t.Errorf("changes %q", got)
		}
		if _, _, err := h.BySession(ctx, other.Token); fault.CodeOf(err) != "not_signed_in" {
			h.t.Error("another session survives a new password", err)
		}
		if _, _, err := h.BySession(ctx, in.Token); err != nil {
			h.t.Error("one's own session ends with a new password:", err)
		}

		in2, err := h.SignIn(ctx, "  LIN@example.com ", password, here)
		if err != nil {
			h.t.Fatal(err)
		}
		h.fails(h.SetPassword(ctx, in2.Token, "another password", ""), "wrong_password")
		h.fails(h.SetPassword(ctx, in2.Token, "another password", "not it at all"), "wrong_password")
		if err := h.SetPassword(ctx, in2.Token, "另一个很长的密码五六七八", password); err != nil {
			h.t.Error(err)
		}
		// A link is the way back in when the password is lost.
		reset := must(h.NewLink(ctx, auth.System, lin.ID))
		in3 := must(h.SignInByLink(ctx, reset.Secret, here))
		h.clock.Advance(30 * time.Minute)
		h.fails(h.SetPassword(ctx, in3.Token, "a third password", ""), "wrong_password")
		in4 := must(h.SignInByLink(ctx, must(h.NewLink(ctx, auth.System, lin.ID)).Secret, here))
		h.clock.Advance(30*time.Minute - time.Millisecond)
		if err := h.SetPassword(ctx, in4.Token, "a third password", ""); err != nil {
			h.t.Error(err)
		}
		for _, wrong := range []string{password, "", "a third passwore", strings.Repeat("x", 10_000)} {
			_, err := h.SignIn(ctx, "lin@example.com", wrong, here)
			h.fails(err, "wrong_credentials")
		}
	})
}

// TestSignInGivesNothingAway: unknown address, disabled teammate, no password
// and wrong password are answered alike, and each costs a hash.
func TestSignInGivesNothingAway(t *testing.T) {
	h := sqlite(t)
	_, in := h.hire("known@example.com", auth.Agent)
	if err := h.SetPassword(ctx, in.Token, password, ""); err != nil {
		t.Fatal(err)
	}
	h.hire("nopassword@example.com", auth.Agent)
	p, in := h.hire("disabled@example.com", auth.Agent)
	if err := h.SetPassword(ctx, in.Token, password, ""); err != nil {
		t.Fatal(err)
	}
	yes := true
	if _, err := h.UpdateTeammate(ctx, auth.System, p.ID, auth.TeammatePatch{Disabled: &yes}); err != nil {
		t.Fatal(err)
	}
	took := map[string]time.Duration{}
	for _, email := range []string{"known@example.com", "nopassword@example.com", "disabled@example.com", "unknown@example.com"} {
		pw := password
		if email == "known@example.com" {
			pw += "x"
		}
		best := time.Hour
		for range 4 {
			start := time.Now()
			_, err := h.SignIn(ctx, email, pw, auth.Client{})
			best = min(best, time.Since(start))
			h.fails(err, "wrong_credentials")
		}
		took[email] = best
	}
	for email, d := range took {
		if d < took["known@example.com"]/2 {
			t.Errorf("%s is refused in %v, a known address in %v", email, d, took["known@example.com"])
		}
	}
}

func sqlite(t *testing.T) *house {
	h := &house{t: t, db: testkit.Open(t, store.SQLite), clock: testkit.Clock(t)}
	h.Service = auth.New(auth.Options{DB: h.db, Clock: h.clock, IDs: testkit.IDs(t, h.clock), SessionLifetime: 30 * 24 * time.Hour})
	return h
}

func TestThrottle(t *testing.T) {
	h := sqlite(t)
	_, in := h.hire("lin@example.com", auth.Agent)
	if err := h.SetPassword(ctx, in.Token, password, ""); err != nil {
		t.Fatal(err)
	}
	for i := range 40 { // successes cost nothing
		if _, err := h.SignIn(ctx, "lin@example.com", password, here); err != nil {
			t.Fatal(i, err)
		}
		if i >= 2 {
			break
		}
	}
	// Tries at the same moment count before their outcome is known.
	codes := map[string]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range 14 {
		wg.Go(func() {
			_, err := h.SignIn(ctx, "lin@example.com", "wrong password", auth.Client{IP: "198.51.100." + string(rune('0'+i%10))})
			mu.Lock()
			defer mu.Unlock()
			codes[fault.CodeOf(err)]++
		})
	}
	wg.Wait()
	if codes["wrong_credentials"] != 10 || codes["rate_limited"] != 4 {
		t.Errorf("fourteen tries gave %v", codes)
	}
	_, err := h.SignIn(ctx, "lin@example.com", password, here)
	e, _ := fault.As(err)
	if e == nil || e.Code != "rate_limited" || e.RetryAfter <= 0 || e.RetryAfter > 61*time.Second {
		t.Fatalf("the right password during the pause: %+v", e)
	}
	h.clock.Advance(e.RetryAfter)
	if _, err := h.SignIn(ctx, "lin@example.com", password, here); err != nil {
		t.Error("after the pause it told:", err)
	}

	// One address that tries many accounts; an IPv6 line is one address.
	limited := 0
	for i := range 33 {
		_, err := h.SignIn(ctx, "nobody"+string(rune('a'+i%26))+string(rune('a'+i/26))+"@example.com", "wrong password", auth.Client{IP: "2001:db8::" + string(rune('1'+i%9))})
		if fault.CodeOf(err) == "rate_limited" {
			limited++
		}
	}
	if limited != 3 {
		t.Errorf("%d of 33 tries from one line were refused", limited)
	}
	if _, err := h.SignIn(ctx, "lin@example.com", password, here); err != nil {
		t.Error("another address is refused, too:", err)
	}
}

func TestSessions(t *testing.T) {
	each(t, func(h *house) {
		_, in := h.hire("lin@example.com", auth.Agent)
		expiry := func() (seen, until time.Time) {
			var a, b int64
			if err := h.db.Reader(ctx).QueryRow(qExpiry).Scan(&a, &b); err != nil {
				h.t.Fatal(err)
			}
			return clock.FromMillis(a), clock.FromMillis(b)
		}
		start := h.clock.Now()
		h.clock.Advance(time.Minute - time.Millisecond)
		must2(h.BySession(ctx, in.Token))
		if seen, _ := expiry(); !seen.Equal(start) {
			h.t.Error("a use within the same minute is written")
		}
		h.clock.Advance(time.Millisecond)
		must2(h.BySession(ctx, in.Token))
		if seen, until := expiry(); !seen.Equal(h.clock.Now()) || !until.Equal(h.clock.Now().Add(30*24*time.Hour)) {
			h.t.Errorf("after a minute: seen %v until %v", seen, until)
		}
		h.clock.Advance(30*24*time.Hour - time.Millisecond)
		must2(h.BySession(ctx, in.Token))
		h.clock.Advance(30 * 24 * time.Hour)
		_, _, err := h.BySession(ctx, in.Token)
		h.fails(err, "not_signed_in")
		if err := h.Sweep(ctx); err != nil {
			h.t.Fatal(err)
		}
		if err := h.db.Reader(ctx).QueryRow(qExpiry).Scan(new(int64), new(int64)); !errors.Is(err, store.ErrNoRows) {
			h.t.Error("the ended session is kept")
		}
		for _, token := range []string{"", "x", in.Token + "x", strings.Repeat("x", 10_000)} {
			_, _, err := h.BySession(ctx, token)
			h.fails(err, "not_signed_in")
		}
	})
}

func must2(p auth.Principal, name string, err error) auth.Principal {
	if err != nil || name == "" {
		panic(err)
	}
	return p
}

func TestSignOutClosesItsSocketsOnly(t *testing.T) {
	each(t, func(h *house) {
		lin, in := h.hire("lin@example.com", auth.Agent)
		_, name, _ := h.BySession(ctx, in.Token)
		other := must(h.SignInByLink(ctx, must(h.NewLink(ctx, auth.System, lin.ID)).Secret, here))
		h.changes()
		if err := errors.Join(h.SignOut(ctx, in.Token), h.SignOut(ctx, in.Token)); err != nil {
			h.t.Fatal(err)
		}
		cs := h.changes()
		if len(cs) != 1 || cs[0].Kind != "signed_out" || cs[0].Audience != feed.Own || cs[0].Teammate != lin.ID || string(cs[0].Payload) != `{"session":"`+name+`"}` {
			h.t.Errorf("changes %+v", cs)
		}
		_, _, err := h.BySession(ctx, in.Token)
		h.fails(err, "not_signed_in")
		must2(h.BySession(ctx, other.Token))
	})
}

func TestNothingSecretIsStored(t *testing.T) {
	each(t, func(h *house) {
		lin, in := h.hire("lin@example.com", auth.Agent)
		link := must(h.NewLink(ctx, auth.System, lin.ID))
		_, secret, err := h.CreateToken(ctx, auth.System, "ci", auth.Admin)
		if err := errors.Join(err, h.SetPassword(ctx, in.Token, password, "")); err != nil {
			h.t.Fatal(err)
		}
		rows, err := h.db.Reader(ctx).Query(qSecret)
		stored, err := store.Collect(rows, err, func(r store.Row) (s string, err error) { return s, r.Scan(&s) })
		if err != nil {
			h.t.Fatal(err)
		}
		all := strings.Join(append(stored, h.audits()...), "\n")
		for _, s := range []string{in.Token, link.Secret, secret, strings.TrimPrefix(secret, auth.TokenPrefix), password} {
			if strings.Contains(all, s) {
				h.t.Errorf("%.12s… is stored", s)
			}
		}
		if !strings.Contains(all, "$argon2id$v=19$m=19456,t=2,p=1$") {
			h.t.Error("the password is not stored as argon2id with the agreed cost")
		}
	})
}

func TestTokens(t *testing.T) {
	each(t, func(h *house) {
		admin, _ := h.hire("admin@example.com", auth.Admin)
		agent, _ := h.hire("agent@example.com", auth.Agent)
		tok, secret, err := h.CreateToken(ctx, admin, " ci ", auth.Viewer)
		if err != nil || !strings.HasPrefix(secret, "fwt_") || tok.Name != "ci" || tok.CreatedBy != admin.ID {
			h.t.Fatal(tok, err)
		}
		p := must(h.ByToken(ctx, secret))
		if !p.Token || p.ID != tok.ID || !p.Can(auth.InboxRead) || p.Can(auth.InboxReply) || !p.Sees(1, 2, 3) {
			h.t.Errorf("%+v", p)
		}
		if list := must(h.Tokens(ctx)); len(list) != 1 || list[0].LastUsedAt == nil {
			h.t.Errorf("%+v", list)
		}
		_, _, err = h.CreateToken(ctx, agent, "x", auth.Viewer)
		h.fails(err, "forbidden")
		_, _, err = h.CreateToken(ctx, admin, "x", auth.Owner)
		h.fails(err, "owner_only")
		_, _, err = h.CreateToken(ctx, admin, "", "king")
		if e, _ := fault.As(err); e == nil || len(e.Fields) != 2 {
			h.t.Errorf("both fields at fault: %v", err)
		}
		h.fails(h.RevokeToken(ctx, agent, tok.ID), "forbidden")
		if err := h.RevokeToken(ctx, admin, tok.ID); err != nil {
			h.t.Fatal(err)
		}
		h.fails(h.RevokeToken(ctx, admin, tok.ID), "not_found")
		for _, s := range []string{secret, "", "fwt_", secret[4:], "fwt_" + strings.Repeat("x", 10_000)} {
			_, err := h.ByToken(ctx, s)
			h.fails(err, "not_signed_in")
		}
		if list := must(h.Tokens(ctx)); list == nil || len(list) != 0 {
			h.t.Errorf("%+v", list)
		}
	})
}

func ptr[T any](v T) *T { return &v }

func TestInvite(t *testing.T) {
	each(t, func(h *house) {
		owner, _ := h.hire("owner@example.com", auth.Owner)
		admin, _ := h.hire("admin@example.com", auth.Admin)
		team := must(h.CreateTeam(ctx, owner, "Sales", nil))
		h.changes()
		mate, link, err := h.Invite(ctx, admin, auth.NewTeammate{Email: " Lin@Example.com", Name: "Lin\u202e  Wu", Role: auth.Agent, Locale: "zh-CN",
			Scope: auth.ScopeTeam, AccountIDs: []ids.ID{9, 8, 9}, TeamIDs: []ids.ID{team.ID}})
		if err != nil {
			h.t.Fatal(err)
		}
		if mate.Email != "lin@example.com" || mate.Name != "Lin Wu" || mate.Locale != "zh-CN" || !slices.Equal(mate.AccountIDs, []ids.ID{8, 9}) || !slices.Equal(mate.TeamIDs, []ids.ID{team.ID}) {
			h.t.Errorf("%+v", mate)
		}
		if want := h.clock.Now().Add(7 * 24 * time.Hour); link.Purpose != auth.Invitation || !link.ExpiresAt.Equal(want) {
			h.t.Errorf("%+v", link)
		}
		cs := h.changes()
		if kinds(cs) != "team teammate" || cs[1].Audience != feed.Staff || cs[1].Teammate != mate.ID {
			h.t.Errorf("changes %s", kinds(cs))
		}
		var told struct {
			Teammate auth.Teammate `json:"teammate"`
			Rights   int64         `json:"rights_version"`
		}
		if err := json.Unmarshal(cs[1].Payload, &told); err != nil || told.Teammate.ID != mate.ID || told.Rights != 1 || strings.Contains(string(cs[1].Payload), "password") {
			h.t.Errorf("payload %s", cs[1].Payload)
		}
		if got := must(h.Teammate(ctx, mate.ID)); got.Email != mate.Email || !slices.Equal(got.TeamIDs, mate.TeamIDs) {
			h.t.Errorf("%+v", got)
		}

		bad := auth.NewTeammate{Email: "no address", Name: "\u200b", Role: "king", Locale: "fr", Scope: "some", AccountIDs: []ids.ID{0}}
		_, _, err = h.Invite(ctx, admin, bad)
		e, _ := fault.As(err)
		if e == nil || len(e.Fields) != 6 {
			h.t.Errorf("every field at fault is named: %v", err)
		}
		for _, c := range []struct {
			by   auth.Principal
			n    auth.NewTeammate
			code string
		}{
			{admin, auth.NewTeammate{Email: "LIN@example.com", Name: "Lin", Role: auth.Agent}, "email_taken"},
			{admin, auth.NewTeammate{Email: "new@example.com", Name: "New", Role: auth.Owner}, "owner_only"},
			{mustPrincipal(h, mate.ID), auth.NewTeammate{Email: "new@example.com", Name: "New", Role: auth.Viewer}, "forbidden"},
			{admin, auth.NewTeammate{Email: "new@example.com", Name: "New", Role: auth.Agent, TeamIDs: []ids.ID{77}}, "team_unknown"},
		} {
			_, _, err := h.Invite(ctx, c.by, c.n)
			h.fails(err, c.code)
		}
		if all := must(h.Teammates(ctx)); len(all) != 3 {
			h.t.Errorf("%d teammates; a refused invitation leaves something behind", len(all))
		}
		if cs := h.changes(); len(cs) != 0 {
			h.t.Errorf("refused invitations tell %s", kinds(cs))
		}
	})
}

func mustPrincipal(h *house, id ids.ID) auth.Principal {
	return must(h.PrincipalOf(ctx, id))
}

func TestRightsVersion(t *testing.T) {
	each(t, func(h *house) {
		owner, _ := h.hire("owner@example.com", auth.Owner)
		lin, in := h.hire("lin@example.com", auth.Agent)
		version := lin.RightsVersion
		steps := []struct {
			name  string
			patch auth.TeammatePatch
			bump  bool
			kinds string
		}{
			{"a name", auth.TeammatePatch{Name: ptr("Lin Wu")}, false, "teammate"},
			{"nothing", auth.TeammatePatch{Name: ptr("Lin Wu"), Role: ptr(auth.Agent)}, false, ""},
			{"a role", auth.TeammatePatch{Role: ptr(auth.Viewer)}, true, "teammate"},
			{"a scope", auth.TeammatePatch{Scope: ptr(auth.ScopeAssigned)}, true, "teammate"},
			{"accounts", auth.TeammatePatch{AccountIDs: &[]ids.ID{5}}, true, "teammate"},
			{"the same accounts", auth.TeammatePatch{AccountIDs: &[]ids.ID{5, 5}}, false, ""},
			{"disabled", auth.TeammatePatch{Disabled: ptr(true)}, true, "signed_out teammate"},
			{"enabled", auth.TeammatePatch{Disabled: ptr(false)}, true, "teammate"},
		}
		h.changes()
		for _, s := range steps {
			if _, err := h.UpdateTeammate(ctx, owner, lin.ID, s.patch); err != nil {
				h.t.Fatal(s.name, err)
			}
			if got := kinds(h.changes()); got != s.kinds {
				h.t.Errorf("%s: changes %q, want %q", s.name, got, s.kinds)
			}
			if s.bump {
				version++
			}
			if got := must(h.PrincipalOfEven(lin.ID)); got != version {
				h.t.Errorf("%s: rights version %d, want %d", s.name, got, version)
			}
		}
		_, _, err := h.BySession(ctx, in.Token)
		h.fails(err, "not_signed_in") // disabling ended it for good
	})
}

// PrincipalOfEven gives the rights version of disabled teammates, too.
func (h *house) PrincipalOfEven(id ids.ID) (int64, error) {
	t, err := h.Teammate(ctx, id)
	return t.RightsVersion, err
}

func TestDisabledTeammateIsOut(t *testing.T) {
	each(t, func(h *house) {
		owner, _ := h.hire("owner@example.com", auth.Owner)
		lin, in := h.hire("lin@example.com", auth.Agent)
		link := must(h.NewLink(ctx, owner, lin.ID))
		if _, err := h.UpdateTeammate(ctx, owner, lin.ID, auth.TeammatePatch{Disabled: ptr(true)}); err != nil {
			h.t.Fatal(err)
		}
		_, _, err := h.BySession(ctx, in.Token)
		h.fails(err, "not_signed_in")
		_, err = h.SignInByLink(ctx, link.Secret, here)
		h.fails(err, "link_invalid")
		_, err = h.NewLink(ctx, owner, lin.ID)
		h.fails(err, "teammate_disabled")
		_, err = h.PrincipalOf(ctx, lin.ID)
		h.fails(err, "not_signed_in")
	})
}

func TestLastOwnerStays(t *testing.T) {
	each(t, func(h *house) {
		a, _ := h.hire("a-owner@example.com", auth.Owner)
		_, err := h.UpdateTeammate(ctx, a, a.ID, auth.TeammatePatch{Role: ptr(auth.Admin)})
		h.fails(err, "last_owner")
		_, err = h.UpdateTeammate(ctx, a, a.ID, auth.TeammatePatch{Disabled: ptr(true)})
		h.fails(err, "last_owner")
		b, _ := h.hire("b-owner@example.com", auth.Owner)

		// Two owners who remove each other at the same moment: one stays.
		var wg sync.WaitGroup
		errs := make([]error, 2)
		wg.Go(func() { _, errs[0] = h.UpdateTeammate(ctx, a, b.ID, auth.TeammatePatch{Role: ptr(auth.Agent)}) })
		wg.Go(func() { _, errs[1] = h.UpdateTeammate(ctx, b, a.ID, auth.TeammatePatch{Disabled: ptr(true)}) })
		wg.Wait()
		owners := 0
		for _, m := range must(h.Teammates(ctx)) {
			if m.Role == auth.Owner && !m.Disabled {
				owners++
			}
		}
		if owners != 1 || (errs[0] == nil) == (errs[1] == nil) {
			h.t.Errorf("%d owners are left; outcomes %v", owners, errs)
		}
	})
}

func TestOnlyOwnersTouchOwners(t *testing.T) {
	each(t, func(h *house) {
		owner, _ := h.hire("owner@example.com", auth.Owner)
		admin, _ := h.hire("admin@example.com", auth.Admin)
		manager, _ := h.hire("manager@example.com", auth.Manager)
		for _, p := range []auth.TeammatePatch{{Role: ptr(auth.Agent)}, {Disabled: ptr(true)}, {Name: ptr("X")}} {
			_, err := h.UpdateTeammate(ctx, admin, owner.ID, p)
			h.fails(err, "owner_only")
		}
		_, err := h.UpdateTeammate(ctx, admin, admin.ID, auth.TeammatePatch{Role: ptr(auth.Owner)})
		h.fails(err, "owner_only")
		_, err = h.NewLink(ctx, admin, owner.ID)
		h.fails(err, "owner_only")
		_, err = h.UpdateTeammate(ctx, manager, admin.ID, auth.TeammatePatch{Name: ptr("X")})
		h.fails(err, "forbidden")
		_, err = h.UpdateTeammate(ctx, owner, 12345, auth.TeammatePatch{Name: ptr("X")})
		h.fails(err, "not_found")
		_, err = h.UpdateTeammate(ctx, owner, admin.ID, auth.TeammatePatch{Role: ptr(auth.Role("king")), Name: ptr(" ")})
		if e, _ := fault.As(err); e == nil || len(e.Fields) != 2 {
			h.t.Errorf("both fields at fault: %v", err)
		}
	})
}

func TestTeams(t *testing.T) {
	each(t, func(h *house) {
		owner, _ := h.hire("owner@example.com", auth.Owner)
		lin, _ := h.hire("lin@example.com", auth.Agent)
		h.changes()
		sales := must(h.CreateTeam(ctx, owner, " Sales ", []ids.ID{lin.ID, lin.ID}))
		if sales.Name != "Sales" || !slices.Equal(sales.MemberIDs, []ids.ID{lin.ID}) || kinds(h.changes()) != "teammate team" {
			h.t.Errorf("%+v", sales)
		}
		if p := mustPrincipal(h, lin.ID); p.RightsVersion != lin.RightsVersion+1 || !slices.Equal(p.TeamIDs, []ids.ID{sales.ID}) {
			h.t.Errorf("%+v", p)
		}
		support := must(h.CreateTeam(ctx, owner, "Support", nil))
		_, err := h.CreateTeam(ctx, owner, "Sales", nil)
		h.fails(err, "name_taken")
		_, err = h.UpdateTeam(ctx, owner, support.ID, auth.TeamPatch{Name: ptr("Sales")})
		h.fails(err, "name_taken")
		_, err = h.UpdateTeam(ctx, owner, support.ID, auth.TeamPatch{MemberIDs: &[]ids.ID{99}})
		h.fails(err, "teammate_unknown")
		_, err = h.UpdateTeam(ctx, lin, support.ID, auth.TeamPatch{Name: ptr("X")})
		h.fails(err, "forbidden")
		h.changes()

		// Both ways into a team, from the teammate's side and the team's.
		if _, err := h.UpdateTeammate(ctx, owner, lin.ID, auth.TeammatePatch{TeamIDs: &[]ids.ID{support.ID}}); err != nil {
			h.t.Fatal(err)
		}
		if got := kinds(h.changes()); got != "team team teammate" {
			h.t.Errorf("changes %q", got)
		}
		teams := must(h.Teams(ctx))
		if len(teams) != 2 || len(teams[0].MemberIDs) != 0 || !slices.Equal(teams[1].MemberIDs, []ids.ID{lin.ID}) {
			h.t.Errorf("%+v", teams)
		}
		renamed := must(h.UpdateTeam(ctx, owner, support.ID, auth.TeamPatch{Name: ptr("Help")}))
		if renamed.Name != "Help" || kinds(h.changes()) != "team" {
			h.t.Errorf("%+v", renamed)
		}
		if err := h.DeleteTeam(ctx, owner, support.ID); err != nil {
			h.t.Fatal(err)
		}
		cs := h.changes()
		if kinds(cs) != "teammate team" || string(cs[1].Payload) != `{"deleted":true,"team_id":"`+support.ID.String()+`"}` {
			h.t.Errorf("changes %s", kinds(cs))
		}
		if !slices.Contains(h.gone, support.ID) || len(mustPrincipal(h, lin.ID).TeamIDs) != 0 {
			h.t.Error("the team's conversations or members still point at it")
		}
		h.fails(h.DeleteTeam(ctx, owner, support.ID), "not_found")
	})
}

func TestMe(t *testing.T) {
	each(t, func(h *house) {
		lin, _ := h.hire("lin@example.com", auth.Agent)
		h.hire("wu@example.com", auth.Agent)
		h.changes()
		got, err := h.UpdateMe(ctx, lin, auth.MePatch{Name: ptr("林"), Email: ptr("Lin.Wu@example.com"), Locale: ptr("zh-CN"), Theme: ptr("dark"), Availability: ptr("away")})
		if err != nil || got.Name != "林" || got.Email != "lin.wu@example.com" || got.Locale != "zh-CN" || got.Theme != "dark" || got.Availability != "away" {
			h.t.Fatal(got, err)
		}
		if kinds(h.changes()) != "teammate" || mustPrincipal(h, lin.ID).RightsVersion != lin.RightsVersion {
			h.t.Error("one's own profile changes rights, or nobody hears of it")
		}
		if _, err := h.UpdateMe(ctx, lin, auth.MePatch{Theme: ptr("dark")}); err != nil || len(h.changes()) != 0 {
			h.t.Error("a change to the same tells", err)
		}
		_, err = h.UpdateMe(ctx, lin, auth.MePatch{Email: ptr("wu@example.com")})
		h.fails(err, "email_taken")
		_, err = h.UpdateMe(ctx, lin, auth.MePatch{Name: ptr(""), Locale: ptr("fr"), Theme: ptr("pink"), Availability: ptr("gone")})
		if e, _ := fault.As(err); e == nil || len(e.Fields) != 4 {
			h.t.Errorf("every field at fault is named: %v", err)
		}
		_, err = h.UpdateMe(ctx, auth.Principal{ID: 5, Token: true, Role: auth.Owner}, auth.MePatch{})
		h.fails(err, "teammates_only")
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
