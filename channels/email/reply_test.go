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
	first := email.MessageID(k, 1, 2, "tea.example")
	if first != email.MessageID(k, 1, 2, "tea.example") {
		t.Error("another attempt has another name")
	}
	seen := map[string]bool{first: true}
	for _, other := range []string{email.MessageID(k, 1, 3, "tea.example"), email.MessageID(k, 2, 2, "tea.example"), email.MessageID(keys(t, 2), 1, 2, "tea.example")} {
		if seen[other] {
			t.Errorf("%q twice", other)
		}
		seen[other] = true
	}
	if strings.ContainsAny(first, "<> \r\n") || !strings.HasSuffix(first, "@tea.example") {
		t.Errorf("%q", first)
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
