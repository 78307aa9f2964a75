package mime

import (
	"bytes"
	"errors"
	"html"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/emersion/go-message"
	"github.com/emersion/go-message/textproto"

	"github.com/fanward/fanward/internal/text"
)

// content is what a part gives to be read: as text, as HTML, or both.
type content struct{ text, html string }

func (c content) empty() bool { return strings.TrimSpace(c.text) == "" && c.html == "" }

// read takes one part, with everything inside it.
func (p *parser) read(h textproto.Header, body io.Reader, depth int) content {
	kind := contentType(h.Get("Content-Type"))
	if strings.HasPrefix(kind.name, "multipart/") && kind.params["boundary"] != "" {
		return p.container(kind, body, depth)
	}
	if strings.HasPrefix(kind.name, "multipart/") { // nothing tells its parts apart: it is shown as it stands
		p.mail.defect(DefectPart)
		kind.name = "text/plain"
	}
	if p.parts--; p.parts < 0 {
		p.mail.defect(DefectParts)
		_, _ = io.Copy(io.Discard, body)
		return content{}
	}
	data := p.decode(h, kind, body)
	disposition := mediaType(h.Get("Content-Disposition"))
	name := fileName(disposition, kind)
	switch {
	case kind.name == "message/delivery-status" || kind.name == "message/global-delivery-status":
		p.delivery = append(p.delivery, fieldsOf(data)...)
		return content{}
	case kind.name == "message/disposition-notification":
		p.shown = append(p.shown, fieldsOf(data)...)
		return content{}
	case kind.name == "text/rfc822-headers" || kind.name == "message/rfc822-headers":
		p.returned(data)
		return content{}
	case strings.HasPrefix(kind.name, "text/") && kind.name != "text/calendar" && disposition.name != "attachment" && (name == "" || depth == 0):
		return p.readable(kind, data)
	}
	if kind.name == "message/rfc822" {
		p.returned(data)
	}
	p.attach(h, kind, disposition, name, data)
	return content{}
}

// decode undoes the transfer encoding; of a broken one it gives what was
// legible.
func (p *parser) decode(h textproto.Header, kind media, body io.Reader) []byte {
	plain := message.Header{}
	plain.Set("Content-Type", "application/octet-stream") // characters are decoded elsewhere
	encoding := transferEncoding(h.Get("Content-Transfer-Encoding"))
	if kind.name == "message/rfc822" && encoding == "" {
		encoding = "binary"
	}
	plain.Set("Content-Transfer-Encoding", encoding)
	e, err := message.New(plain, body)
	if err != nil {
		p.mail.defect(DefectEncoding)
	}
	data, err := io.ReadAll(e.Body)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF) && encoding != "base64":
		p.mail.defect(DefectTrunc)
	case err != nil:
		p.mail.defect(DefectEncoding)
		_, _ = io.Copy(io.Discard, body)
	}
	return data
}

func transferEncoding(s string) string {
	s, _, _ = strings.Cut(strings.ToLower(strings.TrimSpace(s)), ";")
	switch s = strings.TrimSpace(s); s {
	case "8-bit", "8bits", "7-bit", "7bits", "none", "utf-8", "ascii", "us-ascii":
		return "8bit"
	case "quoted-printable", "base64", "7bit", "8bit", "binary", "":
		return s
	case "quotedprintable", "quoted printable":
		return "quoted-printable"
	}
	return s
}

// readable turns a text part into content.
func (p *parser) readable(kind media, data []byte) content {
	s, sure := toUTF8(kind.params["charset"], data)
	if !sure {
		p.mail.defect(DefectCharset)
	}
	if strings.ContainsRune(s, utf8.RuneError) && !bytes.Contains(data, []byte("\uFFFD")) {
		p.mail.defect(DefectIllegible)
	}
	room := &p.text
	if kind.name == "text/html" {
		room = &p.html
	}
	if len(s) > *room {
		p.mail.defect(DefectText)
		s = strings.ToValidUTF8(s[:*room], "")
	}
	*room -= len(s)
	switch kind.name {
	case "text/html":
		return content{html: s}
	case "text/enriched", "text/richtext":
		return content{text: TextOf(s)}
	}
	s = text.Clean(s)
	if strings.EqualFold(kind.params["format"], "flowed") {
		s = unflow(s, strings.EqualFold(kind.params["delsp"], "yes"))
	}
	return content{text: s}
}

// container reads the parts of a multipart and joins what they say.
func (p *parser) container(kind media, body io.Reader, depth int) content {
	if p.containers--; p.containers < 0 {
		p.mail.defect(DefectParts)
		_, _ = io.Copy(io.Discard, body)
		return content{}
	}
	if depth >= p.limits.Depth {
		p.mail.defect(DefectDepth)
		_, _ = io.Copy(io.Discard, body)
		return content{}
	}
	mr := textproto.NewMultipartReader(body, kind.params["boundary"])
	var all []content
	for p.parts > 0 && p.containers >= 0 {
		part, err := mr.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			p.mail.defect(DefectPart)
			break
		}
		if c := p.read(part.Header, part, depth+1); !c.empty() {
			all = append(all, c)
		}
	}
	if p.parts <= 0 {
		if _, err := mr.NextPart(); err == nil {
			p.mail.defect(DefectParts)
		}
	}
	_, _ = io.Copy(io.Discard, body)
	if kind.name == "multipart/alternative" {
		return best(all)
	}
	return joined(all)
}

// best is the last, richest form of each kind.
func best(all []content) (c content) {
	for _, one := range all {
		if strings.TrimSpace(one.text) != "" {
			c.text = one.text
		}
		if one.html != "" {
			c.html = one.html
		}
	}
	return c
}

// joined is everything in its order. As soon as one part is HTML all are shown
// as HTML; the text has them all, too.
func joined(all []content) content {
	if len(all) == 1 {
		return all[0]
	}
	var texts, shown []string
	rich := false
	for _, c := range all {
		if c.html != "" {
			rich = true
			shown = append(shown, c.html)
		} else {
			shown = append(shown, "<pre>"+html.EscapeString(c.text)+"</pre>")
		}
		if strings.TrimSpace(c.text) == "" {
			c.text = TextOf(c.html)
		}
		texts = append(texts, strings.TrimRight(c.text, "\n"))
	}
	c := content{text: strings.Join(texts, "\n\n")}
	if rich {
		c.html = strings.Join(shown, "<br>")
	}
	return c
}

func (p *parser) attach(h textproto.Header, kind, disposition media, name string, data []byte) {
	cid := strings.Trim(strings.TrimSpace(h.Get("Content-Id")), "<>")
	if len(data) == 0 && name == "" {
		return // an empty part without a name is nobody's file
	}
	p.names++
	if kind.name == "message/rfc822" && name == "" && p.original != nil {
		name = decodeWords(p.original.Get("Subject"))
		if name != "" {
			name += ".eml"
		}
	}
	p.mail.Attachments = append(p.mail.Attachments, Attachment{
		Name: SafeName(name, kind.name, p.names), ContentType: kind.name, ContentID: text.CleanLine(cid), Content: data,
	})
}

// returned keeps the header of an enclosed mail: bounces name the mail they
// return by it.
func (p *parser) returned(data []byte) {
	if fields := fieldsOf(data); p.original == nil && len(fields) > 0 {
		p.original = &fields[0]
	}
}

// fieldsOf reads groups of header fields, up to the first that is none.
func fieldsOf(data []byte) (out []textproto.Header) {
	if len(data) > 64<<10 {
		data = data[:64<<10]
	}
	for range 20 {
		data = bytes.TrimLeft(data, "\r\n \t")
		end := len(data)
		for _, gap := range []string{"\r\n\r\n", "\n\n"} {
			if i := bytes.Index(data, []byte(gap)); i >= 0 && i < end {
				end = i
			}
		}
		if end == 0 {
			break
		}
		group := append(bytes.Clone(data[:end]), "\r\n\r\n"...)
		h, err := textproto.ReadHeader(newReader(group))
		if h.Len() > 0 {
			out = append(out, h)
		}
		if err != nil {
			break
		}
		data = data[end:]
	}
	return out
}

// unflow joins the soft line breaks of RFC 3676.
func unflow(s string, delsp bool) string {
	var out strings.Builder
	open, depth := false, 0
	for i, line := range strings.Split(s, "\n") {
		d := 0
		for d < len(line) && line[d] == '>' {
			d++
		}
		rest := strings.TrimPrefix(line[d:], " ")
		if !open || d != depth || rest == "-- " {
			if i > 0 {
				out.WriteByte('\n')
			}
			if d > 0 {
				out.WriteString(line[:d] + " ")
			}
		}
		depth, open = d, strings.HasSuffix(rest, " ") && rest != "-- "
		if open && delsp {
			rest = strings.TrimSuffix(rest, " ")
		}
		out.WriteString(rest)
	}
	return out.String()
}
