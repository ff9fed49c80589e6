package virtual

import (
	"bytes"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"coterie/netdev"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// patience is how long a probe waits that must be answered, however busy the
// machine is.
const patience = time.Minute

// scribble is another user of netstack's buffer pool: as long as go on it takes
// chunks and overwrites them. It gives none back, so that it gets those of others.
func scribble(goOn *atomic.Bool, size int) {
	for goOn.Load() {
		b := buffer.NewViewSize(size).AsSlice()
		for i := range b {
			b[i] = 0xee
		}
	}
}

// ttls collects the TTLs of the datagrams to an address that pass a wire.
type ttls struct {
	to  netip.Addr
	mu  sync.Mutex
	had map[uint8]int
}

func (l *ttls) capture(_ time.Time, frame []byte) {
	if header.Ethernet(frame).Type() != header.IPv4ProtocolNumber {
		return
	}
	h := header.IPv4(frame[etherSize:])
	if fromAddress(h.DestinationAddress()) != l.to {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.had == nil {
		l.had = make(map[uint8]int)
	}
	l.had[h.TTL()]++
}

// A router must count a TTL down from what arrived, whatever becomes of the
// chunks of netstack's pool while it forwards.
func TestForwardWhilePoolIsBusy(t *testing.T) {
	a, b, c := node(t, "A"), node(t, "B"), node(t, "C")
	forth, back := &ttls{to: ip("10.0.2.3")}, &ttls{to: ip("10.0.1.1")}
	ab, bc := NewWire(WireConfig{Name: "AB", Capture: back.capture}), NewWire(WireConfig{Name: "BC", Capture: forth.capture})
	attach(t, ab, a, "Ethernet0/0")
	attach(t, ab, b, "Ethernet0/0")
	attach(t, bc, b, "Ethernet0/1")
	attach(t, bc, c, "Ethernet0/0")
	configure(t, a, "Ethernet0/0", "10.0.1.1/24")
	configure(t, b, "Ethernet0/0", "10.0.1.2/24")
	configure(t, b, "Ethernet0/1", "10.0.2.2/24")
	configure(t, c, "Ethernet0/0", "10.0.2.3/24")
	a.SetRoutes([]netdev.StaticRoute{route("0.0.0.0/0", "10.0.1.2")})
	c.SetRoutes([]netdev.StaticRoute{route("0.0.0.0/0", "10.0.2.2")})

	const senders, probes, size = 4, 100, 100
	var goOn atomic.Bool
	goOn.Store(true)
	var others, pings sync.WaitGroup
	for range 2 {
		others.Go(func() { scribble(&goOn, size) })
	}
	for i := range senders {
		pings.Go(func() {
			for seq := range probes {
				got, err := a.Probe(t.Context(), netdev.Probe{
					Target: ip("10.0.2.3"), ID: uint16(i), Seq: uint16(seq), Size: size, Validate: true, Timeout: patience,
				})
				if err != nil || got.Outcome != netdev.ProbeReply {
					t.Errorf("probe %d of %d: outcome %d, %v", seq, i, got.Outcome, err)
					return
				}
			}
		})
	}
	pings.Wait()
	goOn.Store(false)
	others.Wait()
	for _, l := range []*ttls{forth, back} {
		l.mu.Lock()
		if want := fmt.Sprint(map[uint8]int{defaultTTL - 1: senders * probes}); fmt.Sprint(l.had) != want {
			t.Errorf("TTLs of what was forwarded to %v: %v, want %v", l.to, l.had, want)
		}
		l.mu.Unlock()
	}
}

// Everything that netstack does with a packet's memory at once: echoes that are
// answered, forwarded, cut and put together again, broadcast, sent to groups, to
// nobody, to a closed port and into loops, on a segment of which one node comes
// and goes. What arrives must be what was sent; the race detector sees the rest.
func TestBusySegment(t *testing.T) {
	const nodes, rounds = 5, 25
	var frames atomic.Int64
	_, r := segment(t, nodes, WireConfig{Name: "LAN", Capture: func(_ time.Time, frame []byte) {
		for _, x := range frame { // reads it all, beside whoever else would still write
			frames.Add(int64(x & 1))
		}
	}})
	loops := []netdev.StaticRoute{route("9.9.0.0/16", "192.168.1.2")}
	for i := 2; i < nodes; i++ { // R1 reaches the others' loopbacks by way of R2
		loops = append(loops, route(netip.AddrFrom4([4]byte{byte(i + 1), byte(i + 1), byte(i + 1), byte(i + 1)}).String()+"/32", "192.168.1.2"))
	}
	r[0].SetRoutes(loops)
	r[1].SetRoutes(append(loops[:0:0], route("9.9.0.0/16", "192.168.1.1"), route("1.1.1.1/32", "192.168.1.1"),
		route("3.3.3.3/32", "192.168.1.3"), route("4.4.4.4/32", "192.168.1.4"), route("5.5.5.5/32", "192.168.1.5")))

	group := ap("239.1.1.1:848")
	var others, work sync.WaitGroup
	var listeners []netdev.UDPConn
	for _, s := range r {
		c, err := s.ListenGroup("Ethernet0/0", group)
		if err != nil {
			t.Fatal(err)
		}
		listeners = append(listeners, c)
		others.Go(func() {
			b := make([]byte, 2000)
			for {
				n, _, err := c.ReadFrom(b)
				if err != nil {
					return
				}
				for _, x := range b[1:n] {
					if x != b[0] {
						t.Errorf("%s: a datagram of %d octets is mixed with another", s.cfg.Name, n)
						return
					}
				}
			}
		})
	}
	probe := func(s *Stack, what string, answered bool, p netdev.Probe) {
		p.Validate = true
		p.Timeout = time.Millisecond
		if answered {
			p.Timeout = patience
		}
		got, err := s.Probe(t.Context(), p)
		if err != nil || got.Outcome == netdev.ProbeCorrupt || answered && got.Outcome != netdev.ProbeReply {
			t.Errorf("%s: outcome %d, %v", what, got.Outcome, err)
		}
	}
	for i, s := range r[:nodes-1] {
		id := uint16(i)
		work.Go(func() {
			for seq := range uint16(rounds) {
				probe(s, "loopback", true, netdev.Probe{Target: ip("3.3.3.3"), ID: id, Seq: seq, Size: 100 + int(seq)})
				probe(s, "in fragments", true, netdev.Probe{Target: ip("4.4.4.4"), ID: id, Seq: seq, Size: 5000 + int(seq)})
			}
		})
		work.Go(func() {
			for seq := range uint16(rounds) {
				probe(s, "broadcast", false, netdev.Probe{Target: ip("192.168.1.255"), ID: id, Seq: seq, Size: 300})
				probe(s, "nobody", false, netdev.Probe{Target: netip.AddrFrom4([4]byte{192, 168, 1, byte(100 + seq)}), ID: id, Seq: seq, Size: 100})
				probe(s, "closed port", false, netdev.Probe{Kind: netdev.ProbeUDP, Target: ip("3.3.3.3"), Port: 33434 + seq, Size: 60})
				probe(s, "loop", false, netdev.Probe{Target: ip("9.9.9.9"), ID: id, Seq: seq, Size: 100, TTL: 20})
				probe(s, "who comes and goes", false, netdev.Probe{Target: ip("5.5.5.5"), ID: id, Seq: seq, Size: 3000})
			}
		})
		work.Go(func() {
			c, err := s.Listen("", ap("0.0.0.0:0"))
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			for seq := range rounds {
				c.WriteTo(bytes.Repeat([]byte{byte(seq)}, 10+seq*40), group)
			}
		})
	}
	work.Go(func() {
		plug := r[nodes-1].ports[0].plug.Load()
		for seq := range uint16(rounds) {
			plug.SetUp(seq%2 != 0)
			probe(r[nodes-1], "from who comes and goes", false, netdev.Probe{Target: ip("3.3.3.3"), Seq: seq, Size: 3000})
		}
	})
	work.Wait()
	for _, c := range listeners {
		c.Close()
	}
	others.Wait()
}
