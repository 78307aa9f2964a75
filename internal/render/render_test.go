package render_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/render"
)

var at = time.Date(2026, 3, 8, 1, 30, 0, 0, time.UTC)

func vars(locale, zone string) map[string]any {
	return map[string]any{
		"customer": map[string]any{"name": "小明", "locale": locale, "timezone": zone, "tags": []string{"vip", "beta"}, "city": "上海", "points": 125000.0, "evil": "<b>{{ now }}</b>"},
		"event":    map[string]any{"name": "Order Completed", "properties": map[string]any{"amount": 1299.5, "at": "2026-03-08T01:30:00Z", "day": "2026-02-29", "items": []any{"a", "b", "c"}}},
		"journey":  map[string]any{"name": "Welcome"},
		"now":      at,
	}
}

func TestText(t *testing.T) {
	for _, c := range []struct{ template, en, zh string }{
		{`Hi {{ customer.name }}`, "Hi 小明", "Hi 小明"},
		{`{{ customer.nickname | default: "friend" }}`, "friend", "friend"},
		{`{{ customer.nobody.knows.this }}.`, ".", "."},
		{`{{ customer.evil }}`, "<b>{{ now }}</b>", "<b>{{ now }}</b>"},
		{`{{ customer.evil | escape }}`, "&lt;b&gt;{{ now }}&lt;/b&gt;", "&lt;b&gt;{{ now }}&lt;/b&gt;"},
		{`{{ now | date }}`, "March 7, 2026", "2026年3月8日"},
		{`{{ now | date: "long" }}`, "Saturday, March 7, 2026", "2026年3月8日 星期日"},
		{`{{ event.properties.at | date: "%Y-%m-%d %H:%M" }}`, "2026-03-07 20:30", "2026-03-08 09:30"},
		{`{{ event.properties.at | date: "%H:%M", "Europe/Berlin" }}`, "02:30", "02:30"},
		{`{{ "2026-02-28" | date: "%-d %b" }}`, "28 Feb", "28 2月"},
		{`{{ event.properties.day | date }}`, "2026-02-29", "2026-02-29"},
		{`{{ "now" | date: "%a" }}`, "Sat", "周日"},
		{`{{ event.properties.amount | money: "CNY" }}`, "¥1,299.50", "¥1,299.50"},
		{`{{ -3 | money: "JPY" }} {{ "1234.5" | money }}`, "-¥3 1,234.50", "-¥3 1,234.50"},
		{`{{ customer.points | number }} {{ customer.points | compact_number }}`, "125,000 125K", "125,000 12.5万"},
		{`{{ 0.125 | percent }} {{ 99999999 | compact_number }} {{ "x" | number }}`, "12.5% 100M x", "12.5% 1亿 x"},
		{`{{ customer.tags | join: ", " }}`, "vip, beta", "vip, beta"},
		{`{% for i in event.properties.items %}{{ forloop.index }}{{ i }}{% unless forloop.last %},{% endunless %}{% else %}none{% endfor %}`, "1a,2b,3c", "1a,2b,3c"},
		{`{% for i in (1..3) reversed %}{{ i }}{% endfor %}{% for i in event.properties.items limit: 1 offset: 1 %}{{ i }}{% endfor %}`, "321b", "321b"},
		{`{% for i in (1..9) %}{% if i == 2 %}{% continue %}{% elsif i > 3 %}{% break %}{% endif %}{{ i }}{% endfor %}`, "13", "13"},
		{`{% for i in (1..3) %}{% cycle "x", "y" %}{% endfor %}`, "xyx", "xyx"},
		{`{% case customer.city %}{% when "北京", "上海" %}big{% else %}small{% endcase %}`, "big", "big"},
		{`{% if customer.tags contains "vip" and customer.points >= 100 %}VIP{% endif %}`, "VIP", "VIP"},
		{`{% assign a = customer.city | append: "!" %}{% capture b %}[{{ a }}]{% endcapture %}{{ b }}`, "[上海!]", "[上海!]"},
		{`{% comment %}{{ nonsense | nothing }}{% endcomment %}{% raw %}{{ as it is }}{% endraw %}`, "{{ as it is }}", "{{ as it is }}"},
		{"a  \n{%- if true -%}\n b \n{%- endif -%}\nc", "abc", "abc"},
	} {
		for _, who := range []struct{ locale, zone, want string }{{"en", "America/New_York", c.en}, {"zh-CN", "Asia/Shanghai", c.zh}} {
			got, err := render.Text(context.Background(), c.template, vars(who.locale, who.zone))
			if err != nil || got != who.want {
				t.Errorf("%s in %s: %q, %v; want %q", c.template, who.locale, got, err, who.want)
			}
		}
		if bad := render.Check(c.template); len(bad) > 0 {
			t.Errorf("%s: %+v", c.template, bad)
		}
	}
}

// What has no end, or would fill the memory, stops by itself.
func TestBounded(t *testing.T) {
	double := `{% assign a = "xxxxxxxxxxxxxxxx" %}` + strings.Repeat(`{% assign a = a | append: a %}`, 40) + `{{ a | size }}`
	for name, c := range map[string]struct{ template, code string }{
		"a long range":          {`{% for i in (1..100000000) %}{% endfor %}`, render.TooMuch},
		"a range to the end":    {`{% for i in (9223372036854775806..9223372036854775807) %}x{% endfor %}{% for i in (1..9223372036854775807) %}{% endfor %}`, render.TooMuch},
		"loops in loops":        {strings.Repeat(`{% for i in (1..900) %}`, 4) + strings.Repeat(`{% endfor %}`, 4), render.TooMuch},
		"doubling":              {double, render.TooMuch},
		"replaced by itself":    {`{% assign a = "xxxxxxxxxx" %}` + strings.Repeat(`{% assign a = a | replace: "x", a %}`, 9), render.TooMuch},
		"a range as a list":     {`{{ (1..1000000000) | join: "," }}`, render.TooMuch},
		"a long output":         {`{% for i in (1..900) %}` + strings.Repeat("x", 100) + `{% endfor %}`, render.OutputTooLong},
		"a long capture":        {`{% capture a %}{% for i in (1..900) %}` + strings.Repeat("x", 100) + `{% endfor %}{% endcapture %}`, render.OutputTooLong},
		"a wide date":           {`{{ "2026-01-01" | date: "%1000000000d" }}`, render.Failed},
		"lists of lists":        {`{% assign a = "a,b,c,d,e,f,g,h" | split: "," %}` + strings.Repeat(`{% assign a = a | concat: a %}`, 20), render.TooMuch},
		"a template as an arg":  {strings.Repeat("x", render.MaxTemplate+1), render.TooLong},
		"a filter with no args": {`{{ "a" | replace }}{{ "abc" | truncate: "x" }}`, render.Failed},
		"division by zero":      {`{{ 1 | divided_by: 0 }}`, render.Failed},
		"files":                 {`{% include "/etc/passwd" %}`, render.Syntax},
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			out, err := render.Text(context.Background(), c.template, vars("en", ""))
			if fault.CodeOf(err) != c.code || out != "" {
				t.Errorf("%.40q: %v, want %s", out, err, c.code)
			}
			if took := time.Since(began); took > time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		template string
		line     int
		code     string
		name     string
	}{
		"unknown variable":  {"a\nb {{ costumer.name }}", 2, render.UnknownVariable, "costumer"},
		"in a condition":    {"\n\n{% if customer.a == b.c %}{% endif %}", 3, render.UnknownVariable, "b"},
		"in an argument":    {"{{ customer.name | default: nickname }}", 1, render.UnknownVariable, "nickname"},
		"in a loop":         {"{% for i in things limit: many reversed %}{% endfor %}", 1, render.UnknownVariable, "things"},
		"unknown filter":    {"\n{{ customer.name | upcase | SHOUT }}", 2, render.UnknownFilter, "SHOUT"},
		"unknown tag":       {"x\n{% include \"a\" %}", 2, render.UnknownTag, "include"},
		"not closed":        {"x\n\nHi {{ customer.name }", 3, render.Unclosed, "{{"},
		"tag not closed":    {"x\n{% if customer.name", 2, render.Unclosed, "{%"},
		"no end":            {"x\n{% if customer.name %}", 2, render.Syntax, ""},
		"no beginning":      {"{% endif %}", 1, render.Syntax, ""},
		"not an expression": {"\n{{ customer. }}", 2, render.Syntax, ""},
		"endless":           {"\n{% for i in (1..99999999) %}{% endfor %}", 2, render.TooMuch, ""},
		"too long":          {strings.Repeat("x", render.MaxTemplate+1), 0, render.TooLong, ""},
	} {
		t.Run(name, func(t *testing.T) {
			bad := render.Check(c.template)
			if len(bad) == 0 || bad[0].Line != c.line || bad[0].Code != c.code {
				t.Fatalf("%+v", bad)
			}
			if got, _ := bad[0].Params["name"].(string); got != c.name {
				t.Errorf("it names %q", got)
			}
		})
	}
	for _, fine := range []string{"", "plain", "{{ now }}", "{% assign x = 1 %}{{ x }}", `{{ customer.a["b"].c }}`, "{{ customer.name | default: 'a, b: c | d' }}", "{{ event.properties.x-y }}"} {
		if bad := render.Check(fine); len(bad) > 0 {
			t.Errorf("%s: %+v", fine, bad)
		}
	}
}

// Rendering changes nothing that it was given.
func TestGivenValuesStay(t *testing.T) {
	given := vars("en", "")
	tags := given["customer"].(map[string]any)["tags"].([]string)
	if _, err := render.Text(context.Background(), `{% assign customer = 1 %}{{ event.properties.items | sort | reverse | join }}`, given); err != nil {
		t.Fatal(err)
	}
	if tags[0] != "vip" || given["customer"] == 1 {
		t.Errorf("%v", given)
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{`{{ customer.name | default: "x" }}`, `{% for i in (1..9) %}{{ i }}{% endfor %}`, `{% if a %}{% else %}{% endif %}`, `{{ now | date: "%Y" }}`,
		`{% case a %}{% when 1 %}{% endcase %}`, `{% capture a %}{% endcapture %}`, `{{ "a" | split: "" | uniq | sort | map: "x" | where: "a", 1 | sum }}`, `{{ (1..2)[0].x | slice: -1, 5 }}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, template string) {
		// What hangs would only look slow.
		hangs := time.AfterFunc(10*time.Second, func() { panic(fmt.Sprintf("no end with %q", template)) })
		defer hangs.Stop()
		bad := render.Check(template)
		out, err := render.Text(context.Background(), template, vars("zh-CN", "Asia/Shanghai"))
		if len(out) > render.MaxOutput {
			t.Errorf("%d bytes", len(out))
		}
		if err != nil && fault.CodeOf(err) == "internal" {
			t.Errorf("no code: %v", err)
		}
		for _, p := range bad {
			if p.Code == "" || p.Line < 0 {
				t.Errorf("%+v", p)
			}
		}
	})
}
