package esp

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"testing"
	"time"

	"coterie/crypto/suite"
	"coterie/xfrm"
)

// TestNoAllocation: a packet costs no memory, either way.
func TestNoAllocation(t *testing.T) {
	for _, tr := range transforms() {
		for _, tbar := range []xfrm.TBAR{xfrm.NoTBAR, xfrm.TBARMetadata, xfrm.TBARSequence} {
			s := timed(t, tr, tbar, time.Second)
			in := ipv4(0, 64, false, nil, make([]byte, 100))
			buf := roomy(in)
			var failed error
			got := testing.AllocsPerRun(50, func() {
				copy(buf[Headroom:], in)
				out, err := s.Seal(buf, Headroom, Headroom+len(in), 1<<30)
				if err != nil {
					failed = err
					return
				}
				if _, _, err := s.Open(out, 1<<30); err != nil {
					failed = err
				}
			})
			if failed != nil || got != 0 {
				t.Errorf("%v, TBAR %d: %v allocations a packet, %v", tr, tbar, got, failed)
			}
		}
	}
}

// BenchmarkSeal and BenchmarkOpen: `go test -bench . -benchmem`.
func BenchmarkSeal(b *testing.B) {
	for _, tr := range benchTransforms {
		b.Run(tr.String(), func(b *testing.B) {
			s := newSA(b, spec(tr))
			in := ipv4(0, 64, false, nil, make([]byte, 1380))
			buf := roomy(in)
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				copy(buf[Headroom:], in)
				if _, err := s.Seal(buf, Headroom, Headroom+len(in), 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	for _, tr := range benchTransforms {
		b.Run(tr.String(), func(b *testing.B) {
			s := newSA(b, spec(tr))
			sealed := bytes.Clone(seal(b, s, ipv4(0, 64, false, nil, make([]byte, 1380))))
			buf := make([]byte, len(sealed))
			b.SetBytes(1400)
			b.ReportAllocs()
			for b.Loop() {
				copy(buf, sealed)
				if _, _, err := s.Open(buf, 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

var benchTransforms = []suite.Transform{
	{Cipher: suite.ESPAES128, Auth: suite.ESPSHA256},
	{Cipher: suite.ESPGCM128},
	{Cipher: suite.ESP3DES, Auth: suite.ESPMD5},
}

// BenchmarkSealRatio compares Seal with the bare ciphers over the same octets
// in the same run: the metric "ratio" is the price of everything else.
func BenchmarkSealRatio(b *testing.B) {
	sp := spec(suite.Transform{Cipher: suite.ESPAES128, Auth: suite.ESPSHA256})
	s := newSA(b, sp)
	in := ipv4(0, 64, false, nil, make([]byte, 1380))
	buf := roomy(in)
	out := seal(b, s, in)
	block, _ := aes.NewCipher(sp.CipherKey.Reveal())
	enc := cipher.NewCBCEncrypter(block, make([]byte, 16))
	mac := hmac.New(sha256.New, sp.AuthKey.Reveal())
	var sum [32]byte
	work := bytes.Clone(out[20:])
	var bare, whole time.Duration
	for b.Loop() { // by turns, so that both see the same load
		start := time.Now()
		enc.CryptBlocks(work[24:len(work)-16], work[24:len(work)-16])
		mac.Reset()
		mac.Write(work[:len(work)-16])
		mac.Sum(sum[:0])
		middle := time.Now()
		copy(buf[Headroom:], in)
		if _, err := s.Seal(buf, Headroom, Headroom+len(in), 0); err != nil {
			b.Fatal(err)
		}
		bare += middle.Sub(start)
		whole += time.Since(middle)
	}
	b.ReportMetric(float64(whole)/float64(bare), "ratio")
}
