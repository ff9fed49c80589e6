package suite

import (
	"crypto"
	_ "crypto/md5" // `hash md5` of old configurations
	_ "crypto/sha1"
	_ "crypto/sha256"
	_ "crypto/sha512"
	"hash"
)

type hashInfo struct {
	hash  crypto.Hash
	name  string
	words string // `hash ...`, `rekey sig-hash algorithm ...`
	long  string // `show crypto isakmp policy`
	sig   string // "Sig Hash Algorithm" of `show crypto gdoi`
}

// hashes is indexed by Hash; what is not listed is zero.
var hashes = [256]hashInfo{
	MD5:    {crypto.MD5, "MD5", "md5", "Message Digest 5", "HMAC_AUTH_MD5"},
	SHA1:   {crypto.SHA1, "SHA", "sha", "Secure Hash Standard", "HMAC_AUTH_SHA"},
	SHA256: {crypto.SHA256, "SHA256", "sha256", "Secure Hash Standard 2 (256 bit)", "HMAC_AUTH_SHA256"},
	SHA384: {crypto.SHA384, "SHA384", "sha384", "Secure Hash Standard 2 (384 bit)", "HMAC_AUTH_SHA384"},
	SHA512: {crypto.SHA512, "SHA512", "sha512", "Secure Hash Standard 2 (512 bit)", "HMAC_AUTH_SHA512"},
}

// Hashes lists every hash in order of strength.
func Hashes() []Hash { return []Hash{MD5, SHA1, SHA256, SHA384, SHA512} }

// Known tells a hash of this package from any other number.
func (h Hash) Known() bool { return hashes[h].hash != 0 }

// Crypto is the identifier of the standard library.
func (h Hash) Crypto() crypto.Hash { return hashes[h].hash }

// New starts a plain hash. It panics on an unknown hash.
func (h Hash) New() hash.Hash { return hashes[h].hash.New() }

// Size is the length of a digest in octets.
func (h Hash) Size() int { return hashes[h].hash.Size() }

// String is "MD5", "SHA", "SHA256", "SHA384" or "SHA512".
func (h Hash) String() string { return orNumber(hashes[h].name, h) }

// Words is the value of `hash` and of `rekey sig-hash algorithm`.
func (h Hash) Words() string { return orNumber(hashes[h].words, h) }

// Description is the line of `show crypto isakmp policy`.
func (h Hash) Description() string { return orNumber(hashes[h].long, h) }

// SigName is the name `show crypto gdoi` gives a signature hash,
// "HMAC_AUTH_SHA".
func (h Hash) SigName() string { return orNumber(hashes[h].sig, h) }

// Weak tells MD5.
func (h Hash) Weak() bool { return h == MD5 }

// ParseHash reads the value of `hash`.
func ParseHash(words string) (Hash, bool) {
	for _, h := range Hashes() {
		if words == hashes[h].words {
			return h, true
		}
	}
	return 0, false
}
