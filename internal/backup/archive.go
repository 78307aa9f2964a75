package backup

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
)

const (
	headerName   = "header.json"
	manifestName = "manifest.json"
	tablesFolder = "tables/"
	filesFolder  = "files/"
	// largestJSON bounds what is read into memory of an archive's own entries.
	largestJSON = 4 << 20
)

// digest sums up entries, one after the other.
type digest struct{ hash.Hash }

func (d digest) begin(name string, size int64) { _, _ = fmt.Fprintf(d, "%s\n%d\n", name, size) }

func (d digest) text() string { return hex.EncodeToString(d.Sum(nil)) }

// archiveWriter writes entries in order. It is not safe for concurrent use.
type archiveWriter struct {
	tar  *tar.Writer
	zstd *zstd.Encoder
	sum  digest
	at   time.Time
}

func newArchiveWriter(w io.Writer, at time.Time) (*archiveWriter, error) {
	// One goroutine, so that a server keeps its processors.
	z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(true))
	if err != nil {
		return nil, err
	}
	return &archiveWriter{tar: tar.NewWriter(z), zstd: z, sum: digest{sha256.New()}, at: at}, nil
}

func (a *archiveWriter) entry(name string, size int64, content io.Reader) error {
	if err := a.tar.WriteHeader(&tar.Header{Name: name, Size: size, Mode: 0o600, ModTime: a.at, Format: tar.FormatPAX}); err != nil {
		return err
	}
	a.sum.begin(name, size)
	n, err := io.Copy(io.MultiWriter(a.tar, a.sum), io.LimitReader(content, size))
	if err == nil && n < size {
		err = io.ErrUnexpectedEOF
	}
	return err
}

func (a *archiveWriter) json(name string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return a.entry(name, int64(len(b)), strings.NewReader(string(b)))
}

// close writes the manifest and what is still in memory.
func (a *archiveWriter) close(m *Manifest) error {
	m.SHA256 = a.sum.text()
	if err := a.json(manifestName, m); err != nil {
		return err
	}
	return errors.Join(a.tar.Close(), a.zstd.Close())
}

// visitor is what becomes of the entries of an archive. Each of them reads
// content or leaves it.
type visitor struct {
	header func(h Header) error
	table  func(name string, content io.Reader) error
	file   func(key string, content io.Reader) error
}

// walk reads a whole archive and checks it against its manifest: only when it
// returns nil is what was seen what was once written.
func walk(r io.Reader, v visitor) (Manifest, error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
	if err != nil {
		return Manifest{}, damaged("%v", err)
	}
	defer z.Close()
	w := walker{in: tar.NewReader(z), visitor: v, sum: digest{sha256.New()}}
	for {
		done, err := w.next()
		if err != nil {
			return Manifest{}, err
		}
		if done {
			break
		}
	}
	// What follows the manifest belongs to somebody else.
	if _, err := w.in.Next(); !errors.Is(err, io.EOF) {
		return Manifest{}, damaged("something follows the manifest")
	}
	if n, err := io.Copy(io.Discard, z); err != nil || n > 0 {
		return Manifest{}, damaged("something follows its end: %d bytes, %v", n, err)
	}
	return w.manifest, nil
}

type walker struct {
	in *tar.Reader
	visitor
	sum      digest
	begun    bool
	manifest Manifest
}

func (w *walker) next() (done bool, err error) {
	h, err := w.in.Next()
	if errors.Is(err, io.EOF) {
		return false, damaged("it ends before its manifest")
	}
	if err != nil {
		return false, damaged("%v", err)
	}
	sum := w.sum.text()
	w.sum.begin(h.Name, h.Size)
	content := &tolerant{r: io.TeeReader(w.in, w.sum)}
	switch {
	case !w.begun && h.Name != headerName:
		return false, damaged("it does not begin with %s", headerName)
	case h.Name == headerName:
		w.begun = true
		err = w.readHeader(content)
	case h.Name == manifestName:
		if err := readJSON(content, &w.manifest); err != nil {
			return false, err
		}
		if w.manifest.SHA256 != sum {
			return false, damaged("its checksum is another")
		}
		return true, nil
	case strings.HasPrefix(h.Name, tablesFolder):
		name, _, _ := strings.Cut(strings.TrimPrefix(h.Name, tablesFolder), "/")
		err = w.table(name, content)
	case strings.HasPrefix(h.Name, filesFolder):
		err = w.file(strings.TrimPrefix(h.Name, filesFolder), content)
	default:
		return false, damaged("nobody knows what %q is", h.Name)
	}
	if content.err != nil {
		return false, damaged("%v", content.err)
	}
	if err != nil {
		return false, err
	}
	if _, err := io.Copy(io.Discard, content); err != nil {
		return false, damaged("%v", err)
	}
	return false, nil
}

func (w *walker) readHeader(r io.Reader) error {
	var h Header
	if err := readJSON(r, &h); err != nil {
		return err
	}
	if h.Format > Format {
		return fmt.Errorf("%w: %d, this program knows %d", ErrFormat, h.Format, Format)
	}
	return w.header(h)
}

func readJSON(r io.Reader, into any) error {
	b, err := io.ReadAll(io.LimitReader(r, largestJSON))
	if err != nil {
		return damaged("%v", err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		return damaged("%v", err)
	}
	return nil
}

// tolerant remembers that reading failed, whatever a visitor makes of it.
type tolerant struct {
	r   io.Reader
	err error
}

func (t *tolerant) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		t.err = err
	}
	return n, err
}

// ReadHeader reads how an archive begins, which is not verified, and goes back
// to the beginning.
func ReadHeader(r io.ReadSeeker) (Header, error) {
	var found Header
	begun := errors.New("begun")
	_, err := walk(r, visitor{header: func(h Header) error { found = h; return begun }})
	if errors.Is(err, begun) {
		_, err = r.Seek(0, io.SeekStart)
	}
	return found, err
}

// Verify reads a whole archive and tells what is in it; ErrDamaged when it is
// not what was once written.
func Verify(r io.Reader) (Manifest, error) {
	rows := map[string]int64{}
	var count, bytes int64
	m, err := walk(r, visitor{
		header: func(Header) error { return nil },
		table: func(name string, content io.Reader) error {
			n, err := countLines(content)
			rows[name] += n
			return err
		},
		file: func(_ string, content io.Reader) error {
			n, err := io.Copy(io.Discard, content)
			count, bytes = count+1, bytes+n
			return err
		},
	})
	if err != nil {
		return m, err
	}
	for _, t := range m.Tables {
		if rows[t.Name] != t.Rows {
			return m, damaged("table %s has %d rows instead of %d", t.Name, rows[t.Name], t.Rows)
		}
		delete(rows, t.Name)
	}
	if len(rows) > 0 || count != m.Files.Count || bytes != m.Files.Bytes {
		return m, damaged("it holds something else than its manifest says")
	}
	return m, nil
}

func countLines(r io.Reader) (n int64, err error) {
	buffer := make([]byte, 64<<10)
	for {
		k, err := r.Read(buffer)
		for _, b := range buffer[:k] {
			if b == '\n' {
				n++
			}
		}
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}
