package lab

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"coterie/crypto/keys"
	"coterie/internal/secret"
)

// Lab time begins with the year 2000; what testdata/pki holds is made for it.
var labBegins = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// scenarioPassphrase encrypts the private keys of testdata/pki.
const scenarioPassphrase = "cisco123"

// scenarioIssuer is a certification authority of testdata/pki.
type scenarioIssuer struct {
	prefix string
	key    crypto.Signer
	cert   *x509.Certificate
}

// scenarioLeaves are the certificates that its authorities sign, by file name.
var scenarioLeaves = []struct {
	file, name, unit string
	life             time.Duration // from the beginning of lab time
	serial           int64
}{
	{"r1", "r1.example.net", "Core", 10 * 365 * 24 * time.Hour, 2},
	{"r2", "r2.example.net", "Branch", 10 * 365 * 24 * time.Hour, 3},
	{"r2-short", "r2.example.net", "Branch", time.Hour, 4},
	{"r3", "r3.example.net", "Lab", 10 * 365 * 24 * time.Hour, 5},
}

// TestScenarioCertificates checks that the certificates which scripts paste are
// those that the scenarios speak of. With -update it makes them, keys included,
// when testdata/pki is gone; transcripts that show them change then.
func TestScenarioCertificates(t *testing.T) {
	if *updateScenarios {
		if _, err := os.Stat("testdata/pki/ca.pem"); err != nil {
			makeScenarioCertificates(t)
		}
	}
	for _, prefix := range []string{"", "ec-"} {
		ca := readCertificate(t, prefix+"ca.pem")
		roots := x509.NewCertPool()
		roots.AddCert(ca)
		for _, l := range scenarioLeaves {
			c := readCertificate(t, prefix+l.file+".pem")
			verify := func(at time.Time) error {
				_, err := c.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
				return err
			}
			if err := verify(labBegins.Add(l.life - time.Second)); err != nil {
				t.Errorf("%s: %v", l.file, err)
			}
			if err := verify(labBegins.Add(l.life + time.Second)); err == nil {
				t.Errorf("%s does not expire", l.file)
			}
			text, err := os.ReadFile(filepath.Join("testdata/pki", prefix+l.file+".key"))
			if err != nil {
				t.Fatal(err)
			}
			key, err := keys.ImportSigner(string(text), secret.Of(scenarioPassphrase))
			if err != nil {
				t.Fatal(err)
			}
			if pub, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !pub.Equal(c.PublicKey) {
				t.Errorf("%s: the key is not of the certificate", l.file)
			}
		}
		for file, revoked := range map[string]int{"first.crl": 0, "second.crl": 1} {
			text, err := os.ReadFile(filepath.Join("testdata/pki", prefix+file))
			if err != nil {
				t.Fatal(err)
			}
			block, _ := pem.Decode(text)
			list, err := x509.ParseRevocationList(block.Bytes)
			if err != nil || list.CheckSignatureFrom(ca) != nil || len(list.RevokedCertificateEntries) != revoked {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
}

func readCertificate(t *testing.T, name string) *x509.Certificate {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata/pki", name))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func makeScenarioCertificates(t *testing.T) {
	t.Helper()
	if err := os.MkdirAll("testdata/pki", 0o777); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join("testdata/pki", name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for prefix, generate := range map[string]func() (crypto.Signer, error){
		"":    func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) },
		"ec-": func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) },
	} {
		fresh := func() crypto.Signer {
			k, err := generate()
			if err != nil {
				t.Fatal(err)
			}
			return k
		}
		sign := func(c *x509.Certificate, by *scenarioIssuer, of crypto.Signer) *x509.Certificate {
			parent := by.cert
			if parent == nil {
				parent = c
			}
			der, err := x509.CreateCertificate(rand.Reader, c, parent, of.Public(), by.key)
			if err != nil {
				t.Fatal(err)
			}
			made, err := x509.ParseCertificate(der)
			if err != nil {
				t.Fatal(err)
			}
			return made
		}
		show := func(c *x509.Certificate) string {
			return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
		}
		ca := &scenarioIssuer{prefix: prefix, key: fresh()}
		ca.cert = sign(&x509.Certificate{
			SerialNumber: big.NewInt(1),
			Subject:      pkix.Name{CommonName: "Corp CA", Organization: []string{"Example"}},
			NotBefore:    labBegins.AddDate(0, -1, 0), NotAfter: labBegins.AddDate(20, 0, 0),
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		}, ca, ca.key)
		write(prefix+"ca.pem", show(ca.cert))
		for _, l := range scenarioLeaves {
			key := fresh()
			c := sign(&x509.Certificate{
				SerialNumber: big.NewInt(l.serial),
				Subject:      pkix.Name{CommonName: l.name, OrganizationalUnit: []string{l.unit}, Organization: []string{"Example"}},
				NotBefore:    labBegins.AddDate(0, -1, 0), NotAfter: labBegins.Add(l.life),
				KeyUsage: x509.KeyUsageDigitalSignature, DNSNames: []string{l.name},
			}, ca, key)
			write(prefix+l.file+".pem", show(c))
			var pair keys.Pair
			if err := pair.SetSigner(key); err != nil {
				t.Fatal(err)
			}
			_, private, err := keys.Export(pair, keys.TripleDES, secret.Of(scenarioPassphrase), rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			write(prefix+l.file+".key", private)
		}
		for i, file := range []string{"first.crl", "second.crl"} {
			list := &x509.RevocationList{
				Number: big.NewInt(int64(i + 1)), ThisUpdate: labBegins.Add(time.Duration(i) * time.Minute), NextUpdate: labBegins.AddDate(0, 1, 0),
			}
			if i == 1 { // R2's
				list.RevokedCertificateEntries = []x509.RevocationListEntry{{SerialNumber: big.NewInt(3), RevocationTime: labBegins.Add(30 * time.Second)}}
			}
			der, err := x509.CreateRevocationList(rand.Reader, list, ca.cert, ca.key)
			if err != nil {
				t.Fatal(err)
			}
			write(prefix+file, string(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})))
		}
	}
}
