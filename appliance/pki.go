package appliance

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"

	"coterie/crypto/keys"
	"coterie/crypto/pki"
	"coterie/internal/secret"
	"coterie/internal/syslog"
	"coterie/modes"
	runningconfig "coterie/running-config"
)

var _ modes.Certificates = (*Appliance)(nil)

// Keys are all key pairs without their private halves, sorted by label.
func (a *Appliance) Keys() (out []keys.Public) {
	for _, p := range a.keys.list() {
		out = append(out, p.Public())
	}
	return out
}

// Trustpoints tells what every trustpoint holds.
func (a *Appliance) Trustpoints() (out []modes.TrustpointStatus) {
	tree := a.Config()
	a.certs.mu.Lock()
	defer a.certs.mu.Unlock()
	status := func(c storedCertificate) modes.CertificateStatus {
		s := modes.CertificateStatus{DER: c.der, Installed: c.installed}
		if x, err := pki.ParseCertificate(c.der); err == nil {
			s.SelfSigned = pki.IsSelfSigned(x)
		}
		return s
	}
	for _, t := range tree.PKI.Trustpoints {
		held := a.certs.load(a.cfg.Files, t.Name)
		f, _ := held.withChain(tree.CertificateChain(t.Name))
		s := modes.TrustpointStatus{Name: t.Name, Requested: f.request != nil, KeyLabel: keyLabel(tree, t, f)}
		for _, c := range f.anchors {
			s.Anchors = append(s.Anchors, status(c))
		}
		if f.own != nil {
			own := status(*f.own)
			s.Own = &own
		}
		if pair, ok := a.keys.pair(s.KeyLabel); ok {
			public := pair.Public()
			s.Key = &public
		}
		if f.crl != nil {
			s.CRL = &modes.CRLStatus{List: f.crl.list, Size: len(f.crl.der), Downloaded: f.crl.downloaded, URL: f.crl.url}
		}
		out = append(out, s)
	}
	return out
}

// trustpoint finds a trustpoint of the live tree, and the label of its key.
func (a *Appliance) trustpoint(name string) (t *runningconfig.Trustpoint, label string, err error) {
	tree := a.Config()
	if t = tree.Trustpoint(name); t == nil {
		return nil, "", modes.ErrNoTrustpoint
	}
	a.certs.mu.Lock()
	defer a.certs.mu.Unlock()
	f, _ := a.certs.load(a.cfg.Files, name).withChain(tree.CertificateChain(name))
	return t, keyLabel(tree, t, f), nil
}

// changeCertificates edits what a trustpoint holds and hands it to the engines.
func (a *Appliance) changeCertificates(ctx context.Context, name string, edit func(*trustFile) error) error {
	if err := a.certs.change(a.cfg.Files, name, edit); err != nil {
		return err
	}
	a.dirty.Store(true)
	a.reconcile(ctx)
	return nil
}

// InstallCA is `crypto pki authenticate`.
func (a *Appliance) InstallCA(ctx context.Context, name string, der []byte) error {
	c, err := pki.ParseCertificate(der)
	if err != nil {
		return err
	}
	if !pki.IsAuthority(c) {
		return modes.ErrNotAnchor
	}
	return a.changeCertificates(ctx, name, func(f *trustFile) error {
		if f.own != nil {
			if own, err := pki.ParseCertificate(f.own.der); err != nil || pki.IssuedBy(own, c) != nil {
				f.own = nil
			}
		}
		f.anchors, f.crl = []storedCertificate{{der, a.Now()}}, nil
		return nil
	})
}

// keyFor finds the key pair of a trustpoint, or makes it.
func (a *Appliance) keyFor(ctx context.Context, t *runningconfig.Trustpoint, label string) (crypto.Signer, error) {
	if pair, ok := a.keys.pair(label); ok {
		return pair.Signer(), nil
	}
	if label == "" {
		return nil, modes.Refusal("% Please define a hostname other than Router.")
	}
	pair := keys.Pair{Label: label, Generated: a.Now()}
	var err error
	if t.ECKey != "" {
		pair.EC, err = keys.GenerateEC(standardCurve)
	} else {
		bits := t.RSAKey.Size
		if bits == 0 {
			bits = standardModulus
		}
		pair.Private, err = keys.Generate(bits)
	}
	if err != nil {
		return nil, err
	}
	return pair.Signer(), a.changeKeys(ctx, func(m map[string]keys.Pair) { m[label] = pair })
}

// Sizes of keys that enrollment makes by itself, in bits.
const (
	standardModulus = 2048
	standardCurve   = 256
)

// Enroll is `crypto pki enroll`.
func (a *Appliance) Enroll(ctx context.Context, name string, r pki.Request) ([]byte, error) {
	t, label, err := a.trustpoint(name)
	if err != nil {
		return nil, err
	}
	key, err := a.keyFor(ctx, t, label)
	if err != nil {
		return nil, err
	}
	der, err := pki.CreateRequest(r, key, rand.Reader)
	if err != nil {
		return nil, err
	}
	return der, a.changeCertificates(ctx, name, func(f *trustFile) error {
		f.request, f.label = der, label
		return nil
	})
}

// SelfSign is `crypto pki enroll` under `enrollment selfsigned`.
func (a *Appliance) SelfSign(ctx context.Context, name string, r pki.Request) error {
	t, label, err := a.trustpoint(name)
	if err != nil {
		return err
	}
	key, err := a.keyFor(ctx, t, label)
	if err != nil {
		return err
	}
	der, err := pki.SelfSigned(r, key, a.Now(), rand.Reader)
	if err != nil {
		return err
	}
	return a.changeCertificates(ctx, name, func(f *trustFile) error {
		*f = trustFile{own: &storedCertificate{der, a.Now()}, label: label}
		return nil
	})
}

// InstallCertificate is `crypto pki import T certificate`.
func (a *Appliance) InstallCertificate(ctx context.Context, name string, der []byte) error {
	_, label, err := a.trustpoint(name)
	if err != nil {
		return err
	}
	pair, ok := a.keys.pair(label)
	if !ok {
		return modes.ErrNoRequest
	}
	err = a.changeCertificates(ctx, name, func(f *trustFile) error {
		if err := belongs(der, f.authorities(), pair.Signer()); err != nil {
			return err
		}
		f.own, f.label, f.request = &storedCertificate{der, a.Now()}, label, nil
		return nil
	})
	if err == nil {
		a.log.add(syslog.PKICertificate.With())
	}
	return err
}

// belongs checks that a certificate is one of a key from an authority.
func belongs(der []byte, authorities []*x509.Certificate, key crypto.Signer) error {
	c, err := pki.ParseCertificate(der)
	if err != nil {
		return err
	}
	if len(authorities) == 0 {
		return modes.ErrNoAnchor
	}
	if !samePublic(c.PublicKey, key.Public()) {
		return modes.ErrOtherKey
	}
	for _, authority := range authorities {
		if pki.IssuedBy(c, authority) == nil {
			return nil
		}
	}
	return modes.ErrNotIssued
}

// ImportIdentity is `crypto pki import T pem`.
func (a *Appliance) ImportIdentity(ctx context.Context, name string, anchor, der []byte, key crypto.Signer) error {
	t, _, err := a.trustpoint(name)
	if err != nil {
		return err
	}
	ca, err := pki.ParseCertificate(anchor)
	switch {
	case err != nil:
		return err
	case !pki.IsAuthority(ca):
		return modes.ErrNotAnchor
	}
	if err := belongs(der, []*x509.Certificate{ca}, key); err != nil {
		return err
	}
	label := t.KeyLabel()
	if label == "" {
		label = name
	}
	pair := keys.Pair{Label: label, Generated: a.Now()}
	if err := pair.SetSigner(key); err != nil {
		return err
	}
	if old, ok := a.keys.pair(label); !ok {
		if err := a.keys.change(func(m map[string]keys.Pair) { m[label] = pair }); err != nil {
			return err
		}
	} else if !samePublic(old.Signer().Public(), key.Public()) {
		return modes.ErrKeyExists
	}
	return a.changeCertificates(ctx, name, func(f *trustFile) error {
		*f = trustFile{anchors: []storedCertificate{{anchor, a.Now()}}, own: &storedCertificate{der, a.Now()}, label: label}
		return nil
	})
}

// ExportIdentityKey gives the private key of a trustpoint, encrypted.
func (a *Appliance) ExportIdentityKey(_ context.Context, name string, cipher keys.Cipher, passphrase secret.Bytes) (label, private string, err error) {
	_, label, err = a.trustpoint(name)
	if err != nil {
		return "", "", err
	}
	pair, ok := a.keys.pair(label)
	switch {
	case !ok:
		return "", "", modes.ErrNoKey
	case !pair.Exportable:
		return "", "", modes.ErrNotExportable
	}
	_, private, err = keys.Export(pair, cipher, passphrase, rand.Reader)
	return label, private, err
}

// RemoveCertificates is what `no crypto pki trustpoint` does to the files.
func (a *Appliance) RemoveCertificates(ctx context.Context, name string) error {
	if err := a.certs.forget(a.cfg.Files, name); err != nil {
		return err
	}
	a.dirty.Store(true)
	a.reconcile(ctx)
	return nil
}

// GenerateEC makes an EC key pair.
func (a *Appliance) GenerateEC(ctx context.Context, label string, bits int, exportable, replace bool) error {
	if _, ok := a.keys.pair(label); ok && !replace {
		return modes.ErrKeyExists
	}
	key, err := keys.GenerateEC(bits)
	if err != nil {
		return err
	}
	pair := keys.Pair{Label: label, EC: key, Exportable: exportable, Generated: a.Now()}
	return a.changeKeys(ctx, func(m map[string]keys.Pair) { m[label] = pair })
}

// ZeroizeEC deletes one EC key pair, or all.
func (a *Appliance) ZeroizeEC(ctx context.Context, label string) error {
	return a.changeKeys(ctx, func(m map[string]keys.Pair) {
		for name, pair := range m {
			if pair.EC != nil && (label == "" || label == name) {
				delete(m, name)
			}
		}
	})
}
