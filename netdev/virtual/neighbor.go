package virtual

import (
	"cmp"
	"slices"
	"strings"

	"coterie/netdev"

	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

var _ netdev.NeighborLister = (*Stack)(nil)

// Neighbors lists the ARP entries of every port.
func (s *Stack) Neighbors() []netdev.Neighbor {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []netdev.Neighbor
	for _, p := range s.ports {
		t := p.vrf.Load()
		if p.soft || p.nic == 0 || t == nil || s.closed {
			continue
		}
		entries, err := t.stack.Neighbors(p.nic, ipv4.ProtocolNumber)
		if err != nil {
			continue
		}
		for _, e := range entries {
			n := netdev.Neighbor{
				VRF: t.vrf, Interface: p.name(), Address: fromAddress(e.Addr),
				Age:        max(s.clock.NowMonotonic().Sub(e.UpdatedAt), 0),
				Incomplete: e.State == stack.Incomplete || e.State == stack.Unknown || e.State == stack.Unreachable,
			}
			copy(n.MAC[:], e.LinkAddr)
			out = append(out, n)
		}
	}
	slices.SortFunc(out, func(a, b netdev.Neighbor) int {
		return cmp.Or(strings.Compare(a.VRF, b.VRF), strings.Compare(a.Interface, b.Interface), a.Address.Compare(b.Address))
	})
	return out
}
