package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// Querier runs statements: a Tx, a Reader or a Snapshot. Within a Tx or a
// Snapshot the Rows of one statement are closed (a Row scanned) before the next
// one runs: there is one connection beneath.
type Querier interface {
	// Exec runs a statement and returns the number of rows it changed.
	Exec(q *Query, args ...any) (int64, error)
	// Query returns rows; the caller closes them (Collect does).
	Query(q *Query, args ...any) (*Rows, error)
	// QueryRow returns the first row; its Scan gives ErrNoRows when there is none.
	QueryRow(q *Query, args ...any) Row
	// Engine tells which database answers.
	Engine() Engine
}

// Rows are the rows of a query.
type Rows = sql.Rows

// Row is one row.
type Row interface{ Scan(dest ...any) error }

// Tx is a write transaction. It must not be used after its closure returned,
// nor from another goroutine.
//
// The first statement that fails ends the transaction's usefulness: every later
// one returns the same error, and the closure cannot succeed any more. So both
// engines behave alike (PostgreSQL aborts its transaction, too), and a closure
// that overlooks an error can never leave half of its work behind.
type Tx struct {
	conn
	hints []string
	last  map[*Ending]map[int64][]int64
}

// Hint names a topic to announce after commit. Hints carry no data and may be
// lost: whoever listens reads the rows.
func (tx *Tx) Hint(topic string) {
	for _, h := range tx.hints {
		if h == topic {
			return
		}
	}
	tx.hints = append(tx.hints, topic)
}

// Ending is work for the end of closures: rows that transactions write which
// otherwise have nothing in common. Whoever writes them last, and in one order,
// never waits in a circle.
type Ending struct {
	name string
	run  func(tx *Tx, list []Left) error
}

// Left is what a closure has left for its end: an id, and each note on it once.
type Left struct {
	ID    int64
	Notes []int64
}

// NewEnding names work that run does with what was left, ids ascending. run must
// only run SQL. Make each once, at load.
func NewEnding(name string, run func(tx *Tx, list []Left) error) *Ending { return &Ending{name, run} }

// Finally leaves id for e, which runs once when the closure has succeeded, before
// the transaction ends; of several endings, by their names.
func (tx *Tx) Finally(e *Ending, id, note int64) {
	if tx.last == nil {
		tx.last = map[*Ending]map[int64][]int64{}
	}
	if tx.last[e] == nil {
		tx.last[e] = map[int64][]int64{}
	}
	if notes, there := tx.last[e][id]; !there || !slices.Contains(notes, note) {
		tx.last[e][id] = append(notes, note)
	}
}

// runLast runs what Finally has kept.
func (tx *Tx) runLast() error {
	for _, e := range slices.SortedFunc(maps.Keys(tx.last), func(a, b *Ending) int { return cmp.Compare(a.name, b.name) }) {
		list := make([]Left, 0, len(tx.last[e]))
		for id, notes := range tx.last[e] {
			list = append(list, Left{id, notes})
		}
		slices.SortFunc(list, func(a, b Left) int { return cmp.Compare(a.ID, b.ID) })
		if err := e.run(tx, list); err != nil {
			return err
		}
	}
	return nil
}

// statement is a prepared or plain statement of database/sql.
type statement interface {
	ExecContext(ctx context.Context, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, args ...any) *sql.Row
}

type txStatement struct {
	tx interface {
		ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
		QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
		QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	}
	text string
}

func (s txStatement) ExecContext(ctx context.Context, args ...any) (sql.Result, error) {
	return s.tx.ExecContext(ctx, s.text, args...)
}

func (s txStatement) QueryContext(ctx context.Context, args ...any) (*sql.Rows, error) {
	return s.tx.QueryContext(ctx, s.text, args...)
}

func (s txStatement) QueryRowContext(ctx context.Context, args ...any) *sql.Row {
	return s.tx.QueryRowContext(ctx, s.text, args...)
}

// errTxEnded is what a Tx answers after its closure has returned.
var errTxEnded = errors.New("the transaction is used after its closure returned")

// conn implements Querier over whatever gives it statements.
type conn struct {
	ctx context.Context
	db  *DB
	run func(context.Context, *Query) (statement, error)
	// sticky keeps the first failure of a Tx; nil for readers.
	sticky *error
	// single says that all statements share one connection; last is what the
	// latest Query or QueryRow left.
	single   bool
	last     *sql.Rows
	lastName string
}

// begin returns the statement for q, or the failure that came before.
func (c *conn) begin(q *Query) (statement, error) {
	if c.sticky != nil && *c.sticky != nil {
		return nil, *c.sticky
	}
	if err := c.settle(); err != nil {
		return nil, c.end(q.name, err)
	}
	if c.sticky != nil && q.control {
		return nil, c.end(q.name, fmt.Errorf("a write closure must not control its transaction: %.40q", q.sqlite))
	}
	st, err := c.run(c.ctx, q)
	return st, c.end(q.name, err)
}

// settle makes sure that the rows read last are closed, and hears of an error
// that ended them.
func (c *conn) settle() error {
	last := c.last
	if last == nil {
		return nil
	}
	if _, err := last.Columns(); err == nil {
		return fmt.Errorf("the rows of %s are still open", c.lastName)
	}
	c.last = nil
	return last.Err()
}

// finish ends a Tx whose closure returned err: nothing stays open, and an
// error the closure overlooked is its error.
func (c *conn) finish(err error) error {
	if c.last != nil {
		_ = c.last.Close()
		_ = c.end(c.lastName, c.last.Err())
		c.last = nil
	}
	if err == nil {
		err = *c.sticky
	}
	return err
}

// end wraps a statement's error and keeps it.
func (c *conn) end(name string, err error) error {
	err = c.db.wrap(name, err)
	if err != nil && c.sticky != nil && !errors.Is(err, ErrNoRows) {
		*c.sticky = err
	}
	return err
}

func (c *conn) Engine() Engine { return c.db.engine }

func (c *conn) Exec(q *Query, args ...any) (int64, error) {
	st, err := c.begin(q)
	if err != nil {
		return 0, err
	}
	res, err := st.ExecContext(c.ctx, storable(args)...)
	if err != nil {
		return 0, c.end(q.name, err)
	}
	n, err := res.RowsAffected()
	return n, c.end(q.name, err)
}

func (c *conn) Query(q *Query, args ...any) (*Rows, error) {
	st, err := c.begin(q)
	if err != nil {
		return nil, err
	}
	rows, err := st.QueryContext(c.ctx, storable(args)...)
	if err == nil && c.single {
		c.last, c.lastName = rows, q.name
	}
	return rows, c.end(q.name, err)
}

func (c *conn) QueryRow(q *Query, args ...any) Row {
	rows, err := c.Query(q, args...)
	return row{c, q.name, rows, err}
}

type row struct {
	c    *conn
	name string
	rows *sql.Rows
	err  error
}

func (r row) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	err := scanOne(r.rows, dest)
	if closing := r.rows.Close(); err == nil {
		err = closing
	}
	return r.c.end(r.name, err)
}

func scanOne(rows *sql.Rows, dest []any) error {
	if rows.Next() {
		return rows.Scan(dest...)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return ErrNoRows
}

// Collect reads every row with scan and closes them.
func Collect[T any](rows *Rows, err error, scan func(Row) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	if err := rows.Err(); !plain(err) {
		return out, failed("read rows", err)
	}
	return out, rows.Err()
}

// stmtCache prepares each statement once for a pool.
type stmtCache struct {
	db     *sql.DB
	engine Engine
	m      sync.Map // *Query → *sql.Stmt
}

// known is a statement that has been prepared already.
func (c *stmtCache) known(q *Query) (*sql.Stmt, bool) {
	st, ok := c.m.Load(q)
	if !ok {
		return nil, false
	}
	return st.(*sql.Stmt), true
}

func (c *stmtCache) get(ctx context.Context, q *Query) (statement, error) {
	if c.engine == Postgres || q.once {
		// pgx keeps its own cache per connection.
		return txStatement{c.db, q.Text(c.engine)}, nil
	}
	if st, ok := c.known(q); ok {
		return st, nil
	}
	st, err := c.db.PrepareContext(ctx, q.sqlite)
	if err != nil {
		return nil, err
	}
	if prev, loaded := c.m.LoadOrStore(q, st); loaded {
		_ = st.Close()
		return prev.(*sql.Stmt), nil
	}
	return st, nil
}

func (c *stmtCache) close() {
	c.m.Range(func(_, st any) bool {
		_ = st.(*sql.Stmt).Close()
		return true
	})
}
