package keys

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
)

// Sizes of an RSA modulus in bits. IOS offers 360 to 4096; below 1024 the
// standard library makes none.
const (
	MinBits = 1024
	MaxBits = 4096
)

// ErrBits says that a modulus size is out of range.
var ErrBits = fmt.Errorf("RSA modulus must be %d to %d bits", MinBits, MaxBits)

// Generate makes an RSA key of MinBits to MaxBits bits. It takes seconds for
// the larger sizes, so the caller runs it off its control goroutine. The
// standard library draws from the operating system and ignores any other
// source; tests that need the same bytes twice use fixed keys.
func Generate(bits int) (*rsa.PrivateKey, error) {
	if bits < MinBits || bits > MaxBits {
		return nil, ErrBits
	}
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return nil, fmt.Errorf("generate RSA key: %w", err)
	}
	return k, nil
}

// SPKI is the DER SubjectPublicKeyInfo of a pair: what a key server hands out
// and what screens print. It is nil for a pair without a key.
func SPKI(p Pair) []byte {
	key := p.Signer()
	if key == nil {
		return nil
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil { // no RSA key and no key of a NIST curve fails here
		return nil
	}
	return der
}

// Public is the pair without its secret.
func (p Pair) Public() Public {
	return Public{Label: p.Label, EC: p.EC != nil, Bits: p.Bits(), Exportable: p.Exportable, Generated: p.Generated, SPKI: SPKI(p)}
}
