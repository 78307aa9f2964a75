package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
)

const (
	maxCall     = 12 << 20
	picturePath = "/mmbiz/"
)

// call is one call of an account.
type call struct {
	r       *http.Request
	account *account
	body    []byte
}

// endpoint is one path. run returns what is answered as JSON: an *apiError or
// a value; or raw bytes. It is called with the lock held.
type endpoint struct {
	method string
	open   bool // needs no token
	run    func(*Simulator, *call) any
}

// raw is an answer that is no JSON.
type raw struct {
	contentType string
	name        string
	data        []byte
}

var endpoints = map[string]endpoint{
	"/cgi-bin/token":                 {http.MethodGet, true, (*Simulator).plainToken},
	"/cgi-bin/stable_token":          {http.MethodPost, true, (*Simulator).stableToken},
	"/cgi-bin/message/custom/send":   {http.MethodPost, false, (*Simulator).customSend},
	"/cgi-bin/message/custom/typing": {http.MethodPost, false, (*Simulator).customTyping},
	"/cgi-bin/user/info":             {http.MethodGet, false, (*Simulator).userInfo},
	"/cgi-bin/qrcode/create":         {http.MethodPost, false, (*Simulator).createCode},
	"/cgi-bin/showqrcode":            {http.MethodGet, true, (*Simulator).showCode},
	"/cgi-bin/media/upload":          {http.MethodPost, false, (*Simulator).uploadMedia},
	"/cgi-bin/media/get":             {http.MethodGet, false, (*Simulator).getMedia},
	"/cgi-bin/menu/create":           {http.MethodPost, false, (*Simulator).createMenu},
	"/cgi-bin/menu/get":              {http.MethodGet, false, (*Simulator).getMenu},
	"/cgi-bin/menu/delete":           {http.MethodGet, false, (*Simulator).deleteMenu},
	"/cgi-bin/getcallbackip":         {http.MethodGet, false, (*Simulator).callbackIP},
}

// Platform is what an account's owner calls: WeChat's API and the pictures
// that it shows.
func (s *Simulator) Platform() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/cgi-bin/", s.serveCall)
	mux.HandleFunc("GET "+picturePath+"{id}", s.servePicture)
	mux.HandleFunc("/", s.serveUnknown)
	return mux
}

// serveUnknown is loud, as a wrong path is a mistake of the hub or a gap here.
func (s *Simulator) serveUnknown(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	if path := r.Method + " " + r.URL.Path; !slices.Contains(s.unknown, path) && len(s.unknown) < 100 {
		s.unknown = append(s.unknown, path)
		s.changed()
	}
	s.mu.Unlock()
	s.log.Error("this path does not exist", "method", r.Method, "path", r.URL.Path)
	http.Error(w, "the WeChat simulator knows no "+r.URL.Path, http.StatusNotFound)
}

func (s *Simulator) serveCall(w http.ResponseWriter, r *http.Request) {
	e, known := endpoints[r.URL.Path]
	if !known {
		s.serveUnknown(w, r)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxCall))
	if err != nil {
		var big *http.MaxBytesError
		if errors.As(err, &big) {
			answer(w, fail(40006))
		}
		return // else the caller left
	}
	c := &call{r: r, body: body}
	s.mu.Lock()
	rid := s.rid()
	fault := s.callFault(r.URL.Path, c.person())
	if fault != nil && !fault.After {
		s.mu.Unlock()
		s.goWrong(w, r, fault, rid)
		return
	}
	out := s.run(e, c)
	s.mu.Unlock()
	if fault != nil {
		s.goWrong(w, r, fault, rid)
		return
	}
	switch out := out.(type) {
	case *apiError:
		s.log.Debug("call refused", "path", r.URL.Path, "errcode", out.Code)
		answer(w, out.with(rid))
	case raw:
		w.Header().Set("Content-Type", out.contentType)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if out.name != "" {
			w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", out.name))
		}
		_, _ = w.Write(out.data) // only a caller that left makes this fail
	default:
		answer(w, out)
	}
}

// run checks in the order method, token, then what the endpoint checks itself:
// JSON, openid, allowance, content. WeChat does not document its own order.
func (s *Simulator) run(e endpoint, c *call) any {
	if c.r.Method != e.method {
		if e.method == http.MethodGet {
			return fail(43001)
		}
		return fail(43002)
	}
	if e.open {
		return e.run(s, c)
	}
	var err *apiError
	if c.account, err = s.authorize(c.r.URL.Query().Get("access_token")); err != nil {
		return err
	}
	if err := allowed(c.account, c.r); err != nil {
		return err
	}
	return e.run(s, c)
}

// allowed holds a caller to the account's list of addresses.
func allowed(a *account, r *http.Request) *apiError {
	ip, _, _ := net.SplitHostPort(r.RemoteAddr)
	if len(a.AllowIPs) == 0 || slices.Contains(a.AllowIPs, ip) {
		return nil
	}
	return &apiError{Code: 40164, Msg: fmt.Sprintf("invalid ip %s ipv6 ::ffff:%s, not in whitelist", ip, ip)}
}

// person is whom a call is about, as far as its parameters say.
func (c *call) person() string {
	if id := c.r.URL.Query().Get("openid"); id != "" {
		return id
	}
	var b struct {
		ToUser string `json:"touser"`
	}
	_ = json.Unmarshal(c.body, &b) // what is no JSON is about nobody
	return b.ToUser
}

// read decodes the call's JSON. Escaped characters (\u4f60) are refused, as
// WeChat shows them to people as they stand.
func (c *call) read(into any) *apiError {
	if len(bytes.TrimSpace(c.body)) == 0 {
		return fail(44002)
	}
	if escaped(c.body) {
		return fail(40033)
	}
	if err := json.Unmarshal(c.body, into); err != nil {
		return fail(47001)
	}
	return nil
}

func escaped(b []byte) bool {
	for i := 0; i+1 < len(b); i++ {
		if b[i] != '\\' {
			continue
		}
		if b[i+1] == 'u' {
			return true
		}
		i++
	}
	return false
}

// rid names a call in the form that WeChat uses.
func (s *Simulator) rid() string {
	return fmt.Sprintf("%x-%08x-%08x", s.now().Unix(), s.random.Uint32(), s.random.Uint32())
}

// apiError is an answer with errcode.
type apiError struct {
	Code int    `json:"errcode"`
	Msg  string `json:"errmsg"`
}

func (e *apiError) with(rid string) *apiError {
	return &apiError{e.Code, e.Msg + " rid: " + rid}
}

// done is the answer of calls that have nothing to tell.
var done = map[string]any{"errcode": 0, "errmsg": "ok"}

// errmsgs are the usual texts.
var errmsgs = map[int]string{
	-1: "system error", 40001: "invalid credential, access_token is invalid or not latest", 40002: "invalid grant_type", 40003: "invalid openid",
	40004: "invalid media type", 40006: "invalid meida size", 40007: "invalid media_id", 40008: "invalid message type", 40013: "invalid appid",
	40014: "invalid access_token", 40016: "invalid button size", 40017: "invalid button type", 40018: "invalid button name size",
	40019: "invalid button key size", 40020: "invalid button url size", 40023: "invalid sub button size",
	40033: "invalid charset. please check your request, if include \\uxxxx will create fail!", 40125: "invalid appsecret", 40164: "invalid ip, not in whitelist", 40243: "appsecret is frozen",
	41001: "access_token missing", 42001: "access_token expired", 43001: "require GET method", 43002: "require POST method", 43004: "require subscribe",
	43019: "require remove blacklist", 44002: "empty post data", 44004: "empty content", 45002: "content size out of limit",
	45008: "article size out of limit", 45009: "reach max api daily quota limit", 45011: "api minute-quota reach limit, must slower, retry next minute",
	45015: "response out of time limit or subscription is canceled", 45047: "out of response count limit", 45087: "account is restricted",
	46001: "media data missing", 46003: "menu no exist", 47001: "data format error", 48001: "api unauthorized", 48002: "user block receive message",
	48004: "api forbidden for irregularities", 50002: "user limited", 50005: "user is unsubscribed", 45072: "command must be Typing or CancelTyping",
}

// fail is WeChat's error of a code with its usual text.
func fail(code int) *apiError {
	msg := errmsgs[code]
	if msg == "" {
		msg = "error"
	}
	return &apiError{Code: code, Msg: msg}
}

// answer writes JSON as WeChat does: always 200, characters as they are.
func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json; encoding=utf-8")
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // only a caller that left makes this fail
}
