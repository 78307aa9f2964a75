package files

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxName is in bytes: what common file systems take, with room for "(1)".
const maxName = 200

// SafeName makes a sender's file name fit for a download and for a list: the
// last path part alone, without control characters, marks that reverse or hide
// text, or characters that file systems refuse. A name that is too long keeps
// its extension. What is left of nothing is "file".
func SafeName(name string) string {
	name = strings.ToValidUTF8(name, "")
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	name = norm.NFC.String(strings.Map(safeRune, name))
	name = strings.Join(strings.Fields(name), " ")
	name = strings.TrimRight(strings.TrimLeft(name, ". "), ". ")
	name = shorten(name)
	if name == "" {
		return "file"
	}
	if stem, _, _ := strings.Cut(name, "."); reserved(stem) {
		return "_" + name
	}
	return name
}

func safeRune(r rune) rune {
	switch {
	case unicode.IsSpace(r):
		return ' '
	case unicode.IsControl(r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Co, r), unicode.Is(unicode.Zl, r), unicode.Is(unicode.Zp, r):
		return -1 // Cf holds the bidi overrides and zero-width characters
	case strings.ContainsRune(`<>:"|?*`, r):
		return '_'
	}
	return r
}

func shorten(name string) string {
	if len(name) <= maxName {
		return name
	}
	ext := ""
	if i := strings.LastIndexByte(name, '.'); i > 0 && len(name)-i <= 16 {
		ext = name[i:]
	}
	cut := maxName - len(ext)
	for !utf8.RuneStart(name[cut]) {
		cut--
	}
	return strings.TrimRight(name[:cut], ". ") + ext
}

// reserved are device names on Windows, whatever the extension.
func reserved(stem string) bool {
	switch s := strings.ToUpper(strings.TrimSpace(stem)); s {
	case "CON", "PRN", "AUX", "NUL":
		return true
	default:
		return len(s) == 4 && (strings.HasPrefix(s, "COM") || strings.HasPrefix(s, "LPT")) && s[3] >= '0' && s[3] <= '9'
	}
}
