package isakmp

import "coterie/crypto/suite"

// Hash (RFC 2408 section 3.11): the body is one digest of the negotiated hash.

// ParseHash checks the length of a HASH body and returns it, aliasing body.
func ParseHash(h suite.Hash, body []byte) ([]byte, error) {
	if len(body) != h.Size() {
		return nil, malformed("hash of %d octets, want %d", len(body), h.Size())
	}
	return body, nil
}
