package member

import (
	"bytes"
	"crypto/sha256"
	"net/netip"
	"slices"
	"time"

	"coterie/gdoi/policy"
	"coterie/gdoi/wire"
	"coterie/internal/syslog"
)

const (
	// recentRekeys is how many accepted rekeys are remembered under a KEK, to
	// answer their retransmissions.
	recentRekeys = 4
	// quietTime is the pause between complaints about rekeys: whoever knows an
	// SPI can send what deserves one.
	quietTime = 10 * time.Second
	// ackSpread is the time over which members acknowledge a multicast rekey.
	ackSpread = 5 * time.Second
	// removalSpread is the time over which members come back that were told to
	// leave at once.
	removalSpread = 20 * time.Second
	// reauthSpread is that of members that were told to authenticate again, which
	// costs their key server more and themselves no traffic.
	reauthSpread = time.Minute
)

// maxBadSignatures bounds the verifications of a second that came to nothing:
// everybody in the group holds the KEK, and can make a rekey that costs one.
// The addresses of key servers have a budget of their own, so that a flood from
// elsewhere does not cost a rekey. One that forges those can do no more than
// make this member miss rekeys, and register again before its TEK ends.
const maxBadSignatures = 64

// badRekeys counts the verifications of a second that came to nothing.
type badRekeys struct {
	since time.Time
	count int
}

func (b *badRekeys) spent(now time.Time) bool {
	if now.Sub(b.since) >= time.Second {
		b.since, b.count = now, 0
	}
	return b.count >= maxBadSignatures
}

// accepted is a rekey that has been taken.
type accepted struct {
	digest [sha256.Size]byte
	ack    []byte // nil: none was wanted
}

// push takes a rekey (RFC 6407 section 4.4): SPI, decryption, strict parse,
// sequence number, signature, sequence number again, and then everything in it
// or nothing.
func (m *Machine) push(now time.Time, in Push) {
	spi, _, ok := wire.SPI(in.Data)
	i := slices.IndexFunc(m.keks, func(k heldKEK) bool { return k.SPI == spi })
	if !ok || i < 0 {
		m.stats.Counters.PushUnknownKEK++
		return
	}
	k := &m.keks[i]
	digest := sha256.Sum256(in.Data)
	for _, r := range k.recent {
		if r.digest == digest {
			m.stats.Counters.PushDuplicate++
			m.acknowledge(now, in, k, r.ack)
			return
		}
	}
	msg, err := wire.ParsePush(k.KEK, in.Data, m.form)
	if err != nil || msg.Plain {
		m.stats.Counters.PushMalformed++
		m.complain(now, syslog.RekeyFailure.With(m.cfg.Key.Source, m.group(), in.Remote.Addr()))
		return
	}
	if msg.Seq <= k.lastSeq {
		m.stats.Counters.PushSequence++
		m.complain(now, syslog.RekeySeqFailure.With(msg.Seq, m.group(), k.lastSeq))
		return
	}
	bad := &m.badRekeys[0]
	if slices.Contains(m.cfg.Servers, in.Remote.Addr()) {
		bad = &m.badRekeys[1]
	}
	if bad.spent(now) {
		m.stats.Counters.PushBusy++
		return
	}
	if err := msg.VerifySignature(); err != nil {
		bad.count++
		m.stats.Counters.PushSignature++
		m.complain(now, syslog.RekeyFailure.With(m.cfg.Key.Source, m.group(), in.Remote.Addr()))
		return
	}
	p, err := m.rekeyPolicy(now, k, msg)
	if err != nil {
		bad.count++
		m.reject(now, in, k, digest, err)
		return
	}
	m.commit(now, in, i, msg, p, digest)
}

func (m *Machine) complain(now time.Time, msg syslog.Message) {
	if now.Before(m.quietUntil) {
		return
	}
	m.quietUntil = now.Add(quietTime)
	m.log(msg)
}

// rekeyPolicy reads what a rekey brings and checks all of it.
func (m *Machine) rekeyPolicy(now time.Time, k *heldKEK, msg *wire.ReceivedPush) (wire.Policy, error) {
	var p wire.Policy
	if msg.SA != nil {
		var err error
		if p, err = wire.DecodeSA(*msg.SA, now); err != nil {
			return p, err
		}
		if err := m.acceptable(p); err != nil {
			return p, err
		}
	}
	if err := m.timed(now, p); err != nil {
		return p, err
	}
	if err := p.AddKeys(msg.KD); err != nil {
		return p, err
	}
	if p.KEK != nil && len(p.KEK.SigKey) == 0 {
		p.KEK.SigKey = k.SigKey // unchanged
	}
	return p, nil
}

// reject leaves everything as it was. Of a rekey that a filter refuses the
// copies are not worth another line, and the next key server may have better.
func (m *Machine) reject(now time.Time, in Push, k *heldKEK, digest [sha256.Size]byte, err error) {
	m.stats.Counters.PolicyRejected++
	if m.filtered(err) {
		k.remember(accepted{digest: digest})
		if m.try == nil {
			m.nextServer(now)
			m.again(now.Add(time.Duration(m.env.Below(int64(soonestAgain)))))
		}
	}
	m.log(syslog.GMRejectingSA.With(in.Remote.Addr(), m.group(), err))
	m.log(syslog.RekeyFailure.With(m.cfg.Key.Source, m.group(), in.Remote.Addr()))
}

func (k *heldKEK) remember(a accepted) {
	k.recent = append(k.recent, a)
	if len(k.recent) > recentRekeys {
		k.recent = k.recent[1:]
	}
}

// commit does what a verified rekey says, acknowledges it, and says so.
func (m *Machine) commit(now time.Time, in Push, i int, msg *wire.ReceivedPush, p wire.Policy, digest [sha256.Size]byte) {
	k := &m.keks[i]
	k.lastSeq = msg.Seq
	m.form = msg.Form
	var ack []byte
	if k.AckWanted {
		ack, _ = m.cfg.Form.BuildAck(k.KEK, msg.Seq, m.source())
	}
	k.remember(accepted{digest, ack})
	under := *k // m.keks may move
	from, to := in.Remote.Addr(), in.Local.Addr()
	if !under.unicast {
		to = under.dst
	}
	m.stats.RekeysReceived++
	m.stats.RekeysAfterRegistration++
	m.stats.LastRekeyFrom, m.stats.LastRekeyAt = from, now

	newTEK := slices.ContainsFunc(p.TEKs, func(t policy.TEK) bool { return m.find(t.SPI) < 0 })
	newKEK := p.KEK != nil && !slices.ContainsFunc(m.keks, func(k heldKEK) bool { return k.SPI == p.KEK.SPI })
	m.debugRekey(under, msg, p, newKEK)
	m.log(syslog.GMRecvRekey.With(m.group(), from, to, msg.Seq))

	teks, keks := deletes(msg.Deletes)
	switch {
	case p.HasTEKs:
	case teks.all:
		m.leave(now, in, under, p, ack)
		return
	case keks.all:
		m.reauthenticate(now, in, under, ack)
		return
	}
	if p.HasTEKs && len(teks.spis) > 0 {
		m.log(syslog.GMPolicyReplaceNow.With(m.group()))
	}
	was, held := m.impression(), m.spis()
	m.apply(now, change{policy: p, replaceNow: len(teks.spis) > 0, remove: teks.names})
	if p.KEK != nil {
		m.rekeyKEK(p)
	}
	m.join()
	if p.HasTEKs || p.KEK != nil {
		m.lateRegistration()
		m.setReRegister(now)
	}
	m.tell(now, p, !slices.ContainsFunc(held, func(spi uint32) bool { return m.find(spi) >= 0 }))

	then := debugInstalled(m.group(), under.conn, p)
	then = append(then, m.transition(p)...)
	if newTEK {
		then = append(then, Log{syslog.SATEKUpdated.With()})
	}
	if newKEK {
		then = append(then, Log{syslog.SAKEKUpdated.With()})
	}
	if newTEK || newKEK {
		then = append(then, Log{m.installedMessage(from)})
	}
	if p.HasTEKs {
		then = append(then, m.changed(was, from)...)
	}
	then = append(then, m.answer(now, in, &under, ack)...)
	m.place(now, then...)
}

// lateRegistration drops the plan to register again, and an attempt that has
// not got to its policy: what it was for has come by itself.
func (m *Machine) lateRegistration() {
	m.retryAt, m.recovery.at = time.Time{}, time.Time{}
	if m.try != nil && m.try.step == connecting {
		m.abandon()
		m.server = 0
	}
}

// rekeyKEK takes the KEK of a rekey: a new one starts its sequence numbers at
// 0, a known one has its lifetime refreshed.
func (m *Machine) rekeyKEK(p wire.Policy) {
	for i := range m.keks {
		k := &m.keks[i]
		if k.SPI == p.KEK.SPI {
			k.Created, k.Lifetime = p.KEK.Created, p.KEK.Lifetime
			k.AckWanted, k.AckHash = p.KEK.AckWanted, p.KEK.AckHash
			k.route(p)
			return
		}
	}
	m.newKEK(p, 0)
}

// deleted is what Delete payloads of one kind name.
type deleted struct {
	all  bool
	spis [][]byte
}

func (d deleted) names(spi uint32) bool {
	want := []byte{byte(spi >> 24), byte(spi >> 16), byte(spi >> 8), byte(spi)}
	return d.all || slices.ContainsFunc(d.spis, func(s []byte) bool { return bytes.Equal(s, want) })
}

func deletes(list []wire.Delete) (teks, keks deleted) {
	for _, d := range list {
		to := &keks
		switch {
		case d.Protocol == wire.ProtoESP:
			to = &teks
		case len(d.SPIs) == 0 || len(d.SPIs[0]) != 16:
			continue // neither TEK nor KEK
		}
		to.spis = append(to.spis, d.SPIs...)
		to.all = to.all || d.All()
	}
	return teks, keks
}

// leave does what a Delete of everything asks for: at once, or with a
// DEACTIVATION_TIME_DELAY by shortening what there is and registering before
// it ends.
func (m *Machine) leave(now time.Time, in Push, k heldKEK, p wire.Policy, ack []byte) {
	answer := m.answer(now, in, &k, ack)
	if p.DTD != nil && *p.DTD > 0 && len(m.teks) > 0 {
		m.log(syslog.GMRecvDelete.With(m.group()))
		m.shorten(now.Add(*p.DTD), nil)
		// Somewhere in the second half of what is left, so that not all members
		// come at once.
		half := int64(max(*p.DTD/2, 2))
		m.reRegisterAt = now.Add(time.Duration(half/2 + m.env.Below(half)))
		m.place(now, answer...)
		return
	}
	m.emit(answer...)
	m.abandon()
	acks := m.acks // one of them may be this rekey's
	m.runOut()
	m.acks, m.server = acks, 0
	wait := time.Second * time.Duration(1+m.env.Below(int64(removalSpread/time.Second)))
	m.retryAt = now.Add(wait)
	m.log(syslog.GMRecvDeleteNow.With(m.group(), int(wait/time.Second)))
}

// reauthenticate does what a Delete of the KEK alone asks for: no rekey comes any
// more, and the TEKs last until this member has proved itself again.
func (m *Machine) reauthenticate(now time.Time, in Push, k heldKEK, ack []byte) {
	answer := m.answer(now, in, &k, ack)
	m.log(syslog.GMRecvReauth.With(m.group()))
	m.dropKEKs()
	m.senderTries = 0
	m.join()
	spread := reauthSpread
	for _, t := range m.teks {
		spread = min(spread, max(t.end.Sub(now)/2, time.Second))
	}
	m.again(now.Add(time.Duration(m.env.Below(int64(spread)))))
	m.place(now, answer...)
}

// acknowledge answers a retransmission with the same octets, once the data
// plane has what it brought.
func (m *Machine) acknowledge(now time.Time, in Push, k *heldKEK, ack []byte) {
	if len(m.waiting) == 0 {
		m.emit(m.answer(now, in, k, ack)...)
	}
}

// answer is the acknowledgement as an output; that of a multicast rekey waits
// its turn instead.
func (m *Machine) answer(now time.Time, in Push, k *heldKEK, ack []byte) []Output {
	if ack == nil {
		return nil
	}
	s := Send{Local: m.source(), Remote: in.Remote, Data: ack}
	if k.unicast {
		s.Local = netip.AddrPortFrom(in.Local.Addr(), m.cfg.Port)
		m.stats.AcksSent++
		return []Output{s}
	}
	if len(m.acks) < recentRekeys {
		m.acks = append(m.acks, delayedAck{now.Add(time.Duration(m.env.Below(int64(ackSpread)))), s})
	}
	return nil
}
