package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"

	"coterie/internal/secret"
)

// ErrCurve says that an EC key is of no curve of `crypto key generate ec`.
var ErrCurve = errors.New("EC keys must be of 256, 384 or 521 bits")

// curve is the NIST curve of a size in bits, nil for others.
func curve(bits int) elliptic.Curve {
	switch bits {
	case 256:
		return elliptic.P256()
	case 384:
		return elliptic.P384()
	case 521:
		return elliptic.P521()
	}
	return nil
}

// GenerateEC makes an EC key of 256, 384 or 521 bits. The standard library
// draws from the operating system and ignores any other source.
func GenerateEC(bits int) (*ecdsa.PrivateKey, error) {
	c := curve(bits)
	if c == nil {
		return nil, ErrCurve
	}
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate EC key: %w", err)
	}
	return k, nil
}

// Signer is the private key of a pair, of either kind; nil without one.
func (p Pair) Signer() crypto.Signer {
	switch {
	case p.Private != nil:
		return p.Private
	case p.EC != nil:
		return p.EC
	}
	return nil
}

// Bits is the size of the modulus, or of the curve; 0 without a key.
func (p Pair) Bits() int {
	switch {
	case p.Private != nil:
		return p.Private.N.BitLen()
	case p.EC != nil:
		return p.EC.Curve.Params().BitSize
	}
	return 0
}

// SetSigner puts a key of a permitted size into a pair.
func (p *Pair) SetSigner(key crypto.Signer) error {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if bits := k.N.BitLen(); bits < MinBits || bits > MaxBits {
			return ErrBits
		}
		p.Private, p.EC = k, nil
	case *ecdsa.PrivateKey:
		if curve(k.Curve.Params().BitSize) == nil {
			return ErrCurve
		}
		p.Private, p.EC = nil, k
	default:
		return fmt.Errorf("private key is %T, want RSA or EC", key)
	}
	return nil
}

// ImportSigner reads a private key of either kind in PEM: PKCS #1, SEC 1 or
// PKCS #8, in the clear or encrypted as RFC 1423 says.
func ImportSigner(private string, passphrase secret.Bytes) (crypto.Signer, error) {
	block := decode(private)
	if block == nil {
		return nil, fmt.Errorf("private key: %w", ErrNotPEM)
	}
	if block.Type != ecType && block.Type != blockType {
		return Import("", private, passphrase)
	}
	der := block.Bytes
	encrypted := x509.IsEncryptedPEMBlock(block) //lint:ignore SA1019 the format is what IOS speaks
	if encrypted {
		var err error
		if der, err = x509.DecryptPEMBlock(block, passphrase.Reveal()); err != nil { //lint:ignore SA1019 the format is what IOS speaks
			return nil, ErrPassphrase
		}
	}
	defer clear(der)
	var key any
	var err error
	if block.Type == ecType {
		key, err = x509.ParseECPrivateKey(der)
	} else {
		key, err = x509.ParsePKCS8PrivateKey(der)
	}
	switch {
	case err != nil && encrypted:
		return nil, ErrPassphrase
	case err != nil:
		return nil, fmt.Errorf("private key: %w", err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("private key is %T, want RSA or EC", key)
	}
	var p Pair
	if err := p.SetSigner(signer); err != nil {
		return nil, err
	}
	return signer, nil
}
