package virtual

import (
	"testing"
	"time"

	"coterie/crypto/suite"
	"coterie/xfrm"
)

// An SA that will soon have no numbers left is reported while it still
// encrypts, by SA and not by packet; with another sender ID it is fresh.
func TestNumbersLow(t *testing.T) {
	for name, tr := range map[string]suite.Transform{"CBC": aesSHA256, "GCM": gcm} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				a := newPlane(t, keyA)
				g := func(sender uint32) xfrm.Group {
					s, other := sa(0x100, tr), sa(0x200, tr)
					s.SenderID, s.TBAR, s.Window = sender, xfrm.TBARSequence, time.Second // the IV alone counts
					if !tr.CounterMode() {
						s.TBAR, s.Window = xfrm.NoTBAR, 0
					}
					s.SIDBits, other.SenderID = 32, sender
					return xfrm.Group{Key: keyA, Policies: permitIP(0x100), SAs: []xfrm.SA{s, other}, Clock: xfrm.PseudoClock{At: 1 << 30, Base: time.Now()}}
				}
				install(t, a, g(1))
				a.low = a.current.Load().interfaces[wire].bySPI[0x100].sa.Left() - 2 // 3 packets from here
				send := func(want *xfrm.Event) {
					t.Helper()
					sealed(t, a, ping)
					got := nextEvent(a)
					if (got == nil) != (want == nil) || got != nil && *got != *want {
						t.Errorf("%+v, want %+v", got, want)
					}
				}
				low := &xfrm.Event{Kind: xfrm.NumbersLow, Interface: wire, Group: keyA, SPI: 0x100}
				send(nil)
				send(nil)
				send(low)
				send(nil)
				time.Sleep(reportInterval)
				send(low)
				if !tr.CounterMode() {
					return
				}
				install(t, a, g(2))
				time.Sleep(reportInterval)
				send(nil)
			})
		})
	}
}
