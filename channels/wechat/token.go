package wechat

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// tokenMargin is how long before its end a token is renewed. WeChat renews a
// stable token in its last five minutes and then takes both.
const tokenMargin = time.Minute

// tokens are the access tokens of every account that this process serves. Nodes
// share them where they can (see Common); where not, each fetches its own: the
// stable token is the same for all.
type tokens struct {
	mu    sync.Mutex
	byKey map[string]*token
}

type token struct {
	// turn is held while a new one is fetched, so that one call fetches it for all.
	turn  chan struct{}
	value string
	until time.Time
	// dead is the value that was refused last: another node may still share it.
	dead string
}

func (t *tokens) entry(key string) *token {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byKey == nil {
		t.byKey = map[string]*token{}
	}
	if t.byKey[key] == nil {
		t.byKey[key] = &token{turn: make(chan struct{}, 1)}
	}
	return t.byKey[key]
}

// drop forgets a token, unless another has replaced it meanwhile, and does not take
// it from another node again.
func (t *tokens) drop(key, value string) {
	e := t.entry(key)
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.dead = value; e.value == value {
		e.value = ""
	}
}

// take remembers another node's token; false when it has been refused already.
func (t *tokens) take(e *token, value string, until time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if value == e.dead {
		return false
	}
	e.value, e.until = value, until
	return true
}

// set remembers a token that WeChat has just given, even if it is one that it had
// refused.
func (t *tokens) set(e *token, value string, until time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.value, e.until = value, until; e.dead == value {
		e.dead = ""
	}
}

func (t *tokens) read(e *token, now time.Time) (string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return e.value, e.value != "" && now.Before(e.until)
}

// token returns the account's stable token.
func (c *Client) token(ctx context.Context, l Login) (string, error) {
	e := c.tokens.entry(l.key())
	if value, ok := c.tokens.read(e, c.clk.Now()); ok {
		return value, nil
	}
	select {
	case e.turn <- struct{}{}:
	case <-ctx.Done():
		return "", &CallError{Op: stablePath, Err: ctx.Err()}
	}
	defer func() { <-e.turn }()
	if value, ok := c.tokens.read(e, c.clk.Now()); ok {
		return value, nil
	}
	return c.newToken(ctx, l, e)
}

// newToken takes the token that another node has fetched, or fetches one.
func (c *Client) newToken(ctx context.Context, l Login, e *token) (string, error) {
	key := l.key()
	if value, until, ok := c.common.await(ctx, c.clk, key); ok && c.tokens.take(e, value, until) {
		return value, nil
	}
	defer c.common.settled(ctx, key)
	value, life, err := c.fetchToken(ctx, l)
	if err != nil {
		return "", err
	}
	life = max(life-tokenMargin, life/2)
	until := c.clk.Now().Add(life)
	c.tokens.set(e, value, until)
	c.common.put(ctx, key, value, until, life)
	return value, nil
}

const stablePath = "/cgi-bin/stable_token"

// fetchToken asks for the stable token. Nothing has been sent to a person when
// it fails, so its errors never leave a delivery in doubt.
func (c *Client) fetchToken(ctx context.Context, l Login) (string, time.Duration, error) {
	r := request{method: http.MethodPost, path: stablePath, contentType: "application/json; charset=utf-8", limit: maxAnswer,
		body: encode(map[string]any{"grant_type": "client_credential", "appid": l.AppID, "secret": l.Secret, "force_refresh": false})}
	var a struct {
		Token   string `json:"access_token"`
		Seconds int64  `json:"expires_in"`
	}
	got, err := c.do(ctx, l, r)
	if err == nil {
		err = refusal(got)
	}
	if err == nil {
		err = understand(r, got, &a)
	}
	if err == nil && (a.Token == "" || a.Seconds <= 0) {
		err = &CallError{Op: stablePath, Err: errNoJSON}
	}
	if e, ok := err.(*CallError); ok {
		e.Sent = false
	}
	if err != nil {
		return "", 0, err
	}
	return a.Token, time.Duration(a.Seconds) * time.Second, nil
}

// Probe signs in, which shows whether app id, secret and the list of allowed
// addresses are right.
func (c *Client) Probe(ctx context.Context, l Login) error {
	_, _, err := c.fetchToken(ctx, l)
	return err
}
