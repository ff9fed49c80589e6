package modes

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"coterie/cli/grammar"
	"coterie/crypto/keys"
	"coterie/crypto/pki"
	"coterie/internal/secret"
	runningconfig "coterie/running-config"
)

// pkiActions act on the certificates of a device, never on the tree, and print
// nothing in a configuration.
func (b *builder) pkiActions(words grammar.Seq, trustpoint grammar.Node) []*grammar.Command {
	action := func(run func(context.Context, grammar.Terminal, grammar.Args, Certificates) error, n ...grammar.Node) *grammar.Command {
		return &grammar.Command{Syntax: then(words, n...), Run: func(ctx context.Context, t grammar.Terminal, a grammar.Args) error {
			if b.op == nil {
				return nil // a file that is only checked
			}
			certificates, ok := b.op.(Certificates)
			if !ok {
				return errNoPKI
			}
			if b.configured(a.String("Name")) == nil {
				return ErrNoTrustpoint
			}
			return run(ctx, t, a, certificates)
		}}
	}
	terminal := grammar.Kw("terminal", "Cut & paste from terminal")
	passphrase := grammar.Arg("Passphrase", passphraseType, "Passphrase used to protect the private key")
	return []*grammar.Command{
		action(b.authenticate, grammar.Kw("authenticate", "Get the CA certificate"), trustpoint),
		action(b.enroll, grammar.Kw("enroll", "Request a certificate from a CA"), trustpoint),
		action(b.importCertificate, grammar.Kw("import", "Import certificate or pkcs12"), trustpoint,
			grammar.Kw("certificate", "Import a certificate from a TFTP server or the terminal")),
		action(b.importPEM, grammar.Kw("import", "Import certificate or pkcs12"), trustpoint,
			grammar.Kw("pem", "Import from PEM files"), terminal,
			grammar.Opt{Node: grammar.Kw("password", "Passphrase of the private key")}, passphrase),
		action(func(context.Context, grammar.Terminal, grammar.Args, Certificates) error {
			return Refusal("% PKCS12 files are not read here: use 'crypto pki import ... pem terminal'")
		}, grammar.Kw("import", "Import certificate or pkcs12"), trustpoint, grammar.Kw("pkcs12", "Import from PKCS12 file"),
			grammar.Arg("URL", grammar.Word(), "Source of the PKCS12 file"), grammar.Kw("password", "Password"), passphrase),
		action(b.exportPEM, grammar.Kw("export", "Export certificate or pkcs12"), trustpoint, grammar.Kw("pem", "Export to PEM files"),
			grammar.Kw("terminal", "Cut & paste to terminal"), grammar.Opt{Node: grammar.Seq{grammar.Alt{
				grammar.Kw("3des", "Encrypt the private key with 3DES").Sets("Cipher", keys.TripleDES),
				grammar.Kw("des", "Encrypt the private key with DES").Sets("Cipher", keys.DES),
			}, grammar.Opt{Node: grammar.Kw("password", "Passphrase of the private key")}, passphrase}}),
		action(func(ctx context.Context, _ grammar.Terminal, a grammar.Args, c Certificates) error {
			return c.RequestCRL(ctx, a.String("Name"))
		}, grammar.Kw("crl", "Actions on certificate revocation lists"), grammar.Kw("request", "Request a CRL"), trustpoint),
	}
}

// configured is a trustpoint of the present configuration.
func (b *builder) configured(name string) *runningconfig.Trustpoint {
	if c := b.config(); c != nil {
		return c.Trustpoint(name)
	}
	return nil
}

// statusOf is what a trustpoint holds.
func statusOf(c Certificates, name string) TrustpointStatus {
	for _, s := range c.Trustpoints() {
		if s.Name == name {
			return s
		}
	}
	return TrustpointStatus{}
}

// removeTrustpoint asks before `no crypto pki trustpoint` destroys certificates.
func (b *builder) removeTrustpoint(ctx context.Context, t grammar.Terminal, m grammar.Match) (bool, error) {
	c, ok := b.op.(Certificates)
	name := m.Args.String("Name")
	if !ok || !m.No && !m.Default || b.configured(name) == nil {
		return true, nil
	}
	if s := statusOf(c, name); len(s.Anchors) == 0 && s.Own == nil && !s.Requested {
		return true, nil
	}
	fmt.Fprint(t, "% Removing an enrolled trustpoint will destroy all certificates\n received from the related Certificate Authority.\n\n")
	if ok, err := confirm(ctx, t, "Are you sure you want to do this? [yes/no]: "); !ok {
		return false, err
	}
	if err := c.RemoveCertificates(ctx, name); err != nil {
		return false, err
	}
	_, err := fmt.Fprint(t, "% Be sure to ask the CA administrator to revoke your certificates.\n\n")
	return err == nil, err
}

// pasted takes one certificate from the terminal.
func pasted(ctx context.Context, t grammar.Terminal, prompt string) ([]byte, error) {
	fmt.Fprint(t, prompt)
	text, err := collect(ctx, t, true)
	if err != nil {
		return nil, err
	}
	der, err := pki.DecodeText(text, pki.MaxCertificate)
	if err == nil {
		_, err = pki.ParseCertificate(der)
	}
	return der, err
}

// Prompts for base64, as IOS words them.
const (
	enterCA          = "\nEnter the base 64 encoded CA certificate.\nEnd with a blank line or the word \"quit\" on a line by itself\n\n"
	enterCertificate = "\nEnter the base 64 encoded certificate.\nEnd with a blank line or the word \"quit\" on a line by itself\n\n"
)

// terminalOnly refuses what would need a protocol of enrollment.
func terminalOnly(tp *runningconfig.Trustpoint) error {
	switch tp.Enrollment.Method {
	case "":
		return Refusal("% Please specify the enrollment URL or terminal under the trustpoint first")
	case "url":
		return Refusal("% Enrollment by URL is not available here: use 'enrollment terminal' and paste the certificates")
	}
	return nil
}

func (b *builder) authenticate(ctx context.Context, t grammar.Terminal, a grammar.Args, c Certificates) error {
	name := a.String("Name")
	tp := b.configured(name)
	if tp.Enrollment.Method == "selfsigned" {
		return Refusal("% A trustpoint with a self-signed certificate has no Certificate Authority")
	}
	if err := terminalOnly(tp); err != nil {
		return err
	}
	if len(statusOf(c, name).Anchors) > 0 {
		return Refusal("% Please delete your existing CA certificate first.\n% You must use 'no crypto pki trustpoint <trustpoint-name>' to delete the CA certificate.")
	}
	der, err := pasted(ctx, t, enterCA)
	if err != nil {
		return importError(err)
	}
	fmt.Fprintf(t, "Certificate has the following attributes:\n       Fingerprint MD5: %s\n      Fingerprint SHA1: %s\n\n", fingerprintMD5(der), fingerprintSHA1(der))
	ok, err := confirm(ctx, t, "% Do you accept this certificate? [yes/no]: ")
	switch {
	case err != nil:
		return err
	case !ok:
		return Refusal("% Certificate was rejected by the user")
	}
	if err := c.InstallCA(ctx, name, der); err != nil {
		return err
	}
	_, err = fmt.Fprint(t, "Trustpoint CA certificate accepted.\n% Certificate successfully imported\n\n")
	return err
}

// importError words what was pasted wrong.
func importError(err error) error {
	if errors.Is(err, pki.ErrMalformed) || errors.Is(err, pki.ErrTooLong) {
		return fmt.Errorf("%% Error in saving certificate: status = FAIL: %w", err)
	}
	return err
}

// fingerprint prints octets in groups of four, as IOS prints digests.
func fingerprint(sum []byte) string {
	var groups []string
	for g := range slices.Chunk(sum, 4) {
		groups = append(groups, strings.ToUpper(hex.EncodeToString(g)))
	}
	return strings.Join(groups, " ") + " "
}

// Digests that IOS identifies certificates by; nothing rests on them.
func fingerprintMD5(der []byte) string  { s := md5.Sum(der); return fingerprint(s[:]) }
func fingerprintSHA1(der []byte) string { s := sha1.Sum(der); return fingerprint(s[:]) }

// request asks for what the trustpoint leaves open.
func (b *builder) request(ctx context.Context, t grammar.Terminal, tp *runningconfig.Trustpoint) (pki.Request, error) {
	r := pki.Request{Subject: tp.Subject, Hash: tp.Hash}
	if tp.Subject != "" {
		fmt.Fprintf(t, "%% The subject name in the certificate will include: %s\n", tp.Subject)
	}
	switch {
	case tp.NoFQDN:
		fmt.Fprint(t, "% The fully-qualified domain name will not be included in the certificate\n")
	default:
		if r.FQDN = tp.FQDN; r.FQDN == "" {
			r.FQDN = b.ownName()
		}
		fmt.Fprintf(t, "%% The subject name in the certificate will include: %s\n", r.FQDN)
	}
	include := tp.SerialNumber == "included"
	if tp.SerialNumber == "" {
		var err error
		if include, err = confirm(ctx, t, "% Include the router serial number in the subject name? [yes/no]: "); err != nil {
			return r, err
		}
	}
	if include {
		r.Serial = chassisSerial
		fmt.Fprintf(t, "%% The serial number in the certificate will be: %s\n", r.Serial)
	}
	where := tp.Address
	if where == "" {
		ok, err := confirmOr(ctx, t, "% Include an IP address in the subject name? [no]: ")
		if err != nil {
			return r, err
		}
		if ok {
			if where, err = t.Ask(ctx, "Enter Interface name or IP Address[]: "); err != nil {
				return r, err
			}
		}
	}
	if where = strings.TrimSpace(where); where == "" || where == "none" {
		return r, nil
	}
	addr, err := netip.ParseAddr(where)
	if err != nil {
		var ok bool
		if addr, ok = b.op.SourceAddress(where); !ok {
			return r, Refusal("% No IP address on interface " + where)
		}
	}
	r.Address = addr
	return r, nil
}

// chassisSerial is the serial number of a router that has no chassis.
const chassisSerial = "COTERIE0001"

// ownName is the router's host name and domain.
func (b *builder) ownName() string {
	c := b.config()
	name := c.Hostname
	if name == "" {
		name = "Router"
	}
	if c.DomainName != "" {
		name += "." + c.DomainName
	}
	return name
}

// confirmOr is confirm where an empty line says no.
func confirmOr(ctx context.Context, t grammar.Terminal, prompt string) (bool, error) {
	for {
		answer, err := t.Ask(ctx, prompt)
		if err != nil {
			return false, err
		}
		switch strings.ToLower(strings.TrimSpace(answer)) {
		case "y", "ye", "yes":
			return true, nil
		case "", "n", "no":
			return false, nil
		}
		fmt.Fprint(t, "% Please answer 'yes' or 'no'.\n")
	}
}

func (b *builder) enroll(ctx context.Context, t grammar.Terminal, a grammar.Args, c Certificates) error {
	name := a.String("Name")
	tp := b.configured(name)
	self := tp.Enrollment.Method == "selfsigned"
	if err := terminalOnly(tp); err != nil {
		return err
	}
	if !self && len(statusOf(c, name).Anchors) == 0 {
		return ErrNoAnchor
	}
	if !self {
		fmt.Fprint(t, "% Start certificate enrollment .. \n\n")
	}
	r, err := b.request(ctx, t, tp)
	if err != nil {
		return err
	}
	if self {
		ok, err := confirm(ctx, t, "Generate Self Signed Router Certificate? [yes/no]: ")
		if err != nil || !ok {
			return err
		}
		if err := c.SelfSign(ctx, name, r); err != nil {
			return err
		}
		_, err = fmt.Fprint(t, "\nRouter Self Signed Certificate successfully created\n\n")
		return err
	}
	ok, err := confirm(ctx, t, "Display Certificate Request to terminal? [yes/no]: ")
	if err != nil || !ok {
		return err
	}
	der, err := c.Enroll(ctx, name, r)
	if err != nil {
		return err
	}
	text := "\n" + pki.Base64(der) + "\n---End - This line not part of the certificate request---\n\n"
	if tp.Enrollment.PEM {
		text = "\n" + pki.RequestPEM(der) + "\n---End - This line not part of the certificate request---\n\n"
	}
	for again := true; again; {
		fmt.Fprint(t, "Certificate Request follows:\n", text)
		if again, err = confirm(ctx, t, "Redisplay enrollment request? [yes/no]: "); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) importCertificate(ctx context.Context, t grammar.Terminal, a grammar.Args, c Certificates) error {
	name := a.String("Name")
	tp := b.configured(name)
	if err := terminalOnly(tp); err != nil {
		return err
	}
	if !tp.NoFQDN {
		fqdn := tp.FQDN
		if fqdn == "" {
			fqdn = b.ownName()
		}
		fmt.Fprintf(t, "%% The fully-qualified domain name in the certificate will be: %s\n", fqdn)
	}
	der, err := pasted(ctx, t, enterCertificate)
	if err != nil {
		return importError(err)
	}
	if err := c.InstallCertificate(ctx, name, der); err != nil {
		return err
	}
	_, err = fmt.Fprint(t, "% Router Certificate successfully imported\n\n")
	return err
}

func (b *builder) importPEM(ctx context.Context, t grammar.Terminal, a grammar.Args, c Certificates) error {
	if err := fileSystem(a); err != nil {
		return err
	}
	pass := secret.Of(a.String("Passphrase"))
	defer pass.Wipe()
	failed := func(err error) error { return fmt.Errorf("%% PEM files import failed: %w", err) }
	anchor, err := pasted(ctx, t, "% Enter PEM-formatted CA certificate.\n% End with a blank line or \"quit\" on a line by itself.\n")
	if err != nil {
		return failed(err)
	}
	fmt.Fprint(t, "% Enter PEM-formatted encrypted private General Purpose key.\n% End with \"quit\" on a line by itself.\n")
	private, err := collect(ctx, t, false)
	if err != nil {
		return err
	}
	key, err := keys.ImportSigner(private, pass)
	if err != nil {
		return failed(err)
	}
	own, err := pasted(ctx, t, "% Enter PEM-formatted General Purpose certificate.\n% End with a blank line or \"quit\" on a line by itself.\n")
	if err != nil {
		return failed(err)
	}
	if err := c.ImportIdentity(ctx, a.String("Name"), anchor, own, key); err != nil {
		return failed(err)
	}
	_, err = fmt.Fprint(t, "% PEM files import succeeded.\n")
	return err
}

func (b *builder) exportPEM(ctx context.Context, t grammar.Terminal, a grammar.Args, c Certificates) error {
	name := a.String("Name")
	s := statusOf(c, name)
	var text strings.Builder
	for _, anchor := range s.Anchors {
		head := "% CA certificate:\n"
		if parsed, err := pki.ParseCertificate(anchor.DER); err == nil && pki.IsSelfSigned(parsed) {
			head = "% Self-signed CA certificate:\n"
		}
		fmt.Fprint(&text, head, pki.CertificatePEM(anchor.DER), "\n")
	}
	if text.Len() == 0 && s.Own == nil {
		return ErrNoOwn
	}
	if a.Has("Passphrase") {
		if err := fileSystem(a); err != nil {
			return err
		}
		pass := secret.Of(a.String("Passphrase"))
		defer pass.Wipe()
		cipher, _ := a["Cipher"].(keys.Cipher)
		label, private, err := c.ExportIdentityKey(ctx, name, cipher, pass)
		if err != nil {
			return err
		}
		fmt.Fprintf(&text, "%% Key name: %s\n   Usage: General Purpose Key\n%s\n", label, private)
	}
	if s.Own != nil {
		fmt.Fprint(&text, "% General Purpose Certificate:\n", pki.CertificatePEM(s.Own.DER), "\n")
	}
	_, err := fmt.Fprint(t, text.String())
	return err
}
