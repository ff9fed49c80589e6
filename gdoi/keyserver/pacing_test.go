package keyserver

import (
	"net/netip"
	"runtime"
	"testing"
	"time"

	"coterie/crypto/isakmp"
	"coterie/gdoi/policy"
	"coterie/gdoi/wire"
)

// However many members there are and however short a TEK lives: when the first
// member encrypts with the new one, all members have it, and the old one still
// lives.
func TestNoMemberLacksTheTEK(t *testing.T) {
	for _, tt := range []struct {
		members int
		life    time.Duration
	}{{10, time.Hour}, {120, 10 * time.Minute}, {600, 120 * time.Second}, {2500, 5 * time.Minute}, {2500, 120 * time.Second}, {2500, time.Hour}} {
		g := testGroup()
		g.SAs[0].Lifetime = tt.life
		w := newWorld(t, g)
		w.quick = true
		w.bulk(tt.members)
		w.run(w.group().TEKs[0].TimeToRekey - time.Second)
		w.takeSends()
		w.now = w.now.Add(time.Second)
		rekeyed := w.now
		w.step(Tick{})
		s := w.group()
		if len(s.TEKs) != 2 || !s.TEKs[1].Superseded {
			t.Fatalf("%d members, %v: no rekey", tt.members, tt.life)
		}
		p, err := wire.ParsePush(w.m.groups[0].kek.KEK, w.sends[0].Data, wire.Form{})
		if err != nil {
			t.Fatal(err)
		}
		told, err := wire.DecodeSA(*p.SA, w.now)
		if err != nil {
			t.Fatal(err)
		}
		delay := wire.DefaultActivationDelay
		if told.ATD != nil {
			delay = *told.ATD
		}
		end := rekeyed.Add(s.TEKs[1].Remaining)
		var last time.Time
		first := map[netip.Addr]bool{}
		for len(first) < tt.members && w.now.Before(end) {
			for _, s := range w.takeSends() {
				if !first[s.Remote.Addr()] {
					first[s.Remote.Addr()] = true
					last = w.now
				}
			}
			w.run(time.Second)
		}
		// The last one told counts its delay from then; the first one's old TEK
		// is the first to end.
		if len(first) != tt.members || last.After(rekeyed.Add(delay)) || !last.Add(delay).Before(end) {
			t.Errorf("%d members, %v: %d told, the last %v after the rekey, encrypting %v after it, old TEK ends %v after it",
				tt.members, tt.life, len(first), last.Sub(rekeyed), delay, end.Sub(rekeyed))
		}
	}
}

// bulk enters members without their registrations.
func (w *world) bulk(n int) {
	g := w.m.groups[0]
	for i := range n {
		addr := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		remote := netip.AddrPortFrom(addr, 848)
		sa := isakmp.SA{ID: isakmp.SAID(i), Local: g.server(), Remote: remote, Peer: isakmp.AddressID(remote), Capabilities: isakmp.CapDenyACE}
		p := &pull{group: g, info: &wire.Info{Version: "1.0.27", Hostname: "branch-router-" + addr.String()}}
		p.offer.kek, p.offer.epoch = g.kek, g.epoch
		w.m.register(w.now, Phase2{isakmp.Phase2{SA: sa}}, p, policy.SenderIDs{})
		w.m.later = nil
		w.m.Drain()
	}
	w.m.schedule(g)
}

// A registered member costs little memory: 600 octets at most, with all that
// hangs on it.
func TestMemberSize(t *testing.T) {
	const members = 100_000
	w := newWorld(t, testGroup())
	size := func() uint64 {
		var s runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&s)
		return s.HeapAlloc
	}
	before := size()
	w.bulk(members)
	w.bulk(members) // and registering again costs nothing
	each := (size() - before) / members
	t.Logf("%d octets", each)
	if n := w.group().Members.Len(); n != members {
		t.Errorf("%d members", n)
	}
	if each > 600 {
		t.Errorf("a member costs %d octets", each)
	}
	runtime.KeepAlive(w)
}

// A rekey that overtakes one whose first copies are not all out sends those
// first: nobody misses a TEK that others encrypt with.
func TestOvertakingLeavesNobodyBehind(t *testing.T) {
	w := newWorld(t, testGroup())
	w.quick = true
	w.bulk(120)
	kek := w.m.groups[0].kek.KEK
	w.step(RekeyNow{})
	w.step(RekeyNow{})
	w.run(time.Minute)
	for seq := range uint32(2) {
		got := map[netip.Addr]bool{}
		for _, s := range w.sends {
			if pushSeq(s.Data, kek) == seq+1 {
				got[s.Remote.Addr()] = true
			}
		}
		if len(got) != 120 {
			t.Errorf("SEQ %d went to %d members", seq+1, len(got))
		}
	}
}

// A pace too slow for the last life of a KEK gives way: what brings the next one
// is with all members before the old one ends. Another pace is no change of
// policy.
func TestSlowPaceKeepsTheKEK(t *testing.T) {
	const members = 500
	w := newWorld(t, testGroup())
	w.quick = true
	w.bulk(members)
	w.takeLogs()
	g := testGroup()
	g.SAs[0].Lifetime = 3 * g.Rekey.Lifetime // it is the KEK alone that is replaced
	g.Rekey.Pace = Pace{Batch: 1, Interval: time.Minute}
	w.configure(g)
	w.step(RekeyNow{})
	w.run(2 * time.Minute)
	g.Rekey.Pace = Pace{Batch: 1, Interval: 50 * time.Second}
	w.takeLogs()
	w.configure(g)
	w.wantLogs()
	if w.group().Changed {
		t.Error("another pace counts as a change of policy")
	}
	old, end := w.m.groups[0].kek, w.m.groups[0].kek.Expires()
	for w.m.groups[0].kek == old {
		w.takeSends()
		w.run(w.group().KEK.TimeToRekey + time.Second)
	}
	first := map[netip.Addr]bool{}
	for w.now.Before(end) {
		for _, s := range w.takeSends() {
			first[s.Remote.Addr()] = true
		}
		w.run(time.Second)
	}
	if len(first) != members {
		t.Errorf("%d of %d members have the new KEK at the end of the old one", len(first), members)
	}
}
