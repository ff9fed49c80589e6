package pki

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"math/big"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// revocation is one entry of a list: 32 octets whatever the list says of it.
type revocation struct {
	serial string // content octets of the INTEGER
	when   int64  // Unix time
}

// ParseCRL reads a revocation list (RFC 5280 section 5), DER of at most MaxCRL
// octets, and checks that the authority, one of the anchors of a trustpoint,
// signed it. Lists with critical extensions (delta lists, indirect lists, lists of a
// part of the certificates) are refused: what they leave out would pass for
// valid.
//
// It reads the entries by hand, because the standard library makes some four
// hundred octets of each entry of twenty.
func ParseCRL(der []byte, authorities []*x509.Certificate) (*CRL, error) {
	if len(der) > MaxCRL {
		return nil, fmt.Errorf("revocation list of %d octets: %w", len(der), ErrTooLong)
	}
	bad := func(what string) (*CRL, error) {
		return nil, fmt.Errorf("revocation list: %s: %w", what, ErrMalformed)
	}
	var list, signed, outer, inner, issuer, entries cryptobyte.String
	var signature []byte
	input := cryptobyte.String(der)
	if !input.ReadASN1(&list, cbasn1.SEQUENCE) || !input.Empty() || !list.ReadASN1Element(&signed, cbasn1.SEQUENCE) ||
		!list.ReadASN1Element(&outer, cbasn1.SEQUENCE) || !list.ReadASN1BitStringAsBytes(&signature) || !list.Empty() {
		return bad("outer structure")
	}
	var tbs cryptobyte.String
	body := signed
	if !body.ReadASN1(&tbs, cbasn1.SEQUENCE) {
		return bad("contents")
	}
	version := 0
	if tbs.PeekASN1Tag(cbasn1.INTEGER) && (!tbs.ReadASN1Integer(&version) || version != 1) {
		return bad("version")
	}
	if !tbs.ReadASN1Element(&inner, cbasn1.SEQUENCE) || !bytes.Equal(inner, outer) || !tbs.ReadASN1Element(&issuer, cbasn1.SEQUENCE) {
		return bad("algorithm or issuer")
	}
	if err := countElements(issuer, maxElements); err != nil {
		return nil, fmt.Errorf("revocation list: issuer: %w", err)
	}
	out := &CRL{}
	var ok bool
	if out.ThisUpdate, ok = readTime(&tbs); !ok {
		return bad("this update")
	}
	if tbs.PeekASN1Tag(cbasn1.UTCTime) || tbs.PeekASN1Tag(cbasn1.GeneralizedTime) {
		if out.NextDate, ok = readTime(&tbs); !ok {
			return bad("next update")
		}
	}
	hasEntries := tbs.PeekASN1Tag(cbasn1.SEQUENCE)
	if hasEntries && !tbs.ReadASN1(&entries, cbasn1.SEQUENCE) {
		return bad("entries")
	}
	if !tbs.Empty() {
		var extensions cryptobyte.String
		if !tbs.ReadASN1(&extensions, cbasn1.Tag(0).ContextSpecific().Constructed()) || !tbs.Empty() ||
			!extensions.ReadASN1(&extensions, cbasn1.SEQUENCE) {
			return bad("extensions")
		}
		if err := out.extensions(extensions); err != nil {
			return nil, err
		}
	}
	// Nobody's entries are looked at before they are known to be the authority's.
	if err := checkList(authorities, issuer, outer, signed, signature); err != nil {
		return nil, err
	}
	out.raw = bytes.Clone(issuer)
	out.Issuer = NameString(out.raw)
	return out, out.entries(entries)
}

// checkList finds the authority that a list names and verifies its signature.
func checkList(authorities []*x509.Certificate, issuer, algorithm, signed, signature []byte) error {
	a := signatureAlgorithm(algorithm)
	err := fmt.Errorf("revocation list: %w", ErrNoAnchor)
	for _, c := range authorities {
		if !bytes.Equal(c.RawSubject, issuer) {
			continue
		}
		if c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageCRLSign == 0 {
			err = fmt.Errorf("revocation list: key usage of %s is not cRLSign: %w", NameString(c.RawSubject), ErrUsage)
			continue
		}
		e := checkSignature(c, a, signed, signature)
		if e == nil {
			return nil
		}
		err = fmt.Errorf("revocation list: %w", e)
	}
	return err
}

// algorithms of signatures by object identifier.
var algorithms = []struct {
	oid       asn1.ObjectIdentifier
	algorithm x509.SignatureAlgorithm
}{
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 5}, x509.SHA1WithRSA},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}, x509.SHA256WithRSA},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 12}, x509.SHA384WithRSA},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 13}, x509.SHA512WithRSA},
	{asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 1}, x509.ECDSAWithSHA1},
	{asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}, x509.ECDSAWithSHA256},
	{asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}, x509.ECDSAWithSHA384},
	{asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 4}, x509.ECDSAWithSHA512},
}

func signatureAlgorithm(der cryptobyte.String) x509.SignatureAlgorithm {
	var seq, oid cryptobyte.String
	if !der.ReadASN1(&seq, cbasn1.SEQUENCE) || !seq.ReadASN1Element(&oid, cbasn1.OBJECT_IDENTIFIER) || len(oid) > maxOID {
		return x509.UnknownSignatureAlgorithm
	}
	var id asn1.ObjectIdentifier
	if !oid.ReadASN1ObjectIdentifier(&id) {
		return x509.UnknownSignatureAlgorithm
	}
	for _, a := range algorithms {
		if a.oid.Equal(id) {
			return a.algorithm
		}
	}
	return x509.UnknownSignatureAlgorithm
}

func readTime(s *cryptobyte.String) (time.Time, bool) {
	var t time.Time
	if s.PeekASN1Tag(cbasn1.UTCTime) {
		return t, s.ReadASN1UTCTime(&t)
	}
	return t, s.ReadASN1GeneralizedTime(&t)
}

// oidCRLNumber is the serial number of a list.
var oidCRLNumber = []byte{0x55, 0x1d, 0x14}

func (l *CRL) extensions(s cryptobyte.String) error {
	bad := fmt.Errorf("revocation list: extensions: %w", ErrMalformed)
	for !s.Empty() {
		oid, value, critical, ok := readExtension(&s)
		switch {
		case !ok:
			return bad
		case critical:
			return fmt.Errorf("revocation list: a critical extension: %w", ErrUsage)
		case bytes.Equal(oid, oidCRLNumber):
			n := new(big.Int)
			if len(value) > 32 || !value.ReadASN1Integer(n) || !value.Empty() {
				return bad
			}
			l.Number = fmt.Sprintf("%X", n)
		}
	}
	return nil
}

func readExtension(s *cryptobyte.String) (oid, value cryptobyte.String, critical, ok bool) {
	var e cryptobyte.String
	ok = s.ReadASN1(&e, cbasn1.SEQUENCE) && e.ReadASN1(&oid, cbasn1.OBJECT_IDENTIFIER) &&
		(!e.PeekASN1Tag(cbasn1.BOOLEAN) || e.ReadASN1Boolean(&critical)) &&
		e.ReadASN1(&value, cbasn1.OCTET_STRING) && e.Empty()
	return oid, value, critical, ok
}

// entries reads the revoked certificates: counted first, so that memory is
// asked for once.
func (l *CRL) entries(s cryptobyte.String) error {
	count := 0
	for rest := s; !rest.Empty(); count++ {
		var e cryptobyte.String
		if !rest.ReadASN1(&e, cbasn1.SEQUENCE) {
			return fmt.Errorf("revocation list: entries: %w", ErrMalformed)
		}
	}
	l.revoked = make([]revocation, 0, count)
	for !s.Empty() {
		var e, serial cryptobyte.String
		ok := s.ReadASN1(&e, cbasn1.SEQUENCE) && e.ReadASN1(&serial, cbasn1.INTEGER) && len(serial) > 0
		var when time.Time
		if ok {
			when, ok = readTime(&e)
		}
		if ok && !e.Empty() {
			var extensions cryptobyte.String
			ok = e.ReadASN1(&extensions, cbasn1.SEQUENCE) && e.Empty()
			for ok && !extensions.Empty() {
				var critical bool
				if _, _, critical, ok = readExtension(&extensions); critical {
					return fmt.Errorf("revocation list: a critical extension of an entry: %w", ErrUsage)
				}
			}
		}
		if !ok {
			return fmt.Errorf("revocation list: entry %d: %w", len(l.revoked)+1, ErrMalformed)
		}
		l.revoked = append(l.revoked, revocation{string(serial), when.Unix()})
	}
	slices.SortFunc(l.revoked, func(a, b revocation) int { return cmp.Compare(a.serial, b.serial) })
	return nil
}

// covers tells whether the list is that of the authority which issued c.
func (l *CRL) covers(c *x509.Certificate) bool { return bytes.Equal(l.raw, c.RawIssuer) }

// Len is how many certificates the list names.
func (l *CRL) Len() int { return len(l.revoked) }

// Revoked tells since when a certificate of the list's authority is revoked.
func (l *CRL) Revoked(c *x509.Certificate) (time.Time, bool) {
	if !l.covers(c) {
		return time.Time{}, false
	}
	key := serialOctets(c.SerialNumber)
	i, ok := slices.BinarySearchFunc(l.revoked, key, func(r revocation, key string) int { return cmp.Compare(r.serial, key) })
	if !ok {
		return time.Time{}, false
	}
	return time.Unix(l.revoked[i].when, 0).UTC(), true
}

// serialOctets are the content octets of a positive INTEGER.
func serialOctets(n *big.Int) string {
	b := n.Bytes()
	if len(b) == 0 || b[0]&0x80 != 0 {
		b = append([]byte{0}, b...)
	}
	return string(b)
}

// usable tells whether the list speaks for now.
func (l *CRL) usable(now time.Time) bool {
	return !now.Before(l.ThisUpdate) && (l.NextDate.IsZero() || !now.After(l.NextDate))
}
