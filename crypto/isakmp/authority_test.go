package isakmp

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"coterie/crypto/pki"
)

// Keys are made once for all tests.
var (
	rsaKey   = sync.OnceValue(func() *rsa.PrivateKey { return newRSA(2048) })
	otherRSA = sync.OnceValue(func() *rsa.PrivateKey { return newRSA(1024) })
	ecKeys   = sync.OnceValue(func() map[int]*ecdsa.PrivateKey {
		out := make(map[int]*ecdsa.PrivateKey)
		for bits, curve := range map[int]elliptic.Curve{256: elliptic.P256(), 384: elliptic.P384(), 521: elliptic.P521()} {
			key, err := ecdsa.GenerateKey(curve, rand.Reader)
			if err != nil {
				panic(err)
			}
			out[bits] = key
		}
		return out
	})
)

func newRSA(bits int) *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return key
}

// authority is a certification authority.
type authority struct {
	t      testing.TB
	cert   *x509.Certificate
	key    crypto.Signer
	above  [][]byte // from this authority up to the root, without it
	root   *x509.Certificate
	serial int64
}

func newAuthority(t testing.TB, name string) *authority {
	a := &authority{t: t, key: ecKeys()[256]}
	a.cert = a.sign(&x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, SubjectKeyId: []byte(name)}, nil, a.key.Public())
	a.root = a.cert
	return a
}

// below is an authority that this one has certified.
func (a *authority) below(name string) *authority {
	b := &authority{t: a.t, key: ecKeys()[384], root: a.root}
	b.cert = a.sign(&x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, SubjectKeyId: []byte(name)}, a.cert, b.key.Public())
	b.above = append([][]byte{b.cert.Raw}, a.above...)
	return b
}

func (a *authority) sign(c, parent *x509.Certificate, key crypto.PublicKey) *x509.Certificate {
	a.serial++
	c.SerialNumber = big.NewInt(a.serial)
	if c.NotBefore.IsZero() {
		c.NotBefore, c.NotAfter = start.Add(-time.Hour), start.Add(365*24*time.Hour)
	}
	if parent == nil {
		parent = c
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	out, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return out
}

// trustpoint enrolls a router by its name and address; change may alter the
// certificate before it is signed.
func (a *authority) trustpoint(name, addr string, key crypto.Signer, change func(*x509.Certificate)) *pki.Trustpoint {
	c := &x509.Certificate{Subject: pkix.Name{CommonName: name, OrganizationalUnit: []string{"Branch"}}, DNSNames: []string{name},
		KeyUsage: x509.KeyUsageDigitalSignature}
	if addr != "" {
		c.IPAddresses = []net.IP{net.ParseIP(addr)}
	}
	if change != nil {
		change(c)
	}
	leaf := a.sign(c, a.cert, key.Public())
	return &pki.Trustpoint{Name: a.root.Subject.CommonName, Anchors: []*x509.Certificate{a.root},
		Chain: append([][]byte{leaf.Raw}, a.above...), Signer: key}
}

func signed(auth Auth) Policy {
	p := quick()
	p.Auth = auth
	return p
}

// certified is a configuration that proves itself by certificates alone.
func certified(accept bool, p Policy, points ...*pki.Trustpoint) Config {
	c := config(accept, "", p)
	c.Keyrings, c.Trustpoints = nil, points
	return c
}

// enrolled is a pair with a certificate each from one authority.
func enrolled(t testing.TB, key crypto.Signer) (gm, ks Config) {
	a := newAuthority(t, "CA")
	auth := RSASig
	if _, ok := key.(*ecdsa.PrivateKey); ok {
		auth = ECDSASig
	}
	return certified(false, signed(auth), a.trustpoint("gm1.example", "192.0.2.1", key, nil)),
		certified(true, signed(auth), a.trustpoint("ks1.example", "192.0.2.254", key, nil))
}

func methodName(key crypto.Signer) string {
	if k, ok := key.(*ecdsa.PrivateKey); ok {
		return k.Curve.Params().Name
	}
	return "RSA"
}

func allKeys() []crypto.Signer {
	return []crypto.Signer{rsaKey(), ecKeys()[256], ecKeys()[384], ecKeys()[521]}
}
