package member

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"coterie/gdoi/policy"
	"coterie/internal/secret"
	"coterie/internal/syslog"
	"coterie/xfrm"
)

// layout is what of the holdings a data plane sees, without keys: two equal
// layouts need no second Install.
type layout struct {
	direction xfrm.Direction
	rules     []xfrm.Policy
	sas       []placed
	clock     xfrm.PseudoClock
}

type placed struct {
	spi    uint32
	end    time.Time
	sender uint32
	bits   uint8
}

func (a layout) equal(b layout) bool {
	return a.direction == b.direction && slices.Equal(a.rules, b.rules) && sameClock(a.clock, b.clock) &&
		slices.EqualFunc(a.sas, b.sas, func(x, y placed) bool {
			return x.spi == y.spi && x.end.Equal(y.end) && x.sender == y.sender && x.bits == y.bits
		})
}

func sameClock(a, b xfrm.PseudoClock) bool {
	return a.At == b.At && a.Base.Equal(b.Base) && a.Owed == b.Owed
}

// direction is the override, `passive`, or what the key server says.
func (m *Machine) direction() xfrm.Direction {
	switch {
	case m.override != nil:
		return *m.override
	case m.cfg.Passive:
		return xfrm.InboundOptional
	case m.receiveOnly():
		return xfrm.InboundOnly
	}
	return xfrm.Both
}

func (m *Machine) layout(now time.Time) layout {
	l := layout{direction: m.direction()}
	if m.replayWindow() > 0 {
		l.clock = m.clock.PseudoClock
	}
	for _, r := range m.rules {
		p := xfrm.Policy{ACE: r.ACE}
		if r.Permit {
			p.SPI = m.outbound(r.sa, now)
		}
		l.rules = append(l.rules, p)
	}
	for i := range m.teks {
		t := &m.teks[i]
		id, bits := m.sender(t)
		l.sas = append(l.sas, placed{t.SPI, t.end, id, bits})
	}
	return l
}

// xfrmGroup is the layout with copies of the keys: ours are wiped when they
// end, at a time of our own.
func (m *Machine) xfrmGroup(l layout) xfrm.Group {
	g := xfrm.Group{Key: m.cfg.Key, Direction: l.direction, Policies: l.rules, Clock: l.clock}
	for i, t := range m.teks {
		sa := xfrm.SA{SPI: t.SPI, Transform: t.Transform, CipherKey: copied(t.CipherKey), AuthKey: copied(t.AuthKey),
			Expires: t.end, Transport: t.Transport, SenderID: l.sas[i].sender, SIDBits: l.sas[i].bits}
		if r := t.Replay; r.Method == policy.ReplayTime {
			sa.TBAR, sa.Window = cmp.Or(r.Encoding, xfrm.TBARSequence), r.TimeWindow
		}
		g.SAs = append(g.SAs, sa)
	}
	return g
}

func copied(s secret.Bytes) secret.Bytes { return secret.New(bytes.Clone(s.Reveal())) }

// place installs the holdings if that changes anything; then runs behind it,
// at once when nothing changes.
func (m *Machine) place(now time.Time, then ...Output) {
	l := m.layout(now)
	if m.present && l.equal(m.installed) {
		if n := len(m.waiting); n > 0 { // that very layout is on its way
			m.waiting[n-1].then = append(m.waiting[n-1].then, then...)
		} else {
			m.emit(then...)
		}
		return
	}
	m.installed, m.present, m.open = l, true, false
	m.number++
	m.waiting = append(m.waiting, install{m.number, then, m.registered})
	m.emit(Install{Number: m.number, Group: m.xfrmGroup(l)})
}

// reinstall places the holdings again if there are any.
func (m *Machine) reinstall(now time.Time) {
	if m.present {
		m.place(now)
	}
}

// answered takes the data plane's answer.
func (m *Machine) answered(now time.Time, in Installed) {
	i := slices.IndexFunc(m.waiting, func(w install) bool { return w.number == in.Number })
	if i < 0 {
		return
	}
	w := m.waiting[i]
	m.waiting = slices.Delete(m.waiting, i, i+1)
	if in.Err == nil {
		m.emit(w.then...)
		return
	}
	m.log(syslog.GMInstallFailed.With(w.server, m.group(), m.cfg.Key.Source))
	m.stats.Failed++
	m.abandon()
	m.drop(m.cfg.Key)
	m.server = 0
	m.retryAt = now.Add(roundPause + time.Duration(m.env.Below(int64(roundJitter))))
}

// evaluate brings the holdings up to now: what has ended goes, and encryption
// moves on to the TEK whose turn it is.
func (m *Machine) evaluate(now time.Time) {
	if !now.After(m.evaluated) {
		return
	}
	m.evaluated = now
	m.expire(now)
	switch {
	case !m.present:
	case len(m.teks) > 0:
		m.place(now)
	default:
		// The last TEK is gone: no policy is left, and an attempt that runs
		// already goes on.
		m.runOut()
		m.log(syslog.GMReRegister.With(m.group()))
		if m.try == nil && m.retryAt.IsZero() {
			m.start(now)
		}
	}
}
