package isakmp

import (
	"encoding/binary"
	"slices"

	"golang.org/x/crypto/cryptobyte"
)

// Data attributes (RFC 2408 section 3.3): TV when the top bit of the type is
// set, TLV otherwise.
//
//	|A|       Attribute Type        |  A=0: Length, A=1: Value      |
//	|                    A=0: Value, A=1: absent                    |

// Attribute is one data attribute. An attribute may come in either form
// whatever its definition says; Uint reads both.
type Attribute struct {
	Type  uint16 // without the form bit
	Basic bool   // TV form: Value holds 2 octets
	Value []byte // aliases the parsed octets
}

// Basic makes an attribute in TV form.
func Basic(t, v uint16) Attribute {
	return Attribute{Type: t, Basic: true, Value: binary.BigEndian.AppendUint16(nil, v)}
}

// Variable makes an attribute in TLV form.
func Variable(t uint16, v []byte) Attribute { return Attribute{Type: t, Value: v} }

// Uint reads the value as a number of at most 8 octets.
func (a Attribute) Uint() (uint64, bool) {
	if len(a.Value) == 0 || len(a.Value) > 8 {
		return 0, false
	}
	var v uint64
	for _, x := range a.Value {
		v = v<<8 | uint64(x)
	}
	return v, true
}

// ParseAttributes reads attributes that fill b exactly.
func ParseAttributes(b []byte) ([]Attribute, error) {
	n := 0
	for s := cryptobyte.String(b); !s.Empty(); n++ {
		if _, ok := readAttribute(&s); !ok {
			return nil, malformed("attribute %d is cut short", n)
		}
	}
	if n == 0 {
		return nil, nil
	}
	list := make([]Attribute, 0, n)
	for s := cryptobyte.String(b); !s.Empty(); {
		a, _ := readAttribute(&s)
		list = append(list, a)
	}
	return list, nil
}

func readAttribute(s *cryptobyte.String) (Attribute, bool) {
	var t uint16
	if !s.ReadUint16(&t) {
		return Attribute{}, false
	}
	a := Attribute{Type: t &^ 0x8000, Basic: t&0x8000 != 0}
	if a.Basic {
		return a, s.ReadBytes(&a.Value, 2)
	}
	var v cryptobyte.String
	if !s.ReadUint16LengthPrefixed(&v) {
		return Attribute{}, false
	}
	a.Value = v
	return a, true
}

// AppendAttributes appends attributes in the form each asks for.
func AppendAttributes(b []byte, list []Attribute) ([]byte, error) {
	n := 0
	for _, a := range list {
		n += 4 + len(a.Value)
	}
	b = slices.Grow(b, n)
	for _, a := range list {
		switch {
		case a.Type&0x8000 != 0:
			return nil, malformed("attribute type %d", a.Type)
		case a.Basic && len(a.Value) != 2:
			return nil, malformed("basic attribute %d of %d octets", a.Type, len(a.Value))
		case len(a.Value) > 0xffff:
			return nil, malformed("attribute %d of %d octets", a.Type, len(a.Value))
		case a.Basic:
			b = binary.BigEndian.AppendUint16(b, a.Type|0x8000)
		default:
			b = binary.BigEndian.AppendUint16(b, a.Type)
			b = binary.BigEndian.AppendUint16(b, uint16(len(a.Value)))
		}
		b = append(b, a.Value...)
	}
	return b, nil
}
