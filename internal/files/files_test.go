package files_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/files"
)

var ctx = context.Background()

func open(t *testing.T, dir string) *files.Store {
	t.Helper()
	s, err := files.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// left lists the regular files below a folder.
func left(t *testing.T, dir string) (out []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			out = append(out, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func picture(t *testing.T, encode func(io.Writer, image.Image) error, w, h int) string {
	t.Helper()
	var b bytes.Buffer
	if err := encode(&b, image.NewGray(image.Rect(0, 0, w, h))); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPutAndOpen(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	body := strings.Repeat("Grüße 你好\n", 10_000)
	got, err := s.Put(ctx, iotest.OneByteReader(strings.NewReader(body)), "notes.txt", int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(body))
	want := files.Stored{Key: got.Key, Size: int64(len(body)), SHA256: hex.EncodeToString(sum[:]), ContentType: "text/plain"}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	// What another process would find after a restart.
	r, err := open(t, dir).Open(ctx, got.Key)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r); err != nil || string(b) != body || r.Size() != got.Size {
		t.Error("read back:", len(b), err)
	}
	if _, err := r.Seek(-3, io.SeekEnd); err != nil {
		t.Error(err)
	}
	if b, _ := io.ReadAll(r); string(b) != body[len(body)-3:] {
		t.Errorf("after Seek: %q", b)
	}
	_ = r.Close()
	on := left(t, dir)
	if len(on) != 1 {
		t.Errorf("files on disk: %v", on)
	}
	if st, err := os.Stat(on[0]); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v %v", st.Mode(), err)
	}
	if err := errors.Join(s.Delete(ctx, got.Key), s.Delete(ctx, got.Key)); err != nil {
		t.Error(err)
	}
	if _, err := s.Open(ctx, got.Key); fault.KindOf(err) != fault.NotFound {
		t.Error("open after delete:", err)
	}
}

// TestContentDecides: a file's type comes from its bytes; what could act in a
// browser, or is not what its name says, is only ever an octet stream.
func TestContentDecides(t *testing.T) {
	pngFile := picture(t, png.Encode, 3, 2)
	jpegFile := picture(t, func(w io.Writer, m image.Image) error { return jpeg.Encode(w, m, nil) }, 5, 4)
	gifFile := picture(t, func(w io.Writer, m image.Image) error { return gif.Encode(w, m, nil) }, 7, 6)
	webp := "RIFF\x24\x00\x00\x00WEBPVP8 \x18\x00\x00\x000\x01\x00\x9d\x01*\x01\x00\x01\x00\x01@&%\xa4\x00\x03p\x00\xfe\xfb\x94\x00\x00"
	cases := []struct {
		title, name, body, want string
		w, h                    int
	}{
		{"png", "a.png", pngFile, "image/png", 3, 2},
		{"jpeg", "a.JPG", jpegFile, "image/jpeg", 5, 4},
		{"gif", "a.gif", gifFile, "image/gif", 7, 6},
		{"webp", "a.webp", webp, "image/webp", 1, 1},
		{"png named jpg stays a png", "a.jpg", pngFile, "image/png", 3, 2},
		{"image without extension", "screenshot", pngFile, "image/png", 3, 2},
		{"html as png", "a.png", "<!DOCTYPE html><script>alert(1)</script>", files.OctetStream, 0, 0},
		{"html", "a.html", "<html><body>hi</body></html>", files.OctetStream, 0, 0},
		{"html as text", "a.txt", "<script>alert(1)</script>", files.OctetStream, 0, 0},
		{"svg", "a.svg", `<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>`, files.OctetStream, 0, 0},
		{"svg as png", "a.png", `<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>`, files.OctetStream, 0, 0},
		{"xml", "a.xml", `<?xml version="1.0"?><a/>`, files.OctetStream, 0, 0},
		{"script", "a.js", "#!/usr/bin/env node\nrequire('fs')", files.OctetStream, 0, 0},
		{"program as pdf", "a.pdf", "MZ\x90\x00\x03\x00\x00\x00\x04\x00", files.OctetStream, 0, 0},
		{"program", "a.exe", "MZ\x90\x00\x03\x00\x00\x00\x04\x00", files.OctetStream, 0, 0},
		{"text as mp4", "a.mp4", "only text", files.OctetStream, 0, 0},
		{"png magic, no header", "a.png", pngFile[:12] + "garbage", files.OctetStream, 0, 0},
		{"png bomb", "a.png", hugePNG(60_000, 60_000), files.OctetStream, 0, 0},
		{"png at the pixel cap", "a.png", hugePNG(8192, 8192), "image/png", 8192, 8192},
		{"pdf", "a.pdf", "%PDF-1.7\n%âãÏÓ\n", "application/pdf", 0, 0},
		{"csv", "a.csv", "a,b\n1,2\n3,4\n", "text/csv", 0, 0},
		{"text", "a.txt", "hello", "text/plain", 0, 0},
		{"bytes", "a.bin", "\x00\x01\x02\x03", files.OctetStream, 0, 0},
	}
	s := open(t, t.TempDir())
	for _, c := range cases {
		t.Run(c.title, func(t *testing.T) {
			got, err := s.Put(ctx, strings.NewReader(c.body), c.name, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			if got.ContentType != c.want || got.Width != c.w || got.Height != c.h {
				t.Errorf("%s is %s %dx%d, want %s %dx%d", c.name, got.ContentType, got.Width, got.Height, c.want, c.w, c.h)
			}
			if files.Inline(got.ContentType) != (c.w > 0) {
				t.Errorf("inline: %v", files.Inline(got.ContentType))
			}
		})
	}
}

// hugePNG is a valid header that claims many pixels.
func hugePNG(w, h uint32) string {
	head := binary.BigEndian.AppendUint32([]byte("IHDR"), w)
	head = append(binary.BigEndian.AppendUint32(head, h), 8, 0, 0, 0, 0)
	b := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"), head...)
	return string(binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(head)))
}

func TestPutRefusesAndLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	cut := errors.New("connection reset")
	gone, cancel := context.WithCancel(ctx)
	cases := []struct {
		name string
		ctx  context.Context
		r    io.Reader
		code string
	}{
		{"empty", ctx, strings.NewReader(""), "file_empty"},
		{"one byte too many", ctx, strings.NewReader(strings.Repeat("x", 101)), "file_too_large"},
		{"endless", ctx, endless{}, "file_too_large"},
		{"sender goes away", ctx, io.MultiReader(strings.NewReader("half"), iotest.ErrReader(cut)), "internal"},
		{"sender gives nothing", ctx, iotest.ErrReader(cut), "internal"},
		{"cancelled", gone, io.MultiReader(strings.NewReader("half"), calls{cancel}, strings.NewReader("rest")), "internal"},
	}
	for _, c := range cases {
		if _, err := s.Put(c.ctx, c.r, "a.txt", 100); fault.CodeOf(err) != c.code {
			t.Errorf("%s: %v", c.name, err)
		}
		if on := left(t, dir); len(on) != 0 {
			t.Errorf("%s leaves %v", c.name, on)
		}
	}
	if got, err := s.Put(ctx, strings.NewReader(strings.Repeat("x", 100)), "a.txt", 100); err != nil || got.Size != 100 {
		t.Error("exactly the limit:", got, err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

type calls struct{ f func() }

func (c calls) Read([]byte) (int, error) { c.f(); return 0, io.EOF }

// TestFullDisk needs a file system of its own.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skip("cannot mount a small file system:", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, 0) })
	s := open(t, dir)
	_, err := s.Put(ctx, io.LimitReader(endless{}, 1<<20), "big.bin", 2<<20)
	var e *fault.Error
	if !errors.As(err, &e) || e.Code != "storage_full" || e.RetryAfter == 0 {
		t.Fatalf("got %v", err)
	}
	if on := left(t, dir); len(on) != 0 {
		t.Errorf("left behind: %v", on)
	}
	if _, err := s.Put(ctx, strings.NewReader("small"), "a.txt", 100); err != nil {
		t.Error("a small file after the refusal:", err)
	}
}

func TestKeysCannotLeaveTheFolder(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if err := os.WriteFile(filepath.Join(dir, "secret.key"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"../secret.key", "/etc/passwd", "", ".", "ab/../../secret.key", "AB/" + strings.Repeat("0", 30), "ab/" + strings.Repeat("0", 29), "ab/" + strings.Repeat("0", 30) + "\n"} {
		if _, err := s.Open(ctx, key); fault.KindOf(err) != fault.NotFound {
			t.Errorf("%q: %v", key, err)
		}
		_ = s.Delete(ctx, key)
	}
	if _, err := os.Stat(filepath.Join(dir, "secret.key")); err != nil {
		t.Error("a file outside was deleted")
	}
}

func TestConcurrentPutsAndListing(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	var wg sync.WaitGroup
	var mu sync.Mutex
	want := map[string]int64{}
	for i := range 40 {
		wg.Go(func() {
			got, err := s.Put(ctx, strings.NewReader(strings.Repeat("x", i+1)), "a.txt", 100)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			want[got.Key] = got.Size
		})
	}
	wg.Wait()
	// A crash in the middle of an upload leaves this.
	stray := filepath.Join(dir, "files", "ab", "cdef.123.tmp")
	if err := errors.Join(os.MkdirAll(filepath.Dir(stray), 0o700), os.WriteFile(stray, []byte("half"), 0o600)); err != nil {
		t.Fatal(err)
	}
	strays := 0
	err := s.Each(ctx, func(e files.Entry) error {
		if size, ok := want[e.Key]; ok && size == e.Size && !e.ModTime.IsZero() {
			delete(want, e.Key)
			return nil
		}
		strays++
		return s.Delete(ctx, e.Key)
	})
	if err != nil || len(want) != 0 || strays != 1 {
		t.Errorf("not listed: %v, strays %d, %v", want, strays, err)
	}
	if _, err := os.Stat(stray); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the stray file cannot be swept")
	}
	stop := errors.New("enough")
	if err := s.Each(ctx, func(files.Entry) error { return stop }); !errors.Is(err, stop) {
		t.Error("the listing goes on:", err)
	}
}

func TestSafeName(t *testing.T) {
	cases := map[string]string{
		"report.pdf": "report.pdf", "报价单 2026.xlsx": "报价单 2026.xlsx", "../../etc/passwd": "passwd", `C:\Users\me\a.txt`: "a.txt",
		"": "file", "...": "file", "/": "file", "a\x00b\r\nc.txt": "ab c.txt", "evil\u202egnp.exe": "evilgnp.exe", "a\u200bb.txt": "ab.txt", "\u2066x\u2069.txt": "x.txt",
		".htaccess": "htaccess", "a.txt. ": "a.txt", `q"u<o>t:e|?*.txt`: "q_u_o_t_e___.txt", "con.txt": "_con.txt", "LPT1": "_LPT1", "comb.txt": "comb.txt",
		"a\u0301.txt": "\u00e1.txt", "\xff\xfe.txt": "txt", "  two   spaces .txt": "two spaces .txt",
	}
	for in, want := range cases {
		if got := files.SafeName(in); got != want {
			t.Errorf("SafeName(%q) = %q, want %q", in, got, want)
		}
	}
	long := files.SafeName(strings.Repeat("长", 300) + ".docx")
	if len(long) > 200 || !strings.HasSuffix(long, "长.docx") || !utf8.ValidString(long) {
		t.Errorf("long name: %d bytes, %q", len(long), long)
	}
}

func FuzzSafeName(f *testing.F) {
	f.Add("a/b\\c.txt")
	f.Add("\u202e")
	f.Fuzz(func(t *testing.T, name string) {
		got := files.SafeName(name)
		if got == "" || len(got) > 200 || !utf8.ValidString(got) || strings.ContainsAny(got, "/\\\x00\r\n\"\u202e") || got[0] == '.' {
			t.Errorf("SafeName(%q) = %q", name, got)
		}
		if again := files.SafeName(got); again != got {
			t.Errorf("not stable: %q then %q", got, again)
		}
	})
}
