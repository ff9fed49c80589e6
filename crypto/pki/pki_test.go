package pki

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// noon is when tests happen.
var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// key is a fixed EC key of P-256: its scalar is made of n.
func key(n byte) *ecdsa.PrivateKey {
	d := bytes.Repeat([]byte{n}, 32)
	k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), d)
	if err != nil {
		panic(err)
	}
	return k
}

// rsaKey is a fixed key of 1024 bits, what old authorities have.
var rsaKey = func() *rsa.PrivateKey {
	k, err := x509.ParsePKCS1PrivateKey(fixedRSA)
	if err != nil {
		panic(err)
	}
	return k
}()

// party is a certificate and its key.
type party struct {
	*x509.Certificate
	key crypto.Signer
}

// subject makes a name of attributes from the general to the special.
func subject(cn string) pkix.Name {
	return pkix.Name{Organization: []string{"Coterie"}, OrganizationalUnit: []string{"Branch"}, CommonName: cn}
}

var serials int64 = 100

// issue makes a certificate; edit changes what is usual.
func issue(t testing.TB, cn string, k crypto.Signer, by *party, edit func(*x509.Certificate)) *party {
	t.Helper()
	serials++
	c := &x509.Certificate{
		SerialNumber: big.NewInt(serials), Subject: subject(cn),
		NotBefore: noon.Add(-24 * time.Hour), NotAfter: noon.Add(365 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
	}
	if edit != nil {
		edit(c)
	}
	parent, signer := c, k
	if by != nil {
		parent, signer = by.Certificate, by.key
	}
	der, err := x509.CreateCertificate(zero{}, c, parent, k.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &party{parsed, k}
}

// zero is randomness for those who ignore it.
type zero struct{}

func (zero) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func authority(c *x509.Certificate) {
	c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
}

func list(t testing.TB, by *party, edit func(*x509.RevocationList), revoked ...*party) []byte {
	t.Helper()
	r := &x509.RevocationList{Number: big.NewInt(7), ThisUpdate: noon.Add(-time.Hour), NextUpdate: noon.Add(time.Hour)}
	for _, p := range revoked {
		r.RevokedCertificateEntries = append(r.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: p.SerialNumber, RevocationTime: noon.Add(-2 * time.Hour), ReasonCode: 1})
	}
	if edit != nil {
		edit(r)
	}
	der, err := x509.CreateRevocationList(zero{}, r, by.Certificate, by.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func crl(t testing.TB, by *party, edit func(*x509.RevocationList), revoked ...*party) *CRL {
	t.Helper()
	l, err := ParseCRL(list(t, by, edit, revoked...), []*x509.Certificate{by.Certificate})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func trust(name string, by ...*party) *Trustpoint {
	t := &Trustpoint{Name: name}
	for _, p := range by {
		t.Anchors = append(t.Anchors, p.Certificate)
	}
	return t
}

func raw(list ...*party) (out [][]byte) {
	for _, p := range list {
		out = append(out, p.Raw)
	}
	return out
}

func TestVerify(t *testing.T) {
	ca := issue(t, "Root", key(1), nil, authority)
	sub := issue(t, "Sub", key(2), ca, authority)
	leaf := issue(t, "R1", key(3), sub, nil)
	direct := issue(t, "R2", key(4), ca, nil)
	other := issue(t, "Other", key(5), nil, authority)
	foreign := issue(t, "R3", key(6), other, nil)
	// The name and key identifier of the root, another key.
	impostor := issue(t, "Root", key(7), nil, func(c *x509.Certificate) { authority(c); c.SubjectKeyId = ca.SubjectKeyId })
	forged := issue(t, "R2", key(8), impostor, nil)
	late := issue(t, "R4", key(9), ca, func(c *x509.Certificate) { c.NotAfter = noon.Add(-time.Hour) })
	early := issue(t, "R5", key(9), ca, func(c *x509.Certificate) { c.NotBefore = noon.Add(time.Hour) })
	encipher := issue(t, "R6", key(9), ca, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment })
	nobody := issue(t, "R7", key(10), ca, nil) // no authority
	child := issue(t, "R8", key(11), nobody, nil)
	strict := issue(t, "Strict", key(12), ca, func(c *x509.Certificate) { authority(c); c.MaxPathLenZero = true })
	below := issue(t, "Below", key(13), strict, authority)
	deep := issue(t, "R9", key(14), below, nil)
	bounded := issue(t, "Bounded", key(15), ca, func(c *x509.Certificate) {
		authority(c)
		c.PermittedDNSDomainsCritical, c.PermittedDNSDomains = true, []string{"branch.example"}
	})
	inside := issue(t, "R10", key(16), bounded, func(c *x509.Certificate) { c.DNSNames = []string{"r10.branch.example"} })
	outside := issue(t, "R11", key(16), bounded, func(c *x509.Certificate) { c.DNSNames = []string{"ks.example"} })
	oldCA := issue(t, "Old", rsaKey, nil, authority)
	critical := issue(t, "R12", key(17), ca, func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}}
	})
	old := bySHA1(t, oldCA)
	byRoot := trust("ROOT", ca)
	checked := func(l *CRL, optional bool) *Trustpoint {
		return &Trustpoint{Name: "CRL", Anchors: byRoot.Anchors, CheckCRL: true, CRLOptional: optional, CRL: l}
	}
	bad := slices.Clone(direct.Raw)
	bad[len(bad)-20] ^= 1
	stale := func(r *x509.RevocationList) { r.NextUpdate = noon.Add(-time.Minute) }
	for _, c := range []struct {
		name   string
		chain  [][]byte
		points []*Trustpoint
		want   error
		weak   bool
	}{
		{name: "direct", chain: raw(direct), points: []*Trustpoint{byRoot}},
		{name: "chain", chain: raw(leaf, sub), points: []*Trustpoint{byRoot}},
		{name: "chain with its root", chain: raw(leaf, ca, sub), points: []*Trustpoint{byRoot}},
		{name: "subordinate as anchor", chain: raw(leaf), points: []*Trustpoint{trust("SUB", sub)}},
		{name: "intermediate of our own", chain: raw(leaf), points: []*Trustpoint{{Name: "T", Anchors: byRoot.Anchors, Chain: raw(direct, sub)}}},
		{name: "second trustpoint", chain: raw(foreign), points: []*Trustpoint{byRoot, trust("OTHER", other)}},
		{name: "gap", chain: raw(leaf), points: []*Trustpoint{byRoot}, want: ErrNoAnchor},
		{name: "stranger", chain: raw(foreign), points: []*Trustpoint{byRoot}, want: ErrNoAnchor},
		{name: "stranger brings its root", chain: raw(foreign, other), points: []*Trustpoint{byRoot}, want: ErrNoAnchor},
		{name: "no trustpoint", chain: raw(direct), want: ErrNoAnchor},
		{name: "forged", chain: raw(forged), points: []*Trustpoint{byRoot}, want: ErrSignature},
		{name: "forged, with the impostor", chain: raw(forged, impostor), points: []*Trustpoint{byRoot}, want: ErrSignature},
		{name: "changed", chain: [][]byte{bad}, points: []*Trustpoint{byRoot}, want: ErrSignature},
		{name: "expired", chain: raw(late), points: []*Trustpoint{byRoot}, want: ErrExpired},
		{name: "not yet", chain: raw(early), points: []*Trustpoint{byRoot}, want: ErrNotYetValid},
		{name: "usage", chain: raw(encipher), points: []*Trustpoint{byRoot}, want: ErrUsage},
		{name: "issued by no authority", chain: raw(child, nobody), points: []*Trustpoint{byRoot}, want: ErrUsage},
		{name: "path length", chain: raw(deep, below, strict), points: []*Trustpoint{byRoot}, want: ErrUsage},
		{name: "critical extension", chain: raw(critical), points: []*Trustpoint{byRoot}, want: ErrUsage},
		{name: "inside its constraints", chain: raw(inside, bounded), points: []*Trustpoint{byRoot}},
		{name: "outside its constraints", chain: raw(outside, bounded), points: []*Trustpoint{byRoot}, want: ErrUsage},
		{name: "SHA-1", chain: [][]byte{old}, points: []*Trustpoint{trust("OLD", oldCA)}, weak: true},
		{name: "none", points: []*Trustpoint{byRoot}, want: ErrMalformed},
		{name: "rubbish", chain: [][]byte{{1, 2, 3}}, points: []*Trustpoint{byRoot}, want: ErrMalformed},
		{name: "too many", chain: raw(leaf, sub, ca, other, sub), points: []*Trustpoint{byRoot}, want: ErrTooLong},
		{name: "too large", chain: [][]byte{make([]byte, MaxCertificate+1)}, points: []*Trustpoint{byRoot}, want: ErrTooLong},
		{name: "listed as good", chain: raw(direct), points: []*Trustpoint{checked(crl(t, ca, nil, late), false)}},
		{name: "revoked", chain: raw(direct), points: []*Trustpoint{checked(crl(t, ca, nil, late, direct), false)}, want: ErrRevoked},
		{name: "revoked though optional", chain: raw(direct), points: []*Trustpoint{checked(crl(t, ca, nil, direct), true)}, want: ErrRevoked},
		{name: "revoked in a stale list", chain: raw(direct), points: []*Trustpoint{checked(crl(t, ca, stale, direct), true)}, want: ErrRevoked},
		{name: "subordinate revoked", chain: raw(leaf, sub), points: []*Trustpoint{checked(crl(t, ca, nil, sub), false)}, want: ErrRevoked},
		{name: "no list", chain: raw(direct), points: []*Trustpoint{checked(nil, false)}, want: ErrNoCRL},
		{name: "no list, optional", chain: raw(direct), points: []*Trustpoint{checked(nil, true)}},
		{name: "stale list", chain: raw(direct), points: []*Trustpoint{checked(crl(t, ca, stale), false)}, want: ErrNoCRL},
		{name: "stale list, optional", chain: raw(direct), points: []*Trustpoint{checked(crl(t, ca, stale), true)}},
		{name: "list of the wrong authority", chain: raw(leaf, sub), points: []*Trustpoint{checked(crl(t, ca, nil), false)}, want: ErrNoCRL},
	} {
		v, err := Verify(c.chain, c.points, noon)
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
			continue
		}
		if err == nil && (!bytes.Equal(v.Leaf.Raw, c.chain[0]) || v.Weak != c.weak) {
			t.Errorf("%s: leaf %v, weak %v", c.name, v.Leaf.Subject, v.Weak)
		}
		if err == nil && (v.From.After(noon) || !v.Until.After(noon)) {
			t.Errorf("%s: taken now, and holds from %v until %v", c.name, v.From, v.Until)
		}
	}
}

// bySHA1 is a certificate that an authority of old signed with SHA-1: the
// standard library makes none, so the signature is put in by hand.
func bySHA1(t testing.TB, ca *party) []byte {
	t.Helper()
	c := issue(t, "Old router", key(20), ca, nil)
	var outer struct {
		TBS       asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}
	if _, err := asn1.Unmarshal(c.Raw, &outer); err != nil {
		t.Fatal(err)
	}
	was := outer.Algorithm.Algorithm
	sha1RSA := asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 5}
	from, _ := asn1.Marshal(was)
	to, _ := asn1.Marshal(sha1RSA)
	tbs := bytes.Replace(outer.TBS.FullBytes, from, to, 1)
	digest := sha1.Sum(tbs)
	signature, err := rsa.SignPKCS1v15(nil, ca.key.(*rsa.PrivateKey), crypto.SHA1, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	outer.TBS = asn1.RawValue{FullBytes: tbs}
	outer.Algorithm.Algorithm = sha1RSA
	outer.Signature = asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}
	der, err := asn1.Marshal(outer)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// A verdict is remembered as long as it holds and no longer.
func TestCache(t *testing.T) {
	ca := issue(t, "Root", key(1), nil, authority)
	leaf := issue(t, "R1", key(2), ca, func(c *x509.Certificate) { c.NotAfter = noon.Add(3 * time.Hour) })
	points := []*Trustpoint{{Name: "T", Anchors: []*x509.Certificate{ca.Certificate}, CheckCRL: true, CRL: crl(t, ca, nil)}}
	var c Cache
	first, err := c.Verify(raw(leaf), points, noon)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := c.Verify(raw(leaf), points, noon.Add(time.Minute)); again != first {
		t.Error("verified twice")
	}
	if !first.Until.Equal(noon.Add(time.Hour)) {
		t.Errorf("holds until %v, want the list's next update", first.Until)
	}
	if _, err := c.Verify(raw(leaf), points, noon.Add(61*time.Minute)); !errors.Is(err, ErrNoCRL) {
		t.Errorf("outlives the list: %v", err)
	}
	// A new list is a new trustpoint, and everything is asked again.
	revoked := []*Trustpoint{{Name: "T", Anchors: points[0].Anchors, CheckCRL: true, CRL: crl(t, ca, nil, leaf)}}
	if _, err := c.Verify(raw(leaf), revoked, noon); !errors.Is(err, ErrRevoked) {
		t.Errorf("outlives its trustpoint: %v", err)
	}
	if c.Len() != 0 {
		t.Errorf("%d refusals are held", c.Len())
	}
	open := []*Trustpoint{trust("T", ca)}
	if _, err := c.Verify(raw(leaf), open, noon); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Verify(raw(leaf), open, noon.Add(4*time.Hour)); !errors.Is(err, ErrExpired) {
		t.Errorf("outlives the certificate: %v", err)
	}
	if _, err := c.Verify(raw(leaf), open, noon.Add(-48*time.Hour)); !errors.Is(err, ErrNotYetValid) {
		t.Errorf("holds before the certificate: %v", err)
	}
	chains := raw(leaf)
	for i := range maxVerdicts + 10 { // the same proof in other words
		v := append(slices.Clone(chains), binary.BigEndian.AppendUint16([]byte{}, uint16(i)))
		c.Verify(v[:1], open, noon)
		c.verdicts[digest(v)], c.order = first, append(c.order, digest(v))
		if len(c.order) > maxVerdicts {
			delete(c.verdicts, c.order[0])
			c.order = c.order[1:]
		}
	}
	extra := issue(t, "R2", key(3), ca, nil)
	if _, err := c.Verify(raw(extra), open, noon); err != nil || c.Len() > maxVerdicts || len(c.order) > maxVerdicts {
		t.Errorf("%d verdicts, %v", c.Len(), err)
	}
}

func TestCRL(t *testing.T) {
	ca := issue(t, "Root", key(1), nil, authority)
	other := issue(t, "Other", key(2), nil, authority)
	namesake := issue(t, "Root", key(3), nil, authority)
	noSign := issue(t, "Silent", key(4), nil, authority)
	noSign.Certificate.KeyUsage = x509.KeyUsageCertSign
	gone := issue(t, "R1", key(5), ca, func(c *x509.Certificate) { c.SerialNumber = big.NewInt(0x80) })
	stays := issue(t, "R2", key(6), ca, nil)
	extension := func(id asn1.ObjectIdentifier, critical bool) func(*x509.RevocationList) {
		return func(r *x509.RevocationList) {
			r.ExtraExtensions = []pkix.Extension{{Id: id, Critical: critical, Value: []byte{0x30, 0}}}
		}
	}
	good := list(t, ca, nil, stays, gone)
	l, err := ParseCRL(good, []*x509.Certificate{other.Certificate, ca.Certificate})
	if err != nil {
		t.Fatal(err)
	}
	if l.Issuer != "cn=Root,ou=Branch,o=Coterie" || l.Number != "7" || l.Len() != 2 || !l.ThisUpdate.Equal(noon.Add(-time.Hour)) || !l.NextDate.Equal(noon.Add(time.Hour)) {
		t.Errorf("%+v", l)
	}
	if when, ok := l.Revoked(gone.Certificate); !ok || !when.Equal(noon.Add(-2*time.Hour)) {
		t.Error("a serial number with its high bit set is not found:", when, ok)
	}
	byOther := issue(t, "R3", key(7), other, func(c *x509.Certificate) { c.SerialNumber = gone.SerialNumber })
	if _, ok := l.Revoked(byOther.Certificate); ok {
		t.Error("the list of one authority revokes what another issued")
	}
	changed := slices.Clone(good)
	changed[len(changed)-9] ^= 1
	for _, c := range []struct {
		name string
		der  []byte
		by   *party
		want error
	}{
		{"empty", list(t, ca, nil), ca, nil},
		{"another extension", list(t, ca, extension(asn1.ObjectIdentifier{1, 2, 3}, false)), ca, nil},
		{"changed", changed, ca, ErrSignature},
		{"a namesake's", list(t, namesake, nil), ca, ErrSignature},
		{"a stranger's", list(t, other, nil), ca, ErrNoAnchor},
		{"critical extension", list(t, ca, extension(asn1.ObjectIdentifier{2, 5, 29, 28}, true)), ca, ErrUsage},
		{"may not sign lists", list(t, &party{issue(t, "Silent", key(4), nil, authority).Certificate, key(4)}, nil), noSign, ErrUsage},
		{"cut", good[:len(good)-1], ca, ErrMalformed},
		{"longer", append(slices.Clone(good), 0), ca, ErrMalformed},
		{"nothing", nil, ca, ErrMalformed},
		{"too long", make([]byte, MaxCRL+1), ca, ErrTooLong},
	} {
		if _, err := ParseCRL(c.der, []*x509.Certificate{c.by.Certificate}); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestMatchesID(t *testing.T) {
	ca := issue(t, "Root", key(1), nil, authority)
	name := issue(t, "R1.example.net", key(2), ca, nil)
	full := issue(t, "R2.example.net", key(3), ca, func(c *x509.Certificate) {
		c.DNSNames, c.EmailAddresses = []string{"Branch2.Example.Net", "*.wild.example"}, []string{"ops@Example.net"}
		c.IPAddresses = []net.IP{net.ParseIP("192.0.2.7"), net.ParseIP("2001:db8::7")}
	})
	der, err := Request{Subject: "cn=R3, o=Coterie", FQDN: "r3.example.net", Serial: "9X", Address: netip.MustParseAddr("192.0.2.9")}.subjectDER()
	if err != nil {
		t.Fatal(err)
	}
	ios := issue(t, "", key(4), ca, func(c *x509.Certificate) { c.RawSubject = der })
	v4, v6 := netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("2001:db8::7")
	// The same name with its strings in another type.
	utf8 := bytes.ReplaceAll(slices.Clone(full.RawSubject), []byte{asn1.TagPrintableString}, []byte{asn1.TagUTF8String})
	for _, c := range []struct {
		name string
		cert *party
		kind uint8
		data []byte
		want bool
	}{
		{"subject", full, idDN, full.RawSubject, true},
		{"subject, another string type", full, idDN, utf8, true},
		{"another subject", full, idDN, name.RawSubject, false},
		{"not a name", full, idDN, []byte("R2"), false},
		{"DNS name", full, idFQDN, []byte("branch2.example.NET"), true},
		{"DNS name with its root", full, idFQDN, []byte("branch2.example.net."), true},
		{"common name beside a DNS name", full, idFQDN, []byte("R2.example.net"), false},
		{"common name alone", name, idFQDN, []byte("r1.EXAMPLE.net"), true},
		{"another host", name, idFQDN, []byte("ks1.example.net"), false},
		{"wild card", full, idFQDN, []byte("a.wild.example"), false},
		{"wild card itself", full, idFQDN, []byte("*.wild.example"), false},
		{"mailbox", full, idUserFQDN, []byte("ops@example.NET"), true},
		{"another mailbox", full, idUserFQDN, []byte("Ops@example.net"), false},
		{"IPv4", full, idIPv4, v4.AsSlice(), true},
		{"IPv6", full, idIPv6, v6.AsSlice(), true},
		{"IPv4 as IPv6", full, idIPv6, v4.AsSlice(), false},
		{"another address", full, idIPv4, []byte{192, 0, 2, 8}, false},
		{"address without one", name, idIPv4, v4.AsSlice(), false},
		{"short address", full, idIPv4, []byte{192, 0, 2}, false},
		{"unstructuredName", ios, idFQDN, []byte("R3.example.net"), true},
		{"unstructuredAddress", ios, idIPv4, []byte{192, 0, 2, 9}, true},
		{"subnet", full, 4, append(v4.AsSlice(), 255, 255, 255, 255), false},
		{"key ID", full, 11, []byte("R2"), false},
		{"nothing", full, idFQDN, nil, false},
		{"NUL", full, idFQDN, []byte("branch2.example.net\x00.evil.example"), false},
	} {
		if got := MatchesID(c.cert.Certificate, c.kind, c.data); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	if MatchesID(nil, idFQDN, []byte("x")) {
		t.Error("no certificate proves a name")
	}
}

func TestIdentityList(t *testing.T) {
	ca := issue(t, "Root", key(1), nil, authority)
	r1 := issue(t, "R1", key(2), ca, func(c *x509.Certificate) { c.DNSNames = []string{"r1.example.net"} })
	for _, c := range []struct {
		name string
		list *IdentityList
		kind uint8
		data []byte
		cert []byte
		want bool
	}{
		{"all attributes", &IdentityList{DNs: []string{"ou=Branch,o=Coterie"}}, idIPv4, nil, r1.Raw, true},
		{"in any order and case", &IdentityList{DNs: []string{"O=coterie, CN=r1"}}, idIPv4, nil, r1.Raw, true},
		{"one attribute differs", &IdentityList{DNs: []string{"ou=Branch,o=Another"}}, idIPv4, nil, r1.Raw, false},
		{"the second line", &IdentityList{DNs: []string{"ou=HQ", "ou=Branch"}}, idIPv4, nil, r1.Raw, true},
		{"a part of a value", &IdentityList{DNs: []string{"ou=Bran"}}, idIPv4, nil, r1.Raw, false},
		{"FQDN of the certificate", &IdentityList{FQDNs: []string{"R1.Example.Net"}}, idIPv4, nil, r1.Raw, true},
		{"FQDN only claimed", &IdentityList{FQDNs: []string{"ks.example.net"}}, idFQDN, []byte("ks.example.net"), r1.Raw, false},
		{"FQDN by pre-shared key", &IdentityList{FQDNs: []string{"r1.example.net"}}, idFQDN, []byte("R1.example.net"), nil, true},
		{"another FQDN by pre-shared key", &IdentityList{FQDNs: []string{"r1.example.net"}}, idFQDN, []byte("r2.example.net"), nil, false},
		{"name by pre-shared key", &IdentityList{DNs: []string{"cn=R1"}}, idDN, r1.RawSubject, nil, true},
		{"address by pre-shared key", &IdentityList{DNs: []string{"cn=R1"}, FQDNs: []string{"r1"}}, idIPv4, []byte{1, 2, 3, 4}, nil, false},
		{"empty list", &IdentityList{}, idDN, r1.RawSubject, r1.Raw, false},
		{"no list", nil, idDN, r1.RawSubject, r1.Raw, false},
		{"no certificate at all", &IdentityList{DNs: []string{"cn=R1"}}, idDN, r1.RawSubject, []byte{1}, false},
		{"a line that is no name", &IdentityList{DNs: []string{"R1"}}, idDN, r1.RawSubject, r1.Raw, false},
	} {
		if got := c.list.Matches(c.kind, c.data, c.cert); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"cn=R1,ou=Branch,o=Coterie", "cn=R1,ou=Branch,o=Coterie"},
		{" CN = R1 , O=Coterie Ltd. ", "cn=R1,o=Coterie Ltd."},
		{`cn=R1, o="Doe, Sons"`, "cn=R1,o=Doe, Sons"},
		{`cn=R1, o=Doe\, Sons`, "cn=R1,o=Doe, Sons"},
		{"serialNumber=9X+hostname=r1,cn=R1", "hostname=r1+serialNumber=9X,cn=R1"},
		{"e=a@b.example, dc=example, c=GB", "e=a@b.example,dc=example,c=GB"},
	} {
		seq, err := ParseName(c.text)
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		der, err := asn1.Marshal(seq)
		if err != nil {
			t.Fatal(err)
		}
		if got := NameString(der); len(got) != len(c.want) || c.text != "serialNumber=9X+hostname=r1,cn=R1" && got != c.want {
			t.Errorf("%q prints as %q, want %q", c.text, got, c.want)
		}
	}
	for _, text := range []string{"", "R1", "cn=", "=R1", "xx=R1", "cn=R1,", strings.Repeat("o=x,", 400) + "cn=R1"} {
		if seq, err := ParseName(text); err == nil {
			t.Errorf("%q is a name: %v", text, seq)
		}
	}
	if NameString([]byte{1}) != "<empty>" || NameString(nil) != "<empty>" {
		t.Error("what is not a name has one")
	}
}

func TestText(t *testing.T) {
	ca := issue(t, "Root", key(1), nil, authority)
	text := CertificatePEM(ca.Raw)
	lines := strings.Split(strings.TrimSpace(text), "\n")
	bare := strings.Join(lines[1:len(lines)-1], "\n")
	for name, in := range map[string]string{
		"PEM":                  text,
		"indented":             "  " + strings.Join(lines, "\r\n   ") + "\r\n",
		"text around":          "Certificate:\n  Data: v3\n" + text + "quit\n",
		"bare":                 bare,
		"bare, quit":           bare + "\nquit\n",
		"without its padding":  strings.TrimRight(bare, "="),
		"on one line":          strings.ReplaceAll(bare, "\n", ""),
		"end on the last line": lines[0] + "\n" + bare + lines[len(lines)-1],
		"DER":                  string(ca.Raw),
		"X509 CERTIFICATE":     strings.ReplaceAll(text, "CERTIFICATE", "X509 CERTIFICATE"),
	} {
		if der, err := DecodeText(in, MaxCertificate); err != nil || !bytes.Equal(der, ca.Raw) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, in := range map[string]string{"nothing": "", "words": "this is no certificate!", "no end": strings.Join(lines[:3], "\n"), "too long": strings.Repeat("A", 40000)} {
		if _, err := DecodeText(in, MaxCertificate); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if der, err := DecodeHex(fmt.Sprintf(" %X\n %X ", ca.Raw[:20], ca.Raw[20:])); err != nil || !bytes.Equal(der, ca.Raw) {
		t.Error("hexadecimal:", err)
	}
	for _, in := range []string{"", "3", "XY", strings.Repeat("00", MaxCertificate+1)} {
		if _, err := DecodeHex(in); err == nil {
			t.Errorf("%.10q is hexadecimal", in)
		}
	}
}

func TestRequests(t *testing.T) {
	r := Request{Subject: "cn=R1,ou=Branch,o=Coterie", FQDN: "r1.example.net", Serial: "9X", Address: netip.MustParseAddr("192.0.2.1")}
	for _, k := range []crypto.Signer{key(1), rsaKey} {
		der, err := CreateRequest(r, k, zero{})
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := x509.ParseCertificateRequest(der)
		if err != nil {
			t.Fatal(err)
		}
		if err := parsed.CheckSignature(); err != nil {
			t.Error(err)
		}
		lines := Attributes(parsed.RawSubject)
		slices.Sort(lines[1:])
		if want := []string{"cn=R1", "o=Coterie", "ou=Branch"}; len(lines) != 4 || !slices.Equal(lines[1:], want) || strings.Count(lines[0], "+") != 2 {
			t.Errorf("subject %q", lines)
		}
		if !slices.Equal(parsed.DNSNames, []string{r.FQDN}) || len(parsed.IPAddresses) != 1 {
			t.Errorf("names %v %v", parsed.DNSNames, parsed.IPAddresses)
		}
		if text := RequestPEM(der); !strings.Contains(text, Base64(der)) || strings.Contains(Base64(der), "-") {
			t.Error("base64 is not that of the PEM")
		}
	}
	for _, bad := range []Request{{}, {Subject: "R1"}, {Subject: "cn=R1", Hash: "md5"}} {
		if _, err := CreateRequest(bad, rsaKey, zero{}); err == nil {
			t.Errorf("%+v is requested", bad)
		}
		if _, err := SelfSigned(bad, rsaKey, noon, zero{}); err == nil {
			t.Errorf("%+v is signed", bad)
		}
	}
	der, err := SelfSigned(r, key(1), noon, zero{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	own := &Trustpoint{Name: "SELF", Anchors: []*x509.Certificate{c}}
	if v, err := Verify([][]byte{der}, []*Trustpoint{own}, noon); err != nil || v.Trustpoint != own {
		t.Error("a self-signed certificate that is an anchor:", err)
	}
	if !IsSelfSigned(c) || !IsAuthority(c) || IssuedBy(c, c) != nil || !MatchesID(c, idFQDN, []byte("r1.example.net")) || Host(c) != "r1.example.net" {
		t.Error("a self-signed certificate")
	}
}
