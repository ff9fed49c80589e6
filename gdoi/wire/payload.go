package wire

import (
	"encoding/binary"

	"coterie/crypto/isakmp"
)

// Payload is one payload of a chain (RFC 2408 section 3.2).
type Payload = isakmp.Payload

const genericHeader = 4

// payloadRoom is memory for as many payloads as a message mostly has.
type payloadRoom [8]Payload

// parsePayloads splits a message's chain, into list; what follows the last
// payload comes back as padding.
func parsePayloads(list []Payload, first uint8, b []byte) (payloads []Payload, padding []byte, err error) {
	payloads, err = isakmp.AppendPayloads(list, first, b)
	if err != nil {
		return nil, nil, malformed(0, "%v", err)
	}
	return payloads, b[isakmp.ChainLen(payloads):], nil
}

// chain walks the sub-payloads of an SA, of which there may be many, without
// allocating.
type chain struct {
	next uint8
	rest []byte
}

// take returns the next payload; more is false at the end of the chain.
func (c *chain) take() (p Payload, more bool, err error) {
	if c.next == PayloadNone {
		return Payload{}, false, nil
	}
	p.Type = c.next
	if len(c.rest) < genericHeader {
		return Payload{}, false, malformed(p.Type, "header truncated")
	}
	n := int(binary.BigEndian.Uint16(c.rest[2:]))
	if n < genericHeader || n > len(c.rest) {
		return Payload{}, false, malformed(p.Type, "length %d of %d octets", n, len(c.rest))
	}
	p.Raw = c.rest[:n:n]
	p.Body = p.Raw[genericHeader:]
	c.next, c.rest = c.rest[0], c.rest[n:]
	return p, true, nil
}

// payloadList collects payloads to be written as one chain.
type payloadList []Payload

// add puts a payload at the end; body appends its body to what it is given.
func (l *payloadList) add(t uint8, body func([]byte) ([]byte, error)) error {
	b, err := body(nil)
	if err == nil && len(b) > 0xffff-genericHeader {
		err = malformed(t, "longer than 65535 octets")
	}
	if err != nil {
		return err
	}
	*l = append(*l, Payload{Type: t, Body: b})
	return nil
}

// put is add for a body at hand.
func (l *payloadList) put(t uint8, body []byte) { *l = append(*l, Payload{Type: t, Body: body}) }
