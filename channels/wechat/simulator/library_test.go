package simulator_test

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/silenceper/wechat/v2/cache"
	"github.com/silenceper/wechat/v2/officialaccount"
	"github.com/silenceper/wechat/v2/officialaccount/basic"
	"github.com/silenceper/wechat/v2/officialaccount/config"
	"github.com/silenceper/wechat/v2/officialaccount/material"
	"github.com/silenceper/wechat/v2/officialaccount/menu"
	"github.com/silenceper/wechat/v2/officialaccount/message"
	"github.com/silenceper/wechat/v2/util"

	"github.com/fanward/fanward/channels/wechat/simulator"
)

// detour leads calls of WeChat's own hosts to the simulator.
type detour struct{ to *url.URL }

func (d detour) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host = d.to.Scheme, d.to.Host
	return http.DefaultTransport.RoundTrip(r)
}

// A client that was written for WeChat itself works here without a change.
func TestSomebodyElsesClient(t *testing.T) {
	s := newStage(t, nil)
	to, err := url.Parse(s.server.URL)
	s.must(err)
	own := util.DefaultHTTPClient
	util.DefaultHTTPClient = &http.Client{Transport: detour{to}}
	defer func() { util.DefaultHTTPClient = own }()

	for name, stable := range map[string]bool{"stable token": true, "plain token": false} {
		t.Run(name, func(t *testing.T) {
			oa := officialaccount.NewOfficialAccount(&config.Config{AppID: app, AppSecret: "secret", Token: word, EncodingAESKey: key, Cache: cache.NewMemory(), UseStableAK: stable})
			s.sim.Reset()
			s.done(simulator.Action{Do: "follow"})
			s.done(simulator.Action{Do: "text", Text: "hi"})

			customer := message.NewMessageManager(oa.GetContext())
			s.must(customer.Send(message.NewCustomerTextMessage(s.ming, "你好 <b>")))
			file := filepath.Join(t.TempDir(), "a.png")
			s.must(os.WriteFile(file, picture(t), 0o600))
			media, err := oa.GetMaterial().MediaUpload(material.MediaTypeImage, file)
			s.must(err)
			s.must(customer.Send(message.NewCustomerImgMessage(s.ming, media.MediaID)))
			out := s.sim.Outbox(app, s.ming)
			if len(out) != 2 || out[0].Text != "你好 <b>" || out[1].MediaID != media.MediaID {
				t.Errorf("%+v", out)
			}
			if err := customer.Send(message.NewCustomerTextMessage("oNobody", "hi")); err == nil {
				t.Error("sent to nobody")
			}

			address, err := oa.GetMaterial().GetMediaURL(media.MediaID)
			s.must(err)
			res, err := util.DefaultHTTPClient.Get(address)
			s.must(err)
			b, err := io.ReadAll(res.Body)
			_ = res.Body.Close()
			if err != nil || string(b) != string(picture(t)) {
				t.Errorf("%d bytes, %v", len(b), err)
			}

			who, err := oa.GetUser().GetUserInfo(s.ming)
			if err != nil || who.Subscribe != 1 || who.SubscribeScene != "ADD_SCENE_SEARCH" {
				t.Errorf("%+v, %v", who, err)
			}
			ticket, err := oa.GetBasic().GetQRTicket(basic.NewTmpQrRequest(5*time.Minute, "desk"))
			if err != nil || ticket.Ticket == "" || ticket.ExpireSeconds != 300 {
				t.Errorf("%+v, %v", ticket, err)
			}
			s.done(simulator.Action{Do: "scan", Code: "desk"})

			help := menu.NewClickButton("帮助", "HELP")
			s.must(oa.GetMenu().SetMenu([]*menu.Button{help}))
			got, err := oa.GetMenu().GetMenu()
			if err != nil || len(got.Menu.Button) != 1 || got.Menu.Button[0].Key != "HELP" {
				t.Errorf("%+v, %v", got, err)
			}
			s.must(oa.GetMenu().DeleteMenu())
		})
	}
	if unknown := s.sim.Unknown(); len(unknown) != 0 {
		t.Errorf("paths that do not exist here: %v", unknown)
	}
}
