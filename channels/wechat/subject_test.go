package wechat_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/channelstest"
	"github.com/fanward/fanward/channels/intake"
	"github.com/fanward/fanward/channels/wechat"
	"github.com/fanward/fanward/channels/wechat/simulator"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/testkit/house"
)

const (
	app   = "wxb11529c136998cb6"
	key   = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
	older = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	word  = "AAAAA"
	hush  = "0123456789abcdef0123456789abcdef"
)

var secrets = channels.Secrets{wechat.SecretApp: hush, wechat.SecretToken: word, wechat.SecretKey: key}

// Configurations in several spellings, and such as are refused.
var (
	configs = []string{
		`{"app_id":"` + app + `"}`, `{"app_id":" ` + app + ` ","mode":"compat","previous_mode":"plain","api_base":"https://API.weixin.qq.com/"}`,
		`{"app_id":"` + app + `","mode":"plain","api_base":"http://127.0.0.1:8082","erase_on_unsubscribe":false,"welcome":{"en":"Hi \n","zh-CN":"您好"},"default_locale":"en","open_platform":"shop"}`,
		`{"app_id":"` + app + `","api_base":"http://[::1]:8082"}`,
	}
	refused = map[string]string{
		"config.app_id": `{"app_id":"gh_1"}`, "config.mode": `{"app_id":"` + app + `","mode":"open"}`, "config.previous_mode": `{"app_id":"` + app + `","previous_mode":"none"}`,
		"config.api_base": `{"app_id":"` + app + `","api_base":"https://evil.example"}`, "config.default_locale": `{"app_id":"` + app + `","default_locale":"fr"}`,
		"config.open_platform": `{"app_id":"` + app + `","open_platform":"a b"}`, "config.welcome.en": fmt.Sprintf(`{"app_id":"%s","welcome":{"en":"%0601d"}}`, app, 0),
		"config.erase_on_unsubscribe": `{"erase_on_unsubscribe":"yes"}`, "config.appid": `{"appid":"` + app + `"}`, "config": `[1]`,
	}
)

func newAdapter() *wechat.Adapter {
	clk := clock.NewSystem()
	return wechat.NewAdapter(wechat.AdapterOptions{Client: wechat.NewClient(clk, nil), Clock: clk, LocalBase: true})
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	a := newAdapter()
	for name, c := range map[string]struct{ base, field string }{
		"another host": {"https://api.weixin.qq.com.evil.example", "config.api_base"}, "no TLS": {"http://api.weixin.qq.com", "config.api_base"},
		"a path": {"https://api.weixin.qq.com/x", "config.api_base"}, "a user": {"https://u:p@api.weixin.qq.com", "config.api_base"}, "a name": {"http://localhost:8082", "config.api_base"},
		"another machine": {"http://192.0.2.1:80", "config.api_base"}, "nothing": {"", "config.api_base"}, "a port": {"https://api.weixin.qq.com:444", "config.api_base"},
	} {
		_, err := a.Configure([]byte(fmt.Sprintf(`{"app_id":%q,"api_base":%q}`, app, c.base)), secrets)
		house.Refused(t, err, "wechat_api_base", c.field)
		if t.Failed() {
			t.Fatalf("%s", name)
		}
	}
	strict := wechat.NewAdapter(wechat.AdapterOptions{Client: wechat.NewClient(clock.NewSystem(), nil), Clock: clock.NewSystem()})
	_, err := strict.Configure([]byte(`{"app_id":"`+app+`","api_base":"http://127.0.0.1:8082"}`), secrets)
	house.Refused(t, err, "wechat_api_base", "config.api_base")
	change := func(name, value string) channels.Secrets {
		s := channels.Secrets{}
		for k, v := range secrets {
			s[k] = v
		}
		if s[name] = value; value == "" {
			delete(s, name)
		}
		return s
	}
	plain := []byte(`{"app_id":"` + app + `","mode":"plain"}`)
	for _, c := range []struct {
		name, value, code string
	}{
		{wechat.SecretApp, "", "required"}, {wechat.SecretToken, "", "required"}, {wechat.SecretKey, "", "required"},
		{wechat.SecretToken, "a b", "wechat_token"}, {wechat.SecretKey, key[1:], "wechat_aes_key"}, {wechat.SecretPrevious, "short", "wechat_aes_key"}, {"password", "x", "unknown_field"},
	} {
		_, err := a.Configure([]byte(configs[0]), change(c.name, c.value))
		house.Refused(t, err, c.code, "secrets."+c.name)
	}
	if _, err := a.Configure(plain, change(wechat.SecretKey, "")); err != nil {
		t.Errorf("the plain mode needs no key: %v", err)
	}
}

// known opens the same secrets for every account and keeps what is reported.
type known struct {
	secrets channels.Secrets
	reports []channels.Health
}

func (k *known) Secrets(*channels.Account) (channels.Secrets, error) { return k.secrets, nil }

func (k *known) Report(_ context.Context, _ ids.ID, h channels.Health) error {
	k.reports = append(k.reports, h)
	return nil
}

// through is a keeper that understands at once what it is given.
type through struct {
	handler *wechat.Handler
	account *channels.Account
	err     error
}

func (k *through) Keep(ctx context.Context, raw intake.Raw) (bool, error) {
	k.err = k.handler.Handle(ctx, k.account, raw)
	return true, k.err
}

// followers push as WeChat does.
type followers struct {
	account  *channels.Account
	accounts wechat.Accounts
	handler  *wechat.Handler
	clk      clock.Clock
}

func (f followers) Deliver(ctx context.Context, from, msgID, body string) error {
	k := &through{handler: f.handler, account: f.account}
	rc := wechat.NewReceiver(f.accounts, k, f.clk, nil)
	fields := fmt.Sprintf("<MsgType>text</MsgType><Content>%s</Content><MsgId>%s</MsgId>", escaped(body), escaped(msgID))
	w := httptest.NewRecorder()
	rc.Serve(w, sealed(push(from, fields), f.clk).WithContext(ctx), f.account)
	switch {
	case k.err != nil && w.Code == http.StatusOK:
		return errors.New("acknowledged although it failed")
	case k.err != nil:
		return k.err
	case w.Code != http.StatusOK || w.Body.String() != "success":
		return fmt.Errorf("answered %d %s", w.Code, w.Body)
	}
	return nil
}

// escaped leaves control characters as they are, as WeChat does in its CDATA.
func escaped(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\r", "&#xD;").Replace(s)
}

func push(from, fields string) string {
	return "<xml><ToUserName>gh_1</ToUserName><FromUserName>" + escaped(from) + "</FromUserName><CreateTime>1767225600</CreateTime>" + fields + "</xml>"
}

// sealed is the request that brings a push in the safe mode.
func sealed(body string, clk clock.Clock) *http.Request {
	c, err := wechat.NewCrypter(app, key, "")
	if err != nil {
		panic(err)
	}
	text, stamp := c.Encrypt([]byte(body)), fmt.Sprint(clk.Now().Unix())
	q := url.Values{"timestamp": {stamp}, "nonce": {"7"}, "encrypt_type": {"aes"}, "signature": {wechat.Sign(word, stamp, "7")}, "msg_signature": {wechat.Sign(word, stamp, "7", text)}}
	return httptest.NewRequest(http.MethodPost, "/channels/wechat/k?"+q.Encode(), strings.NewReader("<xml><ToUserName>gh_1</ToUserName><Encrypt>"+text+"</Encrypt></xml>"))
}

// platform is a simulator with Ming, who follows and has written.
func platform(t *testing.T, o simulator.Options) (sim *simulator.Simulator, server *httptest.Server, ming string) {
	t.Helper()
	sink := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("success")) }))
	sim = simulator.New(o)
	server = httptest.NewServer(sim.Handler())
	t.Cleanup(func() { server.CloseClientConnections(); sim.Close(); server.Close(); sink.Close() })
	if err := sim.SetAccount(simulator.Account{AppID: app, Secret: hush, OriginalID: "gh_1", Token: word, AESKey: key, Mode: simulator.Safe, PushURL: sink.URL, OpenPlatform: "op"}); err != nil {
		t.Fatal(err)
	}
	ming, err := sim.AddPerson(app, "Ming")
	if err != nil {
		t.Fatal(err)
	}
	for _, do := range []simulator.Action{{Do: "follow"}, {Do: "text", Text: "hi"}} {
		if _, err := sim.Act(app, ming, do); err != nil {
			t.Fatal(err)
		}
	}
	sim.Settle()
	return sim, server, ming
}

func configAt(base string) []byte {
	return []byte(fmt.Sprintf(`{"app_id":%q,"mode":"safe","api_base":%q,"default_locale":"zh-CN","welcome":{"en":"","zh-CN":""}}`, app, base))
}

func TestContract(t *testing.T) {
	_, _, ming := platform(t, simulator.Options{})
	a := newAdapter()
	channelstest.Run(t, channelstest.Subject{
		Adapter: a, Configs: configs, Refused: refused, Secrets: secrets, KeepsAll: true,
		Inlet: func(_ *testing.T, h *house.House, account *channels.Account, sink channels.Sink) channelstest.Inlet {
			a.SetAccounts(h.Accounts)
			handler := wechat.NewHandler(wechat.HandlerOptions{Adapter: a, Sink: sink, Keeper: h.Intake, Files: h.Inbox, Eraser: h.Inbox, Hash: h.Keys.MAC, Clock: h.Clock, FileBytes: 1 << 20})
			return followers{account: account, accounts: h.Accounts, handler: handler, clk: h.Clock}
		},
		Recipient: channels.Identity{Kind: "openid", Namespace: "1", Value: ming, Verified: true},
		Outlet: func(t *testing.T, will channelstest.Far) *channels.Account {
			sim, server, _ := platform(t, simulator.Options{})
			const path = "/cgi-bin/message/custom/send"
			switch will {
			case channelstest.Refuses:
				sim.AddFault(simulator.Fault{Path: path, Errcode: 48002})
			case channelstest.IsBusy:
				sim.AddFault(simulator.Fault{Path: path, Errcode: 45011})
			case channelstest.CutsOff:
				sim.AddFault(simulator.Fault{Path: path, Reset: true, After: true})
			case channelstest.NeverEnds:
				sim.AddFault(simulator.Fault{Path: path, Hang: true})
			case channelstest.Nonsense:
				sim.AddFault(simulator.Fault{Path: path, Body: "<html></html>"})
			}
			a.SetAccounts(&known{secrets: secrets})
			return &channels.Account{ID: 1, Channel: wechat.Channel, Status: channels.Active, Health: channels.Health{OK: true}, Config: configAt(server.URL)}
		},
	})
}
