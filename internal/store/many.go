package store

import "strings"

// InsertMany inserts rows of so many columns, whose values follow each other, in
// statements of few different lengths. into ends with VALUES; after may be
// "ON CONFLICT …".
func InsertMany(tx *Tx, into string, columns int, values []any, after string) error {
	return InsertRows(tx, into, "(?"+strings.Repeat(",?", columns-1)+")", columns, values, after)
}

// mostRows is how many rows a statement inserts at most.
const mostRows = 128

// InsertRows is InsertMany for rows that are more than their values: row is the
// text of one, with as many places as there are values for it.
func InsertRows(tx *Tx, into, row string, places int, values []any, after string) error {
	for rows := mostRows; len(values) > 0; {
		for rows*places > len(values) {
			rows /= 2
		}
		var b Builder
		b.Add(into+" "+row+strings.Repeat(","+row, rows-1), values[:rows*places]...)
		b.Add(after)
		query, args := b.Query()
		if _, err := tx.Exec(query, args...); err != nil {
			return err
		}
		values = values[rows*places:]
	}
	return nil
}
