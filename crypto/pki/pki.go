// Package pki is the public-key infrastructure of phase 1: trustpoints, chains
// of X.509 certificates, revocation lists, certificate requests, and the
// identities that certificates prove. Pure values and functions: the time is
// an argument, fetching and storing are done elsewhere.
package pki

import (
	"crypto"
	"crypto/x509"
	"slices"
	"strings"
	"time"
)

// Bounds of what a peer may make us look at.
const (
	MaxChain       = 4       // certificates between a peer and the trust anchor
	MaxCertificate = 8 << 10 // octets of DER
	MaxCRL         = 4 << 20 // octets of DER
)

// Trustpoint is one `crypto pki trustpoint`, every name resolved. It is never
// changed once it has been handed to an engine.
type Trustpoint struct {
	Name string
	// Anchors are the certificates of `crypto pki authenticate`, the CA first.
	Anchors []*x509.Certificate
	// Chain is our own certificate and those between it and the CA, DER; empty
	// before enrollment.
	Chain  [][]byte
	Signer crypto.Signer // key of Chain[0]: *rsa.PrivateKey or *ecdsa.PrivateKey; nil without one
	// CheckCRL and CRLOptional are `revocation-check crl [none]`: without a
	// usable CRL a peer is refused, or with `none` behind it taken.
	CheckCRL, CRLOptional bool
	CRL                   *CRL // nil: none yet
}

// CRL is a revocation list whose signature has been checked.
type CRL struct {
	Issuer               string
	ThisUpdate, NextDate time.Time // NextDate zero: none
	Number               string
	raw                  []byte       // DER name of the issuer
	revoked              []revocation // by serial number
}

// IdentityList is `crypto identity NAME`: the peers whose proven identity it
// names.
type IdentityList struct {
	Name  string
	DNs   []string // dn: attributes that the subject must have, "OU=Branch,O=Coterie"
	FQDNs []string // fqdn: a host name, compared without case
}

// Matches tells whether a peer is in the list: by the identity of its phase 1
// (type and data of its ID payload), and by its certificate, DER, if it has
// one. A name without a certificate proves as much as its pre-shared key does.
func (l *IdentityList) Matches(idType uint8, idData []byte, certificate []byte) bool {
	if l == nil {
		return false
	}
	if len(certificate) == 0 {
		if idType == idFQDN {
			return slices.ContainsFunc(l.FQDNs, func(f string) bool { return strings.EqualFold(f, string(idData)) })
		}
		return idType == idDN && slices.ContainsFunc(l.DNs, func(dn string) bool { return hasAttributes(idData, dn) })
	}
	cert, err := ParseCertificate(certificate)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(l.DNs, func(dn string) bool { return hasAttributes(cert.RawSubject, dn) }) ||
		slices.ContainsFunc(l.FQDNs, func(f string) bool { return hasHost(cert, f) })
}
