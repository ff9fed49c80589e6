package virtual

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"coterie/internal/env"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// WireConfig describes a Wire.
type WireConfig struct {
	Name  string
	Clock *env.Clock
	// Shared makes a segment that any number of ports attach to and that
	// switches by MAC address; otherwise the wire joins two ports, and each
	// has carrier while the other is there.
	Shared bool
	// Latency delays every frame by a time of the clock.
	Latency time.Duration
	// Loss is the probability, 0 to 1, that a frame is lost; Seed makes the
	// losses repeatable.
	Loss float64
	Seed uint64
	// Capture is shown every frame that is put on the wire, in order, with
	// its time. It must not keep or change the frame.
	Capture func(now time.Time, frame []byte)
	// Sequence, when set, is handed every frame as it is sent, with the name of
	// the sending stack, and must call carry once, then or later, in any
	// goroutine but one that holds up the sender. Frames that several stacks send
	// at one instant of the clock have no order of their own; this gives them one.
	Sequence func(sender string, carry func())
}

// A Wire carries Ethernet frames between ports. Its methods are safe for
// concurrent use.
type Wire struct {
	cfg WireConfig

	mu      sync.Mutex
	down    bool
	ends    []*Attachment
	learned map[tcpip.LinkAddress]*Attachment
	rand    *rand.Rand
	flying  []flight // with latency: in order of arrival
	landing bool     // a timer is set for flying[0]
}

// flight is a frame on its way.
type flight struct {
	due   time.Time
	from  *Attachment
	frame []byte
}

// An Attachment is one port's plug in a wire.
type Attachment struct {
	wire *Wire
	port *port
	down bool // under wire.mu
}

// NewWire makes a wire that is up and has no plugs.
func NewWire(cfg WireConfig) *Wire {
	return &Wire{
		cfg: cfg, learned: make(map[tcpip.LinkAddress]*Attachment),
		rand: rand.New(rand.NewPCG(cfg.Seed, 0x9e3779b97f4a7c15)),
	}
}

// Name is the name the wire was made with.
func (w *Wire) Name() string { return w.cfg.Name }

// Errors of Attach.
var (
	errAttached = errors.New("already attached to a wire")
	errTwoEnds  = errors.New("a point-to-point wire has two ends")
)

// Attach plugs a port of s, by name, into the wire.
func (w *Wire) Attach(s *Stack, name string) (*Attachment, error) {
	p := s.hardware(name)
	if p == nil {
		return nil, fmt.Errorf("%s %s: no such port", s.cfg.Name, name)
	}
	a := &Attachment{wire: w, port: p}
	w.mu.Lock()
	if !w.cfg.Shared && len(w.ends) == 2 {
		w.mu.Unlock()
		return nil, fmt.Errorf("%s %s: %w", s.cfg.Name, name, errTwoEnds)
	}
	if !p.plug.CompareAndSwap(nil, a) {
		w.mu.Unlock()
		return nil, fmt.Errorf("%s %s: %w", s.cfg.Name, name, errAttached)
	}
	w.ends = append(w.ends, a)
	w.mu.Unlock()
	w.refresh()
	return a, nil
}

// Detach pulls the plug.
func (a *Attachment) Detach() {
	w := a.wire
	w.mu.Lock()
	for i, e := range w.ends {
		if e == a {
			w.ends = append(w.ends[:i:i], w.ends[i+1:]...)
			break
		}
	}
	w.forgetLocked(a)
	a.port.plug.CompareAndSwap(a, nil)
	w.mu.Unlock()
	a.port.stack.setCarrier(a.port)
	w.refresh()
}

// SetUp cuts or heals one plug of a wire.
func (a *Attachment) SetUp(up bool) {
	a.wire.mu.Lock()
	a.down = !up
	if !up {
		a.wire.forgetLocked(a)
	}
	a.wire.mu.Unlock()
	a.wire.refresh()
}

// SetUp cuts or heals the whole wire.
func (w *Wire) SetUp(up bool) {
	w.mu.Lock()
	w.down = !up
	w.mu.Unlock()
	w.refresh()
}

// forgetLocked drops what was learned about a plug.
func (w *Wire) forgetLocked(a *Attachment) {
	for mac, e := range w.learned {
		if e == a {
			delete(w.learned, mac)
		}
	}
}

// refresh tells every plugged port its carrier.
func (w *Wire) refresh() {
	w.mu.Lock()
	ends := append([]*Attachment(nil), w.ends...)
	w.mu.Unlock()
	for _, a := range ends {
		a.port.stack.setCarrier(a.port)
	}
}

// carrier says whether the plug has a live wire behind it.
func (a *Attachment) carrier() bool {
	w := a.wire
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down || a.down {
		return false
	}
	if w.cfg.Shared {
		return true
	}
	for _, e := range w.ends {
		if e.down {
			return false
		}
	}
	return len(w.ends) == 2
}

// send puts a frame on the wire, which owns it from now on. It never blocks:
// receivers have queues.
func (w *Wire) send(from *Attachment, frame []byte) {
	if w.cfg.Sequence != nil {
		w.cfg.Sequence(from.port.stack.cfg.Name, func() { w.carry(from, frame) })
		return
	}
	w.carry(from, frame)
}

// carry lets a frame travel.
func (w *Wire) carry(from *Attachment, frame []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down || from.down {
		return
	}
	now := w.cfg.Clock.Now()
	if w.cfg.Capture != nil {
		w.cfg.Capture(now, frame)
	}
	if w.cfg.Loss > 0 && w.rand.Float64() < w.cfg.Loss {
		return
	}
	if w.cfg.Latency <= 0 {
		w.deliverLocked(from, frame)
		return
	}
	w.flying = append(w.flying, flight{now.Add(w.cfg.Latency), from, frame})
	if !w.landing {
		w.landing = true
		w.cfg.Clock.AfterFunc(w.cfg.Latency, w.land)
	}
}

// land delivers what is due and sets the timer for what is not.
func (w *Wire) land() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.cfg.Clock.Now()
	for len(w.flying) > 0 && !w.flying[0].due.After(now) {
		f := w.flying[0]
		w.flying = w.flying[1:]
		if !w.down && !f.from.down {
			w.deliverLocked(f.from, f.frame)
		}
	}
	w.landing = len(w.flying) > 0
	if w.landing {
		w.cfg.Clock.AfterFunc(w.flying[0].due.Sub(now), w.land)
	}
}

// deliverLocked switches one frame: to the plug its destination was last seen
// behind, or else to all others.
func (w *Wire) deliverLocked(from *Attachment, frame []byte) {
	eth := header.Ethernet(frame)
	if src := eth.SourceAddress(); w.learned[src] != from {
		w.learned[src] = from
	}
	if to := w.learned[eth.DestinationAddress()]; to != nil {
		if to != from && !to.down {
			to.port.stack.inbox.put(to.port, frame)
		}
		return
	}
	var last *Attachment
	for _, to := range w.ends {
		if to == from || to.down {
			continue
		}
		if last != nil {
			last.port.stack.inbox.put(last.port, append([]byte(nil), frame...))
		}
		last = to
	}
	if last != nil {
		last.port.stack.inbox.put(last.port, frame)
	}
}
