package wire

import (
	"encoding/binary"
	"net/netip"

	"coterie/xfrm"
)

// Identification types (RFC 2407 section 4.6.2.1).
const (
	IDNone       = 0
	IDIPv4       = 1
	IDIPv4Subnet = 4
	IDIPv6       = 5
	IDIPv6Subnet = 6
	IDIPv4Range  = 7
	IDIPv6Range  = 8
	IDKeyID      = 11
)

// idSize is the size of an identification's data, -1 when it has none of its own.
func idSize(t uint8) int {
	switch t {
	case IDNone:
		return 0
	case IDIPv4:
		return 4
	case IDIPv4Subnet, IDIPv4Range:
		return 8
	case IDIPv6:
		return 16
	case IDIPv6Subnet, IDIPv6Range:
		return 32
	}
	return -1
}

// AddrID is the identification of one address; the zero AddrPort's address
// gives 0.0.0.0, which as a rekey destination means unicast.
func AddrID(a netip.AddrPort) ID {
	addr := a.Addr().Unmap()
	if !addr.IsValid() {
		addr = netip.IPv4Unspecified()
	}
	t := uint8(IDIPv4)
	if addr.Is6() {
		t = IDIPv6
	}
	return ID{Type: t, Port: a.Port(), Data: addr.AsSlice()}
}

// AddrPort reads an identification of one address.
func (id ID) AddrPort() (netip.AddrPort, bool) {
	if id.Type != IDIPv4 && id.Type != IDIPv6 || len(id.Data) != idSize(id.Type) {
		return netip.AddrPort{}, false
	}
	a, ok := netip.AddrFromSlice(id.Data)
	return netip.AddrPortFrom(a, id.Port), ok
}

// matchID writes one side of an ACE. A range of ports is not part of it.
func matchID(m xfrm.Match) ID {
	var id ID
	if m.Ports.Lo == m.Ports.Hi {
		id.Port = m.Ports.Lo
	}
	if !m.Addr.IsValid() {
		id.Type, id.Data = IDIPv4Subnet, make([]byte, 8)
		return id
	}
	addr, mask := m.Addr.AsSlice(), m.Mask.AsSlice()
	host := true
	for i := range addr {
		if i < len(mask) {
			addr[i] &= mask[i]
			host = host && mask[i] == 0xff
		}
	}
	switch {
	case m.Addr.Is4() && host:
		id.Type, id.Data = IDIPv4, addr
	case m.Addr.Is4():
		id.Type, id.Data = IDIPv4Subnet, append(addr, mask...)
	case host:
		id.Type, id.Data = IDIPv6, addr
	default:
		id.Type, id.Data = IDIPv6Subnet, append(addr, mask...)
	}
	return id
}

// match reads one side of an ACE.
func (id ID) match() (xfrm.Match, error) {
	m := xfrm.Match{Ports: xfrm.PortRange{Lo: id.Port, Hi: id.Port}}
	if want := idSize(id.Type); want < 0 || want != len(id.Data) || id.Type == IDIPv4Range || id.Type == IDIPv6Range {
		return m, refused(PayloadSAT, "identification type %d with %d octets", id.Type, len(id.Data))
	}
	switch id.Type {
	case IDNone:
		return m, nil
	case IDIPv4, IDIPv6:
		m.Addr, _ = netip.AddrFromSlice(id.Data)
		full := make([]byte, len(id.Data))
		for i := range full {
			full[i] = 0xff
		}
		m.Mask, _ = netip.AddrFromSlice(full)
		return m, nil
	}
	half := len(id.Data) / 2
	addr, mask := append([]byte(nil), id.Data[:half]...), id.Data[half:]
	bits, ended, contiguous := 0, false, true
	for i, x := range mask {
		addr[i] &= x
		for k := 7; k >= 0; k-- {
			if x>>k&1 == 0 {
				ended = true
			} else if ended {
				contiguous = false
			} else {
				bits++
			}
		}
	}
	if !contiguous {
		return m, refused(PayloadSAT, "mask is not contiguous")
	}
	if bits == 0 {
		return m, nil
	}
	m.Addr, _ = netip.AddrFromSlice(addr)
	m.Mask, _ = netip.AddrFromSlice(mask)
	return m, nil
}

// maxID bounds the data of an identification, in octets. The length field of an
// SA KEK payload has one octet; where a peer writes two we read no longer one,
// so that whatever is read can be written in every form.
const maxID = 0xff

// appendID writes an identification with a length field of one or two octets.
func appendID(dst []byte, payload uint8, id ID, width int) ([]byte, error) {
	if len(id.Data) > maxID {
		return nil, malformed(payload, "identification of %d octets", len(id.Data))
	}
	dst = append(dst, id.Type)
	dst = binary.BigEndian.AppendUint16(dst, id.Port)
	if width == 2 {
		dst = append(dst, 0)
	}
	dst = append(dst, byte(len(id.Data)))
	return append(dst, id.Data...), nil
}

// readID reads an identification at the head of b and returns what follows. It
// fails when a known type does not have its size, and past maxID.
func readID(b []byte, width int) (id ID, rest []byte, ok bool) {
	if len(b) < 3+width {
		return ID{}, nil, false
	}
	id.Type, id.Port = b[0], binary.BigEndian.Uint16(b[1:])
	n := int(b[3])
	if width == 2 {
		n = int(binary.BigEndian.Uint16(b[3:]))
	}
	b = b[3+width:]
	if n > len(b) || n > maxID {
		return ID{}, nil, false
	}
	if want := idSize(id.Type); want >= 0 && want != n {
		return ID{}, nil, false
	}
	id.Data = b[:n:n]
	return id, b[n:], true
}
