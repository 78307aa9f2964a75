package simulator

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/silenceper/wechat/v2/util"
)

// deadline is how long an account has to answer a push.
const deadline = 5 * time.Second

// maxAnswer is as much of an answer as is read.
const maxAnswer = 1 << 20

// The verdicts on the answer to a delivery.
const (
	Acknowledged = "acknowledged" // "success"
	Empty        = "empty"        // nothing, which acknowledges, too
	Replied      = "replied"      // a message for the person
	Nonsense     = "nonsense"     // anything else: the person sees the fault banner
	Refused      = "refused"      // not 200: delivered again
	TimedOut     = "timed_out"    // delivered again
	Unreachable  = "unreachable"  // delivered again
	Stopped      = "stopped"      // the platform was closed
)

// Push is one thing that the account is told, with every delivery of it.
type Push struct {
	ID     string    `json:"id"`
	At     time.Time `json:"at"`
	OpenID string    `json:"openid"`
	What   string    `json:"what"`
	XML    string    `json:"xml"` // before any encryption
	// Done when nothing will be delivered any more.
	Done     bool       `json:"done"`
	Attempts []*Attempt `json:"attempts"`

	fault *Fault
}

// Attempt is one delivery of a push.
type Attempt struct {
	Number  int       `json:"number"`
	At      time.Time `json:"at"`
	URL     string    `json:"url"`
	Body    string    `json:"body"`
	Status  int       `json:"status"`
	Answer  string    `json:"answer"`
	Verdict string    `json:"verdict"` // "" while it is under way
	Millis  int64     `json:"millis"`
}

// Pushes lists what an account was told, oldest first.
func (s *Simulator) Pushes(appID string) []Push {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []Push{}
	if a := s.account(appID); a != nil {
		for _, p := range a.pushes {
			out = append(out, p.copy())
		}
	}
	return out
}

func (p *Push) copy() Push {
	c := *p
	c.Attempts = make([]*Attempt, len(p.Attempts))
	for i, a := range p.Attempts {
		one := *a
		c.Attempts[i] = &one
	}
	return c
}

// Accepted tells whether some delivery was acknowledged.
func (p *Push) Accepted() bool {
	return slices.ContainsFunc(p.Attempts, func(a *Attempt) bool {
		return a.Verdict == Acknowledged || a.Verdict == Empty || a.Verdict == Replied
	})
}

// field is one element of a push.
type field struct{ name, value string }

// push queues a push and returns its id; the caller holds the lock. The pushes
// of one person keep their order.
func (s *Simulator) push(a *account, p *person, what string, fields ...field) string {
	now := s.now()
	all := append([]field{{"ToUserName", a.OriginalID}, {"FromUserName", p.OpenID}, {"CreateTime", fmt.Sprint(now.Unix())}}, fields...)
	push := &Push{ID: fmt.Sprint(s.next()), At: now, OpenID: p.OpenID, What: what, XML: compose(all), fault: s.pushFault(p.OpenID)}
	a.pushes = append(a.pushes, push)
	if len(a.pushes) > maxPushes {
		a.pushes = slices.Clone(a.pushes[len(a.pushes)-maxPushes:])
	}
	s.flying++
	p.queue = append(p.queue, push)
	if !p.busy {
		p.busy = true
		s.work.Go(func() { s.drain(a, p) })
	}
	return push.ID
}

// drain delivers a person's pushes one after the other.
func (s *Simulator) drain(a *account, p *person) {
	for {
		s.mu.Lock()
		if len(p.queue) == 0 {
			p.busy = false
			s.mu.Unlock()
			return
		}
		push := p.queue[0]
		p.queue = p.queue[1:]
		s.mu.Unlock()
		s.deliver(a, p, push)
		s.mu.Lock()
		push.Done = true
		if s.flying--; s.flying == 0 {
			s.idle.Broadcast()
		}
		s.changed()
		s.mu.Unlock()
	}
}

// deliver brings a push to its end.
func (s *Simulator) deliver(a *account, p *person, push *Push) {
	times := deliveries
	if push.fault != nil && push.fault.Push == "duplicate" {
		times = deliveries + 1
	}
	for n := 1; n <= times; n++ {
		at := s.now()
		attempt, reply := s.attempt(a, p, push, n)
		switch attempt.Verdict {
		case Stopped:
			return
		case Acknowledged, Empty, Replied, Nonsense:
			if push.fault != nil && push.fault.Push == "duplicate" && n == 1 {
				continue // delivered once more although it was acknowledged
			}
			s.finish(a, p, push, attempt.Verdict, reply)
			return
		}
		if n == times {
			break
		}
		// What was not answered is delivered again when the five seconds are over.
		wake, stop := s.opts.Clock.After(at.Add(deadline).Sub(s.now()))
		select {
		case <-wake:
		case <-s.ctx.Done():
			stop()
			return
		}
	}
	s.finish(a, p, push, TimedOut, nil)
}

// finish shows the person what became of the push.
func (s *Simulator) finish(a *account, p *person, push *Push, verdict string, reply *Sent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case verdict == Replied && reply != nil && p.Subscribed:
		reply.ID, reply.At, reply.OpenID, reply.Passive = fmt.Sprint(s.next()), s.now(), p.OpenID, true
		a.sent = append(a.sent, *reply)
		s.say(p, Line{From: "account", Kind: reply.Kind, Text: reply.Text, MediaID: reply.MediaID, Push: push.ID})
	case (verdict == Nonsense || verdict == TimedOut) && p.Subscribed:
		s.say(p, Line{From: "platform", Kind: "fault", Push: push.ID})
	}
}

// attempt delivers a push once.
func (s *Simulator) attempt(a *account, p *person, push *Push, n int) (*Attempt, *Sent) {
	s.mu.Lock()
	settings := a.Account
	target, body := s.request(settings, push, p.OpenID)
	attempt := &Attempt{Number: n, At: s.now(), URL: target, Body: body}
	push.Attempts = append(push.Attempts, attempt)
	s.changed()
	s.mu.Unlock()

	begin := time.Now()
	status, answer, verdict := s.post(target, body)
	var reply *Sent
	if verdict == "" {
		verdict, reply = judge(settings, answer)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	attempt.Status, attempt.Answer, attempt.Verdict, attempt.Millis = status, answer, verdict, time.Since(begin).Milliseconds()
	s.changed()
	s.log.Debug("pushed", "what", push.What, "push", push.ID, "delivery", n, "status", status, "verdict", verdict)
	copied := *attempt
	return &copied, reply
}

// post sends one delivery and gives up after the deadline. An empty verdict is
// an answer to be judged.
func (s *Simulator) post(target, body string) (status int, answer, verdict string) {
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	wake, stop := s.opts.Clock.After(deadline)
	defer stop()
	late := make(chan struct{})
	go func() {
		select {
		case <-wake:
			close(late)
			cancel()
		case <-ctx.Done():
		}
	}()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader(body))
	if err != nil {
		return 0, "", Unreachable
	}
	req.Header.Set("Content-Type", "text/xml")
	req.Header.Set("User-Agent", "Mozilla/4.0")
	res, err := s.opts.Client.Do(req)
	var b []byte
	if err == nil {
		b, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer))
		_ = res.Body.Close()
	}
	select {
	case <-late:
		return 0, "", TimedOut
	default:
	}
	switch {
	case s.ctx.Err() != nil:
		return 0, "", Stopped
	case err != nil:
		return 0, "", Unreachable
	case res.StatusCode != http.StatusOK:
		return res.StatusCode, string(b), Refused
	}
	return res.StatusCode, string(b), ""
}

// request signs and, where the mode asks for it, encrypts a push.
func (s *Simulator) request(a Account, push *Push, openID string) (target, body string) {
	fault := ""
	if push.fault != nil {
		fault = push.fault.Push
	}
	stamp, nonce := fmt.Sprint(s.now().Unix()), fmt.Sprint(s.random.IntN(2_000_000_000))
	query := url.Values{"signature": {util.Signature(a.Token, stamp, nonce)}, "timestamp": {stamp}, "nonce": {nonce}, "openid": {openID}}
	body = push.XML
	if a.Mode != Plain {
		app, key := a.AppID, a.AESKey
		if fault == "wrong_appid" {
			app = "wx0000000000000000"
		}
		if fault == "old_key" && a.PreviousAESKey != "" {
			key = a.PreviousAESKey
		}
		sealed, err := util.EncryptMsg([]byte(s.text(16)), []byte(push.XML), app, key)
		if err != nil {
			return a.PushURL, "" // a key that is none was set: the hub refuses the empty push
		}
		query.Set("encrypt_type", "aes")
		query.Set("msg_signature", util.Signature(a.Token, stamp, nonce, string(sealed)))
		if a.Mode == Safe {
			body = compose([]field{{"ToUserName", a.OriginalID}, {"Encrypt", string(sealed)}})
		} else {
			body = strings.TrimSuffix(push.XML, "</xml>") + element(field{"Encrypt", string(sealed)}) + "</xml>"
		}
	}
	if fault == "wrong_signature" {
		for _, name := range []string{"signature", "msg_signature"} {
			if query.Get(name) != "" {
				query.Set(name, strings.Repeat("0", 40))
			}
		}
	}
	join := "?"
	if strings.Contains(a.PushURL, "?") {
		join = "&"
	}
	return a.PushURL + join + query.Encode(), body
}

// CheckPushURL makes WeChat's check of a push address: the answer has to be
// the text that was sent.
func (s *Simulator) CheckPushURL(ctx context.Context, a Account) error {
	s.mu.Lock()
	stamp, nonce, echo := fmt.Sprint(s.now().Unix()), fmt.Sprint(s.random.IntN(2_000_000_000)), fmt.Sprint(s.next())
	s.mu.Unlock()
	query := url.Values{"signature": {util.Signature(a.Token, stamp, nonce)}, "timestamp": {stamp}, "nonce": {nonce}, "echostr": {echo}}
	join := "?"
	if strings.Contains(a.PushURL, "?") {
		join = "&"
	}
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.PushURL+join+query.Encode(), nil)
	if err != nil {
		return fmt.Errorf("push_url_invalid: %w", err)
	}
	res, err := s.opts.Client.Do(req)
	if err != nil {
		return fmt.Errorf("push_url_unreachable: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(res.Body, 1024))
	if err != nil || res.StatusCode != http.StatusOK || string(b) != echo {
		return fmt.Errorf("push_url_refused: status %d", res.StatusCode)
	}
	return nil
}

// compose writes elements as WeChat does: numbers bare, texts in CDATA.
func compose(fields []field) string {
	var b strings.Builder
	b.WriteString("<xml>")
	for _, f := range fields {
		b.WriteString(element(f))
	}
	b.WriteString("</xml>")
	return b.String()
}

func element(f field) string {
	switch f.name {
	case "CreateTime", "MsgId", "Location_X", "Location_Y", "Scale", "MenuId":
		var b strings.Builder
		_ = xml.EscapeText(&b, []byte(f.value)) // writing to memory does not fail
		return "<" + f.name + ">" + b.String() + "</" + f.name + ">\n"
	}
	clean := strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == '\uFFFE' || r == '\uFFFF' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(f.value, "\uFFFD"))
	return "<" + f.name + "><![CDATA[" + strings.ReplaceAll(clean, "]]>", "]]]]><![CDATA[>") + "]]></" + f.name + ">\n"
}
