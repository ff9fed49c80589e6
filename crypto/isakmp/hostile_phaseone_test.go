package isakmp

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"encoding/binary"
	"math/big"
	mathrand "math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// A flood of message 1 with forged sources fills the half-open table; a true
// member still gets through, from inside the flooded network too.
func TestRegistersUnderFlood(t *testing.T) {
	msg := mainMode(t)[0]
	w := standardPair(t)
	m := w.nodes[ksAddr]
	n := 0
	flood := func(count int) {
		for range count {
			b := bytes.Clone(msg)
			binary.BigEndian.PutUint32(b, uint32(n)|1<<31)
			from := netip.AddrFrom4([4]byte{192, 0, 2, byte(n)})
			if n%2 == 0 {
				from = netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
			}
			m.Step(w.now, Datagram{Local: ksAddr, Remote: netip.AddrPortFrom(from, uint16(1024+n%60000)), Data: b})
			m.Drain()
			n++
		}
	}
	flood(20000)
	w.deliver = func(s Send) []Send {
		flood(300) // between any two messages of the member
		return []Send{s}
	}
	w.up()
	if len(m.jobs) != 0 || m.lastJob != 1 {
		t.Errorf("%d computations", m.lastJob)
	}
}

// One network cannot push out the others.
func TestHalfOpenPerPrefix(t *testing.T) {
	msg := mainMode(t)[0]
	w := standardPair(t)
	m := w.nodes[ksAddr]
	give := func(i int, from netip.AddrPort) {
		b := bytes.Clone(msg)
		binary.BigEndian.PutUint32(b, uint32(i)|1<<31)
		m.Step(w.now, Datagram{Local: ksAddr, Remote: from, Data: b})
		m.Drain()
	}
	victim := netip.MustParseAddrPort("198.51.100.7:848")
	give(0, victim)
	for i := range 5000 {
		give(i+1, netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}), uint16(1000+i/8)))
	}
	if len(m.halfOpen.peers[victim]) != 1 {
		t.Error("the flood of another network pushed a peer out")
	}
	if n := m.halfOpen.ring.Len(); n != maxHalfOpenPrefix+1 {
		t.Errorf("%d half open, want %d", n, maxHalfOpenPrefix+1)
	}
	w.pass(2 * time.Minute)
	if len(m.halfOpen.nets) != 0 || m.halfOpen.ring.Len() != 0 {
		t.Errorf("%d networks are left", len(m.halfOpen.nets))
	}
	for in, want := range map[string]string{"192.0.2.77": "192.0.2.0/24", "::ffff:192.0.2.77": "192.0.2.0/24", "2001:db8:1:2ff::1": "2001:db8:1:200::/56"} {
		if got := halfOpenPrefix(netip.MustParseAddr(in)); got.String() != want {
			t.Errorf("%s is counted in %v", in, got)
		}
	}
}

// A responder repeats message 2 for a repeated message 1 only.
func TestResponderHasNoTimer(t *testing.T) {
	msg := mainMode(t)[0]
	w := standardPair(t)
	w.deliver = func(Send) []Send { return nil }
	w.step(ksAddr, Datagram{Local: ksAddr, Remote: gmAddr, Data: msg})
	w.pass(5 * time.Minute)
	if len(w.sent) != 1 {
		t.Errorf("%d datagrams for one message 1", len(w.sent))
	}
}

// What is wrong with message 5 makes no difference: no datagram, no change, and
// the same hash computed.
func TestUniformFailure(t *testing.T) {
	ready := func(gm, ks Config) (*wire, *phaseOne, *phaseOne, message) {
		w := pair(t, gm, ks)
		var five message
		w.deliver = func(s Send) []Send {
			h, body, err := ParseHeader(s.Data)
			if err != nil {
				t.Fatal(err)
			}
			if h.Flags&FlagEncryption == 0 {
				return []Send{s}
			}
			five = message{Header: h, body: body}
			return nil
		}
		w.step(gmAddr, Connect{Owner: 1, Local: gmAddr, Remote: ksAddr})
		w.flush()
		return w, w.nodes[gmAddr].all()[0], w.nodes[ksAddr].all()[0], five
	}
	gmRSA, ksRSA := enrolled(t, rsaKey())
	for name, configs := range map[string][2]Config{
		"psk": {config(false, "cisco", quick()), config(true, "cisco", quick())},
		"rsa": {gmRSA, ksRSA},
	} {
		w, _, sa, five := ready(configs[0], configs[1])
		m := w.nodes[ksAddr]
		plain, ok := sa.keys.decrypt(sa.iv, five.body)
		if !ok {
			t.Fatal("message 5 is not whole")
		}
		list, err := Payloads(five.Next, plain)
		if err != nil {
			t.Fatal(err)
		}
		with := func(list ...Payload) (uint8, []byte) {
			first, chain, err := AppendChain(nil, list...)
			if err != nil {
				t.Fatal(err)
			}
			return first, chain
		}
		flip := func(p Payload) Payload {
			p.Body = bytes.Clone(p.Body)
			p.Body[len(p.Body)-1] ^= 1
			return p
		}
		var rest []Payload // all but the ID
		for _, p := range list {
			if p.Type != PayloadID {
				rest = append(rest, p)
			}
		}
		for what, l := range map[string][]Payload{
			"other identity":      append([]Payload{flip(list[0])}, rest...),
			"wrong proof":         append(slices.Clone(list[:1]), flipAll(rest, flip)...),
			"no proof":            {list[0]},
			"no identity":         rest,
			"two identities":      append([]Payload{list[0], list[0]}, rest...),
			"short proof":         {list[0], {Type: PayloadHash, Body: []byte{1}}, {Type: PayloadSignature, Body: []byte{1}}},
			"nothing":             {{Type: PayloadVendor, Body: []byte("x")}},
			"identity cut short":  append([]Payload{{Type: PayloadID, Body: []byte{1, 2}}}, rest...),
			"identity of 2 bytes": append([]Payload{{Type: PayloadID, Body: []byte{1, 0, 0, 0, 9, 9}}}, rest...),
		} {
			first, chain := with(l...)
			bad := five
			bad.Next, bad.body = first, sa.keys.encrypt(sa.iv, chain)
			hashes, before, iv := 0, sa.state, bytes.Clone(sa.iv)
			m.Drain()
			_, ok := m.authenticate(sa, bad, func(id []byte) []byte {
				hashes++
				return sa.keys.hashI(sa.gxi, sa.gxr, sa.icookie, sa.rcookie, sa.saBody, id)
			})
			if ok || hashes != 1 || sa.state != before || !bytes.Equal(sa.iv, iv) || sa.peerID.Type != 0 {
				t.Errorf("%s, %s: ok %v, %d hashes, state %v", name, what, ok, hashes, sa.state)
			}
			for _, o := range m.Drain() {
				if _, isLog := o.(Log); !isLog {
					t.Errorf("%s, %s: answered with %T", name, what, o)
				}
			}
		}
		// The right one is still taken.
		if _, ok := m.authenticate(sa, five, func(id []byte) []byte {
			return sa.keys.hashI(sa.gxi, sa.gxr, sa.icookie, sa.rcookie, sa.saBody, id)
		}); !ok {
			t.Errorf("%s: the right message 5 is refused", name)
		}
	}
}

func flipAll(list []Payload, flip func(Payload) Payload) []Payload {
	var out []Payload
	for _, p := range list {
		if p.Type == PayloadHash || p.Type == PayloadSignature {
			p = flip(p)
		}
		out = append(out, p)
	}
	return out
}

// What we send depends on the messages and nothing else that their buffers
// held before, behind or after them.
func TestNoForeignOctets(t *testing.T) {
	gmRSA, ksRSA := enrolled(t, rsaKey())
	gmEC, ksEC := enrolled(t, ecKeys()[256])
	gmFrag, ksFrag := fragmenting(t)
	for name, configs := range map[string][2]Config{
		"psk":       {config(false, "cisco", quick()), config(true, "cisco", quick())},
		"rsa":       {gmRSA, ksRSA},
		"ecdsa":     {gmEC, ksEC},
		"fragments": {gmFrag, ksFrag},
	} {
		run := func(poison byte) (out [][]byte) {
			w := pair(t, configs[0], configs[1])
			w.poison = poison
			gm, ks := w.up()
			exchangeOf3(w, gm, ks, 0x777)
			w.step(gmAddr, Clear{SA: gm.ID})
			w.flush()
			for _, s := range w.sent {
				out = append(out, s.Data)
			}
			return out
		}
		a, b := run(0), run(0xa5)
		if !slices.EqualFunc(a, b, bytes.Equal) {
			t.Errorf("%s: what is sent depends on the buffer", name)
		}
	}
}

// Authenticated notifies and deletes with odd contents change nothing.
func TestOddInformationals(t *testing.T) {
	w := standardPair(t)
	gm, ks := w.up()
	from, to := w.nodes[gmAddr], w.nodes[ksAddr]
	sa := to.byID[ks.ID]
	spi := sa.spi()
	header := func(doi uint32, protocol, size uint8, kind uint16) []byte {
		b := binary.BigEndian.AppendUint32(nil, doi)
		return binary.BigEndian.AppendUint16(append(b, protocol, size), kind)
	}
	for what, p := range map[string]Payload{
		"delete of no SPI":             {Type: PayloadDelete, Body: header(1, 1, 16, 0)},
		"delete of SPIs of no length":  {Type: PayloadDelete, Body: header(1, 1, 0, 1)},
		"delete of 65535 empty SPIs":   {Type: PayloadDelete, Body: header(1, 1, 0, 65535)},
		"delete of an odd SPI":         {Type: PayloadDelete, Body: append(header(1, 1, 15, 1), spi[:15]...)},
		"delete of half an SPI":        {Type: PayloadDelete, Body: append(header(1, 1, 16, 2), spi...)},
		"delete of another SA":         {Type: PayloadDelete, Body: append(header(1, 1, 16, 1), bytes.Repeat([]byte{7}, 16)...)},
		"delete of another protocol":   {Type: PayloadDelete, Body: append(header(1, 3, 16, 1), spi...)},
		"delete of nothing":            {Type: PayloadDelete, Body: nil},
		"notify of nothing":            {Type: PayloadNotify, Body: nil},
		"notify with a long SPI":       {Type: PayloadNotify, Body: header(1, 1, 255, NotifyRUThere)},
		"R-U-THERE of another SA":      {Type: PayloadNotify, Body: append(append(header(1, 1, 16, NotifyRUThere), make([]byte, 16)...), 0, 0, 0, 1)},
		"R-U-THERE without an SPI":     {Type: PayloadNotify, Body: append(header(1, 1, 0, NotifyRUThere), 0, 0, 0, 1)},
		"R-U-THERE without a sequence": {Type: PayloadNotify, Body: append(header(1, 1, 16, NotifyRUThere), spi...)},
		"a key exchange":               {Type: PayloadKE, Body: make([]byte, 64)},
	} {
		w.sent = nil
		w.step(ksAddr, informationalTo(w, from, to, gm.ID, p))
		if len(w.sent) != 0 || sa.dead || sa.state != complete {
			t.Errorf("%s: %d answers, dead %v", what, len(w.sent), sa.dead)
		}
	}
	// A DOI that nobody knows is no reason to ignore a Delete that names the SA.
	w.step(ksAddr, informationalTo(w, from, to, gm.ID, Payload{Type: PayloadDelete, Body: append(header(77, 1, 16, 1), spi...)}))
	if !sa.dead {
		t.Error("the SA is still there")
	}
}

// Offers in domains of interpretation and with SPIs that make no sense.
func TestOddOffers(t *testing.T) {
	good, err := offer([]Policy{quick()}, DOIGDOI)
	if err != nil {
		t.Fatal(err)
	}
	for what, x := range map[string]struct {
		change func(*SAPayload)
		answer bool
	}{
		"DOI 0":              {func(s *SAPayload) { s.DOI = 0 }, true},
		"DOI 3":              {func(s *SAPayload) { s.DOI = 3 }, false},
		"situation 2":        {func(s *SAPayload) { s.Situation = 2 }, false},
		"SPI of 16":          {func(s *SAPayload) { s.Proposals[0].SPI = make([]byte, 16) }, true},
		"SPI of 3":           {func(s *SAPayload) { s.Proposals[0].SPI = make([]byte, 3) }, true},
		"SPI of 17":          {func(s *SAPayload) { s.Proposals[0].SPI = make([]byte, 17) }, false},
		"another protocol":   {func(s *SAPayload) { s.Proposals[0].Protocol = 3 }, false},
		"two proposals":      {func(s *SAPayload) { s.Proposals = append(s.Proposals, s.Proposals[0]) }, false},
		"no proposal":        {func(s *SAPayload) { s.Proposals = nil }, false},
		"no transform":       {func(s *SAPayload) { s.Proposals[0].Transforms = nil }, false},
		"RSA encryption":     {func(s *SAPayload) { s.Proposals[0].Transforms[0].Attributes[3] = Basic(attrAuth, 4) }, false},
		"another transform":  {func(s *SAPayload) { s.Proposals[0].Transforms[0].ID = 2 }, false},
		"kilobytes":          {func(s *SAPayload) { s.Proposals[0].Transforms[0].Attributes[5] = Basic(attrLifeType, lifeKilobytes) }, true},
		"lifetime in 2 byte": {func(s *SAPayload) { s.Proposals[0].Transforms[0].Attributes[6] = Basic(attrLifeDuration, 3600) }, true},
	} {
		s, err := ParseSA(good)
		if err != nil {
			t.Fatal(err)
		}
		x.change(&s)
		body, err := s.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		w := standardPair(t)
		sa := phaseOne{icookie: Cookie{9}}
		w.step(ksAddr, Datagram{Local: ksAddr, Remote: gmAddr, Data: sa.plain(Payload{Type: PayloadSA, Body: body})})
		answered := len(w.sent) == 1 && w.sent[0].Data[18] == ExchangeMainMode
		if answered != x.answer {
			t.Errorf("%s: answered %v", what, answered)
		}
	}
}

// A chain that is much too long or large, or a key that is huge, costs nothing
// but the parse.
func TestHugeKeyInSignature(t *testing.T) {
	n := new(big.Int).Lsh(big.NewInt(1), 60000)
	key := crypto.PublicKey(&rsa.PublicKey{N: n, E: 3})
	began := time.Now()
	for range 1000 {
		if verifySignature(key, signed(RSASig), make([]byte, 32), make([]byte, 7501)) == nil {
			t.Fatal("it verifies")
		}
	}
	if d := time.Since(began); d > time.Second {
		t.Errorf("%v", d)
	}
}

// states are runs of main mode with signatures and a phase-2 exchange, stopped
// before each datagram to one role.
func fuzzStages(t testing.TB, role netip.AddrPort, configs [2]Config, stop int) (w *wire, next Send, ok bool) {
	w = pair(t, configs[0], configs[1])
	n := 0
	w.deliver = func(s Send) []Send {
		if s.Remote == role {
			if n++; n == stop {
				next, ok = s, true
			}
			if n >= stop {
				return nil
			}
		}
		return []Send{s}
	}
	w.upper = func(a netip.AddrPort, p Phase2) {
		if a == ksAddr {
			w.step(ksAddr, Exchange2{SA: p.SA.ID, Exchange: ExchangePull, MessageID: p.MessageID, First: PayloadHash, Payloads: hashed(t, p.SA, p.MessageID, "an answer")})
		}
	}
	w.step(gmAddr, Connect{Owner: 1, Local: gmAddr, Remote: ksAddr})
	w.flush()
	if up, established := take[PhaseOneUp](w, gmAddr); established && !ok {
		question(w, up.SA, 9)
		w.flush()
		w.step(map[netip.AddrPort]netip.AddrPort{gmAddr: ksAddr, ksAddr: gmAddr}[role], Clear{All: true})
		w.flush()
	}
	return w, next, ok
}

// fuzzRole gives one role arbitrary datagrams in each of its states: made up,
// or the awaited one changed, under its own cookies.
func fuzzRole(f *testing.F, role netip.AddrPort) {
	gmRSA, ksRSA := enrolled(f, rsaKey())
	gmEC, ksEC := enrolled(f, ecKeys()[256])
	gmRSA.Fragmentation, ksRSA.Fragmentation = true, true
	all := [][2]Config{{config(false, "cisco", quick()), config(true, "cisco", quick())}, {gmRSA, ksRSA}, {gmEC, ksEC}}
	for stop := range byte(8) {
		for method := range byte(3) {
			f.Add(stop, method, uint16(HeaderLen), []byte{0xff}, []byte{})
			f.Add(stop, method, uint16(16), []byte{PayloadFragment ^ PayloadKE}, []byte{0, 0, 0, 12, 0, 1, 1, 1, 'x', 'x', 'x', 'x'})
			f.Add(stop, method, uint16(60), []byte{1, 2, 3}, []byte("some datagram"))
		}
	}
	for _, stop := range []byte{3, 4} { // what follows phase 1, to the member and to the key server
		for i, made := range namedSeeds() {
			f.Add(stop, byte(i), uint16(i), []byte{}, made)
		}
	}
	f.Fuzz(func(t *testing.T, stop, method byte, at uint16, change, made []byte) {
		w, next, ok := fuzzStages(t, role, all[int(method)%len(all)], 1+int(stop)%8)
		if !ok {
			return
		}
		m := w.nodes[role]
		changed := bytes.Clone(next.Data)
		for i, x := range change {
			if p := int(at) + i; p < len(changed) {
				changed[p] ^= x
			}
		}
		under := append(bytes.Clone(next.Data[:min(HeaderLen, len(next.Data))]), made...)
		for _, b := range [][]byte{changed, under} {
			if len(b) >= HeaderLen && at&1 == 1 {
				binary.BigEndian.PutUint32(b[24:], uint32(len(b)))
			}
		}
		w.sent = nil
		sealed := sealAgain(w, next, func(rest []byte) []byte {
			for i, x := range change {
				if p := int(at)%max(1, len(rest)) + i; p < len(rest) {
					rest[p] ^= x
				}
			}
			return append(rest, made...)
		})
		bare := sealAgain(w, next, func([]byte) []byte { return made })
		named := sealNamed(w, next, made)
		for _, data := range [][]byte{made, changed, under, sealed, bare, named, next.Data, changed, next.Data} {
			w.step(role, Datagram{Local: next.Remote, Remote: next.Local, Data: data})
			if p, ok := take[Phase2](w, role); ok { // what is above decides as the fuzzer says
				switch at % 3 {
				case 0:
					w.step(role, Accept{SA: p.SA.ID, MessageID: p.MessageID})
				case 1:
					w.step(role, Refuse{SA: p.SA.ID, MessageID: p.MessageID})
				case 2:
					w.step(role, Refuse{SA: p.SA.ID, MessageID: p.MessageID, Notify: 14})
				}
			}
		}
		if len(m.byCookies) > 3 || len(m.jobs) > 1 || len(m.timers.heap) > 24 || m.fragments.octets > 1<<20 {
			t.Errorf("%d SAs, %d jobs, %d timers, %d octets of fragments", len(m.byCookies), len(m.jobs), len(m.timers.heap), m.fragments.octets)
		}
		w.deliver, w.upper = nil, nil
		w.pass(200 * time.Second)
		m.Snapshot(w.now)
	})
}

func FuzzInitiator(f *testing.F) { fuzzRole(f, gmAddr) }
func FuzzResponder(f *testing.F) { fuzzRole(f, ksAddr) }

// The same, without a fuzzer: every octet of every awaited message changed, in
// both roles and for every method.
func TestChangedMessages(t *testing.T) {
	gmRSA, ksRSA := enrolled(t, rsaKey())
	for _, configs := range [][2]Config{{config(false, "cisco", quick()), config(true, "cisco", quick())}, {gmRSA, ksRSA}} {
		for _, role := range []netip.AddrPort{gmAddr, ksAddr} {
			for stop := 1; ; stop++ {
				w, next, ok := fuzzStages(t, role, configs, stop)
				if !ok {
					break
				}
				r := mathrand.New(mathrand.NewPCG(uint64(stop), 1))
				for range 100 {
					b := bytes.Clone(next.Data)
					b[r.IntN(len(b))] ^= byte(1 + r.IntN(255))
					w.step(role, Datagram{Local: next.Remote, Remote: next.Local, Data: b})
				}
				w.deliver, w.upper = nil, nil
				w.step(role, Datagram{Local: next.Remote, Remote: next.Local, Data: next.Data})
				w.flush()
				w.pass(200 * time.Second)
			}
		}
	}
}
