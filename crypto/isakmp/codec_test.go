package isakmp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"runtime"
	"testing"

	"coterie/crypto/suite"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestHeader(t *testing.T) {
	h := Header{InitiatorCookie: Cookie{1, 2}, ResponderCookie: Cookie{3}, Next: 8, Version: Version, Exchange: 32,
		Flags: FlagEncryption, MessageID: 0x01020304, Length: 30}
	b := append(h.Append(nil), 0xaa, 0xbb, 0xcc)
	got, body, err := ParseHeader(b)
	if err != nil || got != h || !bytes.Equal(body, []byte{0xaa, 0xbb}) {
		t.Fatalf("%+v, %x, %v", got, body, err)
	}
	for n := range HeaderLen + 2 {
		if _, _, err := ParseHeader(b[:n]); !errors.Is(err, ErrMalformed) {
			t.Errorf("%d octets: %v", n, err)
		}
	}
	for name, edit := range map[string]func([]byte){
		"version 2":   func(b []byte) { b[17] = 0x20 },
		"length 0":    func(b []byte) { b[27] = 0 },
		"length 27":   func(b []byte) { b[27] = 27 },
		"length 2^32": func(b []byte) { copy(b[24:], []byte{0xff, 0xff, 0xff, 0xff}) },
		"no cookie":   func(b []byte) { clear(b[:8]) },
	} {
		c := bytes.Clone(b)
		edit(c)
		if _, _, err := ParseHeader(c); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPayloadLengths(t *testing.T) {
	for _, n := range []uint16{0, 1, 3, 9, 0xffff} {
		b := []byte{0, 0, 0, 0, 1, 2, 3, 4}
		binary.BigEndian.PutUint16(b[2:], n)
		if list, err := Payloads(PayloadVendor, b); err == nil {
			t.Errorf("length %d gave %v", n, list)
		}
	}
	// Padding behind the last payload is no payload.
	list, err := Payloads(PayloadVendor, []byte{0, 0, 0, 5, 9, 0, 0, 0})
	if err != nil || len(list) != 1 || ChainLen(list) != 5 {
		t.Errorf("%v, %v", list, err)
	}
	// Sixty-four payloads, and one more.
	b := bytes.Repeat([]byte{PayloadVendor, 0, 0, 4}, MaxPayloads+1)
	b[4*MaxPayloads] = 0
	if _, err := Payloads(PayloadVendor, b); !errors.Is(err, ErrMalformed) {
		t.Error("65 payloads are accepted")
	}
	b[4*(MaxPayloads-1)] = 0
	if list, err := Payloads(PayloadVendor, b); err != nil || len(list) != MaxPayloads {
		t.Errorf("%d payloads, %v", len(list), err)
	}
	if _, err := AppendPayload(nil, 0, make([]byte, 0xffff)); err == nil {
		t.Error("a payload of 65,539 octets")
	}
}

// Every payload codec: parse(append(x)) = x.
func TestRoundTrips(t *testing.T) {
	octets := func(t *rapid.T, name string, lo, hi int) []byte {
		b := rapid.SliceOfN(rapid.Byte(), lo, hi).Draw(t, name)
		if len(b) == 0 {
			return nil
		}
		return b
	}
	attribute := rapid.Custom(func(t *rapid.T) Attribute {
		a := Attribute{Type: rapid.Uint16Range(1, 0x7fff).Draw(t, "type"), Basic: rapid.Bool().Draw(t, "basic")}
		if a.Value = octets(t, "value", 0, 20); a.Basic {
			a.Value = octets(t, "two", 2, 2)
		}
		return a
	})
	same := func(t *rapid.T, got, want any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got, cmp.Transformer("empty", func(b []byte) string { return string(b) })); d != "" {
			t.Fatal(d)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		attrs := rapid.SliceOfN(attribute, 0, 8).Draw(t, "attributes")
		b, err := AppendAttributes(nil, attrs)
		if err != nil {
			t.Fatal(err)
		}
		gotAttrs, err := ParseAttributes(b)
		if len(attrs) > 0 {
			same(t, gotAttrs, attrs, err)
		}
		sa := SAPayload{DOI: rapid.Uint32().Draw(t, "doi"), Situation: 1, Proposals: []Proposal{{
			Number: 1, Protocol: 1, SPI: octets(t, "spi", 0, 16),
			Transforms: []Transform{{Number: 1, ID: 1, Attributes: attrs}, {Number: 2, ID: 1}},
		}, {Number: 2, Protocol: 1}}}
		if len(attrs) == 0 {
			sa.Proposals[0].Transforms[0].Attributes = nil
		}
		b, err = sa.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		gotSA, err := ParseSA(b)
		same(t, gotSA, sa, err)

		id := Identity{Type: 11, Protocol: 17, Port: rapid.Uint16().Draw(t, "port"), Data: octets(t, "id", 0, 30)}
		gotID, err := ParseID(id.Append(nil))
		same(t, gotID, id, err)

		n := Notify{DOI: 2, Protocol: 1, SPI: octets(t, "nspi", 0, 20), Type: rapid.Uint16().Draw(t, "ntype"), Data: octets(t, "data", 0, 20)}
		b, err = n.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		gotN, err := ParseNotify(b)
		same(t, gotN, n, err)

		d := Delete{DOI: 1, Protocol: 3}
		for range rapid.IntRange(0, 4).Draw(t, "spis") {
			d.SPIs = append(d.SPIs, octets(t, "dspi", 4, 4))
		}
		b, err = d.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		gotD, err := ParseDelete(b)
		same(t, gotD, d, err)

		list := []Payload{{Type: 13, Body: octets(t, "a", 0, 9)}, {Type: 200, Body: octets(t, "b", 0, 9)}}
		first, b, err := AppendChain(nil, list...)
		if err != nil {
			t.Fatal(err)
		}
		gotList, err := Payloads(first, append(b, make([]byte, 3)...))
		if err != nil || len(gotList) != 2 || ChainLen(gotList) != len(b) {
			t.Fatalf("%v, %v", gotList, err)
		}
		for i, p := range gotList {
			if p.Type != list[i].Type || !bytes.Equal(p.Body, list[i].Body) || !bytes.Equal(p.Raw[genericLen:], p.Body) {
				t.Fatalf("payload %d: %+v", i, p)
			}
		}
	})
}

func TestIdentities(t *testing.T) {
	for _, x := range []struct {
		id   Identity
		want string
	}{
		{AddressID(netip.MustParseAddrPort("10.0.0.1:848")), "10.0.0.1"},
		{AddressID(netip.MustParseAddrPort("[2001:db8::1]:848")), "2001:db8::1"},
		{AddressID(netip.MustParseAddrPort("[::ffff:10.0.0.1]:848")), "10.0.0.1"},
		{Identity{Type: IDFQDN, Data: []byte("r\n1")}, `"r\n1"`},
		{Identity{Type: IDKeyID, Data: []byte{4, 0xd2}}, "0x04d2"},
	} {
		if x.id.String() != x.want {
			t.Errorf("%s, want %s", x.id, x.want)
		}
	}
	if _, err := ParseID([]byte{1, 0, 0, 0, 1, 2, 3}); !errors.Is(err, ErrMalformed) {
		t.Error("an IPv4 address of three octets")
	}
}

func TestCodecsRefuse(t *testing.T) {
	for name, err := range map[string]error{
		"attribute type":   second(AppendAttributes(nil, []Attribute{{Type: 0x8001}})),
		"basic attribute":  second(AppendAttributes(nil, []Attribute{{Type: 1, Basic: true, Value: []byte{1}}})),
		"cut attribute":    second(ParseAttributes([]byte{0, 1, 0, 4, 1})),
		"delete of 0":      second(ParseDelete([]byte{0, 0, 0, 1, 1, 0, 0xff, 0xff})),
		"delete too long":  second(ParseDelete([]byte{0, 0, 0, 1, 1, 4, 0, 2, 1, 2, 3, 4})),
		"notify SPI":       second(ParseNotify([]byte{0, 0, 0, 1, 1, 9, 0, 1, 1, 2})),
		"nonce of 7":       second(ParseNonce(make([]byte, 7))),
		"nonce of 257":     second(ParseNonce(make([]byte, 257))),
		"KE":               second(ParseKE(14, make([]byte, 255))),
		"hash":             second(ParseHash(suite.SHA1, make([]byte, 19))),
		"transforms":       second(ParseSA([]byte{0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 8, 1, 1, 0, 1})),
		"behind proposals": second(ParseSA([]byte{0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 8, 1, 1, 0, 0, 0})),
		"other payload":    second(ParseSA([]byte{0, 0, 0, 1, 0, 0, 0, 1, 3, 0, 0, 8, 1, 1, 0, 0, 0, 0, 0, 4})),
		"mixed SPIs":       second(Delete{SPIs: [][]byte{make([]byte, 4), make([]byte, 5)}}.Append(nil)),
	} {
		if !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// Parsing allocates at most 64 KiB and eight times the input.
func TestAllocationBound(t *testing.T) {
	var bodies [][]byte
	many := bytes.Repeat([]byte{0x80, 1, 0, 1}, 16000)
	bodies = append(bodies, many, bytes.Repeat([]byte{0, 1, 0, 0}, 16000))
	bodies = append(bodies, bytes.Repeat([]byte{13, 0, 0, 4}, 16000))
	spis := append([]byte{0, 0, 0, 1, 3, 4}, 0x3f, 0x00)
	bodies = append(bodies, append(spis, make([]byte, 4*0x3f00)...))
	// Proposals that are full of empty transforms.
	proposal := []byte{2, 0, 0, 0, 1, 1, 0, 64}
	binary.BigEndian.PutUint16(proposal[2:], 8+64*8)
	for i := range 64 {
		next := byte(3)
		if i == 63 {
			next = 0
		}
		proposal = append(proposal, next, 0, 0, 8, 1, 1, 0, 0)
	}
	bodies = append(bodies, append(make([]byte, 8), bytes.Repeat(proposal, 60)...))
	for i, b := range bodies {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		parseAll(b)
		runtime.ReadMemStats(&after)
		// Each of the seven parsers below is allowed its own share.
		if used, most := after.TotalAlloc-before.TotalAlloc, uint64(7*(64<<10+8*len(b))); used > most {
			t.Errorf("case %d: %d octets for %d", i, used, len(b))
		}
	}
	for i, parse := range []func([]byte){
		func(b []byte) { Payloads(PayloadVendor, b) }, func(b []byte) { ParseAttributes(b) },
		func(b []byte) { ParseDelete(b) }, func(b []byte) { ParseSA(b) },
	} {
		for j, b := range bodies {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			parse(b)
			runtime.ReadMemStats(&after)
			if used, most := after.TotalAlloc-before.TotalAlloc, uint64(64<<10+8*len(b)); used > most {
				t.Errorf("parser %d, case %d: %d octets for %d", i, j, used, len(b))
			}
		}
	}
}

// parseAll gives the same octets to every parser; what they say does not
// matter.
func parseAll(b []byte) {
	ParseHeader(b)
	if len(b) > 0 {
		Payloads(b[0], b[1:])
	}
	ParseSA(b)
	ParseAttributes(b)
	ParseID(b)
	ParseNotify(b)
	ParseDelete(b)
}

func FuzzCodec(f *testing.F) {
	for _, m := range mainMode(f) {
		f.Add(m)
		f.Add(m[HeaderLen:])
	}
	for _, d := range peerDatagrams(f) {
		f.Add(d.data)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		parseAll(b)
		if h, body, err := ParseHeader(b); err == nil {
			if !bytes.Equal(h.Append(nil), b[:HeaderLen]) {
				t.Errorf("header %x", h.Append(nil))
			}
			if list, err := Payloads(h.Next, body); err == nil {
				_, again, err := AppendChain(nil, list...)
				if err != nil || !bytes.Equal(again, body[:ChainLen(list)]) {
					t.Errorf("chain %x from %x, %v", again, body, err)
				}
			}
		}
		if sa, err := ParseSA(b); err == nil {
			again, err := sa.Append(nil)
			if err != nil {
				t.Fatal(err)
			}
			// RESERVED2 is not kept: compare what was understood.
			sa2, err := ParseSA(again)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(sa, sa2); d != "" {
				t.Error(d)
			}
		}
		if n, err := ParseNotify(b); err == nil {
			if again, err := n.Append(nil); err != nil || !bytes.Equal(again, b) {
				t.Errorf("notify %x from %x, %v", again, b, err)
			}
		}
		if d, err := ParseDelete(b); err == nil && len(d.SPIs) > 0 {
			if again, err := d.Append(nil); err != nil || !bytes.Equal(again, b) {
				t.Errorf("delete %x from %x, %v", again, b, err)
			}
		}
	})
}
