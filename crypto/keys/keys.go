// Package keys holds RSA and EC key pairs by label and pre-shared keys by peer.
package keys

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"net/netip"
	"time"

	"coterie/internal/secret"
)

// PSK is one `crypto isakmp key`: a key for the peers inside Peer
// (0.0.0.0/0 is the wildcard). The most specific match wins.
type PSK struct {
	Peer netip.Prefix
	Key  secret.Bytes
}

// Pair is one key pair of `crypto key generate`: RSA in Private, or EC.
type Pair struct {
	Label      string
	Private    *rsa.PrivateKey
	EC         *ecdsa.PrivateKey
	Exportable bool
	Generated  time.Time
}

// Public is what `show crypto key mypubkey` prints of a Pair.
type Public struct {
	Label      string
	EC         bool
	Bits       int
	Exportable bool
	Generated  time.Time
	SPKI       []byte // DER SubjectPublicKeyInfo
}
