package customers_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit/house"
	"github.com/fanward/fanward/internal/text"
)

func ptr[T any](v T) *T { return &v }

func TestPatch(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		id := resolve(t, h, device("v"), "").Customer
		c, err := h.Customers.Update(h.Ctx(), id, customers.Patch{Name: ptr("  王 小明 "), Locale: ptr("ZH-cn"), Timezone: ptr("Asia/Shanghai"), Attributes: map[string]any{"vip": true, "age": 30.5, "note": "a\x00b"}})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []*customers.Customer{c, get(t, h, id)} {
			if *c.Name != "王 小明" || c.Label != "王 小明" || *c.Locale != "zh-CN" || *c.Timezone != "Asia/Shanghai" {
				t.Errorf("%+v", c)
			}
			same(t, "attributes", c.Attributes, map[string]any{"vip": true, "age": 30.5, "note": "ab"})
		}
		c, err = h.Customers.Update(h.Ctx(), id, customers.Patch{Name: ptr(""), Timezone: ptr(""), Attributes: map[string]any{"vip": nil, "unknown": nil}})
		if err != nil || c.Name != nil || c.Timezone != nil || *c.Locale != "zh-CN" || c.Label == "" {
			t.Errorf("%+v %v", c, err)
		}
		same(t, "attributes", c.Attributes, map[string]any{"age": 30.5, "note": "ab"})
		same(t, "changes", h.Number("SELECT count(*) FROM changes WHERE kind = 'customer' AND audience = 'customers'"), 2)
	})
}

func TestPatchRefuses(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		id := resolve(t, h, device("v"), "").Customer
		many := map[string]any{}
		for i := range 51 {
			many[fmt.Sprint(i)] = 1.0
		}
		big := map[string]any{}
		for i := range 40 {
			big[fmt.Sprint(i)] = strings.Repeat("x", 1000)
		}
		before := h.Dump()
		for _, c := range []struct {
			p           customers.Patch
			code, field string
		}{
			{customers.Patch{Name: ptr(strings.Repeat("好", 121))}, "too_long", "name"},
			{customers.Patch{Locale: ptr("klingon!")}, "unknown_locale", "locale"},
			{customers.Patch{Timezone: ptr("Mars/Olympus")}, "unknown_timezone", "timezone"},
			{customers.Patch{Timezone: ptr("Local")}, "unknown_timezone", "timezone"},
			{customers.Patch{Timezone: ptr("../etc/passwd")}, "unknown_timezone", "timezone"},
			{customers.Patch{Attributes: map[string]any{"": 1.0}}, "attribute_name_invalid", "attributes"},
			{customers.Patch{Attributes: map[string]any{strings.Repeat("k", 65): 1.0}}, "attribute_name_invalid", "attributes"},
			{customers.Patch{Attributes: map[string]any{"a": []any{map[string]any{}}}}, "attribute_value_invalid", "attributes.a[0]"},
			{customers.Patch{Attributes: map[string]any{"a": strings.Repeat("好", 1001)}}, "too_long", "attributes.a"},
			{customers.Patch{Attributes: many}, "too_many", "attributes"},
			{customers.Patch{Attributes: big}, "too_long", "attributes"},
			{customers.Patch{Name: ptr("fine"), Locale: ptr("??"), Timezone: ptr("??")}, "unknown_locale", "locale"},
		} {
			_, err := h.Customers.Update(h.Ctx(), id, c.p)
			house.Refused(t, err, c.code, c.field)
		}
		same(t, "what is stored", h.Dump(), before)
		_, err := h.Customers.Update(h.Ctx(), 99, customers.Patch{})
		house.Refused(t, err, "not_found", "")
		_, err = h.Customers.Get(h.Ctx(), 99)
		house.Refused(t, err, "not_found", "")
	})
}

// A record that has gone into another answers, and is changed, as the survivor.
func TestMergedRecordsLeadToTheSurvivor(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		old := resolve(t, h, device("v"), "").Customer
		known := identify(t, h, "v", "u", customers.Traits{}).Customer
		c, err := h.Customers.Update(h.Ctx(), old, customers.Patch{Name: ptr("Lin")})
		if err != nil || c.ID != known || *get(t, h, old).Name != "Lin" {
			t.Errorf("%+v %v", c, err)
		}
		list, err := h.Customers.List(h.Ctx(), customers.ListFilter{Limit: 10})
		if err != nil || len(list) != 1 || list[0].ID != known {
			t.Errorf("%+v %v", list, err)
		}
	})
}

func TestSearch(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		names := []string{"王小明", "李明", "Ｌｉｎ Ｈｕａ", "Straße 50%", `back\slash`, "under_score", "O'Brien", "plain"}
		of := map[string]ids.ID{}
		for i, name := range names {
			id := resolve(t, h, device(fmt.Sprint(i)), "").Customer
			if _, err := h.Customers.Update(h.Ctx(), id, customers.Patch{Name: &name, Attributes: map[string]any{"email": fmt.Sprint("mail", i, "@Example.com")}}); err != nil {
				t.Fatal(err)
			}
			of[name] = id
		}
		known := identify(t, h, "new device", "CRM-4711", customers.Traits{}).Customer
		for q, want := range map[string][]string{
			"明": {"王小明", "李明"}, "小明": {"王小明"}, "lin": {"Ｌｉｎ Ｈｕａ"}, "LIN  hua": {"Ｌｉｎ Ｈｕａ"}, "STRASSE": {"Straße 50%"}, "50%": {"Straße 50%"}, "%": {"Straße 50%"},
			`\`: {`back\slash`}, "_": {"under_score"}, "r_s": {"under_score"}, "'": {"O'Brien"}, "mail7@example": {"plain"}, "_%": nil, "%%": nil, "zzz": nil, "小 明": nil, "?": nil,
		} {
			found, err := h.Customers.List(h.Ctx(), customers.ListFilter{Query: q, Limit: 100})
			if err != nil {
				t.Fatal(err)
			}
			got := map[ids.ID]bool{}
			for _, c := range found {
				got[c.ID] = true
			}
			if len(got) != len(want) {
				t.Errorf("%q found %d, want %v", q, len(got), want)
			}
			for _, name := range want {
				if !got[of[name]] {
					t.Errorf("%q does not find %s", q, name)
				}
			}
			n, err := h.Customers.Count(h.Ctx(), customers.ListFilter{Query: q})
			if err != nil || int(n) != len(found) {
				t.Errorf("%q counts %d and lists %d, %v", q, n, len(found), err)
			}
		}
		for _, q := range []string{"crm-4711", "4711", customers.Label(known, "", "")} {
			found, err := h.Customers.List(h.Ctx(), customers.ListFilter{Query: q, Limit: 100})
			if err != nil || len(found) != 1 || found[0].ID != known {
				t.Errorf("%q found %v, %v", q, found, err)
			}
		}
	})
}

// Search is containment in the folded text, for whatever people type.
func TestSearchIsContainment(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		rng := rand.New(rand.NewPCG(9, 9))
		letters := []rune(`aAbB%_\明王ß ` + "'\"*?[]-$.")
		word := func(n int) string {
			r := make([]rune, 1+rng.IntN(n))
			for i := range r {
				r[i] = letters[rng.IntN(len(letters))]
			}
			return string(r)
		}
		named := map[ids.ID]string{}
		for i := range 40 {
			name := text.CleanLine("x" + word(8))
			id := resolve(t, h, device(fmt.Sprint(i)), "").Customer
			if _, err := h.Customers.Update(h.Ctx(), id, customers.Patch{Name: &name}); err != nil {
				t.Fatal(err)
			}
			named[id] = name
		}
		for range 150 {
			q := word(3)
			folded := text.Fold(text.CleanLine(q))
			want := 0
			for id, name := range named {
				if strings.Contains(text.Fold(name)+"\n"+text.Fold(customers.Label(id, "", "")), folded) {
					want++
				}
			}
			n, err := h.Customers.Count(h.Ctx(), customers.ListFilter{Query: q})
			if err != nil || int(n) != want {
				t.Errorf("%q finds %d, want %d, %v", q, n, want, err)
			}
		}
	})
}

func TestListPages(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		for i := range 23 {
			resolve(t, h, device(fmt.Sprint(i)), "")
			if i%4 == 0 {
				h.Clock.Advance(time.Second)
			}
		}
		for limit := 1; limit < 26; limit += 4 {
			seen := map[ids.ID]bool{}
			f := customers.ListFilter{Limit: limit}
			for {
				page, err := h.Customers.List(h.Ctx(), f)
				if err != nil {
					t.Fatal(err)
				}
				for _, c := range page {
					if seen[c.ID] {
						t.Fatalf("%s comes twice with a limit of %d", c.ID, limit)
					}
					seen[c.ID] = true
				}
				if len(page) < limit {
					break
				}
				last := page[len(page)-1]
				f.Before = customers.ListPosition{SeenAt: last.LastSeenAt.UnixMilli(), ID: last.ID}
			}
			same(t, "listed", len(seen), 23)
		}
	})
}

func TestEvents(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		a, b := resolve(t, h, device("a"), "").Customer, resolve(t, h, device("b"), "").Customer
		start := h.Clock.Now()
		names := []string{customers.EventPageViewed, "Order Placed", "Order Placed", "下单"}
		type made struct {
			who  ids.ID
			name string
			at   time.Time
		}
		var all []made
		rng := rand.New(rand.NewPCG(2, 2))
		for i := range 60 {
			e := made{[]ids.ID{a, b}[rng.IntN(2)], names[rng.IntN(len(names))], start.Add(time.Duration(rng.IntN(20)) * time.Minute)}
			all = append(all, e)
			if err := h.DB.Write(h.Ctx(), func(tx *store.Tx) error {
				return h.Customers.TrackTx(tx, customers.Track{Customer: e.who, Name: e.name, At: e.at, Properties: map[string]any{"i": i}}, h.Clock.Now())
			}); err != nil {
				t.Fatal(err)
			}
		}
		for range 60 {
			f := customers.EventFilter{Customer: []ids.ID{0, a, b, 77}[rng.IntN(4)], Name: []string{"", names[0], "下单", "Nothing"}[rng.IntN(4)]}
			if rng.IntN(2) == 0 {
				f.From = start.Add(time.Duration(rng.IntN(20)) * time.Minute)
			}
			if rng.IntN(2) == 0 {
				f.To = start.Add(time.Duration(rng.IntN(22)) * time.Minute)
			}
			want := 0
			for _, e := range all {
				if (f.Customer == 0 || e.who == f.Customer) && (f.Name == "" || e.name == f.Name) && (f.From.IsZero() || !e.at.Before(f.From)) && (f.To.IsZero() || e.at.Before(f.To)) {
					want++
				}
			}
			n, err := h.Customers.CountEvents(h.Ctx(), f)
			if err != nil || int(n) != want {
				t.Errorf("%+v counts %d, want %d, %v", f, n, want, err)
			}
			same(t, "listed", len(events(t, h, f, 1+rng.IntN(9))), want)
		}
	})
}

// events reads all of them, page by page, and holds them to their order.
func events(t *testing.T, h *house.House, f customers.EventFilter, limit int) (all []customers.Event) {
	t.Helper()
	for f.Limit = limit; ; {
		page, err := h.Customers.Events(h.Ctx(), f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page...)
		if len(page) < limit {
			break
		}
		last := page[len(page)-1]
		f.Before = customers.EventPosition{At: last.At.UnixMilli(), ID: last.ID}
	}
	for i := 1; i < len(all); i++ {
		a, b := all[i-1], all[i]
		if a.At.Before(b.At) || a.At.Equal(b.At) && a.ID <= b.ID {
			t.Fatalf("%v comes before %v", a, b)
		}
	}
	return all
}
