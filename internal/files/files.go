// Package files keeps what people attach. A file is on disk, folder entry
// included, before Put returns, so a row may refer to it at once (law 1). What
// a file is, is told from its content and never from its name.
package files

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/gcerrors"

	"github.com/fanward/fanward/internal/fault"
)

// FolderName is where files lie inside the data folder.
const FolderName = "files"

// Store keeps files under random keys, spread over 256 folders. It is safe for
// concurrent use.
type Store struct {
	bucket *blob.Bucket
	dir    string

	mu      sync.Mutex
	durable map[string]bool // shard folders whose own entry is known to be on disk
}

// Stored describes a file that Put has kept.
type Stored struct {
	Key    string
	Size   int64
	SHA256 string // hex
	// ContentType is what the content is, OctetStream when it must not be
	// interpreted by a browser: active content, or not what the name claims.
	ContentType string
	// Width and Height in pixels; 0 for anything but an image.
	Width, Height int
}

// Open opens the store inside the data folder and makes its folder.
func Open(dataDir string) (*Store, error) {
	dir := filepath.Join(dataDir, FolderName)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of files: %w", err)
	}
	if err := errors.Join(syncDir(dataDir), syncDir(dir)); err != nil {
		return nil, err
	}
	bucket, err := fileblob.OpenBucket(dir, &fileblob.Options{
		// Temporary files lie beside the final ones: a rename cannot cross
		// file systems, and a sweep finds what a crash left behind.
		NoTempDir: true, DirFileMode: 0o700, Metadata: fileblob.MetadataDontWrite,
	})
	if err != nil {
		return nil, fmt.Errorf("open the folder of files: %w", err)
	}
	return &Store{bucket: bucket, dir: dir, durable: map[string]bool{}}, nil
}

// Close ends the store; open readers stay usable.
func (s *Store) Close() error { return s.bucket.Close() }

// Put streams r into a new file and returns when it is durable. name is what
// the sender calls it: it only helps to notice disguises. More than limit
// bytes are refused with file_too_large, none with file_empty, and a full disk
// with storage_full; whatever the failure, nothing stays behind.
func (s *Store) Put(ctx context.Context, r io.Reader, name string, limit int64) (Stored, error) {
	key := newKey()
	head := &head{}
	sum := sha256.New()
	n, err := s.write(ctx, key, io.TeeReader(&capped{r: r, left: limit}, io.MultiWriter(sum, head)))
	switch {
	case errors.Is(err, errOverLimit):
		return Stored{}, fault.New(fault.TooLarge, "file_too_large", fault.Params{"max": limit})
	case err != nil:
		return Stored{}, storageFault(err)
	}
	st := Stored{Key: key, Size: n, SHA256: hex.EncodeToString(sum.Sum(nil))}
	if st.ContentType, st.Width, st.Height, err = s.inspect(ctx, key, name, head.b); err != nil {
		_ = s.bucket.Delete(context.WithoutCancel(ctx), key)
		return Stored{}, storageFault(err)
	}
	return st, nil
}

var errOverLimit = errors.New("over the limit")

// write puts the content of r under key, flushed. On failure no file is left.
func (s *Store) write(ctx context.Context, key string, r io.Reader) (n int64, err error) {
	// Reading the first bytes before a file is made keeps empty uploads cheap.
	first := make([]byte, 1)
	if _, err := io.ReadFull(r, first); err != nil {
		if errors.Is(err, io.EOF) {
			return 0, fault.New(fault.Invalid, "file_empty", nil)
		}
		return 0, fmt.Errorf("read the upload: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var file *os.File
	w, err := s.bucket.NewWriter(ctx, key, &blob.WriterOptions{
		ContentType: OctetStream, // given, so that nothing is buffered for guessing
		BeforeWrite: func(as func(any) bool) error {
			if !as(&file) {
				return errors.New("the folder of files gives no file to flush")
			}
			return file.Chmod(0o600)
		},
	})
	if err != nil {
		return 0, fmt.Errorf("make a file: %w", err)
	}
	if _, err = w.Write(first); err == nil {
		n, err = io.Copy(w, r)
	}
	if err == nil {
		err = file.Sync()
	}
	if err != nil {
		cancel() // makes Close remove the temporary file
		_ = w.Close()
		return 0, fmt.Errorf("write a file: %w", err)
	}
	if err := w.Close(); err != nil {
		return 0, fmt.Errorf("put a file in place: %w", err)
	}
	if err := s.syncEntry(key); err != nil {
		_ = s.bucket.Delete(context.WithoutCancel(ctx), key)
		return 0, err
	}
	return n + 1, nil
}

// syncEntry flushes the folder entry of a new file, and once per process that
// of its shard folder.
func (s *Store) syncEntry(key string) error {
	shard := filepath.Dir(filepath.Join(s.dir, filepath.FromSlash(key)))
	if err := syncDir(shard); err != nil {
		return err
	}
	s.mu.Lock()
	known := s.durable[shard]
	s.mu.Unlock()
	if known {
		return nil
	}
	if err := syncDir(s.dir); err != nil {
		return err
	}
	s.mu.Lock()
	s.durable[shard] = true
	s.mu.Unlock()
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open a folder to flush it: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("flush a folder: %w", err)
	}
	return nil
}

// capped fails with errOverLimit instead of giving more than left bytes.
type capped struct {
	r    io.Reader
	left int64
}

func (c *capped) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if c.left -= int64(n); c.left < 0 {
		return 0, errOverLimit
	}
	return n, err
}

func storageFault(err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fault.Wrap(err, fault.Unavailable, "storage_full", nil).RetryIn(30 * time.Second)
	case errors.Is(err, syscall.EIO), errors.Is(err, syscall.EROFS):
		return fault.Wrap(err, fault.Unavailable, "storage_unavailable", nil).RetryIn(5 * time.Second)
	}
	return err
}

var keyForm = regexp.MustCompile(`^[0-9a-f]{2}/[0-9a-f]{30}$`)

func newKey() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	h := hex.EncodeToString(b[:])
	return h[:2] + "/" + h[2:]
}

// Content is an open file. Seek makes ranges cheap.
type Content interface {
	io.ReadSeekCloser
	Size() int64
	ModTime() time.Time
}

// Open opens a file by its key; not_found when there is none.
func (s *Store) Open(ctx context.Context, key string) (Content, error) {
	if !keyForm.MatchString(key) {
		return nil, fault.Missing("file")
	}
	r, err := s.bucket.NewReader(ctx, key, nil)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil, fault.Missing("file")
	}
	if err != nil {
		return nil, storageFault(fmt.Errorf("open a file: %w", err))
	}
	return r, nil
}

// Delete removes a file; one that is not there is no error.
func (s *Store) Delete(ctx context.Context, key string) error {
	err := s.bucket.Delete(ctx, key)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil
	}
	return err
}

// Entry is one file in the folder. Besides those that Put has kept, there may
// be temporary files that a crash left behind; Delete takes their keys, too.
type Entry struct {
	Key     string
	Size    int64
	ModTime time.Time // the machine's clock, not the injected one
}

// Each calls visit for every file in no particular order until it returns an
// error. It is for the sweep of orphans: files that no row refers to after the
// longest upload can have ended.
func (s *Store) Each(ctx context.Context, visit func(Entry) error) error {
	it := s.bucket.List(nil)
	for {
		o, err := it.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("list files: %w", err)
		}
		if err := visit(Entry{Key: o.Key, Size: o.Size, ModTime: o.ModTime}); err != nil {
			return err
		}
	}
}
