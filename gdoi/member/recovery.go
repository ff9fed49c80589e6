package member

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"time"

	"coterie/crypto/isakmp"
	"coterie/internal/syslog"
	"coterie/xfrm"
)

const (
	// recoverySpread is the time over which the members that saw the same
	// error register.
	recoverySpread = 10 * time.Second
	// The clock is doubted once clockSources senders have been refused over
	// more than clockPatience, with no more than clockMemory between two
	// reports: a data plane reports each source every 30 s at most.
	clockSources  = 2
	clockPatience = 5 * time.Second
	clockMemory   = 65 * time.Second
	// clockPause is the time between two registrations for a doubted clock.
	clockPause = 5 * time.Minute
)

// recovery is what the data plane has complained about.
type recovery struct {
	at      time.Time // of the planned registration, zero: none
	last    time.Time // when the last one began
	first   time.Time // refused pseudotime since
	latest  time.Time
	sources []netip.Addr // of those, at most clockSources
	doubted time.Time    // when the clock was last doubted
}

// dataError takes an incident that may mean that this member has missed
// something: a packet under an SPI that nobody told it, or a pseudotime that
// is not its own.
func (m *Machine) dataError(now time.Time, e xfrm.Event) {
	if !m.present {
		return
	}
	switch e.Kind {
	case xfrm.InvalidSPI:
		if m.find(e.SPI) >= 0 {
			return
		}
	case xfrm.NumbersLow:
		if e.Group == m.cfg.Key {
			m.numbersLow(now, e.SPI)
		}
		return
	case xfrm.ReplayFailed:
		if e.Group != m.cfg.Key {
			return
		}
		m.doubt(now, e.Src)
	default:
		return
	}
	m.recover(now)
}

// unknownThere takes a peer's word that it does not have an SA that we send
// under. Either side may have missed a rekey, so it is an error like one that we
// see ourselves; the SA stays, since it is the group's and only the key server
// ends it.
func (m *Machine) unknownThere(now time.Time, in isakmp.Notified) {
	if !m.present || in.SA.VRF != m.cfg.VRF || len(in.Data) != 4 || m.find(binary.BigEndian.Uint32(in.Data)) < 0 {
		return
	}
	m.recover(now)
}

// recover is `client recovery-check`: a registration with the next key server,
// at most one each interval, while everything held stays in force.
func (m *Machine) recover(now time.Time) {
	r, interval := &m.recovery, m.cfg.RecoveryCheck
	if interval == 0 || m.try != nil || !m.retryAt.IsZero() || !r.at.IsZero() {
		return
	}
	last := r.last
	if m.stats.LastRekeyAt.After(last) {
		last = m.stats.LastRekeyAt
	}
	if !last.IsZero() && now.Before(last.Add(interval)) {
		r.at = last.Add(interval)
		m.stats.RecoveriesPostponed++
		m.log(syslog.GMRecoveryPostponed.With(m.group(), int((r.at.Sub(now)+time.Second-1)/time.Second)))
		return
	}
	delay := time.Second * time.Duration(1+m.env.Below(int64(recoverySpread/time.Second)))
	r.at = now.Add(delay)
	m.log(syslog.GMRecovery.With(m.group(), int(delay/time.Second)))
}

// startRecovery begins the planned registration.
func (m *Machine) startRecovery(now time.Time) {
	m.recovery.at, m.recovery.last = time.Time{}, now
	m.stats.Recoveries++
	m.nextServer(now)
	m.start(now)
}

// nextServer turns to the key server behind the one of the last registration.
func (m *Machine) nextServer(now time.Time) {
	if n := len(m.cfg.Servers); n > 0 {
		m.server = (slices.Index(m.cfg.Servers, m.registered) + 1) % n
	}
	m.roundBegan = now
}

// doubt counts senders whose pseudotime was refused.
func (m *Machine) doubt(now time.Time, src netip.Addr) {
	r := &m.recovery
	if r.first.IsZero() || now.Sub(r.latest) > clockMemory {
		r.first, r.sources = now, nil
	}
	r.latest = now
	if len(r.sources) < clockSources && !slices.Contains(r.sources, src) {
		r.sources = append(r.sources, src)
	}
	if len(r.sources) < clockSources || now.Sub(r.first) <= clockPatience || m.try != nil ||
		!r.doubted.IsZero() && now.Before(r.doubted.Add(clockPause)) {
		return
	}
	r.doubted = now
	r.first, r.sources = time.Time{}, nil
	m.again(now.Add(time.Duration(m.env.Below(int64(clockPatience)))))
}
