package isakmp

import (
	"encoding/binary"
	"testing"
	"time"

	"coterie/internal/syslog"
)

// RESPONDER-LIFETIME shortens the life of an SA and never lengthens it.
func TestResponderLifetime(t *testing.T) {
	w := standardPair(t)
	gm, ks := w.up()
	from, to := w.nodes[ksAddr], w.nodes[gmAddr]
	sa := to.byID[gm.ID]
	tell := func(list ...Attribute) {
		data, err := AppendAttributes(nil, list)
		if err != nil {
			t.Fatal(err)
		}
		w.step(gmAddr, informationalTo(w, from, to, ks.ID, from.byID[ks.ID].notify(NotifyResponderLifetime, DOIIPsec, data)))
	}
	seconds := func(n uint32) Attribute { return Variable(attrLifeDuration, binary.BigEndian.AppendUint32(nil, n)) }
	before := sa.expires
	tell(Basic(attrLifeType, lifeKilobytes), seconds(100))
	tell(Basic(attrLifeType, lifeSeconds), seconds(200000))
	tell(Basic(attrLifeType, lifeSeconds), seconds(0))
	tell()
	if sa.expires != before {
		t.Errorf("expires %v", sa.expires)
	}
	tell(Basic(attrLifeType, lifeSeconds), Basic(attrLifeDuration, 600))
	if want := start.Add(600 * time.Second); sa.expires != want {
		t.Errorf("expires %v, want %v", sa.expires, want)
	}
	none[Notified](w, gmAddr)
	w.pass(601 * time.Second)
	if must[SADeleted](w, gmAddr).SA.ID != gm.ID {
		t.Error("another SA")
	}
}

// An SA that has ended is made again for the next that needs one. The shorter
// lifetime holds: an initiator's is in the offer, a responder's it says by a
// Delete.
func TestReauthentication(t *testing.T) {
	long, short := quick(), quick()
	short.Lifetime = 10 * time.Minute
	for _, x := range [][2]Policy{{long, short}, {short, long}} {
		w := pair(t, config(false, "cisco", x[0]), config(true, "cisco", x[1]))
		gm, ks := w.up()
		if sa := w.nodes[ksAddr].byID[ks.ID]; sa.expires != start.Add(10*time.Minute) {
			t.Errorf("expires %v", sa.expires)
		}
		w.pass(9*time.Minute + 30*time.Second)
		w.step(gmAddr, Connect{Owner: 2, Local: gmAddr, Remote: ksAddr})
		w.flush()
		up := must[PhaseOneUp](w, gmAddr)
		// Too little of it is left, as far as we know: a new one beside the old.
		if isNew := up.SA.ID != gm.ID; isNew != (x[0].Lifetime == short.Lifetime) {
			t.Errorf("%+v", up)
		}
		w.pass(time.Minute)
		must[SADeleted](w, gmAddr)
		must[SADeleted](w, ksAddr)
		w.step(gmAddr, Connect{Owner: 3, Local: gmAddr, Remote: ksAddr})
		w.flush()
		if up := must[PhaseOneUp](w, gmAddr); up.SA.ID == gm.ID || up.Owner != 3 {
			t.Errorf("%+v", up)
		}
		if n := len(w.nodes[ksAddr].byID); n != 1 {
			t.Errorf("%d SAs", n)
		}
	}
}

func TestOnOff(t *testing.T) {
	w := standardPair(t)
	if w.logged(gmAddr, syslog.ISAKMPOnOff) != 0 {
		t.Error("a line at the first configuration")
	}
	off := config(false, "cisco", quick())
	off.Enabled = false
	w.step(gmAddr, Configure{off})
	w.step(gmAddr, Configure{off})
	w.step(gmAddr, Configure{config(false, "cisco", quick())})
	if n := w.logged(gmAddr, syslog.ISAKMPOnOff); n != 2 {
		t.Errorf("%d lines", n)
	}
}

// One SA serves several groups at once, and is lent to each without a second
// main mode.
func TestSeveralOwners(t *testing.T) {
	w := standardPair(t)
	for o := range Owner(5) {
		w.step(gmAddr, Connect{Owner: o + 1, Local: gmAddr, Remote: ksAddr})
	}
	w.flush()
	for range 5 {
		must[PhaseOneUp](w, gmAddr)
	}
	if len(w.sent) != 6 {
		t.Errorf("%d datagrams", len(w.sent))
	}
}

// Reauthenticate ends what certificates proved, and nothing else.
func TestReauthenticateCertified(t *testing.T) {
	gm, ks := enrolled(t, rsaKey())
	for name, x := range map[string]struct {
		gm, ks Config
		ends   bool
	}{
		"rsa-sig":   {gm, ks, true},
		"pre-share": {config(false, "cisco", quick()), config(true, "cisco", quick()), false},
	} {
		w := pair(t, x.gm, x.ks)
		w.up()
		w.step(ksAddr, Reauthenticate{})
		w.flush()
		_, gone := take[SADeleted](w, gmAddr) // by an authenticated Delete
		if n := len(w.nodes[ksAddr].byID); gone != x.ends || (n == 0) != x.ends {
			t.Errorf("%s: the peer's SA ended: %v; %d SAs are left", name, gone, n)
		}
	}
}
