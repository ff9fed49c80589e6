package keyserver

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"coterie/crypto/isakmp"
	"coterie/gdoi/policy"
	"coterie/gdoi/wire"
	"coterie/internal/syslog"
	"coterie/xfrm"
)

// GROUPKEY-PULL, the responder's side (RFC 6407 section 3.2):
//
//	GM -> KS   HASH(1), Ni, ID        pull1: who asks for which group
//	KS -> GM   HASH(2), Nr, SA        the policy in force
//	GM -> KS   HASH(3)                pull3: the member is live and accepts
//	KS -> GM   HASH(4), [SEQ,] KD     the keys; now it is a member

// phase2 takes a message of an exchange that a peer opened.
func (m *Machine) phase2(now time.Time, in Phase2) {
	if in.Exchange != isakmp.ExchangePull || in.SA.PRF == nil {
		m.counters.Malformed++
		m.refuse(in, notifyUnsupportedExchange)
		return
	}
	if p := m.pulls.byKey[pullKey{in.SA.ID, in.MessageID}]; p != nil {
		m.pull3(now, in, p)
		return
	}
	m.pull1(now, in)
}

// notifyUnsupportedExchange is UNSUPPORTED-EXCHANGE-TYPE (RFC 2408 section 3.14.1).
const notifyUnsupportedExchange = 29

// refuse ends or skips a message: notify 0 says nothing to the peer.
func (m *Machine) refuse(in Phase2, notify uint16) {
	m.emit(ToISAKMP{isakmp.Refuse{SA: in.SA.ID, MessageID: in.MessageID, Notify: notify}})
}

// refuseBad answers a message that could not be read; a wrong hash is worth a
// line, because it means that the two sides hold different keys.
func (m *Machine) refuseBad(now time.Time, in Phase2, err error, notifyHash uint16) {
	gm := in.SA.Remote.Addr()
	if !errors.Is(err, wire.ErrHash) {
		m.counters.Malformed++
		m.debugf(syslog.DebugKSRegistration, syslog.LevelError, "GDOI:KS REGISTRATION:message from %v dropped: %v", gm, err)
		m.refuse(in, wire.NotifyOf(err))
		return
	}
	m.counters.HashFail++
	if m.quiet.allow(now, "hash "+gm.String(), quietMember) {
		m.log(syslog.KSHashFail.With(gm, in.SA.Local.Addr()))
	}
	m.refuse(in, notifyHash)
}

// pull1 takes message 1 and answers with the policy.
func (m *Machine) pull1(now time.Time, in Phase2) {
	m.counters.PullsReceived++
	gm := in.SA.Remote.Addr()
	msg, err := wire.ParsePull1(in.SA.PRF, in.MessageID, in.First, in.Payloads)
	if err != nil {
		m.refuseBad(now, in, err, 0)
		return
	}
	id, ok := wire.Group(msg.ID)
	g := m.byID[id]
	if !ok || g == nil {
		m.counters.UnknownGroup++
		if m.quiet.allow(now, "group "+gm.String(), quietMember) {
			m.log(syslog.KSBadID.With("Group ID", gm, identityText(msg.ID)))
		}
		m.refuse(in, wire.NotifyInvalidID)
		return
	}
	if g.cfg.Interfaces != nil && !slices.Contains(g.cfg.Interfaces, in.SA.Local.Addr()) {
		m.counters.Unauthorized++
		if m.quiet.allow(now, "interface "+g.cfg.Name, quietMember) {
			m.log(syslog.UnregisteredInterface.With(g.cfg.Name))
		}
		m.refuse(in, wire.NotifyAuthenticationFailed)
		return
	}
	if !authorized(g.cfg.Authorized, gm) {
		m.counters.Unauthorized++
		if m.quiet.allow(now, "auth "+g.cfg.Name+" "+gm.String(), quietMember) {
			m.log(syslog.UnauthorizedIP.With(g.cfg.Name, gm))
		}
		m.refuse(in, wire.NotifyAuthenticationFailed)
		return
	}
	if l := g.cfg.Identities; l != nil && !l.Matches(in.SA.Peer.Type, in.SA.Peer.Data, in.SA.Certificate) {
		m.counters.Unauthorized++
		if m.quiet.allow(now, "identity "+g.cfg.Name+" "+gm.String(), quietMember) {
			m.log(syslog.UnauthorizedIdentity.With(g.cfg.Name, peerText(in.SA.Peer, gm)))
		}
		m.refuse(in, wire.NotifyAuthenticationFailed)
		return
	}
	if g.refuse != "" {
		if m.quiet.allow(now, "incomplete "+g.cfg.Name, quietIncomplete) {
			m.log(g.refusal)
		}
		m.refuse(in, wire.NotifyNoProposalChosen)
		return
	}
	if what := g.unreadable(); what != "" && !readsDeny(in.SA) {
		if m.quiet.allow(now, "deny "+g.cfg.Name+" "+gm.String(), quietMember) {
			m.log(syslog.RejectGMVersion.With(gm, g.cfg.Name, what))
		}
		m.refuse(in, wire.NotifyNoProposalChosen)
		return
	}
	if what := g.lacking(in.SA.Foreign, in.SA.Capabilities); what != "" {
		if m.quiet.allow(now, "feature "+g.cfg.Name+" "+gm.String(), quietMember) {
			m.log(syslog.RejectGMVersion.With(gm, g.cfg.Name, what))
		}
		m.refuse(in, wire.NotifyNoProposalChosen)
		return
	}
	if !m.offerSIDs(now, g) {
		m.refuse(in, wire.NotifyNoProposalChosen)
		return
	}
	p := &pull{key: pullKey{in.SA.ID, in.MessageID}, group: g, ni: append([]byte(nil), msg.Nonce...), info: msg.Info, foreign: !readsDeny(in.SA)}
	p.offer.time, p.offer.sids = m.tellTime(now, g), g.needsSID()
	body, err := p.makeOffer(now, g, m.cfg.Form)
	var first uint8
	var chain []byte
	if err == nil {
		p.nr = m.env.Bytes(wire.NonceSize)
		first, chain, err = wire.BuildPull2(in.SA.PRF, in.MessageID, p.ni, wire.Pull2{Nonce: p.nr, Body: body})
	}
	if err != nil {
		if m.quiet.allow(now, "incomplete "+g.cfg.Name, quietIncomplete) {
			m.log(syslog.KSIncomplete.With(g.cfg.Name, err))
		}
		m.refuse(in, wire.NotifyNoProposalChosen)
		return
	}
	m.save(now, g)
	m.pulls.add(now, p)
	if m.env.Debugging() {
		m.debugf(syslog.DebugKSRegistration, syslog.LevelEvent, "GDOI:KS REGISTRATION:(%s:%d):policy of epoch %d offered to %v", g.cfg.Name, in.SA.ID, p.offer.epoch, gm)
	}
	m.exchange(in, first, chain)
}

func (m *Machine) exchange(in Phase2, first uint8, chain []byte) {
	m.emit(ToISAKMP{isakmp.Exchange2{
		SA: in.SA.ID, Exchange: isakmp.ExchangePull, MessageID: in.MessageID, First: first, Payloads: chain,
	}})
}

// pull3 takes message 3: only now is the peer known to be live, and a member.
func (m *Machine) pull3(now time.Time, in Phase2, p *pull) {
	msg, err := wire.ParsePull3(in.SA.PRF, in.MessageID, p.ni, p.nr, in.First, in.Payloads)
	if err != nil {
		m.refuseBad(now, in, err, 0) // a forger must not end the exchange
		return
	}
	m.pulls.finish(p)
	kd, ids, ok := m.addSIDs(now, p, msg.GAP)
	if !ok {
		m.refuse(in, wire.NotifyNoProposalChosen)
		return
	}
	body := p.offer.kd
	if p.offer.sids { // which are this member's own
		body = nil
	}
	first, chain, err := wire.BuildPull4(in.SA.PRF, in.MessageID, p.ni, p.nr, wire.Pull4{
		Seq: p.offer.seq, HasSeq: p.offer.kek != nil, KD: kd, Body: body,
	})
	if err != nil {
		m.counters.Malformed++
		m.refuse(in, wire.NotifyOf(err))
		return
	}
	if msg.Info != nil {
		p.info = msg.Info
	}
	m.exchange(in, first, chain)
	m.register(now, in, p, ids)
}

// register enters the member into the database, or renews its entry.
func (m *Machine) register(now time.Time, in Phase2, p *pull, ids policy.SenderIDs) {
	g, gm := p.group, in.SA.Remote.Addr()
	r := &record{MemberSnapshot: MemberSnapshot{Address: gm, Version: "unknown"}}
	if old := g.members.record(gm); old != nil {
		*r = *old
	}
	r.Remote, r.Registered, r.Foreign = in.SA.Remote, now, in.SA.Foreign
	r.SenderID, r.SIDBits, r.SIDCount = 0, ids.Bits, uint8(len(ids.Values))
	if len(ids.Values) > 0 {
		r.SenderID = ids.Values[0]
	}
	if p.info != nil {
		r.Hostname = p.info.Hostname
		if p.info.Version != "" {
			r.Version = p.info.Version
		}
	}
	r.identity, r.caps = in.SA.Peer, in.SA.Capabilities
	r.identity.Data = bytes.Clone(r.identity.Data) // not the whole message
	r.keyed, r.epoch, r.acked, r.settled, r.silent = p.offer.kek != nil, p.offer.epoch, 0, 0, 0
	r.acks = r.acks || r.caps&isakmp.CapPushAck != 0
	if g.members.Len() == 0 {
		m.log(syslog.KSFirstGM.With(gm, g.cfg.Name))
	}
	g.left(now, gm)
	g.put(now, r)
	m.keep(g, r)
	g.stats.registrations++
	m.log(syslog.KSRegsCompl.With(g.cfg.Name, gm))
	m.schedule(g) // one more member, and perhaps a rekey that it must be sent
}

// notified takes a member's rejection of what it was offered.
func (m *Machine) notified(now time.Time, in Notified) {
	const firstStatus = 16384                                         // RFC 2408 section 3.14.1: below are errors
	if in.Type >= firstStatus || in.Type == isakmp.NotifyInvalidSPI { // a key server sends no ESP
		return
	}
	var p *pull
	if len(in.Data) == 4 { // the message ID of what it rejects
		p = m.pulls.byKey[pullKey{in.SA.ID, binary.BigEndian.Uint32(in.Data)}]
	} else {
		p = m.pulls.onSA(in.SA.ID)
	}
	if p != nil {
		gm := in.SA.Remote.Addr()
		m.pulls.finish(p)
		if m.quiet.allow(now, "rejects "+p.group.cfg.Name+" "+gm.String(), quietMember) {
			m.log(syslog.KSGMRejectsSA.With(gm, p.group.cfg.Name))
		}
	}
}

// authorized applies a standard access list to a registration address; nil
// admits everyone, and what no entry matches is denied.
func authorized(list []xfrm.ACE, gm netip.Addr) bool {
	if list == nil {
		return true
	}
	for _, a := range list {
		if matches(a.Src, gm) {
			return a.Permit
		}
	}
	return false
}

func matches(x xfrm.Match, a netip.Addr) bool {
	if !x.Addr.IsValid() {
		return true
	}
	if x.Addr.BitLen() != a.BitLen() {
		return false
	}
	want, mask, got := x.Addr.AsSlice(), x.Mask.AsSlice(), a.AsSlice()
	for i := range mask {
		if (want[i]^got[i])&mask[i] != 0 {
			return false
		}
	}
	return true
}

// identityText names a group as a member asked for it.
func identityText(id wire.Identity) string {
	g, ok := wire.Group(id)
	switch {
	case !ok:
		return id.String()
	case g.Address.IsValid():
		return g.Address.String()
	}
	return fmt.Sprintf("%d", g.Number)
}
