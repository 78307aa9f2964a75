package text

import (
	"net/mail"
	"strings"

	"golang.org/x/net/idna"
)

// MaxEmail is the longest mail address in bytes (RFC 5321, section 4.5.3.1.3).
const MaxEmail = 254

// FoldEmail is the form in which mail addresses are compared: lower case, and a
// domain of other letters in its ASCII form (RFC 5891). What is no address comes
// back in lower case.
func FoldEmail(address string) string {
	s := strings.ToLower(CleanLine(address))
	i := strings.LastIndexByte(s, '@')
	if i < 0 {
		return s
	}
	if ascii, err := idna.Lookup.ToASCII(s[i+1:]); err == nil {
		s = s[:i+1] + ascii
	}
	return s
}

// Email is FoldEmail of one plain address; ok is false for what is none.
func Email(address string) (folded string, ok bool) {
	s := FoldEmail(address)
	a, err := mail.ParseAddress(s)
	return s, err == nil && a.Address == s && a.Name == "" && len(s) <= MaxEmail
}
