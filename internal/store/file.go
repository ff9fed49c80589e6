package store

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/chacha20poly1305"

	"coterie/internal/secret"
)

// fileHeader begins a sealed file; the nonce and the sealed octets follow in
// base64, on one line.
const fileHeader = "coterie sealed file 1\n"

// ErrSealed refuses a file that was not sealed under the keys at hand, or was
// changed.
var ErrSealed = errors.New("it is sealed under another master key, or damaged")

func fileCipher(master secret.Bytes) (*keys, error) {
	if master.Len() != KeySize {
		return nil, fmt.Errorf("a master key has %d octets, not %d", KeySize, master.Len())
	}
	k, err := hkdf.Key(sha256.New, master.Reveal(), nil, format+" file", KeySize)
	if err != nil {
		return nil, err
	}
	aead, err := chacha20poly1305.NewX(k)
	return &keys{aead: aead}, err
}

// Sealed tells whether data is a sealed file.
func Sealed(data []byte) bool { return bytes.HasPrefix(data, []byte(fileHeader)) }

// SealFile seals the content of a small file for its name.
func SealFile(master secret.Bytes, random io.Reader, name string, data []byte) ([]byte, error) {
	k, err := fileCipher(master)
	if err != nil {
		return nil, err
	}
	sealed, err := k.seal(random, [16]byte{}, "file", name, data)
	if err != nil {
		return nil, err
	}
	return append(base64.StdEncoding.AppendEncode([]byte(fileHeader), sealed), '\n'), nil
}

// OpenFile opens what SealFile has sealed for a name, under any of some keys;
// first says that it was the first of them.
func OpenFile(masters []secret.Bytes, name string, data []byte) (plain []byte, first bool, err error) {
	text, ok := bytes.CutPrefix(data, []byte(fileHeader))
	if !ok {
		return nil, false, ErrSealed
	}
	sealed, err := base64.StdEncoding.Strict().DecodeString(string(bytes.TrimSuffix(text, []byte("\n"))))
	if err != nil {
		return nil, false, ErrSealed
	}
	for i, m := range masters {
		k, err := fileCipher(m)
		if err != nil {
			return nil, false, err
		}
		if plain, ok := k.open([16]byte{}, "file", name, sealed); ok {
			return plain, i == 0, nil
		}
	}
	return nil, false, ErrSealed
}
