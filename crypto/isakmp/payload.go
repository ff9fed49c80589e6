package isakmp

import (
	"iter"
	"slices"

	"golang.org/x/crypto/cryptobyte"
)

// Payload types (RFC 2408 section 3.1, RFC 3947). GDOI's own are in gdoi/wire.
const (
	PayloadNone      = 0
	PayloadSA        = 1
	PayloadProposal  = 2
	PayloadTransform = 3
	PayloadKE        = 4
	PayloadID        = 5
	PayloadCert      = 6
	PayloadCertReq   = 7
	PayloadHash      = 8
	PayloadSignature = 9
	PayloadNonce     = 10
	PayloadNotify    = 11
	PayloadDelete    = 12
	PayloadVendor    = 13
	PayloadNATD      = 20
	PayloadFragment  = 132
)

// MaxPayloads bounds a chain: the longest message of any exchange here has
// fewer than thirty.
const MaxPayloads = 64

// genericLen is the length of the generic payload header (RFC 2408 section 3.2):
// next payload, reserved, length.
const genericLen = 4

// Payload is one payload of a chain. Body is what follows the generic header,
// Raw is the whole payload as received; both alias the parsed octets.
type Payload struct {
	Type uint8
	Body []byte
	Raw  []byte
}

// Payloads splits a chain that starts with a payload of type first. Octets
// behind the last payload are padding and are ignored; ChainLen tells how many
// belong to payloads. Types it does not know are kept.
func Payloads(first uint8, b []byte) ([]Payload, error) { return AppendPayloads(nil, first, b) }

// AppendPayloads is Payloads behind a list, for callers that bring its memory.
func AppendPayloads(list []Payload, first uint8, b []byte) ([]Payload, error) {
	n := 0
	for next, rest := first, b; next != PayloadNone; n++ {
		if n == MaxPayloads {
			return nil, malformed("more than %d payloads", MaxPayloads)
		}
		raw, following, err := readPayload(next, rest)
		if err != nil {
			return nil, err
		}
		next, rest = following, rest[len(raw):]
	}
	list = slices.Grow(list, n)
	for next := first; next != PayloadNone; {
		raw, following, _ := readPayload(next, b)
		list = append(list, Payload{next, raw[genericLen:], raw})
		next, b = following, b[len(raw):]
	}
	return list, nil
}

// readPayload takes the payload at the start of b and tells the type of the
// one behind it.
func readPayload(t uint8, b []byte) (raw []byte, next uint8, err error) {
	s := cryptobyte.String(b)
	var reserved uint8
	var length uint16
	if !s.ReadUint8(&next) || !s.ReadUint8(&reserved) || !s.ReadUint16(&length) {
		return nil, 0, malformed("payload %d is cut short", t)
	}
	if length < genericLen || int(length) > len(b) {
		return nil, 0, malformed("payload %d of length %d in %d octets", t, length, len(b))
	}
	if reserved != 0 {
		return nil, 0, malformed("payload %d with reserved octet %#02x", t, reserved)
	}
	return b[:length:length], next, nil
}

// ChainLen is how many octets the payloads of a chain take.
func ChainLen(list []Payload) int {
	n := 0
	for _, p := range list {
		n += len(p.Raw)
	}
	return n
}

// Of iterates over the payloads of one type.
func Of(list []Payload, t uint8) iter.Seq[Payload] {
	return func(yield func(Payload) bool) {
		for _, p := range list {
			if p.Type == t && !yield(p) {
				return
			}
		}
	}
}

// only returns the body of the one payload of a type; none or several is an
// error.
func only(list []Payload, t uint8) ([]byte, error) {
	var body []byte
	n := 0
	for p := range Of(list, t) {
		body = p.Body
		n++
	}
	if n != 1 {
		return nil, malformed("%d payloads of type %d, want one", n, t)
	}
	return body, nil
}

// AppendPayload appends one payload whose successor is of type next. It fails
// when the body does not fit in 65,531 octets.
func AppendPayload(b []byte, next uint8, body []byte) ([]byte, error) {
	if len(body) > 0xffff-genericLen {
		return nil, malformed("payload body of %d octets", len(body))
	}
	n := genericLen + len(body)
	return append(append(slices.Grow(b, n), next, 0, byte(n>>8), byte(n)), body...), nil
}

// AppendChain appends payloads linked in order and returns the type of the
// first, for the header. Only Type and Body are read.
func AppendChain(b []byte, list ...Payload) (first uint8, out []byte, err error) {
	n := 0
	for _, p := range list {
		n += genericLen + len(p.Body)
	}
	b = slices.Grow(b, n)
	for i, p := range list {
		next := uint8(PayloadNone)
		if i+1 < len(list) {
			next = list[i+1].Type
		}
		if b, err = AppendPayload(b, next, p.Body); err != nil {
			return 0, nil, err
		}
	}
	if len(list) > 0 {
		first = list[0].Type
	}
	return first, b, nil
}
