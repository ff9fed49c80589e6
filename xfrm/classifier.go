package xfrm

import (
	"math/bits"
	"slices"
)

// A Classifier finds the first of a list of ACEs that matches a flow. It is
// compiled once per policy change, never changes, and may be used by any
// number of goroutines.
//
// The list is cut into blocks of 64 entries. Per block, each of the five
// fields of a flow selects one 64-bit word, which has a bit for every entry
// that this field may match; the and of the five words leaves the entries
// worth a full comparison, in order. Fields with many values (addresses and
// ports) are cut into intervals at the bounds of the entries and found by
// binary search; a mask that is not contiguous spans everything and is left to
// the full comparison.
type Classifier struct {
	aces   []compiledACE
	blocks []block
}

// linear is the length up to which a list is simply walked: below it the walk
// is faster than the five selections.
const linear = 6

type compiledACE struct {
	src, srcMask, dst, dstMask uint32
	srcPorts, dstPorts         PortRange
	protocol                   uint8
	permit                     bool
	ports                      bool // has a port condition
	never                      bool // an address that no IPv4 packet has
}

type block struct {
	protocols        [256]uint64
	src, dst         intervals
	srcPort, dstPort intervals
}

// intervals cuts 0..2^32-1 at starts; words[i] holds the entries that a value
// in starts[i] <= v < starts[i+1] may match.
type intervals struct {
	starts []uint32 // sorted, first is 0
	words  []uint64
}

// Compile prepares aces, which are copied, for Lookup.
func Compile(aces []ACE) *Classifier {
	c := &Classifier{aces: make([]compiledACE, len(aces))}
	for i, a := range aces {
		c.aces[i] = a.compile()
	}
	if len(aces) <= linear {
		return c
	}
	for i := 0; i < len(c.aces); i += 64 {
		c.blocks = append(c.blocks, newBlock(c.aces[i:min(i+64, len(c.aces))]))
	}
	return c
}

// Lookup is the index of the first ACE that matches f, or -1.
//
// A packet whose ports cannot be seen (a fragment other than the first)
// matches an ACE with port conditions as IOS matches it: a permit by its
// protocol and addresses alone, a deny never. The rest of a permitted flow's
// fragments is thus encrypted with the first one, and a port cannot be hidden
// in order to leave, or enter, in the clear.
func (c *Classifier) Lookup(f Flow) int {
	if c == nil {
		return -1
	}
	if c.blocks == nil {
		for i := range c.aces {
			if c.aces[i].matches(&f) {
				return i
			}
		}
		return -1
	}
	for n := range c.blocks {
		b := &c.blocks[n]
		w := b.protocols[f.Protocol]
		if w == 0 {
			continue
		}
		if w &= b.src.word(f.Src) & b.dst.word(f.Dst); w == 0 {
			continue
		}
		if f.HasPorts {
			w &= b.srcPort.word(uint32(f.SrcPort)) & b.dstPort.word(uint32(f.DstPort))
		}
		for ; w != 0; w &= w - 1 {
			i := n*64 + bits.TrailingZeros64(w)
			if c.aces[i].matches(&f) {
				return i
			}
		}
	}
	return -1
}

// Matches tells whether f matches this ACE; the rules are those of Lookup.
func (a ACE) Matches(f Flow) bool {
	c := a.compile()
	return c.matches(&f)
}

func (a ACE) compile() compiledACE {
	c := compiledACE{protocol: a.Protocol, permit: a.Permit, srcPorts: a.Src.Ports, dstPorts: a.Dst.Ports}
	var ok1, ok2 bool
	c.src, c.srcMask, ok1 = a.Src.compile()
	c.dst, c.dstMask, ok2 = a.Dst.compile()
	c.never = !ok1 || !ok2
	c.ports = c.srcPorts != PortRange{} || c.dstPorts != PortRange{}
	return c
}

// compile is the address and mask in host order. An address without a mask is
// a host.
func (m Match) compile() (addr, mask uint32, ok bool) {
	if !m.Addr.IsValid() {
		return 0, 0, !m.Mask.IsValid()
	}
	if addr, ok = Uint32(m.Addr); !ok {
		return 0, 0, false
	}
	mask = 1<<32 - 1
	if m.Mask.IsValid() {
		if mask, ok = Uint32(m.Mask); !ok {
			return 0, 0, false
		}
	}
	return addr & mask, mask, true
}

func (c *compiledACE) matches(f *Flow) bool {
	switch {
	case f.Src&c.srcMask != c.src, f.Dst&c.dstMask != c.dst:
		return false
	case c.protocol != 0 && c.protocol != f.Protocol, c.never:
		return false
	case !c.ports:
		return true
	case f.HasPorts:
		return c.srcPorts.holds(f.SrcPort) && c.dstPorts.holds(f.DstPort)
	}
	return c.permit && hasPorts(f.Protocol)
}

// holds tells whether p is in the range; the zero range holds every port.
func (r PortRange) holds(p uint16) bool {
	return r == PortRange{} || r.Lo <= p && p <= r.Hi
}

func newBlock(aces []compiledACE) block {
	var b block
	var src, dst, srcPort, dstPort []span
	for i, a := range aces {
		if a.never {
			continue
		}
		bit := uint64(1) << i
		for p := range b.protocols {
			if a.protocol == 0 || int(a.protocol) == p {
				b.protocols[p] |= bit
			}
		}
		src = append(src, maskSpan(a.src, a.srcMask, bit))
		dst = append(dst, maskSpan(a.dst, a.dstMask, bit))
		srcPort = append(srcPort, portSpan(a.srcPorts, bit))
		dstPort = append(dstPort, portSpan(a.dstPorts, bit))
	}
	b.src, b.dst = newIntervals(src), newIntervals(dst)
	b.srcPort, b.dstPort = newIntervals(srcPort), newIntervals(dstPort)
	return b
}

// A span is the values lo..hi that the entries in bits may match.
type span struct {
	lo, hi uint32
	bits   uint64
}

func maskSpan(addr, mask uint32, bit uint64) span {
	if free := ^mask; free&(free+1) == 0 { // contiguous
		return span{addr, addr | free, bit}
	}
	return span{0, 1<<32 - 1, bit}
}

func portSpan(r PortRange, bit uint64) span {
	if r == (PortRange{}) {
		return span{0, 1<<32 - 1, bit}
	}
	return span{uint32(r.Lo), uint32(r.Hi), bit}
}

func newIntervals(spans []span) intervals {
	starts := []uint32{0}
	for _, s := range spans {
		starts = append(starts, s.lo)
		if s.hi < 1<<32-1 {
			starts = append(starts, s.hi+1)
		}
	}
	slices.Sort(starts)
	starts = slices.Compact(starts)
	v := intervals{starts: starts, words: make([]uint64, len(starts))}
	for _, s := range spans {
		for i, start := range starts {
			if s.lo <= start && start <= s.hi {
				v.words[i] |= s.bits
			}
		}
	}
	return v
}

// word is that of the last interval that starts at or below x.
func (v *intervals) word(x uint32) uint64 {
	lo, hi := 0, len(v.starts) // starts[lo] <= x < starts[hi]
	for hi-lo > 1 {
		if mid := int(uint(lo+hi) >> 1); v.starts[mid] <= x {
			lo = mid
		} else {
			hi = mid
		}
	}
	return v.words[lo]
}
