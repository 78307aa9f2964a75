package mime

import (
	"bufio"
	"bytes"
	"mime"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/fanward/fanward/internal/text"
)

func newReader(b []byte) *bufio.Reader { return bufio.NewReader(bytes.NewReader(b)) }

// media is a Content-Type or a Content-Disposition.
type media struct {
	name   string // lower case
	params map[string]string
}

var looseParam = regexp.MustCompile(`(?i);\s*([a-z0-9_.-]+)(\*?)\s*=\s*(?:"([^"]*)"?|([^;]*))`)

// mediaType reads a header with parameters, also where it breaks the rules:
// file names without quotes, parameters twice, a type without a slash.
func mediaType(value string) media {
	name, params, err := mime.ParseMediaType(value)
	if len(value) > 8<<10 {
		value = value[:8<<10]
	}
	if err == nil {
		for key, v := range extended(value) {
			params[key] = v
		}
		return media{name, params}
	}
	name, _, _ = strings.Cut(value, ";")
	m := media{name: strings.ToLower(strings.TrimSpace(name)), params: extended(value)}
	for _, f := range looseParam.FindAllStringSubmatch(value, 50) {
		key, v := strings.ToLower(f[1]), strings.TrimSpace(f[3]+f[4])
		if _, known := m.params[key]; !known {
			m.params[key] = v
		}
	}
	return m
}

var extendedParam = regexp.MustCompile(`(?i);\s*([a-z0-9_.-]+)\*(?:(\d{1,2})(\*)?)?\s*=\s*(?:"([^"]*)"?|([^;]*))`)

// extended reads the parameters whose characters are named (RFC 2231), in one
// piece or several: the standard library leaves out those that are not UTF-8.
func extended(value string) map[string]string {
	type piece struct {
		number int
		coded  bool
		text   string
	}
	pieces := map[string][]piece{}
	for _, f := range extendedParam.FindAllStringSubmatch(value, 50) {
		key := strings.ToLower(f[1])
		n, _ := strconv.Atoi(f[2])
		pieces[key] = append(pieces[key], piece{n, f[2] == "" || f[3] == "*", strings.TrimSpace(f[4] + f[5])})
	}
	out := map[string]string{}
	for key, list := range pieces {
		slices.SortStableFunc(list, func(a, b piece) int { return a.number - b.number })
		first := strings.SplitN(list[0].text, "'", 3) // charset'language'percent-encoded
		if !list[0].coded || len(first) != 3 {
			continue
		}
		list[0].text = first[2]
		var raw []byte
		for _, one := range list {
			if one.coded {
				one.text = unescape(one.text)
			}
			raw = append(raw, one.text...)
		}
		out[key], _ = toUTF8(first[0], raw)
	}
	return out
}

// contentType is a part's media type; what says nothing is plain text.
func contentType(value string) media {
	m := mediaType(value)
	if !strings.Contains(m.name, "/") {
		m.name = "text/plain"
	}
	return m
}

// fileName is what the sender calls a part, "" if it has no name.
func fileName(disposition, kind media) string {
	for _, name := range []string{disposition.params["filename"], kind.params["name"]} {
		if name != "" {
			return decodeWords(name)
		}
	}
	return ""
}

const maxName = 120

// extensions of parts that come without a name.
var extensions = map[string]string{
	"message/rfc822": "mail.eml", "text/calendar": "invite.ics", "application/ics": "invite.ics", "text/vcard": "card.vcf", "text/x-vcard": "card.vcf",
	"image/png": "picture.png", "image/jpeg": "picture.jpg", "image/jpg": "picture.jpg", "image/gif": "picture.gif", "image/webp": "picture.webp",
	"application/pdf": "document.pdf", "application/ms-tnef": "winmail.dat", "application/pgp-signature": "signature.asc",
	"application/pkcs7-signature": "smime.p7s", "application/x-pkcs7-signature": "smime.p7s", "application/pkcs7-mime": "smime.p7m",
	"text/plain": "text.txt", "text/html": "page.html", "audio/amr": "voice.amr", "audio/mpeg": "voice.mp3", "application/zip": "files.zip",
}

// SafeName makes a sender's file name fit to show and to save under: the last
// step of a path, without control and direction characters, at most 120
// characters with its ending kept. A missing name is made from the content
// type; n numbers those.
func SafeName(name, contentType string, n int) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case r == '/' || r == '\\':
			return '/'
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\uFFFD':
			return -1
		case strings.ContainsRune(`<>:"|?*`, r):
			return '_'
		}
		return r
	}, name)
	name = strings.Trim(path.Base(text.CleanLine(name)), " ./")
	if name == "" {
		if name = extensions[contentType]; name == "" {
			name = "attachment.bin"
		}
		if n > 1 {
			ext := path.Ext(name)
			name = strings.TrimSuffix(name, ext) + "-" + strconv.Itoa(n) + ext
		}
	}
	if text.Length(name) > maxName {
		ext := path.Ext(name)
		if text.Length(ext) > 12 {
			ext = ""
		}
		stem := []rune(strings.TrimSuffix(name, ext))
		name = string(stem[:maxName-text.Length(ext)]) + ext
	}
	return name
}
