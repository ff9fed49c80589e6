package appliance

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"slices"

	"coterie/crypto/pki"
	"coterie/internal/syslog"
	runningconfig "coterie/running-config"
)

// identities compiles `authorization identity` of a local server.
func (c *compiler) identities(name string, incomplete func(string, ...any)) *pki.IdentityList {
	if name == "" {
		return nil
	}
	list := c.tree.IdentityList(name)
	if list == nil {
		incomplete("crypto identity %s does not exist", name)
		return &pki.IdentityList{Name: name} // nobody
	}
	return &pki.IdentityList{Name: list.Name, DNs: list.DNs, FQDNs: list.FQDNs}
}

// authorities are the certificates of `crypto pki authenticate`.
func (f *trustFile) authorities() []*x509.Certificate {
	var out []*x509.Certificate
	for _, a := range f.anchors {
		if c, err := pki.ParseCertificate(a.der); err == nil {
			out = append(out, c)
		}
	}
	return out
}

// withChain adds the certificates of a pasted `crypto pki certificate chain`
// to a trustpoint that has none of its own.
func (f *trustFile) withChain(chain []runningconfig.ChainCertificate) (out *trustFile, bad []string) {
	out = f.clone()
	for _, k := range chain {
		der, err := pki.DecodeHex(k.Text)
		var cert *x509.Certificate
		if err == nil {
			cert, err = pki.ParseCertificate(der)
		}
		switch {
		case err != nil:
			bad = append(bad, k.Serial)
		case k.Kind == "ca" && len(f.anchors) == 0 && pki.IsAuthority(cert):
			out.anchors = append(out.anchors, storedCertificate{der: der})
		case (k.Kind == "" || k.Kind == "self-signed") && f.own == nil:
			out.own = &storedCertificate{der: der}
		}
	}
	return out, bad
}

// revocation is what `revocation-check` orders. IOS checks a list by default.
func revocation(t *runningconfig.Trustpoint) (check, optional, ocsp bool) {
	list := t.Revocation
	if len(list) == 0 {
		list = []string{"crl"}
	}
	for _, m := range list {
		switch m {
		case "none":
			return check, check, ocsp
		case "crl":
			check = true
		case "ocsp":
			// Nobody is asked: like a responder that does not answer.
			check, ocsp = true, true
		}
	}
	return check, false, ocsp
}

// keyLabel is the key pair of a trustpoint: that of its certificate, the one
// configured, or the router's own.
func keyLabel(tree *runningconfig.Config, t *runningconfig.Trustpoint, f *trustFile) string {
	switch {
	case f.label != "":
		return f.label
	case t.KeyLabel() != "":
		return t.KeyLabel()
	case tree.DomainName == "":
		return tree.Hostname
	}
	return tree.Hostname + "." + tree.DomainName
}

// compileTrustpoints gives the trustpoints that can prove or check something,
// in order of configuration.
func (a *Appliance) compileTrustpoints(tree *runningconfig.Config, want *Desired) {
	note := func(m syslog.Message) { want.Notes = append(want.Notes, m) }
	c := &a.certs
	c.mu.Lock()
	defer c.mu.Unlock()
	compiled := make(map[string]*pki.Trustpoint)
	for _, t := range tree.PKI.Trustpoints {
		held := c.load(a.cfg.Files, t.Name)
		if held.damage != nil {
			note(syslog.PKIDamaged.With(t.Name, held.damage))
		}
		f, bad := held.withChain(tree.CertificateChain(t.Name))
		for _, serial := range bad {
			note(syslog.PKIDamaged.With(t.Name, "certificate "+serial+" of its chain is not one"))
		}
		p := &pki.Trustpoint{Name: t.Name, Anchors: f.authorities()}
		var ocsp bool
		p.CheckCRL, p.CRLOptional, ocsp = revocation(t)
		if ocsp {
			note(syslog.NoEffect.With("'revocation-check ocsp' of trustpoint "+t.Name+" is", "has"))
		}
		if f.crl != nil {
			p.CRL = f.crl.list
			digest := sha256.Sum256(f.crl.der)
			for i := range want.KeyServer.Groups {
				if r := &want.KeyServer.Groups[i].Revocation; r.Trustpoint == t.Name {
					r.List = hex.EncodeToString(digest[:8])
				}
			}
		}
		a.ownCertificate(p, f, keyLabel(tree, t, f), note)
		if len(p.Anchors) == 0 && len(p.Chain) == 0 {
			continue
		}
		if old := c.compiled[t.Name]; sameTrustpoint(old, p) {
			p = old
		}
		compiled[t.Name] = p
		want.ISAKMP.Trustpoints = append(want.ISAKMP.Trustpoints, p)
	}
	c.compiled = compiled
}

// ownCertificate completes a trustpoint with our certificate and its key. A
// self-signed certificate is its own anchor.
func (a *Appliance) ownCertificate(p *pki.Trustpoint, f *trustFile, label string, note func(syslog.Message)) {
	if f.own == nil {
		return
	}
	cert, err := pki.ParseCertificate(f.own.der)
	if err != nil {
		return
	}
	pair, _ := a.keys.pair(label)
	signer := pair.Signer()
	if signer == nil || !samePublic(cert.PublicKey, signer.Public()) {
		note(syslog.UnresolvedName.With("crypto pki trustpoint "+p.Name, "the key pair "+label+" of its certificate"))
		return
	}
	p.Chain, p.Signer = [][]byte{f.own.der}, signer
	if !pki.IsSelfSigned(cert) && pki.SignedWithSHA1(cert) {
		note(syslog.WeakAlgorithm.With("SHA-1, with which the certificate of trustpoint "+p.Name+" is signed,", "SHA-256"))
	}
	if len(p.Anchors) == 0 && pki.IsSelfSigned(cert) {
		p.Anchors = []*x509.Certificate{cert}
	}
}

func samePublic(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}

func sameTrustpoint(a, b *pki.Trustpoint) bool {
	return a != nil && a.CheckCRL == b.CheckCRL && a.CRLOptional == b.CRLOptional && a.CRL == b.CRL && a.Signer == b.Signer &&
		slices.EqualFunc(a.Anchors, b.Anchors, (*x509.Certificate).Equal) && slices.EqualFunc(a.Chain, b.Chain, bytes.Equal)
}
