package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"coterie/internal/secret"
	"coterie/internal/testenv"
)

func TestEC(t *testing.T) {
	for _, bits := range []int{256, 384, 521} {
		k, err := GenerateEC(bits)
		if err != nil {
			t.Fatal(err)
		}
		p := Pair{Label: "E", EC: k, Generated: time.Unix(1, 0)}
		if p.Bits() != bits || p.Signer() != crypto.Signer(k) {
			t.Errorf("%d bits: %d", bits, p.Bits())
		}
		if public := p.Public(); !public.EC || public.Bits != bits || len(public.SPKI) == 0 {
			t.Errorf("%+v", public)
		}
		data, err := Marshal([]Pair{p})
		if err != nil {
			t.Fatal(err)
		}
		back, err := Unmarshal(data)
		if err != nil || len(back) != 1 || back[0].Private != nil || !k.Equal(back[0].EC) {
			t.Errorf("%d bits: %+v %v", bits, back, err)
		}
		_, private, err := Export(p, TripleDES, secret.Of("MYSECRETPASS"), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(private, "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: DES-EDE3-CBC,") {
			t.Error(private)
		}
		if got, err := ImportSigner(private, secret.Of("MYSECRETPASS")); err != nil || !k.Equal(got) {
			t.Errorf("%d bits: %v", bits, err)
		}
		if _, err := ImportSigner(private, secret.Of("another one")); !errors.Is(err, ErrPassphrase) {
			t.Errorf("another passphrase: %v", err)
		}
	}
	if _, err := GenerateEC(224); !errors.Is(err, ErrCurve) {
		t.Error(err)
	}
	weak, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(weak)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ImportSigner(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), secret.Bytes{}); !errors.Is(err, ErrCurve) {
		t.Error("P-224:", err)
	}
	if p := (Pair{}); p.Signer() != nil || p.Bits() != 0 {
		t.Error("an empty pair has a key")
	}
	if _, err := ImportSigner("rubbish", secret.Bytes{}); !errors.Is(err, ErrNotPEM) {
		t.Error(err)
	}
}

// OpenSSL reads an exported EC key, and we read what it writes in both forms.
func TestOpenSSLReadsEC(t *testing.T) {
	openssl := testenv.Tool(t, "openssl")
	run := func(in string, args ...string) string {
		c := exec.Command(openssl, args...)
		c.Stdin = strings.NewReader(in)
		out, err := c.Output()
		if err != nil {
			t.Fatalf("openssl %v: %v", args, err)
		}
		return string(out)
	}
	k, err := GenerateEC(384)
	if err != nil {
		t.Fatal(err)
	}
	_, private, err := Export(Pair{Label: "E", EC: k}, TripleDES, secret.Of("MYSECRETPASS"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		run(private, "ec", "-passin", "pass:MYSECRETPASS"),
		run(private, "ec", "-passin", "pass:MYSECRETPASS", "-des3", "-passout", "pass:MYSECRETPASS"),
		run(private, "pkcs8", "-topk8", "-nocrypt", "-passin", "pass:MYSECRETPASS"),
	} {
		if got, err := ImportSigner(text, secret.Of("MYSECRETPASS")); err != nil || !k.Equal(got) {
			t.Errorf("%v:\n%.40s", err, text)
		}
	}
}
