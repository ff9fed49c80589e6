package keyserver

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"coterie/crypto/isakmp"
	"coterie/gdoi/policy"
	"coterie/xfrm"
)

func (w *world) newForeign(i int) *member {
	m := w.newMember(i)
	m.sa.Foreign, m.sa.Capabilities = true, 0
	return m
}

func (m *member) denies() bool {
	for _, tek := range m.policy.TEKs {
		if !policy.Plain(tek.ACEs) {
			return true
		}
	}
	return false
}

// One foreign member makes every rekey of its group speak RFC 6407 alone; what
// it says is the same, and when it is gone the list goes out as it is.
func TestForeignMember(t *testing.T) {
	g := testGroup()
	host := xfrm.Match{Addr: netip.MustParseAddr("10.1.2.3"), Mask: netip.MustParseAddr("255.255.255.255")}
	g.SAs[0].ACEs = []xfrm.ACE{{Src: host}, {Permit: true}}
	w := newWorld(t, g)
	own := w.newMember(2)
	own.register(1234)
	if !own.denies() {
		t.Fatalf("%+v", own.policy.TEKs)
	}
	w.step(RekeyNow{})
	if !own.denies() {
		t.Error("a rekey among ourselves has no deny")
	}
	foreign := w.newForeign(3)
	if !foreign.register(1234) || foreign.denies() || len(foreign.policy.TEKs[0].ACEs) != 32 {
		t.Fatalf("registered with %+v", foreign.policy.TEKs)
	}
	if own.register(1234); !own.denies() {
		t.Error("an own member registers with permits")
	}
	w.takeSends()
	w.step(RekeyNow{})
	sends := w.takeSends()
	if len(sends) != 2 || string(sends[0].Data) != string(sends[1].Data) {
		t.Fatalf("one number, %d contents", len(sends))
	}
	if own.denies() || foreign.denies() || len(own.policy.TEKs[0].ACEs) != 32 || own.seq != 2 || foreign.seq != 2 {
		t.Errorf("own member: %d ACEs, SEQ %d; foreign: %d, SEQ %d", len(own.policy.TEKs[0].ACEs), own.seq, len(foreign.policy.TEKs[0].ACEs), foreign.seq)
	}
	// A policy that cannot be said so leaves the foreign member out.
	g.SAs[0].ACEs = []xfrm.ACE{tcpPorts(80, 180), {Src: host}, {Permit: true}}
	w.configure(g)
	w.step(RekeyNow{})
	if !own.denies() || own.seq != 3 || foreign.seq != 2 {
		t.Errorf("own member at SEQ %d, foreign at %d", own.seq, foreign.seq)
	}
	w.takeLogs()
	if foreign.register(1234) {
		t.Error("registered")
	}
	if l := w.takeLogs(); len(l) != 1 || !strings.Contains(l[0], "access-list getvpn-acl (it has a range of more than 32 ports)") || !strings.Contains(l[0], "GDOI-GROUP1") {
		t.Errorf("logged %q", l)
	}
}

// An older generation of a list with denies only decrypts: its permits do.
func TestForeignMemberGetsOldPermits(t *testing.T) {
	g := testGroup()
	g.SAs[0].ACEs = []xfrm.ACE{ace(false, 89), ace(true, 0)}
	w := newWorld(t, g)
	w.newMember(2).register(1234)
	g.SAs[0].ACEs = []xfrm.ACE{ace(true, 17)}
	w.configure(g)
	w.step(RekeyNow{})
	m := w.newForeign(3)
	if !m.register(1234) || m.denies() || len(m.policy.TEKs) != 2 || len(m.policy.TEKs[1].ACEs) != 1 {
		t.Errorf("%+v", m.policy.TEKs)
	}
}

// A foreign member that never acknowledges is kept; one that has acknowledged
// once is like ours.
func TestForeignMemberWithoutAcknowledgements(t *testing.T) {
	for _, choice := range []string{"Cisco", "Interoperable", "Any"} {
		g := testGroup()
		g.Acknowledgement = choice
		w := newWorld(t, g)
		silent, able, ours := w.newForeign(2), w.newForeign(3), w.newMember(4)
		silent.register(1234)
		able.register(1234)
		ours.register(1234)
		if ours.sa.Capabilities&isakmp.CapPushAck == 0 || !able.kek.AckWanted {
			t.Fatal("acknowledgements are not asked for")
		}
		silent.mute = true
		w.step(RekeyNow{})
		able.mute, ours.mute = true, true
		for range 3 {
			w.run(time.Minute)
			w.step(RekeyNow{})
		}
		w.run(time.Minute)
		if _, ok := w.group().Members.Get(memberAddr(2)); !ok || w.group().Members.Len() != 1 {
			t.Errorf("%s: %d members left", choice, w.group().Members.Len())
		}
	}
}
