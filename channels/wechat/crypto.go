// Package wechat is the WeChat service-account channel: a receiver that stores
// a push before it acknowledges it, and a sending client whose errors carry
// WeChat's code and none of its secrets.
package wechat

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/silenceper/wechat/v2/util"
)

const (
	keyLength   = 43 // characters of an EncodingAESKey
	blockLength = 32 // bytes that a message is padded to a multiple of
)

// The ways in which a message fails to be ours. None says more: whoever sends
// a forged push learns nothing from the answer.
var (
	errCiphertext = errors.New("the message cannot be decrypted")
	errAppID      = errors.New("the message is for another app id")
	errKey        = errors.New("an EncodingAESKey has 43 letters and digits")
)

// Sign is WeChat's signature of parts: the lower-case hex SHA-1 of the parts,
// sorted bytewise and joined. The parts are the token, the timestamp, the
// nonce and, for an encrypted message, its text.
func Sign(parts ...string) string {
	return util.Signature(append([]string(nil), parts...)...)
}

// signed compares a signature with the one that parts have, in constant time.
// An empty token signs nothing.
func signed(given, token string, parts ...string) bool {
	want := util.Signature(append([]string{token}, parts...)...)
	return token != "" && subtle.ConstantTimeCompare([]byte(given), []byte(want)) == 1
}

// parseKey reads an EncodingAESKey. The bits that 43 characters have too many
// are not looked at: WeChat's own sample key sets them.
func parseKey(s string) ([]byte, error) {
	s = strings.TrimSpace(s)
	if len(s) != keyLength {
		return nil, errKey
	}
	key, err := base64.StdEncoding.DecodeString(s + "=")
	if err != nil || len(key) != 32 {
		return nil, errKey
	}
	return key, nil
}

// Crypter encrypts and decrypts the messages of one account. It is safe for
// concurrent use.
type Crypter struct {
	appID string
	keys  [][]byte // the current one first
}

// NewCrypter returns the crypter of an account. previous may be empty; after
// a change of keys it opens what WeChat still encrypts with the old one.
func NewCrypter(appID, current, previous string) (*Crypter, error) {
	c := &Crypter{appID: appID}
	for i, s := range []string{current, previous} {
		if i > 0 && s == "" {
			continue
		}
		key, err := parseKey(s)
		if err != nil {
			return nil, err
		}
		c.keys = append(c.keys, key)
	}
	return c, nil
}

// Decrypt opens the text of an Encrypt element. Padding, lengths and app id
// are checked to the byte.
func (c *Crypter) Decrypt(text string) (message []byte, err error) {
	message, _, err = c.decrypt(text)
	return message, err
}

// decrypt tells, too, with which key: an answer is encrypted with the same.
func (c *Crypter) decrypt(text string) (message, key []byte, err error) {
	sealed, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(sealed) == 0 || len(sealed)%blockLength != 0 {
		return nil, nil, errCiphertext
	}
	for _, key = range c.keys {
		message, err = c.open(sealed, key)
		if err == nil || errors.Is(err, errAppID) {
			return message, key, err
		}
	}
	return nil, nil, err
}

// open decrypts with one key. The library looks only at the last byte of the
// padding; encrypting again shows whether all of it, and the lengths, are what
// WeChat would have written.
func (c *Crypter) open(sealed, key []byte) ([]byte, error) {
	random, message, appID, err := util.AESDecryptMsg(sealed, key)
	if err != nil {
		return nil, errCiphertext
	}
	again := util.AESEncryptMsg(random, message, string(appID), key)
	if subtle.ConstantTimeCompare(again, sealed) != 1 {
		return nil, errCiphertext
	}
	if subtle.ConstantTimeCompare(appID, []byte(c.appID)) != 1 {
		return nil, errAppID
	}
	return message, nil
}

// Encrypt seals a message with the current key.
func (c *Crypter) Encrypt(message []byte) string { return c.seal(message, c.keys[0]) }

func (c *Crypter) seal(message, key []byte) string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return c.encrypt([]byte(hex.EncodeToString(b[:])), message, key)
}

func (c *Crypter) encrypt(random, message, key []byte) string {
	return base64.StdEncoding.EncodeToString(util.AESEncryptMsg(random, message, c.appID, key))
}
