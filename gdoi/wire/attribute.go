package wire

import (
	"encoding/binary"

	"coterie/crypto/isakmp"
)

// Attribute is an ISAKMP data attribute (RFC 2408 section 3.3); any is
// accepted in either form.
type Attribute = isakmp.Attribute

// maxAttributes bounds one payload or key packet; the busiest one defined has
// one for each of MaxSenderIDs.
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

// checkAttributes is countAttributes with the bound of one payload.
func checkAttributes(payload uint8, b []byte) (n int, err error) {
	n = countAttributes(b)
	if n < 0 {
		return 0, malformed(payload, "attributes do not end on a boundary")
	}
	if n > maxAttributes {
		return 0, malformed(payload, "more than %d attributes", maxAttributes)
	}
	return n, nil
}

func parseAttributes(payload uint8, b []byte) ([]Attribute, error) {
	n, err := checkAttributes(payload, b)
	if n == 0 || err != nil {
		return nil, err
	}
	var pool attributePool
	pool.grow(n)
	return pool.read(b), nil
}

// attributePool holds the attributes of a whole message in one piece: lists of
// their own would cost more than the message where they are short.
type attributePool struct{ free []Attribute }

// grow makes room for n attributes.
func (p *attributePool) grow(n int) { p.free = make([]Attribute, 0, n) }

// read takes attributes apart that countAttributes has counted; nil for none.
func (p *attributePool) read(b []byte) []Attribute {
	from := len(p.free)
	for len(b) > 0 {
		t := binary.BigEndian.Uint16(b)
		a, size := Attribute{Type: t &^ 0x8000, Basic: t&0x8000 != 0, Value: b[2:4:4]}, 4
		if !a.Basic {
			size += int(binary.BigEndian.Uint16(b[2:]))
			a.Value = b[4:size:size]
		}
		p.free = append(p.free, a)
		b = b[size:]
	}
	if to := len(p.free); to > from {
		return p.free[from:to:to]
	}
	return nil
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
