package keyserver

import (
	"math/rand/v2"
	"testing"
	"time"
	"unsafe"

	"coterie/crypto/isakmp"
	"coterie/internal/env"
	"coterie/xfrm"
)

// setClock is t on a host whose clock has been set by d: as much later since the
// host was switched on as t, and another time of day. Nothing in package time
// makes one.
func setClock(t *testing.T, at time.Time, d time.Duration) time.Time {
	t.Helper()
	x := at.Add(d)
	(*struct {
		wall uint64
		ext  int64 // the monotonic reading, if there is one
		loc  *time.Location
	})(unsafe.Pointer(&x)).ext -= int64(d)
	if x.Sub(at) != 0 || x.Round(0).Sub(at.Round(0)) != d {
		t.Fatalf("%v set by %v is %v", at, d, x)
	}
	return x
}

// steadyWorld is a world whose times are those of a running program.
func steadyWorld(t *testing.T, groups ...Group) *world {
	w := newWorld(t)
	w.now = time.Now()
	w.m = New(env.Env{Rand: rand.NewChaCha8([32]byte{1})})
	w.configure(groups...)
	return w
}

// The clock of the host is set while the key server runs, as that of a host
// without a battery is when it learns the time of day: lifetimes and the
// pseudotime go by how long it is, over a crash too.
func TestClockSetWhileRunning(t *testing.T) {
	for _, by := range []time.Duration{-1000 * time.Hour, 90 * time.Minute, 1000 * time.Hour} {
		w := steadyWorld(t, timedGroup())
		a := w.newMember(2)
		a.sa.Capabilities |= isakmp.CapTBAR
		a.register(1234)
		before := w.group()
		began := w.now
		for life := range 3 {
			w.now = setClock(t, w.now, by)
			w.run(10 * time.Minute)
			a.mid++
			a.register(1234) // the record of a member, and a date
			passed := w.now.Sub(began)
			check := func(when string, slack time.Duration) {
				t.Helper()
				s := w.group()
				if len(s.TEKs) != 1 || s.TEKs[0].SPI != before.TEKs[0].SPI || s.KEK.SPI != before.KEK.SPI {
					t.Fatalf("set by %v, life %d, %s: %+v", by, life, when, s)
				}
				for what, off := range map[string]time.Duration{
					"TEK":        s.TEKs[0].Remaining - (23*time.Hour - passed),
					"KEK":        s.KEK.Remaining - (24*time.Hour - passed),
					"pseudotime": time.Duration(int64(s.Replay.Value-xfrm.MinPseudotime))*time.Millisecond - passed,
				} {
					if off.Abs() > slack {
						t.Errorf("set by %v, life %d, %s: the %s is off by %v", by, life, when, what, off)
					}
				}
			}
			slack := 10*time.Millisecond + time.Duration(life)*stampLag
			check("running", slack)
			w.m = New(env.Env{Rand: rand.NewChaCha8([32]byte{2, byte(life)})})
			w.now = w.now.Add(time.Minute)
			passed += time.Minute
			w.step(Restore{Records: w.records(), Elapsed: time.Minute})
			w.configure(timedGroup())
			check("after a crash", slack+stampLag)
		}
	}
}

// The clock is set while the host is off, nobody is there to be told of a rekey,
// and the host goes off again: the records of before do not count from a date
// that is by the new clock.
func TestClockSetTwiceOff(t *testing.T) {
	for _, by := range []time.Duration{-1000 * time.Hour, 1000 * time.Hour} {
		w := newWorld(t, timedGroup())
		a := w.newMember(2)
		a.sa.Capabilities |= isakmp.CapTBAR
		a.register(1234)
		w.step(Clear{What: ClearMembers})
		before := w.group()
		for life, set := range []time.Duration{by, 0} {
			w.now = w.now.Add(set + time.Minute)
			w.m = New(env.Env{Rand: rand.NewChaCha8([32]byte{3, byte(life)})})
			w.step(Restore{Records: w.records(), Elapsed: time.Minute})
			w.configure(timedGroup())
			s := w.group()
			if s.TEKs[0].SPI != before.TEKs[0].SPI || s.KEK.Remaining != before.KEK.Remaining-time.Duration(life+1)*time.Minute {
				t.Errorf("set by %v, life %d: TEKs %+v, KEK %v", by, life, s.TEKs, s.KEK.Remaining)
			}
		}
	}
}
