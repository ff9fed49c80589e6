package isakmp

import (
	"container/list"
	"net/netip"
	"slices"
)

// Bounds of the half-open table. Beyond them the oldest entry goes.
const (
	maxHalfOpen       = 16384
	maxHalfOpenOctets = 64 << 20
	// maxHalfOpenPeer counts per address and port, not per address: a lab host
	// or a translator has many peers behind one.
	maxHalfOpenPeer = 8
	// maxHalfOpenPrefix counts per /24 of IPv4 and /56 of IPv6: a flood with
	// addresses of one network pushes out its own.
	maxHalfOpenPrefix = 1024
	// halfOpenOverhead estimates what an entry takes beside its messages.
	halfOpenOverhead = 2048
)

// halfOpenTable holds a responder's unfinished SAs, oldest first. One whose peer
// has returned our cookie counts as new again: who forges addresses does not
// push it out before it could be finished.
type halfOpenTable struct {
	ring   *list.List                     // of *phaseOne
	peers  map[netip.AddrPort][]*phaseOne // maxHalfOpenPeer at most, oldest first
	nets   map[netip.Prefix]*list.List    // of *phaseOne, oldest first
	octets int
}

// halfOpenPlace is where an SA stands in the lists; the zero value is nowhere.
type halfOpenPlace struct{ inRing, inNet *list.Element }

// halfOpenPrefix is the network that an address is counted in.
func halfOpenPrefix(a netip.Addr) netip.Prefix {
	bits := 24
	if a = a.Unmap().WithZone(""); a.Is6() {
		bits = 56
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

func newHalfOpenTable() halfOpenTable {
	return halfOpenTable{
		ring:  list.New(),
		peers: make(map[netip.AddrPort][]*phaseOne),
		nets:  make(map[netip.Prefix]*list.List),
	}
}

// find is the SA of a repeated message 1.
func (t *halfOpenTable) find(p peer, icookie Cookie) *phaseOne {
	for _, sa := range t.peers[p.remote] {
		if sa.icookie == icookie && sa.peer == p {
			return sa
		}
	}
	return nil
}

func halfOpenSize(sa *phaseOne) int { return len(sa.saBody) + maxSABody + halfOpenOverhead }

// add enters an SA and returns those that must go, already taken out.
func (t *halfOpenTable) add(sa *phaseOne) (evicted []*phaseOne) {
	if list := t.peers[sa.remote]; len(list) >= maxHalfOpenPeer {
		old := list[0]
		if i := slices.IndexFunc(list, func(x *phaseOne) bool { return x.state == rMM2 }); i >= 0 {
			old = list[i]
		}
		evicted = append(evicted, old)
		t.remove(old)
	}
	prefix := halfOpenPrefix(sa.remote.Addr())
	net := t.nets[prefix]
	if net == nil {
		net = list.New()
		t.nets[prefix] = net
	} else if net.Len() >= maxHalfOpenPrefix {
		old := net.Front().Value.(*phaseOne)
		evicted = append(evicted, old)
		t.remove(old)
	}
	sa.halfOpen = halfOpenPlace{t.ring.PushBack(sa), net.PushBack(sa)}
	t.peers[sa.remote] = append(t.peers[sa.remote], sa)
	t.octets += halfOpenSize(sa)
	for t.ring.Len() > maxHalfOpen || t.octets > maxHalfOpenOctets {
		old := t.ring.Front().Value.(*phaseOne)
		evicted = append(evicted, old)
		t.remove(old)
	}
	return evicted
}

// proven notes that the peer of an SA has returned our cookie.
func (t *halfOpenTable) proven(sa *phaseOne) {
	if sa.halfOpen.inRing == nil {
		return
	}
	t.ring.MoveToBack(sa.halfOpen.inRing)
	if net := t.nets[halfOpenPrefix(sa.remote.Addr())]; net != nil {
		net.MoveToBack(sa.halfOpen.inNet)
	}
}

// remove takes an SA out; one that is not in the table is no matter.
func (t *halfOpenTable) remove(sa *phaseOne) {
	if sa.negotiation == nil || sa.halfOpen.inRing == nil {
		return
	}
	t.ring.Remove(sa.halfOpen.inRing)
	prefix := halfOpenPrefix(sa.remote.Addr())
	if net := t.nets[prefix]; net != nil {
		if net.Remove(sa.halfOpen.inNet); net.Len() == 0 {
			delete(t.nets, prefix)
		}
	}
	sa.halfOpen = halfOpenPlace{}
	t.octets -= halfOpenSize(sa)
	rest := t.peers[sa.remote][:0]
	for _, x := range t.peers[sa.remote] {
		if x != sa {
			rest = append(rest, x)
		}
	}
	if len(rest) > 0 {
		t.peers[sa.remote] = rest
	} else {
		delete(t.peers, sa.remote)
	}
}
