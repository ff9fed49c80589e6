package isakmp

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	mathrand "math/rand/v2"
	"testing"
	"time"
)

// fragmenting is a pair whose messages 5 and 6 are long.
func fragmenting(t testing.TB) (gm, ks Config) {
	root := newAuthority(t, "Root")
	sub := root.below("Issuing")
	gm = certified(false, signed(RSASig), sub.trustpoint("gm1.example", "192.0.2.1", rsaKey(), nil))
	ks = certified(true, signed(RSASig), sub.trustpoint("ks1.example", "192.0.2.254", rsaKey(), nil))
	gm.Fragmentation, ks.Fragmentation = true, true
	return gm, ks
}

func fragmented(s Send) bool { return s.Data[16] == PayloadFragment }

// Messages that do not fit in 576 octets go in fragments that do, when both
// sides announce them.
func TestFragments(t *testing.T) {
	for _, x := range []struct{ gm, ks bool }{{true, true}, {true, false}, {false, true}, {false, false}} {
		gm, ks := fragmenting(t)
		gm.Fragmentation, ks.Fragmentation = x.gm, x.ks
		w := pair(t, gm, ks)
		w.up()
		n := 0
		for _, s := range w.sent {
			if fragmented(s) {
				if n++; len(s.Data) > fragmentDatagram || s.Data[19]&FlagEncryption != 0 || binary.BigEndian.Uint32(s.Data[24:]) != uint32(len(s.Data)) {
					t.Errorf("fragment % x", s.Data[:40])
				}
			}
		}
		if both := x.gm && x.ks; (n >= 4) != both {
			t.Errorf("%+v: %d fragments of %d datagrams", x, n, len(w.sent))
		}
		if w.nodes[ksAddr].fragments.octets != 0 || len(w.nodes[ksAddr].fragments.sets) != 0 {
			t.Error("fragments are left")
		}
	}
}

// Lost, reordered and duplicated fragments: a repetition fills the gaps.
func TestFragmentsLostReorderedDuplicated(t *testing.T) {
	for seed := range uint64(30) {
		gm, ks := fragmenting(t)
		w := pair(t, gm, ks)
		r := mathrand.New(mathrand.NewPCG(seed, 1))
		w.deliver = func(s Send) []Send {
			switch {
			case !fragmented(s):
				return []Send{s}
			case r.IntN(4) == 0:
				return nil
			case r.IntN(3) == 0:
				return []Send{s, s}
			}
			return []Send{s}
		}
		w.step(gmAddr, Connect{Owner: 1, Local: gmAddr, Remote: ksAddr})
		for range 40 {
			r.Shuffle(len(w.queue), func(i, j int) { w.queue[i], w.queue[j] = w.queue[j], w.queue[i] })
			w.pass(time.Second)
		}
		if _, ok := take[PhaseOneUp](w, gmAddr); !ok && w.nodes[ksAddr].count.Fragments == 0 {
			t.Errorf("seed %d: no fragment came", seed)
		}
		w.pass(3 * time.Minute)
		for a, m := range w.nodes {
			if m.fragments.octets != 0 || len(m.fragments.sets) != 0 {
				t.Errorf("seed %d: %d octets left at %v", seed, m.fragments.octets, a)
			}
		}
	}
	// Each fragment lost once: the first repetition, 10 s later, is whole.
	gm, ks := fragmenting(t)
	w := pair(t, gm, ks)
	lost := false
	w.deliver = func(s Send) []Send {
		if fragmented(s) && !lost {
			lost = true
			return nil
		}
		return []Send{s}
	}
	w.step(gmAddr, Connect{Owner: 1, Local: gmAddr, Remote: ksAddr})
	w.pass(15 * time.Second)
	must[PhaseOneUp](w, gmAddr)
}

// fragmentsTo is a responder that has sent message 2 to a peer with fragments,
// and a way to give it some.
func fragmentsTo(t *testing.T) (w *wire, m *Machine, give func(Fragment)) {
	gm, ks := fragmenting(t)
	w = pair(t, gm, ks)
	w.deliver = func(s Send) []Send {
		if s.Local == gmAddr && s.Data[8] != 0 {
			return nil // message 3 is lost
		}
		return []Send{s}
	}
	w.step(gmAddr, Connect{Owner: 1, Local: gmAddr, Remote: ksAddr})
	w.flush()
	m = w.nodes[ksAddr]
	sa := m.all()[0]
	return w, m, func(f Fragment) {
		b, err := AppendPayload(nil, 0, f.Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		w.step(ksAddr, Datagram{Local: ksAddr, Remote: gmAddr, Data: sa.message(ExchangeMainMode, 0, 0, PayloadFragment, b)})
	}
}

func TestFragmentBounds(t *testing.T) {
	w, m, give := fragmentsTo(t)
	// Many sets: four at a time.
	for id := range uint16(100) {
		give(Fragment{ID: id, Number: 2, Data: make([]byte, 500)})
	}
	sa := m.all()[0]
	if n := len(m.fragments.sets[sa]); n != maxFragmentSets {
		t.Errorf("%d sets", n)
	}
	// One set of more than a datagram is dropped.
	for n := range 100 {
		give(Fragment{ID: 999, Number: uint8(n + 1), Data: make([]byte, 1000)})
	}
	for _, s := range m.fragments.sets[sa] {
		if s.octets > maxDatagram {
			t.Errorf("%d octets in one message", s.octets)
		}
	}
	if m.fragments.octets > maxFragmentSets*(maxDatagram+255*fragmentCost+fragmentSetCost) {
		t.Errorf("%d octets in all", m.fragments.octets)
	}
	// Contradictions: two last ones, a number behind the last.
	give(Fragment{ID: 1, Number: 2, Last: true, Data: []byte{1}})
	give(Fragment{ID: 1, Number: 3, Data: []byte{1}})
	give(Fragment{ID: 2, Number: 2, Last: true, Data: []byte{1}})
	give(Fragment{ID: 2, Number: 1, Last: true, Data: []byte{1}})
	give(Fragment{ID: 3, Number: 4, Data: []byte{1}})
	give(Fragment{ID: 3, Number: 2, Last: true, Data: []byte{1}})
	for _, s := range m.fragments.sets[sa] {
		if s.id <= 3 {
			t.Errorf("set %d is kept", s.id)
		}
	}
	// Garbage that is whole: counted, not answered.
	malformed := m.count.Malformed
	sent := len(w.sent)
	give(Fragment{ID: 7, Number: 1, Last: true, Data: []byte("no message")})
	if m.count.Malformed != malformed+1 || len(w.sent) != sent {
		t.Error("garbage was taken")
	}
	// A fragment of a fragment, and a message of another SA.
	inner := sa.message(ExchangeMainMode, 0, 0, PayloadFragment, []byte{0, 0, 0, 4})
	give(Fragment{ID: 8, Number: 1, Last: true, Data: inner})
	other := bytes.Clone(inner)
	other[16], other[0] = PayloadKE, other[0]^1
	give(Fragment{ID: 9, Number: 1, Last: true, Data: other})
	if m.count.Malformed != malformed+3 || len(w.sent) != sent {
		t.Errorf("%d malformed, want %d", m.count.Malformed, malformed+3)
	}
	// Sets go after ten seconds.
	w.pass(fragmentLife)
	if m.fragments.octets != 0 || len(m.fragments.sets) != 0 {
		t.Errorf("%d octets after ten seconds", m.fragments.octets)
	}
	// And with their SA.
	give(Fragment{ID: 10, Number: 2, Data: make([]byte, 500)})
	w.pass(2 * time.Minute)
	if m.fragments.octets != 0 || len(m.byCookies) != 0 {
		t.Errorf("%d octets with %d SAs", m.fragments.octets, len(m.byCookies))
	}
}

// Nobody who has not returned our cookie costs memory: wrong cookies, no
// Vendor ID, message 1 in pieces.
func TestFragmentsOfStrangers(t *testing.T) {
	w, m, _ := fragmentsTo(t)
	sa := m.all()[0]
	b, err := AppendPayload(nil, 0, Fragment{ID: 1, Number: 2, Data: make([]byte, 100)}.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	msg := sa.message(ExchangeMainMode, 0, 0, PayloadFragment, b)
	for _, i := range []int{0, 8} {
		wrong := bytes.Clone(msg)
		wrong[i] ^= 1
		w.step(ksAddr, Datagram{Local: ksAddr, Remote: gmAddr, Data: wrong})
	}
	first := bytes.Clone(msg)
	clear(first[8:16])
	w.step(ksAddr, Datagram{Local: ksAddr, Remote: gmAddr, Data: first})
	sa.fragments = false
	w.step(ksAddr, Datagram{Local: ksAddr, Remote: gmAddr, Data: msg})
	if m.fragments.octets != 0 || m.count.FragmentsDropped != 4 {
		t.Errorf("%d octets, %d dropped", m.fragments.octets, m.count.FragmentsDropped)
	}
}

// The memory of all peers together is bounded.
func TestFragmentMemory(t *testing.T) {
	_, m, give := fragmentsTo(t)
	m.fragments.octets = maxFragmentOctets - 100
	give(Fragment{ID: 1, Number: 1, Data: make([]byte, 500)})
	if len(m.fragments.sets) != 0 {
		t.Error("a fragment beyond the bound was kept")
	}
}

func FuzzFragment(f *testing.F) {
	f.Add([]byte{0, 1, 1, 1, 'x'}, []byte{0, 1, 2, 0, 'y'}, uint8(1))
	f.Add([]byte{0, 1, 255, 0, 'x'}, []byte{}, uint8(200))
	m := New(seed(1))
	m.Step(start, Configure{Config{Enabled: true, Fragmentation: true}})
	f.Fuzz(func(t *testing.T, a, b []byte, steps uint8) {
		sa := m.newPhaseOne(peer{local: ksAddr, remote: gmAddr}, false)
		sa.icookie, sa.rcookie, sa.state, sa.fragments = Cookie{1}, Cookie{2}, rMM4, true
		m.byCookies[cookies{sa.icookie, sa.rcookie}] = sa
		for i := range int(steps) {
			body := bytes.Clone(a)
			if i%2 == 1 {
				body = bytes.Clone(b)
			}
			if len(body) > 3 {
				body[2] += byte(i / 2)
			}
			chain, err := AppendPayload(nil, 0, body)
			if err != nil {
				break // too long for a payload
			}
			m.Step(start, Datagram{Local: ksAddr, Remote: gmAddr, Data: sa.message(ExchangeMainMode, 0, 0, PayloadFragment, chain)})
			if parsed, err := ParseFragment(body); err == nil && len(body) > 3 && body[3] <= 1 && !bytes.Equal(parsed.Append(nil), body) {
				t.Errorf("%x is appended as %x", body, parsed.Append(nil))
			}
			if len(m.fragments.sets[sa]) > maxFragmentSets || m.fragments.octets > maxFragmentOctets {
				t.Fatalf("%d sets, %d octets", len(m.fragments.sets[sa]), m.fragments.octets)
			}
		}
		m.Drain()
		m.remove(sa, ReasonCleared, false)
		if m.fragments.octets != 0 || len(m.fragments.sets) != 0 {
			t.Fatalf("%d octets are left", m.fragments.octets)
		}
	})
}

// A long phase-2 message, such as many keys, goes in fragments too.
func TestFragmentsOfPhaseTwo(t *testing.T) {
	gmc, ksc := fragmenting(t)
	w := pair(t, gmc, ksc)
	gm, _ := w.up()
	w.sent = nil
	long := make([]byte, 3000)
	if _, err := rand.Read(long); err != nil {
		t.Fatal(err)
	}
	w.step(gmAddr, Exchange2{SA: gm.ID, Owner: 1, Exchange: ExchangePull, MessageID: 77, First: PayloadHash, Payloads: hashed(t, gm, 77, string(long)), Await: true})
	w.flush()
	if p := must[Phase2](w, ksAddr); !bytes.Equal(p.Payloads, hashed(t, gm, 77, string(long))) {
		t.Error("not what was sent")
	}
	if len(w.sent) != 6 {
		t.Errorf("%d datagrams", len(w.sent))
	}
}
