package wechat

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/silenceper/wechat/v2/util"
)

// Vectors of WeChat's own documentation.
const (
	pageApp   = "wxba5fad812f8e6fb9"
	pageToken = "AAAAA"
	javaKey   = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
	javaApp   = "wxb11529c136998cb6"
	pagePush  = "+qdx1OKCy+5JPCBFWw70tm0fJGb2Jmeia4FCB7kao+/Q5c/ohsOzQHi8khUOb05JCpj0JB4RvQMkUyus8TPxLKJGQqcvZqzDpVzazhZv6JsXUnnR8XGT740XgXZUXQ7vJVnAG+tE8NUd4yFyjPy7GgiaviNrlCTj+l5kdfMuFUPpRSrfMZuMcp3Fn2Pede2IuQrKEYwKSqFIZoNqJ4M8EajAsjLY2km32IIjdf8YL/P50F7mStwntrA2cPDrM1kb6mOcfBgRtWygb3VIYnSeOBrebufAlr7F9mFUPAJGj04="
)

var pageKey = strings.Repeat("A", 43)

func crypter(t testing.TB, appID, current, previous string) *Crypter {
	t.Helper()
	c, err := NewCrypter(appID, current, previous)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSignatureVectors(t *testing.T) {
	for _, v := range []struct {
		want  string
		parts []string
	}{
		{"f464b24fc39322e44b38aa78f5edd27bd1441696", []string{pageToken, "1714036504", "1514711492"}},
		{"899cf89e464efb63f54ddac96b0a0a235f53aa78", []string{pageToken, "1714037059", "486452656"}},
		{"6c5c811b55cc85e0e1b54100749188c20beb3f5d", []string{pageToken, "1714112445", "415670741"}},
		{"046e02f8204d34f8ba5fa3b1db94908f3df2e9b3", []string{pageToken, "1714112445", "415670741", pagePush}},
		{"1b9339964ed2e271e7c7b6ff2b0ef902fc94dea1", []string{pageToken, "1713424427", "415670741", "ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ=="}},
	} {
		if got := Sign(v.parts...); got != v.want {
			t.Errorf("%v: %s, want %s", v.parts, got, v.want)
		}
		if !signed(v.want, v.parts[0], v.parts[1:]...) {
			t.Errorf("%v: the right signature is refused", v.parts)
		}
		for i := range v.want {
			flipped := []byte(v.want)
			flipped[i] ^= 1
			if signed(string(flipped), v.parts[0], v.parts[1:]...) {
				t.Errorf("%v: accepted with character %d changed", v.parts, i)
			}
		}
	}
	if signed(Sign("", "1", "2"), "", "1", "2") {
		t.Error("an empty token signs")
	}
}

func TestSignKeepsItsArguments(t *testing.T) {
	parts := []string{"c", "b", "a"}
	Sign(parts...)
	if parts[0] != "c" || parts[2] != "a" {
		t.Errorf("the caller's parts became %v", parts)
	}
}

func TestCipherVectors(t *testing.T) {
	for _, v := range []struct{ app, key, random, message, sealed string }{
		{pageApp, pageKey, "707722b803182950", `{"demo_resp":"good luck"}`, "ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ=="},
		{javaApp, javaKey, "aaaabbbbccccdddd", "我是中文abcd123", "jn1L23DB+6ELqJ+6bruv21Y6MD7KeIfP82D6gU39rmkgczbWwt5+3bnyg5K55bgVtVzd832WzZGMhkP72vVOfg=="},
	} {
		c := crypter(t, v.app, v.key, "")
		if got := c.encrypt([]byte(v.random), []byte(v.message), c.keys[0]); got != v.sealed {
			t.Errorf("%s encrypts to %s", v.message, got)
		}
		if got, err := c.Decrypt(v.sealed); err != nil || string(got) != v.message {
			t.Errorf("%s decrypts to %q, %v", v.sealed, got, err)
		}
	}
	got, err := crypter(t, pageApp, pageKey, "").Decrypt(pagePush)
	if err != nil || len(got) != 167 {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	c := crypter(t, pageApp, pageKey, "")
	if again := c.encrypt([]byte("a8eedb185eb2fecf"), got, c.keys[0]); again != pagePush {
		t.Errorf("encrypted again it is %s", again)
	}
}

// Every length of padding, from 1 byte to 32, and every byte of it counts.
func TestEveryPadding(t *testing.T) {
	c := crypter(t, javaApp, javaKey, "")
	seen := map[int]bool{}
	for n := range 64 {
		message := bytes.Repeat([]byte{'x'}, n)
		text := c.Encrypt(message)
		got, err := c.Decrypt(text)
		if err != nil || !bytes.Equal(got, message) {
			t.Fatalf("%d bytes: %q, %v", n, got, err)
		}
		pad := blockLength - (20+n+len(javaApp))%blockLength
		seen[pad] = true
		for i := 1; i <= pad; i++ {
			plain := plaintext(t, c, text)
			plain[len(plain)-i] ^= 0x40
			if _, err := c.Decrypt(seal(t, c, plain)); err == nil {
				t.Errorf("%d bytes: a wrong padding byte at -%d is accepted", n, i)
			}
		}
	}
	if len(seen) != blockLength {
		t.Errorf("only %d paddings were met", len(seen))
	}
}

func TestHostileCiphertexts(t *testing.T) {
	c := crypter(t, javaApp, javaKey, "")
	plain := plaintext(t, c, c.Encrypt([]byte("hello")))
	long := bytes.Clone(plain)
	copy(long[16:], []byte{0xff, 0xff, 0xff, 0xff})
	short := bytes.Clone(plain)
	short[19]-- // the app id begins with a letter of the message
	for name, text := range map[string]string{
		"nothing":            "",
		"no base64":          "!!!!",
		"half a block":       base64.StdEncoding.EncodeToString(make([]byte, 16)),
		"a block and a half": base64.StdEncoding.EncodeToString(make([]byte, 48)),
		"zeros":              base64.StdEncoding.EncodeToString(make([]byte, 64)),
		"length beyond end":  seal(t, c, long),
		"length too short":   seal(t, c, short),
		"only padding":       seal(t, c, bytes.Repeat([]byte{32}, 32)),
	} {
		if got, err := c.Decrypt(text); err == nil {
			t.Errorf("%s: %q is accepted", name, got)
		}
	}
	if _, err := crypter(t, pageApp, javaKey, "").Decrypt(c.Encrypt([]byte("hello"))); err == nil {
		t.Error("another account's message is accepted")
	}
}

func TestCurrentAndPreviousKey(t *testing.T) {
	old, now := crypter(t, javaApp, pageKey, ""), crypter(t, javaApp, javaKey, "")
	both := crypter(t, javaApp, javaKey, pageKey)
	for _, c := range []*Crypter{old, now} {
		if got, err := both.Decrypt(c.Encrypt([]byte("hello"))); err != nil || string(got) != "hello" {
			t.Errorf("%q, %v", got, err)
		}
	}
	if got, err := now.Decrypt(both.Encrypt([]byte("hello"))); err != nil || string(got) != "hello" {
		t.Errorf("answers take the current key: %q, %v", got, err)
	}
	if _, err := now.Decrypt(old.Encrypt([]byte("hello"))); err == nil {
		t.Error("a key that is not known any more opens")
	}
}

func TestKeysAreReadLeniently(t *testing.T) {
	if _, err := base64.StdEncoding.Strict().DecodeString(javaKey + "="); err == nil {
		t.Fatal("the sample key was chosen because a strict decoder refuses it")
	}
	for key, ok := range map[string]bool{javaKey: true, " " + javaKey + "\n": true, javaKey[1:]: false, javaKey + "=": false, "": false, strings.Repeat("!", 43): false, javaKey[:42] + "\n": false} {
		if _, err := NewCrypter(javaApp, key, ""); (err == nil) != ok {
			t.Errorf("%q: %v", key, err)
		}
	}
}

// plaintext and seal undo the cipher and do it again without any care.
func plaintext(t *testing.T, c *Crypter, text string) []byte {
	t.Helper()
	sealed, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return cbc(t, c, sealed, false)
}

func seal(t *testing.T, c *Crypter, plain []byte) string {
	t.Helper()
	return base64.StdEncoding.EncodeToString(cbc(t, c, plain, true))
}

func FuzzDecrypt(f *testing.F) {
	c := crypter(f, pageApp, pageKey, javaKey)
	f.Add(pagePush)
	f.Add(c.Encrypt([]byte("hello")))
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := c.Decrypt(text)
		if err != nil {
			return
		}
		sealed, _ := base64.StdEncoding.DecodeString(text)
		random, message, app, err := util.AESDecryptMsg(sealed, c.keys[0])
		if err != nil || len(random) != 16 || !bytes.Equal(message, got) || string(app) != pageApp {
			t.Errorf("accepted: %q", got)
		}
	})
}
