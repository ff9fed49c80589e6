package wire

import (
	"crypto/hmac"
	"encoding/binary"
	"net/netip"

	"coterie/crypto/isakmp"
	"coterie/gdoi/policy"
)

// GROUPKEY-PULL (RFC 6407 section 3.2), four messages under one message ID:
//
//	GM -> KS   HASH(1), Ni, ID [, member information]
//	KS -> GM   HASH(2), Nr, SA
//	GM -> KS   HASH(3) [, GAP] [, member information]
//	KS -> GM   HASH(4), [SEQ,] KD
//
// HASH(1) = prf(SKEYID_a, M-ID | the rest of the message)
// HASH(2) = prf(SKEYID_a, M-ID | Ni_b | the rest)
// HASH(3) = prf(SKEYID_a, M-ID | Ni_b | Nr_b | the rest), and so HASH(4)
//
// where the rest is every octet behind the HASH payload up to the end of the
// last payload, as transmitted.

// PRF computes prf(SKEYID_a, parts...); isakmp lends it with an SA.
type PRF = func(parts ...[]byte) []byte

// Sizes of a nonce body: RFC 2409 section 5 gives 8 to 256 octets.
const (
	minNonce  = 8
	maxNonce  = 256
	NonceSize = 20 // of ours
)

// Pull1 opens the exchange.
type Pull1 struct {
	Nonce []byte
	ID    Identity
	Info  *Info // nil: none
}

// Pull2 offers the policy.
type Pull2 struct {
	Nonce []byte
	SA    SA
	Form  Form // as sent; on input as found
	// Body is that of the SA payload, when it is written already: many members
	// are told the same. SA and Form do not count then.
	Body []byte
}

// Pull3 accepts the policy.
type Pull3 struct {
	GAP  []Attribute
	Info *Info
}

// Pull4 brings the keys.
type Pull4 struct {
	Seq    uint32
	HasSeq bool // iff the SA had a SAK
	KD     []KeyPacket
	Body   []byte // of the KD payload, when it is written already, instead of KD
}

// Identity is the body of an ID payload (RFC 2407 section 4.6.2).
type Identity = isakmp.Identity

func parseIdentity(b []byte) (Identity, error) {
	id, err := isakmp.ParseID(b)
	if err != nil {
		return Identity{}, malformed(PayloadID, "%v", err)
	}
	return id, nil
}

// GroupIdentity is how a group is named on the wire: `identity number` as
// ID_KEY_ID of four octets, `identity address ipv4` as ID_IPV4_ADDR.
func GroupIdentity(g policy.GroupID) Identity {
	if g.Address.IsValid() {
		return Identity{Type: IDIPv4, Data: g.Address.Unmap().AsSlice()}
	}
	return Identity{Type: IDKeyID, Data: binary.BigEndian.AppendUint32(nil, g.Number)}
}

// Group reads a group's name from the ID of message 1; false when it is of
// another kind.
func Group(id Identity) (policy.GroupID, bool) {
	switch {
	case id.Type == IDKeyID && len(id.Data) == 4:
		return policy.GroupID{Number: binary.BigEndian.Uint32(id.Data)}, true
	case id.Type == IDIPv4 && len(id.Data) == 4:
		return policy.GroupID{Address: netip.AddrFrom4([4]byte(id.Data))}, true
	}
	return policy.GroupID{}, false
}

// maxHash is the longest HASH, of SHA-512.
const maxHash = 64

// seal puts HASH in front of the payloads.
func seal(prf PRF, mid uint32, nonces [][]byte, l payloadList) (first uint8, chain []byte, err error) {
	const room = genericHeader + maxHash // for HASH, so that the rest need not move
	n := room
	for _, p := range l {
		n += genericHeader + len(p.Body)
	}
	next, b, err := isakmp.AppendChain(make([]byte, room, n), l...)
	if err != nil {
		return 0, nil, err
	}
	mac := prf(hashParts(mid, nonces, b[room:])...)
	chain = b[maxHash-len(mac):]
	_, err = isakmp.AppendPayload(chain[:0], next, mac)
	return PayloadHash, chain, err
}

// hashParts is what a HASH covers: M-ID, at most two nonces, the rest.
func hashParts(mid uint32, nonces [][]byte, rest []byte) [][]byte {
	h := &struct {
		mid   [4]byte
		parts [4][]byte
	}{}
	binary.BigEndian.PutUint32(h.mid[:], mid)
	parts := append(h.parts[:0], h.mid[:])
	return append(append(parts, nonces...), rest)
}

// open checks HASH and returns the payloads behind it, in the memory of list.
// Whatever is wrong up to here is ErrHash, a chain that does not parse too: to
// somebody who cannot make the HASH every message is the same.
func open(list []Payload, prf PRF, mid uint32, nonces [][]byte, first uint8, b []byte) ([]Payload, error) {
	payloads, padding, err := parsePayloads(list, first, b)
	if err != nil || len(payloads) == 0 || payloads[0].Type != PayloadHash {
		return nil, badHash()
	}
	covered := b[len(payloads[0].Raw) : len(b)-len(padding)]
	if !hmac.Equal(prf(hashParts(mid, nonces, covered)...), payloads[0].Body) {
		return nil, badHash()
	}
	return payloads[1:], nil
}

func badHash() error {
	return &Error{Notify: NotifyInvalidHash, Payload: PayloadHash, Reason: ErrHash.Error(), Err: ErrHash}
}

// only returns the one payload of a type; more than one is an error, none is
// one if it is required.
func only(payloads []Payload, t uint8, required bool) (body []byte, found bool, err error) {
	for _, p := range payloads {
		if p.Type != t {
			continue
		}
		if found {
			return nil, false, malformed(t, "more than one")
		}
		body, found = p.Body, true
	}
	if required && !found {
		return nil, false, malformed(t, "missing")
	}
	return body, found, nil
}

func nonce(payloads []Payload) ([]byte, error) {
	b, _, err := only(payloads, PayloadNonce, true)
	if err == nil && (len(b) < minNonce || len(b) > maxNonce) {
		err = malformed(PayloadNonce, "%d octets", len(b))
	}
	return b, err
}

// information reads member information; one that is not ours to read (COOP, a
// later version) is ignored.
func information(payloads []Payload) *Info {
	for _, p := range payloads {
		if p.Type != PayloadCoterie {
			continue
		}
		if in, err := ParseInfo(p.Body); err == nil {
			return &in
		}
	}
	return nil
}

// BuildPull1 writes message 1 as a payload chain.
func BuildPull1(prf PRF, mid uint32, m Pull1) (first uint8, chain []byte, err error) {
	l := make(payloadList, 0, 3)
	l.put(PayloadNonce, m.Nonce)
	l.put(PayloadID, m.ID.Append(nil))
	if m.Info != nil {
		if err := l.add(PayloadCoterie, m.Info.Append); err != nil {
			return 0, nil, err
		}
	}
	return seal(prf, mid, nil, l)
}

// ParsePull1 checks and reads message 1.
func ParsePull1(prf PRF, mid uint32, first uint8, chain []byte) (Pull1, error) {
	var room payloadRoom
	payloads, err := open(room[:0], prf, mid, nil, first, chain)
	if err != nil {
		return Pull1{}, err
	}
	var m Pull1
	if m.Nonce, err = nonce(payloads); err != nil {
		return Pull1{}, err
	}
	id, _, err := only(payloads, PayloadID, true)
	if err != nil {
		return Pull1{}, err
	}
	if m.ID, err = parseIdentity(id); err != nil {
		return Pull1{}, err
	}
	m.Info = information(payloads)
	return m, nil
}

// BuildPull2 writes message 2; ni is the nonce of message 1.
func BuildPull2(prf PRF, mid uint32, ni []byte, m Pull2) (first uint8, chain []byte, err error) {
	l := make(payloadList, 0, 3)
	l.put(PayloadNonce, m.Nonce)
	if m.Body != nil {
		l.put(PayloadSA, m.Body)
	} else if err := l.add(PayloadSA, func(d []byte) ([]byte, error) { return m.SA.Append(d, m.Form) }); err != nil {
		return 0, nil, err
	}
	return seal(prf, mid, [][]byte{ni}, l)
}

// ParsePull2 checks and reads message 2; prefer is the peer's last good form.
func ParsePull2(prf PRF, mid uint32, ni []byte, first uint8, chain []byte, prefer Form) (Pull2, error) {
	var room payloadRoom
	payloads, err := open(room[:0], prf, mid, [][]byte{ni}, first, chain)
	if err != nil {
		return Pull2{}, err
	}
	var m Pull2
	if m.Nonce, err = nonce(payloads); err != nil {
		return Pull2{}, err
	}
	sa, _, err := only(payloads, PayloadSA, true)
	if err != nil {
		return Pull2{}, err
	}
	m.SA, m.Form, err = ParseSA(sa, prefer)
	return m, err
}

// BuildPull3 writes message 3.
func BuildPull3(prf PRF, mid uint32, ni, nr []byte, m Pull3) (first uint8, chain []byte, err error) {
	l := make(payloadList, 0, 3)
	if len(m.GAP) > 0 {
		if err := l.add(PayloadGAP, func(d []byte) ([]byte, error) { return appendAttributes(d, m.GAP) }); err != nil {
			return 0, nil, err
		}
	}
	if m.Info != nil {
		if err := l.add(PayloadCoterie, m.Info.Append); err != nil {
			return 0, nil, err
		}
	}
	return seal(prf, mid, [][]byte{ni, nr}, l)
}

// ParsePull3 checks and reads message 3. CERT and POP of RFC 3547 are ignored.
func ParsePull3(prf PRF, mid uint32, ni, nr []byte, first uint8, chain []byte) (Pull3, error) {
	var room payloadRoom
	payloads, err := open(room[:0], prf, mid, [][]byte{ni, nr}, first, chain)
	if err != nil {
		return Pull3{}, err
	}
	var m Pull3
	gap, found, err := only(payloads, PayloadGAP, false)
	if err != nil {
		return Pull3{}, err
	}
	if found {
		if m.GAP, err = parseAttributes(PayloadGAP, gap); err != nil {
			return Pull3{}, err
		}
	}
	m.Info = information(payloads)
	return m, nil
}

// BuildPull4 writes message 4.
func BuildPull4(prf PRF, mid uint32, ni, nr []byte, m Pull4) (first uint8, chain []byte, err error) {
	l := make(payloadList, 0, 3)
	if m.HasSeq {
		l.put(PayloadSEQ, AppendSEQ(nil, m.Seq))
	}
	if m.Body != nil {
		l.put(PayloadKD, m.Body)
	} else if err := l.add(PayloadKD, func(d []byte) ([]byte, error) { return AppendKD(d, m.KD) }); err != nil {
		return 0, nil, err
	}
	return seal(prf, mid, [][]byte{ni, nr}, l)
}

// ParsePull4 checks and reads message 4.
func ParsePull4(prf PRF, mid uint32, ni, nr []byte, first uint8, chain []byte) (Pull4, error) {
	var room payloadRoom
	payloads, err := open(room[:0], prf, mid, [][]byte{ni, nr}, first, chain)
	if err != nil {
		return Pull4{}, err
	}
	var m Pull4
	seq, found, err := only(payloads, PayloadSEQ, false)
	if err != nil {
		return Pull4{}, err
	}
	if m.HasSeq = found; found {
		if m.Seq, err = ParseSEQ(seq); err != nil {
			return Pull4{}, err
		}
	}
	kd, _, err := only(payloads, PayloadKD, true)
	if err != nil {
		return Pull4{}, err
	}
	m.KD, err = ParseKD(kd)
	return m, err
}
