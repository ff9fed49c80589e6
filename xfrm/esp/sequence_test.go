package esp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"sync"
	"testing"
	"time"

	"coterie/crypto/suite"
	"coterie/xfrm"

	"pgregory.net/rapid"
)

// TestSequence: from 1, never twice, never past the end; IVs never twice.
func TestSequence(t *testing.T) {
	for _, tr := range []suite.Transform{{Cipher: suite.ESPAES128, Auth: suite.ESPSHA1}, {Cipher: suite.ESP3DES, Auth: suite.ESPMD5}, {Cipher: suite.ESPGCM256}} {
		s := newSA(t, spec(tr))
		var mu sync.Mutex
		seen, ivs := map[uint32]bool{}, map[string]bool{}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 200 {
					out := seal(t, s, ipv4(0, 64, false, nil, []byte("x")))
					mu.Lock()
					seen[binary.BigEndian.Uint32(out[24:])] = true
					ivs[string(out[28:28+tr.IVLen()])] = true
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if len(seen) != 800 || len(ivs) != 800 || seen[0] || !seen[1] || !seen[800] {
			t.Errorf("%v: %d sequence numbers, %d IVs", tr, len(seen), len(ivs))
		}
	}
}

func TestExhaustion(t *testing.T) {
	in := ipv4(0, 64, false, nil, []byte("x"))
	gcm := suite.Transform{Cipher: suite.ESPGCM128}
	for _, c := range []struct {
		name   string
		tr     suite.Transform
		tbar   xfrm.TBAR
		bits   uint8
		seq    uint64 // already used
		iv     uint64
		wantIV uint64 // of the last packet; 0: the sequence number is what ends
	}{
		{"CBC", suite.Transform{Cipher: suite.ESPAES128, Auth: suite.ESPSHA1}, xfrm.NoTBAR, 0, 1<<32 - 2, 0, 0},
		{"CBC, time in the metadata", suite.Transform{Cipher: suite.ESPAES128, Auth: suite.ESPSHA1}, xfrm.TBARMetadata, 0, 1<<32 - 2, 0, 0},
		{"GCM, sequence number first", gcm, xfrm.NoTBAR, 24, 1<<32 - 2, 5, 0},
		{"GCM, IV first", gcm, xfrm.NoTBAR, 32, 7, 1<<32 - 3, 7<<32 | (1<<32 - 2)},
		{"GCM, time in the sequence number, 32 bits", gcm, xfrm.TBARSequence, 32, 1 << 40, 1<<32 - 3, 7<<32 | (1<<32 - 2)},
		{"GCM, time in the sequence number, 24 bits", gcm, xfrm.TBARSequence, 24, 1 << 39, 1<<40 - 3, 7<<40 | (1<<40 - 2)},
	} {
		t.Run(c.name, func(t *testing.T) {
			var q Sequence
			q.last.Store(c.seq)
			q.counter(7 << (64 - c.bits)).Store(c.iv)
			sp := spec(c.tr)
			sp.SIDBits, sp.TBAR, sp.Window = c.bits, c.tbar, time.Second
			s, err := New(sp, &q, new(stream))
			if err != nil {
				t.Fatal(err)
			}
			if s.Left() != 1 {
				t.Fatal("cannot encrypt before the last number")
			}
			out, err := s.Seal(roomy(in), Headroom, Headroom+len(in), 1<<30)
			if err != nil {
				t.Fatal(err)
			}
			if got := binary.BigEndian.Uint64(out[28:]); c.wantIV != 0 && got != c.wantIV {
				t.Errorf("last IV %#x, want %#x", got, c.wantIV)
			}
			if got := binary.BigEndian.Uint32(out[24:]); c.wantIV == 0 && got != 1<<32-1 {
				t.Errorf("last sequence number %#x", got)
			}
			for range 2 {
				if _, err := s.Seal(roomy(in), Headroom, Headroom+len(in), 1<<30); !errors.Is(err, ErrExhausted) || s.Left() != 0 {
					t.Errorf("after the last number: %v", err)
				}
			}
		})
	}
}

func TestSenderID(t *testing.T) {
	s := newSA(t, spec(suite.Transform{Cipher: suite.ESPGCM128}))
	in := ipv4(0, 64, false, nil, []byte("x"))
	sent := 0
	want := func(name string, iv uint64) {
		t.Helper()
		sent++
		out := seal(t, s, in)
		if got := binary.BigEndian.Uint64(out[28:]); got != iv {
			t.Errorf("%s: IV %#x, want %#x", name, got, iv)
		}
		if got := binary.BigEndian.Uint32(out[24:]); got != uint32(sent) {
			t.Errorf("%s: sequence number %d, want %d", name, got, sent)
		}
	}
	want("SID 7 in 24 bits", 7<<40|1)
	want("SID 7 again", 7<<40|2)
	s.SetSender(0x1ffff, 24) // registered again: a counter of its own
	want("new SID", 0x1ffff<<40|1)
	s.SetSender(7, 24)
	want("the old SID back", 7<<40|3)
	s.SetSender(0x1ffff, 24)
	want("the new SID back", 0x1ffff<<40|2)
	for _, bad := range []struct {
		id   uint32
		bits uint8
	}{{0, 0}, {256, 8}, {1, 33}} {
		s.SetSender(bad.id, bad.bits)
		if _, err := s.Seal(roomy(in), Headroom, Headroom+len(in), 0); !errors.Is(err, ErrNoSenderID) || s.Left() != 0 {
			t.Errorf("SID %d in %d bits: %v", bad.id, bad.bits, err)
		}
	}
	s.SetSender(7, 24)
	want("after no SID", 7<<40|4)
}

// TestNoIVTwice: whatever sender IDs come and go, through however many SAs over
// one key, no IV is used twice.
func TestNoIVTwice(t *testing.T) {
	in := ipv4(0, 64, false, nil, []byte("x"))
	rapid.Check(t, func(rt *rapid.T) {
		tr := suite.Transform{Cipher: rapid.SampledFrom([]suite.ESPCipher{suite.ESPGCM128, suite.ESPGMAC128}).Draw(rt, "cipher")}
		sp := spec(tr)
		sp.SIDBits, sp.Window = 0, time.Second
		q := new(Sequence)
		var sas []*SA
		seen := map[uint64]bool{}
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			switch rapid.IntRange(0, 5).Draw(rt, "step") {
			case 0: // installed again, or by another member of this device
				s, err := New(sp, q, new(stream))
				if err != nil {
					rt.Fatal(err)
				}
				sas = append(sas, s)
			case 1:
				if len(sas) > 0 {
					tbar := rapid.SampledFrom([]xfrm.TBAR{xfrm.NoTBAR, xfrm.TBARMetadata, xfrm.TBARSequence}).Draw(rt, "tbar")
					if err := rapid.SampledFrom(sas).Draw(rt, "sa").SetReplay(tbar, time.Second); err != nil {
						rt.Fatal(err)
					}
				}
			case 2:
				sp.SenderID, sp.SIDBits = rapid.Uint32Range(0, 5).Draw(rt, "sid"), rapid.SampledFrom([]uint8{0, 8, 16, 24, 32}).Draw(rt, "bits")
				for _, s := range sas {
					s.SetSender(sp.SenderID, sp.SIDBits)
				}
			default:
				if len(sas) == 0 {
					continue
				}
				s := rapid.SampledFrom(sas).Draw(rt, "sa")
				out, err := s.Seal(roomy(in), Headroom, Headroom+len(in), 1<<30)
				if errors.Is(err, ErrNoSenderID) {
					continue
				}
				if err != nil {
					rt.Fatal(err)
				}
				iv := binary.BigEndian.Uint64(out[28:])
				if seen[iv] {
					rt.Fatalf("IV %#x twice", iv)
				}
				seen[iv] = true
			}
		}
	})
}

// Two SAs with the same key draw their own IVs; CBC's look random.
func TestCBCIVsUnpredictable(t *testing.T) {
	sp := spec(suite.Transform{Cipher: suite.ESPAES128, Auth: suite.ESPSHA1})
	in := ipv4(0, 64, false, nil, []byte("x"))
	r := new(stream)
	a, _ := New(sp, nil, r)
	b, _ := New(sp, nil, r)
	x, y, z := seal(t, a, in), seal(t, b, in), seal(t, a, in)
	if bytes.Equal(x[28:44], y[28:44]) || bytes.Equal(x[28:36], z[28:36]) || bytes.Equal(x[36:44], z[36:44]) {
		t.Errorf("IVs %x %x %x", x[28:44], y[28:44], z[28:44])
	}
}
