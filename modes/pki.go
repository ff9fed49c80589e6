package modes

import (
	"context"

	"coterie/cli/grammar"
)

// noPKI is what the actions of a public key infrastructure answer.
const noPKI = Refusal("% Certificates have no use on this device yet: phase 1 authenticates by pre-shared keys")

// pki is identities and trustpoints: stored, and of no effect.
func (b *builder) pki() []*grammar.Command {
	pki := keywords("crypto pki", "Public Key components")
	action := func(n ...grammar.Node) *grammar.Command {
		return &grammar.Command{Syntax: then(pki, n...), Run: func(context.Context, grammar.Terminal, grammar.Args) error {
			if b.op == nil {
				return nil
			}
			return noPKI
		}}
	}
	trustpoint := grammar.Arg("Name", grammar.Word(), "CA Server Name").From(trustpointNames)
	return []*grammar.Command{
		b.cryptoIdentity(),
		heading(globalSections, then(pki, grammar.Kw("server", "Enable a Certificate Authority server"),
			grammar.Arg("Name", grammar.Word(), "Certificate Server Name")), b.certificateServer(), nil, "Name"),
		heading(globalSections, then(pki, grammar.Kw("trustpoint", "Define a CA trustpoint"), trustpoint), b.trustpoint(), nil, "Name"),
		heading(globalSections, then(pki, grammar.Kw("certificate", "Actions on certificates"), grammar.Kw("chain", "Identify certificates"), trustpoint),
			b.certificateChain(), nil, "Name"),
		action(grammar.Kw("authenticate", "Get the CA certificate"), trustpoint),
		action(grammar.Kw("enroll", "Request a certificate from a CA"), trustpoint),
		action(grammar.Kw("import", "Import certificate or pkcs12"), trustpoint, grammar.Alt{
			grammar.Kw("certificate", "Import a certificate from a TFTP server or the terminal"),
			grammar.Seq{grammar.Kw("pem", "Import from PEM files"), grammar.Kw("terminal", "Cut & paste from terminal"),
				grammar.Arg("Passphrase", grammar.Word(), "Passphrase used to protect the private key")},
			grammar.Seq{grammar.Kw("pkcs12", "Import from PKCS12 file"), grammar.Arg("URL", grammar.Word(), "Source of the PKCS12 file"),
				grammar.Kw("password", "Password"), grammar.Arg("Passphrase", grammar.Word(), "Passphrase used to protect the file")},
		}),
		action(grammar.Kw("crl", "Actions on certificate revocation lists"), grammar.Kw("request", "Request a CRL"), trustpoint),
	}
}

// text is one line of free text, of which there is one.
func (b *builder) text(words, help string) *grammar.Command {
	return store(stanzaText, single, then(keywords(words, help), grammar.Arg("", grammar.Rest(), help)))
}

func (b *builder) cryptoIdentity() *grammar.Command {
	m := b.mode("config-crypto-identity", "(config-crypto-identity)")
	m.ExitHelp = "Exit from crypto identity sub mode"
	m.Add(
		b.text("description", "Description of this identity"),
		store(stanzaText, 0, then(keywords("dn", "Distinguished name of the peer"), grammar.Arg("", grammar.Rest(), "Attributes: cn=, ou=, o=, ..."))),
		store(stanzaText, 0, then(keywords("fqdn", "FQDN of the peer"), grammar.Arg("", grammar.Word(), "Fully qualified domain name"))),
	)
	c := heading(globalSections, then(keywords("crypto identity", "Enter a crypto identity list"),
		grammar.Arg("Name", grammar.Word(), "Identity Tag").From(identityNames)), m, nil, "Name")
	return c
}

func (b *builder) trustpoint() *grammar.Mode {
	m := b.mode("ca-trustpoint", "(ca-trustpoint)")
	m.ExitHelp = "Exit from certificate authority trustpoint entry mode"
	one := func(words, help string, n ...grammar.Node) *grammar.Command {
		return store(stanzaText, single, then(keywords(words, help), n...))
	}
	enrollment := grammar.Kw("enrollment", "Enrollment parameters")
	m.Add(
		store(stanzaText, single, grammar.Seq{enrollment, grammar.Alt{
			grammar.Kw("selfsigned", "Generate self-signed certificate").Sets("Method", "selfsigned"),
			branch("Method", "terminal", "Enroll via the terminal (cut-and-paste)", grammar.Opt{Node: mark("pem", "Enroll in PEM format")}),
			branch("Method", "url", "CA server enrollment URL", grammar.Arg("URL", grammar.Word(), "CA server enrollment URL")),
		}}),
		store(stanzaText, single, grammar.Seq{enrollment, grammar.Kw("retry", "Polling parameters"), grammar.Kw("count", "How many times to poll the CA"),
			grammar.Arg("", grammar.Int(1, 100), "Number of retries")}),
		store(stanzaText, single, grammar.Seq{enrollment, grammar.Kw("retry", "Polling parameters"), grammar.Kw("period", "How often to poll the CA"),
			grammar.Arg("", grammar.Int(1, 60), "Minutes")}),
		store(stanzaText, single, grammar.Seq{grammar.Kw("serial-number", "Include serial number"), grammar.Opt{Node: mark("none", "Do not include the serial number")}}),
		store(stanzaText, single, grammar.Seq{grammar.Kw("fqdn", "Include fully-qualified domain name"), grammar.Alt{
			grammar.Kw("none", "Do not include fully-qualified domain name").Sets("None", true),
			grammar.Arg("Name", grammar.Word(), "Fully-qualified domain name"),
		}}),
		store(stanzaText, single, grammar.Seq{grammar.Kw("ip-address", "Include ip address"), grammar.Alt{
			grammar.Arg("Address", grammar.IPv4(), "IP address"),
			interfaceWord("Interface", "Interface name"),
			grammar.Kw("none", "Do not include an IP address").Sets("None", true),
		}}),
		one("password", "Revocation password", grammar.Arg("", grammar.Word(), "Password")),
		b.text("subject-name", "Subject Name"),
		store(stanzaText, single, grammar.Seq{grammar.Kw("revocation-check", "Revocation checking options"), grammar.Rep{Max: 3, Node: choice("Methods",
			"crl", "Revocation check by CRL", "none", "Ignore revocation check", "ocsp", "Revocation check by OCSP")}}),
		one("crl query", "CRL distribution point", grammar.Arg("", grammar.Word(), "URL of the CRL")),
		one("ocsp url", "OCSP server", grammar.Arg("", grammar.Word(), "URL of the OCSP server")),
		store(stanzaText, single, grammar.Seq{grammar.Kw("rsakeypair", "Specify rsakeypair for this identity"),
			grammar.Arg("Label", grammar.Word(), "RSA keypair label").From(b.keyLabels),
			grammar.Opt{Node: grammar.Seq{grammar.Arg("Size", grammar.Int(minModulus, maxModulus), "RSA key size"),
				grammar.Opt{Node: grammar.Arg("Encryption", grammar.Int(minModulus, maxModulus), "RSA encryption key size")}}}}),
		store(stanzaText, single, grammar.Seq{grammar.Kw("eckeypair", "Specify eckeypair for this identity"), grammar.Arg("", grammar.Word(), "EC keypair label")}),
		store(stanzaText, single, grammar.Seq{grammar.Kw("auto-enroll", "Automatically enroll this router identity"),
			grammar.Opt{Node: grammar.Arg("Percent", grammar.Int(1, 100), "Percentage of lifetime at which to enroll")},
			grammar.Opt{Node: mark("regenerate", "Regenerate keys on re-enrollment")}}),
		store(stanzaText, single, grammar.Seq{grammar.Kw("hash", "Hash algorithm"), choice("", "md5", "Use md5 hash algorithm", "sha1", "Use sha1 hash algorithm",
			"sha256", "Use sha256 hash algorithm", "sha384", "Use sha384 hash algorithm", "sha512", "Use sha512 hash algorithm")}),
		store(stanzaText, single, grammar.Seq{grammar.Kw("usage", "Certificate usage"), grammar.Rep{Max: 4, Node: choice("Uses",
			"ike", "IKE", "ssl-client", "SSL client", "ssl-server", "SSL server", "sign", "Code signing")}}),
		one("source interface", "Interface whose address is the source of requests", interfaceWord("", "Interface name")),
		store(stanzaText, single, inVRF("", "VRF through which to enroll")),
	)
	return m
}

func (b *builder) certificateServer() *grammar.Mode {
	m := b.mode("cs-server", "(cs-server)")
	m.ExitHelp = "Exit from Certificate Server entry mode"
	one := func(words, help string, n ...grammar.Node) *grammar.Command {
		return store(stanzaText, single, then(keywords(words, help), n...))
	}
	lifetime := func(word, help string) *grammar.Command {
		return one("lifetime "+word, help, grammar.Arg("", grammar.Int(0, 7305), "Lifetime in days"))
	}
	m.Add(
		one("database level", "Level of data stored in the database", choice("", "complete", "Each certificate", "minimum", "Enough to go on issuing",
			"names", "Serial number and subject name")),
		one("database url", "URL of the database", grammar.Arg("", grammar.Word(), "URL")),
		b.text("issuer-name", "Issuer name"),
		one("hash", "Hash algorithm", choice("", "md5", "MD5", "sha1", "SHA-1", "sha256", "SHA-256", "sha384", "SHA-384", "sha512", "SHA-512")),
		lifetime("ca-certificate", "Lifetime of the CA certificate"),
		lifetime("certificate", "Lifetime of certificates"),
		one("lifetime crl", "Lifetime of the CRL", grammar.Arg("", grammar.Int(0, 336), "Lifetime in hours")),
		one("grant", "How requests are granted", choice("", "auto", "Grant automatically", "none", "Reject every request")),
		one("cdp-url", "CRL distribution point of certificates", grammar.Arg("", grammar.Word(), "URL")),
		one("auto-rollover", "Roll over to a new CA certificate", grammar.Opt{Node: grammar.Arg("", grammar.Int(0, 1825), "Days before expiry")}),
		store(stanzaText, single|defaults, keywords("shutdown", "Shut the Certificate Server down")),
	)
	return m
}

// certificateChain is the certificates as hexadecimal text.
func (b *builder) certificateChain() *grammar.Mode {
	m := b.mode("config-cert-chain", "(config-cert-chain)")
	m.ExitHelp = "Exit from certificate chain entry mode"
	c := store(stanzaText, 0, grammar.Seq{grammar.Kw("certificate", "Enter a certificate"),
		grammar.Opt{Node: choice("Kind", "ca", "CA certificate", "rollover", "Rollover certificate", "self-signed", "Self-signed certificate")},
		grammar.Arg("Serial", hexadecimal, "Serial number of the certificate"),
		grammar.OptionalUnderNo{Node: grammar.Arg("Text", grammar.Block("quit"), "Certificate in hexadecimal, and quit on a line by itself")}}, "Kind", "Serial")
	m.Add(c)
	return m
}

// hexadecimal is a serial number.
var hexadecimal = kind{placeholder: "WORD", rank: grammar.RankWord, samples: []string{"0A"}, parse: func(s string) (any, bool) {
	for _, r := range s {
		if !(r >= '0' && r <= '9' || r >= 'a' && r <= 'f' || r >= 'A' && r <= 'F') {
			return nil, false
		}
	}
	return s, true
}}
