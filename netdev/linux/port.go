//go:build linux

package linux

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"coterie/netdev"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// port is an interface that the configuration names and what was done to the
// host for it.
type port struct {
	cfg      netdev.InterfaceConfig
	index    int // of the device; 0: there is none
	soft     bool
	discards bool  // Null0
	onLo     bool  // a loopback without a device of its own
	shown    state // of such a loopback, as last reported
	made     bool  // the device of a loopback is ours
	added    map[netip.Prefix]bool
	// What was found and then changed.
	mtu   int // 0: not changed
	state changedState
}

// changedState says what an interface's administrative state was before we
// changed it.
type changedState uint8

const (
	unchanged changedState = iota
	wasUp
	wasDown
)

// addressLabel marks a loopback's addresses on lo.
func (p *port) addressLabel() string {
	if !p.onLo {
		return ""
	}
	n, _ := softwareNumber(p.cfg.Name)
	return fmt.Sprintf("lo:Lo%d", n)
}

func (p *port) holding() *holding {
	return &holding{index: p.index, label: p.addressLabel(), added: p.added}
}

// minMTU is the least that every IPv4 device must take (RFC 791).
const minMTU = 68

// Configure makes one interface as configured. Hardware that is missing is
// netdev.ErrNoInterface, and is configured when it appears.
func (s *Stack) Configure(c netdev.InterfaceConfig) error {
	for _, a := range c.Addresses {
		if !a.IsValid() || !a.Addr().Is4() {
			return fmt.Errorf("%s: %v is not an IPv4 address", c.Name, a)
		}
	}
	if c.VRF != "" {
		return fmt.Errorf("%s: vrf %s: %w", c.Name, c.VRF, netdev.ErrNotSupported)
	}
	if c.MTU != 0 && c.MTU < minMTU {
		return fmt.Errorf("%s: an MTU of %d is too small", c.Name, c.MTU)
	}
	c.Addresses = slices.Clone(c.Addresses)
	return s.do(func(list []device) error {
		p := s.claim(list, c)
		if err := s.apply(list, p); err != nil {
			return err
		}
		return s.resync()
	})
}

// claim finds the port of a configuration, by another spelling of its name
// too, or makes one.
func (s *Stack) claim(list []device, c netdev.InterfaceConfig) *port {
	p := s.ports[c.Name]
	if p == nil {
		d := s.find(list, c.Name)
		for name, o := range s.ports {
			if sameHardware(name, c.Name) || d != nil && o.index == d.index && !o.soft {
				p = o
				delete(s.ports, name)
				break
			}
		}
	}
	if p == nil {
		p = &port{added: make(map[netip.Prefix]bool)}
	}
	p.cfg = c
	s.ports[c.Name] = p
	return p
}

// apply makes the host as the port's configuration says.
func (s *Stack) apply(list []device, p *port) error {
	if isNull(p.cfg.Name) {
		p.soft, p.discards = true, true
		return nil
	}
	if n, ok := softwareNumber(p.cfg.Name); ok {
		p.soft = true
		return needs(capNetAdmin, "interface "+p.cfg.Name, s.applyLoopback(list, p, n))
	}
	d := s.find(list, p.cfg.Name)
	if d == nil {
		p.index = 0
		return fmt.Errorf("%s: %w", p.cfg.Name, netdev.ErrNoInterface)
	}
	if p.index != d.index { // another device, or the same one come back
		p.index, p.mtu, p.state = d.index, 0, unchanged
		clear(p.added)
	}
	return needs(capNetAdmin, "interface "+p.cfg.Name, p.applyHardware(*d))
}

func (p *port) applyHardware(d device) error {
	if err := p.applyMTU(d); err != nil {
		return fmt.Errorf("mtu %d: %w", p.cfg.MTU, err)
	}
	if err := p.holding().set(p.cfg.Addresses); err != nil {
		return fmt.Errorf("address: %w", err)
	}
	if d.up == !p.cfg.Shutdown {
		return nil
	}
	if p.state == unchanged {
		p.state = wasDown
		if d.up {
			p.state = wasUp
		}
	}
	return setUp(d, !p.cfg.Shutdown)
}

// applyMTU lowers the device's MTU to the configured one of IP, or puts the
// device's own back.
func (p *port) applyMTU(d device) error {
	own := d.mtu
	if p.mtu != 0 {
		own = p.mtu
	}
	want := own
	if p.cfg.MTU != 0 {
		want = min(p.cfg.MTU, own)
	}
	if p.cfg.MTU == 0 && p.mtu == 0 || want == d.mtu {
		return nil
	}
	if err := netlink.LinkSetMTU(d.link, want); err != nil {
		return err
	}
	p.mtu = own
	if want == own {
		p.mtu = 0
	}
	return nil
}

func setUp(d device, up bool) error {
	if up {
		return netlink.LinkSetUp(d.link)
	}
	return netlink.LinkSetDown(d.link)
}

// Remove forgets an interface: a loopback is deleted, hardware goes back to
// the addresses, the MTU and the state in which it was found. (A real router
// shuts a port down instead; a host may still need it.)
func (s *Stack) Remove(name string) error {
	return s.do(func(list []device) error {
		p := s.ports[name]
		if p == nil {
			return fmt.Errorf("%s: %w", name, netdev.ErrNoInterface)
		}
		delete(s.ports, name)
		return errors.Join(s.restore(list, p), s.resync())
	})
}

// restore takes back what was done for a port.
func (s *Stack) restore(list []device, p *port) error {
	d := byIndex(list, p.index)
	switch {
	case d == nil || p.discards:
		return nil
	case p.soft && !p.onLo && p.made:
		err := netlink.LinkDel(d.link)
		if errors.Is(err, unix.ENODEV) {
			err = nil
		}
		return needs(capNetAdmin, "no interface "+p.cfg.Name, err)
	}
	errs := []error{p.holding().set(nil)}
	if p.mtu != 0 && d.mtu != p.mtu {
		errs = append(errs, netlink.LinkSetMTU(d.link, p.mtu))
	}
	if p.state != unchanged && d.up != (p.state == wasUp) {
		errs = append(errs, setUp(*d, p.state == wasUp))
	}
	return needs(capNetAdmin, "no interface "+p.cfg.Name, errors.Join(errs...))
}

// resync brings the routes up to date with devices that have just changed.
func (s *Stack) resync() error {
	if len(s.routes.static) == 0 && !s.routes.any {
		return nil
	}
	list, err := devices()
	if err != nil {
		return err
	}
	return s.syncRoutes(list)
}
