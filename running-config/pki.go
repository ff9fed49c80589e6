package runningconfig

import "strings"

// PKI is the trustpoints and what names the holders of certificates.
type PKI struct {
	Trustpoints []*Trustpoint
	Identities  []*IdentityList
}

// Trustpoint is `crypto pki trustpoint T`. Its certificates and keys are in
// files of the device, or in a `crypto pki certificate chain` that was pasted.
type Trustpoint struct {
	Name         string
	Enrollment   Enrollment
	SerialNumber string   // "" asks, "none", "included"
	FQDN         string   // "": host name and domain of the router
	NoFQDN       bool     // fqdn none
	Address      string   // ip-address: "" asks, "none", an address or an interface
	Subject      string   // subject-name, as typed
	Revocation   []string // revocation-check: "crl", "none", "ocsp" in order; empty: crl
	CRLQuery     string   // crl query URL
	RSAKey       RSAKeyPair
	ECKey        string // eckeypair LABEL
	Hash         string // "": sha256
	Kept         []string
}

// Enrollment is `enrollment ...`; the zero value is not configured.
type Enrollment struct {
	Method string // "terminal", "url", "selfsigned"
	PEM    bool   // terminal pem
	URL    string
}

// RSAKeyPair is `rsakeypair LABEL [size [encryption size]]`, sizes in bits.
type RSAKeyPair struct {
	Label            string
	Size, Encryption int
}

// KeyLabel is the key pair that a trustpoint names; "" for the router's own.
func (t *Trustpoint) KeyLabel() string {
	if t.ECKey != "" {
		return t.ECKey
	}
	return t.RSAKey.Label
}

// IdentityList is `crypto identity NAME`.
type IdentityList struct {
	Name        string
	Description string
	DNs         []string // dn ..., as typed
	FQDNs       []string
}

// Trustpoint finds a trustpoint by name, nil without one.
func (c *Config) Trustpoint(name string) *Trustpoint {
	for _, t := range c.PKI.Trustpoints {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// IdentityList finds a `crypto identity` by name, nil without one.
func (c *Config) IdentityList(name string) *IdentityList {
	for _, l := range c.PKI.Identities {
		if l.Name == name {
			return l
		}
	}
	return nil
}

// ChainCertificate is one certificate of a `crypto pki certificate chain` that
// was pasted.
type ChainCertificate struct {
	Kind   string // "", "ca", "rollover", "self-signed"
	Serial string // hexadecimal
	Text   string // the certificate in hexadecimal
}

// CertificateChain gives the certificates of `crypto pki certificate chain T`.
func (c *Config) CertificateChain(name string) []ChainCertificate {
	var out []ChainCertificate
	for _, s := range c.Stanzas {
		if s.Header != "crypto pki certificate chain "+name {
			continue
		}
		for _, line := range s.Lines {
			first, text, ok := strings.Cut(line, "\n")
			words := strings.Fields(first)
			if !ok || len(words) < 2 || words[0] != "certificate" {
				continue
			}
			k := ChainCertificate{Serial: words[len(words)-1], Text: text}
			if len(words) > 2 {
				k.Kind = words[1]
			}
			// The block ends with the word that closed it.
			k.Text = strings.TrimSpace(k.Text)
			k.Text = strings.TrimSpace(strings.TrimSuffix(k.Text, "quit"))
			out = append(out, k)
		}
	}
	return out
}
