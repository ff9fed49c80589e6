package lab

import (
	"slices"
	"strings"
	"sync"
	"testing/synctest"
)

// sequencer makes a lab in a synctest bubble do the same each time. Many routers
// act at one instant of its clock, and the scheduler would choose whose frame is
// first; here frames wait until every router is at rest, and are then carried one
// by one, in the order of their senders' names, with rest in between.
type sequencer struct {
	mu    sync.Mutex
	queue []carriage
	wake  chan struct{}
	ask   chan chan struct{}
	quit  chan struct{}
	ended chan struct{}
}

// carriage is a frame that waits.
type carriage struct {
	sender string
	carry  func()
}

// newSequencer is to be called in the bubble.
func newSequencer() *sequencer {
	s := &sequencer{
		wake: make(chan struct{}, 1), ask: make(chan chan struct{}), quit: make(chan struct{}), ended: make(chan struct{}),
	}
	go s.run()
	return s
}

// add is a wire's Sequence.
func (s *sequencer) add(sender string, carry func()) {
	s.mu.Lock()
	s.queue = append(s.queue, carriage{sender, carry})
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// rest returns when nothing more happens at this instant. It stands for
// synctest.Wait, which only one goroutine may call at a time: the sequencer's.
func (s *sequencer) rest() {
	done := make(chan struct{})
	s.ask <- done
	<-done
}

func (s *sequencer) stop() {
	close(s.quit)
	<-s.ended
}

func (s *sequencer) run() {
	defer close(s.ended)
	for {
		select {
		case <-s.wake:
			s.drain()
		case done := <-s.ask:
			s.drain()
			close(done)
		case <-s.quit:
			return
		}
	}
}

// drain carries frames until none is sent any more.
func (s *sequencer) drain() {
	for {
		synctest.Wait()
		s.mu.Lock()
		batch := s.queue
		s.queue = nil
		s.mu.Unlock()
		if len(batch) == 0 {
			return
		}
		slices.SortStableFunc(batch, func(a, b carriage) int { return strings.Compare(a.sender, b.sender) })
		for _, c := range batch {
			c.carry()
			synctest.Wait()
		}
	}
}
