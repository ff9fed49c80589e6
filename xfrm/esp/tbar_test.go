package esp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"testing"
	"time"

	"coterie/crypto/suite"
	"coterie/internal/secret"
	"coterie/xfrm"

	"pgregory.net/rapid"
)

var (
	cbc = suite.Transform{Cipher: suite.ESPAES128, Auth: suite.ESPSHA256}
	gcm = suite.Transform{Cipher: suite.ESPGCM128}
)

// timed is an SA with time-based anti-replay.
func timed(t testing.TB, tr suite.Transform, tbar xfrm.TBAR, window time.Duration) *SA {
	t.Helper()
	sp := spec(tr)
	sp.TBAR, sp.Window = tbar, window
	return newSA(t, sp)
}

// sealAt is a copy of what s makes of datagram at a pseudotime.
func sealAt(t testing.TB, s *SA, datagram []byte, at xfrm.Pseudotime) []byte {
	t.Helper()
	out, err := s.Seal(roomy(datagram), Headroom, Headroom+len(datagram), at)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(out)
}

// fixedIV stands in for the cipher that makes the IVs of CBC.
type fixedIV []byte

func (fixedIV) BlockSize() int            { return 16 }
func (f fixedIV) Encrypt(dst, src []byte) { copy(dst, f) }
func (f fixedIV) Decrypt(dst, src []byte) { panic("not for this") }

// TestTBARVectors goes through Seal and Open with the published samples: without
// time, with the metadata header, and under GCM; and with time in the sequence
// number, where the sample under GCM differs in it and in the ICV alone.
func TestTBARVectors(t *testing.T) {
	const stamp = 74565 // ms, as in the header 041103000000000000012345
	for _, c := range []struct {
		name    string
		v       vector
		tbar    xfrm.TBAR
		at      xfrm.Pseudotime
		overall int // total length of the outer datagram
	}{
		{"AES-CBC", vectors[0], xfrm.NoTBAR, 0, 108},
		{"AES-CBC, metadata", vectors[1], xfrm.TBARMetadata, stamp, 124},
		{"AES-GCM", vectors[2], xfrm.NoTBAR, 0, 92},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := unhex(t, c.v.packet)
			s := newSA(t, xfrm.SA{
				SPI: 0xa1b2c3d4, Transform: c.v.transform, TBAR: c.tbar, Window: 5 * time.Second, SenderID: 3, SIDBits: 16,
				CipherKey: secret.New(unhex(t, c.v.key)), AuthKey: secret.New(unhex(t, c.v.auth)),
			})
			if s.ivCipher != nil {
				s.ivCipher = fixedIV(want[8:24])
			}
			inner := unhex(t, sampleInner)
			got := sealAt(t, s, inner, c.at)
			if !bytes.Equal(got[20:], want) {
				t.Errorf("packet\n got %x\nwant %x", got[20:], want)
			}
			if n := int(binary.BigEndian.Uint16(got[2:])); n != c.overall || n != len(got) {
				t.Errorf("outer length %d of %d octets, want %d", n, len(got), c.overall)
			}
			if n := len(got) - len(inner); n > Overhead(c.v.transform, c.tbar) {
				t.Errorf("adds %d octets, more than %d", n, Overhead(c.v.transform, c.tbar))
			}
			back, sent, err := s.Open(got, c.at+1000)
			if err != nil || !bytes.Equal(back, inner) || sent != c.at {
				t.Errorf("opened %x, sent at %d, %v", back, sent, err)
			}
		})
	}
}

// TestTBARSequence: the sequence number is the time in units of 10 ms, shared by
// the packets of the same unit; the IV and the identification count on.
func TestTBARSequence(t *testing.T) {
	in := ipv4(0, 64, false, nil, []byte("x"))
	for _, tr := range []suite.Transform{gcm, {Cipher: suite.ESPGMAC256}, cbc} {
		s := timed(t, tr, xfrm.TBARSequence, time.Second)
		ivs := map[uint64]bool{}
		for i, c := range []struct {
			at  xfrm.Pseudotime
			seq uint32
		}{
			{xfrm.MinPseudotime, 104857}, {xfrm.MinPseudotime + 3, 104857}, {xfrm.MinPseudotime + 4, 104858},
			{1<<32*10 - 1, 1<<32 - 1}, {1 << 32 * 10, 0}, {1<<32*10 + 10, 1}, {^xfrm.Pseudotime(0), uint32(^uint64(0) / 10 & 0xffffffff)},
		} {
			out := sealAt(t, s, in, c.at)
			if got := binary.BigEndian.Uint32(out[24:]); got != c.seq {
				t.Errorf("%v at %d: sequence number %d, want %d", tr, c.at, got, c.seq)
			}
			if got, want := binary.BigEndian.Uint16(out[4:]), uint16(i+1)+0xf00d; got != want {
				t.Errorf("%v at %d: identification %#x, want %#x", tr, c.at, got, want)
			}
			iv := binary.BigEndian.Uint64(out[28:])
			if ivs[iv] || tr.CounterMode() && iv != 7<<40|uint64(i+1) {
				t.Errorf("%v at %d: IV %#x", tr, c.at, iv)
			}
			ivs[iv] = true
		}
	}
}

// TestTBARWindow: at most the window away is accepted, on either side, and the
// sender's time is told of what is refused too.
func TestTBARWindow(t *testing.T) {
	const w = 5000 // ms
	in := ipv4(0, 64, false, nil, []byte("x"))
	for _, tbar := range []xfrm.TBAR{xfrm.TBARMetadata, xfrm.TBARSequence} {
		for _, now := range []xfrm.Pseudotime{xfrm.MinPseudotime, 5000000, 1 << 32 * 10, 1<<32*10 + 5000, 1<<32*10 - 5000} {
			for _, c := range []struct {
				off  int64
				want error
			}{{0, nil}, {w, nil}, {-w, nil}, {w + 10, ErrTime}, {-w - 10, ErrTime}, {100 * w, ErrTime}, {-100 * w, ErrTime}} {
				s := timed(t, cbc, tbar, w*time.Millisecond)
				own := now / 10 * 10
				at := own + xfrm.Pseudotime(c.off)
				_, sent, err := s.Open(sealAt(t, s, in, at), own)
				if !errors.Is(err, c.want) || sent != at {
					t.Errorf("encoding %d, %+d ms from %d: sent at %d, %v", tbar, c.off, own, sent, err)
				}
				if err != nil && s.Counters().Refused[ErrTime] != 1 {
					t.Errorf("not counted: %+v", s.Counters())
				}
			}
		}
	}
}

// TestTBARLaw: a packet is accepted if and only if the distance of the two
// pseudotimes, in the encoding's unit, is within the window; computed here with
// integers that have no end.
func TestTBARLaw(t *testing.T) {
	in := ipv4(0, 64, false, nil, []byte("x"))
	sas := map[xfrm.TBAR]*SA{xfrm.TBARMetadata: timed(t, cbc, xfrm.TBARMetadata, 0), xfrm.TBARSequence: timed(t, cbc, xfrm.TBARSequence, 0)}
	rapid.Check(t, func(rt *rapid.T) {
		tbar := rapid.SampledFrom([]xfrm.TBAR{xfrm.TBARMetadata, xfrm.TBARSequence}).Draw(rt, "encoding")
		window := rapid.Int64Range(0, 200_000).Draw(rt, "window")
		own := rapid.Uint64Range(1, 1<<63).Draw(rt, "own")
		if rapid.Bool().Draw(rt, "near the wrap-around") {
			own = rapid.Uint64Range(1, 1<<10).Draw(rt, "epoch")<<32*10 + rapid.Uint64Range(0, 400_000).Draw(rt, "offset") - 200_000
		}
		peer := own
		if rapid.Bool().Draw(rt, "near") {
			peer += uint64(rapid.Int64Range(-300_000, 300_000).Draw(rt, "ahead"))
		} else {
			peer = rapid.Uint64().Draw(rt, "peer")
		}
		s := sas[tbar]
		if err := s.SetReplay(tbar, time.Duration(window)*time.Millisecond); err != nil {
			rt.Fatal(err)
		}
		if peer == 0 {
			return
		}
		_, _, err := s.Open(sealAt(t, s, in, xfrm.Pseudotime(peer)), xfrm.Pseudotime(own))

		a, b := new(big.Int).SetUint64(peer), new(big.Int).SetUint64(own)
		d := new(big.Int)
		if tbar == xfrm.TBARMetadata {
			d.Sub(a, b)
		} else {
			// The difference of the low 32 bits nearest to 0, in units of 10 ms.
			ten, wrap := big.NewInt(10), big.NewInt(1<<32)
			d.Sub(a.Div(a, ten), b.Div(b, ten))
			d.Mod(d, wrap)
			if d.Cmp(big.NewInt(1<<31)) >= 0 {
				d.Sub(d, wrap)
			}
			d.Mul(d, ten)
		}
		want := d.Abs(d).Cmp(big.NewInt(window)) <= 0
		if (err == nil) != want || err != nil && !errors.Is(err, ErrTime) {
			rt.Errorf("encoding %d: %d seen at %d with window %d: %v, want accepted %v", tbar, peer, own, window, err, want)
		}
	})
}

// TestUnsynchronized: without a clock nothing leaves and nothing is believed,
// and no number is spent.
func TestUnsynchronized(t *testing.T) {
	in := ipv4(0, 64, false, nil, []byte("x"))
	for _, tbar := range []xfrm.TBAR{xfrm.TBARMetadata, xfrm.TBARSequence} {
		s := timed(t, gcm, tbar, time.Second)
		out := sealAt(t, s, in, 1<<30)
		if _, err := s.Seal(roomy(in), Headroom, Headroom+len(in), 0); !errors.Is(err, ErrUnsynchronized) || s.sequence.Last() != 1 {
			t.Errorf("sealed without a clock: %v", err)
		}
		if _, _, err := s.Open(bytes.Clone(out), 0); !errors.Is(err, ErrUnsynchronized) {
			t.Errorf("opened without a clock: %v", err)
		}
		if _, _, err := s.Open(out, 1<<30); err != nil {
			t.Errorf("with a clock: %v", err)
		}
	}
}

// TestTBARIsAuthentic: neither form of the time can be changed on the way.
func TestTBARIsAuthentic(t *testing.T) {
	in := ipv4(0, 64, false, nil, []byte("x"))
	for _, tr := range []suite.Transform{cbc, gcm, {Cipher: suite.ESPGMAC128}} {
		s := timed(t, tr, xfrm.TBARSequence, time.Second)
		out := sealAt(t, s, in, 1<<30)
		binary.BigEndian.PutUint32(out[24:], ticks(1<<30+20))
		if _, sent, err := s.Open(out, 1<<30); !errors.Is(err, ErrICV) || sent != 0 {
			t.Errorf("%v: %v, sent %d", tr, err, sent)
		}
	}
}

// TestMetadata: what is in front of the datagram, and what is refused.
func TestMetadata(t *testing.T) {
	const now = 74565
	stamp := "0411 0300 0000 0000 0001 2345"
	chained := "6311 0300 0000 0000 0001 2345"
	for _, c := range []struct {
		name, metadata string
		next           byte
		want           error
	}{
		{"a pseudotime", stamp, 99, nil},
		{"flags are not looked at", "0411 03ff 0000 0000 0001 2345", 99, nil},
		{"a tag behind it", chained + "0412 0200 0064 0000", 99, nil},
		{"a tag before it", "6312 0200 0064 0000" + stamp, 99, nil},
		{"none", "", 4, ErrNextHeader},
		{"only a tag", "0412 0200 0064 0000", 99, ErrMetadata},
		{"version 2", "0421 0300 0000 0000 0001 2345", 99, ErrMetadata},
		{"version 0", "0401 0300 0000 0000 0001 2345", 99, ErrMetadata},
		{"option 0", "0410 0300 0000 0000 0001 2345", 99, ErrMetadata},
		{"option 3", "0413 0300 0000 0000 0001 2345", 99, ErrMetadata},
		{"a pseudotime of 8 octets", "0411 0200 0001 2345", 99, ErrMetadata},
		{"a pseudotime of 16 octets", "0411 0400 0000 0000 0001 2345 0000 0000", 99, ErrMetadata},
		{"a tag of 12 octets", chained + "0412 0300 0064 0000 0000 0000", 99, ErrMetadata},
		{"length 0", "6311 0000" + stamp, 99, ErrMetadata},
		{"two pseudotimes", chained + stamp, 99, ErrMetadata},
		{"three tags", "6312 0200 0064 0000 6312 0200 0064 0000" + stamp, 99, ErrMetadata},
		{"IPv6 inside", "2911 0300 0000 0000 0001 2345", 99, ErrNextHeader},
		{"a dummy packet", "", 59, ErrDummy},
		{"a dummy packet with a time", "3b11 0300 0000 0000 0001 2345", 99, ErrDummy},
		{"a dummy packet too late", "3b11 0300 0000 0000 0000 0001", 99, ErrTime},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := timed(t, cbc, xfrm.TBARMetadata, 5*time.Second)
			in := ipv4(0, 64, false, nil, []byte("x"))
			p := forge(s, in[:20], append(unhex(t, c.metadata), in...), c.next, nil)
			back, _, err := s.Open(p, now)
			if !errors.Is(err, c.want) && (err != nil || c.want != nil) || err == nil && !bytes.Equal(back, in) {
				t.Errorf("%v, %x", err, back)
			}
		})
	}
	t.Run("cut short", func(t *testing.T) {
		whole := unhex(t, chained+"0412 0200 0064 0000")
		for n := range whole {
			if n != 12+8 {
				if _, _, _, err := parseMetadata(whole[:n]); !errors.Is(err, ErrMetadata) {
					t.Errorf("%d octets: %v", n, err)
				}
			}
		}
	})
	t.Run("in an SA without", func(t *testing.T) {
		s := newSA(t, spec(cbc))
		in := ipv4(0, 64, false, nil, []byte("x"))
		p := forge(s, in[:20], append(unhex(t, stamp), in...), 99, nil)
		if _, _, err := s.Open(p, now); !errors.Is(err, ErrNextHeader) {
			t.Error(err)
		}
	})
}

// TestTransportTBAR: transport mode takes both forms of time.
func TestTransportTBAR(t *testing.T) {
	for _, tr := range []suite.Transform{cbc, gcm} {
		for _, tbar := range []xfrm.TBAR{xfrm.TBARMetadata, xfrm.TBARSequence} {
			sp := spec(tr)
			sp.Transport, sp.TBAR, sp.Window = true, tbar, time.Second
			s := newSA(t, sp)
			for _, options := range [][]byte{nil, {0x94, 4, 0, 0}, make([]byte, 40)} {
				in := ipv4(0xb8, 64, false, options, []byte("some payload"))
				back, sent, err := s.Open(sealAt(t, s, in, 1<<30), 1<<30)
				if err != nil || !bytes.Equal(back, in) || sent/10 != 1<<30/10 {
					t.Errorf("%v %d: sent at %d, %v\n in %x\nout %x", tr, tbar, sent, err, in, back)
				}
			}
		}
	}
}

// TestSeen: within the window a counter mode's packet is accepted once, by
// sender, whatever the order; without time-based anti-replay it is not looked at.
func TestSeen(t *testing.T) {
	in := ipv4(0, 64, false, nil, []byte("x"))
	const now = 1 << 30
	for _, tr := range []suite.Transform{gcm, {Cipher: suite.ESPGMAC128}} {
		for _, tbar := range []xfrm.TBAR{xfrm.TBARMetadata, xfrm.TBARSequence} {
			a, b, receiver := timed(t, tr, tbar, 5*time.Second), timed(t, tr, tbar, 5*time.Second), timed(t, tr, tbar, 5*time.Second)
			b.SetSender(8, 24)
			receiver.SetSender(0, 0) // it need not know how long sender IDs are
			var packets [][]byte
			for range 20 {
				packets = append(packets, sealAt(t, a, in, now), sealAt(t, b, in, now))
			}
			for round, want := range []error{nil, ErrSeen} {
				for i := range packets { // backwards
					if _, _, err := receiver.Open(bytes.Clone(packets[len(packets)-1-i]), now); err != want {
						t.Fatalf("%v, packet %d, time %d: %v", tr, i, round+1, err)
					}
				}
			}
			// A packet whose integrity check fails leaves no trace.
			forged := sealAt(t, a, in, now)
			good := bytes.Clone(forged)
			forged[len(forged)-1] ^= 1
			if _, _, err := receiver.Open(forged, now); err != ErrICV {
				t.Error(err)
			}
			if _, _, err := receiver.Open(good, now); err != nil {
				t.Error(err)
			}
			// One that was seen is not said to be late.
			if _, _, err := receiver.Open(bytes.Clone(packets[3]), now+10_000); err != ErrSeen {
				t.Error(err)
			}
			// Neither does one that came too late leave a trace.
			late := sealAt(t, a, in, now)
			if _, _, err := receiver.Open(bytes.Clone(late), now+10_000); err != ErrTime {
				t.Error(err)
			}
			if _, _, err := receiver.Open(late, now); err != nil {
				t.Error(err)
			}
		}
		plain := newSA(t, spec(tr))
		out := seal(t, plain, in)
		for range 2 {
			if _, _, err := plain.Open(bytes.Clone(out), 0); err != nil {
				t.Errorf("%v without TBAR: %v", tr, err)
			}
		}
	}
	// CBC has no counter to look at: time alone guards it.
	s := timed(t, cbc, xfrm.TBARSequence, 5*time.Second)
	out := sealAt(t, s, in, now)
	for range 2 {
		if _, _, err := s.Open(bytes.Clone(out), now); err != nil {
			t.Error(err)
		}
	}
}

// TestGuardLaw: against a set of everything seen. What is new and not too far
// behind is accepted; what was seen never is.
func TestGuardLaw(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var g guard
		seen := map[uint64]bool{}
		top := map[uint64]uint64{}
		for range rapid.IntRange(1, 200).Draw(rt, "packets") {
			sid := rapid.Uint64Range(0, 3).Draw(rt, "sid") << 40
			n := rapid.OneOf(rapid.Uint64Range(0, 3000), rapid.Uint64Range(1<<32-1500, 1<<32+1500), rapid.Just(top[sid]), rapid.Just(top[sid]+1)).Draw(rt, "n")
			iv := sid | n
			got := g.accept(iv, 1<<30, 5000)
			switch {
			case seen[iv] && got:
				rt.Fatalf("IV %#x accepted twice", iv)
			case !seen[iv] && !got && n+guardSpan-64 > top[sid]:
				rt.Fatalf("IV %#x refused, the greatest is %#x", iv, top[sid])
			}
			seen[iv] = seen[iv] || got
			top[sid] = max(top[sid], n)
		}
	})
}

// TestGuardIsBounded: however many senders there are; those that were silent for
// longer than a packet can live go first.
func TestGuardIsBounded(t *testing.T) {
	var g guard
	const window, start = 5000, 1 << 30
	sender := func(n int) uint64 { return uint64(n)<<32 | 1 }
	for n := range guardSenders {
		if !g.accept(sender(n), start, window) {
			t.Fatal("a new sender was refused")
		}
	}
	if g.accept(sender(0), start, window) {
		t.Error("accepted twice")
	}
	// All are active: the one that was silent longest makes room.
	for n := 1; n < guardSenders; n++ {
		g.accept(uint64(n)<<32|2, start+1, window)
	}
	if !g.accept(sender(guardSenders), start+2, window) || len(g.senders) != guardSenders {
		t.Errorf("%d senders", len(g.senders))
	}
	for n := 1; n < guardSenders; n++ {
		if g.accept(sender(n), start+2, window) {
			t.Fatalf("sender %d was forgotten while active", n)
		}
	}
	// Twice the window later none of their packets would pass.
	g.accept(sender(guardSenders+1), start+2*window+3, window)
	if len(g.senders) != 1 {
		t.Errorf("%d senders after all fell silent", len(g.senders))
	}
}

// FuzzMetadata gives Open authentic packets with anything inside: whatever the
// metadata header looks like, only a datagram with a timely one comes out.
func FuzzMetadata(f *testing.F) {
	const now = 74565
	in := ipv4(0, 64, false, nil, []byte("x"))
	for _, m := range []string{
		"0411 0300 0000 0000 0001 2345", "6312 0200 0064 0000 0411 0300 0000 0000 0001 2345", "6311 0000", "0411 ff00", "",
	} {
		f.Add(append(unhex(f, m), in...), byte(protoMetadata))
	}
	f.Add(in, byte(xfrm.ProtoIPv4))
	sp := spec(cbc)
	sp.TBAR, sp.Window = xfrm.TBARMetadata, 5*time.Second
	tunnel := newSA(f, sp)
	sp.Transport = true
	transport := newSA(f, sp)
	f.Fuzz(func(t *testing.T, payload []byte, next byte) {
		if len(payload) > 60_000 {
			return
		}
		for _, s := range []*SA{tunnel, transport} {
			got, sent, err := s.Open(forge(s, in[:20], payload, next, nil), now)
			switch {
			case err != nil && got != nil:
				t.Fatalf("%v, and %x", err, got)
			case err == nil && (next != protoMetadata || !within(sent, now, 5000) || len(got) < 20):
				t.Fatalf("next header %d, sent at %d: opened %x", next, sent, got)
			}
		}
	})
}

func TestSetReplayRefuses(t *testing.T) {
	s := newSA(t, spec(cbc))
	for _, c := range []struct {
		tbar   xfrm.TBAR
		window time.Duration
	}{{3, time.Second}, {xfrm.TBARSequence, -1}, {xfrm.TBARMetadata, 125 * 24 * time.Hour}} {
		if err := s.SetReplay(c.tbar, c.window); !errors.Is(err, errTBAR) || s.replay.Load() != nil {
			t.Errorf("%+v: %v", c, err)
		}
		sp := spec(cbc)
		sp.TBAR, sp.Window = c.tbar, c.window
		if _, err := New(sp, nil, new(stream)); !errors.Is(err, errTBAR) {
			t.Errorf("New: %+v: %v", c, err)
		}
	}
}

// BenchmarkTBAR measures what time costs: every encoding of every transform in
// turn, a few packets at a time, so that all see the same load. The metrics are
// the nanoseconds of sealing and of opening 1400 octets in the best of the turns.
func BenchmarkTBAR(b *testing.B) {
	const packets = 16
	in := ipv4(0, 64, false, nil, make([]byte, 1380))
	type run struct {
		name       string
		s          *SA
		seal, open time.Duration
	}
	var runs []*run
	for _, tr := range []suite.Transform{cbc, gcm} {
		for i, tbar := range []xfrm.TBAR{xfrm.NoTBAR, xfrm.TBARMetadata, xfrm.TBARSequence} {
			name := map[bool]string{true: "gcm", false: "cbc"}[tr.CounterMode()] + []string{"", "-metadata", "-sequence"}[i]
			runs = append(runs, &run{name: name, s: timed(b, tr, tbar, 5*time.Second), seal: time.Hour, open: time.Hour})
		}
	}
	var bufs, sealed [packets][]byte
	for i := range bufs {
		bufs[i] = roomy(in)
	}
	now := xfrm.Pseudotime(1 << 30)
	b.ReportAllocs()
	for b.Loop() {
		now++
		for _, r := range runs {
			for i := range bufs {
				copy(bufs[i][Headroom:], in)
			}
			start := time.Now()
			for i, buf := range bufs {
				var err error
				if sealed[i], err = r.s.Seal(buf, Headroom, Headroom+len(in), now); err != nil {
					b.Fatal(err)
				}
			}
			middle := time.Now()
			for _, p := range sealed {
				if _, _, err := r.s.Open(p, now); err != nil {
					b.Fatal(err)
				}
			}
			r.seal, r.open = min(r.seal, middle.Sub(start)), min(r.open, time.Since(middle))
		}
	}
	for _, r := range runs {
		b.ReportMetric(float64(r.seal)/packets, fmt.Sprintf("ns/%s-seal", r.name))
		b.ReportMetric(float64(r.open)/packets, fmt.Sprintf("ns/%s-open", r.name))
	}
}
