package isakmp

import "coterie/crypto/suite"

// Key Exchange (RFC 2408 section 3.7): the body is the public value, as long
// as its group says (RFC 2409 section 5, RFC 5903 section 7).

// ParseKE checks the length of a KE body and returns a copy.
func ParseKE(g suite.Group, body []byte) ([]byte, error) {
	if len(body) != g.PublicLen() {
		return nil, malformed("KE payload of %d octets for group %d", len(body), g)
	}
	return append([]byte(nil), body...), nil
}
