package netdev

import (
	"context"
	"net"
	"net/netip"
)

// StreamDialer is a Stack that can also open TCP connections.
type StreamDialer interface {
	// DialStream connects over TCP to remote in a VRF, from local unless that
	// is invalid. It returns when ctx ends. ErrNotSupported says that the back
	// end will never be able to.
	DialStream(ctx context.Context, vrf string, local netip.Addr, remote netip.AddrPort) (net.Conn, error)
}
