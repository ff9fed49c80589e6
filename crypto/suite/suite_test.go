package suite

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math/big"
	"testing"
)

func TestPrimes(t *testing.T) {
	// Computed from p = 2^n - 2^(n-64) - 1 + 2^64 (floor(2^(n-130) pi) + k).
	want := map[Group]string{
		1:  "b52ba6a3026520a6c49d37e4587601801bee500123b3259b6bf03e7cecc3e63d",
		2:  "3f35a3f5f6c4376a744acad409bb22f8d897f949d2311d885adaa890981b67a0",
		5:  "64fcc83ec403930bf18393dbc883ccaa1fbb08ac876f77f7aa99748ca945019b",
		14: "d66436f79bbd6b2e38c0ffbd079be904d2641415e2e67140e09448be9a60890e",
		15: "48cf8b092fbce4359d9871abf74f98e25b6163379eaa15cd9087e800c6d1c55c",
		16: "4ee95187682bcb230ad26a95205f6920e84708f6251b3894329b09ec23919e33",
	}
	for g, sum := range want {
		p := groups[g].modp().p
		b := p.Nat().Bytes(p)
		if len(b)*8 != g.Bits() {
			t.Errorf("group %d: %d octets", g, len(b))
		}
		if got := sha256.Sum256(b); hex.EncodeToString(got[:]) != sum {
			t.Errorf("group %d: SHA-256 of p is %x", g, got)
		}
	}
}

// fixed makes n octets that differ with seed.
func fixed(n int, seed byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = seed + byte(i*7)
	}
	return b
}

func TestGroupsAgree(t *testing.T) {
	for _, g := range Groups() {
		a, err := g.GenerateKey(fixed(g.RandomLen(), 3))
		if err != nil {
			t.Fatal(err)
		}
		b, err := g.GenerateKey(fixed(g.RandomLen(), 99))
		if err != nil {
			t.Fatal(err)
		}
		again, _ := g.GenerateKey(fixed(g.RandomLen(), 3))
		if !bytes.Equal(a.Public(), again.Public()) {
			t.Errorf("group %d: the same octets gave two keys", g)
		}
		if len(a.Public()) != g.PublicLen() {
			t.Errorf("group %d: public value of %d octets, want %d", g, len(a.Public()), g.PublicLen())
		}
		ab, err := a.Shared(b.Public())
		if err != nil {
			t.Fatal(err)
		}
		ba, err := b.Shared(a.Public())
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(ab, ba) || len(ab) != g.SharedLen() {
			t.Errorf("group %d: %d and %d octets that differ", g, len(ab), len(ba))
		}
		if g.ECP() {
			continue
		}
		// The same by another implementation.
		p := groups[g].modp().p
		pn := new(big.Int).SetBytes(p.Nat().Bytes(p))
		y := new(big.Int).Exp(big.NewInt(2), new(big.Int).SetBytes(fixed(32, 3)), pn)
		if new(big.Int).SetBytes(a.Public()).Cmp(y) != 0 {
			t.Errorf("group %d: 2^x differs from math/big", g)
		}
	}
}

// RFC 5903 section 8.1.
func TestECPVector(t *testing.T) {
	x := func(s string) []byte { b, err := hex.DecodeString(s); check(t, err); return b }
	i, err := Group(19).GenerateKey(x("C88F01F510D9AC3F70A292DAA2316DE544E9AAB8AFE84049C62A9C57862D1433"))
	check(t, err)
	wantI := x("DAD0B65394221CF9B051E1FECA5787D098DFE637FC90B9EF945D0C37725811805271A0461CDB8252D61F1C456FA3E59AB1F45B33ACCF5F58389E0577B8990BB3")
	if !bytes.Equal(i.Public(), wantI) {
		t.Errorf("public value %X", i.Public())
	}
	z, err := i.Shared(x("D12DFB5289C8D4F81208B70270398C342296970A0BCCB74C736FC7554494BF6356FBF3CA366CC23E8157854C13C58D6AAC23F046ADA30F8353E74F33039872AB"))
	check(t, err)
	if want := x("D6840F6B42F6EDAFD13116E0E12565202FEF8E9ECE7DCE03812464D04B9442DE"); !bytes.Equal(z, want) {
		t.Errorf("shared value %X", z)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestScalarBeyondTheOrder(t *testing.T) {
	for _, g := range []Group{19, 20, 21} {
		all := bytes.Repeat([]byte{0xff}, g.RandomLen())
		if _, err := g.GenerateKey(all); err != nil {
			t.Errorf("group %d: %v", g, err)
		}
		if _, err := g.GenerateKey(make([]byte, g.RandomLen())); err == nil {
			t.Errorf("group %d: a private key of zero", g)
		}
	}
}

func TestPublicValuesRefused(t *testing.T) {
	for _, g := range Groups() {
		k, err := g.GenerateKey(fixed(g.RandomLen(), 5))
		check(t, err)
		n := g.PublicLen()
		bad := map[string][]byte{
			"empty": {}, "short": make([]byte, n-1), "long": make([]byte, n+1),
			"zero": make([]byte, n), "one": append(make([]byte, n-1), 1), "all ones": bytes.Repeat([]byte{0xff}, n),
		}
		if g.ECP() {
			off := k.Public()
			off[n-1] ^= 1
			bad["off the curve"] = off
		} else {
			p := groups[g].modp().p
			b := p.Nat().Bytes(p)
			bad["p"] = bytes.Clone(b)
			b[n-1]--
			bad["p-1"] = b
		}
		for name, y := range bad {
			if _, err := k.Shared(y); err == nil {
				t.Errorf("group %d took %s", g, name)
			}
		}
		if !g.ECP() {
			if _, err := k.Shared(append(make([]byte, n-1), 2)); err != nil {
				t.Errorf("group %d refused 2: %v", g, err)
			}
		}
	}
}

// A shared secret with leading zeros keeps them.
func TestSharedIsPadded(t *testing.T) {
	g := Group(1)
	p := groups[g].modp().p
	pn := new(big.Int).SetBytes(p.Nat().Bytes(p))
	for i := 1; i < 3000; i++ {
		x := new(big.Int).SetInt64(int64(100 + i)).FillBytes(make([]byte, g.RandomLen()))
		y := new(big.Int).Exp(big.NewInt(2), new(big.Int).SetBytes(x), pn)
		if y.BitLen() > 8*95 {
			continue
		}
		k, err := g.GenerateKey(x)
		check(t, err)
		if len(k.Public()) != 96 || k.Public()[0] != 0 {
			t.Fatalf("public value %x", k.Public())
		}
		one, err := g.GenerateKey(new(big.Int).SetInt64(1).FillBytes(make([]byte, 32)))
		check(t, err)
		z, err := one.Shared(k.Public())
		check(t, err)
		if !bytes.Equal(z, k.Public()) {
			t.Fatalf("y^1 = %x", z)
		}
		return
	}
	t.Fatal("no short value found")
}

func TestNames(t *testing.T) {
	for _, c := range Ciphers() {
		for _, words := range []string{c.Words(), c.RekeyWords()} {
			if got, ok := ParseCipher(words); !ok || got != c {
				t.Errorf("ParseCipher(%q) = %v, %v", words, got, ok)
			}
		}
		b, err := c.NewBlock(fixed(c.KeyLen(), 1))
		check(t, err)
		if b.BlockSize() != c.BlockLen() {
			t.Errorf("%s: block %d", c.Words(), b.BlockSize())
		}
		if _, err := c.NewBlock(fixed(c.KeyLen()+1, 1)); err == nil {
			t.Errorf("%s took a long key", c.Words())
		}
	}
	for _, h := range Hashes() {
		if got, ok := ParseHash(h.Words()); !ok || got != h {
			t.Errorf("ParseHash(%q) = %v, %v", h.Words(), got, ok)
		}
		if len(h.Sum([]byte("a"), []byte("b"))) != h.Size() || !bytes.Equal(h.Sum([]byte("a"), []byte("b")), h.Sum([]byte("ab"))) {
			t.Errorf("%s: Sum", h)
		}
	}
	for _, x := range []struct{ got, want string }{
		{AES256.String(), "AES"}, {TripleDES.String(), "3DES"}, {AES128.Words(), "aes"}, {AES192.Words(), "aes 192"},
		{SHA1.SigName(), "HMAC_AUTH_SHA"}, {SHA512.SigName(), "HMAC_AUTH_SHA512"}, {SHA1.Description(), "Secure Hash Standard"},
		{Group(5).String(), "#5 (1536 bit)"}, {AES128.Description(), "AES - Advanced Encryption Standard (128 bit keys)."},
		{Cipher(77).String(), "77"},
	} {
		if x.got != x.want {
			t.Errorf("%q, want %q", x.got, x.want)
		}
	}
	if _, ok := ParseCipher(""); ok {
		t.Error("empty words are a cipher")
	}
	if _, ok := ParseHash(""); ok {
		t.Error("empty words are a hash")
	}
}

func TestWeak(t *testing.T) {
	for name, ok := range map[string]bool{
		"des": DES.Weak(), "3des": TripleDES.Weak(), "md5": MD5.Weak(), "1": Group(1).Weak(), "2": Group(2).Weak(), "5": Group(5).Weak(),
		"esp-3des": Transform{ESP3DES, ESPSHA1}.Weak(), "esp md5": Transform{ESPAES128, ESPMD5}.Weak(),
		"not aes": !AES128.Weak(), "not sha": !SHA1.Weak(), "not 14": !Group(14).Weak(), "not 19": !Group(19).Weak(), "not gcm": !Transform{ESPGCM128, 0}.Weak(),
	} {
		if !ok {
			t.Errorf("%s", name)
		}
	}
}
