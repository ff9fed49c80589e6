package cli

import (
	"context"
	"errors"
	"net/netip"

	"coterie/internal/secret"
)

// Credentials are what a peer shows to log in: a password, or a public key
// whose possession it has proved or is about to prove.
type Credentials struct {
	Line     string // that it wants: "vty", "console"
	User     string
	Password secret.Bytes
	// PublicKey is in the wire format of RFC 4253 section 6.6; nil for a
	// password. KeyType is its first string, "ssh-rsa".
	PublicKey []byte
	KeyType   string
	From      netip.Addr // invalid on the console
}

// Login is who somebody turned out to be.
type Login struct {
	User  string
	Level int // privilege level of the session, 0 to 15
}

// ErrDenied refuses credentials, whichever of them was wrong.
var ErrDenied = errors.New("% Login invalid")

// An Authenticator decides who may log in. Its methods are safe for concurrent
// use.
type Authenticator interface {
	// Authenticate checks credentials; ErrDenied, or the reason why nobody
	// may (a lock-out). It takes the same time for an unknown user.
	Authenticate(ctx context.Context, c Credentials) (Login, error)
	// CanLogin says whether any credentials would be accepted on a line other
	// than the console: without a user and a password nobody is let in.
	CanLogin() bool
}
