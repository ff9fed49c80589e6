package virtual

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"coterie/netdev"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
)

var _ netdev.StreamDialer = (*Stack)(nil)

// DialStream opens a TCP connection; ErrNotSupported unless Config.TCP.
func (s *Stack) DialStream(ctx context.Context, vrf string, local netip.Addr, remote netip.AddrPort) (net.Conn, error) {
	if !s.cfg.TCP {
		return nil, fmt.Errorf("TCP: %w", netdev.ErrNotSupported)
	}
	s.mu.Lock()
	t, closed := s.tables[vrf], s.closed
	s.mu.Unlock()
	switch {
	case closed:
		return nil, errClosed
	case t == nil || !remote.Addr().Is4():
		return nil, fmt.Errorf("no route to %v", remote.Addr())
	}
	c, err := gonet.DialTCPWithBind(ctx, t.stack, tcpip.FullAddress{Addr: address(local)},
		tcpip.FullAddress{Addr: address(remote.Addr()), Port: remote.Port()}, ipv4.ProtocolNumber)
	if err != nil {
		return nil, err
	}
	return c, nil
}
