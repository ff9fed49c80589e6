package isakmp

import (
	"slices"

	"golang.org/x/crypto/cryptobyte"
)

// Security Association, Proposal and Transform (RFC 2408 sections 3.4 to 3.6).
//
//	|              Domain of Interpretation (DOI)                   |
//	|                           Situation                           |   then proposals:
//	| Proposal #    |  Protocol-Id  |   SPI Size    |# of Transforms|
//	|                        SPI (variable)                         |   then transforms:
//	|  Transform #  |  Transform-Id |           RESERVED2           |
//	|                        SA Attributes                          |

// Domains of interpretation in a phase-1 SA.
const (
	DOIISAKMP = 0
	DOIIPsec  = 1
	DOIGDOI   = 2
)

// ProtoISAKMP is the protocol ID of phase 1; transformKeyIKE its one transform.
const (
	ProtoISAKMP     = 1
	transformKeyIKE = 1
)

// SAPayload is the body of an SA payload of phase 1.
type SAPayload struct {
	DOI, Situation uint32
	Proposals      []Proposal
}

// Proposal is one proposal with its alternatives in order.
type Proposal struct {
	Number, Protocol uint8
	SPI              []byte
	Transforms       []Transform
}

// Transform is one alternative.
type Transform struct {
	Number, ID uint8
	Attributes []Attribute
}

// ParseSA reads the body of an SA payload; octet strings alias it.
func ParseSA(body []byte) (SAPayload, error) {
	var sa SAPayload
	s := cryptobyte.String(body)
	if !s.ReadUint32(&sa.DOI) || !s.ReadUint32(&sa.Situation) {
		return SAPayload{}, malformed("SA payload of %d octets", len(body))
	}
	var room [1]Payload // of what everybody sends
	proposals, err := chainOf(room[:0], PayloadProposal, s)
	if err != nil {
		return SAPayload{}, err
	}
	total := 0
	for _, raw := range proposals {
		p, err := parseProposal(raw.Body)
		if err != nil {
			return SAPayload{}, err
		}
		if total += len(p.Transforms); total > MaxPayloads {
			return SAPayload{}, malformed("more than %d transforms", MaxPayloads)
		}
		sa.Proposals = append(sa.Proposals, p)
	}
	return sa, nil
}

func parseProposal(body []byte) (Proposal, error) {
	var p Proposal
	var spiSize, count uint8
	s := cryptobyte.String(body)
	if !s.ReadUint8(&p.Number) || !s.ReadUint8(&p.Protocol) || !s.ReadUint8(&spiSize) || !s.ReadUint8(&count) ||
		!s.ReadBytes(&p.SPI, int(spiSize)) {
		return Proposal{}, malformed("proposal of %d octets", len(body))
	}
	var room [8]Payload // of what most send
	transforms, err := chainOf(room[:0], PayloadTransform, s)
	if err != nil {
		return Proposal{}, err
	}
	if len(transforms) != int(count) {
		return Proposal{}, malformed("%d transforms, %d announced", len(transforms), count)
	}
	p.Transforms = slices.Grow(p.Transforms, len(transforms))
	for _, raw := range transforms {
		t, err := parseTransform(raw.Body)
		if err != nil {
			return Proposal{}, err
		}
		p.Transforms = append(p.Transforms, t)
	}
	return p, nil
}

func parseTransform(body []byte) (Transform, error) {
	var t Transform
	var reserved uint16
	s := cryptobyte.String(body)
	if !s.ReadUint8(&t.Number) || !s.ReadUint8(&t.ID) || !s.ReadUint16(&reserved) {
		return Transform{}, malformed("transform of %d octets", len(body))
	}
	var err error
	t.Attributes, err = ParseAttributes(s)
	return t, err
}

// chainOf reads a chain of one payload type that fills b exactly, into list.
func chainOf(list []Payload, t uint8, b []byte) ([]Payload, error) {
	if len(b) == 0 {
		return nil, nil
	}
	list, err := AppendPayloads(list, t, b)
	if err != nil {
		return nil, err
	}
	for _, p := range list {
		if p.Type != t {
			return nil, malformed("payload %d among payloads %d", p.Type, t)
		}
	}
	if n := ChainLen(list); n != len(b) {
		return nil, malformed("%d octets behind the last payload %d", len(b)-n, t)
	}
	return list, nil
}

// Append appends the body of the SA payload.
func (sa SAPayload) Append(b []byte) ([]byte, error) {
	c := cryptobyte.NewBuilder(b)
	c.AddUint32(sa.DOI)
	c.AddUint32(sa.Situation)
	b = c.BytesOrPanic() // nothing above can fail
	var chain []Payload
	for _, p := range sa.Proposals {
		body, err := p.append(nil)
		if err != nil {
			return nil, err
		}
		chain = append(chain, Payload{Type: PayloadProposal, Body: body})
	}
	_, b, err := AppendChain(b, chain...)
	return b, err
}

func (p Proposal) append(b []byte) ([]byte, error) {
	if len(p.SPI) > 255 || len(p.Transforms) > 255 {
		return nil, malformed("proposal with %d transforms", len(p.Transforms))
	}
	b = append(b, p.Number, p.Protocol, uint8(len(p.SPI)), uint8(len(p.Transforms)))
	b = append(b, p.SPI...)
	var chain []Payload
	for _, t := range p.Transforms {
		body, err := AppendAttributes([]byte{t.Number, t.ID, 0, 0}, t.Attributes)
		if err != nil {
			return nil, err
		}
		chain = append(chain, Payload{Type: PayloadTransform, Body: body})
	}
	_, b, err := AppendChain(b, chain...)
	return b, err
}
