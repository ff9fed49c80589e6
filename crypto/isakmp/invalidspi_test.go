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
