// Package suite names the algorithms of ISAKMP, GDOI and ESP and holds their
// implementations: key sizes, IOS names, constructors. The numbers they have
// on a wire belong to the codecs.
package suite

// Cipher is a block cipher with its key size, used in CBC mode for ISAKMP and
// for the KEK.
type Cipher uint8

// Ciphers of `encryption` (isakmp policy) and `rekey algorithm`.
const (
	DES Cipher = iota + 1
	TripleDES
	AES128
	AES192
	AES256
)

// Hash is a hash algorithm, used plain, in HMAC and in signatures.
type Hash uint8

// Hashes of `hash` (isakmp policy) and `rekey sig-hash algorithm`.
const (
	MD5 Hash = iota + 1
	SHA1
	SHA256
	SHA384
	SHA512
)

// Group is a Diffie-Hellman group by its IANA number: 1, 2, 5, 14, 15, 16
// (MODP), 19, 20, 21 (ECP).
type Group uint16

// ESPCipher is the encryption of an ESP transform.
type ESPCipher uint8

// ESP ciphers of `crypto ipsec transform-set`.
const (
	ESPNull ESPCipher = iota + 1
	ESPDES
	ESP3DES
	ESPAES128
	ESPAES192
	ESPAES256
	ESPGCM128
	ESPGCM192
	ESPGCM256
	ESPGMAC128
	ESPGMAC192
	ESPGMAC256
)

// ESPAuth is the integrity algorithm of an ESP transform; zero with GCM and GMAC.
type ESPAuth uint8

// ESP integrity algorithms.
const (
	ESPAuthNone ESPAuth = iota
	ESPMD5
	ESPSHA1
	ESPSHA256
	ESPSHA384
	ESPSHA512
)

// Transform is what one ESP SA does to a packet.
type Transform struct {
	Cipher ESPCipher
	Auth   ESPAuth
}
