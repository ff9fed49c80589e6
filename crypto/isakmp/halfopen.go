package isakmp

import (
	"container/list"
	"net/netip"
)

// Bounds of the half-open table. Beyond them the oldest entry goes.
const (
	maxHalfOpen       = 16384
	maxHalfOpenOctets = 64 << 20
	// maxHalfOpenPeer counts per address and port, not per address: a lab host
	// or a translator has many peers behind one.
	maxHalfOpenPeer = 8
	// halfOpenOverhead estimates what an entry takes beside its messages.
	halfOpenOverhead = 2048
)

// halfOpenTable holds a responder's unfinished SAs, oldest first.
type halfOpenTable struct {
	ring   *list.List // of *phaseOne
	at     map[*phaseOne]*list.Element
	first  map[firstKey]*phaseOne
	peers  map[netip.AddrPort][]*phaseOne
	octets int
}

// firstKey finds the SA of a repeated message 1.
type firstKey struct {
	peer
	initiator Cookie
}

func newHalfOpenTable() halfOpenTable {
	return halfOpenTable{
		ring:  list.New(),
		at:    make(map[*phaseOne]*list.Element),
		first: make(map[firstKey]*phaseOne),
		peers: make(map[netip.AddrPort][]*phaseOne),
	}
}

func (t *halfOpenTable) find(p peer, icookie Cookie) *phaseOne { return t.first[firstKey{p, icookie}] }

func halfOpenSize(sa *phaseOne) int { return len(sa.saBody) + maxSABody + halfOpenOverhead }

// add enters an SA and returns those that must go, already taken out.
func (t *halfOpenTable) add(sa *phaseOne) (evicted []*phaseOne) {
	if list := t.peers[sa.remote]; len(list) >= maxHalfOpenPeer {
		evicted = append(evicted, list[0])
		t.remove(list[0])
	}
	t.at[sa] = t.ring.PushBack(sa)
	t.first[firstKey{sa.peer, sa.icookie}] = sa
	t.peers[sa.remote] = append(t.peers[sa.remote], sa)
	t.octets += halfOpenSize(sa)
	for t.ring.Len() > maxHalfOpen || t.octets > maxHalfOpenOctets {
		old := t.ring.Front().Value.(*phaseOne)
		evicted = append(evicted, old)
		t.remove(old)
	}
	return evicted
}

// remove takes an SA out; one that is not in the table is no matter.
func (t *halfOpenTable) remove(sa *phaseOne) {
	e, ok := t.at[sa]
	if !ok {
		return
	}
	t.ring.Remove(e)
	delete(t.at, sa)
	delete(t.first, firstKey{sa.peer, sa.icookie})
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
