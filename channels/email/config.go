package email

import (
	"encoding/json"
	"net"
	"net/mail"
	"net/netip"
	"regexp"
	"strings"

	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/text"
)

// PasswordSecret is the secret that holds the password of the sending server.
const PasswordSecret = "smtp_password"

// How the line to the sending server is secured.
const (
	TLSNone     = "none"
	TLSStart    = "starttls"
	TLSImplicit = "tls"
)

// Config is a mail account's configuration.
type Config struct {
	Address string `json:"address" doc:"The address that customers write to"`
	Name    string `json:"name" doc:"The name beside the address in what customers receive"`
	Domain  string `json:"domain" doc:"The domain of reply addresses; mail to it must reach this installation. Empty: that of the address"`
	SMTP    SMTP   `json:"smtp"`
}

// SMTP is the server through which an account sends.
type SMTP struct {
	Host string `json:"host"`
	Port int    `json:"port" doc:"0: 465 for tls, 587 for starttls, 25 for none"`
	User string `json:"user" doc:"Empty: the server asks for no sign-in"`
	TLS  string `json:"tls" enum:"none,starttls,tls"`
}

const (
	maxName  = 80
	maxLocal = 64
	maxUser  = 255
)

var (
	hostName  = regexp.MustCompile(`^(?i)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`)
	localPart = regexp.MustCompile(`^[A-Za-z0-9!#$%&'*+/=?^_{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_{|}~-]+)*$`)
)

// ParseConfig reads a stored configuration.
func ParseConfig(raw json.RawMessage) (Config, error) {
	var c Config
	err := json.Unmarshal(raw, &c)
	return c, err
}

// check brings the configuration into its canonical form or names every field
// that is wrong. hasPassword tells whether a password is stored.
func (c *Config) check(hasPassword bool) error {
	var bad []fault.Field
	add := func(field, code string, params fault.Params) {
		bad = append(bad, fault.Field{Field: field, Code: code, Params: params})
	}
	c.Address, c.Name, c.Domain = text.FoldEmail(c.Address), text.CleanLine(c.Name), strings.ToLower(strings.TrimSpace(c.Domain))
	switch {
	case c.Address == "":
		add("config.address", "required", nil)
	case !validAddress(c.Address) || IsReply(c.Address):
		add("config.address", "invalid_email", nil)
	}
	if text.Length(c.Name) > maxName {
		add("config.name", "too_long", fault.Params{"max": maxName})
	}
	if _, domain, ok := strings.Cut(c.Address, "@"); ok && c.Domain == "" {
		c.Domain = domain
	}
	if c.Domain != "" && (!hostName.MatchString(c.Domain) || len(c.Domain) > 180) {
		add("config.domain", "host_invalid", nil)
	}
	c.SMTP.check(add, hasPassword)
	return fault.AtFields(bad...)
}

func (s *SMTP) check(add func(field, code string, params fault.Params), hasPassword bool) {
	s.Host, s.User = strings.ToLower(strings.TrimSpace(s.Host)), text.CleanLine(s.User)
	ip, err := netip.ParseAddr(s.Host)
	switch {
	case s.Host == "":
		add("config.smtp.host", "required", nil)
	case err != nil && (!hostName.MatchString(s.Host) || len(s.Host) > 253), err == nil && (ip.Zone() != "" || ip.IsUnspecified() || ip.IsMulticast()):
		add("config.smtp.host", "host_invalid", nil)
	}
	ports := map[string]int{TLSNone: 25, TLSStart: 587, TLSImplicit: 465}
	if ports[s.TLS] == 0 {
		add("config.smtp.tls", "not_one_of", fault.Params{"allowed": "none, starttls, tls"})
	}
	switch {
	case s.Port == 0:
		s.Port = ports[s.TLS]
	case s.Port < 0:
		add("config.smtp.port", "too_small", fault.Params{"min": 1})
	case s.Port > 65535:
		add("config.smtp.port", "too_big", fault.Params{"max": 65535})
	}
	if len(s.User) > maxUser {
		add("config.smtp.user", "too_long", fault.Params{"max": maxUser})
	}
	if s.User != "" && !hasPassword {
		add("secrets."+PasswordSecret, "required", nil)
	}
	if s.User != "" && s.TLS == TLSNone && !loopback(s.Host) {
		add("config.smtp.tls", "password_needs_tls", nil)
	}
}

// loopback tells whether a host is this machine, so that nothing travels.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// validAddress tells whether s is one plain mail address that can stand in a
// command and a header: ASCII, without quotes or comments.
func validAddress(s string) bool {
	local, domain, ok := cutLast(s)
	if !ok || len(s) > text.MaxEmail || len(local) > maxLocal || !localPart.MatchString(local) || !hostName.MatchString(domain) || net.ParseIP(domain) != nil {
		return false
	}
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s && a.Name == ""
}

// international tells whether an address would be fit for mail if its local part
// were ASCII; domains in other letters have a form in ASCII, local parts have none.
func international(s string) bool {
	local, domain, _ := cutLast(s)
	plain := strings.Map(func(r rune) rune {
		if r > '~' && r != '\uFFFD' {
			return 'x'
		}
		return r
	}, local)
	return plain != local && validAddress(plain+"@"+domain)
}

func cutLast(s string) (local, domain string, ok bool) {
	i := strings.LastIndexByte(s, '@')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}
