package member

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"coterie/crypto/isakmp"
	"coterie/gdoi/wire"
	"coterie/internal/env"
	"coterie/internal/syslog"
	"coterie/xfrm"
)

// Machine is one group member. It is not safe for concurrent use and never
// blocks; Step never fails: what is wrong with an input is counted and logged.
//
// Registration goes through these states, held in try:
//
//	(nil)        --start-->       connecting   Connect
//	connecting   --PhaseOneUp-->  awaitPolicy  message 1
//	awaitPolicy  --message 2-->   awaitKeys    message 3
//	awaitKeys    --message 4-->   (nil)        Install, then Accept and the log
//	any          --failure-->     (nil)        the next server, at once or later
//
// What the member holds (keys, policy) lives on through all of them.
type Machine struct {
	env        env.Env
	out        env.Outputs[Output]
	cfg        Config
	configured bool
	stopped    bool

	// Registration.
	try        *attempt
	server     int       // next or present place in the list
	roundBegan time.Time // when the list was begun
	retryAt    time.Time // zero: no attempt is due
	form       wire.Form // as the key server last wrote

	// What is held.
	holding
	reRegisterAt time.Time // zero: not registered
	registered   netip.Addr
	override     *xfrm.Direction
	clock        pseudoclock
	senderTries  int            // registrations in a row without a needed sender ID
	transport    transport      // of rekeys, as last told
	joined       netip.AddrPort // the multicast group of rekeys
	recovery     recovery

	// The data plane.
	evaluated time.Time // holdings have been looked at up to here
	installed layout    // as last handed out
	present   bool      // the group is in the data plane
	open      bool      // an empty group is: see runOut
	number    uint64    // of the last Install
	waiting   []install
	acks      []delayedAck // for multicast rekeys
	connID    func() uint32

	numbersDue bool         // a registration for want of numbers is still to come
	badRekeys  [2]badRekeys // from anybody, from key servers of the list
	quietUntil time.Time    // complaints about rekeys are not logged before
	stats      Snapshot     // counters and dates only
}

// install is what waits for the data plane's answer.
type install struct {
	number uint64
	then   []Output
	server netip.Addr
}

// delayedAck is an acknowledgement that waits, so that the members of a
// multicast rekey do not answer all at once.
type delayedAck struct {
	at   time.Time
	send Send
}

// New makes a member. It does nothing before its first Configure.
func New(e env.Env) *Machine { return &Machine{env: e} }

// NumberBy gives the machine the source of conn-ids that it shares with the
// other members and phase 1 of its device; without it the machine counts itself.
func (m *Machine) NumberBy(next func() uint32) { m.connID = next }

// Step gives the machine one input at a time that never runs backwards.
func (m *Machine) Step(now time.Time, in Input) {
	if m.stopped {
		return
	}
	m.evaluate(now)
	switch in := in.(type) {
	case Configure:
		m.configure(now, in.Config)
	case PhaseOneUp:
		m.phaseOneUp(now, in.SA)
	case PhaseOneFailed:
		m.phaseOneFailed(now, in.Reason)
	case Phase2:
		m.phase2(now, in.Phase2)
	case Phase2Failed:
		m.phase2Failed(now, in.Phase2Failed)
	case Notified:
		m.notified(now, in.Notified)
	case Push:
		m.push(now, in)
	case Installed:
		m.answered(now, in)
	case Clear:
		m.clear(now)
	case DataError:
		m.dataError(now, in.Event)
	case Direction:
		before := m.direction()
		m.override = in.Override
		m.converted(before)
		m.reinstall(now)
	case Stop:
		m.stop()
	case Tick:
	}
	m.timers(now)
}

// Next is when the machine wants a Tick, zero when nothing is due.
func (m *Machine) Next() time.Time {
	var next time.Time
	take := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	if m.stopped {
		return next
	}
	if m.try != nil {
		take(m.try.deadline)
	} else {
		take(m.retryAt)
		take(m.reRegisterAt)
		take(m.recovery.at)
	}
	for _, a := range m.acks {
		take(a.at)
	}
	take(m.holding.next(m.evaluated))
	return next
}

// Drain returns what is to be done, in order, and forgets it. The slice is good
// until the next Drain.
func (m *Machine) Drain() []Output { return m.out.Drain() }

// KEKSPIs are the KEKs this member takes rekeys under, the current one first.
func (m *Machine) KEKSPIs() [][16]byte {
	var out [][16]byte
	for _, k := range m.keks {
		out = append(out, k.SPI)
	}
	return out
}

func (m *Machine) emit(o ...Output)       { m.out.Emit(o...) }
func (m *Machine) log(msg syslog.Message) { m.emit(Log{msg}) }
func (m *Machine) isakmp(in isakmp.Input) { m.emit(ToISAKMP{in}) }
func (m *Machine) group() string          { return m.cfg.Key.Name }
func (m *Machine) source() netip.AddrPort { return netip.AddrPortFrom(m.cfg.Key.Source, m.cfg.Port) }

// vrfs are the names of the registration's and the traffic's VRF as the log
// has them.
func (m *Machine) vrfs() (fvrf, ivrf string) {
	return cmp.Or(m.cfg.VRF, "default"), cmp.Or(m.cfg.Key.VRF, "default")
}

// timers does what is due.
func (m *Machine) timers(now time.Time) {
	m.acks = slices.DeleteFunc(m.acks, func(a delayedAck) bool {
		if a.at.After(now) {
			return false
		}
		m.stats.AcksSent++
		m.emit(a.send)
		return true
	})
	if m.try != nil {
		if !m.try.deadline.After(now) {
			m.fail(now, syslog.KSNoAnswer.With(m.try.server, m.group()))
		}
		return
	}
	switch {
	case !m.retryAt.IsZero() && !m.retryAt.After(now),
		!m.reRegisterAt.IsZero() && !m.reRegisterAt.After(now):
		m.start(now)
	case !m.recovery.at.IsZero() && !m.recovery.at.After(now):
		m.startRecovery(now)
	}
}

// configure takes a new configuration: see Configure.
func (m *Machine) configure(now time.Time, cfg Config) {
	old, first, before := m.cfg, !m.configured, m.direction()
	m.cfg, m.configured = cfg, true
	if first {
		m.form = cfg.Form
	}
	if m.open && (old.Key != cfg.Key || !cfg.FailClose || cfg.FailCloseRevert) {
		m.open = false
		m.emit(Remove{old.Key})
	}
	if cfg.RecoveryCheck == 0 {
		m.recovery.at = time.Time{}
	}
	same := !first && old.ID == cfg.ID && old.Key == cfg.Key && old.Port == cfg.Port && old.VRF == cfg.VRF &&
		slices.Equal(old.Servers, cfg.Servers) && old.Incomplete == cfg.Incomplete
	if !same {
		m.abandon()
		if !first && (old.ID != cfg.ID || old.Key != cfg.Key || cfg.Incomplete != "") {
			m.drop(old.Key) // another group's keys, or nobody's any more
		}
	}
	if m.joined.IsValid() && (old.VRF != cfg.VRF || old.RegistrationInterface != cfg.RegistrationInterface ||
		!slices.Equal(old.Interfaces, cfg.Interfaces)) {
		m.emit(Join{m.joined}) // where it is now
	}
	if same {
		m.converted(before)
		m.reinstall(now) // `passive`
		if m.present && cfg.LocalACL && !old.LocalACL {
			m.log(syslog.GMACLMerge.With(m.group()))
		}
		return
	}
	m.retryAt, m.server = time.Time{}, 0
	if cfg.Incomplete != "" || len(cfg.Servers) == 0 {
		name := cfg.Key.Name
		if cfg.Incomplete != "" {
			name += ": " + cfg.Incomplete
		}
		m.log(syslog.GMIncompleteCfg.With(name))
		return
	}
	m.start(now)
}

// clear is `clear crypto gdoi`.
func (m *Machine) clear(now time.Time) {
	m.abandon()
	m.override = nil
	m.runOut()
	m.retryAt, m.server = time.Time{}, 0
	if !m.configured || m.cfg.Incomplete != "" || len(m.cfg.Servers) == 0 {
		return
	}
	m.log(syslog.GMClearRegister.With(m.group()))
	m.log(syslog.GMReRegister.With(m.group()))
	m.start(now)
}

func (m *Machine) stop() {
	m.abandon()
	left := m.registered.IsValid()
	m.drop(m.cfg.Key)
	m.stopped = true
	if left {
		m.log(syslog.GMUnregister.With(m.group()))
	}
}

// drop forgets keys and policy, here and in the data plane.
func (m *Machine) drop(key xfrm.GroupKey) {
	there := m.present || m.open
	m.forget()
	if m.open = false; there {
		m.emit(Remove{key})
	}
}

// runOut is drop where the member comes back: a crypto map that is fail-close
// stays open once a policy has been there, unless `client fail-close revert`
// is configured. An empty group in the data plane does that.
func (m *Machine) runOut() {
	if !m.present || !m.cfg.FailClose || m.cfg.FailCloseRevert {
		if !m.open {
			m.drop(m.cfg.Key)
			return
		}
		m.forget()
		return
	}
	m.forget()
	m.open = true
	m.number++
	m.emit(Install{Number: m.number, Group: xfrm.Group{Key: m.cfg.Key}})
}

// forget is drop without the data plane.
func (m *Machine) forget() {
	m.holding.wipe()
	m.holding = holding{lastConn: m.holding.lastConn}
	m.reRegisterAt, m.registered = time.Time{}, netip.Addr{}
	m.waiting, m.acks, m.numbersDue = nil, nil, false
	m.installed, m.present = layout{}, false
	m.clock, m.recovery.at, m.senderTries = pseudoclock{}, time.Time{}, 0
	m.join()
}
