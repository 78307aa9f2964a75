package api

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"

	mailmime "github.com/fanward/fanward/channels/email/mime"
	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/files"
	"github.com/fanward/fanward/web/filelink"
)

// uploads are the routes whose bodies are bounded by limits.file_bytes.
var uploads = map[string]bool{root + "/files": true, visitorRoute + "/files": true}

// formOverhead is what a form may hold around its file.
const formOverhead = 64 << 10

// Upload is the streaming body of an upload: nothing is read before the handler
// asks, and nothing is kept in memory.
type Upload struct {
	request *http.Request
	control *http.ResponseController
}

// Resolve implements huma.Resolver.
func (u *Upload) Resolve(ctx huma.Context) []error {
	c := humagin.Unwrap(ctx)
	u.request, u.control = c.Request, http.NewResponseController(c.Writer)
	return nil
}

// stall is how long an upload may stand still. As long as something comes, a
// slow line may take its time.
const stall = 60 * time.Second

// moving is a body that must not stand still.
type moving struct {
	io.ReadCloser
	control *http.ResponseController
	// broken is what ended the body before its end.
	broken error
}

// Read gives the sender another stall of time.
func (m *moving) Read(p []byte) (int, error) {
	// What cannot set deadlines, a test's recorder, has no slow senders.
	_ = m.control.SetReadDeadline(time.Now().Add(stall))
	n, err := m.ReadCloser.Read(p)
	if err != nil {
		_ = m.control.SetReadDeadline(time.Time{})
		if !errors.Is(err, io.EOF) {
			m.broken = err
		}
	}
	return n, err
}

func (s *Server) addFiles() {
	form := &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"multipart/form-data": {Schema: &huma.Schema{
		Type: huma.TypeObject, Required: []string{"file"}, Properties: map[string]*huma.Schema{"file": {Type: huma.TypeString, Format: "binary"}},
	}}}}
	add(s, operation{
		id: "uploadFile", method: http.MethodPost, path: root + "/files", tag: "files", access: needs(auth.InboxReply), limit: s.limits.upload,
		status: http.StatusCreated, errors: []int{http.StatusUnprocessableEntity}, summary: "Upload a file for a message of one's own",
		description: "The file is durable when this returns. Files that no message has taken within 24 hours are deleted.",
	}, func(ctx context.Context, in *Upload) (*answer[*inbox.Attachment], error) {
		return answered(s.store(ctx, *in, inbox.OwnerOf(principal(ctx))))
	}).RequestBody = form
	add(s, operation{
		id: "uploadVisitorFile", method: http.MethodPost, path: visitorRoot + "/files", tag: "visitors", access: visitor, limit: s.limits.upload,
		status: http.StatusCreated, errors: []int{http.StatusUnauthorized, http.StatusUnprocessableEntity}, summary: "Upload a file for a message of one's own",
	}, func(ctx context.Context, in *struct {
		AsVisitor
		Upload
	}) (*answer[*inbox.Attachment], error) {
		v, err := s.open(ctx, in.AsVisitor)
		if err != nil {
			return nil, err
		}
		return answered(s.store(ctx, in.Upload, inbox.Owner{Kind: inbox.OwnerVisitor, Key: v.OwnerKey()}))
	}).RequestBody = form
	s.guarded(http.MethodGet, filelink.Path+":token", public, s.serveFile)
	s.guarded(http.MethodGet, filelink.HTMLPath+":token", public, s.serveMail)
}

// store streams the form's file into the store of files.
func (s *Server) store(ctx context.Context, u Upload, owner inbox.Owner) (*inbox.Attachment, error) {
	r := u.request
	limit := s.o.Config.Limits.FileBytes
	tooLarge := fault.New(fault.TooLarge, "file_too_large", fault.Params{"max": limit})
	if r.ContentLength > limit+formOverhead {
		return nil, tooLarge
	}
	body := &moving{ReadCloser: r.Body, control: u.control}
	r.Body = http.MaxBytesReader(nil, body, limit+formOverhead)
	form, err := r.MultipartReader()
	if err != nil {
		return nil, fault.New(fault.Unsupported, "unsupported_type", fault.Params{"expected": "multipart/form-data"})
	}
	part, err := form.NextPart()
	switch {
	case errors.Is(err, io.EOF):
		return nil, fault.AtField("file", "required", nil)
	case err != nil:
		return nil, fault.Wrap(err, fault.Malformed, "body_incomplete", nil)
	case part.FormName() != "file":
		return nil, fault.AtField(part.FormName(), "unknown_field", nil)
	}
	attachment, err := s.o.Inbox.Upload(ctx, s.o.Files, owner, part.FileName(), part, limit)
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return nil, tooLarge
	case body.broken != nil || errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fault.Wrap(err, fault.Malformed, "body_incomplete", nil)
	}
	return attachment, err
}

// serveFile answers a signed address. Whatever the file is, a browser only
// saves it, unless it is an image that cannot act.
func (s *Server) serveFile(c *gin.Context) {
	ctx := c.Request.Context()
	id, err := s.o.Links.Attachment(c.Param("token"))
	if err != nil {
		s.abort(c, err)
		return
	}
	file, err := s.o.Inbox.File(ctx, id)
	if err != nil {
		s.abort(c, err)
		return
	}
	content, err := s.o.Files.Open(ctx, file.BlobKey)
	if err != nil {
		s.abort(c, err)
		return
	}
	defer func() { _ = content.Close() }()
	disposition := "attachment"
	if files.Inline(file.ContentType) {
		disposition = "inline"
	}
	h := c.Writer.Header()
	h.Set("Content-Type", file.ContentType)
	h.Set("Content-Disposition", mime.FormatMediaType(disposition, map[string]string{"filename": file.Name}))
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("Cache-Control", "private, max-age=86400, immutable")
	h.Set("ETag", `"`+strings.ReplaceAll(file.BlobKey, "/", "")+`"`)
	http.ServeContent(c.Writer, c.Request, "", time.Time{}, content)
}

// mailPolicy keeps a designed mail from doing anything: no script, no form, no
// frame, nothing loaded but pictures over TLS or from the hub, and those only
// once the reader asked for them.
const (
	mailPolicy         = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
	mailPicturesPolicy = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data: https:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)

// mailPage stands before a mail's own HTML. Mails are designed for white paper,
// so they get it in the dark, too; a picture that has not been loaded shows its
// place.
const mailPage = `<!doctype html>
<html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light"><style>
body { margin: 0; padding: 12px; background: #fff; color: #1f2328; font: 14px/1.6 system-ui, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif; overflow-wrap: anywhere; }
img { max-width: 100%; height: auto; }
img:not([src]) { display: inline-block; min-width: 24px; min-height: 24px; border: 1px dashed #b6bcc4; color: #656d76; font-size: 12px; }
blockquote { margin: 8px 0 8px 0; padding-left: 12px; border-left: 3px solid #d1d7de; color: #59636e; }
summary { display: inline-block; margin: 8px 0; padding: 0 8px; border-radius: 8px; background: #eef0f3; color: #59636e; cursor: pointer; }
table { max-width: 100%; }
</style></head><body>
`

// serveMail answers a mail as it was designed, for a sandboxed frame. Remote
// pictures tell the sender that the mail is being read: they load only with
// ?pictures=1.
func (s *Server) serveMail(c *gin.Context) {
	id, err := s.o.Links.Message(c.Param("token"))
	if err != nil {
		s.abort(c, err)
		return
	}
	html, err := s.o.Inbox.HTML(c.Request.Context(), id)
	if err != nil {
		s.abort(c, err)
		return
	}
	h := c.Writer.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", mailPolicy)
	pictures := c.Query("pictures") == "1"
	if pictures {
		h.Set("Content-Security-Policy", mailPicturesPolicy)
	}
	h.Set("X-Frame-Options", "SAMEORIGIN") // the console shows it in a frame
	html = mailPage + mailmime.Show(html, pictures, s.o.Links.FileURL) + "</body></html>\n"
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "private, max-age=3600")
	http.ServeContent(c.Writer, c.Request, "", time.Time{}, strings.NewReader(html))
}
