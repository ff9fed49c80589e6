package linux

import (
	"net/netip"

	"coterie/netdev"
)

// ListenGroup is not there yet.
func (s *Stack) ListenGroup(iface string, group netip.AddrPort) (netdev.UDPConn, error) {
	return nil, netdev.ErrNotSupported
}
