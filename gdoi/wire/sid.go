package wire

import (
	"encoding/binary"

	"coterie/crypto/isakmp"
	"coterie/gdoi/policy"
)

// Sender IDs (RFC 6054, RFC 6407 sections 5.4 and 5.6.4): a member asks for
// them with SENDER_ID_REQUEST in the GAP of PULL message 3, and message 4
// brings them in a key packet of type SID without SPI.

// Attributes of a SID key packet.
const (
	kdSIDBits  = 1 // NUMBER_OF_SID_BITS, B
	kdSIDValue = 2 // SID_VALUE, one attribute each
)

// MaxSenderIDs bounds what one registration asks for and gets.
const MaxSenderIDs = 32

// SenderIDRequest is the GAP of PULL message 3 that asks for n sender IDs; one
// is what a member gets without asking.
func SenderIDRequest(n int) []Attribute {
	if n <= 1 {
		return nil
	}
	return []Attribute{isakmp.Basic(gapSIDRequest, uint16(min(n, MaxSenderIDs)))}
}

// SenderIDsWanted reads the GAP of PULL message 3: 1 to MaxSenderIDs.
func SenderIDsWanted(gap []Attribute) int {
	v, ok := findNumber(gap, gapSIDRequest)
	if !ok {
		return 1
	}
	return int(min(max(v, 1), MaxSenderIDs))
}

// SenderIDPacket writes sender IDs as a key packet, values as four octets.
func SenderIDPacket(ids policy.SenderIDs) KeyPacket {
	p := KeyPacket{Type: KDSID, Attributes: []Attribute{isakmp.Basic(kdSIDBits, uint16(ids.Bits))}}
	for _, v := range ids.Values {
		p.Attributes = append(p.Attributes, isakmp.Variable(kdSIDValue, binary.BigEndian.AppendUint32(nil, v)))
	}
	return p
}

// SenderIDsOf reads the sender IDs of a KD; none is the zero value. A value
// that does not fit its bits, a second packet and a width that leaves no
// counter are errors.
func SenderIDsOf(kd []KeyPacket) (policy.SenderIDs, error) {
	var ids policy.SenderIDs
	for _, k := range kd {
		if k.Type != KDSID {
			continue
		}
		bits, ok := findNumber(k.Attributes, kdSIDBits)
		if !ok || bits < 1 || bits > 32 || ids.Bits != 0 {
			return policy.SenderIDs{}, badKeys("sender IDs of %d bits", bits)
		}
		ids.Bits = uint8(bits)
		for _, a := range k.Attributes {
			if a.Type != kdSIDValue {
				continue
			}
			v, ok := a.Uint()
			if !ok || v>>bits != 0 || len(ids.Values) == MaxSenderIDs {
				return policy.SenderIDs{}, badKeys("sender ID of %d octets", len(a.Value))
			}
			ids.Values = append(ids.Values, uint32(v))
		}
		if len(ids.Values) == 0 {
			return policy.SenderIDs{}, badKeys("no sender ID")
		}
	}
	return ids, nil
}
