package isakmp

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"io"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"coterie/crypto/pki"
	"coterie/crypto/suite"
	"coterie/internal/syslog"
)

// Main mode with signatures, one ladder a method: HDR, KE, N, CERTREQ in 3 and
// 4, HDR*, ID, CERT, SIG in 5 and 6.
func TestMainModeSignatures(t *testing.T) {
	for _, key := range allKeys() {
		t.Run(methodName(key), func(t *testing.T) {
			gmConfig, ksConfig := enrolled(t, key)
			w := pair(t, gmConfig, ksConfig)
			gm, ks := w.up()
			if len(w.sent) != 6 {
				t.Errorf("%d messages, want 6", len(w.sent))
			}
			for i, want := range [][]uint8{2: {PayloadKE, PayloadNonce, PayloadCertReq}, 3: {PayloadKE, PayloadNonce, PayloadCertReq}} {
				if want == nil {
					continue
				}
				h, body, err := ParseHeader(w.sent[i].Data)
				if err != nil {
					t.Fatal(err)
				}
				list, err := Payloads(h.Next, body)
				if err != nil {
					t.Fatal(err)
				}
				var got []uint8
				for _, p := range list {
					got = append(got, p.Type)
				}
				if !slices.Equal(got, want) {
					t.Errorf("message %d has payloads %v", i+1, got)
				}
			}
			if !bytes.Equal(ks.Certificate, gmConfig.Trustpoints[0].Chain[0]) || !bytes.Equal(gm.Certificate, ksConfig.Trustpoints[0].Chain[0]) {
				t.Error("the SA does not hold the peer's certificate")
			}
			if a, ok := ks.Peer.Addr(); !ok || a != gmAddr.Addr() {
				t.Errorf("identity of the member %v", ks.Peer)
			}
			sa := w.nodes[ksAddr].byID[ks.ID]
			if _, curve := keyOf(ksConfig.Trustpoints[0]); sa.policy.Curve != curve {
				t.Errorf("negotiated %+v", sa.policy)
			}
			exchangeOf3(w, gm, ks, 0x1000)
			// Repeated message 5: the very same message 6, and no second signature.
			jobs := w.nodes[ksAddr].lastJob
			w.sent = nil
			exchangeOf3(w, gm, ks, 0x1001)
			if w.nodes[ksAddr].lastJob != jobs {
				t.Error("a computation after phase 1")
			}
		})
	}
}

// The responder does one private-key operation, after the initiator's
// signature has verified.
func TestOneSignature(t *testing.T) {
	gmConfig, ksConfig := enrolled(t, rsaKey())
	n := 0
	ksConfig.Trustpoints[0].Signer = counting{rsaKey(), &n}
	w := pair(t, gmConfig, ksConfig)
	w.deliver = func(s Send) []Send { return []Send{s, s} } // every message twice
	w.up()
	w.pass(3 * time.Minute)
	if n != 1 {
		t.Errorf("%d signatures", n)
	}
	// A message 5 that is forged costs none.
	n = 0
	w = pair(t, gmConfig, ksConfig)
	w.deliver = func(s Send) []Send {
		if s.Local == gmAddr && s.Data[19]&FlagEncryption != 0 {
			s.Data = bytes.Clone(s.Data)
			s.Data[HeaderLen] ^= 1
		}
		return []Send{s}
	}
	w.step(gmAddr, Connect{Owner: 1, Local: gmAddr, Remote: ksAddr})
	w.pass(time.Minute)
	must[PhaseOneFailed](w, gmAddr)
	if n != 0 {
		t.Errorf("%d signatures for forged messages", n)
	}
}

type counting struct {
	crypto.Signer
	n *int
}

func (c counting) Sign(r io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	*c.n++
	return c.Signer.Sign(r, digest, o)
}

// A chain of three certificates, of which the peer knows the root only.
func TestChain(t *testing.T) {
	root := newAuthority(t, "Root")
	sub := root.below("Sub").below("Issuing")
	w := pair(t, certified(false, signed(RSASig), sub.trustpoint("gm1.example", "192.0.2.1", rsaKey(), nil)),
		certified(true, signed(RSASig), root.trustpoint("ks1.example", "192.0.2.254", rsaKey(), nil)))
	gm, ks := w.up()
	exchangeOf3(w, gm, ks, 7)
}

// The certificate is that of the authority that the peer asked for.
func TestTrustpointChoice(t *testing.T) {
	a, b := newAuthority(t, "A"), newAuthority(t, "B")
	mine := []*pki.Trustpoint{a.trustpoint("gm1.example", "192.0.2.1", rsaKey(), nil), b.trustpoint("gm1.example", "192.0.2.1", rsaKey(), nil)}
	for i, of := range []*authority{a, b} {
		theirs := of.trustpoint("ks1.example", "192.0.2.254", rsaKey(), nil)
		w := pair(t, certified(false, signed(RSASig), mine...), certified(true, signed(RSASig), theirs))
		if _, ks := w.up(); !bytes.Equal(ks.Certificate, mine[i].Chain[0]) {
			t.Errorf("case %d: another certificate", i)
		}
		// And the other way: the initiator asks.
		theirs = of.trustpoint("gm1.example", "192.0.2.1", rsaKey(), nil)
		server := []*pki.Trustpoint{a.trustpoint("ks1.example", "192.0.2.254", rsaKey(), nil), b.trustpoint("ks1.example", "192.0.2.254", rsaKey(), nil)}
		w = pair(t, certified(false, signed(RSASig), theirs), certified(true, signed(RSASig), server...))
		if gm, _ := w.up(); !bytes.Equal(gm.Certificate, server[i].Chain[0]) {
			t.Errorf("case %d: another certificate of the server", i)
		}
	}
	// Requests: one a CA, in a message of its own length.
	if n := len(request(append(mine, mine...))); n != 2 {
		t.Errorf("%d requests", n)
	}
}

// Whatever is wrong with a certificate, the peer sees one silence, and we say
// what it was.
func TestBadCertificates(t *testing.T) {
	ca, other := newAuthority(t, "CA"), newAuthority(t, "Other")
	good := func(change func(*x509.Certificate)) *pki.Trustpoint {
		return ca.trustpoint("gm1.example", "192.0.2.1", rsaKey(), change)
	}
	server := ca.trustpoint("ks1.example", "192.0.2.254", rsaKey(), nil)
	stolen := good(nil) // another's certificate, our key
	stolen.Signer = otherRSA()
	for _, x := range []struct {
		name  string
		gm    *pki.Trustpoint
		self  SelfIdentity
		cause string
	}{
		{"expired", good(func(c *x509.Certificate) { c.NotBefore, c.NotAfter = start.Add(-2*time.Hour), start.Add(-time.Hour) }), SelfIdentity{}, "has expired"},
		{"not yet valid", good(func(c *x509.Certificate) { c.NotBefore, c.NotAfter = start.Add(time.Hour), start.Add(2*time.Hour) }), SelfIdentity{}, "not valid yet"},
		{"other authority", other.trustpoint("gm1.example", "192.0.2.1", rsaKey(), nil), SelfIdentity{}, "no trustpoint"},
		{"stolen", stolen, SelfIdentity{}, "signature does not verify"},
		{"key usage", good(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }), SelfIdentity{}, "key usage"},
	} {
		t.Run(x.name, func(t *testing.T) {
			gm := certified(false, signed(RSASig), x.gm)
			gm.Identity = x.self
			// The member trusts the server's authority in any case.
			if x.gm.Anchors[0] != server.Anchors[0] {
				gm.Trustpoints = append(gm.Trustpoints, &pki.Trustpoint{Name: "trust", Anchors: server.Anchors})
			}
			w := pair(t, gm, certified(true, signed(RSASig), server))
			w.step(gmAddr, Connect{Owner: 1, Local: gmAddr, Remote: ksAddr})
			w.pass(time.Minute)
			if f := must[PhaseOneFailed](w, gmAddr); f.Reason != ReasonAuthentication {
				t.Errorf("%+v", f)
			}
			// Messages 1 to 4, then 5 four times; no answer to any.
			if len(w.sent) != 8 {
				t.Errorf("%d datagrams, want 8", len(w.sent))
			}
			found := false
			for _, o := range w.outputs[ksAddr] {
				l, ok := o.(Log)
				found = found || ok && l.Event == syslog.IKMPInvalidCertificate && strings.Contains(l.Text(), x.cause)
			}
			if !found {
				t.Errorf("no line about %q: %v", x.cause, w.outputs[ksAddr])
			}
			if c := w.nodes[ksAddr].count.AuthFail; c != 4 {
				t.Errorf("%d failures counted", c)
			}
		})
	}
}

// The initiator checks its server the same way.
func TestBadServerCertificate(t *testing.T) {
	ca, other := newAuthority(t, "CA"), newAuthority(t, "Other")
	gm := certified(false, signed(RSASig), ca.trustpoint("gm1.example", "192.0.2.1", rsaKey(), nil))
	ks := certified(true, signed(RSASig), other.trustpoint("ks1.example", "192.0.2.254", rsaKey(), nil),
		&pki.Trustpoint{Name: "trust", Anchors: gm.Trustpoints[0].Anchors})
	w := pair(t, gm, ks)
	w.step(gmAddr, Connect{Owner: 1, Local: gmAddr, Remote: ksAddr})
	w.pass(time.Minute)
	if f := must[PhaseOneFailed](w, gmAddr); f.Reason != ReasonAuthentication {
		t.Errorf("%+v", f)
	}
	if w.logged(gmAddr, syslog.IKMPInvalidCertificate) == 0 {
		t.Errorf("nothing logged: %v", w.outputs[gmAddr])
	}
}

func TestRevoked(t *testing.T) {
	ca := newAuthority(t, "CA")
	member := ca.trustpoint("gm1.example", "192.0.2.1", rsaKey(), nil)
	leaf, err := x509.ParseCertificate(member.Chain[0])
	if err != nil {
		t.Fatal(err)
	}
	list := func(serials ...*big.Int) *pki.CRL {
		l := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: start.Add(-time.Hour), NextUpdate: start.Add(time.Hour)}
		for _, s := range serials {
			l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: s, RevocationTime: start})
		}
		der, err := x509.CreateRevocationList(rand.Reader, l, ca.cert, ca.key)
		if err != nil {
			t.Fatal(err)
		}
		crl, err := pki.ParseCRL(der, []*x509.Certificate{ca.cert})
		if err != nil {
			t.Fatal(err)
		}
		return crl
	}
	for name, x := range map[string]struct {
		crl *pki.CRL
		ok  bool
	}{
		"clean":   {list(big.NewInt(999)), true},
		"revoked": {list(leaf.SerialNumber), false},
		"no list": {nil, false},
	} {
		server := ca.trustpoint("ks1.example", "192.0.2.254", rsaKey(), nil)
		server.CheckCRL, server.CRL = true, x.crl
		w := pair(t, certified(false, signed(RSASig), member), certified(true, signed(RSASig), server))
		w.step(gmAddr, Connect{Owner: 1, Local: gmAddr, Remote: ksAddr})
		w.pass(time.Minute)
		if _, ok := take[PhaseOneUp](w, gmAddr); ok != x.ok {
			t.Errorf("%s: up is %v", name, ok)
		}
	}
}

// An SA does not outlive the certificate that proved it.
func TestCertificateEndsTheSA(t *testing.T) {
	ca := newAuthority(t, "CA")
	member := ca.trustpoint("gm1.example", "192.0.2.1", rsaKey(), func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = start.Add(-time.Hour), start.Add(time.Hour)
	})
	w := pair(t, certified(false, signed(RSASig), member),
		certified(true, signed(RSASig), ca.trustpoint("ks1.example", "192.0.2.254", rsaKey(), nil)))
	_, ks := w.up()
	if sa := w.nodes[ksAddr].byID[ks.ID]; sa.expires != start.Add(time.Hour) {
		t.Errorf("expires %v", sa.expires)
	}
	w.pass(61 * time.Minute)
	must[SADeleted](w, ksAddr)
	w.step(gmAddr, Connect{Owner: 1, Local: gmAddr, Remote: ksAddr})
	w.pass(time.Minute)
	if f := must[PhaseOneFailed](w, gmAddr); f.Reason != ReasonAuthentication {
		t.Errorf("%+v", f)
	}
}

// The identity that a peer claims is proven by its certificate, or is the
// subject of it.
func TestCertifiedIdentities(t *testing.T) {
	ca := newAuthority(t, "CA")
	server := ca.trustpoint("ks1.example", "192.0.2.254", rsaKey(), nil)
	with := ca.trustpoint("gm1.example", "192.0.2.1", rsaKey(), func(c *x509.Certificate) { c.EmailAddresses = []string{"gm1@example"} })
	without := ca.trustpoint("gm1.example", "", rsaKey(), nil)
	dn := func(p *pki.Trustpoint) string {
		c, err := x509.ParseCertificate(p.Chain[0])
		if err != nil {
			t.Fatal(err)
		}
		return string(c.RawSubject)
	}
	for _, x := range []struct {
		point *pki.Trustpoint
		self  SelfIdentity
		kind  uint8
		data  string
	}{
		{with, SelfIdentity{}, IDIPv4Addr, "\xc0\x00\x02\x01"},
		{with, SelfIdentity{ByFQDN, "gm1.example"}, IDFQDN, "gm1.example"},
		{with, SelfIdentity{ByUserFQDN, "gm1@example"}, IDUserFQDN, "gm1@example"},
		{with, SelfIdentity{Kind: ByDN}, IDDERASN1DN, dn(with)},
		// Not in the certificate: its subject instead.
		{without, SelfIdentity{}, IDDERASN1DN, dn(without)},
		{with, SelfIdentity{ByFQDN, "other.example"}, IDDERASN1DN, dn(with)},
	} {
		gm := certified(false, signed(RSASig), x.point)
		gm.Identity = x.self
		w := pair(t, gm, certified(true, signed(RSASig), server))
		_, ks := w.up()
		if ks.Peer.Type != x.kind || string(ks.Peer.Data) != x.data {
			t.Errorf("%+v gave %d %q", x.self, ks.Peer.Type, ks.Peer.Data)
		}
	}
	// A peer that claims what it has not: the server's identity, or an address
	// that is not even its own. One that claims its own address, as IOS does, is
	// its subject.
	for _, x := range []struct {
		id Identity
		ok bool
	}{
		{Identity{Type: IDFQDN, Data: []byte("ks1.example")}, false},
		{Identity{Type: IDIPv4Addr, Data: []byte{192, 0, 2, 254}}, false},
		{Identity{Type: IDDERASN1DN, Data: []byte(dn(server))}, false},
		{Identity{Type: IDKeyID, Data: []byte{0, 0, 4, 210}}, false},
		{Identity{Type: IDIPv4Addr, Data: []byte{192, 0, 2, 1}}, true},
	} {
		w := pair(t, certified(false, signed(RSASig), without), certified(true, signed(RSASig), server))
		w.nodes[gmAddr].claim = x.id.Append(nil)
		w.step(gmAddr, Connect{Owner: 1, Local: gmAddr, Remote: ksAddr})
		w.pass(time.Minute)
		if _, ok := take[PhaseOneUp](w, gmAddr); ok != x.ok {
			t.Errorf("claim %v: up is %v", x.id, ok)
		}
		if x.ok {
			if sa := w.nodes[ksAddr].all()[0]; sa.peerID.Type != IDDERASN1DN || string(sa.peerID.Data) != dn(without) {
				t.Errorf("claim %v is lent as %v", x.id, sa.peerID)
			}
		}
	}
}

// Policies of several methods, in order of priority, as far as there are
// credentials.
func TestMixedPolicies(t *testing.T) {
	ca := newAuthority(t, "CA")
	rsaPoint := func(n string) *pki.Trustpoint { return ca.trustpoint(n, "", rsaKey(), nil) }
	ecPoint := func(n string) *pki.Trustpoint { return ca.trustpoint(n, "", ecKeys()[384], nil) }
	psk, rsig, esig := signed(PreShared), signed(RSASig), signed(ECDSASig)
	psk.Priority, rsig.Priority, esig.Priority = 30, 20, 10
	for i, x := range []struct {
		gm, ks []*pki.Trustpoint
		psk    string
		want   Auth
	}{
		{[]*pki.Trustpoint{rsaPoint("gm"), ecPoint("gm")}, []*pki.Trustpoint{rsaPoint("ks"), ecPoint("ks")}, "k", ECDSASig},
		{[]*pki.Trustpoint{rsaPoint("gm")}, []*pki.Trustpoint{rsaPoint("ks"), ecPoint("ks")}, "k", RSASig},
		{nil, []*pki.Trustpoint{rsaPoint("ks"), ecPoint("ks")}, "k", PreShared},
		{[]*pki.Trustpoint{ecPoint("gm")}, []*pki.Trustpoint{rsaPoint("ks")}, "k", PreShared},
		{[]*pki.Trustpoint{ecPoint("gm")}, []*pki.Trustpoint{rsaPoint("ks")}, "", 0},
	} {
		gm, ks := config(false, x.psk, esig, rsig, psk), config(true, x.psk, esig, rsig, psk)
		gm.Trustpoints, ks.Trustpoints = x.gm, x.ks
		if x.psk == "" {
			gm.Keyrings, ks.Keyrings = nil, nil
		}
		w := pair(t, gm, ks)
		w.step(gmAddr, Connect{Owner: 1, Local: gmAddr, Remote: ksAddr})
		w.pass(time.Minute)
		up, ok := take[PhaseOneUp](w, gmAddr)
		if ok != (x.want != 0) {
			t.Fatalf("case %d: up is %v", i, ok)
		}
		if ok && w.nodes[gmAddr].byID[up.SA.ID].policy.Auth != x.want {
			t.Errorf("case %d: %+v", i, w.nodes[gmAddr].byID[up.SA.ID].policy)
		}
	}
}

func TestNoCertificate(t *testing.T) {
	ca := newAuthority(t, "CA")
	bare := &pki.Trustpoint{Name: "CA", Anchors: []*x509.Certificate{ca.cert}}
	w := pair(t, certified(false, signed(RSASig), bare), certified(true, signed(RSASig), bare))
	w.step(gmAddr, Connect{Owner: 1, Local: gmAddr, Remote: ksAddr})
	w.pass(time.Minute)
	if f := must[PhaseOneFailed](w, gmAddr); f.Reason != ReasonNoCertificate || len(w.sent) != 0 {
		t.Errorf("%+v after %d datagrams", f, len(w.sent))
	}
	if w.logged(gmAddr, syslog.IKMPNoCertificate) == 0 {
		t.Error("nothing logged")
	}
	// The responder says the same of itself, and NO-PROPOSAL-CHOSEN to the peer.
	w = pair(t, certified(false, signed(RSASig), ca.trustpoint("gm", "", rsaKey(), nil)), certified(true, signed(RSASig), bare))
	w.step(gmAddr, Connect{Owner: 1, Local: gmAddr, Remote: ksAddr})
	w.pass(time.Minute)
	if f := must[PhaseOneFailed](w, gmAddr); f.Reason != ReasonNoProposal {
		t.Errorf("%+v", f)
	}
	if w.logged(ksAddr, syslog.IKMPNoCertificate) == 0 {
		t.Error("nothing logged on the responder")
	}
}

func TestECDSASignatures(t *testing.T) {
	for bits, key := range ecKeys() {
		p := signed(ECDSASig)
		p.Curve = bits
		hash := p.authHash().Sum([]byte("HASH_R"))
		if len(hash) != map[int]int{256: 32, 384: 48, 521: 64}[bits] {
			t.Errorf("P-%d signs %d octets", bits, len(hash))
		}
		n := (bits + 7) / 8
		for range 20 { // short r and s too
			sig, ok := sign(&pki.Trustpoint{Signer: key}, p, hash)().([]byte)
			if !ok || len(sig) != 2*n || verifySignature(&key.PublicKey, p, hash, sig) != nil {
				t.Fatalf("P-%d: %x", bits, sig)
			}
			hash = p.authHash().Sum(hash)
		}
		good := sign(&pki.Trustpoint{Signer: key}, p, hash)().([]byte)
		order := key.Params().N.FillBytes(make([]byte, n))
		for name, bad := range map[string][]byte{
			"nothing": nil, "zeros": make([]byte, 2*n), "cut": good[1:], "long": append([]byte{0}, good...), "r only": good[:n],
			"s is zero": append(bytes.Clone(good[:n]), make([]byte, n)...), "r is the order": append(bytes.Clone(order), good[n:]...),
			"swapped": append(bytes.Clone(good[n:]), good[:n]...),
		} {
			if verifySignature(&key.PublicKey, p, hash, bad) == nil {
				t.Errorf("P-%d: %s verifies", bits, name)
			}
		}
		wrong := p
		wrong.Curve = map[int]int{256: 384, 384: 521, 521: 256}[bits]
		if verifySignature(&key.PublicKey, wrong, hash, good) == nil {
			t.Errorf("P-%d serves another method", bits)
		}
	}
}

// The hash of an ECDSA method is its own, whatever was negotiated; SKEYID is
// made with the negotiated one.
func TestECDSAHash(t *testing.T) {
	p := signed(ECDSASig)
	p.Hash, p.Curve = suite.SHA1, 384
	k, err := deriveKeys(suite.SHA1, suite.AES128, skeyidSignature(suite.SHA1, []byte("g^xy"), []byte("Ni"), []byte("Nr")), []byte("g^xy"), Cookie{1}, Cookie{2})
	if err != nil {
		t.Fatal(err)
	}
	k.auth = p.authHash()
	equal(t, "SKEYID", k.skeyid.Reveal(), suite.SHA1.HMAC([]byte("NiNr"), []byte("g^xy")))
	ci, cr := Cookie{1}, Cookie{2}
	want := suite.SHA384.HMAC(k.skeyid.Reveal(), []byte("xi"), []byte("xr"), ci[:], cr[:], []byte("SA"), []byte("ID"))
	equal(t, "HASH_I", k.hashI([]byte("xi"), []byte("xr"), ci, cr, []byte("SA"), []byte("ID")), want)
}

// Chains and certificates are bounded before they are read.
func TestBoundedCertificates(t *testing.T) {
	cert := func(n int) Payload {
		return Payload{Type: PayloadCert, Body: Certificate{encodingX509Signature, make([]byte, n)}.Append(nil)}
	}
	if _, err := certificates([]Payload{cert(pki.MaxCertificate)}); err != nil {
		t.Error(err)
	}
	if _, err := certificates([]Payload{cert(pki.MaxCertificate + 1)}); err == nil {
		t.Error("a certificate that is too long")
	}
	var many []Payload
	for range pki.MaxChain + 1 {
		many = append(many, cert(10))
	}
	if _, err := certificates(many); err == nil {
		t.Error("a chain that is too long")
	}
	// Other encodings are passed over, not refused.
	other := Payload{Type: PayloadCert, Body: []byte{1, 2, 3}}
	if chain, err := certificates([]Payload{other, cert(10), other}); err != nil || len(chain) != 1 {
		t.Errorf("%d certificates, %v", len(chain), err)
	}
	var asked []Payload
	for range 40 {
		asked = append(asked, Payload{Type: PayloadCertReq, Body: []byte{encodingX509Signature}})
	}
	if n := len(requests(asked)); n != maxRequests {
		t.Errorf("%d requests", n)
	}
}
