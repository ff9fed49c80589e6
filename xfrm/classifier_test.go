package xfrm

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

// net4 is "10.0.0.0" under "255.0.0.0"; empty is any.
func net4(addr, mask string) Match {
	if addr == "" {
		return Match{}
	}
	return Match{Addr: ip(addr), Mask: ip(mask)}
}

func flow(proto uint8, src string, sport uint16, dst string, dport uint16) Flow {
	f := Flow{Protocol: proto, HasPorts: hasPorts(proto), SrcPort: sport, DstPort: dport}
	f.Src, _ = Uint32(ip(src))
	f.Dst, _ = Uint32(ip(dst))
	return f
}

func TestLookup(t *testing.T) {
	ports := func(m Match, lo, hi uint16) Match { m.Ports = PortRange{lo, hi}; return m }
	acl := []ACE{
		{Permit: false, Protocol: ProtoUDP, Src: ports(Match{}, 848, 848), Dst: Match{}},
		{Permit: false, Protocol: ProtoTCP, Dst: ports(Match{}, 22, 22)},
		{Permit: false, Protocol: 89},
		{Permit: true, Protocol: ProtoTCP, Src: net4("10.1.0.0", "255.255.0.0"), Dst: ports(net4("10.2.0.0", "255.255.0.0"), 80, 90)},
		{Permit: true, Src: net4("10.0.0.3", "255.0.0.255")}, // every host .3 in 10/8
		{Permit: true, Protocol: 1, Src: Match{Addr: ip("2.2.2.2")}, Dst: Match{Addr: ip("4.4.4.4")}},
		{Permit: true, Src: Match{Addr: ip("2001:db8::1")}},
	}
	fragment := func(f Flow) Flow { f.Fragment, f.HasPorts, f.SrcPort, f.DstPort = true, false, 0, 0; return f }
	for _, c := range []struct {
		name string
		flow Flow
		want int
	}{
		{"source port", flow(17, "9.9.9.9", 848, "8.8.8.8", 5), 0},
		{"destination port is not source port", flow(17, "9.9.9.9", 5, "8.8.8.8", 848), -1},
		{"ssh", flow(6, "9.9.9.9", 5, "8.8.8.8", 22), 1},
		{"ospf", flow(89, "9.9.9.9", 0, "224.0.0.5", 0), 2},
		{"low end of a port range", flow(6, "10.1.2.9", 5, "10.2.0.1", 80), 3},
		{"high end of a port range", flow(6, "10.1.2.9", 5, "10.2.0.1", 90), 3},
		{"above a port range", flow(6, "10.1.2.9", 5, "10.2.0.1", 91), -1},
		{"outside a network", flow(6, "10.3.2.9", 5, "10.2.0.1", 80), -1},
		{"wildcard in the middle", flow(1, "10.77.5.3", 0, "1.1.1.1", 0), 4},
		{"wildcard in the middle, other host", flow(1, "10.77.5.4", 0, "1.1.1.1", 0), -1},
		{"host to host", flow(1, "2.2.2.2", 0, "4.4.4.4", 0), 5},
		{"mirrored host to host", flow(1, "4.4.4.4", 0, "2.2.2.2", 0).Mirror(), 5},
		// Fragments: a deny with ports does not match, a permit with ports does.
		{"fragment of ssh", fragment(flow(6, "9.9.9.9", 5, "8.8.8.8", 22)), -1},
		{"fragment of a permitted flow", fragment(flow(6, "10.1.2.9", 5, "10.2.0.1", 80)), 3},
		{"fragment of a flow beside the range", fragment(flow(6, "10.1.2.9", 5, "10.2.0.1", 99)), 3},
		{"fragment of another protocol", fragment(flow(47, "10.1.2.9", 0, "10.2.0.1", 0)), -1},
	} {
		if got := Compile(acl).Lookup(c.flow); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
		if got := naive(acl, c.flow); got != c.want {
			t.Errorf("%s: naive %d, want %d", c.name, got, c.want)
		}
	}
	if got := Compile(nil).Lookup(Flow{}); got != -1 {
		t.Errorf("empty list: %d", got)
	}
	if got := (*Classifier)(nil).Lookup(Flow{}); got != -1 {
		t.Errorf("no list: %d", got)
	}
}

func TestInboundMirror(t *testing.T) {
	f := flow(17, "1.1.1.1", 10, "2.2.2.2", 20)
	if m := f.Inbound(); m.Src != f.Dst || m.Dst != f.Src || m.SrcPort != 20 || m.DstPort != 10 {
		t.Errorf("%+v", m)
	}
	if f := flow(17, "1.1.1.1", 10, "239.1.1.1", 20); f.Inbound() != f {
		t.Error("a multicast flow was mirrored")
	}
}

// naive is the obvious matcher, written from the meaning of an ACE and sharing
// nothing with the compiled one.
func naive(acl []ACE, f Flow) int {
	side := func(m Match, addr uint32) bool {
		if !m.Addr.IsValid() {
			return true
		}
		if !m.Addr.Is4() {
			return false
		}
		a, b := m.Addr.As4(), addrOf(addr).As4()
		mask := [4]byte{255, 255, 255, 255}
		if m.Mask.IsValid() {
			mask = m.Mask.As4()
		}
		for i := range a {
			if (a[i]^b[i])&mask[i] != 0 {
				return false
			}
		}
		return true
	}
	port := func(r PortRange, p uint16) bool { return r.Lo == 0 && r.Hi == 0 || p >= r.Lo && p <= r.Hi }
	for i, a := range acl {
		withPorts := a.Src.Ports != PortRange{} || a.Dst.Ports != PortRange{}
		switch {
		case a.Protocol != 0 && a.Protocol != f.Protocol, !side(a.Src, f.Src), !side(a.Dst, f.Dst):
		case !withPorts:
			return i
		case f.HasPorts:
			if port(a.Src.Ports, f.SrcPort) && port(a.Dst.Ports, f.DstPort) {
				return i
			}
		case a.Permit && (f.Protocol == 6 || f.Protocol == 17 || f.Protocol == 33 || f.Protocol == 132 || f.Protocol == 136):
			return i
		}
	}
	return -1
}

// Small numbers make matches, and near misses, likely.
func genMatch(t *rapid.T, label string) Match {
	var m Match
	switch rapid.IntRange(0, 5).Draw(t, label) {
	case 0:
	case 1:
		m.Addr = netip.AddrFrom4([4]byte{10, 0, rapid.ByteRange(0, 3).Draw(t, label), rapid.ByteRange(0, 3).Draw(t, label)})
	case 5: // any mask at all
		m.Addr = netip.AddrFrom4([4]byte{10, 0, rapid.ByteRange(0, 3).Draw(t, label), rapid.ByteRange(0, 3).Draw(t, label)})
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], rapid.Uint32().Draw(t, label))
		m.Mask = netip.AddrFrom4(b)
	default:
		m.Addr = netip.AddrFrom4([4]byte{10, 0, rapid.ByteRange(0, 3).Draw(t, label), rapid.ByteRange(0, 3).Draw(t, label)})
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], ^uint32(0)<<rapid.IntRange(0, 31).Draw(t, label))
		m.Mask = netip.AddrFrom4(b)
	}
	if rapid.IntRange(0, 2).Draw(t, label) == 0 {
		lo := rapid.Uint16Range(0, 6).Draw(t, label)
		m.Ports = PortRange{lo, rapid.SampledFrom([]uint16{lo, lo + 2, 65535}).Draw(t, label)}
	}
	return m
}

func genACE(t *rapid.T) ACE {
	return ACE{
		Permit:   rapid.Bool().Draw(t, "permit"),
		Protocol: rapid.SampledFrom([]uint8{0, 1, 6, 17, 50}).Draw(t, "protocol"),
		Src:      genMatch(t, "src"), Dst: genMatch(t, "dst"),
	}
}

func genFlow(t *rapid.T) Flow {
	addr := func(l string) uint32 {
		return 10<<24 | uint32(rapid.ByteRange(0, 3).Draw(t, l))<<8 | uint32(rapid.ByteRange(0, 4).Draw(t, l))
	}
	f := Flow{
		Src: addr("src"), Dst: addr("dst"),
		Protocol: rapid.SampledFrom([]uint8{1, 6, 17, 47, 50}).Draw(t, "protocol"),
	}
	if hasPorts(f.Protocol) {
		if f.Fragment = rapid.IntRange(0, 3).Draw(t, "fragment") == 0; !f.Fragment {
			f.HasPorts = true
			f.SrcPort = rapid.Uint16Range(0, 9).Draw(t, "sport")
			f.DstPort = rapid.Uint16Range(0, 9).Draw(t, "dport")
		}
	}
	return f
}

// The compiled matcher and the obvious one agree on every list and flow.
func TestClassifierAgainstNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		acl := rapid.SliceOfN(rapid.Custom(genACE), 0, 150).Draw(t, "acl")
		c := Compile(acl)
		for range 20 {
			f := genFlow(t)
			got, want := c.Lookup(f), naive(acl, f)
			if got != want {
				t.Fatalf("%+v: %d, want %d", f, got, want)
			}
			if want >= 0 && !acl[want].Matches(f) {
				t.Fatalf("Matches differs on %+v", f)
			}
		}
	})
}

func TestParseFlow(t *testing.T) {
	good := make([]byte, 28)
	good[0], good[3], good[9] = 0x45, 28, ProtoUDP
	copy(good[12:], []byte{1, 1, 1, 1, 2, 2, 2, 2, 0x03, 0x50, 0, 53})
	f, ok := ParseFlow(append(good[:28:28], 0, 0, 0)) // with padding behind
	want := Flow{Src: 0x01010101, Dst: 0x02020202, SrcPort: 848, DstPort: 53, Protocol: 17, HasPorts: true, HeaderLen: 20, TotalLen: 28}
	if !ok || f != want {
		t.Errorf("%+v, %v", f, ok)
	}
	change := func(i int, v byte) []byte { b := append([]byte(nil), good...); b[i] = v; return b }
	for name, b := range map[string][]byte{
		"empty": nil, "19 octets": good[:19], "version 6": change(0, 0x65), "header of 16": change(0, 0x44),
		"header longer than the packet": change(0, 0x4f), "total shorter than the header": change(3, 19), "total longer than the packet": change(3, 29),
	} {
		if f, ok := ParseFlow(b); ok {
			t.Errorf("%s: %+v", name, f)
		}
	}
	if f, ok := ParseFlow(change(7, 1)); !ok || !f.Fragment || f.HasPorts {
		t.Errorf("fragment: %+v", f)
	}
	if f, ok := ParseFlow(change(6, 0x20)); !ok || f.Fragment || !f.HasPorts {
		t.Errorf("first fragment: %+v", f)
	}
	if f, ok := ParseFlow(change(3, 23)); !ok || f.HasPorts {
		t.Errorf("too short for ports: %+v", f)
	}
}

func FuzzParseFlow(f *testing.F) {
	f.Add([]byte{0x45, 0, 0, 20, 0, 0, 0, 0, 64, 17, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2})
	c := Compile([]ACE{{Permit: true, Protocol: 17, Dst: Match{Ports: PortRange{1, 9}}}, {Permit: true}})
	f.Fuzz(func(t *testing.T, b []byte) {
		g, ok := ParseFlow(b)
		if ok && (g.TotalLen > len(b) || g.HeaderLen > g.TotalLen || g.HasPorts && g.TotalLen < g.HeaderLen+4) {
			t.Fatalf("%+v of %x", g, b)
		}
		if ok && c.Lookup(g) < 0 {
			t.Fatalf("permit ip any any does not match %x", b)
		}
	})
}

// BenchmarkLookup compares the compiled list with the obvious walk, on flows
// that mostly match late or never.
func BenchmarkLookup(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{4, 20, 100, 1000} {
		acl := make([]ACE, n)
		for i := range acl {
			host := func() Match {
				return Match{Addr: netip.AddrFrom4([4]byte{10, byte(r.Uint32()), byte(r.Uint32()), 0}), Mask: ip("255.255.255.0")}
			}
			acl[i] = ACE{Permit: i%3 > 0, Protocol: []uint8{0, 6, 17}[i%3], Src: host(), Dst: host()}
		}
		flows := make([]Flow, 256)
		for i := range flows {
			flows[i] = Flow{Src: 10<<24 | r.Uint32()>>8, Dst: 10<<24 | r.Uint32()>>8, Protocol: 6, HasPorts: true}
			if i%2 == 0 {
				a := acl[r.IntN(n)]
				flows[i].Src, _ = Uint32(a.Src.Addr)
				flows[i].Dst, _ = Uint32(a.Dst.Addr)
			}
		}
		c := Compile(acl)
		b.Run(fmt.Sprintf("compiled/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				c.Lookup(flows[i&255])
			}
		})
		b.Run(fmt.Sprintf("naive/%d", n), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				naive(acl, flows[i&255])
			}
		})
	}
}
