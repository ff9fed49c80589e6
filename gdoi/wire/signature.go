package wire

import (
	"crypto"
	_ "crypto/md5" // hashes of SIG_HASH_ALGORITHM
	"crypto/rsa"
	_ "crypto/sha1"
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"
)

// maxModulus bounds the work of one verification.
const maxModulus = 8192

// rsaKey reads a SIG_ALGORITHM_KEY: a DER SubjectPublicKeyInfo with an RSA key.
func rsaKey(spki []byte) (*rsa.PublicKey, error) {
	pub, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		return nil, badKeys("signature key: %v", err)
	}
	key, ok := pub.(*rsa.PublicKey)
	if !ok {
		return nil, badKeys("signature key is not RSA")
	}
	if bits := key.N.BitLen(); bits < 512 || bits > maxModulus {
		return nil, badKeys("RSA modulus of %d bits", bits)
	}
	return key, nil
}

// verify tries the two encodings of an RSA signature over digest: the bare
// hash, as the reference implementation signs, and DigestInfo, as RFC 3447
// does. It returns whether DigestInfo it was.
func verify(pub *rsa.PublicKey, h crypto.Hash, digest, sig []byte) (digestInfo, ok bool) {
	if rsa.VerifyPKCS1v15(pub, 0, digest, sig) == nil {
		return false, true
	}
	return true, rsa.VerifyPKCS1v15(pub, h, digest, sig) == nil
}

// SigKeyBits is the length of an RSA signature key in bits, zero when it
// cannot be read.
func SigKeyBits(spki []byte) int {
	pub, err := rsaKey(spki)
	if err != nil {
		return 0
	}
	return pub.N.BitLen()
}
