package isakmp

import "golang.org/x/crypto/cryptobyte"

// Delete (RFC 2408 section 3.15):
//
//	|              Domain of Interpretation  (DOI)                  |
//	|  Protocol-Id  |   SPI Size    |           # of SPIs           |
//	|               Security Parameter Index(es) (SPI)              |

// Delete is the body of a Delete payload. All SPIs have one length.
type Delete struct {
	DOI      uint32
	Protocol uint8
	SPIs     [][]byte
}

// minSPI is the shortest SPI there is, that of ESP.
const minSPI = 4

// ParseDelete reads the body; the SPIs are copies.
func ParseDelete(body []byte) (Delete, error) {
	var d Delete
	var size uint8
	var count uint16
	s := cryptobyte.String(body)
	if !s.ReadUint32(&d.DOI) || !s.ReadUint8(&d.Protocol) || !s.ReadUint8(&size) || !s.ReadUint16(&count) {
		return Delete{}, malformed("delete of %d octets", len(body))
	}
	if size < minSPI && count != 0 || int(size)*int(count) != len(s) {
		return Delete{}, malformed("delete of %d SPIs of %d octets in %d", count, size, len(s))
	}
	all := append([]byte(nil), s...)
	if count > 0 {
		d.SPIs = make([][]byte, count)
		for i := range d.SPIs {
			d.SPIs[i], all = all[:size:size], all[size:]
		}
	}
	return d, nil
}

// Append appends the body of the Delete payload.
func (d Delete) Append(b []byte) ([]byte, error) {
	size := 0
	if len(d.SPIs) > 0 {
		size = len(d.SPIs[0])
	}
	if size > 255 || len(d.SPIs) > 0xffff || size < minSPI && len(d.SPIs) > 0 {
		return nil, malformed("delete of %d SPIs of %d octets", len(d.SPIs), size)
	}
	c := cryptobyte.NewBuilder(b)
	c.AddUint32(d.DOI)
	c.AddUint8(d.Protocol)
	c.AddUint8(uint8(size))
	c.AddUint16(uint16(len(d.SPIs)))
	for _, spi := range d.SPIs {
		if len(spi) != size {
			return nil, malformed("SPIs of %d and %d octets in one delete", size, len(spi))
		}
		c.AddBytes(spi)
	}
	return c.BytesOrPanic(), nil // nothing above can fail
}
