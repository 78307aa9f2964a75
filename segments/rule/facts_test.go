package rule_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fanward/fanward/segments/rule"
)

// object reads JSON as a program would that keeps numbers as they were written,
// or as floats.
func object(t testing.TB, text string, asWritten bool) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	if asWritten {
		d.UseNumber()
	}
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestFacts(t *testing.T) {
	for _, c := range []struct{ name, object, facts string }{
		{"nothing", `{}`, `{}`},
		{"null has no fact", `{"a":null}`, `{}`},
		{"numbers in millionths", `{"a":12.5,"b":-3,"c":0}`, `{"a":{"n":12500000},"b":{"n":-3000000},"c":{"n":0}}`},
		{"half away from zero", `{"a":0.0000005,"b":-0.0000005,"c":0.00000049,"d":1.2345675}`, `{"a":{"n":1},"b":{"n":-1},"c":{"n":0},"d":{"n":1234568}}`},
		{"powers of ten", `{"a":1.25e3,"b":5e-7,"c":1e-400}`, `{"a":{"n":1250000000},"b":{"n":1},"c":{"n":0}}`},
		{"the largest number", `{"a":8999999999999.99,"b":9000000000000,"c":-9e12,"d":1e300}`, `{"a":{"n":8999999999999990000},"b":{},"c":{},"d":{}}`},
		{"texts are folded and on one line", `{"a":"  ＶＩＰ \n Straße\u0000 "}`, `{"a":{"s":"vip strasse"}}`},
		{"Chinese", `{"city":"上海"}`, `{"city":{"s":"上海"}}`},
		{"booleans", `{"a":true,"b":false}`, `{"a":{"b":1},"b":{"b":0}}`},
		{"instants and dates are texts, too", `{"a":"2026-11-22T08:00:00.5+08:00","b":"2026-02-28"}`, `{"a":{"s":"2026-11-22t08:00:00.5+08:00","t":1795305600500},"b":{"s":"2026-02-28","t":1772236800000}}`},
		{"what only looks like an instant", `{"a":"2026-02-30","b":"2026-1-1","c":"2026-11-22 08:00:00Z","d":"2026-11-22T08:00Z"}`, `{"a":{"s":"2026-02-30"},"b":{"s":"2026-1-1"},"c":{"s":"2026-11-22 08:00:00z"},"d":{"s":"2026-11-22t08:00z"}}`},
		{"lists of scalars", `{"a":["A","a","b",2.50,true,null,{"x":1},["y"]],"b":[]}`, `{"a":{"l":["a","b","2.5","true"]},"b":{"l":[]}}`},
		{"paths into objects", `{"a":{"b":{"c":1}},"d":{}}`, `{"a.b.c":{"n":1000000}}`},
		{"a name goes before a path", `{"a":{"b":1},"a.b":2}`, `{"a.b":{"n":2000000}}`},
		{"too deep", `{"a":{"b":{"c":{"d":{"e":1,"f":{"g":2}}}}}}`, `{"a.b.c.d.e":{"n":1000000}}`},
		{"unusable names", `{"":1,"a\"b":1,"a\\b":1,"a\nb":1,"` + strings.Repeat("k", 101) + `":1,"` + strings.Repeat("客", 100) + `":1}`, `{"` + strings.Repeat("客", 100) + `":{"n":1000000}}`},
		{"a quote in a text", `{"a":"\"quoted\" \\ <b>"}`, `{"a":{"s":"\"quoted\" \\ \u003cb\u003e"}}`},
	} {
		for _, asWritten := range []bool{true, false} {
			facts := rule.FactsOf(object(t, c.object, asWritten))
			if got := facts.JSON(); got != c.facts {
				t.Errorf("%s: %s became %s, not %s", c.name, c.object, got, c.facts)
			}
			back, err := rule.ParseFacts(facts.JSON())
			if err != nil || back.JSON() != facts.JSON() {
				t.Errorf("%s: %s was read back as %s, %v", c.name, facts.JSON(), back.JSON(), err)
			}
			if !json.Valid([]byte(facts.JSON())) {
				t.Errorf("%s: %s is no JSON", c.name, facts.JSON())
			}
		}
	}
}

func TestFactsHaveLimits(t *testing.T) {
	many := map[string]any{}
	for i := range 300 {
		many[fmt.Sprintf("k%03d", i)] = i
	}
	many["a"] = map[string]any{"deep": 1}
	facts := rule.FactsOf(many)
	if names := slices.Sorted(maps.Keys(facts)); len(names) != 200 || names[199] != "k199" {
		t.Errorf("%d facts, the last is %s", len(names), names[len(names)-1])
	}
	list := make([]any, 300)
	for i := range list {
		list[i] = i
	}
	facts = rule.FactsOf(map[string]any{"text": strings.Repeat("Ä", 600), "list": list})
	if got := *facts["text"].S; got != strings.Repeat("ä", 500) {
		t.Errorf("the text is %d bytes", len(got))
	}
	if n := len(facts["list"].L); n != 100 {
		t.Errorf("the list has %d", n)
	}
}

func TestAttributeFacts(t *testing.T) {
	facts := rule.AttributeFacts(map[string]any{"$name": "not this", "$created_at": "2026-01-01", "city": "Wien"}, "Ming LI", "zh-CN", "")
	if got := facts.JSON(); got != `{"$locale":{"s":"zh-cn"},"$name":{"s":"ming li"},"city":{"s":"wien"}}` {
		t.Error(got)
	}
}

func TestParseFactsRefuses(t *testing.T) {
	for _, stored := range []string{"null", "[]", `{"a":1}`, `{"a":{"n":1.5}}`, "{"} {
		if facts, err := rule.ParseFacts(stored); err == nil {
			t.Errorf("%s is read as %v", stored, facts)
		}
	}
	if facts, err := rule.ParseFacts(""); err != nil || facts == nil || len(facts) != 0 {
		t.Errorf("no facts are %v, %v", facts, err)
	}
}

func TestScaled(t *testing.T) {
	for decimal, want := range map[string]int64{"0": 0, "-0": 0, "1": 1_000_000, "0.1": 100_000, "1E2": 100_000_000, "1e+2": 100_000_000, "12345678.9012345": 12_345_678_901_235,
		"8999999999999.9999999": 9_000_000_000_000_000_000, "-8999999999999.999999": -8_999_999_999_999_999_999, "1e-99999999999999999999": 0} {
		if n, ok := rule.Scaled(decimal); n != want || !ok {
			t.Errorf("%s is %d, %v", decimal, n, ok)
		}
	}
	for _, decimal := range []string{"", "-", ".", "1.", ".5", "1e", "1e+-2", "0x1", "1_0", "NaN", "Infinity", "9e12", "1e99999999999999999999", " 1", "１"} {
		if n, ok := rule.Scaled(decimal); ok {
			t.Errorf("%q counts as %d", decimal, n)
		}
	}
	for n, want := range map[int64]string{0: "0", 1: "0.000001", -1: "-0.000001", 1_500_000: "1.5", -12_000_000: "-12"} {
		if got := rule.Decimal(n); got != want {
			t.Errorf("%d millionths are %s", n, got)
		}
	}
}

func TestDuration(t *testing.T) {
	for s, want := range map[string]time.Duration{"1s": time.Second, "90m": 90 * time.Minute, "12h": 12 * time.Hour, "30d": 720 * time.Hour, "2w": 336 * time.Hour, "36500d": rule.MaxDuration} {
		if d, ok := rule.Duration(s); d != want || !ok {
			t.Errorf("%s is %v, %v", s, d, ok)
		}
	}
	for _, s := range []string{"", "d", "0d", "01d", "-1d", "1.5h", "1 d", "1D", "36501d", "5215w", "99999999999s", "999999999999999999999d", "1y"} {
		if d, ok := rule.Duration(s); ok {
			t.Errorf("%q counts as %v", s, d)
		}
	}
}
