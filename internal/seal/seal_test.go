package seal_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/seal"
)

func keys(t testing.TB, fill byte) *seal.Keys {
	t.Helper()
	k, err := seal.New(bytes.Repeat([]byte{fill}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSealing(t *testing.T) {
	k, other := keys(t, 1), keys(t, 2)
	const purpose = "account/42/identity-secret"
	sealed := k.Seal(purpose, []byte("the secret"))
	if got, err := k.Unseal(purpose, sealed); err != nil || string(got) != "the secret" {
		t.Fatal(got, err)
	}
	if strings.Contains(sealed, "secret") || sealed == k.Seal(purpose, []byte("the secret")) {
		t.Error("a seal shows its content or repeats itself")
	}
	if got, err := keys(t, 1).Unseal(purpose, sealed); err != nil || string(got) != "the secret" {
		t.Error("the same key does not open after a restart:", err)
	}
	if _, err := other.Unseal(purpose, sealed); !errors.Is(err, seal.ErrOtherKey) {
		t.Errorf("another key: %v", err)
	}
	for _, wrong := range []string{"account/43/identity-secret", "account", "token/42/identity-secret", ""} {
		if _, err := k.Unseal(wrong, sealed); !errors.Is(err, seal.ErrBroken) {
			t.Errorf("purpose %q: %v", wrong, err)
		}
	}
	for i := range sealed {
		b := []byte(sealed)
		b[i] ^= 1
		if got, err := k.Unseal(purpose, string(b)); err == nil {
			t.Errorf("altered at %d it opens as %q", i, got)
		}
	}
	for _, s := range []string{"", ".", "..", "s1." + k.ID() + ".", "s2." + k.ID() + ".AAAA", sealed[:len(sealed)-1]} {
		if _, err := k.Unseal(purpose, s); err == nil {
			t.Errorf("%q opens", s)
		}
	}
}

func TestTokens(t *testing.T) {
	k := keys(t, 1)
	now := time.UnixMilli(1_800_000_000_000)
	token := k.Sign("file", []byte("42"), now.Add(time.Hour))
	if strings.Trim(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		t.Errorf("%q does not fit into a URL", token)
	}
	cases := []struct {
		name, purpose, token string
		keys                 *seal.Keys
		at                   time.Time
		want                 error
	}{
		{"good", "file", token, k, now, nil},
		{"last millisecond", "file", token, k, now.Add(time.Hour - time.Millisecond), nil},
		{"at expiry", "file", token, k, now.Add(time.Hour), seal.ErrExpired},
		{"never expires", "file", k.Sign("file", []byte("42"), time.Time{}), k, now.AddDate(900, 0, 0), nil},
		{"other purpose", "visitor", token, k, now, seal.ErrInvalid},
		{"other key", "file", token, keys(t, 2), now, seal.ErrInvalid},
		{"cut", "file", token[:len(token)-2], k, now, seal.ErrInvalid},
		{"longer", "file", token + "AA", k, now, seal.ErrInvalid},
		{"line break", "file", token[:4] + "\n" + token[4:], k, now, seal.ErrInvalid},
		{"padding", "file", token + "=", k, now, seal.ErrInvalid},
		{"empty", "file", "", k, now, seal.ErrInvalid},
		{"huge", "file", strings.Repeat("A", seal.MaxToken+4), k, now, seal.ErrInvalid},
	}
	for _, c := range cases {
		got, err := c.keys.Open(c.purpose, c.token, c.at)
		if !errors.Is(err, c.want) || err == nil && string(got) != "42" {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
	}
	raw, _ := base64.RawURLEncoding.DecodeString(token)
	for i := range raw {
		b := bytes.Clone(raw)
		b[i] ^= 1
		if _, err := k.Open("file", base64.RawURLEncoding.EncodeToString(b), now); !errors.Is(err, seal.ErrInvalid) {
			t.Errorf("altered at byte %d: %v", i, err)
		}
	}
}

func TestNewRefusesOtherLengths(t *testing.T) {
	for _, n := range []int{0, 16, 31, 33} {
		if _, err := seal.New(make([]byte, n)); err == nil {
			t.Errorf("a key of %d bytes is taken", n)
		}
	}
}

func TestKeyFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if _, err := seal.ReadFile(dir); !errors.Is(err, seal.ErrNoKey) {
		t.Fatal(err)
	}
	key, made, err := seal.EnsureFile(dir)
	if err != nil || !made || len(key) != seal.KeySize {
		t.Fatal(key, made, err)
	}
	again, made, err := seal.EnsureFile(dir)
	if err != nil || made || !bytes.Equal(key, again) {
		t.Fatal("the key changes", made, err)
	}
	path := filepath.Join(dir, seal.FileName)
	st, err := os.Stat(path)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Fatal(st.Mode(), err)
	}
	entries, _ := os.ReadDir(dir)
	if len(entries) != 1 {
		t.Errorf("files left behind: %v", entries)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o660, 0o620} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		var exposed seal.ExposedKey
		if _, _, err := seal.EnsureFile(dir); !errors.As(err, &exposed) || exposed.Mode != mode {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	for _, text := range []string{"", "short", base64.StdEncoding.EncodeToString(make([]byte, 31)), strings.Repeat("A", 400)} {
		if err := errors.Join(os.WriteFile(path, []byte(text), 0o600), os.Chmod(path, 0o600)); err != nil {
			t.Fatal(err)
		}
		var bad seal.BadKey
		if _, _, err := seal.EnsureFile(dir); !errors.As(err, &bad) {
			t.Errorf("content %.20q: %v", text, err)
		}
	}
}

func TestConcurrentFirstStartsAgree(t *testing.T) {
	dir := t.TempDir()
	got := make([][]byte, 8)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() { got[i], _, _ = seal.EnsureFile(dir) })
	}
	wg.Wait()
	for _, k := range got {
		if len(k) != seal.KeySize || !bytes.Equal(k, got[0]) {
			t.Fatal("two keys were made")
		}
	}
}

func FuzzOpen(f *testing.F) {
	k := keys(f, 7)
	now := time.UnixMilli(1_800_000_000_000)
	f.Add(k.Sign("file", []byte("payload"), now.Add(time.Hour)))
	f.Add(k.Sign("file", nil, time.Time{}))
	f.Add("AQAAAAAAAAAA")
	f.Add("")
	f.Fuzz(func(t *testing.T, token string) {
		payload, err := k.Open("file", token, now)
		if err != nil {
			return
		}
		// Only what Sign made opens, so its form is the only one.
		for _, expires := range []time.Time{{}, now.Add(time.Hour)} {
			if k.Sign("file", payload, expires) == token {
				return
			}
		}
		t.Errorf("%q opens and was never signed", token)
	})
}

func FuzzUnseal(f *testing.F) {
	k := keys(f, 7)
	f.Add(k.Seal("a/1", []byte("x")))
	f.Add("s1.." + k.ID())
	f.Fuzz(func(t *testing.T, sealed string) {
		if got, err := k.Unseal("a/1", sealed); err == nil && string(got) != "x" {
			t.Errorf("%q opens as %q", sealed, got)
		}
	})
}
