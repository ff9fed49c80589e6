package runningconfig

import (
	"math/bits"
	"net/netip"
)

// Prefix is the set of peers that a pre-shared key is for: the host, or with
// a mask the network; 0.0.0.0 without a mask is everybody.
func (k ISAKMPKey) Prefix() netip.Prefix {
	if k.IPv6.IsValid() {
		return k.IPv6.Masked()
	}
	if !k.Mask.IsValid() {
		if k.Address.IsUnspecified() {
			return netip.PrefixFrom(k.Address, 0)
		}
		return netip.PrefixFrom(k.Address, k.Address.BitLen())
	}
	ones := 0
	for _, b := range k.Mask.AsSlice() {
		ones += bits.OnesCount8(b) // the grammar admits contiguous masks only
	}
	return netip.PrefixFrom(k.Address, ones).Masked()
}
