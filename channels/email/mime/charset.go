package mime

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"io"
	"mime"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/emersion/go-message/charset"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
)

func init() {
	// Programs write gb2312 and mean the superset that they really use, and
	// Latin-1 where they mean Windows' letters (WHATWG, "Encoding").
	for _, name := range []string{"gb2312", "gbk", "x-gbk", "cp936", "ms936", "gb_2312-80", "csgb2312", "chinese"} {
		charset.RegisterEncoding(name, simplifiedchinese.GB18030)
	}
	for name := range western {
		charset.RegisterEncoding(name, charmap.Windows1252)
	}
}

// western are the names of the letters of Western Europe.
var western = map[string]bool{
	"iso-8859-1": true, "iso8859-1": true, "iso88591": true, "iso_8859-1": true, "iso_8859-1:1987": true, "latin1": true, "latin-1": true, "l1": true,
	"cp819": true, "ibm819": true, "iso-ir-100": true, "csisolatin1": true, "windows-1252": true, "cp1252": true, "x-cp1252": true,
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
	case "utf-7", "utf7", "unicode-1-1-utf-7", "x-unicode-1-1-utf-7":
		if s, ok := utf7(b); ok {
			return s, true
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
	if misnamed(b, out, western[name]) {
		return strings.ToValidUTF8(string(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))), "\uFFFD"), false
	}
	return string(out), true
}

var utf7Letters = base64.StdEncoding.WithPadding(base64.NoPadding)

// utf7 decodes UTF-7 (RFC 2152): what is not ASCII stands in base64 between "+"
// and whatever does not belong to it. ok is false for what is none.
func utf7(b []byte) (s string, ok bool) {
	var out strings.Builder
	for i := 0; i < len(b); {
		c := b[i]
		i++
		if c >= utf8.RuneSelf {
			return "", false
		}
		if c != '+' {
			out.WriteByte(c)
			continue
		}
		from := i
		for i < len(b) && (b[i] == '+' || b[i] == '/' || '0' <= b[i] && b[i] <= '9' || 'A' <= b[i] && b[i] <= 'Z' || 'a' <= b[i] && b[i] <= 'z') {
			i++
		}
		coded := b[from:i]
		if i < len(b) && b[i] == '-' {
			i++
		}
		if len(coded) == 0 {
			out.WriteByte('+')
			continue
		}
		raw := make([]byte, utf7Letters.DecodedLen(len(coded)))
		n, err := utf7Letters.Decode(raw, coded)
		if err != nil {
			return "", false
		}
		units := make([]uint16, 0, n/2)
		for k := 0; k+1 < n; k += 2 {
			units = append(units, binary.BigEndian.Uint16(raw[k:]))
		}
		out.WriteString(string(utf16.Decode(units)))
	}
	return out.String(), true
}

// misnamed tells whether b, which another name made to read as out, is UTF-8
// after all. Few bytes may be both: a Chinese word of two characters, such as
// 茅台 in GBK, is sometimes valid UTF-8, a sentence never. In Western letters
// (latin) not even one is: nobody writes Ã©.
func misnamed(b, out []byte, latin bool) bool {
	u := count(b)
	if u.two+u.more == 0 {
		return false
	}
	broken := bytes.ContainsRune(out, utf8.RuneError) || bytes.ContainsFunc(out, func(r rune) bool { return unicode.Is(unicode.Co, r) || unicode.Is(unicode.Cc, r) && r >= 0x80 })
	if u.bad > 0 { // both are broken: what fits far better
		return broken && u.more >= 4 && u.mostly(8)
	}
	switch {
	case broken, latin, u.more >= 4:
		return true
	case u.more >= 2: // GBK beyond GB2312, whose characters are rare
		return beyondGB2312(b)
	}
	return u.two >= 6 && u.more == 0 && u.letters == u.two
}

// beyondGB2312 tells whether pairs of b have a byte that GB2312 does not use.
func beyondGB2312(b []byte) bool {
	for i := 0; i < len(b); i++ {
		if b[i] < 0x80 {
			continue
		}
		if b[i] < 0xa1 || i+1 < len(b) && b[i+1] < 0xa1 {
			return true
		}
		i++
	}
	return false
}

// tally is what bytes hold when they are read as UTF-8: characters of two and of
// more bytes, letters of two, and bytes that belong to none.
type tally struct{ two, more, letters, bad int }

func count(b []byte) (t tally) {
	for i := 0; i < len(b); {
		if b[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, n := utf8.DecodeRune(b[i:])
		switch i += n; {
		case n == 1:
			t.bad++
		case n > 2:
			t.more++
		default:
			t.two++
			if unicode.IsLetter(r) {
				t.letters++
			}
		}
	}
	return t
}

// mostly tells whether there are at least n bytes of whole characters for each
// that is none.
func (t tally) mostly(n int) bool { return 2*t.two+3*t.more >= n*t.bad }

// guess reads bytes of unknown characters: UTF-8, of which some may be broken,
// else Chinese, else Western European. In Chinese text of another set a
// quarter of the bytes look like UTF-8, so most have to.
func guess(b []byte) string {
	s := string(b)
	asUTF8 := func() string { return strings.ToValidUTF8(strings.TrimPrefix(s, "\uFEFF"), "\uFFFD") }
	if u := count(b); utf8.ValidString(cutEnd(s)) || u.mostly(3) {
		return asUTF8()
	}
	if out, err := simplifiedchinese.GB18030.NewDecoder().Bytes(b); err == nil && !bytes.ContainsRune(out, utf8.RuneError) {
		return string(out)
	}
	if count(b).mostly(1) {
		return asUTF8()
	}
	out, err := charmap.Windows1252.NewDecoder().Bytes(b)
	if err != nil {
		return asUTF8()
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

// windowsLetters puts what Windows writes under the name of Latin-1 in the place
// of control characters: the standard library's decoder of addresses reads that
// set by itself.
func windowsLetters(s string) string {
	return strings.Map(func(r rune) rune {
		if 0x80 <= r && r < 0xa0 {
			return charmap.Windows1252.DecodeByte(byte(r))
		}
		return r
	}, s)
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
