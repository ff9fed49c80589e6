//go:build linux

package linux

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"coterie/netdev"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// routes are the static routes of the configuration.
type routes struct {
	static    []netdev.StaticRoute
	any       bool                      // something was installed once
	installed map[string][]netdev.Route // what each of ours in the kernel stands for
}

// hop is where a route leads: out of a device, perhaps by a neighbour there.
// The zero hop discards.
type hop struct {
	index   int
	gateway netip.Addr
	onLink  bool // the gateway is on the wire though no subnet says so
}

// entry is a route that can be used now.
type entry struct {
	prefix   netip.Prefix
	distance uint8
	hop      hop
	static   netdev.StaticRoute
}

// SetRoutes replaces the static routes of the configuration in the main table.
// A route that cannot be used, because its next hop is not reachable or its
// interface is down, waits; one that stays is not touched.
func (s *Stack) SetRoutes(static []netdev.StaticRoute) error {
	var errs []error
	usable := make([]netdev.StaticRoute, 0, len(static))
	for _, r := range static {
		switch {
		case r.VRF != "":
			errs = append(errs, fmt.Errorf("route %v: vrf %s: %w", r.Prefix, r.VRF, netdev.ErrNotSupported))
		case !r.Prefix.IsValid() || !r.Prefix.Addr().Is4() || r.NextHop.IsValid() && !r.NextHop.Is4():
			errs = append(errs, fmt.Errorf("route %v: not IPv4", r.Prefix))
		case !r.NextHop.IsValid() && r.Interface == "":
			errs = append(errs, fmt.Errorf("route %v: no next hop", r.Prefix))
		default:
			r.Prefix = r.Prefix.Masked()
			usable = append(usable, r)
		}
	}
	err := s.do(func(list []device) error {
		s.routes.static = usable
		return s.syncRoutes(list)
	})
	return errors.Join(append(errs, err)...)
}

// syncRoutes makes our routes in the kernel those that can be used now.
func (s *Stack) syncRoutes(list []device) error {
	have, err := mainTable()
	if err != nil {
		return err
	}
	all, err := addresses()
	if err != nil {
		return err
	}
	connected := usableEntries(list, all, have)
	resolved := resolve(connected, s.routes.static, func(name string) (int, bool) {
		d := s.find(list, name)
		if p := s.ports[name]; p != nil && p.index != 0 {
			d = byIndex(list, p.index)
		}
		if d == nil || !d.running() {
			return 0, false
		}
		return d.index, true
	})
	want, stands := kernelRoutes(resolved)
	s.routes.installed = stands
	s.routes.any = s.routes.any || len(want) > 0

	present := make(map[string]bool)
	var errs []error
	for _, r := range have {
		if r.Protocol != Mark {
			continue
		}
		key := routeKey(r)
		if _, ok := stands[key]; ok && !present[key] {
			present[key] = true
			continue
		}
		if err := netlink.RouteDel(&r); err != nil && !errors.Is(err, unix.ESRCH) {
			errs = append(errs, needs(capNetAdmin, "no ip route "+text(r.Dst), err))
		}
	}
	for _, r := range want {
		if present[routeKey(r)] {
			continue
		}
		err := netlink.RouteAppend(&r)
		switch {
		case err == nil, errors.Is(err, unix.EEXIST):
		case errors.Is(err, unix.ENETUNREACH), errors.Is(err, unix.ENETDOWN), errors.Is(err, unix.EHOSTUNREACH),
			errors.Is(err, unix.ENODEV), errors.Is(err, unix.EINVAL):
			delete(stands, routeKey(r)) // waits for a better time
		default:
			errs = append(errs, needs(capNetAdmin, "ip route "+text(r.Dst), err))
		}
	}
	return errors.Join(errs...)
}

func text(n *net.IPNet) string { return prefixOf(n).String() }

// prefixOf converts a destination; none is the default route.
func prefixOf(n *net.IPNet) netip.Prefix {
	if n == nil {
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	a, _ := netip.AddrFromSlice(n.IP.To4())
	bits, _ := n.Mask.Size()
	return netip.PrefixFrom(a, bits)
}

// mainTable lists the IPv4 routes of the main table.
func mainTable() ([]netlink.Route, error) {
	return dump(func() ([]netlink.Route, error) {
		return netlink.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Table: unix.RT_TABLE_MAIN}, netlink.RT_FILTER_TABLE)
	})
}

// usableEntries are what a next hop may be reached by: subnets of devices that
// are up, and routes of others.
func usableEntries(list []device, all []address, table []netlink.Route) []entry {
	var out []entry
	for _, a := range all {
		if d := byIndex(list, a.index); d != nil && d.running() {
			out = append(out, entry{prefix: a.network, hop: hop{index: a.index}})
		}
	}
	for _, r := range table {
		d := byIndex(list, r.LinkIndex)
		if r.Protocol == Mark || r.Protocol == unix.RTPROT_KERNEL || r.Type != unix.RTN_UNICAST || d == nil || !d.running() {
			continue
		}
		gateway, _ := netip.AddrFromSlice(r.Gw.To4())
		out = append(out, entry{prefix: prefixOf(r.Dst), distance: 1, hop: hop{
			index: r.LinkIndex, gateway: gateway, onLink: r.Flags&int(netlink.FLAG_ONLINK) != 0,
		}})
	}
	return out
}

// resolve finds which static routes can be used and where they lead: by
// interface, or by the most specific usable route to the next hop, which is
// neither the route itself nor a default route. Of each prefix only the lowest
// distance counts.
func resolve(usable []entry, static []netdev.StaticRoute, device func(name string) (int, bool)) []entry {
	waiting := slices.Clone(static)
	slices.SortStableFunc(waiting, func(a, b netdev.StaticRoute) int { return cmp.Compare(a.Distance, b.Distance) })
	table := slices.Clone(usable)
	var out []entry
	for again := true; again; {
		again = false
		waiting = slices.DeleteFunc(waiting, func(r netdev.StaticRoute) bool {
			h, ok := lead(table, r, device)
			if ok {
				e := entry{prefix: r.Prefix, distance: r.Distance, hop: h, static: r}
				table, out, again = append(table, e), append(out, e), true
			}
			return ok
		})
	}
	best := make(map[netip.Prefix]uint8)
	for _, e := range out {
		if d, ok := best[e.prefix]; !ok || e.distance < d {
			best[e.prefix] = e.distance
		}
	}
	return slices.DeleteFunc(out, func(e entry) bool { return e.distance > best[e.prefix] })
}

// lead finds the hop of one static route.
func lead(table []entry, r netdev.StaticRoute, device func(name string) (int, bool)) (hop, bool) {
	if isNull(r.Interface) {
		return hop{}, true
	}
	if r.Interface != "" {
		index, ok := device(r.Interface)
		return hop{index: index, gateway: r.NextHop, onLink: r.NextHop.IsValid()}, ok
	}
	var best *entry
	for i, e := range table {
		if e.prefix.Bits() > 0 && e.prefix.Contains(r.NextHop) && (best == nil || e.prefix.Bits() > best.prefix.Bits()) {
			best = &table[i]
		}
	}
	if best == nil || best.prefix == r.Prefix || best.hop.index == 0 {
		return hop{}, false
	}
	h := best.hop
	if !h.gateway.IsValid() {
		h.gateway = r.NextHop
	}
	return h, true
}

// kernelRoutes makes one kernel route of all hops of a prefix, which then
// share its traffic, and says what each stands for.
func kernelRoutes(entries []entry) (routes []netlink.Route, stands map[string][]netdev.Route) {
	stands = make(map[string][]netdev.Route)
	slices.SortStableFunc(entries, func(a, b entry) int {
		return cmp.Or(a.prefix.Addr().Compare(b.prefix.Addr()), cmp.Compare(a.prefix.Bits(), b.prefix.Bits()))
	})
	for len(entries) > 0 {
		n := 1
		for n < len(entries) && entries[n].prefix == entries[0].prefix {
			n++
		}
		r := kernelRoute(entries[:n])
		key := routeKey(r)
		for _, e := range entries[:n] {
			stands[key] = append(stands[key], netdev.Route{
				Source: netdev.Static, Prefix: e.prefix, NextHop: e.static.NextHop, Interface: e.static.Interface, Distance: e.distance,
			})
		}
		routes, entries = append(routes, r), entries[n:]
	}
	return routes, stands
}

func kernelRoute(entries []entry) netlink.Route {
	first := entries[0]
	r := netlink.Route{
		Dst:      &net.IPNet{IP: first.prefix.Addr().AsSlice(), Mask: net.CIDRMask(first.prefix.Bits(), 32)},
		Protocol: Mark, Priority: int(first.distance), Table: unix.RT_TABLE_MAIN, Type: unix.RTN_UNICAST,
	}
	var hops []hop
	for _, e := range entries {
		if e.hop.index != 0 && !slices.Contains(hops, e.hop) {
			hops = append(hops, e.hop)
		}
	}
	switch len(hops) {
	case 0:
		r.Type = unix.RTN_BLACKHOLE
	case 1:
		h := hops[0]
		r.LinkIndex = h.index
		if h.gateway.IsValid() {
			r.Gw = h.gateway.AsSlice()
		} else {
			r.Scope = unix.RT_SCOPE_LINK
		}
		if h.onLink {
			r.Flags = int(netlink.FLAG_ONLINK)
		}
	default:
		for _, h := range hops {
			n := &netlink.NexthopInfo{LinkIndex: h.index}
			if h.gateway.IsValid() {
				n.Gw = h.gateway.AsSlice()
			}
			if h.onLink {
				n.Flags = int(netlink.FLAG_ONLINK)
			}
			r.MultiPath = append(r.MultiPath, n)
		}
	}
	return r
}

// routeKey tells whether a route of ours in the kernel is a wanted one.
func routeKey(r netlink.Route) string {
	hops := []string{fmt.Sprint(r.LinkIndex, r.Gw)}
	if len(r.MultiPath) > 0 {
		hops = nil
		for _, n := range r.MultiPath {
			hops = append(hops, fmt.Sprint(n.LinkIndex, n.Gw))
		}
		slices.Sort(hops)
	}
	if r.Type == unix.RTN_BLACKHOLE {
		hops = nil // lo, on some kernels
	}
	return fmt.Sprint(prefixOf(r.Dst), r.Priority, r.Type, hops)
}
