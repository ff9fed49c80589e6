package isakmp

import (
	"crypto/cipher"
	"encoding/binary"

	"coterie/crypto/suite"
	"coterie/internal/secret"
)

// keySet is what phase 1 derives (RFC 2409 section 5 and appendix B).
//
// What phase 1 alone needs goes with release; the schedule of the cipher, ten
// times as long as its key, is made anew for every message.
type keySet struct {
	hash   suite.Hash
	auth   suite.Hash // of the prf that makes HASH_I and HASH_R
	cipher suite.Cipher
	a      secret.Bytes
	key    secret.Bytes // of the cipher, after expansion
	skeyid secret.Bytes
	d, e   secret.Bytes
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
	b, err := k.cipher.NewBlock(k.key.Reveal())
	if err != nil {
		panic("isakmp: " + err.Error()) // deriveKeys has tried it
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
	return h.Sum(last, binary.BigEndian.AppendUint32(nil, messageID))[:len(last)]
}

// hashI and hashR authenticate phase 1; id is the body of the ID payload as it
// was on the wire.
func (k *keySet) hashI(gxi, gxr []byte, ci, cr Cookie, sa, id []byte) []byte {
	return k.auth.HMAC(k.skeyid.Reveal(), gxi, gxr, ci[:], cr[:], sa, id)
}

func (k *keySet) hashR(gxi, gxr []byte, ci, cr Cookie, sa, id []byte) []byte {
	return k.auth.HMAC(k.skeyid.Reveal(), gxr, gxi, cr[:], ci[:], sa, id)
}

// encrypt pads plain with zeros to whole blocks. The result's last block is
// the IV of the exchange's next message.
func (k *keySet) encrypt(iv, plain []byte) []byte {
	n := k.cipher.BlockLen()
	out := make([]byte, (len(plain)+n-1)/n*n)
	copy(out, plain)
	cipher.NewCBCEncrypter(k.block(), iv).CryptBlocks(out, out)
	return out
}

// decrypt refuses what is not whole blocks.
func (k *keySet) decrypt(iv, data []byte) ([]byte, bool) {
	n := k.cipher.BlockLen()
	if len(data) == 0 || len(data)%n != 0 {
		return nil, false
	}
	out := make([]byte, len(data))
	cipher.NewCBCDecrypter(k.block(), iv).CryptBlocks(out, data)
	return out, true
}

// lastBlock copies the last block of a ciphertext.
func (k *keySet) lastBlock(data []byte) []byte {
	return append([]byte(nil), data[len(data)-k.cipher.BlockLen():]...)
}
