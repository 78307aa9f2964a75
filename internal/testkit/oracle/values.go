package oracle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

func parse(raw json.RawMessage) map[string]any {
	object := map[string]any{}
	if len(raw) == 0 {
		return object
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&object); err != nil {
		panic(err)
	}
	return object
}

// find looks a value up by its name, or by the path to it.
func find(object map[string]any, name string) any {
	if v, ok := object[name]; ok {
		if _, deeper := v.(map[string]any); !deeper {
			return v
		}
	}
	for i := range name {
		if name[i] != '.' {
			continue
		}
		if below, ok := object[name[:i]].(map[string]any); ok {
			if v := find(below, name[i+1:]); v != nil {
				return v
			}
		}
	}
	return nil
}

// fold brings texts to the form in which they are compared.
func fold(s string) string {
	var line strings.Builder
	for _, r := range s {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			line.WriteByte(' ')
		case !unicode.IsControl(r):
			line.WriteRune(r)
		}
	}
	return cases.Fold().String(norm.NFKC.String(strings.Join(strings.Fields(line.String()), " ")))
}

// shown is what conditions see of a stored text.
func shown(s string) string {
	r := []rune(fold(s))
	return string(r[:min(len(r), 500)])
}

var nineBillions = new(big.Rat).SetInt64(9_000_000_000_000)

// scaled is a number in millionths, rounded half away from zero.
func scaled(value any) (*big.Int, bool) {
	var text string
	switch v := value.(type) {
	case json.Number:
		text = v.String()
	case float64, int, int64:
		text = fmt.Sprint(v)
	default:
		return nil, false
	}
	x, ok := new(big.Rat).SetString(text)
	if !ok || new(big.Rat).Abs(x).Cmp(nineBillions) >= 0 {
		return nil, false
	}
	x.Mul(x, new(big.Rat).SetInt64(1_000_000))
	twice := new(big.Int).Mul(x.Num(), big.NewInt(2))
	if x.Sign() >= 0 {
		twice.Add(twice, x.Denom())
	} else {
		twice.Sub(twice, x.Denom())
	}
	return twice.Quo(twice, new(big.Int).Mul(x.Denom(), big.NewInt(2))), true
}

// plain writes millionths as people do.
func plain(x *big.Int) string {
	s := new(big.Rat).SetFrac(x, big.NewInt(1_000_000)).FloatString(6)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

var lengths = regexp.MustCompile(`^([0-9]+)([smhdw])$`)

// duration is a length of time in milliseconds.
func duration(s string) int64 {
	m := lengths.FindStringSubmatch(s)
	if m == nil {
		panic("the oracle cannot read the duration " + s)
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		panic(err)
	}
	return n * map[string]int64{"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}[m[2]]
}

var (
	dates    = regexp.MustCompile(`^(\d{4})-(\d\d)-(\d\d)$`)
	instants = regexp.MustCompile(`^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)$`)
)

// parseInstant reads a date or an instant as milliseconds.
func parseInstant(s string) (int64, bool) {
	s = strings.TrimSpace(s)
	if dates.MatchString(s) {
		s += "T00:00:00Z"
	}
	m := instants.FindStringSubmatch(s)
	if m == nil {
		return 0, false
	}
	number := func(s string) int {
		n, err := strconv.Atoi(s)
		if err != nil {
			panic(err)
		}
		return n
	}
	year, month, day, hour, minute, second := number(m[1]), number(m[2]), number(m[3]), number(m[4]), number(m[5]), number(m[6])
	at := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	if at.Day() != day || int(at.Month()) != month || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	ms := at.Unix() * 1000
	if fraction := strings.TrimPrefix(m[7], "."); fraction != "" {
		ms += int64(number((fraction + "00")[:3]))
	}
	if zone := m[8]; zone != "Z" {
		offset := int64(number(zone[1:3])*60+number(zone[4:6])) * 60_000
		if zone[0] == '+' {
			offset = -offset
		}
		ms += offset
	}
	return ms, true
}
