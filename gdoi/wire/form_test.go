package wire

import (
	"errors"
	"net/netip"
	"testing"

	"coterie/crypto/isakmp"
	"coterie/crypto/suite"
	"coterie/gdoi/policy"
	"coterie/internal/secret"
)

// Without the key nobody learns what is wrong with a message: what does not
// parse, what lacks a payload, and what has a wrong HASH are one error.
func TestHashComesFirst(t *testing.T) {
	prf := hmacPRF(suite.SHA256, []byte("key"))
	chains := map[string]struct {
		first uint8
		b     []byte
	}{
		"empty":                    {PayloadHash, nil},
		"nothing":                  {PayloadNone, nil},
		"cut short":                {PayloadHash, []byte{0, 0, 0}},
		"length 0":                 {PayloadHash, []byte{10, 0, 0, 0, 1, 2, 3, 4}},
		"length beyond the end":    {PayloadHash, []byte{10, 0, 0xff, 0xff, 1, 2, 3, 4}},
		"reserved octet":           {PayloadHash, []byte{0, 1, 0, 8, 1, 2, 3, 4}},
		"no HASH":                  {PayloadNonce, generic(PayloadNone, make([]byte, 20))},
		"HASH second":              {PayloadNonce, append(generic(PayloadHash, make([]byte, 20)), generic(PayloadNone, make([]byte, 32))...)},
		"wrong HASH":               {PayloadHash, generic(PayloadNone, make([]byte, 32))},
		"empty HASH":               {PayloadHash, generic(PayloadNone, nil)},
		"wrong HASH, bad payloads": {PayloadHash, append(generic(PayloadNonce, make([]byte, 32)), 0, 0, 0, 4)},
		"too many payloads":        {PayloadHash, chained(PayloadHash, func(int) []byte { return nil }, 1000)},
	}
	var want *Error
	for name, c := range chains {
		for _, m := range pulls {
			err := m.parse(prf, c.first, c.b)
			var e *Error
			if !errors.Is(err, ErrHash) || !errors.As(err, &e) {
				t.Fatalf("%s, %s: %v", name, m.name, err)
			}
			if want == nil {
				want = e
			}
			if *e != *want {
				t.Errorf("%s, %s: %+v, others %+v", name, m.name, *e, *want)
			}
		}
	}
}

// Each of the four readings of an acknowledgement verifies, with both hashes;
// any other length or key does not.
func TestAckForms(t *testing.T) {
	for _, hash := range []suite.Hash{suite.SHA256, suite.SHA512} {
		kek := policy.KEK{SPI: [16]byte{1}, Cipher: suite.AES128, IV: secret.New([]byte("0123456789abcdef")), Key: secret.New([]byte("fedcba9876543210")), AckHash: hash}
		seen := map[string]bool{}
		for i := range 4 {
			form := Form{AckDigestLength: i&1 != 0, AckWithoutIV: i&2 != 0}
			b, err := form.BuildAck(kek, 7, netip.MustParseAddrPort("10.0.0.1:848"))
			if err != nil {
				t.Fatal(err)
			}
			seen[string(b)] = true
			a, err := ParseAck(b)
			if err != nil || !a.Verify(kek) || a.Seq != 7 {
				t.Errorf("%v %+v: %v", hash, form, err)
			}
			other := kek
			other.Key = secret.New([]byte("fedcba9876543211"))
			if a.Verify(other) {
				t.Errorf("%v %+v verifies under another KEK", hash, form)
			}
		}
		if len(seen) != 4 {
			t.Errorf("%v: %d different forms", hash, len(seen))
		}
		b, _ := BuildAck(kek, 7, netip.MustParseAddrPort("10.0.0.1:848"))
		a, _ := ParseAck(b)
		a.hash = ackHash(kek, ackBase(kek, true), 128, a.covered)
		if a.Verify(kek) {
			t.Errorf("%v: a length nobody reads verifies", hash)
		}
	}
}

// A time-based SAT with extended sequence numbers is refused, whatever form the
// attribute has; without it the encoding is kept.
func TestTimeBasedESN(t *testing.T) {
	s := SAT{ProtocolID: ProtoESP, Src: matchID(network("10.0.0.0/8")), Dst: matchID(network("10.0.0.0/8")), Transform: 20, SPI: 0x1000,
		Attributes: []Attribute{isakmp.Basic(satKeyLength, 128), Long(PrivateTBARWindow, 5000), isakmp.Basic(PrivateTBAREncoding, 2)}}
	got, err := decodeSAT(s, start)
	if err != nil || got.Replay.Method != policy.ReplayTime || got.Replay.Encoding != 2 || got.Replay.TimeWindow.Seconds() != 5 {
		t.Fatalf("%+v %v", got, err)
	}
	for _, esn := range []Attribute{isakmp.Basic(satESN, 1), Long(satESN, 1)} {
		with := s
		with.Attributes = append(append([]Attribute{}, s.Attributes...), esn)
		if _, err := decodeSAT(with, start); NotifyOf(err) != NotifyNoProposalChosen {
			t.Errorf("extended sequence numbers: %v", err)
		}
	}
}

// Sender IDs go through a KD and back; a request is at least 1.
func TestSenderIDs(t *testing.T) {
	want := policy.SenderIDs{Bits: 24, Values: []uint32{3 << 17, 3<<17 | 1}}
	b, err := AppendKD(nil, []KeyPacket{SenderIDPacket(want)})
	if err != nil {
		t.Fatal(err)
	}
	packets, err := ParseKD(b)
	if err != nil {
		t.Fatal(err)
	}
	got, err := SenderIDsOf(packets)
	if err != nil || got.Bits != want.Bits || len(got.Values) != 2 || got.Values[0] != want.Values[0] || got.Values[1] != want.Values[1] {
		t.Errorf("%+v %v", got, err)
	}
	for n, ask := range map[int]int{0: 1, 1: 1, 5: 5, MaxSenderIDs: MaxSenderIDs, MaxSenderIDs + 1: MaxSenderIDs} {
		if got := SenderIDsWanted(SenderIDRequest(n)); got != ask {
			t.Errorf("%d asked, %d wanted", n, got)
		}
	}
	if SenderIDsWanted([]Attribute{isakmp.Basic(gapSIDRequest, 0xffff)}) != MaxSenderIDs {
		t.Error("a greedy member")
	}
	bad := map[string][]KeyPacket{
		"no width":        {{Type: KDSID, Attributes: []Attribute{Long(kdSIDValue, 1)}}},
		"width 0":         {{Type: KDSID, Attributes: []Attribute{isakmp.Basic(kdSIDBits, 0), Long(kdSIDValue, 0)}}},
		"width 33":        {{Type: KDSID, Attributes: []Attribute{isakmp.Basic(kdSIDBits, 33), Long(kdSIDValue, 1)}}},
		"too large":       {{Type: KDSID, Attributes: []Attribute{isakmp.Basic(kdSIDBits, 8), Long(kdSIDValue, 256)}}},
		"none":            {{Type: KDSID, Attributes: []Attribute{isakmp.Basic(kdSIDBits, 8)}}},
		"a second packet": {SenderIDPacket(want), SenderIDPacket(want)},
		"too many":        {SenderIDPacket(policy.SenderIDs{Bits: 24, Values: make([]uint32, MaxSenderIDs+1)})},
		"empty value":     {{Type: KDSID, Attributes: []Attribute{isakmp.Basic(kdSIDBits, 8), isakmp.Variable(kdSIDValue, nil)}}},
	}
	for name, p := range bad {
		if ids, err := SenderIDsOf(p); err == nil {
			t.Errorf("%s: %+v", name, ids)
		}
	}
}

// What is read in the two-octet layout is written in the one-octet layout, so
// an identification that only the first could carry is refused.
func TestLongIdentification(t *testing.T) {
	k, err := ParseSAK(longIDSAK(maxID))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Append(nil); err != nil || len(k.Src.Data) != maxID {
		t.Fatalf("%d octets: %v", len(k.Src.Data), err)
	}
	if _, err := ParseSAK(longIDSAK(maxID + 1)); err == nil || NotifyOf(err) != NotifyPayloadMalformed {
		t.Fatalf("%d octets: %v", maxID+1, err)
	}
}

// An SA is read only when it can be written again: in one layout, with the
// attributes of all its GAPs in one.
func TestWholeSA(t *testing.T) {
	sat := func(width int) isakmp.Payload {
		s := SAT{ProtocolID: ProtoESP, Src: matchID(network("10.0.0.0/8")), Dst: matchID(network("10.0.0.0/8")), Transform: 12, SPI: 0x1000}
		b, err := s.Append(nil, Form{TEKIDLength: width})
		if err != nil {
			t.Fatal(err)
		}
		return isakmp.Payload{Type: PayloadSAT, Body: b}
	}
	gap := func(octets int) isakmp.Payload {
		b, err := isakmp.AppendAttributes(nil, []isakmp.Attribute{isakmp.Variable(100, make([]byte, octets-4))})
		if err != nil {
			t.Fatal(err)
		}
		return isakmp.Payload{Type: PayloadGAP, Body: b}
	}
	for _, tt := range []struct {
		name string
		list []isakmp.Payload
		ok   bool
	}{
		{"one octet", []isakmp.Payload{sat(1), sat(1)}, true},
		{"two octets", []isakmp.Payload{sat(2), sat(2)}, true},
		{"one, then two", []isakmp.Payload{sat(1), sat(2)}, false},
		{"two, then one", []isakmp.Payload{sat(2), sat(1)}, false},
		{"as many attributes as fit", []isakmp.Payload{sat(2), gap(60000), gap(maxBody - 60000)}, true},
		{"an octet more", []isakmp.Payload{sat(2), gap(60000), gap(maxBody - 60000 + 1)}, false},
	} {
		first, chain, err := isakmp.AppendChain(nil, tt.list...)
		if err != nil {
			t.Fatal(err)
		}
		b := append([]byte{0, 0, 0, DOI, 0, 0, 0, 0, 0, first, 0, 0}, chain...)
		if _, _, err := ParseSA(b, Form{}); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
		parseAll(t, b)
	}
}
