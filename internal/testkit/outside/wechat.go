package outside

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/fanward/fanward/channels/wechat/simulator"
)

const (
	// AppID is the account that Connect makes.
	AppID  = "wxcrash0000000001"
	aesKey = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
)

// Platform is WeChat outside the program: what people sent, what was
// acknowledged and what they received is in its records.
type Platform struct {
	*simulator.Simulator
	// People are the followers' openids.
	People []string
	sent   map[string]string // push → body
}

// NewPlatform starts WeChat on a loopback port; its address comes second.
func NewPlatform(t *testing.T) (*Platform, string) {
	t.Helper()
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	s := simulator.New(simulator.Options{Seed: 7, BaseURL: server.URL})
	handler = s.Handler()
	t.Cleanup(func() { s.Close(); server.Close() })
	return &Platform{Simulator: s, sent: map[string]string{}}, server.URL
}

// Connect makes the account on both sides and lets people follow it: at api the
// program is asked for it, base is the platform's own address, and pushes go to
// pushes, which is followed by the account's path.
func (w *Platform) Connect(t *testing.T, api string, header http.Header, base, pushes string, followers int) {
	t.Helper()
	var account struct {
		Key string `json:"key"`
	}
	err := Call("POST", api+"/api/v1/accounts", header, map[string]any{
		"channel": "wechat", "name": "Tea", "config": map[string]any{"app_id": AppID, "mode": "safe", "api_base": base},
		"secrets": map[string]any{"app_secret": "crash-secret-crash-secret-crash-", "token": "crashtoken", "encoding_aes_key": aesKey},
	}, &account)
	if err != nil {
		t.Fatal(err)
	}
	err = w.SetAccount(simulator.Account{
		AppID: AppID, Secret: "crash-secret-crash-secret-crash-", OriginalID: "gh_crash", Name: "Tea", Token: "crashtoken", AESKey: aesKey, Mode: simulator.Safe,
		PushURL: pushes + "/channels/wechat/" + account.Key,
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range followers {
		id, err := w.AddPerson(AppID, fmt.Sprint("follower ", i))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Act(AppID, id, simulator.Action{Do: "follow"}); err != nil {
			t.Fatal(err)
		}
		w.People = append(w.People, id)
	}
}

// Write sends one text of every follower; the Platform delivers it again while
// the program is down, three times in all.
func (w *Platform) Write(t *testing.T, round int) {
	t.Helper()
	for i, id := range w.People {
		body := fmt.Sprintf("wechat %d from %d", round, i)
		w.Say(t, id, body, body)
	}
}

// Say sends a text of one follower.
func (w *Platform) Say(t *testing.T, openid, body, name string) {
	t.Helper()
	push, err := w.Act(AppID, openid, simulator.Action{Do: "text", Text: body})
	if err != nil {
		t.Error(err)
		return
	}
	w.sent[push] = name
}

// Acknowledged are the texts of which the Platform was told that they are kept.
func (w *Platform) Acknowledged() map[string]bool {
	out := map[string]bool{}
	for _, p := range w.Pushes(AppID) {
		body, ours := w.sent[p.ID]
		for _, a := range p.Attempts {
			if ours && a.Verdict == "acknowledged" {
				out[body] = true
			}
		}
	}
	return out
}
