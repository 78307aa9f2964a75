package simulator

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"time"

	"rsc.io/qr"
)

const (
	mediaLife  = 3 * 24 * time.Hour
	imageBytes = 10 << 20
	maxExpiry  = 2592000 // seconds of a temporary code
	codePage   = "http://weixin.qq.com/q/"
)

// media is a file that WeChat keeps for three days.
type media struct {
	ID, Kind, ContentType string
	At                    time.Time
	Data                  []byte
}

func (m *media) over(now time.Time) bool { return !now.Before(m.At.Add(mediaLife)) }

// AddMedia keeps a picture that a person is going to send.
func (s *Simulator) AddMedia(appID string, data []byte) (id string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.account(appID)
	if a == nil {
		return "", ErrNoAccount
	}
	m, failed := s.keep(a, "image", data)
	if failed != nil {
		return "", errNoMedia
	}
	return m.ID, nil
}

func (s *Simulator) keep(a *account, kind string, data []byte) (*media, *apiError) {
	contentType := http.DetectContentType(data)
	switch {
	case kind != "image":
		return nil, fail(40004)
	case len(data) == 0:
		return nil, fail(46001)
	case len(data) > imageBytes:
		return nil, fail(40006)
	case !strings.HasPrefix(contentType, "image/"):
		return nil, fail(40004)
	}
	now := s.now()
	for id, m := range a.media {
		if m.over(now) {
			delete(a.media, id)
		}
	}
	m := &media{ID: s.text(64), Kind: kind, ContentType: contentType, At: now, Data: data}
	a.media[m.ID] = m
	return m, nil
}

func (s *Simulator) uploadMedia(c *call) any {
	_, params, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || params["boundary"] == "" {
		return fail(46001)
	}
	parts := multipart.NewReader(bytes.NewReader(c.body), params["boundary"])
	for {
		part, err := parts.NextPart()
		if err != nil {
			return fail(46001)
		}
		if part.FormName() != "media" || part.FileName() == "" {
			continue
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return fail(46001)
		}
		m, failed := s.keep(c.account, c.r.URL.Query().Get("type"), data)
		if failed != nil {
			return failed
		}
		return map[string]any{"type": m.Kind, "media_id": m.ID, "created_at": m.At.Unix()}
	}
}

func (s *Simulator) getMedia(c *call) any {
	m := c.account.media[c.r.URL.Query().Get("media_id")]
	if m == nil || m.over(s.now()) {
		return fail(40007)
	}
	_, kind, _ := strings.Cut(m.ContentType, "/")
	return raw{m.ContentType, m.ID + "." + kind, m.Data}
}

// servePicture shows a picture at its own address, as PicUrl does.
func (s *Simulator) servePicture(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	var found *media
	for _, a := range s.accounts {
		if m := a.media[r.PathValue("id")]; m != nil {
			found = m
		}
	}
	s.mu.Unlock()
	if found == nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", found.ContentType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; sandbox")
	w.Header().Set("Cache-Control", "private, max-age=3600")
	_, _ = w.Write(found.Data) // only a reader that left makes this fail
}

// code is a QR code with a scene.
type code struct {
	Ticket string
	Scene  string
	URL    string
	Until  time.Time // zero: for ever
}

// code finds the code of a ticket, an address or a scene; the newest wins.
func (a *account) code(what string, now time.Time) *code {
	what = strings.TrimSpace(what)
	if u, err := url.Parse(what); err == nil && u.Query().Get("ticket") != "" {
		what = u.Query().Get("ticket") // the address of the picture
	}
	for i := len(a.codes) - 1; i >= 0; i-- {
		c := a.codes[i]
		if what != "" && (c.Ticket == what || c.URL == what || c.Scene == what) && (c.Until.IsZero() || now.Before(c.Until)) {
			return c
		}
	}
	return nil
}

func (s *Simulator) createCode(c *call) any {
	var q struct {
		Expire int64  `json:"expire_seconds"`
		Action string `json:"action_name"`
		Info   struct {
			Scene struct {
				ID  json.Number `json:"scene_id"`
				Str string      `json:"scene_str"`
			} `json:"scene"`
		} `json:"action_info"`
	}
	if err := c.read(&q); err != nil {
		return err
	}
	made := &code{Scene: q.Info.Scene.Str}
	id, _ := q.Info.Scene.ID.Int64()
	switch q.Action {
	case "QR_SCENE", "QR_LIMIT_SCENE":
		if id < 1 || q.Action == "QR_LIMIT_SCENE" && id > 100_000 {
			return &apiError{Code: 40053, Msg: "invalid action info"}
		}
		made.Scene = fmt.Sprint(id)
	case "QR_STR_SCENE", "QR_LIMIT_STR_SCENE":
		if made.Scene == "" || len(made.Scene) > 64 {
			return &apiError{Code: 40053, Msg: "invalid action info"}
		}
	default:
		return &apiError{Code: 40052, Msg: "invalid action name"}
	}
	out := map[string]any{}
	if !strings.HasPrefix(q.Action, "QR_LIMIT") {
		if q.Expire == 0 {
			q.Expire = 60
		}
		q.Expire = min(q.Expire, maxExpiry)
		made.Until, out["expire_seconds"] = s.now().Add(time.Duration(q.Expire)*time.Second), q.Expire
	}
	made.Ticket = "gQ" + s.text(90) + "=="
	sum := sha1.Sum([]byte(made.Ticket))
	made.URL = codePage + hex.EncodeToString(sum[:])[:22]
	c.account.codes = append(c.account.codes, made)
	if len(c.account.codes) > 1000 {
		c.account.codes = c.account.codes[1:]
	}
	s.changed()
	out["ticket"], out["url"] = made.Ticket, made.URL
	return out
}

// showCode draws a code, without a token, as browsers show it.
func (s *Simulator) showCode(c *call) any {
	ticket := c.r.URL.Query().Get("ticket")
	for _, a := range s.accounts {
		if made := a.code(ticket, s.now()); made != nil && made.Ticket == ticket {
			drawn, err := qr.Encode(made.URL, qr.M)
			if err != nil {
				return fail(-1)
			}
			return raw{contentType: "image/png", data: drawn.PNG()}
		}
	}
	return fail(40007)
}
