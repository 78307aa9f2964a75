package seal

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// FileName is the key file inside the data folder.
const FileName = "secret.key"

// ErrNoKey: the data folder has no key file.
var ErrNoKey = errors.New("there is no secret key")

// ExposedKey refuses a key file that other users of the machine can read.
type ExposedKey struct {
	Path string
	Mode fs.FileMode
}

func (e ExposedKey) Error() string {
	return fmt.Sprintf("the key file %s has mode %04o and can be read by others; run: chmod 600 %s", e.Path, e.Mode, e.Path)
}

// BadKey refuses a key file that holds something else.
type BadKey struct{ Path string }

func (e BadKey) Error() string {
	return fmt.Sprintf("the key file %s does not hold %d bytes in base64; put the right file back", e.Path, KeySize)
}

// ReadFile reads the root key from the data folder: ErrNoKey, ExposedKey or
// BadKey when that cannot be.
func ReadFile(dir string) ([]byte, error) {
	path := filepath.Join(dir, FileName)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoKey
	}
	if err != nil {
		return nil, fmt.Errorf("open the secret key: %w", err)
	}
	defer func() { _ = f.Close() }()
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("look at the secret key: %w", err)
	}
	if st.Mode().Perm()&0o077 != 0 {
		return nil, ExposedKey{path, st.Mode().Perm()}
	}
	text := make([]byte, 256)
	n, err := f.Read(text)
	if err != nil {
		return nil, BadKey{path}
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text[:n])))
	if err != nil || len(key) != KeySize {
		return nil, BadKey{path}
	}
	return key, nil
}

// EnsureFile is ReadFile, and makes the file at the first start. The new key is
// on disk, folder entry included, before anything can be sealed with it.
func EnsureFile(dir string) (key []byte, made bool, err error) {
	key, err = ReadFile(dir)
	if !errors.Is(err, ErrNoKey) {
		return key, false, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, false, fmt.Errorf("make the data folder: %w", err)
	}
	key = make([]byte, KeySize)
	_, _ = rand.Read(key) // never fails
	if err := writeKey(dir, key); err != nil {
		return nil, false, fmt.Errorf("keep the secret key: %w", err)
	}
	// Another process may have been quicker: what the file says counts.
	key, err = ReadFile(dir)
	return key, true, err
}

// writeKey puts a whole file in place or none, and never over an existing one.
func writeKey(dir string, key []byte) error {
	f, err := os.CreateTemp(dir, FileName+".*") // 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(key) + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), filepath.Join(dir, FileName)); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
