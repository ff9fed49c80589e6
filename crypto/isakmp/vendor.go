package isakmp

import (
	"bytes"
	"encoding/binary"
)

// Vendor ID (RFC 2408 section 3.16): the body is opaque.
var (
	// vendorDPD announces dead peer detection (RFC 3706 section 5.1).
	vendorDPD = []byte{0xaf, 0xca, 0xd7, 0x13, 0x68, 0xa1, 0xf1, 0xc9, 0x6b, 0x86, 0x96, 0xfc, 0x77, 0x57, 0x01, 0x00}
	// vendorFragmentation announces Cisco's IKE fragments; a mask of the modes
	// in which they may come, 4 octets, may follow it.
	vendorFragmentation = []byte{0x40, 0x48, 0xb7, 0xd5, 0x6e, 0xbc, 0xe8, 0x85, 0x25, 0xe7, 0xde, 0x7f, 0x00, 0xd6, 0xc2, 0xd3}
	// vendorCoterie is MD5("Coterie GDOI v1"); our capability mask, 4 octets,
	// follows it.
	vendorCoterie = []byte{0x7a, 0x1f, 0x4f, 0xe6, 0x65, 0xa7, 0x81, 0x09, 0x96, 0xb8, 0x99, 0x95, 0xc1, 0x68, 0x40, 0x4c}
)

// fragmentsMainMode is the bit of main mode in the mask of fragmentation.
const fragmentsMainMode = 1 << 31

// takesFragments reads the Vendor ID of fragmentation.
func takesFragments(body []byte) bool {
	rest, ok := bytes.CutPrefix(body, vendorFragmentation)
	return ok && (len(rest) < 4 || binary.BigEndian.Uint32(rest)&fragmentsMainMode != 0)
}

// ownVendor is our Vendor ID with a capability mask.
func ownVendor(capabilities uint32) []byte {
	return binary.BigEndian.AppendUint32(vendorCoterie[:len(vendorCoterie):len(vendorCoterie)], capabilities)
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

// announcements are the Vendor IDs that we send; to answer a peer, only those
// that it sent too.
func (m *Machine) announcements(sa *phaseOne, answer bool) []Payload {
	list := make([]Payload, 0, 3)
	add := func(wanted bool, body []byte) {
		if wanted {
			list = append(list, Payload{Type: PayloadVendor, Body: body})
		}
	}
	add(!answer || sa.dpd, vendorDPD)
	if m.cfg.Capabilities != 0 && (!answer || sa.ours) {
		add(true, ownVendor(m.cfg.Capabilities))
	}
	if m.cfg.Fragmentation && !answer {
		add(true, binary.BigEndian.AppendUint32(bytes.Clone(vendorFragmentation), fragmentsMainMode))
	}
	// An answer repeats the form that came: it may be no longer.
	add(answer && sa.fragments, sa.fragmentVendor)
	return list
}

// vendors notes what the peer's Vendor IDs announce.
func (m *Machine) vendors(sa *phaseOne, list []Payload) {
	for p := range Of(list, PayloadVendor) {
		if bytes.Equal(p.Body, vendorDPD) {
			sa.dpd = true
		}
		if c, ok := parseOwnVendor(p.Body); ok {
			sa.ours, sa.capabilities = true, c
		}
		if m.cfg.Fragmentation && takesFragments(p.Body) && len(p.Body) <= len(vendorFragmentation)+4 {
			sa.fragments, sa.fragmentVendor = true, bytes.Clone(p.Body)
		}
	}
}
