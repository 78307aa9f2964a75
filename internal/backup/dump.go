package backup

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
	"golang.org/x/time/rate"

	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/files"
	"github.com/fanward/fanward/internal/store"
)

// Source is what a backup is made of.
type Source struct {
	DB    *store.DB
	Files *files.Store
	// Header's Version, CreatedAt, KeyID and Quiet; the rest is filled in.
	Header Header
	// Rate is how many bytes of rows and files are read in a second, at most; 0
	// is as many as can be.
	Rate int64
}

// Dump writes an archive of one consistent state to w while others write. The
// state is that of the moment at which it begins; nothing is locked. On SQLite
// the write-ahead log grows by what is written meanwhile.
func Dump(ctx context.Context, s Source, w io.Writer) (Manifest, error) {
	d := dumper{Source: s, ctx: ctx, manifest: Manifest{Header: s.Header}}
	h := &d.manifest.Header
	h.Format, h.Engine = Format, string(s.DB.Engine())
	h.CreatedAt = h.CreatedAt.UTC().Truncate(time.Millisecond)
	if s.Rate > 0 {
		d.limit = rate.NewLimiter(rate.Limit(s.Rate), chunkBytes)
	}
	var err error
	if h.Schema, _, err = s.DB.Schema(ctx); err != nil {
		return Manifest{}, err
	}
	if d.out, err = newArchiveWriter(w, h.CreatedAt); err != nil {
		return Manifest{}, err
	}
	if err = d.out.json(headerName, h); err != nil {
		return Manifest{}, err
	}
	keys, err := d.rows()
	if err != nil {
		return Manifest{}, fmt.Errorf("back up rows: %w", err)
	}
	if err = d.files(keys); err != nil {
		return Manifest{}, fmt.Errorf("back up files: %w", err)
	}
	return d.manifest, d.out.close(&d.manifest)
}

type dumper struct {
	Source
	ctx      context.Context
	out      *archiveWriter
	limit    *rate.Limiter
	manifest Manifest
}

// pause keeps to the rate.
func (d *dumper) pause(n int) error {
	for d.limit != nil && n > 0 {
		k := min(n, chunkBytes)
		if err := d.limit.WaitN(d.ctx, k); err != nil {
			return err
		}
		n -= k
	}
	return d.ctx.Err()
}

// rows writes every table from one snapshot, and lists the files that its rows
// refer to.
func (d *dumper) rows() (keys []string, err error) {
	c, err := d.DB.SQL().Conn(d.ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	o := &sql.TxOptions{ReadOnly: true}
	if d.DB.Engine() == store.Postgres {
		o.Isolation = sql.LevelRepeatableRead
	}
	tx, err := c.BeginTx(d.ctx, o)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }()
	if d.DB.Engine() == store.Postgres {
		// A limit for requests is none for reading everything.
		if _, err := tx.ExecContext(d.ctx, "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0"); err != nil {
			return nil, err
		}
	}
	all, err := tables(d.ctx, tx, d.DB.Engine())
	if err != nil {
		return nil, err
	}
	for _, t := range all {
		p := &pieces{d: d, t: Table{Name: t.name, Columns: t.names()}}
		if d.DB.Engine() == store.Postgres {
			err = copyOut(d.ctx, c, t, p)
		} else {
			err = scanOut(d.ctx, tx, t, p)
		}
		if err = errors.Join(err, p.flush()); err != nil {
			return nil, fmt.Errorf("%s: %w", t.name, err)
		}
		d.manifest.Tables = append(d.manifest.Tables, p.t)
		if more, err := blobKeys(d.ctx, tx, t); err != nil {
			return nil, fmt.Errorf("%s: %w", t.name, err)
		} else {
			keys = append(keys, more...)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys), nil
}

// copyOut lets PostgreSQL write the rows itself: each Write is one row.
func copyOut(ctx context.Context, c *sql.Conn, t table, p *pieces) error {
	return c.Raw(func(driver any) error {
		conn, ok := driver.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("the driver is a %T", driver)
		}
		_, err := conn.Conn().PgConn().CopyTo(ctx, p, "COPY (SELECT "+quoteAll(t.names())+" FROM "+quote(t.name)+") TO STDOUT")
		return err
	})
}

func scanOut(ctx context.Context, tx *sql.Tx, t table, p *pieces) error {
	values := make([]any, len(t.columns))
	into := make([]any, len(t.columns))
	for i := range values {
		into[i] = &values[i]
	}
	var line []byte
	return each(ctx, tx, "SELECT "+quoteAll(t.names())+" FROM "+quote(t.name), func(r *sql.Rows) error {
		if err := r.Scan(into...); err != nil {
			return err
		}
		line = line[:0]
		for i, c := range t.columns {
			if i > 0 {
				line = append(line, '\t')
			}
			var err error
			if line, err = appendValue(line, c.kind, values[i]); err != nil {
				return err
			}
		}
		_, err := p.Write(append(line, '\n'))
		return err
	})
}

func blobKeys(ctx context.Context, tx *sql.Tx, t table) (keys []string, err error) {
	if !slices.Contains(t.names(), "blob_key") {
		return nil, nil
	}
	err = each(ctx, tx, "SELECT blob_key FROM "+quote(t.name)+" WHERE blob_key <> ''", func(r *sql.Rows) error {
		var key string
		err := r.Scan(&key)
		keys = append(keys, key)
		return err
	})
	return keys, err
}

// pieces gathers the rows of a table into entries of a size that fits memory:
// a tar says how long an entry is before it begins.
type pieces struct {
	d *dumper
	t Table
	b bytes.Buffer
	n int
}

// Write takes whole rows.
func (p *pieces) Write(row []byte) (int, error) {
	p.t.Rows += int64(bytes.Count(row, []byte{'\n'}))
	p.b.Write(row)
	if p.b.Len() < chunkBytes {
		return len(row), nil
	}
	return len(row), p.flush()
}

func (p *pieces) flush() error {
	if p.b.Len() == 0 {
		return nil
	}
	size := p.b.Len()
	p.t.Bytes += int64(size)
	if err := p.d.out.entry(fmt.Sprintf("%s%s/%06d", tablesFolder, p.t.Name, p.n), int64(size), &p.b); err != nil {
		return err
	}
	p.b.Reset()
	p.n++
	return p.d.pause(size)
}

func (d *dumper) files(keys []string) error {
	count := &d.manifest.Files
	for _, key := range keys {
		size, err := d.file(key)
		switch {
		case fault.KindOf(err) == fault.NotFound:
			count.Missing++
		case err != nil:
			return fmt.Errorf("%s: %w", key, err)
		default:
			count.Count, count.Bytes = count.Count+1, count.Bytes+size
		}
	}
	return nil
}

func (d *dumper) file(key string) (int64, error) {
	r, err := d.Files.Open(d.ctx, key)
	if err != nil {
		return 0, err
	}
	defer func() { _ = r.Close() }()
	if err := d.out.entry(filesFolder+key, r.Size(), &paced{d, r}); err != nil {
		return 0, err
	}
	return r.Size(), nil
}

type paced struct {
	d *dumper
	r io.Reader
}

func (p *paced) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	if slow := p.d.pause(n); err == nil {
		err = slow
	}
	return n, err
}
