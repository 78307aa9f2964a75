// Package backup writes everything of an installation but its secret key into
// one archive, while it serves, and brings it back onto either engine.
//
// An archive is a tar below zstd:
//
//	header.json            who made it, of what
//	tables/NAME/000000     rows in PostgreSQL's COPY text form, in chunks
//	files/ab/cdef…         what the rows refer to
//	manifest.json          what must have been read, with a checksum: the end
//
// Tables come in an order in which every row follows those it refers to. Both
// engines write the same text, so that an archive of one fits the other.
package backup

import (
	"errors"
	"fmt"
	"time"
)

// Format is the version of the archive's layout.
const Format = 1

// chunkBytes is how large a piece of a table becomes before it is written.
const chunkBytes = 4 << 20

// notKept are tables that mean nothing elsewhere: which migrations have run,
// which process holds which number, the change feed with its readers, whose
// positions belong to one database (clients load everything anew instead), and
// what processes keep in memory.
var notKept = map[string]bool{"goose_db_version": true, "nodes": true, "changes": true, "cursors": true, "preview_indexes": true, "preview_news": true}

// Header is the archive's first entry.
type Header struct {
	Format int `json:"format"`
	// Version of the program that made it.
	Version string `json:"version"`
	// Engine and Schema of the database it was made of.
	Engine string `json:"engine"`
	Schema int64  `json:"schema"`
	// CreatedAt is when the state was fixed that the archive holds.
	CreatedAt time.Time `json:"created_at"`
	// KeyID names the secret key that stored secrets are sealed with; "" when
	// none has been sealed yet. The key itself is never in an archive.
	KeyID string `json:"key_id"`
	// Quiet says that no server was running: what was queued then is certain not
	// to have been sent.
	Quiet bool `json:"quiet"`
}

// Table is one table of an archive.
type Table struct {
	Name    string   `json:"name"`
	Columns []string `json:"columns"`
	Rows    int64    `json:"rows"`
	Bytes   int64    `json:"bytes"`
}

// Files counts the files of an archive.
type Files struct {
	Count int64 `json:"count"`
	Bytes int64 `json:"bytes"`
	// Missing are those that rows refer to and that were not there: uploads that
	// nobody used are swept, also while a backup runs.
	Missing int64 `json:"missing"`
}

// Manifest is the archive's last entry: without it, it was cut short.
type Manifest struct {
	Header
	Tables []Table `json:"tables"`
	Files  Files   `json:"files"`
	// SHA256 is over every entry before this one: name, size and content.
	SHA256 string `json:"sha256"`
}

// Rows counts the rows of all tables.
func (m Manifest) Rows() (n int64) {
	for _, t := range m.Tables {
		n += t.Rows
	}
	return n
}

// What an archive can be refused for. Damaged wraps the place.
var (
	// ErrDamaged: not an archive, cut short, or altered since.
	ErrDamaged = errors.New("the archive is damaged")
	// ErrFormat: made by a later program.
	ErrFormat = errors.New("the archive has a later format")
)

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}
