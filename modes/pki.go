package modes

import (
	"coterie/cli/grammar"
	"coterie/crypto/pki"
	runningconfig "coterie/running-config"
)

// pki is identities and trustpoints, and the actions on certificates.
func (b *builder) pki() []*grammar.Command {
	type root = runningconfig.Config
	words := keywords("crypto pki", "Public Key components")
	trustpoint := grammar.Arg("Name", grammar.Word(), "CA Server Name").From(trustpointNames)
	return append([]*grammar.Command{
		b.cryptoIdentity(),
		heading(globalSections, then(words, grammar.Kw("server", "Enable a Certificate Authority server"),
			grammar.Arg("Name", grammar.Word(), "Certificate Server Name")), b.certificateServer(), nil, "Name"),
		{
			Syntax: then(words, grammar.Kw("trustpoint", "Define a CA trustpoint"), trustpoint),
			Bind: objects[root, runningconfig.Trustpoint]{
				list: func(c *root) *[]*runningconfig.Trustpoint { return &c.PKI.Trustpoints },
				is:   func(t *runningconfig.Trustpoint, a grammar.Args) bool { return t.Name == a.String("Name") },
				make: func(a grammar.Args) *runningconfig.Trustpoint {
					return &runningconfig.Trustpoint{Name: a.String("Name")}
				},
				args: func(t *runningconfig.Trustpoint) grammar.Args { return grammar.Args{"Name": t.Name} },
			}.opener(),
			Enter:  b.trustpoint(),
			Before: b.removeTrustpoint,
		},
		heading(globalSections, then(words, grammar.Kw("certificate", "Actions on certificates"), grammar.Kw("chain", "Identify certificates"), trustpoint),
			b.certificateChain(), nil, "Name"),
	}, b.pkiActions(words, trustpoint)...)
}

// text is one line of free text, of which there is one.
func (b *builder) text(words, help string) *grammar.Command {
	return store(stanzaText, single, then(keywords(words, help), grammar.Arg("", grammar.Rest(), help)))
}

func (b *builder) cryptoIdentity() *grammar.Command {
	type (
		root = runningconfig.Config
		list = runningconfig.IdentityList
	)
	m := b.mode("config-crypto-identity", "(config-crypto-identity)")
	m.ExitHelp = "Exit from crypto identity sub mode"
	m.Add(
		&grammar.Command{
			Syntax: then(keywords("description", "Description of this identity"), grammar.Arg("", grammar.Rest(), "Description of this identity")),
			Bind:   leaf(func(l *list) *string { return &l.Description }, ""),
		},
		&grammar.Command{
			Syntax: then(keywords("dn", "Distinguished name of the peer"), grammar.Arg("", nameType, "Attributes: cn=, ou=, o=, ...")),
			Bind:   grammar.Multi(func(l *list) *[]string { return &l.DNs }),
		},
		&grammar.Command{
			Syntax: then(keywords("fqdn", "FQDN of the peer"), grammar.Arg("", grammar.Word(), "Fully qualified domain name")),
			Bind:   grammar.Multi(func(l *list) *[]string { return &l.FQDNs }),
		},
	)
	return &grammar.Command{
		Syntax: then(keywords("crypto identity", "Enter a crypto identity list"), grammar.Arg("Name", grammar.Word(), "Identity Tag").From(identityNames)),
		Bind: objects[root, list]{
			list: func(c *root) *[]*list { return &c.PKI.Identities },
			is:   func(l *list, a grammar.Args) bool { return l.Name == a.String("Name") },
			make: func(a grammar.Args) *list { return &list{Name: a.String("Name")} },
			args: func(l *list) grammar.Args { return grammar.Args{"Name": l.Name} },
		}.opener(),
		Enter: m,
	}
}

// nameType is a distinguished name: attributes with commas between them.
var nameType = distinguishedName{grammar.Rest()}

type distinguishedName struct{ grammar.Type }

func (distinguishedName) Samples() []string {
	return []string{"cn=R1, ou=Branch,o=Coterie", "o=Coterie"}
}

func (n distinguishedName) Parse(tokens []string) (any, int, bool) {
	v, used, ok := n.Type.Parse(tokens)
	if text, is := v.(string); ok && is {
		if _, err := pki.ParseName(text); err != nil {
			return nil, 0, false
		}
	}
	return v, used, ok
}

func (b *builder) trustpoint() *grammar.Mode {
	type trustpoint = runningconfig.Trustpoint
	m := b.mode("ca-trustpoint", "(ca-trustpoint)")
	m.ExitHelp = "Exit from certificate authority trustpoint entry mode"
	kept := func(t *trustpoint) *[]string { return &t.Kept }
	one := func(words, help string, n ...grammar.Node) *grammar.Command {
		return store(kept, single, then(keywords(words, help), n...))
	}
	enrollment := grammar.Kw("enrollment", "Enrollment parameters")
	m.Add(
		&grammar.Command{
			Syntax: grammar.Seq{enrollment, grammar.Alt{
				grammar.Kw("selfsigned", "Generate self-signed certificate").Sets("Method", "selfsigned"),
				branch("Method", "terminal", "Enroll via the terminal (cut-and-paste)", grammar.Opt{Node: grammar.Kw("pem", "Enroll in PEM format").Sets("PEM", true)}),
				branch("Method", "url", "CA server enrollment URL", grammar.Arg("URL", grammar.Word(), "CA server enrollment URL")),
			}},
			Bind: leaf(func(t *trustpoint) *runningconfig.Enrollment { return &t.Enrollment }, runningconfig.Enrollment{}),
		},
		store(kept, single, grammar.Seq{enrollment, grammar.Kw("retry", "Polling parameters"), grammar.Kw("count", "How many times to poll the CA"),
			grammar.Arg("", grammar.Int(1, 100), "Number of retries")}),
		store(kept, single, grammar.Seq{enrollment, grammar.Kw("retry", "Polling parameters"), grammar.Kw("period", "How often to poll the CA"),
			grammar.Arg("", grammar.Int(1, 60), "Minutes")}),
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("serial-number", "Include serial number"), grammar.Opt{Node: grammar.Kw("none", "Do not include the serial number").Sets("None", true)}},
			Bind: oneLine(func(t *trustpoint, a grammar.Args) {
				t.SerialNumber = ""
				if a != nil {
					t.SerialNumber = "included"
				}
				if a.Bool("None") {
					t.SerialNumber = "none"
				}
			}, func(t *trustpoint) grammar.Args {
				switch t.SerialNumber {
				case "":
					return nil
				case "none":
					return grammar.Args{"None": true}
				}
				return grammar.Args{}
			}),
		},
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("fqdn", "Include fully-qualified domain name"), grammar.Alt{
				grammar.Kw("none", "Do not include fully-qualified domain name").Sets("None", true),
				grammar.Arg("Name", grammar.Word(), "Fully-qualified domain name"),
			}},
			Bind: oneLine(func(t *trustpoint, a grammar.Args) { t.FQDN, t.NoFQDN = a.String("Name"), a.Bool("None") }, func(t *trustpoint) grammar.Args {
				switch {
				case t.NoFQDN:
					return grammar.Args{"None": true}
				case t.FQDN != "":
					return grammar.Args{"Name": t.FQDN}
				}
				return nil
			}),
		},
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("ip-address", "Include ip address"), grammar.Alt{
				grammar.Kw("none", "Do not include an IP address").Sets("", "none"),
				grammar.Arg("", dotted, "IP address"),
				interfaceWord("", "Interface name"),
			}},
			Bind: leaf(func(t *trustpoint) *string { return &t.Address }, ""),
		},
		one("password", "Revocation password", grammar.Arg("", grammar.Word(), "Password")),
		&grammar.Command{
			Syntax: then(keywords("subject-name", "Subject Name"), grammar.Arg("", nameType, "Subject Name")),
			Bind:   leaf(func(t *trustpoint) *string { return &t.Subject }, ""),
		},
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("revocation-check", "Revocation checking options"), grammar.Rep{Max: 3, Node: choice("",
				"crl", "Revocation check by CRL", "none", "Ignore revocation check", "ocsp", "Revocation check by OCSP")}},
			Bind: wordList(func(t *trustpoint) *[]string { return &t.Revocation }),
		},
		&grammar.Command{
			Syntax: then(keywords("crl query", "CRL distribution point"), grammar.Arg("", grammar.Word(), "URL of the CRL (http://, flash:, nvram:)")),
			Bind:   leaf(func(t *trustpoint) *string { return &t.CRLQuery }, ""),
		},
		one("ocsp url", "OCSP server", grammar.Arg("", grammar.Word(), "URL of the OCSP server")),
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("rsakeypair", "Specify rsakeypair for this identity"),
				grammar.Arg("Label", grammar.Word(), "RSA keypair label").From(b.keyLabels),
				grammar.Opt{Node: grammar.Seq{grammar.Arg("Size", grammar.Int(minModulus, maxModulus), "RSA key size"),
					grammar.Opt{Node: grammar.Arg("Encryption", grammar.Int(minModulus, maxModulus), "RSA encryption key size")}}}},
			Bind: leaf(func(t *trustpoint) *runningconfig.RSAKeyPair { return &t.RSAKey }, runningconfig.RSAKeyPair{}),
		},
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("eckeypair", "Specify eckeypair for this identity"), grammar.Arg("", grammar.Word(), "EC keypair label").From(b.ecLabels)},
			Bind:   leaf(func(t *trustpoint) *string { return &t.ECKey }, ""),
		},
		store(kept, single, grammar.Seq{grammar.Kw("auto-enroll", "Automatically enroll this router identity"),
			grammar.Opt{Node: grammar.Arg("Percent", grammar.Int(1, 100), "Percentage of lifetime at which to enroll")},
			grammar.Opt{Node: mark("regenerate", "Regenerate keys on re-enrollment")}}),
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("hash", "Hash algorithm"), choice("", "md5", "Use md5 hash algorithm", "sha1", "Use sha1 hash algorithm",
				"sha256", "Use sha256 hash algorithm", "sha384", "Use sha384 hash algorithm", "sha512", "Use sha512 hash algorithm")},
			Bind: leaf(func(t *trustpoint) *string { return &t.Hash }, ""),
		},
		store(kept, single, grammar.Seq{grammar.Kw("usage", "Certificate usage"), grammar.Rep{Max: 4, Node: choice("Uses",
			"ike", "IKE", "ssl-client", "SSL client", "ssl-server", "SSL server", "sign", "Code signing")}}),
		one("source interface", "Interface whose address is the source of requests", interfaceWord("", "Interface name")),
		store(kept, single, inVRF("", "VRF through which to enroll")),
	)
	return m
}

// oneLine binds one line of which there is one: set is given nil for `no`, and
// get gives nil when there is no line.
func oneLine[C any](set func(*C, grammar.Args), get func(*C) grammar.Args) grammar.Binding {
	return grammar.Custom[C]{
		Keys:    []string{},
		OnSet:   func(c *C, a grammar.Args) error { set(c, a); return nil },
		OnUnset: func(c *C, _ grammar.Args) error { set(c, nil); return nil },
		OnLines: func(c *C, _ bool) []grammar.Line {
			if a := get(c); a != nil {
				return one(a)
			}
			return nil
		},
	}
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
