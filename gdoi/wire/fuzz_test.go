package wire

import (
	"bytes"
	"runtime"
	"testing"

	"coterie/crypto/suite"
)

// seeds are bodies of every kind, out of the recorded runs.
func seeds(t testing.TB) map[string][]byte {
	a, b := vectors(t, "pull_aes.txt"), vectors(t, "reference_3des.txt")
	info, err := Info{Version: "1.0.27", Hostname: "R2", Capabilities: 7}.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	del, err := DeleteTEKs(0x1122aabb, 0x3344ccdd).Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	sa := a["sa_body"]
	return map[string][]byte{
		"SA two octets": sa, "SA one octet": b["sa"][4:], "SA of a push": b["push_sa"][4:],
		"SAK": sa[16:81], "SAT": sa[85:150], "KD": b["kd"][4:], "Delete": del, "Info": info,
		"push": a["msg11"], "chain": b["plain1"],
	}
}

// parseAll gives b to every parser; what parses must write itself back.
func parseAll(t *testing.T, b []byte) {
	for _, prefer := range []Form{{}, {TEKIDLength: 1}} {
		if sa, form, err := ParseSA(b, prefer); err == nil {
			out, err := sa.Append(nil, form)
			if err != nil {
				t.Fatalf("SA does not write back: %v", err)
			}
			again, form2, err := ParseSA(out, form)
			if err != nil {
				t.Fatalf("written SA does not parse: %v", err)
			}
			twice, err := again.Append(nil, form2)
			if err != nil || form2 != form || !bytes.Equal(out, twice) {
				t.Fatalf("SA changed: %v %v %v\n%x\n%x", form, form2, err, out, twice)
			}
			if p, err := DecodeSA(sa, start); err == nil {
				_ = p.AddKeys(nil)
			}
		}
	}
	if k, err := ParseSAK(b); err == nil {
		out, err := k.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseSAK(out); err != nil {
			t.Fatal(err)
		}
	}
	if kd, err := ParseKD(b); err == nil {
		out, err := AppendKD(nil, kd)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ParseKD(out); err != nil {
			t.Fatal(err)
		} else if twice, err := AppendKD(nil, again); err != nil || !bytes.Equal(out, twice) {
			t.Fatalf("KD changed: %v", err)
		}
	}
	if d, err := ParseDelete(b); err == nil && len(d.SPIs) > 0 {
		out, err := d.Append(nil)
		if err != nil || !bytes.Equal(out[4:], b[4:]) {
			t.Fatalf("Delete changed: %x %v", out, err)
		}
		d.TEKs()
		d.All()
	}
	if in, err := ParseInfo(b); err == nil {
		out, err := in.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ParseInfo(out); err != nil || again != in {
			t.Fatalf("information changed: %+v %+v %v", in, again, err)
		}
	}
	_, _ = ParseSEQ(b)
	prf := hmacPRF(suite.SHA256, nil)
	_, _ = ParsePull1(prf, 1, PayloadHash, b)
	if a, err := ParseAck(b); err == nil {
		a.Member()
	}
}

func TestTruncation(t *testing.T) {
	for name, b := range seeds(t) {
		t.Run(name, func(t *testing.T) {
			for n := range b {
				parseAll(t, b[:n:n])
				for _, end := range []byte{0, 1, 0xff} {
					parseAll(t, append(b[:n:n], end))
				}
			}
			for i := range b {
				c := bytes.Clone(b)
				for _, x := range []byte{0, 1, 0x7f, 0x80, 0xff} {
					c[i] = x
					parseAll(t, c)
				}
			}
		})
	}
}

// Every truncation of a rekey is refused, with and without a header that says
// so, and so is every flipped octet: nothing else verifies.
func TestPushDamage(t *testing.T) {
	v := vectors(t, "pull_aes.txt")
	kek, msg := aesKEK(v), v["msg11"]
	for n := range msg {
		c := bytes.Clone(msg[:n])
		if _, err := ParsePush(kek, c, Form{}); err == nil {
			t.Fatalf("%d octets accepted", n)
		}
		if n < 28 {
			continue
		}
		c[24], c[25], c[26], c[27] = 0, 0, byte(n>>8), byte(n)
		if p, err := ParsePush(kek, c, Form{}); err == nil && p.VerifySignature() == nil {
			t.Fatalf("%d octets verify", n)
		}
	}
	for i := range msg {
		c := bytes.Clone(msg)
		c[i] ^= 1
		if p, err := ParsePush(kek, c, Form{}); err == nil && p.VerifySignature() == nil {
			t.Fatalf("a change of octet %d verifies", i)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, b := range seeds(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) { parseAll(t, b) })
}

// FuzzPush gives the plaintext of a rekey, so that the payloads behind the
// encryption are reached.
func FuzzPush(f *testing.F) {
	v := vectors(f, "pull_aes.txt")
	f.Add(v["push_payloads"])
	kek := aesKEK(v)
	f.Fuzz(func(t *testing.T, b []byte) {
		plain := append(pushHeader(kek.SPI, PayloadSEQ, 33, 0, len(b)), b...)
		p, err := ParsePush(kek, plain, Form{})
		if err != nil {
			return
		}
		if p.VerifySignature() == nil {
			t.Fatal("verifies")
		}
		if p.SA != nil {
			if q, err := DecodeSA(*p.SA, start); err == nil {
				_ = q.AddKeys(p.KD)
			}
		}
	})
}

// Memory stays within 64 KiB and eight times the message, whatever is in it.
func TestAllocationBound(t *testing.T) {
	fill := func(first []byte, unit []byte) []byte {
		b := bytes.Clone(first)
		for len(b)+len(unit) <= 0xfff0 {
			b = append(b, unit...)
		}
		return b
	}
	saHead := []byte{0, 0, 0, 2, 0, 0, 0, 0, 0, PayloadSAT, 0, 0}
	sat := []byte{PayloadSAT, 0, 0, 19, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 0, 0, 1, 1}
	cases := map[string][]byte{
		"SATs":       fill(saHead, sat),
		"SATs, end":  append(fill(saHead, sat), append([]byte{0}, sat[1:]...)...),
		"KD":         fill([]byte{4, 0, 0, 0}, []byte{1, 0, 0, 64, 0, 0x80, 1, 0, 1, 0, 2, 0, 47, 63: 0}),
		"attributes": fill(append(bytes.Clone(saHead[:9]), PayloadGAP, 0, 0, 0, 0, 0xff, 0xe0), []byte{0x80, 1, 0, 1}),
		"Delete":     fill([]byte{0, 0, 0, 2, 1, 4, 0x3f, 0xfa}, []byte{1, 2, 3, 4}),
		"zeros":      make([]byte, 0xffff),
	}
	for name, b := range cases {
		t.Run(name, func(t *testing.T) {
			parsers := map[string]func(){
				"SA":     func() { _, _, _ = ParseSA(b, Form{}) },
				"SAK":    func() { _, _ = ParseSAK(b) },
				"KD":     func() { _, _ = ParseKD(b) },
				"Delete": func() { _, _ = ParseDelete(b) },
				"Info":   func() { _, _ = ParseInfo(b) },
				"chain":  func() { _, _, _ = parsePayloads(PayloadHash, b) },
			}
			for what, parse := range parsers {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				parse()
				runtime.ReadMemStats(&after)
				if got, limit := after.TotalAlloc-before.TotalAlloc, uint64(64<<10+8*len(b)); got > limit {
					t.Errorf("%s: %d octets for a message of %d, limit %d", what, got, len(b), limit)
				}
			}
		})
	}
}
