//go:build linux

package linux

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"coterie/netdev"

	"golang.org/x/sys/unix"
)

// socket is a bound UDP socket.
type socket struct {
	stack *Stack
	conn  *net.UDPConn
	local netip.AddrPort
	// member is what ListenGroup joined, or nil.
	member *membership
}

// receiveBuffer is what the kernel is asked to keep of what nobody has read yet,
// in octets: all members acknowledge a rekey in one burst, each with a datagram
// that counts for 800 octets or more, and one that is dropped costs a
// retransmission.
const receiveBuffer = 8 << 20

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
	var conn *net.UDPConn
	if err := s.ns.do(func() (err error) {
		conn, err = listenUDP(local, nil)
		return err
	}); err != nil {
		return nil, needs(capNetBind, what, err)
	}
	c := &socket{stack: s, conn: conn, local: netip.AddrPortFrom(local.Addr(), uint16(conn.LocalAddr().(*net.UDPAddr).Port))}
	s.sockets[c] = struct{}{}
	return c, nil
}

// listenUDP opens UDP, after prepare. What is sent to a group from an address of
// this host leaves by the interface that has it.
func listenUDP(local netip.AddrPort, prepare func(fd int) error) (*net.UDPConn, error) {
	options := func(fd int) error {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BROADCAST, 1); err != nil {
			return err
		}
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DONT); err != nil {
			return err
		}
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_TTL, multicastTTL); err != nil {
			return err
		}
		// Beyond net.core.rmem_max only with CAP_NET_ADMIN. Less does as well.
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer) != nil {
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer)
		}
		if a := local.Addr(); !a.IsUnspecified() && !a.IsMulticast() {
			index, err := holderOf(a)
			if err != nil {
				return err
			}
			if index != 0 {
				if err := unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_IF, &unix.IPMreqn{Address: a.As4(), Ifindex: int32(index)}); err != nil {
					return err
				}
			}
		}
		if prepare != nil {
			return prepare(fd)
		}
		return nil
	}
	// Package net would bind a group's socket to every address instead.
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	f := os.NewFile(uintptr(fd), "udp "+local.String())
	defer f.Close() // the connection has a descriptor of its own
	if err := options(fd); err != nil {
		return nil, os.NewSyscallError("setsockopt", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: int(local.Port()), Addr: local.Addr().As4()}); err != nil {
		return nil, os.NewSyscallError("bind", err)
	}
	conn, err := net.FilePacketConn(f)
	if err != nil {
		return nil, err
	}
	return conn.(*net.UDPConn), nil
}

// holderOf is the device that an address is on, 0 when it is a loopback's or
// nobody's: what is sent from it to a group leaves by the route.
func holderOf(a netip.Addr) (int, error) {
	all, err := addresses()
	if err != nil {
		return 0, err
	}
	list, err := devices()
	if err != nil {
		return 0, err
	}
	for _, o := range all {
		if d := byIndex(list, o.index); o.prefix.Addr() == a && d != nil && d.ethernet {
			return d.index, nil
		}
	}
	return 0, nil
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
