package webchat_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/channelstest"
	"github.com/fanward/fanward/channels/webchat"
	"github.com/fanward/fanward/internal/testkit/house"
)

// Configurations of web chat in many spellings, and such as are refused.
var (
	configs = []string{
		`{"origins":["https://shop.example"]}`, `{"origins":["HTTPS://Shop.Example:443/"],"color":"#ABCDEF"}`, `{"origins":["*"],"require_identity":true}`, `{"origins":[]}`, `{"origins":null}`,
		`{"greeting":{"en":"Hi \n","zh-CN":"您好"},"title":{"en":"","zh-CN":""},"position":"left","default_locale":"zh-CN"}`,
		`{"origins":["https://bücher.example","https://xn--bcher-kva.example","http://[0:0:0:0:0:0:0:1]:8080"]}`,
	}
	refused = map[string]string{
		"config.colour": `{"colour":"#ffffff"}`, "config.color": `{"color":"red"}`, "config.position": `{"position":"top"}`, "config.default_locale": `{"default_locale":"fr"}`,
		"config.origins[1]": `{"origins":["https://ok.example","shop.example"]}`, "config.origins": `{"origins":"https://shop.example"}`, "config.title.en": fmt.Sprintf(`{"title":{"en":"%061d"}}`, 0),
		"config.greeting.zh-CN": fmt.Sprintf(`{"greeting":{"zh-CN":"%0501d"}}`, 0), "config.require_identity": `{"require_identity":"yes"}`, "config": `[1]`,
	}
)

// visitors bring messages as the visitors' calls do.
type visitors struct {
	all     *webchat.Visitors
	account *channels.Account

	mu    sync.Mutex
	known map[string]webchat.Visitor
}

func (v *visitors) Deliver(ctx context.Context, from, key, body string) error {
	v.mu.Lock()
	who, ok := v.known[from]
	if !ok {
		who = v.all.Fresh(v.account, webchat.DefaultConfig())
		v.known[from] = who
	}
	v.mu.Unlock()
	_, err := v.all.Send(ctx, who, webchat.Message{ClientKey: key, Body: body})
	return err
}

func TestContract(t *testing.T) {
	channelstest.Run(t, channelstest.Subject{
		Adapter: webchat.Adapter{}, Configs: configs, Refused: refused,
		Inlet: func(_ *testing.T, h *house.House, account *channels.Account, sink channels.Sink) channelstest.Inlet {
			return &visitors{all: webchat.NewVisitors(h.DB, h.Accounts, h.Customers, h.Keys, sink, h.Clock.Now), account: account, known: map[string]webchat.Visitor{}}
		},
	})
}
