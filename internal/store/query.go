package store

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"sync"
)

// Query is one SQL statement in the forms of both engines. Statements are made
// once, at load; their placeholders are written "?" and rebound for
// PostgreSQL, so no statement may hold a literal question mark.
type Query struct {
	name     string
	sqlite   string
	postgres string
	// control marks a statement that would end or nest a transaction.
	control bool
	// once: nobody keeps it prepared.
	once bool
}

// Name is the statement's name, "domain/name".
func (q *Query) Name() string { return q.name }

// Queries are the statements of one domain's queries.sql.
type Queries struct {
	domain string
	byName map[string]*Query
}

var registry struct {
	sync.Mutex
	all []*Query
}

// Load parses the text of a queries.sql. Each statement stands below a line
// "-- name: NAME"; "-- name: NAME (sqlite)" and "-- name: NAME (postgres)"
// give an override for one engine. Within the text, {lock} becomes FOR UPDATE
// and {skip_locked} FOR UPDATE SKIP LOCKED where the engine has them. Load is
// called while packages initialise and panics on a malformed file.
func Load(domain, text string) *Queries {
	qs := &Queries{domain: domain, byName: map[string]*Query{}}
	for _, block := range strings.Split("\n"+text, "\n-- name:")[1:] {
		head, body, _ := strings.Cut(block, "\n")
		name, engine := strings.TrimSpace(head), ""
		if n, e, ok := strings.Cut(name, "("); ok {
			name, engine = strings.TrimSpace(n), strings.Trim(e, "() ")
		}
		body = strings.TrimSuffix(strings.TrimSpace(stripComments(body)), ";")
		q := qs.byName[name]
		if q == nil {
			q = &Query{name: domain + "/" + name}
			qs.byName[name] = q
		}
		if engine != "postgres" && q.sqlite != "" || engine != "sqlite" && q.postgres != "" {
			panic("store: " + q.name + " stands there twice")
		}
		switch engine {
		case "":
			q.sqlite, q.postgres = sqliteText(body), postgresText(body)
		case "sqlite":
			q.sqlite = sqliteText(body)
		case "postgres":
			q.postgres = postgresText(body)
		default:
			panic("store: " + domain + "/" + name + ": unknown engine " + engine)
		}
	}
	registry.Lock()
	defer registry.Unlock()
	for _, q := range qs.byName {
		if q.sqlite == "" || q.postgres == "" {
			panic("store: " + q.name + " has no text for one engine")
		}
		q.control = controlsTransaction(q.sqlite) || controlsTransaction(q.postgres)
		registry.all = append(registry.all, q)
	}
	return qs
}

// Get returns a statement by name; it panics when there is none, which the
// first import of the domain would show.
func (qs *Queries) Get(name string) *Query {
	q := qs.byName[name]
	if q == nil {
		panic("store: no statement " + qs.domain + "/" + name)
	}
	return q
}

// All lists every statement loaded so far, by name; tests prepare them on both
// engines.
func All() []*Query {
	registry.Lock()
	defer registry.Unlock()
	out := append([]*Query(nil), registry.all...)
	sort.Slice(out, func(i, j int) bool { return out[i].name < out[j].name })
	return out
}

func stripComments(s string) string {
	lines := strings.Split(s, "\n")
	kept := lines[:0]
	for _, l := range lines {
		if !strings.HasPrefix(strings.TrimSpace(l), "--") {
			kept = append(kept, l)
		}
	}
	return strings.Join(kept, "\n")
}

func sqliteText(s string) string {
	return strings.NewReplacer("{lock}", "", "{skip_locked}", "").Replace(s)
}

func postgresText(s string) string {
	s = strings.NewReplacer("{lock}", "FOR UPDATE", "{skip_locked}", "FOR UPDATE SKIP LOCKED").Replace(s)
	return rebind(s)
}

func rebind(s string) string {
	var b strings.Builder
	b.Grow(len(s) + 16)
	n := 0
	for i := 0; i < len(s); i++ {
		if s[i] != '?' {
			b.WriteByte(s[i])
			continue
		}
		n++
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(n))
	}
	return b.String()
}

// controlsTransaction recognises statements that would end or nest the
// transaction under the feet of a write closure and, on SQLite, of everyone
// else in its batch.
func controlsTransaction(text string) bool {
	text = strings.TrimLeft(text, " \t\r\n;(")
	end := strings.IndexFunc(text, func(r rune) bool { return r < 'A' || r > 'z' })
	if end < 0 {
		end = len(text)
	}
	switch strings.ToUpper(text[:end]) {
	case "BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE", "PREPARE", "SET", "PRAGMA", "ATTACH", "DETACH", "VACUUM":
		return true
	}
	return false
}

// Builder composes a statement whose conditions depend on the request: lists
// with filters. Only constant text is composed, values always go through
// placeholders, so the number of distinct statements stays small and each is
// prepared once.
type Builder struct {
	text strings.Builder
	args []any
}

// Add appends constant SQL and its values.
func (b *Builder) Add(sql string, args ...any) *Builder {
	if strings.Count(sql, "?") != len(args) {
		panic(fmt.Sprintf("store: %d values for %q", len(args), sql))
	}
	b.text.WriteString(sql)
	b.text.WriteByte(' ')
	b.args = append(b.args, args...)
	return b
}

// AddIn appends "column IN (…)" for up to 30,000 values; none is false. The
// list is filled up to a power of two by repeating its last value, so that lists
// of every length share a few statements.
func AddIn[T any](b *Builder, column string, values []T) *Builder {
	if len(values) == 0 {
		return b.Add("FALSE")
	}
	size := 1
	for size < len(values) {
		size *= 2
	}
	size = min(size, max(len(values), 30000))
	args := make([]any, size)
	for i := range args {
		args[i] = values[min(i, len(values)-1)]
	}
	return b.Add(column+" IN (?"+strings.Repeat(",?", size-1)+")", args...)
}

// Query returns the composed statement and its values.
func (b *Builder) Query() (*Query, []any) { return composed(b.text.String()), b.args }

// Once is Query for a statement whose text is a person's own, such as a rule: it
// is not kept, or there would be ever more of them.
func (b *Builder) Once() (*Query, []any) {
	text := b.text.String()
	return &Query{name: "composed once", sqlite: sqliteText(text), postgres: postgresText(text), control: controlsTransaction(text), once: true}, b.args
}

var composedCache sync.Map // text → *Query

func composed(text string) *Query {
	if q, ok := composedCache.Load(text); ok {
		return q.(*Query)
	}
	q := &Query{name: "composed", sqlite: sqliteText(text), postgres: postgresText(text), control: controlsTransaction(text)}
	actual, _ := composedCache.LoadOrStore(text, q)
	return actual.(*Query)
}
