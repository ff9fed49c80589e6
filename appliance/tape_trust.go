package appliance

import (
	"crypto/x509"
	"fmt"

	"coterie/crypto/pki"
)

// plainTrustpoint is a trustpoint as it is recorded: certificates are public,
// the private key stays out, and of a revocation list nothing is kept. A replay
// takes the signatures from the recording.
type plainTrustpoint struct {
	Name                  string
	Anchors, Chain        [][]byte // DER
	Key                   []byte   `json:",omitempty"` // DER SubjectPublicKeyInfo, where there is a private one
	CheckCRL, CRLOptional bool
}

func plainTrustpoints(list []*pki.Trustpoint) []plainTrustpoint {
	var out []plainTrustpoint
	for _, t := range list {
		p := plainTrustpoint{Name: t.Name, Chain: t.Chain, CheckCRL: t.CheckCRL, CRLOptional: t.CRLOptional || t.CRL != nil}
		for _, a := range t.Anchors {
			p.Anchors = append(p.Anchors, a.Raw)
		}
		if t.Signer != nil {
			der, err := x509.MarshalPKIXPublicKey(t.Signer.Public())
			if err != nil {
				continue // no key of ours fails here
			}
			p.Key = der
		}
		out = append(out, p)
	}
	return out
}

// trustpoint is the opposite, with a key that cannot sign.
func (p plainTrustpoint) trustpoint() (*pki.Trustpoint, error) {
	out := &pki.Trustpoint{Name: p.Name, Chain: p.Chain, CheckCRL: p.CheckCRL, CRLOptional: p.CRLOptional}
	for _, der := range p.Anchors {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("trustpoint %s: %w", p.Name, err)
		}
		out.Anchors = append(out.Anchors, c)
	}
	if p.Key != nil {
		key, err := newAbsentKey(p.Key)
		if err != nil {
			return nil, fmt.Errorf("trustpoint %s: %w", p.Name, err)
		}
		out.Signer = key
	}
	return out, nil
}
