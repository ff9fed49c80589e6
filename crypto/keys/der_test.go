package keys

import (
	"crypto/x509"
	"encoding/pem"
	"runtime"
	"strings"
	"testing"
	"time"

	"coterie/internal/secret"
)

// blocks are the kinds of PEM that Import reads.
var blocks = []string{privateType, "PRIVATE KEY", publicType, "RSA PUBLIC KEY", "CERTIFICATE", "EC PRIVATE KEY", ""}

func inPEM(kind uint8, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: blocks[int(kind)%len(blocks)], Bytes: der}))
}

// FuzzDER is FuzzImport behind the armour: the fuzzer changes the DER, which a
// changed PEM would mostly hide from it.
func FuzzDER(f *testing.F) {
	k, err := Import("", theirs, secret.Of("MYSECRETPASS"))
	if err != nil {
		f.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		f.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(&k.PublicKey)
	if err != nil {
		f.Fatal(err)
	}
	one, public := x509.MarshalPKCS1PrivateKey(k), x509.MarshalPKCS1PublicKey(&k.PublicKey)
	f.Add(uint8(0), one, uint8(2), spki)
	f.Add(uint8(1), pkcs8, uint8(3), public)
	f.Add(uint8(0), one, uint8(4), []byte{0x30, 0})
	f.Add(uint8(0), one[:len(one)-1], uint8(6), []byte{})
	f.Fuzz(func(t *testing.T, kind uint8, private []byte, publicKind uint8, public []byte) {
		if len(public) > 0 {
			if k, err := Import(inPEM(publicKind, public), inPEM(kind, private), secret.Bytes{}); err == nil && k.Validate() != nil {
				t.Error("a key that is none")
			}
		}
		if k, err := Import("", inPEM(kind, private), secret.Bytes{}); err == nil && (k.Validate() != nil || k.N.BitLen() < MinBits || k.N.BitLen() > MaxBits) {
			t.Error("a key that is none")
		}
	})
}

// TestImportIsBounded: a paste allocates in proportion to its length, and what
// is longer than any key is not read.
func TestImportIsBounded(t *testing.T) {
	number := func(n int) []byte { // an INTEGER of n octets
		return append([]byte{0x02, 0x82, byte(n >> 8), byte(n)}, append([]byte{0x7f}, []byte(strings.Repeat("\xff", n-1))...)...)
	}
	sequence := func(parts ...[]byte) []byte {
		var b []byte
		for _, p := range parts {
			b = append(b, p...)
		}
		return append([]byte{0x30, 0x82, byte(len(b) >> 8), byte(len(b))}, b...)
	}
	huge := sequence([]byte{2, 1, 0}, number(20000), []byte{2, 3, 1, 0, 1}, number(5000), number(5000), number(5000), number(1000), number(1000), number(1000))
	for name, text := range map[string]string{
		"nothing": "", "a megabyte": strings.Repeat("A", 1<<20), "lines": strings.Repeat("\n", maxPEM), "headers": "-----BEGIN RSA PRIVATE KEY-----\n" + strings.Repeat("a: b\n", 10000),
		"beginnings": strings.Repeat("-----BEGIN RSA PRIVATE KEY-----\n", 1900), "ends": strings.Repeat("x-----END RSA PRIVATE KEY-----\n", 1900),
		"huge numbers": inPEM(0, huge), "nested": inPEM(1, []byte(strings.Repeat("\x30\x82\x7f\x00", 10000))), "encrypted": theirs,
	} {
		var a, b runtime.MemStats
		runtime.ReadMemStats(&a)
		began := time.Now()
		Import("", text, secret.Of("x"))
		took := time.Since(began)
		runtime.ReadMemStats(&b)
		if used := b.TotalAlloc - a.TotalAlloc; used > uint64(64<<10+8*len(text)) {
			t.Errorf("%s: %d octets for %d", name, used, len(text))
		}
		if took > 2*time.Second {
			t.Errorf("%s: %v", name, took)
		}
	}
}
