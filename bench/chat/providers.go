package main

import (
	"crypto/sha1" // as WeChat signs
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/fanward/fanward/bench/load"
	"github.com/fanward/fanward/bench/program"
	"github.com/fanward/fanward/bench/table"
)

const (
	pushToken = "benchtoken"
	followers = 500
	senders   = 500
	// mailLines is how many connections bring mail at once.
	mailLines = 16
)

// measurePushes has WeChat's pushes stored and acknowledged, and looks how late
// the agent's socket tells of them.
func measurePushes(o options, dir string, t *table.Table) error {
	h, err := openHub(o, dir)
	if err != nil {
		return err
	}
	defer h.Stop()
	var account struct {
		Key string `json:"key"`
	}
	err = h.call(0, "/accounts", map[string]any{
		"channel": "wechat", "name": "Bench", "config": map[string]any{"app_id": "wxbench0000000001", "mode": "plain"},
		"secrets": map[string]any{"app_secret": strings.Repeat("s", 32), "token": pushToken, "encoding_aes_key": strings.Repeat("A", 43)},
	}, &account)
	if err != nil {
		return err
	}
	target := h.URL + "/channels/wechat/" + account.Key
	push := func(run string) func(n int) error {
		return func(n int) error { return deliver(target, run, n) }
	}
	if err := push("warm")(0); err != nil {
		return err
	}
	h.add(t, fmt.Sprintf("WeChat push → agent, 500/s, %d new people among them", followers), "", load.Open(500, o.duration, h.heard("seen", push("seen"))))
	h.add(t, "WeChat push → durable → acknowledged, 500/s", "", load.Open(500, o.duration, push("push500")))
	h.add(t, "WeChat pushes, as many as it takes", "", load.Closed(64, o.duration, push("most")))
	return nil
}

// pushes numbers them: what has the number of another one is a repeat, which is
// acknowledged and not stored.
var pushes atomic.Int64

// deliver posts one text as WeChat does in plain mode.
func deliver(target, run string, n int) error {
	now := strconv.FormatInt(time.Now().Unix(), 10)
	parts := []string{pushToken, now, "nonce"}
	slices.Sort(parts)
	sum := sha1.Sum([]byte(strings.Join(parts, "")))
	query := url.Values{"signature": {hex.EncodeToString(sum[:])}, "timestamp": {now}, "nonce": {"nonce"}}
	body := fmt.Sprintf("<xml><ToUserName>gh_bench</ToUserName><FromUserName>openid%d</FromUserName><CreateTime>%s</CreateTime><MsgType>text</MsgType><Content>%s-%d</Content><MsgId>%d</MsgId></xml>",
		n%followers, now, run, n, pushes.Add(1))
	res, err := program.Client.Post(target+"?"+query.Encode(), "text/xml", strings.NewReader(body))
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || string(answer) != "success" {
		return fmt.Errorf("%d %.100s %v", res.StatusCode, answer, err)
	}
	return nil
}

// measureMails has mails stored and acknowledged by 250, and looks how late the
// agent's socket tells of them.
func measureMails(o options, dir string, t *table.Table) error {
	addr, err := program.FreePort()
	if err != nil {
		return err
	}
	h, err := openHub(o, dir, "FANWARD_EMAIL_SMTP_ADDR="+addr)
	if err != nil {
		return err
	}
	defer h.Stop()
	err = h.call(0, "/accounts", map[string]any{
		"channel": "email", "name": "Bench", "config": map[string]any{"address": "shop@bench.example", "smtp": map[string]any{"host": "127.0.0.1", "port": 9, "tls": "none"}},
	}, nil)
	if err != nil {
		return err
	}
	post := newPost(addr)
	defer post.close()
	send := func(run string) func(n int) error { return func(n int) error { return post.send(run, n) } }
	if err := send("warm")(0); err != nil {
		return err
	}
	h.add(t, fmt.Sprintf("mail in → agent, 300/s, %d new people among them", senders), "< 1 s", load.Open(300, o.duration, h.heard("seen", send("seen"))))
	h.add(t, "mail in → durable → 250, 300/s", "300/s", load.Open(300, o.duration, send("mail300")))
	h.add(t, "mails in, as many as it takes", "300/s", load.Closed(mailLines, o.duration, send("most")))
	return nil
}

// post brings mail over a few lines that stay open.
type post struct {
	addr string
	free chan *smtp.Client
	all  []*smtp.Client
	mu   sync.Mutex
}

func newPost(addr string) *post {
	p := &post{addr: addr, free: make(chan *smtp.Client, mailLines)}
	for range mailLines {
		p.free <- nil
	}
	return p
}

func (p *post) send(run string, n int) (err error) {
	c := <-p.free
	defer func() {
		if err != nil && c != nil {
			_ = c.Close()
			c = nil
		}
		p.free <- c
	}()
	if c == nil {
		line, err := net.Dial("tcp", p.addr)
		if err != nil {
			return err
		}
		c = smtp.NewClient(line)
		p.mu.Lock()
		p.all = append(p.all, c)
		p.mu.Unlock()
		if err := c.Hello("far.example"); err != nil {
			return err
		}
	}
	from := fmt.Sprintf("p%d@far.example", n%senders)
	text := fmt.Sprintf("From: Person %[1]d <%[2]s>\r\nTo: shop@bench.example\r\nSubject: Question %[3]s %[4]d\r\nMessage-ID: <%[3]s.%[4]d.%[5]d@far.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n%[3]s-%[4]d\r\n",
		n%senders, from, run, n, time.Now().UnixNano())
	return c.SendMail(from, []string{"shop@bench.example"}, strings.NewReader(text))
}

func (p *post) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.all {
		_ = c.Close()
	}
}
