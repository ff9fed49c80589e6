package policy

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"coterie/xfrm"
)

func prefix(s string) xfrm.Match {
	p := netip.MustParsePrefix(s)
	var mask [4]byte
	for i := range p.Bits() {
		mask[i/8] |= 0x80 >> (i % 8)
	}
	return xfrm.Match{Addr: p.Masked().Addr(), Mask: netip.AddrFrom4(mask)}
}

func permits(t *testing.T, want int, list ...xfrm.ACE) []xfrm.ACE {
	t.Helper()
	out, err := Permits(list)
	if err != nil || len(out[0]) != want {
		t.Fatalf("%d permits, %v; want %d", len(out[0]), err, want)
	}
	return out[0]
}

func TestPermits(t *testing.T) {
	ten := prefix("10.0.0.0/8")
	any := xfrm.ACE{Permit: true}
	// A list that needs nothing stays as it is.
	if got := permits(t, 1, any); got[0] != any {
		t.Errorf("%+v", got)
	}
	// One host less of 10/8: a prefix for each of the other 24 bits.
	permits(t, 24, xfrm.ACE{Src: prefix("10.1.2.3/32")}, xfrm.ACE{Permit: true, Src: ten, Dst: ten})
	// One protocol less: the other 254, one by one.
	permits(t, 254, xfrm.ACE{Protocol: 89}, any)
	// A hidden permit is not written twice.
	permits(t, 1, any, xfrm.ACE{Permit: true, Src: ten})
	// A deny behind what it denies takes nothing away.
	permits(t, 1, any, xfrm.ACE{Src: ten})
	tcp := xfrm.ACE{Permit: true, Protocol: 6}
	tcp.Dst.Ports = xfrm.PortRange{Lo: 80, Hi: 111}
	permits(t, 32, tcp)
	tcp.Dst.Ports.Hi++
	if _, err := Permits([]xfrm.ACE{tcp}); !errors.Is(err, ErrPortRange) {
		t.Errorf("33 ports: %v", err)
	}
	// All ports but one are more than can be written one by one.
	ssh := xfrm.ACE{Protocol: 6, Dst: xfrm.Match{Ports: xfrm.PortRange{Lo: 22, Hi: 22}}}
	if _, err := Permits([]xfrm.ACE{ssh, any}); !errors.Is(err, ErrPortRange) {
		t.Errorf("all but ssh: %v", err)
	}
	if _, err := Permits([]xfrm.ACE{{Protocol: 89}, {Src: ten, Protocol: 6}, any}); !errors.Is(err, ErrTooManyPermits) {
		t.Errorf("two protocols less: %v", err)
	}
	// The limit holds for what all pieces of an entry become together.
	var hosts []xfrm.ACE
	for i := range 100 {
		hosts = append(hosts, xfrm.ACE{Src: prefix(fmt.Sprintf("10.0.%d.1/32", i))})
	}
	if _, err := Permits(append(hosts, any)); !errors.Is(err, ErrTooManyPermits) {
		t.Errorf("100 hosts less: %v", err)
	}
	if _, err := Permits(append(hosts[:10], any)); err != nil {
		t.Errorf("10 hosts less: %v", err)
	}
	bad := xfrm.ACE{Permit: true, Src: xfrm.Match{Addr: netip.MustParseAddr("10.0.0.0"), Mask: netip.MustParseAddr("255.0.255.0")}}
	if _, err := Permits([]xfrm.ACE{bad}); err == nil {
		t.Error("a mask with a hole was accepted")
	}
}

// A deny in the first `sa ipsec` counts for those behind it.
func TestPermitsOfSeveralSAs(t *testing.T) {
	host := prefix("10.1.2.3/32")
	out, err := Permits([]xfrm.ACE{{Src: host}, {Permit: true, Protocol: 1}}, []xfrm.ACE{{Permit: true, Src: host}, {Permit: true, Src: prefix("10.1.2.0/24"), Protocol: 17}})
	if err != nil || len(out[0]) != 32 || len(out[1]) != 8 {
		t.Fatalf("%d and %d, %v", len(out[0]), len(out[1]), err)
	}
}

// Permits never overlap, and decide about every packet as the lists do, over
// small worlds in which things meet.
func TestPermitsDecideAlike(t *testing.T) {
	match := rapid.Custom(func(t *rapid.T) xfrm.Match {
		var m xfrm.Match
		if rapid.Bool().Draw(t, "prefix") {
			p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, rapid.Byte().Draw(t, "host")}), rapid.IntRange(24, 32).Draw(t, "bits"))
			m = prefix(p.Masked().String())
		}
		return m
	})
	port := func(t *rapid.T) xfrm.PortRange {
		lo := rapid.Uint16Range(1, 8).Draw(t, "lo")
		return xfrm.PortRange{Lo: lo, Hi: lo + rapid.Uint16Range(0, 3).Draw(t, "more")}
	}
	ace := rapid.Custom(func(t *rapid.T) xfrm.ACE {
		a := xfrm.ACE{Permit: rapid.Bool().Draw(t, "permit"), Src: match.Draw(t, "src"), Dst: match.Draw(t, "dst")}
		switch rapid.IntRange(0, 5).Draw(t, "kind") {
		case 0:
			a.Protocol = 1
		case 1:
			a.Protocol = 17
		case 2, 3:
			a.Protocol = 17
			a.Src.Ports = port(t)
		case 4:
			a.Protocol = 17
			a.Dst.Ports = port(t)
		}
		return a
	})
	done := 0
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(ace, 1, 5).Draw(t, "list")
		cut := rapid.IntRange(0, len(list)).Draw(t, "second sa")
		out, err := Permits(list[:cut], list[cut:])
		if err != nil {
			return // too much for a foreign member
		}
		done++
		var flat []xfrm.ACE
		for _, l := range out {
			flat = append(flat, l...)
		}
		ordered := xfrm.Compile(list)
		for range 40 {
			f := xfrm.Flow{Protocol: rapid.SampledFrom([]uint8{1, 6, 17, 255}).Draw(t, "protocol")}
			f.Src = 0x0a000000 | rapid.Uint32Range(0, 256).Draw(t, "from")
			f.Dst = 0x0a000000 | rapid.Uint32Range(0, 256).Draw(t, "to")
			if f.HasPorts = f.Protocol == 6 || f.Protocol == 17; f.HasPorts {
				f.SrcPort, f.DstPort = rapid.Uint16Range(1, 13).Draw(t, "sport"), rapid.Uint16Range(1, 13).Draw(t, "dport")
			}
			n, where := 0, 0
			for i, a := range flat {
				if !a.Permit || !Plain([]xfrm.ACE{a}) {
					t.Fatalf("not a plain permit: %+v", a)
				}
				if a.Matches(f) {
					n, where = n+1, i
				}
			}
			i := ordered.Lookup(f)
			permitted := i >= 0 && list[i].Permit
			if n > 1 || permitted != (n == 1) || permitted && (i < cut) != (where < len(out[0])) {
				t.Fatalf("%+v: %d permits match (%d), the list says entry %d\nlist %+v\npermits %+v", f, n, where, i, list, flat)
			}
		}
	})
	if done < 20 {
		t.Errorf("only %d lists could be written", done)
	}
}
