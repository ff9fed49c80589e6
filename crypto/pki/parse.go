package pki

import (
	"crypto/x509"
	"encoding/asn1"
	"fmt"
)

// Bounds of the elements inside one certificate or name. What the standard
// library makes of an element may be many times its size, so their number is
// counted before it looks.
const (
	maxElements = 512
	maxDepth    = 12
	maxOID      = 48 // octets; each becomes a machine word
)

// ParseCertificate reads one certificate of at most MaxCertificate octets.
func ParseCertificate(der []byte) (*x509.Certificate, error) {
	if len(der) > MaxCertificate {
		return nil, fmt.Errorf("certificate of %d octets: %w", len(der), ErrTooLong)
	}
	if err := countElements(der, maxElements); err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("certificate: %v: %w", err, ErrMalformed)
	}
	return c, nil
}

// countElements walks DER and refuses more elements than most, also in what
// octet strings enclose.
func countElements(der []byte, most int) error {
	left := most
	ok, err := walk(der, 0, &left)
	if err == nil && !ok {
		err = ErrMalformed
	}
	return err
}

// walk tells whether der is elements one behind another. The error is
// ErrTooLong alone.
func walk(der []byte, depth int, left *int) (bool, error) {
	if depth > maxDepth {
		return false, ErrTooLong
	}
	for len(der) > 0 {
		tag, body, rest, ok := element(der)
		if !ok {
			return false, nil
		}
		if *left--; *left < 0 {
			return false, ErrTooLong
		}
		switch {
		case tag == asn1.TagOID && len(body) > maxOID:
			return false, ErrTooLong
		case tag&0x20 != 0: // constructed
			if ok, err := walk(body, depth+1, left); !ok {
				return false, err
			}
		case tag == asn1.TagOctetString: // may enclose anything
			if _, err := walk(body, depth+1, left); err != nil {
				return false, err
			}
		}
		der = rest
	}
	return true, nil
}

// element cuts one element of a one-octet tag off.
func element(der []byte) (tag byte, body, rest []byte, ok bool) {
	if len(der) < 2 || der[0]&0x1f == 0x1f {
		return 0, nil, nil, false
	}
	n, at := int(der[1]), 2
	if n >= 0x80 {
		octets := n & 0x7f
		if octets == 0 || octets > 3 || len(der) < 2+octets {
			return 0, nil, nil, false
		}
		n = 0
		for _, b := range der[2 : 2+octets] {
			n = n<<8 | int(b)
		}
		at += octets
	}
	if len(der)-at < n {
		return 0, nil, nil, false
	}
	return der[0], der[at : at+n], der[at+n:], true
}
