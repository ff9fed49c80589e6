package isakmp

import (
	"bytes"
	"encoding/binary"
)

// Vendor ID (RFC 2408 section 3.16): the body is opaque.
var (
	// vendorDPD announces dead peer detection (RFC 3706 section 5.1).
	vendorDPD = []byte{0xaf, 0xca, 0xd7, 0x13, 0x68, 0xa1, 0xf1, 0xc9, 0x6b, 0x86, 0x96, 0xfc, 0x77, 0x57, 0x01, 0x00}
	// vendorCoterie is MD5("Coterie GDOI v1"); our capability mask, 4 octets,
	// follows it.
	vendorCoterie = []byte{0x7a, 0x1f, 0x4f, 0xe6, 0x65, 0xa7, 0x81, 0x09, 0x96, 0xb8, 0x99, 0x95, 0xc1, 0x68, 0x40, 0x4c}
)

// ownVendor is our Vendor ID with a capability mask.
func ownVendor(capabilities uint32) []byte {
	return binary.BigEndian.AppendUint32(bytes.Clone(vendorCoterie), capabilities)
}

// parseOwnVendor reads the capability mask out of our Vendor ID. A later
// version may append to it.
func parseOwnVendor(body []byte) (capabilities uint32, ok bool) {
	rest, ok := bytes.CutPrefix(body, vendorCoterie)
	if !ok || len(rest) < 4 {
		return 0, false
	}
	return binary.BigEndian.Uint32(rest), true
}
