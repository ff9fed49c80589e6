package virtual

import "sync"

// inboxLimit is how many frames wait for a stack; more are dropped at the tail.
const inboxLimit = 8192

// arrival is a frame that waits at a port.
type arrival struct {
	port  *port
	frame []byte
}

// inbox is the queue between the wires and the one goroutine in which a stack
// receives. It is what keeps stacks from calling into one another.
type inbox struct {
	mu     sync.Mutex
	queue  []arrival
	closed bool
	wake   chan struct{}
}

func (b *inbox) put(p *port, frame []byte) {
	b.mu.Lock()
	switch {
	case b.closed:
		b.mu.Unlock()
		return
	case len(b.queue) >= inboxLimit:
		b.mu.Unlock()
		p.in.drops.Add(1)
		return
	}
	b.queue = append(b.queue, arrival{p, frame})
	first := len(b.queue) == 1
	b.mu.Unlock()
	if first {
		select {
		case b.wake <- struct{}{}:
		default:
		}
	}
}

// take exchanges the queue for an empty one.
func (b *inbox) take(empty []arrival) []arrival {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.queue
	b.queue = empty
	return q
}

func (b *inbox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed, b.queue = true, nil
}

// run receives until done.
func (b *inbox) run(done <-chan struct{}) {
	var batch []arrival
	for {
		select {
		case <-b.wake:
		case <-done:
			return
		}
		for {
			batch = b.take(batch[:0])
			if len(batch) == 0 {
				break
			}
			for i, a := range batch {
				batch[i] = arrival{}
				a.port.receive(a.frame)
			}
		}
	}
}
