package gdoi_test

import (
	"fmt"
	"testing"
	"time"

	"coterie/crypto/suite"
	"coterie/gdoi/keyserver"
	"coterie/gdoi/policy"
	"coterie/internal/syslog"
	"coterie/xfrm"
)

// senders checks that no two members ever encrypt under one key with the same
// sender ID, nor one member with one that another had before.
func (l *lab) senders() {
	who := map[string]string{}
	for _, g := range l.gms {
		g.watch = func(_, after *xfrm.Group) {
			if after == nil {
				return
			}
			for _, s := range after.SAs {
				if s.SIDBits == 0 || !s.Transform.CounterMode() {
					continue
				}
				key := fmt.Sprintf("%x %d bits %#x", s.CipherKey.Reveal(), s.SIDBits, s.SenderID)
				if other := who[key]; other != "" && other != g.host.Name {
					l.t.Errorf("%s encrypts as %s did: %s", g.host.Name, other, key)
				}
				who[key] = g.host.Name
			}
		}
	}
}

// sending counts the members that can encrypt with what all can decrypt.
func (l *lab) sending() int {
	n := 0
	for _, g := range l.gms {
		spi, ok := g.sends(), true
		for _, o := range l.gms {
			ok = ok && o.decrypts(spi)
		}
		if !ok {
			continue
		}
		for _, s := range g.installed.SAs {
			if s.SPI == spi && s.SIDBits > 0 {
				n++
			}
		}
	}
	return n
}

// GCM: every member has a sender ID of its own and keeps it over the rekeys of
// a day.
func TestCounterModeOverADay(t *testing.T) {
	l := newLab(t, 21, 3, func(g *keyserver.Group) {
		g.SAs[0].Transform = suite.Transform{Cipher: suite.ESPGCM256}
		g.Identifiers = []uint32{4}
	})
	l.senders()
	l.RunFor(time.Minute)
	if n := l.sending(); n != 3 {
		t.Fatalf("%d of 3 members encrypt", n)
	}
	first := map[string]uint32{}
	for _, g := range l.gms {
		ids := g.snapshot().SenderIDs
		if ids.Bits != 24 || len(ids.Values) != 1 || ids.Values[0]>>17 != 4 {
			t.Errorf("%s: %+v", g.host.Name, ids)
		}
		first[g.host.Name] = ids.Values[0]
	}
	l.Run(start.Add(24 * time.Hour))
	if n := l.sending(); n != 3 {
		t.Errorf("%d of 3 members encrypt after a day", n)
	}
	for _, g := range l.gms {
		if s := g.snapshot(); s.Attempted != 1 || s.SenderIDs.Values[0] != first[g.host.Name] {
			t.Errorf("%s: %d registrations, %v", g.host.Name, s.Attempted, s.SenderIDs)
		}
	}
}

// Six numbers for nine registrations: the seventh makes the group begin anew,
// everybody is told to leave and comes back, and nobody meets another's number.
func TestSenderIDsRunOut(t *testing.T) {
	l := newLab(t, 22, 3, func(g *keyserver.Group) {
		g.SAs[0].Transform = suite.Transform{Cipher: suite.ESPGCM128}
		g.Size, g.Identifiers = policy.GroupSize{Bits: 8, ServerBits: 6}, []uint32{1, 2}
	})
	l.senders()
	l.RunFor(time.Minute)
	if n := l.sending(); n != 3 {
		t.Fatalf("%d of 3 members encrypt", n)
	}
	// The second registration of each uses the last numbers, the third begins.
	for range 2 {
		for _, g := range l.gms {
			g.host.Crash()
			g.host.Restart()
			l.RunFor(20 * time.Second)
		}
	}
	l.RunFor(10 * time.Minute)
	ks := l.ks.group()
	if ks.SenderIDs.Epoch == 0 || len(l.ks.log.at(syslog.KSReinitGroup)) != int(ks.SenderIDs.Epoch) || len(l.ks.log.at(syslog.KSReinitFinish)) != int(ks.SenderIDs.Epoch) {
		t.Errorf("%d epochs\n%s", ks.SenderIDs.Epoch, l.ks.log.text())
	}
	if n := l.sending(); n != 3 {
		t.Errorf("%d of 3 members encrypt afterwards\n%s", n, l.ks.log.text())
	}
	for _, g := range l.gms {
		if ids := g.snapshot().SenderIDs; ids.Bits != 8 || len(ids.Values) != 1 {
			t.Errorf("%s: %+v", g.host.Name, ids)
		}
	}
}

// Time-based anti-replay: after a day of rekeys and of two-hourly messages the
// clocks of all agree.
func TestPseudotimeOverADay(t *testing.T) {
	l := newLab(t, 23, 3, func(g *keyserver.Group) {
		g.SAs[0].Replay = policy.Replay{Method: policy.ReplayTime, TimeWindow: time.Second, Encoding: xfrm.TBARSequence}
		g.SAs[0].Lifetime, g.Rekey.Lifetime = 20*time.Hour, 24*time.Hour
	})
	worst := time.Duration(0)
	for at := start.Add(time.Minute); at.Before(start.Add(24 * time.Hour)); at = at.Add(10 * time.Minute) {
		l.Run(at)
		want := l.ks.group().Replay.Value
		for _, g := range l.gms {
			if g.installed == nil || !g.installed.Clock.Synchronized() {
				t.Fatalf("%v: %s has no clock", at.Sub(start), g.host.Name)
			}
			d := time.Duration(int64(g.installed.Clock.Now(g.host.Now())-want)) * time.Millisecond
			worst = max(worst, d.Abs())
		}
	}
	if worst > 20*time.Millisecond {
		t.Errorf("clocks apart by %v", worst)
	}
	r := l.ks.group().Replay
	if r.Resyncs < 9 || r.Resyncs > 12 {
		t.Errorf("%d messages for the pseudotime alone", r.Resyncs)
	}
	for _, g := range l.gms {
		if s := g.snapshot(); s.Attempted != 1 {
			t.Errorf("%s registered %d times\n%s", g.host.Name, s.Attempted, g.log.text())
		}
	}
}
