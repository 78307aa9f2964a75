package wechat

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/locale"
	"github.com/fanward/fanward/internal/text"
)

// How WeChat pushes to an account, as it is set on WeChat's own page.
const (
	Plain  = "plain"
	Compat = "compat"
	Safe   = "safe"
)

// The names of an account's secrets.
const (
	SecretApp      = "app_secret"
	SecretToken    = "token"
	SecretKey      = "encoding_aes_key"
	SecretPrevious = "previous_encoding_aes_key"
)

var secretNames = []string{SecretApp, SecretToken, SecretKey, SecretPrevious}

const maxWelcome = 600

// Config is a WeChat account's configuration.
type Config struct {
	AppID string `json:"app_id"`
	// Mode of the pushes. Pushes in any other are refused, except in
	// PreviousMode, which is set while WeChat's own page is being changed.
	Mode         string `json:"mode" enum:"plain,compat,safe"`
	PreviousMode string `json:"previous_mode" enum:",plain,compat,safe"`
	// APIBase is where WeChat's API is: one of its own hosts, or in the sandbox
	// the simulator.
	APIBase string `json:"api_base"`
	// EraseOnUnsubscribe erases what came from WeChat when somebody stops
	// following, as WeChat's terms demand.
	EraseOnUnsubscribe bool `json:"erase_on_unsubscribe"`
	// Welcome answers a follow; empty: nothing does.
	Welcome       channels.Words `json:"welcome"`
	DefaultLocale string         `json:"default_locale" enum:"en,zh-CN" doc:"The followers' language; WeChat does not tell it"`
	// OpenPlatform names the 开放平台 that the account is bound to: accounts of
	// the same one know a person under the same unionid. Empty: the
	// installation has only one.
	OpenPlatform string `json:"open_platform"`
}

// DefaultConfig is what a new account has where nothing is said.
func DefaultConfig() Config {
	return Config{Mode: Safe, APIBase: DefaultBase, EraseOnUnsubscribe: true, DefaultLocale: locale.Chinese}
}

// ParseConfig reads a stored configuration.
func ParseConfig(raw json.RawMessage) (Config, error) {
	c := DefaultConfig()
	if err := json.Unmarshal(raw, &c); err != nil {
		return c, fmt.Errorf("stored WeChat configuration: %w", err)
	}
	return c, nil
}

var (
	appIDForm    = regexp.MustCompile(`^wx[0-9A-Za-z]{6,30}$`)
	tokenForm    = regexp.MustCompile(`^[0-9A-Za-z]{3,32}$`)
	platformForm = regexp.MustCompile(`^[0-9A-Za-z_.-]{0,64}$`)
	// hosts are where WeChat serves its API; no other is ever sent a secret.
	hosts = []string{"api.weixin.qq.com", "api2.weixin.qq.com", "sh.api.weixin.qq.com", "sz.api.weixin.qq.com", "hk.api.weixin.qq.com"}
)

// Configure implements channels.Adapter: missing keys take their defaults.
func (a *Adapter) Configure(raw json.RawMessage, secrets channels.Secrets) (json.RawMessage, error) {
	c := DefaultConfig()
	if err := channels.DecodeConfig(raw, &c); err != nil {
		return nil, err
	}
	if err := c.check(a.localBase); err != nil {
		return nil, err
	}
	required := []string{SecretApp, SecretToken}
	if c.Mode != Plain || c.PreviousMode != "" && c.PreviousMode != Plain {
		required = append(required, SecretKey)
	}
	if err := secrets.Check(secretNames, required); err != nil {
		return nil, err
	}
	if err := checkSecrets(secrets); err != nil {
		return nil, err
	}
	return json.Marshal(c)
}

func (c *Config) check(localBase bool) error {
	var bad []fault.Field
	add := func(field, code string, params fault.Params) {
		bad = append(bad, fault.Field{Field: "config." + field, Code: code, Params: params})
	}
	oneOf := func(field, value string, allowed ...string) {
		if !slices.Contains(allowed, value) {
			add(field, "not_one_of", fault.Params{"allowed": strings.TrimPrefix(strings.Join(allowed, ", "), ", ")})
		}
	}
	if c.AppID = strings.TrimSpace(c.AppID); c.AppID == "" {
		add("app_id", "required", nil)
	} else if !appIDForm.MatchString(c.AppID) {
		add("app_id", "wechat_app_id", nil)
	}
	oneOf("mode", c.Mode, Plain, Compat, Safe)
	oneOf("previous_mode", c.PreviousMode, "", Plain, Compat, Safe)
	oneOf("default_locale", c.DefaultLocale, locale.English, locale.Chinese)
	if base, ok := apiBase(c.APIBase, localBase); ok {
		c.APIBase = base
	} else {
		add("api_base", "wechat_api_base", fault.Params{"hosts": strings.Join(hosts, ", ")})
	}
	if !platformForm.MatchString(c.OpenPlatform) {
		add("open_platform", "wechat_open_platform", nil)
	}
	for field, words := range map[string]*string{"welcome.en": &c.Welcome.En, "welcome.zh-CN": &c.Welcome.Zh} {
		if *words = text.Clean(*words); text.Length(*words) > maxWelcome {
			add(field, "too_long", fault.Params{"max": maxWelcome})
		}
	}
	return fault.AtFields(bad...)
}

// apiBase accepts WeChat's own hosts over TLS and, where local is set, plain
// HTTP on this machine.
func apiBase(s string, local bool) (string, bool) {
	u, err := url.Parse(strings.TrimSpace(s))
	if err != nil || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", false
	}
	if u.Scheme == "https" && slices.Contains(hosts, strings.ToLower(u.Host)) {
		return "https://" + strings.ToLower(u.Host), true
	}
	addr, err := netip.ParseAddrPort(u.Host)
	return "http://" + u.Host, local && u.Scheme == "http" && err == nil && addr.Addr().IsLoopback()
}

// checkSecrets holds secrets to their form, which catches what was copied badly.
func checkSecrets(s channels.Secrets) error {
	var bad []fault.Field
	if t := s[SecretToken]; !tokenForm.MatchString(t) {
		bad = append(bad, fault.Field{Field: "secrets." + SecretToken, Code: "wechat_token"})
	}
	for _, name := range []string{SecretKey, SecretPrevious} {
		if _, err := parseKey(s[name]); s[name] != "" && err != nil {
			bad = append(bad, fault.Field{Field: "secrets." + name, Code: "wechat_aes_key"})
		}
	}
	return fault.AtFields(bad...)
}

// door is what pushes of an account are judged by.
type door struct {
	token string
	modes []string
	crypt *Crypter // nil while the account has no key
}

func newDoor(c Config, s channels.Secrets) (*door, error) {
	d := &door{token: s[SecretToken], modes: []string{c.Mode}}
	if c.PreviousMode != "" {
		d.modes = append(d.modes, c.PreviousMode)
	}
	if s[SecretKey] == "" {
		return d, nil
	}
	var err error
	d.crypt, err = NewCrypter(c.AppID, s[SecretKey], s[SecretPrevious])
	return d, err
}

var (
	errMode      = errors.New("the push is not in the account's mode")
	errSignature = errors.New("the signature does not match")
)

// admit verifies a push and gives its plain XML. key is with what an answer has
// to be encrypted, nil where it is not.
func (d *door) admit(q url.Values, body []byte) (plain, key []byte, err error) {
	stamp, nonce := q.Get("timestamp"), q.Get("nonce")
	switch q.Get("encrypt_type") {
	case "", "raw":
		if !slices.Contains(d.modes, Plain) {
			return nil, nil, errMode
		}
		if !signed(q.Get("signature"), d.token, stamp, nonce) {
			return nil, nil, errSignature
		}
		return body, nil, nil
	case "aes":
	default:
		return nil, nil, errMode
	}
	if d.crypt == nil || !slices.ContainsFunc(d.modes, func(m string) bool { return m != Plain }) {
		return nil, nil, errMode
	}
	e, err := parseEnvelope(body)
	if err != nil {
		return nil, nil, err
	}
	// The fields that the compatible mode sends beside the cipher are signed by
	// nobody: only what was encrypted counts.
	if !signed(q.Get("msg_signature"), d.token, stamp, nonce, e.encrypted) {
		return nil, nil, errSignature
	}
	return d.crypt.decrypt(e.encrypted)
}
