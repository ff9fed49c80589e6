package appliance

import (
	"net/netip"
	"sync"

	"coterie/netdev"
)

// socket is one open UDP 848 endpoint.
type socket struct{ conn netdev.UDPConn }

// maxDatagram is the largest UDP payload over IPv4.
const maxDatagram = 65507

// listen opens what is wanted and closes what is not. An address that is not
// there yet is tried again at the next reconcile or link event.
func (c *control) listen(want []Socket) {
	wanted := make(map[Socket]bool, len(want))
	for _, w := range want {
		wanted[w] = true
	}
	for key, s := range c.sockets {
		if !wanted[key] {
			s.conn.Close()
			delete(c.sockets, key)
		}
	}
	for _, w := range want {
		if c.sockets[w] != nil {
			continue
		}
		conn, err := c.a.cfg.Stack.Listen(w.VRF, netip.AddrPortFrom(w.Addr, Port))
		if err != nil {
			continue
		}
		c.sockets[w] = &socket{conn}
		c.work.Go(func() { c.read(w.VRF, conn) })
	}
}

// datagram is one that was received. It comes from a pool: most are short, and
// there are many.
type datagram struct {
	vrf           string
	local, remote netip.AddrPort
	data          []byte // in room, or elsewhere if it is longer
	room          [2048]byte
}

var spareDatagrams = sync.Pool{New: func() any { return new(datagram) }}

// release ends the use of d and of its data.
func (d *datagram) release() {
	d.data = nil
	spareDatagrams.Put(d)
}

// read hands datagrams to the control goroutine until the socket closes.
func (c *control) read(vrf string, conn netdev.UDPConn) {
	buf := make([]byte, maxDatagram)
	local := conn.LocalAddr()
	for {
		n, remote, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		d := spareDatagrams.Get().(*datagram)
		d.vrf, d.local, d.remote = vrf, local, remote
		d.data = append(d.room[:0], buf[:n]...)
		c.deliver(arrival{datagram: d})
	}
}

// send writes one datagram. UDP promises nothing, and the machines retransmit,
// so an error is not told to anybody.
func (c *control) send(vrf string, local, remote netip.AddrPort, data []byte) {
	c.tape.sent(local, remote, data)
	if s := c.sockets[Socket{vrf, local.Addr()}]; s != nil {
		s.conn.WriteTo(data, remote)
	}
}
