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

func code(s Signer, purpose string, of ...ids.ID) string {
	data := make([]byte, 0, 8*len(of))
	for _, id := range of {
		data = binary.BigEndian.AppendUint64(data, uint64(id))
	}
	return letters.EncodeToString(s.MAC(purpose, data)[:macLength])
}

func number(id ids.ID) string { return strconv.FormatInt(int64(id), 36) }

// ReplyAddress is where answers to a conversation go:
// reply+<conversation>.<code>@domain. Whoever holds it was written to by us.
func ReplyAddress(s Signer, account, conversation ids.ID, domain string) string {
	return signedAddress(s, replyPrefix, replyPurpose, account, conversation, domain)
}

func signedAddress(s Signer, prefix, purpose string, account, id ids.ID, domain string) string {
	return prefix + number(id) + "." + code(s, purpose, account, id) + "@" + domain
}

// parseSigned reads what signedAddress made for an account.
func parseSigned(s Signer, prefix, purpose string, account ids.ID, address string) (id ids.ID, ok bool) {
	local, _, _ := strings.Cut(strings.ToLower(address), "@")
	rest, ok := strings.CutPrefix(local, prefix)
	if !ok {
		return 0, false
	}
	digits, mac, _ := strings.Cut(rest, ".")
	id, ok = parseNumber(digits)
	if !ok || id == 0 || !hmac.Equal([]byte(mac), []byte(code(s, purpose, account, id))) {
		return 0, false
	}
	return id, true
}

// ParseReply tells which conversation of the account a reply address names; ok
// is false when it is not one that ReplyAddress made for this account. The
// domain is not looked at. Case does not matter.
func ParseReply(s Signer, account ids.ID, address string) (conversation ids.ID, ok bool) {
	return parseSigned(s, replyPrefix, replyPurpose, account, address)
}

// IsReply tells whether an address has the form of a reply address, genuine or
// not.
func IsReply(address string) bool {
	return len(address) >= len(replyPrefix) && strings.EqualFold(address[:len(replyPrefix)], replyPrefix)
}

const (
	unsubscribePrefix  = "unsubscribe+"
	unsubscribePurpose = "mail-unsubscribe"
)

// UnsubscribeAddress is where mail of any content takes consent to marketing
// back: unsubscribe+<identity>.<code>@domain.
func UnsubscribeAddress(s Signer, account, identity ids.ID, domain string) string {
	return signedAddress(s, unsubscribePrefix, unsubscribePurpose, account, identity, domain)
}

// ParseUnsubscribe tells whose consent an address takes back; ok is false when
// UnsubscribeAddress did not make it for this account. Case does not matter.
func ParseUnsubscribe(s Signer, account ids.ID, address string) (identity ids.ID, ok bool) {
	return parseSigned(s, unsubscribePrefix, unsubscribePurpose, account, address)
}

const messagePrefix = "fw."

// MessageID names the mail of a delivery, the same at every attempt:
// fw.<delivery>.<conversation>.<code>@domain. It cannot be guessed, so an
// answer that names it was written by someone who has the mail.
func MessageID(s Signer, account, conversation, delivery ids.ID, domain string) string {
	return messagePrefix + number(delivery) + "." + number(conversation) + "." + code(s, messagePurpose, account, conversation, delivery) + "@" + domain
}

// ParseMessageID tells to which conversation of the account a mail of ours
// belongs, 0 for one outside of any; ok is false when MessageID did not make
// the name for this account.
func ParseMessageID(s Signer, account ids.ID, id string) (conversation ids.ID, ok bool) {
	local, _, _ := strings.Cut(strings.ToLower(id), "@")
	rest, ours := strings.CutPrefix(local, messagePrefix)
	parts := strings.Split(rest, ".")
	if !ours || len(parts) != 3 {
		return 0, false
	}
	delivery, ok1 := parseNumber(parts[0])
	conversation, ok2 := parseNumber(parts[1])
	if !ok1 || !ok2 || !hmac.Equal([]byte(parts[2]), []byte(code(s, messagePurpose, account, conversation, delivery))) {
		return 0, false
	}
	return conversation, true
}

// parseNumber reads what number wrote, in that form only.
func parseNumber(s string) (ids.ID, bool) {
	n, err := strconv.ParseInt(s, 36, 64)
	return ids.ID(n), err == nil && n >= 0 && number(ids.ID(n)) == s
}
