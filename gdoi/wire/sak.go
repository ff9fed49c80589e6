package wire

// The SA KEK payload (RFC 6407 section 5.3):
//
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	! Next Payload  !   RESERVED    !         Payload Length        !
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	!    Protocol   !  SRC ID Type  !         SRC ID Port           !
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	!SRC ID Data Len!          SRC Identification Data              ~
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	! DST ID Type   !         DST ID Port           !DST ID Data Len!
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	!                  DST Identification Data                      ~
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	~                        SPI (16 octets)                        ~
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	!                           RESERVED2                           !
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	~                        KEK Attributes                         ~

// KEK attributes (section 5.3.1, RFC 8263).
const (
	kekManagement  = 1
	kekAlgorithm   = 2
	kekKeyLength   = 3
	kekKeyLifetime = 4
	kekSigHash     = 5
	kekSigAlg      = 6
	kekSigKeyLen   = 7
	kekAck         = 9
)

const ipProtocolUDP = 17

// ParseSAK reads the body of a SAK. The lengths of its identifications have
// one octet; two are understood, and so are the six reserved octets of the
// oldest implementation.
func ParseSAK(b []byte) (SAK, error) {
	for _, width := range []int{1, 2} {
		for _, reserved := range []int{4, 6} {
			k, attrs, ok := layoutSAK(b, width, reserved)
			if !ok || countAttributes(attrs) < 0 {
				continue
			}
			var err error
			k.Attributes, err = parseAttributes(PayloadSAK, attrs)
			return k, err
		}
	}
	return SAK{}, malformed(PayloadSAK, "no layout fits its %d octets", len(b))
}

func layoutSAK(b []byte, width, reserved int) (k SAK, attrs []byte, ok bool) {
	if len(b) < 1 {
		return SAK{}, nil, false
	}
	k.Protocol = b[0]
	if k.Src, b, ok = readID(b[1:], width); !ok {
		return SAK{}, nil, false
	}
	if k.Dst, b, ok = readID(b, width); !ok {
		return SAK{}, nil, false
	}
	if len(b) < len(k.SPI)+reserved {
		return SAK{}, nil, false
	}
	copy(k.SPI[:], b)
	return k, b[len(k.SPI)+reserved:], true
}

// Append appends the body of the SAK.
func (k SAK) Append(dst []byte) ([]byte, error) {
	dst = append(dst, k.Protocol)
	dst, err := appendID(dst, PayloadSAK, k.Src, 1)
	if err != nil {
		return nil, err
	}
	if dst, err = appendID(dst, PayloadSAK, k.Dst, 1); err != nil {
		return nil, err
	}
	dst = append(dst, k.SPI[:]...)
	dst = append(dst, 0, 0, 0, 0)
	return appendAttributes(dst, k.Attributes)
}
