package keyserver

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"time"
)

// errRecord says that a stored record is not one that this program wrote.
var errRecord = errors.New("the record is damaged")

// octets writes the values of a record one after another, big-endian; what has
// no fixed size has its length in front.
type octets []byte

func (o *octets) u8(v uint8)               { *o = append(*o, v) }
func (o *octets) u16(v uint16)             { *o = binary.BigEndian.AppendUint16(*o, v) }
func (o *octets) u32(v uint32)             { *o = binary.BigEndian.AppendUint32(*o, v) }
func (o *octets) u64(v uint64)             { *o = binary.BigEndian.AppendUint64(*o, v) }
func (o *octets) duration(d time.Duration) { o.u64(uint64(d)) }

func (o *octets) flag(v bool) {
	if v {
		o.u8(1)
	} else {
		o.u8(0)
	}
}

// bytes is at most 65,535 octets.
func (o *octets) bytes(v []byte) {
	o.u16(uint16(len(v)))
	*o = append(*o, v...)
}

func (o *octets) text(v string) { o.bytes([]byte(v)) }

// time is nanoseconds since 1970, 0 for the zero time.
func (o *octets) time(t time.Time) {
	if t.IsZero() {
		o.u64(0)
	} else {
		o.u64(uint64(t.UnixNano()))
	}
}

// addr has its length in front: 0, 4 or 16.
func (o *octets) addr(a netip.Addr) {
	b := a.AsSlice()
	o.u8(uint8(len(b)))
	*o = append(*o, b...)
}

func (o *octets) addrPort(a netip.AddrPort) {
	o.addr(a.Addr())
	o.u16(a.Port())
}

// reader takes a record apart. After the first thing that is wrong every value
// is zero; done tells.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n > len(r.b) {
		r.bad = true
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) u8() uint8 {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) u16() uint16 {
	if b := r.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *reader) u32() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *reader) u64() uint64 {
	if b := r.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (r *reader) flag() bool {
	v := r.u8()
	r.bad = r.bad || v > 1
	return v == 1
}

func (r *reader) bytes() []byte {
	n := int(r.u16())
	if b := r.take(n); len(b) > 0 {
		return append([]byte(nil), b...)
	}
	return nil
}

func (r *reader) text() string { return string(r.bytes()) }

func (r *reader) time() time.Time {
	if n := int64(r.u64()); n != 0 {
		return time.Unix(0, n).UTC()
	}
	return time.Time{}
}

// duration is never negative.
func (r *reader) duration() time.Duration {
	d := time.Duration(r.u64())
	r.bad = r.bad || d < 0
	return max(d, 0)
}

func (r *reader) addr() netip.Addr {
	n := int(r.u8())
	r.bad = r.bad || n != 0 && n != 4 && n != 16
	a, _ := netip.AddrFromSlice(r.take(n))
	return a
}

func (r *reader) addrPort() netip.AddrPort {
	a := r.addr()
	return netip.AddrPortFrom(a, r.u16())
}

// count is a number of things of at least size octets each that follow.
func (r *reader) count(size int) int {
	n := int(r.u16())
	if n*size > len(r.b) {
		r.bad = true
		return 0
	}
	return n
}

// done says whether everything was there and nothing else.
func (r *reader) done() error {
	if r.bad || len(r.b) != 0 {
		return errRecord
	}
	return nil
}
