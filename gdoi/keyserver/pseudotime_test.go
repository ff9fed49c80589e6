package keyserver

import (
	"bytes"
	"testing"
	"time"

	"pgregory.net/rapid"

	"coterie/crypto/isakmp"
	"coterie/crypto/suite"
	"coterie/gdoi/policy"
	"coterie/gdoi/wire"
	"coterie/xfrm"
)

// timedGroup is testGroup with time-based anti-replay of 5 s and long-lived keys.
func timedGroup() Group {
	g := testGroup()
	g.SAs[0].Replay = policy.Replay{Method: policy.ReplayTime, TimeWindow: 5 * time.Second, Encoding: xfrm.TBARSequence}
	g.SAs[0].Lifetime = 23 * time.Hour
	return g
}

// received reads a PUSH under a KEK.
func received(t *testing.T, kek *policy.KEK, s Send) *wire.ReceivedPush {
	t.Helper()
	p, err := wire.ParsePush(*kek, s.Data, wire.Form{})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.VerifySignature(); err != nil {
		t.Fatal(err)
	}
	return p
}

// The pseudotime begins with the group, moves with the clock, and is told at
// registration and in every rekey; with the window and the encoding.
func TestPseudotimeIsTold(t *testing.T) {
	s := newStation(t, timedGroup())
	s.run(1500 * time.Millisecond)
	g, ok := s.register(2, 1, false)
	if !ok || *g.policy.Pseudotime != xfrm.MinPseudotime+1500 {
		t.Fatalf("%+v", g.policy.Pseudotime)
	}
	if r := g.policy.TEKs[0].Replay; r != timedGroup().SAs[0].Replay {
		t.Errorf("%+v", r)
	}
	s.run(time.Minute)
	s.pushes = nil
	s.step(RekeyNow{})
	first := s.pushes[0]
	p := received(t, g.policy.KEK, first)
	q, err := wire.DecodeSA(*p.SA, s.now)
	if err != nil || q.Pseudotime == nil || *q.Pseudotime != xfrm.MinPseudotime+61500 {
		t.Errorf("%+v %v", q, err)
	}
	// A retransmission is the same datagram, its pseudotime as old as it is.
	s.run(10 * time.Second)
	if len(s.pushes) < 2 || !bytes.Equal(s.pushes[1].Data, first.Data) {
		t.Error("a retransmission that differs")
	}
	x := s.snapshot().Replay
	if !x.Enabled || x.Value != xfrm.MinPseudotime+71500 || x.Sent != 2 || x.NextSync != syncInterval-10*time.Second {
		t.Errorf("%+v", x)
	}
}

// Two hours without a rekey: SEQ, SA with the pseudotime alone, SIG.
func TestPseudotimeSync(t *testing.T) {
	s := newStation(t, timedGroup())
	g, _ := s.register(2, 1, false)
	s.run(time.Hour)
	s.step(RekeyNow{})
	s.run(2*time.Hour - time.Second)
	s.pushes = nil
	s.run(time.Second)
	if len(s.pushes) != 1 {
		t.Fatalf("%d datagrams", len(s.pushes))
	}
	p := received(t, g.policy.KEK, s.pushes[0])
	if p.SA == nil || len(p.SA.SAT) != 0 || len(p.SA.SAK) != 0 || len(p.SA.GAP) != 1 || p.KD != nil || p.Deletes != nil || p.Seq != 2 {
		t.Errorf("%+v", p)
	}
	q, err := wire.DecodeSA(*p.SA, s.now)
	if err != nil || *q.Pseudotime != xfrm.MinPseudotime+xfrm.Pseudotime((3*time.Hour).Milliseconds()) {
		t.Errorf("%v %v", q.Pseudotime, err)
	}
	s.run(2 * time.Hour)
	if x := s.snapshot().Replay; x.Resyncs != 2 {
		t.Errorf("%d rekeys for the pseudotime in four hours", x.Resyncs)
	}
	// Nothing of the kind without time-based anti-replay.
	plain := newStation(t, testGroup())
	plain.register(2, 1, false)
	plain.run(50 * time.Minute)
	if x := plain.snapshot().Replay; x.Enabled || x.Sent != 0 || len(plain.pushes) != 0 {
		t.Errorf("%+v", x)
	}
}

// While a rekey is repeated until it is acknowledged, members that lack it need
// its policy with the pseudotime.
func TestPseudotimeSyncDuringRekey(t *testing.T) {
	g := timedGroup()
	g.Rekey.Periodic, g.Rekey.Retransmit = true, 60*time.Second
	s := newStation(t, g)
	m, _ := s.register(2, 1, false)
	s.step(RekeyNow{})
	s.run(2*time.Hour - time.Second)
	s.pushes = nil
	s.run(time.Second)
	p := received(t, m.policy.KEK, s.pushes[len(s.pushes)-1])
	if p.Seq != 2 || p.SA == nil || len(p.SA.SAT) == 0 || len(p.KD) == 0 {
		t.Errorf("%+v", p)
	}
	if len(s.snapshot().TEKs) != 2 {
		t.Errorf("%d TEKs: the pseudotime needs no new one", len(s.snapshot().TEKs))
	}
}

// `clear crypto gdoi ks replay`: from the beginning, and every TEK is another.
func TestClearReplay(t *testing.T) {
	s := newStation(t, timedGroup())
	m, _ := s.register(2, 1, false)
	s.run(time.Hour)
	s.pushes = nil
	s.step(Clear{What: ClearReplay})
	p := received(t, m.policy.KEK, s.pushes[0])
	q, err := wire.DecodeSA(*p.SA, s.now)
	if err != nil || *q.Pseudotime != xfrm.MinPseudotime || len(q.TEKs) != 1 || q.TEKs[0].SPI == m.policy.TEKs[0].SPI {
		t.Errorf("%+v %v", q, err)
	}
	if len(p.Deletes) != 1 || p.Deletes[0].TEKs()[0] != m.policy.TEKs[0].SPI || len(s.snapshot().TEKs) != 1 {
		t.Errorf("old TEKs live: %+v", p.Deletes)
	}
	s.step(Clear{What: ClearReplayCounter})
	if x := s.snapshot().Replay; x.Sent != 0 || x.Value != xfrm.MinPseudotime {
		t.Errorf("%+v", x)
	}
}

// The pseudotime begins anew on disk when the TEKs do, not before: a crash while
// the rekey is being signed brings the old TEKs back, with the old pseudotime.
func TestClearReplayAndCrash(t *testing.T) {
	w := newWorld(t, timedGroup())
	a := w.newMember(2)
	a.sa.Capabilities |= isakmp.CapTBAR
	a.register(1234)
	w.run(time.Hour)
	before := w.group()
	w.noSign = true
	w.step(Clear{What: ClearReplay})
	w.run(2 * time.Minute)
	w.noSign = false
	w.restart(0, timedGroup())
	if s := w.group(); s.TEKs[0].SPI == before.TEKs[0].SPI && s.Replay.Value < before.Replay.Value {
		t.Errorf("TEK 0x%x at %d, and was at %d", s.TEKs[0].SPI, s.Replay.Value, before.Replay.Value)
	}
	w.step(Clear{What: ClearReplay})
	began := w.now
	w.run(time.Minute)
	w.restart(time.Minute, timedGroup())
	if s := w.group(); s.TEKs[0].SPI == before.TEKs[0].SPI || s.Replay.Value != xfrm.MinPseudotime+xfrm.Pseudotime(w.now.Sub(began).Milliseconds()) {
		t.Errorf("TEK 0x%x at %d", s.TEKs[0].SPI, s.Replay.Value)
	}
}

// After a crash it goes on by what has passed, host off or on.
func TestPseudotimeAfterCrash(t *testing.T) {
	s := newStation(t, timedGroup())
	s.register(2, 1, false)
	s.run(10 * time.Minute)
	s.register(3, 1, false)
	s.crash(20*time.Minute, "")
	g, ok := s.register(4, 1, false)
	if want := xfrm.MinPseudotime + xfrm.Pseudotime((30 * time.Minute).Milliseconds()); !ok || *g.policy.Pseudotime != want {
		t.Errorf("%d, want %d", *g.policy.Pseudotime, want)
	}
	s.crash(time.Minute, "damaged")
	if g, _ := s.register(5, 1, false); *g.policy.Pseudotime != xfrm.MinPseudotime {
		t.Errorf("%d after a lost store", *g.policy.Pseudotime)
	}
	delete(s.disk, [2]string{"GDOI-GROUP1", keyPseudotime})
	before := s.snapshot().TEKs[0].SPI
	s.crash(0, "")
	if s.snapshot().TEKs[0].SPI == before {
		t.Error("the keys go on without their pseudotime")
	}
}

// A clock that is set back stops the pseudotime and does not turn it.
func TestPseudotimeClockStep(t *testing.T) {
	p := pseudotime{at: xfrm.MinPseudotime, base: start}
	last := p.at
	for _, d := range []time.Duration{0, 1500 * time.Microsecond, 2 * time.Second, time.Second, -time.Hour, -time.Hour + time.Second, 3 * time.Second, 4 * time.Second} {
		now := p.now(start.Add(d))
		if now < last {
			t.Errorf("at %v: %d after %d", d, now, last)
		}
		last = now
	}
	if peek := p.peek(start.Add(time.Hour)); peek != p.peek(start.Add(time.Hour)) || p.at != last {
		t.Error("looking moves it")
	}
}

// Time-based anti-replay and sender IDs go together, and both change nothing of
// a group that has neither.
func TestTimedCounterMode(t *testing.T) {
	g := timedGroup()
	g.SAs[0].Transform = suite.Transform{Cipher: suite.ESPGMAC256}
	g.Size = policy.SizeSmall16
	s := newStation(t, g)
	m, ok := s.register(2, 2, false)
	if !ok || m.policy.Pseudotime == nil || len(m.ids.Values) != 2 || m.ids.Bits != 16 || m.policy.TEKs[0].Replay.Method != policy.ReplayTime {
		t.Errorf("%+v", m)
	}
	if _, ok := s.register(3, 1, true); ok {
		t.Error("a member that would drop most packets")
	}
}

// The law: over any history of registrations, rekeys, waits and crashes no TEK
// sees the pseudotime go back. The station checks it.
func TestPseudotimeLaw(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		g := timedGroup()
		g.SAs[0].Lifetime = rapid.SampledFrom([]time.Duration{time.Hour, 23 * time.Hour}).Draw(rt, "lifetime")
		s := newStation(rt, g)
		for range rapid.IntRange(5, 50).Draw(rt, "steps") {
			switch rapid.IntRange(0, 8).Draw(rt, "what") {
			case 0:
				s.step(RekeyNow{})
			case 1:
				s.set = rapid.SampledFrom([]time.Duration{0, 0, 0, time.Second, -time.Second, -time.Hour, 24 * time.Hour}).Draw(rt, "clock")
				s.crash(rapid.SampledFrom([]time.Duration{0, time.Second, time.Hour}).Draw(rt, "off"), "")
			case 2:
				s.crash(time.Second, "lost")
			case 3, 4:
				s.run(rapid.SampledFrom([]time.Duration{time.Millisecond, time.Second, 10 * time.Minute, 3 * time.Hour}).Draw(rt, "time"))
			case 5:
				s.full = rapid.Bool().Draw(rt, "full")
			case 6:
				s.step(Clear{What: rapid.SampledFrom([]ClearWhat{ClearMembers, ClearReplay, ClearPolicy}).Draw(rt, "clear")})
			default:
				s.register(rapid.IntRange(2, 5).Draw(rt, "member"), 1, false)
			}
		}
	})
}
