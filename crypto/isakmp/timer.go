package isakmp

import (
	"container/heap"
	"time"
)

// A timer calls fire once when at has come. Timers of one moment fire in the
// order in which they were set.
type timer struct {
	at    time.Time
	seq   uint64
	index int // in the heap; -1 when not in it
	fire  func()
}

type timers struct {
	heap timerHeap
	seq  uint64
}

func (t *timers) set(at time.Time, fire func()) *timer {
	t.seq++
	x := &timer{at: at, seq: t.seq, fire: fire}
	heap.Push(&t.heap, x)
	return x
}

// stop is safe on nil and on a timer that has fired.
func (t *timers) stop(x *timer) {
	if x != nil && x.index >= 0 {
		heap.Remove(&t.heap, x.index)
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
	h[i].index, h[j].index = i, j
}
func (h *timerHeap) Push(x any) {
	t := x.(*timer)
	t.index = len(*h)
	*h = append(*h, t)
}
func (h *timerHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	t.index = -1
	return t
}
