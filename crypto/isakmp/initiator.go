package isakmp

import (
	"crypto/hmac"

	"coterie/crypto/suite"
	"coterie/internal/secret"
	"coterie/internal/syslog"
)

// dhResult is what a Compute of ours brings back.
type dhResult struct {
	key    *suite.PrivateKey
	shared []byte
	err    error
}

// beginMainMode sends message 1: HDR, SA, VIDs.
func (m *Machine) beginMainMode(a *attempt, policies []Policy, psk secret.Bytes) {
	sa := m.newPhaseOne(a.peer, true)
	copy(sa.icookie[:], m.env.Bytes(len(sa.icookie)))
	sa.attempt, a.sa = a, sa
	sa.offers, sa.psk, sa.doi = policies, psk, m.cfg.PhaseOneDOI
	body, err := offer(policies, sa.doi)
	if err != nil {
		panic("isakmp: " + err.Error()) // maxOffers keeps it short
	}
	sa.saBody = body
	m.byCookies[cookies{initiator: sa.icookie}] = sa
	list := []Payload{{Type: PayloadSA, Body: body}, {Type: PayloadVendor, Body: vendorDPD}}
	if m.cfg.Capabilities != 0 {
		list = append(list, Payload{Type: PayloadVendor, Body: ownVendor(m.cfg.Capabilities)})
	}
	m.debugf("ISAKMP:(0): beginning Main Mode exchange")
	m.setState(sa, iMM1)
	m.sendAwaiting(sa, sa.plain(list...))
}

// sendAwaiting sends a message of phase 1 and repeats it until the next comes.
func (m *Machine) sendAwaiting(sa *phaseOne, data []byte) {
	m.debugf("ISAKMP:(%d): sending packet to %v my_port %d peer_port %d (%s) %s", sa.id, sa.remote.Addr().Unmap(),
		sa.local.Port(), sa.remote.Port(), sa.role(), sa.state.screen())
	m.transmit(&sa.wait, sa.peer, data, func() bool { return sa.job != 0 }, func() { m.failPhaseOne(sa) })
}

// receiveSecond takes message 2, HDR, SA, VIDs, and computes our public value.
func (m *Machine) receiveSecond(sa *phaseOne, msg message) {
	list, err := Payloads(msg.Next, msg.body)
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
	sa.vendors(list)
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

// sendThird sends message 3: HDR, KE, Ni.
func (m *Machine) sendThird(sa *phaseOne, result any) {
	r, ok := result.(dhResult)
	if !ok || r.err != nil {
		m.failPhaseOne(sa)
		return
	}
	sa.dh, sa.gxi = r.key, r.key.Public()
	m.setState(sa, iMM3)
	m.sendAwaiting(sa, sa.plain(Payload{Type: PayloadKE, Body: sa.gxi}, Payload{Type: PayloadNonce, Body: sa.ni}))
}

// receiveFourth takes message 4, HDR, KE, Nr, and computes g^xy.
func (m *Machine) receiveFourth(sa *phaseOne, msg message) {
	ke, nonce, err := keyExchange(sa.policy.Group, msg)
	if err != nil {
		m.count.Malformed++
		return
	}
	sa.take(msg)
	sa.gxr, sa.nr = ke, nonce
	m.setState(sa, iMM4)
	dh := sa.dh
	m.compute(sa, func() any {
		shared, err := dh.Shared(ke)
		return dhResult{shared: shared, err: err}
	}, func(result any) { m.sendFifth(sa, result) })
}

// sendFifth sends message 5: HDR*, IDii, HASH_I, and INITIAL-CONTACT when we
// have no other SA with the peer.
func (m *Machine) sendFifth(sa *phaseOne, result any) {
	r, ok := result.(dhResult)
	if !ok || r.err != nil || !m.derive(sa, r.shared) {
		m.count.Malformed++ // a public value that no honest peer sends; message 3 is still repeated
		m.setState(sa, iMM3)
		return
	}
	id := AddressID(sa.local).Append(nil)
	list := []Payload{
		{Type: PayloadID, Body: id},
		{Type: PayloadHash, Body: sa.keys.hashI(sa.gxi, sa.gxr, sa.icookie, sa.rcookie, sa.saBody, id)},
	}
	if m.usable(sa.peer) == nil && !m.noInitialContact {
		list = append(list, sa.notify(NotifyInitialContact, DOIIPsec, nil))
	}
	m.setState(sa, iMM5)
	m.sendAwaiting(sa, sa.sealed(list...))
}

// receiveSixth takes message 6: HDR*, IDir, HASH_R.
func (m *Machine) receiveSixth(sa *phaseOne, msg message) {
	id, hash, next, _, ok := m.authentication(sa, msg)
	if !ok {
		return
	}
	want := sa.keys.hashR(sa.gxi, sa.gxr, sa.icookie, sa.rcookie, sa.saBody, id)
	if !hmac.Equal(hash, want) {
		m.authFail(sa)
		return
	}
	if sa.peerID, ok = m.identity(sa, id); !ok {
		return
	}
	sa.take(msg)
	sa.iv = next
	m.establish(sa)
}

// authFail is the one answer to whatever is wrong with message 5 or 6: a count,
// a line for the operator, silence towards the peer, and no change.
func (m *Machine) authFail(sa *phaseOne) {
	m.count.AuthFail++
	m.logOnce(sa.peer, syslog.IKMPBadMessage)
}

// authentication decrypts message 5 or 6: the ID body as received, HASH, the
// IV behind it, and the other payloads.
func (m *Machine) authentication(sa *phaseOne, msg message) (id, hash, next []byte, list []Payload, ok bool) {
	if !msg.encrypted() {
		m.count.Malformed++
		return nil, nil, nil, nil, false
	}
	plain, ok := sa.keys.decrypt(sa.iv, msg.body)
	if !ok {
		m.count.Malformed++
		return nil, nil, nil, nil, false
	}
	list, err := Payloads(msg.Next, plain)
	if err == nil {
		id, err = only(list, PayloadID)
	}
	if err == nil {
		hash, err = only(list, PayloadHash)
	}
	if err == nil {
		hash, err = ParseHash(sa.policy.Hash, hash)
	}
	if err != nil {
		m.authFail(sa)
		return nil, nil, nil, nil, false
	}
	return id, hash, sa.keys.lastBlock(msg.body), list, true
}

// identity reads an authenticated ID body.
func (m *Machine) identity(sa *phaseOne, body []byte) (Identity, bool) {
	id, err := ParseID(body)
	if err != nil {
		m.authFail(sa)
		return Identity{}, false
	}
	return id, true
}

// keyExchange reads message 3 or 4.
func keyExchange(g suite.Group, msg message) (ke, nonce []byte, err error) {
	if msg.encrypted() {
		return nil, nil, malformed("encrypted key exchange")
	}
	list, err := Payloads(msg.Next, msg.body)
	if err != nil {
		return nil, nil, err
	}
	if ke, err = only(list, PayloadKE); err != nil {
		return nil, nil, err
	}
	if nonce, err = only(list, PayloadNonce); err != nil {
		return nil, nil, err
	}
	if ke, err = ParseKE(g, ke); err != nil {
		return nil, nil, err
	}
	nonce, err = ParseNonce(nonce)
	return ke, nonce, err
}

// vendors notes what the peer's Vendor IDs announce.
func (sa *phaseOne) vendors(list []Payload) {
	for p := range Of(list, PayloadVendor) {
		if string(p.Body) == string(vendorDPD) {
			sa.dpd = true
		}
		if c, ok := parseOwnVendor(p.Body); ok {
			sa.ours, sa.capabilities = true, c
		}
	}
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
