package keyserver

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"coterie/crypto/isakmp"
	"coterie/crypto/suite"
	"coterie/gdoi/policy"
	"coterie/gdoi/wire"
	"coterie/xfrm"
)

func TestRegistrationLadder(t *testing.T) {
	g := testGroup()
	g.SAs[0].ACEs = []xfrm.ACE{ace(false, 6), ace(true, 0)}
	w := newWorld(t, g)
	w.wantLogs("%GDOI-5-KS_GROUP_ADD: Config: Group GDOI-GROUP1 added",
		"%GDOI-5-KS_REKEY_TRANS_2_UNI: Group GDOI-GROUP1 transitioned to Unicast Rekey.")
	w.run(100 * time.Second)
	r2 := w.newMember(2)

	// GM --> KS  HASH(1), Ni, ID;  KS --> GM  HASH(2), Nr, SA
	if !r2.pull1(1234) {
		t.Fatal("refused")
	}
	k := r2.offered.KEK
	if k == nil || k.Cipher != suite.AES256 || k.SigHash != suite.SHA256 || k.Lifetime != 24*time.Hour-100*time.Second || !k.AckWanted {
		t.Errorf("KEK offered: %+v", k)
	}
	if !r2.offered.Unicast() || r2.offered.Server != netip.AddrPortFrom(serverAddr, 848) {
		t.Errorf("rekeys from %v to %v", r2.offered.Server, r2.offered.Rekey)
	}
	if n := len(r2.offered.TEKs); n != 1 {
		t.Fatalf("%d TEKs offered", n)
	}
	tek := r2.offered.TEKs[0]
	if tek.Lifetime != time.Hour-100*time.Second || tek.SA != 1 || len(tek.ACEs) != 2 || tek.ACEs[0].Permit || !tek.ACEs[1].Permit || tek.ACEs[0].Protocol != 6 {
		t.Errorf("TEK offered: %+v", tek)
	}
	if w.group().Members.Len() != 0 || len(w.logs) != 0 {
		t.Errorf("a member before HASH(3): %v %v", w.group().Members.Len(), w.logs)
	}

	// GM --> KS  HASH(3);  KS --> GM  HASH(4), SEQ, KD
	if !r2.pull3() {
		t.Fatal("refused")
	}
	w.wantLogs("%GDOI-6-KS_FIRST_GM: Re-key: First GM 10.0.0.2 seen by KS in the group GDOI-GROUP1.",
		"%GDOI-5-KS_REGS_COMPL: KS completed successful registration in group GDOI-GROUP1 with GM 10.0.0.2.")
	live := w.m.groups[0]
	if r2.seq != 0 || !r2.kek.Key.Equal(live.kek.Key) || !r2.kek.IV.Equal(live.kek.IV) || !bytes.Equal(r2.kek.SigKey, g.Rekey.SPKI) {
		t.Error("KEK delivered is not the live one with SEQ 0")
	}
	if !r2.teks[0].CipherKey.Equal(live.teks[0].CipherKey) || !r2.teks[0].AuthKey.Equal(live.teks[0].AuthKey) {
		t.Error("TEK delivered is not the live one")
	}
	got, ok := w.group().Members.Get(memberAddr(2))
	want := MemberSnapshot{Address: memberAddr(2), Remote: r2.sa.Remote, Version: "1.0.27", Hostname: "R2", Registered: w.now}
	if !ok || got != want {
		t.Errorf("member %+v, want %+v", got, want)
	}

	// A second member is not the first, and the same one again is no other.
	w.newMember(3).register(1234)
	r2.register(1234)
	w.wantLogs("%GDOI-5-KS_REGS_COMPL: KS completed successful registration in group GDOI-GROUP1 with GM 10.0.0.3.",
		"%GDOI-5-KS_REGS_COMPL: KS completed successful registration in group GDOI-GROUP1 with GM 10.0.0.2.")
	if n := w.group().Members.Len(); n != 2 {
		t.Errorf("%d members", n)
	}
}

// Every refusal: the notify to the peer, the line in the log, the counter.
func TestRefusals(t *testing.T) {
	standard := func(addr string) []xfrm.ACE {
		a := netip.MustParseAddr(addr)
		return []xfrm.ACE{{Permit: true, Src: xfrm.Match{Addr: a, Mask: netip.MustParseAddr("255.255.255.255")}}}
	}
	tests := []struct {
		name   string
		edit   func(*Group)
		peer   func(*member)
		number uint32
		notify uint16
		log    []string
		count  func(Counters) uint64
	}{
		{"unknown group", nil, nil, 99, wire.NotifyInvalidID,
			[]string{"%GDOI-3-KS_BAD_ID: Registration: Group ID config mismatch between KS and the GM 10.0.0.2, with group identity 99"},
			func(c Counters) uint64 { return c.UnknownGroup }},
		{"not authorized", func(g *Group) { g.Authorized = standard("10.0.0.3") }, nil, 1234, wire.NotifyAuthenticationFailed,
			[]string{"%GDOI-1-UNAUTHORIZED_IPADDR: Group GDOI-GROUP1 received registration from unauthorized ip address: 10.0.0.2"},
			func(c Counters) uint64 { return c.Unauthorized }},
		{"empty authorization list", func(g *Group) { g.Authorized = []xfrm.ACE{} }, nil, 1234, wire.NotifyAuthenticationFailed,
			[]string{"%GDOI-1-UNAUTHORIZED_IPADDR: Group GDOI-GROUP1 received registration from unauthorized ip address: 10.0.0.2"},
			func(c Counters) uint64 { return c.Unauthorized }},
		{"incomplete", func(g *Group) { g.Incomplete = "transform-set TS of profile P does not exist" }, nil, 1234, wire.NotifyNoProposalChosen,
			[]string{"%GDOI-3-KS_INCOMPLETE_CFG: Key server of group GDOI-GROUP1 cannot serve: transform-set TS of profile P does not exist"}, nil},
		{"counter mode", func(g *Group) { g.SAs[0].Transform = suite.Transform{Cipher: suite.ESPGCM256} }, nil, 1234, wire.NotifyNoProposalChosen,
			[]string{"%GDOI-3-KS_NO_SID_AVAILABLE: GMs for group GDOI-GROUP1 need SIDs but this KS has no KS SIDs configured or no more SIDs available."}, nil},
		{"time-based anti-replay and a foreign member", func(g *Group) {
			g.SAs[0].Replay = policy.Replay{Method: policy.ReplayTime, TimeWindow: 5 * time.Second}
		},
			func(m *member) { m.sa.Foreign, m.sa.Capabilities = true, 0 }, 1234, wire.NotifyNoProposalChosen,
			[]string{"%GDOI-4-REJECT_GM_VERSION_REGISTER: Reject registration of GM 10.0.0.2 in group GDOI-GROUP1 as it does not support these GETVPN features enabled: Time Based Anti-Replay"}, nil},
		{"long lifetime and a foreign member", func(g *Group) { g.SAs[0].Lifetime = 25 * time.Hour },
			func(m *member) { m.sa.Foreign, m.sa.Capabilities = true, 0 }, 1234, wire.NotifyNoProposalChosen,
			[]string{"%GDOI-4-REJECT_GM_VERSION_REGISTER: Reject registration of GM 10.0.0.2 in group GDOI-GROUP1 as it does not support these GETVPN features enabled: Long SA Lifetime"}, nil},
		{"long lifetime without AES", func(g *Group) {
			g.SAs[0].Lifetime, g.SAs[0].Transform.Cipher = 25*time.Hour, suite.ESP3DES
		}, nil, 1234, wire.NotifyNoProposalChosen,
			[]string{"%GDOI-3-KS_INCOMPLETE_CFG: Key server of group GDOI-GROUP1 cannot serve: a lifetime of more than a day needs a transform with AES"}, nil},
		{"long rekey lifetime without AES", func(g *Group) {
			g.Rekey.Lifetime, g.Rekey.Cipher = 25*time.Hour, suite.TripleDES
		}, nil, 1234, wire.NotifyNoProposalChosen,
			[]string{"%GDOI-3-KS_INCOMPLETE_CFG: Key server of group GDOI-GROUP1 cannot serve: a rekey lifetime of more than a day needs rekey algorithm aes"}, nil},
		{"time-based anti-replay without integrity", func(g *Group) {
			g.SAs[0].Transform.Auth, g.SAs[0].Replay = suite.ESPAuthNone, policy.Replay{Method: policy.ReplayTime, TimeWindow: time.Second}
		}, nil, 1234, wire.NotifyNoProposalChosen,
			[]string{"%GDOI-3-KS_INCOMPLETE_CFG: Key server of group GDOI-GROUP1 cannot serve: replay time needs a transform with integrity"}, nil},
		{"deny entries and a foreign member", func(g *Group) { g.SAs[0].ACEs = []xfrm.ACE{ace(false, 17), tcpPorts(80, 112)} },
			func(m *member) { m.sa.Foreign, m.sa.Capabilities = true, 0 }, 1234, wire.NotifyNoProposalChosen,
			[]string{"%GDOI-4-REJECT_GM_VERSION_REGISTER: Reject registration of GM 10.0.0.2 in group GDOI-GROUP1 as it does not support these GETVPN features enabled: deny entries or port ranges of access-list getvpn-acl (it has a range of more than 32 ports)"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := testGroup()
			if tt.edit != nil {
				tt.edit(&g)
			}
			w := newWorld(t, g)
			m := w.newMember(2)
			if tt.peer != nil {
				tt.peer(m)
			}
			w.run(time.Minute)
			w.takeLogs()
			if m.register(tt.number) {
				t.Fatal("registered")
			}
			if len(w.refused) != 1 || w.refused[0].Notify != tt.notify {
				t.Errorf("refused %+v, want notify %d", w.refused, tt.notify)
			}
			w.wantLogs(tt.log...)
			if tt.count != nil && tt.count(w.m.counters) != 1 {
				t.Errorf("counters %+v", w.m.counters)
			}
			if w.group().Members.Len() != 0 {
				t.Error("a member all the same")
			}
			// Quiet about the same thing for a while, then a reminder.
			m.register(tt.number)
			w.wantLogs()
			w.run(quietIncomplete)
			m.register(tt.number)
			w.wantLogs(tt.log...)
		})
	}
}

func TestWrongHashes(t *testing.T) {
	w := newWorld(t, testGroup())
	w.takeLogs()
	m := w.newMember(2)
	good := m.sa.PRF
	bad := func(p ...[]byte) []byte { h := good(p...); h[0] ^= 1; return h }

	// HASH(1) made with another key: dropped and said once.
	_, chain, _ := wire.BuildPull1(bad, 7, wire.Pull1{Nonce: make([]byte, 20), ID: wire.GroupIdentity(policy.GroupID{Number: 1234})})
	m.mid = 7
	m.send(wire.PayloadHash, chain)
	if w.answer != nil || len(w.refused) != 1 || w.refused[0].Notify != 0 || w.m.counters.HashFail != 1 {
		t.Fatalf("answer %v refused %+v %+v", w.answer, w.refused, w.m.counters)
	}
	w.wantLogs("%GDOI-4-KS_HASH_FAIL: Registration: Bad(No) Hash in Message sent by the GM 10.0.0.2 to KS 192.168.1.254")

	// HASH(3): silence, and the registration stays open for the right one.
	w.run(time.Minute)
	if !m.pull1(1234) {
		t.Fatal("refused")
	}
	_, chain, _ = wire.BuildPull3(bad, m.mid, m.ni, m.nr, wire.Pull3{})
	m.send(wire.PayloadHash, chain)
	if w.answer != nil || w.refused[1].Notify != 0 || w.group().Members.Len() != 0 {
		t.Fatalf("answer %v refused %+v", w.answer, w.refused)
	}
	w.wantLogs("%GDOI-4-KS_HASH_FAIL: Registration: Bad(No) Hash in Message sent by the GM 10.0.0.2 to KS 192.168.1.254")
	if !m.pull3() || w.group().Members.Len() != 1 {
		t.Error("the right HASH(3) is refused after a wrong one")
	}

	// A registration is not kept for ever.
	m.pull1(1234)
	w.run(2 * time.Minute)
	if m.pull3() {
		t.Error("a registration finished after two minutes")
	}
}

func TestAuthorizationByAddress(t *testing.T) {
	g := testGroup()
	g.Authorized = []xfrm.ACE{
		{Permit: false, Src: xfrm.Match{Addr: memberAddr(5), Mask: netip.MustParseAddr("255.255.255.255")}},
		{Permit: true, Src: xfrm.Match{Addr: netip.MustParseAddr("10.0.0.4"), Mask: netip.MustParseAddr("255.255.255.252")}},
	}
	w := newWorld(t, g)
	for i, want := range map[int]bool{3: false, 4: true, 5: false, 7: true, 8: false} {
		if got := w.newMember(i).register(1234); got != want {
			t.Errorf("%v registered: %v, want %v", memberAddr(i), got, want)
		}
	}
}

// Two groups share one phase 1; the group's number decides.
func TestGroupsAreToldApart(t *testing.T) {
	a, b := testGroup(), testGroup()
	b.Name, b.ID = "GDOI-GROUP2", policy.GroupID{Number: 6789}
	w := newWorld(t, a, b)
	m := w.newMember(2)
	if !m.register(1234) {
		t.Fatal("refused")
	}
	first := m.kek.SPI
	if !m.register(6789) || m.kek.SPI == first {
		t.Error("two groups, one KEK")
	}
	for _, g := range w.m.Snapshot(w.now).Groups {
		if g.Members.Len() != 1 {
			t.Errorf("%s has %d members", g.Config.Name, g.Members.Len())
		}
	}
	// `identity address ipv4`
	c := testGroup()
	c.ID = policy.GroupID{Address: netip.MustParseAddr("1.2.3.4")}
	w = newWorld(t, c)
	m = w.newMember(2)
	m.mid++
	m.ni = make([]byte, 20)
	first8, chain, _ := wire.BuildPull1(m.sa.PRF, m.mid, wire.Pull1{Nonce: m.ni, ID: wire.GroupIdentity(c.ID)})
	m.send(first8, chain)
	if w.answer == nil {
		t.Errorf("a group named by address is not found: %v", w.logs)
	}
}

// A member that registers while a rekey is made gets that rekey, too.
func TestRekeyDuringRegistration(t *testing.T) {
	for _, kek := range []bool{false, true} {
		w := newWorld(t, testGroup())
		other := w.newMember(3)
		other.register(1234)
		m := w.newMember(2)
		m.pull1(1234)
		if kek {
			g := testGroup()
			g.Rekey.Lifetime /= 2
			w.configure(g)
		}
		w.step(RekeyNow{})
		if !m.pull3() {
			t.Fatal("refused")
		}
		w.run(2 * time.Second)
		if !m.holds(w.group().TEKs[0].SPI) || m.kek.SPI != w.m.groups[0].kek.SPI {
			t.Errorf("KEK changed %v: the member has SPI %x under KEK %s, the group %x under %s", kek,
				m.teks[0].SPI, spiText(m.kek.SPI), w.group().TEKs[0].SPI, spiText(w.m.groups[0].kek.SPI))
		}
		if got, _ := w.group().Members.Get(memberAddr(2)); got.AcksRcvd != 1 {
			t.Errorf("acknowledged: %+v", got)
		}
	}
}

func TestMemberRejectsPolicy(t *testing.T) {
	w := newWorld(t, testGroup())
	m := w.newMember(2)
	m.pull1(1234)
	w.takeLogs()
	w.step(Notified{isakmp.Notified{SA: m.sa, Type: wire.NotifyNoProposalChosen}})
	w.wantLogs("%GDOI-4-KS_GM_REJECTS_SA_PAYLOAD: Registration: GM 10.0.0.2 rejected a policy in the SA proposal sent by KS in the group GDOI-GROUP1.")
	w.step(Notified{isakmp.Notified{SA: m.sa, Type: 24578}})
	w.wantLogs()
}

// Unfinished registrations are bounded, and the oldest go first.
func TestUnfinishedRegistrationsAreBounded(t *testing.T) {
	p := newPulls()
	for i := range maxPulls + 100 {
		p.add(start, &pull{key: pullKey{1, uint32(i)}})
	}
	if len(p.byKey) != maxPulls || len(p.queue) != maxPulls || p.byKey[pullKey{1, 99}] != nil || p.byKey[pullKey{1, 100}] == nil {
		t.Errorf("%d kept", len(p.byKey))
	}
	p.expire(start.Add(pullLife))
	if len(p.byKey) != 0 || len(p.queue) != 0 {
		t.Errorf("%d kept after their time", len(p.byKey))
	}
}

func tcpPorts(lo, hi uint16) xfrm.ACE {
	a := ace(true, 6)
	a.Dst.Ports = xfrm.PortRange{Lo: lo, Hi: hi}
	return a
}

// A key server that was told to rekey in a loop still has an offer that a
// message holds: the newest generations.
func TestOfferAfterManyRekeys(t *testing.T) {
	w := newWorld(t, testGroup())
	for range 400 {
		w.step(RekeyNow{})
		w.run(time.Millisecond)
	}
	gm := w.newMember(2)
	if !gm.pull1(1234) || !gm.pull3() {
		t.Fatal("refused")
	}
	if n := len(gm.offered.TEKs); n != 1+maxOlder {
		t.Errorf("%d generations offered", n)
	}
	if live := w.m.groups[0].teks; gm.offered.TEKs[0].SPI != live[0].SPI || len(live) != 401 {
		t.Errorf("%d live, the newest is not first", len(live))
	}
}

// An identity is that of the group that can serve it, whatever their names.
func TestIdentityOfIncompleteGroup(t *testing.T) {
	a := testGroup()
	a.Name, a.Incomplete = "A", "its identity is that of another group"
	w := newWorld(t, a, testGroup())
	if !w.newMember(2).register(1234) {
		t.Errorf("refused: %q", w.takeLogs())
	}
}
