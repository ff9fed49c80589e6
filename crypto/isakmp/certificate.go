package isakmp

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"

	"coterie/crypto/pki"
)

// Certificate and Certificate Request (RFC 2408 sections 3.9 and 3.10):
//
//	| Cert Encoding |            Certificate Data                   |
//	|  Cert. Type   |  Certificate Authority: a DER Name, or none   |

// encodingX509Signature is an X.509 certificate for signatures, one a payload.
const encodingX509Signature = 4

// maxRequests bounds the Certificate Requests that we send and look at.
const maxRequests = 16

// Certificate is the body of a Certificate payload.
type Certificate struct {
	Encoding uint8
	Data     []byte
}

// ParseCertificate reads the body of a Certificate payload; Data aliases it.
// Of an X.509 certificate, more than pki.MaxCertificate octets are refused
// unread.
func ParseCertificate(body []byte) (Certificate, error) {
	if len(body) < 2 || len(body) > 1+pki.MaxCertificate {
		return Certificate{}, malformed("certificate of %d octets", len(body))
	}
	return Certificate{body[0], body[1:]}, nil
}

// Append appends the body of the Certificate payload.
func (c Certificate) Append(b []byte) []byte { return append(append(b, c.Encoding), c.Data...) }

// CertificateRequest is the body of a Certificate Request payload.
type CertificateRequest struct {
	Encoding uint8
	Issuer   []byte // DER Name of an authority that the sender trusts; empty: any
}

// ParseCertificateRequest reads the body; Issuer is a copy.
func ParseCertificateRequest(body []byte) (CertificateRequest, error) {
	if len(body) < 1 || len(body) > 1+pki.MaxCertificate {
		return CertificateRequest{}, malformed("certificate request of %d octets", len(body))
	}
	return CertificateRequest{body[0], append([]byte(nil), body[1:]...)}, nil
}

// Append appends the body of the Certificate Request payload.
func (r CertificateRequest) Append(b []byte) []byte {
	return append(append(b, r.Encoding), r.Issuer...)
}

// certificates collects the chain that a peer sent, its own first. Other
// encodings are passed over.
func certificates(list []Payload) ([][]byte, error) {
	var chain [][]byte
	for p := range Of(list, PayloadCert) {
		c, err := ParseCertificate(p.Body)
		if err != nil {
			return nil, err
		}
		if c.Encoding != encodingX509Signature {
			continue
		}
		if len(chain) == pki.MaxChain {
			return nil, malformed("more than %d certificates", pki.MaxChain)
		}
		chain = append(chain, append([]byte(nil), c.Data...))
	}
	return chain, nil
}

// requests collects the names of the authorities that a peer asked for.
func requests(list []Payload) [][]byte {
	var out [][]byte
	for p := range Of(list, PayloadCertReq) {
		r, err := ParseCertificateRequest(p.Body)
		if err == nil && r.Encoding == encodingX509Signature && len(out) < maxRequests {
			out = append(out, r.Issuer)
		}
	}
	return out
}

// request asks for certificates of the authorities that we trust.
func request(trusted []*pki.Trustpoint) []Payload {
	var out []Payload
	seen := make(map[string]bool)
	for _, t := range trusted {
		if len(t.Anchors) == 0 || len(out) == maxRequests {
			continue
		}
		name := t.Anchors[0].RawSubject
		if seen[string(name)] {
			continue
		}
		seen[string(name)] = true
		r := CertificateRequest{encodingX509Signature, name}
		out = append(out, Payload{Type: PayloadCertReq, Body: r.Append(nil)})
	}
	return out
}

// keyOf is the method that a trustpoint's own certificate can serve: the zero
// Auth when it has none.
func keyOf(t *pki.Trustpoint) (Auth, int) {
	if t.Signer == nil || len(t.Chain) == 0 {
		return 0, 0
	}
	switch key := t.Signer.Public().(type) {
	case *rsa.PublicKey:
		return RSASig, 0
	case *ecdsa.PublicKey:
		if bits := key.Curve.Params().BitSize; curveHash[bits] != 0 {
			return ECDSASig, bits
		}
	}
	return 0, 0
}

// pick chooses the trustpoint to prove ourselves with: the first whose
// authority was asked for, else the first that has a key of the method. A peer
// that asked for others may know ours all the same.
func pick(own []*pki.Trustpoint, p Policy, asked [][]byte) *pki.Trustpoint {
	var first *pki.Trustpoint
	for _, t := range own {
		if auth, curve := keyOf(t); auth != p.Auth || curve != p.Curve {
			continue
		}
		if issuedBy(t, asked) {
			return t
		}
		if first == nil {
			first = t
		}
	}
	return first
}

// issuedBy tells whether a trustpoint belongs to one of the named authorities.
func issuedBy(t *pki.Trustpoint, names [][]byte) bool {
	for _, name := range names {
		for _, a := range t.Anchors {
			if len(name) == 0 || string(name) == string(a.RawSubject) {
				return true
			}
		}
	}
	return false
}

// leafOf is our own certificate in a trustpoint.
func leafOf(t *pki.Trustpoint) (*x509.Certificate, bool) {
	if t == nil || len(t.Chain) == 0 {
		return nil, false
	}
	c, err := x509.ParseCertificate(t.Chain[0])
	return c, err == nil
}
