package virtual

import (
	"cmp"
	"net/netip"
	"slices"

	"coterie/netdev"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
)

// SetRoutes replaces all static routes. A route that cannot be used, because
// its next hop is not reachable or its interface is down, waits.
func (s *Stack) SetRoutes(routes []netdev.StaticRoute) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	s.static = slices.Clone(routes)
	for _, r := range routes {
		if _, err := s.tableLocked(r.VRF); err != nil {
			return err
		}
	}
	s.routeLocked()
	return nil
}

// Routes lists the routing tables: the global one first, each by prefix.
func (s *Stack) Routes() []netdev.Route {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []netdev.Route
	for _, vrf := range s.vrfsLocked() {
		for _, r := range s.computeLocked(vrf) {
			out = append(out, r.Route)
		}
	}
	return out
}

// installed is a route with what it resolves to.
type installed struct {
	netdev.Route
	port    *port
	gateway netip.Addr // on the port's wire; invalid: the destination itself
}

// routeLocked writes the routing tables into netstack.
func (s *Stack) routeLocked() {
	for _, vrf := range s.vrfsLocked() {
		t := s.tables[vrf]
		routes := s.computeLocked(vrf)
		local := make(map[netip.Addr]bool)
		for _, p := range s.ports {
			if p.cfg.VRF == vrf && p.up.Load() {
				for _, a := range p.cfg.Addresses {
					local[a.Addr()] = true
				}
			}
		}
		t.local.Store(&local)
		slices.SortStableFunc(routes, func(a, b installed) int { return cmp.Compare(b.Prefix.Bits(), a.Prefix.Bits()) })
		rows := multicastRows(s.ports, routes, vrf)
		for _, r := range routes {
			if r.Source == netdev.Local {
				continue // netstack finds its own addresses itself
			}
			subnet := tcpip.AddressWithPrefix{Address: address(r.Prefix.Addr()), PrefixLen: r.Prefix.Bits()}.Subnet()
			row := tcpip.Route{Destination: subnet, NIC: r.port.nic}
			if r.gateway.IsValid() {
				row.Gateway = address(r.gateway)
			}
			rows = append(rows, row)
		}
		t.stack.SetRouteTable(rows)
	}
}

// computeLocked works one table out: connected routes, then static ones as
// their next hops become reachable, the lowest distance of each prefix.
func (s *Stack) computeLocked(vrf string) []installed {
	var table []installed
	for _, p := range s.ports {
		if p.cfg.VRF != vrf || !p.up.Load() {
			continue
		}
		for _, a := range p.cfg.Addresses {
			r := netdev.Route{Source: netdev.Connected, VRF: vrf, Prefix: a.Masked(), Interface: p.name()}
			table = append(table, installed{Route: r, port: p})
			if a.Bits() < 32 {
				r.Source, r.Prefix = netdev.Local, netip.PrefixFrom(a.Addr(), 32)
				table = append(table, installed{Route: r, port: p})
			}
		}
	}
	waiting := slices.DeleteFunc(slices.Clone(s.static), func(r netdev.StaticRoute) bool { return r.VRF != vrf })
	slices.SortStableFunc(waiting, func(a, b netdev.StaticRoute) int { return cmp.Compare(a.Distance, b.Distance) })
	for again := true; again; {
		again = false
		waiting = slices.DeleteFunc(waiting, func(r netdev.StaticRoute) bool {
			i, ok := s.resolveLocked(table, r)
			if ok {
				table, again = append(table, i), true
			}
			return ok
		})
	}
	best := make(map[netip.Prefix]uint8)
	for _, r := range table {
		if d, ok := best[r.Prefix]; !ok || r.Distance < d {
			best[r.Prefix] = r.Distance
		}
	}
	table = slices.DeleteFunc(table, func(r installed) bool { return r.Distance > best[r.Prefix] })
	slices.SortStableFunc(table, func(a, b installed) int {
		return cmp.Or(a.Prefix.Addr().Compare(b.Prefix.Addr()), cmp.Compare(a.Prefix.Bits(), b.Prefix.Bits()))
	})
	return table
}

// resolveLocked finds the port and the neighbour that a static route leads to.
func (s *Stack) resolveLocked(table []installed, r netdev.StaticRoute) (installed, bool) {
	out := installed{Route: netdev.Route{
		Source: netdev.Static, VRF: r.VRF, Prefix: r.Prefix.Masked(), NextHop: r.NextHop, Interface: r.Interface, Distance: r.Distance,
	}}
	if r.Interface != "" {
		p := s.findLocked(r.Interface)
		if p == nil || !p.up.Load() || p.cfg.VRF != r.VRF {
			return out, false
		}
		out.port, out.gateway = p, r.NextHop
		return out, true
	}
	via, ok := longest(table, r.NextHop)
	if !ok || via.Prefix == out.Prefix {
		return out, false
	}
	out.port, out.gateway = via.port, via.gateway
	if !out.gateway.IsValid() {
		out.gateway = r.NextHop
	}
	return out, true
}

// longest is the most specific route to a that leaves the device.
func longest(table []installed, a netip.Addr) (installed, bool) {
	var best installed
	found := false
	for _, r := range table {
		if r.Source != netdev.Local && r.Prefix.Contains(a) && (!found || r.Prefix.Bits() > best.Prefix.Bits()) {
			best, found = r, true
		}
	}
	return best, found
}

// SourceFor is the address this device would send from toward dst.
func (s *Stack) SourceFor(vrf string, dst netip.Addr) (netip.Addr, bool) {
	s.mu.Lock()
	t := s.tables[vrf]
	s.mu.Unlock()
	if t == nil || !dst.Is4() {
		return netip.Addr{}, false
	}
	r, err := t.stack.FindRoute(0, tcpip.Address{}, address(dst), ipv4.ProtocolNumber, false)
	if err != nil {
		return netip.Addr{}, false
	}
	defer r.Release()
	a := fromAddress(r.LocalAddress())
	return a, a.IsValid() && r.LocalAddress() != header.IPv4Any
}
