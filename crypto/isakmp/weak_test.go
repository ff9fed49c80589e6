package isakmp

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"

	"coterie/internal/syslog"
)

// A certificate that is signed with SHA-1 counts, and is warned of once for each
// trustpoint.
func TestSHA1Certificate(t *testing.T) {
	ca := &authority{t: t, key: newRSA(2048)}
	ca.cert = ca.sign(&x509.Certificate{Subject: pkix.Name{CommonName: "Old CA"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign}, nil, ca.key.Public())
	ca.root = ca.cert
	server := ca.trustpoint("ks1.example", "192.0.2.254", rsaKey(), nil)
	for _, old := range []bool{false, true} {
		member := ca.trustpoint("gm1.example", "192.0.2.1", rsaKey(), nil)
		if old {
			member.Chain[0] = bySHA1(t, member.Chain[0], ca.key.(*rsa.PrivateKey))
		}
		w := pair(t, certified(false, signed(RSASig), member), certified(true, signed(RSASig), server))
		for range 2 {
			w.up()
			w.step(ksAddr, Clear{All: true})
			w.flush()
		}
		want := 0
		if old {
			want = 1
		}
		if n := w.logged(ksAddr, syslog.WeakAlgorithm); n != want {
			t.Errorf("signed with SHA-1: %v; %d warnings, want %d", old, n, want)
		}
	}
}

// bySHA1 signs a certificate again, as the standard library does not.
func bySHA1(t testing.TB, der []byte, key *rsa.PrivateKey) []byte {
	t.Helper()
	var outer struct {
		TBS       asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &outer); err != nil {
		t.Fatal(err)
	}
	from, _ := asn1.Marshal(outer.Algorithm.Algorithm)
	outer.Algorithm.Algorithm = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 5}
	to, _ := asn1.Marshal(outer.Algorithm.Algorithm)
	outer.TBS = asn1.RawValue{FullBytes: bytes.Replace(outer.TBS.FullBytes, from, to, 1)}
	digest := sha1.Sum(outer.TBS.FullBytes)
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA1, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	outer.Signature = asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}
	out, err := asn1.Marshal(outer)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
