package mime

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/emersion/go-message/charset"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
)

func init() {
	// Programs write gb2312 and mean the superset that they really use.
	for _, name := range []string{"gb2312", "gbk", "x-gbk", "cp936", "ms936", "gb_2312-80", "csgb2312", "chinese"} {
		charset.RegisterEncoding(name, simplifiedchinese.GB18030)
	}
}

// toUTF8 decodes b. sure is false when the characters had to be guessed, since
// the name is unknown or b is not what it says.
func toUTF8(name string, b []byte) (s string, sure bool) {
	name = strings.ToLower(strings.Trim(strings.TrimSpace(name), `"'`))
	switch name {
	case "", "utf-8", "utf8", "us-ascii", "ascii", "unknown-8bit", "x-unknown", "8bit", "default":
		if utf8.Valid(b) {
			return string(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))), true
		}
		return guess(b), false
	}
	r, err := charset.Reader(name, bytes.NewReader(b))
	if err != nil {
		return guess(b), false
	}
	out, err := io.ReadAll(r)
	if err != nil {
		return guess(b), false
	}
	return string(out), true
}

// guess reads bytes of unknown characters: UTF-8 with at most a broken end,
// else Chinese, else Western European.
func guess(b []byte) string {
	if s := string(b); utf8.ValidString(s) || utf8.ValidString(cutEnd(s)) {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	if out, err := simplifiedchinese.GB18030.NewDecoder().Bytes(b); err == nil && !bytes.ContainsRune(out, utf8.RuneError) {
		return string(out)
	}
	out, err := charmap.Windows1252.NewDecoder().Bytes(b)
	if err != nil {
		return strings.ToValidUTF8(string(b), "\uFFFD")
	}
	return string(out)
}

// cutEnd takes away an incomplete character at the end.
func cutEnd(s string) string {
	for i := 1; i < utf8.UTFMax && i < len(s); i++ {
		if utf8.RuneStart(s[len(s)-i]) {
			return s[:len(s)-i]
		}
	}
	return s
}

var encodedWord = regexp.MustCompile(`=\?([^?\s]{1,60})\?([bBqQ])\?([^?]*)\?=`)

// decodeWords decodes the encoded words of a header. Neighbours of the same
// characters are joined first: many programs cut words in the middle of a
// character.
func decodeWords(s string) string {
	words := encodedWord.FindAllStringSubmatchIndex(s, 2000)
	if words == nil {
		return rawText(s)
	}
	var out strings.Builder
	var pending []byte
	var set string
	flush := func() {
		t, _ := toUTF8(set, pending)
		out.WriteString(t)
		pending = nil
	}
	last, inWord := 0, false
	for _, w := range words {
		name, _, _ := strings.Cut(s[w[2]:w[3]], "*") // RFC 2231 adds a language
		between := s[last:w[0]]
		if !inWord || strings.TrimSpace(between) != "" {
			flush()
			out.WriteString(rawText(between))
		} else if !strings.EqualFold(name, set) {
			flush()
		}
		pending = append(pending, word(s[w[4]:w[5]], s[w[6]:w[7]])...)
		set, last, inWord = name, w[1], true
	}
	flush()
	out.WriteString(rawText(s[last:]))
	return out.String()
}

// rawText is header text outside of encoded words; old programs put bytes there.
func rawText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return guess([]byte(s))
}

func word(form, s string) []byte {
	if form == "b" || form == "B" {
		s = strings.TrimRight(strings.Map(func(r rune) rune {
			if r == ' ' || r == '\t' {
				return -1
			}
			return r
		}, s), "=")
		b, _ := base64.RawStdEncoding.DecodeString(s) // of a broken word, its beginning
		return b
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '_':
			out = append(out, ' ')
		case s[i] == '=' && i+2 < len(s) && unhex(s[i+1]) >= 0 && unhex(s[i+2]) >= 0:
			out = append(out, byte(unhex(s[i+1])<<4|unhex(s[i+2])))
			i += 2
		default:
			out = append(out, s[i])
		}
	}
	return out
}

// wordDecoder reads the encoded words inside of addresses.
var wordDecoder = &mime.WordDecoder{CharsetReader: func(name string, r io.Reader) (io.Reader, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	s, _ := toUTF8(name, b)
	return strings.NewReader(s), nil
}}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
