package isakmp

import (
	"net/netip"
	"slices"

	"coterie/crypto/keys"
	"coterie/internal/secret"
)

// PSK finds the pre-shared key for a peer among the keyrings of its VRF: the
// most specific address first, then the first keyring.
func (c Config) PSK(vrf string, local, remote netip.Addr) (secret.Bytes, bool) {
	var candidates []keys.PSK
	for _, k := range c.Keyrings {
		if k.VRF == vrf && (len(k.Local) == 0 || slices.Contains(k.Local, local)) {
			candidates = append(candidates, k.PSKs...)
		}
	}
	return keys.Lookup(candidates, remote)
}
