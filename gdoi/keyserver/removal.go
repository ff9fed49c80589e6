package keyserver

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"coterie/crypto/isakmp"
	"coterie/crypto/pki"
	"coterie/gdoi/policy"
	"coterie/gdoi/wire"
	"coterie/internal/syslog"
)

// A rekey cannot leave a member out: every copy is encrypted under a key that
// all members have. To be rid of one, all are told to leave and to register
// again; who is still authorized gets keys that were made meanwhile. See
// docs/adr/003-shutting-a-member-out.md.

// clear is `clear crypto gdoi [group G] ...`.
func (m *Machine) clear(now time.Time, g *group, what ClearWhat) {
	switch what {
	case ClearMembers, ClearMembersNow:
		if g.live {
			m.dismiss(now, g, what == ClearMembersNow)
		}
	case ClearPolicy:
		m.clearPolicy(now, g)
	case ClearReplay:
		m.clearReplay(now, g)
	case ClearReplayCounter:
		g.time.sent, g.time.resyncs = 0, 0
	case ClearMemberCounters:
		m.clearMemberCounters(now, g)
	default:
		m.log(syslog.KSClearRegister.With(g.cfg.Name))
		m.eraseMembers(g)
		for _, f := range g.flights {
			g.finish(now, f)
		}
		g.members, g.foreign = newMemberTree(), 0
		m.renew(now, g)
	}
}

// renew makes all keys anew from the configuration as it is. Nobody is told.
func (m *Machine) renew(now time.Time, g *group) {
	m.stop(g)
	if g.refuse == "" {
		m.start(now, g)
		m.save(now, g) // the old ones are not to come back
	} else {
		m.erase(now, g)
	}
}

// clearPolicy is `clear crypto gdoi ks policy`: members stay in the database
// and find the new keys when they register again, by themselves.
func (m *Machine) clearPolicy(now time.Time, g *group) {
	m.renew(now, g)
	m.eachMember(now, g, func(r *record) { r.keyed = false })
}

// clearMemberCounters starts the counters of every member again.
func (m *Machine) clearMemberCounters(now time.Time, g *group) {
	m.eachMember(now, g, func(r *record) {
		r.RekeysSent, r.RekeyRetries, r.AcksRcvd, r.AcksMissed = 0, 0, 0, 0
	})
}

// eachMember changes every member.
func (m *Machine) eachMember(now time.Time, g *group, change func(*record)) {
	all := make([]*record, 0, g.members.Len())
	g.members.tree.Ascend(func(r *record) bool { all = append(all, r); return true })
	for _, r := range all {
		c := *r
		change(&c)
		g.put(now, &c)
		m.keep(g, &c)
	}
}

// dismiss is GM removal: every member is told to leave, and all keys are new
// for those that come back. Told to leave at once, members drop what they
// have; otherwise they shorten the life of their TEKs and register again
// before those end, while whoever is back already goes on using them.
func (m *Machine) dismiss(now time.Time, g *group, atOnce bool) {
	if g.kek == nil && !atOnce {
		m.eraseMembers(g) // nobody can be told
		g.members, g.foreign = newMemberTree(), 0
		return
	}
	m.logRevoked(g)
	g.revoking = false
	gone, keks := m.expel(now, g)
	if g.refuse == "" {
		g.force, g.announced = g.cfg, g.cfg
		g.admission = admissionOf(g.cfg)
	}
	var delay *time.Duration
	if atOnce {
		g.teks = nil
	} else {
		delay = m.outlast(now, g, gone.Len())
	}
	g.retire()
	if delay == nil {
		m.makeKeys(now, g)
	} else {
		// Sender IDs go on: those that come back use the old TEKs for a while.
		g.epoch++
		if rekeyable(g.force) {
			m.newKEK(now, g)
		}
		var fresh []*tek
		for _, sa := range g.force.SAs {
			fresh = append(fresh, m.newTEK(now, sa, g.force.ReceiveOnly))
		}
		g.teks = interleave(g.force.SAs, fresh, g.teks)
	}
	for _, k := range keks {
		m.dismissal(now, g, k, gone, delay, wire.DeleteTEKs(), wire.DeleteKEK([16]byte{}))
	}
	m.schedule(g)
}

// expel empties the database; it returns who was in it and the KEKs that they
// have. What was under way ends.
func (m *Machine) expel(now time.Time, g *group) (gone memberTree, keks []*kek) {
	if g.pending != nil {
		delete(m.signing, g.pending.job)
		g.pending, g.again = nil, nil
	}
	m.pulls.forget(g)
	for _, f := range g.flights {
		g.finish(now, f)
	}
	gone = g.members
	m.eraseMembers(g)
	g.members, g.foreign = newMemberTree(), 0
	return gone, g.continued(now)
}

// retire puts the KEK away: nobody is to be sent new keys under it.
func (g *group) retire() {
	if g.kek != nil {
		g.retired = append(g.retired, g.kek)
		g.kek = nil
	}
	g.under = nil
}

// reauthenticate makes every member prove itself again, because a certificate may
// have been revoked: the KEK ends, and with it what a phase 1 was proven by. The
// TEKs stay until they are due; who is not back by then gets no others.
func (m *Machine) reauthenticate(now time.Time, g *group) {
	m.emit(ToISAKMP{isakmp.Reauthenticate{}})
	m.reproof = m.reproof || len(m.writing) > 0
	if g.kek == nil || !rekeyable(g.force) {
		return // nobody can be told: members come when their TEKs end
	}
	gone, keks := m.expel(now, g)
	g.retire()
	g.epoch++
	m.newKEK(now, g)
	for _, k := range keks {
		m.dismissal(now, g, k, gone, nil, wire.DeleteKEK([16]byte{}))
	}
}

// outlast supersedes the present TEKs and shortens their life; it returns what
// members are told. Here they live as long as the last member may use them:
// that is how long after the first it is told.
func (m *Machine) outlast(now time.Time, g *group, members int) *time.Duration {
	var life, left time.Duration
	for _, t := range g.teks {
		if !t.superseded {
			life = max(life, policy.ShortenedLife(t.end.Sub(now), t.Lifetime))
			left = max(left, t.end.Sub(now))
		}
		t.superseded = true
	}
	life = life.Round(time.Second)
	g.active, g.pace = now.Add(life), g.cfg.Rekey.Pace.batch()
	if g.kek.rekey.Unicast {
		g.pace = paceFor(members, left-life, g.cfg.Rekey)
		g.active = g.active.Add(deliveryTime(members, g.pace, g.cfg.Rekey))
	}
	for _, t := range g.teks {
		if g.active.Before(t.end) {
			t.end = g.active
		}
	}
	return &life
}

// interleave puts new generations in front of the old ones of each `sa ipsec`.
func interleave(sas []SA, fresh, old []*tek) []*tek {
	var out []*tek
	for _, sa := range sas {
		for _, list := range [][]*tek{fresh, old} {
			for _, t := range list {
				if t.SA == sa.Number {
					out = append(out, t)
				}
			}
		}
	}
	for _, t := range old {
		if !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}

// dismissal is the message of a removal under one KEK: Delete of all TEKs and
// of the KEK, with a DEACTIVATION_TIME_DELAY if members may take their time.
// Delete of the KEK alone asks for another authentication.
func (m *Machine) dismissal(now time.Time, g *group, k *kek, gone memberTree, delay *time.Duration, deletes ...wire.Delete) {
	if k.signer == nil || gone.Len() == 0 && k.rekey.Unicast || k.seq == 1<<32-1 {
		return
	}
	k.seq++
	p := &push{group: g, kek: k, seq: k.seq, epoch: g.epoch, built: now, farewell: true, reauth: len(deletes) == 1, gone: gone, pace: g.pace}
	msg := wire.Push{Seq: p.seq, Form: m.cfg.Form, Deletes: deletes}
	var err error
	if delay != nil {
		var sa wire.SA
		if sa, _, err = (wire.Policy{Server: g.server(), DTD: delay}).Encode(now); err == nil {
			msg.SA = &sa
		}
	}
	if err == nil {
		p.unsigned, err = wire.PreparePush(k.KEK, msg)
	}
	if err != nil {
		m.log(syslog.KSIncomplete.With(g.cfg.Name, err))
		return
	}
	m.sign(p)
}

// admission is who may be a member.
type admission struct {
	limited Group // its Authorized and Identities only
}

func admissionOf(c Group) admission {
	return admission{Group{Authorized: c.Authorized, Identities: c.Identities}}
}

func (a admission) equal(b admission) bool {
	return (a.limited.Authorized == nil) == (b.limited.Authorized == nil) && slices.Equal(a.limited.Authorized, b.limited.Authorized) &&
		reflect.DeepEqual(a.limited.Identities, b.limited.Identities)
}

// admits tells whether a member may stay. Its certificate is not kept: one
// that an edited list admits by that alone has to register again.
func admits(c Group, r *record) bool {
	return authorized(c.Authorized, r.Address) &&
		(c.Identities == nil || c.Identities.Matches(r.identity.Type, r.identity.Data, nil))
}

// revokes tells whether the configuration shuts a member out that was admitted
// before. Only an edit makes it look at the members.
func (g *group) revokes() bool {
	if g.admission.equal(admissionOf(g.cfg)) {
		return false
	}
	revoked := false
	g.members.tree.Ascend(func(r *record) bool {
		revoked = !admits(g.cfg, r)
		return !revoked
	})
	if !revoked {
		g.admission = admissionOf(g.cfg)
	}
	return revoked
}

// logRevoked names the members that will not come back.
func (m *Machine) logRevoked(g *group) {
	if g.admission.equal(admissionOf(g.cfg)) {
		return
	}
	g.members.tree.Ascend(func(r *record) bool {
		if !admits(g.cfg, r) {
			m.log(syslog.KSGMRevoked.With(r.Address, g.cfg.Name))
		}
		return true
	})
}

// converted says when members begin, or cease, to send in the clear.
func (m *Machine) converted(g *group) {
	switch {
	case g.cfg.ReceiveOnly && !g.force.ReceiveOnly:
		m.log(syslog.KSConvIngress.With(g.cfg.Name))
	case !g.cfg.ReceiveOnly && g.force.ReceiveOnly:
		m.log(syslog.KSConvDuplex.With(g.cfg.Name))
	}
}

// recipient is a member that a rekey is for; nil when it is not, any more.
func (g *group) recipient(f *flight, a netip.Addr) *record {
	if f.farewell {
		return f.gone.record(a)
	}
	if r := g.members.record(a); r != nil && f.awaits(r) {
		return r
	}
	return nil
}

// left notes that a member has acknowledged its removal, or is back.
func (g *group) left(now time.Time, a netip.Addr) {
	for _, f := range g.flights {
		if f.farewell && !f.done {
			f.gone.tree.Delete(&record{MemberSnapshot: MemberSnapshot{Address: a}})
			if f.gone.Len() == 0 && !f.multicast.IsValid() {
				g.finish(now, f)
			}
		}
	}
}

// farewellAck takes the acknowledgement of a removal.
func (g *group) farewellAck(now time.Time, k *kek, seq uint32, from netip.Addr) bool {
	for _, f := range g.flights {
		if f.farewell && f.kek == k && f.seq == seq {
			g.left(now, from)
			return true
		}
	}
	return false
}

// peerText is how a peer calls itself in phase 1, for the log.
func peerText(id isakmp.Identity, gm netip.Addr) string {
	if a, ok := id.Addr(); ok && a == gm {
		return gm.String()
	}
	if id.Type == isakmp.IDDERASN1DN {
		return fmt.Sprintf("%s Peer Address: %v", pki.NameString(id.Data), gm)
	}
	return fmt.Sprintf("%q Peer Address: %v", id.Data, gm)
}
