package email

import (
	"crypto/hmac"
	"encoding/base32"
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/fanward/fanward/internal/ids"
)

// Signer makes authentication codes under a key of the given purpose;
// internal/seal is one.
type Signer interface {
	MAC(purpose string, data []byte) []byte
}

// What is signed; a code of one use is worthless for the other.
const (
	replyPurpose   = "mail-reply"
	messagePurpose = "mail-message"
)

const replyPrefix = "reply+"

// macLength is how much of a code goes into an address: 80 bits, 16 letters.
const macLength = 10

// letters survive servers that change the case of addresses.
var letters = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

func code(s Signer, purpose string, account, id ids.ID) string {
	var data [16]byte
	binary.BigEndian.PutUint64(data[:8], uint64(account))
	binary.BigEndian.PutUint64(data[8:], uint64(id))
	return letters.EncodeToString(s.MAC(purpose, data[:])[:macLength])
}

func number(id ids.ID) string { return strconv.FormatInt(int64(id), 36) }

// ReplyAddress is where answers to a conversation go:
// reply+<conversation>.<code>@domain. Whoever holds it was written to by us.
func ReplyAddress(s Signer, account, conversation ids.ID, domain string) string {
	return replyPrefix + number(conversation) + "." + code(s, replyPurpose, account, conversation) + "@" + domain
}

// ParseReply tells which conversation of the account a reply address names; ok
// is false when it is not one that ReplyAddress made for this account. The
// domain is not looked at. Case does not matter.
func ParseReply(s Signer, account ids.ID, address string) (conversation ids.ID, ok bool) {
	local, _, _ := strings.Cut(strings.ToLower(address), "@")
	rest, isReply := strings.CutPrefix(local, replyPrefix)
	if !isReply {
		return 0, false
	}
	digits, mac, _ := strings.Cut(rest, ".")
	n, err := strconv.ParseInt(digits, 36, 64)
	if err != nil || n <= 0 || number(ids.ID(n)) != digits {
		return 0, false
	}
	if !hmac.Equal([]byte(mac), []byte(code(s, replyPurpose, account, ids.ID(n)))) {
		return 0, false
	}
	return ids.ID(n), true
}

// IsReply tells whether an address has the form of a reply address, genuine or
// not.
func IsReply(address string) bool {
	return len(address) >= len(replyPrefix) && strings.EqualFold(address[:len(replyPrefix)], replyPrefix)
}

// MessageID names the mail of a delivery, the same at every attempt. It cannot
// be guessed, so an answer that names it was written by someone who has it.
func MessageID(s Signer, account, delivery ids.ID, domain string) string {
	return "fw." + number(delivery) + "." + code(s, messagePurpose, account, delivery) + "@" + domain
}
