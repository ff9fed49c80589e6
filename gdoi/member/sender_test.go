package member

import (
	"strings"
	"testing"
	"time"

	"coterie/crypto/suite"
	"coterie/gdoi/policy"
	"coterie/gdoi/wire"
	"coterie/xfrm"

	"pgregory.net/rapid"
)

// counterTEK is a TEK of AES-GCM.
func (s *fakeServer) counterTEK(sa int, spi uint32, life time.Duration) policy.TEK {
	t := s.newTEK(sa, spi, life)
	t.Transform = suite.Transform{Cipher: suite.ESPGCM128}
	t.CipherKey, t.AuthKey = secretOf(append([]byte{byte(spi), byte(spi >> 8)}, make([]byte, 18)...)), secretOf(nil)
	return t
}

// sa is an SA as the data plane has it.
func (l *lab) sa(spi uint32) xfrm.SA {
	l.t.Helper()
	for _, s := range l.installed.SAs {
		if s.SPI == spi {
			return s
		}
	}
	l.t.Fatalf("no SA 0x%x", spi)
	return xfrm.SA{}
}

func TestSenderIDLadder(t *testing.T) {
	l := newLab(t)
	s := l.ks()
	s.sidBits, s.lastSID = 24, 6
	s.teks = []policy.TEK{s.counterTEK(1, 0x1000, time.Hour)}
	// GM -> KS   HASH(1), Ni, ID
	// KS -> GM   HASH(2), Nr, SA(GCM)
	// GM -> KS   HASH(3): no GAP, one sender ID is what comes without asking
	// KS -> GM   HASH(4), SEQ, KD with SID 7
	l.register()
	if s.sidsAsked != 1 {
		t.Errorf("asked for %d", s.sidsAsked)
	}
	if sa := l.sa(0x1000); sa.SenderID != 7 || sa.SIDBits != 24 || l.outbound() != 0x1000 {
		t.Errorf("%+v outbound %x", sa, l.outbound())
	}
	if v := l.m.Snapshot(l.now); len(v.SenderIDs.Values) != 1 || v.SenderIDs.Values[0] != 7 || v.SenderIDs.Bits != 24 || v.SenderIDsRequested != 1 {
		t.Errorf("%+v", v.SenderIDs)
	}
	// KS -> GM   PUSH with the next TEK: the same sender ID
	s.teks = []policy.TEK{s.counterTEK(1, 0x2000, time.Hour)}
	l.push(s.rekey(s.kek, s.pushPolicy(false)))
	if a, b := l.sa(0x1000), l.sa(0x2000); a.SenderID != 7 || b.SenderID != 7 || b.SIDBits != 24 {
		t.Errorf("%+v %+v", a, b)
	}
	l.run(31 * time.Second)
	if l.outbound() != 0x2000 {
		t.Errorf("outbound %x", l.outbound())
	}
	// A registration brings a new one, for all TEKs at once, and the data plane
	// hears of it even though nothing else has changed.
	installs := l.installs
	l.m.again(l.now)
	l.step(Tick{})
	l.run(time.Second)
	if a, b := l.sa(0x1000), l.sa(0x2000); a.SenderID != 8 || b.SenderID != 8 || l.installs == installs {
		t.Errorf("%+v %+v", a, b)
	}
}

// A key server that gives no sender ID: the TEK decrypts, nothing is encrypted,
// and the member asks again, less and less often.
func TestNoSenderID(t *testing.T) {
	l := newLab(t)
	s := l.ks()
	s.teks = []policy.TEK{s.counterTEK(1, 0x1000, 10*time.Hour)}
	l.step(Configure{config()})
	l.run(time.Second)
	if sa := l.sa(0x1000); sa.SIDBits != 0 || l.outbound() != 0 {
		t.Errorf("%+v outbound %x", sa, l.outbound())
	}
	if !l.has("%GDOI-4-GM_NO_SENDER_ID: Group GDOI-GROUP1: KS 192.168.111.111 gave no sender ID; SAs of esp-gcm decrypt and do not encrypt") {
		t.Errorf("%s", strings.Join(l.logs, "\n"))
	}
	l.run(time.Hour)
	if n := len(l.connects); n < 8 || n > 20 {
		t.Errorf("%d registrations in an hour", n)
	}
	s.sidBits = 24
	l.run(6 * time.Minute)
	n := len(l.connects)
	if l.outbound() != 0x1000 || l.sa(0x1000).SenderID != 1 {
		t.Errorf("outbound %x", l.outbound())
	}
	l.run(time.Hour)
	if len(l.connects) != n {
		t.Error("registers on, with a sender ID")
	}
}

// A group that moves to a counter mode by rekey: CBC goes on encrypting until
// the member has fetched a sender ID, which it does at once.
func TestRekeyToCounterMode(t *testing.T) {
	l := newLab(t)
	s := l.ks()
	l.register()
	if v := l.m.Snapshot(l.now); v.SenderIDsRequested != 0 {
		t.Errorf("asked for %d", v.SenderIDsRequested)
	}
	s.sidBits = 24
	s.teks = append([]policy.TEK{s.counterTEK(1, 0x2000, time.Hour)}, s.teks...)
	l.push(s.rekey(s.kek, s.pushPolicy(false)))
	if l.outbound() != 0x1000 || l.sa(0x2000).SIDBits != 0 {
		t.Errorf("outbound %x", l.outbound())
	}
	s.atd = seconds(30)
	l.run(senderPause + time.Second)
	if len(l.connects) != 2 || l.sa(0x2000).SIDBits != 24 {
		t.Errorf("%d registrations", len(l.connects))
	}
	l.run(31 * time.Second)
	if l.outbound() != 0x2000 {
		t.Errorf("outbound %x", l.outbound())
	}
}

// The width of the sender IDs is fixed for the life of a TEK.
func TestSenderIDWidthIsFixed(t *testing.T) {
	l := newLab(t)
	s := l.ks()
	s.sidBits = 16
	s.teks = []policy.TEK{s.counterTEK(1, 0x1000, time.Hour)}
	l.register()
	s.sidBits = 24
	s.teks = []policy.TEK{s.counterTEK(1, 0x2000, time.Hour), s.teks[0]}
	l.m.again(l.now)
	l.step(Tick{})
	l.run(time.Second)
	if a, b := l.sa(0x1000), l.sa(0x2000); a.SIDBits != 0 || b.SIDBits != 24 || l.outbound() != 0x2000 {
		t.Errorf("%+v %+v", a, b)
	}
}

// Whatever a key server does, no counter mode encrypts without a sender ID, no
// sequence number is taken twice, and a sender ID never comes back.
func TestCounterModeLaw(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		l := newLab(t)
		s := l.ks()
		s.sidBits = rapid.SampledFrom([]uint8{0, 8, 24}).Draw(r, "bits")
		spi := uint32(0x1000)
		fresh := func(sa int) policy.TEK {
			spi++
			if rapid.Bool().Draw(r, "counter") {
				return s.counterTEK(sa, spi, time.Duration(rapid.IntRange(100, 7200).Draw(r, "life"))*time.Second)
			}
			return s.newTEK(sa, spi, time.Duration(rapid.IntRange(100, 7200).Draw(r, "life"))*time.Second)
		}
		s.teks = []policy.TEK{fresh(1)}
		under := s.kek
		var last uint32
		used := map[uint32]bool{}
		current := uint32(0)
		check := func() {
			if l.installed == nil {
				return
			}
			for _, p := range l.installed.Policies {
				if p.SPI == 0 {
					continue
				}
				sa := l.sa(p.SPI)
				if !sa.Transform.CounterMode() {
					continue
				}
				if sa.SIDBits == 0 || sa.SIDBits < 32 && sa.SenderID>>sa.SIDBits != 0 {
					r.Fatalf("0x%x encrypts with sender ID %d of %d bits", p.SPI, sa.SenderID, sa.SIDBits)
				}
				if sa.SenderID != current {
					if used[sa.SenderID] {
						r.Fatalf("sender ID %d comes back", sa.SenderID)
					}
					used[sa.SenderID], current = true, sa.SenderID
				}
			}
		}
		l.step(Configure{config()})
		l.run(time.Second)
		check()
		for range rapid.IntRange(1, 12).Draw(r, "steps") {
			switch rapid.IntRange(0, 6).Draw(r, "step") {
			case 0:
				s.teks = append([]policy.TEK{fresh(1)}, s.teks[:min(len(s.teks), 2)]...)
				l.push(s.rekey(under, s.pushPolicy(false)))
			case 1:
				s.sidBits = rapid.SampledFrom([]uint8{0, 8, 24}).Draw(r, "bits")
			case 2:
				l.step(Clear{})
			case 3:
				l.step(DataError{xfrm.Event{Kind: xfrm.InvalidSPI, SPI: 7}})
			case 4:
				s.seq += uint32(rapid.IntRange(0, 3).Draw(r, "skip"))
				l.push(s.rekey(under, s.pushPolicy(false), wire.DeleteTEKs(s.teks[0].SPI)))
			case 5:
				old := s.seq
				s.seq = uint32(rapid.IntRange(0, int(old)).Draw(r, "back"))
				l.push(s.rekey(under, s.pushPolicy(false)))
				s.seq = max(old, s.seq)
			case 6:
				l.run(time.Duration(rapid.IntRange(1, 4000).Draw(r, "wait")) * time.Second)
				for i := range s.teks { // the key server keeps its TEKs alive
					if !s.teks[i].Expires().After(l.now) {
						s.teks[i] = fresh(1)
					}
				}
			}
			l.run(time.Second)
			check()
			if seq := l.m.Snapshot(l.now).LastRekeySeq; seq < last && len(l.m.keks) > 0 && l.m.keks[0].lastSeq < last && l.m.Snapshot(l.now).Succeeded == 0 {
				r.Fatalf("sequence number went from %d to %d", last, seq)
			} else {
				last = seq
			}
		}
	})
}

// Told that an SA has few numbers left, a member registers again, and sends under
// another sender ID before they are gone.
func TestNumbersLow(t *testing.T) {
	l := newLab(t)
	s := l.ks()
	s.sidBits, s.lastSID = 32, 6
	s.teks = []policy.TEK{s.counterTEK(1, 0x1000, time.Hour)}
	l.register()
	low := DataError{xfrm.Event{Kind: xfrm.NumbersLow, Interface: "Ethernet0/0", Group: config().Key, SPI: 0x1000}}
	other := low
	other.Group.Name = "OTHER"
	l.step(other)
	other = low
	other.SPI = 0x9999
	l.step(other)
	if len(l.logs) != 0 {
		t.Errorf("%q", l.logs)
	}
	for want := uint32(8); want <= 9; want++ {
		l.logs = nil
		// dataplane -> GM   few IVs are left under this sender ID
		l.step(low)
		l.step(low)
		if len(l.logs) != 1 || !l.has("%GDOI-4-GM_NUMBERS_LOW: Group GDOI-GROUP1: the numbers of SA 0x1000 are nearly used up; registering again") {
			t.Errorf("%q", l.logs)
		}
		l.run(senderPause + time.Second)
		// GM -> KS   registration: the next sender ID
		if got := l.sa(0x1000).SenderID; got != want || l.outbound() != 0x1000 || l.removed != 0 {
			t.Errorf("sends under sender ID %d, want %d", got, want)
		}
	}
	// A key server that has no ID left is asked once; then encryption ends.
	s.sidBits = 0
	n := len(l.connects)
	l.step(low)
	l.run(senderPause + time.Second)
	if len(l.connects) != n+1 || l.sa(0x1000).SIDBits != 0 {
		t.Errorf("%d registrations, %+v", len(l.connects)-n, l.sa(0x1000))
	}
}

// Without sender IDs only another TEK helps: the key server is asked for it once.
func TestSequenceNumbersLow(t *testing.T) {
	l := newLab(t)
	l.register()
	low := DataError{xfrm.Event{Kind: xfrm.NumbersLow, Group: config().Key, SPI: 0x1000}}
	for range 3 {
		l.step(low)
		l.run(time.Minute)
	}
	if len(l.connects) != 2 {
		t.Errorf("%d registrations", len(l.connects))
	}
}

// The report of an SA whose numbers run out outlasts a rekey that leaves the SA
// alone: the data plane does not repeat it.
func TestNumbersLowBeforeRekey(t *testing.T) {
	l := newLab(t)
	s := l.ks()
	s.sidBits, s.lastSID = 32, 6
	s.teks = []policy.TEK{s.counterTEK(1, 0x1000, time.Hour)}
	l.register()
	l.step(DataError{xfrm.Event{Kind: xfrm.NumbersLow, Group: config().Key, SPI: 0x1000}})
	// KS -> GM   another KEK, the same TEK
	old := s.kek
	s.kek = s.newKEK(2, 24*time.Hour)
	l.push(s.rekey(old, s.policy(true)))
	s.seq = 0
	l.run(senderPause + time.Second)
	if got := l.sa(0x1000).SenderID; got != 8 {
		t.Errorf("sends under sender ID %d, %d registrations", got, len(l.connects))
	}
	// Once registered, that is done with.
	n := len(l.connects)
	old = s.kek
	s.kek = s.newKEK(3, 24*time.Hour)
	l.push(s.rekey(old, s.policy(true)))
	l.run(senderPause + time.Second)
	if len(l.connects) != n {
		t.Error("registers again")
	}
}

// Two SAs whose numbers run out are told of again and again. The key server is
// asked for each of them once.
func TestNumbersLowOfTwoSAs(t *testing.T) {
	l := newLab(t)
	s := l.ks()
	s.teks = []policy.TEK{s.newTEK(1, 0x1000, time.Hour), s.newTEK(2, 0x1001, time.Hour)}
	l.register()
	n := len(l.connects)
	for range 20 {
		for _, spi := range []uint32{0x1000, 0x1001} {
			l.step(DataError{xfrm.Event{Kind: xfrm.NumbersLow, Group: config().Key, SPI: spi}})
		}
		l.run(30 * time.Second)
	}
	if got := len(l.connects) - n; got != 1 {
		t.Errorf("%d registrations in 10 minutes", got)
	}
}
