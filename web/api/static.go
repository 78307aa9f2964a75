package api

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/web/problem"
)

// statics serves the built console and widget. Files are packed when they are
// first asked for and kept packed; there are only as many as were built in.
type statics struct {
	files    fs.FS
	script   func() ([]byte, bool)
	problems *problem.Reporter

	mu     sync.Mutex
	packed map[string]*asset
}

// asset is one file, packed.
type asset struct {
	kind string
	etag string // of the content, without quotes
	zip  []byte // nil when packing gains nothing
}

func newStatics(files fs.FS, script func() ([]byte, bool), p *problem.Reporter) *statics {
	if script == nil {
		script = func() ([]byte, bool) { return nil, false }
	}
	return &statics{files: files, script: script, problems: p, packed: map[string]*asset{}}
}

const (
	indexFile       = "index.html"
	placeholderFile = "placeholder.html"
)

// console serves a built file, or the page for the routes that live in it.
func (t *statics) console(c *gin.Context) {
	name := strings.TrimPrefix(path.Clean(c.Request.URL.Path), "/")
	if t.files == nil || strings.HasPrefix(name, ".") {
		t.problems.Write(c.Writer, c.Request, fault.Missing("page"))
		return
	}
	if content, err := t.read(name); err == nil && name != indexFile {
		cache := "no-cache"
		if strings.HasPrefix(name, "assets/") {
			cache = "public, max-age=31536000, immutable" // their names hold a hash
		}
		t.serve(c, name, content, cache)
		return
	}
	if path.Ext(name) != "" && name != indexFile {
		t.problems.Write(c.Writer, c.Request, fault.Missing("page"))
		return
	}
	for _, index := range []string{indexFile, placeholderFile} {
		if content, err := t.read(index); err == nil {
			pageHeaders(c.Writer.Header(), c.Request.Host)
			t.serve(c, index, content, "no-cache")
			return
		}
	}
	t.problems.Write(c.Writer, c.Request, fault.Missing("page"))
}

// read opens a regular file.
func (t *statics) read(name string) ([]byte, error) {
	if !fs.ValidPath(name) || name == "." {
		return nil, fs.ErrNotExist
	}
	return fs.ReadFile(t.files, name)
}

var hostForm = regexp.MustCompile(`^[A-Za-z0-9.\-]+(:[0-9]+)?$|^\[[0-9a-fA-F:.]+\](:[0-9]+)?$`)

// pageHeaders are those of a page that runs our own scripts and nobody else's.
func pageHeaders(h http.Header, host string) {
	sockets := ""
	if hostForm.MatchString(host) {
		sockets = " ws://" + host + " wss://" + host // older browsers do not count sockets as 'self'
	}
	h.Set("Content-Security-Policy", "default-src 'self'; script-src 'self'; img-src 'self' data: blob:; font-src 'self' data:; "+
		// The components' styles are made while the page runs.
		"style-src 'self' 'unsafe-inline'; connect-src 'self'"+sockets+"; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
}

// widget serves widget.js to pages of any origin.
func (t *statics) widget(c *gin.Context) {
	script, ok := t.script()
	if !ok {
		t.problems.Write(c.Writer, c.Request, fault.Missing("page"))
		return
	}
	h := c.Writer.Header()
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("Access-Control-Allow-Origin", "*")
	t.serve(c, "/widget.js", script, "public, max-age=300")
}

func (t *statics) serve(c *gin.Context, name string, content []byte, cache string) {
	a := t.pack(name, content)
	h := c.Writer.Header()
	h.Set("Content-Type", a.kind)
	h.Set("Cache-Control", cache)
	body, etag := content, a.etag
	if a.zip != nil && takesGzip(c.Request) {
		body, etag = a.zip, a.etag+"-gzip"
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("ETag", `"`+etag+`"`)
	http.ServeContent(c.Writer, c.Request, "", time.Time{}, bytes.NewReader(body))
}

func (t *statics) pack(name string, content []byte) *asset {
	t.mu.Lock()
	defer t.mu.Unlock()
	if a := t.packed[name]; a != nil {
		return a
	}
	sum := sha256.Sum256(content)
	a := &asset{kind: contentType(name), etag: hex.EncodeToString(sum[:12])}
	if packs(a.kind) {
		var out bytes.Buffer
		w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression) // the level is valid
		_, _ = w.Write(content)                                 // a buffer takes everything
		_ = w.Close()
		if out.Len() < len(content) {
			a.zip = bytes.Clone(out.Bytes())
		}
	}
	t.packed[name] = a
	return a
}

// types are those whose names the machine's own table may know otherwise.
var types = map[string]string{
	".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".html": "text/html; charset=utf-8", ".json": "application/json",
	".svg": "image/svg+xml", ".woff2": "font/woff2", ".txt": "text/plain; charset=utf-8", ".map": "application/json", ".png": "image/png", ".ico": "image/x-icon",
}

func contentType(name string) string {
	ext := strings.ToLower(path.Ext(name))
	if t, ok := types[ext]; ok {
		return t
	}
	if t := mime.TypeByExtension(ext); t != "" {
		return t
	}
	return "application/octet-stream"
}

func packs(kind string) bool {
	return strings.HasPrefix(kind, "text/") || strings.HasPrefix(kind, "application/json") || strings.HasPrefix(kind, "image/svg")
}

func takesGzip(r *http.Request) bool {
	for _, coding := range strings.Split(r.Header.Get("Accept-Encoding"), ",") {
		name, q, _ := strings.Cut(strings.TrimSpace(coding), ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			return strings.ReplaceAll(strings.TrimSpace(q), " ", "") != "q=0"
		}
	}
	return false
}
