package pki

import (
	"crypto/ecdsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"runtime"
	"slices"
	"testing"
)

// allocated runs f and gives the octets that it asked for.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func bound(in []byte) uint64 { return 64<<10 + 8*uint64(len(in)) }

// One parse asks for at most 64 KiB and eight times its input.
func TestBounds(t *testing.T) {
	ca := issue(t, "Root", key(1), nil, authority)
	// A name of as many attributes as fit.
	var many pkix.RDNSequence
	for range 160 {
		many = append(many, pkix.RelativeDistinguishedNameSET{{Type: oidCommonName, Value: "x"}})
	}
	wide := issue(t, "", key(2), ca, func(c *x509.Certificate) { c.RawSubject, _ = asn1.Marshal(many) })
	alt := issue(t, "R1", key(3), ca, func(c *x509.Certificate) {
		for i := range 700 {
			c.DNSNames = append(c.DNSNames, fmt.Sprintf("r%d", i))
		}
	})
	for name, der := range map[string][]byte{"usual": ca.Raw, "wide name": wide.Raw, "many names": alt.Raw} {
		var err error
		if got, most := allocated(func() { _, err = ParseCertificate(der) }), bound(der); got > most {
			t.Errorf("%s: %d octets of certificate ask for %d, at most %d (%v)", name, len(der), got, most, err)
		}
	}
	if _, err := ParseCertificate(alt.Raw); !errors.Is(err, ErrTooLong) {
		t.Error("a certificate of 700 names:", err)
	}
	big := list(t, ca, func(r *x509.RevocationList) {
		for i := range 50000 {
			r.RevokedCertificateEntries = append(r.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: bigInt(i + 1), RevocationTime: noon})
		}
	})
	var l *CRL
	var err error
	got := allocated(func() { l, err = ParseCRL(big, []*x509.Certificate{ca.Certificate}) })
	if err != nil || l.Len() != 50000 {
		t.Fatal(err)
	}
	if most := bound(big); got > most {
		t.Errorf("%d octets of list ask for %d, at most %d", len(big), got, most)
	}
	t.Logf("%d octets of list: %.1f times as many", len(big), float64(got)/float64(len(big)))
}

func bigInt(n int) *big.Int { return big.NewInt(int64(n)) }

// split reads a chain from fuzz data: two octets of length before each.
func split(data []byte) (out [][]byte) {
	for len(data) >= 2 && len(out) <= MaxChain+1 {
		n := min(int(binary.BigEndian.Uint16(data)), len(data)-2)
		out = append(out, data[2:2+n])
		data = data[2+n:]
	}
	return out
}

func FuzzVerify(f *testing.F) {
	ca := issue(f, "Root", key(1), nil, authority)
	sub := issue(f, "Sub", key(2), ca, authority)
	leaf := issue(f, "R1", key(3), sub, func(c *x509.Certificate) { c.DNSNames = []string{"r1.example.net"} })
	point := &Trustpoint{Name: "T", Anchors: []*x509.Certificate{ca.Certificate}}
	for _, chain := range [][]*party{{leaf, sub}, {leaf}, {ca}, {leaf, sub, ca}} {
		var b []byte
		for _, p := range chain {
			b = append(binary.BigEndian.AppendUint16(b, uint16(len(p.Raw))), p.Raw...)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		chain := split(data)
		v, err := Verify(chain, []*Trustpoint{point}, noon)
		// ECDSA signatures differ from process to process, keys do not.
		if err == nil && !slices.ContainsFunc([]*party{leaf, sub, ca}, func(p *party) bool { return p.PublicKey.(*ecdsa.PublicKey).Equal(v.Leaf.PublicKey) }) {
			t.Fatalf("a certificate that nobody issued: %x", v.Leaf.Raw)
		}
		for _, der := range chain {
			if got, most := allocated(func() { ParseCertificate(der) }), bound(der); got > most {
				t.Fatalf("%d octets ask for %d, at most %d", len(der), got, most)
			}
			if c, err := ParseCertificate(der); err == nil {
				NameString(c.RawSubject)
			}
			(&IdentityList{DNs: []string{"cn=R1"}, FQDNs: []string{"r1"}}).Matches(idDN, der, der)
			MatchesID(leaf.Certificate, idDN, der)
		}
		DecodeText(string(data), MaxCertificate)
		DecodeHex(string(data))
		ParseName(string(data))
	})
}

func FuzzCRL(f *testing.F) {
	ca := issue(f, "Root", key(1), nil, authority)
	leaf := issue(f, "R1", key(3), ca, nil)
	good := list(f, ca, nil, leaf)
	f.Add(good)
	f.Add(list(f, ca, nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		var l *CRL
		var err error
		if got, most := allocated(func() { l, err = ParseCRL(data, []*x509.Certificate{ca.Certificate}) }), bound(data); got > most {
			t.Fatalf("%d octets ask for %d, at most %d", len(data), got, most)
		}
		if err == nil {
			l.Revoked(leaf.Certificate)
			l.usable(noon)
		}
	})
}
