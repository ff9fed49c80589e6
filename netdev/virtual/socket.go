package virtual

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"sync"

	"coterie/netdev"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// errClosed is returned by a stack that is closed.
var errClosed = errors.New("the network stack is closed")

// socket is a bound UDP endpoint.
type socket struct {
	table *table
	local netip.AddrPort
	ep    tcpip.Endpoint
	queue waiter.Queue
	entry waiter.Entry
	// member is what ListenGroup joined, or nil.
	member *membership
	ready  chan struct{}
	once   sync.Once
	done   chan struct{}
}

var _ netdev.UDPConn = (*socket)(nil)

// Listen opens UDP at an address of this device; the unspecified address
// stands for all of them. What it sends to a multicast group leaves by the
// interface that has the address.
func (s *Stack) Listen(vrf string, local netip.AddrPort) (netdev.UDPConn, error) {
	s.mu.Lock()
	t, closed := s.tables[vrf], s.closed
	s.mu.Unlock()
	if closed {
		return nil, errClosed
	}
	what := "listen " + local.String()
	if vrf != "" {
		what += " in vrf " + vrf
	}
	if t == nil || !local.Addr().Is4() {
		return nil, stackError(what, &tcpip.ErrBadLocalAddress{})
	}
	return t.open(what, local, nil)
}

// open binds UDP at local, after prepare.
func (t *table) open(what string, local netip.AddrPort, prepare func(*socket) tcpip.Error) (*socket, error) {
	c := &socket{table: t, local: local, done: make(chan struct{})}
	ep, err := t.stack.NewEndpoint(udp.ProtocolNumber, ipv4.ProtocolNumber, &c.queue)
	if err != nil {
		return nil, stackError(what, err)
	}
	c.ep = ep
	bind := tcpip.FullAddress{Port: local.Port()}
	if !local.Addr().IsUnspecified() {
		bind.Addr = address(local.Addr())
	}
	err = ep.SetSockOptInt(tcpip.MulticastTTLOption, defaultTTL)
	if err == nil && prepare != nil {
		err = prepare(c)
	}
	if err == nil {
		err = ep.Bind(bind)
	}
	if err != nil {
		ep.Close()
		return nil, stackError(what, err)
	}
	if a, err := ep.GetLocalAddress(); err == nil {
		c.local = netip.AddrPortFrom(local.Addr(), a.Port)
	}
	c.entry, c.ready = waiter.NewChannelEntry(waiter.ReadableEvents)
	c.queue.EventRegister(&c.entry)
	t.mu.Lock()
	t.sockets[c] = struct{}{}
	t.mu.Unlock()
	return c, nil
}

// ReadFrom waits for a datagram; a longer one than b is cut. After Close it
// returns net.ErrClosed.
func (c *socket) ReadFrom(b []byte) (int, netip.AddrPort, error) {
	for {
		select {
		case <-c.done:
			return 0, netip.AddrPort{}, net.ErrClosed
		default:
		}
		w := tcpip.SliceWriter(b)
		res, err := c.ep.Read(&w, tcpip.ReadOptions{NeedRemoteAddr: true})
		switch err.(type) {
		case nil:
			return res.Count, netip.AddrPortFrom(fromAddress(res.RemoteAddr.Addr), res.RemoteAddr.Port), nil
		case *tcpip.ErrWouldBlock:
			select {
			case <-c.ready:
			case <-c.done:
			}
		case *tcpip.ErrClosedForReceive, *tcpip.ErrInvalidEndpointState:
			return 0, netip.AddrPort{}, net.ErrClosed
		default: // an ICMP error about something sent earlier: the next read goes on
		}
	}
}

// WriteTo sends one datagram. It does not wait for ARP.
func (c *socket) WriteTo(b []byte, to netip.AddrPort) (int, error) {
	if to.Addr().IsMulticast() && to.Addr().Is4() && c.member == nil && !c.local.Addr().IsUnspecified() {
		if err := c.table.sendGroup(b, c.local, to); err != nil {
			return 0, stackError("send to "+to.String(), err)
		}
		return len(b), nil
	}
	dst := tcpip.FullAddress{Addr: address(to.Addr()), Port: to.Port()}
	n, err := c.ep.Write(bytes.NewReader(b), tcpip.WriteOptions{To: &dst})
	if err != nil {
		return int(n), stackError("send to "+to.String(), err)
	}
	return int(n), nil
}

// LocalAddr is what the socket is bound to.
func (c *socket) LocalAddr() netip.AddrPort { return c.local }

// Close ends the socket and its readers.
func (c *socket) Close() error {
	c.once.Do(func() {
		close(c.done)
		c.queue.EventUnregister(&c.entry)
		c.ep.Close()
		c.table.mu.Lock()
		delete(c.table.sockets, c)
		c.table.mu.Unlock()
	})
	return nil
}
