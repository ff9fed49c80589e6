package isakmp

import (
	"bytes"
	"encoding/binary"
)

// sealAgain decrypts the message that a machine awaits, lets change have its
// payloads (those behind HASH, where there is one), and encrypts it under a HASH
// that fits: what a peer sends that has the keys and means harm. It is nil for
// what is not encrypted.
func sealAgain(w *wire, next Send, change func(rest []byte) []byte) []byte {
	h, body, err := ParseHeader(next.Data)
	m := w.nodes[next.Remote]
	if err != nil || h.Flags&FlagEncryption == 0 {
		return nil
	}
	sa := m.byCookies[cookies{h.InitiatorCookie, h.ResponderCookie}]
	if sa == nil || sa.keys.hash == 0 {
		return nil
	}
	if h.Exchange == ExchangeMainMode {
		if sa.negotiation == nil {
			return nil
		}
		plain, ok := sa.keys.decrypt(sa.iv, body)
		if !ok {
			return nil
		}
		return sa.message(h.Exchange, h.Flags, 0, h.Next, sa.keys.encrypt(sa.iv, change(bytes.Clone(plain))))
	}
	iv := phaseTwoIV(sa.keys.hash, sa.last, h.MessageID)
	if x := sa.exchange(h.MessageID); x != nil {
		iv = x.iv
	}
	plain, ok := sa.keys.decrypt(iv, body)
	if !ok {
		return nil
	}
	list, err := Payloads(h.Next, plain)
	if err != nil || len(list) == 0 {
		return nil
	}
	n := len(list[0].Raw)
	rest := change(bytes.Clone(plain[n:ChainLen(list)]))
	hash := sa.keys.hash.HMAC(sa.keys.a.Reveal(), binary.BigEndian.AppendUint32(nil, h.MessageID), rest)
	chain := append(bytes.Clone(plain[:4]), hash...)
	return sa.message(h.Exchange, h.Flags, h.MessageID, h.Next, sa.keys.encrypt(iv, append(chain, rest...)))
}

// spiMark stands for the cookies of the SA in what a fuzzer makes.
var spiMark = bytes.Repeat([]byte{0xc0}, 16)

// sealNamed makes an Informational of the fuzzer's octets, the first of which
// is the type of the payload behind HASH, under the keys of the SA that next
// belongs to.
func sealNamed(w *wire, next Send, made []byte) []byte {
	h, _, err := ParseHeader(next.Data)
	if err != nil || len(made) == 0 {
		return nil
	}
	sa := w.nodes[next.Remote].byCookies[cookies{h.InitiatorCookie, h.ResponderCookie}]
	if sa == nil || sa.state != complete {
		return nil
	}
	const id = 0x5eed
	rest := bytes.ReplaceAll(made[1:], spiMark, sa.spi())
	hash := sa.keys.hash.HMAC(sa.keys.a.Reveal(), binary.BigEndian.AppendUint32(nil, id), rest)
	head, err := AppendPayload(nil, made[0], hash)
	if err != nil {
		return nil
	}
	body := sa.keys.encrypt(phaseTwoIV(sa.keys.hash, sa.last, id), append(head, rest...))
	return sa.message(ExchangeInformational, FlagEncryption, id, PayloadHash, body)
}

// namedSeeds are the notifies and deletes that have an effect.
func namedSeeds() (all [][]byte) {
	life := []byte{0x80, attrLifeType, 0, lifeSeconds, 0x80, attrLifeDuration, 0x0e, 0x10}
	for _, n := range []Notify{
		{Type: NotifyRUThere, Data: []byte{0, 0, 0, 1}}, {Type: NotifyRUThereAck, Data: []byte{0, 0, 0, 1}}, {Type: NotifyInitialContact},
		{Type: NotifyResponderLifetime, Data: life}, {Type: NotifyInvalidID, Data: []byte{0, 0, 0, 9}}, {Type: NotifyInvalidSPI, Data: []byte{1, 2, 3, 4}},
	} {
		n.DOI, n.Protocol, n.SPI = DOIIPsec, ProtoISAKMP, spiMark
		body, err := n.Append(nil)
		if err != nil {
			panic(err)
		}
		first, chain, err := AppendChain(nil, Payload{Type: PayloadNotify, Body: body})
		if err != nil {
			panic(err)
		}
		all = append(all, append([]byte{first}, chain...))
	}
	body, err := Delete{DOI: DOIIPsec, Protocol: ProtoISAKMP, SPIs: [][]byte{spiMark}}.Append(nil)
	if err != nil {
		panic(err)
	}
	first, chain, err := AppendChain(nil, Payload{Type: PayloadDelete, Body: body})
	if err != nil {
		panic(err)
	}
	return append(all, append([]byte{first}, chain...))
}
