package mime_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"unicode"
	"unicode/utf8"

	"github.com/fanward/fanward/channels/email/mime"
	"github.com/fanward/fanward/internal/fault"
)

var update = flag.Bool("update", false, "write the mails and what is expected of them")

// seen is a mail as its golden file keeps it.
type seen struct {
	*mime.Mail
	Files  []seenFile `json:"files,omitempty"`
	Thread []string   `json:"thread,omitempty"`
	Error  string     `json:"error,omitempty"`
}

type seenFile struct {
	Size int    `json:"size"`
	Sum  string `json:"sum"`
}

func look(raw []byte) []byte {
	m, err := mime.Parse(bytes.NewReader(raw), mime.DefaultLimits())
	s := seen{Mail: m, Error: fault.CodeOf(err)}
	if m != nil {
		s.Thread = m.Thread()
		for _, a := range m.Attachments {
			sum := sha256.Sum256(a.Content)
			s.Files = append(s.Files, seenFile{len(a.Content), hex.EncodeToString(sum[:4])})
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(s); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// Every kind of mail of our own making, beside what is to be read in it.
func TestMails(t *testing.T) {
	all := fixtures()
	if len(all) < 60 {
		t.Fatalf("only %d mails", len(all))
	}
	names := map[string]bool{}
	for _, f := range all {
		if names[f.name] {
			t.Fatalf("two mails are named %s", f.name)
		}
		names[f.name] = true
		t.Run(f.name, func(t *testing.T) {
			mailFile, wantFile := filepath.Join("testdata", f.name+".eml"), filepath.Join("testdata", f.name+".json")
			if *update {
				got := look([]byte(f.raw))
				if err := errors.Join(os.WriteFile(mailFile, []byte(f.raw), 0o600), os.WriteFile(wantFile, got, 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			raw, err := os.ReadFile(mailFile)
			if err != nil {
				t.Fatal(err)
			}
			if string(raw) != f.raw {
				t.Errorf("%s is not what the generator makes; run with -update", mailFile)
			}
			want, err := os.ReadFile(wantFile)
			if err != nil {
				t.Fatal(err)
			}
			if got := look(raw); !bytes.Equal(got, want) {
				t.Errorf("read:\n%s\nwant:\n%s", got, want)
			}
		})
	}
	kept, err := filepath.Glob("testdata/*.eml")
	if err != nil || len(kept) != len(all) {
		t.Errorf("%d files for %d mails (%v)", len(kept), len(all), err)
	}
}

func TestLimits(t *testing.T) {
	small := mime.DefaultLimits()
	small.Bytes, small.Header, small.Text = 4000, 1000, 100
	for _, test := range []struct{ name, raw, code, defect string }{
		{"fits", plain("x", strings.Repeat("a", 90)), "", ""},
		{"text beyond the limit", plain("x", strings.Repeat("好", 90)), "", mime.DefectText},
		{"too large", plain("x", strings.Repeat("a", 5000)), "mail_too_large", ""},
		{"too large in a part", mail("Subject: x\n", parts("multipart/mixed", textPart+strings.Repeat("a", 5000))), "mail_too_large", ""},
		{"header too long", mail("X-A: "+strings.Repeat("a", 900)+"\nX-B: "+strings.Repeat("b", 200)+"\n", "\nhi\n"), "mail_header_too_long", ""},
		{"one line too long", "Subject: " + strings.Repeat("a", 3000), "mail_header_too_long", ""},
		{"nothing", "", "mail_malformed", ""},
		{"only empty lines", "\r\n\r\n", "mail_malformed", ""},
		{"not a mail", "\x89PNG\r\n\x1a\nhello there\n", "mail_malformed", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			m, err := mime.Parse(strings.NewReader(test.raw), small)
			if fault.CodeOf(err) != test.code {
				t.Fatalf("%v, want %q", err, test.code)
			}
			if (m == nil) != (test.code != "") {
				t.Fatal("either a mail or an error")
			}
			if m != nil && strings.Join(m.Defects, " ") != test.defect {
				t.Errorf("defects %v, want %q", m.Defects, test.defect)
			}
		})
	}
}

func TestReaderFails(t *testing.T) {
	broken := errors.New("the disk is gone")
	raw := mail("Subject: x\n", parts("multipart/mixed", textPart+strings.Repeat("a\n", 40000)))
	for _, n := range []int64{10, 200, 30000} {
		r := io.MultiReader(io.LimitReader(strings.NewReader(raw), n), iotest.ErrReader(broken))
		if _, err := mime.Parse(r, mime.DefaultLimits()); !errors.Is(err, broken) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
}

// Folding moves text, it never loses any.
func TestFoldLosesNothing(t *testing.T) {
	squeeze := func(s string) map[rune]int {
		n := map[rune]int{}
		for _, r := range s {
			if !unicode.IsSpace(r) {
				n[r]++
			}
		}
		return n
	}
	for _, f := range quoteMails() {
		_, raw, _ := strings.Cut(f.raw, "\r\n\r\n")
		raw = strings.ReplaceAll(raw, "\r\n", "\n")
		body, quoted := mime.Fold(raw)
		got, want := squeeze(body+quoted), squeeze(raw)
		for r, n := range want {
			if got[r] != n {
				t.Errorf("%s: %q stands %d times instead of %d", f.name, r, got[r], n)
			}
		}
	}
}

// Nothing of a long text is lost, and parting it takes no more than it is large.
func TestFoldOfMuch(t *testing.T) {
	for _, s := range []string{
		strings.Repeat("> x\n", 200_000), strings.Repeat("x\n> y\n", 100_000), strings.Repeat("From: x\n", 100_000), strings.Repeat("On 2026 \n", 100_000),
		strings.Repeat("在 2026，写道", 100_000), strings.Repeat("-", 1<<20), strings.Repeat("> x\ny\n\n", 100_000),
	} {
		var body, quoted string
		used := allocated(func() { body, quoted = mime.Fold(s) })
		if solid(body+quoted) != solid(s) || used > 64*len(s) {
			t.Errorf("%.20q: of %d characters are left %d, in %d KB", s, solid(s), solid(body+quoted), used>>10)
		}
	}
}

// solid counts what is no white space.
func solid(s string) (n int) {
	for _, word := range strings.Fields(s) {
		n += len(word)
	}
	return n
}

func FuzzParse(f *testing.F) {
	for _, m := range fixtures() {
		f.Add([]byte(m.raw))
	}
	limits := mime.DefaultLimits()
	limits.Bytes = 1 << 20
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := mime.Parse(bytes.NewReader(raw), limits)
		if err != nil {
			if _, ok := fault.As(err); !ok {
				t.Fatalf("no code: %v", err)
			}
			return
		}
		for _, s := range []string{m.Subject, m.Body, m.Quoted, m.From.Name, m.From.Address, m.MessageID, m.HTML} {
			if !utf8.ValidString(s) {
				t.Fatalf("%q is no text", s)
			}
		}
		for _, s := range []string{m.Subject, m.From.Name, m.From.Address, m.MessageID} {
			if strings.ContainsAny(s, "\r\n\x00") {
				t.Fatalf("%q breaks a line", s)
			}
		}
		for _, a := range m.Attachments {
			if a.Name == "" || strings.ContainsAny(a.Name, "/\\\x00\r\n") || a.Name == "." || a.Name == ".." {
				t.Fatalf("%q is no safe name", a.Name)
			}
		}
		if len(m.Attachments) > limits.Parts {
			t.Fatal("too many attachments")
		}
		safe(t, m.HTML)
	})
}

func FuzzSanitise(f *testing.F) {
	for _, m := range append(hostileMails(), quoteMails()...) {
		f.Add(m.raw)
	}
	f.Fuzz(func(t *testing.T, source string) {
		if len(source) > 64<<10 {
			return
		}
		if s, err := mime.Sanitise(source); err == nil {
			safe(t, s.HTML)
		}
		_ = mime.TextOf(source)
		mime.Fold(source)
	})
}

// What a mail takes grows with it, and no faster, however its lines and parts are
// arranged.
func TestMailsThatGrow(t *testing.T) {
	mixed := "From: a@b.example\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n"
	page := "--o\r\nContent-Type: text/html\r\n\r\n" + strings.Repeat("<p>words</p>\r\n", 2000) + "\r\n"
	words := "--o\r\nContent-Type: text/plain\r\n\r\n" + strings.Repeat("words\r\n", 5000) + "\r\n"
	limits := mime.DefaultLimits()
	limits.Text = 64 << 10
	for name, raw := range map[string]string{
		"a paragraph of many lines": "From: a@b.example\r\nContent-Type: text/plain; format=flowed\r\n\r\n" + strings.Repeat("a \r\n", 16<<10),
		"many pages":                mixed + strings.Repeat(page, 100) + "--o--\r\n",
		"many texts":                mixed + strings.Repeat(words, 100) + "--o--\r\n",
		"boxes in a box":            mixed + strings.Repeat("--o\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n--i--\r\n", 20_000) + "--o--\r\n",
	} {
		var m *mime.Mail
		used := allocated(func() {
			var err error
			if m, err = mime.Parse(strings.NewReader(raw), limits); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		})
		if most := 20<<20 + 4*len(raw); used > most || len(m.Body)+len(m.Quoted) > 2*limits.Text || len(m.HTML) > 4*limits.Text {
			t.Errorf("%s: %d KB take %d KB and become %d of text and %d of HTML", name, len(raw)>>10, used>>10, len(m.Body)+len(m.Quoted), len(m.HTML))
		}
		if name != "a paragraph of many lines" && len(m.Defects) == 0 {
			t.Errorf("%s: nothing tells that something was left out", name)
		}
	}
}
