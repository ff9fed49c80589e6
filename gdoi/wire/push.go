package wire

import (
	"crypto"
	"crypto/cipher"
	"encoding/binary"

	"coterie/crypto/isakmp"
	"coterie/crypto/suite"
	"coterie/gdoi/policy"
)

// GROUPKEY-PUSH (RFC 6407 section 4): one datagram, encrypted and signed.
//
//	KS -> GM   HDR*, SEQ, [Delete ...,] [SA, KD,] SIG
//
// HDR carries the KEK's SPI in place of the cookies and message ID 0. The body
// is encrypted under the KEK with the IV that came with it, padded with zeros.
// SIG is over the hash of
//
//	"rekey" | HDR | SEQ | ... | KD
//
// in the clear, where HDR has its E flag set and the length without padding.

const (
	headerSize   = isakmp.HeaderLen
	flagsOffset  = 19 // in the header
	lengthOffset = 24
	signedPrefix = "rekey"
)

// Push is what a rekey says. SA may be nil (only a Delete), KD may be empty.
type Push struct {
	Seq     uint32
	Deletes []Delete
	SA      *SA
	KD      []KeyPacket
	Form    Form // as sent; on input as found
}

// UnsignedPush is a rekey that waits for its signature.
type UnsignedPush struct {
	kek   policy.KEK
	form  Form
	clear []byte // HDR with E set and unpadded length, payloads, an empty SIG
	sig   int    // octets of the signature
}

// PreparePush lays a rekey out under kek, whose SigKey says how long the
// signature will be. Then: sign Digest with SignerOpts, and Finish.
func PreparePush(kek policy.KEK, m Push) (*UnsignedPush, error) {
	pub, err := rsaKey(kek.SigKey)
	if err != nil {
		return nil, err
	}
	if !kek.SigHash.Known() {
		return nil, refused(PayloadSAK, "signature hash %d", kek.SigHash)
	}
	if _, _, err := kekCBC(kek); err != nil {
		return nil, err
	}
	var l payloadList
	l.put(PayloadSEQ, AppendSEQ(nil, m.Seq))
	for _, d := range m.Deletes {
		if err := l.add(PayloadDelete, d.Append); err != nil {
			return nil, err
		}
	}
	if m.SA != nil {
		if err := l.add(PayloadSA, func(d []byte) ([]byte, error) { return m.SA.Append(d, m.Form) }); err != nil {
			return nil, err
		}
	}
	if len(m.KD) > 0 {
		if err := l.add(PayloadKD, func(d []byte) ([]byte, error) { return AppendKD(d, m.KD) }); err != nil {
			return nil, err
		}
	}
	l.put(PayloadSig, make([]byte, pub.Size())) // its room, so that the payload before it points to it
	first, payloads, err := isakmp.AppendChain(nil, l...)
	if err != nil {
		return nil, err
	}
	u := &UnsignedPush{kek: kek, form: m.Form, sig: pub.Size()}
	u.clear = pushHeader(kek.SPI, first, isakmp.ExchangePush, isakmp.FlagEncryption, len(payloads))
	u.clear = append(u.clear, payloads...)
	return u, nil
}

// pushHeader is the header of an exchange that has the KEK's SPI in place of
// cookies and no message ID.
func pushHeader(spi [16]byte, first, exchange, flags uint8, body int) []byte {
	return isakmp.Header{
		InitiatorCookie: isakmp.Cookie(spi[:8]), ResponderCookie: isakmp.Cookie(spi[8:]),
		Next: first, Version: isakmp.Version, Exchange: exchange, Flags: flags,
		Length: uint32(isakmp.HeaderLen + body),
	}.Append(nil)
}

// Digest is what the key server's RSA key signs.
func (u *UnsignedPush) Digest() []byte {
	return pushDigest(u.kek.SigHash, u.clear[:len(u.clear)-genericHeader-u.sig])
}

// SignerOpts goes to crypto.Signer.Sign with Digest.
func (u *UnsignedPush) SignerOpts() crypto.SignerOpts {
	if u.form.SigDigestInfo {
		return u.kek.SigHash.Crypto()
	}
	return crypto.Hash(0)
}

func pushDigest(h suite.Hash, signed ...[]byte) []byte {
	return h.Sum(append([][]byte{[]byte(signedPrefix)}, signed...)...)
}

// Finish adds the signature. datagram is what goes out; plain is the same with
// its E flag cleared and nothing encrypted, for captures only.
func (u *UnsignedPush) Finish(signature []byte) (datagram, plain []byte, err error) {
	if len(signature) != u.sig {
		return nil, nil, badKeys("signature of %d octets, not %d", len(signature), u.sig)
	}
	block, iv, err := kekCBC(u.kek)
	if err != nil {
		return nil, nil, err
	}
	plain = append([]byte(nil), u.clear...)
	copy(plain[len(plain)-u.sig:], signature)

	datagram = append([]byte(nil), plain...)
	for (len(datagram)-headerSize)%block.BlockSize() != 0 {
		datagram = append(datagram, 0)
	}
	binary.BigEndian.PutUint32(datagram[lengthOffset:], uint32(len(datagram)))
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(datagram[headerSize:], datagram[headerSize:])

	plain[flagsOffset] = 0
	return datagram, plain, nil
}

// SPI reads the KEK SPI out of a PUSH (exchange 33) or an acknowledgement
// (exchange 35) without looking further; false for anything else.
func SPI(datagram []byte) (spi [16]byte, exchange uint8, ok bool) {
	h, _, err := isakmp.ParseHeader(datagram)
	if err != nil {
		return spi, 0, false
	}
	copy(spi[:8], h.InitiatorCookie[:])
	copy(spi[8:], h.ResponderCookie[:])
	return spi, h.Exchange, h.Exchange == isakmp.ExchangePush || h.Exchange == isakmp.ExchangePushAck
}

// header reads the header of a push or acknowledgement, which fills its
// datagram and has no message ID.
func header(datagram []byte, exchange uint8) (h isakmp.Header, spi [16]byte, err error) {
	h, body, err := isakmp.ParseHeader(datagram)
	switch {
	case err != nil:
		return h, spi, malformed(0, "%v", err)
	case h.Exchange != exchange:
		return h, spi, malformed(0, "exchange %d", h.Exchange)
	case h.MessageID != 0:
		return h, spi, malformed(0, "message ID is not 0")
	case isakmp.HeaderLen+len(body) != len(datagram):
		return h, spi, malformed(0, "length %d of %d octets", h.Length, len(datagram))
	}
	copy(spi[:8], h.InitiatorCookie[:])
	copy(spi[8:], h.ResponderCookie[:])
	return h, spi, nil
}

// ReceivedPush is a rekey that has been decrypted and read, and whose
// signature has not been checked: nothing in it may be acted on before
// VerifySignature.
type ReceivedPush struct {
	Push
	Plain bool // came unencrypted, from a capture

	kek    policy.KEK
	signed []byte // HDR as received, payloads up to SIG
	sig    []byte
}

// ParsePush decrypts and reads a rekey under kek. A datagram with its E flag
// cleared is read as it stands (a capture's form): a member must not accept
// one from the network, see Plain.
func ParsePush(kek policy.KEK, datagram []byte, prefer Form) (*ReceivedPush, error) {
	h, spi, err := header(datagram, isakmp.ExchangePush)
	if err != nil {
		return nil, err
	}
	if spi != kek.SPI {
		return nil, &Error{Notify: NotifyPayloadMalformed, Reason: ErrUnknownKEK.Error(), Err: ErrUnknownKEK}
	}
	p := &ReceivedPush{kek: kek}
	switch h.Flags {
	case 0:
		p.Plain = true
	case isakmp.FlagEncryption:
	default:
		return nil, malformed(0, "flags 0x%02x", h.Flags)
	}
	block, iv, err := kekCBC(kek)
	if err != nil {
		return nil, err
	}
	msg := append([]byte(nil), datagram...)
	if !p.Plain {
		body := msg[headerSize:]
		if len(body) == 0 || len(body)%block.BlockSize() != 0 {
			return nil, malformed(0, "%d octets are not whole blocks", len(body))
		}
		cipher.NewCBCDecrypter(block, iv).CryptBlocks(body, body)
	}
	if err := p.parse(h, msg, block.BlockSize(), prefer); err != nil {
		return nil, err
	}
	return p, nil
}

// parse reads the payloads: SEQ first, SIG last, at most one SA and KD.
func (p *ReceivedPush) parse(h isakmp.Header, msg []byte, block int, prefer Form) error {
	payloads, padding, err := parsePayloads(nil, h.Next, msg[headerSize:])
	if err != nil {
		return err
	}
	if len(padding) > block {
		return malformed(0, "%d octets of padding", len(padding))
	}
	last := len(payloads) - 1
	if last < 1 || payloads[0].Type != PayloadSEQ || payloads[last].Type != PayloadSig {
		return malformed(0, "not SEQ ... SIG")
	}
	p.sig = payloads[last].Body
	p.signed = msg[:len(msg)-len(padding)-genericHeader-len(p.sig)]
	if p.Seq, err = ParseSEQ(payloads[0].Body); err != nil {
		return err
	}
	p.Form = prefer
	seenKD := false
	for _, q := range payloads[1:last] {
		switch q.Type {
		case PayloadSEQ, PayloadSig, PayloadHash:
			return malformed(q.Type, "out of place")
		case PayloadDelete:
			d, err := ParseDelete(q.Body)
			if err != nil {
				return err
			}
			p.Deletes = append(p.Deletes, d)
		case PayloadSA:
			if p.SA != nil {
				return malformed(PayloadSA, "more than one")
			}
			sa, form, err := ParseSA(q.Body, prefer)
			if err != nil {
				return err
			}
			p.SA, p.Form = &sa, form
		case PayloadKD:
			if seenKD {
				return malformed(PayloadKD, "more than one")
			}
			seenKD = true
			if p.KD, err = ParseKD(q.Body); err != nil {
				return err
			}
		}
	}
	return nil
}

// VerifySignature checks SIG with the KEK's signature key. Sources disagree on
// the length in the signed header (with or without padding) and on DigestInfo;
// all four readings are tried, and Form.SigDigestInfo tells which encoding it
// was. The error is ErrSignature.
func (p *ReceivedPush) VerifySignature() error {
	pub, err := rsaKey(p.kek.SigKey)
	if err != nil {
		return err
	}
	h := p.kek.SigHash
	if h.Known() && len(p.sig) == pub.Size() {
		header := append([]byte(nil), p.signed[:headerSize]...)
		header[flagsOffset] = isakmp.FlagEncryption
		unpadded := uint32(len(p.signed) + genericHeader + len(p.sig))
		lengths := []uint32{unpadded, binary.BigEndian.Uint32(header[lengthOffset:])}
		if lengths[1] == unpadded {
			lengths = lengths[:1]
		}
		for _, n := range lengths {
			binary.BigEndian.PutUint32(header[lengthOffset:], n)
			digest := pushDigest(h, header, p.signed[headerSize:])
			if digestInfo, ok := verify(pub, h.Crypto(), digest, p.sig); ok {
				p.Form.SigDigestInfo = digestInfo
				return nil
			}
		}
	}
	return &Error{Notify: NotifyInvalidSignature, Payload: PayloadSig, Reason: ErrSignature.Error(), Err: ErrSignature}
}
