package gdoi_test

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"coterie/gdoi/keyserver"
	"coterie/internal/sim"
)

// recorded is every datagram of a registration and two rekeys, with the side
// it went to: what an attacker on the path has seen.
func recorded(l *lab) (all []sim.Datagram) {
	for _, e := range l.Trace(200) {
		if len(e.Datagram.Data) > 0 {
			all = append(all, e.Datagram)
		}
	}
	return all
}

// hostile is a key server and a registered member that a stranger talks to.
type hostile struct {
	*lab
	spis    []uint32
	answers [][]byte // to the stranger, of the latest datagram
	sent    int
}

var stranger = netip.MustParseAddrPort("10.9.9.9:848")

func newHostile(t *testing.T) *hostile {
	h := &hostile{lab: newLab(t, 7, 1, nil)}
	h.RunFor(10 * time.Second)
	h.ks.do(keyserver.RekeyNow{})
	h.RunFor(time.Minute)
	if h.gms[0].snapshot().RekeysReceived != 1 {
		t.Fatal("the member did not take the rekey")
	}
	h.spis = spis(h.gms[0])
	h.Observe(func(e sim.Event) {
		if e.Datagram.To == stranger {
			h.answers = append(h.answers, e.Datagram.Data)
		}
	})
	return h
}

// send lets a datagram from the stranger, or in the name of the peer, reach
// the key server or the member, and checks what came of it: no answer longer
// than the question, and nobody's state changed.
func (h *hostile) send(t *testing.T, toMember, forged bool, data []byte) {
	t.Helper()
	to, peer := netip.AddrPortFrom(serverAddr, 848), netip.AddrPortFrom(gmAddr(2), 848)
	if toMember {
		to, peer = peer, to
	}
	from := stranger
	if forged {
		from = peer
	}
	now := h.ks.host.Now()
	h.ks.host.Poke(func(time.Time) {}) // settles timers first
	if d := (sim.Datagram{From: from, To: to, Data: data}); toMember {
		h.gms[0].Receive(now, d)
	} else {
		h.ks.Receive(now, d)
	}
	h.RunFor(3 * time.Millisecond)
	h.sent++
	for _, a := range h.answers {
		if len(a) > len(data) {
			t.Fatalf("%d octets answered with %d", len(data), len(a))
		}
	}
	h.answers = h.answers[:0]
	if s := h.gms[0].snapshot(); s.Status != "Registered" || s.Attempted != 1 {
		t.Fatalf("the member is %s after %d attempts", s.Status, s.Attempted)
	}
	if n := h.ks.group().Members.Len(); n != 1 {
		t.Fatalf("%d members", n)
	}
}

// TestHostileDatagrams: every recorded datagram cut at every octet and with
// every length field at its bounds, from a stranger and in the peer's name.
func TestHostileDatagrams(t *testing.T) {
	h := newHostile(t)
	seen := recorded(h.lab)
	if len(seen) < 12 { // main mode, PULL, PUSH, acknowledgement
		t.Fatalf("only %d datagrams recorded", len(seen))
	}
	for _, d := range seen {
		toMember := d.To.Addr() == gmAddr(2)
		for n := range d.Data {
			h.send(t, toMember, false, d.Data[:n])
			if n < 28 || n%7 == 0 { // whole replays and cuts in the peer's name
				h.send(t, toMember, true, d.Data[:n])
			}
		}
		for at := 24; at+2 <= len(d.Data); at++ {
			for _, v := range []uint16{0, 1, 65535} {
				b := append([]byte(nil), d.Data...)
				binary.BigEndian.PutUint16(b[at:], v)
				h.send(t, toMember, false, b)
			}
		}
	}
	if h.sent < 5000 {
		t.Errorf("only %d datagrams sent", h.sent)
	}
	if got := spis(h.gms[0]); len(got) != len(h.spis) {
		t.Errorf("the member now has %d TEKs, had %d", len(got), len(h.spis))
	}
	if n := len(h.ks.ISAKMP.Snapshot(h.ks.host.Now()).SAs); n > 20000 {
		t.Errorf("%d phase-1 SAs are kept for strangers", n)
	}
}

// FuzzDatagram feeds one long-lived pair whatever comes.
func FuzzDatagram(f *testing.F) {
	var h *hostile
	fresh := func(t *testing.T) *hostile { return newHostile(t) }
	f.Add(false, false, []byte{})
	for _, e := range [][]byte{make([]byte, 28), append(make([]byte, 17), 0x10, 2, 0, 0, 0, 0, 0, 0, 0, 0, 28)} {
		f.Add(false, false, e)
		f.Add(true, true, e)
	}
	count := 0
	f.Fuzz(func(t *testing.T, toMember, forged bool, data []byte) {
		if h == nil || count%100000 == 0 { // hours of lab time have passed: start anew
			h = fresh(t)
		}
		count++
		h.send(t, toMember, forged, data)
	})
}
