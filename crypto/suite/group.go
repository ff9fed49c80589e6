package suite

import (
	"crypto/ecdh"
	"errors"
	"fmt"

	"filippo.io/bigmod"

	"coterie/internal/secret"
)

// ErrPublicValue says that a peer's Diffie-Hellman value is of the wrong
// length, out of range or not on the curve.
var ErrPublicValue = errors.New("invalid Diffie-Hellman public value")

// exponentLen is the length of MODP private exponents in octets: twice the
// strength of the largest group here, and six to twelve times cheaper than an
// exponent as long as the prime (RFC 3526 section 8).
const exponentLen = 32

type groupInfo struct {
	bits  int
	modp  func() *modp
	curve ecdh.Curve
	field int // octets of a coordinate
}

// groups is indexed by Group; what is not listed is zero.
var groups = [...]groupInfo{
	1:  {bits: 768, modp: prime1},
	2:  {bits: 1024, modp: prime2},
	5:  {bits: 1536, modp: prime5},
	14: {bits: 2048, modp: prime14},
	15: {bits: 3072, modp: prime15},
	16: {bits: 4096, modp: prime16},
	19: {bits: 256, curve: ecdh.P256(), field: 32},
	20: {bits: 384, curve: ecdh.P384(), field: 48},
	21: {bits: 521, curve: ecdh.P521(), field: 66},
}

// info is what is known of a group, nothing of one that is not listed.
func (g Group) info() groupInfo {
	if int(g) < len(groups) {
		return groups[g]
	}
	return groupInfo{}
}

// Groups lists every group by number.
func Groups() []Group { return []Group{1, 2, 5, 14, 15, 16, 19, 20, 21} }

// Known tells a group of this package from any other number.
func (g Group) Known() bool { return g.info().bits != 0 }

// Bits is the size of the prime or of the curve.
func (g Group) Bits() int { return g.info().bits }

// ECP tells groups 19, 20 and 21.
func (g Group) ECP() bool { return g.info().curve != nil }

// Weak tells groups 1, 2 and 5.
func (g Group) Weak() bool { return g == 1 || g == 2 || g == 5 }

// String is the line of `show crypto isakmp policy`, "#14 (2048 bit)".
func (g Group) String() string { return fmt.Sprintf("#%d (%d bit)", uint16(g), g.Bits()) }

// PublicLen is the length of a KE payload body in octets: the prime's length,
// or both coordinates without a form octet (RFC 5903 section 7).
func (g Group) PublicLen() int {
	i := g.info()
	if i.curve != nil {
		return 2 * i.field
	}
	return i.bits / 8
}

// SharedLen is the length of g^xy in octets: the prime's, or that of the X
// coordinate.
func (g Group) SharedLen() int {
	i := g.info()
	if i.curve != nil {
		return i.field
	}
	return i.bits / 8
}

// RandomLen is how many random octets GenerateKey takes.
func (g Group) RandomLen() int {
	i := g.info()
	if i.curve != nil {
		return i.field
	}
	return exponentLen
}

// A PrivateKey is one side's Diffie-Hellman secret with its public value.
type PrivateKey struct {
	group  Group
	x      secret.Bytes     // MODP
	ecdh   *ecdh.PrivateKey // ECP
	public []byte
}

// GenerateKey makes a key of RandomLen random octets and nothing else: the
// same octets give the same key. It is slow (an exponentiation).
func (g Group) GenerateKey(random []byte) (*PrivateKey, error) {
	i := g.info()
	if i.bits == 0 {
		return nil, fmt.Errorf("unknown Diffie-Hellman group %d", uint16(g))
	}
	if len(random) != g.RandomLen() {
		return nil, fmt.Errorf("group %d key of %d random octets, want %d", uint16(g), len(random), g.RandomLen())
	}
	x := append([]byte(nil), random...)
	if i.curve == nil {
		p := i.modp()
		return &PrivateKey{group: g, x: secret.New(x), public: p.exp(p.generator, x)}, nil
	}
	if g == 21 {
		x[0] &= 1 // 521 bits in 66 octets
	}
	key, err := i.curve.NewPrivateKey(x)
	if err != nil {
		// Beyond the order of the curve, once in 2^32: half the value is not.
		x[0] &= 0x7f
		if g == 21 {
			x[0] = 0
		}
		if key, err = i.curve.NewPrivateKey(x); err != nil {
			return nil, fmt.Errorf("group %d private key: %w", uint16(g), err)
		}
	}
	return &PrivateKey{group: g, ecdh: key, public: key.PublicKey().Bytes()[1:]}, nil
}

// Public is the KE payload body, PublicLen octets.
func (k *PrivateKey) Public() []byte { return append([]byte(nil), k.public...) }

// Shared is g^xy of SharedLen octets, padded with zeros on the left. It checks
// the peer's value and is slow.
func (k *PrivateKey) Shared(peer []byte) ([]byte, error) {
	i := k.group.info()
	if len(peer) != k.group.PublicLen() {
		return nil, ErrPublicValue
	}
	if i.curve == nil {
		p := i.modp()
		y, err := p.element(peer)
		if err != nil {
			return nil, err
		}
		return p.exp(y, k.x.Reveal()), nil
	}
	y, err := i.curve.NewPublicKey(append([]byte{4}, peer...))
	if err != nil {
		return nil, ErrPublicValue
	}
	z, err := k.ecdh.ECDH(y)
	if err != nil {
		return nil, ErrPublicValue
	}
	return z, nil
}

// Wipe clears a MODP exponent; ECP keys are the standard library's to clear.
func (k *PrivateKey) Wipe() {
	if k != nil {
		k.x.Wipe()
	}
}

// modp is the arithmetic of one prime. Its methods run in constant time for a
// given group.
type modp struct {
	p         *bigmod.Modulus
	generator *bigmod.Nat
}

func newMODP(p []byte) *modp {
	m, err := bigmod.NewModulus(p)
	if err != nil {
		panic("suite: " + err.Error())
	}
	two := make([]byte, len(p))
	two[len(p)-1] = 2
	g, err := bigmod.NewNat().SetBytes(two, m)
	if err != nil {
		panic("suite: " + err.Error())
	}
	return &modp{m, g}
}

func (m *modp) exp(y *bigmod.Nat, x []byte) []byte {
	return bigmod.NewNat().Exp(y, x, m.p).Bytes(m.p)
}

// element reads a public value and insists on 1 < y < p-1.
func (m *modp) element(b []byte) (*bigmod.Nat, error) {
	y, err := bigmod.NewNat().SetBytes(b, m.p)
	if err != nil || y.IsZero() == 1 || y.IsOne() == 1 || y.IsMinusOne(m.p) == 1 {
		return nil, ErrPublicValue
	}
	return y, nil
}
