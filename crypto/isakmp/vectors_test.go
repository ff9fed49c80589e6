package isakmp

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"coterie/crypto/keys"
	"coterie/crypto/suite"
	"coterie/internal/env"
	"coterie/internal/secret"
)

// vector reads a file of names with hexadecimal values on indented lines.
func vector(t testing.TB, file string) func(name string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	values := make(map[string]string)
	name := ""
	for line := range strings.Lines(string(text)) {
		switch {
		case strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "\t"):
			values[name] += strings.TrimSpace(line)
		default:
			name = strings.TrimSpace(line)
		}
	}
	return func(name string) []byte {
		t.Helper()
		b, err := hex.DecodeString(values[name])
		if err != nil || len(b) == 0 {
			t.Fatalf("%s: value %q of %s: %v", file, name, values[name], err)
		}
		return b
	}
}

func equal(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s\n got %x\nwant %x", what, got, want)
	}
}

// script is a random source that yields prepared values, each in one read.
type script struct {
	t    testing.TB
	next [][]byte
}

func (s *script) Read(b []byte) (int, error) {
	if len(s.next) == 0 {
		s.t.Errorf("%d random octets more than the script has", len(b))
		return 0, io.EOF
	}
	v := s.next[0]
	s.next = s.next[1:]
	if len(v) != len(b) {
		s.t.Errorf("%d random octets drawn, the script has %d", len(b), len(v))
	}
	return copy(b, v), nil
}

func TestOwnVectorKeys(t *testing.T) {
	v := vector(t, "own.txt")
	x, err := suite.Group(14).GenerateKey(v("x-i"))
	if err != nil {
		t.Fatal(err)
	}
	y, err := suite.Group(14).GenerateKey(v("x-r"))
	if err != nil {
		t.Fatal(err)
	}
	gxy, err := x.Shared(y.Public())
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(gxy)
	equal(t, "SHA-256 of g^xy", sum[:], v("sha256-g-xy"))
	skeyid := skeyidPSK(suite.SHA256, secret.Of("cisco123"), v("ni"), v("nr"))
	equal(t, "SKEYID", skeyid.Reveal(), v("skeyid"))
	k, err := deriveKeys(suite.SHA256, suite.AES128, skeyid, gxy, Cookie(v("cky-i")), Cookie(v("cky-r")))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "SKEYID_d", k.d.Reveal(), v("skeyid-d"))
	equal(t, "SKEYID_a", k.a.Reveal(), v("skeyid-a"))
	equal(t, "SKEYID_e", k.e.Reveal(), v("skeyid-e"))
	equal(t, "cipher key", k.key.Reveal(), v("cipher-key"))
	equal(t, "phase-1 IV", phaseOneIV(suite.SHA256, 16, x.Public(), y.Public()), v("phase1-iv"))
	sa := v("message-1")[HeaderLen+genericLen : HeaderLen+0x3c]
	idi := AddressID(netip.MustParseAddrPort("10.0.0.1:848")).Append(nil)
	idr := AddressID(netip.MustParseAddrPort("10.0.0.2:848")).Append(nil)
	equal(t, "HASH_I", k.hashI(x.Public(), y.Public(), Cookie(v("cky-i")), Cookie(v("cky-r")), sa, idi), v("hash-i"))
	equal(t, "HASH_R", k.hashR(x.Public(), y.Public(), Cookie(v("cky-i")), Cookie(v("cky-r")), sa, idr), v("hash-r"))
	six := v("message-6")
	equal(t, "PULL IV", phaseTwoIV(suite.SHA256, six[len(six)-16:], 0x01020304), v("pull-iv"))
}

// TestOwnVectorMachines runs both machines over the recorded exchange: every
// datagram of main mode and of the PULL is reproduced.
func TestOwnVectorMachines(t *testing.T) {
	v := vector(t, "own.txt")
	gmAddr, ksAddr := netip.MustParseAddrPort("10.0.0.1:848"), netip.MustParseAddrPort("10.0.0.2:848")
	gmRand := &script{t: t, next: [][]byte{make([]byte, 32), v("cky-i"), v("x-i"), v("ni")}}
	ksRand := &script{t: t, next: [][]byte{make([]byte, 32), v("x-r"), v("nr")}}
	gm, ks := New(env.Env{Rand: gmRand}), New(env.Env{Rand: ksRand})
	gm.noInitialContact = true // the recorded member sends none
	ks.cookie = func(peer, Cookie) Cookie { return Cookie(v("cky-r")) }
	config := Config{
		Enabled: true, PhaseOneDOI: DOIIPsec, Accept: true, KeyLog: true,
		Policies: []Policy{{Priority: 10, Cipher: suite.AES128, Hash: suite.SHA256, Group: 14, Auth: PreShared, Lifetime: 86400 * time.Second}},
		Keyrings: []Keyring{{PSKs: []keys.PSK{{Peer: netip.MustParsePrefix("0.0.0.0/0"), Key: secret.Of("cisco123")}}}},
	}
	w := newWire(t)
	w.add(gmAddr, gm)
	w.add(ksAddr, ks)
	w.step(gmAddr, Configure{config})
	w.step(ksAddr, Configure{config})
	w.step(gmAddr, Connect{Owner: 7, Local: gmAddr, Remote: ksAddr})
	w.flush()
	for i := range 6 {
		if i >= len(w.sent) {
			t.Fatalf("%d messages in main mode", len(w.sent))
		}
		equal(t, fmt.Sprintf("message %d", i+1), w.sent[i].Data, v(fmt.Sprintf("message-%d", i+1)))
	}
	up, ok := take[PhaseOneUp](w, gmAddr)
	if !ok || up.Owner != 7 || !up.SA.Initiator || !up.SA.Foreign {
		t.Fatalf("member: %+v", up)
	}
	if log, _ := take[KeyLog](w, gmAddr); !bytes.Equal(log.Key, v("cipher-key")) || !bytes.Equal(log.InitiatorCookie[:], v("cky-i")) {
		t.Errorf("key log %x %x", log.InitiatorCookie, log.Key)
	}

	const mid = 0x01020304
	id := binary.BigEndian.AppendUint32(nil, mid)
	prf := up.SA.PRF
	// Message 7: HASH(1), Ni, ID.
	_, tail, err := AppendChain(nil, Payload{Type: PayloadNonce, Body: v("pull-ni")}, Payload{Type: PayloadID, Body: v("pull-id")})
	if err != nil {
		t.Fatal(err)
	}
	w.sent = nil
	w.step(gmAddr, Exchange2{SA: up.SA.ID, Owner: 7, Exchange: ExchangePull, MessageID: mid, First: PayloadHash,
		Payloads: withHash(t, prf(id, tail), PayloadNonce, tail, v("hash-1")), Await: true})
	w.flush()
	// Message 8: HASH(2), Nr, SA.
	pull, ok := take[Phase2](w, ksAddr)
	if !ok || pull.Exchange != ExchangePull || pull.MessageID != mid || pull.SA.Initiator || pull.Owner != 0 {
		t.Fatalf("key server: %+v", pull)
	}
	_, tail, err = AppendChain(nil, Payload{Type: PayloadNonce, Body: v("pull-nr")}, Payload{Type: PayloadSA, Body: v("pull-sa")})
	if err != nil {
		t.Fatal(err)
	}
	w.step(ksAddr, Exchange2{SA: pull.SA.ID, Exchange: ExchangePull, MessageID: mid, First: PayloadHash,
		Payloads: withHash(t, pull.SA.PRF(id, v("pull-ni"), tail), PayloadNonce, tail, v("hash-2"))})
	w.flush()
	// Message 9: HASH(3).
	if answer, ok := take[Phase2](w, gmAddr); !ok || answer.Owner != 7 {
		t.Fatalf("member: %+v", answer)
	}
	w.step(gmAddr, Exchange2{SA: up.SA.ID, Owner: 7, Exchange: ExchangePull, MessageID: mid, First: PayloadHash,
		Payloads: withHash(t, prf(id, v("pull-ni"), v("pull-nr")), PayloadNone, nil, v("hash-3")), Await: true})
	w.flush()
	// Message 10: HASH(4), SEQ, KD, which only its ciphertext tells.
	if _, ok := take[Phase2](w, ksAddr); !ok {
		t.Fatal("the key server did not get message 9")
	}
	ksSA := ks.byID[pull.SA.ID]
	nine := v("message-9")
	plain, ok := ksSA.keys.decrypt(nine[len(nine)-16:], v("message-10")[HeaderLen:])
	if !ok {
		t.Fatal("message 10 does not decrypt")
	}
	list, err := Payloads(PayloadHash, plain)
	if err != nil || len(list) != 3 {
		t.Fatalf("message 10: %v, %v", list, err)
	}
	plain = plain[:ChainLen(list)]
	equal(t, "HASH(4)", list[0].Body, v("hash-4"))
	equal(t, "HASH(4) computed", prf(id, v("pull-ni"), v("pull-nr"), plain[len(list[0].Raw):]), v("hash-4"))
	w.step(ksAddr, Exchange2{SA: pull.SA.ID, Exchange: ExchangePull, MessageID: mid, First: PayloadHash, Payloads: plain})
	w.flush()
	last, ok := take[Phase2](w, gmAddr)
	if !ok {
		t.Fatal("the member did not get message 10")
	}
	equal(t, "payloads of message 10", last.Payloads, plain)
	w.step(gmAddr, Accept{SA: up.SA.ID, MessageID: mid})
	for i, s := range w.sent {
		equal(t, fmt.Sprintf("message %d", i+7), s.Data, v(fmt.Sprintf("message-%d", i+7)))
	}
	if len(w.sent) != 4 {
		t.Errorf("%d messages in the PULL", len(w.sent))
	}
	if len(gmRand.next)+len(ksRand.next) != 0 {
		t.Error("random values left over")
	}
}

// withHash puts a HASH payload in front of a chain and compares it.
func withHash(t *testing.T, hash []byte, next uint8, tail, want []byte) []byte {
	t.Helper()
	equal(t, "HASH", hash, want)
	b, err := AppendPayload(nil, next, hash)
	if err != nil {
		t.Fatal(err)
	}
	return append(b, tail...)
}

// TestGdoidVector follows a run of another implementation from SKEYID on.
func TestGdoidVector(t *testing.T) {
	v := vector(t, "gdoid.txt")
	k, err := deriveKeys(suite.SHA1, suite.TripleDES, secret.New(v("skeyid")), v("g-xy"), Cookie(v("cky-i")), Cookie(v("cky-r")))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "SKEYID_d", k.d.Reveal(), v("skeyid-d"))
	equal(t, "SKEYID_a", k.a.Reveal(), v("skeyid-a"))
	equal(t, "SKEYID_e", k.e.Reveal(), v("skeyid-e"))
	equal(t, "3DES key", k.key.Reveal(), v("cipher-key"))
	iv := phaseTwoIV(suite.SHA1, v("last-block"), binary.BigEndian.Uint32(v("message-id")))
	equal(t, "PULL IV", iv, v("pull-iv"))

	h, body, err := ParseHeader(v("message-1"))
	if err != nil || h.Exchange != ExchangePull || h.Next != PayloadHash || h.InitiatorCookie != Cookie(v("cky-i")) {
		t.Fatalf("header %+v, %v", h, err)
	}
	plain, ok := k.decrypt(iv, body)
	if !ok {
		t.Fatal("message 1 does not decrypt")
	}
	list, err := Payloads(h.Next, plain)
	if err != nil || len(list) != 3 {
		t.Fatalf("message 1: %v, %v", list, err)
	}
	equal(t, "plaintext", plain[:ChainLen(list)], v("plain-1"))
	equal(t, "ciphertext", k.encrypt(iv, v("plain-1")), body)
	equal(t, "header", h.Append(nil), v("message-1")[:HeaderLen])

	prf := func(parts ...[]byte) []byte { return suite.SHA1.HMAC(k.a.Reveal(), parts...) }
	ni, nr := list[1].Body, v("nr")[genericLen:]
	id := v("message-id")
	equal(t, "HASH(1)", prf(id, list[1].Raw, list[2].Raw), v("hash-1"))
	equal(t, "HASH(1) sent", list[0].Body, v("hash-1"))
	equal(t, "HASH(2)", prf(id, ni, v("nr"), v("sa")), v("hash-2"))
	equal(t, "HASH(3)", prf(id, ni, nr), v("hash-3"))
	equal(t, "HASH(4)", prf(id, ni, nr, v("seq"), v("kd")), v("hash-4"))
}

// The phase-1 offer of the same implementation, on the wire.
func TestGdoidOffer(t *testing.T) {
	msg, err := hex.DecodeString("957e3b86f602b1290000000000000000011002000000000000000050" +
		"000000340000000200000000000000280101000100000020000100008001000580020002800300018004000280" + "0b0001800c003c")
	if err != nil {
		t.Fatal(err)
	}
	// Its transform carries number 0 and transform ID 1.
	h, body, err := ParseHeader(msg)
	if err != nil {
		t.Fatal(err)
	}
	list, err := Payloads(h.Next, body)
	if err != nil {
		t.Fatal(err)
	}
	offered, err := ParseSA(list[0].Body)
	if err != nil || !offered.acceptable() || offered.DOI != DOIGDOI {
		t.Fatalf("offer %+v, %v", offered, err)
	}
	p, answer, ok := choose([]Policy{{Priority: 1, Cipher: suite.TripleDES, Hash: suite.SHA1, Group: 2, Auth: PreShared, Lifetime: DefaultLifetime}}, offered)
	if !ok || p.Lifetime != time.Minute {
		t.Fatalf("chosen %+v, %v", p, ok)
	}
	echo, err := answer.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "answer", echo, list[0].Body)
}
