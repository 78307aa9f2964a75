package customers

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/segments/rule"
)

// factsSetting says that every row has its facts.
const factsSetting = "facts"

const factsChunk = 500

func (c *Customer) facts() string {
	return rule.AttributeFacts(c.Attributes, deref(c.Name), deref(c.Locale), deref(c.Timezone)).JSON()
}

// decoded is what properties are once they are stored as JSON: text is that
// JSON, plain what it reads back as.
func decoded(properties map[string]any) (text []byte, plain map[string]any, err error) {
	if len(properties) == 0 {
		return []byte("{}"), nil, nil
	}
	if text, err = json.Marshal(properties); err != nil || isPlain(properties) {
		return text, properties, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return text, plain, d.Decode(&plain)
}

// isPlain tells that a value is made of what JSON is read as.
func isPlain(v any) bool {
	switch v := v.(type) {
	case nil, bool, string, float64, json.Number, int, int64:
		return true
	case map[string]any:
		for _, below := range v {
			if !isPlain(below) {
				return false
			}
		}
		return true
	case []any:
		for _, below := range v {
			if !isPlain(below) {
				return false
			}
		}
		return true
	}
	return false
}

// backfillFacts gives facts to rows that were written before there were any.
func (s *Service) backfillFacts(ctx context.Context) error {
	var n int64
	if err := s.db.Reader(ctx).QueryRow(queries.Get("count-setting"), factsSetting).Scan(&n); err != nil || n > 0 {
		return err
	}
	for _, table := range []struct{ read, write string }{{"customers-from", "set-customer-facts"}, {"events-from", "set-event-facts"}} {
		for last := ids.ID(0); ; {
			next, err := s.backfillChunk(ctx, queries.Get(table.read), queries.Get(table.write), last)
			if err != nil {
				return err
			}
			if next == 0 {
				break
			}
			last = next
		}
	}
	return s.db.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(queries.Get("set-setting"), factsSetting, "1")
		return err
	})
}

func (s *Service) backfillChunk(ctx context.Context, read, write *store.Query, after ids.ID) (last ids.ID, err error) {
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		rows, err := tx.Query(read, after, factsChunk)
		list, err := store.Collect(rows, err, func(r store.Row) (*Customer, error) {
			c := &Customer{}
			var name, locale, zone string
			var attributes []byte
			if err := r.Scan(&c.ID, &name, &locale, &zone, &attributes); err != nil {
				return nil, err
			}
			c.Name, c.Locale, c.Timezone = optional(name), optional(locale), optional(zone)
			return c, json.Unmarshal(attributes, &c.Attributes)
		})
		last = 0
		for _, c := range list {
			if last = c.ID; err == nil {
				_, err = tx.Exec(write, c.facts(), c.ID)
			}
		}
		return err
	})
	return last, err
}
