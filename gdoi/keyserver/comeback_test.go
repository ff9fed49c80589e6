package keyserver

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"coterie/crypto/isakmp"
	"coterie/internal/env"
)

// What a clear or a removal has ended does not come back after a restart, and
// what goes on after one goes on from where it was.

// Nobody has registered since the clear.
func TestClearedKeysAfterRestart(t *testing.T) {
	for _, what := range []ClearWhat{ClearAll, ClearPolicy} {
		w := newWorld(t, testGroup())
		w.newMember(2).register(1234)
		before := w.group()
		w.step(Clear{What: what})
		if w.group().TEKs[0].SPI == before.TEKs[0].SPI {
			t.Fatal("not cleared")
		}
		w.run(10 * time.Minute)
		w.restart(time.Minute, testGroup())
		if s := w.group(); s.TEKs[0].SPI == before.TEKs[0].SPI || s.KEK.SPI == before.KEK.SPI {
			t.Errorf("clear %d: cleared TEK 0x%x and KEK are in force again", what, s.TEKs[0].SPI)
		}
	}
}

// The pseudotime of new keys does not become that of the stored ones, which are
// only out of use for now.
func TestPseudotimeOfUnusableState(t *testing.T) {
	w := newWorld(t, timedGroup())
	a := w.newMember(2)
	a.sa.Capabilities |= isakmp.CapTBAR
	a.register(1234)
	w.run(5 * time.Hour)
	before := w.group()
	bad := timedGroup()
	bad.Rekey.Signer = nil
	w.restart(time.Minute, bad) // the RSA key is missing: new keys
	w.run(time.Minute)
	w.restart(time.Minute, timedGroup()) // it is there again
	s := w.group()
	if s.TEKs[0].SPI != before.TEKs[0].SPI || s.Replay.Value < before.Replay.Value {
		t.Errorf("TEK 0x%x goes on at %d; 0x%x was at %d", s.TEKs[0].SPI, s.Replay.Value, before.TEKs[0].SPI, before.Replay.Value)
	}
}

func TestRemovedWhileDiskIsFull(t *testing.T) {
	w := newWorld(t, testGroup())
	w.newMember(2).register(1234)
	before := w.group()
	w.diskFull = true
	w.configure()
	w.diskFull = false
	w.run(time.Hour / 2)
	for k := range w.disk {
		if k[1] == keyState || k[1] == keySeq {
			t.Errorf("%v is still stored", k)
		}
	}
	w.restart(time.Minute, testGroup())
	if s := w.group(); s.TEKs[0].SPI == before.TEKs[0].SPI {
		t.Error("TEK of the removed group is back")
	}
}

// A group that has been incomplete since the restart is removed, or cleared.
func TestRemovedBeforeComplete(t *testing.T) {
	for _, how := range []string{"remove", "clear"} {
		w := newWorld(t, testGroup())
		w.newMember(2).register(1234)
		before := w.group()
		g := testGroup()
		g.Incomplete = "nothing is complete"
		w.restart(time.Minute, g)
		if how == "remove" {
			w.configure()
		} else {
			w.step(Clear{What: ClearAll})
		}
		for k := range w.disk {
			if k[1] != keyClock {
				t.Errorf("%s: %v is still stored", how, k)
			}
		}
		w.configure(testGroup())
		if s := w.group(); s.TEKs[0].SPI == before.TEKs[0].SPI {
			t.Errorf("%s: TEK is back, %d members", how, s.Members.Len())
		}
	}
}

// A group is removed while the clock is months ahead; the others do not go by
// its time.
func TestRemovedUnderWrongClock(t *testing.T) {
	a, b := testGroup(), testGroup()
	b.Name, b.ID.Number = "GDOI-GROUP2", 5678
	w := steadyWorld(t, a, b)
	w.now = setClock(t, w.now, 1000*time.Hour)
	w.newMember(2).register(1234)
	w.newMember(3).register(5678)
	w.configure(a) // group 2 is removed by the wrong clock
	w.run(time.Minute)
	w.now = setClock(t, w.now, -1000*time.Hour) // which is set right
	w.run(time.Minute)
	w.step(RekeyNow{}) // and everything is stored again
	w.run(time.Minute)
	before := w.group()
	w.takeLogs()
	w.m = New(env.Env{Rand: rand.NewChaCha8([32]byte{2})})
	w.now = w.now.Add(time.Minute)
	w.step(Restore{Records: w.records(), Elapsed: time.Minute})
	w.configure(a)
	s := w.group()
	if s.TEKs[0].SPI != before.TEKs[0].SPI || s.KEK.SPI != before.KEK.SPI {
		t.Errorf("new keys after a restart; logged %q", w.takeLogs())
	}
}

func TestPseudotimeAfterWrongClock(t *testing.T) {
	a, b := timedGroup(), testGroup()
	b.Name, b.ID.Number = "GDOI-GROUP2", 5678
	w := steadyWorld(t, a, b)
	w.now = setClock(t, w.now, 10*time.Minute)
	g := w.newMember(2)
	g.sa.Capabilities |= isakmp.CapTBAR
	g.register(1234)
	w.newMember(3).register(5678)
	w.configure(a)
	w.run(time.Minute)
	w.now = setClock(t, w.now, -10*time.Minute)
	w.run(time.Minute)
	before := w.group()
	w.m = New(env.Env{Rand: rand.NewChaCha8([32]byte{2})})
	w.now = w.now.Add(time.Minute)
	w.step(Restore{Records: w.records(), Elapsed: time.Minute})
	w.configure(a)
	s := w.group()
	if d := time.Duration(s.Replay.Value-before.Replay.Value) * time.Millisecond; d > 2*time.Minute || s.TEKs[0].Remaining < before.TEKs[0].Remaining-2*time.Minute {
		t.Errorf("a minute off: pseudotime went on by %v, TEK has %v of %v", d, s.TEKs[0].Remaining, before.TEKs[0].Remaining)
	}
}

// A CRL comes while a rekey is being written, and the write fails.
func TestReauthenticateBehindFailedWrite(t *testing.T) {
	g := testGroup()
	g.Revocation = Revocation{Trustpoint: "CA", List: "1"}
	m := New(env.Env{Rand: rand.NewChaCha8([32]byte{2})})
	w := &world{t: t, m: m, now: start, members: map[netip.Addr]*member{}}
	w.configure(g)
	w.newMember(2).register(1234)
	// A rekey is being written ...
	m.Step(w.now, RekeyNow{})
	var waiting []Output
	var persist *Persist
	take := func() {
		for _, o := range slices.Clone(m.Drain()) {
			switch o := o.(type) {
			case Compute:
				m.Step(w.now, Done{env.JobDone{ID: o.ID, Result: o.Do()}})
			case Persist:
				if persist == nil {
					persist = &o
					continue
				}
			}
			if persist != nil {
				waiting = append(waiting, o)
			}
		}
	}
	take()
	take()
	// ... when the new list comes.
	g.Revocation.List = "2"
	m.Step(w.now, Configure{Config{Groups: []Group{g}}})
	take()
	has := func(list []Output) bool {
		return slices.ContainsFunc(list, func(o Output) bool {
			x, ok := o.(ToISAKMP)
			if !ok {
				return false
			}
			_, ok = x.Input.(isakmp.Reauthenticate)
			return ok
		})
	}
	if persist == nil || !has(waiting) {
		t.Fatalf("setup: %v %v", persist, waiting)
	}
	// The write fails: control drops what waits.
	m.Step(w.now, Persisted{persist.Number, errors.New("disk")})
	w.toISAKMP = nil
	w.drain()
	w.run(24 * time.Hour)
	for _, in := range w.toISAKMP {
		if _, ok := in.(isakmp.Reauthenticate); ok {
			return
		}
	}
	t.Error("ISAKMP SAs of revoked certificates are never deleted")
}
