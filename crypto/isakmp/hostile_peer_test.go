package isakmp

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"fmt"
	"math/big"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"coterie/crypto/keys"
	"coterie/crypto/pki"
	"coterie/internal/secret"
)

// TestSpoofedFlood: a hundred thousand messages 1 of the longest kind, each
// from an address of its own, none of which ever answers, and messages 3 with
// guessed cookies among them. No exponentiation is made, the memory stays under
// 64 MiB, and a member registers in the middle of it.
func TestSpoofedFlood(t *testing.T) {
	first := longestFirst(t)
	third := mainMode(t)[2]
	w := standardPair(t)
	m := w.nodes[ksAddr]
	inUse := func() uint64 {
		runtime.GC()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return s.HeapAlloc
	}
	before, n := inUse(), 0
	flood := func(count int) {
		for range count {
			n++
			from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{byte(20 + n>>16), byte(n >> 8), byte(n), byte(n * 7)}), uint16(1024+n%60000))
			b := bytes.Clone(first)
			binary.BigEndian.PutUint64(b, uint64(n)|1<<63)
			m.Step(w.now, Datagram{Local: ksAddr, Remote: from, Data: b})
			out := 0
			for _, o := range m.Drain() {
				if s, ok := o.(Send); ok {
					out += len(s.Data)
				}
			}
			if out > len(b) {
				t.Fatalf("%d octets answered with %d", len(b), out)
			}
			if n%8 != 0 {
				continue
			}
			guess := bytes.Clone(third)
			copy(guess, b[:8])
			binary.BigEndian.PutUint64(guess[8:], uint64(n)*0x9e3779b97f4a7c15)
			m.Step(w.now, Datagram{Local: ksAddr, Remote: from, Data: guess})
			for _, o := range m.Drain() {
				if _, isLog := o.(Log); !isLog {
					t.Fatalf("a guessed cookie makes %T", o)
				}
			}
		}
	}
	count := 100000
	if testing.Short() {
		count = 30000
	}
	flood(count)
	if m.lastJob != 0 {
		t.Errorf("%d computations for nobody", m.lastJob)
	}
	if used := inUse() - before; used > 64<<20 && inUse() > before {
		t.Errorf("%d MiB", used>>20)
	}
	w.deliver = func(s Send) []Send {
		flood(300)
		return []Send{s}
	}
	w.up()
	if m.lastJob != 1 {
		t.Errorf("%d computations for one member", m.lastJob)
	}
	w.deliver = nil
	w.pass(3 * time.Minute)
	if m.halfOpen.ring.Len() != 0 || len(m.byCookies) != 1 || len(m.timers.heap) > 4 {
		t.Errorf("%d half open, %d SAs, %d timers are left", m.halfOpen.ring.Len(), len(m.byCookies), len(m.timers.heap))
	}
	runtime.KeepAlive(m)
}

// longestFirst is a message 1 of which a responder keeps as much as it will.
func longestFirst(t testing.TB) []byte {
	tr := Transform{Number: 1, ID: transformKeyIKE, Attributes: quick().attributes()}
	for len(tr.Attributes) < 230 {
		tr.Attributes = append(tr.Attributes, Basic(attrLifeType, lifeSeconds))
	}
	body, err := SAPayload{DOI: 2, Proposals: []Proposal{{Number: 1, Protocol: ProtoISAKMP, Transforms: []Transform{tr}}}}.Append(nil)
	if err != nil || len(body) > maxSABody {
		t.Fatalf("%d octets, %v", len(body), err)
	}
	sa := phaseOne{icookie: Cookie{1}}
	return sa.plain(Payload{Type: PayloadSA, Body: body}, Payload{Type: PayloadVendor, Body: vendorDPD}, Payload{Type: PayloadVendor, Body: ownVendor(1)})
}

// TestUnauthenticatedInEveryState: notifies, deletes and key exchanges without
// a HASH, with a wrong one, in the clear and encrypted under a guess, in every
// state of both roles. None has an answer, none has an effect, and the message
// that was awaited is still taken.
func TestUnauthenticatedInEveryState(t *testing.T) {
	gmRSA, ksRSA := enrolled(t, rsaKey())
	for name, configs := range map[string][2]Config{"psk": {config(false, "cisco", quick()), config(true, "cisco", quick())}, "rsa": {gmRSA, ksRSA}} {
		for _, role := range []netip.AddrPort{gmAddr, ksAddr} {
			states := 0
			for stop := 1; ; stop++ {
				w, next, ok := fuzzStages(t, role, configs, stop)
				if !ok {
					break
				}
				states++
				m := w.nodes[role]
				h, _, err := ParseHeader(next.Data)
				if err != nil {
					t.Fatal(err)
				}
				look := func() string {
					text := fmt.Sprint(len(m.byCookies), len(m.byID), len(m.jobs))
					for _, sa := range m.all() {
						text += fmt.Sprintf(" %v %v %x %d %v", sa.state, sa.dead, sa.last, len(sa.exchanges), sa.expires)
						for _, x := range sa.exchanges {
							text += fmt.Sprint(" ", x.handed, x.over)
						}
						if sa.negotiation != nil {
							text += fmt.Sprintf(" %x", sa.iv)
						}
					}
					return text
				}
				before := look()
				w.sent = nil
				clear(w.outputs)
				for i, b := range unauthenticated(t, h) {
					w.step(role, Datagram{Local: next.Remote, Remote: next.Local, Data: b})
					if len(w.sent) != 0 {
						t.Fatalf("%s, message %d to %v: number %d has an answer", name, stop, role, i)
					}
					for _, o := range w.outputs[role] {
						if _, isLog := o.(Log); !isLog {
							t.Fatalf("%s, message %d to %v: number %d makes %T", name, stop, role, i, o)
						}
					}
				}
				if after := look(); after != before {
					t.Errorf("%s, message %d to %v: state\n%s\nwas\n%s", name, stop, role, after, before)
				}
				w.deliver = nil
				w.step(role, Datagram{Local: next.Remote, Remote: next.Local, Data: next.Data})
				if look() == before {
					t.Errorf("%s, message %d to %v: the right message has no effect", name, stop, role)
				}
			}
			if states < 4 {
				t.Errorf("%s: only %d states of %v", name, states, role)
			}
		}
	}
}

// unauthenticated are messages of every exchange under the cookies of a
// conversation by somebody who has no key of it.
func unauthenticated(t testing.TB, h Header) (all [][]byte) {
	spi := append(h.InitiatorCookie[:], h.ResponderCookie[:]...)
	var bodies [][]Payload
	add := func(list ...Payload) { bodies = append(bodies, list) }
	payload := func(kind uint8, body []byte, err error) Payload {
		if err != nil {
			t.Fatal(err)
		}
		return Payload{Type: kind, Body: body}
	}
	del, err := Delete{DOI: 1, Protocol: ProtoISAKMP, SPIs: [][]byte{spi}}.Append(nil)
	remove := payload(PayloadDelete, del, err)
	add(remove)
	add(Payload{Type: PayloadHash, Body: make([]byte, 32)}, remove)
	add(Payload{Type: PayloadHash}, remove)
	add(remove, Payload{Type: PayloadHash, Body: make([]byte, 32)})
	for _, n := range []uint16{1, NotifyInvalidCookie, NotifyInvalidSPI, NotifyNoProposalChosen, NotifyAuthenticationFailed, NotifyResponderLifetime, NotifyInitialContact, NotifyRUThere, NotifyRUThereAck, 40500} {
		body, err := Notify{DOI: 1, Protocol: ProtoISAKMP, SPI: spi, Type: n, Data: []byte{0, 0, 0, 1}}.Append(nil)
		notify := payload(PayloadNotify, body, err)
		add(notify)
		add(Payload{Type: PayloadHash, Body: make([]byte, 32)}, notify)
	}
	for _, exchange := range []uint8{ExchangeInformational, ExchangePull, ExchangeAggressive, 6} {
		for _, list := range bodies {
			for _, id := range []uint32{0, 77} {
				for _, flags := range []uint8{0, FlagEncryption, 0xff} {
					first, chain, err := AppendChain(nil, list...)
					if err != nil {
						t.Fatal(err)
					}
					for len(chain)%16 != 0 {
						chain = append(chain, 0)
					}
					x := h
					x.Exchange, x.MessageID, x.Flags, x.Next, x.Length = exchange, id, flags, first, uint32(HeaderLen+len(chain))
					all = append(all, append(x.Append(nil), chain...))
				}
			}
		}
	}
	return all
}

// TestFailuresLookAlike: a wrong pre-shared key, an identity that nobody knows,
// a wrong certificate, a revoked one and one of another authority: the peer sees
// the same datagrams at the same times, and learns only that nobody answers. The
// time that message 5 takes does not tell a wrong key from an unknown identity,
// nor a wrong signature from a revoked certificate.
func TestFailuresLookAlike(t *testing.T) {
	ca, other := newAuthority(t, "CA"), newAuthority(t, "Other")
	server := ca.trustpoint("ks1.example", "192.0.2.254", rsaKey(), nil)
	certificates := func(gm *pki.Trustpoint, change func(gm, ks *Config)) [2]Config {
		point := *server
		out := [2]Config{certified(false, signed(RSASig), gm, &pki.Trustpoint{Name: "trust", Anchors: server.Anchors}), certified(true, signed(RSASig), &point)}
		if change != nil {
			change(&out[0], &out[1])
		}
		return out
	}
	good := ca.trustpoint("gm1.example", "192.0.2.1", rsaKey(), nil)
	stolen := *good
	stolen.Signer = newRSA(2048)
	revoked := func(_, ks *Config) {
		leaf, err := x509.ParseCertificate(good.Chain[0])
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: start.Add(-time.Hour), NextUpdate: start.Add(time.Hour),
			RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: leaf.SerialNumber, RevocationTime: start}}}, ca.cert, ca.key)
		if err != nil {
			t.Fatal(err)
		}
		crl, err := pki.ParseCRL(der, []*x509.Certificate{ca.cert})
		if err != nil {
			t.Fatal(err)
		}
		ks.Trustpoints[0].CheckCRL, ks.Trustpoints[0].CRL = true, crl
	}
	unknown := func(gm *Config) { gm.Identity = SelfIdentity{Kind: ByFQDN, Name: "nobody.example"} }
	profile := func(ks *Config) {
		ks.Profiles = []Profile{{Name: "P", Match: []MatchIdentity{{Any: true}}, Keyring: "other"}}
		ks.Keyrings = append(ks.Keyrings, Keyring{Name: "other", PSKs: []keys.PSK{{Peer: netip.MustParsePrefix("0.0.0.0/0"), Key: secret.Of("something else")}}})
	}
	psk := func(key string, change func(gm, ks *Config)) [2]Config {
		out := [2]Config{config(false, key, quick()), config(true, "cisco", quick())}
		if change != nil {
			change(&out[0], &out[1])
		}
		return out
	}
	for method, causes := range map[string]map[string][2]Config{
		"psk": {
			"wrong key":        psk("cicso", nil),
			"unknown identity": psk("cisco", func(gm, ks *Config) { unknown(gm); profile(ks) }),
		},
		"rsa": {
			"wrong signature":   certificates(&stolen, nil),
			"revoked":           certificates(good, revoked),
			"another authority": certificates(other.trustpoint("gm1.example", "192.0.2.1", rsaKey(), nil), nil),
			"unknown identity":  certificates(good, nil),
		},
	} {
		shapes := map[string][]string{}
		took := map[string][]time.Duration{}
		for round := range 25 {
			for cause, configs := range causes {
				w := pair(t, configs[0], configs[1])
				if method == "rsa" && cause == "unknown identity" { // ours claims only what it can prove
					w.nodes[gmAddr].claim = Identity{Type: IDFQDN, Data: []byte("nobody.example")}.Append(nil)
				}
				var five Send
				w.deliver = func(s Send) []Send {
					if s.Local == gmAddr && s.Data[19]&FlagEncryption != 0 {
						five = s
						return nil
					}
					return []Send{s}
				}
				var shape []string
				w.step(gmAddr, Connect{Owner: 1, Local: gmAddr, Remote: ksAddr})
				w.flush()
				if five.Data == nil {
					t.Fatalf("%s, %s: no message 5", method, cause)
				}
				m := w.nodes[ksAddr]
				began := time.Now()
				m.Step(w.now, Datagram{Local: ksAddr, Remote: gmAddr, Data: bytes.Clone(five.Data)})
				took[cause] = append(took[cause], time.Since(began))
				for _, o := range m.Drain() {
					if _, isLog := o.(Log); !isLog {
						t.Errorf("%s, %s: answered with %T", method, cause, o)
					}
				}
				if round > 0 {
					continue
				}
				w.deliver = nil
				for i := range 30 {
					w.pass(10 * time.Second)
					for _, s := range w.sent {
						if s.Local == ksAddr {
							shape = append(shape, fmt.Sprintf("%d: exchange %d of %d octets", i, s.Data[18], len(s.Data)))
						}
					}
					w.sent = nil
				}
				if f := must[PhaseOneFailed](w, gmAddr); f.Reason != ReasonAuthentication {
					t.Errorf("%s, %s: %s", method, cause, f.Reason)
				}
				if len(m.byCookies) != 0 || m.count.AuthFail == 0 {
					t.Errorf("%s, %s: %d SAs left, %d failures", method, cause, len(m.byCookies), m.count.AuthFail)
				}
				shapes[cause] = shape
			}
		}
		var slowest, fastest time.Duration
		var one []string
		for cause, list := range took {
			slices.Sort(list)
			mid := list[len(list)/2]
			if slowest = max(slowest, mid); fastest == 0 || mid < fastest {
				fastest = mid
			}
			t.Logf("%s, %s: %v", method, cause, mid)
			if one == nil {
				one = shapes[cause]
			}
			if strings.Join(shapes[cause], "\n") != strings.Join(one, "\n") {
				t.Errorf("%s, %s: the peer sees\n%s\nelse\n%s", method, cause, strings.Join(shapes[cause], "\n"), strings.Join(one, "\n"))
			}
		}
		// An order of magnitude would be something that is not done at all. What
		// is left is below the jitter of any path, and has no answer to ride on.
		if slowest > 10*fastest {
			t.Errorf("%s: %v and %v", method, fastest, slowest)
		}
	}
}

// TestCertificateBombs: chains too long, certificates too large, too many of
// them, names without end, behind a finished Diffie-Hellman. Each costs a bounded
// amount of memory and time, and the peer is told nothing.
func TestCertificateBombs(t *testing.T) {
	ca := newAuthority(t, "CA")
	gmc := certified(false, signed(RSASig), ca.trustpoint("gm1.example", "192.0.2.1", rsaKey(), nil))
	ksc := certified(true, signed(RSASig), ca.trustpoint("ks1.example", "192.0.2.254", rsaKey(), nil))
	var five message
	w := pair(t, gmc, ksc)
	w.deliver = func(s Send) []Send {
		h, body, err := ParseHeader(s.Data)
		if err != nil {
			t.Fatal(err)
		}
		if h.Flags&FlagEncryption != 0 {
			five = message{Header: h, body: body}
			return nil
		}
		return []Send{s}
	}
	w.step(gmAddr, Connect{Owner: 1, Local: gmAddr, Remote: ksAddr})
	w.flush()
	m := w.nodes[ksAddr]
	sa := m.all()[0]
	plain, ok := sa.keys.decrypt(sa.iv, five.body)
	if !ok {
		t.Fatal("message 5 is not whole")
	}
	honest, err := Payloads(five.Next, plain)
	if err != nil {
		t.Fatal(err)
	}
	var id, sig, leaf Payload
	for _, p := range honest {
		switch p.Type {
		case PayloadID:
			id = p
		case PayloadSignature:
			sig = p
		case PayloadCert:
			leaf = p
		}
	}
	cert := func(der []byte) Payload {
		return Payload{Type: PayloadCert, Body: Certificate{encodingX509Signature, der}.Append(nil)}
	}
	huge := func(change func(*x509.Certificate)) Payload {
		c := &x509.Certificate{Subject: pkix.Name{CommonName: "gm1.example"}, KeyUsage: x509.KeyUsageDigitalSignature}
		change(c)
		return cert(ca.sign(c, ca.cert, rsaKey().Public()).Raw)
	}
	names := func(n int) (out []string) {
		for i := range n {
			out = append(out, fmt.Sprintf("name%d.example", i))
		}
		return out
	}
	many := func(n int, p Payload) (out []Payload) {
		for range n {
			out = append(out, p)
		}
		return out
	}
	nested := bytes.Repeat([]byte{0x30, 0x82, 0x1f, 0x00}, 2100)
	for what, list := range map[string][]Payload{
		"60 certificates":         many(60, leaf),
		"a thousand empty ones":   many(1000, Payload{Type: PayloadCert}),
		"a thousand of no kind":   many(1000, Payload{Type: PayloadCert, Body: []byte{4}}),
		"other encodings":         many(1000, Payload{Type: PayloadCert, Body: []byte{1, 2, 3, 4}}),
		"60,000 octets":           {cert(make([]byte, 60000))},
		"garbage of 8 kB":         {cert(bytes.Repeat([]byte{0x30}, pki.MaxCertificate))},
		"nested without end":      {cert(nested[:pki.MaxCertificate])},
		"a common name of 7 kB":   {huge(func(c *x509.Certificate) { c.Subject.CommonName = strings.Repeat("a", 7000) })},
		"300 organizations":       {huge(func(c *x509.Certificate) { c.Subject.Organization = names(300) })},
		"400 alternative names":   {huge(func(c *x509.Certificate) { c.DNSNames = names(400) })},
		"certificate in a circle": {leaf, cert(ca.cert.Raw), leaf, cert(ca.cert.Raw)},
		"16 requests of 8 kB":     append(many(7, Payload{Type: PayloadCertReq, Body: make([]byte, pki.MaxCertificate)}), leaf),
		"3000 requests":           append(many(3000, Payload{Type: PayloadCertReq, Body: []byte{4}}), leaf),
	} {
		// Another signature: even a certificate that is good proves nothing.
		bad := Payload{Type: PayloadSignature, Body: bytes.Repeat([]byte{1}, len(sig.Body))}
		first, chain, err := AppendChain(nil, append(append([]Payload{id}, list...), bad)...)
		if err != nil {
			t.Fatal(err)
		}
		body := sa.keys.encrypt(sa.iv, chain)
		data := sa.message(ExchangeMainMode, FlagEncryption, 0, first, body)
		before, failed := bytes.Clone(sa.iv), m.count.AuthFail+m.count.Malformed
		var a, b runtime.MemStats
		runtime.ReadMemStats(&a)
		began := time.Now()
		m.Step(w.now, Datagram{Local: ksAddr, Remote: gmAddr, Data: data})
		took := time.Since(began)
		runtime.ReadMemStats(&b)
		for _, o := range m.Drain() {
			if l, isLog := o.(Log); !isLog {
				t.Errorf("%s: answered with %T", what, o)
			} else if n := len(l.Text()); n > 4096 {
				t.Errorf("%s: a line of %d octets", what, n)
			}
		}
		if used := b.TotalAlloc - a.TotalAlloc; used > uint64(1<<20+16*len(data)) {
			t.Errorf("%s: %d octets for a message of %d", what, used, len(data))
		}
		if took > 2*time.Second {
			t.Errorf("%s: %v", what, took)
		}
		if sa.state != rMM4 || !bytes.Equal(sa.iv, before) || m.count.AuthFail+m.count.Malformed != failed+1 {
			t.Errorf("%s: state %v, %d failures counted", what, sa.state, m.count.AuthFail+m.count.Malformed-failed)
		}
	}
	// The honest message 5 is still taken.
	w.deliver = nil
	w.step(ksAddr, Datagram{Local: ksAddr, Remote: gmAddr, Data: append(five.Append(nil), five.body...)})
	if sa.state != complete {
		t.Errorf("state %v", sa.state)
	}
}

// TestEndlessFragments: one peer sends fragments without end, overlapping,
// repeated, backwards, of messages that are never whole. The work grows with
// the octets sent, not with their square, and the memory does not grow.
func TestEndlessFragments(t *testing.T) {
	const half = 20000
	spend := func(n int) (time.Duration, *Machine) {
		_, m, give := fragmentsTo(t)
		began := time.Now()
		for i := range n {
			give(Fragment{ID: uint16(i / 200), Number: uint8(2 + 251*(i%200)/200), Data: []byte{byte(i)}})
			give(Fragment{ID: uint16(i % 3), Number: uint8(255 - i%254), Data: bytes.Repeat([]byte{1}, 40)})
		}
		return time.Since(began), m
	}
	spend(half / 10) // warm
	a, _ := spend(half)
	b, m := spend(4 * half)
	if m.fragments.octets > maxFragmentSets*(maxDatagram+255*fragmentCost+fragmentSetCost) {
		t.Errorf("%d octets are held", m.fragments.octets)
	}
	if b > 12*a+time.Second {
		t.Errorf("%d fragments took %v, four times as many %v", half, a, b)
	}
}

// TestParsersAreBounded: each parser, and putting fragments together, allocates
// at most 64 KiB and eight times its input.
func TestParsersAreBounded(t *testing.T) {
	used := func(f func()) uint64 {
		var a, b runtime.MemStats
		runtime.ReadMemStats(&a)
		f()
		runtime.ReadMemStats(&b)
		return b.TotalAlloc - a.TotalAlloc
	}
	generic := func(next uint8, n int) []byte {
		return append([]byte{next, 0, byte(n >> 8), byte(n)}, make([]byte, n-4)...)
	}
	inputs := [][]byte{nil, {0}, make([]byte, 0xffff), bytes.Repeat([]byte{0xff}, 0xffff), bytes.Repeat([]byte{0x80, 1, 0, 1}, 16000), bytes.Repeat([]byte{0, 1, 0, 0}, 16000),
		bytes.Repeat(generic(PayloadVendor, 4), 16000), bytes.Repeat(generic(PayloadCert, 9), 7000), bytes.Repeat(generic(PayloadNotify, 600), 100), longestFirst(t), longestFirst(t)[HeaderLen+4:]}
	for _, m := range mainMode(t) {
		inputs = append(inputs, m, m[HeaderLen:])
	}
	for i, b := range inputs {
		for what, parse := range map[string]func(){
			"header": func() { ParseHeader(b) }, "chain": func() { Payloads(PayloadVendor, b) }, "chain of SA": func() { Payloads(PayloadSA, b) },
			"SA": func() { ParseSA(b) }, "attributes": func() { ParseAttributes(b) }, "ID": func() { ParseID(b) }, "notify": func() { ParseNotify(b) },
			"delete": func() { ParseDelete(b) }, "certificate": func() { ParseCertificate(b) }, "request": func() { ParseCertificateRequest(b) }, "fragment": func() { ParseFragment(b) },
		} {
			if n := used(parse); n > uint64(64<<10+8*len(b)) {
				t.Errorf("%s, input %d: %d octets for %d", what, i, n, len(b))
			}
		}
	}
	_, m, give := fragmentsTo(t)
	total, sum := uint64(0), 0
	for n := range 255 {
		f := Fragment{ID: 5, Number: uint8(n + 1), Last: n == 254, Data: make([]byte, 250)}
		sum += len(f.Data) + HeaderLen + 8
		one := used(func() { give(f) })
		if total += one; one > 64<<10+8*uint64(sum) {
			t.Errorf("fragment %d: %d octets", n+1, one)
		}
	}
	if m.fragments.octets != 0 || m.count.Malformed != 1 {
		t.Errorf("%d octets held, %d malformed: the message was never whole", m.fragments.octets, m.count.Malformed)
	}
	if total > 255*8<<10+16*uint64(sum) {
		t.Errorf("%d octets for a message of %d", total, sum)
	}
}
