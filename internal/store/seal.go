package store

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"

	"golang.org/x/crypto/chacha20poly1305"

	"coterie/internal/secret"
)

// KeySize is the length of a master key, in octets.
const KeySize = 32

// format is the version of everything in this package, and part of what is
// sealed.
const format = "coterie key-server store 1"

// keys are what a master key is made into.
type keys struct {
	aead   cipher.AEAD
	digest []byte
	mark   []byte
}

func deriveKeys(master secret.Bytes) (*keys, error) {
	if master.Len() != KeySize {
		return nil, fmt.Errorf("a master key has %d octets, not %d", KeySize, master.Len())
	}
	derive := func(purpose string) []byte {
		k, err := hkdf.Key(sha256.New, master.Reveal(), nil, format+" "+purpose, KeySize)
		if err != nil {
			panic("store: " + err.Error()) // of a constant length
		}
		return k
	}
	aead, err := chacha20poly1305.NewX(derive("seal"))
	if err != nil {
		return nil, err
	}
	return &keys{aead: aead, digest: derive("digest"), mark: derive("mark")}, nil
}

// place names where a value stands: no two places have the same octets.
func place(id [16]byte, group, key string) []byte {
	b := make([]byte, 0, len(format)+len(id)+8+len(group)+len(key))
	b = append(append(b, format...), id[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(group)))
	b = append(b, group...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(key)))
	return append(b, key...)
}

// seal seals a value for its place.
func (k *keys) seal(random io.Reader, id [16]byte, group, key string, value []byte) ([]byte, error) {
	out := make([]byte, chacha20poly1305.NonceSizeX, chacha20poly1305.NonceSizeX+len(value)+chacha20poly1305.Overhead)
	if _, err := io.ReadFull(random, out); err != nil {
		return nil, fmt.Errorf("nonce: %w", err)
	}
	return k.aead.Seal(out, out, value, place(id, group, key)), nil
}

// open opens a value that was sealed for its place.
func (k *keys) open(id [16]byte, group, key string, sealed []byte) ([]byte, bool) {
	if len(sealed) < chacha20poly1305.NonceSizeX+chacha20poly1305.Overhead {
		return nil, false
	}
	nonce, text := sealed[:chacha20poly1305.NonceSizeX], sealed[chacha20poly1305.NonceSizeX:]
	value, err := k.aead.Open(nil, nonce, text, place(id, group, key))
	return value, err == nil
}

// sum is a digest of a set of sealed records: the sum of theirs, modulo 2^256.
type sum [4]uint64

func (k *keys) of(group, key string, sealed []byte) (s sum) {
	h := hmac.New(sha256.New, k.digest)
	h.Write(place([16]byte{}, group, key))
	h.Write(sealed)
	b := h.Sum(nil)
	for i := range s {
		s[i] = binary.BigEndian.Uint64(b[8*i:])
	}
	return s
}

func (s *sum) add(o sum) {
	var c uint64
	for i := len(s) - 1; i >= 0; i-- {
		s[i], c = bits.Add64(s[i], o[i], c)
	}
}

func (s *sum) remove(o sum) {
	var b uint64
	for i := len(s) - 1; i >= 0; i-- {
		s[i], b = bits.Sub64(s[i], o[i], b)
	}
}
