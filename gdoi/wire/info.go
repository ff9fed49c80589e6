package wire

import (
	"encoding/binary"
	"strings"
)

// Member information is our private payload (type 200) in PULL messages 1 and
// 3, sent only to a peer whose phase 1 carried our Vendor ID:
//
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	!      'C'      !      'O'      !      'T'      !      'R'      !
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	!  version = 1  !   type = 0    !  TLVs: type (2), length (2),  ~
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+  value, no padding            ~

const (
	infoMagic        = "COTR"
	infoVersion      = 1
	infoTypeMember   = 0
	infoTLVVersion   = 10
	infoTLVCapable   = 14
	infoTLVHostname  = 15
	maxInfoStringLen = 64
)

// Info is what a member tells about itself. Its strings are printable ASCII of
// at most 64 octets.
type Info struct {
	Version      string // GETVPN software version, "1.0.27"
	Hostname     string
	Capabilities uint32 // as in our Vendor ID
}

// ParseInfo reads the body of a member information payload. Unknown TLVs are
// skipped; it does not alias its input.
func ParseInfo(b []byte) (Info, error) {
	if len(b) < 6 || string(b[:4]) != infoMagic {
		return Info{}, malformed(PayloadCoterie, "not ours")
	}
	if b[4] != infoVersion || b[5] != infoTypeMember {
		return Info{}, malformed(PayloadCoterie, "version %d type %d", b[4], b[5])
	}
	var in Info
	for b = b[6:]; len(b) > 0; {
		if len(b) < 4 {
			return Info{}, malformed(PayloadCoterie, "TLV truncated")
		}
		t, n := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		if n > len(b)-4 {
			return Info{}, malformed(PayloadCoterie, "TLV %d of %d octets", t, n)
		}
		v := b[4 : 4+n]
		b = b[4+n:]
		switch t {
		case infoTLVVersion:
			in.Version = infoString(v)
		case infoTLVHostname:
			in.Hostname = infoString(v)
		case infoTLVCapable:
			if len(v) != 4 {
				return Info{}, malformed(PayloadCoterie, "capabilities of %d octets", len(v))
			}
			in.Capabilities = binary.BigEndian.Uint32(v)
		}
	}
	return in, nil
}

// Append appends the body of the payload.
func (in Info) Append(dst []byte) ([]byte, error) {
	dst = append(dst, infoMagic...)
	dst = append(dst, infoVersion, infoTypeMember)
	tlv := func(t uint16, v []byte) {
		dst = binary.BigEndian.AppendUint16(dst, t)
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(v)))
		dst = append(dst, v...)
	}
	if in.Version != "" {
		tlv(infoTLVVersion, []byte(infoString([]byte(in.Version))))
	}
	tlv(infoTLVCapable, binary.BigEndian.AppendUint32(nil, in.Capabilities))
	if in.Hostname != "" {
		tlv(infoTLVHostname, []byte(infoString([]byte(in.Hostname))))
	}
	return dst, nil
}

// infoString keeps a peer's text short and printable.
func infoString(b []byte) string {
	if len(b) > maxInfoStringLen {
		b = b[:maxInfoStringLen]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '.'
		}
		return r
	}, string(b))
}
