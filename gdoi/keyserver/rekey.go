package keyserver

import (
	"slices"
	"time"

	"coterie/gdoi/policy"
	"coterie/gdoi/wire"
	"coterie/internal/env"
	"coterie/internal/syslog"
)

// rekeying says what a rekey replaces.
type rekeying struct {
	kek        bool  // the KEK
	sas        []int // the TEKs of these `sa ipsec`
	all        bool  // every TEK
	replaceNow bool  // members drop the old TEKs at once
	operator   bool  // asked for by command: sent even if nobody listens
	resync     bool  // after a restart: the policy in force once more
}

// push is a rekey that has been decided on and not yet been signed. The
// group's keys have changed already.
type push struct {
	group    *group
	job      uint64
	retry    time.Time // zero while the signature is being made
	unsigned *wire.UnsignedPush
	kek      *kek // it is sent under
	seq      uint32
	epoch    uint64
	built    time.Time
	replaced bool // the policy changed, or the old TEKs go at once
	pace     int  // members in a batch
	// farewell says that it tells members to leave: those in gone, which have
	// been taken out of the group.
	farewell bool
	reauth   bool // ... to authenticate again, and not to leave their TEKs
	gone     memberTree
}

// farewellLine is what to log when it is sent.
func (p *push) farewellLine() syslog.Message {
	c := p.group.cfg
	if p.reauth {
		return syslog.KSSendReauth.With(c.Name, c.Address, p.seq)
	}
	return syslog.KSSendRemoval.With(c.Name, c.Address, p.seq)
}

// seqLimit is where a KEK is replaced because its sequence numbers run out.
const seqLimit = 1<<32 - 1<<16

// rekeyNow is `crypto gdoi ks rekey`.
func (m *Machine) rekeyNow(now time.Time, g *group, replaceNow bool) {
	if !g.live {
		if g.refuse != "" {
			m.log(g.refusal)
		}
		return
	}
	if g.kek == nil && g.cfg.Rekey.KeyLabel != "" && g.cfg.Rekey.Signer == nil {
		m.log(syslog.KSNoRSAKeys.With(g.cfg.Rekey.KeyLabel, g.cfg.Name))
	}
	r := rekeying{all: true, operator: true, replaceNow: replaceNow}
	if g.pending != nil {
		if g.again != nil {
			r.replaceNow = r.replaceNow || g.again.replaceNow
		}
		g.again = &r
		return
	}
	m.rekey(now, g, r)
}

// rekey brings the edited policy into force, replaces what r says and what
// the change of policy asks for, and has members told.
func (m *Machine) rekey(now time.Time, g *group, r rekeying) {
	var traffic, rekeys bool
	old := g.force
	if g.refuse == "" && !r.resync {
		if g.kek != nil && g.revokes() {
			m.dismiss(now, g, r.replaceNow) // no rekey can leave a member out
			return
		}
		traffic, rekeys = policyDiffers(g.force, g.cfg)
		m.converted(g)
		g.force, g.announced = g.cfg, g.cfg
		if g.resized() {
			m.reinitialize(now, g, "Group size has changed")
			return
		}
		if len(g.sids.marks) == 0 {
			g.sids.restart(g.force.Size) // nobody has a sender ID yet
		}
	}
	if r.replaceNow && g.time.anew {
		m.clearTime(now, g)
	}
	g.epoch++
	g.pace = g.cfg.Rekey.Pace.batch()
	replaced, dropped := m.replaceTEKs(now, g, old, r)
	w := wire.Policy{Server: g.server(), HasTEKs: true}
	if traffic && !r.replaceNow {
		// Old TEKs protect traffic that the policy no longer wants protected so.
		w.DTD = g.shorten(now)
	}
	if replaced || r.resync && now.Before(g.active) {
		w.ATD = g.activation(now, r.replaceNow)
	}
	k := g.kek
	if k == nil {
		return
	}
	switch {
	case r.resync && g.under != nil:
		k = g.under
		w.KEK, w.Rekey = &g.kek.KEK, g.kek.destination(g.cfg.Port)
	case !r.kek && !rekeys && k.seq < seqLimit:
		g.under = nil
	case rekeyable(g.force):
		m.newKEK(now, g)
		g.under = k
		w.KEK, w.Rekey = &g.kek.KEK, g.kek.destination(g.cfg.Port)
	default: // the last rekey: the new configuration allows none
		g.retired, g.kek = append(g.retired, k), nil
	}
	if g.members.Len() == 0 && !r.operator {
		return // nobody to tell
	}
	foreign := g.foreign > 0 && g.unreadable() == ""
	for _, sa := range g.force.SAs {
		if t := g.current(sa.Number); t != nil {
			w.TEKs = append(w.TEKs, g.tell(t, foreign))
		}
	}
	if w.KEK != nil && k.rekey.Unicast { // nobody can read it any more once the old one has ended
		g.pace = max(g.pace, paceFor(g.members.Len(), k.Expires().Sub(now), g.cfg.Rekey))
	}
	w.Pseudotime = m.tellTime(now, g)
	g.toldAll(now)
	k.seq++
	p := &push{group: g, kek: k, seq: k.seq, epoch: g.epoch, built: now, replaced: traffic || rekeys || r.replaceNow, pace: g.pace}
	msg := wire.Push{Seq: p.seq, Form: m.cfg.Form}
	if r.replaceNow {
		msg.Deletes = []wire.Delete{wire.DeleteTEKs(dropped...)}
	}
	sa, kd, err := w.Encode(now)
	if err == nil {
		msg.SA, msg.KD = &sa, kd
		p.unsigned, err = wire.PreparePush(k.KEK, msg)
	}
	if err != nil {
		m.log(syslog.KSIncomplete.With(g.cfg.Name, err))
		return
	}
	g.pending = p
	m.sign(p)
}

// replaceTEKs makes new generations. It returns whether there were any to
// make, and the SPIs of those that replace-now has removed.
func (m *Machine) replaceTEKs(now time.Time, g *group, old Group, r rekeying) (replaced bool, dropped []uint32) {
	before := g.teks
	var after []*tek
	for _, sa := range g.force.SAs {
		i := slices.IndexFunc(old.SAs, func(o SA) bool { return o.Number == sa.Number })
		replace := r.all || slices.Contains(r.sas, sa.Number) || g.current(sa.Number) == nil ||
			i < 0 || !sameSA(old.SAs[i], sa) || old.ReceiveOnly != g.force.ReceiveOnly
		if replace {
			replaced = true
			after = append(after, m.newTEK(now, sa, g.force.ReceiveOnly))
		}
		for _, t := range before {
			if t.SA == sa.Number {
				t.superseded = t.superseded || replace
				after = append(after, t)
			}
		}
	}
	for _, t := range before { // of an `sa ipsec` that is no more
		if !slices.Contains(after, t) {
			t.superseded = true
			after = append(after, t)
		}
	}
	if r.replaceNow {
		after = slices.DeleteFunc(after, func(t *tek) bool {
			if t.superseded {
				dropped = append(dropped, t.SPI)
			}
			return t.superseded
		})
	}
	g.teks = after
	return replaced, dropped
}

// shorten ends the old generations early after a change of policy and returns
// how long they have (policy.ShortenedLife), nil when there are none; members
// are told the same.
func (g *group) shorten(now time.Time) *time.Duration {
	if !slices.ContainsFunc(g.teks, func(t *tek) bool { return t.superseded }) {
		return nil
	}
	var left time.Duration
	for _, t := range g.teks {
		if t.superseded {
			left = max(left, policy.ShortenedLife(t.end.Sub(now), t.Lifetime))
		}
	}
	left = left.Round(time.Second)
	for _, t := range g.teks {
		if end := now.Add(left); t.superseded && end.Before(t.end) {
			t.end = end
		}
	}
	return &left
}

// sign has the signature made elsewhere.
func (m *Machine) sign(p *push) {
	m.lastJob++
	p.job, p.retry = m.lastJob, time.Time{}
	m.signing[p.job] = p
	signer, digest, opts := p.kek.signer, p.unsigned.Digest(), p.unsigned.SignerOpts()
	m.emit(Compute{env.Job{ID: p.job, Do: func() any {
		// PKCS #1 v1.5 needs no randomness.
		signature, err := signer.Sign(nil, digest, opts)
		if err != nil {
			return err
		}
		return signature
	}}})
}

// signRetry is the pause after a signature that failed, by a token that was
// pulled out for example.
const signRetry = 10 * time.Second

// signed takes a signature and sends the rekey on its way.
func (m *Machine) signed(now time.Time, in Done) {
	p := m.signing[in.ID]
	if p == nil {
		return
	}
	delete(m.signing, in.ID)
	g := p.group
	signature, _ := in.Result.([]byte)
	datagram, plain, err := p.unsigned.Finish(signature)
	if err != nil {
		m.debugf(syslog.DebugKSRekey, syslog.LevelError, "GDOI:KS REKEY:(%s):seq # %d is not signed: %v (%v)", g.cfg.Name, p.seq, in.Result, err)
		if g.pending == p {
			p.retry = now.Add(signRetry)
			m.schedule(g)
		}
		return
	}
	if g.pending == p {
		g.pending = nil
	}
	m.launch(now, g, p, datagram, plain)
	if r := g.again; r != nil && g.pending == nil {
		g.again = nil
		m.rekey(now, g, *r)
	}
	m.schedule(g)
}
