package virtual

import (
	"net/netip"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
)

var limitedBroadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// transit prepares an arriving datagram for what netstack's forwarding does
// not do as a router must. Datagrams for this device pass as they are.
func (p *port) transit(datagram []byte) [][]byte {
	whole := [][]byte{datagram}
	h := header.IPv4(datagram)
	fragment := h.More() || h.FragmentOffset() != 0
	if h.TTL() != 1 && !fragment {
		return whole
	}
	dst := netip.AddrFrom4(h.DestinationAddress().As4())
	t := p.vrf.Load()
	if t == nil || dst.IsMulticast() || dst == limitedBroadcast || t.owns(dst) {
		return whole
	}
	if h.TTL() == 1 {
		// Netstack would forward it with a TTL of 0, where a router answers
		// time exceeded (RFC 1812 section 5.3.1); that it does for a TTL of 0.
		h.SetTTL(0)
		h.SetChecksum(0)
		h.SetChecksum(^h.CalculateChecksum())
		return whole
	}
	// Netstack restarts the offset at 0 when it fragments a fragment, so that
	// must not be left to it.
	route, err := t.stack.FindRoute(0, tcpip.Address{}, address(dst), ipv4.ProtocolNumber, false)
	if err != nil {
		return whole
	}
	mtu := int(route.MTU()) + header.IPv4MinimumSize
	route.Release()
	return split(datagram, mtu)
}

// split cuts a fragment into smaller ones that fit mtu, unless it fits or must
// not be cut (RFC 791 section 3.2).
func split(datagram []byte, mtu int) [][]byte {
	h := header.IPv4(datagram)
	n := int(h.HeaderLength())
	room := (mtu - n) &^ 7
	if len(datagram) <= mtu || n < header.IPv4MinimumSize || n > len(datagram) || room < 8 ||
		h.Flags()&header.IPv4FlagDontFragment != 0 {
		return [][]byte{datagram}
	}
	var out [][]byte
	first := int(h.FragmentOffset())
	for data, at := datagram[n:], 0; at < len(data); at += room {
		part := data[at:min(at+room, len(data))]
		f := append(append(make([]byte, 0, n+len(part)), datagram[:n]...), part...)
		fh := header.IPv4(f)
		flags := h.Flags()
		if at+len(part) < len(data) {
			flags |= header.IPv4FlagMoreFragments
		}
		fh.SetFlagsFragmentOffset(flags, uint16(first+at))
		fh.SetTotalLength(uint16(len(f)))
		fh.SetChecksum(0)
		fh.SetChecksum(^fh.CalculateChecksum())
		out = append(out, f)
	}
	return out
}
