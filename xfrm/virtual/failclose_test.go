package virtual

import (
	"net/netip"
	"testing"

	"coterie/internal/env"
	"coterie/xfrm"
)

// closedMap is A's crypto map with fail-close: telnet from A's site, and OSPF,
// are exempt.
func closedMap(t *testing.T, d *Dataplane, entries ...xfrm.MapEntry) {
	t.Helper()
	err := d.SetInterface(xfrm.InterfacePolicy{Interface: wire, MapName: "CMAP", Entries: entries, FailClose: &xfrm.FailClose{
		ACL: "FAIL", Exempt: []xfrm.ACE{
			{Permit: true, Protocol: xfrm.ProtoTCP, Src: xfrm.Match{Addr: netip.MustParseAddr("2.2.2.9")}}, // permit: drop
			{Protocol: xfrm.ProtoTCP, Dst: xfrm.Match{Ports: xfrm.PortRange{Lo: 23, Hi: 23}}},
			{Protocol: 89},
		}}})
	if err != nil {
		t.Fatal(err)
	}
}

func tcp(src string, sport byte, dst string, dport byte) []byte {
	p := make([]byte, 20)
	p[1], p[3] = sport, dport
	return packet(xfrm.ProtoTCP, src, dst, p)
}

// TestFailClose walks through the life of a fail-close map: closed before the
// first registration, open with a policy, open with a group that has none,
// closed again when the group goes.
func TestFailClose(t *testing.T) {
	d := New(new(env.Clock), new(stream))
	defer d.Close()
	closedMap(t, d, xfrm.MapEntry{Sequence: 10, Group: keyA, Bypass: []netip.Addr{addrA},
		Local: []xfrm.ACE{{Protocol: 1, Dst: xfrm.Match{Addr: netip.MustParseAddr("5.5.5.5")}}}})
	out := func(p []byte) string {
		switch got := one(t, d.Outbound(wire, p)); {
		case got == nil:
			return "dropped"
		case got[9] == xfrm.ProtoESP:
			return "encrypted"
		}
		return "clear"
	}
	in := func(p []byte) string {
		if d.Inbound(wire, p) == nil {
			return "dropped"
		}
		return "clear"
	}
	type row struct {
		name string
		got  string
		want string
	}
	check := func(stage string, rows ...row) {
		t.Helper()
		for _, r := range rows {
			if r.got != r.want {
				t.Errorf("%s: %s: %s, want %s", stage, r.name, r.got, r.want)
			}
		}
	}
	closed := func(stage string) {
		t.Helper()
		check(stage,
			row{"ping out", out(ping), "dropped"},
			row{"ping in", in(packet(1, "4.4.4.4", "2.2.2.2", nil)), "dropped"},
			row{"what the local list would let out in the clear", out(packet(1, "2.2.2.2", "5.5.5.5", nil)), "dropped"},
			row{"telnet out", out(tcp("2.2.2.2", 99, "4.4.4.4", 23)), "clear"},
			row{"its answer", in(tcp("4.4.4.4", 23, "2.2.2.2", 99)), "clear"},
			row{"telnet in", in(tcp("4.4.4.4", 99, "2.2.2.2", 23)), "dropped"},
			row{"a permit of the list", out(tcp("2.2.2.9", 99, "4.4.4.4", 23)), "dropped"},
			row{"OSPF out", out(packet(89, "192.168.1.2", "224.0.0.5", nil)), "clear"},
			row{"OSPF in", in(packet(89, "192.168.1.4", "224.0.0.5", nil)), "clear"},
			row{"own registration", out(udp("192.168.1.2", 848, "192.168.1.254", 848)), "clear"},
			row{"the key server's answer", in(udp("192.168.1.254", 848, "192.168.1.2", 848)), "clear"},
			row{"someone else's registration", out(udp("2.2.2.2", 848, "192.168.1.254", 848)), "dropped"},
			row{"half a header", out(ping[:19]), "dropped"},
			row{"half a header in", in(ping[:19]), "dropped"},
		)
	}
	closed("before registration")
	if c := counts(t, d, keyA); c != (xfrm.Counters{FailCloseSend: 4, FailCloseRcv: 2, InternalErrSend: 1, InternalErrRcv: 1}) {
		t.Errorf("counters %+v", c)
	}
	if e := nextEvent(d); e != nil {
		t.Errorf("event %+v", e)
	}

	install(t, d, xfrm.Group{Key: keyA, Policies: permitIP(0x100), SAs: []xfrm.SA{sa(0x100, aesSHA256)}})
	check("registered",
		row{"ping out", out(ping), "encrypted"},
		row{"local deny", out(packet(1, "2.2.2.2", "5.5.5.5", nil)), "clear"},
		row{"telnet out", out(tcp("2.2.2.2", 99, "4.4.4.4", 23)), "encrypted"},
		row{"ping in", in(packet(1, "4.4.4.4", "2.2.2.2", nil)), "dropped"})

	install(t, d, xfrm.Group{Key: keyA}) // policy expired, `client fail-close revert` is not configured
	check("installed without policy", row{"ping out", out(ping), "clear"}, row{"ping in", in(packet(1, "4.4.4.4", "2.2.2.2", nil)), "clear"})

	if err := d.RemoveGroup(keyA); err != nil {
		t.Fatal(err)
	}
	closed("removed")

	// `no activate`: the map fails open.
	attachMap(t, d, xfrm.MapEntry{Sequence: 10, Group: keyA})
	check("fail-open", row{"ping out", out(ping), "clear"})
}

// TestFailCloseOfSeveralGroups: the entries that are complete before the missing
// one go on encrypting; nothing gets past it in the clear.
func TestFailCloseOfSeveralGroups(t *testing.T) {
	first, second, third := keyA, xfrm.GroupKey{Name: "SECOND", Source: addrA}, xfrm.GroupKey{Name: "THIRD", Source: addrA}
	d := New(new(env.Clock), new(stream))
	defer d.Close()
	closedMap(t, d, xfrm.MapEntry{Sequence: 10, Group: first}, xfrm.MapEntry{Sequence: 20, Group: second}, xfrm.MapEntry{Sequence: 30, Group: third})
	to := func(dst string) xfrm.ACE {
		return xfrm.ACE{Permit: true, Dst: xfrm.Match{Addr: netip.MustParseAddr(dst)}}
	}
	install(t, d, xfrm.Group{Key: first, SAs: []xfrm.SA{sa(0x100, aesSHA256)}, Policies: []xfrm.Policy{{ACE: to("4.4.4.4"), SPI: 0x100}}})
	install(t, d, xfrm.Group{Key: third, SAs: []xfrm.SA{sa(0x300, aesSHA256)}, Policies: permitIP(0x300)})
	sealed(t, d, ping)
	other := packet(1, "2.2.2.2", "8.8.8.8", nil)
	if out := d.Outbound(wire, other); out != nil {
		t.Errorf("left before the second group was there: %x", out)
	}
	if c := counts(t, d, second); c.FailCloseSend != 1 {
		t.Errorf("second group: %+v", c)
	}
	install(t, d, xfrm.Group{Key: second, SAs: []xfrm.SA{sa(0x200, aesSHA256)}, Policies: []xfrm.Policy{{ACE: to("5.5.5.5"), SPI: 0x200}}})
	if got := sealed(t, d, other)[22]; got != 3 {
		t.Errorf("to the third group's destination under SPI %#x00", got)
	}
}
