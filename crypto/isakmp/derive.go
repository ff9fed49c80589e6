package isakmp

import (
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"

	"coterie/crypto/suite"
	"coterie/internal/secret"
)

// maxBlockLen is the longest block of a cipher here, in octets.
const maxBlockLen = 16

// keySet is what phase 1 derives (RFC 2409 section 5 and appendix B).
//
// What phase 1 alone needs goes with release. The schedule of the cipher, ten
// times as long as its key, is kept for the SAs that were used last.
type keySet struct {
	hash   suite.Hash
	auth   suite.Hash // of the prf that makes HASH_I and HASH_R
	cipher suite.Cipher
	a      secret.Bytes
	key    secret.Bytes // of the cipher, after expansion
	skeyid secret.Bytes
	d, e   secret.Bytes
	id     SAID
	recent *schedules // nil: none are kept
}

// skeyidPSK is SKEYID of pre-shared key authentication.
func skeyidPSK(h suite.Hash, psk secret.Bytes, ni, nr []byte) secret.Bytes {
	return secret.New(h.HMAC(psk.Reveal(), ni, nr))
}

// skeyidSignature is SKEYID of authentication with signatures.
func skeyidSignature(h suite.Hash, gxy, ni, nr []byte) secret.Bytes {
	return secret.New(h.HMAC(append(append([]byte(nil), ni...), nr...), gxy))
}

// deriveKeys makes SKEYID_d, _a, _e and the cipher key.
func deriveKeys(h suite.Hash, c suite.Cipher, skeyid secret.Bytes, gxy []byte, ci, cr Cookie) (*keySet, error) {
	k := skeyid.Reveal()
	d := h.HMAC(k, gxy, ci[:], cr[:], []byte{0})
	a := h.HMAC(k, d, gxy, ci[:], cr[:], []byte{1})
	e := h.HMAC(k, a, gxy, ci[:], cr[:], []byte{2})
	key := expandKey(h, e, c.KeyLen())
	if _, err := c.NewBlock(key); err != nil {
		return nil, err
	}
	return &keySet{hash: h, auth: h, cipher: c, skeyid: skeyid, d: secret.New(d), a: secret.New(a), e: secret.New(e),
		key: secret.New(key)}, nil
}

// expandKey cuts n octets from SKEYID_e, or from K1 | K2 | ... when it is too
// short, in which case SKEYID_e itself is not used.
func expandKey(h suite.Hash, e []byte, n int) []byte {
	if len(e) >= n {
		return append([]byte(nil), e[:n]...)
	}
	var out []byte
	for k := []byte{0}; len(out) < n; out = append(out, k...) {
		k = h.HMAC(e, k)
	}
	return out[:n]
}

func (k *keySet) wipe() {
	if k == nil {
		return
	}
	k.release()
	k.a.Wipe()
	k.key.Wipe()
	if slot := k.recent.slot(k); slot != nil && slot.of == k {
		*slot = schedule{}
	}
}

// schedules are those of SAs in use, by conn-id.
type schedules [64]schedule

type schedule struct {
	of    *keySet
	block cipher.Block
}

// slot is the place for the schedule of k, if anybody keeps one.
func (s *schedules) slot(k *keySet) *schedule {
	if s == nil {
		return nil
	}
	return &s[int(k.id)%len(s)]
}

// release wipes what only phase 1 needs.
func (k *keySet) release() {
	for _, s := range []*secret.Bytes{&k.skeyid, &k.d, &k.e} {
		s.Wipe()
		*s = secret.Bytes{}
	}
}

// block is the cipher under its key.
func (k *keySet) block() cipher.Block {
	slot := k.recent.slot(k)
	if slot != nil && slot.of == k {
		return slot.block
	}
	b, err := k.cipher.NewBlock(k.key.Reveal())
	if err != nil {
		panic("isakmp: " + err.Error()) // deriveKeys has tried it
	}
	if slot != nil {
		*slot = schedule{k, b}
	}
	return b
}

// phaseOneIV is the IV of message 5.
func phaseOneIV(h suite.Hash, blockLen int, gxi, gxr []byte) []byte {
	return h.Sum(gxi, gxr)[:blockLen]
}

// phaseTwoIV is the IV of the first message under a message ID; last is the
// last ciphertext block of phase 1.
func phaseTwoIV(h suite.Hash, last []byte, messageID uint32) []byte {
	var id [4]byte
	binary.BigEndian.PutUint32(id[:], messageID)
	return h.Sum(last, id[:])[:len(last)]
}

// hashI and hashR authenticate phase 1; id is the body of the ID payload as it
// was on the wire.
func (k *keySet) hashI(gxi, gxr []byte, ci, cr Cookie, sa, id []byte) []byte {
	return k.auth.HMAC(k.skeyid.Reveal(), gxi, gxr, ci[:], cr[:], sa, id)
}

func (k *keySet) hashR(gxi, gxr []byte, ci, cr Cookie, sa, id []byte) []byte {
	return k.auth.HMAC(k.skeyid.Reveal(), gxr, gxi, cr[:], ci[:], sa, id)
}

// padded is the length of n octets in whole blocks.
func (k *keySet) padded(n int) int {
	b := k.cipher.BlockLen()
	return (n + b - 1) / b * b
}

// encrypt pads plain with zeros to whole blocks. The result's last block is
// the IV of the exchange's next message.
func (k *keySet) encrypt(iv, plain []byte) []byte {
	out := make([]byte, k.padded(len(plain)))
	copy(out, plain)
	k.encryptBlocks(iv, out)
	return out
}

// encryptBlocks is encrypt in place. CBC is done here, because the objects of
// crypto/cipher copy the whole schedule of the cipher for each message.
func (k *keySet) encryptBlocks(iv, data []byte) {
	b, n := k.block(), k.cipher.BlockLen()
	for ; len(data) > 0; data = data[n:] {
		subtle.XORBytes(data[:n], data[:n], iv)
		b.Encrypt(data[:n], data[:n])
		iv = data[:n]
	}
}

// decrypt refuses what is not whole blocks.
func (k *keySet) decrypt(iv, data []byte) ([]byte, bool) {
	n := k.cipher.BlockLen()
	if len(data) == 0 || len(data)%n != 0 {
		return nil, false
	}
	b, out := k.block(), make([]byte, len(data))
	for i := 0; i < len(data); i += n {
		b.Decrypt(out[i:i+n], data[i:i+n])
		subtle.XORBytes(out[i:i+n], out[i:i+n], iv)
		iv = data[i : i+n]
	}
	return out, true
}

// lastBlock copies the last block of a ciphertext.
func (k *keySet) lastBlock(data []byte) []byte {
	return append([]byte(nil), data[len(data)-k.cipher.BlockLen():]...)
}
