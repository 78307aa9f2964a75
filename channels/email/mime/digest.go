package mime

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"strconv"
	"strings"
)

// digest is a name for what a mail says: who wrote it and when, its subject, its
// text and its files, all of them decoded. White space in texts does not count:
// stations break lines anew.
func digest(m *Mail, whole content) string {
	sum := sha256.New()
	add := func(b []byte, solid bool) {
		one := sha256.New()
		if solid {
			writeSolid(one, b)
		} else {
			_, _ = one.Write(b) // a hash never fails
		}
		_, _ = sum.Write(one.Sum(nil))
	}
	for _, s := range []string{strings.ToLower(m.From.Address), strconv.FormatInt(m.Date.Unix(), 10), m.Subject, whole.text, whole.html} {
		add([]byte(s), true)
	}
	for _, a := range m.Attachments {
		add(a.Content, strings.HasPrefix(a.ContentType, "text/") || strings.HasPrefix(a.ContentType, "message/"))
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// writeSolid writes what is no white space.
func writeSolid(w io.Writer, b []byte) {
	from := 0
	for i, c := range b {
		if c == ' ' || '\t' <= c && c <= '\r' {
			_, _ = w.Write(b[from:i])
			from = i + 1
		}
	}
	_, _ = w.Write(b[from:])
}
