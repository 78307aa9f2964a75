package wechat_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/fanward/fanward/channels/wechat"
)

// peerPush is a push that another implementation encrypted and signed.
type peerPush struct {
	Timestamp, Nonce, Encrypt, Signature, Content string
}

func (p peerPush) request() *http.Request {
	q := url.Values{"timestamp": {p.Timestamp}, "nonce": {p.Nonce}, "encrypt_type": {"aes"}, "msg_signature": {p.Signature}}
	return httptest.NewRequest(http.MethodPost, "/?"+q.Encode(), strings.NewReader("<xml><ToUserName>gh_1</ToUserName><Encrypt>"+p.Encrypt+"</Encrypt></xml>"))
}

// Pushes of another implementation are accepted; with one bit flipped, never.
func TestPeersPushes(t *testing.T) {
	raw, err := os.ReadFile("testdata/wechat-crypto.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Pushes []peerPush }
	if err := json.Unmarshal(raw, &file); err != nil || len(file.Pushes) != 40 {
		t.Fatalf("%d pushes, %v", len(file.Pushes), err)
	}
	c := newCounter(safe, secrets)
	for i, push := range file.Pushes {
		if code, body := c.ask(push.request()); code != 200 || body != "success" {
			t.Fatalf("%d: %d %s", i, code, body)
		}
		p, err := wechat.ParsePush(c.kept[i].Body)
		if err != nil || p.Content != push.Content {
			t.Errorf("%d: %+v %v", i, p, err)
		}
	}
	for _, push := range file.Pushes {
		for at := 0; at < len(push.Encrypt); at += 7 {
			for bit := range 3 {
				b := []byte(push.Encrypt)
				b[at] ^= 1 << bit
				flipped := push
				flipped.Encrypt = string(b)
				if code, _ := c.ask(flipped.request()); code == 200 {
					t.Fatalf("bit %d of character %d flipped: accepted", bit, at)
				}
			}
		}
	}
	if len(c.kept) != len(file.Pushes) {
		t.Errorf("%d were stored", len(c.kept))
	}
}
