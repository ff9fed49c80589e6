package wire

import (
	"bytes"
	"errors"
	"testing"

	"coterie/crypto/isakmp"
	"coterie/crypto/suite"
	"coterie/gdoi/policy"
	"coterie/internal/secret"
)

// longIDSAK is the body of a SAK in the two-octet layout whose source is a name
// of n octets.
func longIDSAK(n int) []byte {
	b := []byte{ipProtocolUDP, 2, 0x03, 0x50, byte(n >> 8), byte(n)}
	b = append(b, bytes.Repeat([]byte{'a'}, n)...)
	b = append(b, IDIPv4, 0x03, 0x50, 0, 4, 239, 0, 0, 1)
	return append(b, make([]byte, 16+4)...)
}

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
		"push": a["msg11"], "chain": b["plain1"], "push payloads": a["push_payloads"], "sender IDs": sidSeed(t),
		"long identification": longIDSAK(maxID + 2),
	}
}

// sidSeed is a KD with two sender IDs.
func sidSeed(t testing.TB) []byte {
	b, err := AppendKD(nil, []KeyPacket{SenderIDPacket(policy.SenderIDs{Bits: 24, Values: []uint32{1 << 17, 1<<17 | 1}})})
	if err != nil {
		t.Fatal(err)
	}
	return b
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
	if a, err := ParseAck(b); err == nil {
		a.Member()
		a.Verify(policy.KEK{SPI: a.SPI})
	}
	parsePulls(t, b)
	parsePush(t, b)
}

// parsePulls gives b to the parsers of PULL, as it is and behind a HASH that
// verifies.
func parsePulls(t *testing.T, b []byte) {
	for _, m := range pulls {
		if err := m.parse(hmacPRF(suite.SHA256, nil), PayloadHash, b); !errors.Is(err, ErrHash) {
			t.Fatalf("%s without a HASH: %v", m.name, err)
		}
		for _, first := range []uint8{PayloadNonce, PayloadGAP, PayloadSEQ, PayloadKD} {
			if sealed, ok := sealAny(first, b); ok {
				if err := m.parse(acceptAll, PayloadHash, sealed); errors.Is(err, ErrHash) {
					if _, _, chain := parsePayloads(nil, PayloadHash, sealed); chain == nil {
						t.Fatalf("%s: right HASH refused", m.name)
					}
				}
			}
		}
	}
}

// acceptAll is a prf whose every value is the same.
func acceptAll(...[]byte) []byte { return make([]byte, 20) }

// sealAny puts the HASH of acceptAll in front of a chain.
func sealAny(first uint8, b []byte) ([]byte, bool) {
	head, err := isakmp.AppendPayload(nil, first, acceptAll())
	return append(head, b...), err == nil
}

// pulls are the parsers of the four messages.
var pulls = []struct {
	name  string
	parse func(prf PRF, first uint8, chain []byte) error
}{
	{"message 1", func(prf PRF, first uint8, b []byte) error { _, err := ParsePull1(prf, 1, first, b); return err }},
	{"message 2", func(prf PRF, first uint8, b []byte) error {
		m, err := ParsePull2(prf, 1, nil, first, b, Form{})
		if err == nil {
			_, _ = DecodeSA(m.SA, start)
		}
		return err
	}},
	{"message 3", func(prf PRF, first uint8, b []byte) error {
		m, err := ParsePull3(prf, 1, nil, nil, first, b)
		if n := SenderIDsWanted(m.GAP); n < 1 || n > MaxSenderIDs {
			panic("sender IDs wanted")
		}
		return err
	}},
	{"message 4", func(prf PRF, first uint8, b []byte) error {
		m, err := ParsePull4(prf, 1, nil, nil, first, b)
		if ids, err := SenderIDsOf(m.KD); err == nil && (len(ids.Values) > MaxSenderIDs || (ids.Bits == 0) != (len(ids.Values) == 0)) {
			panic("sender IDs")
		}
		return err
	}},
}

// parsePush gives b to the parser of PUSH as its plaintext.
func parsePush(t *testing.T, b []byte) {
	kek := policy.KEK{Cipher: suite.AES128, IV: secret.New(make([]byte, 16)), Key: secret.New(make([]byte, 16)), SigHash: suite.SHA256}
	p, err := ParsePush(kek, append(pushHeader(kek.SPI, PayloadSEQ, isakmp.ExchangePush, 0, len(b)), b...), Form{})
	if err != nil {
		return
	}
	if p.VerifySignature() == nil {
		t.Fatal("verifies without a key")
	}
	if p.SA != nil {
		if q, err := DecodeSA(*p.SA, start); err == nil {
			_ = q.AddKeys(p.KD)
		}
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

// FuzzPayload gives octets to every parser of the package.
func FuzzPayload(f *testing.F) {
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
