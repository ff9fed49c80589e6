package isakmp

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
)

// A computation counts until it is done, whether its SA still lives or not.
func TestJobsOfDeadSAs(t *testing.T) {
	msgs := mainMode(t)
	w := standardPair(t)
	m := w.nodes[ksAddr]
	computes := 0
	give := func(from netip.AddrPort, b []byte) (reply []byte) {
		m.Step(w.now, Datagram{Local: ksAddr, Remote: from, Data: b})
		for _, o := range m.Drain() {
			switch o := o.(type) {
			case Send:
				reply = o.Data
			case Compute:
				computes++ // a slow worker: no Done yet
			}
		}
		return reply
	}
	n := uint32(0)
	for i := range 5000 {
		from := netip.AddrPortFrom(netip.MustParseAddr("198.51.100.7"), uint16(1024+i))
		first := func() []byte {
			b := bytes.Clone(msgs[0])
			n++
			binary.BigEndian.PutUint32(b, n|1<<31)
			return b
		}
		one := first()
		two := give(from, one)
		if two == nil {
			t.Fatal("no message 2")
		}
		three := bytes.Clone(msgs[2])
		copy(three, two[:16])
		give(from, three)
		for range maxHalfOpenPeer {
			give(from, first())
		}
	}
	if computes > maxJobs {
		t.Errorf("%d computations are under way, at most %d may be; %d are known", computes, maxJobs, len(m.jobs))
	}
}

// Forged messages 1 do not push out an SA that has returned our cookie: neither
// as many as a peer may have, nor as many as a network may have of which some
// are older than the proof.
func TestForgedFirstMessages(t *testing.T) {
	for _, c := range []struct {
		name   string
		others bool        // from other ports than the peer's
		forged map[int]int // how many are forged ahead of a message
	}{
		{"of the peer", false, map[int]int{5: maxHalfOpenPeer}},
		{"of the network", true, map[int]int{3: maxHalfOpenPrefix / 2, 5: maxHalfOpenPrefix/2 + 100}},
	} {
		t.Run(c.name, func(t *testing.T) {
			msgs := mainMode(t)
			w := standardPair(t)
			m := w.nodes[ksAddr]
			sent, forged := 0, uint32(0)
			w.deliver = func(s Send) []Send {
				sent++
				for range c.forged[sent] {
					forged++
					b := bytes.Clone(msgs[0])
					binary.BigEndian.PutUint32(b, forged|1<<31)
					from := gmAddr
					if c.others {
						from = netip.AddrPortFrom(gmAddr.Addr(), 10000+uint16(forged))
					}
					m.Step(w.now, Datagram{Local: ksAddr, Remote: from, Data: b})
					m.Drain()
				}
				return []Send{s}
			}
			w.step(gmAddr, Connect{Owner: 1, Local: gmAddr, Remote: ksAddr})
			w.flush()
			if _, ok := take[PhaseOneUp](w, gmAddr); !ok || m.count.HalfOpenEvicted == 0 {
				t.Errorf("no phase 1, or nothing to do: evicted %d, bad cookie %d", m.count.HalfOpenEvicted, m.count.BadCookie)
			}
		})
	}
}
