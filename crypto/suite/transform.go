package suite

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des" // esp-des and esp-3des of old configurations
	"crypto/hmac"
	"errors"
	"fmt"
	"hash"
	"strings"
)

// saltLen is the part of a counter mode's key that goes into the nonce
// (RFC 4106 section 4).
const saltLen = 4

// An espMode is how an ESP cipher works.
type espMode uint8

const (
	modeNull espMode = iota
	modeCBC
	modeGCM
	modeGMAC
)

type espCipherInfo struct {
	words string // of `crypto ipsec transform-set`
	name  string // on screens
	mode  espMode
	key   int // octets, salt not included
	block int // IV length of CBC
}

var espCiphers = map[ESPCipher]espCipherInfo{
	ESPNull:    {"esp-null", "esp-null", modeNull, 0, 0},
	ESPDES:     {"esp-des", "esp-des", modeCBC, 8, des.BlockSize},
	ESP3DES:    {"esp-3des", "esp-3des", modeCBC, 24, des.BlockSize},
	ESPAES128:  {"esp-aes", "esp-aes", modeCBC, 16, aes.BlockSize},
	ESPAES192:  {"esp-aes 192", "esp-192-aes", modeCBC, 24, aes.BlockSize},
	ESPAES256:  {"esp-aes 256", "esp-256-aes", modeCBC, 32, aes.BlockSize},
	ESPGCM128:  {"esp-gcm", "esp-gcm", modeGCM, 16, 0},
	ESPGCM192:  {"esp-gcm 192", "esp-gcm 192", modeGCM, 24, 0},
	ESPGCM256:  {"esp-gcm 256", "esp-gcm 256", modeGCM, 32, 0},
	ESPGMAC128: {"esp-gmac", "esp-gmac", modeGMAC, 16, 0},
	ESPGMAC192: {"esp-gmac 192", "esp-gmac 192", modeGMAC, 24, 0},
	ESPGMAC256: {"esp-gmac 256", "esp-gmac 256", modeGMAC, 32, 0},
}

// espSpellings are further ways to type a cipher; they print as the ones above.
var espSpellings = map[string]ESPCipher{
	"esp-aes 128": ESPAES128, "esp-192-aes": ESPAES192, "esp-256-aes": ESPAES256,
	"esp-gcm 128": ESPGCM128, "esp-gmac 128": ESPGMAC128,
}

type espAuthInfo struct {
	words string
	hash  Hash
	icv   int // octets: RFC 2403, RFC 2404, RFC 4868
}

var espAuths = map[ESPAuth]espAuthInfo{
	ESPMD5:    {"esp-md5-hmac", MD5, 12},
	ESPSHA1:   {"esp-sha-hmac", SHA1, 12},
	ESPSHA256: {"esp-sha256-hmac", SHA256, 16},
	ESPSHA384: {"esp-sha384-hmac", SHA384, 24},
	ESPSHA512: {"esp-sha512-hmac", SHA512, 32},
}

// ESPCiphers lists every ESP cipher.
func ESPCiphers() []ESPCipher {
	return []ESPCipher{ESPNull, ESPDES, ESP3DES, ESPAES128, ESPAES192, ESPAES256,
		ESPGCM128, ESPGCM192, ESPGCM256, ESPGMAC128, ESPGMAC192, ESPGMAC256}
}

// ESPAuths lists every ESP integrity algorithm but ESPAuthNone.
func ESPAuths() []ESPAuth { return []ESPAuth{ESPMD5, ESPSHA1, ESPSHA256, ESPSHA384, ESPSHA512} }

// Words is the spelling in `crypto ipsec transform-set`: "esp-aes 256".
func (c ESPCipher) Words() string { return orNumber(espCiphers[c].words, c) }

// String is the spelling on screens: "esp-256-aes".
func (c ESPCipher) String() string { return orNumber(espCiphers[c].name, c) }

// KeyBits is the key size in bits without salt, as the Key Length attribute
// counts it; 0 for NULL.
func (c ESPCipher) KeyBits() int { return espCiphers[c].key * 8 }

// Weak tells DES and 3DES.
func (c ESPCipher) Weak() bool { return c == ESPDES || c == ESP3DES }

// Words is the spelling in `crypto ipsec transform-set` and on screens,
// "esp-sha-hmac"; empty for ESPAuthNone.
func (a ESPAuth) Words() string { return espAuths[a].words }

// String is Words, or "none".
func (a ESPAuth) String() string {
	if a == ESPAuthNone {
		return "none"
	}
	return orNumber(espAuths[a].words, a)
}

// Hash is the hash under the HMAC; zero for ESPAuthNone.
func (a ESPAuth) Hash() Hash { return espAuths[a].hash }

// Weak tells HMAC-MD5.
func (a ESPAuth) Weak() bool { return a == ESPMD5 }

// ParseTransform reads the words of `crypto ipsec transform-set`, "esp-aes 256"
// and "esp-sha-hmac"; authWord is empty with GCM and GMAC, and may be with CBC.
// It is false for words and combinations that ESP does not have.
func ParseTransform(cipherWord, authWord string) (Transform, bool) {
	var t Transform
	for _, c := range ESPCiphers() {
		if espCiphers[c].words == cipherWord {
			t.Cipher = c
		}
	}
	if c, ok := espSpellings[cipherWord]; ok {
		t.Cipher = c
	}
	for _, a := range ESPAuths() {
		if espAuths[a].words == authWord {
			t.Auth = a
		}
	}
	if t.Cipher == 0 || (t.Auth == ESPAuthNone) != (authWord == "") || t.Validate() != nil {
		return Transform{}, false
	}
	return t, true
}

// Validate rejects combinations that ESP does not have: an HMAC beside a
// counter mode, and NULL without an HMAC.
func (t Transform) Validate() error {
	c, ok := espCiphers[t.Cipher]
	if !ok {
		return fmt.Errorf("unknown ESP cipher %d", uint8(t.Cipher))
	}
	if _, ok := espAuths[t.Auth]; !ok && t.Auth != ESPAuthNone {
		return fmt.Errorf("unknown ESP authentication %d", uint8(t.Auth))
	}
	switch {
	case t.CounterMode() && t.Auth != ESPAuthNone:
		return fmt.Errorf("%s authenticates by itself; %s cannot be added", c.name, t.Auth)
	case t.Cipher == ESPNull && t.Auth == ESPAuthNone:
		return errors.New("esp-null needs an authentication")
	}
	return nil
}

// Words is the spelling in the configuration, "esp-aes 256 esp-sha-hmac".
func (t Transform) Words() string {
	return strings.TrimSuffix(t.Cipher.Words()+" "+t.Auth.Words(), " ")
}

// String is the IOS spelling on screens: "esp-256-aes esp-sha256-hmac",
// "esp-gcm 256".
func (t Transform) String() string {
	return strings.TrimSuffix(t.Cipher.String()+" "+t.Auth.Words(), " ")
}

// CounterMode tells GCM and GMAC, whose IV must never repeat under a key.
func (t Transform) CounterMode() bool {
	m := espCiphers[t.Cipher].mode
	return m == modeGCM || m == modeGMAC
}

// GMAC tells the transforms that authenticate without encrypting (RFC 4543).
func (t Transform) GMAC() bool { return espCiphers[t.Cipher].mode == modeGMAC }

// Weak tells DES, 3DES and HMAC-MD5.
func (t Transform) Weak() bool { return t.Cipher.Weak() || t.Auth.Weak() }

// Keys is how many octets of key each part takes; a counter mode's cipher key
// includes its 4-octet salt (RFC 4106 section 8.1).
func (t Transform) Keys() (cipher, auth int) {
	cipher = espCiphers[t.Cipher].key
	if t.CounterMode() {
		cipher += saltLen
	}
	if a, ok := espAuths[t.Auth]; ok {
		auth = a.hash.Size()
	}
	return cipher, auth
}

// IVLen is the length of the explicit IV: 8 or 16 with CBC, 8 with a counter
// mode, 0 with NULL.
func (t Transform) IVLen() int {
	if t.CounterMode() {
		return 8
	}
	return espCiphers[t.Cipher].block
}

// ICVLen is the length of the integrity check value in octets.
func (t Transform) ICVLen() int {
	if t.CounterMode() {
		return 16
	}
	return espAuths[t.Auth].icv
}

// Align is what the length of payload, padding and trailer is a multiple of:
// the block length, at least 4 (RFC 4303 section 2.4).
func (t Transform) Align() int { return max(4, espCiphers[t.Cipher].block) }

// NewBlock keys the cipher of a CBC transform; nil with NULL.
func (t Transform) NewBlock(key []byte) (cipher.Block, error) {
	i, err := t.keyed(key)
	switch {
	case err != nil:
		return nil, err
	case i.mode == modeNull:
		return nil, nil
	case i.mode != modeCBC:
		return nil, fmt.Errorf("%s is not a CBC cipher", i.name)
	}
	return newESPBlock(t.Cipher, key)
}

// NewAEAD keys a counter mode. The key ends with the salt, which is returned:
// the nonce is salt and IV.
func (t Transform) NewAEAD(key []byte) (cipher.AEAD, [saltLen]byte, error) {
	var salt [saltLen]byte
	i, err := t.keyed(key)
	if err != nil {
		return nil, salt, err
	}
	if !t.CounterMode() {
		return nil, salt, fmt.Errorf("%s is not a counter mode", i.name)
	}
	block, err := aes.NewCipher(key[:i.key])
	if err != nil {
		return nil, salt, err
	}
	copy(salt[:], key[i.key:])
	aead, err := cipher.NewGCM(block)
	return aead, salt, err
}

// NewHMAC keys the integrity algorithm; nil with ESPAuthNone. The sum is to be
// cut to ICVLen octets.
func (t Transform) NewHMAC(key []byte) (hash.Hash, error) {
	a, ok := espAuths[t.Auth]
	if !ok {
		return nil, nil
	}
	if len(key) != a.hash.Size() {
		return nil, fmt.Errorf("%s key of %d octets, want %d", a.words, len(key), a.hash.Size())
	}
	return hmac.New(a.hash.New, key), nil
}

func (t Transform) keyed(key []byte) (espCipherInfo, error) {
	i, ok := espCiphers[t.Cipher]
	if !ok {
		return i, fmt.Errorf("unknown ESP cipher %d", uint8(t.Cipher))
	}
	if want, _ := t.Keys(); len(key) != want {
		return i, fmt.Errorf("%s key of %d octets, want %d", i.name, len(key), want)
	}
	return i, nil
}

func newESPBlock(c ESPCipher, key []byte) (cipher.Block, error) {
	switch c {
	case ESPDES:
		return des.NewCipher(key)
	case ESP3DES:
		return des.NewTripleDESCipher(key)
	}
	return aes.NewCipher(key)
}
