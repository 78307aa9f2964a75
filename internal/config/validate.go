package config

import (
	"encoding/base64"
	"net"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// validate checks the whole; problems come in the order of the keys.
func (c *Config) validate() Problems {
	var out Problems
	refuse := func(bad bool, key, code string, params map[string]any) {
		if bad {
			out = append(out, c.problem(key, code, params))
		}
	}
	oneOf := func(key, value string, choices ...string) {
		refuse(!slices.Contains(choices, value), key, "not_a_choice", map[string]any{"choices": strings.Join(choices, ", ")})
	}
	between := func(key string, value, least, most int64) {
		refuse(value < least || value > most, key, "out_of_range", map[string]any{"min": least, "max": most})
	}

	refuse(!isAddress(c.HTTP.Addr), "http.addr", "not_an_address", nil)
	if c.PublicURL != "" {
		u, ok := isURL(c.PublicURL, "http", "https")
		refuse(!ok || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "", "public_url", "not_a_public_url", nil)
		c.PublicURL = strings.TrimRight(c.PublicURL, "/")
	}
	for _, p := range c.TrustedProxies {
		_, ok := parsePrefix(p)
		refuse(!ok, "trusted_proxies", "not_a_network", map[string]any{"entry": p})
	}
	refuse(strings.TrimSpace(c.DataDir) == "" || strings.ContainsRune(c.DataDir, 0), "data_dir", "not_a_folder", nil)
	if c.Database.URL != "" {
		_, ok := isURL(c.Database.URL, "postgres", "postgresql")
		refuse(!ok, "database.url", "not_postgres", nil)
	}
	if c.Redis.URL != "" {
		_, ok := isURL(c.Redis.URL, "redis", "rediss")
		refuse(!ok, "redis.url", "not_redis", nil)
	}
	if c.Files.URL != "" {
		refuse(!isFilesURL(c.Files.URL), "files.url", "not_files", nil)
	}
	c.validateSecret(refuse)
	oneOf("sandbox.mode", c.Sandbox.Mode, "auto", "on", "off")
	refuse(!isAddress(c.Sandbox.ShopAddr), "sandbox.shop_addr", "not_an_address", nil)
	refuse(!isAddress(c.Sandbox.PhoneAddr), "sandbox.phone_addr", "not_an_address", nil)
	refuse(!isAddress(c.Sandbox.MailAddr), "sandbox.mail_addr", "not_an_address", nil)
	refuse(c.Email.SMTPAddr != "" && !isAddress(c.Email.SMTPAddr), "email.smtp_addr", "not_an_address", nil)
	refuse(c.Email.TLSCert == "" && c.Email.TLSKey != "", "email.tls_cert", "certificate_incomplete", nil)
	refuse(c.Email.TLSCert != "" && c.Email.TLSKey == "", "email.tls_key", "certificate_incomplete", nil)
	oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	oneOf("log.format", c.Log.Format, "text", "json")
	between("limits.file_bytes", c.Limits.FileBytes, 1<<10, 1<<30)
	between("limits.body_chars", int64(c.Limits.BodyChars), 100, 100_000)
	between("limits.request_bytes", c.Limits.RequestBytes, 64<<10, 64<<20)
	refuse(c.Limits.RequestBytes < int64(c.Limits.BodyChars)*utf8.UTFMax, "limits.request_bytes", "request_below_body",
		map[string]any{"min": int64(c.Limits.BodyChars) * utf8.UTFMax})
	span := func(key string, value, least, most time.Duration) {
		refuse(value < least || value > most, key, "out_of_range", map[string]any{"min": FormatDuration(least), "max": FormatDuration(most)})
	}
	span("http.drain_wait", c.HTTP.DrainWait, 0, 5*time.Minute)
	span("retention.changes", c.Retention.Changes, time.Hour, 90*day)
	span("retention.membership_changes", c.Retention.MembershipChanges, 30*day, 3650*day)
	span("retention.journey_steps", c.Retention.JourneySteps, 30*day, 3650*day)
	span("retention.stage_changes", c.Retention.StageChanges, 30*day, 3650*day)
	span("session.lifetime", c.Session.Lifetime, 5*time.Minute, 365*day)
	oneOf("installation.locale", c.Installation.Locale, "en", "zh-CN")
	_, err := time.LoadLocation(c.Installation.Timezone)
	refuse(err != nil || c.Installation.Timezone == "" || c.Installation.Timezone == "Local", "installation.timezone", "not_a_timezone", nil)
	return out
}

func (c *Config) validateSecret(refuse func(bool, string, string, map[string]any)) {
	if c.SecretKey == "" {
		refuse(c.Database.URL != "", "secret_key", "secret_required", nil)
		return
	}
	b, err := base64.StdEncoding.DecodeString(c.SecretKey)
	refuse(err != nil || len(b) != 32, "secret_key", "not_a_secret_key", nil)
}

// isFilesURL accepts a folder by its absolute path and a bucket. Credentials do
// not belong into an address that is shown and logged.
func isFilesURL(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.User != nil || u.Fragment != "" {
		return false
	}
	switch u.Scheme {
	case "file":
		return u.Host == "" && path.IsAbs(u.Path) && path.Clean(u.Path) != "/" && u.RawQuery == ""
	case "s3":
		return u.Host != "" && u.Port() == "" && strings.Trim(u.Path, "/") == ""
	}
	return false
}

// isAddress accepts "host:port", ":port" and port 0, which lets the system choose.
func isAddress(s string) bool {
	host, port, err := net.SplitHostPort(s)
	if err != nil || strings.ContainsAny(host, " /@") {
		return false
	}
	n, err := strconv.Atoi(port)
	return err == nil && n >= 0 && n <= 65535 && strconv.Itoa(n) == port
}

const day = 24 * time.Hour

// ParseDuration reads Go's form ("90m", "72h") and whole days ("30d").
func ParseDuration(s string) (time.Duration, error) {
	if n, ok := strings.CutSuffix(s, "d"); ok {
		if days, err := strconv.ParseUint(n, 10, 16); err == nil {
			return time.Duration(days) * day, nil
		}
	}
	return time.ParseDuration(s)
}

// FormatDuration is the shortest form that ParseDuration reads back.
func FormatDuration(d time.Duration) string {
	switch {
	case d == 0:
		return "0s"
	case d > 0 && d%day == 0 && d >= 7*day:
		return strconv.FormatInt(int64(d/day), 10) + "d"
	case d%time.Hour == 0:
		return strconv.FormatInt(int64(d/time.Hour), 10) + "h"
	case d%time.Minute == 0:
		return strconv.FormatInt(int64(d/time.Minute), 10) + "m"
	}
	return d.String()
}
