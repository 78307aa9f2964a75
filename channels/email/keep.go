package email

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/fanward/fanward/channels/email/mime"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/text"
)

// keepSmall makes a mail durable that was read whole.
func (s *session) keepSmall(ctx context.Context, h *mime.Mail, body []byte) (key string, err error) {
	key = mailKey(h, s.from, sha256.Sum256(body))
	for _, to := range s.to {
		if err := s.r.o.Keep(ctx, Incoming{Account: to.account, Key: key, Lane: s.lane(h), Body: append(s.trace(to), body...)}); err != nil {
			return "", err
		}
	}
	return key, nil
}

// keepLarge streams a mail into a file. Further accounts get files of their
// own, so that each may be deleted by itself.
func (s *session) keepLarge(ctx context.Context, h *mime.Mail, head []byte, rest io.Reader) (key string, err error) {
	sum := sha256.New()
	content := io.TeeReader(io.MultiReader(bytes.NewReader(head), rest), sum)
	var keys []string
	undo := func() {
		for _, k := range keys {
			_ = s.r.o.Files.Delete(context.WithoutCancel(ctx), k)
		}
	}
	skip := int64(len(s.trace(s.to[0])))
	for _, to := range s.to {
		trace := s.trace(to)
		stored, err := s.r.o.Files.Put(ctx, io.MultiReader(bytes.NewReader(trace), content), "mail.eml", s.r.o.MaxBytes+int64(len(trace)))
		if err != nil {
			undo()
			return "", err
		}
		keys = append(keys, stored.Key)
		first, err := s.r.o.Files.Open(ctx, keys[0])
		if err != nil {
			undo()
			return "", err
		}
		defer first.Close()
		if _, err := first.Seek(skip, io.SeekStart); err != nil {
			undo()
			return "", err
		}
		content = first
	}
	key = mailKey(h, s.from, [sha256.Size]byte(sum.Sum(nil)))
	for i, to := range s.to {
		if err := s.r.o.Keep(ctx, Incoming{Account: to.account, Key: key, Lane: s.lane(h), BlobKey: keys[i]}); err != nil {
			return "", err // the files are swept when no row has come to refer to them
		}
	}
	return key, nil
}

// mailKey is the same whenever a station repeats a mail: its sender and its bytes.
// A copy that came another way, and differs in its first lines, is recognised
// once it is read.
func mailKey(h *mime.Mail, from string, sum [sha256.Size]byte) string {
	sum = sha256.Sum256([]byte(senderOf(h, from) + "\n" + string(sum[:])))
	return hex.EncodeToString(sum[:])
}

// senderOf is the address in the From line, else that of the envelope.
func senderOf(h *mime.Mail, from string) string {
	if a := strings.ToLower(h.From.Address); a != "" {
		return a
	}
	return strings.ToLower(from)
}

func (s *session) lane(h *mime.Mail) string {
	if a := senderOf(h, s.from); a != "" {
		return text.Preview(a, 250)
	}
	return "-"
}

// trace are the lines that the last station puts on top: the envelope, and
// where the mail came from (RFC 5321, section 4.4).
func (s *session) trace(to recipient) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "Return-Path: <%s>\r\n", printable(s.from))
	for _, a := range to.addresses {
		fmt.Fprintf(&b, "Delivered-To: %s\r\n", printable(a))
	}
	with := "ESMTP"
	if _, secured := s.conn.TLSConnectionState(); secured {
		with = "ESMTPS"
	}
	fmt.Fprintf(&b, "Received: from %s ([%s])\r\n\tby %s with %s;\r\n\t%s\r\n", printable(s.conn.Hostname()), s.peer, s.r.o.Domain, with, s.r.o.Clock.Now().Format(time.RFC1123Z))
	return []byte(b.String())
}

// printable keeps what a peer said from ending a line.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r == 0x7f {
			return -1
		}
		return r
	}, text.Preview(s, 320))
}

func shortCode(err error) string {
	return strings.ReplaceAll(strings.TrimPrefix(fault.CodeOf(err), "mail_"), "_", " ")
}

func sprintf(format string, v ...any) string { return fmt.Sprintf(format, v...) }
