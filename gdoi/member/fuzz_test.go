package member

import (
	"net/netip"
	"testing"
	"time"

	"coterie/crypto/isakmp"
	"coterie/gdoi/policy"
	"coterie/gdoi/wire"
	"coterie/internal/secret"
	"coterie/xfrm"
)

func secretOf(b []byte) secret.Bytes { return secret.New(b) }

// FuzzInputs feeds the machine a script: each octet chooses an input, the rest
// of the data is its content. The machine must not panic, must not spin, and
// must end with Stop.
func FuzzInputs(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9})
	f.Add([]byte{9, 9, 9, 3, 3, 6, 0, 6})
	f.Fuzz(func(t *testing.T, script []byte) {
		l := newLab(t)
		l.register()
		end := l.now.Add(12 * time.Hour) // months would pass for a hang
		good := l.ks().rekey(l.ks().kek, l.ks().pushPolicy(false))
		for i, b := range script {
			if i > 64 {
				break
			}
			rest := script[i:]
			switch b % 15 {
			case 0:
				data := append([]byte(nil), good...)
				for j, x := range rest {
					data[j%len(data)] ^= x
				}
				l.push(data)
			case 1:
				l.push(rest)
			case 2:
				mid := uint32(0)
				if l.m.try != nil {
					mid = l.m.try.mid
				}
				l.step(Phase2{isakmp.Phase2{SA: isakmp.SA{ID: l.nextSA, PRF: testPRF}, Exchange: 32, MessageID: mid, First: b, Payloads: rest}})
			case 3:
				l.step(Clear{})
			case 4:
				l.step(PhaseOneFailed{})
			case 5:
				l.step(Phase2Failed{isakmp.Phase2Failed{SA: l.nextSA}})
			case 6:
				l.step(Installed{Number: uint64(len(rest))})
			case 7:
				l.step(Notified{isakmp.Notified{SA: isakmp.SA{ID: l.nextSA}, Type: uint16(b)}})
			case 8:
				l.step(PhaseOneUp{isakmp.PhaseOneUp{SA: isakmp.SA{PRF: testPRF, Remote: netip.AddrPortFrom(ks1, 848)}}})
			case 9:
				l.run(min(time.Duration(len(rest))*time.Minute, end.Sub(l.now)))
			case 10:
				cfg := config()
				cfg.Passive = len(rest)%2 == 0
				cfg.ID.Number += uint32(b) / 128
				cfg.FailClose, cfg.FailCloseRevert = len(rest)%3 == 0, len(rest)%5 == 0
				cfg.RecoveryCheck = time.Duration(len(rest)%2) * 100 * time.Second
				l.step(Configure{cfg})
			case 11:
				l.step(DataError{xfrm.Event{Kind: xfrm.InvalidSPI, SPI: uint32(len(rest))}})
			case 12:
				l.step(DataError{xfrm.Event{Kind: xfrm.ReplayFailed, Group: config().Key, Src: netip.AddrFrom4([4]byte{10, 0, 0, b})}})
			case 13: // a genuine rekey to a counter mode, with any pseudotime
				s := l.ks()
				s.sidBits = b % 33
				s.teks = []policy.TEK{s.counterTEK(1, uint32(b)<<8, time.Hour)}
				p := s.pushPolicy(false)
				at := xfrm.Pseudotime(0)
				for _, x := range rest[:min(len(rest), 8)] {
					at = at<<8 | xfrm.Pseudotime(x)
				}
				p.Pseudotime = &at
				l.push(s.rekey(s.kek, p))
			case 14: // and one that sends the member away
				s := l.ks()
				s.seq++
				l.push(s.signed(s.kek, wire.Push{Seq: s.seq, Deletes: []wire.Delete{wire.DeleteTEKs(), wire.DeleteKEK([16]byte{})}}, s.key))
			}
			l.m.Snapshot(l.now)
			if len(l.m.KEKSPIs()) > 2 || len(l.m.teks) > 64 {
				t.Fatal("grows")
			}
		}
		l.step(Stop{})
		if l.installed != nil || !l.m.Next().IsZero() {
			t.Fatal("something is left after Stop")
		}
	})
}
