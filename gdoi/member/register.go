package member

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"coterie/crypto/isakmp"
	"coterie/crypto/suite"
	"coterie/gdoi/policy"
	"coterie/gdoi/wire"
	"coterie/internal/syslog"
)

// step is how far an attempt has come.
type step uint8

const (
	connecting step = iota
	awaitPolicy
	awaitKeys
)

// attempt is one registration with one key server.
type attempt struct {
	step     step
	server   netip.Addr
	deadline time.Time // in case isakmp never answers
	sa       isakmp.SA
	mid      uint32
	ni, nr   []byte
	policy   wire.Policy
	asked    time.Time // message 1 left
	told     time.Time // message 2 came
	sids     int       // that message 3 asks for
	warned   bool      // of a wrong HASH
}

const (
	// attemptLimit is far above the 40 s that isakmp gives each step.
	attemptLimit = 5 * time.Minute
	// A round of the server list that failed sooner than quickRound is not
	// begun again before roundPause and up to roundJitter.
	quickRound  = 30 * time.Second
	roundPause  = 10 * time.Second
	roundJitter = 5 * time.Second
	// A member that has just got its keys does not register again sooner.
	soonestAgain = 10 * time.Second
)

// capabilities are those of our Vendor ID.
const capabilities = isakmp.CapTBAR | isakmp.CapDenyACE | isakmp.CapPushAck | isakmp.CapTwoOctetTEK

// start opens an attempt with the server whose turn it is.
func (m *Machine) start(now time.Time) {
	m.retryAt, m.reRegisterAt, m.recovery.at = time.Time{}, time.Time{}, time.Time{}
	if m.cfg.Incomplete != "" || len(m.cfg.Servers) == 0 {
		return
	}
	if m.server >= len(m.cfg.Servers) {
		m.server = 0
	}
	if m.server == 0 {
		m.roundBegan = now
	}
	t := &attempt{server: m.cfg.Servers[m.server], deadline: now.Add(attemptLimit)}
	m.try = t
	m.stats.Attempted++
	fvrf, ivrf := m.vrfs()
	// IOS: a blank ends the line.
	m.log(syslog.GMRegister.With(t.server, m.group(), m.cfg.Key.Source, fvrf, ivrf+" "))
	m.isakmp(isakmp.Connect{VRF: m.cfg.VRF, Local: m.source(), Remote: netip.AddrPortFrom(t.server, m.cfg.Port)})
}

// abandon ends an attempt without counting it.
func (m *Machine) abandon() {
	if m.try != nil {
		m.try = nil
		m.isakmp(isakmp.Abandon{})
	}
}

// fail ends an attempt: the next server follows at once, the list begins again
// at once if it took its time, and after a pause if it failed fast.
func (m *Machine) fail(now time.Time, why syslog.Message) {
	m.stats.Failed++
	m.log(why)
	m.abandon()
	m.server++
	if m.server < len(m.cfg.Servers) {
		m.retryAt = now
		return
	}
	m.server = 0
	m.retryAt = now
	if now.Sub(m.roundBegan) < quickRound {
		m.retryAt = now.Add(roundPause + time.Duration(m.env.Below(int64(roundJitter))))
	}
}

func (m *Machine) failure(t *attempt, reason any) syslog.Message {
	return syslog.GMRegistrationFailed.With(m.cfg.Key.Source, t.server, m.group(), reason)
}

func (m *Machine) phaseOneFailed(now time.Time, reason string) {
	if t := m.try; t != nil && t.step == connecting {
		m.fail(now, m.unanswered(t, reason))
	}
}

func (m *Machine) phase2Failed(now time.Time, in isakmp.Phase2Failed) {
	if t := m.try; t != nil && t.step != connecting && in.MessageID == t.mid && in.SA == t.sa.ID {
		m.fail(now, m.unanswered(t, in.Reason))
	}
}

func (m *Machine) unanswered(t *attempt, reason string) syslog.Message {
	if reason == isakmp.ReasonNoAnswer {
		return syslog.KSNoAnswer.With(t.server, m.group())
	}
	return m.failure(t, reason)
}

// phaseOneUp opens the PULL: HASH(1), Ni, ID.
func (m *Machine) phaseOneUp(now time.Time, sa isakmp.SA) {
	t := m.try
	if t == nil || t.step != connecting || sa.Remote.Addr() != t.server {
		return
	}
	t.sa, t.ni = sa, m.env.Bytes(wire.NonceSize)
	for t.mid == 0 {
		t.mid = m.env.Uint32()
	}
	msg := wire.Pull1{Nonce: t.ni, ID: wire.GroupIdentity(m.cfg.ID)}
	if !sa.Foreign {
		msg.Info = &wire.Info{Version: policy.Version, Hostname: m.cfg.Hostname, Capabilities: capabilities}
	}
	first, chain, err := wire.BuildPull1(sa.PRF, t.mid, msg)
	if err != nil {
		m.fail(now, m.failure(t, err))
		return
	}
	t.step, t.asked = awaitPolicy, now
	m.debugRegistration("GROUPKEY-PULL with KS %v, message ID 0x%08X: message 1 sent", t.server, t.mid)
	m.exchange(t, first, chain)
}

func (m *Machine) exchange(t *attempt, first uint8, chain []byte) {
	m.isakmp(isakmp.Exchange2{SA: t.sa.ID, Exchange: isakmp.ExchangePull, MessageID: t.mid, First: first, Payloads: chain, Await: true})
}

func (m *Machine) phase2(now time.Time, in isakmp.Phase2) {
	t := m.try
	if t == nil || t.step == connecting || in.SA.ID != t.sa.ID || in.MessageID != t.mid || in.Exchange != isakmp.ExchangePull {
		m.isakmp(isakmp.Refuse{SA: in.SA.ID, MessageID: in.MessageID})
		return
	}
	var err error
	if t.step == awaitPolicy {
		err = m.takePolicy(now, t, in)
	} else {
		err = m.takeKeys(now, t, in)
	}
	switch {
	case err == nil:
	case errors.Is(err, wire.ErrHash), errors.Is(err, errUnread):
		// Anybody may send this: it is dropped, and the true answer may still
		// come before isakmp gives up.
		m.stats.Counters.HashFail++
		m.isakmp(isakmp.Refuse{SA: in.SA.ID, MessageID: in.MessageID})
		if !t.warned {
			t.warned = true
			m.log(syslog.GMHashFail.With(t.server, m.cfg.Key.Source))
		}
	default:
		if wire.NotifyOf(err) == wire.NotifyPayloadMalformed {
			m.stats.Counters.Malformed++
		} else {
			m.stats.Counters.PolicyRejected++
		}
		m.isakmp(isakmp.Refuse{SA: in.SA.ID, MessageID: in.MessageID, Notify: wire.NotifyOf(err)})
		m.filtered(err)
		m.fail(now, syslog.GMRejectingSA.With(t.server, m.group(), err))
	}
}

// errUnread is an answer whose HASH fits and whose payloads do not: the HASH
// says nothing about the type of the first payload behind it.
var errUnread = errors.New("not the payloads of this message")

// takePolicy takes message 2 and sends HASH(3).
func (m *Machine) takePolicy(now time.Time, t *attempt, in isakmp.Phase2) error {
	msg, err := wire.ParsePull2(t.sa.PRF, t.mid, t.ni, in.First, in.Payloads, m.form)
	if err != nil {
		if !begins(in.Payloads, wire.PayloadNonce) {
			return errUnread
		}
		return err
	}
	p, err := wire.DecodeSA(msg.SA, now)
	if err != nil {
		return err
	}
	if err := m.acceptable(p); err != nil {
		return err
	}
	if len(p.TEKs) == 0 {
		return &wire.Error{Notify: wire.NotifyNoProposalChosen, Reason: "no traffic policy"}
	}
	if err := m.timed(now, p); err != nil {
		return err
	}
	var three wire.Pull3
	if t.sids = 0; counterMode(p.TEKs) {
		t.sids = senderIDs
		three.GAP = wire.SenderIDRequest(t.sids)
	}
	first, chain, err := wire.BuildPull3(t.sa.PRF, t.mid, t.ni, msg.Nonce, three)
	if err != nil {
		return err
	}
	t.policy, t.nr, t.step, t.told = p, msg.Nonce, awaitKeys, now
	m.form.TEKIDLength = msg.Form.TEKIDLength
	m.debugRegistration("SA payload of KS %v accepted: %d TEKs; message 3 sent", t.server, len(p.TEKs))
	m.exchange(t, first, chain)
	return nil
}

func transformName(t suite.Transform) string { return strings.TrimSpace(t.String()) }

// begins says whether the payload behind HASH is of a type.
func begins(chain []byte, payload uint8) bool { return len(chain) > 0 && chain[0] == payload }

// takeKeys takes message 4 and commits: the policy of message 2, the keys, and
// the sequence number rekeys go on from.
func (m *Machine) takeKeys(now time.Time, t *attempt, in isakmp.Phase2) error {
	msg, err := wire.ParsePull4(t.sa.PRF, t.mid, t.ni, t.nr, in.First, in.Payloads)
	if err != nil {
		first := uint8(wire.PayloadKD)
		if t.policy.KEK != nil {
			first = wire.PayloadSEQ
		}
		if !begins(in.Payloads, first) {
			return errUnread
		}
		return err
	}
	p := t.policy
	p.TEKs = slices.Clone(p.TEKs)
	if p.KEK != nil {
		k := *p.KEK
		p.KEK = &k
	}
	if err := p.AddKeys(msg.KD); err != nil {
		return err
	}
	if p.KEK != nil {
		if !msg.HasSeq && !begins(in.Payloads, wire.PayloadKD) {
			return errUnread
		}
		if !msg.HasSeq {
			return &wire.Error{Notify: wire.NotifyPayloadMalformed, Payload: wire.PayloadSEQ, Reason: "missing"}
		}
		if len(p.KEK.SigKey) == 0 {
			return &wire.Error{Notify: wire.NotifyInvalidKeyInformation, Payload: wire.PayloadKD, Reason: "no signature key"}
		}
	}
	ids, err := wire.SenderIDsOf(msg.KD)
	if err != nil {
		return err
	}
	m.try = nil
	m.server = 0
	m.override = nil
	m.stats.Succeeded++
	m.stats.RekeysAfterRegistration = 0
	m.stats.SenderIDsRequested = t.sids
	m.registered = t.server
	was := m.impression()
	overtaken := m.overtaken(p, msg.Seq)
	if !overtaken {
		m.apply(now, change{policy: p, pull: true})
		m.registerKEK(p, msg.Seq)
	}
	m.takeSenderIDs(ids)
	m.join()
	m.missedSender()
	m.numbersDue = false
	m.setReRegister(now)
	if !overtaken { // else its pseudotime may be one of an epoch that is over
		m.synchronize(now, p, t.told.Sub(t.asked), t.told)
	}
	fvrf, ivrf := m.vrfs()
	then := []Output{
		ToISAKMP{isakmp.Accept{SA: t.sa.ID, MessageID: t.mid}},
		Log{syslog.SATEKUpdated.With()},
	}
	if p.KEK != nil {
		then = append(then, Log{syslog.SAKEKUpdated.With()})
	}
	then = append(then, m.transition(p)...)
	then = append(then,
		Log{syslog.GMRegsCompl.With(t.server, m.group(), m.cfg.Key.Source, fvrf, ivrf+" ")},
		Log{m.installedMessage(t.server)})
	then = append(then, m.changed(was, t.server)...)
	m.evaluated = now
	m.place(now, then...)
	return nil
}

// overtaken says that a rekey that came meanwhile is the later word: it went
// further under the same KEK, or has replaced it.
func (m *Machine) overtaken(p wire.Policy, seq uint32) bool {
	for i, k := range m.keks {
		if p.KEK != nil && k.SPI == p.KEK.SPI {
			return i > 0 || k.lastSeq > seq
		}
	}
	return false
}

func (m *Machine) installedMessage(server netip.Addr) syslog.Message {
	fvrf, ivrf := m.vrfs()
	return syslog.GMInstallSuccess.With(server, m.group(), m.cfg.Key.Source, fvrf, ivrf)
}

// registerKEK takes the KEK of a registration; without one no rekey will come.
// Rekeys under a KEK that this member got before are over: a late one would put
// back what the registration has replaced, and a late dismissal would end it.
func (m *Machine) registerKEK(p wire.Policy, seq uint32) {
	if p.KEK != nil && len(m.keks) > 0 && m.keks[0].SPI == p.KEK.SPI {
		k := &m.keks[0]
		k.wipe()
		k.KEK = *p.KEK
		k.route(p)
		k.lastSeq = max(k.lastSeq, seq)
		return
	}
	m.dropKEKs()
	if p.KEK != nil {
		m.newKEK(p, seq)
	}
}

// newKEK puts a KEK in front; of those before it one is kept, to answer
// retransmissions under it.
func (m *Machine) newKEK(p wire.Policy, seq uint32) {
	if m.connID != nil {
		m.lastConn = m.connID()
	} else {
		m.lastConn = max(m.lastConn, 1000) + 1 // as IOS numbers them
	}
	for len(m.keks) > 1 {
		last := len(m.keks) - 1
		m.keks[last].wipe()
		m.keks = m.keks[:last]
	}
	k := heldKEK{KEK: *p.KEK, conn: m.lastConn, lastSeq: seq}
	k.route(p)
	m.keks = append([]heldKEK{k}, m.keks...)
}

// setReRegister draws when to register again if no rekey comes: before the
// first current TEK, or the KEK, ends.
func (m *Machine) setReRegister(now time.Time) {
	m.reRegisterAt = time.Time{}
	take := func(end time.Time, life time.Duration) {
		jitter := time.Duration(0)
		if life >= 50 {
			jitter = time.Duration(m.env.Below(int64(life / 50)))
		}
		at := end.Add(-policy.ReRegisterMargin(life, jitter))
		if at.Before(now.Add(soonestAgain)) { // so short a life is not worth the hurry
			at = now.Add(max(end.Sub(now)/2, soonestAgain))
		}
		if m.reRegisterAt.IsZero() || at.Before(m.reRegisterAt) {
			m.reRegisterAt = at
		}
	}
	seen := make(map[int]bool)
	for _, t := range m.teks {
		if !seen[t.SA] && m.ruled(t.SA) {
			take(t.end, t.life)
		}
		seen[t.SA] = true
	}
	if len(m.keks) > 0 {
		take(m.keks[0].Expires(), m.keks[0].Lifetime)
	}
	m.planSender(now)
	if m.numbersDue {
		m.again(now.Add(time.Duration(m.env.Below(int64(senderPause)))))
	}
}

// ruled says whether the policy still names an `sa ipsec`.
func (h *holding) ruled(sa int) bool {
	return slices.ContainsFunc(h.rules, func(r rule) bool { return r.sa == sa })
}

// firstStatus is the first notify type that is no error (RFC 2408 section 3.14.1).
const firstStatus = 16384

// notified is an error that the key server reports. Only one about the
// exchange at hand counts.
func (m *Machine) notified(now time.Time, in isakmp.Notified) {
	if in.Type == isakmp.NotifyInvalidSPI {
		m.unknownThere(now, in)
		return
	}
	t := m.try
	if t == nil || t.step == connecting || in.SA.ID != t.sa.ID || in.Type >= firstStatus || in.MessageID != 0 && in.MessageID != t.mid {
		return
	}
	m.fail(now, m.failure(t, m.notifyReason(in.Type)))
}

// notifyReason says what an operator should look at.
func (m *Machine) notifyReason(n uint16) string {
	switch n {
	case wire.NotifyInvalidID:
		id := fmt.Sprint(m.cfg.ID.Number)
		if m.cfg.ID.Address.IsValid() {
			id = m.cfg.ID.Address.String()
		}
		return fmt.Sprintf("the key server has no group with identity %s (INVALID-ID-INFORMATION)", id)
	case wire.NotifyAuthenticationFailed:
		return fmt.Sprintf("the key server does not authorize address %v (AUTHENTICATION-FAILED)", m.cfg.Key.Source)
	case wire.NotifyNoProposalChosen:
		return "the key server has no policy to offer (NO-PROPOSAL-CHOSEN)"
	case wire.NotifyInvalidHash:
		return "the key server could not verify our hash (INVALID-HASH-INFORMATION)"
	}
	return fmt.Sprintf("the key server refused with notify %d", n)
}
