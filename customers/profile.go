package customers

import (
	"context"
	"errors"
	"maps"
	"strings"
	"time"

	"golang.org/x/text/language"

	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/text"
)

// Patch changes a profile; nil fields stay, an empty string clears. A nil value
// in Attributes removes the attribute.
type Patch struct {
	Name       *string
	Locale     *string
	Timezone   *string
	Attributes map[string]any
}

// Update applies a patch as a whole or not at all; for a merged record, to the
// survivor.
func (s *Service) Update(ctx context.Context, id ids.ID, p Patch) (*Customer, error) {
	var out *Customer
	err := s.db.Write(ctx, func(tx *store.Tx) (err error) {
		out, err = s.UpdateTx(tx, id, p)
		return err
	})
	return out, err
}

// UpdateTx is Update within the caller's transaction. It locks the customer.
func (s *Service) UpdateTx(tx *store.Tx, id ids.ID, p Patch) (*Customer, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	c, err := lockTx(tx, id)
	if err != nil {
		return nil, err
	}
	now := s.clk.Now()
	if c, err = s.patchTx(tx, c, p, now); err != nil {
		return nil, err
	}
	return c, announce(tx, c, 0, now)
}

// patchTx applies a patch to a locked customer. Of a merged one it becomes the
// record's own: an undo takes back neither what was set nor what was cleared.
func (s *Service) patchTx(tx *store.Tx, c *Customer, p Patch, now time.Time) (*Customer, error) {
	p.apply(c)
	if len(c.Attributes) > maxAttributes {
		return nil, fault.AtField("attributes", "too_many", fault.Params{"max": maxAttributes})
	}
	own, merged, err := ownTx(tx, c.ID, c.ID)
	if err != nil {
		return nil, err
	}
	if !merged {
		return c, s.saveTx(tx, c, now)
	}
	for _, f := range []struct {
		given *string
		shows *string
		to    **string
	}{{p.Name, c.Name, &own.Name}, {p.Locale, c.Locale, &own.Locale}, {p.Timezone, c.Timezone, &own.Timezone}} {
		if f.given != nil {
			value := deref(f.shows)
			*f.to = &value
		}
	}
	if own.Attributes = maps.Clone(own.Attributes); own.Attributes == nil {
		own.Attributes = map[string]any{}
	}
	for k := range p.Attributes {
		own.Attributes[k] = c.Attributes[k] // nil: cleared
	}
	return s.setOwnTx(tx, c.ID, c.ID, own, now)
}

func (p Patch) check() error {
	var bad []fault.Field
	add := func(field, code string, params fault.Params) {
		bad = append(bad, fault.Field{Field: field, Code: code, Params: params})
	}
	if p.Name != nil && text.Length(text.CleanLine(*p.Name)) > maxName {
		add("name", "too_long", fault.Params{"max": maxName})
	}
	if p.Locale != nil && *p.Locale != "" {
		if _, err := language.Parse(*p.Locale); err != nil {
			add("locale", "unknown_locale", fault.Params{"value": text.Preview(*p.Locale, 20)})
		}
	}
	if p.Timezone != nil && *p.Timezone != "" {
		if _, err := time.LoadLocation(*p.Timezone); err != nil || *p.Timezone == "Local" {
			add("timezone", "unknown_timezone", fault.Params{"value": text.Preview(*p.Timezone, 60)})
		}
	}
	return fault.AtFields(append(bad, checkAttributes("attributes", p.Attributes)...)...)
}

func (p Patch) apply(c *Customer) {
	set := func(to **string, from *string) {
		if from != nil {
			*to = optional(text.CleanLine(*from))
		}
	}
	set(&c.Name, p.Name)
	if p.Locale != nil {
		c.Locale = optional(canonicalLocale(*p.Locale))
	}
	set(&c.Timezone, p.Timezone)
	for k, v := range p.Attributes {
		if v == nil {
			delete(c.Attributes, k)
			continue
		}
		c.Attributes[k] = cleanValue(v)
	}
}

// NoStage asks a ListFilter for those who stand in no stage; no key is like it.
const NoStage = "-"

// ListFilter narrows List.
type ListFilter struct {
	// Query is looked for in names, identities and codes, folded.
	Query string
	// Stage is the key of a stage, or NoStage; Tag a tag's name.
	Stage, Tag string
	Segment    ids.ID
	// Anonymous takes in those of whom nothing but a browser's tracking id is
	// known. They are left out of lists that nothing else narrows, which they
	// would fill.
	Anonymous bool
	Before    ListPosition
	Limit     int
}

// ListPosition is where a page ended: last seen first.
type ListPosition struct {
	SeenAt int64
	ID     ids.ID
}

// List lists customers, last seen first.
func (s *Service) List(ctx context.Context, f ListFilter) ([]*Customer, error) {
	var b store.Builder
	b.Add("SELECT " + columns + " FROM customers c")
	f.where(&b)
	if f.Before.ID != 0 {
		b.Add("AND (c.last_seen_at, c.id) < (?, ?)", f.Before.SeenAt, f.Before.ID)
	}
	b.Add("ORDER BY c.last_seen_at DESC, c.id DESC LIMIT ?", f.Limit)
	q, args := b.Query()
	rows, err := s.db.Reader(ctx).Query(q, args...)
	return store.Collect(rows, err, scan)
}

// Count is the exact number behind a filter, without its page.
func (s *Service) Count(ctx context.Context, f ListFilter) (int64, error) {
	var b store.Builder
	b.Add("SELECT count(*) FROM customers c")
	f.where(&b)
	q, args := b.Query()
	var n int64
	return n, s.db.Reader(ctx).QueryRow(q, args...).Scan(&n)
}

func (f ListFilter) where(b *store.Builder) {
	b.Add("WHERE c.merged_into = 0")
	if narrowed := f.Query != "" || f.Tag != "" || f.Segment != 0 || f.Stage != "" && f.Stage != NoStage; !f.Anonymous && !narrowed {
		b.Add("AND (c.name <> '' OR EXISTS (SELECT 1 FROM identities i WHERE i.customer_id = c.id AND i.kind <> 'anonymous'))")
	}
	switch f.Stage {
	case "":
	case NoStage:
		b.Add("AND c.stage = ''")
	default:
		b.Add("AND c.stage = ?", f.Stage)
	}
	if f.Tag != "" {
		b.Add("AND EXISTS (SELECT 1 FROM customer_tags l JOIN tags g ON g.id = l.tag_id WHERE l.customer_id = c.id AND g.folded_name = ?)", text.Fold(text.CleanLine(f.Tag)))
	}
	if f.Segment != 0 {
		b.Add("AND EXISTS (SELECT 1 FROM memberships m WHERE m.segment_id = ? AND m.customer_id = c.id)", f.Segment)
	}
	if q := text.Fold(text.CleanLine(f.Query)); q != "" {
		escaped := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(q)
		b.Add(`AND c.search_text LIKE ? ESCAPE '\'`, "%"+escaped+"%")
	}
}

func tooLong(field string, limit int) error {
	return fault.AtField(field, "too_long", fault.Params{"max": limit})
}

func isNoRows(err error) bool { return errors.Is(err, store.ErrNoRows) }
