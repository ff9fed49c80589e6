package syslog

import (
	"fmt"
	"time"
)

// A Bucket lets rate messages pass each second, and as many at once. It needs
// no timer: time is an argument. The zero value lets nothing pass.
type Bucket struct {
	Every time.Duration // one message each
	Burst int           // at most so many at once

	spent time.Time // when the bucket was last full, counted in messages taken
}

// PerSecond is `logging rate-limit N`.
func PerSecond(n int) *Bucket { return &Bucket{Every: time.Second / time.Duration(n), Burst: n} }

// Allow takes a message out of the bucket. A clock that jumps back fills it.
func (b *Bucket) Allow(now time.Time) bool {
	if b.Burst <= 0 {
		return false
	}
	full := time.Duration(b.Burst) * b.Every
	if b.spent.Before(now) || b.spent.Sub(now) > full {
		b.spent = now
	}
	if next := b.spent.Add(b.Every); next.Sub(now) <= full {
		b.spent = next
		return true
	}
	return false
}

// What a Guard lets pass.
const (
	guardBurst = 5                // of one event from one peer
	guardEvery = 10 * time.Second // and then one each
	guardAll   = 100              // of all peers at once
	guardRate  = 50 * time.Millisecond
	guardPeers = 1024 // that are remembered
)

// A Guard limits the messages that anybody can cause who can send a packet:
// each event for each peer, and all of them together. Its memory is bounded,
// and a peer that is not remembered counts as one of the whole only. The zero
// value is ready.
type Guard struct {
	peers  map[provoker]*Bucket
	pruned time.Time // when forget last ran
	all    Bucket
}

type provoker struct {
	event *Event
	peer  string
}

// Allow says whether a message may be logged.
func (g *Guard) Allow(now time.Time, m Message) bool {
	if m.Event == nil || m.Event.peer == 0 {
		return true
	}
	k := provoker{event: m.Event}
	if i := m.Event.peer - 1; i >= 0 && i < len(m.Args) {
		k.peer = printable(fmt.Sprint(m.Args[i]), 64)
	}
	if g.peers == nil {
		g.peers = make(map[provoker]*Bucket)
		g.all = Bucket{Every: guardRate, Burst: guardAll}
	}
	b := g.peers[k]
	if b == nil && len(g.peers) >= guardPeers && now.Sub(g.pruned).Abs() >= guardEvery {
		g.forget(now) // not for each of a flood
	}
	if b == nil && len(g.peers) < guardPeers {
		b = &Bucket{Every: guardEvery, Burst: guardBurst}
		g.peers[k] = b
	}
	if b != nil && !b.Allow(now) {
		return false
	}
	return g.all.Allow(now)
}

// forget drops the peers whose bucket is full again.
func (g *Guard) forget(now time.Time) {
	g.pruned = now
	for k, b := range g.peers {
		if !b.spent.After(now) {
			delete(g.peers, k)
		}
	}
}
