package isakmp

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"coterie/crypto/keys"
	"coterie/crypto/suite"
	"coterie/internal/secret"
	"coterie/internal/syslog"
)

// One ladder per algorithm combination: main mode, then an exchange of three
// messages.
func TestEveryAlgorithm(t *testing.T) {
	for _, c := range suite.Ciphers() {
		for _, h := range suite.Hashes() {
			for _, g := range suite.Groups() {
				// Every cipher with every hash, every group with every cipher.
				if g != 19 && h != suite.SHA1 {
					continue
				}
				if testing.Short() && g > 5 && g < 19 {
					continue
				}
				t.Run(fmt.Sprintf("%s/%s/%d", c.Words(), h, g), func(t *testing.T) {
					p := policy(c, h, g)
					w := pair(t, config(false, "cisco", p), config(true, "cisco", p))
					gm, ks := w.up()
					if !p.same(w.nodes[ksAddr].byID[ks.ID].policy) {
						t.Errorf("policy %+v", w.nodes[ksAddr].byID[ks.ID].policy)
					}
					exchangeOf3(w, gm, ks, 0x1000)
					n := len(w.sent)
					w.pass(time.Minute)
					none[Phase2Failed](w, gmAddr)
					if len(w.sent) != n {
						t.Errorf("%d datagrams after the end", len(w.sent)-n)
					}
				})
			}
		}
	}
}

// exchangeOf3 runs member -> server, server -> member, member -> server.
func exchangeOf3(w *wire, gm, ks SA, mid uint32) {
	w.t.Helper()
	send := func(from SA, text string, owner Owner, await bool) Exchange2 {
		return Exchange2{SA: from.ID, Owner: owner, Exchange: ExchangePull, MessageID: mid, First: PayloadHash,
			Payloads: hashed(w.t, from, mid, text), Await: await}
	}
	check := func(p Phase2, from SA, text string) {
		w.t.Helper()
		if want := hashed(w.t, from, mid, text); !bytes.Equal(p.Payloads, want) || p.First != PayloadHash {
			w.t.Fatalf("received %x\nwant %x", p.Payloads, want)
		}
	}
	// GM -> KS
	w.step(gmAddr, send(gm, "one, the first", 1, true))
	w.flush()
	check(must[Phase2](w, ksAddr), gm, "one, the first")
	// GM <- KS
	w.step(ksAddr, send(ks, "two, the answer", 0, false))
	w.flush()
	second := must[Phase2](w, gmAddr)
	check(second, ks, "two, the answer")
	if second.Owner != 1 {
		w.t.Errorf("owner %d", second.Owner)
	}
	// GM -> KS
	w.step(gmAddr, send(gm, "three, and over", 1, false))
	w.flush()
	check(must[Phase2](w, ksAddr), gm, "three, and over")
	w.step(ksAddr, Accept{SA: ks.ID, MessageID: mid})
}

func TestMainMode(t *testing.T) {
	w := standardPair(t)
	gm, ks := w.up()
	if gm.ID != 1001 || ks.ID != 1001 {
		t.Errorf("conn-ids %d and %d, want 1001", gm.ID, ks.ID)
	}
	if len(w.sent) != 6 {
		t.Errorf("%d messages, want 6", len(w.sent))
	}
	if a, ok := ks.Peer.Addr(); !ok || a != gmAddr.Addr() || ks.Peer.Port != 848 || ks.Peer.Protocol != 17 {
		t.Errorf("identity of the member %+v", ks.Peer)
	}
	for _, sa := range []SA{gm, ks} {
		if sa.Foreign || sa.Capabilities != CapDenyACE|CapPushAck {
			t.Errorf("capabilities %#x, foreign %v", sa.Capabilities, sa.Foreign)
		}
	}
	if !bytes.Equal(gm.PRF([]byte("x"), []byte("y")), ks.PRF([]byte("xy"))) || len(gm.PRF()) != 32 {
		t.Error("the two ends compute different prf")
	}
	s := w.nodes[gmAddr].Snapshot(w.now)
	if len(s.SAs) != 1 || s.SAs[0].State != "GDOI_IDLE" || !s.SAs[0].Initiator || s.SAs[0].Expires != start.Add(86400*time.Second) {
		t.Errorf("snapshot %+v", s.SAs)
	}
	text := strings.Join(w.debug, "\n")
	for _, line := range []string{
		"ISAKMP:(0):Old State = IKE_READY  New State = IKE_I_MM1",
		"ISAKMP:(0):Old State = IKE_I_MM1  New State = IKE_I_MM2",
		"ISAKMP:(1001):Old State = IKE_I_MM5  New State = IKE_P1_COMPLETE",
		"ISAKMP:(1001):Old State = IKE_R_MM4  New State = IKE_R_MM5",
		"ISAKMP:(1001):Old State = IKE_R_MM5  New State = IKE_P1_COMPLETE",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("no debug line %q in\n%s", line, text)
		}
	}
}

// The state column while main mode is under way.
func TestStatesOnScreens(t *testing.T) {
	w := standardPair(t)
	state := func(i int) string {
		a := w.order[i]
		s := w.nodes[a].Snapshot(w.now)
		if len(s.SAs) == 0 {
			return "-"
		}
		return s.SAs[0].State
	}
	w.step(gmAddr, Connect{Owner: 1, Local: gmAddr, Remote: ksAddr})
	var got []string
	for {
		got = append(got, state(0)+" "+state(1))
		if len(w.queue) == 0 {
			break
		}
		s := w.queue[0]
		w.queue = w.queue[1:]
		w.step(s.Remote, Datagram{Local: s.Remote, Remote: s.Local, Data: s.Data})
	}
	want := []string{
		"MM_NO_STATE -",           // 1 on the way
		"MM_NO_STATE MM_SA_SETUP", // 2
		"MM_SA_SETUP MM_SA_SETUP", // 3
		"MM_SA_SETUP MM_KEY_EXCH", // 4
		"MM_KEY_EXCH MM_KEY_EXCH", // 5
		"MM_KEY_EXCH GDOI_IDLE",   // 6
		"GDOI_IDLE GDOI_IDLE",     // done
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
}

// A member offers every policy; the key server's priorities decide.
func TestPolicyChoice(t *testing.T) {
	a, b := policy(suite.AES128, suite.SHA1, 19), policy(suite.AES256, suite.SHA256, 19)
	b.Lifetime = time.Hour
	rsa := policy(suite.AES256, suite.SHA512, 19)
	rsa.Auth = RSASig
	a2 := a
	a2.Lifetime = 2 * time.Hour
	w := pair(t, config(false, "k", rsa, a, b), config(true, "k", rsa, policy(suite.DES, suite.MD5, 1), b, a2))
	gm, _ := w.up()
	sa := w.nodes[gmAddr].byID[gm.ID]
	if !sa.policy.same(b) || sa.policy.Lifetime != time.Hour {
		t.Errorf("negotiated %+v", sa.policy)
	}
	// The shorter lifetime of the two ends holds.
	w = pair(t, config(false, "k", a), config(true, "k", a2))
	gm, _ = w.up()
	if got := w.nodes[gmAddr].byID[gm.ID].policy.Lifetime; got != 24*time.Hour {
		t.Errorf("member's lifetime %v: the answer echoes its own offer", got)
	}
	if got := w.nodes[ksAddr].all()[0].policy.Lifetime; got != 2*time.Hour {
		t.Errorf("key server's lifetime %v", got)
	}
}

func TestPhaseOneDOIs(t *testing.T) {
	for _, doi := range []uint32{0, 1, 2} {
		c := config(false, "k", quick())
		c.PhaseOneDOI = doi
		w := pair(t, c, config(true, "k", quick()))
		w.up()
		want := map[uint32]string{0: "0000000000000000", 1: "0000000100000001", 2: "0000000200000000"}[doi]
		for _, s := range w.sent[:2] {
			if got := fmt.Sprintf("%x", s.Data[32:40]); got != want {
				t.Errorf("DOI %d: DOI and situation %s", doi, got)
			}
		}
	}
}

func TestAESWithoutKeyLength(t *testing.T) {
	p, ok := parsePolicy(Transform{Number: 1, ID: 1, Attributes: []Attribute{
		Basic(attrEncryption, encryptionAES), Basic(attrHash, 2), Basic(attrAuth, 1), Variable(attrGroup, []byte{0, 14})}})
	if !ok || p.Cipher != suite.AES128 || p.Group != 14 || p.Lifetime != DefaultLifetime {
		t.Errorf("%+v, %v", p, ok)
	}
	for name, list := range map[string][]Attribute{
		"RSA encryption":     {Basic(1, 7), Basic(2, 2), Basic(3, 4), Basic(4, 14)},
		"revised encryption": {Basic(1, 7), Basic(2, 2), Basic(3, 5), Basic(4, 14)},
		"DSS":                {Basic(1, 7), Basic(2, 2), Basic(3, 2), Basic(4, 14)},
		"XAUTH":              {Basic(1, 7), Basic(2, 2), Variable(3, []byte{0xfd, 0xe9}), Basic(4, 14)},
		"ECP type, MODP":     {Basic(1, 7), Basic(2, 2), Basic(3, 1), Basic(4, 14), Basic(5, 2)},
		"binary curve":       {Basic(1, 7), Basic(2, 2), Basic(3, 1), Basic(4, 14), Basic(5, 3)},
		"AES of 100 bits":    {Basic(1, 7), Basic(2, 2), Basic(3, 1), Basic(4, 14), Basic(14, 100)},
		"3DES with a length": {Basic(1, 5), Basic(2, 2), Basic(3, 1), Basic(4, 14), Basic(14, 192)},
		"unknown attribute":  {Basic(1, 5), Basic(2, 2), Basic(3, 1), Basic(4, 14), Basic(13, 1)},
		"attribute twice":    {Basic(1, 5), Basic(2, 2), Basic(3, 1), Basic(4, 14), Basic(4, 14)},
		"no life":            {Basic(1, 5), Basic(2, 2), Basic(3, 1), Basic(4, 14), Basic(11, 1), Basic(12, 0)},
		"huge number":        {Basic(1, 5), Basic(2, 2), Basic(3, 1), Variable(4, []byte{1, 0, 14})},
		"empty value":        {Basic(1, 5), Basic(2, 2), Basic(3, 1), Variable(4, nil)},
		"Tiger":              {Basic(1, 5), Basic(2, 3), Basic(3, 1), Basic(4, 14)},
		"group 24":           {Basic(1, 5), Basic(2, 2), Basic(3, 1), Basic(4, 24)},
		"nothing":            nil,
	} {
		if p, ok := parsePolicy(Transform{ID: 1, Attributes: list}); ok {
			t.Errorf("%s gave %+v", name, p)
		}
	}
}

// Messages leave at 0, 10, 20 and 30 s; the attempt fails at 40 s.
func TestNoAnswer(t *testing.T) {
	w := standardPair(t)
	w.deliver = func(Send) []Send { return nil }
	w.step(gmAddr, Connect{Owner: 5, Local: gmAddr, Remote: ksAddr})
	var at []time.Duration
	for range 4 {
		at = append(at, w.now.Sub(start))
		if n := len(w.sent); n != len(at) || !bytes.Equal(w.sent[0].Data, w.sent[n-1].Data) {
			t.Fatalf("at %v: %d datagrams", at, n)
		}
		none[PhaseOneFailed](w, gmAddr)
		w.until(w.nodes[gmAddr].Next())
	}
	if fmt.Sprint(at) != "[0s 10s 20s 30s]" {
		t.Errorf("sent at %v", at)
	}
	if f := must[PhaseOneFailed](w, gmAddr); f.Owner != 5 || f.Reason != ReasonNoAnswer || w.now.Sub(start) != 40*time.Second {
		t.Errorf("%+v at %v", f, w.now.Sub(start))
	}
	if len(w.sent) != 4 {
		t.Errorf("%d datagrams", len(w.sent))
	}
	// It stays on screens for a minute, as deleted.
	s := w.nodes[gmAddr].Snapshot(w.now).SAs
	if len(s) != 1 || s[0].State != "MM_NO_STATE" || !s[0].Deleted || s[0].ID != 0 {
		t.Errorf("snapshot %+v", s)
	}
	if s := w.nodes[gmAddr].Snapshot(w.now.Add(61 * time.Second)).SAs; len(s) != 0 {
		t.Errorf("snapshot a minute later %+v", s)
	}
	if !w.nodes[gmAddr].Next().IsZero() {
		t.Error("a timer is left")
	}
}

func TestWrongKey(t *testing.T) {
	w := pair(t, config(false, "cisco", quick()), config(true, "other", quick()))
	w.step(gmAddr, Connect{Owner: 5, Local: gmAddr, Remote: ksAddr})
	w.pass(time.Minute)
	if f := must[PhaseOneFailed](w, gmAddr); f.Reason != ReasonAuthentication {
		t.Errorf("%+v", f)
	}
	// Message 5 came four times within 30 s: two lines at most.
	if n := w.logged(ksAddr, syslog.IKMPBadMessage); n < 1 || n > 2 {
		t.Errorf("%d lines on the key server: %v", n, w.outputs[ksAddr])
	}
	for _, o := range w.outputs[ksAddr] {
		if text := o.(Log).Text(); text != "%CRYPTO-4-IKMP_BAD_MESSAGE: IKE message from 192.0.2.1 failed its sanity check or is malformed" {
			t.Error(text)
		}
	}
	// Six messages of which the fifth is repeated three times: silence otherwise.
	if len(w.sent) != 5+3 {
		t.Errorf("%d datagrams", len(w.sent))
	}
	if c := w.nodes[ksAddr].Snapshot(w.now).Counters; c.AuthFail != 4 {
		t.Errorf("counters %+v", c)
	}
	w.pass(2 * time.Minute)
	if n := len(w.nodes[ksAddr].byCookies); n != 0 {
		t.Errorf("%d SAs left on the key server", n)
	}
}

func TestNoProposal(t *testing.T) {
	w := pair(t, config(false, "k", quick()), config(true, "k", policy(suite.AES256, suite.SHA1, 14)))
	w.step(gmAddr, Connect{Owner: 5, Local: gmAddr, Remote: ksAddr})
	w.pass(39 * time.Second)
	none[PhaseOneFailed](w, gmAddr) // the notify is not believed
	w.pass(time.Second)
	if f := must[PhaseOneFailed](w, gmAddr); f.Reason != ReasonNoProposal {
		t.Errorf("%+v", f)
	}
	if w.logged(ksAddr, syslog.IKMPPolicy) == 0 || w.logged(ksAddr, syslog.IKMPModeFailure) == 0 {
		t.Errorf("key server logged %v", w.outputs[ksAddr])
	}
	if n := len(w.nodes[ksAddr].byCookies); n != 0 {
		t.Errorf("%d SAs on the key server", n)
	}
}

func TestNoKey(t *testing.T) {
	// On the key server: it says so and refuses as it refuses a policy.
	ks := config(true, "k", quick())
	ks.Keyrings = []Keyring{{PSKs: []keys.PSK{{Peer: gmNet("198.51.100.0/24"), Key: secret.Of("k")}}}}
	w := pair(t, config(false, "k", quick()), ks)
	w.step(gmAddr, Connect{Owner: 5, Local: gmAddr, Remote: ksAddr})
	w.pass(40 * time.Second)
	if f := must[PhaseOneFailed](w, gmAddr); f.Reason != ReasonNoProposal {
		t.Errorf("%+v", f)
	}
	if w.logged(ksAddr, syslog.IKMPNoPSK) == 0 {
		t.Errorf("key server logged %v", w.outputs[ksAddr])
	}
	// On the member: nothing is sent, and the caller does not spin.
	gm := config(false, "k", quick())
	gm.Keyrings = nil
	w = pair(t, gm, config(true, "k", quick()))
	w.step(gmAddr, Connect{Owner: 5, Local: gmAddr, Remote: ksAddr})
	w.pass(39 * time.Second)
	none[PhaseOneFailed](w, gmAddr)
	w.pass(time.Second)
	if f := must[PhaseOneFailed](w, gmAddr); f.Reason != ReasonNoKey || len(w.sent) != 0 {
		t.Errorf("%+v, %d datagrams", f, len(w.sent))
	}
	// A key that comes meanwhile is used.
	w.step(gmAddr, Connect{Owner: 5, Local: gmAddr, Remote: ksAddr})
	w.step(gmAddr, Configure{config(false, "k", quick())})
	w.pass(11 * time.Second)
	must[PhaseOneUp](w, gmAddr)
}

func TestNothingConfigured(t *testing.T) {
	for reason, c := range map[string]Config{
		ReasonDisabled: {Policies: []Policy{quick()}},
		ReasonNoPolicy: {Enabled: true},
	} {
		w := pair(t, c, config(true, "k", quick()))
		w.step(gmAddr, Connect{Owner: 5, Local: gmAddr, Remote: ksAddr})
		w.pass(40 * time.Second)
		if f := must[PhaseOneFailed](w, gmAddr); f.Reason != reason {
			t.Errorf("%+v, want %s", f, reason)
		}
	}
	// A device that serves nobody answers nobody.
	w := pair(t, config(false, "k", quick()), config(false, "k", quick()))
	w.step(gmAddr, Connect{Owner: 5, Local: gmAddr, Remote: ksAddr})
	w.flush()
	if len(w.sent) != 1 {
		t.Errorf("%d datagrams", len(w.sent))
	}
}

// Any one datagram lost, or every one duplicated, or neighbours swapped: main
// mode and the exchange end well.
func TestLossDuplicationReorder(t *testing.T) {
	run := func(t *testing.T, deliver func(n int, s Send) []Send) *wire {
		w := standardPair(t)
		n := 0
		w.deliver = func(s Send) []Send { n++; return deliver(n, s) }
		w.step(gmAddr, Connect{Owner: 1, Local: gmAddr, Remote: ksAddr})
		w.pass(35 * time.Second)
		gm := must[PhaseOneUp](w, gmAddr).SA
		w.upper = func(at netip.AddrPort, p Phase2) {
			if at == ksAddr {
				w.step(ksAddr, Exchange2{SA: p.SA.ID, Exchange: ExchangePull, MessageID: 9, First: PayloadHash, Payloads: hashed(t, gm, 9, "an answer")})
				return
			}
			w.step(gmAddr, Accept{SA: gm.ID, MessageID: 9})
		}
		w.step(gmAddr, Exchange2{SA: gm.ID, Owner: 1, Exchange: ExchangePull, MessageID: 9, First: PayloadHash, Payloads: hashed(t, gm, 9, "question"), Await: true})
		w.pass(35 * time.Second)
		q, a := must[Phase2](w, ksAddr), must[Phase2](w, gmAddr)
		if !bytes.Equal(q.Payloads, hashed(t, gm, 9, "question")) || !bytes.Equal(a.Payloads, hashed(t, gm, 9, "an answer")) {
			t.Errorf("question %x, answer %x", q.Payloads, a.Payloads)
		}
		none[Phase2](w, ksAddr) // never processed twice
		none[Phase2](w, gmAddr)
		w.pass(3 * time.Minute)
		none[Phase2Failed](w, gmAddr)
		return w
	}
	for lost := 1; lost <= 8; lost++ {
		t.Run(fmt.Sprintf("datagram %d lost", lost), func(t *testing.T) {
			w := run(t, func(n int, s Send) []Send {
				if n == lost {
					return nil
				}
				return []Send{s}
			})
			if c := w.nodes[gmAddr].count.Retransmitted; c != 1 {
				t.Errorf("%d retransmissions", c)
			}
		})
	}
	t.Run("every datagram twice", func(t *testing.T) {
		w := run(t, func(_ int, s Send) []Send { return []Send{s, s} })
		if c := w.nodes[ksAddr].count.Duplicates; c == 0 {
			t.Error("no duplicates counted")
		}
	})
	for first := 1; first <= 6; first++ {
		t.Run(fmt.Sprintf("a copy of datagram %d comes last", first), func(t *testing.T) {
			var late Send
			run(t, func(n int, s Send) []Send {
				switch {
				case n == first:
					late = s
				case n == first+2:
					return []Send{s, late}
				}
				return []Send{s}
			})
		})
	}
}

func TestExchangeUnanswered(t *testing.T) {
	w := standardPair(t)
	gm, _ := w.up()
	w.deliver = func(Send) []Send { return nil }
	w.sent = nil
	began := w.now
	w.step(gmAddr, Exchange2{SA: gm.ID, Owner: 3, Exchange: ExchangePull, MessageID: 77, First: PayloadHash, Payloads: hashed(t, gm, 77, "question"), Await: true})
	var at []time.Duration
	for range 4 {
		at = append(at, w.now.Sub(began))
		if len(w.sent) != len(at) || !bytes.Equal(w.sent[0].Data, w.sent[len(w.sent)-1].Data) {
			t.Fatalf("%d datagrams at %v", len(w.sent), at)
		}
		w.pass(10 * time.Second)
	}
	f := must[Phase2Failed](w, gmAddr)
	if f.Owner != 3 || f.MessageID != 77 || f.SA != gm.ID || f.Reason != ReasonNoAnswer || len(w.sent) != 4 {
		t.Errorf("%+v after %d datagrams", f, len(w.sent))
	}
	// The SA may be gone on the other side: a new Connect makes another one.
	w.deliver = nil
	w.step(gmAddr, Connect{Owner: 3, Local: gmAddr, Remote: ksAddr})
	w.flush()
	if up := must[PhaseOneUp](w, gmAddr); up.SA.ID == gm.ID {
		t.Error("the silent SA was lent again")
	}
	// INITIAL-CONTACT cleared the key server, and the successor the member.
	for a, m := range w.nodes {
		if d := must[SADeleted](w, a); d.SA.ID != 1001 || len(m.byID) != 1 {
			t.Errorf("%v: %d SAs", a, len(m.byID))
		}
	}
}

// One SA serves every Connect to a peer, before and after it is up.
func TestConnectSharesTheSA(t *testing.T) {
	w := standardPair(t)
	w.step(gmAddr, Connect{Owner: 1, Local: gmAddr, Remote: ksAddr})
	w.step(gmAddr, Connect{Owner: 2, Local: gmAddr, Remote: ksAddr})
	w.step(gmAddr, Connect{Owner: 2, Local: gmAddr, Remote: ksAddr})
	w.flush()
	a, b := must[PhaseOneUp](w, gmAddr), must[PhaseOneUp](w, gmAddr)
	if a.Owner != 1 || b.Owner != 2 || a.SA.ID != b.SA.ID || len(w.sent) != 6 {
		t.Errorf("%+v %+v, %d datagrams", a, b, len(w.sent))
	}
	none[PhaseOneUp](w, gmAddr)
	w.step(gmAddr, Connect{Owner: 3, Local: gmAddr, Remote: ksAddr})
	if c := must[PhaseOneUp](w, gmAddr); c.Owner != 3 || c.SA.ID != a.SA.ID || len(w.sent) != 6 {
		t.Errorf("%+v, %d datagrams", c, len(w.sent))
	}
}

// Both sides open phase 1 at once: both get an SA, and both SAs work.
func TestSimultaneousConnects(t *testing.T) {
	simultaneous(t, nil)
}

// The key server's message 5, with its INITIAL-CONTACT, arrives when the
// member's own SA is finished: that SA is not older, and stays.
func TestSimultaneousInitialContact(t *testing.T) {
	var own Cookie // of the key server's main mode
	var late *Send
	simultaneous(t, func(w *wire, s Send) []Send {
		h, _, _ := ParseHeader(s.Data)
		if s.Local == ksAddr && h.ResponderCookie == (Cookie{}) {
			own = h.InitiatorCookie
		}
		switch {
		case s.Local == ksAddr && h.InitiatorCookie == own && h.Flags&FlagEncryption != 0 && late == nil:
			late = &s
			return nil
		case late != nil && h.InitiatorCookie != own && s.Local == ksAddr && h.Flags&FlagEncryption != 0:
			return []Send{s, *late} // behind message 6 of the member's
		}
		return []Send{s}
	})
	if late == nil {
		t.Error("nothing was late")
	}
}

func simultaneous(t *testing.T, deliver func(*wire, Send) []Send) {
	c := config(true, "k", quick())
	w := pair(t, c, c)
	if deliver != nil {
		w.deliver = func(s Send) []Send { return deliver(w, s) }
	}
	w.step(gmAddr, Connect{Owner: 1, Local: gmAddr, Remote: ksAddr})
	w.step(ksAddr, Connect{Owner: 2, Local: ksAddr, Remote: gmAddr})
	w.flush()
	a, b := must[PhaseOneUp](w, gmAddr), must[PhaseOneUp](w, ksAddr)
	w.pass(3 * time.Minute)
	for at, up := range map[string]PhaseOneUp{"gm": a, "ks": b} {
		from, to := gmAddr, ksAddr
		if at == "ks" {
			from, to = to, from
		}
		w.step(from, Exchange2{SA: up.SA.ID, Owner: up.Owner, Exchange: 240, MessageID: 55, First: PayloadHash, Payloads: hashed(t, up.SA, 55, "are you there")})
		w.flush()
		if p, ok := take[Phase2](w, to); !ok || p.Exchange != 240 {
			t.Errorf("the SA lent to %s does not reach the other side", at)
		}
	}
	none[SADeleted](w, gmAddr)
	none[SADeleted](w, ksAddr)
}

func TestAbandon(t *testing.T) {
	w := standardPair(t)
	w.deliver = func(Send) []Send { return nil }
	w.step(gmAddr, Connect{Owner: 1, Local: gmAddr, Remote: ksAddr})
	w.step(gmAddr, Connect{Owner: 2, Local: gmAddr, Remote: ksAddr})
	w.step(gmAddr, Abandon{1})
	w.pass(10 * time.Second)
	if len(w.sent) != 2 {
		t.Errorf("%d datagrams while one owner waits", len(w.sent))
	}
	w.step(gmAddr, Abandon{2})
	w.pass(time.Minute)
	if len(w.sent) != 2 || !w.nodes[gmAddr].Next().IsZero() {
		t.Errorf("%d datagrams, next %v", len(w.sent), w.nodes[gmAddr].Next())
	}
	none[PhaseOneFailed](w, gmAddr)

	w.deliver = nil
	gm, _ := w.up()
	w.sent = nil
	w.step(gmAddr, Exchange2{SA: gm.ID, Owner: 1, Exchange: ExchangePull, MessageID: 5, First: PayloadHash, Payloads: hashed(t, gm, 5, "question"), Await: true})
	w.step(gmAddr, Abandon{1})
	w.pass(time.Minute)
	if len(w.sent) != 1 {
		t.Errorf("%d datagrams of an abandoned exchange", len(w.sent))
	}
	none[Phase2Failed](w, gmAddr)
}

// The same seed gives the same octets.
func TestDeterminism(t *testing.T) {
	run := func() (all []byte) {
		w := standardPair(t)
		gm, ks := w.up()
		exchangeOf3(w, gm, ks, 3)
		w.step(gmAddr, Clear{All: true})
		w.pass(time.Minute)
		for _, s := range w.sent {
			all = append(all, s.Data...)
		}
		return all
	}
	if !bytes.Equal(run(), run()) {
		t.Error("two runs differ")
	}
}
