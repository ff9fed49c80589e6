//go:build linux

package linux

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"coterie/internal/env"
	"coterie/netdev"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
)

// Stack is the host's network; it implements netdev.Stack.
type Stack struct {
	cfg     Config
	ns      namespace
	clock   *env.Clock
	ctx     context.Context // of probes; ends with Close
	stop    context.CancelFunc
	monitor *nl.NetlinkSocket
	ended   chan struct{}

	mu      sync.Mutex
	closed  bool
	names   names
	ports   map[string]*port // by the name that configuration gave
	routes  routes
	known   map[int]device    // as last reported, by index
	lo      bool              // loopbacks are addresses of lo: no dummy devices
	cleared map[int]clearance // of counters, by index
	sockets map[*socket]struct{}
	events  chan netdev.LinkEvent
}

var _ netdev.Stack = (*Stack)(nil)

// clearance is where the counters of a device begin.
type clearance struct {
	counters netlink.LinkStatistics
	at       time.Time
}

// New opens the host's network and changes nothing on it.
func New(cfg Config) (*Stack, error) {
	s := &Stack{
		cfg: cfg, clock: cfg.Clock, ended: make(chan struct{}),
		names:   names{mapped: maps.Clone(cfg.Map), ordinal: make(map[string]int)},
		ports:   make(map[string]*port),
		known:   make(map[int]device),
		cleared: make(map[int]clearance),
		sockets: make(map[*socket]struct{}),
		events:  make(chan netdev.LinkEvent, netdev.EventLimit),
	}
	if s.clock == nil {
		s.clock = new(env.Clock)
	}
	var err error
	if s.ns, err = openNamespace(cfg.Namespace); err != nil {
		return nil, err
	}
	if err := s.ns.do(s.watch); err != nil {
		s.ns.close()
		return nil, err
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	go func() {
		defer close(s.ended)
		s.follow()
	}()
	return s, nil
}

// do calls f with the lock held, in the namespace of the stack, with the
// kernel's devices as they are.
func (s *Stack) do(f func(devices []device) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	return s.doLocked(f)
}

func (s *Stack) doLocked(f func(devices []device) error) error {
	return s.ns.do(func() error {
		list, err := devices()
		if err != nil {
			return err
		}
		s.learn(list)
		return f(list)
	})
}

// learn numbers new Ethernet-like devices.
func (s *Stack) learn(list []device) {
	var found []string
	for _, d := range list {
		if d.ethernet {
			found = append(found, d.name)
		}
	}
	s.names.learn(found)
}

// find is the device that an IOS name or a Linux name means, or nil.
func (s *Stack) find(list []device, name string) *device {
	linux, ok := s.names.linux(name, func(n string) bool { return byName(list, n) != nil })
	if !ok {
		return nil
	}
	return byName(list, linux)
}

// Device finds the Linux device of an interface by any spelling of its name;
// a loopback may be lo itself.
func (s *Stack) Device(name string) (linux string, index int, ok bool) {
	err := s.do(func(list []device) error {
		d := s.find(list, name)
		if p := s.ports[name]; p != nil && p.index != 0 {
			d = byIndex(list, p.index)
		}
		if d != nil {
			linux, index, ok = d.name, d.index, true
		}
		return nil
	})
	return linux, index, ok && err == nil
}

// label is the name of a device on screens and in events: as configured, else
// by its place, else as Linux calls it.
func (s *Stack) label(d device) string {
	for name, p := range s.ports {
		if p.index == d.index && !p.onLo {
			return name
		}
	}
	return s.names.ios(d.name)
}

// Interfaces lists Ethernet-like devices and whatever else the configuration
// names: ports first, then loopbacks. What the configuration does not name is
// shown as the host has it.
func (s *Stack) Interfaces() []netdev.Interface {
	var out []netdev.Interface
	s.do(func(list []device) error {
		all, err := addresses()
		if err != nil {
			return err
		}
		for _, d := range list {
			label := s.label(d)
			p := s.ports[label]
			switch {
			case p != nil && p.soft: // below
			case p != nil, d.ethernet, s.names.isMapped(d.name):
				out = append(out, s.hardware(d, label, p, all))
			}
		}
		for name, p := range s.ports {
			if p.soft {
				out = append(out, s.software(name, p, byIndex(list, p.index), all))
			}
		}
		return nil
	})
	slices.SortFunc(out, compareInterfaces)
	return out
}

// compareInterfaces orders ports by number whatever spelling they are
// configured under, then devices that have no IOS name, then loopbacks.
func compareInterfaces(a, b netdev.Interface) int {
	rank := func(i netdev.Interface) int {
		switch {
		case !i.Hardware:
			return 2
		case strings.ToLower(i.Name) == i.Name: // IOS names have capitals
			return 1
		}
		return 0
	}
	if c := cmp.Compare(rank(a), rank(b)); c != 0 {
		return c
	}
	at, an := splitName(a.Name)
	bt, bn := splitName(b.Name)
	if rank(a) == 0 {
		return cmp.Or(compareNatural(an, bn), strings.Compare(at, bt))
	}
	return compareNatural(a.Name, b.Name)
}

// hardware describes a device of the host.
func (s *Stack) hardware(d device, label string, p *port, all []address) netdev.Interface {
	i := netdev.Interface{
		InterfaceConfig: netdev.InterfaceConfig{Name: label, Shutdown: !d.up, MTU: d.mtu},
		Hardware:        true, LinkUp: d.running(), MAC: d.mac, LinkMTU: d.mtu,
		Counters: s.counters(d), Cleared: s.cleared[d.index].at,
	}
	var configured []netip.Prefix
	if p != nil {
		configured = p.cfg.Addresses
		if p.mtu != 0 {
			i.LinkMTU = p.mtu
		}
	}
	i.Addresses = ordered(configured, d.index, "", all)
	return i
}

// software describes a loopback.
func (s *Stack) software(name string, p *port, d *device, all []address) netdev.Interface {
	i := netdev.Interface{InterfaceConfig: p.cfg, LinkUp: true, LinkMTU: 1514}
	i.Name, i.MTU, i.VRF = name, 1514, ""
	if p.discards {
		i.LinkMTU, i.MTU = 1500, 1500
	}
	i.Addresses = nil
	if d == nil {
		return i
	}
	i.Addresses = ordered(p.cfg.Addresses, d.index, p.addressLabel(), all)
	if !p.onLo {
		i.Shutdown, i.MTU, i.Counters = !d.up, d.mtu, s.counters(*d)
		i.LinkMTU, i.Cleared = d.mtu, s.cleared[d.index].at
	}
	return i
}

// ordered lists the addresses of a device, the configured ones first and in
// their order. Of lo, only those configured or under the label count.
func ordered(configured []netip.Prefix, index int, label string, all []address) []netip.Prefix {
	var out []netip.Prefix
	on := func(a address) bool { return a.index == index }
	for _, c := range configured {
		if slices.ContainsFunc(all, func(a address) bool { return on(a) && a.prefix == c }) {
			out = append(out, c)
		}
	}
	for _, a := range all {
		if on(a) && (label == "" || a.label == label) && !slices.Contains(out, a.prefix) {
			out = append(out, a.prefix)
		}
	}
	return out
}

func (s *Stack) counters(d device) netdev.InterfaceCounters {
	c, z := d.counters, s.cleared[d.index].counters
	return netdev.InterfaceCounters{
		InPackets: c.RxPackets - z.RxPackets, InOctets: c.RxBytes - z.RxBytes, InDrops: c.RxDropped - z.RxDropped,
		OutPackets: c.TxPackets - z.TxPackets, OutOctets: c.TxBytes - z.TxBytes, OutDrops: c.TxDropped - z.TxDropped,
	}
}

// ClearCounters lets the counters of one interface, or of all (""), begin
// again from zero, on our screens only.
func (s *Stack) ClearCounters(name string) {
	s.do(func(list []device) error {
		for _, d := range list {
			if name == "" || s.label(d) == name {
				s.cleared[d.index] = clearance{d.counters, s.clock.Now()}
			}
		}
		return nil
	})
}

// Close ends sockets, probes and events, takes back what was installed unless
// KeepOnClose, and returns when no goroutine is left. Its error tells what
// could not be taken back.
func (s *Stack) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		<-s.ended
		return nil
	}
	s.closed = true
	s.stop()
	s.monitor.Close()
	sockets := slices.Collect(maps.Keys(s.sockets))
	s.mu.Unlock()

	<-s.ended
	for _, c := range sockets {
		c.Close()
	}
	var err error
	if !s.cfg.KeepOnClose {
		s.mu.Lock()
		err = s.withdrawLocked()
		s.mu.Unlock()
	}
	close(s.events)
	s.ns.close()
	return err
}

// withdrawLocked takes back everything.
func (s *Stack) withdrawLocked() error {
	if len(s.ports) == 0 && len(s.routes.static) == 0 {
		return nil
	}
	return s.doLocked(func(list []device) error {
		s.routes.static = nil
		errs := []error{s.syncRoutes(list)}
		for _, name := range slices.Sorted(maps.Keys(s.ports)) {
			errs = append(errs, s.restore(list, s.ports[name]))
			delete(s.ports, name)
		}
		return errors.Join(errs...)
	})
}
