package policy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"net/netip"

	"coterie/xfrm"
)

// Limits of the policy of a member that reads RFC 6407 and nothing of ours.
const (
	// MaxPermits is how many entries the access lists of a group may become.
	MaxPermits = 256
	// MaxPorts is how many ports a range may have to be written one by one.
	MaxPorts = 32
	// maxBoxes bounds the work on the way there.
	maxBoxes = 4096
)

// Errors of Permits.
var (
	ErrTooManyPermits = fmt.Errorf("it would become more than %d permits", MaxPermits)
	ErrPortRange      = fmt.Errorf("it has a range of more than %d ports", MaxPorts)
	errMask           = errors.New("it has a wildcard that is not contiguous, or an address of IPv6")
)

// Permits compiles the access lists of the `sa ipsec` of a group, which are
// evaluated one after another, into permits that overlap nowhere and need no
// order: RFC 6407 has neither a deny nor a range of ports. What the lists
// permit they permit, under the same `sa ipsec`, and nothing else; ports of a
// packet that cannot be seen are not looked at, and port 0 is not named by an
// entry that names ports.
func Permits(lists ...[]xfrm.ACE) ([][]xfrm.ACE, error) {
	var earlier []box
	out := make([][]xfrm.ACE, len(lists))
	total := 0
	for i, list := range lists {
		for _, a := range list {
			b, err := boxOf(a)
			if err != nil {
				return nil, err
			}
			if a.Permit {
				rest := []box{b}
				for _, e := range earlier {
					var next []box
					for _, r := range rest {
						next = r.subtract(next, e)
					}
					if rest = next; len(rest) > maxBoxes {
						return nil, ErrTooManyPermits
					}
				}
				for _, r := range rest {
					before := len(out[i])
					if out[i], err = r.appendACEs(out[i], MaxPermits-total); err != nil {
						return nil, err
					}
					total += len(out[i]) - before
				}
			}
			earlier = append(earlier, b)
		}
	}
	return out, nil
}

// Plain tells whether access lists can be written without Permits: they have
// neither a deny nor a range of ports.
func Plain(list []xfrm.ACE) bool {
	for _, a := range list {
		if !a.Permit || a.Src.Ports.Lo != a.Src.Ports.Hi || a.Dst.Ports.Lo != a.Dst.Ports.Hi {
			return false
		}
	}
	return true
}

// box is what an ACE matches: a range in each of five dimensions, in the order
// in which they are cut. Protocols come late because a range of them takes an
// entry each.
type box [5]span

type span struct{ lo, hi uint32 }

const (
	dimSrc = iota
	dimDst
	dimSrcPort
	dimDstPort
	dimProtocol
)

var (
	allProtocols = span{1, 255}
	allPorts     = span{0, 65535}
)

func boxOf(a xfrm.ACE) (box, error) {
	var b box
	var ok1, ok2 bool
	b[dimSrc], ok1 = prefixSpan(a.Src)
	b[dimDst], ok2 = prefixSpan(a.Dst)
	if !ok1 || !ok2 {
		return b, errMask
	}
	b[dimSrcPort], b[dimDstPort] = portSpan(a.Src.Ports), portSpan(a.Dst.Ports)
	b[dimProtocol] = allProtocols
	if a.Protocol != 0 {
		b[dimProtocol] = span{uint32(a.Protocol), uint32(a.Protocol)}
	}
	return b, nil
}

func prefixSpan(m xfrm.Match) (span, bool) {
	if !m.Addr.IsValid() {
		return span{0, 1<<32 - 1}, true
	}
	if !m.Addr.Is4() || !m.Mask.Is4() {
		return span{}, false
	}
	addr, mask := m.Addr.As4(), m.Mask.As4()
	a, k := binary.BigEndian.Uint32(addr[:]), binary.BigEndian.Uint32(mask[:])
	return span{a & k, a | ^k}, bits.LeadingZeros32(^k) == bits.OnesCount32(k)
}

func portSpan(p xfrm.PortRange) span {
	if p == (xfrm.PortRange{}) {
		return allPorts
	}
	return span{uint32(p.Lo), uint32(p.Hi)}
}

// subtract appends what of b lies outside e, in boxes that do not overlap.
func (b box) subtract(out []box, e box) []box {
	for d := range b {
		if b[d].hi < e[d].lo || b[d].lo > e[d].hi {
			return append(out, b) // they do not meet
		}
	}
	for d := range b {
		if b[d].lo < e[d].lo {
			below := b
			below[d].hi = e[d].lo - 1
			out = append(out, below)
			b[d].lo = e[d].lo
		}
		if b[d].hi > e[d].hi {
			above := b
			above[d].lo = e[d].hi + 1
			out = append(out, above)
			b[d].hi = e[d].hi
		}
	}
	return out
}

// appendACEs writes a box as permits, at most room of them.
func (b box) appendACEs(out []xfrm.ACE, room int) ([]xfrm.ACE, error) {
	srcPorts, ok1 := ports(b[dimSrcPort])
	dstPorts, ok2 := ports(b[dimDstPort])
	if !ok1 || !ok2 {
		return nil, ErrPortRange
	}
	protocols := []uint8{0}
	if p := b[dimProtocol]; p != allProtocols {
		protocols = protocols[:0]
		for n := p.lo; n <= p.hi; n++ {
			protocols = append(protocols, uint8(n))
		}
	}
	src, dst := prefixes(b[dimSrc]), prefixes(b[dimDst])
	if n := len(src) * len(dst) * len(srcPorts) * len(dstPorts) * len(protocols); n > room {
		return nil, ErrTooManyPermits
	}
	for _, p := range protocols {
		for _, s := range src {
			for _, d := range dst {
				for _, sp := range srcPorts {
					for _, dp := range dstPorts {
						s.Ports, d.Ports = sp, dp
						out = append(out, xfrm.ACE{Permit: true, Protocol: p, Src: s, Dst: d})
					}
				}
			}
		}
	}
	return out, nil
}

// ports writes a range of ports one by one; port 0 cannot be written.
func ports(s span) ([]xfrm.PortRange, bool) {
	if s == allPorts {
		return []xfrm.PortRange{{}}, true
	}
	var out []xfrm.PortRange
	for n := max(s.lo, 1); n <= s.hi; n++ {
		if len(out) == MaxPorts {
			return nil, false
		}
		out = append(out, xfrm.PortRange{Lo: uint16(n), Hi: uint16(n)})
	}
	return out, true
}

// prefixes writes a range of addresses as the fewest prefixes.
func prefixes(s span) []xfrm.Match {
	if s == (span{0, 1<<32 - 1}) {
		return []xfrm.Match{{}}
	}
	var out []xfrm.Match
	for lo, hi := uint64(s.lo), uint64(s.hi); lo <= hi; {
		size := uint64(1) << min(bits.TrailingZeros64(lo|1<<32), 32)
		for lo+size-1 > hi {
			size /= 2
		}
		out = append(out, xfrm.Match{Addr: address(uint32(lo)), Mask: address(^uint32(size - 1))})
		lo += size
	}
	return out
}

func address(n uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], n)
	return netip.AddrFrom4(b)
}
