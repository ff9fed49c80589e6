package isakmp

import "coterie/crypto/suite"

// Nonce (RFC 2408 section 3.13): 8 to 256 octets (RFC 2409 section 5).
const (
	minNonce = 8
	maxNonce = 256
)

// ParseNonce checks the length of a nonce and returns a copy.
func ParseNonce(body []byte) ([]byte, error) {
	if len(body) < minNonce || len(body) > maxNonce {
		return nil, malformed("nonce of %d octets", len(body))
	}
	return append([]byte(nil), body...), nil
}

// nonceLen is how long our nonces are: at least half the prf's output.
func nonceLen(h suite.Hash) int { return max(20, h.Size()/2) }
