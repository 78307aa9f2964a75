package email_test

import (
	"context"
	"sync"
	"testing"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/email"
)

// Mails of one account share lines; what became of one on a line never makes
// another be sent twice, or not at all.
func TestLinesAreKept(t *testing.T) {
	ctx := context.Background()
	f := newFar(t, nil, nil, false)
	d := &desk{secrets: channels.Secrets{email.PasswordSecret: "secret"}}
	a := newAdapter(t, d)
	out := outbound(accountAt(t, f, "lin", email.TLSNone))
	send := func() error {
		t.Helper()
		_, err := a.Send(ctx, out)
		return err
	}
	expect := func(what string, lines, mails int) {
		t.Helper()
		f.mu.Lock()
		n, taken := f.calls, len(f.mails)
		f.mu.Unlock()
		if n != lines || taken != mails {
			t.Errorf("%s: %d lines and %d mails, want %d and %d", what, n, taken, lines, mails)
		}
	}
	for range 3 {
		if err := send(); err != nil {
			t.Fatal(err)
		}
	}
	expect("one line", 1, 3)

	f.says("RCPT", "550 5.1.1 no such user")
	failed(t, send(), channels.Refused, "mail_address_unknown")
	f.says("RCPT", "")
	if err := send(); err != nil {
		t.Error(err)
	}
	expect("after a refusal", 1, 4)

	f.hangUp() // while the line rests
	if err := send(); err != nil {
		t.Error(err)
	}
	expect("after the far side hung up", 2, 5)

	f.says("MAIL", "421 4.3.2 good-bye")
	failed(t, send(), channels.Temporary, "mail_server_busy")
	f.says("MAIL", "")
	expect("a good-bye is asked about once more, on a line of its own", 3, 5)
	if err := send(); err != nil {
		t.Error(err)
	}

	f.says(".", "cut") // taken, perhaps: never repeated
	failed(t, send(), channels.Ambiguous, "send_unknown")
	f.says(".", "")
	expect("cut behind the final dot", 4, 7)
	if err := send(); err != nil {
		t.Error(err)
	}
	d.secrets[email.PasswordSecret] = "another"
	before := f.times("AUTH")
	if err := send(); err != nil {
		t.Error(err)
	}
	if f.times("AUTH") != before+1 {
		t.Error("a line of the old password was used")
	}
}

// A line is closed after a hundred mails, and there are never more of them than
// mails under way at once.
func TestLinesAreBounded(t *testing.T) {
	f := newFar(t, nil, nil, false)
	a := newAdapter(t, &desk{})
	var sending sync.WaitGroup
	for range 4 {
		sending.Go(func() {
			for range 60 {
				if _, err := a.Send(context.Background(), outbound(accountAt(t, f, "", email.TLSNone))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	sending.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.calls
	if len(f.mails) != 240 || n < 3 || n > 8 {
		t.Errorf("%d mails on %d lines", len(f.mails), n)
	}
}
