// Package filelink makes and checks the signed addresses under which
// attachments and designed mails are served. Ids can be guessed, addresses
// cannot.
package filelink

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/seal"
)

// Path is where attachments are served; the token follows.
const Path = "/api/v1/files/"

// HTMLPath is where designed mails are served; the token follows.
const HTMLPath = "/api/v1/mail/"

const (
	purpose     = "file"
	htmlPurpose = "mail"
)

const (
	// An address stays the same for an hour, so that caches work.
	period = time.Hour
	// lifetime outlasts every page that shows the address and the change feed,
	// which keeps it.
	lifetime = 7 * 24 * time.Hour
)

// Signer signs addresses. It is safe for concurrent use.
type Signer struct {
	keys *seal.Keys
	now  func() time.Time
}

// New signs with keys; now is the clock's.
func New(keys *seal.Keys, now func() time.Time) *Signer { return &Signer{keys: keys, now: now} }

// FileURL is the address of an attachment, relative to the hub. It is valid
// for a week and the same within an hour.
func (s *Signer) FileURL(attachment ids.ID) string { return Path + s.sign(purpose, attachment) }

// HTMLURL is the address of a mail as it was designed, valid as FileURL's are.
func (s *Signer) HTMLURL(message ids.ID) string { return HTMLPath + s.sign(htmlPurpose, message) }

// Attachment is the attachment behind a token: not_found for one that is not
// ours, file_link_expired for one past its time.
func (s *Signer) Attachment(token string) (ids.ID, error) { return s.open(purpose, token) }

// Message is the message behind a token of HTMLURL, with Attachment's errors.
func (s *Signer) Message(token string) (ids.ID, error) { return s.open(htmlPurpose, token) }

func (s *Signer) sign(purpose string, id ids.ID) string {
	expires := s.now().Truncate(period).Add(period + lifetime)
	return s.keys.Sign(purpose, binary.BigEndian.AppendUint64(nil, uint64(id)), expires)
}

func (s *Signer) open(purpose, token string) (ids.ID, error) {
	payload, err := s.keys.Open(purpose, token, s.now())
	if errors.Is(err, seal.ErrExpired) {
		return 0, fault.New(fault.NotFound, "file_link_expired", nil)
	}
	if err != nil || len(payload) != 8 {
		return 0, fault.Missing("file")
	}
	return ids.ID(binary.BigEndian.Uint64(payload)), nil
}
