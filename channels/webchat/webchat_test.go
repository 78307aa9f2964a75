package webchat_test

import (
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/webchat"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/testkit/house"
)

func TestOrigin(t *testing.T) {
	for given, want := range map[string]string{
		"https://shop.example": "https://shop.example", " HTTPS://Shop.EXAMPLE/ ": "https://shop.example", "https://shop.example:443": "https://shop.example",
		"http://shop.example:80": "http://shop.example", "http://shop.example:443": "http://shop.example:443", "https://shop.example:080": "https://shop.example:80",
		"https://shop.example:8443/": "https://shop.example:8443", "https://bücher.example": "https://xn--bcher-kva.example", "https://商店.中国": "https://xn--czrs0t.xn--fiqs8s",
		"https://ＳＨＯＰ.example": "https://shop.example", "http://localhost:3000": "http://localhost:3000", "http://127.0.0.1:8080": "http://127.0.0.1:8080",
		"http://[::1]:80": "http://[::1]", "http://[0:0::1]:81": "http://[::1]:81", "http://[::ffff:127.0.0.1]": "http://[::ffff:7f00:1]", "https://my_host.example": "https://my_host.example",
		"https://shop.example.": "https://shop.example.", "*": "*",
		"": "", "shop.example": "", "//shop.example": "", "ftp://shop.example": "", "https://": "", "https://shop.example/path": "", "https://shop.example?x": "", "https://shop.example/?": "",
		"https://shop.example#": "", "https://user@shop.example": "", "https://*.shop.example": "", "https://shop.example:99999": "", "https://shop.example:x": "", "null": "",
		"https:shop.example": "", "https://sh op.example": "", "http://[fe80::1%25eth0]": "", "javascript:alert(1)": "", "https://shop..example": "", "https://%6c": "",
	} {
		got, err := webchat.Origin(given)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q became %q, %v; want %q", given, got, err, want)
		}
	}
}

func FuzzOrigin(f *testing.F) {
	for _, s := range []string{"https://shop.example:443/", "http://[::1]", "https://bücher.example", "*", "https://xn--a.example"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := webchat.Origin(s)
		if err != nil {
			return
		}
		if again, err := webchat.Origin(got); err != nil || again != got {
			t.Errorf("%q became %q and then %q, %v", s, got, again, err)
		}
	})
}

func FuzzConfigure(f *testing.F) {
	for _, s := range configs {
		f.Add([]byte(s))
	}
	for _, s := range refused {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := webchat.Adapter{}.Configure(raw, nil)
		if err != nil {
			if _, ok := fault.As(err); !ok {
				t.Errorf("no code: %v", err)
			}
			return
		}
		again, err := webchat.Adapter{}.Configure(got, nil)
		if err != nil || string(again) != string(got) {
			t.Errorf("%s became %s and then %s, %v", raw, got, again, err)
		}
	})
}

func TestAllows(t *testing.T) {
	const own = "https://hub.example"
	config := func(origins ...string) webchat.Config {
		raw, err := json.Marshal(map[string]any{"origins": origins})
		if err != nil {
			t.Fatal(err)
		}
		stored, err := webchat.Adapter{}.Configure(raw, nil)
		if err != nil {
			t.Fatal(err)
		}
		c, err := webchat.ParseConfig(stored)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	shop, any, none := config("https://Shop.example/", "https://bücher.example:8443"), config("*"), config()
	for _, c := range []struct {
		config webchat.Config
		origin string
		want   bool
	}{
		{shop, "https://shop.example", true}, {shop, "https://xn--bcher-kva.example:8443", true}, {shop, own, true}, {none, own, true},
		{shop, "http://shop.example", false}, {shop, "https://shop.example:444", false}, {shop, "https://evil-shop.example", false}, {shop, "https://shop.example.evil.example", false},
		{shop, "https://www.shop.example", false}, {shop, "", false}, {shop, "null", false}, {shop, "*", false}, {none, "https://shop.example", false},
		{any, "https://anything.example", true}, {any, "", false}, {any, "null", false}, {any, "*", false},
	} {
		if got := c.config.Allows(c.origin, own); got != c.want {
			t.Errorf("%v allows %q: %v", c.config.Origins, c.origin, got)
		}
	}
}

func each(t *testing.T, fn func(t *testing.T, h *house.House)) {
	t.Helper()
	house.Each(t, house.Options{}, fn)
}

// A token opens for the visitor and account it was made for, until it expires.
func TestTokens(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		config := webchat.DefaultConfig()
		v := h.Visitors.Fresh(h.Account, config)
		token := h.Visitors.Token(v)
		if got, err := h.Visitors.Open(h.Account, config, token); err != nil || got.Key != v.Key {
			t.Errorf("%+v %v", got, err)
		}
		if other := h.Visitors.Fresh(h.Account, config); other.Key == v.Key || len(v.Key) < 20 {
			t.Error("keys can be guessed")
		}
		refusedBy := func(account *channels.Account, token string) {
			t.Helper()
			_, err := h.Visitors.Open(account, config, token)
			house.Refused(t, err, "visitor_refused", "")
		}
		refusedBy(h.NewAccount("Other", nil), token)
		refusedBy(h.Account, h.Keys.Sign("file", []byte(h.Account.ID.String()+":"+v.Key), time.Time{})) // another purpose
		refusedBy(h.Account, h.Keys.Sign("webchat/visitor", []byte("no account"), time.Time{}))
		for i := range token {
			for _, other := range []byte{'A', 'b', '-'} {
				if token[i] == other {
					continue
				}
				refusedBy(h.Account, token[:i]+string(other)+token[i+1:])
			}
		}
		for _, forged := range []string{"", "x", token + "A", token[1:], strings.Repeat("A", 10_000), token + "\n", h.Account.ID.String() + ":" + v.Key} {
			refusedBy(h.Account, forged)
		}
		h.Clock.Advance(400*24*time.Hour - time.Millisecond)
		if _, err := h.Visitors.Open(h.Account, config, token); err != nil {
			t.Error(err)
		}
		h.Clock.Advance(time.Millisecond)
		refusedBy(h.Account, token)
		if h.Number("SELECT count(*) FROM identities") != 0 {
			t.Error("a visitor that has not written has a row")
		}
	})
}

func FuzzToken(f *testing.F) {
	h := house.New(f, "sqlite", house.Options{})
	const key = "a browser's key"
	token := h.Keys.Sign("webchat/visitor", []byte(h.Account.ID.String()+":"+key), h.Clock.Now().Add(time.Hour))
	f.Add(token)
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := h.Visitors.Open(h.Account, webchat.DefaultConfig(), s)
		if (err == nil) != (s == token) || err == nil && got.Key != key {
			t.Errorf("%q opens %+v, %v", s, got, err)
		}
	})
}

// The hash is what any language computes: hex HMAC-SHA256 of the user id under
// the secret as it was shown.
func TestIdentityHash(t *testing.T) {
	for _, c := range []struct{ secret, user, hash string }{
		{"key", "The quick brown fox jumps over the lazy dog", "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"},
		{"Jefe", "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
	} {
		if got := hex.EncodeToString(webchat.IdentityHash([]byte(c.secret), c.user)); got != c.hash {
			t.Errorf("%s: %s", c.user, got)
		}
	}
}

func TestIdentify(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		v := h.Visitors.Fresh(h.Account, webchat.DefaultConfig())
		claim := func(secret, user string) webchat.Claim {
			return webchat.Claim{UserID: user, Hash: hex.EncodeToString(webchat.IdentityHash([]byte(secret), user)), Traits: customers.Traits{Name: user}}
		}
		refusedWith := func(c webchat.Claim, code, field string) {
			t.Helper()
			_, replaced, err := h.Visitors.Identify(h.Ctx(), v, c)
			house.Refused(t, err, code, field)
			if replaced {
				t.Error("replaced")
			}
		}
		refusedWith(claim("", "u1"), "identity_refused", "") // the account has no secret
		secret, err := h.Accounts.NewSecret(h.Ctx(), h.Boss, h.Account.ID)
		if err != nil {
			t.Fatal(err)
		}
		if v.Account, err = h.Accounts.Get(h.Ctx(), h.Account.ID); err != nil {
			t.Fatal(err)
		}
		before := h.Dump()
		raw, _ := hex.DecodeString(secret)
		for _, c := range []webchat.Claim{claim("", "u1"), claim("other", "u1"), claim(string(raw), "u1"), {UserID: "u1"}, {UserID: "u1", Hash: "zz"}, {UserID: "u2", Hash: claim(secret, "u1").Hash}, {UserID: "u1", Hash: claim(secret, "u1").Hash[:62]}} {
			refusedWith(c, "identity_refused", "")
		}
		for _, user := range []string{"", "a\nb", " u1", "u\x001", strings.Repeat("u", 201)} {
			refusedWith(claim(secret, user), "user_id_invalid", "identity.user_id")
		}
		bad := claim(secret, "u1")
		bad.Attributes = map[string]any{"a": []any{map[string]any{}}}
		refusedWith(bad, "attribute_value_invalid", "identity.attributes.a[0]")
		if h.Dump() != before {
			t.Error("a refused claim left something")
		}
		same, replaced, err := h.Visitors.Identify(h.Ctx(), v, claim(secret, "u1"))
		if err != nil || replaced || same.Key != v.Key {
			t.Fatalf("%+v %v %v", same, replaced, err)
		}
		upper := claim(secret, "u1")
		upper.Hash = strings.ToUpper(upper.Hash)
		if _, replaced, err := h.Visitors.Identify(h.Ctx(), v, upper); err != nil || replaced {
			t.Errorf("%v %v", replaced, err)
		}
		who, ok, err := h.Visitors.Who(h.Ctx(), v)
		if err != nil || !ok || !who.Known {
			t.Errorf("%+v %v %v", who, ok, err)
		}
		// Somebody else signs in on the same browser: a new visitor, not a joined person.
		next, replaced, err := h.Visitors.Identify(h.Ctx(), v, claim(secret, "u2"))
		if err != nil || !replaced || next.Key == v.Key {
			t.Fatalf("%+v %v %v", next, replaced, err)
		}
		other, ok, err := h.Visitors.Who(h.Ctx(), next)
		if err != nil || !ok || other.Customer == who.Customer || !other.Known {
			t.Errorf("%+v %v", other, err)
		}
		for identity, want := range map[ids.ID]string{who.Identity: v.Key, other.Identity: next.Key, 7: ""} {
			account, key, ok, err := h.Visitors.KeyOf(h.Ctx(), identity)
			if err != nil || key != want || ok != (want != "") || ok && account != h.Account.ID {
				t.Errorf("%d: %v %q %v %v", identity, account, key, ok, err)
			}
		}
	})
}

// An account that wants to know who writes refuses others, from the moment it
// says so, and a disabled one refuses all, also those who hold an old view of it.
func TestRulesHoldAtOnce(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		secret, err := h.Accounts.NewSecret(h.Ctx(), h.Boss, h.Account.ID)
		if err != nil {
			t.Fatal(err)
		}
		account, config, err := h.Visitors.Account(h.Ctx(), h.Account.Key)
		if err != nil {
			t.Fatal(err)
		}
		v := h.Visitors.Fresh(account, config)
		send := func(key string) error {
			_, err := h.Visitors.Send(h.Ctx(), v, webchat.Message{ClientKey: key, Body: "hello"})
			return err
		}
		if err := send("1"); err != nil {
			t.Fatal(err)
		}
		change := func(p channels.Patch) {
			t.Helper()
			if _, err := h.Accounts.Update(h.Ctx(), account.ID, p); err != nil {
				t.Fatal(err)
			}
		}
		change(channels.Patch{Config: json.RawMessage(`{"require_identity":true}`)})
		house.Refused(t, send("2"), "identity_required", "")
		fresh := h.Visitors.Fresh(account, config)
		_, err = h.Visitors.Send(h.Ctx(), fresh, webchat.Message{ClientKey: "1", Body: "hello"})
		house.Refused(t, err, "identity_required", "")
		if _, _, err := h.Visitors.Identify(h.Ctx(), v, webchat.Claim{UserID: "u1", Hash: hex.EncodeToString(webchat.IdentityHash([]byte(secret), "u1"))}); err != nil {
			t.Fatal(err)
		}
		if err := send("2"); err != nil {
			t.Error(err)
		}
		disabled := channels.Disabled
		change(channels.Patch{Status: &disabled})
		house.Refused(t, send("3"), "account_disabled", "")
		_, _, err = h.Visitors.Account(h.Ctx(), account.Key)
		house.Refused(t, err, "account_disabled", "")
		for _, key := range []string{"", strings.Repeat("k", 65), "a\nb"} {
			if err := send(key); fault.KindOf(err) != fault.Invalid {
				t.Errorf("%q: %v", key, err)
			}
		}
	})
}
