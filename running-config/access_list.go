package runningconfig

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"
)

// entryIndex finds entries by what they say: a list of ten thousand lines is
// pasted one line at a time, and each asks whether it is there already. It is
// made on demand and forgotten when the list was changed by other means.
type entryIndex struct {
	length    int
	sequences map[string]int // of an entry, by its text
}

// Find is the position of the entry that says the same as e, sequence numbers
// aside, or -1. Remarks are not entries of this kind: the same one may stand
// in many places.
func (l *AccessList) Find(e ACE) int {
	if e.Remark != "" {
		return -1
	}
	if l.index.sequences == nil || l.index.length != len(l.Entries) {
		l.index = entryIndex{len(l.Entries), make(map[string]int, len(l.Entries))}
		for _, x := range l.Entries {
			if x.Remark == "" {
				l.index.sequences[x.text()] = x.Sequence
			}
		}
	}
	n, ok := l.index.sequences[e.text()]
	if !ok {
		return -1
	}
	at, ok := l.position(n)
	if !ok || !l.Entries[at].Equal(e) { // renumbered behind our back
		l.index.sequences = nil
		return slices.IndexFunc(l.Entries, e.Equal)
	}
	return at
}

// position is where a sequence number stands or would stand.
func (l *AccessList) position(sequence int) (int, bool) {
	return slices.BinarySearchFunc(l.Entries, sequence, func(x ACE, n int) int { return cmp.Compare(x.Sequence, n) })
}

// Insert puts an entry in the place that its sequence number says; false when
// the number is taken. A remark that repeats one of the same run is left out.
func (l *AccessList) Insert(e ACE) bool {
	at, taken := l.position(e.Sequence)
	if taken {
		return false
	}
	if e.Remark != "" {
		to := at
		for to < len(l.Entries) && l.Entries[to].Remark != "" {
			to++
		}
		if slices.ContainsFunc(l.Entries[l.remarks(at):to], e.Equal) {
			return true
		}
	}
	l.Entries = slices.Insert(l.Entries, at, e)
	if l.index.sequences != nil && l.index.length == len(l.Entries)-1 {
		l.index.length++
		if e.Remark == "" {
			l.index.sequences[e.text()] = e.Sequence
		}
	}
	return true
}

// DropRepeated forgets the remarks at the end of a list that stand before the
// entry at position at as well: they were typed on the way to it.
func (l *AccessList) DropRepeated(at int) {
	before := l.Entries[l.remarks(at):at]
	last := len(l.Entries)
	for last > at+1 && l.Entries[last-1].Remark != "" && slices.ContainsFunc(before, l.Entries[last-1].Equal) {
		last--
	}
	l.index.length -= len(l.Entries) - last // which knows no remarks
	l.Entries = l.Entries[:last]
}

// Renumbered forgets what is known about the sequence numbers.
func (l *AccessList) Renumbered() { l.index.sequences = nil }

// Equal compares entries without their sequence numbers.
func (e ACE) Equal(x ACE) bool {
	return e.Remark == x.Remark && e.Permit == x.Permit && e.Protocol == x.Protocol &&
		e.Src.equal(x.Src) && e.Dst.equal(x.Dst) && slices.Equal(e.Options, x.Options)
}

func (e Endpoint) equal(x Endpoint) bool {
	return e.Any == x.Any && e.Host == x.Host && e.Addr == x.Addr && e.Wildcard == x.Wildcard &&
		e.PortOp == x.PortOp && slices.Equal(e.Ports, x.Ports)
}

// text is different for different entries.
func (e ACE) text() string {
	b := make([]byte, 0, 64)
	b = append(b, flags(e.Permit, e.Src.Any, e.Src.Host, e.Dst.Any, e.Dst.Host))
	b = append(append(b, e.Protocol...), 0)
	for _, s := range []*Endpoint{&e.Src, &e.Dst} {
		for _, a := range []netip.Addr{s.Addr, s.Wildcard} {
			if a.Is4() {
				v := a.As4()
				b = append(append(b, 4), v[:]...)
			} else {
				b = append(b, 0)
			}
		}
		b = append(append(b, s.PortOp...), 0, byte(len(s.Ports)))
		for _, p := range s.Ports {
			b = binary.BigEndian.AppendUint16(b, p)
		}
	}
	for _, o := range e.Options {
		b = append(append(b, o...), 0)
	}
	return string(b)
}

func flags(list ...bool) (out byte) {
	for i, f := range list {
		if f {
			out |= 1 << i
		}
	}
	return out
}

// TidyRemarks drops a remark that repeats one of the same run: remarks that
// follow one another say each thing once.
func (l *AccessList) TidyRemarks() {
	first := 0 // of the run
	out := l.Entries[:0]
	for _, e := range l.Entries {
		if e.Remark == "" {
			first = len(out) + 1
		} else if slices.ContainsFunc(out[first:], func(x ACE) bool { return x.Remark == e.Remark }) {
			continue
		}
		out = append(out, e)
	}
	l.Entries = slices.Clip(out)
}

// remarks is where the run of remarks begins that ends before position at.
func (l *AccessList) remarks(at int) int {
	for at > 0 && l.Entries[at-1].Remark != "" {
		at--
	}
	return at
}
