package isakmp

import (
	"crypto/sha256"
	"slices"
)

// maxExchanges bounds the exchanges that one SA remembers.
const maxExchanges = 64

// exchange is everything under one message ID of an SA: a phase-2 exchange, or
// an Informational that was received.
type exchange struct {
	sa    *phaseOne
	id    uint32
	kind  uint8 // exchange type
	owner Owner // of one that we started
	ours  bool
	over  bool // nothing more is expected: duplicates only

	// iv is that of the next message, in either direction. A message that was
	// handed up moves it on only when it turns out to verify.
	iv      []byte
	handed  bool
	pending []byte // the IV that the message handed up will leave
	digest  [sha256.Size]byte

	taken [2][sha256.Size]byte // digests of messages not to be processed again
	reply []byte               // our answer to the latest of them
	wait  retransmission
	prune timer
}

// usedIDs remembers message IDs that are over, so that a recorded message
// cannot open its exchange again soon.
type usedIDs []uint32

const maxUsedIDs = 256

func (u *usedIDs) add(id uint32) {
	if len(*u) >= maxUsedIDs {
		*u = slices.Delete(*u, 0, len(*u)-maxUsedIDs+1)
	}
	*u = append(*u, id)
}

// exchange is that of a message ID, nil when there is none.
func (sa *phaseOne) exchange(id uint32) *exchange {
	for _, x := range sa.exchanges {
		if x.id == id {
			return x
		}
	}
	return nil
}

// newExchange makes room for an exchange whose first message has an IV; nil
// when the SA has too many that are still going on.
func (m *Machine) newExchange(sa *phaseOne, id uint32, kind uint8, iv []byte) *exchange {
	if len(sa.exchanges) >= maxExchanges {
		i := slices.IndexFunc(sa.exchanges, func(x *exchange) bool { return !x.ours && !x.handed })
		if over := slices.IndexFunc(sa.exchanges, func(x *exchange) bool { return x.over && !x.handed }); over >= 0 {
			i = over
		}
		if i < 0 {
			return nil
		}
		m.forget(sa.exchanges[i])
	}
	x := &exchange{sa: sa, id: id, kind: kind, iv: iv}
	sa.exchanges = append(sa.exchanges, x)
	return x
}

// keep holds an exchange for another keepReply, to answer duplicates.
func (m *Machine) keep(x *exchange) {
	fire := x.prune.fire
	if fire == nil {
		fire = func() { m.forget(x) }
	}
	m.timers.set(&x.prune, m.now.Add(keepReply), fire)
}

// forget drops an exchange without a word to its owner.
func (m *Machine) forget(x *exchange) {
	m.stopRetransmission(&x.wait)
	m.timers.stop(&x.prune)
	if i := slices.Index(x.sa.exchanges, x); i >= 0 {
		x.sa.exchanges = slices.Delete(x.sa.exchanges, i, i+1)
		x.sa.used.add(x.id)
		if len(x.sa.exchanges) == 0 { // an idle SA is small
			x.sa.exchanges = nil
		}
	}
	m.disown(x)
}

func (m *Machine) disown(x *exchange) {
	list := slices.DeleteFunc(m.byOwner[x.owner], func(y *exchange) bool { return y == x })
	if len(list) > 0 {
		m.byOwner[x.owner] = list
	} else {
		delete(m.byOwner, x.owner)
	}
}

// finishExchange stops an exchange that its owner is done with.
func (m *Machine) finishExchange(x *exchange) {
	m.stopRetransmission(&x.wait)
	m.disown(x)
	x.over = true
	m.keep(x)
}

// endExchange ends an exchange that cannot succeed any more and tells the
// owner, if we started it or wait for an answer.
func (m *Machine) endExchange(x *exchange, reason string) {
	tell := !x.over && (x.ours || x.owner != 0)
	m.forget(x)
	if tell {
		m.emit(Phase2Failed{SA: x.sa.id, Owner: x.owner, MessageID: x.id, Reason: reason})
	}
}

// repeated answers a message that was processed before.
func (m *Machine) repeated(x *exchange, msg message) bool {
	if msg.digest == x.taken[0] || msg.digest == x.taken[1] || x.handed && msg.digest == x.digest {
		m.count.Duplicates++
		// The side that waits has a timer; only the other one answers.
		if msg.digest == x.taken[0] && x.reply != nil && !x.wait.active() {
			m.sendSA(x.sa, x.reply)
		}
		return true
	}
	return false
}

// receivePhaseTwo hands one message up, decrypted.
func (m *Machine) receivePhaseTwo(p peer, msg message) {
	sa := m.find(p, msg.Header)
	if sa == nil || sa.state != complete {
		m.noSA(p)
		return
	}
	if !msg.encrypted() || msg.MessageID == 0 {
		m.count.Malformed++
		return
	}
	x := sa.exchange(msg.MessageID)
	switch {
	case x == nil && slices.Contains(sa.used, msg.MessageID):
		m.count.Duplicates++
		return
	case x != nil && m.repeated(x, msg):
		return
	case x != nil && (x.over || x.handed):
		m.count.Duplicates++
		return
	case x != nil && x.kind != msg.Exchange:
		m.count.Malformed++
		return
	}
	var iv []byte
	if x != nil {
		iv = x.iv
	} else {
		iv = phaseTwoIV(sa.keys.hash, sa.last, msg.MessageID)
	}
	_, chain, ok := m.open(sa, iv, msg)
	if !ok {
		m.count.HashFail++
		return
	}
	if x == nil {
		if x = m.newExchange(sa, msg.MessageID, msg.Exchange, iv); x == nil {
			m.count.Busy++
			return
		}
	}
	x.handed, x.pending, x.digest = true, sa.keys.lastBlock(msg.body), msg.digest
	m.keep(x)
	m.emit(Phase2{SA: sa.lend(), Owner: x.owner, Exchange: msg.Exchange, MessageID: msg.MessageID,
		First: msg.Next, Payloads: chain})
}

// open decrypts a message under an SA. Its first payload must be a HASH of the
// right length: garbage from a wrong key, or from nobody, goes no further.
func (m *Machine) open(sa *phaseOne, iv []byte, msg message) (list []Payload, chain []byte, ok bool) {
	if msg.Next != PayloadHash {
		return nil, nil, false
	}
	plain, ok := sa.keys.decrypt(iv, msg.body)
	if !ok {
		return nil, nil, false
	}
	list, err := m.payloads(msg.Next, plain)
	if err != nil {
		return nil, nil, false
	}
	if _, err := ParseHash(sa.policy.Hash, list[0].Body); err != nil {
		return nil, nil, false
	}
	n := ChainLen(list)
	return list, plain[:n:n], true
}

// commit accepts the message handed up: the IV moves on, the message is not
// processed again, and the peer is alive.
func (m *Machine) commit(x *exchange) {
	if !x.handed {
		return
	}
	x.iv, x.pending, x.handed = x.pending, nil, false
	x.taken[1], x.taken[0] = x.taken[0], x.digest
	x.reply = nil
	m.stopRetransmission(&x.wait)
	m.alive(x.sa)
}

// continueExchange encrypts and sends the next message of an exchange, or the
// first of one of ours.
func (m *Machine) continueExchange(in Exchange2) {
	sa := m.byID[in.SA]
	fail := func(reason string) {
		m.emit(Phase2Failed{SA: in.SA, Owner: in.Owner, MessageID: in.MessageID, Reason: reason})
	}
	if sa == nil || sa.state != complete {
		fail(ReasonSAGone)
		return
	}
	x := sa.exchange(in.MessageID)
	if x == nil {
		if x = m.newExchange(sa, in.MessageID, in.Exchange, phaseTwoIV(sa.keys.hash, sa.last, in.MessageID)); x == nil {
			fail(ReasonBusy)
			return
		}
		x.ours, x.owner = true, in.Owner
		m.byOwner[in.Owner] = append(m.byOwner[in.Owner], x)
		m.probeOnDemand(sa)
	}
	if x.over || x.kind != in.Exchange || len(in.Payloads) == 0 {
		fail(ReasonOver)
		return
	}
	if HeaderLen+len(in.Payloads)+sa.keys.cipher.BlockLen() > maxDatagram {
		fail(ReasonTooLong)
		return
	}
	if in.Await && !x.ours && x.owner == 0 && in.Owner != 0 {
		x.owner = in.Owner
		m.byOwner[in.Owner] = append(m.byOwner[in.Owner], x)
	}
	m.commit(x)
	x.reply, x.iv = sa.encrypted(x.kind, x.id, in.First, in.Payloads, x.iv)
	if !in.Await {
		m.sendSA(sa, x.reply)
		m.keep(x)
		return
	}
	m.timers.stop(&x.prune)
	m.transmit(&x.wait, sa, x.reply,
		func() bool { return x.handed },
		func() {
			// The peer may have lost the SA: it is not lent again until it
			// shows life.
			sa.suspect = true
			m.endExchange(x, ReasonNoAnswer)
		})
}

// acceptExchange ends an exchange with success.
func (m *Machine) acceptExchange(in Accept) {
	if x := m.exchange(in.SA, in.MessageID); x != nil {
		m.commit(x)
		x.reply = nil
		m.finishExchange(x)
	}
}

// refuseExchange takes the message handed up back. Without a notify it did not
// verify: the exchange waits for the right one, under the IV it had. With one,
// the exchange is over and the peer is told; its duplicates are told again.
func (m *Machine) refuseExchange(in Refuse) {
	x := m.exchange(in.SA, in.MessageID)
	if x == nil {
		return
	}
	wasHanded := x.handed
	x.handed, x.pending = false, nil
	if wasHanded {
		x.taken[1] = x.digest // not again, and not the latest that verified
	}
	if in.Notify == 0 {
		if wasHanded {
			m.count.HashFail++
		}
		if !x.wait.active() {
			m.keep(x)
		}
		return
	}
	if wasHanded {
		x.taken[0] = x.digest
	}
	id := [4]byte{byte(x.id >> 24), byte(x.id >> 16), byte(x.id >> 8), byte(x.id)}
	notify := m.informational(x.sa, x.sa.notify(in.Notify, x.sa.doi, id[:]))
	m.finishExchange(x)
	x.reply = notify
	m.sendSA(x.sa, notify)
}

func (m *Machine) exchange(id SAID, messageID uint32) *exchange {
	sa := m.byID[id]
	if sa == nil || sa.state != complete {
		return nil
	}
	return sa.exchange(messageID)
}
