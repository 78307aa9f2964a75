package api_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/wechat"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/web/api"
)

// What WeChat asks reaches the channel for active WeChat accounts alone, and
// for the sandbox's own only from this machine.
func TestWechatAddress(t *testing.T) {
	var reached []string
	h := build(t, testkit.Open(t, store.SQLite), func(o *api.Options) {
		o.Sandbox = func() *api.SandboxPages { return &api.SandboxPages{} }
		o.WechatPush = func(w http.ResponseWriter, r *http.Request, a *channels.Account) {
			reached = append(reached, r.Method+" "+a.Name)
			_, _ = io.WriteString(w, "success")
		}
	})
	made := 0
	account := func(name string, sandbox bool) *channels.Account {
		t.Helper()
		made++
		a, err := h.accounts.Create(context.Background(), channels.New{
			Channel: wechat.Channel, Name: name, Config: fmt.Appendf(nil, `{"app_id":"wx%016x"}`, made), Sandbox: sandbox,
			Secrets: channels.Secrets{wechat.SecretApp: "s", wechat.SecretToken: "token", wechat.SecretKey: strings.Repeat("A", 43)},
		})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	tea, trial, closed := account("Tea", false), account("Trial", true), account("Closed", false)
	off := channels.Disabled
	if _, err := h.accounts.Update(context.Background(), closed.ID, channels.Patch{Status: &off}); err != nil {
		t.Fatal(err)
	}
	at := func(a *channels.Account, method, from string, header map[string]string) call {
		return call{method: method, path: "/channels/wechat/" + a.Key + "?signature=x", body: "<xml></xml>", from: from, header: header}
	}
	proxied := map[string]string{"X-Forwarded-For": "192.0.2.7"}
	h.run(t, []scenario{
		{name: "a push from anywhere", call: at(tea, "POST", "203.0.113.9:4000", nil), status: 200, has: []string{"success"}},
		{name: "the check of the address", call: call{method: "GET", path: "/channels/wechat/" + tea.Key + "?echostr=1"}, status: 200},
		{name: "another method", call: at(tea, "PUT", "", nil), status: 405},
		{name: "nobody's address", call: call{method: "POST", path: "/channels/wechat/nothing", body: "x"}, status: 404},
		{name: "a website's key", call: at(h.account, "POST", "", nil), status: 404},
		{name: "an account that is switched off", call: at(closed, "POST", "", nil), status: 403, has: []string{"account_disabled"}},
		{name: "the sandbox from this machine", call: at(trial, "POST", "", nil), status: 200},
		{name: "the sandbox from another", call: at(trial, "POST", "203.0.113.9:4000", nil), status: 403, has: []string{"sandbox_local_only"}},
		{name: "the sandbox through a proxy", call: at(trial, "POST", "", proxied), status: 403, has: []string{"sandbox_local_only"}},
	})
	if got := strings.Join(reached, ", "); got != "POST Tea, GET Tea, POST Trial" {
		t.Errorf("the channel was reached by %s", got)
	}
	for _, secret := range []string{"signature=x", "echostr"} {
		if strings.Contains(h.log.String(), secret) {
			t.Errorf("the log holds %s", secret)
		}
	}
}
