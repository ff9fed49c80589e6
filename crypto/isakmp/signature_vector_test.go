package isakmp

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"math/big"
	"testing"

	"coterie/crypto/pki"
	"coterie/crypto/suite"
)

// RFC 2409 section 5.1: PKCS #1 over the octets of the hash and nothing else.
func TestRSAVectors(t *testing.T) {
	key := rsaKey()
	p := signed(RSASig)
	hash := suite.SHA256.Sum([]byte("HASH_I"))
	sig, ok := sign(&pki.Trustpoint{Signer: key}, p, hash)().([]byte)
	if !ok || verifySignature(&key.PublicKey, p, hash, sig) != nil {
		t.Fatal("our own signature does not verify")
	}
	// By hand: 00 01 ff ... ff 00 hash, raised to the public exponent.
	k := key.Size()
	padded := append([]byte{0, 1}, bytes.Repeat([]byte{0xff}, k-3-len(hash))...)
	padded = append(append(padded, 0), hash...)
	opened := new(big.Int).Exp(new(big.Int).SetBytes(sig), big.NewInt(int64(key.E)), key.N).FillBytes(make([]byte, k))
	equal(t, "signature opened", opened, padded)

	raise := func(em []byte) []byte {
		return new(big.Int).Exp(new(big.Int).SetBytes(em), key.D, key.N).FillBytes(make([]byte, k))
	}
	info, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, hash)
	if err != nil {
		t.Fatal(err)
	}
	garbage := append([]byte{0, 1}, bytes.Repeat([]byte{0xff}, 8)...)
	garbage = append(append(append(garbage, 0), hash...), make([]byte, k-11-len(hash))...)
	short := bytes.Clone(padded)
	short[k-2-len(hash)] = 0 // padding ends early: the hash is longer
	other, err := rsa.SignPKCS1v15(nil, otherRSA(), 0, hash)
	if err != nil {
		t.Fatal(err)
	}
	pss, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, hash, nil)
	if err != nil {
		t.Fatal(err)
	}
	type2 := bytes.Clone(padded)
	type2[1] = 2
	for name, bad := range map[string][]byte{
		"nothing": nil, "one octet": {1}, "zeros": make([]byte, k), "ones": bytes.Repeat([]byte{0xff}, k),
		"DigestInfo": info, "trailing garbage": raise(garbage), "short padding": raise(short), "type 2": raise(type2),
		"other key": other, "other key at length": append(make([]byte, k-len(other)), other...), "PSS": pss,
		"leading zero": append([]byte{0}, sig...), "cut": sig[:k-1], "trailing octet": append(bytes.Clone(sig), 0),
		"plus the modulus": new(big.Int).Add(new(big.Int).SetBytes(sig), key.N).Bytes(),
	} {
		if verifySignature(&key.PublicKey, p, hash, bad) == nil {
			t.Errorf("%s verifies", name)
		}
	}
	// e = 3: the cube root of a block that begins right is no signature.
	three := &rsa.PublicKey{N: key.N, E: 3}
	forged := make([]byte, k)
	copy(forged, padded[:11])
	copy(forged[11:], hash)
	root := cubeRoot(new(big.Int).SetBytes(append(forged[:11+len(hash):11+len(hash)], bytes.Repeat([]byte{0xff}, k-11-len(hash))...)))
	if verifySignature(three, p, hash, root.FillBytes(make([]byte, k))) == nil {
		t.Error("a cube root verifies")
	}
	// A key of the wrong kind or size, and a method it is not for.
	if verifySignature(&key.PublicKey, signed(ECDSASig), hash, sig) == nil || verifySignature(nil, p, hash, sig) == nil ||
		verifySignature(&ecKeys()[256].PublicKey, p, hash, sig) == nil {
		t.Error("a key of another method verifies")
	}
	huge := &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), maxRSABits+1), E: 65537}
	if verifySignature(huge, p, hash, make([]byte, maxRSABits/8+1)) == nil {
		t.Error("a huge key verifies")
	}
}

func cubeRoot(n *big.Int) *big.Int {
	lo, hi := big.NewInt(0), new(big.Int).Lsh(big.NewInt(1), uint(n.BitLen()/3+2))
	for lo.Cmp(hi) < 0 {
		mid := new(big.Int).Rsh(new(big.Int).Add(new(big.Int).Add(lo, hi), big.NewInt(1)), 1)
		if new(big.Int).Exp(mid, big.NewInt(3), nil).Cmp(n) <= 0 {
			lo = mid
		} else {
			hi = new(big.Int).Sub(mid, big.NewInt(1))
		}
	}
	return lo
}

// RFC 4754: r and s at full length over the hash itself. RFC 6979 section A.2.5
// gives a signature of SHA-256 of "sample" with P-256.
func TestECDSAVector(t *testing.T) {
	b := func(s string) []byte {
		out, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), b("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"))
	if err != nil {
		t.Fatal(err)
	}
	p := signed(ECDSASig)
	p.Curve = 256
	hash := sha256.Sum256([]byte("sample"))
	sig, ok := sign(&pki.Trustpoint{Signer: key}, p, hash[:])().([]byte)
	if !ok {
		t.Fatal("no signature")
	}
	equal(t, "r and s", sig, b("efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"+
		"f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"))
	if err := verifySignature(&key.PublicKey, p, hash[:], sig); err != nil {
		t.Error(err)
	}
}
