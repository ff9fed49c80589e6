package wire

import (
	"encoding/binary"

	"coterie/crypto/isakmp"
)

// Attribute is an ISAKMP data attribute (RFC 2408 section 3.3); any is
// accepted in either form.
type Attribute = isakmp.Attribute

// maxAttributes bounds one payload; the busiest one defined has a dozen.
const maxAttributes = 64

// countAttributes says how many attributes b holds, -1 when it does not end
// on an attribute boundary or has a type 0.
func countAttributes(b []byte) int {
	n := 0
	for len(b) > 0 {
		if len(b) < 4 {
			return -1
		}
		t, size := binary.BigEndian.Uint16(b), 4
		if t&0x8000 == 0 {
			size += int(binary.BigEndian.Uint16(b[2:]))
		}
		if t&0x7fff == 0 || size > len(b) {
			return -1
		}
		b = b[size:]
		n++
	}
	return n
}

func parseAttributes(payload uint8, b []byte) ([]Attribute, error) {
	n := countAttributes(b)
	if n < 0 {
		return nil, malformed(payload, "attributes do not end on a boundary")
	}
	if n > maxAttributes {
		return nil, malformed(payload, "more than %d attributes", maxAttributes)
	}
	list, err := isakmp.ParseAttributes(b)
	if err != nil {
		return nil, malformed(payload, "%v", err)
	}
	return list, nil
}

func appendAttributes(dst []byte, attrs []Attribute) ([]byte, error) {
	return isakmp.AppendAttributes(dst, attrs)
}

// Long makes a TLV attribute with a 4-octet number.
func Long(t uint16, v uint32) Attribute {
	return Attribute{Type: t, Value: binary.BigEndian.AppendUint32(nil, v)}
}

// Find returns the first attribute of a type.
func Find(attrs []Attribute, t uint16) (Attribute, bool) {
	for _, a := range attrs {
		if a.Type == t {
			return a, true
		}
	}
	return Attribute{}, false
}

func findNumber(attrs []Attribute, t uint16) (uint64, bool) {
	a, ok := Find(attrs, t)
	if !ok {
		return 0, false
	}
	return a.Uint()
}
