package pki

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"
)

// Attribute types of names, as IOS writes them. The first spelling prints.
var attributes = []struct {
	oid   asn1.ObjectIdentifier
	names []string
}{
	{asn1.ObjectIdentifier{2, 5, 4, 3}, []string{"cn", "commonname"}},
	{asn1.ObjectIdentifier{2, 5, 4, 4}, []string{"sn", "surname"}},
	{oidSerialNumber, []string{"serialNumber"}},
	{asn1.ObjectIdentifier{2, 5, 4, 6}, []string{"c", "country"}},
	{asn1.ObjectIdentifier{2, 5, 4, 7}, []string{"l", "locality"}},
	{asn1.ObjectIdentifier{2, 5, 4, 8}, []string{"st", "s", "state"}},
	{asn1.ObjectIdentifier{2, 5, 4, 9}, []string{"street"}},
	{asn1.ObjectIdentifier{2, 5, 4, 10}, []string{"o", "organization"}},
	{asn1.ObjectIdentifier{2, 5, 4, 11}, []string{"ou"}},
	{asn1.ObjectIdentifier{2, 5, 4, 12}, []string{"t", "title"}},
	{asn1.ObjectIdentifier{2, 5, 4, 13}, []string{"d", "description"}},
	{asn1.ObjectIdentifier{2, 5, 4, 42}, []string{"gn", "givenname"}},
	{asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}, []string{"uid"}},
	{asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 25}, []string{"dc"}},
	{oidEmail, []string{"e", "ea", "email", "emailaddress"}},
	{oidHostname, []string{"hostname", "unstructuredname"}},
	{oidAddress, []string{"ipaddress", "unstructuredaddress"}},
}

var (
	oidCommonName   = asn1.ObjectIdentifier{2, 5, 4, 3}
	oidSerialNumber = asn1.ObjectIdentifier{2, 5, 4, 5}
	oidEmail        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}
	oidHostname     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 2} // unstructuredName (PKCS #9), as IOS certificates carry it
	oidAddress      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 8} // unstructuredAddress
)

// attributeName is how an attribute type prints.
func attributeName(oid asn1.ObjectIdentifier) string {
	for _, a := range attributes {
		if a.oid.Equal(oid) {
			return a.names[0]
		}
	}
	return oid.String()
}

func attributeOID(name string) (asn1.ObjectIdentifier, bool) {
	for _, a := range attributes {
		if slices.ContainsFunc(a.names, func(n string) bool { return strings.EqualFold(n, name) }) {
			return a.oid, true
		}
	}
	return nil, false
}

// maxName bounds the text of a name in octets.
const maxName = 1024

// ParseName reads the text of `subject-name` or `dn`: attributes with commas
// between them, "cn=KS1, ou=Key servers, o=Coterie", the most specific first.
// A plus sign puts two into one relative name; a backslash or double quotes
// take a comma literally. The result has the order of DER, the most specific last.
func ParseName(text string) (pkix.RDNSequence, error) {
	if len(text) > maxName {
		return nil, fmt.Errorf("name of %d octets: %w", len(text), ErrTooLong)
	}
	var out pkix.RDNSequence
	var set pkix.RelativeDistinguishedNameSET
	var part strings.Builder
	flush := func() error {
		raw := part.String()
		part.Reset()
		word, value, ok := strings.Cut(raw, "=")
		word, value = strings.TrimSpace(word), strings.TrimSpace(value)
		oid, known := attributeOID(word)
		switch {
		case !ok || value == "":
			return fmt.Errorf("name %q: want attribute=value: %w", text, ErrMalformed)
		case !known:
			return fmt.Errorf("attribute %q of a name is not known: %w", word, ErrMalformed)
		}
		set = append(set, pkix.AttributeTypeAndValue{Type: oid, Value: value})
		return nil
	}
	quoted, escaped := false, false
	for _, r := range text {
		switch {
		case escaped:
			part.WriteRune(r)
			escaped = false
		case r == '\\':
			escaped = true
		case r == '"':
			quoted = !quoted
		case !quoted && (r == ',' || r == '+'):
			if err := flush(); err != nil {
				return nil, err
			}
			if r == ',' {
				out, set = append(out, set), nil
			}
		default:
			part.WriteRune(r)
		}
	}
	if err := flush(); err != nil {
		return nil, err
	}
	out = append(out, set)
	slices.Reverse(out)
	return out, nil
}

// Attributes gives the lines in which screens print a DER name, the most
// specific first: "cn=KS1", "serialNumber=9X+hostname=ks1".
func Attributes(der []byte) []string {
	var out []string
	for _, set := range slices.Backward(parseRDNs(der)) {
		var parts []string
		for _, a := range slices.Backward(set) {
			parts = append(parts, attributeName(a.Type)+"="+valueString(a.Value))
		}
		out = append(out, strings.Join(parts, "+"))
	}
	return out
}

// NameString is a DER name in one line.
func NameString(der []byte) string {
	if text := strings.Join(Attributes(der), ","); text != "" {
		return text
	}
	return "<empty>"
}

// parseRDNs is nil for what is not a name.
func parseRDNs(der []byte) pkix.RDNSequence {
	if countElements(der, maxElements) != nil {
		return nil
	}
	var seq pkix.RDNSequence
	if rest, err := asn1.Unmarshal(der, &seq); err != nil || len(rest) > 0 {
		return nil
	}
	return seq
}

// valueString is an attribute's value without what would spoil a screen.
func valueString(v any) string {
	s, ok := v.(string)
	if !ok {
		s = fmt.Sprint(v)
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0xfffd {
			return '?'
		}
		return r
	}, s)
}

// firstAttribute is the value of an attribute of a DER name, the most specific
// of several; "" without one.
func firstAttribute(der []byte, oid asn1.ObjectIdentifier) string {
	for _, set := range slices.Backward(parseRDNs(der)) {
		for _, a := range set {
			if s, ok := a.Value.(string); ok && a.Type.Equal(oid) {
				return s
			}
		}
	}
	return ""
}

// sameName compares two DER names: the same attributes in the same order,
// whatever type of string carries them.
func sameName(a, b []byte) bool {
	x, y := parseRDNs(a), parseRDNs(b)
	if x == nil || y == nil {
		return false
	}
	return slices.EqualFunc(x, y, func(s, t pkix.RelativeDistinguishedNameSET) bool {
		return slices.EqualFunc(s, t, func(p, q pkix.AttributeTypeAndValue) bool {
			v, ok1 := p.Value.(string)
			w, ok2 := q.Value.(string)
			return ok1 && ok2 && v == w && p.Type.Equal(q.Type)
		})
	})
}
