package customers

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/text"
)

const (
	maxTagName = 40
	// maxTags is how many tags one customer has at most.
	maxTags = 100
)

// Tag is a word that is put on customers.
type Tag struct {
	ID    ids.ID `json:"id"`
	Name  string `json:"name"`
	Count int64  `json:"count" doc:"How many customers have it"`
}

// Tags lists every tag, by name.
func (s *Service) Tags(ctx context.Context) ([]Tag, error) {
	rows, err := s.db.Reader(ctx).Query(queries.Get("tags"))
	return store.Collect(rows, err, func(r store.Row) (Tag, error) {
		var t Tag
		return t, r.Scan(&t.ID, &t.Name, &t.Count)
	})
}

// SetTags adds and removes tags of a customer by hand.
func (s *Service) SetTags(ctx context.Context, p auth.Principal, customer ids.ID, add, remove []string) (*Customer, error) {
	if err := p.Require(auth.CustomersWrite); err != nil {
		return nil, err
	}
	err := s.db.Write(ctx, func(tx *store.Tx) error { return s.TagTx(tx, customer, add, remove, actorOf(p), s.clk.Now()) })
	if err != nil {
		return nil, err
	}
	return s.Get(ctx, customer)
}

// CheckTag names what is wrong with a tag's name; nil when nothing is.
func CheckTag(field, name string) *fault.Field {
	switch clean := text.CleanLine(name); {
	case clean == "":
		return &fault.Field{Field: field, Code: "required"}
	case text.Length(clean) > maxTagName:
		return &fault.Field{Field: field, Code: "too_long", Params: fault.Params{"max": maxTagName}}
	case strings.Contains(clean, ","):
		return &fault.Field{Field: field, Code: "tag_comma"}
	}
	return nil
}

// TagTx removes and then adds tags. Names are one tag when they are the same
// folded. It locks the customer, stores the event "Tags Changed" and tells of it
// when anything has changed.
func (s *Service) TagTx(tx *store.Tx, customer ids.ID, add, remove []string, by Actor, now time.Time) error {
	if err := checkTags(add, remove); err != nil {
		return err
	}
	c, err := lockTx(tx, customer)
	if err != nil {
		return err
	}
	taken, err := untagTx(tx, c, remove)
	if err != nil {
		return err
	}
	given, err := s.giveTagsTx(tx, c, add, now)
	if err != nil || len(taken) == 0 && len(given) == 0 {
		return err
	}
	t := Track{Customer: c.ID, Name: EventTagsChanged, At: now, Properties: map[string]any{"added": anyList(given), "removed": anyList(taken), "by": by.Kind}}
	if err := s.TrackTx(tx, t, now); err != nil {
		return err
	}
	if c, err = get(tx, qGet, c.ID); err != nil {
		return err
	}
	return announce(tx, c, 0, now)
}

func checkTags(add, remove []string) error {
	var bad []fault.Field
	for _, list := range []struct {
		field string
		names []string
	}{{"add", add}, {"remove", remove}} {
		if len(list.names) > maxTags {
			bad = append(bad, fault.Field{Field: list.field, Code: "too_many", Params: fault.Params{"max": maxTags}})
			continue
		}
		for _, name := range list.names {
			if f := CheckTag(list.field, name); f != nil {
				bad = append(bad, *f)
			}
		}
	}
	return fault.AtFields(bad...)
}

func anyList(names []string) []any {
	out := make([]any, len(names))
	for i, n := range names {
		out[i] = n
	}
	return out
}

func untagTx(tx *store.Tx, c *Customer, names []string) (taken []string, err error) {
	for _, name := range foldedOnce(names) {
		n, err := tx.Exec(queries.Get("untag"), c.ID, text.Fold(name))
		if err != nil {
			return nil, err
		}
		if n > 0 {
			taken = append(taken, name)
			c.Tags = slices.DeleteFunc(c.Tags, func(t string) bool { return text.Fold(t) == text.Fold(name) })
		}
	}
	return taken, nil
}

func (s *Service) giveTagsTx(tx *store.Tx, c *Customer, names []string, now time.Time) (given []string, err error) {
	for _, name := range foldedOnce(names) {
		if slices.ContainsFunc(c.Tags, func(t string) bool { return text.Fold(t) == text.Fold(name) }) {
			continue
		}
		if len(c.Tags) >= maxTags {
			return nil, fault.AtField("add", "too_many", fault.Params{"max": maxTags})
		}
		id, err := s.internTagTx(tx, name, now)
		if err != nil {
			return nil, err
		}
		if _, err := tx.Exec(queries.Get("tag"), c.ID, id, c.ID, clock.Millis(now)); err != nil {
			return nil, err
		}
		c.Tags, given = append(c.Tags, name), append(given, name)
	}
	return given, nil
}

// foldedOnce are the clean names, each once and in the order in which everybody
// makes new tags.
func foldedOnce(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = text.CleanLine(n)
	}
	slices.SortStableFunc(out, func(a, b string) int { return strings.Compare(text.Fold(a), text.Fold(b)) })
	return slices.CompactFunc(out, func(a, b string) bool { return text.Fold(a) == text.Fold(b) })
}

func (s *Service) internTagTx(tx *store.Tx, name string, now time.Time) (id ids.ID, err error) {
	find := func() error { return tx.QueryRow(queries.Get("tag-by-name"), text.Fold(name)).Scan(&id) }
	if err = find(); !isNoRows(err) {
		return id, err
	}
	if _, err := tx.Exec(queries.Get("intern-tag"), s.ids.Next(), name, text.Fold(name), clock.Millis(now)); err != nil {
		return 0, err
	}
	return id, find()
}

// tagsOf reads the column in which queries list a customer's tags.
func tagsOf(column string) []string {
	out := []string{}
	for name := range strings.SplitSeq(column, ",") {
		if name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}
