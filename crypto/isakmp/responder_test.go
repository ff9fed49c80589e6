package isakmp

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"coterie/crypto/suite"
)

// mainMode records the six messages of a good phase 1.
func mainMode(t testing.TB) [][]byte {
	w := standardPair(t)
	w.up()
	var out [][]byte
	for _, s := range w.sent {
		out = append(out, s.Data)
	}
	return out
}

// Before our cookie comes back, no answer is longer than its request.
func TestNoAmplification(t *testing.T) {
	dpd := Payload{Type: PayloadVendor, Body: vendorDPD}
	own := Payload{Type: PayloadVendor, Body: ownVendor(1)}
	other := Payload{Type: PayloadVendor, Body: []byte("somebody else")}
	short := Payload{Type: PayloadVendor, Body: vendorFragmentation}
	masked := Payload{Type: PayloadVendor, Body: append(bytes.Clone(vendorFragmentation), 0xc0, 0, 0, 0)}
	many := make([]Policy, 0, 30)
	for _, c := range suite.Ciphers() {
		for _, g := range suite.Groups() {
			many = append(many, policy(c, suite.SHA1, g))
		}
	}
	for _, x := range []struct {
		policies []Policy
		vendors  []Payload
		answer   bool
	}{
		{[]Policy{quick()}, nil, true},
		{[]Policy{quick()}, []Payload{dpd}, true},
		{[]Policy{quick()}, []Payload{own, other}, true},
		{[]Policy{quick()}, []Payload{short}, true},
		{[]Policy{quick()}, []Payload{masked, own}, true},
		{[]Policy{policy(suite.DES, suite.MD5, 1), quick()}, []Payload{dpd, own}, true},
		{many[:maxOffers], nil, false},
		{[]Policy{policy(suite.AES256, suite.SHA1, 14)}, nil, false},
	} {
		server := config(true, "k", quick())
		server.Fragmentation = true
		w := pair(t, config(false, "k"), server)
		body, err := offer(x.policies, 2)
		if err != nil {
			t.Fatal(err)
		}
		sa := phaseOne{icookie: Cookie{1}}
		msg := sa.plain(append([]Payload{{Type: PayloadSA, Body: body}}, x.vendors...)...)
		for range 3 { // duplicates too
			w.sent = nil
			w.step(ksAddr, Datagram{Local: ksAddr, Remote: gmAddr, Data: msg})
			if len(w.sent) != 1 || len(w.sent[0].Data) > len(msg) {
				t.Fatalf("%d answers, the first of %d octets to %d", len(w.sent), len(w.sent[0].Data), len(msg))
			}
			_, chain, err := ParseHeader(w.sent[0].Data)
			if err != nil {
				t.Fatal(err)
			}
			answered := w.sent[0].Data[18] == ExchangeMainMode
			if answered != x.answer {
				t.Errorf("answer %x", w.sent[0].Data)
			}
			if !answered {
				continue
			}
			list, err := Payloads(w.sent[0].Data[16], chain)
			if err != nil || len(list) != 1+len(x.vendors)-count(x.vendors, other) {
				t.Errorf("answer has %d payloads to %d vendor IDs, %v", len(list), len(x.vendors), err)
			}
		}
	}
}

// A message 2 that repeats an endless transform is not sent in fragments, whose
// headers would make it longer than message 1.
func TestLongAnswerIsWhole(t *testing.T) {
	server := config(true, "k", quick())
	server.Fragmentation = true
	w := pair(t, config(false, "k"), server)
	endless := Transform{Number: 1, ID: transformKeyIKE, Attributes: quick().attributes()}
	for len(endless.Attributes) < 230 {
		endless.Attributes = append(endless.Attributes, Basic(attrLifeType, lifeSeconds))
	}
	body, err := SAPayload{DOI: 2, Proposals: []Proposal{{Number: 1, Protocol: ProtoISAKMP, Transforms: []Transform{endless}}}}.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	sa := phaseOne{icookie: Cookie{1}}
	msg := sa.plain(Payload{Type: PayloadSA, Body: body}, Payload{Type: PayloadVendor, Body: vendorFragmentation})
	for range 2 {
		w.sent = nil
		w.step(ksAddr, Datagram{Local: ksAddr, Remote: gmAddr, Data: msg})
		if len(w.sent) != 1 || len(w.sent[0].Data) > len(msg) || len(w.sent[0].Data) <= fragmentDatagram {
			t.Fatalf("%d datagrams, the first of %d octets to %d", len(w.sent), len(w.sent[0].Data), len(msg))
		}
	}
}

func count(list []Payload, p Payload) (n int) {
	for _, x := range list {
		if bytes.Equal(x.Body, p.Body) {
			n++
		}
	}
	return n
}

// Diffie-Hellman runs only for a message 3 that carries our cookie and comes
// from where message 2 went, and only once.
func TestComputesOnlyForReturnedCookies(t *testing.T) {
	msg := mainMode(t)
	stranger := netip.MustParseAddrPort("192.0.2.1:849")
	w := standardPair(t)
	ks := w.nodes[ksAddr]
	w.holdJobs = true
	give := func(from netip.AddrPort, data []byte) {
		w.step(ksAddr, Datagram{Local: ksAddr, Remote: from, Data: data})
	}
	give(gmAddr, msg[2]) // before message 1
	give(gmAddr, msg[0])
	guess := bytes.Clone(msg[2])
	guess[8] ^= 1
	give(gmAddr, guess)
	give(stranger, msg[2])
	w.step(ksAddr, Datagram{Local: gmAddr, Remote: gmAddr, Data: msg[2]}) // to another address of ours
	if len(w.held) != 0 {
		t.Fatalf("%d computations for forged messages", len(w.held))
	}
	if len(w.sent) != 1 {
		t.Errorf("%d answers, want message 2 alone", len(w.sent))
	}
	if c := ks.count; c.BadCookie != 4 {
		t.Errorf("%d bad cookies", c.BadCookie)
	}
	give(gmAddr, msg[2])
	give(gmAddr, msg[2]) // while we compute
	other := bytes.Clone(msg[2])
	other[len(other)-1] ^= 1
	give(gmAddr, other)
	give(gmAddr, msg[0])
	if len(w.held) != 1 || len(w.sent) != 1 {
		t.Fatalf("%d computations, %d datagrams", len(w.held), len(w.sent))
	}
	j := w.held[0].job
	w.holdJobs = false
	done := Done{}
	done.ID, done.Result = j.ID, j.Do()
	w.step(ksAddr, done)
	w.step(ksAddr, done) // a second time: nobody waits
	give(gmAddr, msg[2])
	if len(w.sent) != 3 || !bytes.Equal(w.sent[1].Data, w.sent[2].Data) {
		t.Errorf("%d datagrams, want message 4 and its copy", len(w.sent)-1)
	}
}

// Garbage instead of message 5 does not disturb the right one.
func TestForgedMessageFive(t *testing.T) {
	w := standardPair(t)
	n := 0
	w.deliver = func(s Send) []Send {
		if n++; n != 5 {
			return []Send{s}
		}
		forged := s
		forged.Data = bytes.Clone(s.Data)
		forged.Data[HeaderLen] ^= 1
		short := s
		short.Data = append(bytes.Clone(s.Data[:27]), HeaderLen)
		return []Send{forged, short, s}
	}
	w.up()
	if c := w.nodes[ksAddr].count; c.AuthFail != 2 {
		t.Errorf("counters %+v", c)
	}
}

func TestBadPublicValue(t *testing.T) {
	for n, reason := range map[int]string{3: ReasonStalled, 4: ReasonStalled} {
		w := standardPair(t)
		i := 0
		w.deliver = func(s Send) []Send {
			// Every copy of the message is forged.
			if h, _, _ := ParseHeader(s.Data); h.Next == PayloadKE && (s.Local == gmAddr) == (n == 3) {
				i++
				s.Data = bytes.Clone(s.Data)
				clear(s.Data[HeaderLen+genericLen : HeaderLen+genericLen+64])
			}
			return []Send{s}
		}
		w.step(gmAddr, Connect{Owner: 1, Local: gmAddr, Remote: ksAddr})
		w.pass(2 * time.Minute)
		if f := must[PhaseOneFailed](w, gmAddr); f.Reason != reason || i == 0 {
			t.Errorf("message %d: %+v", n, f)
		}
	}
}

// Aggressive mode, other exchanges and other versions get no answer.
func TestSilence(t *testing.T) {
	msg := mainMode(t)[0]
	w := standardPair(t)
	for _, exchange := range []byte{0, 1, 3, ExchangeAggressive, ExchangeInformational, 6, ExchangePull, ExchangePush, ExchangePushAck, 240, 255} {
		b := bytes.Clone(msg)
		b[18] = exchange
		w.step(ksAddr, Datagram{Local: ksAddr, Remote: gmAddr, Data: b})
	}
	for _, i := range []int{17, 23, 27} { // version 2, message ID, length
		b := bytes.Clone(msg)
		b[i] += 0x10
		w.step(ksAddr, Datagram{Local: ksAddr, Remote: gmAddr, Data: b})
	}
	off := config(true, "cisco", quick())
	off.Enabled = false
	w.step(ksAddr, Configure{off})
	w.step(ksAddr, Datagram{Local: ksAddr, Remote: gmAddr, Data: msg})
	if len(w.sent) != 0 {
		t.Errorf("%d answers", len(w.sent))
	}
	if n := len(w.nodes[ksAddr].byCookies); n != 0 {
		t.Errorf("%d SAs", n)
	}
}

// A flood of message 1 from many addresses, or from one, fills nothing.
func TestHalfOpenIsBounded(t *testing.T) {
	msg := mainMode(t)[0]
	w := standardPair(t)
	m := w.nodes[ksAddr]
	flood := func(i int, from netip.AddrPort) {
		b := bytes.Clone(msg)
		b[0], b[1], b[2] = byte(i), byte(i>>8), byte(i>>16)
		m.Step(w.now, Datagram{Local: ksAddr, Remote: from, Data: b})
		m.Drain()
	}
	for i := range 200 {
		flood(i, gmAddr)
	}
	if n := m.halfOpen.ring.Len(); n != maxHalfOpenPeer || len(m.byCookies) != n || len(m.timers.heap) != n {
		t.Errorf("%d half open from one address and port, %d SAs, %d timers", n, len(m.byCookies), len(m.timers.heap))
	}
	for i := range maxHalfOpen + 1000 {
		flood(i, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 848))
	}
	if n := m.halfOpen.ring.Len(); n != maxHalfOpen || len(m.byCookies) != n || m.halfOpen.octets > maxHalfOpenOctets {
		t.Errorf("%d half open, %d SAs, %d octets", n, len(m.byCookies), m.halfOpen.octets)
	}
	if m.count.HalfOpenEvicted == 0 || m.lastJob != 0 {
		t.Errorf("%d evicted, %d computations", m.count.HalfOpenEvicted, m.lastJob)
	}
	// The newest still gets through.
	w.up()
	w.pass(2 * time.Minute)
	if n := m.halfOpen.ring.Len(); n != 0 || len(m.halfOpen.nets)+len(m.halfOpen.peers)+m.halfOpen.octets != 0 {
		t.Errorf("%d half open left", n)
	}
}

// An SA payload of more than 1 KiB is not kept.
func TestLongOffer(t *testing.T) {
	var many []Policy
	for range 30 {
		many = append(many, policy(suite.AES256, suite.SHA256, 14))
	}
	body, err := offer(append(many, quick()), 2)
	if err != nil || len(body) <= maxSABody {
		t.Fatalf("%d octets, %v", len(body), err)
	}
	w := standardPair(t)
	sa := phaseOne{icookie: Cookie{1}}
	w.step(ksAddr, Datagram{Local: ksAddr, Remote: gmAddr, Data: sa.plain(Payload{Type: PayloadSA, Body: body})})
	if len(w.sent) != 0 || w.nodes[ksAddr].count.Malformed != 1 {
		t.Errorf("%d answers", len(w.sent))
	}
}

// One peer cannot pile up finished SAs.
func TestFinishedPerPeer(t *testing.T) {
	w := standardPair(t)
	for range maxPerPeer + 5 {
		m := New(seed(byte(20 + len(w.sent))))
		m.noInitialContact = true
		w.nodes[gmAddr] = m
		w.step(gmAddr, Configure{config(false, "cisco", quick())})
		w.step(gmAddr, Connect{Owner: 1, Local: gmAddr, Remote: ksAddr})
		w.flush()
		must[PhaseOneUp](w, gmAddr)
	}
	if n := len(w.nodes[ksAddr].byID); n != maxPerPeer {
		t.Errorf("%d SAs of one peer", n)
	}
	must[SADeleted](w, ksAddr)
}

func TestCookies(t *testing.T) {
	m := New(seed(1))
	m.now = start
	p := peer{"", ksAddr, gmAddr}
	a := m.responderCookie(p, Cookie{1})
	if a == (Cookie{}) || a != m.responderCookie(p, Cookie{1}) {
		t.Error("not a function of its input")
	}
	q := p
	q.remote = netip.AddrPortFrom(gmAddr.Addr(), 849)
	other := New(seed(2))
	other.now = start
	for i, b := range []Cookie{m.responderCookie(p, Cookie{2}), m.responderCookie(q, Cookie{1}), other.responderCookie(p, Cookie{1})} {
		if a == b {
			t.Errorf("case %d: the same cookie", i)
		}
	}
	m.now = start.Add(time.Minute)
	if a == m.responderCookie(p, Cookie{1}) {
		t.Error("the same cookie a minute later")
	}
}
