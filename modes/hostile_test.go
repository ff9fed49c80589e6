package modes

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"strings"
	"testing"
	"time"

	"coterie/cli/show"
	runningconfig "coterie/running-config"
)

// A certificate whose every name drives a terminal prints as text: an authority
// signs whatever it was asked to.
func TestHostileCertificateOnScreen(t *testing.T) {
	const evil = "x\x1b[2J\r\n\x07\u009b31mR1#"
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<31, 0),
		Subject: pkix.Name{CommonName: evil, SerialNumber: evil, Organization: []string{evil}, OrganizationalUnit: []string{evil}, Country: []string{evil}, Locality: []string{evil}},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	if parsed.Subject.SerialNumber != evil || parsed.Subject.CommonName != evil {
		t.Fatalf("the certificate is harmless: %q", parsed.Subject)
	}
	parsed.CRLDistributionPoints, parsed.DNSNames = []string{evil}, []string{evil}
	for _, role := range []string{"Certificate", "CA Certificate"} {
		var d show.Doc
		certificate(&d, runningconfig.Clock{}, shownCertificate{Role: role, parsed: parsed}, true)
		if text := d.String(); strings.ContainsAny(strings.ReplaceAll(text, "\n", ""), "\x1b\r\x07\u009b") || strings.Contains(text, "\nR1#") || !strings.Contains(text, "[2J") {
			t.Errorf("%s prints %q", role, text)
		}
	}
}
