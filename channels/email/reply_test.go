package email_test

import (
	"strings"
	"testing"

	"github.com/fanward/fanward/channels/email"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/seal"
)

func keys(t testing.TB, first byte) *seal.Keys {
	t.Helper()
	root := make([]byte, seal.KeySize)
	root[0] = first
	k, err := seal.New(root)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestReplyAddress(t *testing.T) {
	k := keys(t, 1)
	const account, conversation = ids.ID(71234567890123456), ids.ID(81234567890123456)
	address := email.ReplyAddress(k, account, conversation, "tea.example")
	local, domain, _ := strings.Cut(address, "@")
	if domain != "tea.example" || len(local) > 64 || !email.IsReply(address) {
		t.Fatalf("%q", address)
	}
	for _, good := range []string{address, strings.ToUpper(address), local + "@other.example"} {
		if got, ok := email.ParseReply(k, account, good); !ok || got != conversation {
			t.Errorf("%q: %v %v", good, got, ok)
		}
	}
	if _, ok := email.ParseReply(keys(t, 2), account, address); ok {
		t.Error("made under another key")
	}
	if _, ok := email.ParseReply(k, account+1, address); ok {
		t.Error("made for another account")
	}
	mac := local[strings.IndexByte(local, '.')+1:]
	bad := []string{
		"", "@", "reply+", "reply+@x", "reply+.@x", "help@tea.example", "reply+" + strings.TrimPrefix(local, "reply+0"), "reply+0" + strings.TrimPrefix(address, "reply+"),
		"reply+-1." + mac + "@x", "reply+1." + mac + "@x", "reply+zzzzzzzzzzzzzzzzz." + mac, local[:len(local)-1] + "@x", local + "a@x", strings.Replace(address, ".", "..", 1),
	}
	for i := range local { // one character changed
		c := byte('a')
		if local[i] == c {
			c = 'b'
		}
		bad = append(bad, local[:i]+string(c)+local[i+1:]+"@tea.example")
	}
	for _, b := range bad {
		if got, ok := email.ParseReply(k, account, b); ok {
			t.Errorf("%q is taken as %v", b, got)
		}
	}
}

func TestMessageID(t *testing.T) {
	k := keys(t, 1)
	const account, conversation, delivery = ids.ID(1), ids.ID(2), ids.ID(3)
	first := email.MessageID(k, account, conversation, delivery, "tea.example")
	if first != email.MessageID(k, account, conversation, delivery, "tea.example") || strings.ContainsAny(first, "<> \r\n") || !strings.HasSuffix(first, "@tea.example") {
		t.Errorf("%q", first)
	}
	if got, ok := email.ParseMessageID(k, account, first); !ok || got != conversation {
		t.Errorf("%v %v", got, ok)
	}
	if got, ok := email.ParseMessageID(k, account, email.MessageID(k, account, 0, delivery, "x")); !ok || got != 0 {
		t.Errorf("outside of a conversation: %v %v", got, ok)
	}
	bad := []string{"", "fw.", "fw...@x", "fw.3.2.@x", "fw.3.2", "m1@example.com", strings.Replace(first, "fw.3.", "fw.4.", 1), strings.Replace(first, ".2.", ".4.", 1), strings.Replace(first, "fw.3", "fw.03", 1), strings.Replace(first, "fw.", "", 1)}
	for _, b := range bad {
		if _, ok := email.ParseMessageID(k, account, b); ok {
			t.Errorf("%q is taken", b)
		}
	}
	if _, ok := email.ParseMessageID(k, account+1, first); ok {
		t.Error("made for another account")
	}
	if _, ok := email.ParseMessageID(keys(t, 2), account, first); ok {
		t.Error("made under another key")
	}
}

func FuzzParseReply(f *testing.F) {
	k := keys(f, 1)
	f.Add(email.ReplyAddress(k, 1, 2, "x"))
	f.Add("reply+1.aaaaaaaaaaaaaaaa@x")
	f.Fuzz(func(t *testing.T, s string) {
		if id, ok := email.ParseReply(k, 1, s); ok && !strings.HasPrefix(strings.ToLower(s), strings.ToLower(strings.TrimSuffix(email.ReplyAddress(k, 1, id, ""), "@"))) {
			t.Fatalf("%q is taken as %v", s, id)
		}
	})
}
