package api_test

import (
	"bytes"
	"image"
	"image/png"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/web/api"
)

// uploadCall makes a form with one file.
func uploadCall(path, as, field, name, content string, header map[string]string) call {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, _ := w.CreateFormFile(field, name)
	_, _ = io.WriteString(part, content)
	_ = w.Close()
	all := map[string]string{"Content-Type": w.FormDataContentType()}
	for k, v := range header {
		all[k] = v
	}
	return call{method: "POST", path: path, as: as, body: b.String(), header: all}
}

func picture(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 4, 3))); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestFiles(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		h := build(t, db)
		h.cfg.Limits.FileBytes = 1000
		v := h.visit()
		id := h.write(v, "k", "hello")
		own := h.json(uploadCall("/api/v1/files", "agent", "file", "报价 \"单\".png", picture(t), nil))
		if own["content_type"] != "image/png" || own["width"] != 4.0 || own["height"] != 3.0 {
			t.Fatalf("upload %v", own)
		}
		page := h.json(uploadCall(h.site("/files"), "", "file", "page.html", "<script>alert(1)</script>", v))
		disguised := h.json(uploadCall("/api/v1/files", "agent", "file", "cat.png", "<html><script>alert(1)</script>", nil))
		theirs := h.json(uploadCall("/api/v1/files", "owner", "file", "a.txt", "text", nil))
		send := func(body string) call {
			return call{method: "POST", path: "/api/v1/conversations/" + id + "/messages", as: "agent", body: body}
		}
		get := func(a map[string]any, header map[string]string) call {
			return call{method: "GET", path: a["url"].(string), header: header}
		}
		sandbox := "sandbox; default-src 'none'"
		etag := h.do(get(own, nil)).Header().Get("ETag")
		h.run(t, []scenario{
			{name: "an image is shown", call: get(own, nil), status: 200, headers: map[string]string{
				"Content-Type": "image/png", "Content-Disposition": "inline; filename*=utf-8''%E6%8A%A5%E4%BB%B7%20_%E5%8D%95_.png", "Content-Security-Policy": sandbox,
				"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "cross-origin", "Cache-Control": "private, max-age=86400, immutable"}},
			{name: "a page is saved", call: get(page, nil), status: 200, headers: map[string]string{
				"Content-Type": "application/octet-stream", "Content-Disposition": "attachment; filename=page.html", "Content-Security-Policy": sandbox}},
			{name: "a disguise is saved", call: get(disguised, nil), status: 200, headers: map[string]string{"Content-Type": "application/octet-stream", "Content-Disposition": "attachment; filename=cat.png"}},
			{name: "a range", call: get(theirs, map[string]string{"Range": "bytes=1-2"}), status: 206, has: []string{"ex"}, not: []string{"text"}, headers: map[string]string{"Content-Range": "bytes 1-2/4"}},
			{name: "unchanged", call: get(own, map[string]string{"If-None-Match": etag}), status: 304},
			{name: "a forged address", call: call{method: "GET", path: "/api/v1/files/" + flip(strings.TrimPrefix(own["url"].(string), "/api/v1/files/"))}, status: 404, has: []string{`"code":"not_found"`}},
			{name: "an id is no address", call: call{method: "GET", path: "/api/v1/files/" + own["id"].(string)}, status: 404},
			{name: "somebody else's upload", call: send(`{"client_key":"a","attachment_ids":["` + theirs["id"].(string) + `"]}`), status: 422, has: []string{"attachment_unknown"}},
			{name: "a visitor's upload", call: send(`{"client_key":"a","attachment_ids":["` + page["id"].(string) + `"]}`), status: 422, has: []string{"attachment_unknown"}},
			{name: "own", call: send(`{"client_key":"a","attachment_ids":["` + own["id"].(string) + `"]}`), status: 201, has: []string{`"name":"报价 _单_.png"`, `"body":""`}, changes: []string{"message", "read", "conversation"}},
			{name: "only once", call: send(`{"client_key":"b","attachment_ids":["` + own["id"].(string) + `"]}`), status: 422, has: []string{"attachment_unknown"}},
			{name: "the visitor's own", call: call{method: "POST", path: h.site("/messages"), body: `{"client_key":"f","attachment_ids":["` + page["id"].(string) + `"]}`, header: v}, status: 201, has: []string{"page.html"}, changes: []string{"message"}},
			{name: "too large", call: uploadCall("/api/v1/files", "agent", "file", "a.txt", strings.Repeat("x", 1001), nil), status: 413, has: []string{`"code":"file_too_large","params":{"max":1000}`}},
			{name: "far too large", call: uploadCall("/api/v1/files", "agent", "file", "a.txt", strings.Repeat("x", 200_000), nil), status: 413, has: []string{"file_too_large"}},
			{name: "empty", call: uploadCall("/api/v1/files", "agent", "file", "a.txt", "", nil), status: 422, has: []string{"file_empty"}},
			{name: "another field", call: uploadCall("/api/v1/files", "agent", "image", "a.txt", "x", nil), status: 422, has: []string{`{"field":"image","code":"unknown_field"}`}},
			{name: "no form", call: call{method: "POST", path: "/api/v1/files", as: "agent", body: `{}`}, status: 415, has: []string{"unsupported_type"}},
			{name: "an empty form", call: call{method: "POST", path: "/api/v1/files", as: "agent", body: "--x--\r\n", header: map[string]string{"Content-Type": "multipart/form-data; boundary=x"}}, status: 422, has: []string{`{"field":"file","code":"required"}`}},
			{name: "a cut form", call: call{method: "POST", path: "/api/v1/files", as: "agent", body: "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nabc", header: map[string]string{"Content-Type": "multipart/form-data; boundary=x"}}, status: 400, has: []string{"body_incomplete"}},
			{name: "a visitor without token", call: uploadCall(h.site("/files"), "", "file", "a.txt", "x", from(shop)), status: 401, has: []string{"visitor_refused"}},
		})
		h.clk.Advance(8 * 24 * time.Hour)
		h.run(t, []scenario{{name: "an old address", call: get(own, nil), status: 410, has: []string{"file_link_expired"}}})
	})
}

// send uploads a form that goes on with more after its first lines.
func (h *house) send(more io.Reader) (*httptest.ResponseRecorder, *counting) {
	body := &counting{Reader: io.MultiReader(strings.NewReader("--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n"), more)}
	r := httptest.NewRequest("POST", "http://localhost:8080/api/v1/files", body)
	r.ContentLength = -1
	r.RemoteAddr = "127.0.0.1:1"
	r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	r.Header.Set(api.CSRFHeader, "1")
	r.AddCookie(&http.Cookie{Name: api.SessionCookie, Value: h.sessions["agent"]})
	w := httptest.NewRecorder()
	h.server.ServeHTTP(w, r)
	return w, body
}

// TestUploadStopsReading: an upload without end is cut at the limit and never
// gathered in memory.
func TestUploadStopsReading(t *testing.T) {
	h := build(t, testkit.Open(t, store.SQLite))
	h.cfg.Limits.FileBytes = 1 << 20
	if w, body := h.send(zeros{}); w.Code != 413 || body.n > 2<<20 {
		t.Errorf("%d after %d bytes: %s", w.Code, body.n, w.Body)
	}
}

// TestUploadBreaksOff: a lost connection is no failure of ours.
func TestUploadBreaksOff(t *testing.T) {
	h := build(t, testkit.Open(t, store.SQLite))
	w, _ := h.send(io.MultiReader(io.LimitReader(zeros{}, 100_000), iotest.ErrReader(syscall.ECONNRESET)))
	if w.Code != 400 || !strings.Contains(w.Body.String(), "body_incomplete") || strings.Contains(h.log.String(), "level=ERROR") {
		t.Errorf("%d %s\n%s", w.Code, w.Body, h.log)
	}
}

type counting struct {
	io.Reader
	n int64
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
