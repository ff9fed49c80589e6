package isakmp

import (
	"fmt"
	"net/netip"

	"golang.org/x/crypto/cryptobyte"

	"coterie/crypto/pki"
)

// Identification (RFC 2407 section 4.6.2):
//
//	|   ID Type     |  Protocol ID  |             Port              |
//	|                     Identification Data                       |

// Identification types.
const (
	IDIPv4Addr   = 1
	IDFQDN       = 2
	IDUserFQDN   = 3
	IDIPv4Subnet = 4
	IDIPv6Addr   = 5
	IDIPv6Subnet = 6
	IDDERASN1DN  = 9
	IDKeyID      = 11
)

// ParseID reads the body of an ID payload; Data is a copy.
func ParseID(body []byte) (Identity, error) {
	var id Identity
	s := cryptobyte.String(body)
	if !s.ReadUint8(&id.Type) || !s.ReadUint8(&id.Protocol) || !s.ReadUint16(&id.Port) {
		return Identity{}, malformed("ID payload of %d octets", len(body))
	}
	want := map[uint8]int{IDIPv4Addr: 4, IDIPv4Subnet: 8, IDIPv6Addr: 16, IDIPv6Subnet: 32}
	if n, ok := want[id.Type]; ok && len(s) != n {
		return Identity{}, malformed("identity of type %d with %d octets", id.Type, len(s))
	}
	id.Data = append([]byte(nil), s...)
	return id, nil
}

// Append appends the body of the ID payload.
func (id Identity) Append(b []byte) []byte {
	c := cryptobyte.NewBuilder(b)
	c.AddUint8(id.Type)
	c.AddUint8(id.Protocol)
	c.AddUint16(id.Port)
	c.AddBytes(id.Data)
	return c.BytesOrPanic() // nothing above can fail
}

// AddressID is the identity of an address: UDP and the given port.
func AddressID(a netip.AddrPort) Identity {
	addr := a.Addr().Unmap()
	id := Identity{Type: IDIPv4Addr, Protocol: 17, Port: a.Port(), Data: addr.AsSlice()}
	if addr.Is6() {
		id.Type = IDIPv6Addr
	}
	return id
}

// Addr is the address that the identity names, if it is of an address type.
func (id Identity) Addr() (netip.Addr, bool) {
	if id.Type != IDIPv4Addr && id.Type != IDIPv6Addr {
		return netip.Addr{}, false
	}
	return netip.AddrFromSlice(id.Data)
}

// String is the identity as log lines print it. Text from a peer is quoted.
func (id Identity) String() string {
	if a, ok := id.Addr(); ok {
		return a.String()
	}
	switch id.Type {
	case IDFQDN, IDUserFQDN:
		return fmt.Sprintf("%q", id.Data)
	case IDDERASN1DN:
		return fmt.Sprintf("%q", pki.NameString(id.Data))
	}
	return fmt.Sprintf("%#x", id.Data)
}
