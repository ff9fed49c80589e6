//go:build linux

package linux

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"coterie/netdev"
)

var _ netdev.StreamDialer = (*Stack)(nil)

// DialStream opens a TCP connection, which outlives the stack. It ends with
// ctx, or with Close, while it is not connected.
func (s *Stack) DialStream(ctx context.Context, vrf string, local netip.Addr, remote netip.AddrPort) (net.Conn, error) {
	switch {
	case vrf != "":
		return nil, fmt.Errorf("TCP in vrf %s: %w", vrf, netdev.ErrNotSupported)
	case s.ctx.Err() != nil:
		return nil, errClosed
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	d := net.Dialer{}
	if local.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(local, 0))
	}
	var c net.Conn
	err := s.ns.do(func() (err error) {
		c, err = d.DialContext(ctx, "tcp4", remote.String())
		return err
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}
