package member

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"coterie/crypto/suite"
	"coterie/gdoi/policy"
	"coterie/gdoi/wire"
	"coterie/xfrm"

	"github.com/google/go-cmp/cmp"
)

// receive-only -> passive -> both, as an operator moves a live group.
func TestMigrationLadder(t *testing.T) {
	l := newLab(t)
	s := l.ks()
	s.teks[0].ReceiveOnly = true
	l.step(Configure{config()})
	l.run(time.Second)
	direction := func(want xfrm.Direction) {
		t.Helper()
		if l.installed.Direction != want {
			t.Errorf("direction %d, want %d", l.installed.Direction, want)
		}
	}
	// KS: sa receive-only
	direction(xfrm.InboundOnly)
	if !strings.HasPrefix(l.logs[len(l.logs)-1], "%GDOI-5-GM_SA_INGRESS: Receive only ACL received from KS 192.168.111.111 in group GDOI-GROUP1.") {
		t.Errorf("%q", l.logs)
	}
	l.logs = nil
	// GM: passive
	cfg := config()
	cfg.Passive = true
	l.step(Configure{cfg})
	direction(xfrm.InboundOptional)
	l.wantLogs()
	// GM: crypto gdoi gm group G ipsec direction both
	both := xfrm.Both
	l.step(Direction{&both})
	direction(xfrm.Both)
	l.wantLogs("%GDOI-5-GM_CONV_SA_DUPLEX_LOCAL: IPSec SAs converted to Duplex in group GDOI-GROUP1 on a GM by a local event.")
	l.step(Direction{&both})
	l.wantLogs()
	// The override lives until the next registration ...
	l.m.again(l.now)
	l.step(Tick{})
	l.run(time.Second)
	direction(xfrm.InboundOptional)
	// ... or `clear crypto gdoi`.
	only := xfrm.InboundOnly
	l.step(Direction{&only})
	direction(xfrm.InboundOnly)
	l.step(Clear{})
	l.run(time.Second)
	direction(xfrm.InboundOptional)
	// KS: no sa receive-only, and a rekey
	l.logs = nil
	s.roll(0x2000)
	l.push(s.rekey(s.kek, s.pushPolicy(false)))
	if l.logs[len(l.logs)-1] != "%GDOI-5-GM_CONV_SA_DUPLEX: IPSec SAs converted to Duplex in group GDOI-GROUP1 on the GM." {
		t.Errorf("%q", l.logs)
	}
	// GM: no passive
	l.logs = nil
	l.step(Configure{config()})
	direction(xfrm.Both)
	l.wantLogs("%GDOI-5-GM_CONV_SA_DUPLEX_LOCAL: IPSec SAs converted to Duplex in group GDOI-GROUP1 on a GM by a local event.")
	if l.removed != 1 { // by clear
		t.Errorf("removed %d times", l.removed)
	}
}

// Rekeys that change from unicast to multicast and back, and the multicast
// group that the member is in meanwhile.
func TestTransportLadder(t *testing.T) {
	l := newLab(t)
	s := l.ks()
	l.register()
	// KS -> GM   a KEK for 239.10.10.1
	old := s.kek
	s.kek = s.newKEK(2, 24*time.Hour)
	s.rekeyTo = netip.MustParseAddrPort("239.10.10.1:848")
	l.push(s.rekey(old, s.pushPolicy(true)))
	if !l.has("%GDOI-5-GM_REKEY_TRANS_2_MULTI: Group GDOI-GROUP1 transitioned to Multicast Rekey.") {
		t.Errorf("%q", l.logs)
	}
	if d := cmp.Diff([]string{"239.10.10.1:848"}, joins(l)); d != "" {
		t.Error(d)
	}
	// The acknowledgement of a multicast rekey leaves from the registration
	// address.
	l.sent = nil
	s.seq = 0
	s.roll(0x2000)
	l.step(Push{netip.MustParseAddrPort("239.10.10.1:848"), netip.AddrPortFrom(ks1, 848), s.rekey(s.kek, s.pushPolicy(false))})
	if len(l.sent) != 0 {
		t.Error("acknowledged at once")
	}
	l.run(ackSpread)
	l.ack(0)
	if got := l.sent[0]; got.Local != netip.AddrPortFrom(gm, 848) || got.Remote.Addr() != ks1 {
		t.Errorf("%v -> %v", got.Local, got.Remote)
	}
	// KS -> GM   a KEK for another group of addresses
	old = s.kek
	s.kek = s.newKEK(3, 24*time.Hour)
	s.rekeyTo = netip.MustParseAddrPort("239.10.10.2:849")
	l.push(s.rekey(old, s.pushPolicy(true)))
	// KS -> GM   and one for unicast
	l.logs = nil
	old = s.kek
	s.kek = s.newKEK(4, 24*time.Hour)
	s.rekeyTo, s.seq = netip.AddrPort{}, 0
	l.push(s.rekey(old, s.pushPolicy(true)))
	if !l.has("%GDOI-5-GM_REKEY_TRANS_2_UNI: Group GDOI-GROUP1 transitioned to Unicast Rekey.") {
		t.Errorf("%q", l.logs)
	}
	want := []string{"239.10.10.1:848", "invalid AddrPort", "239.10.10.2:849", "invalid AddrPort"}
	if d := cmp.Diff(want, joins(l)); d != "" {
		t.Error(d)
	}
}

func joins(l *lab) (out []string) {
	for _, j := range l.joins {
		out = append(out, j.String())
	}
	return out
}

// A member that leaves, leaves the multicast group too; one that is told to
// leave at once still acknowledges that.
func TestMulticastLeave(t *testing.T) {
	l := newLab(t)
	s := l.ks()
	s.rekeyTo = netip.MustParseAddrPort("239.10.10.1:848")
	l.register()
	s.seq++
	l.push(s.signed(s.kek, wire.Push{Seq: s.seq, Deletes: []wire.Delete{wire.DeleteTEKs(), wire.DeleteKEK([16]byte{})}}, s.key))
	if d := cmp.Diff([]string{"239.10.10.1:848", "invalid AddrPort"}, joins(l)); d != "" {
		t.Error(d)
	}
	l.run(removalSpread + time.Second)
	if len(l.sent) != 1 || len(l.joins) != 3 {
		t.Errorf("%d acknowledgements, %v", len(l.sent), joins(l))
	}
	l.logs = nil
	l.step(Stop{})
	if len(l.joins) != 4 || l.joins[3].IsValid() {
		t.Errorf("%v", joins(l))
	}
	l.wantLogs("%GDOI-5-GM_UNREGISTER: GM left the group GDOI-GROUP1.")
}

// The multicast group is joined again when the configuration says another
// place for it; no other change of the configuration does that.
func TestJoinMoves(t *testing.T) {
	l := newLab(t)
	const at = "239.10.10.1:848"
	l.ks().rekeyTo = netip.MustParseAddrPort(at)
	c := config()
	want := []string{at}
	check := func(what string) {
		t.Helper()
		l.step(Configure{c})
		l.run(time.Second)
		if d := cmp.Diff(want, joins(l)); d != "" {
			t.Errorf("%s: %s", what, d)
		}
	}
	check("the first registration")
	c.Passive = true
	check("passive")
	c.RegistrationInterface = "Loopback0"
	want = append(want, at)
	check("another registration interface")
	c.Interfaces = []string{"Ethernet0/1"}
	want = append(want, at)
	check("another interface with the map")
	c.VRF = "FRONT"
	want = append(want, at)
	check("another VRF")
	c.Incomplete, c.Interfaces = "identity is not configured", []string{"Ethernet0/2"}
	want = append(want, "invalid AddrPort")
	check("incomplete")
}

// A filter refuses a rekey once, keeps what is held and asks the next server.
func TestFilteredRekeys(t *testing.T) {
	for name, c := range map[string]struct {
		config Config
		log    string
		change func(*fakeServer)
	}{
		"transform": {Config{Transforms: []suite.Transform{{Cipher: suite.ESPAES128, Auth: suite.ESPSHA1}}},
			"%GDOI-5-GM_REKEY_TRANSFORMSET_CHECK_FAIL: The transformset (esp-256-aes esp-sha256-hmac) for data-protection in group GDOI-GROUP1 is unacceptable by this client.",
			func(s *fakeServer) {
				t := s.newTEK(1, 0x2000, time.Hour)
				t.Transform = suite.Transform{Cipher: suite.ESPAES256, Auth: suite.ESPSHA256}
				t.CipherKey, t.AuthKey = secretOf(make([]byte, 32)), secretOf(make([]byte, 32))
				s.teks = []policy.TEK{t}
			}},
		"cipher": {Config{RekeyCiphers: []suite.Cipher{suite.AES128}},
			"%GDOI-5-GM_REKEY_CIPHER_HASH_CHECK_FAIL: The Rekey cipher/hash used in group GDOI-GROUP1 is unacceptable by this client.",
			func(s *fakeServer) {
				s.kek = s.newKEK(2, time.Hour)
				s.kek.Cipher, s.kek.Key = suite.AES256, secretOf(make([]byte, 32))
			}},
		"hash": {Config{RekeyHashes: []suite.Hash{suite.SHA256}},
			"%GDOI-5-GM_REKEY_CIPHER_HASH_CHECK_FAIL: The Rekey cipher/hash used in group GDOI-GROUP1 is unacceptable by this client.",
			func(s *fakeServer) {
				s.kek = s.newKEK(2, time.Hour)
				s.kek.SigHash = suite.SHA1
			}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			cfg := config()
			cfg.Transforms, cfg.RekeyCiphers, cfg.RekeyHashes = c.config.Transforms, c.config.RekeyCiphers, c.config.RekeyHashes
			l.step(Configure{cfg})
			l.run(time.Second)
			l.logs = nil
			old, before := l.ks().kek, l.installed
			c.change(l.ks())
			datagram := l.ks().rekey(old, l.ks().pushPolicy(true))
			l.push(datagram)
			if len(l.logs) == 0 || !strings.HasPrefix(l.logs[0], c.log[:60]) || !l.has("GM_REJECTING_SA_PAYLOAD") || !l.has("GDOI_REKEY_FAILURE") {
				t.Errorf("%q, want %q", l.logs, c.log)
			}
			n := len(l.logs)
			l.push(datagram)
			if len(l.logs) != n || len(l.sent) != 0 || l.installed != before {
				t.Errorf("a copy: %q", l.logs)
			}
			l.run(soonestAgain)
			if len(l.connects) < 2 || l.connects[1] != ks2 {
				t.Errorf("%v", l.connects)
			}
			if l.installed != before {
				t.Error("what was held is gone")
			}
		})
	}
}

// A local access list is merged with each new policy, once.
func TestACLMerge(t *testing.T) {
	l := newLab(t)
	cfg := config()
	cfg.LocalACL = true
	l.step(Configure{cfg})
	l.run(time.Second)
	const line = "%GDOI-5-GM_ACL_MERGE: ACL between KS and GM in group GDOI-GROUP1 merged."
	if l.logs[len(l.logs)-1] != line {
		t.Errorf("%q", l.logs)
	}
	l.logs = nil
	l.ks().roll(0x2000)
	l.push(l.ks().rekey(l.ks().kek, l.ks().pushPolicy(false)))
	if l.has("GM_ACL_MERGE") {
		t.Error("the same policy")
	}
	l.ks().roll(0x3000)
	l.ks().teks[0].ACEs = []xfrm.ACE{{Permit: true, Protocol: 6}}
	l.push(l.ks().rekey(l.ks().kek, l.ks().pushPolicy(false)))
	if l.logs[len(l.logs)-1] != line {
		t.Errorf("%q", l.logs)
	}
}

// Fail-close: once a policy has been there the map stays open, by an empty
// group in its place, unless `client fail-close revert` is configured.
func TestFailCloseLadder(t *testing.T) {
	for name, c := range map[string]struct {
		close, revert, open bool
	}{
		"fail-open":         {false, false, false},
		"fail-close":        {true, false, true},
		"fail-close revert": {true, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			cfg := config()
			cfg.FailClose, cfg.FailCloseRevert = c.close, c.revert
			l.step(Configure{cfg})
			if l.installed != nil {
				t.Fatal("open before the first registration")
			}
			l.run(time.Second)
			l.dead[ks1], l.dead[ks2] = true, true
			l.run(2 * time.Hour)
			empty := l.installed != nil && len(l.installed.Policies) == 0 && len(l.installed.SAs) == 0
			if empty != c.open || !c.open && l.installed != nil {
				t.Errorf("%+v", l.installed)
			}
			if c.open {
				cfg.FailCloseRevert = true
				l.step(Configure{cfg})
				if l.installed != nil {
					t.Error("open after revert was configured")
				}
			}
			clear(l.dead)
			l.ks().kek, l.ks().teks = l.ks().newKEK(5, time.Hour), []policy.TEK{l.ks().newTEK(1, 0x2000, time.Hour)}
			l.run(2 * time.Minute)
			if l.outbound() == 0 {
				t.Error("not registered again")
			}
			l.step(Stop{})
			if l.installed != nil {
				t.Error("something is left")
			}
		})
	}
}
