package api

import (
	"context"
	"encoding/json"
	"html/template"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/locale"
	"github.com/fanward/fanward/web/filelink"
)

// unsubscribePolicy lets the page show itself and send its own form.
const unsubscribePolicy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

var unsubscribePage = template.Must(template.New("unsubscribe").Parse(`<!doctype html>
<html lang="{{.Lang}}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="robots" content="noindex"><title>{{.Title}}</title><style>
:root { color-scheme: light dark; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: Canvas; color: CanvasText; font: 16px/1.6 system-ui, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif; }
main { max-width: 26rem; padding: 24px; }
h1 { font-size: 20px; line-height: 1.4; }
button { font: inherit; padding: 8px 20px; border: 1px solid #1f6feb; border-radius: 8px; background: #1f6feb; color: #fff; cursor: pointer; }
button.quiet { background: transparent; color: inherit; border-color: currentColor; }
button:focus-visible, a:focus-visible { outline: 3px solid #58a6ff; outline-offset: 2px; }
.small { font-size: 14px; opacity: .75; }
</style></head><body><main>
<h1>{{.Title}}</h1>
<p role="status" data-state="{{.State}}">{{.Said}}</p>
{{if .Button}}<form method="post" action="?lang={{.Lang}}"><input type="hidden" name="state" value="{{.Next}}"><button{{if eq .Next "granted"}} class="quiet"{{end}}>{{.Button}}</button></form>
<p class="small">{{.Still}}</p>{{end}}
<p class="small"><a href="?lang={{.OtherLang}}" hreflang="{{.OtherLang}}" lang="{{.OtherLang}}">{{.Other}}</a></p>
</main></body></html>
`))

type unsubscribeView struct {
	Lang, OtherLang, Title, State, Said, Button, Next, Still, Other string
}

func (s *Server) addUnsubscribe() {
	// The signed address is the proof: mail programs call it for their readers.
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		s.guarded(method, filelink.UnsubscribePath+":token", provider, s.unsubscribe)
	}
}

// unsubscribe shows what somebody allows; a POST changes it. Looking changes
// nothing: programs that follow every link of a mail do that. The POST of a mail
// program (RFC 8058) says List-Unsubscribe=One-Click, our own form the state.
func (s *Server) unsubscribe(c *gin.Context) {
	ctx := c.Request.Context()
	u, err := s.o.Links.Unsubscribe(c.Param("token"))
	if err == nil && c.Request.Method == http.MethodPost {
		state := customers.Withdrawn
		if c.PostForm("state") == string(customers.Granted) {
			state = customers.Granted
		}
		err = s.o.Customers.Say(ctx, u.Identity, u.Channel, customers.PurposeMarketing, state, customers.SourceUnsubscribe)
	}
	var state customers.ConsentState
	if err == nil {
		state, err = s.o.Customers.SaidThrough(ctx, u.Identity, u.Channel, customers.PurposeMarketing)
	}
	switch {
	case fault.KindOf(err) == fault.NotFound:
		s.showUnsubscribe(c, http.StatusNotFound, "", "")
	case err != nil:
		s.abort(c, err)
	default:
		s.showUnsubscribe(c, http.StatusOK, state, s.sender(ctx, u.Account))
	}
}

// sender is what recipients know an account as.
func (s *Server) sender(ctx context.Context, id ids.ID) string {
	account, err := s.o.Accounts.Get(ctx, id)
	if err != nil {
		return ""
	}
	var shown struct {
		Name string `json:"name"`
	}
	if json.Unmarshal(account.Config, &shown) == nil && shown.Name != "" {
		return shown.Name
	}
	return account.Name
}

func (s *Server) showUnsubscribe(c *gin.Context, status int, state customers.ConsentState, name string) {
	lang := locale.Match(c.GetHeader("Accept-Language"))
	if asked := c.Query("lang"); asked == locale.English || asked == locale.Chinese {
		lang = asked
	}
	say := func(key string) string {
		return locale.Sentence(lang, "pages.unsubscribe."+key, map[string]any{"name": name})
	}
	v := unsubscribeView{Lang: lang, OtherLang: locale.English, Title: say("title"), State: string(state), Still: say("still"), Other: say("other")}
	if lang == locale.English {
		v.OtherLang = locale.Chinese
	}
	switch {
	case status != http.StatusOK:
		v.State, v.Title, v.Said = "gone", say("leave"), say("gone")
	case state == customers.Withdrawn:
		v.Said, v.Button, v.Next = say("off"), say("join"), string(customers.Granted)
	default:
		v.Said, v.Button, v.Next = say("on"), say("leave"), string(customers.Withdrawn)
	}
	h := c.Writer.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", unsubscribePolicy)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Vary", "Accept-Language")
	c.Status(status)
	_ = unsubscribePage.Execute(c.Writer, v) // the reader may have gone
}
