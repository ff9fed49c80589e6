package member

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"time"

	"coterie/crypto/suite"
	"coterie/gdoi/policy"
	"coterie/gdoi/wire"
	"coterie/internal/testkey"
	"coterie/xfrm"

	"github.com/google/go-cmp/cmp"
)

// roll gives the server a new TEK in front of the others.
func (s *fakeServer) roll(spi uint32) {
	s.teks = append([]policy.TEK{s.newTEK(1, spi, time.Hour)}, s.teks...)
}

// pushPolicy is what a rekey says: the current TEKs only.
func (s *fakeServer) pushPolicy(kek bool) wire.Policy {
	p := s.policy(kek)
	p.TEKs = p.Current()
	return p
}

func (l *lab) ack(i int) wire.Ack {
	l.t.Helper()
	if i >= len(l.sent) {
		l.t.Fatalf("%d acknowledgements", len(l.sent))
	}
	a, err := wire.ParseAck(l.sent[i].Data)
	if err != nil {
		l.t.Fatal(err)
	}
	return a
}

func TestRekeyLadder(t *testing.T) {
	l := newLab(t)
	l.register()
	l.run(10 * time.Minute)
	l.ks().roll(0x2000)
	datagram := l.ks().rekey(l.ks().kek, l.ks().pushPolicy(false))

	// KS -> GM   HDR*, SEQ, SA, KD, SIG
	l.push(datagram)
	l.wantLogs(
		"%GDOI-5-GM_RECV_REKEY: Received Rekey for group GDOI-GROUP1 from 192.168.111.111 to 192.168.11.3 with seq # 1",
		"%GDOI-5-SA_TEK_UPDATED: SA TEK was updated",
		"%GDOI-5-GM_INSTALL_POLICIES_SUCCESS: SUCCESS: Installation of Reg/Rekey policies from KS 192.168.111.111 for group GDOI-GROUP1 & gm identity 192.168.11.3 fvrf default ivrf default")
	// The new TEK decrypts at once, the old one goes on encrypting.
	if d := cmp.Diff([]uint32{0x2000, 0x1000}, l.inbound()); d != "" || l.outbound() != 0x1000 {
		t.Errorf("%s outbound %x", d, l.outbound())
	}
	// GM -> KS   HDR, HASH, SEQ, ID
	a := l.ack(0)
	if member, _ := a.Member(); !a.Verify(l.ks().kek) || a.Seq != 1 || member != gm {
		t.Errorf("%+v", a)
	}
	if s := l.sent[0]; s.Local != netip.AddrPortFrom(gm, 848) || s.Remote != netip.AddrPortFrom(ks1, 848) {
		t.Errorf("%v -> %v", s.Local, s.Remote)
	}
	// KS -> GM   the same again: the same acknowledgement, nothing else
	installs := l.installs
	l.push(bytes.Clone(datagram))
	if len(l.sent) != 2 || !bytes.Equal(l.sent[0].Data, l.sent[1].Data) || l.installs != installs {
		t.Error("a duplicate is not answered alike")
	}
	l.wantLogs()

	l.run(29 * time.Second)
	if l.outbound() != 0x1000 {
		t.Error("changed over before 30 s")
	}
	l.run(2 * time.Second)
	if l.outbound() != 0x2000 || len(l.inbound()) != 2 {
		t.Errorf("outbound %x after 31 s, inbound %x", l.outbound(), l.inbound())
	}
	s := l.m.Snapshot(l.now)
	if s.RekeysReceived != 1 || s.RekeysAfterRegistration != 1 || s.AcksSent != 2 || s.LastRekeySeq != 1 || s.LastRekeyFrom != ks1 ||
		!s.LastRekeyAt.Equal(t0.Add(601*time.Second)) || s.Counters.PushDuplicate != 1 || len(s.TEKs) != 2 || !s.TEKs[0].Outbound {
		t.Errorf("%+v", s)
	}
	l.run(time.Hour - 12*time.Minute)
	if d := cmp.Diff([]uint32{0x2000, 0x1000}, l.inbound()); d != "" {
		t.Error(d)
	}
	l.run(2 * time.Minute)
	if d := cmp.Diff([]uint32{0x2000}, l.inbound()); d != "" {
		t.Error(d)
	}
	if l.has("GM_RE_REGISTER") || len(l.connects) != 1 {
		t.Error("registered again")
	}
}

// A new KEK: its sequence numbers start again, the rekey that brought it is
// still answered under the old one, and the next comes under the new one.
func TestNewKEK(t *testing.T) {
	l := newLab(t)
	l.ks().seq = 41
	l.register()
	old := l.ks().kek
	l.ks().kek = l.ks().newKEK(2, 24*time.Hour)
	l.ks().roll(0x2000)
	datagram := l.ks().rekey(old, l.ks().pushPolicy(true))
	l.push(datagram)
	if !l.has("seq # 42") || !l.has("SA KEK was updated") {
		t.Errorf("%v", l.logs)
	}
	if a := l.ack(0); !a.Verify(old) || a.Seq != 42 {
		t.Errorf("%+v", a)
	}
	s := l.m.Snapshot(l.now)
	if s.LastRekeySeq != 0 || s.KEK.SPI != l.ks().kek.SPI || s.PreviousKEK == nil || s.PreviousKEK.SPI != old.SPI || s.KEK.ConnID != 1002 {
		t.Errorf("%+v", s)
	}
	l.push(datagram)
	if a := l.ack(1); !a.Verify(old) {
		t.Error("the retransmission is not answered")
	}
	l.ks().seq = 0
	l.ks().roll(0x3000)
	l.push(l.ks().rekey(l.ks().kek, l.ks().pushPolicy(false)))
	if a := l.ack(2); !a.Verify(l.ks().kek) || a.Seq != 1 {
		t.Errorf("%+v", a)
	}
	if d := cmp.Diff([]uint32{0x3000, 0x2000, 0x1000}, l.inbound()); d != "" {
		t.Error(d)
	}
}

// What IOS prints with `debug crypto gdoi gm rekey` for a multicast rekey that
// brings a KEK and one TEK.
func TestRekeyDebug(t *testing.T) {
	l := newLab(t)
	s := l.ks()
	s.rekeyTo = netip.MustParseAddrPort("239.10.10.1:848")
	l.register()
	old := s.kek
	s.kek = policy.KEK{SPI: [16]byte{0x8d, 0x83, 0x85, 0xd6, 0xc8, 0xff, 0x4a, 0x10, 1, 2, 3, 4, 5, 6, 7, 8}, Cipher: suite.TripleDES,
		IV: s.newKEK(8, 0).IV, Key: old.Key, SigHash: suite.SHA1, SigKey: s.spki, Created: l.now, Lifetime: 299 * time.Second}
	iv := s.kek.IV.Reveal()[:8]
	s.kek.IV, s.kek.Key = secretOf(iv), secretOf(bytes.Repeat([]byte{1, 2, 3}, 8))
	tek := s.newTEK(1, 0xde2b7089, 3300*time.Second)
	tek.Transform = suite.Transform{Cipher: suite.ESPAES128, Auth: suite.ESPMD5}
	tek.AuthKey = secretOf(make([]byte, 16))
	tek.ACEs = []xfrm.ACE{{Permit: true, Protocol: 47}}
	s.teks = []policy.TEK{tek}
	s.atd = seconds(30)
	l.push(s.rekey(old, s.policy(true)))
	want := []string{
		"GDOI:INFRA:(GDOI-GROUP1:1001):Received Rekey Message!",
		"GDOI:INFRA:(GDOI-GROUP1:1001):Signature Valid!",
		"GDOI:INFRA:(1001):received payload type 18",
		"GDOI:INFRA:(1001):processing GDOI Seq Payload, message_id  0",
		"GDOI:INFRA:(1001):Completed SEQ Processing for seq 1",
		"GDOI:INFRA:(1001):processing GDOI SA Payload, message ID + 0",
		"GDOI:INFRA:(1001):processing GDOI SA KEK Payload",
		"GDOI:INFRA:(0): kek_sa->src 192.168.111.111 kek_sa->dst 239.10.10.1",
		"GDOI:INFRA:(0):    KEK_ALGORITHM 5",
		"GDOI:INFRA:(0):    KEY_LENGTH 192",
		"GDOI:INFRA:(0):    KEY_LIFETIME 299",
		"GDOI:INFRA:(0):    SIG_HASH_ALG 2",
		"GDOI:INFRA:(0):    SIG_ALG 1",
		"GDOI:INFRA:(0):    SIG_KEY_LEN 1024",
		"GDOI:INFRA:(0): New Kek is received, reset last_seq_num to 0",
		"GDOI:INFRA:(0): Completed KEK Processing",
		"GDOI:INFRA:(1001):processing GDOI Private Attribute Payload",
		"GDOI:INFRA:(1001): Completed GDOI Attribute Processing",
		"GDOI:INFRA:(GDOI-GROUP1:1001):Completed processing 1 GDOI SA TEK Payloads",
		"GDOI:INFRA:(1001):received payload type 17",
		"GDOI:INFRA:(1001):processing GDOI KD Payload, message_id  0",
		"GDOI:INFRA:(1001):processing GDOI Key Packet, message_id  16843009",
		"GDOI:INFRA:(1001):processing TEK KD: spi is 0xDE2B7089",
		"GDOI:INFRA:(1001):                   lifetime is 3300 seconds",
		"GDOI:INFRA:(1001):TEK Integrity Key 16 bytes",
		"GDOI:INFRA:(1001):Completed KeyPkt Processing",
		"GDOI:INFRA:(1001):processing GDOI Key Packet, message_id  16843009",
		"GDOI:INFRA:(1001): Processing KEK KD",
		"GDOI:INFRA:(1001):KEK Alg Key 32 bytes",
		"GDOI:INFRA:(1001):KEK Sig Key 162 bytes",
		"GDOI:INFRA:(1001):Completed KeyPkt Processing",
		"GDOI:INFRA:(1001):Multicast Rekey from KS 2",
		"GDOI:INFRA:(GDOI-GROUP1:1001): using SPI 8D8385D6C8FF4A10",
		"GDOI:INFRA:(GDOI-GROUP1:0):crypto exact match ace number : 1",
	}
	if d := cmp.Diff(want, l.debug); d != "" {
		t.Error(d)
	}
	if !l.has("from 192.168.111.111 to 239.10.10.1 with seq # 1") {
		t.Errorf("%v", l.logs)
	}
	// The acknowledgement of a multicast rekey waits up to 5 s.
	l.run(5 * time.Second)
	if a := l.ack(0); !a.Verify(old) {
		t.Error("acknowledgement")
	}
}

// Policy-replace: older TEKs end when the key server says.
func TestPolicyReplace(t *testing.T) {
	l := newLab(t)
	l.register()
	l.ks().teks = []policy.TEK{l.ks().newTEK(1, 0x2000, time.Hour)}
	l.ks().teks[0].ACEs = []xfrm.ACE{{Permit: true, Protocol: 6}}
	p := l.ks().pushPolicy(false)
	p.DTD = seconds(180)
	l.push(l.ks().rekey(l.ks().kek, p))
	if got := l.installed.Policies; len(got) != 1 || got[0].Protocol != 6 || got[0].SPI != 0x1000 {
		t.Errorf("%+v", got)
	}
	if s := l.m.Snapshot(l.now); s.TEKs[1].SPI != 0x1000 || s.TEKs[1].Remaining != 180*time.Second {
		t.Errorf("%+v", s.TEKs)
	}
	l.run(31 * time.Second)
	if l.outbound() != 0x2000 {
		t.Errorf("%x", l.outbound())
	}
	l.run(150 * time.Second)
	if d := cmp.Diff([]uint32{0x2000}, l.inbound()); d != "" {
		t.Error(d)
	}
}

// Replace-now: the named TEKs go and the new one encrypts at once.
func TestReplaceNow(t *testing.T) {
	for name, d := range map[string]wire.Delete{"named": wire.DeleteTEKs(0x1000), "all": wire.DeleteTEKs()} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			l.register()
			l.ks().teks = []policy.TEK{l.ks().newTEK(1, 0x2000, time.Hour)}
			l.push(l.ks().rekey(l.ks().kek, l.ks().pushPolicy(false), d))
			if d := cmp.Diff([]uint32{0x2000}, l.inbound()); d != "" || l.outbound() != 0x2000 {
				t.Errorf("%s outbound %x", d, l.outbound())
			}
			if !l.has("%GDOI-4-GM_RECV_POLICY_REPLACE_NOW: GM received policy replace now rekey from KS in group GDOI-GROUP1.") {
				t.Errorf("%v", l.logs)
			}
			l.ack(0)
		})
	}
}

// A Delete of the KEK alone: the member authenticates again, and sends and
// receives as before until it has.
func TestReauthentication(t *testing.T) {
	l := newLab(t)
	l.register()
	s := l.ks()
	s.seq++
	again := wire.Push{Seq: s.seq, Deletes: []wire.Delete{wire.DeleteKEK([16]byte{})}}
	key := l.m.keks[0].Key
	l.push(s.signed(s.kek, again, s.key))
	if len(l.logs) != 2 || !l.has("%GDOI-4-GM_RECV_RE_AUTH: GM received re-auth-msg from KS in group GDOI-GROUP1. re-registration will start before SA expiry") {
		t.Errorf("%q", l.logs)
	}
	if l.outbound() != 0x1000 || l.removed != 0 || len(l.sent) != 1 || len(l.m.KEKSPIs()) != 0 {
		t.Errorf("outbound 0x%x, removed %d, %d acknowledgements, KEKs %x", l.outbound(), l.removed, len(l.sent), l.m.KEKSPIs())
	}
	if !bytes.Equal(key.Reveal(), make([]byte, key.Len())) {
		t.Error("the KEK is not wiped")
	}
	l.run(reauthSpread + time.Second)
	if v := l.m.Snapshot(l.now); v.Status != "Registered" || len(l.connects) != 2 || len(l.m.KEKSPIs()) != 1 || l.outbound() != 0x1000 {
		t.Errorf("%s after %d, outbound 0x%x", v.Status, len(l.connects), l.outbound())
	}
}

// A Delete of everything: the member leaves, and comes back a little later.
func TestRemoval(t *testing.T) {
	l := newLab(t)
	l.register()
	l.ks().seq++
	all := []wire.Delete{wire.DeleteTEKs(), wire.DeleteKEK([16]byte{})}
	l.push(l.ks().signed(l.ks().kek, wire.Push{Seq: l.ks().seq, Deletes: all}, l.ks().key))
	if l.installed != nil || l.removed != 1 || len(l.connects) != 1 || len(l.sent) != 1 || !l.has("%GDOI-4-GM_RECV_DELETE_IMMEDIATE: GM receive REMOVAL-NOW in group GDOI-GROUP1 to cleanup downloaded policy now. Re-registration will start in a randomly chosen period of ") {
		t.Errorf("%v %v", l.logs, l.installed)
	}
	l.run(removalSpread + time.Second)
	if s := l.m.Snapshot(l.now); s.Status != "Registered" || len(l.connects) != 2 {
		t.Errorf("%s after %d", s.Status, len(l.connects))
	}

	// With a delay it keeps what it has until the delay is nearly over.
	l.logs = nil
	sa, _, err := wire.Policy{DTD: seconds(90)}.Encode(l.now)
	if err != nil {
		t.Fatal(err)
	}
	l.ks().seq++
	l.push(l.ks().signed(l.ks().kek, wire.Push{Seq: l.ks().seq, Deletes: all, SA: &sa}, l.ks().key))
	if l.installed == nil || !l.has("TEKs lifetime are reduced") {
		t.Errorf("%v", l.logs)
	}
	if in := l.m.Snapshot(l.now).ReRegistersIn; in <= 0 || in >= 90*time.Second {
		t.Errorf("re-registers in %v", in)
	}
}

// The activation delay never outlives the old TEK.
func TestChangeoverBeforeTheOldTEKEnds(t *testing.T) {
	l := newLab(t)
	l.ks().teks[0] = l.ks().newTEK(1, 0x1000, 100*time.Second)
	l.register()
	l.run(24 * time.Second)
	l.ks().roll(0x2000)
	p := l.ks().pushPolicy(false)
	p.ATD = seconds(600)
	l.push(l.ks().rekey(l.ks().kek, p))
	l.run(70 * time.Second)
	if l.outbound() != 0x1000 {
		t.Errorf("%x at 95 s", l.outbound())
	}
	l.run(4 * time.Second)
	if l.outbound() != 0x2000 || len(l.inbound()) != 2 {
		t.Errorf("%x at 99 s, inbound %x", l.outbound(), l.inbound())
	}
}

// A member that joins while others still encrypt with the old TEK decrypts it,
// and encrypts with the new one; with a delay it too goes on with the old one.
func TestJoinDuringOverlap(t *testing.T) {
	for name, c := range map[string]struct {
		atd  *time.Duration
		want uint32
	}{"at once": {nil, 0x2000}, "delayed": {seconds(60), 0x1000}} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			l.ks().roll(0x2000)
			l.ks().atd = c.atd
			l.register()
			if d := cmp.Diff([]uint32{0x2000, 0x1000}, l.inbound()); d != "" || l.outbound() != c.want {
				t.Errorf("%s outbound %x", d, l.outbound())
			}
			if len(l.installed.Policies) != 2 || l.installed.Direction != xfrm.Both {
				t.Errorf("%+v", l.installed)
			}
			l.run(61 * time.Second)
			if l.outbound() != 0x2000 {
				t.Errorf("%x after the delay", l.outbound())
			}
		})
	}
}

// Two `sa ipsec`, of which one is rekeyed.
func TestTwoSAs(t *testing.T) {
	l := newLab(t)
	l.ks().teks = []policy.TEK{l.ks().newTEK(1, 0x1000, time.Hour), l.ks().newTEK(2, 0x5000, 2*time.Hour)}
	l.register()
	l.ks().roll(0x2000)
	l.push(l.ks().rekey(l.ks().kek, l.ks().pushPolicy(false)))
	l.run(31 * time.Second)
	var spis []uint32
	for _, p := range l.installed.Policies {
		if p.Permit {
			spis = append(spis, p.SPI)
		}
	}
	if d := cmp.Diff([]uint32{0x2000, 0x5000}, spis); d != "" {
		t.Error(d)
	}
}

// What a member does not take, why it says so, and that nothing of it has any
// effect.
func TestBadRekeys(t *testing.T) {
	cases := map[string]struct {
		build func(l *lab) []byte
		count func(Counters) uint64
		log   string
	}{
		"unknown KEK": {func(l *lab) []byte {
			return l.ks().rekey(l.ks().newKEK(9, time.Hour), l.ks().pushPolicy(false))
		}, func(c Counters) uint64 { return c.PushUnknownKEK }, ""},
		"old sequence number": {func(l *lab) []byte {
			l.ks().seq = 3
			return l.ks().rekey(l.ks().kek, l.ks().pushPolicy(false))
		}, func(c Counters) uint64 { return c.PushSequence },
			"%GDOI-3-GDOI_REKEY_SEQ_FAILURE: Failed to process rekey seq # 4 in seq payload for group GDOI-GROUP1, last seq # 5"},
		"signed by somebody else": {func(l *lab) []byte {
			other, _ := testkey.Other()
			l.ks().key = other
			return l.ks().rekey(l.ks().kek, l.ks().pushPolicy(false))
		}, func(c Counters) uint64 { return c.PushSignature },
			"%GDOI-3-GDOI_REKEY_FAILURE: Processing of REKEY payloads failed on GM 192.168.11.3 in the group GDOI-GROUP1, with peer at 192.168.111.111"},
		"damaged": {func(l *lab) []byte {
			b := l.ks().rekey(l.ks().kek, l.ks().pushPolicy(false))
			b[40] ^= 1
			return b
		}, func(c Counters) uint64 { return c.PushMalformed + c.PushSignature + c.PushSequence }, ""},
		"in the clear": {func(l *lab) []byte {
			sa, kd, err := l.ks().pushPolicy(false).Encode(l.now)
			if err != nil {
				l.t.Fatal(err)
			}
			u, err := wire.PreparePush(l.ks().kek, wire.Push{Seq: 6, SA: &sa, KD: kd})
			if err != nil {
				l.t.Fatal(err)
			}
			sig, err := l.ks().key.Sign(nil, u.Digest(), u.SignerOpts())
			if err != nil {
				l.t.Fatal(err)
			}
			_, plain, err := u.Finish(sig)
			if err != nil {
				l.t.Fatal(err)
			}
			return plain
		}, func(c Counters) uint64 { return c.PushMalformed }, "GDOI_REKEY_FAILURE"},
		"keys missing": {func(l *lab) []byte {
			sa, _, err := l.ks().pushPolicy(false).Encode(l.now)
			if err != nil {
				l.t.Fatal(err)
			}
			return l.ks().signed(l.ks().kek, wire.Push{Seq: 6, SA: &sa}, l.ks().key)
		}, func(c Counters) uint64 { return c.PolicyRejected }, "no keys for SPI 0x2000"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			l.ks().seq = 5
			l.register()
			before, keks := *l.installed, l.m.KEKSPIs()
			l.ks().roll(0x2000)
			datagram := c.build(l)
			l.push(datagram)
			s := l.m.Snapshot(l.now)
			if c.count(s.Counters) != 1 || s.RekeysReceived != 0 || s.LastRekeySeq != 5 {
				t.Errorf("%+v", s)
			}
			if c.log != "" && !l.has(c.log) || c.log == "" && name == "unknown KEK" && len(l.logs) != 0 {
				t.Errorf("log %v", l.logs)
			}
			if len(l.sent) != 0 || l.installs != 1 || len(before.SAs) != len(l.installed.SAs) || len(l.m.KEKSPIs()) != len(keks) {
				t.Error("it had an effect")
			}
			// A flood is not logged line by line.
			l.logs = nil
			for range 20 {
				l.push(datagram)
			}
			if len(l.logs) > 0 && c.count(s.Counters) > 0 && !strings.Contains(strings.Join(l.logs, ""), "GM_REJECTING") {
				t.Errorf("%d lines of complaint", len(l.logs))
			}
			// The true rekey still counts.
			l.ks().teks = []policy.TEK{l.ks().newTEK(1, 0x3000, time.Hour)}
			l.ks().seq, l.ks().kek = 6, policy.KEK(l.m.keks[0].KEK)
			l.ks().key, _ = testkey.Rekey()
			l.push(l.ks().rekey(l.ks().kek, l.ks().pushPolicy(false)))
			if s := l.m.Snapshot(l.now); s.RekeysReceived != 1 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// A rekey that overtakes message 4 of a re-registration is the later word.
func TestRekeyOvertakesRegistration(t *testing.T) {
	l := newLab(t)
	l.register()
	l.run(l.m.Snapshot(l.now).ReRegistersIn)
	for l.m.try == nil || l.m.try.step != awaitKeys {
		l.run(100 * time.Microsecond)
	}
	l.ks().roll(0x2000)
	datagram := l.ks().rekey(l.ks().kek, l.ks().pushPolicy(false))
	l.ks().seq--
	l.push(datagram)
	l.run(time.Second)
	s := l.m.Snapshot(l.now)
	if s.Status != "Registered" || s.LastRekeySeq != 1 || s.TEKs[0].SPI != 0x2000 {
		t.Errorf("%+v", s)
	}
}

// A failed installation is not acknowledged.
func TestRekeyInstallFails(t *testing.T) {
	l := newLab(t)
	l.register()
	l.install = errDataplane
	l.ks().roll(0x2000)
	l.push(l.ks().rekey(l.ks().kek, l.ks().pushPolicy(false)))
	if len(l.sent) != 0 || !l.has("GM_FAILED_TO_INSTALL_POLICIES") {
		t.Errorf("%v", l.logs)
	}
}

// Ten hours of rekeys on the schedule of a key server: no registration, and an
// outbound TEK that every member can decrypt at each second.
func TestTenHours(t *testing.T) {
	l := newLab(t)
	l.register()
	s := l.ks()
	life := time.Hour
	margin := policy.TEKMargin(life, 10*time.Second, 2, 4, true)
	end := l.now.Add(10 * time.Hour)
	next := s.teks[0].Expires().Add(-margin)
	for n := uint32(2); l.now.Before(end); n++ {
		l.run(next.Sub(l.now))
		s.teks = []policy.TEK{s.newTEK(1, n<<12, life)}
		l.push(s.rekey(s.kek, s.pushPolicy(false)))
		next = s.teks[0].Expires().Add(-margin)
		for range int(margin/time.Second) + 5 {
			l.run(time.Second)
			found := false
			for _, spi := range l.inbound() {
				found = found || spi == l.outbound()
			}
			if !found {
				t.Fatalf("at %v: outbound %x, inbound %x", l.now, l.outbound(), l.inbound())
			}
		}
	}
	if len(l.connects) != 1 || l.has("GM_RE_REGISTER") {
		t.Errorf("%d registrations", len(l.connects))
	}
}

// The same inputs and the same random octets give the same outputs.
func TestDeterminism(t *testing.T) {
	run := func() []string {
		l := newLab(t)
		l.register()
		l.ks().roll(0x2000)
		l.push(l.ks().rekey(l.ks().kek, l.ks().pushPolicy(false)))
		l.run(3 * time.Hour)
		return append(append(l.logs, l.debug...), l.m.Snapshot(l.now).ReRegistersIn.String())
	}
	if d := cmp.Diff(run(), run()); d != "" {
		t.Error(d)
	}
}
