package wechat

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/intake"
	"github.com/fanward/fanward/internal/clock"
)

// freshness is how far a push's time may be from ours before it is worth a
// line in the log. It is no reason to refuse: re-deliveries are old, too.
const freshness = 10 * time.Minute

// Keeper stores raw pushes; channels/intake is one.
type Keeper interface {
	Keep(ctx context.Context, raw intake.Raw) (first bool, err error)
}

// Receiver answers what WeChat asks and pushes. A push is stored before it is
// acknowledged and understood afterwards, by Handler. It is safe for concurrent
// use.
type Receiver struct {
	accounts Accounts
	keep     Keeper
	clk      clock.Clock
	log      *slog.Logger
}

// NewReceiver returns a receiver.
func NewReceiver(accounts Accounts, keep Keeper, clk clock.Clock, log *slog.Logger) *Receiver {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Receiver{accounts: accounts, keep: keep, clk: clk, log: log}
}

// Serve answers one request for an active account. GET is WeChat's check of
// the address, POST a push. What is not proven to be WeChat's is answered 403
// and not stored; when the storage fails the answer is 503, and WeChat delivers
// again.
func (rc *Receiver) Serve(w http.ResponseWriter, r *http.Request, acc *channels.Account) {
	config, err := ParseConfig(acc.Config)
	var d *door
	if err == nil {
		var secrets channels.Secrets
		if secrets, err = rc.accounts.Secrets(acc); err == nil {
			d, err = newDoor(config, secrets)
		}
	}
	if err != nil {
		rc.log.Error("open a WeChat account", "account_id", acc.ID, "error", err)
		http.Error(w, "unavailable", http.StatusServiceUnavailable)
		return
	}
	switch r.Method {
	case http.MethodGet:
		rc.check(w, r, acc, d)
	case http.MethodPost:
		rc.push(w, r, acc, config, d)
	default:
		w.Header().Set("Allow", "GET, POST")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
	}
}

func (rc *Receiver) check(w http.ResponseWriter, r *http.Request, acc *channels.Account, d *door) {
	q := r.URL.Query()
	if !signed(q.Get("signature"), d.token, q.Get("timestamp"), q.Get("nonce")) {
		rc.refuse(w, acc, errSignature)
		return
	}
	answer(w, q.Get("echostr"))
}

func (rc *Receiver) refuse(w http.ResponseWriter, acc *channels.Account, why error) {
	rc.log.Warn("a WeChat push was refused", "account_id", acc.ID, "reason", why)
	http.Error(w, "forbidden", http.StatusForbidden)
}

// answer writes plain text, which browsers must not take for anything else:
// the address is public, and echostr comes from the caller.
func answer(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = io.WriteString(w, text) // only a caller that left makes this fail
}

func (rc *Receiver) push(w http.ResponseWriter, r *http.Request, acc *channels.Account, config Config, d *door) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxPush))
	if err != nil {
		var big *http.MaxBytesError
		if errors.As(err, &big) {
			http.Error(w, "too large", http.StatusRequestEntityTooLarge)
			return
		}
		http.Error(w, "incomplete", http.StatusBadRequest)
		return
	}
	q := r.URL.Query()
	plain, key, err := d.admit(q, body)
	if err != nil {
		rc.refuse(w, acc, err)
		return
	}
	p, err := ParsePush(plain)
	if err != nil {
		rc.log.Warn("a WeChat push is not legible", "account_id", acc.ID)
		http.Error(w, "not legible", http.StatusBadRequest)
		return
	}
	rc.remark(acc, q.Get("timestamp"))
	if _, err := rc.keep.Keep(r.Context(), intake.Raw{Account: acc.ID, Key: p.DedupeKey(), Lane: p.From, Body: plain}); err != nil {
		rc.log.Error("store a WeChat push", "account_id", acc.ID, "error", err)
		http.Error(w, "unavailable", http.StatusServiceUnavailable)
		return
	}
	if welcome := config.Welcome.In(config.DefaultLocale); p.Event == EventSubscribe && welcome != "" {
		answer(w, rc.reply(p, welcome, d, key))
		return
	}
	answer(w, "success")
}

// remark logs pushes whose time is far from ours.
func (rc *Receiver) remark(acc *channels.Account, stamp string) {
	n, err := strconv.ParseInt(stamp, 10, 64)
	if age := rc.clk.Now().Sub(time.Unix(n, 0)); err != nil || age.Abs() > freshness {
		rc.log.Warn("a WeChat push bears a strange time; is this machine's clock right?", "account_id", acc.ID, "timestamp", n)
	}
}

// replyXML and sealedXML are answers that WeChat shows to the person. Such an
// answer spends nothing of what may be sent.
type replyXML struct {
	XMLName      xml.Name `xml:"xml"`
	ToUserName   string
	FromUserName string
	CreateTime   int64
	MsgType      string
	Content      string
}

type sealedXML struct {
	XMLName      xml.Name `xml:"xml"`
	Encrypt      string
	MsgSignature string
	TimeStamp    int64
	Nonce        string
}

// reply composes a text for whoever the push came from. WeChat shows only the
// answer to the delivery that it still waits for, so a re-delivered push does
// not lead to two.
func (rc *Receiver) reply(p *Push, text string, d *door, key []byte) string {
	now := rc.clk.Now().Unix()
	plain := marshal(replyXML{ToUserName: p.From, FromUserName: p.To, CreateTime: now, MsgType: "text", Content: text})
	if key == nil {
		return plain
	}
	sealed := d.crypt.seal([]byte(plain), key)
	nonce := strconv.FormatInt(now, 36)
	return marshal(sealedXML{Encrypt: sealed, TimeStamp: now, Nonce: nonce, MsgSignature: Sign(d.token, fmt.Sprint(now), nonce, sealed)})
}

func marshal(v any) string {
	var b strings.Builder
	if err := xml.NewEncoder(&b).Encode(v); err != nil {
		return "success" // cannot happen: texts and numbers always encode
	}
	return b.String()
}
