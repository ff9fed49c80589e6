package wire

import (
	"encoding/binary"

	"coterie/crypto/isakmp"
)

// ProtoKEK is the protocol of a Delete that names a KEK.
const ProtoKEK = 0

// Delete names SAs to delete: TEKs by four-octet SPIs, a KEK by its sixteen.
// An SPI of all zero bits means every SA of that protocol.
type Delete struct {
	Protocol uint8 // ProtoESP, ProtoKEK
	SPIs     [][]byte
}

// DeleteTEKs names ESP SAs; none means all.
func DeleteTEKs(spis ...uint32) Delete {
	d := Delete{Protocol: ProtoESP}
	if len(spis) == 0 {
		spis = []uint32{0}
	}
	for _, s := range spis {
		d.SPIs = append(d.SPIs, binary.BigEndian.AppendUint32(nil, s))
	}
	return d
}

// DeleteKEK names a KEK; the zero SPI means all.
func DeleteKEK(spi [16]byte) Delete { return Delete{Protocol: ProtoKEK, SPIs: [][]byte{spi[:]}} }

// ParseDelete reads the body of a Delete payload (RFC 2408 section 3.15) of
// DOI 0, 1 or 2.
func ParseDelete(b []byte) (Delete, error) {
	d, err := isakmp.ParseDelete(b)
	if err != nil {
		return Delete{}, malformed(PayloadDelete, "%v", err)
	}
	if d.DOI > DOI {
		return Delete{}, &Error{Notify: NotifyDOINotSupported, Payload: PayloadDelete, Reason: "unknown DOI"}
	}
	return Delete{Protocol: d.Protocol, SPIs: d.SPIs}, nil
}

// Append appends the body of the Delete payload; all SPIs must have one size.
func (d Delete) Append(dst []byte) ([]byte, error) {
	return isakmp.Delete{DOI: DOI, Protocol: d.Protocol, SPIs: d.SPIs}.Append(dst)
}

// All says that the Delete means every SA of its protocol.
func (d Delete) All() bool {
	for _, s := range d.SPIs {
		zero := true
		for _, x := range s {
			zero = zero && x == 0
		}
		if zero {
			return true
		}
	}
	return false
}

// TEKs returns the ESP SPIs it names.
func (d Delete) TEKs() []uint32 {
	var out []uint32
	for _, s := range d.SPIs {
		if d.Protocol == ProtoESP && len(s) == 4 {
			out = append(out, binary.BigEndian.Uint32(s))
		}
	}
	return out
}
