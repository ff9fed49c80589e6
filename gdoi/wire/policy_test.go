package wire

import (
	"crypto"
	"crypto/rsa"
	"errors"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"coterie/crypto/isakmp"
	"coterie/crypto/suite"
	"coterie/gdoi/policy"
	"coterie/internal/secret"
	"coterie/internal/testkey"
	"coterie/xfrm"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// fill makes a key of n octets that differs by its first argument.
func fill(seed uint64, n int) secret.Bytes {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(seed, seed))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	if n == 0 {
		return secret.Bytes{}
	}
	return secret.New(b)
}

func drawMatch(t *rapid.T, label string) xfrm.Match {
	m := xfrm.Match{Ports: xfrm.PortRange{}}
	if bits := rapid.IntRange(0, 32).Draw(t, label+" prefix"); bits > 0 {
		a := rapid.Uint32().Draw(t, label+" address")
		p, _ := netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)}).Prefix(bits)
		m = network(p.String())
	}
	switch rapid.IntRange(0, 2).Draw(t, label+" ports") {
	case 1:
		p := rapid.Uint16Min(1).Draw(t, label+" port")
		m.Ports = xfrm.PortRange{Lo: p, Hi: p}
	case 2:
		lo := rapid.Uint16Max(65534).Draw(t, label+" low port")
		m.Ports = xfrm.PortRange{Lo: lo, Hi: rapid.Uint16Min(lo+1).Draw(t, label+" high port")}
	}
	return m
}

func drawTransform(t *rapid.T) suite.Transform {
	c := rapid.SampledFrom(suite.ESPCiphers()).Draw(t, "cipher")
	tr := suite.Transform{Cipher: c}
	if !tr.CounterMode() {
		tr.Auth = rapid.SampledFrom(suite.ESPAuths()).Draw(t, "auth")
	}
	return tr
}

// Law: what a key server says, in either form, is what a member reads.
func TestPolicyRoundTrip(t *testing.T) {
	_, spki := testkey.Rekey()
	rapid.Check(t, func(t *rapid.T) {
		form := Form{TEKIDLength: rapid.IntRange(1, 2).Draw(t, "width")}
		want := Policy{HasTEKs: true}
		if rapid.Bool().Draw(t, "KEK") {
			c := rapid.SampledFrom(suite.Ciphers()).Draw(t, "KEK cipher")
			k := policy.KEK{Cipher: c, IV: fill(1, c.BlockLen()), Key: fill(2, c.KeyLen()),
				SigHash: rapid.SampledFrom(suite.Hashes()).Draw(t, "hash"), SigKey: spki,
				Created: start, Lifetime: time.Duration(rapid.Uint32Min(1).Draw(t, "KEK life")) * time.Second}
			k.SPI[3] = 7
			if rapid.Bool().Draw(t, "ack") {
				k.AckWanted = true
				k.AckHash = rapid.SampledFrom([]suite.Hash{suite.SHA256, suite.SHA512}).Draw(t, "ack hash")
			}
			want.KEK = &k
			want.Server = netip.MustParseAddrPort("192.168.1.254:848")
			want.Rekey = rapid.SampledFrom([]netip.AddrPort{netip.MustParseAddrPort("0.0.0.0:848"), netip.MustParseAddrPort("239.1.1.1:848")}).Draw(t, "to")
		}
		for sa := range rapid.IntRange(1, 3).Draw(t, "sa ipsec") {
			tr := drawTransform(t)
			cipher, auth := tr.Keys()
			tek := policy.TEK{SA: sa + 1, SPI: 0x1000 + uint32(sa), Transform: tr, CipherKey: fill(uint64(sa), cipher), AuthKey: fill(uint64(sa)+9, auth),
				Created: start, Lifetime: time.Duration(rapid.Uint32Min(1).Draw(t, "life")) * time.Second,
				Transport: rapid.Bool().Draw(t, "transport"), ReceiveOnly: rapid.Bool().Draw(t, "receive-only")}
			tek.Replay = rapid.SampledFrom([]policy.Replay{{Method: policy.ReplayCounter, CounterWindow: 64}, {Method: policy.ReplayCounter, CounterWindow: 1024},
				{Method: policy.ReplayNone}, {Method: policy.ReplayTime, TimeWindow: 5 * time.Second, Encoding: xfrm.TBARMetadata}}).Draw(t, "replay")
			for range rapid.IntRange(0, 3).Draw(t, "denies") {
				a := xfrm.ACE{Protocol: rapid.Uint8().Draw(t, "protocol"), Src: drawMatch(t, "source"), Dst: drawMatch(t, "destination")}
				a.Src.Ports.Hi, a.Dst.Ports.Hi = a.Src.Ports.Lo, a.Dst.Ports.Lo // no range in a deny
				tek.ACEs = append(tek.ACEs, a)
			}
			for range rapid.IntRange(1, 4).Draw(t, "permits") {
				tek.ACEs = append(tek.ACEs, xfrm.ACE{Permit: true, Protocol: rapid.Uint8().Draw(t, "protocol"),
					Src: drawMatch(t, "source"), Dst: drawMatch(t, "destination")})
			}
			want.TEKs = append(want.TEKs, tek)
		}
		if rapid.Bool().Draw(t, "delays") {
			a, d := 30*time.Second, 90*time.Second
			want.ATD, want.DTD = &a, &d
		}

		sa, kd, err := want.Encode(start)
		if err != nil {
			t.Fatal(err)
		}
		body, err := sa.Append(nil, form)
		if err != nil {
			t.Fatal(err)
		}
		back, found, err := ParseSA(body, Form{})
		if err != nil {
			t.Fatal(err)
		}
		if found != form {
			t.Fatalf("form %+v read as %+v", form, found)
		}
		got, err := DecodeSA(back, start)
		if err != nil {
			t.Fatal(err)
		}
		if err := got.AddKeys(kd); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got, compare); d != "" {
			t.Fatal(d)
		}
	})
}

// Older generations decrypt only, their denies are not repeated, and expired
// ones are left out.
func TestGenerations(t *testing.T) {
	tek := func(spi uint32, life time.Duration) policy.TEK {
		return policy.TEK{SA: 1, SPI: spi, Transform: suite.Transform{Cipher: suite.ESPAES128, Auth: suite.ESPSHA1}, CipherKey: fill(1, 16), AuthKey: fill(2, 20),
			Created: start, Lifetime: life, ACEs: []xfrm.ACE{{Protocol: 17}, {Permit: true}}}
	}
	p := Policy{TEKs: []policy.TEK{tek(0x3000, time.Hour), tek(0x2000, 10*time.Minute), tek(0x1000, time.Minute)}}
	sa, kd, err := p.Encode(start.Add(2 * time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	var kinds []uint8
	for _, s := range sa.SAT {
		kinds = append(kinds, s.ProtocolID)
	}
	if d := cmp.Diff([]uint8{ProtoBypass, ProtoESP, ProtoESP}, kinds); d != "" || len(kd) != 2 {
		t.Errorf("%s, %d key packets", d, len(kd))
	}
	got, err := DecodeSA(sa, start)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.TEKs) != 2 || got.TEKs[0].ReceiveOnly || !got.TEKs[1].ReceiveOnly || got.TEKs[1].Lifetime != 8*time.Minute {
		t.Errorf("%+v", got.TEKs)
	}
	if c := got.Current(); len(c) != 1 || c[0].SPI != 0x3000 || len(c[0].ACEs) != 2 {
		t.Errorf("%+v", c)
	}
}

// What a member refuses and with which notify.
func TestDecodeRefusals(t *testing.T) {
	v := vectors(t, "pull_aes.txt")
	set := func(attrs []Attribute, typ, value uint16) []Attribute {
		out := []Attribute{}
		for _, a := range attrs {
			if a.Type != typ {
				out = append(out, a)
			}
		}
		return append(out, isakmp.Basic(typ, value))
	}
	kek := func(typ, value uint16) func(*SA) {
		return func(sa *SA) { sa.SAK[0].Attributes = set(sa.SAK[0].Attributes, typ, value) }
	}
	tek := func(typ, value uint16) func(*SA) {
		return func(sa *SA) { sa.SAT[0].Attributes = set(sa.SAT[0].Attributes, typ, value) }
	}
	cases := map[string]struct {
		change func(*SA)
		notify uint16
	}{
		"KEK algorithm":        {kek(kekAlgorithm, 9), NotifyNoProposalChosen},
		"KEK key length":       {kek(kekKeyLength, 160), NotifyNoProposalChosen},
		"LKH":                  {kek(kekManagement, 1), NotifyNoProposalChosen},
		"signature algorithm":  {kek(kekSigAlg, 4), NotifyNoProposalChosen},
		"signature hash":       {kek(kekSigHash, 9), NotifyNoProposalChosen},
		"two SAKs":             {func(sa *SA) { sa.SAK = append(sa.SAK, sa.SAK[0]) }, NotifyNoProposalChosen},
		"SAK protocol":         {func(sa *SA) { sa.SAK[0].Protocol = 6 }, NotifyNoProposalChosen},
		"AH":                   {func(sa *SA) { sa.SAT[0].ProtocolID = ProtoAH; sa.SAT[0].Raw = []byte{1} }, NotifyNoProposalChosen},
		"transform":            {func(sa *SA) { sa.SAT[0].Transform = 22 }, NotifyNoProposalChosen},
		"reserved SPI":         {func(sa *SA) { sa.SAT[0].SPI = 255 }, NotifyNoProposalChosen},
		"range":                {func(sa *SA) { sa.SAT[0].Src.Type = IDIPv4Range }, NotifyNoProposalChosen},
		"mask":                 {func(sa *SA) { sa.SAT[0].Src.Data = []byte{10, 0, 0, 0, 255, 0, 255, 0} }, NotifyNoProposalChosen},
		"TEK authentication":   {tek(satAuth, 8), NotifyNoProposalChosen},
		"TEK key length":       {tek(satKeyLength, 512), NotifyNoProposalChosen},
		"UDP encapsulation":    {tek(satEncapsulation, 3), NotifyNoProposalChosen},
		"address preservation": {tek(satPreservation, 1), NotifyNoProposalChosen},
		"sender only":          {tek(satDirection, 1), NotifyNoProposalChosen},
		"ESN":                  {tek(satESN, 1), NotifyNoProposalChosen},
		"unknown attribute":    {tek(4000, 1), NotifyAttributesNotSupported},
		"two policies of one SPI": {func(sa *SA) {
			s := sa.SAT[0]
			s.Attributes = set(s.Attributes, satEncapsulation, 2)
			sa.SAT = append(sa.SAT, s)
		}, NotifyNoProposalChosen},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			sa, _, err := ParseSA(v["sa_body"], Form{})
			if err != nil {
				t.Fatal(err)
			}
			c.change(&sa)
			_, err = DecodeSA(sa, start)
			var e *Error
			if !errors.As(err, &e) || e.Notify != c.notify {
				t.Errorf("%v", err)
			}
		})
	}
	// Private attributes that nobody knows yet are passed over.
	sa, _, _ := ParseSA(v["sa_body"], Form{})
	tek(32500, 1)(&sa)
	if _, err := DecodeSA(sa, start); err != nil {
		t.Error(err)
	}
}

func TestKeyRefusals(t *testing.T) {
	cases := map[string]func(kd []KeyPacket) []KeyPacket{
		"no TEK":           func(kd []KeyPacket) []KeyPacket { return kd[:1] },
		"no KEK":           func(kd []KeyPacket) []KeyPacket { return kd[1:] },
		"TEK twice":        func(kd []KeyPacket) []KeyPacket { return append(kd, kd[1]) },
		"KEK twice":        func(kd []KeyPacket) []KeyPacket { return append(kd, kd[0]) },
		"another SPI":      func(kd []KeyPacket) []KeyPacket { kd[1].SPI = []byte{1, 2, 3, 4}; return kd },
		"SPI of 3 octets":  func(kd []KeyPacket) []KeyPacket { kd[1].SPI = kd[1].SPI[:3]; return kd },
		"short KEK":        func(kd []KeyPacket) []KeyPacket { kd[0].Attributes[0].Value = make([]byte, 31); return kd },
		"long TEK":         func(kd []KeyPacket) []KeyPacket { kd[1].Attributes[0].Value = make([]byte, 17); return kd },
		"no integrity key": func(kd []KeyPacket) []KeyPacket { kd[1].Attributes = kd[1].Attributes[:1]; return kd },
		"signature key":    func(kd []KeyPacket) []KeyPacket { kd[0].Attributes[1].Value = []byte{0x30, 0}; return kd },
		"LKH":              func(kd []KeyPacket) []KeyPacket { return append(kd, KeyPacket{Type: KDLKH}) },
	}
	v := vectors(t, "pull_aes.txt")
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			sa, kd, err := aesPolicy(v).Encode(start)
			if err != nil {
				t.Fatal(err)
			}
			p, err := DecodeSA(sa, start)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.AddKeys(change(kd)); NotifyOf(err) != NotifyInvalidKeyInformation {
				t.Errorf("%v", err)
			}
		})
	}
}

// The layouts that other implementations write.
func TestOtherLayouts(t *testing.T) {
	k := SAK{Protocol: 17, Src: AddrID(netip.MustParseAddrPort("10.0.0.2:848")), Dst: AddrID(netip.MustParseAddrPort("239.1.1.1:848")),
		SPI: [16]byte{15: 9}, Attributes: []Attribute{isakmp.Basic(kekAlgorithm, 3), Long(kekKeyLifetime, 60)}}
	body, err := k.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	two := append([]byte{17, 1, 3, 0x50, 0, 4, 10, 0, 0, 2, 1, 3, 0x50, 0, 4, 239, 1, 1, 1}, body[17:]...)
	six := append(append(append([]byte(nil), body[:37]...), 0, 0), body[37:]...)
	for name, b := range map[string][]byte{"ours": body, "two-octet lengths": two, "six reserved octets": six} {
		got, err := ParseSAK(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if d := cmp.Diff(k, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}

	// Lifetimes in the TV form; AES-GCM whose key length counts the salt.
	if p, err := decodeTransform(20, 160, 0); err != nil || p.Cipher != suite.ESPGCM128 {
		t.Errorf("%v %v", p, err)
	}
	s, _ := decodeSAT(SAT{SPI: 256, Transform: 11, Attributes: []Attribute{isakmp.Basic(satAuth, 2), isakmp.Basic(satLifeType, 1), isakmp.Basic(satLifeDuration, 60)}}, start)
	if s.Lifetime != time.Minute || s.Transport {
		t.Errorf("%+v", s)
	}
}

// Both widths may fit the octets; the one that makes sense counts, and of two
// that do, the one the peer used before.
func TestSATWidth(t *testing.T) {
	s := SAT{ProtocolID: ProtoESP, Src: matchID(network("10.0.0.0/8")), Dst: matchID(xfrm.Match{}), Transform: 12, SPI: 0x1000,
		Attributes: []Attribute{isakmp.Basic(satAuth, 2)}}
	for _, width := range []int{1, 2} {
		b, err := s.Append(nil, Form{TEKIDLength: width})
		if err != nil {
			t.Fatal(err)
		}
		for _, prefer := range []int{0, 1, 2} {
			got, found, err := parseSAT(b, prefer)
			if err != nil || found != width {
				t.Fatalf("width %d preferring %d read as %d: %v", width, prefer, found, err)
			}
			one := []SAT{got}
			if err := readSATAttributes(one); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(s, one[0]); d != "" {
				t.Error(d)
			}
		}
	}
	// Type 0 on both sides with no data, all zeros in front: only sense tells.
	s.Src, s.Dst = ID{}, ID{}
	for _, width := range []int{1, 2} {
		b, _ := s.Append(nil, Form{TEKIDLength: width})
		if _, found, err := parseSAT(b, 0); err != nil || found != width {
			t.Errorf("no identifications, width %d read as %d: %v", width, found, err)
		}
	}
}

// Signatures: the sender's two forms, and the verifier's four readings.
func TestPushSignatures(t *testing.T) {
	key, spki := testkey.Rekey()
	kek := policy.KEK{SPI: [16]byte{1: 1}, Cipher: suite.AES256, IV: fill(1, 16), Key: fill(2, 32), SigHash: suite.SHA256, SigKey: spki}
	for _, info := range []bool{false, true} {
		for _, seq := range []uint32{1, 1 << 31} {
			u, err := PreparePush(kek, Push{Seq: seq, Deletes: []Delete{DeleteTEKs(0x1000)}, Form: Form{SigDigestInfo: info}})
			if err != nil {
				t.Fatal(err)
			}
			if want := map[bool]crypto.Hash{false: 0, true: crypto.SHA256}[info]; u.SignerOpts().HashFunc() != want {
				t.Errorf("options %v", u.SignerOpts())
			}
			sig, err := key.Sign(nil, u.Digest(), u.SignerOpts())
			if err != nil {
				t.Fatal(err)
			}
			datagram, _, err := u.Finish(sig)
			if err != nil {
				t.Fatal(err)
			}
			p, err := ParsePush(kek, datagram, Form{})
			if err != nil {
				t.Fatal(err)
			}
			if err := p.VerifySignature(); err != nil || p.Form.SigDigestInfo != info || p.Seq != seq {
				t.Errorf("DigestInfo %v: %v %+v", info, err, p.Form)
			}
			if d := p.Deletes; len(d) != 1 || len(d[0].TEKs()) != 1 || d[0].All() {
				t.Errorf("%+v", d)
			}
		}
	}
	// A sender that signs the header with the length on the wire.
	u, err := PreparePush(kek, Push{Seq: 9})
	if err != nil {
		t.Fatal(err)
	}
	padded := (len(u.clear)-headerSize+15)/16*16 + headerSize
	header := append([]byte(nil), u.clear[:headerSize]...)
	header[lengthOffset+2], header[lengthOffset+3] = byte(padded>>8), byte(padded)
	digest := pushDigest(suite.SHA256, header, u.clear[headerSize:len(u.clear)-genericHeader-u.sig])
	sig, err := rsa.SignPKCS1v15(nil, key, 0, digest)
	if err != nil {
		t.Fatal(err)
	}
	datagram, _, err := u.Finish(sig)
	if err != nil {
		t.Fatal(err)
	}
	p, err := ParsePush(kek, datagram, Form{})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.VerifySignature(); err != nil {
		t.Error(err)
	}
	// Another key does not verify it.
	p.kek.SigKey = vectors(t, "pull_aes.txt")["spki"]
	if err := p.VerifySignature(); !errors.Is(err, ErrSignature) {
		t.Errorf("%v", err)
	}
	kek.SPI[0] = 7
	if _, err := ParsePush(kek, datagram, Form{}); !errors.Is(err, ErrUnknownKEK) {
		t.Errorf("%v", err)
	}
	if _, _, err := u.Finish(sig[1:]); err == nil {
		t.Error("a short signature is taken")
	}
}

// All readings of RFC 8263 verify; a changed octet never does.
func TestAckReadings(t *testing.T) {
	for _, h := range []suite.Hash{suite.SHA256, suite.SHA512} {
		kek := policy.KEK{SPI: [16]byte{1, 2}, Cipher: suite.AES128, IV: fill(1, 16), Key: fill(2, 16), AckHash: h}
		b, err := BuildAck(kek, 5, netip.MustParseAddrPort("10.0.0.1:848"))
		if err != nil {
			t.Fatal(err)
		}
		for _, withIV := range []bool{true, false} {
			for _, l := range ackLengths(h) {
				a, err := ParseAck(b)
				if err != nil {
					t.Fatal(err)
				}
				a.hash = ackHash(kek, ackBase(kek, withIV), l, a.covered)
				if !a.Verify(kek) {
					t.Errorf("%v: L %d, IV %v", h, l, withIV)
				}
			}
		}
		for i := range b {
			c := append([]byte(nil), b...)
			c[i] ^= 1
			// Octet 17 is the version: 1.1 is read as 1.0.
			if a, err := ParseAck(c); err == nil && a.Verify(kek) && i != 17 {
				t.Errorf("octet %d changed and verified", i)
			}
			if _, err := ParseAck(b[:i]); err == nil {
				t.Errorf("%d octets accepted", i)
			}
		}
	}
}

func TestPullHashCoversEverything(t *testing.T) {
	prf := hmacPRF(suite.SHA1, []byte("SKEYID_a"))
	info := &Info{Version: "1.0.27", Hostname: "R2", Capabilities: 6}
	_, chain, err := BuildPull1(prf, 7, Pull1{Nonce: make([]byte, NonceSize), ID: GroupIdentity(policy.GroupID{Address: netip.MustParseAddr("10.9.8.7")}), Info: info})
	if err != nil {
		t.Fatal(err)
	}
	m, err := ParsePull1(prf, 7, PayloadHash, append(chain[:len(chain):len(chain)], 0, 0, 0)) // padding is not covered
	if err != nil || *m.Info != *info {
		t.Fatalf("%+v %v", m, err)
	}
	if g, ok := Group(m.ID); !ok || g.Address != netip.MustParseAddr("10.9.8.7") {
		t.Errorf("%+v", m.ID)
	}
	for i := range chain {
		c := append([]byte(nil), chain...)
		c[i] ^= 1
		if _, err := ParsePull1(prf, 7, PayloadHash, c); err == nil {
			t.Errorf("octet %d changed and accepted", i)
		}
	}
	if _, err := ParsePull1(prf, 8, PayloadHash, chain); !errors.Is(err, ErrHash) || NotifyOf(err) != NotifyInvalidHash {
		t.Errorf("another message ID: %v", err)
	}
}

func TestInfoIsPrintable(t *testing.T) {
	b, err := Info{Hostname: "a\nb\x1b" + strings.Repeat("x", 100)}.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	in, err := ParseInfo(b)
	if err != nil || !strings.HasPrefix(in.Hostname, "a.b.x") || len(in.Hostname) != maxInfoStringLen {
		t.Errorf("%q %v", in.Hostname, err)
	}
}

// No error text shows a key.
func TestErrorsHideKeys(t *testing.T) {
	p := aesPolicy(vectors(t, "pull_aes.txt"))
	p.TEKs[0].CipherKey = secret.Of("OPENSESAME")
	_, _, err := p.Encode(start)
	if err == nil || strings.Contains(err.Error(), "OPEN") {
		t.Errorf("%v", err)
	}
}
