package keys

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"coterie/internal/secret"
)

func TestLookup(t *testing.T) {
	psk := func(prefix, key string) PSK { return PSK{netip.MustParsePrefix(prefix), secret.Of(key)} }
	list := []PSK{
		psk("0.0.0.0/0", "wild"), psk("192.168.0.0/16", "wide"), psk("192.168.222.222/32", "host"),
		psk("192.168.222.0/24", "net"), psk("192.168.0.0/16", "second"), psk("2001:db8::/32", "six"), {},
	}
	for peer, want := range map[string]string{
		"192.168.222.222":        "host",
		"192.168.222.1":          "net",
		"192.168.1.1":            "wide",
		"10.0.0.1":               "wild",
		"::ffff:192.168.222.222": "host",
		"2001:db8::1":            "six",
		"fe80::1%eth0":           "",
	} {
		k, ok := Lookup(list, netip.MustParseAddr(peer))
		if ok != (want != "") || string(k.Reveal()) != want {
			t.Errorf("%s: %q, want %q", peer, k.Reveal(), want)
		}
	}
	if _, ok := Lookup(nil, netip.MustParseAddr("10.0.0.1")); ok {
		t.Error("a key out of nothing")
	}
}

func TestStore(t *testing.T) {
	made := time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC)
	var pairs []Pair
	for _, label := range []string{"GDOI", "a \"label\": odd\n", ""} {
		k, err := Generate(MinBits)
		if err != nil {
			t.Fatal(err)
		}
		pairs = append(pairs, Pair{Label: label, Private: k, Exportable: label == "GDOI", Generated: made})
	}
	data, err := Marshal(pairs)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Unmarshal(data)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(pairs) {
		t.Fatalf("%d pairs", len(got))
	}
	for i, p := range got {
		q := pairs[i]
		if p.Label != q.Label || p.Exportable != q.Exportable || !p.Generated.Equal(made) || !p.Private.Equal(q.Private) {
			t.Errorf("pair %d differs", i)
		}
		public := p.Public()
		if public.Label != q.Label || public.Bits != MinBits || public.Exportable != q.Exportable || !bytes.Equal(public.SPKI, SPKI(q)) {
			t.Errorf("public %+v", public)
		}
		if k, err := x509.ParsePKIXPublicKey(public.SPKI); err != nil || !q.Private.PublicKey.Equal(k) {
			t.Errorf("SPKI %x, %v", public.SPKI, err)
		}
	}
	if list, err := Unmarshal(nil); err != nil || len(list) != 0 {
		t.Errorf("empty store: %v, %v", list, err)
	}
	// A damaged store is no empty one.
	for name, bad := range map[string][]byte{
		"cut":     data[:len(data)-30],
		"garbage": []byte("erased"),
		"behind":  append(bytes.Clone(data), "x"...),
		"label":   bytes.Replace(data, []byte("Label: "), []byte("Lable: "), 1),
		"time":    bytes.Replace(data, []byte("2026-01"), []byte("2026-13"), 1),
		"flag":    bytes.Replace(data, []byte("Exportable: true"), []byte("Exportable: maybe"), 1),
	} {
		if list, err := Unmarshal(bad); err == nil {
			t.Errorf("%s gave %d pairs", name, len(list))
		}
	}
	if _, err := Marshal([]Pair{{Label: "none"}}); err == nil {
		t.Error("a pair without a key was stored")
	}
}

func TestSizes(t *testing.T) {
	for _, bits := range []int{-1, 0, 512, MinBits - 1, MaxBits + 1} {
		if _, err := Generate(bits); !errors.Is(err, ErrBits) {
			t.Errorf("%d bits: %v", bits, err)
		}
	}
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parsePKCS8(der); err == nil {
		t.Error("an ECDSA key passes for RSA")
	}
	if p := (Pair{Label: "x"}).Public(); p.SPKI != nil || p.Bits != 0 {
		t.Errorf("%+v", p)
	}
}

func TestPairsPrintNoKey(t *testing.T) {
	p := PSK{netip.MustParsePrefix("0.0.0.0/0"), secret.Of("MYGDOIPSK")}
	if text := fmt.Sprintf("%v %+v %#v", p, p, p); bytes.Contains([]byte(text), []byte("MYGDOIPSK")) {
		t.Error(text)
	}
}
