package simulator_test

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fanward/fanward/channels/wechat"
	"github.com/fanward/fanward/channels/wechat/simulator"
)

func TestAnswersAreJudged(t *testing.T) {
	reply := "<xml><ToUserName>o</ToUserName><FromUserName>gh_1</FromUserName><CreateTime>1</CreateTime><MsgType>text</MsgType><Content>欢迎</Content></xml>"
	sealed := func(t *testing.T, forKey string) string {
		c, err := wechat.NewCrypter(app, forKey, "")
		if err != nil {
			t.Fatal(err)
		}
		text := c.Encrypt([]byte(reply))
		return fmt.Sprintf("<xml><Encrypt>%s</Encrypt><MsgSignature>%s</MsgSignature><TimeStamp>5</TimeStamp><Nonce>6</Nonce></xml>", text, wechat.Sign(word, "5", "6", text))
	}
	for name, v := range map[string]struct {
		mode    string
		answer  string
		verdict string
		shown   string
	}{
		"success":           {simulator.Safe, "success", simulator.Acknowledged, "person:text"},
		"nothing":           {simulator.Plain, "", simulator.Empty, "person:text"},
		"JSON":              {simulator.Plain, `{"ok":true}`, simulator.Nonsense, "platform:fault"},
		"an empty text":     {simulator.Plain, "<xml><MsgType>text</MsgType><Content></Content></xml>", simulator.Nonsense, "platform:fault"},
		"a text":            {simulator.Plain, reply, simulator.Replied, "account:text"},
		"a plain text":      {simulator.Safe, reply, simulator.Nonsense, "platform:fault"},
		"an encrypted text": {simulator.Safe, sealed(t, key), simulator.Replied, "account:text"},
		"a foreign key":     {simulator.Safe, sealed(t, older), simulator.Nonsense, "platform:fault"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, func(a *simulator.Account) { a.Mode = v.mode })
			s.done(simulator.Action{Do: "follow"})
			s.answer = func(w http.ResponseWriter, _ *http.Request, _ int) { _, _ = io.WriteString(w, v.answer) }
			p := s.done(simulator.Action{Do: "text", Text: "hi"})
			if len(p.Attempts) != 1 || p.Attempts[0].Verdict != v.verdict || p.Accepted() != (v.verdict != simulator.Nonsense) {
				t.Errorf("%+v", p.Attempts[0])
			}
			kinds, last := s.chat()
			if kinds[len(kinds)-1] != v.shown || v.verdict == simulator.Replied && last != "欢迎" {
				t.Errorf("the phone shows %v %q", kinds, last)
			}
			if left := s.allowance().Left; left != 8 {
				t.Errorf("an answer to a push spends nothing, %d are left", left)
			}
		})
	}
}

// What is not acknowledged is delivered three times in all, five seconds apart.
func TestDeliveredAgain(t *testing.T) {
	s := newStage(t, nil)
	s.done(simulator.Action{Do: "follow"})
	s.answer = func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(http.StatusServiceUnavailable) }
	id := s.act(simulator.Action{Do: "text", Text: "hi"})
	for range 2 {
		s.clk.AwaitSleepers(1)
		s.pastAttempt(id)
		s.clk.Advance(5 * time.Second)
	}
	s.sim.Settle()
	p := s.find(id)
	if len(p.Attempts) != 3 || p.Attempts[2].Verdict != simulator.Refused || p.Accepted() || !p.Done {
		t.Fatalf("%+v", p)
	}
	if s.bodies[1] != s.bodies[3] {
		t.Errorf("delivered again it differs: %s %s", s.bodies[1], s.bodies[3])
	}
	if kinds, _ := s.chat(); kinds[len(kinds)-1] != "platform:fault" {
		t.Errorf("the phone shows %v", kinds)
	}
}

// pastAttempt waits until the newest delivery has its verdict.
func (s *stage) pastAttempt(id string) {
	for p := s.find(id); p.Attempts[len(p.Attempts)-1].Verdict == ""; p = s.find(id) {
		s.clk.AwaitSleepers(1)
	}
	s.clk.AwaitSleepers(1)
}

func (s *stage) find(id string) simulator.Push {
	for _, p := range s.sim.Pushes(app) {
		if p.ID == id {
			return p
		}
	}
	return simulator.Push{}
}

func TestFiveSecondsToAnswer(t *testing.T) {
	s := newStage(t, nil)
	s.done(simulator.Action{Do: "follow"})
	reached, hang := make(chan struct{}, 3), make(chan struct{})
	defer close(hang)
	s.answer = func(_ http.ResponseWriter, r *http.Request, _ int) {
		reached <- struct{}{}
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	}
	id := s.act(simulator.Action{Do: "text", Text: "hi"})
	for range 3 {
		<-reached
		s.clk.AwaitSleepers(1)
		s.clk.Advance(5 * time.Second)
	}
	s.sim.Settle()
	p := s.find(id)
	if len(p.Attempts) != 3 {
		t.Fatalf("%d deliveries", len(p.Attempts))
	}
	for _, a := range p.Attempts {
		if a.Verdict != simulator.TimedOut {
			t.Errorf("%+v", a)
		}
	}
}

func TestOnePersonsPushesKeepTheirOrder(t *testing.T) {
	s := newStage(t, nil)
	s.act(simulator.Action{Do: "follow"})
	for i := range 20 {
		s.act(simulator.Action{Do: "text", Text: fmt.Sprint("message ", i)})
	}
	s.sim.Settle()
	for i := range 20 {
		if !strings.Contains(s.bodies[i+1], fmt.Sprintf("[message %d]", i)) {
			t.Fatalf("at %d came %s", i, s.bodies[i+1])
		}
	}
}

func TestPushFaults(t *testing.T) {
	s := newStage(t, func(a *simulator.Account) { a.Mode, a.PreviousAESKey = simulator.Safe, older })
	s.done(simulator.Action{Do: "follow"})
	old, err := wechat.NewCrypter(app, older, "")
	s.must(err)
	current, err := wechat.NewCrypter(app, key, "")
	s.must(err)
	sealed := func(i int) string {
		return regexp.MustCompile(`<Encrypt><!\[CDATA\[(.*?)\]\]>`).FindStringSubmatch(s.bodies[i])[1]
	}
	s.sim.AddFault(simulator.Fault{Push: "old_key"})
	s.done(simulator.Action{Do: "text", Text: "hi"})
	if _, err := old.Decrypt(sealed(1)); err != nil {
		t.Errorf("old key: %v", err)
	}
	s.sim.AddFault(simulator.Fault{Push: "wrong_appid"})
	s.done(simulator.Action{Do: "text", Text: "hi"})
	if _, err := current.Decrypt(sealed(2)); err == nil {
		t.Error("the app id is right")
	}
	s.sim.AddFault(simulator.Fault{Push: "wrong_signature"})
	s.done(simulator.Action{Do: "text", Text: "hi"})
	if q := s.got[3].URL.Query(); q.Get("msg_signature") == wechat.Sign(word, q.Get("timestamp"), q.Get("nonce"), sealed(3)) {
		t.Error("the signature is right")
	}
	s.sim.AddFault(simulator.Fault{Push: "duplicate"})
	if p := s.done(simulator.Action{Do: "text", Text: "hi"}); len(p.Attempts) != 2 || len(s.bodies) != 6 {
		t.Errorf("%d deliveries", len(p.Attempts))
	}
	s.done(simulator.Action{Do: "text", Text: "hi"})
	if _, err := current.Decrypt(sealed(6)); err != nil {
		t.Errorf("a fault happens once: %v", err)
	}
}

func TestCheckOfThePushAddress(t *testing.T) {
	s := newStage(t, nil)
	a, _ := s.sim.AccountOf(app)
	s.must(s.sim.CheckPushURL(t.Context(), a))
	q := s.got[0].URL.Query()
	if q.Get("signature") != wechat.Sign(word, q.Get("timestamp"), q.Get("nonce")) || q.Get("echostr") == "" {
		t.Errorf("%v", q)
	}
	a.PushURL = s.server.URL + "/cgi-bin/nothing"
	if err := s.sim.CheckPushURL(t.Context(), a); err == nil {
		t.Error("an address that answers nonsense passes")
	}
}
