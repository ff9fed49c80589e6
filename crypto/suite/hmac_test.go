package suite_test

import (
	"bytes"
	"crypto/hmac"
	"testing"

	"coterie/crypto/suite"
)

// HMAC is that of the standard library, for keys below, at and above the length
// of a block, and leaves nothing behind for the next one.
func TestHMACAsStandard(t *testing.T) {
	for _, h := range suite.Hashes() {
		for _, n := range []int{0, 1, 20, 63, 64, 65, 127, 128, 129, 300} {
			key, data := bytes.Repeat([]byte{byte(n + 1)}, n), []byte("one, two and three")
			want := hmac.New(h.New, key)
			want.Write(data)
			if got := h.HMAC(key, data[:5], nil, data[5:]); !hmac.Equal(got, want.Sum(nil)) {
				t.Errorf("%v, key of %d octets: %x", h, n, got)
			}
			plain := h.New()
			plain.Write(data)
			if got := h.Sum(data[:3], data[3:]); !bytes.Equal(got, plain.Sum(nil)) {
				t.Errorf("%v: %x", h, got)
			}
		}
	}
}

func TestHashingAllocatesTheResult(t *testing.T) {
	key, data := make([]byte, 32), make([]byte, 200)
	if n := testing.AllocsPerRun(1000, func() { suite.SHA256.HMAC(key, data) }); n > 1 {
		t.Errorf("%v allocations", n)
	}
}
