package member

import (
	"bytes"
	"crypto"
	"crypto/cipher"
	"crypto/rsa"
	"encoding/binary"
	"fmt"
	"math/big"
	"net/netip"
	"strings"
	"testing"
	"time"

	"coterie/crypto/isakmp"
	"coterie/crypto/suite"
	"coterie/gdoi/policy"
	"coterie/gdoi/wire"
	"coterie/internal/testkey"
	"coterie/xfrm"
)

// raw is a rekey as octets: what a holder of the KEK can make. sign gets the
// digest and gives the body of SIG; a nil sign leaves SIG out.
func raw(t testing.TB, kek policy.KEK, first uint8, payloads []byte, sign func(digest []byte) []byte) []byte {
	t.Helper()
	header := isakmp.Header{InitiatorCookie: isakmp.Cookie(kek.SPI[:8]), ResponderCookie: isakmp.Cookie(kek.SPI[8:]),
		Next: first, Version: isakmp.Version, Exchange: isakmp.ExchangePush, Flags: isakmp.FlagEncryption}
	body := bytes.Clone(payloads)
	if sign != nil {
		size := len(sign(make([]byte, kek.SigHash.Size())))
		header.Length = uint32(isakmp.HeaderLen + len(payloads) + 4 + size)
		digest := kek.SigHash.Sum([]byte("rekey"), header.Append(nil), payloads)
		var err error
		if body, err = isakmp.AppendPayload(body, isakmp.PayloadNone, sign(digest)); err != nil {
			t.Fatal(err)
		}
	}
	block, err := kek.Cipher.NewBlock(kek.Key.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	for len(body)%block.BlockSize() != 0 {
		body = append(body, 0)
	}
	header.Length = uint32(isakmp.HeaderLen + len(body))
	cipher.NewCBCEncrypter(block, kek.IV.Reveal()).CryptBlocks(body, body)
	return append(header.Append(nil), body...)
}

func signer(t testing.TB, key *rsa.PrivateKey, opts crypto.Hash) func([]byte) []byte {
	return func(digest []byte) []byte {
		sig, err := rsa.SignPKCS1v15(nil, key, opts, digest)
		if err != nil {
			t.Fatal(err)
		}
		return sig
	}
}

// parts are the payloads of the next rekey, SEQ first and SIG left out. The
// payload before SIG points to it.
func (s *fakeServer) parts(seq uint32) (list []isakmp.Payload) {
	s.t.Helper()
	sa, kd, err := s.pushPolicy(true).Encode(s.l.now)
	if err != nil {
		s.t.Fatal(err)
	}
	saBody, err := sa.Append(nil, wire.Form{})
	if err != nil {
		s.t.Fatal(err)
	}
	kdBody, err := wire.AppendKD(nil, kd)
	if err != nil {
		s.t.Fatal(err)
	}
	return []isakmp.Payload{{Type: wire.PayloadSEQ, Body: wire.AppendSEQ(nil, seq)}, {Type: wire.PayloadSA, Body: saBody}, {Type: wire.PayloadKD, Body: kdBody}}
}

// chained is a list of payloads whose last points to SIG.
func chained(t testing.TB, list ...isakmp.Payload) (first uint8, b []byte) {
	t.Helper()
	first, b, err := isakmp.AppendChain(nil, append(list, isakmp.Payload{Type: wire.PayloadSig})...)
	if err != nil {
		t.Fatal(err)
	}
	return first, b[:len(b)-4]
}

// holds is what a member has, as text: nothing of it may change.
func (l *lab) holds() string {
	s := l.m.Snapshot(l.now)
	text := fmt.Sprintln(s.Status, s.KEK.SPI, s.LastRekeySeq, s.RekeysReceived, s.AcksSent, s.SenderIDs, s.Clock, len(l.m.keks))
	for _, t := range s.TEKs {
		text += fmt.Sprintln(t.SPI, t.Outbound)
	}
	for _, sa := range l.installed.SAs {
		text += fmt.Sprintf("%x %x %v\n", sa.SPI, sa.CipherKey.Reveal(), sa.Expires)
	}
	return text + fmt.Sprintln(l.installed.Policies, l.installed.Direction, l.installs, len(l.sent))
}

// TestHostileRekeys: rekeys with a good signature and wrong contents, every
// field of SEQ, SA, KD at its bounds. What is refused has changed nothing, and
// what is not is undone by the next good one.
func TestHostileRekeys(t *testing.T) {
	l := newLab(t)
	l.register()
	s := l.ks()
	s.kek = l.m.keks[0].KEK
	refused, taken := 0, 0
	sign := signer(t, s.key, 0)
	give := func(what string, first uint8, payloads []byte) {
		datagram := raw(t, s.kek, first, payloads, sign)
		before, received := l.holds(), l.m.Snapshot(l.now).RekeysReceived
		l.push(datagram)
		if l.m.Snapshot(l.now).RekeysReceived > received {
			taken++
			l.run(0)
			if len(l.m.keks) > 2 || len(l.m.teks) > 300 {
				t.Fatalf("%s: %d KEKs and %d TEKs", what, len(l.m.keks), len(l.m.teks))
			}
			l = newLab(t) // whatever it said, the next one starts from what is known
			l.register()
			s = l.ks()
			s.kek = l.m.keks[0].KEK
			return
		}
		refused++
		if after := l.holds(); after != before {
			t.Fatalf("%s: refused, and changed\n%s\nto\n%s", what, before, after)
		}
		l.logs, l.debug = nil, nil
	}
	list := s.parts(1)
	_, base := chained(t, list...)
	for at := range base {
		for _, v := range []uint16{0, 1, 0x7fff, 65535} {
			if at+2 <= len(base) && at%2 == 0 {
				b := bytes.Clone(base)
				binary.BigEndian.PutUint16(b[at:], v)
				give(fmt.Sprintf("%d at %d", v, at), wire.PayloadSEQ, b)
			}
		}
		give(fmt.Sprintf("cut at %d", at), wire.PayloadSEQ, base[:at])
	}
	for i, p := range list {
		for n := range p.Body {
			cut := append(append(append([]isakmp.Payload{}, list[:i]...), isakmp.Payload{Type: p.Type, Body: p.Body[:n]}), list[i+1:]...)
			first, b := chained(t, cut...)
			give(fmt.Sprintf("payload %d of %d octets", i, n), first, b)
		}
		twice := append(append(append([]isakmp.Payload{}, list[:i+1]...), p), list[i+1:]...)
		first, b := chained(t, twice...)
		give(fmt.Sprintf("payload %d twice", i), first, b)
	}
	if refused < 1000 || taken == 0 {
		t.Errorf("%d refused, %d taken", refused, taken)
	}
	// The true one still counts.
	l.push(raw(t, s.kek, wire.PayloadSEQ, base, sign))
	if l.m.Snapshot(l.now).LastRekeySeq != 1 {
		t.Error("the honest rekey is refused")
	}
}

// TestForgedRekeySignatures: everybody in the group holds the KEK and can make
// a rekey but for its signature. None of the forgeries that lax verifiers have
// taken is one.
func TestForgedRekeySignatures(t *testing.T) {
	l := newLab(t)
	l.register()
	s := l.ks()
	s.kek = l.m.keks[0].KEK
	key := s.key
	size := key.Size()
	other, _ := testkey.Other()
	prefix := map[crypto.Hash][]byte{
		crypto.SHA256: {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20},
		crypto.SHA1:   {0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14},
	}
	// private raises a block of our choice: the forger of these has the key and
	// differs from an honest server in the padding alone.
	private := func(block []byte) []byte {
		return new(big.Int).Exp(new(big.Int).SetBytes(block), key.D, key.N).FillBytes(make([]byte, size))
	}
	padded := func(kind byte, fill byte, n int, content ...[]byte) []byte {
		block := append([]byte{0, kind}, bytes.Repeat([]byte{fill}, n)...)
		block = append(block, 0)
		block = append(block, bytes.Join(content, nil)...)
		return append(block, make([]byte, max(0, size-len(block)))...)[:size]
	}
	full := func(content ...[]byte) []byte {
		return padded(1, 0xff, size-3-len(bytes.Join(content, nil)), content...)
	}
	// cubeRoot makes a signature for exponent 3 without any key: the block
	// begins as it must, and ends in whatever the cube ends in. 1024 bits have
	// room for one octet of padding and the bare hash.
	cubeRoot := func(digest []byte) []byte {
		block := padded(1, 0xff, 1, digest)
		for i := 4 + len(digest); i < size; i++ {
			block[i] = 0xff
		}
		n, root := new(big.Int).SetBytes(block), new(big.Int)
		for bit := 8 * size / 3; bit >= 0; bit-- {
			root.SetBit(root, bit, 1)
			if new(big.Int).Exp(root, big.NewInt(3), nil).Cmp(n) > 0 {
				root.SetBit(root, bit, 0)
			}
		}
		return root.FillBytes(make([]byte, size))
	}
	first, base := chained(t, s.parts(7)...)
	for what, sign := range map[string]func([]byte) []byte{
		"a member's own key":      signer(t, other, 0),
		"own key with DigestInfo": signer(t, other, crypto.SHA256),
		"no signature":            func([]byte) []byte { return nil },
		"zeros":                   func([]byte) []byte { return make([]byte, size) },
		"one":                     func([]byte) []byte { return append(make([]byte, size-1), 1) },
		"the modulus":             func([]byte) []byte { return key.N.FillBytes(make([]byte, size)) },
		"ones":                    func([]byte) []byte { return bytes.Repeat([]byte{0xff}, size) },
		"an octet short":          func(d []byte) []byte { return signer(t, key, 0)(d)[1:] },
		"an octet long":           func(d []byte) []byte { return append([]byte{0}, signer(t, key, 0)(d)...) },
		"the digest in the clear": func(d []byte) []byte { return full(d) },
		"garbage behind the hash": func(d []byte) []byte { return private(padded(1, 0xff, 8, prefix[crypto.SHA256], d)) },
		"garbage behind, no info": func(d []byte) []byte { return private(padded(1, 0xff, 8, d)) },
		"padding of zeros":        func(d []byte) []byte { return private(padded(1, 0, size-3-len(d), d)) },
		"block type 2":            func(d []byte) []byte { return private(padded(2, 0xff, size-3-len(d), d)) },
		"block type 0":            func(d []byte) []byte { return private(padded(0, 0, size-3-len(d), d)) },
		"no padding":              func(d []byte) []byte { return private(append(make([]byte, size-len(d)), d...)) },
		"DigestInfo of SHA-1":     func(d []byte) []byte { return private(full(prefix[crypto.SHA1], d[:20])) },
		"SHA-1 naming 32 octets":  func(d []byte) []byte { return private(full(prefix[crypto.SHA1], d)) },
		"DigestInfo without NULL": func(d []byte) []byte {
			return private(full([]byte{0x30, 0x2f, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x04, 0x20}, d))
		},
		"parameters full of octets": func(d []byte) []byte {
			return private(full([]byte{0x30, 0x41, 0x30, 0x1d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x04, 0x10}, make([]byte, 16), []byte{0x04, 0x20}, d))
		},
		"half of the digest": func(d []byte) []byte { return private(full(d[:16])) },
		"digest of length 0": func(d []byte) []byte { return private(full()) },
		"of another content": func(d []byte) []byte { return signer(t, key, 0)(suite.SHA256.Sum([]byte("another"))) },
		"negative": func(d []byte) []byte {
			return new(big.Int).Sub(key.N, new(big.Int).SetBytes(signer(t, key, 0)(d))).FillBytes(make([]byte, size))
		},
		"cube root for e of 3": cubeRoot,
		"nothing at all":       nil,
	} {
		payloads := base
		if sign == nil {
			_, payloads, _ = isakmp.AppendChain(nil, s.parts(7)...)
		}
		before := l.holds()
		l.push(raw(t, s.kek, first, payloads, sign))
		if after := l.holds(); after != before {
			t.Errorf("%s is taken as a signature\n%s\n%s", what, before, after)
		}
	}
	if l.has("GM_RECV_REKEY") {
		t.Errorf("%v", l.logs)
	}
	// The cube root is one for a server whose exponent is 3, by a lax verifier.
	cubed := new(big.Int).Exp(new(big.Int).SetBytes(cubeRoot(make([]byte, 32))), big.NewInt(3), nil).FillBytes(make([]byte, size))
	if !bytes.HasPrefix(cubed, append([]byte{0, 1, 0xff, 0}, make([]byte, 32)...)) {
		t.Errorf("the forgery does not begin as it should: %x", cubed)
	}
	// Both encodings of the true key are signatures.
	for i, h := range []crypto.Hash{0, crypto.SHA256} {
		first, payloads := chained(t, s.parts(8+uint32(i))...)
		l.push(raw(t, s.kek, first, payloads, signer(t, key, h)))
		if got := l.m.Snapshot(l.now).LastRekeySeq; got != 8+uint32(i) {
			t.Errorf("the true signature is refused: last is %d", got)
		}
	}
}

// TestRekeyHistory: whatever order the rekeys of a key server come in, as often
// as anybody likes, under KEKs old and new, a TEK is installed only by a number
// above all those before it under its KEK.
func TestRekeyHistory(t *testing.T) {
	for seed := range uint64(40) {
		l := newLab(t)
		l.register()
		s := l.ks()
		type sent struct {
			kek  [16]byte
			seq  uint32
			spi  uint32
			data []byte
		}
		var all []sent
		order := suite.SHA256.Sum(binary.BigEndian.AppendUint64(nil, seed))
		pick := func(i, n int) int { return int(order[i%32]^byte(i)) % n }
		history := map[[16]byte]uint32{}
		lastSPI := uint32(0x1000)
		for i := range 24 {
			under := s.kek
			s.roll(0x2000 + uint32(i)<<8)
			s.teks = s.teks[:1]
			p := s.pushPolicy(false)
			if i%8 == 7 {
				s.kek = s.newKEK(byte(i), 24*time.Hour)
				p = s.pushPolicy(true)
			}
			if i%5 == 4 {
				s.seq += 1000 // a jump is a loss of many
			}
			data := s.rekey(under, p)
			all = append(all, sent{under.SPI, s.seq, s.teks[0].SPI, data})
			if i%8 == 7 {
				s.seq = 0
			}
			// Between a third and all of what was sent so far comes now, in any order.
			for j := range 3 {
				x := all[len(all)-1-pick(i*3+j, min(len(all), 1+j*8))]
				before, installs := l.m.Snapshot(l.now).RekeysReceived, l.installs
				l.push(bytes.Clone(x.data))
				if l.m.Snapshot(l.now).RekeysReceived > before {
					if x.seq <= history[x.kek] {
						t.Fatalf("seed %d: SEQ %d taken after %d", seed, x.seq, history[x.kek])
					}
					history[x.kek], lastSPI = x.seq, x.spi
				} else if l.installs != installs {
					t.Fatalf("seed %d: a refused rekey was installed", seed)
				}
				l.run(time.Second)
			}
		}
		if l.m.find(lastSPI) < 0 {
			t.Errorf("seed %d: the TEK of the last rekey taken is not held", seed)
		}
		for kek := range history {
			if n := len(l.m.KEKSPIs()); n > 2 {
				t.Errorf("%d KEKs, one %x", n, kek)
			}
		}
	}
}

// TestBadSignaturesAreBounded: somebody in the group sends rekeys with a bad
// signature as fast as the wire takes them. They cost a bounded number of
// verifications a second, a line in ten seconds, and the true rekey of the key
// server is still taken.
func TestBadSignaturesAreBounded(t *testing.T) {
	l := newLab(t)
	l.register()
	s := l.ks()
	s.kek = l.m.keks[0].KEK
	insider := netip.MustParseAddrPort("192.168.11.66:848")
	forged := make([][]byte, 5000)
	for i := range forged {
		first, payloads := chained(t, isakmp.Payload{Type: wire.PayloadSEQ, Body: wire.AppendSEQ(nil, uint32(100+i))})
		forged[i] = raw(t, s.kek, first, payloads, func([]byte) []byte { return bytes.Repeat([]byte{0x5a}, s.key.Size()) })
	}
	for round := range 3 {
		before := l.m.Snapshot(l.now).Counters
		for _, b := range forged {
			l.step(Push{netip.AddrPortFrom(gm, 848), insider, b})
		}
		c := l.m.Snapshot(l.now).Counters
		if n := c.PushSignature - before.PushSignature; n == 0 || n > maxBadSignatures {
			t.Errorf("round %d: %d signatures verified at once", round, n)
		}
		if n := c.PushSignature - before.PushSignature + c.PushBusy - before.PushBusy; n != uint64(len(forged)) {
			t.Errorf("round %d: %d of %d counted", round, n, len(forged))
		}
		if n := strings.Count(strings.Join(l.logs, "\n"), "REKEY_FAILURE"); n > round+1 {
			t.Errorf("%d lines", n)
		}
		// The key server's own, in the middle of it.
		s.roll(0x2000 + uint32(round)<<8)
		l.push(s.rekey(s.kek, s.pushPolicy(false)))
		if got := l.m.Snapshot(l.now).RekeysReceived; got != uint64(round+1) {
			t.Errorf("round %d: %d rekeys taken", round, got)
		}
		l.run(time.Second)
	}
}

// TestPseudotimeJump: a key server may set the group's clock forward, as it may
// send any key. The member follows, so as not to be deaf to the others, and says
// so; what would leave no room above is refused with all that came with it.
func TestPseudotimeJump(t *testing.T) {
	l := newLab(t)
	s := l.ks()
	s.timed(10 * time.Second)
	l.register()
	at := func() xfrm.Pseudotime { return l.m.Snapshot(l.now).Pseudotime }
	day := xfrm.Pseudotime((24 * time.Hour).Milliseconds())
	for _, x := range []struct {
		to    xfrm.Pseudotime
		taken bool
	}{{at() + day, true}, {1<<64 - 1, false}, {1 << 63, false}, {at() + 400*365*day, false}, {at() + 2*day, true}} {
		l.logs = nil
		before := at()
		l.push(s.rekey(s.kek, wire.Policy{Pseudotime: &x.to}))
		moved := at() != before
		if moved != x.taken {
			t.Errorf("to %d: clock at %d, was %d", x.to, at(), before)
		}
		if x.taken && !l.has("PSEUDO_TIME_LARGE") {
			t.Errorf("to %d: nothing is logged: %v", x.to, l.logs)
		}
		if !x.taken && (len(l.logs) == 0 || l.has("GM_RECV_REKEY")) {
			t.Errorf("to %d: %v", x.to, l.logs)
		}
		l.run(time.Minute)
		if got := at(); got < before {
			t.Errorf("the clock went back from %d to %d", before, got)
		}
	}
}
