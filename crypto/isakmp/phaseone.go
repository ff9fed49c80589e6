package isakmp

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"time"

	"coterie/crypto/pki"
	"coterie/crypto/suite"
	"coterie/internal/secret"
)

// state is how far a main mode has come; its names are those of IOS debugs.
type state uint8

const (
	ready state = iota
	iMM1        // sent 1
	iMM2        // computing for 3
	iMM3        // sent 3
	iMM4        // computing for 5
	iMM5        // sent 5
	rMM2        // sent 2
	rMM3        // computing for 4
	rMM4        // sent 4
	rMM5        // computing for 6
	complete
)

func (s state) String() string {
	return [...]string{"IKE_READY", "IKE_I_MM1", "IKE_I_MM2", "IKE_I_MM3", "IKE_I_MM4", "IKE_I_MM5",
		"IKE_R_MM2", "IKE_R_MM3", "IKE_R_MM4", "IKE_R_MM5", "IKE_P1_COMPLETE"}[s]
}

// screen is the state column of `show crypto isakmp sa`.
func (s state) screen() string {
	switch s {
	case iMM3, iMM4, rMM2, rMM3:
		return "MM_SA_SETUP"
	case iMM5, rMM4, rMM5:
		return "MM_KEY_EXCH"
	case complete:
		return "GDOI_IDLE"
	}
	return "MM_NO_STATE"
}

// Bounds of an SA's life.
const (
	// negotiationLimit ends an unfinished phase 1 whatever happens.
	negotiationLimit = 120 * time.Second
	// keepReply is how long the last message is kept to answer duplicates.
	keepReply = 60 * time.Second
	// reuseMargin is the life an SA must have left to be lent to a Connect: an
	// exchange over it may take as long.
	reuseMargin = transmissions * retransmitInterval
	// maxPerPeer bounds the established SAs that one address and port can hold.
	maxPerPeer = 8
)

// phaseOne is one phase-1 SA, finished or not.
type phaseOne struct {
	peer
	serial    uint64 // order of creation
	id        SAID   // conn-id; zero until there are keys
	initiator bool
	state     state
	dead      bool // removed; its PRF answers nothing any more

	icookie, rcookie Cookie
	doi              uint32
	policy           Policy
	created          time.Time
	doneSerial       uint64 // order of completion, among the serials
	expires          time.Time
	limit            timer // negotiationLimit, then the lifetime

	attempt      *attempt // of an initiator that waits
	*negotiation          // nil once established

	// Retransmission and duplicates of phase 1.
	job   uint64               // Compute under way
	taken [2][sha256.Size]byte // digests of the last messages taken, latest first
	reply []byte               // a responder's answer to the latest
	wait  retransmission
	prune timer

	// The finished SA.
	keys         *keySet
	last         []byte // last ciphertext block of phase 1
	peerID       Identity
	certificate  []byte // of the peer, DER
	profile      string // of the configuration, "" without one
	capabilities uint32
	ours         bool // the peer sent our Vendor ID
	dpd          bool // the peer sent the Vendor ID of DPD
	fragments    bool // both sides take IKE fragments
	heard        time.Time
	suspect      bool        // an exchange over it found no answer
	exchanges    []*exchange // by creation, at most maxExchanges
	used         usedIDs
	prf          func(parts ...[]byte) []byte // that lend has lent
	probe        probe
}

// negotiation is what a phase 1 needs until it is established.
type negotiation struct {
	offers   []Policy
	hint     bool // the peer said NO-PROPOSAL-CHOSEN, without proof
	cred     credentials
	own      *pki.Trustpoint // proves us, with a method of signatures
	saBody   []byte          // SAi_b
	dh       *suite.PrivateKey
	gxi, gxr []byte
	ni, nr   []byte
	iv       []byte // of the next encrypted message

	fragmentVendor []byte // as the peer sent it
	halfOpen       halfOpenPlace
}

// newPhaseOne begins an SA; its limit is the caller's to set.
func (m *Machine) newPhaseOne(p peer, initiator bool) *phaseOne {
	m.lastSerial++
	return &phaseOne{peer: p, serial: m.lastSerial, initiator: initiator, created: m.now, heard: m.now, negotiation: new(negotiation)}
}

func (m *Machine) setState(sa *phaseOne, s state) {
	if m.env.Debugging() { // five times for each SA
		m.debugf("ISAKMP:(%d):Old State = %v  New State = %v", sa.id, sa.state, s)
	}
	sa.state = s
}

// take records a message of phase 1 as processed: its duplicates are known.
func (sa *phaseOne) take(msg message) {
	sa.taken[1], sa.taken[0] = sa.taken[0], msg.digest
	sa.reply = nil
}

// header is that of a message of n octets.
func (sa *phaseOne) header(exchange, flags uint8, messageID uint32, first uint8, n int) Header {
	return Header{
		InitiatorCookie: sa.icookie, ResponderCookie: sa.rcookie, Next: first, Version: Version,
		Exchange: exchange, Flags: flags, MessageID: messageID, Length: uint32(n),
	}
}

// message builds a datagram; body is the payload chain, encrypted already when
// the flag says so.
func (sa *phaseOne) message(exchange, flags uint8, messageID uint32, first uint8, body []byte) []byte {
	n := HeaderLen + len(body)
	return append(sa.header(exchange, flags, messageID, first, n).Append(make([]byte, 0, n)), body...)
}

// chained is a chain of payloads behind room for the header.
func chained(list []Payload) (first uint8, data []byte) {
	n := HeaderLen
	for _, p := range list {
		n += genericLen + len(p.Body)
	}
	first, data, err := AppendChain(make([]byte, HeaderLen, n+maxBlockLen), list...)
	if err != nil {
		panic("isakmp: " + err.Error()) // nothing of ours is that long
	}
	return first, data
}

// plain builds a message of phase 1 before there are keys.
func (sa *phaseOne) plain(list ...Payload) []byte {
	first, data := chained(list)
	sa.header(ExchangeMainMode, 0, 0, first, len(data)).Append(data[:0])
	return data
}

// sealed encrypts a message of phase 1 and moves its IV on.
func (sa *phaseOne) sealed(list ...Payload) []byte {
	first, data := chained(list)
	sa.iv = sa.encryptMessage(&data, ExchangeMainMode, 0, first, sa.iv)
	return data
}

// encrypted builds a datagram out of a payload chain, and returns the IV of the
// next message.
func (sa *phaseOne) encrypted(exchange uint8, messageID uint32, first uint8, chain, iv []byte) (data, next []byte) {
	data = append(make([]byte, HeaderLen, HeaderLen+sa.keys.padded(len(chain))), chain...)
	next = sa.encryptMessage(&data, exchange, messageID, first, iv)
	return data, next
}

// encryptMessage pads a chain behind room for the header with zeros, encrypts
// it and puts the header in front. The IV of the next message is the last block:
// it aliases the message.
func (sa *phaseOne) encryptMessage(data *[]byte, exchange uint8, messageID uint32, first uint8, iv []byte) (next []byte) {
	n := HeaderLen + sa.keys.padded(len(*data)-HeaderLen)
	b := append(*data, make([]byte, n-len(*data))...)
	sa.header(exchange, FlagEncryption, messageID, first, n).Append(b[:0])
	sa.keys.encryptBlocks(iv, b[HeaderLen:])
	*data = b
	return b[n-sa.keys.cipher.BlockLen():]
}

// NewID takes a conn-id: SAs of rekeys are numbered together with those of
// phase 1.
func (m *Machine) NewID() SAID {
	id := m.nextID
	m.nextID++
	return id
}

// derive makes the keys once g^xy is there and gives the SA its conn-id.
func (m *Machine) derive(sa *phaseOne, gxy []byte) bool {
	h := sa.policy.Hash
	var skeyid secret.Bytes
	if sa.policy.signs() {
		skeyid = skeyidSignature(h, gxy, sa.ni, sa.nr)
	} else {
		skeyid = skeyidPSK(h, sa.cred.psk, sa.ni, sa.nr)
	}
	keys, err := deriveKeys(h, sa.policy.Cipher, skeyid, gxy, sa.icookie, sa.rcookie)
	clear(gxy)
	if err != nil { // no cipher refuses a key of its length
		return false
	}
	keys.auth = sa.policy.authHash()
	sa.keys = keys
	sa.iv = phaseOneIV(h, sa.policy.Cipher.BlockLen(), sa.gxi, sa.gxr)
	sa.id = m.NewID()
	m.byID[sa.id] = sa
	keys.id, keys.recent = sa.id, &m.schedules
	if m.cfg.KeyLog {
		m.emit(KeyLog{InitiatorCookie: sa.icookie, Key: append([]byte(nil), keys.key.Reveal()...)})
	}
	return true
}

// establish finishes phase 1: the SA is lent from now on.
func (m *Machine) establish(sa *phaseOne) {
	m.halfOpen.remove(sa)
	m.stopRetransmission(&sa.wait)
	sa.last = bytes.Clone(sa.iv) // not the whole message that it is part of
	sa.heard = m.now
	m.lastSerial++
	sa.doneSerial = m.lastSerial
	if life := m.now.Add(sa.policy.Lifetime); sa.expires.IsZero() || life.Before(sa.expires) {
		sa.expires = life
	}
	m.expireAt(sa, sa.expires)
	m.timers.set(&sa.prune, m.now.Add(keepReply), func() { sa.reply = nil })
	sa.dh.Wipe()
	sa.keys.release()
	sa.negotiation = nil
	if m.env.Debugging() {
		m.debugf("ISAKMP:(%d):SA has been authenticated with %v", sa.id, sa.remote.Addr().Unmap())
	}
	m.setState(sa, complete)

	list := append(m.established[sa.peer], sa)
	m.established[sa.peer] = list
	for _, old := range slices.Clone(list[:len(list)-1]) {
		switch {
		case old.suspect: // it has a living successor now
			m.remove(old, ReasonSAGone, false)
		case len(m.established[sa.peer]) > maxPerPeer:
			m.remove(old, ReasonSAGone, true)
		}
	}
	m.startDPD(sa)
	m.connected(sa)
}

// expireAt sets the end of a finished SA.
func (m *Machine) expireAt(sa *phaseOne, end time.Time) {
	sa.expires = end
	m.timers.set(&sa.limit, end, func() { m.remove(sa, ReasonSAGone, true) })
}

// lend is the SA as the layers above see it.
func (sa *phaseOne) lend() SA {
	if sa.prf == nil {
		sa.prf = func(parts ...[]byte) []byte {
			if sa.dead { // no HASH of it is right any more
				return nil
			}
			return sa.keys.hash.HMAC(sa.keys.a.Reveal(), parts...)
		}
	}
	return SA{
		ID: sa.id, Initiator: sa.initiator, VRF: sa.vrf, Local: sa.local, Remote: sa.remote, Peer: sa.peerID,
		Certificate: sa.certificate, Capabilities: sa.capabilities, Foreign: !sa.ours, PRF: sa.prf,
	}
}

// failPhaseOne gives an unfinished SA up.
func (m *Machine) failPhaseOne(sa *phaseOne) {
	reason := ReasonStalled
	switch {
	case sa.state == iMM5 || sa.state == rMM4 || sa.state == rMM5:
		reason = ReasonAuthentication
	case sa.state == iMM1 && sa.hint:
		reason = ReasonNoProposal
	case sa.state == iMM1:
		reason = ReasonNoAnswer
	}
	m.remove(sa, reason, false)
}

// remove ends an SA in any state. tell sends a Delete to the peer of a
// finished one.
func (m *Machine) remove(sa *phaseOne, reason string, tell bool) {
	if sa.dead {
		return
	}
	if sa.state == complete && tell {
		m.sendDelete(sa)
	}
	m.halfOpen.remove(sa)
	m.fragments.forget(m, sa)
	m.stopRetransmission(&sa.wait)
	m.timers.stop(&sa.limit)
	m.timers.stop(&sa.prune)
	m.timers.stop(sa.probe.timer)
	if sa.job != 0 {
		m.jobs[sa.job] = job{} // nobody waits, but it is being computed all the same
	}
	delete(m.byCookies, cookies{sa.icookie, sa.rcookie})
	if sa.id != 0 {
		delete(m.byID, sa.id)
	}
	if list := slices.DeleteFunc(m.established[sa.peer], func(x *phaseOne) bool { return x == sa }); len(list) > 0 {
		m.established[sa.peer] = list
	} else {
		delete(m.established, sa.peer)
	}
	m.bury(sa)
	if sa.state != rMM2 { // nobody in particular, maybe many of them
		m.debugf("ISAKMP:(%d):deleting SA reason %q state (%s) %s (peer %v)", sa.id, reason, sa.role(), sa.state.screen(), sa.remote.Addr().Unmap())
	}
	for _, x := range slices.Clone(sa.exchanges) {
		m.endExchange(x, reason)
	}
	if sa.state == complete {
		m.emit(SADeleted{sa.lend()})
	}
	sa.dead = true
	sa.keys.wipe()
	if sa.negotiation != nil {
		sa.dh.Wipe()
	}
	if a := sa.attempt; a != nil {
		m.failAttempt(a, reason)
	}
}

func (sa *phaseOne) role() string {
	if sa.initiator {
		return "I"
	}
	return "R"
}

// clear is `clear crypto isakmp [conn-id]`.
func (m *Machine) clear(in Clear) {
	if !in.All {
		if sa := m.byID[in.SA]; sa != nil {
			m.remove(sa, ReasonCleared, true)
		}
		return
	}
	for _, sa := range m.all() {
		m.remove(sa, ReasonCleared, true)
	}
}

// all lists every SA: by conn-id, then by age.
func (m *Machine) all() []*phaseOne {
	list := make([]*phaseOne, 0, len(m.byCookies))
	for _, sa := range m.byCookies {
		list = append(list, sa)
	}
	slices.SortFunc(list, func(a, b *phaseOne) int {
		if a.id != b.id {
			return int(int64(a.id) - int64(b.id))
		}
		return int(int64(a.serial) - int64(b.serial))
	})
	return list
}
