package wire

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/sha1"
	"encoding/hex"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"coterie/crypto/suite"
	"coterie/gdoi/policy"
	"coterie/internal/secret"
	"coterie/xfrm"

	"github.com/google/go-cmp/cmp"
)

// vectors reads testdata: a name, then hex on lines that start with a blank.
func vectors(t testing.TB, file string) map[string][]byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string][]byte)
	name := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, " "):
			b, err := hex.DecodeString(line[1:])
			if err != nil {
				t.Fatalf("%s: %s: %v", file, name, err)
			}
			out[name] = append(out[name], b...)
		default:
			name = line
			out[name] = nil
		}
	}
	return out
}

func equal(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if string(got) != string(want) {
		t.Errorf("%s\n got %x\nwant %x", what, got, want)
	}
}

func hmacPRF(h suite.Hash, key []byte) PRF {
	return func(parts ...[]byte) []byte { return h.HMAC(key, parts...) }
}

var compare = cmp.Options{
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }),
	cmp.Comparer(func(a, b secret.Bytes) bool { return a.Equal(b) }),
}

func network(prefix string) xfrm.Match {
	p := netip.MustParsePrefix(prefix)
	m := xfrm.Match{Addr: p.Addr()}
	mask := make([]byte, len(p.Addr().AsSlice()))
	for i := range p.Bits() {
		mask[i/8] |= 0x80 >> (i % 8)
	}
	m.Mask, _ = netip.AddrFromSlice(mask)
	return m
}

// The run with AES-128-CBC, SHA-256, MODP-2048.

var start = time.Date(2026, 1, 2, 18, 10, 37, 0, time.UTC)

func aesKEK(v map[string][]byte) policy.KEK {
	return policy.KEK{
		SPI: [16]byte(v["kek_spi"]), Cipher: suite.AES128, IV: secret.New(v["kek_iv"]), Key: secret.New(v["kek_key"]),
		SigHash: suite.SHA256, SigKey: v["spki"], Created: start, Lifetime: 24 * time.Hour,
	}
}

func aesPolicy(v map[string][]byte) Policy {
	kek := aesKEK(v)
	atd, dtd := 30*time.Second, 60*time.Second
	return Policy{
		KEK:    &kek,
		Server: netip.MustParseAddrPort("10.0.0.2:848"),
		Rekey:  netip.MustParseAddrPort("239.1.1.1:848"),
		TEKs: []policy.TEK{{
			SPI: 0xa1b2c3d4, Transform: suite.Transform{Cipher: suite.ESPAES128, Auth: suite.ESPSHA256},
			CipherKey: secret.New(v["tek_enc"]), AuthKey: secret.New(v["tek_auth"]),
			Created: start, Lifetime: time.Hour,
			Replay: policy.Replay{Method: policy.ReplayCounter, CounterWindow: 64},
			ACEs:   []xfrm.ACE{{Permit: true, Src: network("10.0.0.0/8"), Dst: network("10.0.0.0/8")}},
		}},
		ATD: &atd, DTD: &dtd, HasTEKs: true,
	}
}

// decryptPull decrypts messages 7 to 10; the IV runs through all four.
func decryptPull(t *testing.T, v map[string][]byte) (chains [4][]byte, mid uint32) {
	t.Helper()
	block, err := aes.NewCipher(v["cipher_key"])
	if err != nil {
		t.Fatal(err)
	}
	iv := v["pull_iv0"]
	for i, name := range []string{"msg7", "msg8", "msg9", "msg10"} {
		body := v[name][28:]
		chains[i] = make([]byte, len(body))
		cipher.NewCBCDecrypter(block, iv).CryptBlocks(chains[i], body)
		iv = body[len(body)-16:]
		if v[name][16] != PayloadHash {
			t.Fatalf("%s starts with payload %d", name, v[name][16])
		}
	}
	return chains, 0x01020304
}

// unpadded drops the padding behind a chain.
func unpadded(t *testing.T, chain []byte) []byte {
	t.Helper()
	_, padding, err := parsePayloads(nil, PayloadHash, chain)
	if err != nil {
		t.Fatal(err)
	}
	return chain[:len(chain)-len(padding)]
}

func TestPullVectors(t *testing.T) {
	v := vectors(t, "pull_aes.txt")
	prf := hmacPRF(suite.SHA256, v["skeyid_a"])
	chains, mid := decryptPull(t, v)

	// GM -> KS: HASH(1), Ni, ID
	m1, err := ParsePull1(prf, mid, PayloadHash, chains[0])
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "Ni", m1.Nonce, v["ni_b"])
	if g, ok := Group(m1.ID); !ok || g.Number != 1111 {
		t.Errorf("group %v", m1.ID)
	}
	_, out, err := BuildPull1(prf, mid, Pull1{Nonce: v["ni_b"], ID: GroupIdentity(policy.GroupID{Number: 1111})})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "message 1", out, unpadded(t, chains[0]))
	equal(t, "HASH(1)", out[4:36], v["hash1"])

	// KS -> GM: HASH(2), Nr, SA
	m2, err := ParsePull2(prf, mid, v["ni_b"], PayloadHash, chains[1], Form{})
	if err != nil {
		t.Fatal(err)
	}
	if m2.Form.TEKIDLength != 2 {
		t.Errorf("TEK ID length of %d octets", m2.Form.TEKIDLength)
	}
	want := aesPolicy(v)
	sa, kd, err := want.Encode(start)
	if err != nil {
		t.Fatal(err)
	}
	body, err := sa.Append(nil, Form{})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "SA body", body, v["sa_body"])
	_, out, err = BuildPull2(prf, mid, v["ni_b"], Pull2{Nonce: v["nr_b"], SA: sa})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "message 2", out, unpadded(t, chains[1]))
	equal(t, "HASH(2)", out[4:36], v["hash2"])

	// GM -> KS: HASH(3)
	if _, err := ParsePull3(prf, mid, v["ni_b"], v["nr_b"], PayloadHash, chains[2]); err != nil {
		t.Fatal(err)
	}
	_, out, err = BuildPull3(prf, mid, v["ni_b"], v["nr_b"], Pull3{})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "message 3", out, unpadded(t, chains[2]))
	equal(t, "HASH(3)", out[4:36], v["hash3"])

	// KS -> GM: HASH(4), SEQ, KD
	m4, err := ParsePull4(prf, mid, v["ni_b"], v["nr_b"], PayloadHash, chains[3])
	if err != nil {
		t.Fatal(err)
	}
	_, out, err = BuildPull4(prf, mid, v["ni_b"], v["nr_b"], Pull4{Seq: m4.Seq, HasSeq: m4.HasSeq, KD: kd})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "message 4", out, unpadded(t, chains[3]))
	equal(t, "HASH(4)", out[4:36], v["hash4"])

	// Both give the same policy.
	got, err := DecodeSA(m2.SA, start)
	if err != nil {
		t.Fatal(err)
	}
	if err := got.AddKeys(m4.KD); err != nil {
		t.Fatal(err)
	}
	want.TEKs[0].SA = 1 // numbered by the reader
	if d := cmp.Diff(want, got, compare); d != "" {
		t.Error(d)
	}
}

func TestPushVector(t *testing.T) {
	v := vectors(t, "pull_aes.txt")
	p, err := ParsePush(aesKEK(v), v["msg11"], Form{})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "payloads", p.signed[28:], v["push_payloads"])
	if err := p.VerifySignature(); err != nil {
		t.Fatal(err)
	}
	if p.Seq != 1 || p.Plain || p.Form.SigDigestInfo {
		t.Errorf("seq %d plain %v form %+v", p.Seq, p.Plain, p.Form)
	}
	got, err := DecodeSA(*p.SA, start)
	if err != nil {
		t.Fatal(err)
	}
	if err := got.AddKeys(p.KD); err != nil {
		t.Fatal(err)
	}
	if got.KEK != nil || len(got.TEKs) != 1 || got.TEKs[0].SPI != 0xa1b2c3d5 {
		t.Errorf("%+v", got)
	}
	// Built again from what was read, the digest to sign and the datagram are
	// those of the vector.
	u, err := PreparePush(aesKEK(v), p.Push)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "digest", u.Digest(), v["push_hash"])
	datagram, plain, err := u.Finish(p.sig)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "datagram", datagram, v["msg11"])
	q, err := ParsePush(aesKEK(v), plain, Form{})
	if err != nil {
		t.Fatal(err)
	}
	if !q.Plain || q.VerifySignature() != nil {
		t.Error("the plain form does not verify")
	}
}

func TestAckVector(t *testing.T) {
	v := vectors(t, "pull_aes.txt")
	kek := aesKEK(v)
	b, err := BuildAck(kek, 1, netip.MustParseAddrPort("10.0.0.1:848"))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "header", b[:28], append(append([]byte(nil), v["kek_spi"]...), 8, 0x10, 35, 0, 0, 0, 0, 0, 0, 0, 0, byte(len(b))))
	equal(t, "HASH", b[32:64], v["ack_hash"])
	equal(t, "SEQ, ID", b[64:], v["ack_payloads"])
	a, err := ParseAck(b)
	if err != nil {
		t.Fatal(err)
	}
	if member, ok := a.Member(); !ok || member != netip.MustParseAddr("10.0.0.1") || a.Seq != 1 {
		t.Errorf("%+v", a)
	}
	if !a.Verify(kek) {
		t.Error("does not verify")
	}
}

// The run of the reference implementation: 3DES, SHA-1, one-octet lengths.

func TestReferencePull(t *testing.T) {
	v := vectors(t, "reference_3des.txt")
	prf := hmacPRF(suite.SHA1, v["skeyid_a"])
	const mid = 0x3cc1f923

	block, err := des.NewTripleDESCipher(v["cipher_key"])
	if err != nil {
		t.Fatal(err)
	}
	plain := make([]byte, len(v["msg1"])-28)
	cipher.NewCBCDecrypter(block, v["pull_iv0"]).CryptBlocks(plain, v["msg1"][28:])
	equal(t, "message 1", plain[:len(v["plain1"])], v["plain1"])

	m1, err := ParsePull1(prf, mid, PayloadHash, plain)
	if err != nil {
		t.Fatal(err)
	}
	_, out, err := BuildPull1(prf, mid, Pull1{Nonce: m1.Nonce, ID: GroupIdentity(policy.GroupID{Number: 1234})})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "message 1 again", out, v["plain1"])

	nr := v["nr"][4:]
	hash2 := append([]byte{PayloadNonce, 0, 0, 24}, v["hash2"]...)
	in2 := append(append(hash2, v["nr"]...), v["sa"]...)
	m2, err := ParsePull2(prf, mid, m1.Nonce, PayloadHash, in2, Form{})
	if err != nil {
		t.Fatal(err)
	}
	if m2.Form.TEKIDLength != 1 || len(m2.SA.SAK) != 1 || len(m2.SA.SAT) != 2 {
		t.Fatalf("%+v", m2)
	}
	_, out, err = BuildPull2(prf, mid, m1.Nonce, m2)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "message 2 again", out, in2)

	_, out, err = BuildPull3(prf, mid, m1.Nonce, nr, Pull3{})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "HASH(3)", out[4:], v["hash3"])

	hash4 := append([]byte{PayloadSEQ, 0, 0, 24}, v["hash4"]...)
	in4 := append(append(hash4, v["seq"]...), v["kd"]...)
	m4, err := ParsePull4(prf, mid, m1.Nonce, nr, PayloadHash, in4)
	if err != nil {
		t.Fatal(err)
	}
	_, out, err = BuildPull4(prf, mid, m1.Nonce, nr, m4)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "message 4 again", out, in4)

	p, err := DecodeSA(m2.SA, start)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.AddKeys(m4.KD); err != nil {
		t.Fatal(err)
	}
	if p.KEK.Cipher != suite.TripleDES || p.KEK.SigHash != suite.SHA1 || p.KEK.Lifetime != 24*time.Hour ||
		string(p.KEK.IV.Reveal()) != "IVIVIVIV" || p.Rekey.String() != "239.10.1.1:848" {
		t.Errorf("%+v", p.KEK)
	}
	if len(p.TEKs) != 2 || p.TEKs[0].SA != 1 || p.TEKs[1].SA != 2 || p.TEKs[0].Lifetime != time.Minute ||
		p.TEKs[0].Transform != (suite.Transform{Cipher: suite.ESP3DES, Auth: suite.ESPSHA1}) || !p.TEKs[0].Transport {
		t.Errorf("%+v", p.TEKs)
	}
	if got := p.TEKs[1].ACEs; len(got) != 1 || got[0].Dst != network("239.1.1.2/32") {
		t.Errorf("%+v", got)
	}
}

func TestReferencePush(t *testing.T) {
	v := vectors(t, "reference_3des.txt")
	kd, err := ParseKD(v["kd"][4:])
	if err != nil {
		t.Fatal(err)
	}
	kek := policy.KEK{SPI: [16]byte(v["push_header"][:16]), Cipher: suite.TripleDES, SigHash: suite.SHA1, Lifetime: time.Hour}
	if err := addKEK(&kek, kd[0]); err != nil {
		t.Fatal(err)
	}
	sa, form, err := ParseSA(v["push_sa"][4:], Form{})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := ParseKD(v["push_kd"][4:])
	if err != nil {
		t.Fatal(err)
	}
	u, err := PreparePush(kek, Push{Seq: 1, SA: &sa, KD: keys, Form: form})
	if err != nil {
		t.Fatal(err)
	}
	signed := append(append(append(append([]byte(nil), v["push_header"]...), v["push_seq"]...), v["push_sa"]...), v["push_kd"]...)
	equal(t, "signed part", u.clear[:len(signed)], signed)
	sum := sha1.Sum(append([]byte("rekey"), signed...))
	equal(t, "hash of the log", sum[:], v["push_hash"])
	equal(t, "digest", u.Digest(), v["push_hash"])

	datagram, _, err := u.Finish(v["push_sig"][4:])
	if err != nil {
		t.Fatal(err)
	}
	if len(datagram) != 404 {
		t.Errorf("%d octets", len(datagram))
	}
	equal(t, "ciphertext starts", datagram[28:44], v["push_begins"])
	equal(t, "ciphertext ends", datagram[len(datagram)-8:], v["push_ends"])
	p, err := ParsePush(kek, datagram, Form{})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.VerifySignature(); err != nil {
		t.Error(err)
	}
	if p.Form.TEKIDLength != 1 {
		t.Errorf("form %+v", p.Form)
	}
}
