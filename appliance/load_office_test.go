package appliance

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"coterie/crypto/keys"
	"coterie/crypto/pki"
)

// loadOffice is the certification authority of a load of signatures: RSA-2048
// throughout, a certificate for each member. The members share one key, so that
// making keys does not take longer than the measurement.
type loadOffice struct {
	key, members *rsa.PrivateKey
	cert         *x509.Certificate
	serial       atomic.Int64
}

// Files of the key server's certificate in its state directory.
const (
	loadTrustFile = "load.pki"
	loadTrustKey  = "load.key"
)

// newLoadOffice makes an authority, and a key and a certificate for the key
// server in a directory.
func newLoadOffice(b *testing.B, dir string) *loadOffice {
	b.Helper()
	o := new(loadOffice)
	var server *rsa.PrivateKey
	for _, k := range []**rsa.PrivateKey{&o.key, &o.members, &server} {
		var err error
		if *k, err = keys.Generate(2048); err != nil {
			b.Fatal(err)
		}
	}
	self := o.certificate("Load CA", x509.KeyUsageCertSign)
	self.IsCA = true
	der, err := x509.CreateCertificate(rand.Reader, self, self, o.key.Public(), o.key)
	if err == nil {
		o.cert, err = x509.ParseCertificate(der)
	}
	if err != nil {
		b.Fatal(err)
	}
	own, err := o.certify("ks", server.Public())
	if err != nil {
		b.Fatal(err)
	}
	now := time.Now()
	file := trustFile{anchors: []storedCertificate{{der, now}}, own: &storedCertificate{own, now}, label: "C"}
	if err := os.WriteFile(filepath.Join(dir, loadTrustFile), file.marshal(), 0o600); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, loadTrustKey), x509.MarshalPKCS1PrivateKey(server), 0o600); err != nil {
		b.Fatal(err)
	}
	return o
}

func (o *loadOffice) certificate(name string, usage x509.KeyUsage) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(1e6 + o.serial.Add(1)), Subject: pkix.Name{CommonName: name, Organization: []string{"Coterie"}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: usage, BasicConstraintsValid: true,
	}
}

func (o *loadOffice) certify(name string, key crypto.PublicKey) ([]byte, error) {
	return x509.CreateCertificate(rand.Reader, o.certificate(name, x509.KeyUsageDigitalSignature), o.cert, key, o.key)
}

// member is the trustpoint of member i.
func (o *loadOffice) member(i int) (*pki.Trustpoint, error) {
	own, err := o.certify(loadAddr(i).String(), o.members.Public())
	if err != nil {
		return nil, err
	}
	return &pki.Trustpoint{Name: "CORP", Anchors: []*x509.Certificate{o.cert}, Chain: [][]byte{own}, Signer: o.members}, nil
}

// loadTrust gives the key server its certificate, and returns its key pair.
func loadTrust(files Files) (keys.Pair, error) {
	dir := os.Getenv(loadDirectory)
	trust, err := os.ReadFile(filepath.Join(dir, loadTrustFile))
	if err != nil {
		return keys.Pair{}, err
	}
	der, err := os.ReadFile(filepath.Join(dir, loadTrustKey))
	if err != nil {
		return keys.Pair{}, err
	}
	key, err := x509.ParsePKCS1PrivateKey(der)
	if err != nil {
		return keys.Pair{}, err
	}
	return keys.Pair{Label: "C", Private: key}, files.Write(certificateFile("CORP"), trust)
}
