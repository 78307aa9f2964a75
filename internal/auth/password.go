package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/text"
)

const (
	argonTime   = 2
	argonMemory = 19 << 10 // KiB
	argonLanes  = 1
	argonKey    = 32
	argonSalt   = 16

	// Each hash takes 19 MiB: more at once would let sign-ins eat the memory.
	hashersAtOnce  = 2
	hashersWaiting = 64

	minPassword = 10  // characters
	maxPassword = 256 // bytes
)

// nobody's hash is compared against when there is no account or no password,
// so that both take the same time as a wrong password.
var nobody = func() string {
	return encodeHash(make([]byte, argonSalt), make([]byte, argonKey))
}()

func encodeHash(salt, key []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonLanes, b64.EncodeToString(salt), b64.EncodeToString(key))
}

// checkPassword says whether a new password may be used.
func checkPassword(password string) error {
	if text.Length(norm.NFC.String(password)) < minPassword {
		return fault.AtField("password", "password_too_short", fault.Params{"min": minPassword})
	}
	if len(password) > maxPassword {
		return fault.AtField("password", "password_too_long", fault.Params{"max": maxPassword})
	}
	return nil
}

// hash makes the stored form of a password.
func (s *Service) hash(ctx context.Context, password string) (string, error) {
	var salt [argonSalt]byte
	_, _ = rand.Read(salt[:]) // never fails
	key, err := s.derive(ctx, password, salt[:], argonTime, argonMemory, argonLanes)
	if err != nil {
		return "", err
	}
	return encodeHash(salt[:], key), nil
}

// verify compares a password with a stored form. "" stands for no password.
func (s *Service) verify(ctx context.Context, password, stored string) (bool, error) {
	known := stored != ""
	if !known {
		stored = nobody
	}
	parts := strings.Split(stored, "$")
	var version, memory, rounds, lanes int
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false, fmt.Errorf("a stored password has an unknown form")
	}
	if _, err := fmt.Sscanf(parts[2]+" "+parts[3], "v=%d m=%d,t=%d,p=%d", &version, &memory, &rounds, &lanes); err != nil || version != argon2.Version ||
		memory < 8 || memory > 1<<20 || rounds < 1 || rounds > 16 || lanes < 1 || lanes > 16 {
		return false, fmt.Errorf("a stored password has unknown parameters")
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	want, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(want) != argonKey {
		return false, fmt.Errorf("a stored password cannot be read")
	}
	got, err := s.derive(ctx, password, salt, uint32(rounds), uint32(memory), uint8(lanes))
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1 && known, nil
}

// derive runs argon2id, at most hashersAtOnce of them at a time. When too many
// wait already, it refuses instead of letting the queue grow.
func (s *Service) derive(ctx context.Context, password string, salt []byte, rounds, memory uint32, lanes uint8) ([]byte, error) {
	select {
	case s.waiting <- struct{}{}:
		defer func() { <-s.waiting }()
	default:
		return nil, fault.New(fault.RateLimited, "rate_limited", nil).RetryIn(5 * time.Second)
	}
	select {
	case s.hashing <- struct{}{}:
		defer func() { <-s.hashing }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s.hashes.Add(1)
	return argon2.IDKey([]byte(norm.NFC.String(password)), salt, rounds, memory, lanes, argonKey), nil
}
