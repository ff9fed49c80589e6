package esp

import (
	"sync"

	"coterie/xfrm"
)

// Time-based anti-replay lets a packet through as often as it is sent again
// within the window. Under a counter mode a receiver can do better: no sender
// uses an IV twice, so whoever has seen one need not accept it again. A guard
// keeps what was seen, by sender. It knows a sender by the upper half of the IV,
// which has the whole sender ID in it, however long, and above it counts as
// another when the lower half overflows; so the length of sender IDs need not be
// known.

const (
	guardSenders = 4096 // remembered at once
	guardWords   = 16
	guardSpan    = guardWords * 64 // IVs of one sender that may overtake each other
)

// A guard remembers the IVs that were received. Its zero value has seen none.
type guard struct {
	mu      sync.Mutex
	senders map[uint32]*ivWindow
}

// ivWindow is a sliding window over the lower half of the IVs of one sender.
type ivWindow struct {
	top  uint32             // greatest seen
	bits [guardWords]uint64 // bit n%guardSpan: n was seen, for n in (top-guardSpan, top]
	last xfrm.Pseudotime    // when something was last seen, by our clock
}

// accept notes that iv was received at own, and says whether it is new. window
// is that of time-based anti-replay, ms.
func (g *guard) accept(iv uint64, own xfrm.Pseudotime, window uint64) bool {
	id, n := uint32(iv>>32), uint32(iv)
	g.mu.Lock()
	defer g.mu.Unlock()
	w := g.senders[id]
	if w == nil {
		if g.senders == nil {
			g.senders = map[uint32]*ivWindow{}
		}
		if len(g.senders) >= guardSenders {
			g.forget(own, window)
		}
		w = new(ivWindow)
		g.senders[id] = w
	}
	w.last = max(w.last, own)
	return w.accept(n)
}

// has says whether iv was received already, or is too far behind to tell.
func (g *guard) has(iv uint64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	w, n := g.senders[uint32(iv>>32)], uint32(iv)
	return w != nil && n <= w.top && (w.behind(n) || w.bits[n/64%guardWords]&(1<<(n%64)) != 0)
}

// forget makes room. A sender that was silent for twice the window loses nothing
// by it: its packets are too old by now. If all were heard of since, the one that
// was silent longest goes, and what it sent is guarded by time alone.
func (g *guard) forget(own xfrm.Pseudotime, window uint64) {
	var oldest uint32
	at := ^xfrm.Pseudotime(0)
	for id, w := range g.senders {
		if !within(own, w.last, 2*window) {
			delete(g.senders, id)
		} else if w.last < at || w.last == at && id < oldest {
			oldest, at = id, w.last
		}
	}
	if len(g.senders) >= guardSenders {
		delete(g.senders, oldest)
	}
}

// behind says that n is further below the greatest than the window reaches.
func (w *ivWindow) behind(n uint32) bool { return w.top/64-n/64 >= guardWords }

func (w *ivWindow) accept(n uint32) bool {
	switch {
	case n > w.top:
		from, to := w.top/64, n/64
		if to-from >= guardWords {
			w.bits = [guardWords]uint64{}
		} else {
			for i := from + 1; i <= to; i++ {
				w.bits[i%guardWords] = 0
			}
		}
		w.top = n
	case w.behind(n):
		return false
	}
	word, bit := &w.bits[n/64%guardWords], uint64(1)<<(n%64)
	if *word&bit != 0 {
		return false
	}
	*word |= bit
	return true
}
