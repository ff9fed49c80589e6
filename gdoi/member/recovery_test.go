package member

import (
	"net/netip"
	"testing"
	"time"

	"coterie/crypto/isakmp"
	"coterie/xfrm"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func invalidSPI(spi uint32) DataError {
	return DataError{xfrm.Event{Kind: xfrm.InvalidSPI, Interface: "Ethernet0/0", Src: addr("10.0.0.1"), SPI: spi}}
}

// `client recovery-check interval 100`: the next key server, the old policy
// until it has answered, once an interval.
func TestRecoveryLadder(t *testing.T) {
	l := newLab(t)
	l.register()
	cfg := config()
	cfg.RecoveryCheck = 100 * time.Second
	l.step(Configure{cfg})
	l.step(invalidSPI(0x1000)) // ours: it has just been replaced
	if len(l.logs) != 0 {
		t.Errorf("%v", l.logs)
	}
	// wire -> GM   ESP under an SPI that nobody told it
	l.step(invalidSPI(0x9999))
	if !l.has("%GDOI-4-GM_RECOVERY_REGISTRATION: GM recovery re-registration for group GDOI-GROUP1 will start in a randomly chosen period of ") || len(l.logs) != 1 {
		t.Fatalf("%v", l.logs)
	}
	l.step(invalidSPI(0x9999))
	installed := l.installed
	for len(l.connects) == 1 {
		l.run(time.Second)
		if l.installed != installed && len(l.connects) == 1 {
			t.Fatal("the old policy is gone")
		}
		if l.now.Sub(t0) > recoverySpread+5*time.Second {
			t.Fatal("no registration")
		}
	}
	// GM -> KS 2   phase 1, PULL
	l.run(time.Second)
	if l.connects[1] != ks2 || len(l.logs) != 6 {
		t.Errorf("%v %q", l.connects, l.logs)
	}
	if s := l.m.Snapshot(l.now); s.Status != "Registered" || s.Server != ks2 || s.Recoveries != 1 || l.removed != 0 {
		t.Errorf("%+v", s)
	}
	// wire -> GM   and again
	l.logs = nil
	began := l.m.recovery.last
	l.step(invalidSPI(0x9999))
	if !l.has("%GDOI-4-GM_RECOVERY_REGISTRATION_POSTPONED: Detects data error in group GDOI-GROUP1 but the previous recovery/rekey has occured within the last recovery-check interval. Postpone recovery registration to start in ") {
		t.Errorf("%v", l.logs)
	}
	l.run(began.Add(99 * time.Second).Sub(l.now))
	if len(l.connects) != 2 {
		t.Error("too soon")
	}
	// GM -> KS 1   behind the last of the list comes the first
	l.run(2 * time.Second)
	if len(l.connects) != 3 || l.connects[2] != ks1 {
		t.Errorf("%v", l.connects)
	}
	if s := l.m.Snapshot(l.now); s.Recoveries != 2 || s.RecoveriesPostponed != 1 {
		t.Errorf("%+v", s)
	}
}

// A rekey that comes in time is the recovery.
func TestRecoveryCancelledByRekey(t *testing.T) {
	l := newLab(t)
	cfg := config()
	cfg.RecoveryCheck = 100 * time.Second
	l.step(Configure{cfg})
	l.run(time.Second)
	l.step(invalidSPI(0x2000))
	l.ks().roll(0x2000)
	l.push(l.ks().rekey(l.ks().kek, l.ks().pushPolicy(false)))
	l.run(time.Minute)
	if len(l.connects) != 1 {
		t.Errorf("%d registrations", len(l.connects))
	}
	// The rekey counts as the last recovery.
	l.step(invalidSPI(0x9999))
	if !l.has("start in 40 sec") {
		t.Errorf("%v", l.logs)
	}
	cfg.RecoveryCheck = 0
	l.step(Configure{cfg})
	l.run(2 * time.Minute)
	if len(l.connects) != 1 {
		t.Error("registers although it is off")
	}
}

// Off, which is the default, an unknown SPI does nothing.
func TestNoRecoveryCheck(t *testing.T) {
	l := newLab(t)
	l.register()
	l.step(invalidSPI(0x9999))
	l.run(time.Minute)
	if len(l.connects) != 1 || len(l.logs) != 0 {
		t.Errorf("%v %v", l.connects, l.logs)
	}
}

// A peer that does not have our SA starts a recovery, and never ends the SA or
// the registration at hand, whatever it says.
func TestPeerReportsInvalidSPI(t *testing.T) {
	for name, c := range map[string]struct {
		data    []byte
		vrf     string
		recover bool
	}{
		"our SPI":         {data: []byte{0, 0, 0x10, 0}, recover: true},
		"another's":       {data: []byte{0, 0, 0x99, 0x99}},
		"another table":   {data: []byte{0, 0, 0x10, 0}, vrf: "RED"},
		"no SPI":          {},
		"too long an SPI": {data: []byte{0, 0, 0x10, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			cfg := config()
			cfg.RecoveryCheck = 100 * time.Second
			l.step(Configure{cfg})
			told := Notified{isakmp.Notified{SA: isakmp.SA{ID: l.nextSA, VRF: c.vrf}, Type: isakmp.NotifyInvalidSPI, Data: c.data}}
			l.step(told) // in the middle of phase 1
			l.run(time.Second)
			l.step(told)
			l.step(told)
			planned := l.has("%GDOI-4-GM_RECOVERY_REGISTRATION: ")
			if planned != c.recover {
				t.Errorf("planned %v: %q", planned, l.logs)
			}
			l.run(recoverySpread + 2*time.Second)
			want := uint64(0)
			if c.recover {
				want = 1
			}
			if s := l.m.Snapshot(l.now); s.Status != "Registered" || s.Recoveries != want || s.Failed != 0 || l.removed != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}
