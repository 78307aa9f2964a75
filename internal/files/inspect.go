package files

import (
	"context"
	"fmt"
	"image"
	_ "image/gif"  // a format that DecodeConfig knows
	_ "image/jpeg" // likewise
	_ "image/png"  // likewise
	"io"
	"path"
	"slices"
	"strings"

	"github.com/gabriel-vasile/mimetype"
	_ "golang.org/x/image/webp" // likewise
)

// OctetStream is the type of everything a browser must only ever save.
const OctetStream = "application/octet-stream"

const (
	sniffed = 3 << 10
	// An image's header may stand behind large metadata.
	headerLimit = 4 << 20
	// MaxPixels is the largest image that is treated as one; beyond it a few
	// kilobytes could cost a viewer gigabytes.
	MaxPixels = 64 << 20
)

// images are shown inline: raster formats that cannot carry script.
var images = []string{"image/png", "image/jpeg", "image/gif", "image/webp"}

// passive are the other types that keep their name. None is shown inline, but
// a correct type lets people and phones open the saved file.
var passive = []string{
	"application/pdf", "text/plain", "text/csv", "application/zip", "application/gzip", "application/x-7z-compressed", "application/x-rar-compressed",
	"application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint",
	"application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	"application/vnd.openxmlformats-officedocument.presentationml.presentation",
	"audio/mpeg", "audio/wav", "audio/ogg", "audio/amr", "audio/aac", "audio/mp4", "audio/x-m4a", "audio/flac",
	"video/mp4", "video/quicktime", "video/webm", "video/x-msvideo", "image/heic", "image/heif", "image/bmp", "image/tiff", "image/avif",
}

// Inline tells whether content of this type may be shown inside a page.
// Everything else is served as an attachment.
func Inline(contentType string) bool { return slices.Contains(images, contentType) }

// head keeps the first bytes of a stream.
type head struct{ b []byte }

func (h *head) Write(p []byte) (int, error) {
	if room := sniffed - len(h.b); room > 0 {
		h.b = append(h.b, p[:min(room, len(p))]...)
	}
	return len(p), nil
}

// inspect tells what the stored file is.
func (s *Store) inspect(ctx context.Context, key, name string, first []byte) (contentType string, width, height int, err error) {
	detected := mimetype.Detect(first)
	contentType, _, _ = strings.Cut(detected.String(), ";")
	if disguised(name, contentType) {
		return OctetStream, 0, 0, nil
	}
	if !Inline(contentType) {
		if slices.ContainsFunc(passive, detected.Is) {
			return contentType, 0, 0, nil
		}
		return OctetStream, 0, 0, nil
	}
	r, err := s.Open(ctx, key)
	if err != nil {
		return "", 0, 0, fmt.Errorf("read back an image: %w", err)
	}
	defer func() { _ = r.Close() }()
	source := &watched{r: io.LimitReader(r, headerLimit)} // the decoders do not tell a failure from broken content
	c, format, err := image.DecodeConfig(source)
	if source.err != nil {
		return "", 0, 0, fmt.Errorf("read back an image: %w", source.err)
	}
	if err != nil || "image/"+format != contentType || c.Width <= 0 || c.Height <= 0 || c.Width > MaxPixels/c.Height {
		return OctetStream, 0, 0, nil
	}
	return contentType, c.Width, c.Height, nil
}

// claims are the extensions that a receiver trusts to be harmless.
var claims = map[string]string{
	".png": "image/", ".jpg": "image/", ".jpeg": "image/", ".gif": "image/", ".webp": "image/", ".bmp": "image/", ".heic": "image/", ".avif": "image/",
	".mp3": "audio/", ".wav": "audio/", ".amr": "audio/", ".m4a": "", ".ogg": "", ".mp4": "", ".mov": "video/", ".webm": "video/",
	".pdf": "application/pdf",
}

// disguised tells whether a name claims a harmless kind that the content is not.
func disguised(name, contentType string) bool {
	want, ok := claims[strings.ToLower(path.Ext(name))]
	if !ok {
		return false
	}
	if want == "" {
		return !strings.HasPrefix(contentType, "audio/") && !strings.HasPrefix(contentType, "video/") && contentType != "application/ogg"
	}
	return !strings.HasPrefix(contentType, want)
}
