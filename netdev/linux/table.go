//go:build linux

package linux

import (
	"cmp"
	"net/netip"
	"slices"

	"coterie/netdev"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// origin is how IOS shows a route that another program put into the kernel:
// code letter and administrative distance.
type origin struct {
	source   netdev.RouteSource
	distance uint8
}

// origins by rtm_protocol; anything else is shown as static.
var origins = map[netlink.RouteProtocol]origin{
	unix.RTPROT_DHCP:  {netdev.Static, 254},
	unix.RTPROT_BGP:   {'B', 20},
	unix.RTPROT_EIGRP: {'D', 90},
	unix.RTPROT_OSPF:  {'O', 110},
	unix.RTPROT_ISIS:  {'i', 115},
	unix.RTPROT_RIP:   {'R', 120},
}

// Routes lists connected networks, own addresses and the main table, sorted by
// prefix; of each prefix the routes that the kernel prefers.
func (s *Stack) Routes() []netdev.Route {
	var out []netdev.Route
	s.do(func(list []device) error {
		all, err := addresses()
		if err != nil {
			return err
		}
		table, err := mainTable()
		if err != nil {
			return err
		}
		connected := make(map[netip.Prefix]bool)
		for _, a := range all {
			d := byIndex(list, a.index)
			if d == nil || !d.running() || a.prefix.Addr().IsLoopback() {
				continue
			}
			r := netdev.Route{Source: netdev.Connected, Prefix: a.network, Interface: s.holder(a, *d)}
			if !slices.Contains(out, r) {
				out = append(out, r)
			}
			connected[a.network] = true
			if a.prefix.Bits() < 32 {
				r.Source, r.Prefix = netdev.Local, netip.PrefixFrom(a.prefix.Addr(), 32)
				out = append(out, r)
			}
		}
		out = append(out, s.installed(list, table, connected)...)
		return nil
	})
	slices.SortStableFunc(out, func(a, b netdev.Route) int {
		return cmp.Or(a.Prefix.Addr().Compare(b.Prefix.Addr()), cmp.Compare(a.Prefix.Bits(), b.Prefix.Bits()))
	})
	return out
}

// holder is the interface that an address is on.
func (s *Stack) holder(a address, d device) string {
	for name, p := range s.ports {
		if p.onLo && p.index == a.index && (p.addressLabel() == a.label || slices.Contains(p.cfg.Addresses, a.prefix)) {
			return name
		}
	}
	return s.label(d)
}

// installed are the routes of the main table that are not connected.
func (s *Stack) installed(list []device, table []netlink.Route, connected map[netip.Prefix]bool) []netdev.Route {
	preferred := make(map[netip.Prefix]int)
	counts := func(r netlink.Route) bool {
		return r.Protocol != unix.RTPROT_KERNEL && (r.Type == unix.RTN_UNICAST || r.Type == unix.RTN_BLACKHOLE) && !connected[prefixOf(r.Dst)]
	}
	for _, r := range table {
		p := prefixOf(r.Dst)
		if m, ok := preferred[p]; counts(r) && (!ok || r.Priority < m) {
			preferred[p] = r.Priority
		}
	}
	var out []netdev.Route
	for _, r := range table {
		if !counts(r) || r.Priority != preferred[prefixOf(r.Dst)] {
			continue
		}
		if r.Protocol == Mark {
			if stands, ok := s.routes.installed[routeKey(r)]; ok {
				out = append(out, stands...)
				continue
			}
		}
		o, ok := origins[r.Protocol]
		switch {
		case r.Protocol == Mark: // of an earlier run
			o = origin{netdev.Static, uint8(min(r.Priority, 255))}
		case !ok:
			o = origin{netdev.Static, 1}
		}
		shown := netdev.Route{Source: o.source, Prefix: prefixOf(r.Dst), Distance: o.distance}
		hops := r.MultiPath
		if len(hops) == 0 {
			hops = []*netlink.NexthopInfo{{LinkIndex: r.LinkIndex, Gw: r.Gw}}
		}
		for _, h := range hops {
			shown.NextHop, _ = netip.AddrFromSlice(h.Gw.To4())
			shown.Interface = ""
			if d := byIndex(list, h.LinkIndex); d != nil {
				shown.Interface = s.label(*d)
			}
			if r.Type == unix.RTN_BLACKHOLE {
				shown.Interface = "Null0"
			}
			out = append(out, shown)
		}
	}
	return out
}

// SourceFor is the address that the host would send from toward dst.
func (s *Stack) SourceFor(vrf string, dst netip.Addr) (src netip.Addr, ok bool) {
	if vrf != "" || !dst.Is4() {
		return netip.Addr{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return netip.Addr{}, false
	}
	s.ns.do(func() error {
		found, err := netlink.RouteGet(dst.AsSlice())
		if err == nil && len(found) > 0 && found[0].Type != unix.RTN_UNREACHABLE && found[0].Type != unix.RTN_BLACKHOLE {
			src, ok = netip.AddrFromSlice(found[0].Src.To4())
		}
		return err
	})
	return src, ok
}
