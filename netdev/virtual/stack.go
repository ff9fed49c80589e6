// Package virtual gives a lab node its network: a user-space IPv4 router on
// gVisor netstack, joined to others by wires in memory. Nothing of the host is
// touched and no privilege is needed.
//
// Each Stack receives in one goroutine of its own, fed by a queue, so stacks
// never call into one another and a frame costs a few microseconds. All timers
// run on the lab's clock, and a Stack may live inside a testing/synctest
// bubble: its goroutines block on channels only and end with Close.
//
//	wan := virtual.NewWire(virtual.WireConfig{Name: "WAN", Clock: clock, Shared: true})
//	r1, err := virtual.New(virtual.Config{Name: "R1", Clock: clock, Interfaces: []virtual.Port{{Name: "Ethernet0/0"}}})
//	_, err = wan.Attach(r1, "Ethernet0/0")
//	err = r1.Configure(netdev.InterfaceConfig{Name: "Ethernet0/0", Addresses: ...})
package virtual

import (
	"crypto/rand"
	"hash/fnv"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"coterie/internal/env"
	"coterie/netdev"

	"gvisor.dev/gvisor/pkg/tcpip"
)

// Config is what a Stack is made of.
type Config struct {
	Name       string     // of the node, in errors and for the MAC addresses
	Clock      *env.Clock // nil: the wall clock
	Interfaces []Port     // hardware, in the order of `show ip interface brief`
	Rand       io.Reader  // nil: the system's; must be safe for concurrent use
	// TCP registers TCP as well. Its timers keep a synctest bubble alive.
	TCP bool
}

// Port is one Ethernet-like interface.
type Port struct {
	Name string  // canonical IOS name, "Ethernet0/0"
	MAC  [6]byte // zero: made from the node's and the port's name
	MTU  int     // of IP, octets; 0: 1500
}

// Stack is one node's network; it implements netdev.Stack.
type Stack struct {
	cfg   Config
	clock *clock
	rand  io.Reader
	tap   atomic.Pointer[netdev.Tap]
	inbox inbox
	done  chan struct{}
	ended chan struct{}

	probes probes

	mu     sync.Mutex
	closed bool
	ports  []*port // hardware, then software in order of name
	tables map[string]*table
	static []netdev.StaticRoute
	events chan netdev.LinkEvent
}

var _ netdev.Stack = (*Stack)(nil)

// New makes a stack whose ports are shut down and plugged into nothing.
func New(cfg Config) (*Stack, error) {
	s := &Stack{
		cfg: cfg, clock: newClock(cfg.Clock), rand: cfg.Rand,
		inbox: inbox{wake: make(chan struct{}, 1)},
		done:  make(chan struct{}), ended: make(chan struct{}),
		tables: make(map[string]*table), events: make(chan netdev.LinkEvent, netdev.EventLimit),
	}
	if s.rand == nil {
		s.rand = rand.Reader
	}
	s.probes.init()
	for _, c := range cfg.Interfaces {
		p := &port{stack: s, linkMTU: c.MTU, mac: tcpip.LinkAddress(c.MAC[:])}
		if p.linkMTU == 0 {
			p.linkMTU = defaultMTU
		}
		if c.MAC == [6]byte{} {
			p.mac = madeMAC(cfg.Name, c.Name)
		}
		p.label.Store(&c.Name)
		p.cfg = netdev.InterfaceConfig{Name: c.Name, Shutdown: true}
		s.ports = append(s.ports, p)
	}
	if _, err := s.tableLocked(""); err != nil {
		return nil, err
	}
	go func() {
		defer close(s.ended)
		s.inbox.run(s.done)
	}()
	return s, nil
}

// madeMAC is a locally administered address that depends on names only.
func madeMAC(node, port string) tcpip.LinkAddress {
	h := fnv.New32a()
	io.WriteString(h, node+"\x00"+port)
	b := h.Sum([]byte{0xaa, 0xbb})
	return tcpip.LinkAddress(b)
}

// SetTap puts a tap between the interfaces and their wires; nil removes it.
// The tap owns the datagrams it is given: it may change and keep them. It is
// called from many goroutines at once.
func (s *Stack) SetTap(t netdev.Tap) {
	if t == nil {
		s.tap.Store(nil)
		return
	}
	s.tap.Store(&t)
}

// hardware finds a port by name, or nil.
func (s *Stack) hardware(name string) *port {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.findLocked(name); p != nil && !p.soft {
		return p
	}
	return nil
}

// findLocked finds an interface by its name, or a port by another spelling.
func (s *Stack) findLocked(name string) *port {
	for _, p := range s.ports {
		if p.name() == name {
			return p
		}
	}
	for _, p := range s.ports {
		if !p.soft && sameHardware(p.name(), name) {
			return p
		}
	}
	return nil
}

// Interfaces lists hardware first, then software.
func (s *Stack) Interfaces() []netdev.Interface {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]netdev.Interface, 0, len(s.ports))
	for _, p := range s.ports {
		out = append(out, p.interfaceLocked())
	}
	return out
}

// ClearCounters sets the counters of one interface, or of all (""), to zero.
func (s *Stack) ClearCounters(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.ports {
		if name == "" || p.name() == name {
			p.clearCounters()
			p.cleared = s.clock.Now()
		}
	}
}

// Configure sets one interface. A port configured under another spelling of
// its type is known by that one from then on.
func (s *Stack) Configure(c netdev.InterfaceConfig) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	p := s.findLocked(c.Name)
	if p == nil {
		if !isSoftware(c.Name) {
			return netdev.ErrNoInterface
		}
		p = &port{stack: s, linkMTU: 1514, soft: true}
		p.label.Store(&c.Name)
		p.cfg = netdev.InterfaceConfig{Name: c.Name, Shutdown: true}
		s.ports = append(s.ports, p)
		n := len(s.cfg.Interfaces)
		slices.SortStableFunc(s.ports[n:], compareSoftware)
	}
	p.label.Store(&c.Name)
	p.ipMTU.Store(int64(c.MTU))
	c.Addresses = slices.Clone(c.Addresses)
	was := p.cfg
	p.cfg = c
	if err := s.placeLocked(p, was); err != nil {
		return err
	}
	s.settleLocked(p, was.Shutdown)
	s.routeLocked()
	return nil
}

// placeLocked makes the NIC of p exist in the table of its VRF with its addresses.
func (s *Stack) placeLocked(p *port, was netdev.InterfaceConfig) error {
	if p.nic != 0 && p.cfg.VRF == was.VRF && slices.Equal(p.cfg.Addresses, was.Addresses) {
		return nil
	}
	if p.nic != 0 && p.cfg.VRF != was.VRF {
		p.vrf.Load().remove(p)
	}
	t, err := s.tableLocked(p.cfg.VRF)
	if err != nil {
		return err
	}
	if p.nic == 0 {
		if err := t.add(p); err != nil {
			return err
		}
	}
	return t.address(p)
}

// Remove deletes a software interface and shuts hardware down.
func (s *Stack) Remove(name string) error {
	s.mu.Lock()
	p := s.findLocked(name)
	if p == nil {
		s.mu.Unlock()
		return netdev.ErrNoInterface
	}
	if !p.soft {
		s.mu.Unlock()
		return s.Configure(netdev.InterfaceConfig{Name: name, Shutdown: true})
	}
	defer s.mu.Unlock()
	if p.nic != 0 {
		p.vrf.Load().remove(p)
	}
	p.up.Store(false)
	s.ports = slices.DeleteFunc(s.ports, func(o *port) bool { return o == p })
	s.routeLocked()
	return nil
}

// setCarrier reads what the wire says about p.
func (s *Stack) setCarrier(p *port) {
	s.mu.Lock()
	defer s.mu.Unlock()
	plug := p.plug.Load()
	carrier := plug != nil && plug.carrier()
	if s.closed || carrier == p.carrier {
		return
	}
	p.carrier = carrier
	s.settleLocked(p, p.cfg.Shutdown)
	s.routeLocked()
}

// settleLocked brings the NIC up or down as configuration and carrier say, and
// reports a change.
func (s *Stack) settleLocked(p *port, wasShutdown bool) {
	up := !p.cfg.Shutdown && (p.soft || p.carrier)
	changed := p.up.Swap(up) != up
	if p.nic != 0 && changed {
		p.vrf.Load().enable(p, up)
	}
	if changed || wasShutdown != p.cfg.Shutdown {
		s.eventLocked(netdev.LinkEvent{Interface: p.name(), AdminDown: p.cfg.Shutdown, Up: up})
	}
}

func (s *Stack) eventLocked(e netdev.LinkEvent) {
	if !s.closed {
		netdev.PostEvent(s.events, e)
	}
}

// Events reports changes until Close.
func (s *Stack) Events() <-chan netdev.LinkEvent { return s.events }

// Close pulls every plug, ends sockets and probes, and returns when no
// goroutine of the stack is left.
func (s *Stack) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		<-s.ended
		return nil
	}
	s.closed = true
	close(s.done)
	close(s.events)
	ports := slices.Clone(s.ports)
	names := s.vrfsLocked()
	s.mu.Unlock()

	for _, p := range ports {
		p.up.Store(false)
		if plug := p.plug.Load(); plug != nil {
			plug.Detach()
		}
	}
	s.inbox.close()
	<-s.ended
	for _, vrf := range names {
		s.tables[vrf].close()
	}
	return nil
}

// vrfsLocked lists the VRFs that have a table, sorted.
func (s *Stack) vrfsLocked() []string {
	names := make([]string, 0, len(s.tables))
	for vrf := range s.tables {
		names = append(names, vrf)
	}
	slices.Sort(names)
	return names
}
