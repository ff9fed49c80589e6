//go:build linux

package linux

import (
	"errors"
	"fmt"
	"strings"

	"coterie/netdev"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Names of the devices that loopbacks are. A device of ours says so in its
// alias, so that one which only has the name is left to its owner.
const (
	loopbackPrefix      = "coterie-lo"
	loopbackShortPrefix = "cotlo" // numbers beyond 99999: a name has 15 octets
	loopbackAlias       = "coterie Loopback"
)

func loopbackName(n int) string {
	if n > 99999 {
		return fmt.Sprintf("%s%d", loopbackShortPrefix, n)
	}
	return fmt.Sprintf("%s%d", loopbackPrefix, n)
}

// isOurLoopback says whether a device was made by applyLoopback.
func isOurLoopback(d device) bool {
	return d.kind == "dummy" && strings.HasPrefix(d.alias, loopbackAlias)
}

// applyLoopback makes Loopback n: a dummy device, or addresses of lo.
func (s *Stack) applyLoopback(list []device, p *port, n int) error {
	if p.onLo || s.lo {
		return s.applyOnLo(list, p)
	}
	name := loopbackName(n)
	d := byName(list, name)
	if d == nil {
		err := netlink.LinkAdd(&netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Name: name}})
		switch {
		case errors.Is(err, unix.EOPNOTSUPP):
			s.lo = true // this kernel has no dummy devices
			return s.applyOnLo(list, p)
		case err != nil && !errors.Is(err, unix.EEXIST):
			return err
		}
		link, err := netlink.LinkByName(name)
		if err != nil {
			return err
		}
		if err := netlink.LinkSetAlias(link, fmt.Sprintf("%s%d", loopbackAlias, n)); err != nil {
			return err
		}
		if link, err = netlink.LinkByName(name); err != nil {
			return err
		}
		made := newDevice(link)
		d = &made
		clear(p.added)
	}
	if !isOurLoopback(*d) {
		return fmt.Errorf("device %s is not ours: %w", name, netdev.ErrNoInterface)
	}
	p.index, p.made = d.index, true
	if err := p.holding().set(p.cfg.Addresses); err != nil {
		return fmt.Errorf("address: %w", err)
	}
	if d.up == !p.cfg.Shutdown {
		return nil
	}
	return setUp(*d, !p.cfg.Shutdown)
}

// applyOnLo gives lo the addresses of a loopback, none while it is shut down.
func (s *Stack) applyOnLo(list []device, p *port) error {
	d := byName(list, "lo")
	if d == nil {
		return netdev.ErrNoInterface
	}
	p.onLo, p.index = true, d.index
	want := p.cfg.Addresses
	if p.cfg.Shutdown {
		want = nil
	}
	if err := p.holding().set(want); err != nil {
		return fmt.Errorf("address: %w", err)
	}
	now := state{up: !p.cfg.Shutdown, running: !p.cfg.Shutdown}
	if p.shown != now {
		p.shown = now
		s.event(netdev.LinkEvent{Interface: p.cfg.Name, AdminDown: p.cfg.Shutdown, Up: now.running})
	}
	return nil
}

// Sweep removes what an earlier run left behind, by KeepOnClose or by a crash,
// and the present configuration does not name. It is for the moment when the
// startup configuration is in force; with two devices in one namespace it
// would take the other's.
func (s *Stack) Sweep() error {
	return s.do(func(list []device) error {
		all, err := addresses()
		if err != nil {
			return err
		}
		claimed := func(a address) bool {
			for _, p := range s.ports {
				if p.index == a.index && (!p.onLo || p.addressLabel() == a.label) {
					return true
				}
			}
			return false
		}
		var errs []error
		for _, a := range all {
			if a.marked && !claimed(a) {
				h := holding{index: a.index, label: a.label}
				errs = append(errs, h.set(nil))
			}
		}
		for _, d := range list {
			if isOurLoopback(d) && !s.claimsDevice(d) {
				errs = append(errs, netlink.LinkDel(d.link))
			}
		}
		errs = append(errs, s.syncRoutes(list))
		return needs(capNetAdmin, "sweep", errors.Join(errs...))
	})
}

func (s *Stack) claimsDevice(d device) bool {
	for _, p := range s.ports {
		if p.index == d.index {
			return true
		}
	}
	return false
}
