// Package text cleans, folds and cuts what people write.
package text

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Clean makes foreign text storable: valid UTF-8, line feeds only, no control
// characters but line feed and tab, no trailing space. PostgreSQL refuses NUL;
// the other control characters only ever serve to deceive.
func Clean(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, s)
	return strings.TrimRightFunc(s, unicode.IsSpace)
}

// CleanLine is Clean for a single line: every run of white space becomes one
// space.
func CleanLine(s string) string { return strings.Join(strings.Fields(Clean(s)), " ") }

// Fold is the form in which text is compared and searched: compatibility
// composed (full-width Latin becomes plain) and without case.
func Fold(s string) string { return cases.Fold().String(norm.NFKC.String(s)) }

// Length counts characters as people and the limits do: Unicode code points.
func Length(s string) int { return utf8.RuneCountInString(s) }

// Preview is the beginning of s on one line, at most n characters, with an
// ellipsis when something was cut.
func Preview(s string, n int) string {
	s = CleanLine(s)
	if Length(s) <= n {
		return s
	}
	r := []rune(s)
	return strings.TrimRightFunc(string(r[:n-1]), unicode.IsSpace) + "…"
}

// Cut is the beginning of s, at most n characters, with an ellipsis when
// something was cut; its lines stay.
func Cut(s string, n int) string {
	s = Clean(s)
	if Length(s) <= n {
		return s
	}
	r := []rune(s)
	return strings.TrimRightFunc(string(r[:n-1]), unicode.IsSpace) + "…"
}
