package backup

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// PostgreSQL's COPY text form: one row a line, values between tabs, \N for
// null, and a backslash before what would be mistaken for either.

// appendValue writes what SQLite gave for a column.
func appendValue(b []byte, k kind, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(b, `\N`...), nil
	case bool:
		if k == boolean {
			return append(b, letter(v)), nil
		}
		if v {
			return append(b, '1'), nil
		}
		return append(b, '0'), nil
	case int64:
		if k == boolean {
			return append(b, letter(v != 0)), nil
		}
		return strconv.AppendInt(b, v, 10), nil
	case float64:
		return strconv.AppendFloat(b, v, 'g', -1, 64), nil
	case string:
		if k == blob {
			return appendBytes(b, []byte(v)), nil
		}
		return appendText(b, v), nil
	case []byte:
		if k == blob {
			return appendBytes(b, v), nil
		}
		return appendText(b, string(v)), nil
	}
	return nil, fmt.Errorf("a value of the type %T cannot be written", v)
}

func letter(v bool) byte {
	if v {
		return 't'
	}
	return 'f'
}

func appendBytes(b, v []byte) []byte { return hex.AppendEncode(append(b, `\\x`...), v) }

func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		switch c := s[i]; c {
		case '\\':
			b = append(b, `\\`...)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		case 0:
			b = append(b, `\000`...)
		default:
			b = append(b, c)
		}
	}
	return b
}

// readText takes the escapes out of a value.
func readText(s string) (string, error) {
	if strings.IndexByte(s, '\\') < 0 {
		return s, nil
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		if i++; i == len(s) {
			return "", damaged("a value ends amid an escape")
		}
		switch c := s[i]; c {
		case 'b':
			b.WriteByte('\b')
		case 'f':
			b.WriteByte('\f')
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 't':
			b.WriteByte('\t')
		case 'v':
			b.WriteByte('\v')
		case '0', '1', '2', '3':
			n, err := strconv.ParseUint(s[i:min(i+3, len(s))], 8, 8)
			if err != nil {
				return "", damaged("%q is no escape", s[i-1:min(i+3, len(s))])
			}
			b.WriteByte(byte(n))
			i += 2
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), nil
}

// readValue gives a value as SQLite's driver takes it.
func readValue(k kind, s string) (any, error) {
	if s == `\N` {
		return nil, nil
	}
	switch k {
	case integer:
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return nil, damaged("%.40q is no number", s)
		}
		return n, nil
	case boolean:
		if s != "t" && s != "f" {
			return nil, damaged("%.40q is neither t nor f", s)
		}
		return s == "t", nil
	case float:
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return nil, damaged("%.40q is no number", s)
		}
		return f, nil
	}
	plain, err := readText(s)
	if err != nil || k == text {
		return plain, err
	}
	digits, ok := strings.CutPrefix(plain, `\x`)
	b, err := hex.DecodeString(digits)
	if !ok || err != nil {
		return nil, damaged("%.40q are no bytes", s)
	}
	return b, nil
}

// mend makes a line fit for PostgreSQL, which takes neither zero bytes nor what
// is not UTF-8; SQLite keeps both. Most lines need nothing.
func mend(line string) string {
	if strings.Contains(line, `\000`) {
		line = withoutZeros(line)
	}
	if !utf8.ValidString(line) {
		line = strings.ToValidUTF8(line, "\uFFFD")
	}
	return line
}

func withoutZeros(line string) string {
	var b strings.Builder
	for i := 0; i < len(line); i++ {
		if line[i] == '\\' && i+1 < len(line) {
			if strings.HasPrefix(line[i:], `\000`) {
				i += 3
				continue
			}
			b.WriteByte(line[i])
			i++
		}
		b.WriteByte(line[i])
	}
	return b.String()
}
