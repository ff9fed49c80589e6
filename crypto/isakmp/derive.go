package isakmp

import (
	"crypto/cipher"
	"encoding/binary"

	"coterie/crypto/suite"
	"coterie/internal/secret"
)

// keySet is what phase 1 derives (RFC 2409 section 5 and appendix B).
type keySet struct {
	hash   suite.Hash
	skeyid secret.Bytes
	d, a   secret.Bytes
	e      secret.Bytes
	key    secret.Bytes // of the cipher, after expansion
	block  cipher.Block
}

// skeyidPSK is SKEYID of pre-shared key authentication.
func skeyidPSK(h suite.Hash, psk secret.Bytes, ni, nr []byte) secret.Bytes {
	return secret.New(h.HMAC(psk.Reveal(), ni, nr))
}

// deriveKeys makes SKEYID_d, _a, _e and the cipher key.
func deriveKeys(h suite.Hash, c suite.Cipher, skeyid secret.Bytes, gxy []byte, ci, cr Cookie) (*keySet, error) {
	k := skeyid.Reveal()
	d := h.HMAC(k, gxy, ci[:], cr[:], []byte{0})
	a := h.HMAC(k, d, gxy, ci[:], cr[:], []byte{1})
	e := h.HMAC(k, a, gxy, ci[:], cr[:], []byte{2})
	key := expandKey(h, e, c.KeyLen())
	block, err := c.NewBlock(key)
	if err != nil {
		return nil, err
	}
	return &keySet{hash: h, skeyid: skeyid, d: secret.New(d), a: secret.New(a), e: secret.New(e),
		key: secret.New(key), block: block}, nil
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
	for _, s := range []secret.Bytes{k.skeyid, k.d, k.a, k.e, k.key} {
		s.Wipe()
	}
	k.block = nil
}

// phaseOneIV is the IV of message 5.
func phaseOneIV(h suite.Hash, blockLen int, gxi, gxr []byte) []byte {
	return h.Sum(gxi, gxr)[:blockLen]
}

// phaseTwoIV is the IV of the first message under a message ID; last is the
// last ciphertext block of phase 1.
func phaseTwoIV(h suite.Hash, last []byte, messageID uint32) []byte {
	return h.Sum(last, binary.BigEndian.AppendUint32(nil, messageID))[:len(last)]
}

// hashI and hashR authenticate phase 1; id is the body of the ID payload as it
// was on the wire.
func (k *keySet) hashI(gxi, gxr []byte, ci, cr Cookie, sa, id []byte) []byte {
	return k.hash.HMAC(k.skeyid.Reveal(), gxi, gxr, ci[:], cr[:], sa, id)
}

func (k *keySet) hashR(gxi, gxr []byte, ci, cr Cookie, sa, id []byte) []byte {
	return k.hash.HMAC(k.skeyid.Reveal(), gxr, gxi, cr[:], ci[:], sa, id)
}

// encrypt pads plain with zeros to whole blocks. The result's last block is
// the IV of the exchange's next message.
func (k *keySet) encrypt(iv, plain []byte) []byte {
	n := k.block.BlockSize()
	out := make([]byte, (len(plain)+n-1)/n*n)
	copy(out, plain)
	cipher.NewCBCEncrypter(k.block, iv).CryptBlocks(out, out)
	return out
}

// decrypt refuses what is not whole blocks.
func (k *keySet) decrypt(iv, data []byte) ([]byte, bool) {
	n := k.block.BlockSize()
	if len(data) == 0 || len(data)%n != 0 {
		return nil, false
	}
	out := make([]byte, len(data))
	cipher.NewCBCDecrypter(k.block, iv).CryptBlocks(out, data)
	return out, true
}

// lastBlock copies the last block of a ciphertext.
func (k *keySet) lastBlock(data []byte) []byte {
	return append([]byte(nil), data[len(data)-k.block.BlockSize():]...)
}
