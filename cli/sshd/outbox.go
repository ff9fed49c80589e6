package sshd

import (
	"errors"
	"io"
	"sync"
	"time"
)

// outboxLimit is how much output waits for a slow peer before the session
// does.
const outboxLimit = 64 << 10

var errHungUp = errors.New("the peer has gone")

// outbox sends what is written to it from a goroutine of its own. What is
// written while a packet is on its way goes into the next one, so that the
// echo of a paste costs a few packets instead of one per line, and a single
// key is not delayed.
type outbox struct {
	w         io.Writer
	done      chan struct{} // closed when the goroutine has ended
	abandoned chan struct{} // closed by abandon

	mu      sync.Mutex
	changed *sync.Cond
	waiting []byte
	closed  bool
	err     error
}

func newOutbox(w io.Writer) *outbox {
	o := &outbox{w: w, done: make(chan struct{}), abandoned: make(chan struct{})}
	o.changed = sync.NewCond(&o.mu)
	go o.send()
	return o
}

// Write waits for room only.
func (o *outbox) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.waiting) >= outboxLimit && o.err == nil && !o.closed {
		o.changed.Wait()
	}
	switch {
	case o.err != nil:
		return 0, o.err
	case o.closed:
		return 0, errHungUp
	}
	o.waiting = append(o.waiting, p...)
	o.changed.Broadcast()
	return len(p), nil
}

func (o *outbox) send() {
	defer close(o.done)
	var sending []byte
	o.mu.Lock()
	defer o.mu.Unlock()
	for {
		for len(o.waiting) == 0 && !o.closed {
			o.changed.Wait()
		}
		if len(o.waiting) == 0 {
			return
		}
		sending, o.waiting = o.waiting, sending[:0]
		o.changed.Broadcast()
		o.mu.Unlock()
		_, err := o.w.Write(sending)
		o.mu.Lock()
		if err != nil {
			o.err, o.closed, o.waiting = err, true, nil
			o.changed.Broadcast()
			return
		}
	}
}

// finish lets what is waiting be sent, until that is done or the outbox is
// abandoned. It tells whether all of it was sent.
func (o *outbox) finish() bool {
	o.mu.Lock()
	o.closed = true
	o.changed.Broadcast()
	o.mu.Unlock()
	select {
	case <-o.done:
	case <-o.abandoned:
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err == nil
}

// abandon gives up a peer that takes nothing: whoever writes or finishes is
// let go. The goroutine ends only with the writer below.
func (o *outbox) abandon() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return
	}
	o.err, o.closed, o.waiting = errHungUp, true, nil
	close(o.abandoned)
	o.changed.Broadcast()
}

// abandonAfter gives a peer that long to take what is left.
func (o *outbox) abandonAfter(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		o.abandon()
	case <-o.done:
	}
}
