// Package config reads the settings of an installation: defaults, then a
// config.yaml, then the environment. Each source overrides the one before it,
// and the whole is checked at once, so that a person sees every problem in one
// start, each with its key, its value and its cure.
package config

import (
	"encoding/base64"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Config is every setting. A value from Load has been validated; the zero
// value is not usable.
type Config struct {
	HTTP           HTTP         `yaml:"http"`
	PublicURL      string       `yaml:"public_url" doc:"The address under which people reach this installation, such as https://support.example.com. Links in mail and invitations are built from it alone. Empty: links use http.addr."`
	TrustedProxies []string     `yaml:"trusted_proxies" doc:"Addresses or networks of reverse proxies whose forwarded headers are believed, such as 10.0.0.0/8. Empty: none."`
	DataDir        string       `yaml:"data_dir" doc:"The folder that holds the database, files, secret key and admin socket."`
	Database       Database     `yaml:"database"`
	Redis          Redis        `yaml:"redis"`
	Files          Files        `yaml:"files"`
	SecretKey      string       `yaml:"secret_key" secret:"true" doc:"32 random bytes in base64 that seal stored secrets. Empty: made at first start and kept in data_dir/secret.key. Required with database.url, the same on every node."`
	Email          Email        `yaml:"email"`
	Sandbox        Sandbox      `yaml:"sandbox"`
	Log            Log          `yaml:"log"`
	Limits         Limits       `yaml:"limits"`
	Retention      Retention    `yaml:"retention"`
	Session        Session      `yaml:"session"`
	Installation   Installation `yaml:"installation"`

	origins map[string]origin // by key, for those that are not defaults
}

// origin is where a value was given.
type origin struct {
	file string
	line int
	env  string
}

func (c *Config) remember(key string, o origin) {
	if c.origins == nil {
		c.origins = map[string]origin{}
	}
	c.origins[key] = o
}

// FromFile tells whether a key's value was given in the file of settings.
func (c *Config) FromFile(key string) bool { return c.origins[key].file != "" }

// HTTP is where the program listens.
type HTTP struct {
	Addr      string        `yaml:"addr" doc:"The address and port to listen on. :8080 listens on every interface."`
	DrainWait time.Duration `yaml:"drain_wait" doc:"How long a node that is told to end goes on serving while /readyz refuses, so that the load balancer before it turns away. A little longer than the balancer's checks are apart; 0s without one."`
}

// Database says where rows live.
type Database struct {
	URL string `yaml:"url" secret:"true" doc:"A PostgreSQL database, such as postgres://user:password@host/name. Empty: SQLite in data_dir."`
}

// Redis joins the nodes of a cluster.
type Redis struct {
	URL string `yaml:"url" secret:"true" doc:"The Redis that joins the nodes of a cluster: redis://host:6379/0, with rediss:// encrypted. Sentinels: redis://host1:26379?addr=host2:26379&master_name=name. Redis Cluster: redis://host1:6379?addr=host2:6379. Empty: a single node."`
}

// Files says where attachments lie.
type Files struct {
	URL string `yaml:"url" doc:"Where files are kept: file:///shared/folder, or a bucket that speaks S3, such as s3://bucket?region=eu-central-1 or s3://bucket?endpoint=https://minio:9000; its credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Empty: the folder files in data_dir. Several nodes need the same one."`
}

// Email is how mail comes in.
type Email struct {
	SMTPAddr string `yaml:"smtp_addr" doc:"The address and port on which mail for the mail accounts is taken in by SMTP, such as :25. Empty: none is taken in, but the sandbox's own."`
	TLSCert  string `yaml:"tls_cert" doc:"A file with the certificate chain, in PEM, with which incoming mail can be encrypted (STARTTLS). Empty: it is not."`
	TLSKey   string `yaml:"tls_key" doc:"A file with the certificate's private key, in PEM."`
}

// Sandbox lets every channel be tried without an account.
type Sandbox struct {
	Mode      string `yaml:"mode" doc:"auto, on or off. auto: on only while every address of every node is loopback, public_url too or empty, no node has it off, and no real channel account exists. on: refused at start in any other state."`
	ShopAddr  string `yaml:"shop_addr" doc:"Where the sandbox's demo shop listens. Must be loopback."`
	PhoneAddr string `yaml:"phone_addr" doc:"Where the sandbox's WeChat phones and their platform listen. Must be loopback."`
	MailAddr  string `yaml:"mail_addr" doc:"Where the sandbox's mailbox listens. Must be loopback."`
}

// Log is how the program reports what it does.
type Log struct {
	Level  string `yaml:"level" doc:"debug, info, warn or error."`
	Format string `yaml:"format" doc:"text or json."`
}

// Limits are upper bounds on what comes in.
type Limits struct {
	FileBytes    int64 `yaml:"file_bytes" doc:"The largest file that can be attached, in bytes."`
	BodyChars    int   `yaml:"body_chars" doc:"The longest message, in characters."`
	RequestBytes int64 `yaml:"request_bytes" doc:"The largest request that is not a file, in bytes."`
}

// Retention is how long derived rows are kept.
type Retention struct {
	Changes time.Duration `yaml:"changes" doc:"How long the change feed is kept. A browser that was away for longer loads everything anew."`

	MembershipChanges time.Duration `yaml:"membership_changes" doc:"How long it is kept who entered and left a segment, and why. Who is in it, and since when, is kept as long as it is so."`
	JourneySteps      time.Duration `yaml:"journey_steps" doc:"How long the steps of people are kept who have come through a journey. What came of each step is still counted, and that they were there is kept."`
	StageChanges      time.Duration `yaml:"stage_changes" doc:"How long the moves between stages are kept. The last one of everybody is always kept, and all of those who were merged."`
}

// Session is how long a sign-in lasts.
type Session struct {
	Lifetime time.Duration `yaml:"lifetime" doc:"How long a sign-in lasts without use."`
}

// Installation holds what applies where nobody chose otherwise.
type Installation struct {
	Locale   string `yaml:"locale" doc:"The language where nobody chose one: en or zh-CN."`
	Timezone string `yaml:"timezone" doc:"The time zone where nobody chose one, by its IANA name, such as Asia/Shanghai."`
}

// Default returns the settings of an empty config.yaml.
func Default() *Config {
	return &Config{
		HTTP:           HTTP{Addr: "127.0.0.1:8080"},
		TrustedProxies: []string{},
		DataDir:        "data",
		Sandbox:        Sandbox{Mode: "auto", ShopAddr: "127.0.0.1:8081", PhoneAddr: "127.0.0.1:8082", MailAddr: "127.0.0.1:8083"},
		Log:            Log{Level: "info", Format: "text"},
		Limits:         Limits{FileBytes: 25 << 20, BodyChars: 10_000, RequestBytes: 1 << 20},
		Retention:      Retention{Changes: 72 * time.Hour, MembershipChanges: 400 * day, JourneySteps: 400 * day, StageChanges: 1100 * day},
		Session:        Session{Lifetime: 30 * 24 * time.Hour},
		Installation:   Installation{Locale: "en", Timezone: "UTC"},
	}
}

// SecretKeyBytes are the 32 bytes of SecretKey, nil when it is empty.
func (c *Config) SecretKeyBytes() []byte {
	b, err := base64.StdEncoding.DecodeString(c.SecretKey)
	if err != nil || len(b) == 0 {
		return nil
	}
	return b
}

// TrustedPrefixes are TrustedProxies as networks.
func (c *Config) TrustedPrefixes() []netip.Prefix {
	out := make([]netip.Prefix, 0, len(c.TrustedProxies))
	for _, s := range c.TrustedProxies {
		if p, ok := parsePrefix(s); ok {
			out = append(out, p)
		}
	}
	return out
}

// Location is the installation's time zone.
func (c *Config) Location() *time.Location {
	loc, err := time.LoadLocation(c.Installation.Timezone)
	if err != nil {
		return time.UTC
	}
	return loc
}

// SandboxOn decides whether the sandbox runs, given whether the database holds
// a channel account that is not the sandbox's own. With mode "on" every state
// that forbids it is a Problems error.
func (c *Config) SandboxOn(realAccounts bool) (bool, error) {
	var why Problems
	if !Loopback(c.HTTP.Addr) {
		why = append(why, c.problem("http.addr", "sandbox_not_loopback", nil))
	}
	if !Loopback(c.Sandbox.ShopAddr) {
		why = append(why, c.problem("sandbox.shop_addr", "sandbox_not_loopback", nil))
	}
	if !Loopback(c.Sandbox.PhoneAddr) {
		why = append(why, c.problem("sandbox.phone_addr", "sandbox_not_loopback", nil))
	}
	if !Loopback(c.Sandbox.MailAddr) {
		why = append(why, c.problem("sandbox.mail_addr", "sandbox_not_loopback", nil))
	}
	if c.Email.SMTPAddr != "" && !Loopback(c.Email.SMTPAddr) {
		why = append(why, c.problem("email.smtp_addr", "sandbox_not_loopback", nil))
	}
	if c.PublicURL != "" && !loopbackURL(c.PublicURL) {
		why = append(why, c.problem("public_url", "sandbox_public_url", nil))
	}
	if realAccounts {
		why = append(why, c.problem("sandbox.mode", "sandbox_real_accounts", nil))
	}
	switch {
	case c.Sandbox.Mode == "off":
		return false, nil
	case len(why) == 0:
		return true, nil
	case c.Sandbox.Mode == "on":
		return false, why
	}
	return false, nil
}

// SandboxForbidden is the Problems error of a sandbox that is demanded (mode
// "on") while another node forbids it; nil in every other mode and for node "".
func (c *Config) SandboxForbidden(node string) error {
	if c.Sandbox.Mode != "on" || node == "" {
		return nil
	}
	return Problems{c.problem("sandbox.mode", "sandbox_other_node", map[string]any{"node": node})}
}

// loopbackURL tells whether an address leads to this machine alone.
func loopbackURL(address string) bool {
	u, err := url.Parse(address)
	return err == nil && Loopback(net.JoinHostPort(u.Hostname(), "80"))
}

// Loopback tells whether a listening address can be reached from this machine
// alone.
func Loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

func parsePrefix(s string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), true
	}
	ip, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, false
	}
	ip = ip.Unmap().WithZone("")
	return netip.PrefixFrom(ip, ip.BitLen()), true
}

func isURL(s string, schemes ...string) (*url.URL, bool) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return nil, false
	}
	for _, scheme := range schemes {
		if u.Scheme == scheme {
			return u, true
		}
	}
	return nil, false
}
