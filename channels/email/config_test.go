package email_test

import (
	"encoding/json"
	"testing"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/email"
	"github.com/fanward/fanward/internal/fault"
)

func TestConfigure(t *testing.T) {
	a := newAdapter(t, &desk{})
	password := channels.Secrets{email.PasswordSecret: "x"}
	for _, test := range []struct{ given, want string }{
		{`{"address":" Help@Tea.example ","smtp":{"host":"Mail.tea.example"}}`, `{"address":"help@tea.example","name":"","domain":"tea.example","smtp":{"host":"mail.tea.example","port":587,"user":"","tls":"starttls"}}`},
		{`{"address":"a@b.example","name":"林记","domain":"reply.b.example","smtp":{"host":"::1","tls":"tls","user":"u"}}`, `{"address":"a@b.example","name":"林记","domain":"reply.b.example","smtp":{"host":"::1","port":465,"user":"u","tls":"tls"}}`},
		{`{"address":"a@b.example","smtp":{"host":"127.0.0.1","tls":"none","user":"u"}}`, `{"address":"a@b.example","name":"","domain":"b.example","smtp":{"host":"127.0.0.1","port":25,"user":"u","tls":"none"}}`},
	} {
		got, err := a.Configure(json.RawMessage(test.given), password)
		if err != nil || string(got) != test.want {
			t.Errorf("%s became\n%s, %v, want\n%s", test.given, got, err, test.want)
		}
	}
	for _, test := range []struct {
		given       string
		secrets     channels.Secrets
		field, code string
	}{
		{``, nil, "config.address", "required"},
		{`{"address":"x","smtp":{"host":"h"}}`, nil, "config.address", "invalid_email"},
		{`{"address":"a@b\r\nc","smtp":{"host":"h"}}`, nil, "config.address", "invalid_email"},
		{`{"address":"reply+1.x@b.example","smtp":{"host":"h"}}`, nil, "config.address", "invalid_email"},
		{`{"address":"a@[1.2.3.4]","smtp":{"host":"h"}}`, nil, "config.address", "invalid_email"},
		{`{"address":"a@b.example","domain":"no domain","smtp":{"host":"h"}}`, nil, "config.domain", "host_invalid"},
		{`{"address":"a@b.example"}`, nil, "config.smtp.host", "required"},
		{`{"address":"a@b.example","smtp":{"host":"https://mail.example"}}`, nil, "config.smtp.host", "host_invalid"},
		{`{"address":"a@b.example","smtp":{"host":"mail.example:25"}}`, nil, "config.smtp.host", "host_invalid"},
		{`{"address":"a@b.example","smtp":{"host":"0.0.0.0"}}`, nil, "config.smtp.host", "host_invalid"},
		{`{"address":"a@b.example","smtp":{"host":"h","port":-1}}`, nil, "config.smtp.port", "too_small"},
		{`{"address":"a@b.example","smtp":{"host":"h","port":65536}}`, nil, "config.smtp.port", "too_big"},
		{`{"address":"a@b.example","smtp":{"host":"h","tls":"ssl"}}`, nil, "config.smtp.tls", "not_one_of"},
		{`{"address":"a@b.example","smtp":{"host":"h","user":"u"}}`, nil, "secrets.smtp_password", "required"},
		{`{"address":"a@b.example","smtp":{"host":"h","user":"u","tls":"none"}}`, password, "config.smtp.tls", "password_needs_tls"},
		{`{"address":"a@b.example","smtp":{"host":"h"}}`, channels.Secrets{"password": "x"}, "secrets.password", "unknown_field"},
		{`{"address":"a@b.example","smtp":{"hosts":"h"}}`, nil, "config.hosts", "unknown_field"},
	} {
		_, err := a.Configure(json.RawMessage(test.given), test.secrets)
		e, ok := fault.As(err)
		if !ok || len(e.Fields) == 0 || e.Fields[0].Field != test.field || e.Fields[0].Code != test.code {
			t.Errorf("%s: %v, want %s %s", test.given, err, test.field, test.code)
		}
	}
}
