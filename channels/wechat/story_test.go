package wechat_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/intake"
	"github.com/fanward/fanward/channels/wechat"
	"github.com/fanward/fanward/channels/wechat/simulator"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/internal/testkit/house"
)

// firm is a house with a WeChat account on the simulator.
type firm struct {
	*house.House
	t       *testing.T
	sim     *simulator.Simulator
	adapter *wechat.Adapter
	account *channels.Account
	server  *httptest.Server
	ming    string
	people  *acquaintances
	handled []error
	clerk   clerk
}

// acquaintances note whom they were asked to join.
type acquaintances struct {
	bound, united []string
	fail          error
}

func (*acquaintances) Binds(scene string) bool { return strings.HasPrefix(scene, "bind_") }

func (a *acquaintances) Bind(_ context.Context, scene string, k customers.Key) error {
	a.bound = append(a.bound, scene+" "+k.Value)
	return a.fail
}

func (a *acquaintances) Union(_ context.Context, follower, union customers.Key) error {
	a.united = append(a.united, union.Namespace+" "+union.Kind+" "+follower.Value)
	return nil
}

// clerk keeps a push and understands it before it is acknowledged, so that a
// test sees what became of it.
type clerk struct {
	f       *firm
	handler *wechat.Handler
}

func (c clerk) Keep(ctx context.Context, raw intake.Raw) (bool, error) {
	first, err := c.f.Intake.Keep(ctx, raw)
	if err == nil && first {
		raw.Attempt = 1
		c.f.Run("UPDATE inbound SET state = 'done'") // as the intake's claim, it is not new any more
		// What fails is the test's business: an error here would only be delivered again.
		c.f.handled = append(c.f.handled, c.handler.Handle(ctx, c.f.account, raw))
	}
	return first, err
}

func eachFirm(t *testing.T, fn func(f *firm)) {
	for _, engine := range testkit.Engines {
		t.Run(string(engine), func(t *testing.T) {
			clk := testkit.Clock(t)
			a := wechat.NewAdapter(wechat.AdapterOptions{Client: wechat.NewClient(clk, nil), Clock: clk, LocalBase: true})
			f := &firm{t: t, adapter: a, people: &acquaintances{}, House: house.New(t, engine, house.Options{Adapters: []channels.Adapter{a}})}
			a.SetAccounts(f.Accounts)
			f.sim = simulator.New(simulator.Options{Clock: f.Clock, Seed: 3})
			f.server = httptest.NewServer(f.sim.Handler())
			handler := wechat.NewHandler(wechat.HandlerOptions{
				Adapter: a, Sink: f.Inbox, Keeper: f.Intake, Files: f.Inbox, Eraser: f.Inbox, Hash: f.Keys.MAC, People: f.people, Clock: f.Clock, FileBytes: 1 << 20,
			})
			f.clerk = clerk{f, handler}
			rc := wechat.NewReceiver(f.Accounts, f.clerk, f.Clock, nil)
			hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { rc.Serve(w, r, f.account) }))
			t.Cleanup(func() { f.sim.Close(); f.server.Close(); hub.Close() })
			config := fmt.Sprintf(`{"app_id":%q,"api_base":%q,"welcome":{"zh-CN":"欢迎","en":""}}`, app, f.server.URL)
			var err error
			f.account, err = f.Accounts.Create(f.Ctx(), channels.New{Channel: wechat.Channel, Name: "Tea", Config: []byte(config), Secrets: secrets})
			f.ok(err)
			f.ok(f.sim.SetAccount(simulator.Account{AppID: app, Secret: hush, OriginalID: "gh_1", Token: word, AESKey: key, Mode: simulator.Safe, PushURL: hub.URL, OpenPlatform: "op"}))
			f.ming, err = f.sim.AddPerson(app, "Ming")
			f.ok(err)
			fn(f)
		})
	}
}

func (f *firm) ok(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *firm) act(do simulator.Action) {
	f.t.Helper()
	f.Clock.Advance(time.Second)
	_, err := f.sim.Act(app, f.ming, do)
	f.ok(err)
	f.sim.Settle()
	for _, err := range f.handled {
		f.ok(err)
	}
}

func (f *firm) conversation() *inbox.Conversation {
	f.t.Helper()
	all, err := f.Inbox.List(f.Ctx(), f.Boss, inbox.Filter{Limit: 10})
	f.ok(err)
	if len(all) != 1 {
		f.t.Fatalf("%d conversations", len(all))
	}
	return all[0]
}

func (f *firm) thread() []inbox.Message {
	f.t.Helper()
	page, err := f.Inbox.Messages(f.Ctx(), f.Boss, f.conversation().ID, nil, nil, 100)
	f.ok(err)
	return page.Messages
}

func (f *firm) picture() string {
	f.t.Helper()
	var b bytes.Buffer
	f.ok(png.Encode(&b, image.NewRGBA(image.Rect(0, 0, 9, 9))))
	id, err := f.sim.AddMedia(app, b.Bytes())
	f.ok(err)
	return id
}

// shown is a thread in short.
func shown(all []inbox.Message) (out []string) {
	for _, m := range all {
		line := string(m.Direction) + " " + m.Body
		if m.Activity != nil {
			line += m.Activity.Code
		}
		for _, a := range m.Attachments {
			line += " " + a.ContentType
		}
		if m.Payload != nil {
			line += " " + string(m.Payload)
		}
		out = append(out, line)
	}
	return out
}

func (f *firm) same(what string, got, want any) {
	f.t.Helper()
	a, _ := json.Marshal(got)
	b, _ := json.Marshal(want)
	if !bytes.Equal(a, b) {
		f.t.Errorf("%s:\n got %s\nwant %s", what, a, b)
	}
}

func TestWhatAFollowerDoes(t *testing.T) {
	eachFirm(t, func(f *firm) {
		f.ok(f.sim.SetMenu(app, []byte(`{"button":[{"type":"click","name":"帮助","key":"HELP"},{"type":"view","name":"店","url":"https://shop.example/"}]}`)))
		f.act(simulator.Action{Do: "follow"})
		if out := f.sim.Outbox(app, f.ming); len(out) != 1 || out[0].Text != "欢迎" || !out[0].Passive {
			t.Errorf("the welcome: %+v", out)
		}
		f.act(simulator.Action{Do: "text", Text: "你好"})
		f.act(simulator.Action{Do: "image", MediaID: f.picture()})
		f.act(simulator.Action{Do: "location", Lat: 31.5, Lon: 121.25, Label: "静安寺"})
		f.act(simulator.Action{Do: "tap", Key: "HELP"})
		f.act(simulator.Action{Do: "tap", Key: "https://shop.example/"})
		f.same("the thread", shown(f.thread()), []string{
			"internal conversation_opened", "in 你好", "in  image/png", `in  {"label":"静安寺","latitude":31.5,"longitude":121.25,"type":"location"}`,
			"internal wechat_menu", "internal wechat_menu",
		})
		grants := map[string]int{}
		for _, g := range f.conversation().Allowance.Grants {
			if g.Until.After(f.Clock.Now()) {
				grants[g.Trigger] = g.Left
			}
		}
		f.same("the allowance", grants, map[string]int{"follow": 3, "menu": 3, "message": 5})
		theirs, err := f.sim.AllowanceOf(app, f.ming)
		f.ok(err)
		f.same("what WeChat counts", theirs.Left, 11)
		f.same("joined by unionid", f.people.united, []string{"installation unionid " + f.ming})
		f.same("events", f.Number("SELECT count(*) FROM events"), int64(4+3)) // message, opened, received…
	})
}

func TestScans(t *testing.T) {
	eachFirm(t, func(f *firm) {
		l := wechat.Login{Base: f.server.URL, AppID: app, Secret: hush}
		client := wechat.NewClient(f.Clock, nil)
		for _, scene := range []string{"desk", "bind_secret"} {
			_, err := client.CreateCode(f.Ctx(), l, scene, time.Hour)
			f.ok(err)
		}
		f.act(simulator.Action{Do: "scan", Code: "desk"}) // follows by it
		f.act(simulator.Action{Do: "text", Text: "hi"})
		f.act(simulator.Action{Do: "scan", Code: "desk"})
		f.people.fail = fault.New(fault.Conflict, "bind_expired", nil) // joins nobody and disturbs nothing
		f.act(simulator.Action{Do: "scan", Code: "bind_secret"})
		f.same("bound", f.people.bound, []string{"bind_secret " + f.ming})
		for _, m := range f.thread() {
			if m.Activity != nil && strings.Contains(fmt.Sprint(m.Activity.Params), "bind_") {
				t.Errorf("a token is shown: %v", m.Activity)
			}
		}
		f.same("the thread", shown(f.thread()), []string{"internal conversation_opened", "in hi", "internal wechat_scanned", "internal wechat_scanned"})
	})
}

func TestWhatIsNotKnown(t *testing.T) {
	eachFirm(t, func(f *firm) {
		handler := wechat.NewHandler(wechat.HandlerOptions{Adapter: f.adapter, Sink: f.Inbox, Keeper: f.Intake, Files: f.Inbox, Eraser: f.Inbox, Hash: f.Keys.MAC, Clock: f.Clock, FileBytes: 1 << 20})
		give := func(fields string, attempt int) error {
			return handler.Handle(f.Ctx(), f.account, intake.Raw{Body: []byte(push("oLin", fields)), Attempt: attempt})
		}
		f.ok(give("<MsgType>wxcard</MsgType><CardId>c1</CardId><MsgId>1</MsgId>", 1))
		f.ok(give("<MsgType>event</MsgType><Event>kf_create_session</Event><KfAccount>k</KfAccount>", 1))
		f.ok(give("<MsgType>link</MsgType><Title>T</Title><Description>D</Description><Url>https://a.example/</Url><MsgId>2</MsgId>", 1))
		f.ok(give("<MsgType>text</MsgType><Content>tapped</Content><bizmsgmenuid>7</bizmsgmenuid><MsgId>3</MsgId>", 1))
		f.ok(give("<MsgType>text</MsgType><Content>tapped</Content><bizmsgmenuid>7</bizmsgmenuid><MsgId>3</MsgId>", 2))
		// A picture that WeChat does not have any more is shown as missing at once,
		// one that cannot be had at present as one that is still being fetched.
		f.ok(give("<MsgType>image</MsgType><MediaId>gone</MediaId><MsgId>4</MsgId>", 1))
		f.sim.AddFault(simulator.Fault{Path: "/cgi-bin/media/get", Status: 502, Count: 2})
		if err := give("<MsgType>image</MsgType><MediaId>later</MediaId><MsgId>5</MsgId>", 1); err == nil {
			t.Error("given up at the first try")
		}
		f.ok(give("<MsgType>image</MsgType><MediaId>later</MediaId><MsgId>5</MsgId>", 2))
		f.same("the thread", shown(f.thread()), []string{
			"internal conversation_opened",
			`in  {"raw":{"CardId":"c1","CreateTime":"1767225600","FromUserName":"oLin","MsgId":"1","MsgType":"wxcard","ToUserName":"gh_1"},"type":"wxcard"}`,
			`in  {"description":"D","title":"T","type":"link","url":"https://a.example/"}`, "in tapped",
			`in  {"media_id":"gone","state":"failed","type":"image"}`, `in  {"media_id":"later","state":"pending","type":"image"}`,
		})
		// A text is never too long to arrive.
		f.ok(give("<MsgType>text</MsgType><Content>"+strings.Repeat("长", wechat.MaxBody+1)+"</Content><MsgId>6</MsgId>", 1))
		thread := f.thread()
		long := thread[len(thread)-1]
		if len([]rune(long.Body)) != wechat.MaxBody || len(long.Attachments) != 1 || long.Attachments[0].Name != "message.txt" || long.Attachments[0].Size != 3*(wechat.MaxBody+1) {
			t.Errorf("a long text: %d characters, %+v", len([]rune(long.Body)), long.Attachments)
		}
		if err := handler.Handle(f.Ctx(), f.account, intake.Raw{Body: []byte("<xml>")}); err == nil {
			t.Error("what is no push is understood")
		}
	})
}

// kept are the pushes that are kept for their files.
type kept []intake.Raw

func (k *kept) Keep(_ context.Context, raw intake.Raw) (bool, error) {
	*k = append(*k, raw)
	return true, nil
}

// A file that cannot be had at present hides nothing that was written after it, and
// comes as soon as WeChat hands it out; after three days it never will.
func TestFilesThatComeLater(t *testing.T) {
	eachFirm(t, func(f *firm) {
		var later kept
		handler := wechat.NewHandler(wechat.HandlerOptions{Adapter: f.adapter, Sink: f.Inbox, Keeper: &later, Files: f.Inbox, Eraser: f.Inbox, Hash: f.Keys.MAC, Clock: f.Clock, FileBytes: 1 << 20})
		image := func(media, id string) intake.Raw {
			return intake.Raw{Account: f.account.ID, Key: id, Body: []byte(push("oLin", "<MsgType>image</MsgType><MediaId>"+media+"</MediaId><MsgId>"+id+"</MsgId>")), Attempt: 2}
		}
		f.sim.AddFault(simulator.Fault{Path: "/cgi-bin/media/get", Status: 502, Count: -1})
		first := image(f.picture(), "1")
		f.ok(handler.Handle(f.Ctx(), f.account, first))
		f.ok(handler.Handle(f.Ctx(), f.account, first)) // a repeat keeps the same once more, under the same key
		f.ok(handler.Handle(f.Ctx(), f.account, image("nothing", "2")))
		if len(later) != 3 || later[0].Key == first.Key || later[0].Key != later[1].Key || later[0].Lane != later[0].Key {
			t.Fatalf("kept %+v", later)
		}
		if err := handler.Handle(f.Ctx(), f.account, later[0]); err == nil {
			t.Error("a picture that cannot be had is not tried again")
		}
		states := func() (out []string) {
			for _, m := range f.thread()[1:] {
				s := string(m.Payload)
				for _, a := range m.Attachments {
					s += a.Name
				}
				out = append(out, s)
			}
			return out
		}
		if got := states(); !strings.Contains(got[0], `"pending"`) || !strings.Contains(got[1], `"pending"`) {
			t.Errorf("%q", got)
		}
		f.Clock.Advance(40 * time.Hour) // the push is a day old already
		if err := handler.Handle(f.Ctx(), f.account, later[2]); err == nil {
			t.Error("given up before three days are over")
		}
		f.sim.ClearFaults()
		f.ok(handler.Handle(f.Ctx(), f.account, later[0]))
		f.Clock.Advance(20 * time.Hour)
		f.sim.AddFault(simulator.Fault{Path: "/cgi-bin/media/get", Status: 502, Count: -1})
		f.ok(handler.Handle(f.Ctx(), f.account, later[2]))
		for range 2 { // told again it changes nothing
			if got := states(); got[0] != "picture.png" && got[0] != "picture" || !strings.Contains(got[1], `"failed"`) {
				t.Errorf("%q", got)
			}
			f.ok(handler.Handle(f.Ctx(), f.account, later[0]))
		}
		f.same("files of the message", f.Number("SELECT attachments FROM messages WHERE attachments > 0"), int64(1))
	})
}

// WeChat delivers a push again that it believes lost. That somebody has left, told
// once more after they are back, is history; so it is when it comes late for the
// first time. Told again while they are gone it wakes nobody.
func TestUnfollowToldAgain(t *testing.T) {
	eachFirm(t, func(f *firm) {
		f.act(simulator.Action{Do: "follow"})
		f.act(simulator.Action{Do: "text", Text: "a first secret"})
		left := f.Clock.Now().Add(time.Second)
		f.act(simulator.Action{Do: "unfollow"})
		f.again(left)
		f.same("who left is left alone", []int64{f.Number("SELECT count(*) FROM identities WHERE value LIKE 'erased:%'"), f.Number("SELECT count(*) FROM identities WHERE value = ?", f.ming), f.Number("SELECT count(*) FROM inbound WHERE lane = ?", f.ming)}, []int64{1, 0, 0})
		f.act(simulator.Action{Do: "follow"})
		f.act(simulator.Action{Do: "text", Text: "back again"})
		thread := f.thread()
		for _, at := range []time.Time{left, left.Add(-time.Second) /* one that never came before */} {
			f.again(at)
			f.same("what was said after the return", f.Number("SELECT count(*) FROM messages WHERE body = 'back again'"), int64(1))
			f.same("who is back", f.Number("SELECT count(*) FROM identities WHERE value = ?", f.ming), int64(1))
			f.same("thread", shown(f.thread()), shown(thread))
		}
		f.act(simulator.Action{Do: "unfollow"})
		f.same("words of who has left for good", f.Number("SELECT count(*) FROM messages WHERE body LIKE '%secret%' OR body LIKE 'back%'"), int64(0))
	})
}

// again delivers the push of an unfollow at an instant once more, as the raw row
// of a new delivery.
func (f *firm) again(at time.Time) {
	f.t.Helper()
	body := fmt.Sprintf("<xml><ToUserName>gh_1</ToUserName><FromUserName>%s</FromUserName><CreateTime>%d</CreateTime><MsgType>event</MsgType><Event>unsubscribe</Event><EventKey></EventKey></xml>", f.ming, at.Unix())
	p, err := wechat.ParsePush([]byte(body))
	f.ok(err)
	_, err = f.clerk.Keep(f.Ctx(), intake.Raw{Account: f.account.ID, Key: p.DedupeKey(), Lane: p.From, Body: []byte(body)})
	f.ok(err)
	for _, err := range f.handled {
		f.ok(err)
	}
}

// Who unfollows is forgotten, and known again when they come back.
func TestUnfollowErases(t *testing.T) {
	eachFirm(t, func(f *firm) {
		f.act(simulator.Action{Do: "follow"})
		f.act(simulator.Action{Do: "text", Text: "a secret"})
		f.act(simulator.Action{Do: "image", MediaID: f.picture()})
		before := f.conversation()
		f.act(simulator.Action{Do: "unfollow"})
		f.same("words", f.Number("SELECT count(*) FROM messages WHERE body LIKE '%secret%'"), int64(0))
		f.same("files", f.Number("SELECT count(*) FROM attachments"), int64(0))
		f.same("raw pushes", f.Number("SELECT count(*) FROM inbound WHERE lane = ?", f.ming), int64(0))
		f.same("identities", f.Number("SELECT count(*) FROM identities WHERE value = ?", f.ming), int64(0))
		f.same("tombstones", f.Number("SELECT count(*) FROM identities WHERE value LIKE 'erased:%'"), int64(1))
		f.act(simulator.Action{Do: "follow"})
		f.act(simulator.Action{Do: "text", Text: "back again"})
		after := f.conversation()
		if after.Customer.ID != before.Customer.ID || after.ID != before.ID || after.IdentityID != before.IdentityID {
			t.Errorf("%+v became %+v", before, after)
		}
		f.same("tombstones of who came back", f.Number("SELECT count(*) FROM identities WHERE value LIKE 'erased:%'"), int64(0))

		config := strings.Replace(string(f.account.Config), `"erase_on_unsubscribe":true`, `"erase_on_unsubscribe":false`, 1)
		var err error
		f.account, err = f.Accounts.Update(f.Ctx(), f.account.ID, channels.Patch{Config: []byte(config)})
		f.ok(err)
		f.act(simulator.Action{Do: "unfollow"})
		f.same("kept where the policy is off", f.Number("SELECT count(*) FROM messages WHERE body = 'back again'"), int64(1))
	})
}

// One official account is one account's.
func TestOneAccountForEachAppID(t *testing.T) {
	eachFirm(t, func(f *firm) {
		_, err := f.Accounts.Create(f.Ctx(), channels.New{Channel: wechat.Channel, Name: "Tea again", Config: []byte(fmt.Sprintf(`{"app_id":%q}`, app)), Secrets: secrets})
		house.Refused(t, err, "account_taken", "config.app_id")
	})
}

func TestSend(t *testing.T) {
	eachFirm(t, func(f *firm) {
		f.act(simulator.Action{Do: "follow"})
		f.act(simulator.Action{Do: "text", Text: "hi"})
		var b bytes.Buffer
		f.ok(png.Encode(&b, image.NewRGBA(image.Rect(0, 0, 2, 2))))
		file := func(kind string, size int64) channels.OutFile {
			return channels.OutFile{Name: "a.png", ContentType: kind, Size: size, Open: func(context.Context) (io.ReadCloser, error) {
				return io.NopCloser(bytes.NewReader(b.Bytes())), nil
			}}
		}
		send := func(body string, files ...channels.OutFile) error {
			account, err := f.Accounts.Get(f.Ctx(), f.account.ID)
			f.ok(err)
			_, err = f.adapter.Send(f.Ctx(), channels.Outbound{Account: account, Delivery: 9, Content: channels.Content{Identity: channels.Identity{Value: f.ming}, Body: body, Files: files}})
			return err
		}
		told := func(what string, err error, outcome channels.Outcome, code string) {
			t.Helper()
			var e *channels.SendError
			if !errors.As(err, &e) || e.Outcome != outcome || e.Code != code {
				t.Errorf("%s: %v", what, err)
			}
		}
		f.ok(send("你好", file("image/png", 70)))
		sent := f.sim.Outbox(app, f.ming)[1:] // behind the welcome
		if len(sent) != 2 || sent[0].Text != "你好" || sent[1].Kind != "image" {
			t.Errorf("%+v", sent)
		}
		told("too long", send(strings.Repeat("好", 683)), channels.Refused, "wechat_text_too_long")
		told("a film", send("", file("video/mp4", 70)), channels.Refused, "wechat_picture_refused")
		told("a huge picture", send("", file("image/png", wechat.MaxImage+1)), channels.Refused, "wechat_picture_refused")
		f.sim.AddFault(simulator.Fault{Path: "/cgi-bin/media/upload", Status: 500})
		told("an upload that fails", send("text", file("image/png", 70)), channels.Temporary, "wechat_unreachable")
		f.sim.AddFault(simulator.Fault{Path: "/cgi-bin/media/upload", Errcode: 40009})
		told("an upload that is refused", send("text", file("image/png", 70)), channels.Refused, "wechat_picture_refused")
		if n := len(f.sim.Outbox(app, f.ming)); n != 3 {
			t.Errorf("%d were sent", n)
		}
		f.sim.AddFault(simulator.Fault{Path: "/cgi-bin/message/custom/send", Errcode: 40007})
		f.ok(send("", file("image/png", 70))) // uploaded once more

		health := func(code string) {
			t.Helper()
			account, err := f.Accounts.Get(f.Ctx(), f.account.ID)
			f.ok(err)
			if account.Health.Code != code || account.Health.OK != (code == "") {
				t.Errorf("the account's health is %+v, want %q", account.Health, code)
			}
		}
		health("")
		f.sim.AddFault(simulator.Fault{Path: "/cgi-bin/message/custom/send", Errcode: 48004})
		told("a restricted account", send("x"), channels.Refused, "wechat_restricted")
		health("wechat_restricted")
		f.sim.AddFault(simulator.Fault{Path: "/cgi-bin/message/custom/send", Errcode: 48002})
		told("who refuses messages", send("x"), channels.Refused, "wechat_refuses_messages")
		health("wechat_restricted")
		f.ok(send("well again"))
		health("")

		f.act(simulator.Action{Do: "text", Text: "and now?"})
		for range 4 {
			f.ok(send("x"))
		}
		err := send("the fifth", file("image/png", 70))
		told("one too many", err, channels.Ambiguous, "wechat_sent_in_part")
		if e, _ := errors.AsType[*channels.SendError](err); e == nil || !e.Spent {
			t.Errorf("that nothing is left is not told: %+v", err)
		}
	})
}

func TestCheck(t *testing.T) {
	eachFirm(t, func(f *firm) {
		steps := f.adapter.Check(f.Ctx(), f.account.Config, secrets)
		f.same("a good one", steps, []channels.Step{{Name: "sign_in", OK: true}})
		steps = f.adapter.Check(f.Ctx(), f.account.Config, channels.Secrets{wechat.SecretApp: "wrong"})
		f.same("a wrong secret", steps, []channels.Step{{Name: "sign_in", Code: "wechat_credentials", Params: fault.Params{"errcode": 40125}}})
		f.server.Close()
		steps = f.adapter.Check(f.Ctx(), f.account.Config, secrets)
		f.same("nobody there", steps, []channels.Step{{Name: "sign_in", Code: "wechat_unreachable"}})
	})
}
