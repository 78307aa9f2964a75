package customers

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/text"
)

// told are the traits of an identify call, sorted into what the house has.
type told struct {
	name, email, locale, zone string
	// attributes by name; nil takes one away.
	attributes map[string]any
	// anew are the traits that replace all that was told under their names.
	anew []string
	// left are those that cannot be kept.
	left []fault.Field
}

const traitDepth = 3

// readTraits sorts traits. Objects become attributes with dotted names.
func readTraits(traits map[string]any) told {
	t := told{attributes: map[string]any{}}
	for _, k := range slices.Sorted(maps.Keys(traits)) {
		kept, left := len(t.attributes), len(t.left)
		t.take("", map[string]any{k: traits[k]}, 1)
		// What cannot be kept at all leaves what is known.
		if len(t.attributes) > kept || len(t.left) == left {
			t.anew = append(t.anew, k)
		}
	}
	line := func(k string) string {
		s, _ := t.attributes[k].(string)
		return text.CleanLine(s)
	}
	t.name = text.Preview(line("name"), maxName)
	if t.name == "" {
		t.name = text.Preview(line("firstName")+" "+line("lastName"), maxName)
	}
	t.locale = canonicalLocale(line("locale"))
	if zone := line("timezone"); zone != "" && ValidZone(zone) {
		t.zone = zone
	}
	if folded, ok := text.Email(line("email")); ok {
		t.email = folded
	} else if line("email") != "" {
		t.left = append(t.left, fault.Field{Field: "traits.email", Code: "invalid_email"})
		delete(t.attributes, "email")
	}
	delete(t.attributes, "name")
	delete(t.attributes, "locale")
	delete(t.attributes, "timezone")
	return t
}

// ValidZone tells whether a name is an IANA time zone.
func ValidZone(name string) bool {
	_, err := time.LoadLocation(name)
	return err == nil && name != "" && name != "Local"
}

func (t *told) take(prefix string, traits map[string]any, depth int) {
	for _, k := range slices.Sorted(maps.Keys(traits)) {
		name, v := prefix+k, traits[k]
		if below, ok := v.(map[string]any); ok && depth < traitDepth {
			t.take(name+".", below, depth+1)
			continue
		}
		if bad := checkAttributes("traits", map[string]any{name: v}); len(bad) > 0 {
			t.left = append(t.left, bad...)
			continue
		}
		t.attributes[name] = v
	}
}

// takeTraitsTx writes traits into a locked person's profile: what is told now
// replaces what was. home is the record that they are said of; when the merge
// that holds it is undone, it keeps them. Traits that were told before what is
// already known fill blanks only.
func (s *Service) takeTraitsTx(tx *store.Tx, id, home ids.ID, t *told, at, now time.Time) (changed bool, err error) {
	var known int64
	if err := tx.QueryRow(queries.Get("traits-at"), id).Scan(&known); err != nil {
		return false, err
	}
	if clock.Millis(at) < known {
		return s.fillTx(tx, id, home, Traits{Name: t.name, Locale: t.locale, Timezone: t.zone, Attributes: t.attributes}, now)
	}
	if _, err := tx.Exec(queries.Get("set-traits-at"), clock.Millis(at), id, clock.Millis(at)); err != nil {
		return false, err
	}
	c, err := lockTx(tx, id)
	if err != nil {
		return false, err
	}
	p := t.patch(c)
	if p.empty() {
		return false, nil
	}
	return true, s.sayTx(tx, c, home, p, now)
}

// patch is what traits change of a profile; attributes for which there is no
// room are left.
func (t *told) patch(c *Customer) Patch {
	differs := func(now *string, said string) *string {
		if said == "" || deref(now) == said {
			return nil
		}
		return &said
	}
	p := Patch{Name: differs(c.Name, t.name), Locale: differs(c.Locale, t.locale), Timezone: differs(c.Timezone, t.zone), Attributes: map[string]any{}}
	after := maps.Clone(c.Attributes)
	for _, k := range t.outdated(c) {
		delete(after, k)
		p.Attributes[k] = nil
	}
	for _, k := range slices.Sorted(maps.Keys(t.attributes)) {
		v := cleanValue(t.attributes[k])
		had, there := c.Attributes[k]
		switch {
		case v == nil && !there, there && sameValue(had, v):
			continue
		case v == nil:
			delete(after, k)
		default:
			after[k] = v
		}
		if stored, err := json.Marshal(after); len(after) > maxAttributes || err != nil || len(stored) > maxAttributesSize {
			t.left = append(t.left, fault.Field{Field: "traits." + k, Code: "too_many", Params: fault.Params{"max": maxAttributes}})
			if delete(after, k); there {
				after[k] = had
			}
			continue
		}
		p.Attributes[k] = v
	}
	return p
}

// outdated are the attributes that came of traits which are told anew and no
// longer have them: an object that has lost a member, or is none any more.
func (t *told) outdated(c *Customer) (out []string) {
	for _, k := range slices.Sorted(maps.Keys(c.Attributes)) {
		_, said := t.attributes[k]
		if !said && slices.ContainsFunc(t.anew, func(trait string) bool {
			below, ok := strings.CutPrefix(k, trait)
			return ok && (strings.HasPrefix(below, ".") || below == "" && !slices.Contains(ownFields, k))
		}) {
			out = append(out, k)
		}
	}
	return out
}

// ownFields are the traits that are fields of a profile and not only attributes.
var ownFields = []string{"name", "locale", "timezone", "email"}

func (p Patch) empty() bool {
	return p.Name == nil && p.Locale == nil && p.Timezone == nil && len(p.Attributes) == 0
}

// say writes what a patch has made of c into a record's own fields: all of it,
// or only what the record has said something about.
func (f fields) say(p Patch, c *Customer, all bool) fields {
	for _, field := range []struct {
		said, shown *string
		own         **string
	}{{p.Name, c.Name, &f.Name}, {p.Locale, c.Locale, &f.Locale}, {p.Timezone, c.Timezone, &f.Timezone}} {
		if field.said != nil && (all || *field.own != nil) {
			value := deref(field.shown)
			*field.own = &value
		}
	}
	if f.Attributes = maps.Clone(f.Attributes); f.Attributes == nil {
		f.Attributes = map[string]any{}
	}
	for k := range p.Attributes {
		if _, there := f.Attributes[k]; all || there {
			f.Attributes[k] = c.Attributes[k] // nil: taken away
		}
	}
	return f
}

// sayTx applies a patch that is said of one record of a locked person. Of a
// merged one the record keeps it as its own, and so does every record whose own
// value would be shown in its place.
func (s *Service) sayTx(tx *store.Tx, c *Customer, home ids.ID, p Patch, now time.Time) error {
	_, merged, err := ownTx(tx, c.ID, home)
	if err != nil {
		return err
	}
	if p.apply(c); !merged {
		return s.saveTx(tx, c, now)
	}
	members, err := membersOf(tx, c.ID)
	if err != nil {
		return err
	}
	edges, err := edgesOf(tx, c.ID)
	if err != nil {
		return err
	}
	for _, record := range reach(edges, c.ID) {
		stored, err := json.Marshal(members[record].own.say(p, c, record == home))
		if err != nil {
			return err
		}
		if _, err := tx.Exec(qSetOwn, string(stored), record); err != nil {
			return err
		}
		if record == home {
			break // those behind it are not shown in its place
		}
	}
	_, err = s.refreshTx(tx, c.ID, false, now)
	return err
}
