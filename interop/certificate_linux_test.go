package interop

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"coterie/internal/testenv"
)

// identity is a certificate with its key.
type identity struct {
	cert *x509.Certificate
	key  crypto.Signer
}

var serial int64

// issue makes a certificate; ca nil makes an authority of its own. change
// alters what is usual.
func (ca *identity) issue(t testing.TB, name string, key crypto.Signer, change func(*x509.Certificate)) *identity {
	t.Helper()
	serial++
	c := &x509.Certificate{
		SerialNumber: big.NewInt(0x1000 + serial),
		Subject:      pkix.Name{CommonName: name, Organization: []string{"Interop"}},
		NotBefore:    time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature,
	}
	if change != nil {
		change(c)
	}
	parent, signer := c, key
	if ca != nil {
		parent, signer = ca.cert, ca.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &identity{cert, key}
}

// authority is what changes a certificate into one that issues others.
func authority(c *x509.Certificate) {
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
}

// rsaKeys are made once, because they take their time.
var rsaKeys struct {
	sync.Mutex
	list []crypto.Signer
}

// newRSA is the n-th RSA key of a test.
func newRSA(t testing.TB, n int) crypto.Signer {
	t.Helper()
	rsaKeys.Lock()
	defer rsaKeys.Unlock()
	for len(rsaKeys.list) <= n {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		rsaKeys.list = append(rsaKeys.list, k)
	}
	return rsaKeys.list[n]
}

func newEC(t testing.TB, curve elliptic.Curve) crypto.Signer {
	t.Helper()
	k, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (i *identity) certPEM() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.cert.Raw}))
}

// keyPEM is the key without a passphrase.
func (i *identity) keyPEM(t testing.TB) string {
	t.Helper()
	kind, der := "RSA PRIVATE KEY", []byte(nil)
	switch k := i.key.(type) {
	case *rsa.PrivateKey:
		der = x509.MarshalPKCS1PrivateKey(k)
	case *ecdsa.PrivateKey:
		kind = "EC PRIVATE KEY"
		var err error
		if der, err = x509.MarshalECPrivateKey(k); err != nil {
			t.Fatal(err)
		}
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// encryptedPEM is the key under a passphrase, as OpenSSL writes it.
func (i *identity) encryptedPEM(t testing.TB, passphrase string) string {
	t.Helper()
	kind := "rsa"
	if _, ok := i.key.(*ecdsa.PrivateKey); ok {
		kind = "ec"
	}
	args := []string{kind, "-des3", "-passout", "pass:" + passphrase}
	if kind == "rsa" {
		args = append(args, "-traditional")
	}
	out, err := func() ([]byte, error) {
		cmd := exec.Command(testenv.Tool(t, "openssl"), args...)
		cmd.Stdin = strings.NewReader(i.keyPEM(t))
		return cmd.Output()
	}()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// world is the certificates of a test: everybody's authority, one below it, and
// a stranger of the same name.
type world struct {
	root, branch, stranger *identity
	server                 *identity // of the key server
}

func newWorld(t testing.TB, serverKey crypto.Signer) *world {
	t.Helper()
	w := new(world)
	var none *identity
	w.root = none.issue(t, "Root CA", newRSA(t, 0), authority)
	w.branch = w.root.issue(t, "Branch CA", newRSA(t, 2), authority)
	w.stranger = none.issue(t, "Root CA", newRSA(t, 1), authority)
	w.server = w.root.issue(t, "ks1.example", serverKey, func(c *x509.Certificate) {
		c.IPAddresses = []net.IP{net.ParseIP("10.9.0.1")}
		c.DNSNames = []string{"ks1.example"}
	})
	return w
}

const passphrase = "a-long-passphrase"

// enrollment is the trustpoint of the key server.
const enrollment = `crypto pki trustpoint CA
 enrollment terminal pem
 fqdn ks1.example
 revocation-check none
`

// enroll imports the key server's certificate with its key.
func (r *router) enroll(t testing.TB, w *world) {
	t.Helper()
	lines := []string{"configure terminal", "crypto pki import CA pem terminal " + passphrase}
	for _, text := range []string{w.root.certPEM(), w.server.encryptedPEM(t, passphrase), w.server.certPEM()} {
		lines = append(lines, strings.Split(strings.TrimSpace(text), "\n")...)
		lines = append(lines, "quit")
	}
	if out := r.console(append(lines, "end")...); !strings.Contains(out, "PEM files import succeeded") {
		t.Fatalf("import:\n%s", out)
	}
}

// member is what a peer proves itself with: by its address, if it has no other
// identity.
type member struct {
	name, addr  string
	id          *identity
	swan, libre string // its identity as the daemons write it
	fails       bool
}

func (w *world) members(t testing.TB, key func() crypto.Signer) []member {
	list := []member{
		{name: "issued by the anchor"},
		{name: "issued below it"},
		{name: "named by its subject", swan: `"O=Interop, CN=gm2.example"`, libre: "%fromcert"},
		{name: "named by its host name", swan: "gm3.example", libre: "@gm3.example"},
		{name: "expired", fails: true},
		{name: "of a stranger", fails: true},
	}
	for i := range list {
		m := &list[i]
		m.addr = fmt.Sprintf("10.9.0.%d", 20+i)
		if m.swan == "" {
			m.swan, m.libre = m.addr, m.addr
		}
		ca := w.root
		switch m.name {
		case "issued below it":
			ca = w.branch
		case "of a stranger":
			ca = w.stranger
		}
		host := fmt.Sprintf("gm%d.example", i)
		m.id = ca.issue(t, host, key(), func(c *x509.Certificate) {
			c.IPAddresses, c.DNSNames = []net.IP{net.ParseIP(m.addr)}, []string{host}
			if m.name == "expired" {
				c.NotAfter = time.Now().Add(-time.Hour)
			}
		})
	}
	return list
}

// unproven tries with a certificate that proves nothing: the peer gets messages
// 2 and 4 and silence.
func unproven(t *testing.T, ks *router, seen *tap, addr string) {
	t.Helper()
	ks.await(t, failed(addr), 2) // and when message 5 is repeated
	for _, d := range seen.since(addr, 0) {
		if d.from.Port() == 848 && (d.data[exchangeAt] != 2 || d.data[flagsAt] != 0) {
			t.Errorf("answered with %x", d.data)
		}
	}
	if ks.count(authenticated(addr)) > 0 {
		t.Error("authenticated")
	}
}

func TestStrongSwanCertificates(t *testing.T) {
	s := suites[0]
	for _, kind := range []struct {
		name, authentication, shown string
		key                         func(n int) crypto.Signer
	}{
		{"RSA", "rsa-sig", "rsig", func(n int) crypto.Signer { return newRSA(t, n) }},
		{"ECDSA P-256", "ecdsa-sig", "esig", func(int) crypto.Signer { return newEC(t, elliptic.P256()) }},
		{"ECDSA P-384", "ecdsa-sig", "esig", func(int) crypto.Signer { return newEC(t, elliptic.P384()) }},
	} {
		t.Run(kind.name, func(t *testing.T) {
			w := newWorld(t, kind.key(3))
			n := 3
			members := w.members(t, func() crypto.Signer { n++; return kind.key(n) })
			files := map[string]string{"x509ca/root.pem": w.root.certPEM(), "x509ca/branch.pem": w.branch.certPEM()}
			var c strings.Builder
			c.WriteString("connections {\n")
			for i, m := range members {
				name := fmt.Sprintf("gm%d", i)
				files["x509/"+name+".pem"], files["private/"+name+".pem"] = m.id.certPEM(), m.id.keyPEM(t)
				fmt.Fprint(&c, swanConnection{name: name, local: m.addr, remote: "10.9.0.1", port: 848, proposals: s.strongSwan,
					auth: "auth = pubkey; certs = " + name + ".pem; id = " + m.swan, remoteAuth: "auth = pubkey; id = 10.9.0.1", more: "send_cert = always"})
			}
			c.WriteString("}\n")
			server, h := newNetwork(t)
			ks := keyServer(t, server, enrollment, kind.authentication)
			ks.enroll(t, w)
			seen := server.tap()
			peer := newStrongSwan(t, h, c.String(), files)
			var kept []chapter
			for i, m := range members {
				t.Run(m.name, func(t *testing.T) {
					name := fmt.Sprintf("gm%d", i)
					if m.fails {
						peer.begin(t, name)
						unproven(t, ks, seen, m.addr)
						peer.terminate(t, name)
						return
					}
					if got, ok := peer.initiate(t, name); !ok || got != s.swan {
						t.Fatalf("strongSwan says %s\nand the key server\n%s", got, tail(ks.String()))
					}
					ks.await(t, authenticated(m.addr), 1)
					ks.shows(t, m.addr, strings.TrimSpace(s.shown(kind.shown)))
					kept = append(kept, chapter{s.name + ", " + kind.name + ", " + m.name, seen.since(m.addr, 0)})
					peer.terminate(t, name)
				})
			}
			record(t, strings.ToLower("strongswan-"+strings.ReplaceAll(kind.name, " ", "-"))+".txt", kept...)
			seen.judge(t, "")
		})
	}
}

func TestLibreSwanCertificates(t *testing.T) {
	s := suites[0]
	w := newWorld(t, newRSA(t, 3))
	n := 3
	members := slices.DeleteFunc(w.members(t, func() crypto.Signer { n++; return newRSA(t, n) }), func(m member) bool {
		return m.name == "expired" // pluto does not try
	})
	server, h := newNetwork(t)
	ks := keyServer(t, server, enrollment, "rsa-sig")
	ks.enroll(t, w)
	seen := server.tap()
	var c strings.Builder
	for i, m := range members {
		name := fmt.Sprintf("gm%d", i)
		fmt.Fprint(&c, libreConnection{name: name, local: m.addr, remote: "10.9.0.1", proposals: s.libreSwan,
			more: []string{"authby=rsasig", "leftcert=" + name, "leftid=" + m.libre, "leftsendcert=always", "sendca=all", "rightid=10.9.0.1", "rightrsasigkey=%cert"}})
	}
	dir := t.TempDir()
	peer := newLibreSwan(t, h, len(members), c.String(), "", func(nss string) {
		tool := func(name string, args ...string) { must(t, exec.Command(testenv.Tool(t, name), args...)) }
		ca := func(name string, i *identity) {
			tool("certutil", "-A", "-d", nss, "-n", name, "-t", "CT,,", "-i", write(t, filepath.Join(dir, name+".pem"), i.certPEM()))
		}
		ca("root", w.root)
		ca("branch", w.branch)
		for i, m := range members {
			name := fmt.Sprintf("gm%d", i)
			p12 := filepath.Join(dir, name+".p12")
			tool("openssl", "pkcs12", "-export", "-name", name, "-passout", "pass:"+passphrase, "-out", p12,
				"-in", write(t, filepath.Join(dir, name+".pem"), m.id.certPEM()), "-inkey", write(t, filepath.Join(dir, name+".key"), m.id.keyPEM(t)))
			tool("pk12util", "-i", p12, "-d", nss, "-W", passphrase)
		}
	})
	var kept []chapter
	for i, m := range members {
		t.Run(m.name, func(t *testing.T) {
			name := fmt.Sprintf("gm%d", i)
			if m.fails {
				peer.begin(t, name)
				unproven(t, ks, seen, m.addr)
				peer.terminate(t, name)
				return
			}
			if got := peer.initiate(t, name); !strings.Contains(got, "auth=RSA_SIG "+s.libre) {
				t.Errorf("libreswan says %s", got)
			}
			ks.await(t, authenticated(m.addr), 1)
			ks.shows(t, m.addr, s.shown("rsig"))
			kept = append(kept, chapter{s.name + ", RSA, " + m.name, seen.since(m.addr, 0)})
			peer.terminate(t, name)
			ks.await(t, deleted(m.addr), 1)
		})
	}
	record(t, "libreswan-rsa.txt", kept...)
	seen.judge(t, "")
}
