package auth_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/bus"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/store/feed"
	"github.com/fanward/fanward/internal/testkit"
)

// Nodes that start at the same moment on an empty database have one owner, and the
// link that was made last signs in.
func TestFirstOwnerOfManyNodes(t *testing.T) {
	each(t, func(h *house) {
		links := make([]auth.Link, 8)
		errs := make([]error, len(links))
		var all sync.WaitGroup
		for i := range links {
			all.Go(func() { links[i], _, errs[i] = h.OwnerLink(ctx) })
		}
		all.Wait()
		if err := errors.Join(errs...); err != nil {
			h.t.Fatal(err)
		}
		good := 0
		for _, l := range links {
			if _, err := h.SignInByLink(ctx, l.Secret, here); err == nil {
				good++
			}
		}
		if good != 1 {
			h.t.Errorf("%d links sign in", good)
		}
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
	for _, email := range []string{"known@example.com", "nopassword@example.com", "disabled@example.com", "unknown@example.com"} {
		pw := password
		if email == "known@example.com" {
			pw += "x"
		}
		before := h.Hashes()
		_, err := h.SignIn(ctx, email, pw, here)
		h.fails(err, "wrong_credentials")
		if n := h.Hashes() - before; n != 1 {
			t.Errorf("%s costs %d hashes", email, n)
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

// TestThrottleOfAllNodes: guessing is bounded by all nodes together.
func TestThrottleOfAllNodes(t *testing.T) {
	h := sqlite(t)
	_, in := h.hire("lin@example.com", auth.Agent)
	if err := h.SetPassword(ctx, in.Token, password, ""); err != nil {
		t.Fatal(err)
	}
	url := testkit.Redis(t).URL()
	nodes := make([]*auth.Service, 2)
	for i := range nodes {
		r, err := bus.Dial(bus.Options{URL: url, Installation: "test", Node: string(rune('a' + i)), Clock: h.clock, Patience: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = r.Close() })
		testkit.Eventually(t, 20*time.Second, "a node has joined", r.Up)
		src, err := ids.NewSource(h.clock, i+100, 0)
		if err != nil {
			t.Fatal(err)
		}
		nodes[i] = auth.New(auth.Options{DB: h.db, Clock: h.clock, IDs: src, SessionLifetime: time.Hour, Limits: r})
	}
	for range 3 { // successes cost nothing
		if _, err := nodes[0].SignIn(ctx, "lin@example.com", password, here); err != nil {
			t.Fatal(err)
		}
	}
	codes := map[string]int{}
	for i := range 12 {
		_, err := nodes[i%2].SignIn(ctx, "lin@example.com", "wrong password", auth.Client{IP: fmt.Sprint("198.51.100.", i)})
		codes[fault.CodeOf(err)]++
	}
	if codes["wrong_credentials"] != 10 || codes["rate_limited"] != 2 {
		t.Errorf("twelve tries on two nodes gave %v", codes)
	}
}
