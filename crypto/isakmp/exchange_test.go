package isakmp

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"coterie/internal/syslog"
)

// asked is long enough for its last ciphertext block to hold nothing but text.
const asked = "a question that goes on for some time, so that a forger has a block to play with"

// question opens an exchange from the member and returns the datagram.
func question(w *wire, gm SA, mid uint32) Send {
	w.t.Helper()
	w.step(gmAddr, Exchange2{SA: gm.ID, Owner: 1, Exchange: ExchangePull, MessageID: mid, First: PayloadHash, Payloads: hashed(w.t, gm, mid, asked), Await: true})
	return w.sent[len(w.sent)-1]
}

// A message that does not verify does not move the IV on: the right one, which
// comes later, still decrypts.
func TestRefuseKeepsTheIV(t *testing.T) {
	w := standardPair(t)
	gm, ks := w.up()
	w.deliver = func(Send) []Send { return nil }
	right := question(w, gm, 9)
	w.deliver = nil
	// A forger flips the last block: the HASH payload stays whole, its content
	// is wrong.
	wrong := bytes.Clone(right.Data)
	wrong[len(wrong)-1] ^= 1
	give := func(data []byte) { w.step(ksAddr, Datagram{Local: ksAddr, Remote: gmAddr, Data: data}) }
	give(wrong)
	must[Phase2](w, ksAddr)
	w.step(ksAddr, Refuse{SA: ks.ID, MessageID: 9})
	give(wrong) // not handed up again
	none[Phase2](w, ksAddr)
	give(right.Data)
	if p := must[Phase2](w, ksAddr); !bytes.Equal(p.Payloads, hashed(t, gm, 9, asked)) {
		t.Errorf("%x", p.Payloads)
	}
	give(right.Data) // while the layer above thinks
	none[Phase2](w, ksAddr)
	w.step(ksAddr, Exchange2{SA: ks.ID, Exchange: ExchangePull, MessageID: 9, First: PayloadHash, Payloads: hashed(t, ks, 9, asked+"!")})
	answer := w.queue[0]
	w.queue = nil
	forged := bytes.Clone(answer.Data)
	forged[len(forged)-1] ^= 1
	for _, x := range []struct{ data, plain []byte }{{forged, nil}, {answer.Data, hashed(t, ks, 9, asked+"!")}} {
		w.step(gmAddr, Datagram{Local: gmAddr, Remote: ksAddr, Data: x.data})
		p := must[Phase2](w, gmAddr)
		if x.plain != nil {
			if !bytes.Equal(p.Payloads, x.plain) {
				t.Errorf("%x", p.Payloads)
			}
			break
		}
		w.step(gmAddr, Refuse{SA: gm.ID, MessageID: 9})
	}
	// The member refuses it silently, and goes on asking; the cached answer
	// comes again and is not looked at twice.
	w.step(gmAddr, Refuse{SA: gm.ID, MessageID: 9})
	n := len(w.sent)
	w.pass(10 * time.Second)
	if len(w.sent) != n+2 {
		t.Errorf("%d datagrams, want a question and the cached answer", len(w.sent)-n)
	}
	none[Phase2](w, gmAddr)
	none[Phase2](w, ksAddr)
	w.pass(30 * time.Second)
	if f := must[Phase2Failed](w, gmAddr); f.MessageID != 9 {
		t.Errorf("%+v", f)
	}
}

// A refusal with a notify ends the exchange, names it to the peer, and is
// repeated to duplicates without asking again.
func TestRefuseWithNotify(t *testing.T) {
	w := standardPair(t)
	gm, ks := w.up()
	q := question(w, gm, 0xabcd)
	w.flush()
	must[Phase2](w, ksAddr)
	w.step(ksAddr, Refuse{SA: ks.ID, MessageID: 0xabcd, Notify: NotifyInvalidID})
	w.flush()
	n := must[Notified](w, gmAddr)
	if n.Type != NotifyInvalidID || n.Owner != 1 || n.MessageID != 0xabcd || n.SA.ID != gm.ID {
		t.Errorf("%+v", n)
	}
	w.step(ksAddr, Datagram{Local: ksAddr, Remote: gmAddr, Data: q.Data})
	w.flush()
	none[Phase2](w, ksAddr)
	none[Notified](w, gmAddr) // the same Informational: a duplicate here
	if c := w.nodes[gmAddr].count.Duplicates; c != 1 {
		t.Errorf("%d duplicates at the member", c)
	}
}

// A message ID has its own IV chain: two exchanges interleave.
func TestExchangesInterleave(t *testing.T) {
	w := standardPair(t)
	gm, ks := w.up()
	question(w, gm, 1)
	question(w, gm, 2)
	w.flush()
	first, second := must[Phase2](w, ksAddr), must[Phase2](w, ksAddr)
	for _, p := range []Phase2{second, first} {
		w.step(ksAddr, Exchange2{SA: ks.ID, Exchange: ExchangePull, MessageID: p.MessageID, First: PayloadHash, Payloads: hashed(t, ks, p.MessageID, "answer no. "+fmt.Sprint(p.MessageID))})
	}
	w.flush()
	for _, id := range []uint32{2, 1} {
		if p := must[Phase2](w, gmAddr); p.MessageID != id || !bytes.Equal(p.Payloads, hashed(t, ks, id, "answer no. "+fmt.Sprint(id))) {
			t.Errorf("%+v", p)
		}
	}
}

// A recorded message does not reopen its exchange once it is forgotten.
func TestReplayOfAFinishedExchange(t *testing.T) {
	w := standardPair(t)
	gm, ks := w.up()
	q := question(w, gm, 7)
	w.flush()
	must[Phase2](w, ksAddr)
	w.step(ksAddr, Accept{SA: ks.ID, MessageID: 7})
	w.step(gmAddr, Abandon{1})
	w.pass(2 * time.Minute)
	w.step(ksAddr, Datagram{Local: ksAddr, Remote: gmAddr, Data: q.Data})
	none[Phase2](w, ksAddr)
	if n := len(w.nodes[ksAddr].byID[ks.ID].exchanges); n != 0 {
		t.Errorf("%d exchanges left", n)
	}
}

func TestExchangeWithoutSA(t *testing.T) {
	w := standardPair(t)
	w.step(gmAddr, Exchange2{SA: 4711, Owner: 3, Exchange: ExchangePull, MessageID: 1, First: PayloadHash, Payloads: []byte{0, 0, 0, 4}})
	if f := must[Phase2Failed](w, gmAddr); f.Owner != 3 || f.SA != 4711 || f.Reason != ReasonSAGone {
		t.Errorf("%+v", f)
	}
	w.step(gmAddr, Accept{SA: 4711, MessageID: 1})
	w.step(gmAddr, Refuse{SA: 4711, MessageID: 1, Notify: 18})
	w.step(gmAddr, Clear{SA: 4711})
	w.step(gmAddr, Done{})
	gm, _ := w.up()
	w.step(gmAddr, Exchange2{SA: gm.ID, Owner: 3, Exchange: 240, MessageID: 1, First: PayloadHash, Payloads: make([]byte, 65500)})
	if f := must[Phase2Failed](w, gmAddr); f.Reason != ReasonTooLong {
		t.Errorf("%+v", f)
	}
	w.step(gmAddr, Exchange2{SA: gm.ID, Owner: 3, Exchange: 240, MessageID: 2})
	if f := must[Phase2Failed](w, gmAddr); f.Reason != ReasonOver {
		t.Errorf("%+v", f)
	}
}

// An SA remembers a bounded number of exchanges.
func TestExchangesAreBounded(t *testing.T) {
	w := standardPair(t)
	gm, ks := w.up()
	for i := range uint32(3 * maxExchanges) {
		question(w, gm, i+1)
		w.flush()
		must[Phase2](w, ksAddr)
		w.step(ksAddr, Refuse{SA: ks.ID, MessageID: i + 1})
		w.step(gmAddr, Abandon{1})
	}
	for a, m := range w.nodes {
		for _, sa := range m.byID {
			if len(sa.exchanges) > maxExchanges || len(sa.used) > maxUsedIDs {
				t.Errorf("%v: %d exchanges, %d used", a, len(sa.exchanges), len(sa.used))
			}
		}
	}
	w.pass(5 * time.Minute)
	if n := len(w.nodes[ksAddr].byID[ks.ID].exchanges); n != 0 {
		t.Errorf("%d exchanges after five minutes", n)
	}
}

// `clear crypto isakmp` tells the peer, and the owners of what was going on.
func TestClearSendsDelete(t *testing.T) {
	w := standardPair(t)
	gm, ks := w.up()
	question(w, gm, 4)
	w.flush()
	must[Phase2](w, ksAddr)
	w.step(gmAddr, Clear{SA: gm.ID})
	w.flush()
	if f := must[Phase2Failed](w, gmAddr); f.Owner != 1 || f.MessageID != 4 || f.Reason != ReasonCleared {
		t.Errorf("%+v", f)
	}
	for a, id := range map[string]SAID{"gm": gm.ID, "ks": ks.ID} {
		at := gmAddr
		if a == "ks" {
			at = ksAddr
		}
		if d := must[SADeleted](w, at); d.SA.ID != id || d.SA.PRF([]byte("x")) != nil {
			t.Errorf("%s: %+v", a, d)
		}
		if s := w.nodes[at].Snapshot(w.now).SAs; len(s) != 1 || !s[0].Deleted || s[0].ID != id {
			t.Errorf("%s: snapshot %+v", a, s)
		}
	}
	if gm.PRF([]byte("x")) != nil {
		t.Error("the PRF of a dead SA still answers")
	}
	// The late answer of the key server finds no SA.
	w.step(ksAddr, Exchange2{SA: ks.ID, Exchange: ExchangePull, MessageID: 4, First: PayloadHash, Payloads: []byte{0, 0, 0, 4}})
	must[Phase2Failed](w, ksAddr)
	w.pass(2 * time.Minute)
	for a, m := range w.nodes {
		if len(m.byCookies)+len(m.byID)+len(m.established)+len(m.byOwner)+len(m.jobs) != 0 || !m.Next().IsZero() {
			t.Errorf("%v: something is left", a)
		}
	}
}

func TestClearAll(t *testing.T) {
	w := standardPair(t)
	w.up()
	w.step(gmAddr, Connect{Owner: 9, Local: gmAddr, Remote: gmAddr}) // nobody there
	w.step(gmAddr, Clear{All: true})
	if f := must[PhaseOneFailed](w, gmAddr); f.Owner != 9 || f.Reason != ReasonCleared {
		t.Errorf("%+v", f)
	}
	must[SADeleted](w, gmAddr)
	w.flush()
	must[SADeleted](w, ksAddr)
}

// Both ends drop the SA when its lifetime is over.
func TestLifetime(t *testing.T) {
	p := quick()
	p.Lifetime = 5 * time.Minute
	w := pair(t, config(false, "k", p), config(true, "k", p))
	gm, _ := w.up()
	w.pass(4*time.Minute + 10*time.Second)
	w.step(gmAddr, Connect{Owner: 1, Local: gmAddr, Remote: ksAddr})
	if up := must[PhaseOneUp](w, gmAddr); up.SA.ID != gm.ID {
		t.Error("a living SA was not lent")
	}
	// In its last 40 s it is not lent any more.
	w.pass(15 * time.Second)
	w.step(gmAddr, Connect{Owner: 1, Local: gmAddr, Remote: ksAddr})
	w.flush()
	if up := must[PhaseOneUp](w, gmAddr); up.SA.ID == gm.ID {
		t.Error("a dying SA was lent")
	}
	w.pass(40 * time.Second)
	for a, m := range w.nodes {
		if d := must[SADeleted](w, a); d.SA.ID != 1001 || len(m.byID) != 1 {
			t.Errorf("%v: %+v", a, d)
		}
	}
}

// informationalTo seals a payload as an authenticated Informational.
func informationalTo(w *wire, from, to *Machine, fromID SAID, p Payload) Datagram {
	sa := from.byID[fromID]
	return Datagram{Local: sa.remote, Remote: sa.local, Data: from.informational(sa, p)}
}

func TestInitialContactInformational(t *testing.T) {
	w := standardPair(t)
	gm, ks := w.up()
	m := w.nodes[gmAddr]
	w.step(ksAddr, informationalTo(w, m, w.nodes[ksAddr], gm.ID, m.byID[gm.ID].notify(NotifyInitialContact, 1, nil)))
	none[SADeleted](w, ksAddr) // the SA it came over is no older one
	if w.nodes[ksAddr].byID[ks.ID] == nil {
		t.Error("the SA is gone")
	}
}

func TestDPDAnswer(t *testing.T) {
	w := standardPair(t)
	gm, ks := w.up()
	m := w.nodes[gmAddr]
	w.sent = nil
	probe := informationalTo(w, m, w.nodes[ksAddr], gm.ID, m.byID[gm.ID].notify(NotifyRUThere, 1, []byte{0, 0, 1, 2}))
	w.step(ksAddr, probe)
	w.step(ksAddr, probe) // its duplicate gets the same answer
	if len(w.sent) != 2 || !bytes.Equal(w.sent[0].Data, w.sent[1].Data) {
		t.Fatalf("%d answers", len(w.sent))
	}
	// HDR*, HASH, N(R-U-THERE-ACK) with both cookies and the sequence number.
	sa := m.byID[gm.ID]
	h, body, err := ParseHeader(w.sent[0].Data)
	if err != nil {
		t.Fatal(err)
	}
	list, _, ok := m.open(sa, phaseTwoIV(sa.keys.hash, sa.last, h.MessageID), message{Header: h, body: body})
	if !ok || len(list) != 2 {
		t.Fatalf("answer %v", list)
	}
	n, err := ParseNotify(list[1].Body)
	if err != nil || n.Type != NotifyRUThereAck || n.DOI != 1 || n.Protocol != 1 || !bytes.Equal(n.SPI, sa.spi()) || binary.BigEndian.Uint32(n.Data) != 0x102 {
		t.Errorf("%+v, %v", n, err)
	}
	// Without our cookies it is no probe.
	bad := m.byID[gm.ID].notify(NotifyRUThere, 1, []byte{0, 0, 1, 3})
	bad.Body[9] ^= 1
	w.sent = nil
	w.step(ksAddr, informationalTo(w, m, w.nodes[ksAddr], gm.ID, bad))
	if len(w.sent) != 0 {
		t.Error("answered a probe for other cookies")
	}
	_ = ks
}

func TestDPDPeriodic(t *testing.T) {
	gmConfig := config(false, "k", quick())
	gmConfig.DPD = DPD{Interval: 10 * time.Second, Retry: 2 * time.Second, Periodic: true}
	w := pair(t, gmConfig, config(true, "k", quick()))
	gm, _ := w.up()
	w.sent = nil
	w.pass(35 * time.Second)
	if len(w.sent) != 6 { // three probes, three answers
		t.Errorf("%d datagrams", len(w.sent))
	}
	if first := w.nodes[gmAddr].byID[gm.ID].probe.sequence; first>>31 != 0 {
		t.Errorf("sequence %#x", first)
	}
	w.deliver = func(Send) []Send { return nil }
	w.sent = nil
	silent := w.now // 5 s before the next probe
	w.pass(16 * time.Second)
	none[SADeleted](w, gmAddr)
	w.pass(time.Second)
	must[SADeleted](w, gmAddr)
	if len(w.sent) != 6 {
		t.Errorf("%d probes in %v", len(w.sent), w.now.Sub(silent))
	}
}

func TestDPDOnDemand(t *testing.T) {
	gmConfig := config(false, "k", quick())
	gmConfig.DPD = DPD{Interval: 10 * time.Second}
	w := pair(t, gmConfig, config(true, "k", quick()))
	gm, _ := w.up()
	w.sent = nil
	w.pass(time.Hour)
	if len(w.sent) != 0 {
		t.Errorf("%d datagrams without demand", len(w.sent))
	}
	w.deliver = func(Send) []Send { return nil }
	question(w, gm, 3)
	w.pass(12 * time.Second)
	must[Phase2Failed](w, gmAddr) // sooner than by retransmission
	must[SADeleted](w, gmAddr)
}

// Nothing that is not authenticated changes an SA.
func TestUnauthenticatedChangesNothing(t *testing.T) {
	w := standardPair(t)
	gm, ks := w.up()
	sa := w.nodes[ksAddr].byID[ks.ID]
	del, err := Delete{DOI: 1, Protocol: 1, SPIs: [][]byte{sa.spi()}}.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	first, chain, err := AppendChain(nil, Payload{Type: PayloadDelete, Body: del})
	if err != nil {
		t.Fatal(err)
	}
	clearText := sa.message(ExchangeInformational, 0, 0, first, chain)
	clearID := sa.message(ExchangeInformational, 0, 99, first, chain)
	genuine := w.nodes[gmAddr].informational(w.nodes[gmAddr].byID[gm.ID], Payload{Type: PayloadDelete, Body: del})
	var forged [][]byte
	for i := HeaderLen; i < len(genuine); i += 7 {
		b := bytes.Clone(genuine)
		b[i] ^= 0x40
		forged = append(forged, b)
	}
	otherID := bytes.Clone(genuine)
	otherID[23] ^= 1
	w.sent = nil
	for _, data := range append(forged, clearText, clearID, otherID) {
		w.step(ksAddr, Datagram{Local: ksAddr, Remote: gmAddr, Data: data})
		none[SADeleted](w, ksAddr)
		none[Notified](w, ksAddr)
	}
	// Nor from another address.
	w.step(ksAddr, Datagram{Local: ksAddr, Remote: ksAddr, Data: genuine})
	none[SADeleted](w, ksAddr)
	if len(w.sent) != 0 {
		t.Errorf("%d answers", len(w.sent))
	}
	w.step(ksAddr, Datagram{Local: ksAddr, Remote: gmAddr, Data: genuine})
	must[SADeleted](w, ksAddr)
}

// A key server that lost its SAs says so.
func TestLostSA(t *testing.T) {
	w := standardPair(t)
	gm, _ := w.up()
	w.nodes[ksAddr] = New(seed(3))
	w.step(ksAddr, Configure{config(true, "cisco", quick())})
	question(w, gm, 4)
	w.pass(20 * time.Second)
	if n := w.logged(ksAddr, syslog.IKMPNoSA); n != 1 {
		t.Errorf("%d lines", n)
	}
}
