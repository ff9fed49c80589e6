package member

import (
	"testing"
	"time"

	"coterie/gdoi/policy"
	"coterie/gdoi/wire"
	"coterie/xfrm"
)

// A registration is the key server's last word: what it sent before under an
// older KEK, and somebody held back, comes too late.

// The second copy of a dismissal arrives when the member is back already.
func TestLateDismissal(t *testing.T) {
	for name, rekeys := range map[string]bool{"a new KEK": true, "no KEK any more": false} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			s := l.ks()
			c := config()
			c.RecoveryCheck = 100 * time.Second
			l.step(Configure{c})
			l.run(time.Second)
			// KS -> GM   Delete of everything: the first copy is lost
			old := s.kek
			s.seq++
			dismissal := s.signed(old, wire.Push{Seq: s.seq, Deletes: []wire.Delete{wire.DeleteTEKs(), wire.DeleteKEK([16]byte{})}}, s.key)
			// a peer -> GM   ESP under a TEK that is new: the member registers
			s.kek, s.seq = s.newKEK(2, 24*time.Hour), 0
			if !rekeys {
				s.kek.Lifetime = 0
			}
			s.teks = []policy.TEK{s.newTEK(1, 0x2000, time.Hour)}
			l.step(invalidSPI(0x2000))
			l.run(recoverySpread + time.Second)
			if l.outbound() != 0x2000 {
				t.Fatalf("encrypts under 0x%x", l.outbound())
			}
			// KS -> GM   the second copy
			l.push(dismissal)
			if l.outbound() != 0x2000 || l.removed != 0 || l.m.Snapshot(l.now).Counters.PushUnknownKEK != 1 {
				t.Errorf("encrypts under 0x%x, %d removals, %+v", l.outbound(), l.removed, l.m.Snapshot(l.now).Counters)
			}
		})
	}
}

// A rekey that was held back does not bring its TEKs back into use.
func TestLateRekey(t *testing.T) {
	l := newLab(t)
	s := l.ks()
	l.register()
	// KS -> GM   a KEK and TEK 0x2000: held back
	old := s.kek
	s.kek = s.newKEK(2, 24*time.Hour)
	s.teks = []policy.TEK{s.newTEK(1, 0x2000, time.Hour)}
	late := s.rekey(old, s.policy(true))
	s.seq = 0
	// GM -> KS   registration before TEK 0x1000 ends
	l.run(58 * time.Minute)
	// KS -> GM   TEK 0x3000
	s.teks = []policy.TEK{s.newTEK(1, 0x3000, time.Hour)}
	l.push(s.rekey(s.kek, s.policy(true)))
	l.run(2 * time.Minute)
	if l.outbound() != 0x3000 {
		t.Fatalf("encrypts under 0x%x of %x", l.outbound(), l.inbound())
	}
	l.push(late)
	l.run(2 * time.Minute)
	if l.outbound() != 0x3000 {
		t.Errorf("encrypts under 0x%x again", l.outbound())
	}
}

// In a new epoch sender IDs begin again. The one of a registration must not come
// together with a TEK of an epoch before, under which another member had it.
func TestLateRekeyAndSenderID(t *testing.T) {
	l := newLab(t)
	s := l.ks()
	s.sidBits, s.lastSID = 24, 100
	s.teks = []policy.TEK{s.counterTEK(1, 0x1000, time.Hour)}
	l.register()
	// KS -> GM   a KEK and TEK 0x2000: held back
	old := s.kek
	s.kek = s.newKEK(2, 24*time.Hour)
	s.teks = []policy.TEK{s.counterTEK(1, 0x2000, time.Hour)}
	late := s.rekey(old, s.policy(true))
	// A new epoch, in which this member registers.
	s.kek, s.seq, s.lastSID = s.newKEK(3, 24*time.Hour), 0, 4
	s.teks = []policy.TEK{s.counterTEK(1, 0x3000, time.Hour)}
	l.run(58 * time.Minute)
	if l.outbound() != 0x3000 || l.sa(0x3000).SenderID != 5 {
		t.Fatalf("encrypts under 0x%x, sender ID %d", l.outbound(), l.sa(0x3000).SenderID)
	}
	l.push(late)
	l.run(time.Minute)
	if l.outbound() != 0x3000 || len(l.inbound()) != len(l.m.teks) || l.m.find(0x2000) >= 0 {
		t.Errorf("encrypts under 0x%x, holds %x", l.outbound(), l.inbound())
	}
}

// A rekey that has brought a KEK is still answered under the one before, after
// a registration too that brings nothing new.
func TestPredecessorOutlastsRegistration(t *testing.T) {
	l := newLab(t)
	s := l.ks()
	l.register()
	old := s.kek
	s.kek = s.newKEK(2, 24*time.Hour)
	rekey := s.rekey(old, s.policy(true))
	l.push(rekey)
	s.seq = 0
	n := len(l.connects)
	l.run(l.m.Snapshot(l.now).ReRegistersIn + time.Second)
	if len(l.connects) != n+1 || len(l.sent) != 1 {
		t.Fatalf("%d registrations, %d acknowledgements", len(l.connects)-n, len(l.sent))
	}
	l.push(rekey)
	if len(l.sent) != 2 {
		t.Error("the copy is not answered")
	}
}

// A registration whose answer took long and was overtaken by a rekey of a new
// epoch of the pseudotime does not set the clock to the one before.
func TestOvertakenRegistrationLeavesTheClock(t *testing.T) {
	l := newLab(t)
	s := l.ks()
	timed := func(spi uint32) []policy.TEK {
		k := s.newTEK(1, spi, time.Hour)
		k.Replay = policy.Replay{Method: policy.ReplayTime, TimeWindow: 5 * time.Second, Encoding: xfrm.TBARSequence}
		return []policy.TEK{k}
	}
	begun, first := l.now, epoch+500_000_000
	s.pseudotime = func(at time.Time) xfrm.Pseudotime { return first + xfrm.Pseudotime(at.Sub(begun).Milliseconds()) }
	s.teks = timed(0x1000)
	l.register()
	s.down = 2 * time.Second
	l.run(l.m.Snapshot(l.now).ReRegistersIn)
	for l.m.try == nil || l.m.try.step != awaitKeys {
		l.run(10 * time.Millisecond)
	}
	l.run(100 * time.Millisecond)
	// KS -> GM   Delete, TEK 0x2000 and a pseudotime that begins again, while
	//            message 4 is on its way
	begun, first = l.now, epoch
	s.teks = timed(0x2000)
	l.push(s.rekey(s.kek, s.policy(true), wire.DeleteTEKs()))
	l.run(20 * time.Second)
	if got := l.m.Snapshot(l.now); len(l.connects) != 2 || got.Succeeded != 2 || l.outbound() != 0x2000 || !near(l.off(), 0, time.Second) {
		t.Errorf("%d registrations, %d succeeded, encrypts under 0x%x, off by %v", len(l.connects), got.Succeeded, l.outbound(), l.off())
	}
}
