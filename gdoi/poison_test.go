package gdoi_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"coterie/gdoi/keyserver"
	"coterie/internal/sim"
)

// poisoned hands its node each datagram in a longer buffer full of one octet,
// and overwrites it when the node has taken it.
type poisoned struct {
	sim.Node
	with byte
}

func (p poisoned) Receive(now time.Time, d sim.Datagram) {
	buffer := bytes.Repeat([]byte{p.with}, len(d.Data)+256)
	d.Data = buffer[:copy(buffer, d.Data)]
	p.Node.Receive(now, d)
	for i := range buffer {
		buffer[i] = p.with
	}
}

// TestOnlyItsOwnOctets: registrations, rekeys, acknowledgements and removals are
// octet by octet the same whatever the buffers held before, behind and after the
// messages: nothing that is sent comes from where it should not.
func TestOnlyItsOwnOctets(t *testing.T) {
	run := func(with byte) (out []sim.Datagram) {
		l := &lab{Network: sim.New(21, start), t: t}
		l.Observe(func(e sim.Event) {
			if e.Kind == sim.Delivered {
				out = append(out, sim.Datagram{From: e.Datagram.From, To: e.Datagram.To, Data: bytes.Clone(e.Datagram.Data)})
			}
		})
		l.ks = &ks{phase1: isakmpConfig(true), cfg: serverConfig()}
		counterMode(&l.ks.cfg.Groups[0])
		l.Add("R1", poisoned{l.ks, with}, serverAddr)
		for i := range 3 {
			g := (&lab{Network: sim.New(1, start), t: t}).join(i+2, serverAddr)
			l.gms = append(l.gms, g)
			l.Add(g.cfg.Hostname, poisoned{g, with}, gmAddr(i+2))
		}
		l.RunFor(time.Minute)
		l.ks.do(keyserver.RekeyNow{})
		l.RunFor(3 * time.Hour) // over a new KEK
		l.ks.do(keyserver.RekeyNow{ReplaceNow: true})
		l.ks.do(keyserver.Clear{What: keyserver.ClearMembersNow})
		l.RunFor(time.Minute)
		return out
	}
	same := func(a, b sim.Datagram) bool { return a.From == b.From && a.To == b.To && bytes.Equal(a.Data, b.Data) }
	a, b := run(0), run(0xa5)
	exchanges := map[byte]int{}
	for _, d := range a {
		exchanges[d.Data[18]]++
	}
	for _, exchange := range []byte{2, 32, 33, 35} {
		if exchanges[exchange] < 6 {
			t.Errorf("exchange %d: %d datagrams", exchange, exchanges[exchange])
		}
	}
	if !slices.EqualFunc(a, b, same) {
		t.Errorf("what is sent depends on the buffers: %d and %d datagrams", len(a), len(b))
	}
}
