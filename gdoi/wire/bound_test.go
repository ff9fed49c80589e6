package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"

	"pgregory.net/rapid"

	"coterie/crypto/suite"
	"coterie/gdoi/policy"
	"coterie/internal/secret"
)

// parsers are all of the package, each fed a message in the clear.
func parsers(b []byte) map[string]func() {
	kek := policy.KEK{Cipher: suite.AES128, IV: secret.New(make([]byte, 16)), Key: secret.New(make([]byte, 16))}
	push := append(pushHeader(kek.SPI, PayloadSEQ, 33, 0, len(b)), b...)
	ack := append(pushHeader(kek.SPI, PayloadHash, 35, 0, len(b)), b...)
	out := map[string]func(){
		"SA":     func() { _, _, _ = ParseSA(b, Form{}) },
		"SAK":    func() { _, _ = ParseSAK(b) },
		"KD":     func() { kd, _ := ParseKD(b); _, _ = SenderIDsOf(kd) },
		"Delete": func() { _, _ = ParseDelete(b) },
		"Info":   func() { _, _ = ParseInfo(b) },
		"SEQ":    func() { _, _ = ParseSEQ(b) },
		"ID":     func() { id, _ := parseIdentity(b); Group(id) },
		"chain":  func() { _, _, _ = parsePayloads(nil, PayloadHash, b) },
		"push":   func() { _, _ = ParsePush(kek, push, Form{}) },
		"ack":    func() { _, _ = ParseAck(ack) },
	}
	for _, m := range pulls {
		out[m.name] = func() { _ = m.parse(acceptAll, PayloadHash, b) }
	}
	delete(out, "message 2") // its parser here decodes the policy too
	out["message 2"] = func() { _, _ = ParsePull2(acceptAll, 1, nil, PayloadHash, b, Form{}) }
	return out
}

// checkBound is the law: one Parse allocates at most 64 KiB and eight times its
// input.
func checkBound(t interface {
	Helper()
	Errorf(string, ...any)
}, b []byte) {
	t.Helper()
	for what, parse := range parsers(b) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		parse()
		runtime.ReadMemStats(&after)
		if got, limit := after.TotalAlloc-before.TotalAlloc, uint64(64<<10+8*len(b)); got > limit {
			t.Errorf("%s: %d octets for a message of %d, limit %d", what, got, len(b), limit)
		}
	}
}

func generic(next uint8, body []byte) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{next, 0}, uint16(4+len(body))), body...)
}

// chained repeats payloads of one type until size octets are full.
func chained(t uint8, body func(i int) []byte, size int) []byte {
	var list [][]byte
	for n := 0; ; {
		p := body(len(list))
		if n += 4 + len(p); n > size {
			break
		}
		list = append(list, p)
	}
	var b []byte
	for i, p := range list {
		next := t
		if i == len(list)-1 {
			next = PayloadNone
		}
		b = append(b, generic(next, p)...)
	}
	return b
}

func saOf(first uint8, chain []byte) []byte {
	return append([]byte{0, 0, 0, 2, 0, 0, 0, 0, 0, first, 0, 0}, chain...)
}

// attributes are n basic ones; salt makes lists differ.
func attributes(n, salt int) []byte {
	var b []byte
	for i := range n {
		b = append(b, 0x80, byte(i%15+1), byte(salt>>8), byte(salt))
	}
	return b
}

// sat is the shortest ESP SAT with n attributes.
func sat(n, salt int) []byte {
	return append([]byte{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 0, 0, 1, 1}, attributes(n, salt)...)
}

func bypass(int) []byte { return []byte{129, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0} }

func kd(packets, attrs int) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(packets))
	b = append(b, 0, 0)
	for i := range packets {
		a := attributes(attrs, i)
		b = append(b, 1, 0, byte((5+len(a))>>8), byte(5+len(a)), 0)
		b = append(b, a...)
	}
	return b
}

// pushOf wraps an SA and a KD as the payloads of a rekey.
func pushOf(sa, kd []byte) []byte {
	b := generic(PayloadSA, []byte{0, 0, 0, 1})
	b = append(b, generic(PayloadKD, sa)...)
	b = append(b, generic(PayloadSig, kd)...)
	return append(b, generic(PayloadNone, make([]byte, 16))...)
}

func pullOf(first uint8, body []byte) []byte {
	b := append(generic(PayloadNonce, make([]byte, 20)), generic(first, make([]byte, 8))...)
	return append(b, generic(PayloadNone, body)...)
}

// The messages that cost most for their size.
func TestAllocationBound(t *testing.T) {
	cases := map[string][]byte{"zeros": make([]byte, 0xffff), "ones": bytes.Repeat([]byte{0xff}, 0xffff)}
	for _, size := range []int{600, 5000, 20000, 49000, 0xff00} {
		name := func(what string, n int) string { return fmt.Sprintf("%s of %d in %d", what, n, size) }
		for _, n := range []int{0, 1, 3, 9, 17, 25, 33, 49, 63} {
			sa := saOf(PayloadSAT, chained(PayloadSAT, func(i int) []byte { return sat(n, i) }, size))
			cases[name("SATs", n)] = sa
			keys := kd(max(1, size/(5+4*n)), n)
			cases[name("KD", n)] = keys
			if len(sa)+len(keys) < 0xfe00 {
				cases[name("push", n)] = pushOf(sa, keys)
			}
			if len(sa) < 0xfe00 {
				cases[name("message 2", n)] = pullOf(PayloadSA, sa)
			}
		}
		cases[name("bypass", 0)] = saOf(PayloadSAT, chained(PayloadSAT, bypass, size))
		cases[name("unknown SATs", 0)] = saOf(PayloadSAT, chained(PayloadSAT, func(int) []byte { return []byte{7} }, size))
		cases[name("GAPs", 1)] = saOf(PayloadGAP, chained(PayloadGAP, func(i int) []byte { return attributes(1, i) }, size))
		cases[name("GAPs", 0)] = saOf(PayloadGAP, chained(PayloadGAP, func(int) []byte { return nil }, size))
		cases[name("SAKs", 60)] = saOf(PayloadSAK, chained(PayloadSAK, func(i int) []byte {
			return append(make([]byte, 1+4+4+16+4), attributes(60, i)...)
		}, size))
		cases[name("other", 0)] = saOf(99, chained(99, func(int) []byte { return nil }, size))
		cases[name("Delete", 4)] = append([]byte{0, 0, 0, 2, 1, 4, byte(size / 4 >> 8), byte(size / 4)}, make([]byte, size/4*4)...)
		cases[name("chain", 0)] = chained(PayloadHash, func(int) []byte { return nil }, size)
	}
	cases["push of both"] = pushOf(
		saOf(PayloadSAT, chained(PayloadSAT, func(i int) []byte { return sat(4, i) }, 39000)), kd(512, 4))
	for name, b := range cases {
		t.Run(name, func(t *testing.T) { checkBound(t, b) })
	}
}

// And messages nobody thought of.
func TestAllocationBoundRandom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var sas [][]byte
		n := rapid.IntRange(1, 900).Draw(t, "payloads")
		types := rapid.SliceOfN(rapid.SampledFrom([]uint8{PayloadSAK, PayloadSAT, PayloadSAT, PayloadGAP, 99}), 1, 8).Draw(t, "types")
		attrs := rapid.SliceOfN(rapid.IntRange(0, 64), 1, 8).Draw(t, "attributes")
		size := 0
		for i := range n {
			body := attributes(attrs[i%len(attrs)], i)
			switch types[i%len(types)] {
			case PayloadSAT:
				body = sat(attrs[i%len(attrs)], i)
			case PayloadSAK:
				body = append(make([]byte, 1+4+4+16+4), body...)
			}
			if size += 4 + len(body); size > 60000 {
				break
			}
			sas = append(sas, body)
		}
		var chain []byte
		for i, body := range sas {
			next := uint8(PayloadNone)
			if i+1 < len(sas) {
				next = types[(i+1)%len(types)]
			}
			chain = append(chain, generic(next, body)...)
		}
		b := saOf(types[0], chain)
		checkBound(t, b)
		if len(b) < 0xff00 {
			checkBound(t, pushOf(b, kd(rapid.IntRange(0, 400).Draw(t, "packets"), attrs[0]%5)))
		}
	})
}
