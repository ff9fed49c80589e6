//go:build linux

package linux

import (
	"maps"
	"slices"

	"coterie/netdev"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// state is what a link event tells of a device.
type state struct{ up, running bool }

func (d device) state() state { return state{up: d.up, running: d.running()} }

// watch subscribes to link and address messages and notes what there is.
func (s *Stack) watch() error {
	socket, err := nl.Subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR)
	if err != nil {
		return err
	}
	list, err := devices()
	if err != nil {
		socket.Close()
		return err
	}
	s.monitor = socket
	s.learn(list)
	for _, d := range list {
		s.known[d.index] = d
	}
	return nil
}

// follow reads the kernel's messages until Close.
func (s *Stack) follow() {
	for s.ctx.Err() == nil {
		messages, from, err := s.monitor.Receive()
		if s.ctx.Err() != nil {
			return
		}
		s.mu.Lock()
		switch {
		case s.closed:
		case err != nil: // messages were lost
			s.doLocked(s.rescan)
		case from.Pid == nl.PidKernel:
			for _, m := range messages {
				h := unix.NlMsghdr(m.Header)
				if h.Type != unix.RTM_NEWLINK && h.Type != unix.RTM_DELLINK ||
					len(m.Data) < unix.SizeofIfInfomsg || nl.DeserializeIfInfomsg(m.Data).Family != unix.AF_UNSPEC {
					continue // an address, or a bridge about one of its ports
				}
				l, err := netlink.LinkDeserialize(&h, m.Data)
				switch {
				case err != nil:
				case h.Type == unix.RTM_DELLINK:
					s.gone(newDevice(l))
				default:
					s.changed(newDevice(l))
				}
			}
			s.settleIfNeeded()
		}
		s.mu.Unlock()
	}
}

// rescan sees what became of every device.
func (s *Stack) rescan(list []device) error {
	for _, index := range slices.Sorted(maps.Keys(s.known)) {
		if byIndex(list, index) == nil {
			s.gone(s.known[index])
		}
	}
	for _, d := range list {
		s.changed(d)
	}
	return s.settle(list)
}

// changed reports a device whose state is not what it was.
func (s *Stack) changed(d device) {
	was, known := s.known[d.index]
	if d.up && d.carrier && !d.operates && !was.running() {
		return // about to come up: the kernel says so in a moment
	}
	s.known[d.index] = d
	if known && was.state() == d.state() || !known && !d.up || !s.shown(d) {
		return
	}
	s.event(netdev.LinkEvent{Interface: s.label(d), AdminDown: !d.up, Up: d.running()})
}

// gone reports a device that was pulled out.
func (s *Stack) gone(d device) {
	was := s.known[d.index]
	delete(s.known, d.index)
	delete(s.cleared, d.index)
	if was.running() && s.shown(d) {
		s.event(netdev.LinkEvent{Interface: s.label(d)})
	}
	for _, p := range s.ports {
		if p.index == d.index && !p.onLo {
			p.index = 0
		}
	}
}

// shown says whether a device is an interface of ours: it has a number, a
// mapped name, or the configuration names it.
func (s *Stack) shown(d device) bool {
	_, numbered := s.names.ordinal[d.name]
	return numbered || s.names.isMapped(d.name) || s.claimsDevice(d) && d.name != "lo"
}

// settleIfNeeded lets configuration that waits for a device, or for a next hop,
// take effect.
func (s *Stack) settleIfNeeded() {
	waiting := len(s.routes.static) > 0
	for _, p := range s.ports {
		waiting = waiting || p.index == 0 && !p.discards
	}
	if waiting {
		s.doLocked(s.settle)
	}
}

func (s *Stack) settle(list []device) error {
	for _, p := range s.ports {
		if p.index == 0 && !p.discards && !p.soft && s.find(list, p.cfg.Name) != nil {
			s.apply(list, p) // an error shows on the interface
		}
	}
	return s.resync()
}

// Events reports changes until Close.
func (s *Stack) Events() <-chan netdev.LinkEvent { return s.events }

func (s *Stack) event(e netdev.LinkEvent) { netdev.PostEvent(s.events, e) }
