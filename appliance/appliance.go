// Package appliance is one device: it boots a configuration, compiles it into
// the desired state of the engines, and is the only writer to them. One
// control goroutine steps the machines (isakmp, key server, members); sockets,
// signatures and Diffie-Hellman run outside it and come back as inputs.
package appliance

import (
	"net/netip"

	"coterie/internal/env"
	"coterie/modes"
	"coterie/netdev"
	"coterie/xfrm"
)

// Config is what a device is made of.
type Config struct {
	Name      string // host name until the configuration sets one
	Stack     netdev.Stack
	Dataplane xfrm.Dataplane
	Clock     *env.Clock
	Env       env.Env
	Files     Files // NVRAM
	Version   modes.Version
	// KeyLog, when set, is given the phase-1 decryption keys and the PUSH
	// datagrams in plain text, for captures of a lab.
	KeyLog KeyLog
}

// KeyLog receives secrets of a lab for its captures.
type KeyLog interface {
	PhaseOne(initiatorCookie [8]byte, key []byte)
	ESP(spi uint32, cipher string, key []byte, auth string, authKey []byte)
	PlainPush(local, remote netip.AddrPort, data []byte)
}

// Files is a device's NVRAM: startup-config, RSA keys, key-server state.
// Write is atomic: after a crash the old or the new content is there.
type Files interface {
	Read(name string) ([]byte, error) // fs.ErrNotExist
	Write(name string, data []byte) error
	Remove(name string) error
}
