// Package files keeps what people attach: in a folder, or in a bucket that
// speaks S3. A file is on disk, folder entry included, or acknowledged by the
// bucket before Put returns, so a row may refer to it at once (law 1). What a
// file is, is told from its content and never from its name.
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
	"regexp"
	"strings"
	"syscall"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/fanward/fanward/internal/fault"
)

// Store keeps files under random keys, spread over 256 folders. It is safe for
// concurrent use, also by several processes on one place.
type Store struct {
	bucket *blob.Bucket
	folder *folder // nil for a bucket that acknowledges what it has kept
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

// write puts the content of r under key, durable. On failure no file is left.
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
	flush, options := s.writing()
	w, err := s.bucket.NewWriter(ctx, key, options)
	if err != nil {
		return 0, s.lost(fmt.Errorf("make a file: %w", err))
	}
	source := &watched{r: r}
	if _, err = w.Write(first); err == nil {
		n, err = io.Copy(w, source)
	}
	if err == nil {
		err = flush()
	}
	if err != nil {
		cancel() // makes Close remove what was written
		_ = w.Close()
		if err = fmt.Errorf("write a file: %w", err); source.err == nil {
			err = s.lost(err)
		}
		return 0, err
	}
	if err := w.Close(); err != nil {
		return 0, s.lost(fmt.Errorf("put a file in place: %w", err))
	}
	if s.folder != nil {
		if err := s.folder.syncEntry(key); err != nil {
			_ = s.bucket.Delete(context.WithoutCancel(ctx), key)
			return 0, err
		}
	}
	return n + 1, nil
}

// writing gives the options of a writer, and what makes its bytes durable
// before it is closed.
func (s *Store) writing() (flush func() error, o *blob.WriterOptions) {
	o = &blob.WriterOptions{ContentType: OctetStream} // given, so that nothing is buffered for guessing
	if s.folder == nil {
		o.BufferSize, o.MaxConcurrency = partSize, partsAtOnce
		return func() error { return nil }, o
	}
	var file *os.File
	o.BeforeWrite = func(as func(any) bool) error {
		if !as(&file) {
			return errors.New("the folder of files gives no file to flush")
		}
		return file.Chmod(0o600)
	}
	return func() error { return file.Sync() }, o
}

// lost gives a failure of a bucket its code: whatever it was, the sender may
// try again. Failures of a folder have codes of their own.
func (s *Store) lost(err error) error {
	if err == nil || s.folder != nil || errors.Is(err, context.Canceled) {
		return err
	}
	return fault.Wrap(err, fault.Unavailable, "storage_unavailable", nil).RetryIn(5 * time.Second)
}

// watched remembers a failure of the source, so that it is not taken for one of
// whoever reads it.
type watched struct {
	r   io.Reader
	err error
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err
}

// PutBack keeps a file under the key that Put once gave it: for restoring. What
// is there under the key is replaced.
func (s *Store) PutBack(ctx context.Context, key string, r io.Reader) error {
	if !keyForm.MatchString(key) {
		return fmt.Errorf("%.60q is not the key of a file", key)
	}
	_, err := s.write(ctx, key, r)
	return storageFault(err)
}

// Probe keeps a file, reads it back and deletes it: what is needed of a place.
func (s *Store) Probe(ctx context.Context) error {
	key, text := newKey(), "fanward"
	if _, err := s.write(ctx, key, strings.NewReader(text)); err != nil {
		return err
	}
	r, err := s.Open(ctx, key)
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	back, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close(), s.Delete(ctx, key)); err != nil {
		return err
	}
	if string(back) != text {
		return errors.New("what was read back is not what was written")
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
		return nil, storageFault(s.lost(fmt.Errorf("open a file: %w", err)))
	}
	return r, nil
}

// Delete removes a file; one that is not there is no error.
func (s *Store) Delete(ctx context.Context, key string) error {
	err := s.bucket.Delete(ctx, key)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil
	}
	return s.lost(err)
}

// Entry is one file of the place. Besides those that Put has kept, there may
// be temporary files that a crash left behind; Delete takes their keys, too.
type Entry struct {
	Key     string
	Size    int64
	ModTime time.Time // the machine's or the bucket's clock, not the injected one
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
			return s.lost(fmt.Errorf("list files: %w", err))
		}
		if err := visit(Entry{Key: o.Key, Size: o.Size, ModTime: o.ModTime}); err != nil {
			return err
		}
	}
}
