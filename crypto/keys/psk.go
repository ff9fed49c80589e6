package keys

import (
	"net/netip"

	"coterie/internal/secret"
)

// Lookup returns the pre-shared key for a peer: the most specific prefix that
// contains it wins, the first of equals. 0.0.0.0/0 is the wildcard of IPv4 peers,
// ::/0 that of IPv6 ones.
func Lookup(psks []PSK, peer netip.Addr) (secret.Bytes, bool) {
	peer = peer.Unmap().WithZone("")
	best := -1
	for i, k := range psks {
		if !k.Peer.IsValid() || !k.Peer.Contains(peer) {
			continue
		}
		if best < 0 || k.Peer.Bits() > psks[best].Peer.Bits() {
			best = i
		}
	}
	if best < 0 {
		return secret.Bytes{}, false
	}
	return psks[best].Key, true
}
