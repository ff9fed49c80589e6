package isakmp

import (
	"encoding/binary"
	"slices"
	"time"

	"coterie/crypto/suite"
	"coterie/internal/syslog"
)

// Limits before a peer has returned our cookie.
const (
	// maxSABody is how much of an SA payload is kept: HASH_I needs it, and only
	// message 1 carries it.
	maxSABody = 1024
	// halfOpenLife is how long a responder waits for message 3, and for message
	// 5: longer than an initiator repeats the one before.
	halfOpenLife = 60 * time.Second
	// maxJobs bounds the Diffie-Hellman computations and signatures under way.
	maxJobs = 512
)

// receivePhaseOne takes messages 2 to 6.
func (m *Machine) receivePhaseOne(p peer, msg message) {
	sa := m.find(p, msg.Header)
	if sa == nil {
		// Message 2 is the first to carry the responder's cookie.
		sa = m.find(p, Header{InitiatorCookie: msg.InitiatorCookie})
		if sa == nil {
			m.count.BadCookie++
			m.logOnce(p, syslog.IKMPNoSA)
			return
		}
		m.receiveSecond(sa, msg)
		return
	}
	if msg.digest == sa.taken[0] || msg.digest == sa.taken[1] {
		m.count.Duplicates++
		if msg.digest == sa.taken[0] && sa.reply != nil {
			m.sendSA(sa, sa.reply)
		}
		return
	}
	switch sa.state {
	case iMM3:
		m.receiveFourth(sa, msg)
	case iMM5:
		m.receiveSixth(sa, msg)
	case rMM2:
		m.receiveThird(sa, msg)
	case rMM4:
		m.receiveFifth(sa, msg)
	default: // computing, or finished
		m.count.Duplicates++
	}
}

// receiveFirst takes message 1, HDR, SA, VIDs, and answers with message 2,
// which is no longer: the chosen transform and those VIDs that the initiator
// sent too.
func (m *Machine) receiveFirst(p peer, msg message) {
	if !m.cfg.Accept {
		m.count.Unsupported++
		return
	}
	if sa := m.halfOpen.find(p, msg.InitiatorCookie); sa != nil {
		m.count.Duplicates++
		if sa.state == rMM2 && msg.digest == sa.taken[0] {
			m.send(sa.peer, sa.reply)
		}
		return
	}
	list, err := m.payloads(msg.Next, msg.body)
	if err != nil || msg.encrypted() {
		m.count.Malformed++
		return
	}
	body, err := only(list, PayloadSA)
	if err != nil || len(body) > maxSABody {
		m.count.Malformed++
		return
	}
	offered, err := ParseSA(body)
	if err != nil {
		m.count.Malformed++
		return
	}
	if !offered.acceptable() {
		m.count.Unsupported++
		return
	}
	cred := m.cfg.credentials(p)
	policies, lacking := usable(m.cfg.Policies, cred)
	policy, answer, ok := choose(policies, offered)
	if !ok {
		m.noChoice(p, offered, lacking)
		m.rejectOffer(p, msg)
		return
	}
	answerBody, err := answer.Append(nil)
	if err != nil {
		m.count.Malformed++
		return
	}

	rcookie := m.responderCookie(p, msg.InitiatorCookie)
	if m.byCookies[cookies{msg.InitiatorCookie, rcookie}] != nil {
		m.count.Duplicates++ // of an SA that is finished already
		return
	}
	sa := m.newPhaseOne(p, false)
	sa.icookie, sa.rcookie = msg.InitiatorCookie, rcookie
	sa.policy, sa.cred, sa.doi = policy, cred, offered.DOI
	sa.saBody = append([]byte(nil), body...)
	m.vendors(sa, list)
	sa.take(msg)
	sa.reply = sa.plain(append([]Payload{{Type: PayloadSA, Body: answerBody}}, m.announcements(sa, true)...)...)
	m.timers.set(&sa.limit, m.now.Add(halfOpenLife), func() { m.remove(sa, ReasonStalled, false) })
	m.byCookies[cookies{sa.icookie, sa.rcookie}] = sa
	for _, old := range m.halfOpen.add(sa) {
		m.count.HalfOpenEvicted++
		m.remove(old, ReasonStalled, false)
	}
	m.setState(sa, rMM2)
	m.send(sa.peer, sa.reply) // whole: in fragments it would outgrow message 1
}

// noChoice counts and logs an offer that no policy took: for want of a
// credential, if one of ours without would have.
func (m *Machine) noChoice(p peer, offered SAPayload, lacking []Auth) {
	for _, auth := range lacking {
		for _, ours := range m.cfg.Policies {
			for _, t := range offered.Proposals[0].Transforms {
				theirs, ok := parsePolicy(t)
				if ours.Curve = theirs.Curve; ok && ours.Auth == auth && theirs.same(ours) {
					m.noCredential(p, []Auth{auth})
					return
				}
			}
		}
	}
	m.count.NoProposal++
	m.logOnce(p, syslog.IKMPPolicy)
	m.logOnce(p, syslog.IKMPModeFailure, "Main")
}

// responderCookie is a function of the peer and the minute, so that a cookie
// cannot be foretold and costs us no random bytes.
func (m *Machine) responderCookie(p peer, icookie Cookie) Cookie {
	if m.cookie != nil {
		return m.cookie(p, icookie)
	}
	src := p.remote.Addr().As16()
	in := append(make([]byte, 0, len(src)+2+len(icookie)+8), src[:]...)
	in = binary.BigEndian.AppendUint16(in, p.remote.Port())
	in = append(in, icookie[:]...)
	in = binary.BigEndian.AppendUint64(in, uint64(m.now.Unix()/60))
	return Cookie(suite.SHA256.HMAC(m.secret.Reveal(), in)[:8])
}

// rejectOffer answers message 1 with NO-PROPOSAL-CHOSEN in the clear. It is a
// hint that the initiator must not act on, shorter than any message 1, and the
// same whether a key or a policy is missing.
func (m *Machine) rejectOffer(p peer, msg message) {
	sa := phaseOne{icookie: msg.InitiatorCookie, rcookie: m.responderCookie(p, msg.InitiatorCookie)}
	body, err := Notify{DOI: DOIIPsec, Protocol: ProtoISAKMP, Type: NotifyNoProposalChosen}.Append(nil)
	if err != nil {
		return
	}
	first, chain, err := AppendChain(nil, Payload{Type: PayloadNotify, Body: body})
	if err != nil || len(chain) > len(msg.body) {
		return
	}
	m.send(p, sa.message(ExchangeInformational, 0, 0, first, chain))
}

// receiveThird takes message 3, HDR, KE, Ni, CERTREQs. Its sender has returned our cookie
// from the address it went to, so it may cost us two exponentiations.
func (m *Machine) receiveThird(sa *phaseOne, msg message) {
	ke, nonce, list, err := m.keyExchange(sa.policy.Group, msg)
	if err != nil {
		m.count.Malformed++
		return
	}
	if len(m.jobs) >= maxJobs {
		m.count.Busy++ // the initiator repeats message 3
		return
	}
	sa.take(msg)
	m.halfOpen.proven(sa)
	sa.gxi, sa.ni = ke, nonce
	sa.choose(list)
	m.setState(sa, rMM3)
	group := sa.policy.Group
	random := m.env.Bytes(group.RandomLen())
	sa.nr = m.env.Bytes(nonceLen(sa.policy.Hash))
	m.compute(sa, func() any {
		key, err := group.GenerateKey(random)
		clear(random)
		if err != nil {
			return dhResult{err: err}
		}
		shared, err := key.Shared(ke)
		return dhResult{key, shared, err}
	}, func(result any) { m.sendFourth(sa, result) })
}

// sendFourth sends message 4: HDR, KE, Nr, and CERTREQs for signatures.
func (m *Machine) sendFourth(sa *phaseOne, result any) {
	r, ok := result.(dhResult)
	if ok && r.err == nil {
		sa.gxr = r.key.Public()
		r.key.Wipe()
		ok = m.derive(sa, r.shared)
	}
	if !ok || r.err != nil {
		m.count.Malformed++ // a public value that no honest peer sends
		m.remove(sa, ReasonStalled, false)
		return
	}
	m.timers.set(&sa.limit, m.now.Add(halfOpenLife), func() { m.failPhaseOne(sa) })
	m.setState(sa, rMM4)
	sa.reply = sa.plain(sa.exchangeKeys(sa.gxr, sa.nr)...)
	m.sendSA(sa, sa.reply)
}

// receiveFifth takes message 5, HDR*, IDii, HASH_I or CERT and SIG_I, and makes
// HASH_R, and of it SIG_R.
func (m *Machine) receiveFifth(sa *phaseOne, msg message) {
	if sa.policy.signs() && len(m.jobs) >= maxJobs {
		m.count.Busy++ // the initiator repeats message 5
		return
	}
	a, ok := m.authenticate(sa, msg, func(id []byte) []byte {
		return sa.keys.hashI(sa.gxi, sa.gxr, sa.icookie, sa.rcookie, sa.saBody, id)
	})
	if !ok {
		return
	}
	sa.take(msg)
	sa.iv = a.next
	sa.choose(a.list)
	m.setState(sa, rMM5)
	for p := range Of(a.list, PayloadNotify) {
		if n, err := ParseNotify(p.Body); err == nil && n.Type == NotifyInitialContact {
			m.initialContact(sa)
		}
	}
	id := m.selfID(sa)
	hash := sa.keys.hashR(sa.gxi, sa.gxr, sa.icookie, sa.rcookie, sa.saBody, id)
	m.prove(sa, id, hash, func(list []Payload) { m.sendSixth(sa, list) })
}

// sendSixth sends message 6: HDR*, IDir, HASH_R or CERT and SIG_R.
func (m *Machine) sendSixth(sa *phaseOne, list []Payload) {
	sa.reply = sa.sealed(list...)
	m.sendSA(sa, sa.reply)
	m.establish(sa)
}

// initialContact forgets what the peer, who has just authenticated, no longer
// has: SAs finished before this one was begun. Those finished meanwhile are
// simultaneous, not older.
func (m *Machine) initialContact(sa *phaseOne) {
	for _, old := range slices.Clone(m.established[sa.peer]) {
		if old != sa && old.doneSerial < sa.serial {
			m.remove(old, ReasonSAGone, false)
		}
	}
}
