// Package seal keeps secrets at rest and signs what leaves the house and has to
// come back unchanged: file links, visitor tokens, unsubscribe links.
//
// One root key gives a sub-key to each purpose, so a token or a sealed value
// of one purpose is worthless for every other.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// KeySize is the length of the root key in bytes.
const KeySize = 32

// MaxToken is the longest token, in characters, that Open looks at.
const MaxToken = 8 << 10

// What Unseal and Open refuse.
var (
	// ErrOtherKey: sealed under another root key.
	ErrOtherKey = errors.New("sealed under another secret key")
	// ErrBroken: not made by Seal for this purpose, or altered since.
	ErrBroken = errors.New("the sealed value is broken or belongs elsewhere")
	// ErrInvalid: not made by Sign for this purpose, or altered since.
	ErrInvalid = errors.New("the token is not valid")
	// ErrExpired: genuine, but past its time.
	ErrExpired = errors.New("the token has expired")
)

const (
	sealVersion  = "s1"
	tokenVersion = 1
	tokenHead    = 1 + 8 // version, expiry in milliseconds
)

// Keys seals and signs under one root key. It is safe for concurrent use.
type Keys struct {
	id   string
	root []byte
	subs sync.Map // label → []byte; purposes are few constants
}

// New makes Keys from a root key of KeySize bytes.
func New(root []byte) (*Keys, error) {
	if len(root) != KeySize {
		return nil, fmt.Errorf("the secret key has %d bytes instead of %d", len(root), KeySize)
	}
	k := &Keys{root: append([]byte(nil), root...)}
	k.id = hex.EncodeToString(k.sub("id")[:6])
	return k, nil
}

// ID names the root key without giving it away. It stands in every sealed value.
func (k *Keys) ID() string { return k.id }

func (k *Keys) sub(label string) []byte {
	if s, ok := k.subs.Load(label); ok {
		return s.([]byte)
	}
	s, err := hkdf.Key(sha256.New, k.root, nil, "fanward/"+label, KeySize)
	if err != nil {
		panic("seal: " + err.Error()) // only for lengths that SHA-256 cannot give
	}
	k.subs.Store(label, s)
	return s
}

func (k *Keys) aead(purpose string) cipher.AEAD {
	block, err := aes.NewCipher(k.sub("seal/" + purpose))
	if err != nil {
		panic("seal: " + err.Error()) // the sub-key has a fixed, valid length
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic("seal: " + err.Error())
	}
	return gcm
}

// Seal encrypts plain for purpose. The purpose is part of the seal: name the
// kind and the row ("account/42/identity-secret"), and a value copied to
// another row does not open there.
func (k *Keys) Seal(purpose string, plain []byte) string {
	kind, _, _ := strings.Cut(purpose, "/")
	box := k.aead(kind).Seal(nil, nil, plain, []byte(purpose))
	return sealVersion + "." + k.id + "." + base64.RawURLEncoding.EncodeToString(box)
}

// Unseal gives back what Seal was given under the same purpose; ErrOtherKey or
// ErrBroken otherwise.
func (k *Keys) Unseal(purpose, sealed string) ([]byte, error) {
	version, rest, _ := strings.Cut(sealed, ".")
	id, text, ok := strings.Cut(rest, ".")
	if !ok || version != sealVersion {
		return nil, ErrBroken
	}
	if id != k.id {
		return nil, ErrOtherKey
	}
	box, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, ErrBroken
	}
	kind, _, _ := strings.Cut(purpose, "/")
	plain, err := k.aead(kind).Open(nil, nil, box, []byte(purpose))
	if err != nil {
		return nil, ErrBroken
	}
	return plain, nil
}

// Sign makes a token that carries payload in the clear and is valid for
// purpose (a constant: "file", "visitor") until expires; the zero time means
// for ever. It is safe in a URL.
func (k *Keys) Sign(purpose string, payload []byte, expires time.Time) string {
	b := make([]byte, tokenHead, tokenHead+len(payload)+sha256.Size)
	b[0] = tokenVersion
	if !expires.IsZero() {
		binary.BigEndian.PutUint64(b[1:], uint64(expires.UnixMilli()))
	}
	b = append(b, payload...)
	return base64.RawURLEncoding.EncodeToString(append(b, k.mac(purpose, b)...))
}

// Open returns the payload of a token made by Sign for purpose; ErrInvalid or
// ErrExpired otherwise. A token is valid before its expiry, not at it.
func (k *Keys) Open(purpose, token string, now time.Time) ([]byte, error) {
	if len(token) > MaxToken {
		return nil, ErrInvalid
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) < tokenHead+sha256.Size || b[0] != tokenVersion || strings.ContainsAny(token, "\r\n") {
		return nil, ErrInvalid
	}
	body, mac := b[:len(b)-sha256.Size], b[len(b)-sha256.Size:]
	if !hmac.Equal(mac, k.mac(purpose, body)) {
		return nil, ErrInvalid
	}
	if until := int64(binary.BigEndian.Uint64(body[1:])); until != 0 && now.UnixMilli() >= until {
		return nil, ErrExpired
	}
	return body[tokenHead:], nil
}

// MAC is the bare authentication code of data for purpose, for places too short
// for a token. Compare codes with hmac.Equal; a shortened one must keep at
// least 10 bytes.
func (k *Keys) MAC(purpose string, data []byte) []byte { return k.mac("mac/"+purpose, data) }

func (k *Keys) mac(purpose string, b []byte) []byte {
	h := hmac.New(sha256.New, k.sub("sign/"+purpose))
	h.Write(b)
	return h.Sum(nil)
}
