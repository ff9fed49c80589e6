package sim

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"
)

// A Node is one box of the network. Its methods are called one at a time.
type Node interface {
	// Boot starts the node from nothing but what host.Load returns.
	Boot(now time.Time, host *Host)
	// Receive hands it a datagram for one of its addresses or joined groups.
	Receive(now time.Time, d Datagram)
	// Wake says that the time of Next has come.
	Wake(now time.Time)
	// Next is when the node wants to be woken; zero is never. It is asked
	// after every call above and after every Poke.
	Next() time.Time
}

// Datagram is one UDP datagram on the wire. Receivers must not change Data:
// copies and multicast receivers share it.
type Datagram struct {
	From, To netip.AddrPort
	Data     []byte
}

// Conditions are those of the path from one node to another.
type Conditions struct {
	Latency   time.Duration // of every datagram
	Jitter    time.Duration // uniform in [0, Jitter), on top of Latency
	Loss      float64       // probability that a datagram vanishes
	Duplicate float64       // probability that it arrives twice
	Reorder   float64       // probability that it takes ReorderBy longer
	ReorderBy time.Duration // 0: ten times Latency
	Down      bool          // nothing passes
}

// Network is the whole simulated world.
type Network struct {
	now       time.Time
	seed      uint64
	rand      *rand.Rand
	events    eventHeap
	serial    uint64
	hosts     map[string]*Host
	order     []*Host // as added
	byAddr    map[netip.Addr]*Host
	standard  Conditions
	paths     map[path]Conditions
	island    map[*Host]int // of a Partition; nil: none
	Counters  Counters
	trace     trace
	describe  func(Datagram) string
	observers []func(Event)
}

// Counters count what became of the datagrams.
type Counters struct {
	Sent, Delivered, Lost, Cut, Duplicated, Unreachable, Dead uint64
}

type path struct{ from, to *Host }

// New returns an empty network whose clock stands at start.
func New(seed uint64, start time.Time) *Network {
	return &Network{
		now:      start,
		seed:     seed,
		rand:     rand.New(rand.NewPCG(seed, 0x636f74657269650a)),
		hosts:    map[string]*Host{},
		byAddr:   map[netip.Addr]*Host{},
		paths:    map[path]Conditions{},
		standard: Conditions{Latency: time.Millisecond},
		describe: func(d Datagram) string { return fmt.Sprintf("%d octets", len(d.Data)) },
	}
}

// Now is the virtual time.
func (n *Network) Now() time.Time { return n.now }

// Add puts a node on the network under a name and boots it at once. A second
// node of the same name or address is a mistake of the test and panics.
func (n *Network) Add(name string, node Node, addrs ...netip.Addr) *Host {
	if n.hosts[name] != nil {
		panic("sim: two nodes are called " + name)
	}
	h := &Host{Name: name, net: n, node: node, addrs: addrs, disk: map[string][]byte{}, joined: map[netip.Addr]bool{}}
	for _, a := range addrs {
		if n.byAddr[a] != nil {
			panic("sim: two nodes have address " + a.String())
		}
		n.byAddr[a] = h
	}
	n.hosts[name] = h
	n.order = append(n.order, h)
	h.boot()
	return h
}

// Host is the node of this name; nil if there is none.
func (n *Network) Host(name string) *Host { return n.hosts[name] }

// Conditions sets what holds on every path without conditions of its own.
func (n *Network) Conditions(c Conditions) { n.standard = c }

// Path sets the conditions from one node to another, in that direction only.
func (n *Network) Path(from, to string, c Conditions) {
	n.paths[path{n.must(from), n.must(to)}] = c
}

// Cut stops everything between two nodes, Mend lets it pass again under the
// standard conditions.
func (n *Network) Cut(a, b string) {
	n.Path(a, b, Conditions{Down: true})
	n.Path(b, a, Conditions{Down: true})
}

// Mend undoes Cut and Path between two nodes.
func (n *Network) Mend(a, b string) {
	delete(n.paths, path{n.must(a), n.must(b)})
	delete(n.paths, path{n.must(b), n.must(a)})
}

// Partition splits the network into islands of node names; nodes not named
// form one more island together. Heal joins them again.
func (n *Network) Partition(islands ...[]string) {
	n.island = map[*Host]int{}
	for i, names := range islands {
		for _, name := range names {
			n.island[n.must(name)] = i + 1
		}
	}
}

// Heal ends a Partition.
func (n *Network) Heal() { n.island = nil }

func (n *Network) must(name string) *Host {
	h := n.hosts[name]
	if h == nil {
		panic("sim: no node is called " + name)
	}
	return h
}

// At calls f when the clock reaches t, before nodes that wake at t only if it
// was scheduled earlier.
func (n *Network) At(t time.Time, f func()) { n.push(event{at: t, call: f}) }

// After calls f when d has passed.
func (n *Network) After(d time.Duration, f func()) { n.At(n.now.Add(d), f) }

// Every calls f every d from now on, for as long as it returns true.
func (n *Network) Every(d time.Duration, f func() bool) {
	n.After(d, func() {
		if f() {
			n.Every(d, f)
		}
	})
}

// Step handles the next event and tells whether there was one.
func (n *Network) Step() bool {
	for len(n.events) > 0 {
		e := heap.Pop(&n.events).(event)
		if e.host != nil && e.call == nil && e.deliver == nil && e.generation != e.host.generation {
			continue // a wake-up that was rescheduled
		}
		if e.at.After(n.now) {
			n.now = e.at
		}
		switch {
		case e.call != nil:
			e.call()
		case e.deliver != nil:
			n.deliver(e.host, *e.deliver)
		default:
			e.host.wakeAt = time.Time{}
			e.host.node.Wake(n.now)
			e.host.settle()
		}
		return true
	}
	return false
}

// Run handles all events up to and including t and leaves the clock at t.
func (n *Network) Run(t time.Time) {
	for len(n.events) > 0 && !n.events[0].at.After(t) {
		n.Step()
	}
	if t.After(n.now) {
		n.now = t
	}
}

// RunFor runs for d of virtual time.
func (n *Network) RunFor(d time.Duration) { n.Run(n.now.Add(d)) }

// RunUntil runs until done returns true, asked after each event, or until
// limit has passed; it tells which.
func (n *Network) RunUntil(limit time.Duration, done func() bool) bool {
	end := n.now.Add(limit)
	for !done() {
		if len(n.events) == 0 || n.events[0].at.After(end) {
			n.now = end
			return done()
		}
		n.Step()
	}
	return true
}

// send puts a datagram on the wire on behalf of a host.
func (n *Network) send(from *Host, d Datagram) {
	n.Counters.Sent++
	if d.To.Addr().IsMulticast() {
		for _, h := range n.order {
			if h != from && h.joined[d.To.Addr()] {
				n.carry(from, h, d)
			}
		}
		return
	}
	to := n.byAddr[d.To.Addr()]
	if to == nil {
		n.Counters.Unreachable++
		n.note(Event{Kind: Unreachable, From: from.Name, Datagram: d})
		return
	}
	n.carry(from, to, d)
}

func (n *Network) carry(from, to *Host, d Datagram) {
	c := n.standard
	if p, ok := n.paths[path{from, to}]; ok {
		c = p
	}
	if c.Down || n.island != nil && n.island[from] != n.island[to] {
		n.Counters.Cut++
		n.note(Event{Kind: Cut, From: from.Name, To: to.Name, Datagram: d})
		return
	}
	if n.chance(c.Loss) {
		n.Counters.Lost++
		n.note(Event{Kind: Lost, From: from.Name, To: to.Name, Datagram: d})
		return
	}
	copies := 1
	if n.chance(c.Duplicate) {
		n.Counters.Duplicated++
		copies = 2
	}
	for range copies {
		delay := c.Latency
		if c.Jitter > 0 {
			delay += time.Duration(n.rand.Int64N(int64(c.Jitter)))
		}
		if n.chance(c.Reorder) {
			if c.ReorderBy > 0 {
				delay += c.ReorderBy
			} else {
				delay += 10 * c.Latency
			}
		}
		n.push(event{at: n.now.Add(delay), host: to, deliver: &flight{from.Name, d}})
	}
}

// chance draws only when there is something to decide, so that a test which
// adds a lossy path does not shift the fortunes of the others.
func (n *Network) chance(p float64) bool { return p > 0 && n.rand.Float64() < p }

func (n *Network) deliver(h *Host, f flight) {
	if h.crashed {
		n.Counters.Dead++
		n.note(Event{Kind: Dead, From: f.from, To: h.Name, Datagram: f.Datagram})
		return
	}
	n.Counters.Delivered++
	n.note(Event{Kind: Delivered, From: f.from, To: h.Name, Datagram: f.Datagram})
	h.node.Receive(n.now, f.Datagram)
	h.settle()
}

// Names lists the nodes in the order they were added.
func (n *Network) Names() []string {
	names := make([]string, len(n.order))
	for i, h := range n.order {
		names[i] = h.Name
	}
	return slices.Clip(names)
}

type flight struct {
	from string
	Datagram
}

// event is one thing that will happen: a call, a delivery or a wake-up.
type event struct {
	at         time.Time
	serial     uint64
	call       func()
	host       *Host
	deliver    *flight
	generation uint64
}

func (n *Network) push(e event) {
	n.serial++
	e.serial = n.serial
	if e.at.Before(n.now) {
		e.at = n.now
	}
	heap.Push(&n.events, e)
}

// eventHeap orders by time, then by when an event was scheduled.
type eventHeap []event

func (h eventHeap) Len() int      { return len(h) }
func (h eventHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *eventHeap) Push(x any)   { *h = append(*h, x.(event)) }
func (h eventHeap) Less(i, j int) bool {
	if c := h[i].at.Compare(h[j].at); c != 0 {
		return c < 0
	}
	return h[i].serial < h[j].serial
}
func (h *eventHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = event{}
	*h = old[:len(old)-1]
	return e
}
