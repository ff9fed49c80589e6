package isakmp

import (
	"slices"
	"time"

	"coterie/internal/syslog"
)

// attempt is one or more Connects to a peer that wait for an SA.
type attempt struct {
	peer    peer
	owners  []Owner
	spis    []uint32  // that the peer is to be told are invalid
	sa      *phaseOne // our main mode; nil while the configuration forbids one
	started time.Time
	tries   int
	timer   *timer
	reason  string
}

// connect lends a living SA or starts a main mode. Connects to one peer share
// a main mode.
func (m *Machine) connect(in Connect) {
	p := peer{in.VRF, in.Local, in.Remote}
	if sa := m.usable(p); sa != nil {
		m.emit(PhaseOneUp{Owner: in.Owner, SA: sa.lend()})
		return
	}
	for _, a := range m.attempts {
		if a.peer == p {
			if !slices.Contains(a.owners, in.Owner) {
				a.owners = append(a.owners, in.Owner)
			}
			return
		}
	}
	a := &attempt{peer: p, owners: []Owner{in.Owner}, started: m.now}
	m.attempts = append(m.attempts, a)
	m.try(a)
}

// usable is the newest SA with a peer that may be lent.
func (m *Machine) usable(p peer) *phaseOne {
	for _, sa := range slices.Backward(m.established[p]) {
		if !sa.suspect && sa.expires.Sub(m.now) > reuseMargin {
			return sa
		}
	}
	return nil
}

// try starts main mode. When the configuration does not allow it, it looks
// again at the times at which message 1 would have been repeated, and gives up
// when an unanswered one would have: a caller that walks a list of servers
// never spins.
func (m *Machine) try(a *attempt) {
	if a.tries == transmissions {
		m.failAttempt(a, a.reason)
		return
	}
	a.tries++
	cred := m.cfg.credentials(a.peer)
	policies, lacking := usable(m.cfg.Policies, cred)
	switch {
	case !m.cfg.Enabled:
		a.reason = ReasonDisabled
	case len(policies) > 0:
		a.timer = nil
		m.beginMainMode(a, policies, cred)
		return
	default:
		a.reason = m.noCredential(a.peer, lacking)
	}
	m.debugf("ISAKMP:(0):Can not start Main mode with %v: %s", a.peer.remote.Addr().Unmap(), a.reason)
	a.timer = m.after(retransmitInterval, func() { m.try(a) })
}

// noCredential says why no policy can serve a peer: for want of a key, for want
// of a certificate, or because there is none.
func (m *Machine) noCredential(p peer, lacking []Auth) string {
	switch {
	case len(lacking) == 0:
		return ReasonNoPolicy
	case slices.Contains(lacking, PreShared):
		m.count.NoKey++
		m.logOnce(p, syslog.IKMPNoPSK)
		return ReasonNoKey
	}
	m.count.NoKey++
	m.logOnce(p, syslog.IKMPNoCertificate)
	return ReasonNoCertificate
}

// drop forgets an attempt, whose main mode goes on if it has one.
func (m *Machine) drop(a *attempt) {
	m.timers.stop(a.timer)
	m.attempts = slices.DeleteFunc(m.attempts, func(x *attempt) bool { return x == a })
	if a.sa != nil {
		a.sa.attempt = nil
	}
}

func (m *Machine) failAttempt(a *attempt, reason string) {
	m.drop(a)
	for _, o := range a.owners {
		m.emit(PhaseOneFailed{Owner: o, Reason: reason})
	}
}

// connected answers the Connects that waited for an SA with this peer, whoever
// opened it. Our own main mode, if another, runs to its end: the peer may have
// finished that one.
func (m *Machine) connected(sa *phaseOne) {
	for _, a := range slices.Clone(m.attempts) {
		if a.peer != sa.peer {
			continue
		}
		m.drop(a)
		for _, spi := range a.spis {
			m.tellInvalidSPI(sa, spi)
		}
		for _, o := range a.owners {
			m.emit(PhaseOneUp{Owner: o, SA: sa.lend()})
		}
	}
}

// abandon withdraws an owner's Connects and exchanges.
func (m *Machine) abandon(o Owner) {
	for _, a := range slices.Clone(m.attempts) {
		if !slices.Contains(a.owners, o) {
			continue
		}
		a.owners = slices.DeleteFunc(a.owners, func(x Owner) bool { return x == o })
		if len(a.owners)+len(a.spis) > 0 {
			continue
		}
		m.drop(a)
		if a.sa != nil {
			m.remove(a.sa, ReasonCleared, false)
		}
	}
	for _, x := range slices.Clone(m.byOwner[o]) {
		m.finishExchange(x)
	}
}
