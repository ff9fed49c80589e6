package wire

import "encoding/binary"

// The SA TEK payload (RFC 6407 section 5.5) for ESP:
//
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	! Next Payload  !   RESERVED    !         Payload Length        !
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	!  Protocol-ID  !   Protocol    !  SRC ID Type  !  SRC ID Port  ~
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	~               !SRC ID Data Len (1 or 2 octets)!  SRC ID Data  ~
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	~ DST ID Type, Port, Data Len, Data as SRC      ! Transform ID  !
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	!                              SPI                              !
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	~                     RFC 2407 SA Attributes                    ~
//
// RFC 3547 writes the ID data length in one octet; readers of RFC 6407 write
// it in two. COTERIE_BYPASS is a deny ACE: protocol and two identifications
// with two-octet lengths, nothing behind them.

// Protocols of a SAT.
const (
	ProtoESP    = 1
	ProtoAH     = 2
	ProtoBypass = 129
)

// SA attributes (RFC 2407 section 4.5, RFC 6407 section 5.5.1.1) and ours from 32001 on.
const (
	satLifeType      = 1
	satLifeDuration  = 2
	satEncapsulation = 4
	satAuth          = 5
	satKeyLength     = 6
	satESN           = 11
	satPreservation  = 14
	satDirection     = 15

	PrivateTBARWindow    = 32001 // 4 octets: window of time-based anti-replay, ms
	PrivatePseudotime    = 32002 // 8 octets: ms
	PrivateTBAREncoding  = 32003 // B
	PrivateInlineTag     = 32004 // B
	PrivateVolume        = 32005 // 8 octets: remaining kilobytes, ignored
	PrivateReceiveOnly   = 32006 // B: 1, `sa receive-only`
	PrivatePolicyID      = 32007 // 4 octets: number of the `sa ipsec`
	PrivateCounterWindow = 32008 // B: counter-based replay window, 0 none; absent: 64
	PrivateSrcPorts      = 32011 // 2+2 octets: lowest and highest source port
	PrivateDstPorts      = 32012 // the same for the destination
)

// assignedSAAttribute says whether a type is one that may stand in a SAT; it
// helps to tell the two layouts apart.
func assignedSAAttribute(t uint16) bool { return t >= 1 && t <= 15 || t >= 32001 && t <= 32767 }

// parseSAT reads the body of a SAT; width is the width of the ID lengths as
// found, zero when the layout does not depend on it. The attributes of ESP are
// checked, and left in Raw.
func parseSAT(b []byte, prefer int) (t SAT, width int, err error) {
	if len(b) < 1 {
		return SAT{}, 0, malformed(PayloadSAT, "empty")
	}
	switch b[0] {
	case ProtoBypass:
		t, rest, ok := selectors(b, 2)
		if !ok || len(rest) != 0 {
			return SAT{}, 0, malformed(PayloadSAT, "bypass of %d octets", len(b))
		}
		return t, 0, nil
	case ProtoESP:
	default:
		return SAT{ProtocolID: b[0], Raw: b[1:len(b):len(b)]}, 0, nil
	}
	if width = onlyWidth(b); width == 0 {
		if width = 2; prefer == 1 {
			width = 1
		}
	}
	t, attrs, ok := layoutSAT(b, width)
	if !ok {
		return SAT{}, 0, malformed(PayloadSAT, "no layout fits its %d octets", len(b))
	}
	t.Raw = attrs
	_, err = checkAttributes(PayloadSAT, attrs)
	return t, width, err
}

// onlyWidth is the one layout in which the body of a SAT can be read: the
// lengths of its identifications have one octet or two. When both end well only
// one of them makes sense, as a rule. 0: both do, or none, or it has none.
func onlyWidth(b []byte) int {
	if len(b) == 0 || b[0] != ProtoESP {
		return 0
	}
	one, attrs1, ok1 := layoutSAT(b, 1)
	two, attrs2, ok2 := layoutSAT(b, 2)
	if ok1 && ok2 {
		ok1, ok2 = sensible(one, attrs1), sensible(two, attrs2)
	}
	switch {
	case ok1 == ok2:
		return 0
	case ok1:
		return 1
	}
	return 2
}

// selectors reads Protocol-ID, protocol and the two identifications.
func selectors(b []byte, width int) (t SAT, rest []byte, ok bool) {
	if len(b) < 2 {
		return SAT{}, nil, false
	}
	t.ProtocolID, t.Protocol = b[0], b[1]
	if t.Src, b, ok = readID(b[2:], width); !ok {
		return SAT{}, nil, false
	}
	t.Dst, b, ok = readID(b, width)
	return t, b, ok
}

func layoutSAT(b []byte, width int) (t SAT, attrs []byte, ok bool) {
	t, b, ok = selectors(b, width)
	if !ok || len(b) < 5 || countAttributes(b[5:]) < 0 {
		return SAT{}, nil, false
	}
	t.Transform, t.SPI = b[0], binary.BigEndian.Uint32(b[1:])
	return t, b[5:], true
}

// sensible is the second half of the rule that tells the widths apart:
// identifications of known types, a listed transform, a legal SPI, and only
// assigned attributes.
func sensible(t SAT, attrs []byte) bool {
	if idSize(t.Src.Type) < 0 || idSize(t.Dst.Type) < 0 || !listedTransform(t.Transform) || t.SPI < 256 {
		return false
	}
	for len(attrs) > 0 {
		n, size := binary.BigEndian.Uint16(attrs), 4
		if n&0x8000 == 0 {
			size += int(binary.BigEndian.Uint16(attrs[2:]))
		}
		if !assignedSAAttribute(n & 0x7fff) {
			return false
		}
		attrs = attrs[size:]
	}
	return true
}

// listedTransform tells the ESP transform identifiers that have been assigned.
func listedTransform(id uint8) bool { return id >= 1 && id <= 8 || id >= 11 && id <= 23 }

// Append appends the body of the SAT.
func (t SAT) Append(dst []byte, form Form) ([]byte, error) {
	dst = append(dst, t.ProtocolID)
	if t.ProtocolID != ProtoESP && t.ProtocolID != ProtoBypass {
		return append(dst, t.Raw...), nil
	}
	width := 2
	if form.TEKIDLength == 1 && t.ProtocolID == ProtoESP {
		width = 1
	}
	dst = append(dst, t.Protocol)
	dst, err := appendID(dst, PayloadSAT, t.Src, width)
	if err != nil {
		return nil, err
	}
	if dst, err = appendID(dst, PayloadSAT, t.Dst, width); err != nil || t.ProtocolID == ProtoBypass {
		return dst, err
	}
	dst = append(dst, t.Transform)
	dst = binary.BigEndian.AppendUint32(dst, t.SPI)
	return appendAttributes(dst, t.Attributes)
}
