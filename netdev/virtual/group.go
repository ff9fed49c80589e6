package virtual

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"coterie/netdev"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

var _ netdev.MembershipLister = (*Stack)(nil)

// membership is what a socket has joined.
type membership struct {
	port  *port
	group netip.Addr
	since time.Time
}

// ListenGroup joins an IPv4 multicast group on an interface and opens UDP for
// what is sent to it there. The interface reports the group by IGMPv2, the
// version of an IOS interface, at once and again within 10 s, answers queries of
// all three versions, and leaves the group with the last socket. A port that is
// down reports when it comes up. Several sockets may listen to one group.
func (s *Stack) ListenGroup(iface string, group netip.AddrPort) (netdev.UDPConn, error) {
	what := fmt.Sprintf("join %v on %s", group.Addr(), iface)
	if !group.Addr().Is4() || !group.Addr().IsMulticast() {
		return nil, fmt.Errorf("%s: not an IPv4 multicast group", what)
	}
	s.mu.Lock()
	p, closed := s.findLocked(iface), s.closed
	var t *table
	var nic tcpip.NICID
	if p != nil {
		t, nic = p.vrf.Load(), p.nic
	}
	s.mu.Unlock()
	switch {
	case closed:
		return nil, errClosed
	case p == nil || t == nil:
		return nil, fmt.Errorf("%s: %w", what, netdev.ErrNoInterface)
	}
	return t.open(what, group, func(c *socket) tcpip.Error {
		c.member = &membership{p, group.Addr(), s.clock.Now()}
		o := c.ep.SocketOptions()
		o.SetReuseAddress(true)
		o.SetReusePort(true)
		if err := o.SetBindToDevice(int32(nic)); err != nil {
			return err
		}
		return c.ep.SetSockOpt(&tcpip.AddMembershipOption{NIC: nic, MulticastAddr: address(group.Addr())})
	})
}

// Memberships lists the groups that sockets have joined.
func (s *Stack) Memberships() []netdev.Membership {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []netdev.Membership
	for _, vrf := range s.vrfsLocked() {
		t := s.tables[vrf]
		t.mu.Lock()
		for c := range t.sockets {
			m := c.member
			if m == nil || m.port.vrf.Load() != t {
				continue
			}
			i := slices.IndexFunc(out, func(o netdev.Membership) bool {
				return o.VRF == vrf && o.Interface == m.port.name() && o.Group == m.group
			})
			if i < 0 {
				i = len(out)
				out = append(out, netdev.Membership{VRF: vrf, Interface: m.port.name(), Group: m.group, Since: m.since})
				if len(m.port.cfg.Addresses) > 0 {
					out[i].Reporter = m.port.cfg.Addresses[0].Addr()
				}
			}
			out[i].Sockets++
			if m.since.Before(out[i].Since) {
				out[i].Since = m.since
			}
		}
		t.mu.Unlock()
	}
	slices.SortFunc(out, func(a, b netdev.Membership) int {
		return cmp.Or(strings.Compare(a.VRF, b.VRF), strings.Compare(a.Interface, b.Interface), a.Group.Compare(b.Group))
	})
	return out
}

// speakIGMPv2 makes a new NIC, not yet enabled, a host of IGMP version 2 that
// has joined nothing: netstack lets whatever forwards join all routers.
func (t *table) speakIGMPv2(nic tcpip.NICID) error {
	ep, err := t.stack.GetNetworkEndpoint(nic, ipv4.ProtocolNumber)
	if err != nil {
		return stackError("IGMP", err)
	}
	if e, ok := ep.(ipv4.IGMPEndpoint); ok {
		e.SetIGMPVersion(ipv4.IGMPVersion2)
	}
	t.stack.LeaveGroup(ipv4.ProtocolNumber, nic, header.IPv4AllRoutersGroup)
	return nil
}

// allMulticast is where every group lies.
var allMulticast = netip.PrefixFrom(netip.AddrFrom4([4]byte{224}), 4)

// multicastRows say by which NIC a datagram to a group leaves: the one that has
// its source address; for the address of a loopback, the one that the default
// route leads to, or else the first port.
func multicastRows(ports []*port, routes []installed, vrf string) []tcpip.Route {
	var out []*port
	for _, r := range routes {
		if r.Prefix.Bits() == 0 && !r.port.soft {
			out = append(out, r.port)
		}
	}
	for _, p := range ports {
		if !p.soft && p.cfg.VRF == vrf && p.up.Load() && len(p.cfg.Addresses) > 0 && !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	subnet := tcpip.AddressWithPrefix{Address: address(allMulticast.Addr()), PrefixLen: allMulticast.Bits()}.Subnet()
	rows := make([]tcpip.Route, 0, len(out))
	for _, p := range out {
		rows = append(rows, tcpip.Route{Destination: subnet, NIC: p.nic})
	}
	return rows
}

// sendGroup sends a datagram to a group by multicastRows. A socket of netstack's
// would send from the NIC that has the address, which a loopback's cannot leave by.
func (t *table) sendGroup(b []byte, from, to netip.AddrPort) tcpip.Error {
	n := header.UDPMinimumSize + len(b)
	if n > maxProbe-header.IPv4MinimumSize {
		return &tcpip.ErrMessageTooLong{}
	}
	src, dst := address(from.Addr()), address(to.Addr())
	route, err := t.stack.FindRoute(0, src, dst, ipv4.ProtocolNumber, true)
	if err != nil {
		return err
	}
	defer route.Release()
	pkt := stack.NewPacketBuffer(stack.PacketBufferOptions{
		ReserveHeaderBytes: int(route.MaxHeaderLength()) + header.UDPMinimumSize,
		Payload:            buffer.MakeWithData(slices.Clone(b)),
	})
	defer pkt.DecRef()
	pkt.TransportProtocolNumber = header.UDPProtocolNumber
	h := header.UDP(pkt.TransportHeader().Push(header.UDPMinimumSize))
	h.Encode(&header.UDPFields{SrcPort: from.Port(), DstPort: to.Port(), Length: uint16(n)})
	sum := header.PseudoHeaderChecksum(header.UDPProtocolNumber, src, dst, uint16(n))
	h.SetChecksum(^h.CalculateChecksum(checksum.Checksum(b, sum)))
	return route.WritePacket(stack.NetworkHeaderParams{Protocol: header.UDPProtocolNumber, TTL: defaultTTL}, pkt)
}
