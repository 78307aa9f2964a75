package wechat

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/fanward/fanward/internal/clock"
)

const (
	// DefaultBase is where WeChat's API is.
	DefaultBase = "https://api.weixin.qq.com"

	callTimeout = 10 * time.Second
	maxAnswer   = 1 << 20
	maxMedia    = 12 << 20
)

// Login is what an account signs in with.
type Login struct {
	// Base is where the account's API is, without a path.
	Base          string
	AppID, Secret string
}

// key names the login without giving its secret away.
func (l Login) key() string {
	sum := sha256.Sum256([]byte(l.Base + "\x00" + l.AppID + "\x00" + l.Secret))
	return hex.EncodeToString(sum[:])
}

// Client calls WeChat's API for any number of accounts, whose tokens it
// shares. A call ends after ten seconds, follows no redirection, and its
// errors, which are *APIError or *CallError, never hold a secret or a token.
// It is safe for concurrent use.
type Client struct {
	http   *http.Client
	clk    clock.Clock
	tokens tokens
	common *Common // nil: this process is alone
}

// NewClient returns a client. A nil transport is the usual one.
func NewClient(clk clock.Clock, transport http.RoundTripper) *Client {
	if transport == nil {
		transport = http.DefaultTransport
	}
	return &Client{clk: clk, http: &http.Client{
		Transport: transport,
		// The address of a call holds a token, its body may hold the secret.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// request is one call before the token is known.
type request struct {
	method, path string
	query        url.Values
	contentType  string
	body         []byte
	limit        int64
}

// answered is the body of an answer with status 200.
type answered struct {
	contentType string
	body        []byte
}

// authorized makes a call with the account's token. A token that WeChat does
// not take any more is dropped, and the call made once more with a new one.
func (c *Client) authorized(ctx context.Context, l Login, r request) (answered, error) {
	for attempt := 1; ; attempt++ {
		token, err := c.token(ctx, l)
		if err != nil {
			return answered{}, err
		}
		q := url.Values{}
		for k, v := range r.query {
			q[k] = v
		}
		q.Set("access_token", token)
		again := r
		again.query = q
		got, err := c.do(ctx, l, again, token)
		if err == nil {
			err = refusal(got)
		}
		if err == nil || !deadToken(err) {
			return got, err
		}
		c.tokens.drop(l.key(), token)
		c.common.drop(ctx, c.clk, l.key(), token)
		if attempt == 2 {
			return got, err
		}
	}
}

// call posts JSON, or gets where payload is nil, and decodes the answer.
func (c *Client) call(ctx context.Context, l Login, path string, query url.Values, payload, into any) error {
	r := request{method: http.MethodGet, path: path, query: query, limit: maxAnswer}
	if payload != nil {
		r.method, r.contentType, r.body = http.MethodPost, "application/json; charset=utf-8", encode(payload)
	}
	got, err := c.authorized(ctx, l, r)
	if err != nil {
		return err
	}
	return understand(r, got, into)
}

// understand decodes an answer that is no refusal.
func understand(r request, got answered, into any) error {
	if !json.Valid(got.body) || !bytes.HasPrefix(bytes.TrimSpace(got.body), []byte("{")) {
		return &CallError{Op: r.path, Sent: true, Err: errNoJSON}
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(got.body, into); err != nil {
		return &CallError{Op: r.path, Sent: true, Err: errNoJSON}
	}
	return nil
}

var errNoJSON = errors.New("the answer is not what WeChat sends")

// do makes one call. secrets are blotted out of what goes wrong.
func (c *Client) do(ctx context.Context, l Login, r request, secrets ...string) (answered, error) {
	ctx, cancel := c.limited(ctx)
	defer cancel()
	var sent atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }})
	failed := func(status int, err error) (answered, error) {
		if cause := context.Cause(ctx); cause != nil && err != nil {
			err = cause
		}
		return answered{}, &CallError{Op: r.path, Status: status, Sent: sent.Load(), Err: redact(err, append(secrets, l.Secret)...)}
	}
	target := l.Base + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, bytes.NewReader(r.body))
	if err != nil {
		return failed(0, errors.New("the address of the API is none"))
	}
	if r.contentType != "" {
		req.Header.Set("Content-Type", r.contentType)
	}
	res, err := c.http.Do(req)
	if err != nil {
		var outer *url.Error // names the address, which holds the token
		if errors.As(err, &outer) {
			err = outer.Err
		}
		return failed(0, err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return failed(res.StatusCode, nil)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, r.limit+1))
	if err != nil {
		return failed(0, err)
	}
	if int64(len(body)) > r.limit {
		return failed(0, errTooLarge)
	}
	return answered{res.Header.Get("Content-Type"), body}, nil
}

var errTooLarge = errors.New("the answer is larger than allowed")

// limited ends a call after its time on the client's clock.
func (c *Client) limited(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	wake, stop := c.clk.After(callTimeout)
	go func() {
		select {
		case <-wake:
			cancel(context.DeadlineExceeded)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { stop(); cancel(nil) }
}

// refusal is the error that an answer holds, nil for a success, which often
// has no errcode at all.
func refusal(got answered) error {
	if !bytes.HasPrefix(bytes.TrimSpace(got.body), []byte("{")) {
		return nil
	}
	var e struct {
		Code json.Number `json:"errcode"`
		Msg  string      `json:"errmsg"`
	}
	if json.Unmarshal(got.body, &e) != nil || e.Code == "" {
		return nil
	}
	code, err := strconv.Atoi(e.Code.String())
	if err != nil || code == 0 {
		return nil
	}
	return newAPIError(code, e.Msg)
}

// encode writes JSON with characters as they are: WeChat shows escapes to
// people as they stand.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("wechat: a request cannot be encoded: " + err.Error()) // requests are structs of texts and numbers
	}
	return unescape(bytes.TrimSpace(b.Bytes()))
}

// unescape undoes the escapes \u… that Go's encoder writes for some
// characters; control characters, which cannot stand bare, are dropped.
func unescape(in []byte) []byte {
	out := make([]byte, 0, len(in))
	for i := 0; i < len(in); i++ {
		if in[i] != '\\' || i+1 >= len(in) {
			out = append(out, in[i])
			continue
		}
		if in[i+1] != 'u' || i+6 > len(in) {
			out = append(out, in[i], in[i+1])
			i++
			continue
		}
		if r, err := strconv.ParseUint(string(in[i+2:i+6]), 16, 16); err == nil && r >= ' ' {
			out = utf8.AppendRune(out, rune(r))
		}
		i += 5
	}
	return out
}

// minSecret is the shortest secret or token that is looked for in a text:
// WeChat's have 32 characters and more.
const minSecret = 8

// redact keeps what went wrong and blots secrets out.
func redact(err error, secrets ...string) error {
	if err == nil {
		return nil
	}
	s := err.Error()
	for _, secret := range secrets {
		for _, form := range []string{secret, url.QueryEscape(secret)} {
			if len(form) >= minSecret {
				s = strings.ReplaceAll(s, form, "(hidden)")
			}
		}
	}
	if s == err.Error() {
		return err
	}
	return errors.New(s)
}
