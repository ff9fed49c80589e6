package wire

import "encoding/binary"

// ParseSEQ reads the body of a SEQ payload (RFC 6407 section 5.7): four octets.
func ParseSEQ(b []byte) (uint32, error) {
	if len(b) != 4 {
		return 0, malformed(PayloadSEQ, "%d octets", len(b))
	}
	return binary.BigEndian.Uint32(b), nil
}

// AppendSEQ appends the body of a SEQ payload.
func AppendSEQ(dst []byte, seq uint32) []byte { return binary.BigEndian.AppendUint32(dst, seq) }
