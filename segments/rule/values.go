package rule

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
)

// Scale is how many units of a scaled integer make one.
const Scale = 1_000_000

// maxNumber is what a number in a fact or a rule stays below.
const maxNumber = 9_000_000_000_000

// Scaled reads a decimal number, "12.5" or "1.25e1", as millionths, rounded half
// away from zero. ok is false for what is no number and from nine million
// millions on.
func Scaled(decimal string) (n int64, ok bool) {
	digits, exponent, negative, ok := dissect(decimal)
	if !ok {
		return 0, false
	}
	digits = strings.TrimLeft(digits, "0")
	if digits == "" {
		return 0, true
	}
	// The value is 0.digits × 10^point, in millionths.
	point := len(digits) + exponent + 6
	switch {
	case point < 0:
		return 0, true
	case point > 19:
		return 0, false
	}
	whole, rest := digits, ""
	if point < len(digits) {
		whole, rest = digits[:point], digits[point:]
	} else {
		whole += strings.Repeat("0", point-len(digits))
	}
	var u uint64
	if whole != "" {
		var err error
		if u, err = strconv.ParseUint(whole, 10, 64); err != nil {
			return 0, false
		}
	}
	if u >= maxNumber*Scale {
		return 0, false
	}
	if rest != "" && rest[0] >= '5' {
		u++
	}
	if negative {
		return -int64(u), true
	}
	return int64(u), true
}

// dissect takes a JSON number apart: its digits without the point, and the power
// of ten that the last of them stands for.
func dissect(s string) (digits string, exponent int, negative, ok bool) {
	s, negative = strings.CutPrefix(s, "-")
	mantissa, power, hasPower := s, "", false
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		mantissa, power, hasPower = s[:i], s[i+1:], true
	}
	whole, fraction, hasPoint := strings.Cut(mantissa, ".")
	if !allDigits(whole) || hasPoint && !allDigits(fraction) || len(mantissa) > 1000 {
		return "", 0, false, false
	}
	if hasPower {
		unsigned := strings.TrimLeft(power, "+-")
		if !allDigits(unsigned) || len(power)-len(unsigned) > 1 {
			return "", 0, false, false
		}
		var err error
		if exponent, err = strconv.Atoi(power); err != nil || exponent > 10000 {
			exponent = 10000 // more digits than any mantissa has
		}
		if strings.HasPrefix(power, "-") && (err != nil || exponent < -10000) {
			exponent = -10000
		}
	}
	return whole + fraction, exponent - len(fraction), negative, true
}

func allDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// decimalOf writes a number of any type that JSON or Go code has as a decimal.
func decimalOf(value any) (string, bool) {
	switch v := value.(type) {
	case json.Number:
		return v.String(), true
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return "", false
		}
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case float32:
		return decimalOf(float64(v))
	case int:
		return strconv.Itoa(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case int32:
		return strconv.FormatInt(int64(v), 10), true
	case uint32:
		return strconv.FormatUint(uint64(v), 10), true
	case uint64:
		return strconv.FormatUint(v, 10), true
	}
	return "", false
}

// ScaledValue is Scaled of a number of any type that JSON or Go code has.
func ScaledValue(value any) (n int64, ok bool) {
	decimal, ok := decimalOf(value)
	if !ok {
		return 0, false
	}
	return Scaled(decimal)
}

// Decimal writes millionths as the shortest decimal, "12.5".
func Decimal(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	if len(s) < 7 {
		s = strings.Repeat("0", 7-len(s)) + s
	}
	whole, fraction := s[:len(s)-6], strings.TrimRight(s[len(s)-6:], "0")
	if fraction == "" {
		return sign + whole
	}
	return sign + whole + "." + fraction
}

// Instant reads an RFC 3339 instant, or a date as its midnight in UTC, as
// milliseconds.
func Instant(s string) (ms int64, ok bool) {
	s = strings.TrimSpace(s)
	if len(s) == len(time.DateOnly) {
		t, err := time.Parse(time.DateOnly, s)
		return t.UnixMilli(), err == nil
	}
	// Go's parser also takes an hour of one digit and a comma, which RFC 3339 does not know.
	if len(s) < len("2006-01-02T15:04:05Z") || s[len("2006-01-02T15")] != ':' || strings.Contains(s, ",") {
		return 0, false
	}
	var t time.Time
	if err := t.UnmarshalText([]byte(s)); err != nil {
		return 0, false
	}
	return t.UnixMilli(), true
}

// MaxDuration is the longest length of time of a rule: a hundred years.
const MaxDuration = 36500 * 24 * time.Hour

// Duration reads a length of time: a whole number of seconds (s), minutes (m),
// hours (h), days of 24 hours (d) or weeks (w), from 1s to MaxDuration.
func Duration(s string) (d time.Duration, ok bool) {
	if len(s) < 2 || len(s) > 12 || !allDigits(s[:len(s)-1]) || s[0] == '0' {
		return 0, false
	}
	units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}
	unit, known := units[s[len(s)-1]]
	n, err := strconv.ParseInt(s[:len(s)-1], 10, 64)
	if !known || err != nil || n > int64(MaxDuration/unit) {
		return 0, false
	}
	return time.Duration(n) * unit, true
}
