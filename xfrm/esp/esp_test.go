package esp

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"hash"
	"testing"
	"time"

	"coterie/crypto/suite"
	"coterie/internal/secret"
	"coterie/xfrm"

	"pgregory.net/rapid"
)

// transforms are all that ESP has.
func transforms() []suite.Transform {
	var all []suite.Transform
	for _, c := range suite.ESPCiphers() {
		for _, a := range append(suite.ESPAuths(), suite.ESPAuthNone) {
			if t := (suite.Transform{Cipher: c, Auth: a}); t.Validate() == nil {
				all = append(all, t)
			}
		}
	}
	return all
}

// spec is an SA with keys made of counting octets.
func spec(t suite.Transform) xfrm.SA {
	c, a := t.Keys()
	count := func(n int, from byte) secret.Bytes {
		b := make([]byte, n)
		for i := range b {
			b[i] = from + byte(i)
		}
		return secret.New(b)
	}
	return xfrm.SA{SPI: 0x1000f00d, Transform: t, CipherKey: count(c, 1), AuthKey: count(a, 101), SenderID: 7, SIDBits: 24}
}

// ipv4 is a datagram with a good header checksum.
func ipv4(tos, ttl byte, df bool, options, payload []byte) []byte {
	b := make([]byte, 20, 20+len(options)+len(payload))
	b[0] = 0x40 | byte(5+len(options)/4)
	b[1], b[8], b[9] = tos, ttl, 1
	if df {
		b[6] = 0x40
	}
	copy(b[4:], []byte{0x12, 0x34})
	copy(b[12:], []byte{2, 2, 2, 2, 4, 4, 4, 4})
	b = append(append(b, options...), payload...)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	xfrm.WriteChecksum(b[:20+len(options)])
	return b
}

// roomy copies a datagram into a buffer that Seal can use.
func roomy(datagram []byte) []byte {
	b := make([]byte, Headroom+len(datagram)+Tailroom)
	copy(b[Headroom:], datagram)
	return b
}

func seal(t testing.TB, s *SA, datagram []byte) []byte {
	t.Helper()
	out, err := s.Seal(roomy(datagram), Headroom, Headroom+len(datagram), 0)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func checksumGood(header []byte) bool {
	h := bytes.Clone(header)
	xfrm.WriteChecksum(h)
	return bytes.Equal(h, header)
}

// TestRoundTrip passes every transform, in both modes, at every length modulo
// the block, and holds the overhead to what Overhead promises.
func TestRoundTrip(t *testing.T) {
	for _, tr := range transforms() {
		for _, transport := range []bool{false, true} {
			sp := spec(tr)
			sp.Transport = transport
			a, b := newSA(t, sp), newSA(t, sp)
			most := 0
			for n := range 40 {
				in := ipv4(0xb8, 61, n%2 == 0, make([]byte, n%3*4), bytes.Repeat([]byte{byte(n)}, n))
				out := seal(t, a, in)
				most = max(most, len(out)-len(in))
				if !checksumGood(out[:20]) && !transport {
					t.Fatalf("%v: outer checksum", tr)
				}
				if tr.Cipher != suite.ESPNull && !tr.GMAC() && n > 8 && bytes.Contains(out, in[len(in)-n:]) {
					t.Fatalf("%v: plain text on the wire", tr)
				}
				back, _, err := b.Open(out, 0)
				if err != nil || !bytes.Equal(back, in) {
					t.Fatalf("%v transport %v length %d: %v\n in %x\nout %x", tr, transport, n, err, in, back)
				}
			}
			if !transport && most != Overhead(tr, xfrm.NoTBAR) {
				t.Errorf("%v adds up to %d octets, Overhead says %d", tr, most, Overhead(tr, xfrm.NoTBAR))
			}
		}
	}
	if got := Overhead(suite.Transform{Cipher: suite.ESPAES128, Auth: suite.ESPSHA1}, xfrm.TBARMetadata); got != 85 {
		t.Errorf("with TBAR metadata %d", got)
	}
	if got := Overhead(suite.Transform{Cipher: suite.ESPAES128, Auth: suite.ESPSHA1}, xfrm.NoTBAR); got != 73 {
		t.Errorf("AES-CBC with SHA-1 adds up to 73 octets, not %d", got)
	}
	if got := Overhead(suite.Transform{Cipher: suite.ESPGCM128}, xfrm.NoTBAR); got != 57 {
		t.Errorf("AES-GCM adds up to 57 octets, not %d", got)
	}
}

// openPlainly decrypts the long way, with nothing but the standard library, so
// that an error on both sides of a round trip cannot hide.
func openPlainly(t *testing.T, sp xfrm.SA, packet []byte) []byte {
	t.Helper()
	hashes := map[suite.ESPAuth]struct {
		new func() hash.Hash
		icv int
	}{suite.ESPMD5: {md5.New, 12}, suite.ESPSHA1: {sha1.New, 12}, suite.ESPSHA256: {sha256.New, 16},
		suite.ESPSHA384: {sha512.New384, 24}, suite.ESPSHA512: {sha512.New, 32}}
	key := sp.CipherKey.Reveal()
	if h, ok := hashes[sp.Transform.Auth]; ok {
		cut := len(packet) - h.icv
		mac := hmac.New(h.new, sp.AuthKey.Reveal())
		mac.Write(packet[:cut])
		if !hmac.Equal(mac.Sum(nil)[:h.icv], packet[cut:]) {
			t.Fatalf("%v: HMAC", sp.Transform)
		}
		packet = packet[:cut]
	}
	cbc := func(b cipher.Block, err error) []byte {
		if err != nil {
			t.Fatal(err)
		}
		n := b.BlockSize()
		out := make([]byte, len(packet)-8-n)
		cipher.NewCBCDecrypter(b, packet[8:8+n]).CryptBlocks(out, packet[8+n:])
		return out
	}
	switch sp.Transform.Cipher {
	case suite.ESPNull:
		return packet[8:]
	case suite.ESPDES:
		return cbc(des.NewCipher(key))
	case suite.ESP3DES:
		return cbc(des.NewTripleDESCipher(key))
	case suite.ESPAES128, suite.ESPAES192, suite.ESPAES256:
		return cbc(aes.NewCipher(key))
	}
	block, err := aes.NewCipher(key[:len(key)-4])
	if err != nil {
		t.Fatal(err)
	}
	gcm, _ := cipher.NewGCM(block)
	nonce := append(bytes.Clone(key[len(key)-4:]), packet[8:16]...)
	cut := len(packet) - 16
	if sp.Transform.GMAC() {
		if _, err := gcm.Open(nil, nonce, packet[cut:], packet[:cut]); err != nil {
			t.Fatal(err)
		}
		return packet[16:cut]
	}
	out, err := gcm.Open(nil, nonce, packet[16:], packet[:8])
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSealAgainstStandardLibrary(t *testing.T) {
	for _, tr := range transforms() {
		sp := spec(tr)
		s := newSA(t, sp)
		for n := range 20 {
			in := ipv4(0, 64, false, nil, bytes.Repeat([]byte{0xa5}, n))
			out := seal(t, s, in)
			plain := openPlainly(t, sp, out[20:])
			pad := int(plain[len(plain)-2])
			if plain[len(plain)-1] != 4 || !bytes.Equal(plain[:len(plain)-2-pad], in) {
				t.Fatalf("%v: %x", tr, plain)
			}
			for i := range pad {
				if plain[len(in)+i] != byte(i+1) {
					t.Fatalf("%v: padding %x", tr, plain[len(in):])
				}
			}
		}
	}
}

// TestTamper flips each bit of an authenticated packet.
func TestTamper(t *testing.T) {
	for _, tr := range transforms() {
		if tr.Auth == suite.ESPAuthNone && !tr.CounterMode() {
			continue
		}
		s := newSA(t, spec(tr))
		good := seal(t, s, ipv4(0, 64, false, nil, []byte("hello")))
		for i := 20; i < len(good); i++ {
			for bit := range 8 {
				bad := bytes.Clone(good)
				bad[i] ^= 1 << bit
				want := ErrICV
				if i < 24 {
					want = ErrSPI
				}
				if _, _, err := s.Open(bad, 0); !errors.Is(err, want) {
					t.Fatalf("%v: octet %d bit %d: %v", tr, i, bit, err)
				}
			}
		}
		for n := range len(good) { // cut short, with an honest total length
			bad := bytes.Clone(good[:n])
			if n >= 4 {
				binary.BigEndian.PutUint16(bad[2:], uint16(n))
			}
			if _, _, err := s.Open(bad, 0); err == nil {
				t.Fatalf("%v: cut to %d octets", tr, n)
			}
		}
	}
}

// forge encrypts arbitrary content under s, as a faulty member could.
func forge(s *SA, outer, payload []byte, next byte, mend func(plain []byte)) []byte {
	n := len(payload)
	out := make([]byte, 20+8+s.ivLen+n+s.padLen(n)+2+s.icvLen)
	copy(out, outer[:20])
	out[9] = xfrm.ProtoESP
	binary.BigEndian.PutUint16(out[2:], uint16(len(out)))
	binary.BigEndian.PutUint32(out[20:], s.spi)
	copy(out[28+s.ivLen:], payload)
	w := s.take()
	s.protect(w, out[20:], n, next)
	if mend != nil { // NULL only: change the plain text, sign again
		sealed := len(out) - s.icvLen
		mend(out[28:sealed])
		copy(out[sealed:], w.sign(out[20:sealed])[:s.icvLen])
	}
	s.give(w)
	return out
}

func TestOpenRefuses(t *testing.T) {
	s := newSA(t, spec(suite.Transform{Cipher: suite.ESPNull, Auth: suite.ESPSHA1}))
	in := ipv4(0, 64, false, nil, []byte("0123456789"))
	change := func(i int, v byte) []byte { b := bytes.Clone(in); b[i] = v; return b }
	last := func(k int, v byte) func([]byte) { return func(p []byte) { p[len(p)-k] = v } }
	for _, c := range []struct {
		name   string
		packet []byte
		want   error
	}{
		{"good", forge(s, in, in, 4, nil), nil},
		{"traffic-flow padding behind the datagram", forge(s, in, append(bytes.Clone(in), make([]byte, 9)...), 4, nil), nil},
		{"dummy", forge(s, in, []byte("noise"), 59, nil), ErrDummy},
		{"IPv6 inside", forge(s, in, in, 41, nil), ErrNextHeader},
		{"TCP inside a tunnel", forge(s, in, in, 6, nil), ErrNextHeader},
		{"inner source differs", forge(s, change(15, 9), in, 4, nil), ErrAddress},
		{"inner destination differs", forge(s, change(16, 9), in, 4, nil), ErrAddress},
		{"inner longer than what carries it", forge(s, in, change(3, 31), 4, nil), ErrInner},
		{"inner shorter than its header", forge(s, in, change(3, 19), 4, nil), ErrInner},
		{"inner version 6", forge(s, in, change(0, 0x65), 4, nil), ErrInner},
		{"nothing inside", forge(s, in, nil, 4, nil), ErrInner},
		{"pad length beyond the packet", forge(s, in, in, 4, last(2, 200)), ErrPad},
		{"pad octets not counting", forge(s, in, in[:29], 4, last(3, 7)), ErrPad},
		{"congestion on a packet without ECN", forge(s, change(1, 3), in, 4, nil), ErrECN},
		{"first fragment of ESP", forge(s, change(6, 0x20), in, 4, nil), ErrFragment},
		{"later fragment of ESP", forge(s, change(7, 1), in, 4, nil), ErrFragment},
		{"not ESP", in, ErrMalformed},
		{"empty", nil, ErrMalformed},
	} {
		before := s.Counters()
		_, _, err := s.Open(c.packet, 0)
		if !errors.Is(err, c.want) && (err != nil || c.want != nil) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		if cause, ok := c.want.(Cause); ok && s.Counters().Refused[cause] != before.Refused[cause]+1 {
			t.Errorf("%s: not counted", c.name)
		}
	}
}

// RFC 6040 figure 4, and DSCP stays the inner one.
func TestECN(t *testing.T) {
	const drop = 0xff
	table := [4][4]byte{ // [inner][outer]: not-ECT, ECT(1), ECT(0), CE
		{0, 0, 0, drop},
		{1, 1, 1, 3},
		{2, 1, 2, 3},
		{3, 3, 3, 3},
	}
	s := newSA(t, spec(suite.Transform{Cipher: suite.ESPAES128, Auth: suite.ESPSHA256}))
	for inner, row := range table {
		for outer, want := range row {
			out := seal(t, s, ipv4(0xb8|byte(inner), 64, false, nil, []byte("x")))
			if out[1] != 0xb8|byte(inner) {
				t.Fatalf("outer TOS %#x", out[1])
			}
			out[1] = 0x28 | byte(outer) // re-marked on the way
			xfrm.WriteChecksum(out[:20])
			in, _, err := s.Open(out, 0)
			switch {
			case want == drop:
				if !errors.Is(err, ErrECN) {
					t.Errorf("inner %d outer %d: %v", inner, outer, err)
				}
			case err != nil || in[1] != 0xb8|want || !checksumGood(in[:20]):
				t.Errorf("inner %d outer %d: %v, TOS %#x", inner, outer, err, in[1])
			}
		}
	}
}

// TestTTL: the core's hops count for the inner packet too.
func TestTTL(t *testing.T) {
	s := newSA(t, spec(suite.Transform{Cipher: suite.ESPAES128, Auth: suite.ESPSHA256}))
	for _, c := range []struct{ inner, hops, want byte }{{64, 0, 64}, {64, 3, 61}, {2, 1, 1}} {
		out := seal(t, s, ipv4(0, c.inner, false, nil, []byte("x")))
		if out[8] != c.inner {
			t.Errorf("outer TTL %d", out[8])
		}
		out[8] -= c.hops
		xfrm.WriteChecksum(out[:20])
		in, _, err := s.Open(out, 0)
		if err != nil || in[8] != c.want || !checksumGood(in[:20]) {
			t.Errorf("TTL %d after %d hops: %v, %d", c.inner, c.hops, err, in[8])
		}
	}
	out := seal(t, s, ipv4(0, 64, false, nil, []byte("x")))
	out[8] = 200 // someone raised it
	if in, _, err := s.Open(out, 0); err != nil || in[8] != 64 {
		t.Errorf("raised TTL: %v, %d", err, in[8])
	}
}

func TestOuterHeader(t *testing.T) {
	s := newSA(t, spec(suite.Transform{Cipher: suite.ESPAES128, Auth: suite.ESPSHA256}))
	in := ipv4(0, 64, true, []byte{1, 1, 1, 0}, []byte("x"))
	out := seal(t, s, in)
	if out[0] != 0x45 || out[6] != 0x40 || out[7] != 0 || out[9] != 50 || !bytes.Equal(out[12:20], in[12:20]) {
		t.Errorf("%x", out[:20])
	}
	// Fragments of one datagram leave as whole packets with identities of
	// their own.
	frag := ipv4(0, 64, false, nil, []byte("xxxxxxxx"))
	frag[6] = 0x20
	first := seal(t, s, frag)
	frag[6], frag[7] = 0, 1
	second := seal(t, s, frag)
	if first[6] != 0 || second[6] != 0 || second[7] != 0 || bytes.Equal(first[4:6], second[4:6]) {
		t.Errorf("%x\n%x", first[:20], second[:20])
	}
	if in, _, err := s.Open(second, 0); err != nil || in[7] != 1 {
		t.Errorf("fragment came back as %x, %v", in, err)
	}
}

func TestSealRefuses(t *testing.T) {
	tr := suite.Transform{Cipher: suite.ESPAES128, Auth: suite.ESPSHA256}
	s := newSA(t, spec(tr))
	in := ipv4(0, 64, false, nil, []byte("x"))
	if _, err := s.Seal(in, 0, len(in), 0); !errors.Is(err, ErrRoom) {
		t.Errorf("no headroom: %v", err)
	}
	tight := append(make([]byte, Headroom), in...)
	if _, err := s.Seal(tight[:len(tight):len(tight)], Headroom, len(tight), 0); !errors.Is(err, ErrRoom) {
		t.Errorf("no tailroom: %v", err)
	}
	if _, err := s.Seal(tight, Headroom, Headroom+10, 0); !errors.Is(err, ErrMalformed) {
		t.Errorf("half a header: %v", err)
	}
	big := roomy(ipv4(0, 64, false, nil, make([]byte, 65500)))
	if _, err := s.Seal(big, Headroom, len(big)-Tailroom, 0); !errors.Is(err, ErrTooLong) {
		t.Errorf("65520 octets: %v", err)
	}
	if s.sequence.Last() != 0 {
		t.Error("a refused packet took a sequence number")
	}
	sp := spec(tr)
	sp.Transport = true
	tp := newSA(t, sp)
	frag := ipv4(0, 64, false, nil, []byte("x"))
	frag[6] = 0x20
	if _, err := tp.Seal(roomy(frag), Headroom, Headroom+len(frag), 0); !errors.Is(err, ErrFragment) {
		t.Errorf("transport mode on a fragment: %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	good := spec(suite.Transform{Cipher: suite.ESPAES128, Auth: suite.ESPSHA1})
	short := good
	short.CipherKey = secret.New(make([]byte, 15))
	noAuth := good
	noAuth.AuthKey = secret.Bytes{}
	odd := good
	odd.Transform.Cipher = 99
	for name, sp := range map[string]xfrm.SA{"short key": short, "no authentication key": noAuth, "unknown cipher": odd} {
		if _, err := New(sp, nil, new(stream)); err == nil {
			t.Errorf("%s accepted", name)
		}
	}
	if _, err := New(good, nil, bytes.NewReader(nil)); err == nil {
		t.Error("SA without randomness accepted")
	}
}

// Any datagram that can be sealed comes back as it was, whatever its header.
func TestRoundTripLaw(t *testing.T) {
	all := transforms()
	rapid.Check(t, func(rt *rapid.T) {
		s := newSA(t, spec(rapid.SampledFrom(all).Draw(rt, "transform")))
		in := ipv4(rapid.Byte().Draw(rt, "tos"), rapid.Byte().Draw(rt, "ttl"), rapid.Bool().Draw(rt, "df"),
			make([]byte, 4*rapid.IntRange(0, 10).Draw(rt, "options")), rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(rt, "payload"))
		in[9] = rapid.Byte().Draw(rt, "protocol")
		out, err := s.Seal(append(roomy(in), 0), Headroom, Headroom+len(in), 0)
		if err != nil {
			rt.Fatal(err)
		}
		back, _, err := s.Open(out, 0)
		if err != nil || !bytes.Equal(back, in) {
			rt.Fatalf("%v\n in %x\nout %x", err, in, back)
		}
	})
}

func FuzzOpen(f *testing.F) {
	var sas []*SA
	const now = 1 << 30
	for _, tr := range transforms() {
		for _, tbar := range []xfrm.TBAR{xfrm.NoTBAR, xfrm.TBARMetadata, xfrm.TBARSequence} {
			sp := spec(tr)
			sp.TBAR, sp.Window = tbar, 5*time.Second
			tunnel := newSA(f, sp)
			sp.Transport = true
			sas = append(sas, tunnel, newSA(f, sp))
			in := ipv4(0, 64, false, nil, []byte("hello"))
			out, err := tunnel.Seal(roomy(in), Headroom, Headroom+len(in), now)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(bytes.Clone(out))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, s := range sas {
			in, _, err := s.Open(bytes.Clone(b), now)
			if err == nil && len(in) < 20 {
				t.Fatalf("opened %x", in)
			}
			if in, ok := xfrm.ParseFlow(b); ok {
				if out, err := s.Seal(roomy(b), Headroom, Headroom+len(b), now); err == nil && len(out) <= in.TotalLen {
					t.Fatalf("sealed to %d octets", len(out))
				}
			}
		}
	})
}
