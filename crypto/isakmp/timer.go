package isakmp

import (
	"container/heap"
	"time"
)

// A timer calls fire once when at has come. Timers of one moment fire in the
// order in which they were set. The zero value is not set.
type timer struct {
	at   time.Time
	seq  uint64
	slot int // in the heap, from 1; 0 when not in it
	fire func()
}

type timers struct {
	heap timerHeap
	seq  uint64
}

// set sets a timer, or sets it anew.
func (t *timers) set(x *timer, at time.Time, fire func()) {
	t.seq++
	x.at, x.seq, x.fire = at, t.seq, fire
	if x.slot == 0 {
		heap.Push(&t.heap, x)
	} else {
		heap.Fix(&t.heap, x.slot-1)
	}
}

// stop is safe on nil and on a timer that has fired.
func (t *timers) stop(x *timer) {
	if x != nil && x.slot != 0 {
		heap.Remove(&t.heap, x.slot-1)
		x.fire = nil
	}
}

// due takes the next timer that is due, nil when there is none.
func (t *timers) due(now time.Time) *timer {
	if len(t.heap) == 0 || t.heap[0].at.After(now) {
		return nil
	}
	return heap.Pop(&t.heap).(*timer)
}

// next is the earliest deadline; zero when there is none.
func (t *timers) next() time.Time {
	if len(t.heap) == 0 {
		return time.Time{}
	}
	return t.heap[0].at
}

type timerHeap []*timer

func (h timerHeap) Len() int { return len(h) }
func (h timerHeap) Less(i, j int) bool {
	if !h[i].at.Equal(h[j].at) {
		return h[i].at.Before(h[j].at)
	}
	return h[i].seq < h[j].seq
}
func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].slot, h[j].slot = i+1, j+1
}
func (h *timerHeap) Push(x any) {
	t := x.(*timer)
	*h = append(*h, t)
	t.slot = len(*h)
}
func (h *timerHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	t.slot = 0
	return t
}
