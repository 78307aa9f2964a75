package render

import (
	"errors"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/osteele/tuesday"
)

// Date formats by name; everything else is in the manner of strftime.
var (
	datesEn = map[string]string{"date": "%B %-d, %Y", "short": "%b %-d", "long": "%A, %B %-d, %Y", "time": "%H:%M", "datetime": "%B %-d, %Y %H:%M"}
	datesZh = map[string]string{"date": "%Y年%-m月%-d日", "short": "%-m月%-d日", "long": "%Y年%-m月%-d日 %A", "time": "%H:%M", "datetime": "%Y年%-m月%-d日 %H:%M"}

	weekdaysZh = []string{"日", "一", "二", "三", "四", "五", "六"}

	// wideDate is a width that would fill the memory; named are words of a language.
	wideDate = regexp.MustCompile(`%[^a-zA-Z%]*[0-9]{3}`)
	namedZh  = regexp.MustCompile(`%[\^]?[aAbBhp]`)
)

const maxDateFormat = 200

var errDateFormat = errors.New("this is no date format")

// date shows an instant in the person's time zone, or in the one named, and their
// language. What is no date is shown as it is.
func (n *run) date(v any, format func(string) string, zone func(string) string) (any, error) {
	at := n.zone
	if name := zone(""); name != "" && name != "Local" {
		z, err := time.LoadLocation(name)
		if err != nil {
			return nil, err
		}
		at = z
	}
	t, ok := n.instant(v, at)
	if !ok {
		return v, nil
	}
	t = t.In(at)
	f := format("date")
	if n.chinese() {
		if named, ok := datesZh[f]; ok {
			f = named
		}
		f = namedZh.ReplaceAllStringFunc(f, func(s string) string { return zhName(s[len(s)-1], t) })
	} else if named, ok := datesEn[f]; ok {
		f = named
	}
	if len(f) > maxDateFormat || wideDate.MatchString(f) {
		return nil, errDateFormat
	}
	return tuesday.Strftime(f, t)
}

func zhName(verb byte, t time.Time) string {
	switch verb {
	case 'A':
		return "星期" + weekdaysZh[t.Weekday()]
	case 'a':
		return "周" + weekdaysZh[t.Weekday()]
	case 'p':
		if t.Hour() < 12 {
			return "上午"
		}
		return "下午"
	}
	return strconv.Itoa(int(t.Month())) + "月"
}

var dateForms = []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04"}

// instant reads what a value says of time: an instant, a text, or a number of
// seconds or milliseconds. A day alone is that day wherever it is looked at.
func (n *run) instant(v any, zone *time.Location) (time.Time, bool) {
	switch v := v.(type) {
	case time.Time:
		return v, true
	case string:
		s := strings.TrimSpace(v)
		if s == "now" || s == "today" {
			return n.now, !n.now.IsZero()
		}
		if t, err := time.ParseInLocation(time.DateOnly, s, zone); err == nil {
			return t, true
		}
		for _, form := range dateForms {
			if t, err := time.ParseInLocation(form, s, zone); err == nil {
				return t, true
			}
		}
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			return fromNumber(f)
		}
	}
	if f, ok := number(v); ok {
		if _, text := v.(string); !text {
			return fromNumber(f)
		}
	}
	return time.Time{}, false
}

// fromNumber takes large numbers as milliseconds, others as seconds.
func fromNumber(f float64) (time.Time, bool) {
	const millisFrom, last = 1e11, 2.5e14
	switch {
	case math.IsNaN(f) || math.Abs(f) > last:
		return time.Time{}, false
	case math.Abs(f) >= millisFrom:
		return time.UnixMilli(int64(f)), true
	}
	return time.UnixMilli(int64(f * 1000)), true
}

// number reads a value as a number.
func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	case float64:
		return v, !math.IsNaN(v) && !math.IsInf(v, 0)
	case string:
		f, err := strconv.ParseFloat(strings.ReplaceAll(strings.TrimSpace(v), ",", ""), 64)
		return f, err == nil && !math.IsNaN(f) && !math.IsInf(f, 0)
	}
	return 0, false
}

// currencies are how amounts are written; others stand behind their code.
var currencies = map[string]struct {
	sign     string
	decimals int
}{"CNY": {"¥", 2}, "RMB": {"¥", 2}, "USD": {"$", 2}, "EUR": {"€", 2}, "GBP": {"£", 2}, "JPY": {"¥", 0}, "HKD": {"HK$", 2}, "TWD": {"NT$", 2}, "KRW": {"₩", 0},
	"SGD": {"S$", 2}, "AUD": {"A$", 2}, "CAD": {"C$", 2}, "INR": {"₹", 2}}

// money shows an amount, {{ 1299 | money: "CNY" }}; without a currency it has two
// decimals.
func (n *run) money(v any, currency func(string) string) any {
	f, ok := number(v)
	if !ok {
		return v
	}
	code := strings.ToUpper(strings.TrimSpace(currency("")))
	c, known := currencies[code]
	if !known {
		c.decimals = 2
		if code != "" {
			c.sign = code + " "
		}
	}
	sign := ""
	if f < 0 {
		sign, f = "-", -f
	}
	return sign + c.sign + grouped(f, c.decimals)
}

// number groups thousands, {{ 1234.5 | number: 2 }}; without decimals named it
// shows those that there are, at most six.
func (n *run) number(v any, decimals func(int) int) any {
	f, ok := number(v)
	if !ok {
		return v
	}
	return grouped(f, min(max(decimals(-1), -1), 6))
}

// compactNumber is a number in a few characters: 12.5万, 12.5K.
func (n *run) compactNumber(v any) any {
	f, ok := number(v)
	if !ok {
		return v
	}
	units := []struct {
		of   float64
		name string
	}{{1e9, "B"}, {1e6, "M"}, {1e3, "K"}}
	if n.chinese() {
		units = units[:2]
		units[0].of, units[0].name, units[1].of, units[1].name = 1e8, "亿", 1e4, "万"
	}
	for _, u := range units {
		// What would round up to the next unit is of the next one.
		if math.Abs(f) >= u.of || math.Round(math.Abs(f)/u.of*10)/10 >= 1 && math.Abs(f) >= u.of*0.9995 {
			return strconv.FormatFloat(math.Round(f/u.of*10)/10, 'f', -1, 64) + u.name
		}
	}
	return grouped(math.Round(f*10)/10, -1)
}

// percent shows a share, {{ 0.125 | percent }} is 12.5%.
func (n *run) percent(v any, decimals func(int) int) any {
	f, ok := number(v)
	if !ok {
		return v
	}
	return grouped(math.Round(f*1e8)/1e6, min(max(decimals(-1), -1), 6)) + "%"
}

// grouped writes a number with thousands apart; -1 decimals are those needed, at
// most six.
func grouped(f float64, decimals int) string {
	if decimals < 0 {
		f = math.Round(f*1e6) / 1e6
	}
	s := strconv.FormatFloat(f, 'f', decimals, 64)
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	whole, rest, point := strings.Cut(s, ".")
	var b strings.Builder
	for i, d := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	if point {
		b.WriteString("." + rest)
	}
	if strings.Trim(b.String(), "0.,") == "" {
		sign = ""
	}
	return sign + b.String()
}
