package pki

import (
	"crypto/x509"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"coterie/internal/testenv"
)

// OpenSSL reads what we write, and we read what it writes.
func TestOpenSSL(t *testing.T) {
	openssl := testenv.Tool(t, "openssl")
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if text != "" {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return path
	}
	run := func(args ...string) string {
		out, err := exec.Command(openssl, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("openssl %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	der, err := CreateRequest(Request{Subject: "cn=R1,ou=Branch,o=Coterie", FQDN: "r1.example.net"}, key(1), zero{})
	if err != nil {
		t.Fatal(err)
	}
	request := file("request.pem", RequestPEM(der))
	text := run("req", "-in", request, "-noout", "-text", "-verify", "-nameopt", "RFC2253")
	for _, want := range []string{"CN=R1,OU=Branch,O=Coterie", "unstructuredName=r1.example.net", "DNS:r1.example.net", "Digital Signature"} {
		if !strings.Contains(text, want) {
			t.Errorf("openssl req lacks %q:\n%s", want, text)
		}
	}
	caKey, ca, leaf := file("ca.key", ""), file("ca.pem", ""), file("leaf.pem", "")
	run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-sha256", "-keyout", caKey, "-out", ca, "-subj", "/O=Coterie/CN=OpenSSL CA", "-days", "30",
		"-addext", "keyUsage=critical,keyCertSign,cRLSign")
	run("x509", "-req", "-in", request, "-CA", ca, "-CAkey", caKey, "-out", leaf, "-days", "20", "-sha1", "-set_serial", "4660", "-copy_extensions", "copy")
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		der, err := DecodeText(string(data), MaxCRL)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	anchor, err := ParseCertificate(read("ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	point := &Trustpoint{Name: "T", Anchors: []*x509.Certificate{anchor}, CheckCRL: true, CRLOptional: true}
	if v, err := Verify([][]byte{read("leaf.pem")}, []*Trustpoint{point}, now); err != nil || !v.Weak {
		t.Fatalf("%+v, %v", v, err)
	}
	config := file("ca.cnf", "[ca]\ndefault_ca=d\n[d]\ndatabase="+file("index.txt", "R\t350101000000Z\t260101000000Z\t1234\tunknown\t/CN=R1\n")+
		"\ncrlnumber="+file("crlnumber", "0A\n")+"\ndefault_md=sha256\ndefault_crl_days=5\n")
	run("ca", "-config", config, "-gencrl", "-keyfile", caKey, "-cert", ca, "-out", file("crl.pem", ""))
	if point.CRL, err = ParseCRL(read("crl.pem"), point.Anchors); err != nil {
		t.Fatal(err)
	}
	if point.CRL.Number != "A" {
		t.Errorf("number %q", point.CRL.Number)
	}
	if _, err := Verify([][]byte{read("leaf.pem")}, []*Trustpoint{point}, now); !errors.Is(err, ErrRevoked) {
		t.Error("revoked by openssl:", err)
	}
}
