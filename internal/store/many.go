package store

import "strings"

// mostRows is how many rows a statement speaks of at most.
const mostRows = 128

// EachRows makes statements that speak of many rows: before, the rows with commas
// between them, after. row is the text of one, with as many places as there are
// values for it. Their lengths are powers of two, so that there are few of them.
// Rows that are looked for are written IN (SELECT … FROM (VALUES …) v): SQLite
// goes through the whole table for IN (VALUES …).
func EachRows(before, row string, places int, values []any, after string, run func(q *Query, args []any) error) error {
	for rows := mostRows; len(values) > 0; {
		for rows*places > len(values) {
			rows /= 2
		}
		var b Builder
		b.Add(before+" "+row+strings.Repeat(","+row, rows-1), values[:rows*places]...)
		b.Add(after)
		query, args := b.Query()
		if err := run(query, args); err != nil {
			return err
		}
		values = values[rows*places:]
	}
	return nil
}

// InsertMany inserts rows of so many columns, whose values follow each other.
// into ends with VALUES; after may be "ON CONFLICT …".
func InsertMany(tx *Tx, into string, columns int, values []any, after string) error {
	return ExecRows(tx, into, "(?"+strings.Repeat(",?", columns-1)+")", columns, values, after)
}

// ExecRows runs statements over many rows, in the form
// that EachRows takes.
func ExecRows(tx *Tx, into, row string, places int, values []any, after string) error {
	return EachRows(into, row, places, values, after, func(q *Query, args []any) error {
		_, err := tx.Exec(q, args...)
		return err
	})
}
