package member

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"
	"time"

	"coterie/crypto/isakmp"
	"coterie/crypto/suite"
	"coterie/gdoi/policy"
	"coterie/gdoi/wire"
	"coterie/xfrm"

	"github.com/google/go-cmp/cmp"
)

func TestRegistrationLadder(t *testing.T) {
	l := newLab(t)
	l.ks().seq = 7
	l.step(Configure{config()})
	l.wantLogs(
		// GM -> KS   phase 1
		"%CRYPTO-5-GM_REGSTER: Start registration to KS 192.168.111.111 for group GDOI-GROUP1 using address 192.168.11.3 fvrf default ivrf default ")
	if s := l.m.Snapshot(l.now); s.Status != "Registering" || s.Server != ks1 {
		t.Errorf("%s %v", s.Status, s.Server)
	}
	l.run(time.Second)
	// GM -> KS   HASH(1), Ni, ID, our information
	if l.ks().asked != group || l.ks().info == nil || l.ks().info.Version != policy.Version || l.ks().info.Hostname != "CE1" {
		t.Errorf("message 1: %v %+v", l.ks().asked, l.ks().info)
	}
	// KS -> GM   HASH(2), Nr, SA
	// GM -> KS   HASH(3)
	// KS -> GM   HASH(4), SEQ, KD
	if l.accepted != 1 || len(l.refused) != 0 {
		t.Errorf("accepted %d, refused %v", l.accepted, l.refused)
	}
	l.wantLogs(
		"%GDOI-5-SA_TEK_UPDATED: SA TEK was updated",
		"%GDOI-5-SA_KEK_UPDATED: SA KEK was updated",
		"%GDOI-5-GM_REGS_COMPL: Registration to KS 192.168.111.111 complete for group GDOI-GROUP1 using address 192.168.11.3 fvrf default ivrf default ",
		"%GDOI-5-GM_INSTALL_POLICIES_SUCCESS: SUCCESS: Installation of Reg/Rekey policies from KS 192.168.111.111 for group GDOI-GROUP1 & gm identity 192.168.11.3 fvrf default ivrf default")

	g := l.installed
	if g == nil || len(g.SAs) != 1 || g.SAs[0].SPI != 0x1000 || g.Direction != xfrm.Both || g.SAs[0].CipherKey.Len() != 16 {
		t.Fatalf("%+v", g)
	}
	want := []xfrm.Policy{{ACE: acl[0]}, {ACE: acl[1], SPI: 0x1000}}
	if d := cmp.Diff(want, g.Policies, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
		t.Error(d)
	}
	s := l.m.Snapshot(l.now)
	if s.Status != "Registered" || s.Server != ks1 || s.Attempted != 1 || s.Succeeded != 1 || s.LastRekeySeq != 7 ||
		!s.HasKEK || !s.KEK.Unicast || s.KEK.Dst != gm || s.KEK.Src != ks1 || s.KEK.ConnID != 1001 ||
		len(s.TEKs) != 1 || !s.TEKs[0].Outbound || len(s.ACEs) != 2 {
		t.Errorf("%+v", s)
	}
	// max(60 s, 5 %) and up to 2 % of an hour
	if lo, hi := 3600-180-72-1, 3600-180; s.ReRegistersIn < time.Duration(lo)*time.Second || s.ReRegistersIn > time.Duration(hi)*time.Second {
		t.Errorf("re-registers in %v", s.ReRegistersIn)
	}
	if spis := l.m.KEKSPIs(); len(spis) != 1 || spis[0] != l.ks().kek.SPI {
		t.Errorf("%x", spis)
	}
}

func TestForeignServerGetsNoInformation(t *testing.T) {
	l := newLab(t)
	l.ks().foreign = true
	l.register()
	if l.ks().info != nil {
		t.Errorf("%+v", l.ks().info)
	}
}

// Two silent servers: 40 s each, in order, and round again without a pause.
func TestServerListWalk(t *testing.T) {
	l := newLab(t)
	l.dead[ks1], l.dead[ks2] = true, true
	l.step(Configure{config()})
	l.run(81 * time.Second)
	if d := cmp.Diff([]string{ks1.String(), ks2.String(), ks1.String()}, names(l.connects)); d != "" {
		t.Error(d)
	}
	l.wantLogs(
		"%CRYPTO-5-GM_REGSTER: Start registration to KS 192.168.111.111 for group GDOI-GROUP1 using address 192.168.11.3 fvrf default ivrf default ",
		"%GDOI-4-GM_KS_NO_ANSWER: Registration: no answer from KS 192.168.111.111 for group GDOI-GROUP1",
		"%CRYPTO-5-GM_REGSTER: Start registration to KS 192.168.222.222 for group GDOI-GROUP1 using address 192.168.11.3 fvrf default ivrf default ",
		"%GDOI-4-GM_KS_NO_ANSWER: Registration: no answer from KS 192.168.222.222 for group GDOI-GROUP1",
		"%CRYPTO-5-GM_REGSTER: Start registration to KS 192.168.111.111 for group GDOI-GROUP1 using address 192.168.11.3 fvrf default ivrf default ")
	delete(l.dead, ks2)
	l.run(41 * time.Second)
	if s := l.m.Snapshot(l.now); s.Status != "Registered" || s.Server != ks2 || s.Attempted != 4 || s.Failed != 3 {
		t.Errorf("%+v", s)
	}
}

func names(list []netip.Addr) (out []string) {
	for _, a := range list {
		out = append(out, a.String())
	}
	return out
}

// What goes wrong, what the log says, and that the member keeps trying: the
// second server at once, the list again after a pause, until it gets in.
func TestFailures(t *testing.T) {
	attribute := func(sa *wire.SA, typ, v uint16) {
		for i, a := range sa.SAT[1].Attributes {
			if a.Type == typ {
				sa.SAT[1].Attributes[i] = isakmp.Basic(typ, v)
				return
			}
		}
		sa.SAT[1].Attributes = append(sa.SAT[1].Attributes, isakmp.Basic(typ, v))
	}
	rejecting := "%GDOI-4-GM_REJECTING_SA_PAYLOAD: Registration: Policy in SA payload sent by KS 192.168.111.111 rejected by GM in the group GDOI-GROUP1 reason: "
	failed := "%GDOI-4-GM_REGISTRATION_FAILED: Registration: GM 192.168.11.3 is not registered to KS 192.168.111.111 for group GDOI-GROUP1: "
	cases := map[string]struct {
		config func(*Config)
		server func(*fakeServer)
		log    string
		notify int // in Refuse; -1: none
		slow   bool
	}{
		"wrong group number": {server: func(s *fakeServer) { s.notify = wire.NotifyInvalidID }, notify: -1,
			log: failed + "the key server has no group with identity 1234 (INVALID-ID-INFORMATION)"},
		"not authorized": {server: func(s *fakeServer) { s.notify = wire.NotifyAuthenticationFailed }, notify: -1,
			log: failed + "the key server does not authorize address 192.168.11.3 (AUTHENTICATION-FAILED)"},
		"no policy": {server: func(s *fakeServer) { s.notify = wire.NotifyNoProposalChosen }, notify: -1,
			log: failed + "the key server has no policy to offer (NO-PROPOSAL-CHOSEN)"},
		"message 2 missing": {server: func(s *fakeServer) { s.silentAt = 2 }, notify: -1, slow: true,
			log: "%GDOI-4-GM_KS_NO_ANSWER: Registration: no answer from KS 192.168.111.111 for group GDOI-GROUP1"},
		"message 4 missing": {server: func(s *fakeServer) { s.silentAt = 4 }, notify: -1, slow: true,
			log: "%GDOI-4-GM_KS_NO_ANSWER: Registration: no answer from KS 192.168.111.111 for group GDOI-GROUP1"},
		"transform not acceptable": {config: func(c *Config) { c.Transforms = []suite.Transform{{Cipher: suite.ESPAES256, Auth: suite.ESPSHA256}} },
			notify: wire.NotifyNoProposalChosen, log: rejecting + "transform esp-aes esp-sha-hmac is not acceptable"},
		"rekey cipher not acceptable": {config: func(c *Config) { c.RekeyCiphers = []suite.Cipher{suite.AES256} },
			notify: wire.NotifyNoProposalChosen, log: rejecting + "rekey cipher aes 128 is not acceptable"},
		"rekey hash not acceptable": {config: func(c *Config) { c.RekeyHashes = []suite.Hash{suite.SHA512} },
			notify: wire.NotifyNoProposalChosen, log: rejecting + "rekey hash sha256 is not acceptable"},
		"unknown transform": {server: func(s *fakeServer) {
			s.change = func(sa *wire.SA, _ *[]wire.KeyPacket) { sa.SAT[1].Transform = 22 }
		}, notify: wire.NotifyNoProposalChosen, log: rejecting + "SA TEK payload: transform 22 with a key of 128 bits"},
		"unknown attribute": {server: func(s *fakeServer) {
			s.change = func(sa *wire.SA, _ *[]wire.KeyPacket) { attribute(sa, 999, 1) }
		}, notify: wire.NotifyAttributesNotSupported, log: rejecting + "SA TEK payload: unknown attribute"},
		"extended sequence numbers": {server: func(s *fakeServer) {
			s.change = func(sa *wire.SA, _ *[]wire.KeyPacket) { attribute(sa, 11, 1) }
		}, notify: wire.NotifyNoProposalChosen, log: rejecting + "SA TEK payload: extended sequence numbers"},
		"no SATs": {server: func(s *fakeServer) {
			s.change = func(sa *wire.SA, _ *[]wire.KeyPacket) { sa.SAT = nil }
		}, notify: wire.NotifyNoProposalChosen, log: rejecting + "no traffic policy"},
		"keys missing": {server: func(s *fakeServer) {
			s.change = func(_ *wire.SA, kd *[]wire.KeyPacket) { *kd = (*kd)[:1] }
		}, notify: wire.NotifyInvalidKeyInformation, log: rejecting + "KD payload: no keys for SPI 0x1000"},
		"key too short": {server: func(s *fakeServer) {
			s.change = func(_ *wire.SA, kd *[]wire.KeyPacket) { (*kd)[1].Attributes[0].Value = make([]byte, 15) }
		}, notify: wire.NotifyInvalidKeyInformation, log: rejecting + "KD payload: SPI 0x1000 has keys of 15 and 20 octets, not 16 and 20"},
		"KEK missing": {server: func(s *fakeServer) {
			s.change = func(_ *wire.SA, kd *[]wire.KeyPacket) { *kd = (*kd)[1:] }
		}, notify: wire.NotifyInvalidKeyInformation, log: rejecting + "KD payload: no keys for the KEK"},
		"signature key missing": {server: func(s *fakeServer) {
			s.change = func(_ *wire.SA, kd *[]wire.KeyPacket) { (*kd)[0].Attributes = (*kd)[0].Attributes[:1] }
		}, notify: wire.NotifyInvalidKeyInformation, log: rejecting + "KD payload: no signature key"},
		"SEQ missing": {server: func(s *fakeServer) { s.noSEQ = true },
			notify: wire.NotifyPayloadMalformed, log: rejecting + "SEQ payload: missing"},
		"no KD": {server: func(s *fakeServer) {
			s.mangle = func(n int, chain []byte) []byte {
				if n != 4 {
					return chain
				}
				return resealed(s, chain, func(rest []byte) []byte { rest[0] = 0; return rest[:8] })
			}
		}, notify: wire.NotifyPayloadMalformed, log: rejecting + "KD payload: missing"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			cfg := config()
			cfg.Servers = []netip.Addr{ks1}
			if c.config != nil {
				c.config(&cfg)
			}
			if c.server != nil {
				c.server(l.ks())
			}
			l.step(Configure{cfg})
			l.run(50 * time.Second)
			if !l.has(c.log) {
				t.Errorf("log lacks\n%s\nit is\n%s", c.log, strings.Join(l.logs, "\n"))
			}
			s := l.m.Snapshot(l.now)
			if s.Succeeded != 0 || s.Failed == 0 || l.installed != nil || s.Status == "Registered" {
				t.Errorf("%+v", s)
			}
			// Quick failures wait 10 to 15 s: at most five tries in 50 s.
			if lo, hi := uint64(3), uint64(6); !c.slow && (s.Attempted < lo || s.Attempted > hi) {
				t.Errorf("%d attempts in 50 s", s.Attempted)
			}
			if c.notify >= 0 && (len(l.refused) == 0 || int(l.refused[0]) != c.notify) {
				t.Errorf("refused with %v, not %d", l.refused, c.notify)
			}
			// Once it is put right, the member gets in.
			fresh := newFakeServer(t, l)
			l.server[ks1] = fresh
			if c.config != nil {
				cfg := config()
				cfg.Hostname = "renamed" // not by itself a reason to register
				l.step(Configure{cfg})
			}
			l.run(60 * time.Second)
			if s := l.m.Snapshot(l.now); s.Status != "Registered" {
				t.Errorf("still %s\n%s", s.Status, strings.Join(l.logs, "\n"))
			}
		})
	}
}

// resealed rewrites what is behind HASH and hashes it again.
func resealed(s *fakeServer, chain []byte, change func([]byte) []byte) []byte {
	n := int(binary.BigEndian.Uint16(chain[2:]))
	rest := change(append([]byte(nil), chain[n:]...))
	hash := testPRF(binary.BigEndian.AppendUint32(nil, s.l.m.try.mid), s.ni, s.nr, rest)
	out := append([]byte(nil), chain[:4]...)
	out = append(out, hash...)
	return append(out, rest...)
}

// A wrong HASH is dropped and the true message still counts.
func TestWrongHash(t *testing.T) {
	l := newLab(t)
	l.ks().breakHash = true
	l.step(Configure{config()})
	l.run(time.Second)
	if !l.has("%GDOI-4-GM_HASH_FAIL: Registration: Bad(No) hash in message sent by the KS 192.168.111.111 to the GM 192.168.11.3") {
		t.Errorf("%v", l.logs)
	}
	if len(l.refused) != 1 || l.refused[0] != 0 || l.m.Snapshot(l.now).Counters.HashFail != 1 || l.m.try == nil {
		t.Fatalf("refused %v", l.refused)
	}
	l.ks().breakHash = false
	mid := l.m.try.mid
	l.isakmpResend(mid)
	l.run(time.Second)
	if s := l.m.Snapshot(l.now); s.Status != "Registered" {
		t.Error(s.Status)
	}
}

// isakmpResend has the server answer message 1 again.
func (l *lab) isakmpResend(mid uint32) {
	first, chain, err := wire.BuildPull1(testPRF, mid, wire.Pull1{Nonce: l.m.try.ni, ID: wire.GroupIdentity(group)})
	if err != nil {
		l.t.Fatal(err)
	}
	l.ks().answer(isakmp.Exchange2{SA: l.m.try.sa.ID, MessageID: mid, First: first, Payloads: chain})
}

func TestPhaseOneFailureIsNamed(t *testing.T) {
	for reason, want := range map[string]string{
		isakmp.ReasonNoAnswer:       "GM_KS_NO_ANSWER",
		isakmp.ReasonAuthentication: "GM_REGISTRATION_FAILED: Registration: GM 192.168.11.3 is not registered to KS 192.168.111.111 for group GDOI-GROUP1: authentication failed",
		isakmp.ReasonNoKey:          "group GDOI-GROUP1: no pre-shared key",
	} {
		l := newLab(t)
		l.dead[ks1], l.dead[ks2] = true, true
		l.timers = nil
		l.step(Configure{config()})
		l.timers = nil
		l.step(PhaseOneFailed{isakmp.PhaseOneFailed{Reason: reason}})
		if !l.has(want) {
			t.Errorf("%s: %v", reason, l.logs)
		}
	}
}

func TestIncomplete(t *testing.T) {
	l := newLab(t)
	cfg := config()
	cfg.Incomplete = "identity is not configured"
	l.step(Configure{cfg})
	l.run(10 * time.Minute)
	l.wantLogs("%GDOI-3-GM_INCOMPLETE_CFG: Registration: incomplete config for group GDOI-GROUP1: identity is not configured")
	if len(l.connects) != 0 {
		t.Error("registers")
	}
	l.step(Configure{config()})
	l.run(time.Second)
	if s := l.m.Snapshot(l.now); s.Status != "Registered" {
		t.Error(s.Status)
	}
	l.step(Configure{cfg})
	if l.installed != nil || l.removed != 1 {
		t.Error("keys of a group that is no more")
	}
}

func TestInstallFails(t *testing.T) {
	l := newLab(t)
	l.install = errDataplane
	l.step(Configure{config()})
	l.run(5 * time.Second)
	if !l.has("%GDOI-3-GM_FAILED_TO_INSTALL_POLICIES: FAILED: Installation of Reg/Rekey policies from KS 192.168.111.111 for group GDOI-GROUP1 & gm identity 192.168.11.3") ||
		l.has("GM_REGS_COMPL") || l.accepted != 0 {
		t.Errorf("%v", l.logs)
	}
	if s := l.m.Snapshot(l.now); s.Status != "Not Registered" || len(s.TEKs) != 0 {
		t.Errorf("%+v", s)
	}
	l.install = nil
	l.run(30 * time.Second)
	if s := l.m.Snapshot(l.now); s.Status != "Registered" {
		t.Error(s.Status)
	}
}

// The configuration changes: only group, servers and source count.
func TestConfigureAgain(t *testing.T) {
	l := newLab(t)
	l.register()
	cfg := config()
	cfg.Hostname, cfg.Interfaces = "other", []string{"Ethernet0/1"}
	l.step(Configure{cfg})
	l.run(time.Second)
	if len(l.connects) != 1 || l.installs != 1 {
		t.Errorf("%d connects, %d installs", len(l.connects), l.installs)
	}
	cfg.Passive = true
	l.step(Configure{cfg})
	if l.installed.Direction != xfrm.InboundOptional || len(l.connects) != 1 {
		t.Errorf("%+v", l.installed)
	}
	cfg.Servers = []netip.Addr{ks2, ks1}
	l.step(Configure{cfg})
	if l.installed == nil { // old keys work until the new ones are there
		t.Error("removed")
	}
	l.run(time.Second)
	if len(l.connects) != 2 || l.connects[1] != ks2 || l.removed != 0 {
		t.Errorf("%v", l.connects)
	}
	cfg.ID.Number++
	l.step(Configure{cfg})
	if l.installed != nil || l.removed != 1 {
		t.Error("the other group's keys stay")
	}
}

func TestClearAndStop(t *testing.T) {
	l := newLab(t)
	l.register()
	l.step(Clear{})
	if l.removed != 1 || l.installed != nil {
		t.Error("not removed")
	}
	l.wantLogs(
		"%GDOI-5-GM_CLEAR_REGISTER: Config: GM cleared from the group GDOI-GROUP1.",
		"%GDOI-4-GM_RE_REGISTER: The IPSec SA created for group GDOI-GROUP1 may have expired/been cleared, or didn't go through. Re-register to KS.",
		"%CRYPTO-5-GM_REGSTER: Start registration to KS 192.168.111.111 for group GDOI-GROUP1 using address 192.168.11.3 fvrf default ivrf default ")
	l.run(time.Second)
	if s := l.m.Snapshot(l.now); s.Status != "Registered" || s.Succeeded != 2 {
		t.Errorf("%+v", s)
	}
	key := l.m.teks[0].CipherKey
	l.step(Stop{})
	if l.installed != nil || !l.m.Next().IsZero() || len(l.m.KEKSPIs()) != 0 {
		t.Error("does not stop")
	}
	for _, x := range key.Reveal() {
		if x != 0 {
			t.Fatal("the key is not wiped")
		}
	}
	l.step(Configure{config()})
	if len(l.m.Drain()) != 0 {
		t.Error("stirs after Stop")
	}
}

func TestDirection(t *testing.T) {
	l := newLab(t)
	tek := l.ks().teks[0]
	tek.ReceiveOnly = true
	l.ks().teks[0] = tek
	l.register()
	if l.installed.Direction != xfrm.InboundOnly {
		t.Errorf("receive-only gives %v", l.installed.Direction)
	}
	both := xfrm.Both
	l.step(Direction{&both})
	if l.installed.Direction != xfrm.Both || l.m.Snapshot(l.now).Direction != xfrm.Both {
		t.Error("override")
	}
	l.step(Direction{})
	if l.installed.Direction != xfrm.InboundOnly {
		t.Error("override does not end")
	}
}

// No rekey comes: the member registers again before its TEK ends, keeps its
// keys meanwhile, and says GM_RE_REGISTER only when they are gone.
func TestReRegistration(t *testing.T) {
	l := newLab(t)
	l.register()
	first := l.m.Snapshot(l.now).ReRegistersIn
	l.run(first - time.Second)
	l.wantLogs()
	l.ks().teks = []policy.TEK{l.ks().newTEK(1, 0x2000, time.Hour), l.ks().teks[0]}
	l.run(2 * time.Second)
	if l.has("GM_RE_REGISTER") || !l.has("GM_REGS_COMPL") {
		t.Errorf("%v", l.logs)
	}
	if d := cmp.Diff([]uint32{0x2000, 0x1000}, l.inbound()); d != "" || l.outbound() != 0x2000 || l.removed != 0 {
		t.Errorf("%s outbound %x", d, l.outbound())
	}
	l.logs = nil

	l.dead[ks1], l.dead[ks2] = true, true
	l.run(time.Hour)
	if n := strings.Count(strings.Join(l.logs, "\n"), "GM_RE_REGISTER"); n != 1 || l.installed != nil {
		t.Errorf("%d times GM_RE_REGISTER", n)
	}
	if s := l.m.Snapshot(l.now); s.Status != "Registering" || len(s.TEKs) != 0 || s.HasKEK {
		t.Errorf("%+v", s)
	}
	l.dead = nil
	l.ks().teks = []policy.TEK{l.ks().newTEK(1, 0x3000, time.Hour)}
	l.run(2 * time.Minute)
	if s := l.m.Snapshot(l.now); s.Status != "Registered" {
		t.Error(s.Status)
	}
}

// The KEK ends first: the member registers for it.
func TestReRegistrationForKEK(t *testing.T) {
	l := newLab(t)
	l.ks().kek = l.ks().newKEK(1, 10*time.Minute)
	l.register()
	if in := l.m.Snapshot(l.now).ReRegistersIn; in > 9*time.Minute || in < 8*time.Minute {
		t.Errorf("re-registers in %v", in)
	}
}

// A TEK about to end when the member joins does not make it spin.
func TestShortLife(t *testing.T) {
	l := newLab(t)
	l.ks().teks[0] = l.ks().newTEK(1, 0x1000, 61*time.Second)
	l.register()
	l.run(55 * time.Second)
	if n := len(l.connects); n > 4 {
		t.Errorf("%d registrations in 56 s", n)
	}
}
