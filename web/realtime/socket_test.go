package realtime_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/store/feed"
	"github.com/fanward/fanward/web/realtime"
)

func same(t testing.TB, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestHello(t *testing.T) {
	each(t, func(t *testing.T, h *hall) {
		lin := h.Teammate(auth.Principal{Role: auth.Agent, Name: "Lin"})
		c, f := h.staff(t, lin, nil)
		if f.Resumed || f.Position == "" || f.Node != "node-1" || !f.ServerTime.Equal(h.Clock.Now()) {
			t.Errorf("%s", f.text)
		}
		if got := c.next("presence"); string(got.Online) != `["`+lin.ID.String()+`"]` {
			t.Errorf("%s", got.text)
		}
		c.say(map[string]any{"t": "ping"})
		if f := c.next("pong"); !f.ServerTime.Equal(h.Clock.Now()) {
			t.Errorf("%s", f.text)
		}
		_, token := h.browser()
		v, f := h.visitor(t, token, nil)
		if string(f.Conversation) != "null" || len(f.Messages) != 0 || !strings.Contains(f.text, `"messages":[]`) || f.Reset || f.HasMore {
			t.Errorf("%s", f.text)
		}
		if f := v.next("online"); f.Teammates != 1 {
			t.Errorf("%s", f.text)
		}
	})
}

// Every way to break the protocol ends with the code that the protocol names.
func TestCloseCodes(t *testing.T) {
	h := open(t, store.SQLite)
	big := `{"t":"ping","x":"` + strings.Repeat("x", 64<<10) + `"}`
	_, token := h.browser()
	other := h.NewAccount("Other", nil)
	elsewhere, err := h.Visitors.Open(h.Account, mustConfig(t, h), token)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere.Account = other
	hello := fmt.Sprintf(`{"t":"hello","visitor":%q,"after":null}`, token)
	for name, c := range map[string]struct {
		visitor bool
		frames  []string
		code    int
	}{
		"not JSON":                  {false, []string{"hello"}, 4001},
		"an array":                  {false, []string{"[]"}, 4001},
		"null":                      {false, []string{"null"}, 4001},
		"two values":                {false, []string{`{"t":"ping"}{"t":"ping"}`}, 4001},
		"no kind":                   {false, []string{"{}"}, 4001},
		"something before hello":    {false, []string{`{"t":"ping"}`}, 4000},
		"unknown kind":              {false, []string{`{"t":"hello"}`, `{"t":"shout"}`}, 4001},
		"unknown field":             {false, []string{`{"t":"hello","after":null,"x":1}`}, 4001},
		"another kind's field":      {false, []string{`{"t":"hello"}`, `{"t":"ping","on":true}`}, 4001},
		"wrong type":                {false, []string{`{"t":"hello"}`, `{"t":"view","conversation_id":7}`}, 4001},
		"wrong mode":                {false, []string{`{"t":"hello"}`, `{"t":"view","conversation_id":"7","mode":"staring"}`}, 4001},
		"field in capitals":         {false, []string{`{"T":"hello"}`}, 4001},
		"second hello":              {false, []string{`{"t":"hello"}`, `{"t":"hello"}`}, 4001},
		"a visitor's frame":         {false, []string{`{"t":"hello"}`, `{"t":"send"}`}, 4001},
		"oversized":                 {false, []string{big}, 1009},
		"oversized after hello":     {true, []string{hello, big}, 1009},
		"forged token":              {true, []string{`{"t":"hello","visitor":"AAAA"}`}, 4005},
		"no token":                  {true, []string{`{"t":"hello"}`}, 4005},
		"another account's token":   {true, []string{fmt.Sprintf(`{"t":"hello","visitor":%q}`, h.Visitors.Token(elsewhere))}, 4005},
		"visitor before hello":      {true, []string{`{"t":"ping"}`}, 4000},
		"a teammate's frame":        {true, []string{hello, `{"t":"view"}`}, 4001},
		"visitor's second hello":    {true, []string{hello, hello}, 4001},
		"visitor's unknown field":   {true, []string{hello, `{"t":"typing","on":true,"name":"x"}`}, 4001},
		"attachment ids as numbers": {true, []string{hello, `{"t":"send","client_key":"k","body":"","attachment_ids":[1]}`}, 4001},
	} {
		t.Run(name, func(t *testing.T) {
			path, header := "/visitor/"+h.Account.Key, http.Header{}
			if !c.visitor {
				who, _ := json.Marshal(h.Boss)
				path, header = "/staff", http.Header{"Principal": {string(who)}}
			}
			s := dial(t, h.server, path, header)
			for _, f := range c.frames {
				if err := s.ws.WriteMessage(websocket.TextMessage, []byte(f)); err != nil {
					t.Fatal(err)
				}
			}
			s.closed(c.code)
		})
	}
	t.Run("binary", func(t *testing.T) {
		c, _ := h.staff(t, h.Boss, nil)
		_ = c.ws.WriteMessage(websocket.BinaryMessage, []byte(`{"t":"ping"}`))
		c.closed(4001)
	})
	t.Run("flood of a visitor", func(t *testing.T) {
		c, _ := h.visitor(t, token, nil)
		for range 200 {
			_ = c.ws.WriteJSON(map[string]any{"t": "ping"})
		}
		c.closed(4007)
	})
	t.Run("flood of a teammate", func(t *testing.T) {
		c, _ := h.staff(t, h.Boss, nil)
		for range 200 {
			_ = c.ws.WriteJSON(map[string]any{"t": "ping"})
		}
		c.closed(4007)
	})
}

func TestNoHello(t *testing.T) {
	h := open(t, store.SQLite, func(o *realtime.Options) { o.HelloTimeout = 50 * time.Millisecond })
	h.staffSocket(t, h.Boss).closed(4000)
	dial(t, h.server, "/visitor/"+h.Account.Key, nil).closed(4000)
	c, _ := h.staff(t, h.Boss, nil)
	_, token := h.browser()
	v, _ := h.visitor(t, token, nil)
	// Those who have said hello may be silent for longer than that.
	h.staffSocket(t, h.Boss).closed(4000)
	c.quiet()
	v.quiet()
}

// tell puts a change of staff into the feed.
func (h *hall) tell(t testing.TB, c feed.Change) {
	t.Helper()
	c.At = h.Clock.Now()
	if err := h.DB.Write(h.Ctx(), func(tx *store.Tx) error { return feed.Append(tx, c) }); err != nil {
		t.Fatal(err)
	}
}

// Sockets end with the rights they were opened with.
func TestRightsEnd(t *testing.T) {
	h := open(t, store.SQLite)
	bystander := h.Teammate(auth.Principal{Role: auth.Agent, Name: "Mei"})
	watch, _ := h.staff(t, bystander, nil)
	for name, c := range map[string]struct {
		change feed.Change
		code   int
	}{
		"role change":        {feed.Change{Kind: "teammate", Audience: feed.Staff, Payload: []byte(`{"teammate":{},"rights_version":2}`)}, 4004},
		"disabled":           {feed.Change{Kind: "teammate", Audience: feed.Staff, Payload: []byte(`{"teammate":{"disabled":true},"rights_version":2}`)}, 4003},
		"sign-out":           {feed.Change{Kind: "signed_out", Audience: feed.Own, Payload: []byte(`{"session":"session of Lin"}`)}, 4003},
		"sign-out of all":    {feed.Change{Kind: "signed_out", Audience: feed.Own, Payload: []byte(`{"session":""}`)}, 4003},
		"nothing: a name":    {feed.Change{Kind: "teammate", Audience: feed.Staff, Payload: []byte(`{"teammate":{},"rights_version":1}`)}, 0},
		"nothing: a session": {feed.Change{Kind: "signed_out", Audience: feed.Own, Payload: []byte(`{"session":"of another browser"}`)}, 0},
		"nothing: a token":   {feed.Change{Kind: "token_revoked", Audience: feed.Own, Payload: []byte(`{}`)}, 0},
	} {
		for _, role := range []auth.Role{auth.Agent, auth.Owner} { // groups of their own and shared ones
			lin := h.Teammate(auth.Principal{Role: role, Name: "Lin"})
			s, _ := h.staff(t, lin, nil)
			c.change.Teammate = lin.ID
			h.tell(t, c.change)
			if c.code != 0 {
				s.closed(c.code)
				continue
			}
			h.settled(t)
			s.say(map[string]any{"t": "ping"})
			if f := s.next("pong"); f.T != "pong" {
				t.Error(name)
			}
		}
	}
	token := auth.Principal{ID: 77, Token: true, Role: auth.Agent, Scope: auth.ScopeAll}
	s, _ := h.staff(t, token, nil)
	h.tell(t, feed.Change{Kind: "token_revoked", Audience: feed.Own, Teammate: 77, Payload: []byte(`{}`)})
	s.closed(4003)
	h.settled(t)
	watch.quiet("change") // changes of staff came, and the socket is open
}

// What changed while the socket was being opened is found on hello.
func TestRightsThatMovedMeanwhile(t *testing.T) {
	h := open(t, store.SQLite)
	for standing, code := range map[auth.Standing]int{auth.RightsMoved: 4004, auth.SignedOut: 4003} {
		lin := h.Teammate(auth.Principal{Role: auth.Agent})
		s := h.staffSocket(t, lin)
		h.mu.Lock()
		h.standing[lin.ID] = standing
		h.mu.Unlock()
		s.say(map[string]any{"t": "hello", "after": nil})
		s.closed(code)
	}
	_, token := h.browser()
	c := dial(t, h.server, "/visitor/"+h.Account.Key, nil)
	disabled := channels.Disabled
	if _, err := h.Accounts.Update(h.Ctx(), h.Account.ID, channels.Patch{Status: &disabled}); err != nil {
		t.Fatal(err)
	}
	h.settled(t)
	c.say(map[string]any{"t": "hello", "visitor": token})
	c.closed(4006)
}

func TestDisabledAccount(t *testing.T) {
	each(t, func(t *testing.T, h *hall) {
		v, token := h.browser()
		silent, _ := h.visitor(t, token, nil)
		known, token := h.browser()
		h.send(t, known, "k", "hello")
		writing, _ := h.visitor(t, token, nil)
		disabled := channels.Disabled
		if _, err := h.Accounts.Update(h.Ctx(), h.Account.ID, channels.Patch{Status: &disabled}); err != nil {
			t.Fatal(err)
		}
		silent.closed(4006)
		writing.closed(4006)
		_ = v
	})
}

func TestDrain(t *testing.T) {
	h := open(t, store.SQLite)
	_, token := h.browser()
	c, _ := h.staff(t, h.Boss, nil)
	v, _ := h.visitor(t, token, nil)
	silent := h.staffSocket(t, h.Boss) // has not said hello yet
	done := make(chan struct{})
	go func() {
		defer close(done)
		ctx, cancel := context.WithTimeout(h.Ctx(), soon)
		defer cancel()
		h.hub.Drain(ctx)
		if ctx.Err() != nil {
			t.Error("the drain did not end by itself")
		}
	}()
	c.closed(1012)
	v.closed(1012)
	silent.closed(1012)
	<-done
	_, res, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(h.server.URL, "http")+"/visitor/"+h.Account.Key, nil)
	if err == nil || res == nil || res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("%v %v", res, err)
	}
}
