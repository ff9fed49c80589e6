package isakmp

import (
	"coterie/crypto/suite"
)

// dhResult is what a Diffie-Hellman of ours brings back.
type dhResult struct {
	key    *suite.PrivateKey
	shared []byte
	err    error
}

// beginMainMode sends message 1: HDR, SA, VIDs.
func (m *Machine) beginMainMode(a *attempt, policies []Policy, cred credentials) {
	sa := m.newPhaseOne(a.peer, true)
	m.timers.set(&sa.limit, m.now.Add(negotiationLimit), func() { m.failPhaseOne(sa) })
	copy(sa.icookie[:], m.env.Bytes(len(sa.icookie)))
	sa.attempt, a.sa = a, sa
	sa.offers, sa.cred, sa.doi = policies, cred, m.cfg.PhaseOneDOI
	body, err := offer(policies, sa.doi)
	if err != nil {
		panic("isakmp: " + err.Error()) // maxOffers keeps it short
	}
	sa.saBody = body
	m.byCookies[cookies{initiator: sa.icookie}] = sa
	list := append([]Payload{{Type: PayloadSA, Body: body}}, m.announcements(sa, false)...)
	m.debugf("ISAKMP:(0): beginning Main Mode exchange")
	m.setState(sa, iMM1)
	m.sendAwaiting(sa, sa.plain(list...))
}

// sendAwaiting sends a message of phase 1 and repeats it until the next comes.
func (m *Machine) sendAwaiting(sa *phaseOne, data []byte) {
	m.debugf("ISAKMP:(%d): sending packet to %v my_port %d peer_port %d (%s) %s", sa.id, sa.remote.Addr().Unmap(),
		sa.local.Port(), sa.remote.Port(), sa.role(), sa.state.screen())
	m.transmit(&sa.wait, sa, data, func() bool { return sa.job != 0 }, func() { m.failPhaseOne(sa) })
}

// receiveSecond takes message 2, HDR, SA, VIDs, and computes our public value.
func (m *Machine) receiveSecond(sa *phaseOne, msg message) {
	list, err := m.payloads(msg.Next, msg.body)
	if err != nil || msg.encrypted() {
		m.count.Malformed++
		return
	}
	body, err := only(list, PayloadSA)
	if err != nil {
		m.count.Malformed++
		return
	}
	answer, err := ParseSA(body)
	if err != nil {
		m.count.Malformed++
		return
	}
	policy, ok := chosen(sa.offers, answer)
	if !ok {
		m.count.NoProposal++
		return
	}
	delete(m.byCookies, cookies{initiator: sa.icookie})
	sa.rcookie = msg.ResponderCookie
	m.byCookies[cookies{sa.icookie, sa.rcookie}] = sa
	sa.take(msg)
	sa.policy = policy
	m.vendors(sa, list)
	m.stopRetransmission(&sa.wait)
	m.setState(sa, iMM2)

	random := m.env.Bytes(policy.Group.RandomLen())
	sa.ni = m.env.Bytes(nonceLen(policy.Hash))
	group := policy.Group
	m.compute(sa, func() any {
		key, err := group.GenerateKey(random)
		clear(random)
		return dhResult{key: key, err: err}
	}, func(result any) { m.sendThird(sa, result) })
}

// sendThird sends message 3: HDR, KE, Ni, and CERTREQs for signatures.
func (m *Machine) sendThird(sa *phaseOne, result any) {
	r, ok := result.(dhResult)
	if !ok || r.err != nil {
		m.failPhaseOne(sa)
		return
	}
	sa.dh, sa.gxi = r.key, r.key.Public()
	m.setState(sa, iMM3)
	m.sendAwaiting(sa, sa.plain(sa.exchangeKeys(sa.gxi, sa.ni)...))
}

// exchangeKeys are the payloads of message 3 or 4.
func (sa *phaseOne) exchangeKeys(public, nonce []byte) []Payload {
	list := []Payload{{Type: PayloadKE, Body: public}, {Type: PayloadNonce, Body: nonce}}
	if sa.policy.signs() {
		list = append(list, request(sa.cred.trusted)...)
	}
	return list
}

// receiveFourth takes message 4, HDR, KE, Nr, CERTREQs, and computes g^xy.
func (m *Machine) receiveFourth(sa *phaseOne, msg message) {
	ke, nonce, list, err := m.keyExchange(sa.policy.Group, msg)
	if err != nil {
		m.count.Malformed++
		return
	}
	sa.take(msg)
	sa.gxr, sa.nr = ke, nonce
	sa.choose(list)
	m.setState(sa, iMM4)
	dh := sa.dh
	m.compute(sa, func() any {
		shared, err := dh.Shared(ke)
		return dhResult{shared: shared, err: err}
	}, func(result any) { m.proveInitiator(sa, result) })
}

// choose picks the trustpoint that proves us, by what the peer asked for. A
// later message that asks for nothing changes nothing.
func (sa *phaseOne) choose(list []Payload) {
	if asked := requests(list); sa.policy.signs() && (sa.own == nil || len(asked) > 0) {
		sa.own = pick(sa.cred.trusted, sa.policy, asked)
	}
}

// proveInitiator derives the keys and makes HASH_I, and of it SIG_I.
func (m *Machine) proveInitiator(sa *phaseOne, result any) {
	r, ok := result.(dhResult)
	if !ok || r.err != nil || !m.derive(sa, r.shared) {
		m.count.Malformed++ // a public value that no honest peer sends; message 3 is still repeated
		m.setState(sa, iMM3)
		return
	}
	id := m.selfID(sa)
	hash := sa.keys.hashI(sa.gxi, sa.gxr, sa.icookie, sa.rcookie, sa.saBody, id)
	m.prove(sa, id, hash, func(list []Payload) { m.sendFifth(sa, list) })
}

// sendFifth sends message 5: HDR*, IDii, HASH_I or CERT and SIG_I, and
// INITIAL-CONTACT when we have no other SA with the peer.
func (m *Machine) sendFifth(sa *phaseOne, list []Payload) {
	if m.usable(sa.peer) == nil && !m.noInitialContact {
		list = append(list, sa.notify(NotifyInitialContact, DOIIPsec, nil))
	}
	m.setState(sa, iMM5)
	m.sendAwaiting(sa, sa.sealed(list...))
}

// receiveSixth takes message 6: HDR*, IDir, HASH_R or CERT and SIG_R.
func (m *Machine) receiveSixth(sa *phaseOne, msg message) {
	a, ok := m.authenticate(sa, msg, func(id []byte) []byte {
		return sa.keys.hashR(sa.gxi, sa.gxr, sa.icookie, sa.rcookie, sa.saBody, id)
	})
	if !ok {
		return
	}
	sa.take(msg)
	sa.iv = a.next
	m.establish(sa)
}

// keyExchange reads message 3 or 4.
func (m *Machine) keyExchange(g suite.Group, msg message) (ke, nonce []byte, list []Payload, err error) {
	if msg.encrypted() {
		return nil, nil, nil, malformed("encrypted key exchange")
	}
	if list, err = m.payloads(msg.Next, msg.body); err != nil {
		return nil, nil, nil, err
	}
	if ke, err = only(list, PayloadKE); err != nil {
		return nil, nil, nil, err
	}
	if nonce, err = only(list, PayloadNonce); err != nil {
		return nil, nil, nil, err
	}
	if ke, err = ParseKE(g, ke); err != nil {
		return nil, nil, nil, err
	}
	nonce, err = ParseNonce(nonce)
	return ke, nonce, list, err
}

// notify builds a notification about the SA itself.
func (sa *phaseOne) notify(t uint16, doi uint32, data []byte) Payload {
	n := Notify{DOI: doi, Protocol: ProtoISAKMP, SPI: append(sa.icookie[:], sa.rcookie[:]...), Type: t, Data: data}
	body, err := n.Append(nil)
	if err != nil {
		panic("isakmp: " + err.Error()) // the SPI has 16 octets
	}
	return Payload{Type: PayloadNotify, Body: body}
}
