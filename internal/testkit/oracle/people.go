package oracle

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/fanward/fanward/segments/rule"
)

// World makes people and conditions on them, the same for the same seed. Values
// are few and instants fall on full hours, so that conditions are true of some
// and false of others and windows end exactly when something else happens.
type World struct {
	*rand.Rand
	Now int64

	hint   string  // the duration that led to the latest Instant
	wanted rule.Op // the comparison that the next leaf is to have
}

// NewWorld makes a world around an instant.
func NewWorld(seed uint64) *World {
	return &World{Rand: rand.New(rand.NewPCG(seed, 1)), Now: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC).UnixMilli()}
}

const hour = int64(3_600_000)

// What people do, and how long conditions look.
var (
	EventNames = []string{"Order Completed", "Page Viewed", `登录 "it's"`}
	durations  = []string{"1h", "6h", "90m", "1d", "2d", "7d", "2w", "30d", "45d"}
	stages     = []string{"", "lead", "customer", "member"}
	tags       = []string{"VIP", "Ｗine", "新客"}
	cities     = []string{"Wien", "ＷＩＥＮ", "上海", "New  York", "new york city", "São Paulo", "Straße 1"}
	languages  = []string{"", "zh-CN", "en"}
	zones      = []string{"", "Asia/Shanghai", "Europe/Vienna"}
)

func pick[T any](w *World, of []T) T { return of[w.IntN(len(of))] }

func (w *World) chance(percent int) bool { return w.IntN(100) < percent }

// when is an instant between so many hours before and after now; most on a full
// hour.
func (w *World) when(before, after int) int64 {
	at := w.Now + int64(w.IntN(before+after)-before)*hour
	if w.chance(10) {
		at += int64(w.IntN(3) - 1)
	}
	return at
}

// written is an instant in one of the forms that JSON has it in.
func (w *World) written(at int64) string {
	t := time.UnixMilli(at).In(time.FixedZone("", []int{0, 8 * 3600, -5*3600 - 1800}[w.IntN(3)]))
	if at%86_400_000 == 0 && w.chance(50) {
		return time.UnixMilli(at).UTC().Format(time.DateOnly)
	}
	return t.Format("2006-01-02T15:04:05.999Z07:00")
}

// People makes people; some are joined from two, some were erased. Those that
// were joined into another are returned apart: rows of theirs are still there,
// but they are nobody.
func (w *World) People(n int) (people, absorbed []*Person) {
	for id := int64(1); len(people) < n; id++ {
		p := w.person(id)
		switch {
		case len(people) > 0 && w.chance(10):
			people[len(people)-1].join(p)
			absorbed = append(absorbed, p)
			continue
		case w.chance(5):
			p = &Person{ID: id, CreatedAt: p.CreatedAt, Attributes: json.RawMessage("{}")}
		}
		people = append(people, p)
	}
	return people, absorbed
}

func (w *World) person(id int64) *Person {
	p := &Person{ID: id, CreatedAt: w.when(90*24, 0), Name: pick(w, []string{"", "Ming 李", "Lin", "ming", "Ｌｉｎ Wang"}), Locale: pick(w, languages), Timezone: pick(w, zones)}
	p.Attributes = w.object(map[string]func() any{
		"city": w.city, "age": w.number, "vip": func() any { return w.chance(50) }, "birthday": w.moment, "likes": w.list,
		"address": func() any { return map[string]any{"city": w.city(), "floor": w.number()} }, `odd 'key' ?$1 {x} %`: w.anything, "a.b": w.number, "客户等级": w.anything,
	})
	if w.chance(80) {
		p.LastSeenAt = w.when(60*24, 24)
	}
	for _, t := range tags {
		if w.chance(45) {
			p.Tags = append(p.Tags, t)
		}
	}
	p.Stage, p.StageSince = pick(w, stages), w.when(40*24, 0)
	if p.Stage == "" {
		p.StageSince = 0
	}
	for range w.IntN(24) {
		p.Events = append(p.Events, w.event())
	}
	p.reach(w)
	return p
}

func (p *Person) reach(w *World) {
	for _, kind := range []string{"openid", "email", "visitor", "openid", "phone"} {
		if !w.chance(60) {
			continue
		}
		i := Identity{Kind: kind, Suppressed: w.chance(20)}
		if kind == "openid" && w.chance(80) {
			i.OpenUntil = w.when(30*24, 72)
		}
		p.Identities = append(p.Identities, i)
	}
	for _, channel := range []string{"wechat", "email", "webchat"} {
		for _, purpose := range []string{"marketing", "transactional"} {
			if state := pick(w, []string{"", "granted", "granted", "withdrawn"}); state != "" {
				p.Consents = append(p.Consents, Consent{channel, purpose, state})
			}
		}
	}
}

func (w *World) event() Event {
	e := Event{Name: pick(w, EventNames), At: w.when(60*24, 5*24)}
	e.Properties = w.object(map[string]func() any{
		"total": w.number, "city": w.city, "paid": func() any { return w.chance(50) }, "until": w.moment, "likes": w.list,
		"shop": func() any { return map[string]any{"id": w.number()} }, `odd 'key' ?$1 {x} %`: w.anything,
	})
	return e
}

// object gives each name a value, leaves some out, and lets some be of another
// type.
func (w *World) object(of map[string]func() any) json.RawMessage {
	object := map[string]any{}
	names := make([]string, 0, len(of))
	for name := range of {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		switch {
		case w.chance(15):
		case w.chance(5):
			object[name] = w.anything()
		default:
			object[name] = of[name]()
		}
	}
	raw, err := json.Marshal(object)
	if err != nil {
		panic(err)
	}
	return raw
}

func (w *World) city() any { return pick(w, cities) }

// number is small, often negative as of a refund; rarely too fine or too large.
func (w *World) number() any {
	switch w.IntN(20) {
	case 0:
		return json.Number(pick(w, []string{"9e12", "-1e300", "8999999999999.999999", "-8999999999999.999999"}))
	case 1:
		return json.Number(pick(w, []string{"0.0000005", "-0.0000005", "19.9899995", "1e-7"}))
	}
	return json.Number(pick(w, []string{"0", "1", "20", "19.99", "-19.99", "100", "-100", "5e1"}))
}

func (w *World) moment() any {
	if w.chance(10) {
		return pick(w, []string{"2026-02-30", "soon", "2026-11-22"})
	}
	return w.written(w.when(40*24, 20*24))
}

func (w *World) list() any {
	list := []any{}
	for _, v := range []any{"Wine", "ｗｉｎｅ", "上海", 5, 2.50, true, nil, []any{"x"}} {
		if w.chance(40) {
			list = append(list, v)
		}
	}
	return list
}

func (w *World) anything() any {
	switch w.IntN(6) {
	case 0:
		return w.city()
	case 1:
		return w.number()
	case 2:
		return w.chance(50)
	case 3:
		return w.moment()
	case 4:
		return w.list()
	}
	return nil
}

// join makes two records one person: the survivor's own words go first.
func (p *Person) join(o *Person) {
	attributes := parse(o.Attributes)
	for k, v := range parse(p.Attributes) {
		attributes[k] = v
	}
	raw, err := json.Marshal(attributes)
	if err != nil {
		panic(err)
	}
	p.Attributes, p.parsed = raw, nil
	if p.Name == "" {
		p.Name = o.Name
	}
	p.CreatedAt, p.LastSeenAt = min(p.CreatedAt, o.CreatedAt), max(p.LastSeenAt, o.LastSeenAt)
	p.Events, p.Identities = append(p.Events, o.Events...), append(p.Identities, o.Identities...)
	for _, t := range o.Tags {
		if !slices.Contains(p.Tags, t) {
			p.Tags = append(p.Tags, t)
		}
	}
}

// String is a person in full, for a test that has failed.
func (p *Person) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "person %d %q %q %q created %d seen %d stage %q since %d tags %q\n  %s\n  %+v %+v\n", p.ID, p.Name, p.Locale, p.Timezone, p.CreatedAt, p.LastSeenAt, p.Stage, p.StageSince, p.Tags, p.Attributes, p.Identities, p.Consents)
	for _, e := range p.Events {
		fmt.Fprintf(&b, "  %d %q %s\n", e.At, e.Name, e.Properties)
	}
	return b.String()
}
