package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/testkit"
)

// A follower of the sandbox's WeChat account is welcomed, writes, and is
// answered on the phone.
func TestWechatThroughTheSandbox(t *testing.T) {
	p := testkit.Program(t)
	phones := page(t, p, "phones are at")
	s := tell(t, p)
	account := func() map[string]any { return s.list("GET", phones+"/phone/state", nil, "accounts")[0] }
	ming := func() map[string]any { return account()["people"].([]any)[0].(map[string]any) }
	act := func(do map[string]any) {
		do["app_id"], do["openid"] = account()["app_id"], ming()["openid"]
		s.call("POST", phones+"/phone/act", do)
	}
	chat := func() (out []string) {
		for _, one := range ming()["chat"].([]any) {
			line := one.(map[string]any)
			words, _ := line["text"].(string)
			out = append(out, line["from"].(string)+": "+words)
		}
		return out
	}
	act(map[string]any{"do": "follow"})
	testkit.Eventually(t, 10*time.Second, "the follower is welcomed", func() bool { return strings.Contains(strings.Join(chat(), "\n"), "account: 欢迎关注林记茶铺") })
	act(map[string]any{"do": "text", "text": "你好"})
	var conversation map[string]any
	testkit.Eventually(t, 10*time.Second, "the message is in the inbox", func() bool {
		for _, one := range s.list("GET", s.hub+"/api/v1/conversations?view=all", nil, "items") {
			if one["channel"] == "wechat" {
				conversation = one
			}
		}
		return conversation != nil
	})
	s.call("POST", s.hub+"/api/v1/conversations/"+conversation["id"].(string)+"/messages", map[string]any{"client_key": "k", "kind": "text", "body": "您好"})
	testkit.Eventually(t, 10*time.Second, "the answer is on the phone", func() bool {
		all := chat()
		return all[len(all)-1] == "account: 您好"
	})
}

// The phones, their platform and the control of both answer this machine alone.
func TestPhonesAreLocal(t *testing.T) {
	p := testkit.Program(t)
	phones := page(t, p, "phones are at")
	for _, path := range []string{"/", "/phone/state", "/control/state", "/cgi-bin/getcallbackip", "/mmbiz/x"} {
		for name, change := range map[string]func(*http.Request){
			"through a proxy": func(r *http.Request) { r.Header.Set("X-Forwarded-For", "203.0.113.9") },
			"another host":    func(r *http.Request) { r.Host = "phones.example" },
		} {
			r, err := http.NewRequest(http.MethodGet, phones+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			change(r)
			response, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			if response.StatusCode != http.StatusForbidden {
				t.Errorf("%s %s: %d", path, name, response.StatusCode)
			}
		}
	}
}
