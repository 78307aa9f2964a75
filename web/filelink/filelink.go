// Package filelink makes and checks the signed addresses under which
// attachments are served. Ids can be guessed, addresses cannot.
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

const purpose = "file"

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
func (s *Signer) FileURL(attachment ids.ID) string {
	expires := s.now().Truncate(period).Add(period + lifetime)
	payload := binary.BigEndian.AppendUint64(nil, uint64(attachment))
	return Path + s.keys.Sign(purpose, payload, expires)
}

// Attachment is the attachment behind a token: not_found for one that is not
// ours, file_link_expired for one past its time.
func (s *Signer) Attachment(token string) (ids.ID, error) {
	payload, err := s.keys.Open(purpose, token, s.now())
	if errors.Is(err, seal.ErrExpired) {
		return 0, fault.New(fault.NotFound, "file_link_expired", nil)
	}
	if err != nil || len(payload) != 8 {
		return 0, fault.Missing("file")
	}
	return ids.ID(binary.BigEndian.Uint64(payload)), nil
}
