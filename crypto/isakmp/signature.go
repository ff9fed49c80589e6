package isakmp

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"errors"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"coterie/crypto/pki"
	"coterie/crypto/suite"
)

// Signature (RFC 2408 section 3.12): the body is the signature over HASH_I or
// HASH_R. RSA signs the octets of the hash themselves with the padding of
// PKCS #1, without a DigestInfo (RFC 2409 section 5.1). ECDSA is r and s, each as
// long as the order of the curve, over the hash and no hash of it (RFC 4754
// section 3).

// Numbers of authentication methods (RFC 2409 appendix A, RFC 4754 section 4).
const (
	authPSK      = 1
	authRSASig   = 3
	authECDSA256 = 9
	authECDSA384 = 10
	authECDSA521 = 11
)

// Bounds of an RSA key that verifies for us. A longer one costs too much.
const (
	minRSABits = 1024
	maxRSABits = 8192
)

// curveHash is the hash of each ECDSA method, by the size of its curve.
var curveHash = map[int]suite.Hash{256: suite.SHA256, 384: suite.SHA384, 521: suite.SHA512}

// errSignature says that a signature is not that of the key over the hash.
var errSignature = errors.New("signature does not verify")

// method is the number of the policy's authentication method, zero if it has
// none.
func (p Policy) method() uint16 {
	switch p.Auth {
	case PreShared:
		return authPSK
	case RSASig:
		return authRSASig
	case ECDSASig:
		return map[int]uint16{256: authECDSA256, 384: authECDSA384, 521: authECDSA521}[p.Curve]
	}
	return 0
}

// byMethod reads a method number; false for one that is not negotiated here.
// RSA encryption is none of them: a key that also signs rekeys must not
// decrypt on demand.
func byMethod(n uint64) (Auth, int, bool) {
	switch n {
	case authPSK:
		return PreShared, 0, true
	case authRSASig:
		return RSASig, 0, true
	case authECDSA256:
		return ECDSASig, 256, true
	case authECDSA384:
		return ECDSASig, 384, true
	case authECDSA521:
		return ECDSASig, 521, true
	}
	return 0, 0, false
}

// authHash is the hash of the prf that makes HASH_I and HASH_R: the negotiated
// one, or that of the ECDSA method.
func (p Policy) authHash() suite.Hash {
	if h, ok := curveHash[p.Curve]; ok && p.Auth == ECDSASig {
		return h
	}
	return p.Hash
}

// signs tells whether the method needs certificates.
func (p Policy) signs() bool { return p.Auth == RSASig || p.Auth == ECDSASig }

// sign returns the work of making the SIG body over a hash. It yields the
// octets or an error.
func sign(t *pki.Trustpoint, p Policy, hash []byte) func() any {
	signer := t.Signer
	return func() any {
		if p.Auth == RSASig {
			sig, err := signer.Sign(nil, hash, crypto.Hash(0))
			if err != nil {
				return err
			}
			return sig
		}
		// No random source: the nonce is that of RFC 6979.
		der, err := signer.Sign(nil, hash, p.authHash().Crypto())
		if err != nil {
			return err
		}
		sig, err := fixedSignature(der, p.Curve)
		if err != nil {
			return err
		}
		return sig
	}
}

// fixedSignature turns the ASN.1 form of r and s into fixed lengths.
func fixedSignature(der []byte, curve int) ([]byte, error) {
	s := cryptobyte.String(der)
	var inner cryptobyte.String
	var parts [2]cryptobyte.String
	if !s.ReadASN1(&inner, asn1.SEQUENCE) || !s.Empty() ||
		!inner.ReadASN1(&parts[0], asn1.INTEGER) || !inner.ReadASN1(&parts[1], asn1.INTEGER) || !inner.Empty() {
		return nil, malformed("signature of our own")
	}
	n := (curve + 7) / 8
	out := make([]byte, 2*n)
	for i, p := range parts {
		for len(p) > 0 && p[0] == 0 {
			p = p[1:]
		}
		if len(p) > n {
			return nil, malformed("signature of our own")
		}
		copy(out[(i+1)*n-len(p):], p)
	}
	return out, nil
}

// verifySignature checks a SIG body with the public key of a certificate, which
// must be of the method negotiated.
func verifySignature(key crypto.PublicKey, p Policy, hash, sig []byte) error {
	switch key := key.(type) {
	case *rsa.PublicKey:
		if p.Auth != RSASig || key.N.BitLen() < minRSABits || key.N.BitLen() > maxRSABits {
			return errSignature
		}
		if rsa.VerifyPKCS1v15(key, crypto.Hash(0), hash, sig) != nil {
			return errSignature
		}
		return nil
	case *ecdsa.PublicKey:
		n := (p.Curve + 7) / 8
		if p.Auth != ECDSASig || key.Curve.Params().BitSize != p.Curve || len(sig) != 2*n {
			return errSignature
		}
		c := cryptobyte.NewBuilder(nil)
		c.AddASN1(asn1.SEQUENCE, func(c *cryptobyte.Builder) {
			addInteger(c, sig[:n])
			addInteger(c, sig[n:])
		})
		der, err := c.Bytes()
		if err != nil || !ecdsa.VerifyASN1(key, hash, der) {
			return errSignature
		}
		return nil
	}
	return errSignature
}

// addInteger adds a number of fixed length as the shortest ASN.1 integer.
func addInteger(c *cryptobyte.Builder, b []byte) {
	for len(b) > 1 && b[0] == 0 {
		b = b[1:]
	}
	c.AddASN1(asn1.INTEGER, func(c *cryptobyte.Builder) {
		if b[0]&0x80 != 0 {
			c.AddUint8(0)
		}
		c.AddBytes(b)
	})
}
