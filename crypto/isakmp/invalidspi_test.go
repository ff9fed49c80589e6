package isakmp

import (
	"net/netip"
	"testing"
	"time"
)

func TestInvalidSPI(t *testing.T) {
	w := standardPair(t)
	in := InvalidSPI{Local: ksAddr, Remote: gmAddr, SPI: 0xdeadbeef}
	w.step(ksAddr, in) // no SA, and recovery is off
	w.flush()
	if len(w.sent) != 0 {
		t.Fatalf("%d datagrams", len(w.sent))
	}
	w.up()
	w.sent = nil
	w.step(ksAddr, in)
	w.flush()
	n := must[Notified](w, gmAddr)
	if n.Type != NotifyInvalidSPI || string(n.Data) != "\xde\xad\xbe\xef" || len(w.sent) != 1 {
		t.Errorf("%+v in %d datagrams", n, len(w.sent))
	}
}

// With recovery a main mode is opened for it; nobody is lent the SA.
func TestInvalidSPIRecovery(t *testing.T) {
	ks := config(true, "cisco", quick())
	ks.InvalidSPIRecovery = true
	gm := config(true, "cisco", quick())
	w := pair(t, gm, ks)
	w.step(ksAddr, InvalidSPI{Local: ksAddr, Remote: gmAddr, SPI: 1})
	w.step(ksAddr, InvalidSPI{Local: ksAddr, Remote: gmAddr, SPI: 2})
	w.step(ksAddr, Abandon{Owner: 9})
	w.flush()
	for _, want := range []byte{1, 2} {
		if n := must[Notified](w, gmAddr); n.Type != NotifyInvalidSPI || n.Data[3] != want {
			t.Errorf("%+v", n)
		}
	}
	none[PhaseOneUp](w, ksAddr)
	// A flood with forged sources opens a few main modes a minute.
	w.sent = nil
	for i := range 1000 {
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 848)
		w.step(ksAddr, InvalidSPI{Local: ksAddr, Remote: from, SPI: 7})
	}
	if len(w.sent) > maxRecoveries {
		t.Errorf("%d main modes", len(w.sent))
	}
	w.pass(2 * time.Minute)
	none[PhaseOneFailed](w, ksAddr)
	if n := len(w.nodes[ksAddr].attempts); n != 0 {
		t.Errorf("%d attempts are left", n)
	}
}

// A foreign peer may leave the SPI where an SPI belongs; and an SPI that looks
// like a message ID is none.
func TestInvalidSPIWithoutData(t *testing.T) {
	w := standardPair(t)
	w.up()
	w.sent = nil
	ks := w.nodes[ksAddr]
	for _, n := range []Notify{
		{DOI: DOIIPsec, Protocol: protoESP, SPI: []byte{1, 2, 3, 4}, Type: NotifyInvalidSPI},
		{DOI: DOIIPsec, Protocol: protoESP, SPI: []byte{9, 9, 9, 9}, Type: NotifyInvalidSPI, Data: []byte{1, 2, 3, 4}},
	} {
		body, err := n.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		p := ks.usable(peer{"", ksAddr, gmAddr})
		ks.sendSA(p, ks.informational(p, Payload{Type: PayloadNotify, Body: body}))
		w.step(ksAddr, Tick{})
		w.flush()
		if got := must[Notified](w, gmAddr); got.Type != NotifyInvalidSPI || string(got.Data) != "\x01\x02\x03\x04" || got.MessageID != 0 || got.Owner != 0 {
			t.Errorf("%+v", got)
		}
	}
}
