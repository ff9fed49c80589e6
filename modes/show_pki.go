package modes

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"coterie/cli/grammar"
	"coterie/cli/show"
	"coterie/crypto/keys"
	"coterie/crypto/pki"
	runningconfig "coterie/running-config"
)

// showPKI declares `show crypto pki ...` and the key pairs beside RSA.
func (x *execCommands) showPKI() {
	words := grammar.Seq{kwCrypto, grammar.Kw("pki", "Show PKI")}
	trustpoint := grammar.Arg("Name", grammar.Word(), "Trustpoint name").From(trustpointNames)
	x.show(userLevel, then(words, grammar.Kw("certificates", "Show certificates"),
		grammar.Opt{Node: grammar.Kw("verbose", "Display the certificates in detail").Sets("Verbose", true)},
		grammar.Opt{Node: trustpoint}), showCertificates)
	x.show(userLevel, then(words, grammar.Kw("trustpoints", "Show trustpoints"), grammar.Opt{Node: grammar.Alt{
		grammar.Kw("status", "Show trustpoint status").Sets("Status", true), trustpoint}}), showTrustpoints)
	x.show(userLevel, then(words, grammar.Kw("crls", "Show Certificate Revocation Lists")), showCRLs)
	mypubkey := grammar.Seq{kwCrypto, grammar.Kw("key", "Show long term public keys"), grammar.Kw("mypubkey", "Show public keys associated with this router")}
	x.show(userLevel, then(mypubkey, grammar.Kw("ec", "Show EC public keys"), grammar.Opt{Node: grammar.Arg("Label", grammar.Word(), "Key name")}), showEC)
	x.show(userLevel, then(mypubkey, grammar.Kw("all", "Show all public keys")), showAllKeys)
}

// allKeys are the key pairs of a device.
func allKeys(v View) []keys.Public {
	if c, ok := v.(Certificates); ok {
		return c.Keys()
	}
	return v.RSAKeys()
}

func showEC(v View, a grammar.Args, d *show.Doc) error {
	pairs := slices.DeleteFunc(slices.Clone(allKeys(v)), func(k keys.Public) bool {
		return !k.EC || a.Has("Label") && a.String("Label") != k.Label
	})
	d.Data = pairs
	for _, k := range pairs {
		publicKey(d, k)
	}
	return nil
}

func showAllKeys(v View, _ grammar.Args, d *show.Doc) error {
	pairs := allKeys(v)
	d.Data = pairs
	for _, k := range pairs {
		publicKey(d, k)
	}
	return nil
}

// pkiTime prints a moment as PKI screens do, in the zone of the router.
func pkiTime(z runningconfig.Clock, t time.Time) string {
	local, zone := z.Local(t)
	return local.Format("15:04:05 ") + zone + local.Format(" Jan 2 2006")
}

// heldBy gives what the trustpoints of a device hold; none on a device without.
func heldBy(v View) []TrustpointStatus {
	if c, ok := v.(Certificates); ok {
		return c.Trustpoints()
	}
	return nil
}

// shownCertificate is one certificate with the trustpoints that hold it.
type shownCertificate struct {
	Role        string // "Certificate", "CA Certificate", "Router Self-Signed Certificate"
	Trustpoints []string
	KeyLabel    string
	Installed   time.Time
	Certificate certificateData
	parsed      *x509.Certificate
}

// certificateData is a certificate as data.
type certificateData struct {
	Serial, Issuer, Subject string
	NotBefore, NotAfter     time.Time
	DER                     []byte
}

// collectCertificates puts a certificate that several trustpoints hold into
// one entry, our own of a trustpoint in front of its authority's.
func collectCertificates(v View, only string) (out []shownCertificate) {
	add := func(s TrustpointStatus, c CertificateStatus, role string) {
		for i := range out {
			if string(out[i].Certificate.DER) == string(c.DER) {
				out[i].Trustpoints = append(out[i].Trustpoints, s.Name)
				return
			}
		}
		parsed, err := pki.ParseCertificate(c.DER)
		if err != nil {
			return
		}
		e := shownCertificate{Role: role, Trustpoints: []string{s.Name}, Installed: c.Installed, parsed: parsed,
			Certificate: certificateData{Serial: serialHex(parsed), Issuer: pki.NameString(parsed.RawIssuer), Subject: pki.NameString(parsed.RawSubject),
				NotBefore: parsed.NotBefore, NotAfter: parsed.NotAfter, DER: c.DER}}
		if role != "CA Certificate" {
			e.KeyLabel = s.KeyLabel
		}
		out = append(out, e)
	}
	for _, s := range heldBy(v) {
		if only != "" && only != s.Name {
			continue
		}
		if s.Own != nil {
			role := "Certificate"
			if s.Own.SelfSigned {
				role = "Router Self-Signed Certificate"
			}
			add(s, *s.Own, role)
		}
		for _, c := range s.Anchors {
			add(s, c, "CA Certificate")
		}
	}
	return out
}

// serialHex is a serial number in whole octets.
func serialHex(c *x509.Certificate) string {
	b := c.SerialNumber.Bytes()
	if len(b) == 0 {
		b = []byte{0}
	}
	return fmt.Sprintf("%X", b)
}

func showCertificates(v View, a grammar.Args, d *show.Doc) error {
	name := a.String("Name")
	if name != "" && v.Config().Trustpoint(name) == nil {
		return ErrNoTrustpoint
	}
	list := collectCertificates(v, name)
	d.Data = list
	for _, c := range list {
		certificate(d, v.Config().Clock, c, a.Bool("Verbose"))
		d.Blank()
	}
	for _, s := range heldBy(v) {
		if s.Requested && (name == "" || name == s.Name) {
			d.Line("Certificate")
			d.Line("  Status: Pending")
			d.Line("  Key Usage: General Purpose")
			d.Line("  Associated Trustpoint: %s", s.Name)
			d.Blank()
		}
	}
	return nil
}

func certificate(d *show.Doc, z runningconfig.Clock, s shownCertificate, verbose bool) {
	c := s.parsed
	d.Line("%s", s.Role)
	d.Line("  Status: Available")
	if verbose {
		d.Line("  Version: %d", c.Version)
	}
	d.Line("  Certificate Serial Number (hex): %s", serialHex(c))
	usage := "General Purpose"
	if s.Role == "CA Certificate" {
		usage = "Signature"
	}
	d.Line("  Certificate Usage: %s", usage)
	name := func(der []byte) {
		for _, line := range pki.Attributes(der) {
			d.Line("    %s", line)
		}
	}
	d.Line("  Issuer: ")
	name(c.RawIssuer)
	if s.Role == "CA Certificate" {
		d.Line("  Subject: ")
	} else {
		d.Line("  Subject:")
		if host := pki.Host(c); host != "" {
			d.Line("    Name: %s", host)
		}
		for _, ip := range c.IPAddresses {
			d.Line("    IP Address: %v", ip)
		}
		if c.Subject.SerialNumber != "" {
			d.Line("    Serial Number: %s", printable(c.Subject.SerialNumber))
		}
	}
	name(c.RawSubject)
	if len(c.CRLDistributionPoints) > 0 {
		d.Line("  CRL Distribution Points: ")
		for _, u := range c.CRLDistributionPoints {
			d.Line("    %s", printable(u))
		}
	}
	d.Line("  Validity Date: ")
	d.Line("    start date: %s", pkiTime(z, c.NotBefore))
	d.Line("    end   date: %s", pkiTime(z, c.NotAfter))
	if verbose {
		certificateDetail(d, z, s)
	}
	d.Line("  Associated Trustpoints: %s ", strings.Join(s.Trustpoints, " "))
	if verbose && s.KeyLabel != "" {
		d.Line("  Key Label: %s", s.KeyLabel)
	}
}

// printable is text of a certificate without what would spoil a screen.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}

// keyUsages are the bits of the extension, the first the highest of its first
// octet, as screens name them.
var keyUsages = []string{"Digital Signature", "Non Repudiation", "Key Encipherment", "Data Encipherment", "Key Agreement",
	"Key Cert Sign", "CRL Signature", "Encipher Only", "Decipher Only"}

func certificateDetail(d *show.Doc, z runningconfig.Clock, s shownCertificate) {
	c := s.parsed
	d.Line("  Subject Key Info:")
	switch k := c.PublicKey.(type) {
	case *rsa.PublicKey:
		d.Line("    Public Key Algorithm: rsaEncryption")
		d.Line("    RSA Public Key: (%d bit)", k.N.BitLen())
	case *ecdsa.PublicKey:
		d.Line("    Public Key Algorithm: ecEncryption")
		d.Line("    EC Public Key:  (%d bit)", k.Curve.Params().BitSize)
	}
	d.Line("  Signature Algorithm: %s", signatureName(c.SignatureAlgorithm))
	d.Line("  Fingerprint MD5: %s", fingerprintMD5(s.Certificate.DER))
	d.Line("  Fingerprint SHA1: %s", fingerprintSHA1(s.Certificate.DER))
	d.Line("  X509v3 extensions:")
	if c.KeyUsage != 0 {
		var bits uint32
		for i := range keyUsages {
			if c.KeyUsage&(1<<i) != 0 {
				bits |= 1 << (31 - i)
			}
		}
		d.Line("    X509v3 Key Usage: %08X", bits)
		for i, text := range keyUsages {
			if c.KeyUsage&(1<<i) != 0 {
				d.Line("      %s", text)
			}
		}
	}
	if len(c.SubjectKeyId) > 0 {
		d.Line("    X509v3 Subject Key ID: %s", fingerprint(c.SubjectKeyId))
	}
	if c.BasicConstraintsValid {
		d.Line("    X509v3 Basic Constraints:")
		d.Line("        CA: %s", strings.ToUpper(fmt.Sprint(c.IsCA)))
	}
	if len(c.DNSNames)+len(c.IPAddresses) > 0 {
		d.Line("    X509v3 Subject Alternative Name:")
		for _, n := range c.DNSNames {
			d.Line("        %s", printable(n))
		}
		for _, ip := range c.IPAddresses {
			d.Line("        IP Address : %v", ip)
		}
	}
	if len(c.AuthorityKeyId) > 0 {
		d.Line("    X509v3 Authority Key ID: %s", fingerprint(c.AuthorityKeyId))
	}
	d.Line("    Authority Info Access:")
	if !s.Installed.IsZero() {
		d.Line("  Cert install time: %s ", pkiTime(z, s.Installed))
	}
}

// signatureName is an algorithm as IOS names it.
func signatureName(a x509.SignatureAlgorithm) string {
	switch a {
	case x509.MD5WithRSA:
		return "MD5 with RSA Encryption"
	case x509.SHA1WithRSA:
		return "SHA1 with RSA Encryption"
	case x509.SHA256WithRSA:
		return "SHA256 with RSA Encryption"
	case x509.SHA384WithRSA:
		return "SHA384 with RSA Encryption"
	case x509.SHA512WithRSA:
		return "SHA512 with RSA Encryption"
	case x509.ECDSAWithSHA1:
		return "SHA1 with ECDSA"
	case x509.ECDSAWithSHA256:
		return "SHA256 with ECDSA"
	case x509.ECDSAWithSHA384:
		return "SHA384 with ECDSA"
	case x509.ECDSAWithSHA512:
		return "SHA512 with ECDSA"
	}
	return a.String()
}

func showTrustpoints(v View, a grammar.Args, d *show.Doc) error {
	list := heldBy(v)
	if name := a.String("Name"); name != "" {
		list = slices.DeleteFunc(slices.Clone(list), func(s TrustpointStatus) bool { return s.Name != name })
		if len(list) == 0 {
			return ErrNoTrustpoint
		}
	}
	d.Data = list
	for _, s := range list {
		d.Line("Trustpoint %s:", s.Name)
		if a.Bool("Status") {
			trustpointStatus(d, s)
		} else {
			trustpoint(d, s)
		}
		d.Line("")
		d.Line("")
	}
	return nil
}

func trustpoint(d *show.Doc, s TrustpointStatus) {
	anchors := s.Anchors
	self := s.Own != nil && s.Own.SelfSigned
	if len(anchors) == 0 && self {
		anchors = []CertificateStatus{*s.Own}
	}
	if len(anchors) == 0 {
		d.Line("    Certificate not configured.")
		return
	}
	for _, anchor := range anchors {
		c, err := pki.ParseCertificate(anchor.DER)
		if err != nil {
			continue
		}
		d.Line("    Subject Name:")
		for _, line := range pki.Attributes(c.RawSubject) {
			d.Line("    %s", line)
		}
		d.Line("          Serial Number (hex): %s", serialHex(c))
	}
	if self {
		d.Line("    Persistent self-signed certificate trust point")
		d.Line("    Using key label %s", s.KeyLabel)
		return
	}
	d.Line("    Certificate configured.")
}

func trustpointStatus(d *show.Doc, s TrustpointStatus) {
	anchors, self := s.Anchors, s.Own != nil && s.Own.SelfSigned
	if len(anchors) == 0 && self {
		anchors = []CertificateStatus{*s.Own}
	}
	one := func(what string, der []byte) {
		c, err := pki.ParseCertificate(der)
		if err != nil {
			return
		}
		d.Line("  %s configured:", what)
		d.Line("    Subject Name:")
		d.Line("     %s", pki.NameString(c.RawSubject))
		d.Line("    Fingerprint MD5: %s", fingerprintMD5(der))
		d.Line("    Fingerprint SHA1: %s", fingerprintSHA1(der))
	}
	for _, anchor := range anchors {
		one("Issuing CA certificate", anchor.DER)
	}
	if s.Own != nil {
		one("Router General Purpose certificate", s.Own.DER)
	}
	generated := "No"
	if s.Key != nil {
		generated = "Yes (General Purpose, non-exportable)"
		if s.Key.Exportable {
			generated = "Yes (General Purpose, exportable)"
		}
	}
	authenticated, requested := "No", "None"
	if len(anchors) > 0 {
		authenticated = "Yes"
	}
	switch {
	case s.Own != nil:
		requested = "Yes"
	case s.Requested:
		requested = "Pending"
	}
	d.Line("  State:")
	d.Line("    Keys generated ............. %s", generated)
	d.Line("    Issuing CA authenticated ....... %s", authenticated)
	d.Line("    Certificate request(s) ..... %s", requested)
}

func showCRLs(v View, _ grammar.Args, d *show.Doc) error {
	z := v.Config().Clock
	type row struct {
		Trustpoint, Issuer, Number, URL    string
		ThisUpdate, NextUpdate, Downloaded time.Time
		Revoked, Size                      int
	}
	var rows []row
	total := 0
	for _, s := range heldBy(v) {
		if l := s.CRL; l != nil {
			rows = append(rows, row{s.Name, l.List.Issuer, l.List.Number, l.URL, l.List.ThisUpdate, l.List.NextDate, l.Downloaded, l.List.Len(), l.Size})
			total += l.Size
		}
	}
	d.Data = rows
	for _, r := range rows {
		d.Line("CRL Issuer Name:")
		d.Line("    %s", r.Issuer)
		d.Line("    LastUpdate: %s", pkiTime(z, r.ThisUpdate))
		if !r.NextUpdate.IsZero() {
			d.Line("    NextUpdate: %s", pkiTime(z, r.NextUpdate))
		}
		d.Line("")
		d.Line("    CRL downloaded at: %s", pkiTime(z, r.Downloaded))
		d.Line("")
		d.Line("    Retrieved from CRL Distribution Point:")
		d.Line("      %s", printable(r.URL))
		d.Line("")
		d.Line(" CRL DER is %d bytes", r.Size)
		d.Line(" CRL is stored in parsed CRL cache")
		d.Line("")
	}
	d.Line("")
	d.Line("Parsed CRL cache current size is %d bytes", total)
	d.Line("Parsed CRL cache maximum size is %d bytes", pki.MaxCRL)
	return nil
}
