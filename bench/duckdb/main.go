// Command duckdb asks DuckDB what bench/segments asks the program, of the same
// people and events: it copies them out of the SQLite file of a program that is
// not running, and prints one row a question as JSON. It is a module of its own,
// since it needs cgo and the product does not.
package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/duckdb/duckdb-go/v2"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// Row is one answer: how long it took at the middle and at worst of so many
// times, and how many people match.
type Row struct {
	What  string        `json:"what"`
	P50   time.Duration `json:"p50"`
	Max   time.Duration `json:"max"`
	Count int64         `json:"count"`
}

// lines are what the conditions ask of somebody's events.
const lines = `SELECT customer,
  count(*) FILTER (name = 'Order Completed' AND happened > $1 - 180::BIGINT * 86400000 AND happened <= $1) AS orders,
  sum(amount) FILTER (name = 'Order Completed' AND happened <= $1) AS spent,
  max(happened) FILTER (name = 'Signed In' AND happened <= $1) AS signed,
  count(*) FILTER (name = 'Product Viewed' AND city = '上海' AND happened > $1 - 365::BIGINT * 86400000 AND happened <= $1) AS viewed
FROM events WHERE name IN ('Order Completed', 'Signed In', 'Product Viewed') GROUP BY customer`

// matching are the people of whom all of it is true.
const matching = `SELECT p.id FROM people p JOIN (` + lines + `) e ON e.customer = p.id
WHERE e.orders >= 2 AND e.spent > 300 AND p.plan IN ('pro', 'team') AND (e.signed > $1 - 90::BIGINT * 86400000 OR e.viewed >= 3)`

func main() {
	from := flag.String("from", "", "the SQLite file of a program that is not running")
	times := flag.Int("times", 5, "how often each question is asked")
	flag.Parse()
	if err := run(*from, *times, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(from string, times int, out io.Writer) error {
	if from == "" {
		return errors.New("-from is missing")
	}
	if times < 1 {
		return errors.New("-times: each question is asked at least once")
	}
	dir, err := os.MkdirTemp("", "fanward-duckdb-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	c, err := duckdb.NewConnector(filepath.Join(dir, "bench.duckdb"), nil)
	if err != nil {
		return err
	}
	db := sql.OpenDB(c)
	defer func() { _ = db.Close() }()
	ctx := context.Background()
	if err := fill(ctx, c, db, from); err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	now := time.Now().UnixMilli()
	print := json.NewEncoder(out)
	for _, q := range []struct{ what, sql string }{
		{"two orders in 180 days", `SELECT count(*) FROM (SELECT customer FROM events WHERE name = 'Order Completed' AND happened > $1 - 180::BIGINT * 86400000 AND happened <= $1 GROUP BY customer HAVING count(*) >= 2)`},
		{"orders of more than 300 in all", `SELECT count(*) FROM (SELECT customer FROM events WHERE name = 'Order Completed' AND happened <= $1 GROUP BY customer HAVING sum(amount) > 300)`},
		{"preview of five conditions", "SELECT count(*) FROM (" + matching + ")"},
		{"full build of five conditions", "CREATE OR REPLACE TABLE members AS SELECT id, $1::BIGINT AS since FROM (" + matching + ")"},
	} {
		row, err := ask(ctx, db, q.sql, now, times)
		if err != nil {
			return fmt.Errorf("%s: %w", q.what, err)
		}
		row.What = q.what
		if err := print.Encode(row); err != nil {
			return err
		}
	}
	return nil
}

func ask(ctx context.Context, db *sql.DB, q string, now int64, times int) (Row, error) {
	var r Row
	took := make([]time.Duration, 0, times)
	for range times {
		begun := time.Now()
		if err := db.QueryRowContext(ctx, q, now).Scan(&r.Count); err != nil {
			return r, err
		}
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	r.P50, r.Max = took[len(took)/2], took[len(took)-1]
	return r, nil
}

// fill copies people and what they did: one column for each thing that is asked.
func fill(ctx context.Context, c *duckdb.Connector, db *sql.DB, from string) error {
	rows, err := sql.Open("sqlite", "file:"+from+"?mode=ro")
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for _, ddl := range []string{"CREATE TABLE people (id BIGINT, plan VARCHAR)", "CREATE TABLE events (customer BIGINT, name VARCHAR, happened BIGINT, amount DOUBLE, city VARCHAR)"} {
		if _, err := db.ExecContext(ctx, ddl); err != nil {
			return err
		}
	}
	if err := appendRows(ctx, c, rows, "people", "SELECT id, json_extract(facts, '$.plan.s') FROM customers WHERE merged_into = 0", 2); err != nil {
		return err
	}
	return appendRows(ctx, c, rows, "events", `SELECT e.customer_id, n.name, e.at, json_extract(e.facts, '$.amount.n') / 1000000.0, json_extract(e.facts, '$.city.s')
		FROM events e JOIN event_names n ON n.id = e.name_id`, 5)
}

func appendRows(ctx context.Context, c *duckdb.Connector, from *sql.DB, table, query string, columns int) error {
	conn, err := c.Connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	to, err := duckdb.NewAppenderFromConn(conn, "", table)
	if err != nil {
		return err
	}
	rows, err := from.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	values, into := make([]driver.Value, columns), make([]any, columns)
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		if err := to.AppendRow(values...); err != nil {
			return err
		}
	}
	return errors.Join(rows.Err(), to.Close())
}
