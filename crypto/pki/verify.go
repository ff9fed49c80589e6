package pki

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Why a certificate or a list is not taken. Verify and ParseCRL wrap them with
// what they looked at; tell them apart with errors.Is.
var (
	ErrMalformed   = errors.New("malformed")
	ErrTooLong     = errors.New("too long")
	ErrNoAnchor    = errors.New("no trustpoint has its certification authority")
	ErrExpired     = errors.New("has expired")
	ErrNotYetValid = errors.New("is not valid yet")
	ErrRevoked     = errors.New("is revoked")
	ErrNoCRL       = errors.New("no valid revocation list")
	ErrSignature   = errors.New("signature does not verify")
	ErrUsage       = errors.New("may not be used so")
)

// RefusedError names the certificate of a path whose time is over or not yet
// there, or which is revoked.
type RefusedError struct {
	Subject string    // as on screens
	Serial  string    // hexadecimal, as on screens
	When    time.Time // since when it is so, or until when
	Cause   error     // ErrExpired, ErrNotYetValid or ErrRevoked
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("certificate %s %v (%s)", e.Subject, e.Cause, e.When.UTC().Format(time.RFC3339))
}

func (e *RefusedError) Unwrap() error { return e.Cause }

func refused(c *x509.Certificate, when time.Time, cause error) error {
	return &RefusedError{NameString(c.RawSubject), serialText(c), when, cause}
}

// serialText is a serial number in hexadecimal, whole octets, as on screens.
func serialText(c *x509.Certificate) string {
	return fmt.Sprintf("%02X", c.SerialNumber.Bytes())
}

// Sizes of RSA keys in certificates, in bits. Smaller ones are broken, larger
// ones make verifying expensive.
const (
	minRSA = 1024
	maxRSA = 8192
)

// maxSignatures bounds the signatures that one chain makes us verify.
const maxSignatures = 2 * MaxChain

// Verified is what a chain has proven.
type Verified struct {
	Leaf       *x509.Certificate
	Trustpoint *Trustpoint
	// From and Until bound the time for which this holds: the validity of
	// every certificate on the path and of the revocation list that was asked.
	From, Until time.Time
	// Weak says that a certificate on the path is signed with SHA-1.
	Weak bool
}

// Verify checks the certificates that a peer sent, its own first and DER,
// against the trustpoints: signatures up to an anchor, validity at now, key
// usage, and revocation as the trustpoint says. The certificates between may
// be missing when a trustpoint has them, in any order, and the anchor may be
// among them. The first trustpoint that takes the chain wins; if none does the
// error is that of the one which came farthest.
//
// SHA-1 signatures of old certification authorities are verified, as IOS does,
// and marked Weak; MD5 is refused. The extended key usage does not count
// (RFC 4945 section 5.1.3.12).
func Verify(chain [][]byte, anchors []*Trustpoint, now time.Time) (*Verified, error) {
	switch {
	case len(chain) == 0:
		return nil, fmt.Errorf("no certificate: %w", ErrMalformed)
	case len(chain) > MaxChain:
		return nil, fmt.Errorf("%d certificates: %w", len(chain), ErrTooLong)
	}
	certs := make([]*x509.Certificate, len(chain))
	for i, der := range chain {
		c, err := ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		certs[i] = c
	}
	leaf := certs[0]
	if err := signs(leaf); err != nil {
		return nil, err
	}
	if err := validAt(leaf, now); err != nil {
		return nil, err
	}
	budget := maxSignatures
	var failure error
	for _, t := range anchors {
		path, err := climb(certs, t, &budget)
		if err == nil {
			err = checkPath(path, t, now)
		}
		if err == nil {
			return verdict(path, t, now), nil
		}
		if failure == nil || errors.Is(failure, ErrNoAnchor) {
			failure = fmt.Errorf("trustpoint %s: %w", t.Name, err)
		}
	}
	if failure == nil || errors.Is(failure, ErrNoAnchor) {
		return nil, fmt.Errorf("certificate %s: %w", NameString(leaf.RawSubject), ErrNoAnchor)
	}
	return nil, failure
}

// climb finds the path from the leaf to an anchor of a trustpoint: the leaf
// first, the anchor last.
func climb(certs []*x509.Certificate, t *Trustpoint, budget *int) ([]*x509.Certificate, error) {
	between := append([]*x509.Certificate(nil), certs[1:]...)
	for _, der := range t.Chain[min(1, len(t.Chain)):] {
		if c, err := ParseCertificate(der); err == nil {
			between = append(between, c)
		}
	}
	path := []*x509.Certificate{certs[0]}
	var failure error
	for len(path) <= MaxChain {
		last := path[len(path)-1]
		for _, a := range t.Anchors {
			if last.Equal(a) {
				return path, nil
			}
		}
		issuer, err := findIssuer(last, t.Anchors, budget)
		if issuer != nil {
			return append(path, issuer), nil
		}
		failure = errors.Join(failure, err)
		issuer, err = findIssuer(last, between, budget)
		if failure = errors.Join(failure, err); issuer == nil || slices.ContainsFunc(path, issuer.Equal) {
			break // a gap, or a root that nobody trusts
		}
		path = append(path, issuer)
	}
	if failure == nil {
		failure = ErrNoAnchor
	}
	return nil, failure
}

// findIssuer gives the certificate of a list that signed c; the error says
// what was wrong with one that bears the name.
func findIssuer(c *x509.Certificate, list []*x509.Certificate, budget *int) (*x509.Certificate, error) {
	var failure error
	for _, issuer := range list {
		if !bytes.Equal(c.RawIssuer, issuer.RawSubject) ||
			len(c.AuthorityKeyId) > 0 && len(issuer.SubjectKeyId) > 0 && !bytes.Equal(c.AuthorityKeyId, issuer.SubjectKeyId) {
			continue
		}
		if *budget--; *budget < 0 {
			return nil, fmt.Errorf("signatures: %w", ErrTooLong)
		}
		err := checkSignature(issuer, c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature)
		if err == nil {
			return issuer, nil
		}
		failure = fmt.Errorf("certificate %s: %w", NameString(c.RawSubject), err)
	}
	return nil, failure
}

// checkPath checks everything but signatures.
func checkPath(path []*x509.Certificate, t *Trustpoint, now time.Time) error {
	constrained := false
	for i, c := range path {
		if err := validAt(c, now); err != nil {
			return err
		}
		if len(c.UnhandledCriticalExtensions) > 0 {
			return fmt.Errorf("certificate %s: critical extension %v: %w", NameString(c.RawSubject), c.UnhandledCriticalExtensions[0], ErrUsage)
		}
		if i == 0 {
			continue
		}
		if err := issues(c, i-1); err != nil {
			return err
		}
		constrained = constrained || hasConstraints(c)
	}
	if constrained {
		if err := checkConstraints(path, now); err != nil {
			return err
		}
	}
	return t.checkRevocation(path, now)
}

func validAt(c *x509.Certificate, now time.Time) error {
	switch {
	case now.Before(c.NotBefore):
		return refused(c, c.NotBefore, ErrNotYetValid)
	case now.After(c.NotAfter):
		return refused(c, c.NotAfter, ErrExpired)
	}
	return nil
}

// signs tells whether phase 1 can use the key of a certificate.
func signs(c *x509.Certificate) error {
	if c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		return fmt.Errorf("certificate %s: key usage is not digitalSignature: %w", NameString(c.RawSubject), ErrUsage)
	}
	switch k := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return rsaSize(c, k)
	case *ecdsa.PublicKey:
		switch k.Curve.Params().BitSize {
		case 256, 384, 521:
			return nil
		}
	}
	return fmt.Errorf("certificate %s: algorithm of the public key: %w", NameString(c.RawSubject), ErrUsage)
}

func rsaSize(c *x509.Certificate, k *rsa.PublicKey) error {
	if n := k.N.BitLen(); n < minRSA || n > maxRSA {
		return fmt.Errorf("certificate %s: RSA key of %d bits: %w", NameString(c.RawSubject), n, ErrUsage)
	}
	return nil
}

// issues tells whether a certificate is that of a certification authority
// with so many others below it and above the leaf. An anchor of version 1 has
// no extension that could say so; that it was accepted by hand is enough.
func issues(c *x509.Certificate, below int) error {
	switch {
	case c.Version >= 3 && (!c.BasicConstraintsValid || !c.IsCA),
		c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageCertSign == 0:
		return fmt.Errorf("certificate %s is not that of a certification authority: %w", NameString(c.RawSubject), ErrUsage)
	case (c.MaxPathLen > 0 || c.MaxPathLenZero) && below > c.MaxPathLen:
		return fmt.Errorf("certificate %s: path length: %w", NameString(c.RawSubject), ErrUsage)
	}
	return nil
}

func hasConstraints(c *x509.Certificate) bool {
	return len(c.PermittedDNSDomains)+len(c.ExcludedDNSDomains)+len(c.PermittedIPRanges)+len(c.ExcludedIPRanges)+
		len(c.PermittedEmailAddresses)+len(c.ExcludedEmailAddresses)+len(c.PermittedURIDomains)+len(c.ExcludedURIDomains) > 0
}

// checkConstraints leaves name constraints to the standard library, on the
// path that has been found. A path with SHA-1 on it fails there.
func checkConstraints(path []*x509.Certificate, now time.Time) error {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	for i, c := range path[1:] {
		if i == len(path)-2 {
			roots.AddCert(c)
		} else {
			between.AddCert(c)
		}
	}
	_, err := path[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return fmt.Errorf("certificate %s: %v: %w", NameString(path[0].RawSubject), err, ErrUsage)
	}
	return nil
}

func verdict(path []*x509.Certificate, t *Trustpoint, now time.Time) *Verified {
	v := &Verified{Leaf: path[0], Trustpoint: t, From: path[0].NotBefore, Until: path[0].NotAfter}
	for i, c := range path {
		if c.NotBefore.After(v.From) {
			v.From = c.NotBefore
		}
		if c.NotAfter.Before(v.Until) {
			v.Until = c.NotAfter
		}
		anchor := i > 0 && i == len(path)-1
		v.Weak = v.Weak || !anchor && SignedWithSHA1(c)
	}
	// A list that is stale, and that the trustpoint does without, bounds nothing.
	if t.CheckCRL && t.CRL != nil && t.CRL.usable(now) && !t.CRL.NextDate.IsZero() && t.CRL.NextDate.Before(v.Until) {
		v.Until = t.CRL.NextDate
	}
	return v
}

// SignedWithSHA1 tells whether a certificate deserves a warning for it.
func SignedWithSHA1(c *x509.Certificate) bool {
	return c.SignatureAlgorithm == x509.SHA1WithRSA || c.SignatureAlgorithm == x509.ECDSAWithSHA1
}

// checkSignature verifies a signature over signed with the key of issuer. The
// standard library refuses SHA-1, so that is verified here.
func checkSignature(issuer *x509.Certificate, a x509.SignatureAlgorithm, signed, signature []byte) error {
	switch k := issuer.PublicKey.(type) {
	case *rsa.PublicKey:
		if err := rsaSize(issuer, k); err != nil {
			return err
		}
		if a == x509.SHA1WithRSA {
			digest := sha1.Sum(signed)
			if rsa.VerifyPKCS1v15(k, crypto.SHA1, digest[:], signature) != nil {
				return ErrSignature
			}
			return nil
		}
	case *ecdsa.PublicKey:
		if a == x509.ECDSAWithSHA1 {
			digest := sha1.Sum(signed)
			if !ecdsa.VerifyASN1(k, digest[:], signature) {
				return ErrSignature
			}
			return nil
		}
	}
	if err := issuer.CheckSignature(a, signed, signature); err != nil {
		return fmt.Errorf("%v: %w", a, ErrSignature)
	}
	return nil
}

// checkRevocation looks every certificate of a path that the list of the
// trustpoint covers up in it. The peer's own must be covered.
func (t *Trustpoint) checkRevocation(path []*x509.Certificate, now time.Time) error {
	if !t.CheckCRL || len(path) < 2 {
		return nil
	}
	covered := false
	if t.CRL != nil {
		for i, c := range path[:len(path)-1] {
			if !t.CRL.covers(c) {
				continue
			}
			covered = covered || i == 0
			// What is in an old list stays revoked.
			if when, ok := t.CRL.Revoked(c); ok {
				return refused(c, when, ErrRevoked)
			}
		}
	}
	switch {
	case t.CRLOptional:
		return nil
	case t.CRL == nil:
		return ErrNoCRL
	case !covered:
		return fmt.Errorf("certificate %s is of another authority: %w", NameString(path[0].RawSubject), ErrNoCRL)
	case !t.CRL.usable(now):
		return fmt.Errorf("the list of %s is stale: %w", t.CRL.Issuer, ErrNoCRL)
	}
	return nil
}

// IsSelfSigned tells whether a certificate names itself as its issuer.
func IsSelfSigned(c *x509.Certificate) bool { return bytes.Equal(c.RawIssuer, c.RawSubject) }

// IssuedBy checks that one certificate bears the signature of another.
func IssuedBy(c, issuer *x509.Certificate) error {
	if !bytes.Equal(c.RawIssuer, issuer.RawSubject) {
		return ErrNoAnchor
	}
	return checkSignature(issuer, c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature)
}

// IsAuthority tells whether a certificate may be an anchor: that of an
// authority, or a self-signed one of a single peer.
func IsAuthority(c *x509.Certificate) bool {
	return c.Version < 3 || c.BasicConstraintsValid && c.IsCA || IsSelfSigned(c)
}
