package filelink

import (
	"encoding/binary"
	"time"

	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
)

// UnsubscribePath is where people take their consent back; the token follows.
const UnsubscribePath = "/unsubscribe/"

const unsubscribePurpose = "unsubscribe"

// UnsubscribeURL is the address, relative to the hub, at which whoever has an
// identity takes their consent to marketing on a channel back; account is the one that wrote to them. It does not
// expire: mails are opened years later.
func (s *Signer) UnsubscribeURL(identity, account ids.ID, channel string) string {
	payload := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(identity)), uint64(account))
	return UnsubscribePath + s.keys.Sign(unsubscribePurpose, append(payload, channel...), time.Time{})
}

// Unsubscription is what a token of UnsubscribeURL names.
type Unsubscription struct {
	Identity, Account ids.ID
	Channel           string
}

// Unsubscribe reads a token of UnsubscribeURL: not_found for one that is not ours.
func (s *Signer) Unsubscribe(token string) (Unsubscription, error) {
	payload, err := s.keys.Open(unsubscribePurpose, token, s.now())
	if err != nil || len(payload) <= 16 {
		return Unsubscription{}, fault.Missing("page")
	}
	return Unsubscription{ids.ID(binary.BigEndian.Uint64(payload)), ids.ID(binary.BigEndian.Uint64(payload[8:])), string(payload[16:])}, nil
}
