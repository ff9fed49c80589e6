package member

import (
	"testing"
	"time"

	"coterie/gdoi/policy"
	"coterie/gdoi/wire"
	"coterie/xfrm"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// groupClock shows pseudotime p at t0 and goes right.
func groupClock(p xfrm.Pseudotime) func(time.Time) xfrm.Pseudotime {
	return func(t time.Time) xfrm.Pseudotime { return p + xfrm.Pseudotime(t.Sub(t0).Milliseconds()) }
}

const epoch = xfrm.MinPseudotime + 1_000_000

// timed gives the TEKs of a server time-based anti-replay.
func (s *fakeServer) timed(window time.Duration) {
	s.pseudotime = groupClock(epoch)
	for i := range s.teks {
		s.teks[i].Replay = policy.Replay{Method: policy.ReplayTime, TimeWindow: window, Encoding: xfrm.TBARSequence}
	}
}

// sync is a rekey that brings the time and nothing else, written late ago.
func (s *fakeServer) sync(late time.Duration) []byte {
	s.t.Helper()
	p := s.pseudotime(s.l.now.Add(-late))
	return s.rekey(s.kek, wire.Policy{Pseudotime: &p})
}

// off is how far the member's clock is from the group's.
func (l *lab) off() time.Duration {
	l.t.Helper()
	return apart(l.installed.Clock.Now(l.now), l.ks().pseudotime(l.now))
}

func near(got, want, within time.Duration) bool { return (got - want).Abs() <= within }

func TestPseudotimeAtRegistration(t *testing.T) {
	for name, c := range map[string]struct{ up, down, off time.Duration }{
		"at once":   {0, 0, 0},
		"symmetric": {400 * time.Millisecond, 400 * time.Millisecond, 0},
		"lopsided":  {100 * time.Millisecond, 700 * time.Millisecond, -300 * time.Millisecond},
		"slow":      {3 * time.Second, time.Second, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			l.ks().timed(10 * time.Second)
			l.ks().up, l.ks().down = c.up, c.down
			l.step(Configure{config()})
			l.run(20 * time.Second)
			if !near(l.off(), c.off, 3*time.Millisecond) {
				t.Errorf("off by %v, want %v", l.off(), c.off)
			}
			sa := l.installed.SAs[0]
			if sa.TBAR != xfrm.TBARSequence || sa.Window != 10*time.Second {
				t.Errorf("%+v", sa)
			}
			if s := l.m.Snapshot(l.now); s.Pseudotime != l.installed.Clock.Now(l.now) || !s.Clock.Synchronized() {
				t.Errorf("%+v", s.Clock)
			}
		})
	}
}

// A round trip as long as the window leaves the clock too uncertain: another
// registration follows soon.
func TestUncertainRegistration(t *testing.T) {
	l := newLab(t)
	l.ks().timed(5 * time.Second)
	l.ks().down = 8 * time.Second
	l.step(Configure{config()})
	l.run(20 * time.Second)
	l.ks().down = 0
	l.run(30 * time.Second)
	if len(l.connects) != 2 || !near(l.off(), 0, 3*time.Millisecond) {
		t.Errorf("%d registrations, off by %v", len(l.connects), l.off())
	}
}

func TestTimeBasedReplayNeedsPseudotime(t *testing.T) {
	l := newLab(t)
	l.ks().timed(5 * time.Second)
	l.ks().pseudotime = nil
	l.step(Configure{config()})
	l.run(time.Second)
	if l.installed != nil || !l.has("reason: time-based anti-replay without a pseudotime") {
		t.Errorf("%v", l.logs)
	}
}

// A rekey of nothing but a pseudotime sets the clock, is acknowledged, and
// leaves keys and the plan to register alone.
func TestSyncLadder(t *testing.T) {
	l := newLab(t)
	s := l.ks()
	s.timed(100 * time.Second)
	s.down = 800 * time.Millisecond // the member starts 400 ms behind
	l.step(Configure{config()})
	l.run(10 * time.Second)
	if !near(l.off(), -400*time.Millisecond, 3*time.Millisecond) {
		t.Fatalf("off by %v", l.off())
	}
	l.logs = nil
	before := l.m.Snapshot(l.now)
	// KS -> GM   HDR*, SEQ, SA(GAP 130), SIG
	l.push(s.sync(0))
	// GM -> KS   HDR, HASH, SEQ, ID
	l.ack(0)
	if !near(l.off(), 0, 3*time.Millisecond) {
		t.Errorf("off by %v", l.off())
	}
	l.wantLogs("%GDOI-5-GM_RECV_REKEY: Received Rekey for group GDOI-GROUP1 from 192.168.111.111 to 192.168.11.3 with seq # 1")
	after := l.m.Snapshot(l.now)
	if d := cmp.Diff(before.TEKs, after.TEKs); d != "" || before.ReRegistersIn != after.ReRegistersIn {
		t.Error(d)
	}
	// Late copies do not set it back while one came in good time.
	for range clockSamples - 2 {
		l.run(time.Minute)
		l.push(s.sync(3 * time.Second))
		if !near(l.off(), 0, 3*time.Millisecond) {
			t.Errorf("off by %v", l.off())
		}
	}
}

// A clock that is ahead goes back by the smallest excess of four rekeys, 50 ms
// a second and not before.
func TestSlew(t *testing.T) {
	l := newLab(t)
	s := l.ks()
	s.timed(100 * time.Second)
	l.register()
	ahead := 20 * time.Second
	s.pseudotime = groupClock(epoch - xfrm.Pseudotime(ahead.Milliseconds()))
	for _, late := range []time.Duration{time.Second, 500 * time.Millisecond, 4 * time.Second} {
		l.push(s.sync(late))
		l.run(time.Second)
		if !near(l.off(), ahead, 5*time.Millisecond) {
			t.Fatalf("off by %v before four rekeys", l.off())
		}
	}
	was := l.installed.Clock.Now(l.now)
	l.push(s.sync(2 * time.Second))
	if got := l.installed.Clock.Now(l.now); apart(was, got).Abs() > time.Millisecond {
		t.Errorf("jumped from %d to %d", was, got)
	}
	if !near(l.installed.Clock.Owed, ahead+500*time.Millisecond, 5*time.Millisecond) {
		t.Errorf("owes %v", l.installed.Clock.Owed)
	}
	l.run(100 * time.Second)
	if !near(l.off(), ahead-5*time.Second, 20*time.Millisecond) {
		t.Errorf("off by %v after 100 s", l.off())
	}
	l.run(400 * time.Second)
	if !near(l.off(), -500*time.Millisecond, 20*time.Millisecond) {
		t.Errorf("off by %v in the end", l.off())
	}
	// The first rekey in good time puts it right.
	l.push(s.sync(0))
	if !near(l.off(), 0, 3*time.Millisecond) || len(l.connects) != 1 {
		t.Errorf("off by %v, %d registrations", l.off(), len(l.connects))
	}
}

// More than half a window too far: registering is better than slewing.
func TestSlewTooFar(t *testing.T) {
	l := newLab(t)
	s := l.ks()
	s.timed(10 * time.Second)
	l.register()
	s.pseudotime = groupClock(epoch - 12_000)
	for range clockSamples {
		l.push(s.sync(0))
		l.run(time.Second)
	}
	if !l.has("%GDOI-3-PSEUDO_TIME_TOO_OLD: Rekey received in group GDOI-GROUP1 is too old and fail PST check: my_pst is 2049.57 sec, peer_pst is 2037.57 sec, allowable_skew is 10 sec") {
		t.Errorf("%q", l.logs)
	}
	l.run(soonestAgain)
	if len(l.connects) != 2 || !near(l.off(), 0, 3*time.Millisecond) {
		t.Errorf("%d registrations, off by %v", len(l.connects), l.off())
	}
	if !l.has("%GDOI-3-PSEUDO_TIME_LARGE: Pseudotime difference between KS (") {
		t.Errorf("%q", l.logs)
	}
}

// A step forward is at once, however large.
func TestStepForward(t *testing.T) {
	l := newLab(t)
	s := l.ks()
	s.timed(10 * time.Second)
	l.register()
	s.pseudotime = groupClock(epoch + 3_600_000)
	l.push(s.sync(0))
	if !near(l.off(), 0, 3*time.Millisecond) || !l.has("PSEUDO_TIME_LARGE") {
		t.Errorf("off by %v %q", l.off(), l.logs)
	}
}

// Two senders out of time for more than 5 s: the member doubts its own clock,
// once in five minutes.
func TestDoubtedClock(t *testing.T) {
	l := newLab(t)
	l.ks().timed(10 * time.Second)
	l.register()
	report := func(src string) {
		l.step(DataError{xfrm.Event{Kind: xfrm.ReplayFailed, Group: config().Key, Src: addr(src)}})
	}
	report("10.0.0.1")
	l.run(30 * time.Second)
	report("10.0.0.1")
	l.run(10 * time.Second)
	if len(l.connects) != 1 {
		t.Fatal("one sender is enough")
	}
	report("10.0.0.2")
	l.run(clockPatience)
	if len(l.connects) != 2 {
		t.Fatalf("%d registrations", len(l.connects))
	}
	for range 10 {
		report("10.0.0.1")
		report("10.0.0.2")
		l.run(25 * time.Second)
	}
	if len(l.connects) != 2 {
		t.Errorf("%d registrations in five minutes", len(l.connects))
	}
	for range 6 {
		report("10.0.0.1")
		report("10.0.0.2")
		l.run(25 * time.Second)
	}
	if len(l.connects) != 3 {
		t.Errorf("%d registrations", len(l.connects))
	}
	l.step(DataError{xfrm.Event{Kind: xfrm.ReplayFailed, Group: xfrm.GroupKey{Name: "other"}, Src: addr("10.0.0.9")}})
}

// With any delays on the way, the clock is never ahead by more than half of
// the round trip that set it, and not behind by more than the smallest delay
// since; a drifting quartz adds what it drifts between two rekeys.
func TestClockLaw(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var c pseudoclock
		now := t0
		truth := groupClock(epoch)
		ms := func(name string, most int) time.Duration {
			return time.Duration(rapid.IntRange(0, most).Draw(r, name)) * time.Millisecond
		}
		up, down := ms("up", 500), ms("down", 500)
		now = now.Add(up + down)
		c.registered(now, truth(t0.Add(up)), up+down)
		bound := (up + down) / 2
		const slack = 40 * time.Millisecond // whole milliseconds, per rekey
		var last xfrm.Pseudotime
		best := time.Hour
		for i := range rapid.IntRange(1, 30).Draw(r, "rekeys") {
			now = now.Add(ms("pause", 7_200_000))
			if got := c.Now(now); got < last {
				r.Fatalf("went from %d to %d", last, got)
			}
			late := ms("late", 30_000)
			c.rekeyed(now, truth(now.Add(-late)))
			last = c.Now(now)
			best = min(best, late)
			off := apart(last, truth(now))
			if off > bound+slack {
				r.Fatalf("rekey %d: ahead by %v, round trip %v", i, off, up+down)
			}
			if off < -max(bound, 30*time.Second)-slack || off < -late-slack {
				r.Fatalf("rekey %d: behind by %v, delay %v", i, off, late)
			}
		}
	})
}

// Numbers that a hostile key server may send do not overflow anything.
func TestFarPseudotime(t *testing.T) {
	l := newLab(t)
	s := l.ks()
	s.timed(10 * time.Second)
	l.register()
	for _, p := range []xfrm.Pseudotime{0, 1 << 63, 1<<64 - 1, 1, 1<<64 - 1000} {
		l.push(s.rekey(s.kek, wire.Policy{Pseudotime: &p}))
		l.run(time.Hour / 10)
		l.m.Snapshot(l.now)
	}
}
