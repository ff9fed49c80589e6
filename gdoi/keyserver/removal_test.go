package keyserver

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"coterie/crypto/isakmp"
	"coterie/crypto/pki"
	"coterie/xfrm"
)

// clear crypto gdoi ks members: everybody is told to leave in time, old and
// new TEKs overlap until all are back.
func TestRemoval(t *testing.T) {
	w := newWorld(t, testGroup())
	a, b := w.newMember(2), w.newMember(3)
	a.register(1234)
	b.register(1234)
	w.run(10 * time.Minute)
	before := w.group()
	old := before.TEKs[0].SPI
	kek := *a.kek
	w.takeLogs()
	w.takeSends()

	w.step(Clear{Group: "GDOI-GROUP1", What: ClearMembers})
	w.wantLogs("%GDOI-5-KS_SEND_GM_REMOVAL: Sending GM-Removal message for group GDOI-GROUP1 from address 192.168.1.254 with seq # 1")
	s := w.group()
	if s.Members.Len() != 0 || s.KEK.SPI == kek.SPI || s.Seq != 0 || len(s.TEKs) != 2 || s.TEKs[0].Superseded || s.TEKs[1].SPI != old {
		t.Fatalf("%+v", s)
	}
	for _, m := range []*member{a, b} {
		p := m.pushes[0]
		if m.left != 1 || m.leaveAfter != 180*time.Second || p.Seq != 1 || p.SA.SAK != nil || len(p.KD) != 0 {
			t.Errorf("the member was told %+v", p)
		}
	}
	// The last one told may use its TEK for 180 s: 5 s of pacing and two
	// retransmissions later than the first.
	if s.TEKs[1].Remaining != 205*time.Second {
		t.Errorf("the old TEK has %v", s.TEKs[1].Remaining)
	}
	if n := len(w.takeSends()); n != 2 {
		t.Errorf("%d datagrams", n)
	}
	// Who is back uses the old TEK like the others, until all are back.
	w.run(30 * time.Second)
	a.register(1234)
	if a.policy.ATD == nil || *a.policy.ATD != 175*time.Second || !a.holds(old) || a.teks[0].SPI == old || a.kek.SPI == kek.SPI {
		t.Errorf("back with %+v", a.policy)
	}
	w.run(3 * time.Minute)
	if s := w.group(); len(s.TEKs) != 1 || s.Members.Len() != 1 || a.holds(old) {
		t.Errorf("%d TEKs, %d members", len(s.TEKs), s.Members.Len())
	}
	// The one that is not back reads no rekey.
	b.ignored = 0
	w.step(RekeyNow{})
	if n := len(w.takeSends()); n != 1 || a.seq != 1 || b.seq != 1 {
		t.Errorf("%d datagrams, SEQ %d and %d", n, a.seq, b.seq)
	}
}

// ... now: no delay, no overlap.
func TestRemovalNow(t *testing.T) {
	w := newWorld(t, testGroup())
	a := w.newMember(2)
	a.register(1234)
	old := w.group().TEKs[0].SPI
	w.step(Clear{What: ClearMembersNow})
	s := w.group()
	if s.Members.Len() != 0 || len(s.TEKs) != 1 || s.TEKs[0].SPI == old || a.left != 1 || a.leaveAfter != 0 || a.pushes[0].SA != nil {
		t.Fatalf("%+v, member %+v", s, a.pushes)
	}
	a.register(1234)
	if a.policy.ATD != nil || a.holds(old) || len(a.teks) != 1 {
		t.Errorf("back with %+v", a.policy)
	}
}

// It goes out again to those that do not acknowledge it and are not back yet,
// and a pending rekey is overtaken.
func TestRemovalIsRepeated(t *testing.T) {
	w := newWorld(t, testGroup())
	var all []*member
	for i := range 4 {
		all = append(all, w.newMember(i+2))
		all[i].register(1234)
	}
	all[0].mute, all[1].mute = true, true
	w.noSign = true
	w.step(RekeyNow{}) // SEQ 1, never sent
	w.noSign = false
	w.step(Clear{What: ClearMembersNow})
	for _, h := range w.held {
		w.step(doneWith(h.ID, h.Do()))
	}
	if n := len(w.takeSends()); n != 4 {
		t.Fatalf("%d datagrams", n)
	}
	all[1].mute = false
	all[1].register(1234)
	w.run(time.Minute)
	sends := w.takeSends()
	if len(sends) != 2 || sends[0].Remote.Addr() != memberAddr(2) || sends[1].Remote.Addr() != memberAddr(2) {
		t.Errorf("%d copies more", len(sends))
	}
	if w.group().Members.Len() != 1 || len(w.takeLogs()) == 0 {
		t.Errorf("%d members", w.group().Members.Len())
	}
}

// Without a KEK nobody can be told: members are forgotten, keys stay.
func TestRemovalWithoutKEK(t *testing.T) {
	g := testGroup()
	g.Rekey.KeyLabel, g.Rekey.Signer, g.Rekey.SPKI = "", nil, nil
	w := newWorld(t, g)
	w.newMember(2).register(1234)
	old := w.group().TEKs[0].SPI
	w.step(Clear{What: ClearMembers})
	if s := w.group(); s.Members.Len() != 0 || s.TEKs[0].SPI != old || len(w.sends) != 0 {
		t.Errorf("%+v", s)
	}
}

// ks policy: new keys, nobody is told; ks members counters.
func TestClearPolicyAndCounters(t *testing.T) {
	w := newWorld(t, testGroup())
	m := w.newMember(2)
	m.register(1234)
	w.step(RekeyNow{})
	w.step(Clear{What: ClearMemberCounters})
	if got, _ := w.group().Members.Get(memberAddr(2)); got.RekeysSent != 0 || got.AcksRcvd != 0 || got.SentSeq[0] != 1 {
		t.Errorf("%+v", got)
	}
	before := w.group()
	w.takeSends()
	w.step(Clear{What: ClearPolicy})
	s := w.group()
	if s.KEK.SPI == before.KEK.SPI || s.TEKs[0].SPI == before.TEKs[0].SPI || len(s.TEKs) != 1 || s.Members.Len() != 1 || len(w.sends) != 0 {
		t.Errorf("%+v", s)
	}
	w.step(RekeyNow{})
	w.run(time.Minute)
	if len(w.sends) != 0 {
		t.Error("a rekey went to a member that cannot read it")
	}
	m.register(1234)
	w.step(RekeyNow{})
	if m.seq != 2 {
		t.Errorf("SEQ %d", m.seq)
	}
}

func hosts(list ...int) []xfrm.ACE {
	out := []xfrm.ACE{}
	for _, i := range list {
		out = append(out, xfrm.ACE{Permit: true, Src: xfrm.Match{Addr: memberAddr(i), Mask: netip.MustParseAddr("255.255.255.255")}})
	}
	return out
}

// A member that an edited authorization list shuts out decrypts nothing after
// the next replace: with replace-now at once, else when its TEK has ended,
// which it is told to end early.
func TestShutOut(t *testing.T) {
	for _, atOnce := range []bool{true, false} {
		g := testGroup()
		g.Authorized = hosts(2, 3)
		w := newWorld(t, g)
		in, out := w.newMember(2), w.newMember(3)
		in.register(1234)
		out.register(1234)
		w.takeLogs()
		g.Authorized = hosts(2, 3, 4) // shuts nobody out
		w.configure(g)
		w.wantLogs()
		g.Authorized = hosts(2)
		w.configure(g)
		if l := w.takeLogs(); len(l) != 1 || !strings.Contains(l[0], "POLICY_CHANGE") || !w.group().Changed {
			t.Errorf("logged %q", l)
		}
		w.takeSends()
		w.step(RekeyNow{ReplaceNow: atOnce})
		w.wantLogs("%GDOI-3-KS_GM_REVOKED: Re-Key: GM 10.0.0.3 revoked by KS in the group GDOI-GROUP1.",
			"%GDOI-5-KS_SEND_GM_REMOVAL: Sending GM-Removal message for group GDOI-GROUP1 from address 192.168.1.254 with seq # 1")
		if in.left != 1 || out.left != 1 || w.group().Changed {
			t.Fatal("not all were told to leave")
		}
		if !in.register(1234) || out.register(1234) {
			t.Fatal("the wrong one is back")
		}
		if !atOnce {
			w.run(4 * time.Minute)
		}
		spis := func() (spis []uint32) {
			for _, tek := range w.group().TEKs {
				spis = append(spis, tek.SPI)
			}
			return spis
		}
		for range 3 { // whatever comes later
			for _, spi := range spis() {
				if out.holds(spi) || !in.holds(spi) {
					t.Errorf("at once %v: TEK %x: shut out %v, admitted %v", atOnce, spi, out.holds(spi), in.holds(spi))
				}
			}
			for _, s := range w.takeSends() {
				if seq := pushSeq(s.Data, *out.kek); seq > 1 {
					t.Errorf("the one shut out can read SEQ %d", seq)
				}
			}
			w.step(RekeyNow{ReplaceNow: atOnce})
			w.run(time.Minute)
		}
	}
}

// Who may join which group: a member is what its phase 1 proved, whatever
// group it has been admitted to.
func TestAuthorization(t *testing.T) {
	sub := &pki.IdentityList{Name: "BRANCHES", FQDNs: []string{"branch.example"}}
	a, b, c := testGroup(), testGroup(), testGroup()
	a.Authorized = hosts(2)
	b.Name, b.ID.Number, b.Authorized = "B", 2, hosts(3)
	c.Name, c.ID.Number, c.Identities = "C", 3, sub
	w := newWorld(t, a, b, c)
	plain := w.newMember(2)
	named := w.newMember(3)
	named.sa.Peer = isakmp.Identity{Type: 2, Data: []byte("branch.example")}
	stranger := w.newMember(4)
	for _, tt := range []struct {
		member *member
		group  uint32
		log    string
	}{
		{plain, 1234, ""},
		{plain, 2, "%GDOI-1-UNAUTHORIZED_IPADDR: Group B received registration from unauthorized ip address: 10.0.0.2"},
		{plain, 3, "%GDOI-1-UNAUTHORIZED_IDENTITY: Group C received registration from unauthorized identity: 10.0.0.2"},
		{named, 2, ""},
		{named, 3, ""},
		{named, 1234, "%GDOI-1-UNAUTHORIZED_IPADDR: Group GDOI-GROUP1 received registration from unauthorized ip address: 10.0.0.3"},
		{stranger, 1234, "%GDOI-1-UNAUTHORIZED_IPADDR: Group GDOI-GROUP1 received registration from unauthorized ip address: 10.0.0.4"},
		{stranger, 2, "%GDOI-1-UNAUTHORIZED_IPADDR: Group B received registration from unauthorized ip address: 10.0.0.4"},
		{stranger, 3, "%GDOI-1-UNAUTHORIZED_IDENTITY: Group C received registration from unauthorized identity: 10.0.0.4"},
	} {
		w.takeLogs()
		if ok := tt.member.register(tt.group); ok != (tt.log == "") {
			t.Errorf("%v in group %d: %v", tt.member.sa.Remote, tt.group, ok)
		}
		if tt.log != "" {
			w.wantLogs(tt.log)
		}
	}
	for i, want := range []int{1, 1, 1} {
		if got := w.m.Snapshot(w.now).Groups[i].Members.Len(); got != want {
			t.Errorf("group %d has %d members", i, got)
		}
	}
}

// registration interface: registrations that arrive elsewhere are refused.
func TestRegistrationInterface(t *testing.T) {
	g := testGroup()
	g.Interfaces = []netip.Addr{serverAddr}
	w := newWorld(t, g)
	m := w.newMember(2)
	if !m.register(1234) {
		t.Error("refused on its interface")
	}
	g.Interfaces = []netip.Addr{memberAddr(99)}
	w.configure(g)
	w.takeLogs()
	if m.register(1234) {
		t.Error("served on another interface")
	}
	w.wantLogs("%GDOI-1-UNREGISTERED_INTERFACE: Group GDOI-GROUP1 received registration from unregistered interface.")
}

// Receive-only and back is said when it comes into force.
func TestConverted(t *testing.T) {
	w := newWorld(t, testGroup())
	w.newMember(2).register(1234)
	g := testGroup()
	for _, want := range []string{"%GDOI-5-KS_CONV_SAS_INGRESS: IPSec SAs converted to Receive Only mode in group GDOI-GROUP1.",
		"%GDOI-5-KS_CONV_SAS_DUPLEX: IPSec SAs converted to Duplex in group GDOI-GROUP1."} {
		g.ReceiveOnly = !g.ReceiveOnly
		w.configure(g)
		w.takeLogs()
		w.step(RekeyNow{})
		if l := w.takeLogs(); !slices.Contains(l, want) {
			t.Errorf("logged %q, want %q", l, want)
		}
	}
}

// `registration periodic crl`: a new list ends the KEK and the ISAKMP SAs, and
// leaves the TEKs in force. Who does not come back reads no rekey.
func TestReauthenticationOnNewCRL(t *testing.T) {
	g := testGroup()
	g.Revocation = Revocation{Trustpoint: "CA", List: "1"}
	w := newWorld(t, g)
	a, b := w.newMember(2), w.newMember(3)
	a.register(1234)
	b.register(1234)
	w.run(10 * time.Minute)
	before := w.group()
	w.takeLogs()
	w.takeSends()
	quiet := func(what string, r Revocation) {
		t.Helper()
		g.Revocation = r
		w.configure(g)
		if n := len(w.takeSends()); n != 0 || w.group().Members.Len() != 2 {
			t.Errorf("%s: %d datagrams", what, n)
		}
	}
	quiet("the same list", Revocation{"CA", "1"})
	quiet("no list", Revocation{"CA", ""})
	quiet("another trustpoint", Revocation{"OTHER", "7"})
	quiet("none", Revocation{})
	quiet("again", Revocation{"CA", "1"})

	g.Revocation.List = "2"
	w.configure(g)
	w.wantLogs("%GDOI-5-KS_SEND_RE_AUTH: Sending re-authentication message for group GDOI-GROUP1 from address 192.168.1.254 with seq # 1")
	if n := len(w.takeSends()); n != 2 || a.reauthenticates != 1 || b.reauthenticates != 1 || a.left != 0 {
		t.Errorf("%d datagrams, %d and %d were told", n, a.reauthenticates, b.reauthenticates)
	}
	s := w.group()
	if s.Members.Len() != 0 || s.KEK.SPI == before.KEK.SPI || s.Seq != 0 || len(s.TEKs) != 1 || s.TEKs[0].SPI != before.TEKs[0].SPI {
		t.Errorf("%+v", s)
	}
	if !slices.ContainsFunc(w.toISAKMP, func(in isakmp.Input) bool { _, ok := in.(isakmp.Reauthenticate); return ok }) {
		t.Error("the ISAKMP SAs stay")
	}
	a.register(1234)
	if len(a.teks) != 1 || a.teks[0].SPI != before.TEKs[0].SPI || a.kek.SPI != s.KEK.SPI {
		t.Errorf("back with %+v", a.teks)
	}
	w.step(RekeyNow{})
	if n := len(w.takeSends()); n != 1 || a.seq != 1 || b.kek.SPI == s.KEK.SPI {
		t.Errorf("%d datagrams, SEQ %d", n, a.seq)
	}
}
