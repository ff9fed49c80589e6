package xfrm

import (
	"encoding/binary"
	"net/netip"
)

// IP protocol numbers that a policy or a data plane knows by name.
const (
	ProtoIPv4 = 4
	ProtoTCP  = 6
	ProtoUDP  = 17
	ProtoESP  = 50
	ProtoNone = 59 // "no next header": a dummy packet inside ESP (RFC 4303 section 2.6)
)

// Flow is what a policy looks at in an IPv4 datagram, and where its header
// and datagram end.
type Flow struct {
	Src, Dst         uint32
	SrcPort, DstPort uint16
	Protocol         uint8
	// HasPorts is false for a protocol without ports, for a fragment other than
	// the first, and for a first fragment too short to hold them.
	HasPorts bool
	// Fragment tells a fragment other than the first.
	Fragment  bool
	HeaderLen int // octets, options included
	TotalLen  int // octets, as the header says; never more than was given
}

// ParseFlow reads the IPv4 header of datagram, and the ports behind it. It is
// false for anything that is not a whole IPv4 datagram; octets behind the
// datagram, such as the padding of a short Ethernet frame, are ignored. The
// header checksum is not looked at: whoever receives the datagram does that.
func ParseFlow(datagram []byte) (Flow, bool) {
	if len(datagram) < 20 || datagram[0]>>4 != 4 {
		return Flow{}, false
	}
	f := Flow{
		HeaderLen: int(datagram[0]&15) * 4,
		TotalLen:  int(binary.BigEndian.Uint16(datagram[2:])),
		Protocol:  datagram[9],
		Src:       binary.BigEndian.Uint32(datagram[12:]),
		Dst:       binary.BigEndian.Uint32(datagram[16:]),
		Fragment:  binary.BigEndian.Uint16(datagram[6:])&0x1fff != 0,
	}
	if f.HeaderLen < 20 || f.TotalLen < f.HeaderLen || f.TotalLen > len(datagram) {
		return Flow{}, false
	}
	if !f.Fragment && hasPorts(f.Protocol) && f.TotalLen >= f.HeaderLen+4 {
		f.HasPorts = true
		f.SrcPort = binary.BigEndian.Uint16(datagram[f.HeaderLen:])
		f.DstPort = binary.BigEndian.Uint16(datagram[f.HeaderLen+2:])
	}
	return f, true
}

// hasPorts tells the protocols whose header begins with two ports.
func hasPorts(protocol uint8) bool {
	switch protocol {
	case ProtoTCP, ProtoUDP, 33, 132, 136: // DCCP, SCTP, UDP-Lite
		return true
	}
	return false
}

// Mirror is the flow in the opposite direction.
func (f Flow) Mirror() Flow {
	f.Src, f.Dst = f.Dst, f.Src
	f.SrcPort, f.DstPort = f.DstPort, f.SrcPort
	return f
}

// Multicast tells a flow to a class D address.
func (f Flow) Multicast() bool { return f.Dst>>28 == 0xe }

// Inbound is the flow as an ordered policy is to be asked about a received
// packet: mirrored, so that the entry that covers what we send covers the
// answer too. A packet to a multicast group is asked about as written: the
// group never is a source, and every member is a receiver (RFC 5374
// section 4.2: a multicast policy has a direction).
func (f Flow) Inbound() Flow {
	if f.Multicast() {
		return f
	}
	return f.Mirror()
}

// SrcAddr and DstAddr are the addresses for logs and events.
func (f Flow) SrcAddr() netip.Addr { return addrOf(f.Src) }
func (f Flow) DstAddr() netip.Addr { return addrOf(f.Dst) }

func addrOf(v uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
}

// Uint32 is an IPv4 address as a Flow holds it; false for any other address.
func Uint32(a netip.Addr) (uint32, bool) {
	if a = a.Unmap(); !a.Is4() {
		return 0, false
	}
	b := a.As4()
	return binary.BigEndian.Uint32(b[:]), true
}

// WriteChecksum fills in the checksum of an IPv4 header, options included.
func WriteChecksum(header []byte) {
	header[10], header[11] = 0, 0
	var sum uint32
	for i := 0; i+1 < len(header); i += 2 {
		sum += uint32(header[i])<<8 | uint32(header[i+1])
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(header[10:], ^uint16(sum))
}
