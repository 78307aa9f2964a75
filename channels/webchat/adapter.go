// Package webchat is the chat on a company's own website. Its customers read
// our own rows, so the commit that stores an answer is its sending; the
// sockets only make it quick.
package webchat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/text"
)

// Channel is the adapter's name.
const Channel = "webchat"

// Limits of an account's configuration and of a message.
const (
	MaxBody    = 10_000
	maxOrigins = 50
	maxTitle   = 60
	maxGreet   = 500
)

// Config is a web chat account's configuration.
type Config struct {
	// Origins that may carry the widget: "https://shop.example", or "*" for any.
	Origins         []string       `json:"origins"`
	Color           string         `json:"color" doc:"#rrggbb"`
	Greeting        channels.Words `json:"greeting"`
	Title           channels.Words `json:"title"`
	Position        string         `json:"position" enum:"right,left"`
	DefaultLocale   string         `json:"default_locale" enum:"en,zh-CN"`
	RequireIdentity bool           `json:"require_identity" doc:"Only visitors whom the site has identified may write"`
}

// DefaultConfig is what a new account has where nothing is said.
func DefaultConfig() Config {
	return Config{
		Origins: []string{}, Color: "#1f6feb", Position: "right", DefaultLocale: "en",
		Title:    channels.Words{En: "Chat with us", Zh: "在线咨询"},
		Greeting: channels.Words{En: "Hello. How can we help?", Zh: "您好，有什么可以帮您？"},
	}
}

// Adapter implements channels.Adapter.
type Adapter struct{}

// Channel implements channels.Adapter.
func (Adapter) Channel() string { return Channel }

// Capabilities implements channels.Adapter.
func (Adapter) Capabilities() channels.Capabilities {
	return channels.Capabilities{CommitSends: true, Deduplicates: true, MaxBody: MaxBody, Identity: customers.KindVisitor, PerAccount: true}
}

// Send implements channels.Adapter. Nothing is ever left to send.
func (Adapter) Send(context.Context, channels.Outbound) (channels.Sent, error) {
	return channels.Sent{}, nil
}

// Configure implements channels.Adapter: missing keys take their defaults.
func (Adapter) Configure(raw json.RawMessage, secrets channels.Secrets) (json.RawMessage, error) {
	c := DefaultConfig()
	if err := channels.DecodeConfig(raw, &c); err != nil {
		return nil, err
	}
	if err := errors.Join(c.check(), secrets.Check(nil, nil)); err != nil {
		return nil, err
	}
	return json.Marshal(c)
}

var colorForm = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)

func (c *Config) check() error {
	var bad []fault.Field
	add := func(field, code string, params fault.Params) {
		bad = append(bad, fault.Field{Field: "config." + field, Code: code, Params: params})
	}
	if len(c.Origins) > maxOrigins {
		add("origins", "too_many", fault.Params{"max": maxOrigins})
	}
	origins := []string{}
	for i, o := range c.Origins {
		canonical, err := Origin(o)
		if err != nil {
			add(fmt.Sprintf("origins[%d]", i), "origin_invalid", fault.Params{"value": text.Preview(o, 80)})
		} else if !slices.Contains(origins, canonical) {
			origins = append(origins, canonical)
		}
	}
	c.Origins, c.Color = origins, strings.ToLower(c.Color)
	if !colorForm.MatchString(c.Color) {
		add("color", "color_invalid", nil)
	}
	if c.Position != "right" && c.Position != "left" {
		add("position", "not_one_of", fault.Params{"allowed": "right, left"})
	}
	if c.DefaultLocale != "en" && c.DefaultLocale != "zh-CN" {
		add("default_locale", "not_one_of", fault.Params{"allowed": "en, zh-CN"})
	}
	for _, said := range []struct {
		field string
		words *string
		max   int
	}{
		{"title.en", &c.Title.En, maxTitle}, {"title.zh-CN", &c.Title.Zh, maxTitle},
		{"greeting.en", &c.Greeting.En, maxGreet}, {"greeting.zh-CN", &c.Greeting.Zh, maxGreet},
	} {
		if *said.words = text.Clean(*said.words); text.Length(*said.words) > said.max {
			add(said.field, "too_long", fault.Params{"max": said.max})
		}
	}
	return fault.AtFields(bad...)
}

// Allows tells whether a page of the given origin may carry the widget. own is
// the hub's own origin, which always may.
func (c *Config) Allows(origin, own string) bool {
	if origin == "" {
		return false
	}
	canonical, err := Origin(origin)
	if err != nil || canonical == "*" {
		return false
	}
	if canonical == own {
		return true
	}
	for _, o := range c.Origins {
		if o == "*" || o == canonical {
			return true
		}
	}
	return false
}

// ParseConfig reads a stored configuration.
func ParseConfig(raw json.RawMessage) (Config, error) {
	c := DefaultConfig()
	if err := json.Unmarshal(raw, &c); err != nil {
		return c, fmt.Errorf("stored web chat configuration: %w", err)
	}
	return c, nil
}
