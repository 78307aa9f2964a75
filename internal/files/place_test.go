package files_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/files"
	"github.com/fanward/fanward/internal/testkit"
)

// place is one where files can be kept; open is called once per process.
type place struct {
	name string
	open func() *files.Store
}

func at(t *testing.T, address, dataDir string) *files.Store {
	t.Helper()
	s, err := files.OpenURL(ctx, address, dataDir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func eachPlace(t *testing.T, fn func(t *testing.T, p place)) {
	t.Helper()
	t.Run("data folder", func(t *testing.T) {
		dir := t.TempDir()
		fn(t, place{"data", func() *files.Store { return at(t, "", dir) }})
	})
	t.Run("shared folder", func(t *testing.T) {
		address := "file://" + filepath.Join(t.TempDir(), "shared files")
		fn(t, place{"shared", func() *files.Store { return at(t, strings.ReplaceAll(address, " ", "%20"), t.TempDir()) }})
	})
	t.Run("bucket", func(t *testing.T) {
		b := testkit.Bucket(t)
		fn(t, place{"bucket", func() *files.Store { return at(t, b.URL(), t.TempDir()) }})
	})
	t.Run("part of a bucket", func(t *testing.T) {
		b := testkit.Bucket(t)
		fn(t, place{"part", func() *files.Store { return at(t, b.URL()+"&prefix=fanward%2F", t.TempDir()) }})
	})
}

func entries(t *testing.T, s *files.Store) (keys []string) {
	t.Helper()
	if err := s.Each(ctx, func(e files.Entry) error { keys = append(keys, e.Key); return nil }); err != nil {
		t.Fatal(err)
	}
	return keys
}

// TestEveryPlace: what one node has kept, another finds, in ranges too, until
// somebody deletes it.
func TestEveryPlace(t *testing.T) {
	eachPlace(t, func(t *testing.T, p place) {
		one, other := p.open(), p.open()
		if err := errors.Join(one.Probe(ctx), other.Probe(ctx)); err != nil {
			t.Fatal(err)
		}
		// More than two parts of an upload in parts.
		large := bytes.Repeat([]byte("0123456789abcdef"), 700_000)
		for _, body := range [][]byte{[]byte("x"), large} {
			st, err := one.Put(ctx, bytes.NewReader(body), "a.bin", int64(len(body)))
			if err != nil {
				t.Fatal(err)
			}
			r, err := other.Open(ctx, st.Key)
			if err != nil {
				t.Fatal(err)
			}
			if back, err := io.ReadAll(r); err != nil || !bytes.Equal(back, body) || r.Size() != int64(len(body)) || st.Size != r.Size() {
				t.Errorf("%d of %d bytes came back: %v", len(back), len(body), err)
			}
			if _, err := r.Seek(-1, io.SeekEnd); err != nil {
				t.Error(err)
			}
			if back, err := io.ReadAll(r); err != nil || !bytes.Equal(back, body[len(body)-1:]) {
				t.Errorf("the last byte is %q: %v", back, err)
			}
			_ = r.Close()
			if got := entries(t, other); !slices.Equal(got, []string{st.Key}) {
				t.Errorf("%v are kept, want %s", got, st.Key)
			}
			if err := errors.Join(other.Delete(ctx, st.Key), other.Delete(ctx, st.Key)); err != nil {
				t.Error(err)
			}
			if _, err := one.Open(ctx, st.Key); fault.KindOf(err) != fault.NotFound {
				t.Errorf("open after delete: %v", err)
			}
			// Brought back from a backup, it has the key that rows know.
			if err := other.PutBack(ctx, st.Key, bytes.NewReader(body)); err != nil {
				t.Fatal(err)
			}
			if r, err = one.Open(ctx, st.Key); err != nil || r.Size() != int64(len(body)) {
				t.Errorf("put back: %v", err)
			}
			_ = errors.Join(r.Close(), one.Delete(ctx, st.Key))
		}
		if err := one.PutBack(ctx, "../../etc/passwd", strings.NewReader("x")); err == nil {
			t.Error("a key that leaves the place was taken")
		}
		picture, err := one.Put(ctx, strings.NewReader(pictureOf(t)), "a.png", 1<<20)
		if err != nil || picture.ContentType != "image/png" || picture.Width != 3 || picture.Height != 2 {
			t.Errorf("a picture is %+v, %v", picture, err)
		}
	})
}

func pictureOf(t *testing.T) string {
	return picture(t, func(w io.Writer, m image.Image) error { return png.Encode(w, m) }, 3, 2)
}

// TestEveryPlaceLeavesNothing: an upload that fails leaves nothing to be found.
func TestEveryPlaceLeavesNothing(t *testing.T) {
	eachPlace(t, func(t *testing.T, p place) {
		s := p.open()
		cut := errors.New("connection reset")
		part := strings.Repeat("x", 6<<20)
		gone, cancel := context.WithCancel(ctx)
		for name, c := range map[string]struct {
			ctx  context.Context
			r    io.Reader
			code string
		}{
			"empty":         {ctx, strings.NewReader(""), "file_empty"},
			"too large":     {ctx, endless{}, "file_too_large"},
			"sender is cut": {ctx, io.MultiReader(strings.NewReader(part), iotest.ErrReader(cut)), "internal"},
			"cancelled":     {gone, io.MultiReader(strings.NewReader(part), calls{cancel}, strings.NewReader("rest")), "internal"},
		} {
			if _, err := s.Put(c.ctx, c.r, "a.txt", 8<<20); fault.CodeOf(err) != c.code {
				t.Errorf("%s: %v", name, err)
			}
		}
		if got := entries(t, s); len(got) != 0 {
			t.Errorf("left behind: %v", got)
		}
	})
}

// TestBucketAway: a bucket that does not answer refuses with a code that says
// that one may try again, and serves again when it is back.
func TestBucketAway(t *testing.T) {
	b := testkit.Bucket(t)
	s := at(t, b.URL(), t.TempDir())
	st, err := s.Put(ctx, strings.NewReader("kept"), "a.txt", 100)
	if err != nil {
		t.Fatal(err)
	}
	b.Down(true)
	_, putting := s.Put(ctx, strings.NewReader("lost"), "a.txt", 100)
	_, opening := s.Open(ctx, st.Key)
	for doing, err := range map[string]error{"put": putting, "open": opening} {
		if f, ok := fault.As(err); !ok || f.Code != "storage_unavailable" || f.RetryAfter == 0 {
			t.Errorf("%s: %v", doing, err)
		}
	}
	b.Down(false)
	b.CutReads(true) // what a picture is cannot be told
	if got, err := s.Put(ctx, strings.NewReader(pictureOf(t)), "a.png", 1<<10); fault.CodeOf(err) != "storage_unavailable" {
		t.Errorf("a picture that cannot be read back is %+v, %v", got, err)
	}
	b.CutReads(false)
	if r, err := s.Open(ctx, st.Key); err != nil {
		t.Error("what was kept is lost:", err)
	} else {
		_ = r.Close()
	}
}

// TestWrongPlace: what cannot be used is told when the program starts.
func TestWrongPlace(t *testing.T) {
	b := testkit.Bucket(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, address := range map[string]string{
		"no such bucket":  b.Address("elsewhere"),
		"nobody there":    "s3://bucket?endpoint=http%3A%2F%2F127.0.0.1%3A1",
		"unknown setting": b.URL() + "&colour=red",
	} {
		if _, err := files.OpenURL(ctx, address, t.TempDir()); fault.CodeOf(err) != "files_unreachable" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := files.OpenURL(ctx, "file://"+file, t.TempDir()); fault.CodeOf(err) != "files_folder_unusable" {
		t.Errorf("a file for a folder: %v", err)
	}
	if _, err := files.OpenURL(ctx, "", file); fault.CodeOf(err) != "files_folder_unusable" {
		t.Errorf("a file for the data folder: %v", err)
	}
}
