// Package table prints what the benchmarks measured, one aligned table each,
// so that two runs can be laid side by side.
package table

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"
)

// Table gathers rows of one benchmark.
type Table struct {
	title string
	head  []string
	rows  [][]string
}

// New starts a table with its column heads.
func New(title string, head ...string) *Table { return &Table{title: title, head: head} }

// Add appends a row; durations, counts and rates are written as people read them.
func (t *Table) Add(cells ...any) {
	row := make([]string, len(cells))
	for i, c := range cells {
		row[i] = format(c)
	}
	t.rows = append(t.rows, row)
}

// Print writes the table and the machine it was measured on.
func (t *Table) Print(w io.Writer) {
	_, _ = fmt.Fprintf(w, "\n%s (%s/%s, %d cores, %s)\n", t.title, runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0), runtime.Version())
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(tw, strings.Join(t.head, "\t"))
	for _, r := range t.rows {
		_, _ = fmt.Fprintln(tw, strings.Join(r, "\t"))
	}
	_ = tw.Flush()
}

func format(v any) string {
	switch v := v.(type) {
	case time.Duration:
		switch {
		case v >= time.Second:
			return fmt.Sprintf("%.2f s", v.Seconds())
		case v >= time.Millisecond:
			return fmt.Sprintf("%.2f ms", float64(v)/1e6)
		default:
			return fmt.Sprintf("%.0f µs", float64(v)/1e3)
		}
	case float64:
		if v >= 100 {
			return fmt.Sprintf("%.0f", v)
		}
		return fmt.Sprintf("%.2f", v)
	default:
		return fmt.Sprint(v)
	}
}
