package appliance

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"strings"
	"testing"
)

func public(t *testing.T, k crypto.Signer) []byte {
	t.Helper()
	b, err := x509.MarshalPKIXPublicKey(k.Public())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The device keeps its host key over a restart, and offers the RSA pair of
// its name beside it.
func TestHostKeys(t *testing.T) {
	a := device(t, "hostname KS1\nip domain name example.net\n")
	first, err := a.HostKeys()
	if err != nil || len(first) != 1 {
		t.Fatalf("%v %v", first, err)
	}
	if err := a.GenerateRSA(t.Context(), "KS1.example.net", 2048, false, false); err != nil {
		t.Fatal(err)
	}
	second, err := a.HostKeys()
	if err != nil || len(second) != 2 {
		t.Fatalf("%v %v", second, err)
	}
	if _, ok := second[0].(ed25519.PrivateKey); !ok || !bytes.Equal(public(t, first[0]), public(t, second[0])) {
		t.Error("the first key has changed")
	}
	if _, ok := second[1].(*rsa.PrivateKey); !ok {
		t.Errorf("the second key is %T", second[1])
	}
	a.hostKey.key = nil // as after a restart
	third, err := a.HostKeys()
	if err != nil || !bytes.Equal(public(t, first[0]), public(t, third[0])) {
		t.Errorf("another key after a restart: %v", err)
	}
	a.hostKey.key = nil
	a.cfg.Files.Write(hostKeyFile, []byte("damaged"))
	if _, err := a.HostKeys(); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("a damaged key: %v", err)
	}
}
