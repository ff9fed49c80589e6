package member

import (
	"net/netip"
	"slices"

	"coterie/gdoi/wire"
	"coterie/internal/syslog"
	"coterie/xfrm"
)

// transport is how rekeys come.
type transport uint8

const (
	unknownTransport transport = iota
	unicast
	multicast
)

// impression is what a policy says beside its keys: what is worth a line when
// it changes.
type impression struct {
	receiveOnly bool
	rules       []rule
}

func (m *Machine) impression() impression { return impression{m.receiveOnly(), m.rules} }

// changed is what to log about the policy that a key server has put in the
// place of an earlier one.
func (m *Machine) changed(was impression, server netip.Addr) []Output {
	var out []Output
	switch now := m.receiveOnly(); {
	case now && !was.receiveOnly:
		out = append(out, Log{syslog.GMSAIngress.With(server, m.group())})
	case !now && was.receiveOnly:
		out = append(out, Log{syslog.GMConvDuplex.With(m.group())})
	}
	if m.cfg.LocalACL && len(m.rules) > 0 && !slices.Equal(m.rules, was.rules) {
		out = append(out, Log{syslog.GMACLMerge.With(m.group())})
	}
	return out
}

// converted logs that a line or a command on this device has made the SAs
// work both ways again.
func (m *Machine) converted(before xfrm.Direction) {
	if m.present && before != xfrm.Both && m.direction() == xfrm.Both {
		m.log(syslog.GMConvDuplexLocal.With(m.group()))
	}
}

// transition is what to log when rekeys come another way from now on.
func (m *Machine) transition(p wire.Policy) []Output {
	if p.KEK == nil {
		return nil
	}
	was := m.transport
	m.transport = multicast
	if p.Unicast() {
		m.transport = unicast
	}
	switch {
	case was == unknownTransport, was == m.transport:
		return nil
	case m.transport == unicast:
		return []Output{Log{syslog.GMRekeyTransUnicast.With(m.group())}}
	}
	return []Output{Log{syslog.GMRekeyTransMulti.With(m.group())}}
}

// join follows the current KEK into the multicast group of its rekeys, and out
// of that of the one before.
func (m *Machine) join() {
	var want netip.AddrPort
	if len(m.keks) > 0 && !m.keks[0].unicast && m.keks[0].dst.IsMulticast() {
		want = netip.AddrPortFrom(m.keks[0].dst, m.keks[0].port)
	}
	if want == m.joined {
		return
	}
	if m.joined.IsValid() {
		m.emit(Join{})
	}
	if m.joined = want; want.IsValid() {
		m.emit(Join{want})
	}
}
