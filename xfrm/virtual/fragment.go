package virtual

import (
	"encoding/binary"
	"slices"
	"sync"
	"time"

	"coterie/xfrm"
)

const (
	fragmentLife      = 30 * time.Second // for which fragments of one datagram are waited for
	exemptDatagrams   = 64               // cut GDOI datagrams remembered at once
	reassembledAtOnce = 64               // ESP packets being put together at once
	fragmentsEach     = 64               // fragments of one of them
)

// fragmentID is what the fragments of one datagram share, beside the protocol.
type fragmentID struct {
	src, dst uint32
	id       uint16
}

func fragmentOf(f xfrm.Flow, datagram []byte) fragmentID {
	return fragmentID{f.Src, f.Dst, binary.BigEndian.Uint16(datagram[4:])}
}

// exemptions are the cut datagrams whose first fragment was this member's own
// UDP 848.
type exemptions struct {
	mu   sync.Mutex
	ring [exemptDatagrams]struct {
		fragmentID
		until time.Time
	}
	next int
}

func (x *exemptions) add(id fragmentID, now time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.ring[x.next].fragmentID, x.ring[x.next].until = id, now.Add(fragmentLife)
	x.next = (x.next + 1) % len(x.ring)
}

func (x *exemptions) seen(id fragmentID, now time.Time) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	for i := range x.ring {
		if x.ring[i].fragmentID == id && now.Before(x.ring[i].until) {
			return true
		}
	}
	return false
}

// A reassembler puts ESP packets together that were cut after encryption. What
// overlaps is dropped with everything that it overlaps; when too many packets
// are incomplete, the oldest goes.
type reassembler struct {
	mu      sync.Mutex
	partial []*partial // oldest first
}

type partial struct {
	fragmentID
	until  time.Time
	header []byte // of the first fragment
	pieces []piece
	have   int // octets in pieces
	total  int // octets of the whole payload, 0 while unknown
}

type piece struct {
	offset int
	data   []byte
}

// add keeps a copy of a fragment, and returns the whole datagram with the last
// that was missing, or nil.
func (r *reassembler) add(f xfrm.Flow, datagram []byte, now time.Time) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.partial = slices.DeleteFunc(r.partial, func(p *partial) bool { return !now.Before(p.until) })
	id := fragmentOf(f, datagram)
	i := slices.IndexFunc(r.partial, func(p *partial) bool { return p.fragmentID == id })
	if i < 0 {
		if len(r.partial) == reassembledAtOnce {
			r.partial = slices.Delete(r.partial, 0, 1)
		}
		r.partial = append(r.partial, &partial{fragmentID: id, until: now.Add(fragmentLife)})
		i = len(r.partial) - 1
	}
	p := r.partial[i]
	if !p.add(f, datagram) {
		r.partial = slices.Delete(r.partial, i, i+1)
		return nil
	}
	if p.total == 0 || p.have < p.total || p.header == nil {
		return nil
	}
	r.partial = slices.Delete(r.partial, i, i+1)
	return p.whole()
}

// add takes one fragment; false when the datagram can never be completed.
func (p *partial) add(f xfrm.Flow, datagram []byte) bool {
	more := moreFragments(datagram)
	offset := int(binary.BigEndian.Uint16(datagram[6:])&0x1fff) * 8
	data := datagram[f.HeaderLen:f.TotalLen]
	end := offset + len(data)
	switch {
	case len(p.pieces) == fragmentsEach, len(data) == 0, end > 65535-20:
		return false
	case more && len(data)%8 != 0:
		return false
	case p.total != 0 && (end > p.total || !more):
		return false
	}
	for _, q := range p.pieces {
		if offset < q.offset+len(q.data) && q.offset < end || !more && q.offset >= end {
			return false
		}
	}
	if !more {
		p.total = end
	}
	if offset == 0 {
		p.header = slices.Clone(datagram[:20]) // options are dropped
	}
	p.pieces = append(p.pieces, piece{offset, slices.Clone(data)})
	p.have += len(data)
	return true
}

// whole is the datagram with its parts in place.
func (p *partial) whole() []byte {
	b := make([]byte, 20+p.total)
	copy(b, p.header)
	b[0] = 0x45
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	b[6], b[7] = b[6]&0x40, 0
	xfrm.WriteChecksum(b[:20])
	for _, q := range p.pieces {
		copy(b[20+q.offset:], q.data)
	}
	return b
}
