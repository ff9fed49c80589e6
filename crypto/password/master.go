package password

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/scrypt"

	"coterie/internal/secret"
)

// ErrSealed refuses text that was not sealed under this master key.
var ErrSealed = errors.New("text is not sealed under this config-key")

// ErrShortKey refuses a config-key that is too short to protect anything.
var ErrShortKey = fmt.Errorf("the config-key must have %d to %d characters", MinMaster, MaxLength)

// MinMaster is the shortest config-key in characters, as in IOS.
const MinMaster = 8

// The form of type 6. IOS seals with AES too, but does not publish how, and
// differs between releases; this is a form of our own:
//
//	master = scrypt(config-key, salt "coterie config-key", N 32768, r 8, p 1), 32 octets
//	text   = base64url(1 || nonce || AES-256-GCM(master, nonce, password))
//
// without padding, where nonce is 12 random octets and the additional data
// are the octets of "coterie type 6". The salt is fixed so that a line can be
// pasted from one router to another with the same config-key.
const (
	version6 = 1
	nonce6   = 12
	tag6     = 16
	salt6    = "coterie config-key"
	data6    = "coterie type 6"
)

var text6 = base64.RawURLEncoding.Strict()

// Master is the key of `key config-key password-encrypt`. The zero Master
// seals and opens nothing.
type Master struct{ Key secret.Bytes }

// NewMaster derives the master key of a config-key. It takes about 0.1 s.
func NewMaster(configKey secret.Bytes) (Master, error) {
	if configKey.Len() < MinMaster || configKey.Len() > MaxLength {
		return Master{}, ErrShortKey
	}
	key, err := scrypt.Key(configKey.Reveal(), []byte(salt6), 1<<15, 8, 1, 32)
	if err != nil {
		return Master{}, err
	}
	return Master{secret.New(key)}, nil
}

func (m Master) aead() (cipher.AEAD, error) {
	block, err := aes.NewCipher(m.Key.Reveal())
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// Seal makes the type 6 text of a password.
func (m Master) Seal(password secret.Bytes, random io.Reader) (secret.Bytes, error) {
	if password.Len() == 0 || password.Len() > MaxLength {
		return secret.Bytes{}, ErrLength
	}
	a, err := m.aead()
	if err != nil {
		return secret.Bytes{}, err
	}
	out := make([]byte, 1+nonce6, 1+nonce6+password.Len()+tag6)
	out[0] = version6
	if _, err := io.ReadFull(random, out[1:]); err != nil {
		return secret.Bytes{}, fmt.Errorf("nonce: %w", err)
	}
	out = a.Seal(out, out[1:], password.Reveal(), []byte(data6))
	return secret.Of(text6.EncodeToString(out)), nil
}

// Open is the password of a type 6 text.
func (m Master) Open(text secret.Bytes) (secret.Bytes, error) {
	a, err := m.aead()
	if err != nil || text.Len() > text6.EncodedLen(1+nonce6+MaxLength+tag6) {
		return secret.Bytes{}, ErrSealed
	}
	in, err := text6.DecodeString(string(text.Reveal()))
	if err != nil || len(in) < 1+nonce6+tag6+1 || in[0] != version6 {
		return secret.Bytes{}, ErrSealed
	}
	out, err := a.Open(nil, in[1:1+nonce6], in[1+nonce6:], []byte(data6))
	if err != nil {
		return secret.Bytes{}, ErrSealed
	}
	return secret.New(out), nil
}
