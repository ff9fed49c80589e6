//go:build linux

package linux

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"coterie/netdev"

	"golang.org/x/sys/unix"
)

// socket is a bound UDP socket.
type socket struct {
	stack *Stack
	conn  *net.UDPConn
	local netip.AddrPort
}

// Listen opens UDP at an address of this host; the unspecified address stands
// for all of them. What it sends may be fragmented on the way, as IKE of a
// router is.
func (s *Stack) Listen(vrf string, local netip.AddrPort) (netdev.UDPConn, error) {
	what := "listen " + local.String()
	switch {
	case vrf != "":
		return nil, fmt.Errorf("%s: vrf %s: %w", what, vrf, netdev.ErrNotSupported)
	case !local.Addr().Is4():
		return nil, fmt.Errorf("%s: not an IPv4 address", what)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		if e := raw.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DONT)
		}); e != nil {
			return e
		}
		return err
	}}
	var conn net.PacketConn
	if err := s.ns.do(func() (err error) {
		conn, err = config.ListenPacket(context.Background(), "udp4", local.String())
		return err
	}); err != nil {
		return nil, needs(capNetBind, what, unwrapOp(err))
	}
	udp := conn.(*net.UDPConn)
	c := &socket{stack: s, conn: udp, local: netip.AddrPortFrom(local.Addr(), uint16(udp.LocalAddr().(*net.UDPAddr).Port))}
	s.sockets[c] = struct{}{}
	return c, nil
}

// unwrapOp drops what package net adds to an error, which the caller says too.
func unwrapOp(err error) error {
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		return op.Err
	}
	return err
}

// ReadFrom waits for a datagram; a longer one than b is cut. After Close it
// returns net.ErrClosed.
func (c *socket) ReadFrom(b []byte) (int, netip.AddrPort, error) {
	n, from, err := c.conn.ReadFromUDPAddrPort(b)
	if errors.Is(err, net.ErrClosed) {
		err = net.ErrClosed
	}
	return n, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), err
}

// WriteTo sends one datagram. It does not wait for ARP.
func (c *socket) WriteTo(b []byte, to netip.AddrPort) (int, error) {
	return c.conn.WriteToUDPAddrPort(b, to)
}

// LocalAddr is what the socket is bound to.
func (c *socket) LocalAddr() netip.AddrPort { return c.local }

// Close ends the socket and its readers.
func (c *socket) Close() error {
	c.stack.mu.Lock()
	delete(c.stack.sockets, c)
	c.stack.mu.Unlock()
	err := c.conn.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	return err
}
