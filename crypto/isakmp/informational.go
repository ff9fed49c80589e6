package isakmp

import (
	"bytes"
	"crypto/hmac"
	"encoding/binary"
	"slices"
	"time"
)

// receiveInformational takes exchange 5: HDR*, HASH(1), N or D (RFC 2409 section
// 5.7). What is not authenticated changes nothing.
func (m *Machine) receiveInformational(p peer, msg message) {
	if !msg.encrypted() {
		m.count.Unauthenticated++
		m.noteHint(p, msg)
		return
	}
	sa := m.find(p, msg.Header)
	if sa == nil || sa.state != complete {
		m.noSA(p)
		return
	}
	if msg.MessageID == 0 {
		m.count.Malformed++
		return
	}
	if x := sa.exchange(msg.MessageID); x != nil {
		if !m.repeated(x, msg) {
			m.count.Malformed++
		}
		return
	}
	if slices.Contains(sa.used, msg.MessageID) {
		m.count.Duplicates++
		return
	}
	iv := phaseTwoIV(sa.keys.hash, sa.last, msg.MessageID)
	list, chain, ok := m.open(sa, iv, msg)
	if ok {
		id := binary.BigEndian.AppendUint32(nil, msg.MessageID)
		ok = hmac.Equal(list[0].Body, sa.keys.hash.HMAC(sa.keys.a.Reveal(), id, chain[len(list[0].Raw):]))
	}
	if !ok {
		m.count.Unauthenticated++
		return
	}
	x := m.newExchange(sa, msg.MessageID, msg.Exchange, iv)
	if x == nil {
		m.count.Busy++
		return
	}
	x.over, x.taken[0] = true, msg.digest
	m.keep(x)
	m.alive(sa)
	for _, payload := range list[1:] {
		if sa.dead {
			return
		}
		switch payload.Type {
		case PayloadNotify:
			m.notified(x, payload.Body)
		case PayloadDelete:
			m.deleted(sa, payload.Body)
		}
	}
}

// noteHint remembers that somebody, maybe the peer, refused our offer: it only
// changes the words of the failure that the timer reports.
func (m *Machine) noteHint(p peer, msg message) {
	sa := m.byCookies[cookies{initiator: msg.InitiatorCookie}]
	if sa == nil || sa.peer != p {
		return
	}
	list, err := m.payloads(msg.Next, msg.body)
	if err != nil {
		return
	}
	for payload := range Of(list, PayloadNotify) {
		if n, err := ParseNotify(payload.Body); err == nil && n.Type == NotifyNoProposalChosen {
			sa.hint = true
		}
	}
}

// notified handles one authenticated notify; x is its Informational.
func (m *Machine) notified(x *exchange, body []byte) {
	sa := x.sa
	n, err := ParseNotify(body)
	if err != nil {
		m.count.Malformed++
		return
	}
	switch n.Type {
	case NotifyRUThere:
		if len(n.Data) != 4 || !bytes.Equal(n.SPI, sa.spi()) {
			m.count.Malformed++
			return
		}
		x.reply = m.informational(sa, sa.notify(NotifyRUThereAck, DOIIPsec, n.Data))
		m.sendSA(sa, x.reply)
	case NotifyRUThereAck:
		m.probeAnswered(sa, n.Data)
	case NotifyInitialContact:
		m.initialContact(sa)
	case NotifyResponderLifetime:
		m.responderLifetime(sa, n)
	case NotifyInvalidSPI: // in the data (RFC 2408 section 3.14.1), or where an SPI belongs
		spi := n.Data
		if len(spi) == 0 && n.Protocol == protoESP {
			spi = n.SPI
		}
		m.emit(Notified{SA: sa.lend(), Type: n.Type, Data: spi})
	default:
		out := Notified{SA: sa.lend(), Type: n.Type, Data: n.Data}
		if len(n.Data) == 4 {
			id := binary.BigEndian.Uint32(n.Data)
			if about := sa.exchange(id); about != nil && about.ours {
				out.Owner, out.MessageID = about.owner, id
			} else if slices.Contains(sa.used, id) { // about one long over
				out.MessageID = id
			}
		}
		m.emit(out)
	}
}

// responderLifetime takes the lifetime that the responder gives the SA (RFC
// 2407 section 4.6.3.1), if it is shorter than ours. Volumes do not count.
func (m *Machine) responderLifetime(sa *phaseOne, n Notify) {
	list, err := ParseAttributes(n.Data)
	if err != nil || !sa.initiator || n.Protocol != ProtoISAKMP || !bytes.Equal(n.SPI, sa.spi()) {
		m.count.Malformed++
		return
	}
	kind := uint64(lifeSeconds)
	for _, a := range list {
		v, ok := a.Uint()
		switch {
		case !ok:
		case a.Type == attrLifeType:
			kind = v
		case a.Type == attrLifeDuration && kind == lifeSeconds && v > 0 && v < uint64(DefaultLifetime/time.Second):
			end := sa.created.Add(time.Duration(v) * time.Second)
			if end.After(m.now) && end.Before(sa.expires) {
				m.expireAt(sa, end)
			}
		}
	}
}

// deleted handles one authenticated Delete: the SA itself goes; SPIs of other
// protocols are none of phase 1.
func (m *Machine) deleted(sa *phaseOne, body []byte) {
	d, err := ParseDelete(body)
	if err != nil {
		m.count.Malformed++
		return
	}
	if d.Protocol != ProtoISAKMP {
		return
	}
	for _, spi := range d.SPIs {
		if bytes.Equal(spi, sa.spi()) {
			m.remove(sa, ReasonSAGone, false)
			return
		}
	}
}

// spi is how notifies and deletes name the SA: both cookies.
func (sa *phaseOne) spi() []byte { return append(sa.icookie[:], sa.rcookie[:]...) }

// informational builds exchange 5 around one payload.
func (m *Machine) informational(sa *phaseOne, p Payload) []byte {
	id := m.env.Uint32()
	for id == 0 || sa.exchange(id) != nil || slices.Contains(sa.used, id) {
		id = m.env.Uint32()
	}
	_, chain, err := AppendChain(nil, p)
	if err != nil {
		panic("isakmp: " + err.Error()) // nothing of ours is that long
	}
	hash := sa.keys.hash.HMAC(sa.keys.a.Reveal(), binary.BigEndian.AppendUint32(nil, id), chain)
	first, body, err := AppendChain(nil, Payload{Type: PayloadHash, Body: hash}, p)
	if err != nil {
		panic("isakmp: " + err.Error()) // nothing of ours is that long
	}
	body = sa.keys.encrypt(phaseTwoIV(sa.keys.hash, sa.last, id), body)
	return sa.message(ExchangeInformational, FlagEncryption, id, first, body)
}

// sendDelete tells the peer that the SA goes.
func (m *Machine) sendDelete(sa *phaseOne) {
	body, err := Delete{DOI: DOIIPsec, Protocol: ProtoISAKMP, SPIs: [][]byte{sa.spi()}}.Append(nil)
	if err != nil {
		panic("isakmp: " + err.Error()) // one SPI of 16 octets
	}
	m.sendSA(sa, m.informational(sa, Payload{Type: PayloadDelete, Body: body}))
}
