package wechat

import (
	"crypto/aes"
	"crypto/cipher"
	"testing"
)

func cbc(t *testing.T, c *Crypter, in []byte, encrypt bool) []byte {
	t.Helper()
	block, err := aes.NewCipher(c.keys[0])
	if err != nil {
		t.Fatal(err)
	}
	out := make([]byte, len(in))
	if encrypt {
		cipher.NewCBCEncrypter(block, c.keys[0][:16]).CryptBlocks(out, in)
	} else {
		cipher.NewCBCDecrypter(block, c.keys[0][:16]).CryptBlocks(out, in)
	}
	return out
}
