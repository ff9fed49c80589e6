package appliance_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"coterie/crypto/keys"
	"coterie/crypto/pki"
	"coterie/internal/secret"
	"coterie/modes"
)

// office is a certification authority for tests, with a fixed key.
type office struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	next int64
}

func scalar(n byte) *ecdsa.PrivateKey {
	k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte{n}, 32))
	if err != nil {
		panic(err)
	}
	return k
}

func newOffice(t *testing.T, now time.Time) *office { return officeOf(t, now, scalar(1)) }

func officeOf(t *testing.T, now time.Time, key *ecdsa.PrivateKey) *office {
	t.Helper()
	o := &office{t: t, key: key, next: 1}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test CA", Organization: []string{"Coterie"}},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(1000 * 24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, o.key.Public(), o.key)
	if err == nil {
		o.cert, err = x509.ParseCertificate(der)
	}
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// certify issues a certificate for a subject and a key.
func (o *office) certify(subject []byte, key crypto.PublicKey, now time.Time, life time.Duration) *x509.Certificate {
	o.t.Helper()
	o.next++
	c := &x509.Certificate{SerialNumber: big.NewInt(o.next), RawSubject: subject, NotBefore: now.Add(-time.Minute), NotAfter: now.Add(life),
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, o.cert, key, o.key)
	if err != nil {
		o.t.Fatal(err)
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		o.t.Fatal(err)
	}
	return c
}

// revoke makes a list.
func (o *office) revoke(now time.Time, gone ...*x509.Certificate) []byte {
	o.t.Helper()
	o.next++
	l := &x509.RevocationList{Number: big.NewInt(o.next), ThisUpdate: now, NextUpdate: now.Add(10 * time.Hour)}
	for _, c := range gone {
		l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: c.SerialNumber, RevocationTime: now})
	}
	der, err := x509.CreateRevocationList(rand.Reader, l, o.cert, o.key)
	if err != nil {
		o.t.Fatal(err)
	}
	return der
}

// paste is PEM as the lines of a dialog, and what ends it.
func paste(text string, end ...string) []string {
	return append(strings.Split(strings.TrimSpace(text), "\n"), end...)
}

const trustpointLines = `crypto pki trustpoint CORP
 enrollment terminal pem
 serial-number none
 fqdn r1.example.net
 ip-address none
 subject-name cn=R1,ou=Branch,o=Coterie
 revocation-check crl
 crl query flash:ca.crl
 eckeypair EC1
`

// type the lines of configuration mode and give the screen of the last.
func (r *router) act(line string, answers ...string) string {
	r.t.Helper()
	r.enter("configure terminal")
	out := r.enter(line, answers...)
	r.enter("end")
	return out
}

// enrolled runs the dialogs of a trustpoint and gives its certificate.
func (r *router) enrolled(o *office, life time.Duration) *x509.Certificate {
	r.t.Helper()
	if out := r.act("crypto key generate ec keysize 256 label EC1"); !strings.Contains(out, "The name for the keys will be: EC1\n% Generating 256 bit EC keys, keys will be non-exportable...\n[OK]") {
		r.t.Error(out)
	}
	if out := r.act("crypto pki enroll CORP"); !strings.Contains(out, "You must authenticate the Certificate Authority") {
		r.t.Error(out)
	}
	out := r.act("crypto pki authenticate CORP", paste(pki.CertificatePEM(o.cert.Raw), "quit", "yes")...)
	for _, want := range []string{
		"\nEnter the base 64 encoded CA certificate.\nEnd with a blank line or the word \"quit\" on a line by itself\n\n",
		"Certificate has the following attributes:\n       Fingerprint MD5: ", "\n      Fingerprint SHA1: ",
		"% Do you accept this certificate? [yes/no]: yes\nTrustpoint CA certificate accepted.\n% Certificate successfully imported\n",
	} {
		if !strings.Contains(out, want) {
			r.t.Errorf("authenticate lacks %q:\n%s", want, out)
		}
	}
	out = r.act("crypto pki enroll CORP", "yes", "no")
	for _, want := range []string{
		"% Start certificate enrollment .. \n\n% The subject name in the certificate will include: cn=R1,ou=Branch,o=Coterie\n" +
			"% The subject name in the certificate will include: r1.example.net\n",
		"Display Certificate Request to terminal? [yes/no]: yes\nCertificate Request follows:\n\n-----BEGIN CERTIFICATE REQUEST-----\n",
		"---End - This line not part of the certificate request---\n\nRedisplay enrollment request? [yes/no]: no\n",
	} {
		if !strings.Contains(out, want) {
			r.t.Errorf("enroll lacks %q:\n%s", want, out)
		}
	}
	_, rest, _ := strings.Cut(out, "follows:\n")
	block, _ := pem.Decode([]byte(rest))
	if block == nil {
		r.t.Fatalf("no request on the screen:\n%s", out)
	}
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err == nil {
		err = request.CheckSignature()
	}
	if err != nil {
		r.t.Fatal(err)
	}
	if out := r.enter("show crypto pki certificates"); !strings.Contains(out, "Certificate\n  Status: Pending\n") {
		r.t.Error(out)
	}
	c := o.certify(request.RawSubject, request.PublicKey, r.Now(), life)
	out = r.act("crypto pki import CORP certificate", paste(pki.CertificatePEM(c.Raw), "")...)
	if !strings.Contains(out, "% The fully-qualified domain name in the certificate will be: r1.example.net\n") ||
		!strings.HasSuffix(out, "% Router Certificate successfully imported\n\n") {
		r.t.Error(out)
	}
	return c
}

// engine is the trustpoint as phase 1 has it.
func (r *router) engine(name string) *pki.Trustpoint {
	r.t.Helper()
	list := r.ISAKMP().Config.Trustpoints
	if i := slices.IndexFunc(list, func(p *pki.Trustpoint) bool { return p.Name == name }); i >= 0 {
		return list[i]
	}
	return nil
}

func (r *router) writeFlash(name string, data []byte) {
	r.t.Helper()
	if err := r.WriteFile(modes.File{System: "flash", Name: name}, data); err != nil {
		r.t.Fatal(err)
	}
}

// Enrollment, revocation, reboot and removal by the lines that a person types.
func TestCertificates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{files: map[string][]byte{}}
		r := boot(t, d, "hostname R1\nip domain name example.net\n"+trustpointLines)
		o := newOffice(t, r.Now())
		own := r.enrolled(o, 400*24*time.Hour)
		p := r.engine("CORP")
		if p == nil || p.Signer == nil || len(p.Chain) != 1 || !bytes.Equal(p.Chain[0], own.Raw) || !p.CheckCRL || p.CRLOptional || p.CRL != nil {
			t.Fatalf("%+v", p)
		}
		if again := r.act("crypto pki authenticate CORP"); !strings.Contains(again, "% Please delete your existing CA certificate first.") {
			t.Error(again)
		}
		screen := r.enter("show crypto pki certificates verbose CORP")
		for _, want := range []string{
			"Certificate\n  Status: Available\n  Version: 3\n  Certificate Serial Number (hex): 02\n  Certificate Usage: General Purpose\n  Issuer: \n    cn=Test CA\n    o=Coterie\n",
			"  Subject:\n    Name: r1.example.net\n    hostname=r1.example.net\n    cn=R1\n    ou=Branch\n    o=Coterie\n  Validity Date: \n    start date: ",
			"    EC Public Key:  (256 bit)\n  Signature Algorithm: SHA256 with ECDSA\n  Fingerprint MD5: ",
			"    X509v3 Key Usage: 80000000\n      Digital Signature\n", "  Associated Trustpoints: CORP \n  Key Label: EC1\n",
			"CA Certificate\n  Status: Available\n", "    X509v3 Key Usage: 06000000\n      Key Cert Sign\n      CRL Signature\n",
		} {
			if !strings.Contains(screen, want) {
				t.Errorf("the screen lacks %q:\n%s", want, screen)
			}
		}
		if out := r.enter("show crypto pki trustpoints status"); !strings.Contains(out, "    Keys generated ............. Yes (General Purpose, non-exportable)\n    Issuing CA authenticated ....... Yes\n    Certificate request(s) ..... Yes\n") {
			t.Error(out)
		}
		if out := r.enter("show crypto pki trustpoints"); !strings.HasPrefix(out, "Trustpoint CORP:\n    Subject Name:\n    cn=Test CA\n    o=Coterie\n          Serial Number (hex): 01\n    Certificate configured.\n") {
			t.Error(out)
		}
		if out := r.enter("show crypto key mypubkey ec"); !strings.Contains(out, "Key name: EC1\nKey type: EC KEYS      p256 curve\n Storage Device: private-config\n Usage: Signature Key\n") {
			t.Error(out)
		}
		if out := r.enter("show crypto key mypubkey rsa"); strings.Contains(out, "EC1") {
			t.Error(out)
		}

		// No list yet: the peer is refused. Then there is one, and then it names the peer.
		peer := o.certify(own.RawSubject, scalar(9).Public(), r.Now(), time.Hour*100)
		verify := func(want error) {
			t.Helper()
			_, err := pki.Verify([][]byte{peer.Raw}, r.ISAKMP().Config.Trustpoints, r.Now())
			if !errors.Is(err, want) || (err == nil) != (want == nil) {
				t.Errorf("%v, want %v", err, want)
			}
		}
		verify(pki.ErrNoCRL)
		if out := r.act("crypto pki crl request CORP"); !strings.Contains(out, "% CRL request failed") {
			t.Error(out)
		}
		r.writeFlash("ca.crl", o.revoke(r.Now()))
		if out := r.act("crypto pki crl request CORP"); strings.Contains(out, "%") {
			t.Error(out)
		}
		verify(nil)
		first := r.engine("CORP")
		if out := r.enter("show crypto pki crls"); !strings.Contains(out, "CRL Issuer Name:\n    cn=Test CA,o=Coterie\n    LastUpdate: ") || !strings.Contains(out, "      flash:ca.crl\n") {
			t.Error(out)
		}
		// What did not change is the same value.
		r.configure("hostname R2", "hostname R1")
		if r.engine("CORP") != first {
			t.Error("an untouched trustpoint was made anew")
		}
		// The next list is fetched by itself, before the first one ends.
		r.writeFlash("ca.crl", o.revoke(r.Now().Add(time.Second), peer))
		time.Sleep(9*time.Hour + time.Minute)
		synctest.Wait()
		verify(pki.ErrRevoked)
		// An older list does not bring the peer back.
		r.writeFlash("ca.crl", o.revoke(r.Now().Add(-10*time.Hour)))
		if out := r.act("crypto pki crl request CORP"); !strings.Contains(out, "older") {
			t.Error(out)
		}
		verify(pki.ErrRevoked)
		saved := r.enter("show running-config | section trustpoint")
		if saved != trustpointLines {
			t.Errorf("the trustpoint prints as\n%s", saved)
		}
		r.close()

		// Everything is there after a reload, the list included.
		r = boot(t, d, "hostname R1\nip domain name example.net\n"+trustpointLines)
		p = r.engine("CORP")
		if p == nil || p.Signer == nil || p.CRL == nil {
			t.Fatalf("after a reload: %+v", p)
		}
		verify(pki.ErrRevoked)
		// Without its key a certificate proves nothing.
		r.act("crypto key zeroize ec EC1", "yes")
		if p = r.engine("CORP"); p == nil || p.Signer != nil || len(p.Chain) != 0 || r.logged("EC1") == 0 {
			t.Errorf("without its key: %+v", p)
		}
		question := "% Removing an enrolled trustpoint will destroy all certificates\n received from the related Certificate Authority.\n\nAre you sure you want to do this? [yes/no]: "
		if out := r.act("no crypto pki trustpoint CORP", "no"); out != question+"no\n" || r.engine("CORP") == nil {
			t.Error(out)
		}
		if out := r.act("no crypto pki trustpoint CORP", "yes"); out != question+"yes\n% Be sure to ask the CA administrator to revoke your certificates.\n\n" {
			t.Error(out)
		}
		if r.engine("CORP") != nil || r.has("crypto pki trustpoint CORP") {
			t.Error("the trustpoint is still there")
		}
		for name := range d.files {
			if strings.Contains(name, "CORP") {
				t.Errorf("%s is left", name)
			}
		}
		r.close()
	})
}

// Files that are not what they should be are named, and prove nothing.
func TestDamagedCertificates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{files: map[string][]byte{"nvram/CORP.pki": []byte("rubbish"), "nvram/CORP.crl": []byte("rubbish")}}
		r := boot(t, d, trustpointLines)
		if r.engine("CORP") != nil || r.logged("The stored certificates of trustpoint CORP cannot be used") != 1 {
			t.Errorf("%+v", r.engine("CORP"))
		}
		r.close()
	})
}

// A certificate of another key, or of another authority, is not taken.
func TestWrongCertificates(t *testing.T) {
	run(t, "hostname R1\n"+trustpointLines, func(r *router) {
		o := newOffice(r.t, r.Now())
		r.enrolled(o, time.Hour)
		import1 := func(c *x509.Certificate) string {
			return r.act("crypto pki import CORP certificate", paste(pki.CertificatePEM(c.Raw), "quit")...)
		}
		other := officeOf(r.t, r.Now(), scalar(7)) // the same name
		mine := r.engine("CORP").Signer.Public()
		for text, c := range map[string]*x509.Certificate{
			modes.ErrOtherKey.Error():  o.certify(o.cert.RawSubject, scalar(3).Public(), r.Now(), time.Hour),
			modes.ErrNotIssued.Error(): other.certify(o.cert.RawSubject, mine, r.Now(), time.Hour),
		} {
			if out := import1(c); !strings.Contains(out, text) {
				r.t.Errorf("want %s:\n%s", text, out)
			}
		}
		for _, answers := range [][]string{{"this is no certificate", ""}, {"quit"}, {strings.Repeat("A", 20000), ""}} {
			if out := r.act("crypto pki import CORP certificate", answers...); !strings.Contains(out, "% Error in saving certificate: status = FAIL") {
				r.t.Error(out)
			}
		}
		for line, want := range map[string]string{
			"crypto pki authenticate NONE":        modes.ErrNoTrustpoint.Error(),
			"crypto pki crl request NONE":         modes.ErrNoTrustpoint.Error(),
			"crypto pki export NONE pem terminal": modes.ErrNoTrustpoint.Error(),
		} {
			if out := r.act(line); !strings.Contains(out, want) {
				r.t.Errorf("%s: %s", line, out)
			}
		}
	})
}

// A self-signed certificate, and key and certificates from elsewhere.
func TestSelfSignedAndImported(t *testing.T) {
	text := "hostname R1\nip domain name example.net\ncrypto pki trustpoint SELF\n enrollment selfsigned\n serial-number none\n ip-address none\n subject-name cn=R1\n revocation-check none\n" +
		"crypto pki trustpoint IN\n enrollment terminal\n revocation-check none\n eckeypair INKEY\n"
	run(t, text, func(r *router) {
		r.act("crypto key generate ec keysize 384 label R1.example.net")
		out := r.act("crypto pki enroll SELF", "yes")
		if !strings.Contains(out, "Generate Self Signed Router Certificate? [yes/no]: yes\n\nRouter Self Signed Certificate successfully created\n") {
			r.t.Error(out)
		}
		p := r.engine("SELF")
		if p == nil || len(p.Anchors) != 1 || p.Signer == nil || p.CheckCRL {
			r.t.Fatalf("%+v", p)
		}
		if v, err := pki.Verify(p.Chain, []*pki.Trustpoint{p}, r.Now()); err != nil || !pki.MatchesID(v.Leaf, 2, []byte("R1.example.net")) {
			r.t.Error(err)
		}
		if out := r.enter("show crypto pki certificates SELF"); !strings.HasPrefix(out, "Router Self-Signed Certificate\n  Status: Available\n  Certificate Serial Number (hex): 01\n") {
			r.t.Error(out)
		}
		if out := r.enter("show crypto pki trustpoints SELF"); !strings.Contains(out, "    Persistent self-signed certificate trust point\n    Using key label R1.example.net\n") {
			r.t.Error(out)
		}

		o := newOffice(r.t, r.Now())
		key := scalar(5)
		leaf := o.certify([]byte{0x30, 0}, key.Public(), r.Now(), time.Hour)
		_, private, err := keys.Export(keys.Pair{Label: "x", EC: key}, keys.TripleDES, secret.Of("MYSECRETPASS"), rand.Reader)
		if err != nil {
			r.t.Fatal(err)
		}
		dialog := slices.Concat(paste(pki.CertificatePEM(o.cert.Raw), ""), paste(private, "quit"), paste(pki.CertificatePEM(leaf.Raw), ""))
		if out := r.act("crypto pki import IN pem terminal WRONGSECRET", dialog[:len(paste(pki.CertificatePEM(o.cert.Raw), ""))+len(paste(private, "quit"))]...); !strings.Contains(out, "% PEM files import failed") {
			r.t.Error(out)
		}
		out = r.act("crypto pki import IN pem terminal MYSECRETPASS", dialog...)
		if !strings.HasSuffix(out, "% PEM files import succeeded.\n") || !strings.Contains(out, "% Enter PEM-formatted CA certificate.\n% End with a blank line or \"quit\" on a line by itself.\n") {
			r.t.Error(out)
		}
		p = r.engine("IN")
		if p == nil || !key.Equal(p.Signer) || len(p.Anchors) != 1 {
			r.t.Fatalf("%+v", p)
		}
		out = r.act("crypto pki export IN pem terminal")
		if want := "% Self-signed CA certificate:\n" + pki.CertificatePEM(o.cert.Raw) + "\n% General Purpose Certificate:\n" + pki.CertificatePEM(leaf.Raw); !strings.HasPrefix(out, want) {
			r.t.Error(out)
		}
		if out := r.act("crypto pki export IN pem terminal 3des MYSECRETPASS"); !strings.Contains(out, modes.ErrNotExportable.Error()) || strings.Contains(out, "PRIVATE KEY") {
			r.t.Error(out)
		}
		// What was exported elsewhere with its key is the same again.
		r.act("crypto key generate ec keysize 256 exportable label EX")
		r.configure("crypto pki trustpoint SELF", "eckeypair EX", "exit")
		r.act("crypto pki enroll SELF", "yes")
		if out := r.act("crypto pki export SELF pem terminal 3des MYSECRETPASS"); !strings.Contains(out, "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n") {
			r.t.Log("the key of a certificate stays that of its enrollment:", out)
		}
	})
}

// Certificates in a pasted configuration count.
func TestPastedChain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, time.Now())
		hexadecimal := func(der []byte) string {
			var b strings.Builder
			for line := range slices.Chunk(der, 16) {
				fmt.Fprintf(&b, "  %X\n", line)
			}
			return b.String()
		}
		text := "crypto pki trustpoint CORP\n enrollment terminal\n revocation-check none\n" +
			"crypto pki certificate chain CORP\n certificate ca 01\n" + hexadecimal(o.cert.Raw) + "  \tquit\n"
		r := boot(t, &disk{files: map[string][]byte{}}, text)
		p := r.engine("CORP")
		if p == nil || len(p.Anchors) != 1 || !p.Anchors[0].Equal(o.cert) {
			t.Fatalf("%+v", p)
		}
		if out := r.enter("show crypto pki certificates"); !strings.Contains(out, "CA Certificate\n  Status: Available\n") {
			t.Error(out)
		}
		r.close()
	})
}

// An identity list restricts who may join.
func TestAuthorizationIdentity(t *testing.T) {
	text := "crypto identity BRANCHES\n dn ou=Branch,o=Coterie\n fqdn r9.example.net\n" +
		"crypto gdoi group G\n identity number 1\n server local\n  authorization identity %s\n"
	for name, want := range map[string]string{"BRANCHES": "", "NONE": "crypto identity NONE does not exist"} {
		run(t, fmt.Sprintf(text, name), func(r *router) {
			groups := r.KeyServer().Groups
			if len(groups) != 1 {
				r.t.Fatalf("%d groups", len(groups))
			}
			list := groups[0].Config.Identities
			if list == nil || list.Name != name || (want == "") != (len(list.DNs) == 1 && len(list.FQDNs) == 1) {
				r.t.Errorf("%s: %+v", name, list)
			}
		})
	}
}

// What is about to expire is said weekly, then daily.
func TestExpiry(t *testing.T) {
	run(t, "hostname R1\n"+strings.Replace(trustpointLines, "revocation-check crl", "revocation-check none", 1), func(r *router) {
		o := newOffice(r.t, r.Now())
		r.enrolled(o, 61*24*time.Hour)
		if n := r.logged("will expire in"); n != 0 {
			r.t.Errorf("%d warnings at once", n)
		}
		time.Sleep(53 * 24 * time.Hour) // eight days are left
		synctest.Wait()
		if n := r.logged("ID Certificate belonging to trustpoint CORP will expire in"); n != 8 {
			r.t.Errorf("%d warnings in the weeks before, want 8", n)
		}
		time.Sleep(9 * 24 * time.Hour)
		synctest.Wait()
		if n := r.logged("ID Certificate belonging to trustpoint CORP expired at"); n != 1 {
			r.t.Errorf("said %d times that it has expired", n)
		}
	})
}
