package mime

import (
	"net/mail"
	"regexp"
	"strings"
	"time"

	"github.com/emersion/go-message/textproto"

	"github.com/fanward/fanward/internal/text"
)

const (
	maxAddresses  = 100
	maxReferences = 100
	maxSubject    = 998
	maxField      = 64 << 10
)

// headers reads what the mail says of itself.
func (p *parser) headers(h textproto.Header) {
	m := p.mail
	for _, name := range []string{"From", "Subject", "Message-Id", "Date", "Content-Type", "In-Reply-To", "References"} {
		if len(h.Values(name)) > 1 {
			m.defect(DefectTwice)
		}
	}
	if from := p.addresses(h, "From"); len(from) > 0 {
		m.From = from[0]
	} else if sender := p.addresses(h, "Sender"); len(sender) > 0 {
		m.From = sender[0]
	}
	m.ReplyTo, m.To, m.Cc = p.addresses(h, "Reply-To"), p.addresses(h, "To"), p.addresses(h, "Cc")
	m.ReturnPath = text.CleanLine(strings.Trim(strings.TrimSpace(cut(h.Get("Return-Path"))), "<>"))
	for _, v := range limited(h.Values("Delivered-To"), 10) {
		m.Delivered = append(m.Delivered, strings.ToLower(text.CleanLine(strings.Trim(strings.TrimSpace(cut(v)), "<>"))))
	}
	m.Subject = subject(h.Get("Subject"))
	if ids := messageIDs(h.Get("Message-Id"), 1); len(ids) > 0 {
		m.MessageID = ids[0]
	}
	m.InReplyTo, m.References = messageIDs(h.Get("In-Reply-To"), 10), messageIDs(h.Get("References"), maxReferences)
	m.Date = p.date(h.Get("Date"))
	for _, v := range limited(h.Values("X-Loop"), 10) {
		m.Loop = append(m.Loop, strings.ToLower(text.CleanLine(v)))
	}
	m.Hops = len(h.Values("Received"))
	if to := listAddress.FindStringSubmatch(cut(h.Get("List-Post"))); to != nil {
		m.List = strings.ToLower(text.CleanLine(unescape(to[1])))
	}
	p.signs = signsOf(h)
}

var listAddress = regexp.MustCompile(`(?i)<\s*mailto:([^>?\s]{3,320})`)

func limited(values []string, n int) []string {
	if len(values) > n {
		return values[:n]
	}
	return values
}

func subject(raw string) string {
	s := []rune(text.CleanLine(decodeWords(cut(raw))))
	if len(s) > maxSubject {
		s = append(s[:maxSubject-1], '…')
	}
	return string(s)
}

func cut(s string) string {
	if len(s) > maxField {
		return s[:maxField]
	}
	return s
}

// addresses reads an address field; what is against the rules is guessed.
func (p *parser) addresses(h textproto.Header, field string) (out []Address) {
	v := strings.TrimSpace(cut(h.Get(field)))
	if v == "" {
		return nil
	}
	words := strings.Join(strings.Fields(v), " ")
	list, err := (&mail.AddressParser{WordDecoder: wordDecoder}).ParseList(words)
	if err != nil {
		out, sure := looseAddresses(words)
		if !sure {
			p.mail.defect(DefectAddress)
		}
		return out
	}
	for _, a := range list[:min(len(list), maxAddresses)] {
		out = append(out, address(windowsLetters(a.Name), a.Address))
	}
	return out
}

func address(name, addr string) Address {
	name = text.CleanLine(decodeWords(name))
	addr = text.CleanLine(addr)
	if local, domain, ok := cutLast(addr, "@"); ok {
		addr = local + "@" + strings.ToLower(domain)
	}
	if strings.EqualFold(name, addr) {
		name = ""
	}
	return Address{Name: text.Preview(name, 200), Address: addr}
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

var plainAddress = regexp.MustCompile(`[^\s<>"',;:()\[\]\\]+@[^\s<>"',;:()\[\]\\@]+`)

// looseAddresses finds addresses in a field that breaks the rules. sure is
// true when what is left beside them can only be names.
func looseAddresses(v string) (out []Address, sure bool) {
	for _, one := range splitAddresses(v) {
		at := plainAddress.FindAllStringIndex(one, -1)
		if at == nil {
			if name := text.CleanLine(strings.Trim(decodeWords(one), `"' `)); name != "" && !strings.HasPrefix(name, "<") {
				out = append(out, Address{Name: text.Preview(name, 200)})
			}
			continue
		}
		last := at[len(at)-1]
		// The last address is the one in angle brackets; what stands before it
		// is a name, even where that looks like an address.
		name := strings.Trim(strings.TrimRight(one[:last[0]], "< "), `"' `)
		out = append(out, address(strings.Trim(decodeWords(name), `"' `), one[last[0]:last[1]]))
		sure = true
		if len(out) == maxAddresses {
			break
		}
	}
	return out, sure && len(out) > 0 && out[0].Address != ""
}

// splitAddresses cuts at commas and semicolons outside of quotes and brackets.
func splitAddresses(v string) (out []string) {
	quoted, angle, start := false, false, 0
	for i := 0; i < len(v); i++ {
		switch c := v[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == '<' && !quoted:
			angle = true
		case c == '>' && !quoted:
			angle = false
		case (c == ',' || c == ';') && !quoted && !angle:
			out = append(out, v[start:i])
			start = i + 1
		}
	}
	return append(out, v[start:])
}

var idForm = regexp.MustCompile(`<\s*([^<>\s\x00-\x1f\x7f]{1,250})\s*>`)

// messageIDs finds up to n message ids; of more, the last n: the nearest ones.
func messageIDs(v string, n int) (out []string) {
	v = cut(v)
	for _, m := range idForm.FindAllStringSubmatch(v, -1) {
		out = append(out, strings.ToValidUTF8(m[1], ""))
	}
	if out == nil { // some programs leave the brackets out
		if id := strings.TrimSpace(v); id != "" && len(id) <= 250 && !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r == '<' || r == '>' || r == 0x7f }) {
			out = []string{strings.ToValidUTF8(id, "")}
		}
	}
	if len(out) > n {
		out = out[len(out)-n:]
	}
	return out
}

var (
	zoneComment = regexp.MustCompile(`\s*\([^)]*\)\s*$`)
	looseDates  = []string{
		"Mon, 2 Jan 2006 15:04:05", "2 Jan 2006 15:04:05", "Mon, 2 Jan 2006 15:04:05 MST", "2006-01-02 15:04:05 -0700", "2006-01-02T15:04:05Z07:00", "2006-01-02 15:04:05",
		"Mon Jan 2 15:04:05 2006", "Mon, 2 Jan 06 15:04:05 -0700", "2006/01/02 15:04:05",
	}
)

func (p *parser) date(v string) time.Time {
	v = strings.TrimSpace(v)
	if v == "" || len(v) > 200 {
		return time.Time{}
	}
	if t, err := mail.ParseDate(v); err == nil {
		return plausible(t)
	}
	v = strings.Join(strings.Fields(zoneComment.ReplaceAllString(v, "")), " ")
	for _, layout := range looseDates {
		if t, err := time.Parse(layout, v); err == nil {
			return plausible(t)
		}
	}
	p.mail.defect(DefectDate)
	return time.Time{}
}

// plausible drops years that no mail has and no store could keep.
func plausible(t time.Time) time.Time {
	if t = t.UTC(); t.Year() < 1980 || t.Year() > 2100 {
		return time.Time{}
	}
	return t
}
