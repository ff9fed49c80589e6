package gdoi_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"coterie/crypto/isakmp"
	"coterie/gdoi/gdoitest"
	"coterie/gdoi/wire"
)

// harm is one change of a message.
type harm struct {
	message int
	what    string
	change  func(first uint8, rest []byte) (uint8, []byte)
	nonce   []byte // of the message that was recorded, nil: it had none
}

// harms are the changes of one message of a recorded exchange: every length,
// size, count and type at its bounds, every truncation, with and without a
// payload length that says so, every payload, sub-payload and attribute twice,
// missing, empty, and as long as it gets.
func harms(message int, first uint8, rest []byte) (all []harm) {
	add := func(what string, change func(uint8, []byte) (uint8, []byte)) {
		all = append(all, harm{message, what, change, gdoitest.NonceOf(first, rest)})
	}
	replace := func(what string, b []byte) {
		add(what, func(f uint8, _ []byte) (uint8, []byte) { return f, b })
	}
	fields := func(n int) func(int, uint16) { // a field of n octets
		return func(at int, v uint16) {
			b := bytes.Clone(rest)
			if n == 1 {
				b[at] = uint8(v)
			} else {
				binary.BigEndian.PutUint16(b[at:], v)
			}
			replace(fmt.Sprintf("%d octets at %d are %d", n, at, v), b)
		}
	}
	for at := range rest {
		for _, v := range []uint16{0, 1, 0xff} {
			fields(1)(at, v)
		}
		if at+2 <= len(rest) {
			for _, v := range []uint16{0, 1, 3, 4, 5, 0x7fff, 65535, binary.BigEndian.Uint16(rest[at:]) + 1, binary.BigEndian.Uint16(rest[at:]) - 1} {
				fields(2)(at, v)
			}
		}
		replace(fmt.Sprintf("cut at %d", at), rest[:at:at])
	}
	list, err := isakmp.Payloads(first, rest)
	if err != nil {
		panic(err)
	}
	put := func(what string, list []isakmp.Payload) {
		f, b, err := isakmp.AppendChain(nil, list...)
		if err == nil {
			add(what, func(uint8, []byte) (uint8, []byte) { return f, b })
		}
	}
	for i, p := range list {
		with := func(q ...isakmp.Payload) []isakmp.Payload {
			return append(append(append([]isakmp.Payload{}, list[:i]...), q...), list[i+1:]...)
		}
		put(fmt.Sprintf("payload %d twice", i), with(p, p))
		put(fmt.Sprintf("payload %d missing", i), with())
		put(fmt.Sprintf("payload %d first and last", i), append(with(p), p))
		for n := range p.Body { // cut, and every length around it is right
			put(fmt.Sprintf("payload %d of %d octets", i, n), with(isakmp.Payload{Type: p.Type, Body: p.Body[:n]}))
		}
		for _, n := range []int{1, 1000, 60000} {
			put(fmt.Sprintf("payload %d and %d zeros", i, n), with(isakmp.Payload{Type: p.Type, Body: append(bytes.Clone(p.Body), make([]byte, n)...)}))
		}
		for t := range 256 {
			put(fmt.Sprintf("payload %d of type %d", i, t), with(isakmp.Payload{Type: uint8(t), Body: p.Body}))
		}
		for _, n := range []int{64, 1000, 10000} {
			many := with()
			for range n {
				many = append(many, isakmp.Payload{Type: p.Type, Body: p.Body[:min(len(p.Body), 4)]})
			}
			put(fmt.Sprintf("payload %d, %d times and short", i, n), many)
		}
		switch p.Type {
		case wire.PayloadSA:
			sa, form, err := wire.ParseSA(p.Body, wire.Form{})
			if err != nil {
				panic(err)
			}
			for what, sa := range harmedSAs(sa) {
				if b, err := sa.Append(nil, form); err == nil {
					put("SA with "+what, with(isakmp.Payload{Type: p.Type, Body: b}))
				}
			}
		case wire.PayloadGAP:
			attributes, err := isakmp.ParseAttributes(p.Body)
			if err != nil {
				panic(err)
			}
			harmedAttributes(attributes, func(what string, list []isakmp.Attribute) {
				if b, err := isakmp.AppendAttributes(nil, list); err == nil {
					put("GAP with "+what, with(isakmp.Payload{Type: p.Type, Body: b}))
				}
			})
		case wire.PayloadKD:
			kd, err := wire.ParseKD(p.Body)
			if err != nil {
				panic(err)
			}
			for what, kd := range harmedKDs(kd) {
				if b, err := wire.AppendKD(nil, kd); err == nil {
					put("KD with "+what, with(isakmp.Payload{Type: p.Type, Body: b}))
				}
			}
		}
	}
	return all
}

// harmedAttributes are a list of attributes in all the wrong ways.
func harmedAttributes(list []isakmp.Attribute, yield func(what string, list []isakmp.Attribute)) {
	for i, a := range list {
		with := func(q ...isakmp.Attribute) []isakmp.Attribute {
			return append(append(append([]isakmp.Attribute{}, list[:i]...), q...), list[i+1:]...)
		}
		name := func(what string, n int) string { return fmt.Sprintf("attribute %d %s %d", a.Type, what, n) }
		yield(name("twice", 2), with(a, a))
		yield(name("missing", 0), with())
		yield(name("last", 1), append(with(), a))
		for _, n := range []int{0, 1, 2, 3, 4, 8, 9, 15, 17, 31, 33, 255, 4096, 60000, 65535} {
			yield(name("of size", n), with(isakmp.Variable(a.Type, bytes.Repeat([]byte{0xa5}, n))))
			yield(name("and a copy of size", n), with(a, isakmp.Variable(a.Type, make([]byte, n))))
		}
		for _, v := range []uint16{0, 1, 2, 255, 256, 32767, 32768, 65535} {
			yield(name("of value", int(v)), with(isakmp.Basic(a.Type, v)))
		}
		for _, v := range []uint64{1 << 31, math.MaxUint32, 1 << 63, math.MaxUint64} {
			yield(name("of a value of 8 octets", int(v>>60)), with(isakmp.Variable(a.Type, binary.BigEndian.AppendUint64(nil, v))))
		}
		for _, t := range []uint16{0, 1, 12, 13, 14, 100, 32000, 32001, 32767} {
			b := a
			b.Type = t
			yield(name("as type", int(t)), with(b))
		}
		var many []isakmp.Attribute
		for range 3000 {
			many = append(many, a)
		}
		yield(name("many times", 3000), with(many...))
	}
}

func harmedSAs(sa wire.SA) map[string]wire.SA {
	out := map[string]wire.SA{}
	for i, k := range sa.SAK {
		harmedAttributes(k.Attributes, func(what string, list []isakmp.Attribute) {
			c := sa
			c.SAK = append([]wire.SAK{}, sa.SAK...)
			c.SAK[i].Attributes = list
			out["SAK "+what] = c
		})
		c := sa
		c.SAK = append(append([]wire.SAK{}, sa.SAK...), k)
		out["two SAKs"] = c
	}
	for i, s := range sa.SAT {
		harmedAttributes(s.Attributes, func(what string, list []isakmp.Attribute) {
			c := sa
			c.SAT = append([]wire.SAT{}, sa.SAT...)
			c.SAT[i].Attributes = list
			out[fmt.Sprintf("SAT %d %s", i, what)] = c
		})
		for _, n := range []int{2, 300, 5000} {
			for _, other := range []bool{false, true} { // of one SPI, of as many
				c := sa
				for j := range n {
					t := s
					if other {
						t.SPI += uint32(j)
					}
					c.SAT = append(c.SAT[:len(c.SAT):len(c.SAT)], t)
				}
				out[fmt.Sprintf("SAT %d %d times, other SPIs %v", i, n, other)] = c
			}
		}
	}
	harmedAttributes(sa.GAP, func(what string, list []isakmp.Attribute) {
		c := sa
		c.GAP = list
		out["GAP "+what] = c
	})
	c := sa
	c.SAK = nil
	out["no SAK"] = c
	c = sa
	c.SAT = nil
	out["no SAT"] = c
	return out
}

func harmedKDs(kd []wire.KeyPacket) map[string][]wire.KeyPacket {
	out := map[string][]wire.KeyPacket{"nothing": nil}
	for i, k := range kd {
		with := func(q ...wire.KeyPacket) []wire.KeyPacket {
			return append(append(append([]wire.KeyPacket{}, kd[:i]...), q...), kd[i+1:]...)
		}
		harmedAttributes(k.Attributes, func(what string, list []isakmp.Attribute) {
			c := k
			c.Attributes = list
			out[fmt.Sprintf("packet %d %s", i, what)] = with(c)
		})
		out[fmt.Sprintf("packet %d twice", i)] = with(k, k)
		out[fmt.Sprintf("packet %d missing", i)] = with()
		for _, n := range []int{0, 1, 3, 5, 15, 17, 255} {
			c := k
			c.SPI = make([]byte, n)
			out[fmt.Sprintf("packet %d SPI of %d", i, n)] = with(c)
		}
		for t := range 6 {
			c := k
			c.Type = uint8(t)
			out[fmt.Sprintf("packet %d of type %d", i, t)] = with(c)
		}
		many := make([]wire.KeyPacket, 0, 600)
		for range 600 {
			many = append(many, k)
		}
		out[fmt.Sprintf("packet %d 600 times", i)] = with(many...)
	}
	return out
}
