package gdoi_test

import (
	"testing"
	"time"

	"coterie/crypto/suite"
	"coterie/gdoi/keyserver"
	"coterie/gdoi/policy"
	"coterie/internal/sim"
	"coterie/internal/syslog"
	"coterie/xfrm"
)

// counterMode makes a group AES-GCM.
func counterMode(g *keyserver.Group) {
	g.Size, g.Identifiers = policy.SizeMedium, []uint32{1}
	g.SAs[0].Transform = suite.Transform{Cipher: suite.ESPGCM128}
}

// timeBased gives a group time-based anti-replay.
func timeBased(window time.Duration) func(*keyserver.Group) {
	return func(g *keyserver.Group) {
		g.SAs[0].Replay = policy.Replay{Method: policy.ReplayTime, TimeWindow: window, Encoding: xfrm.TBARSequence}
	}
}

// senderLaw fails the test when a member encrypts in a counter mode without a
// sender ID, or under one that any member has ever had before it.
func (l *lab) senderLaw(g *gm, owner map[[2]uint64]string, number *int) {
	var last uint32
	g.watch = func(_, after *xfrm.Group) {
		if after == nil {
			return
		}
		for _, p := range after.Policies {
			for _, s := range after.SAs {
				if s.SPI != p.SPI || !s.Transform.CounterMode() {
					continue
				}
				if s.SIDBits == 0 {
					l.t.Errorf("%v: %s encrypts under 0x%x without a sender ID", l.Now().Sub(start), g.host.Name, s.SPI)
				}
				if last != s.SenderID {
					last = s.SenderID
					*number++
				}
				id := [2]uint64{uint64(s.SPI), uint64(s.SenderID)}
				if who, taken := owner[id]; taken && who != g.host.Name {
					l.t.Errorf("%s and %s share sender ID %d under 0x%x", who, g.host.Name, s.SenderID, s.SPI)
				}
				owner[id] = g.host.Name
			}
		}
	}
}

// Six hours of a counter-mode group with lost datagrams: every TEK rollover,
// KEK rollover and registration keeps every IV apart.
func TestCounterModeGroup(t *testing.T) {
	l := newLab(t, 7, 4, counterMode)
	owner, registrations := map[[2]uint64]string{}, 0
	for _, g := range l.gms {
		l.senderLaw(g, owner, &registrations)
	}
	l.RunFor(time.Minute)
	for _, g := range l.gms {
		if g.sends() == 0 || len(g.snapshot().SenderIDs.Values) != 1 {
			t.Fatalf("%s: %+v\n%s", g.host.Name, g.snapshot().SenderIDs, g.log.text())
		}
	}
	lost := l.pingEverySecond()
	l.RunFor(6 * time.Hour)
	if len(*lost) > 0 {
		t.Errorf("%q", *lost)
	}
	for _, g := range l.gms {
		if n := len(g.log.at(syslog.GMRegister)); n != 1 {
			t.Errorf("%s registered %d times", g.host.Name, n)
		}
	}
	if registrations != 4 {
		t.Errorf("%d sender IDs for 4 registrations", registrations)
	}
	// A member that comes back has another, under the same TEK.
	before := l.gms[0].snapshot().SenderIDs.Values[0]
	l.gms[0].host.Crash()
	l.RunFor(time.Minute)
	l.gms[0].host.Restart()
	l.RunFor(time.Minute)
	if after := l.gms[0].snapshot().SenderIDs; len(after.Values) != 1 || after.Values[0] == before {
		t.Errorf("sender ID %d, then %v", before, after.Values)
	}
	l.checkSequence()
}

// A day of time-based anti-replay over a network whose delays vary: all clocks
// stay together, and sync rekeys go out between the others.
func TestPseudotimeGroup(t *testing.T) {
	l := newLab(t, 8, 4, func(g *keyserver.Group) {
		timeBased(5 * time.Second)(g)
		g.SAs[0].Lifetime, g.Rekey.Lifetime = 20*time.Hour, 20*time.Hour
	})
	l.Conditions(sim.Conditions{Latency: 20 * time.Millisecond, Jitter: 300 * time.Millisecond})
	l.RunFor(5 * time.Minute)
	worst := time.Duration(0)
	l.Every(time.Minute, func() bool {
		truth := l.ks.group().Replay.Value
		for _, g := range l.gms {
			if g.installed == nil || !g.installed.Clock.Synchronized() {
				t.Errorf("%v: %s has no clock", l.Now().Sub(start), g.host.Name)
				return false
			}
			off := time.Duration(int64(g.installed.Clock.Now(l.Now())-truth)) * time.Millisecond
			worst = max(worst, off.Abs())
		}
		return true
	})
	l.RunFor(15 * time.Hour)
	if worst > time.Second {
		t.Errorf("a clock was off by %v", worst)
	}
	if n := len(l.gms[0].log.at(syslog.GMRecvRekey)); n < 6 {
		t.Errorf("%d rekeys in 15 hours", n)
	}
	for _, g := range l.gms {
		if n := len(g.log.at(syslog.GMRegister)); n != 1 {
			t.Errorf("%s registered %d times\n%s", g.host.Name, n, g.log.text())
		}
	}
	l.checkSequence()
}

// A new epoch of the pseudotime: whatever the key server sends for it, all
// clocks agree soon after.
func TestNewPseudotimeEpoch(t *testing.T) {
	l := newLab(t, 9, 3, timeBased(5*time.Second))
	l.RunFor(2 * time.Hour)
	old := l.gms[0].sends()
	l.ks.do(keyserver.Clear{What: keyserver.ClearReplay})
	l.RunFor(2 * time.Minute)
	truth := l.ks.group().Replay.Value
	for _, g := range l.gms {
		off := time.Duration(int64(g.installed.Clock.Now(l.Now())-truth)) * time.Millisecond
		if off.Abs() > time.Second || g.sends() == old || g.decrypts(old) {
			t.Errorf("%s is off by %v, sends under 0x%x\n%s", g.host.Name, off, g.sends(), g.log.text())
		}
	}
}

// `clear crypto gdoi ks members` and `... now`, as the members live through it.
func TestRemovalLadder(t *testing.T) {
	l := newLab(t, 10, 4, nil)
	l.RunFor(time.Minute)
	lost := l.pingEverySecond()
	// KS -> GM   PUSH with Delete and DEACTIVATION_TIME_DELAY
	l.ks.do(keyserver.Clear{What: keyserver.ClearMembers})
	l.RunFor(10 * time.Minute)
	for _, g := range l.gms {
		if len(g.log.at(syslog.GMRecvDelete)) != 1 || len(g.log.at(syslog.GMRegister)) != 2 {
			t.Errorf("%s\n%s", g.host.Name, g.log.text())
		}
	}
	if len(*lost) > 0 {
		t.Errorf("%q", *lost)
	}
	// KS -> GM   PUSH with Delete alone
	l.ks.do(keyserver.Clear{What: keyserver.ClearMembersNow})
	l.RunFor(time.Second)
	for _, g := range l.gms {
		if g.installed != nil && len(g.log.at(syslog.GMRegister)) == 2 {
			t.Errorf("%s still has its keys", g.host.Name)
		}
	}
	l.RunFor(time.Minute)
	for _, g := range l.gms {
		if len(g.log.at(syslog.GMRecvDeleteNow)) != 1 || len(g.log.at(syslog.GMRegister)) != 3 || g.sends() == 0 {
			t.Errorf("%s\n%s", g.host.Name, g.log.text())
		}
	}
}
