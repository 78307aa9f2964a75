package wechat

import (
	"bytes"
	"context"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"time"
)

// The paths of the calls.
const (
	sendPath   = "/cgi-bin/message/custom/send"
	uploadPath = "/cgi-bin/media/upload"
	mediaPath  = "/cgi-bin/media/get"
	codePath   = "/cgi-bin/qrcode/create"
	userPath   = "/cgi-bin/user/info"
)

// Sizes of what can be sent.
const (
	// MaxText is the longest text in bytes of UTF-8.
	MaxText = 2048
	// MaxImage is the largest picture in bytes.
	MaxImage = 2 << 20
	// MaxScene is the longest scene of a QR code in bytes.
	MaxScene = 64
	// MaxCodeLife is the longest life of a temporary QR code.
	MaxCodeLife = 30 * 24 * time.Hour
)

// SendText sends a text as a customer message.
func (c *Client) SendText(ctx context.Context, l Login, openID, text string) error {
	return c.call(ctx, l, sendPath, nil, map[string]any{"touser": openID, "msgtype": "text", "text": map[string]string{"content": text}}, nil)
}

// SendImage sends a picture that UploadImage has given to WeChat.
func (c *Client) SendImage(ctx context.Context, l Login, openID, mediaID string) error {
	return c.call(ctx, l, sendPath, nil, map[string]any{"touser": openID, "msgtype": "image", "image": map[string]string{"media_id": mediaID}}, nil)
}

// UploadImage gives a picture to WeChat, which keeps it for three days.
func (c *Client) UploadImage(ctx context.Context, l Login, name, contentType string, data []byte) (mediaID string, err error) {
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	header := textproto.MIMEHeader{}
	quoted := strings.NewReplacer(`"`, "_", `\`, "_", "\r", "_", "\n", "_").Replace(name)
	header.Set("Content-Disposition", fmt.Sprintf(`form-data; name="media"; filename="%s"`, quoted))
	header.Set("Content-Type", contentType)
	part, err := form.CreatePart(header)
	if err == nil {
		_, err = part.Write(data)
	}
	if err == nil {
		err = form.Close()
	}
	if err != nil {
		return "", &CallError{Op: uploadPath, Err: err}
	}
	r := request{method: http.MethodPost, path: uploadPath, query: url.Values{"type": {"image"}}, contentType: form.FormDataContentType(), body: b.Bytes(), limit: maxAnswer}
	got, err := c.authorized(ctx, l, r)
	if err != nil {
		return "", err
	}
	var a struct {
		MediaID string `json:"media_id"`
	}
	if err := understand(r, got, &a); err != nil {
		return "", err
	}
	if a.MediaID == "" {
		return "", &CallError{Op: uploadPath, Sent: true, Err: errNoJSON}
	}
	return a.MediaID, nil
}

// Download fetches what a follower has sent. Media are gone after three days:
// that is an *APIError of code 40007.
func (c *Client) Download(ctx context.Context, l Login, mediaID string) (data []byte, contentType string, err error) {
	r := request{method: http.MethodGet, path: mediaPath, query: url.Values{"media_id": {mediaID}}, limit: maxMedia}
	got, err := c.authorized(ctx, l, r)
	if err != nil {
		return nil, "", err
	}
	if strings.Contains(got.contentType, "json") || strings.HasPrefix(got.contentType, "text/plain") {
		return nil, "", &CallError{Op: mediaPath, Sent: true, Err: errNoJSON} // a film's address, which nobody asked for
	}
	return got.body, got.contentType, nil
}

// Code is a QR code that leads to the account.
type Code struct {
	Ticket string
	// URL is what the picture encodes.
	URL string
	// Until is when it ends.
	Until time.Time
}

// CreateCode makes a temporary QR code. Its scene, at most MaxScene bytes,
// comes back with the push when somebody scans it.
func (c *Client) CreateCode(ctx context.Context, l Login, scene string, life time.Duration) (Code, error) {
	life = min(max(life, time.Minute), MaxCodeLife)
	var a struct {
		Ticket  string `json:"ticket"`
		URL     string `json:"url"`
		Seconds int64  `json:"expire_seconds"`
	}
	err := c.call(ctx, l, codePath, nil, map[string]any{
		"expire_seconds": int64(life.Seconds()), "action_name": "QR_STR_SCENE", "action_info": map[string]any{"scene": map[string]string{"scene_str": scene}},
	}, &a)
	if err != nil {
		return Code{}, err
	}
	if a.Ticket == "" || a.URL == "" {
		return Code{}, &CallError{Op: codePath, Sent: true, Err: errNoJSON}
	}
	return Code{Ticket: a.Ticket, URL: a.URL, Until: c.clk.Now().Add(time.Duration(a.Seconds) * time.Second)}, nil
}

// Follower is what WeChat tells of a person. Names and pictures are not among
// it since 2021.
type Follower struct {
	// Subscribed is false for people who do not follow the account; nothing
	// else is told of them.
	Subscribed bool
	UnionID    string // only with an account bound to an open platform
	Since      time.Time
	Scene      string // where they found the account, ADD_SCENE_…
	QRScene    string
}

// FollowerOf asks what WeChat tells of a person.
func (c *Client) FollowerOf(ctx context.Context, l Login, openID string) (Follower, error) {
	var a struct {
		Subscribe int    `json:"subscribe"`
		UnionID   string `json:"unionid"`
		Time      int64  `json:"subscribe_time"`
		Scene     string `json:"subscribe_scene"`
		QRScene   string `json:"qr_scene_str"`
	}
	if err := c.call(ctx, l, userPath, url.Values{"openid": {openID}, "lang": {"zh_CN"}}, nil, &a); err != nil {
		return Follower{}, err
	}
	f := Follower{Subscribed: a.Subscribe == 1, UnionID: a.UnionID, Scene: a.Scene, QRScene: a.QRScene}
	if a.Time > 0 {
		f.Since = time.Unix(a.Time, 0).UTC()
	}
	return f, nil
}
