package keyserver

import (
	"slices"
	"time"

	"coterie/crypto/isakmp"
	"coterie/gdoi/wire"
	"coterie/xfrm"
)

// pull is a registration that waits for its message 3.
type pull struct {
	key    pullKey
	until  time.Time
	group  *group
	ni, nr []byte
	info   *wire.Info
	offer  offer
	// foreign: the peer does not understand deny entries.
	foreign bool
}

// offer is what message 2 promised and message 4 delivers, whatever has
// happened to the group in between.
type offer struct {
	epoch uint64
	kek   *kek // nil: none
	seq   uint32
	keys  []wire.KeyPacket
	kd    []byte           // keys as the body of a KD payload
	sids  bool             // sender IDs come with the keys
	time  *xfrm.Pseudotime // of message 2; nil: none
}

type pullKey struct {
	sa  isakmp.SAID
	mid uint32
}

// Limits of unfinished registrations: a member gives up after 40 s, and ten
// thousand may arrive together.
const (
	pullLife = time.Minute
	maxPulls = 16384
)

// pulls are the unfinished registrations, oldest first. All live equally
// long, so that the oldest is the first to expire.
type pulls struct {
	byKey map[pullKey]*pull
	queue []*pull
}

func newPulls() pulls { return pulls{byKey: map[pullKey]*pull{}} }

func (s *pulls) add(now time.Time, p *pull) {
	if len(s.queue) >= maxPulls {
		s.dropOldest()
	}
	p.until = now.Add(pullLife)
	s.byKey[p.key] = p
	s.queue = append(s.queue, p)
}

func (s *pulls) dropOldest() {
	p := s.queue[0]
	s.queue[0] = nil
	s.queue = s.queue[1:]
	if s.byKey[p.key] == p {
		delete(s.byKey, p.key)
	}
}

func (s *pulls) expire(now time.Time) {
	for len(s.queue) > 0 && (!now.Before(s.queue[0].until) || s.byKey[s.queue[0].key] != s.queue[0]) {
		s.dropOldest()
	}
}

// finish takes a registration out; its place in the queue goes with time.
func (s *pulls) finish(p *pull) { delete(s.byKey, p.key) }

// forget drops the registrations of one group.
func (s *pulls) forget(g *group) {
	for _, p := range s.queue {
		if p.group == g && s.byKey[p.key] == p {
			delete(s.byKey, p.key)
		}
	}
}

// onSA is the latest unfinished registration over an SA; nil if none.
func (s *pulls) onSA(id isakmp.SAID) *pull {
	for _, p := range slices.Backward(s.queue) {
		if p.key.sa == id && s.byKey[p.key] == p {
			return p
		}
	}
	return nil
}
