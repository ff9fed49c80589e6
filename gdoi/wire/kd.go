package wire

import "encoding/binary"

// The Key Download payload (RFC 6407 section 5.6):
//
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	! Next Payload  !   RESERVED    !         Payload Length        !
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	!   Number of Key Packets       !          RESERVED2            !
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	~ Key packets, each:                                            ~
//	!   KD Type     !   RESERVED    !            KD Length          !
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	!   SPI Size    !  SPI, then Key Packet Attributes              ~

// Types of key packets.
const (
	KDTEK = 1
	KDKEK = 2
	KDLKH = 3
	KDSID = 4
)

// Attributes of TEK and KEK key packets.
const (
	kdTEKAlgorithmKey = 1
	kdTEKIntegrityKey = 2
	kdKEKAlgorithmKey = 1
	kdKEKSigKey       = 2
)

// Bounds of a KD: a group has a few TEKs of each `sa ipsec`, with two keys each.
const (
	maxKeyPackets   = 512
	maxKDAttributes = 2048
)

// ParseKD reads the body of a KD payload.
func ParseKD(b []byte) ([]KeyPacket, error) {
	if len(b) < 4 {
		return nil, malformed(PayloadKD, "%d octets", len(b))
	}
	n := int(binary.BigEndian.Uint16(b))
	b = b[4:]
	// The smallest packet has five octets.
	if n > len(b)/5 || n > maxKeyPackets {
		return nil, malformed(PayloadKD, "%d key packets in %d octets", n, len(b))
	}
	out := make([]KeyPacket, 0, n)
	packets, total := b, 0
	for range n {
		if len(b) < 5 {
			return nil, malformed(PayloadKD, "key packet truncated")
		}
		size, spi := int(binary.BigEndian.Uint16(b[2:])), int(b[4])
		if size > len(b) || size < 5+spi {
			return nil, malformed(PayloadKD, "key packet of %d octets", size)
		}
		attrs := b[5+spi : size]
		count, err := checkAttributes(PayloadKD, attrs)
		if err != nil {
			return nil, err
		}
		if total += count; total > maxKDAttributes {
			return nil, malformed(PayloadKD, "more than %d attributes", maxKDAttributes)
		}
		out = append(out, KeyPacket{Type: b[0], SPI: b[5 : 5+spi : 5+spi]})
		b = b[size:]
	}
	if len(b) != 0 {
		return nil, malformed(PayloadKD, "%d octets behind the last key packet", len(b))
	}
	var pool attributePool
	pool.grow(total)
	for i := range out {
		size := int(binary.BigEndian.Uint16(packets[2:]))
		out[i].Attributes = pool.read(packets[5+len(out[i].SPI) : size])
		packets = packets[size:]
	}
	return out, nil
}

// AppendKD appends the body of a KD payload.
func AppendKD(dst []byte, packets []KeyPacket) ([]byte, error) {
	if len(packets) > 0xffff {
		return nil, malformed(PayloadKD, "too many key packets")
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(packets)))
	dst = append(dst, 0, 0)
	for _, p := range packets {
		if len(p.SPI) > 0xff {
			return nil, malformed(PayloadKD, "SPI of %d octets", len(p.SPI))
		}
		at := len(dst)
		dst = append(dst, p.Type, 0, 0, 0, byte(len(p.SPI)))
		dst = append(dst, p.SPI...)
		var err error
		if dst, err = appendAttributes(dst, p.Attributes); err != nil {
			return nil, err
		}
		if len(dst)-at > 0xffff {
			return nil, malformed(PayloadKD, "key packet longer than 65535 octets")
		}
		binary.BigEndian.PutUint16(dst[at+2:], uint16(len(dst)-at))
	}
	return dst, nil
}
