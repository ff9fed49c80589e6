package isakmp

import "golang.org/x/crypto/cryptobyte"

// Notification (RFC 2408 section 3.14):
//
//	|              Domain of Interpretation  (DOI)                  |
//	|  Protocol-ID  |   SPI Size    |      Notify Message Type      |
//	|                Security Parameter Index (SPI)                 |
//	|                       Notification Data                       |

// Notify message types (RFC 2408 section 3.14.1, RFC 2407 section 4.6.3,
// RFC 3706 section 5.2).
const (
	NotifyInvalidPayloadType   = 1
	NotifyDOINotSupported      = 2
	NotifyInvalidCookie        = 4
	NotifyInvalidExchangeType  = 7
	NotifyInvalidSPI           = 11
	NotifyNoProposalChosen     = 14
	NotifyPayloadMalformed     = 16
	NotifyInvalidID            = 18
	NotifyInvalidHash          = 23
	NotifyAuthenticationFailed = 24
	NotifyInvalidSignature     = 25
	NotifyResponderLifetime    = 24576
	NotifyInitialContact       = 24578
	NotifyRUThere              = 36136
	NotifyRUThereAck           = 36137
)

// Notify is the body of a Notification payload.
type Notify struct {
	DOI      uint32
	Protocol uint8
	SPI      []byte
	Type     uint16
	Data     []byte
}

// ParseNotify reads the body; octet strings are copies.
func ParseNotify(body []byte) (Notify, error) {
	var n Notify
	var spiSize uint8
	s := cryptobyte.String(body)
	if !s.ReadUint32(&n.DOI) || !s.ReadUint8(&n.Protocol) || !s.ReadUint8(&spiSize) || !s.ReadUint16(&n.Type) {
		return Notify{}, malformed("notification of %d octets", len(body))
	}
	if int(spiSize) > len(s) {
		return Notify{}, malformed("notification with an SPI of %d in %d octets", spiSize, len(s))
	}
	n.SPI = append([]byte(nil), s[:spiSize]...)
	n.Data = append([]byte(nil), s[spiSize:]...)
	return n, nil
}

// Append appends the body of the Notification payload.
func (n Notify) Append(b []byte) ([]byte, error) {
	if len(n.SPI) > 255 {
		return nil, malformed("SPI of %d octets", len(n.SPI))
	}
	c := cryptobyte.NewBuilder(b)
	c.AddUint32(n.DOI)
	c.AddUint8(n.Protocol)
	c.AddUint8(uint8(len(n.SPI)))
	c.AddUint16(n.Type)
	c.AddBytes(n.SPI)
	c.AddBytes(n.Data)
	return c.BytesOrPanic(), nil // nothing above can fail
}
