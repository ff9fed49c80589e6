package virtual

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"coterie/crypto/suite"
	"coterie/internal/env"
	"coterie/xfrm"
	"coterie/xfrm/esp"
)

// The three directions against a clear and an encrypted packet, both ways.
func TestDirections(t *testing.T) {
	sender, _ := pair(t, aesSHA256)
	cipher := sealed(t, sender, ping)
	for _, c := range []struct {
		direction                                xfrm.Direction
		encrypts, acceptsClear, acceptsEncrypted bool
	}{
		{xfrm.Both, true, false, true},
		{xfrm.InboundOnly, false, true, true},
		{xfrm.InboundOptional, true, true, true},
	} {
		d := newPlane(t, keyB)
		install(t, d, xfrm.Group{Key: keyB, Direction: c.direction, Policies: permitIP(0x100), SAs: []xfrm.SA{sa(0x100, aesSHA256)}})
		out := one(t, d.Outbound(wire, packet(1, "4.4.4.4", "2.2.2.2", nil)))
		if got := out[9] == xfrm.ProtoESP; got != c.encrypts {
			t.Errorf("%v: encrypts %v", c.direction, got)
		}
		if got := d.Inbound(wire, ping) != nil; got != c.acceptsClear {
			t.Errorf("%v: accepts clear %v", c.direction, got)
		}
		if got := d.Inbound(wire, cipher) != nil; got != c.acceptsEncrypted {
			t.Errorf("%v: accepts encrypted %v", c.direction, got)
		}
		want := xfrm.Counters{Decrypt: 1}
		if c.encrypts {
			want.Encrypt = 1
		}
		if !c.acceptsClear {
			want.NotIPSecRcv = 1
			if e := nextEvent(d); e == nil || *e != (xfrm.Event{Kind: xfrm.ClearReceived, Interface: wire,
				Src: netip.MustParseAddr("2.2.2.2"), Dst: netip.MustParseAddr("4.4.4.4"), Protocol: 1, Group: keyB}) {
				t.Errorf("%v: event %+v", c.direction, e)
			}
		}
		if got := counts(t, d, keyB); got != want {
			t.Errorf("%v: %+v, want %+v", c.direction, got, want)
		}
		if e := nextEvent(d); e != nil {
			t.Errorf("%v: event %+v", c.direction, e)
		}
		if p := group1(t, d, keyB).Policies[1]; p.Outbound != 1 || p.Inbound != 2 {
			t.Errorf("%v: permit matched %d out, %d in", c.direction, p.Outbound, p.Inbound)
		}
		// A deny is clear whatever the direction.
		ospf := packet(89, "4.4.4.4", "224.0.0.5", nil)
		if !bytes.Equal(one(t, d.Outbound(wire, ospf)), ospf) || !bytes.Equal(one(t, d.Inbound(wire, ospf)), ospf) {
			t.Errorf("%v: a deny is not clear", c.direction)
		}
	}
}

// Local list first, then the downloaded policy; entries in order; no match is
// clear; a group without policy fails open.
func TestEvaluationOrder(t *testing.T) {
	local := func(permit bool, dst string) xfrm.ACE {
		return xfrm.ACE{Permit: permit, Dst: xfrm.Match{Addr: netip.MustParseAddr(dst)}}
	}
	second := xfrm.GroupKey{Name: "SECOND", Source: addrA}
	d := New(new(env.Clock), new(stream))
	attachMap(t, d, // out of order on purpose
		xfrm.MapEntry{Sequence: 20, Group: second},
		xfrm.MapEntry{Sequence: 10, Group: keyA, Local: []xfrm.ACE{local(false, "5.5.5.5"), local(true, "6.6.6.6")}})
	leaves := func(dst string) string {
		switch out := one(t, d.Outbound(wire, packet(1, "2.2.2.2", dst, nil))); {
		case out == nil:
			return "dropped"
		case out[9] != xfrm.ProtoESP:
			return "clear"
		case binary.BigEndian.Uint32(out[20:]) == 0x100:
			return "first"
		default:
			return "second"
		}
	}
	check := func(stage string, want map[string]string) {
		t.Helper()
		for dst, w := range want {
			if got := leaves(dst); got != w {
				t.Errorf("%s: to %s %s, want %s", stage, dst, got, w)
			}
		}
	}
	check("no group has registered", map[string]string{"4.4.4.4": "clear", "5.5.5.5": "clear", "6.6.6.6": "clear"})
	if d.Overhead(wire) != 0 {
		t.Error("overhead without SAs")
	}

	install(t, d, xfrm.Group{Key: second, Policies: permitIP(0x200), SAs: []xfrm.SA{sa(0x200, suite.Transform{Cipher: suite.ESPNull, Auth: suite.ESPMD5})}})
	check("only the second", map[string]string{"4.4.4.4": "second", "5.5.5.5": "clear", "6.6.6.6": "second"})

	install(t, d, xfrm.Group{Key: keyA, SAs: []xfrm.SA{sa(0x100, aesSHA256)}, Policies: []xfrm.Policy{
		{ACE: local(false, "7.7.7.7")}, {ACE: local(true, "4.4.4.4"), SPI: 0x100}}})
	check("both", map[string]string{"4.4.4.4": "first", "5.5.5.5": "clear", "6.6.6.6": "dropped", "7.7.7.7": "clear", "8.8.8.8": "second"})
	if e := nextEvent(d); e == nil || e.Kind != xfrm.LocalPermit || e.Dst != netip.MustParseAddr("6.6.6.6") {
		t.Errorf("event %+v", e)
	}
	if c := counts(t, d, keyA); c != (xfrm.Counters{Encrypt: 1, EncapsFail: 1}) {
		t.Errorf("%+v", c)
	}
	if got := d.Overhead(wire); got != esp.Overhead(aesSHA256, xfrm.NoTBAR) {
		t.Errorf("overhead %d", got)
	}
	if out := one(t, d.Outbound("Ethernet0/1", ping)); !bytes.Equal(out, ping) || d.Overhead("Ethernet0/1") != 0 {
		t.Error("an interface without crypto map is not clear")
	}

	// Inbound, clear: the same order, mirrored.
	for src, want := range map[string]bool{"4.4.4.4": false, "5.5.5.5": true, "6.6.6.6": false, "7.7.7.7": true, "8.8.8.8": false} {
		if got := d.Inbound(wire, packet(1, src, "2.2.2.2", nil)) != nil; got != want {
			t.Errorf("clear from %s accepted %v", src, got)
		}
	}
	if err := d.RemoveGroup(keyA); err != nil {
		t.Fatal(err)
	}
	check("first removed", map[string]string{"4.4.4.4": "second", "5.5.5.5": "clear"})
	attachMap(t, d) // no entries: detached
	check("detached", map[string]string{"4.4.4.4": "clear", "6.6.6.6": "clear"})
}

// What is decrypted must be what the policy encrypts, mirrored; a multicast
// policy counts as written.
func TestInnerPolicy(t *testing.T) {
	a, _ := pair(t, aesSHA256)
	b := newPlane(t, keyB)
	host := func(s string) xfrm.Match { return xfrm.Match{Addr: netip.MustParseAddr(s)} }
	install(t, b, xfrm.Group{Key: keyB, SAs: []xfrm.SA{sa(0x100, aesSHA256)}, Policies: []xfrm.Policy{
		{ACE: xfrm.ACE{Permit: false, Src: host("4.4.4.4"), Dst: host("3.3.3.3")}},
		{ACE: xfrm.ACE{Permit: true, Src: host("4.4.4.4")}, SPI: 0x100},
		{ACE: xfrm.ACE{Permit: true, Dst: host("239.1.1.1")}, SPI: 0x100}}})
	for _, c := range []struct {
		src, dst string
		want     bool
	}{
		{"2.2.2.2", "4.4.4.4", true},
		{"3.3.3.3", "4.4.4.4", false}, // a deny: its owner would have sent it clear
		{"4.4.4.4", "2.2.2.2", false}, // only the other way
		{"2.2.2.2", "239.1.1.1", true},
		{"2.2.2.2", "239.1.1.2", false},
	} {
		if got := b.Inbound(wire, sealed(t, a, packet(1, c.src, c.dst, nil))) != nil; got != c.want {
			t.Errorf("%s to %s: accepted %v", c.src, c.dst, got)
		}
	}
	if c := counts(t, b, keyB); c != (xfrm.Counters{Decrypt: 5, DecapFail: 3}) {
		t.Errorf("%+v", c)
	}
}
