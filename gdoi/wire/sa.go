package wire

import (
	"bytes"
	"cmp"
	"encoding/binary"

	"coterie/crypto/isakmp"
)

// The SA payload of the GDOI DOI (RFC 6407 section 5.2):
//
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	! Next Payload  !   RESERVED    !         Payload Length        !
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	!                              DOI                              !
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	!                           Situation                           !
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	! SA Attribute Next Payload     !          RESERVED2            !
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	~              SAK, GAP, SAT payloads, in any order             ~

// ParseSA reads the body of an SA payload. prefer says which width of the TEK
// ID lengths to take when both fit; the form comes back as found, so that it
// can be remembered for the peer.
func ParseSA(b []byte, prefer Form) (SA, Form, error) {
	if len(b) < 12 {
		return SA{}, prefer, malformed(PayloadSA, "%d octets", len(b))
	}
	if doi := binary.BigEndian.Uint32(b); doi != DOI {
		return SA{}, prefer, &Error{Notify: NotifyDOINotSupported, Payload: PayloadSA, Reason: "not of the GDOI DOI"}
	}
	if binary.BigEndian.Uint32(b[4:]) != 0 {
		return SA{}, prefer, &Error{Notify: NotifySituationNotSupported, Payload: PayloadSA, Reason: "situation is not 0"}
	}
	first := binary.BigEndian.Uint16(b[8:])
	if first > 0xff {
		return SA{}, prefer, malformed(PayloadSA, "first sub-payload %d", first)
	}
	// Counted first and then allocated once, so that memory stays in
	// proportion to the message.
	var sak, sat, gap, gapOctets, other int
	form := prefer
	c := chain{uint8(first), b[12:]}
	for {
		p, more, err := c.take()
		if err != nil {
			return SA{}, prefer, err
		}
		if !more {
			break
		}
		switch p.Type {
		case PayloadSAK:
			sak++
		case PayloadSAT:
			sat++
			if form.TEKIDLength == prefer.TEKIDLength { // one that is plain tells how to read the others
				form.TEKIDLength = cmp.Or(onlyWidth(p.Body), prefer.TEKIDLength)
			}
			if len(p.Body) > 0 && p.Body[0] != ProtoESP && p.Body[0] != ProtoBypass {
				other++ // kept as it is, however short
			}
		case PayloadGAP:
			n, err := checkAttributes(PayloadGAP, p.Body)
			if err != nil {
				return SA{}, prefer, err
			}
			gap += n
			gapOctets += len(p.Body)
		default:
			other++
		}
	}
	if len(c.rest) != 0 {
		return SA{}, prefer, malformed(PayloadSA, "%d octets behind the last sub-payload", len(c.rest))
	}
	if sak > maxSAKs || sat > maxSATs || other > isakmp.MaxPayloads {
		return SA{}, prefer, malformed(PayloadSA, "too many sub-payloads")
	}
	if gap > maxAttributes || gapOctets > maxBody {
		return SA{}, prefer, malformed(PayloadGAP, "%d attributes of %d octets", gap, gapOctets)
	}
	var sa SA
	if sak > 0 {
		sa.SAK = make([]SAK, 0, sak)
	}
	if sat > 0 {
		sa.SAT = make([]SAT, 0, sat)
	}
	if other > 0 {
		sa.Other = make([]Payload, 0, other)
	}
	var gaps attributePool
	if gap > 0 {
		gaps.grow(gap)
	}
	found := 0
	for c = (chain{uint8(first), b[12:]}); ; {
		p, more, _ := c.take()
		if !more {
			break
		}
		switch p.Type {
		case PayloadSAK:
			k, err := ParseSAK(p.Body)
			if err != nil {
				return SA{}, prefer, err
			}
			sa.SAK = append(sa.SAK, k)
		case PayloadSAT:
			t, width, err := parseSAT(p.Body, form.TEKIDLength)
			if err != nil {
				return SA{}, prefer, err
			}
			if width != 0 && found != 0 && width != found {
				return SA{}, prefer, malformed(PayloadSAT, "identifications in both layouts")
			}
			if width != 0 {
				form.TEKIDLength, found = width, width
			}
			sa.SAT = append(sa.SAT, t)
		case PayloadGAP:
			gaps.read(p.Body)
		default:
			sa.Other = append(sa.Other, p)
		}
	}
	if gap > 0 {
		sa.GAP = gaps.free
	}
	if err := readSATAttributes(sa.SAT); err != nil {
		return SA{}, prefer, err
	}
	return sa, form, nil
}

// Bounds of an SA. The ACEs of one SPI have the same attributes, so that the
// lists that differ are as few as the SPIs.
const (
	maxSAKs          = 16
	maxSATs          = 1024
	maxSATAttributes = 4096
	maxBody          = 0xffff - 4 // octets of one payload; several GAPs are written as one
)

// readSATAttributes reads what parseSAT has left in Raw. Neighbours with the
// same attributes share one list.
func readSATAttributes(sats []SAT) error {
	total := 0
	var last []byte
	for _, t := range sats {
		if t.ProtocolID == ProtoESP && !bytes.Equal(t.Raw, last) {
			last = t.Raw
			total += countAttributes(last)
		}
	}
	if total > maxSATAttributes {
		return malformed(PayloadSAT, "more than %d attributes", maxSATAttributes)
	}
	var pool attributePool
	pool.grow(total)
	var list []Attribute
	last = nil
	for i := range sats {
		t := &sats[i]
		if t.ProtocolID != ProtoESP {
			continue
		}
		if !bytes.Equal(t.Raw, last) {
			last, list = t.Raw, pool.read(t.Raw)
		}
		t.Attributes, t.Raw = list, nil
	}
	return nil
}

// Append appends the body of the SA payload: SAK, SAT, GAP, others.
func (sa SA) Append(dst []byte, form Form) ([]byte, error) {
	var l payloadList
	for _, k := range sa.SAK {
		if err := l.add(PayloadSAK, k.Append); err != nil {
			return nil, err
		}
	}
	for _, t := range sa.SAT {
		if err := l.add(PayloadSAT, func(d []byte) ([]byte, error) { return t.Append(d, form) }); err != nil {
			return nil, err
		}
	}
	if len(sa.GAP) > 0 {
		if err := l.add(PayloadGAP, func(d []byte) ([]byte, error) { return appendAttributes(d, sa.GAP) }); err != nil {
			return nil, err
		}
	}
	first, nest, err := isakmp.AppendChain(nil, append(l, sa.Other...)...)
	if err != nil {
		return nil, err
	}
	dst = binary.BigEndian.AppendUint32(dst, DOI)
	dst = binary.BigEndian.AppendUint32(dst, 0)
	dst = binary.BigEndian.AppendUint16(dst, uint16(first))
	dst = binary.BigEndian.AppendUint16(dst, 0)
	return append(dst, nest...), nil
}
