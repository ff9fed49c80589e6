package virtual

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
	"testing/synctest"

	"coterie/crypto/suite"
	"coterie/internal/env"
	"coterie/internal/secret"
	"coterie/xfrm"
)

// The tests drive two members on one wire: what A sends, B receives.
//
//	2.2.2.2 -- A (192.168.1.2) ===== B (192.168.1.4) -- 4.4.4.4
const wire = "Ethernet0/0"

var (
	addrA, addrB = netip.MustParseAddr("192.168.1.2"), netip.MustParseAddr("192.168.1.4")
	rekeyGroup   = netip.MustParseAddr("239.192.1.190")
	keyA         = xfrm.GroupKey{Name: "GETVPN", Source: addrA}
	keyB         = xfrm.GroupKey{Name: "GETVPN", Source: addrB}
	aesSHA256    = suite.Transform{Cipher: suite.ESPAES256, Auth: suite.ESPSHA256}
)

// stream is a reproducible source of IVs.
type stream byte

func (s *stream) Read(b []byte) (int, error) {
	for i := range b {
		*s = *s*5 + 17
		b[i] = byte(*s)
	}
	return len(b), nil
}

func sa(spi uint32, t suite.Transform) xfrm.SA {
	c, a := t.Keys()
	return xfrm.SA{
		SPI: spi, Transform: t, SIDBits: 24,
		CipherKey: secret.New(bytes.Repeat([]byte{byte(spi), 1, 3}, c)[:c]),
		AuthKey:   secret.New(bytes.Repeat([]byte{byte(spi), 5, 7}, a)[:a]),
	}
}

// permitIP is the policy of most tests: OSPF clear, everything else encrypted.
func permitIP(spi uint32) []xfrm.Policy {
	return []xfrm.Policy{
		{ACE: xfrm.ACE{Permit: false, Protocol: 89}},
		{ACE: xfrm.ACE{Permit: true}, SPI: spi},
	}
}

func newPlane(t testing.TB, group xfrm.GroupKey, options ...Option) *Dataplane {
	t.Helper()
	d := New(new(env.Clock), new(stream), options...)
	attachMap(t, d, xfrm.MapEntry{Sequence: 10, Group: group, Bypass: []netip.Addr{group.Source, rekeyGroup}})
	t.Cleanup(func() { d.Close() })
	return d
}

func attachMap(t testing.TB, d *Dataplane, entries ...xfrm.MapEntry) {
	t.Helper()
	if err := d.SetInterface(xfrm.InterfacePolicy{Interface: wire, MapName: "CMAP", Entries: entries}); err != nil {
		t.Fatal(err)
	}
}

func install(t testing.TB, d *Dataplane, g xfrm.Group) {
	t.Helper()
	if err := d.SetGroup(g); err != nil {
		t.Fatal(err)
	}
}

// pair is A and B with one SA of transform tr; A is sender 1, B sender 2.
func pair(t testing.TB, tr suite.Transform) (a, b *Dataplane) {
	t.Helper()
	a, b = newPlane(t, keyA), newPlane(t, keyB)
	s := sa(0x100, tr)
	s.SenderID = 1
	install(t, a, xfrm.Group{Key: keyA, Policies: permitIP(0x100), SAs: []xfrm.SA{s}})
	s.SenderID = 2
	install(t, b, xfrm.Group{Key: keyB, Policies: permitIP(0x100), SAs: []xfrm.SA{s}})
	return a, b
}

// packet is a datagram with a good header checksum. UDP and TCP payloads begin
// with the two ports.
func packet(proto uint8, src, dst string, payload []byte) []byte {
	b := append(make([]byte, 20), payload...)
	b[0], b[8], b[9] = 0x45, 64, proto
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	b[4], b[5] = 0x12, 0x34
	s, d := netip.MustParseAddr(src).As4(), netip.MustParseAddr(dst).As4()
	copy(b[12:], s[:])
	copy(b[16:], d[:])
	xfrm.WriteChecksum(b[:20])
	return b
}

func udp(src string, sport uint16, dst string, dport uint16) []byte {
	p := make([]byte, 16)
	binary.BigEndian.PutUint16(p, sport)
	binary.BigEndian.PutUint16(p[2:], dport)
	p[5] = 16
	return packet(xfrm.ProtoUDP, src, dst, p)
}

var ping = packet(1, "2.2.2.2", "4.4.4.4", []byte("\x08\x00\xf7\xff\x00\x00\x00\x00abcdefgh"))

// one is the only packet of a Tap's answer, or nil.
func one(t testing.TB, out [][]byte) []byte {
	t.Helper()
	switch len(out) {
	case 0:
		return nil
	case 1:
		return out[0]
	}
	t.Fatalf("%d packets", len(out))
	return nil
}

// sealed is p as d sends it, which must be ESP.
func sealed(t testing.TB, d *Dataplane, p []byte) []byte {
	t.Helper()
	out := one(t, d.Outbound(wire, p))
	if len(out) == 0 || out[9] != xfrm.ProtoESP {
		t.Fatalf("not encrypted: %x", out)
	}
	return out
}

func counts(t testing.TB, d *Dataplane, k xfrm.GroupKey) xfrm.Counters {
	t.Helper()
	return group1(t, d, k).Counters
}

func group1(t testing.TB, d *Dataplane, k xfrm.GroupKey) xfrm.GroupSnapshot {
	t.Helper()
	for _, g := range d.Snapshot().Groups {
		if g.Key == k {
			return g
		}
	}
	t.Fatalf("no group %+v", k)
	return xfrm.GroupSnapshot{}
}

func nextEvent(d *Dataplane) *xfrm.Event {
	select {
	case e := <-d.Events():
		return &e
	default:
		return nil
	}
}

// bubble runs f with a clock that only moves when f sleeps.
func bubble(t *testing.T, f func(t *testing.T)) { synctest.Test(t, f) }
