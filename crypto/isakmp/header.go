package isakmp

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
)

// ErrMalformed is wrapped by every error of this codec: the octets are not
// what RFC 2408 describes.
var ErrMalformed = errors.New("malformed ISAKMP message")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// ISAKMP header (RFC 2408 section 3.1):
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                       Initiator Cookie                        |
//	|                                                               |
//	|                       Responder Cookie                        |
//	|                                                               |
//	|  Next Payload | Major | Minor | Exchange Type |     Flags     |
//	|                          Message ID                           |
//	|                            Length                             |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

// HeaderLen is the length of the ISAKMP header in octets.
const HeaderLen = 28

// Version is the version octet of IKEv1: major 1, minor 0.
const Version = 0x10

// Flags of the header.
const (
	FlagEncryption = 1 << 0
	FlagCommit     = 1 << 1
	FlagAuthOnly   = 1 << 2
)

// Cookie is the cookie of one side.
type Cookie [8]byte

// Header is the fixed part of a message.
type Header struct {
	InitiatorCookie, ResponderCookie Cookie

	Next      uint8 // type of the first payload
	Version   uint8
	Exchange  uint8
	Flags     uint8
	MessageID uint32
	Length    uint32 // of the whole message, padding included
}

// ParseHeader reads the header of a datagram and returns what Length says
// follows it, aliasing b. A version other than 1.x is an error.
func ParseHeader(b []byte) (Header, []byte, error) {
	var h Header
	s := cryptobyte.String(b)
	if !s.CopyBytes(h.InitiatorCookie[:]) || !s.CopyBytes(h.ResponderCookie[:]) ||
		!s.ReadUint8(&h.Next) || !s.ReadUint8(&h.Version) || !s.ReadUint8(&h.Exchange) || !s.ReadUint8(&h.Flags) ||
		!s.ReadUint32(&h.MessageID) || !s.ReadUint32(&h.Length) {
		return Header{}, nil, malformed("datagram of %d octets", len(b))
	}
	if h.Version>>4 != Version>>4 {
		return Header{}, nil, malformed("version %#02x", h.Version)
	}
	if h.Length < HeaderLen || uint64(h.Length) > uint64(len(b)) {
		return Header{}, nil, malformed("length %d in a datagram of %d octets", h.Length, len(b))
	}
	if h.InitiatorCookie == (Cookie{}) {
		return Header{}, nil, malformed("initiator cookie is zero")
	}
	return h, b[HeaderLen:h.Length:h.Length], nil
}

// Append appends the header; the caller has set Length.
func (h Header) Append(b []byte) []byte {
	b = append(append(b, h.InitiatorCookie[:]...), h.ResponderCookie[:]...)
	b = append(b, h.Next, h.Version, h.Exchange, h.Flags)
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, h.MessageID), h.Length)
}
