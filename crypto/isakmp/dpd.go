package isakmp

import (
	"encoding/binary"
	"time"
)

// Dead peer detection (RFC 3706).
const (
	defaultRetry = 2 * time.Second
	maxRepeats   = 5 // of a probe, then the peer is dead
)

// probe is the R-U-THERE state of one SA.
type probe struct {
	timer    *timer
	sequence uint32 // of the next R-U-THERE, or of the one that waits
	started  bool   // sequence has been drawn
	waiting  bool
	sent     int
}

// dpd is the configuration of dead peer detection for an SA: its profile's, or
// the global one.
func (m *Machine) dpd(sa *phaseOne) DPD {
	if sa.profile != "" {
		for i := range m.cfg.Profiles {
			if p := &m.cfg.Profiles[i]; p.Name == sa.profile && p.DPD != nil {
				return *p.DPD
			}
		}
	}
	return m.cfg.DPD
}

// startDPD begins periodic probing of a new SA, if it is configured and the
// peer can answer.
func (m *Machine) startDPD(sa *phaseOne) {
	d := m.dpd(sa)
	if !sa.dpd || d.Interval <= 0 || !d.Periodic {
		return
	}
	sa.probe.timer = m.after(d.Interval, func() { m.sendProbe(sa) })
}

// probeOnDemand asks a peer that has been silent for the interval, as we are
// about to talk to it.
func (m *Machine) probeOnDemand(sa *phaseOne) {
	d := m.dpd(sa)
	if sa.dpd && d.Interval > 0 && !d.Periodic && !sa.probe.waiting && m.now.Sub(sa.heard) >= d.Interval {
		m.sendProbe(sa)
	}
}

func (m *Machine) sendProbe(sa *phaseOne) {
	d := m.dpd(sa)
	if d.Interval <= 0 { // switched off meanwhile
		return
	}
	p := &sa.probe
	if !p.started { // RFC 3706 section 6.2: random, the top bit clear
		p.sequence, p.started = m.env.Uint32()>>1, true
	}
	if p.waiting && p.sent > maxRepeats {
		m.remove(sa, ReasonDead, false)
		return
	}
	if !p.waiting {
		p.waiting, p.sent = true, 0
	}
	p.sent++
	m.sendSA(sa, m.informational(sa,
		sa.notify(NotifyRUThere, DOIIPsec, binary.BigEndian.AppendUint32(nil, p.sequence))))
	retry := d.Retry
	if retry <= 0 {
		retry = defaultRetry
	}
	m.timers.stop(p.timer)
	p.timer = m.after(retry, func() { m.sendProbe(sa) })
}

// probeAnswered takes an R-U-THERE-ACK; one with another sequence number is no
// answer.
func (m *Machine) probeAnswered(sa *phaseOne, data []byte) {
	p := &sa.probe
	if !p.waiting || len(data) != 4 || binary.BigEndian.Uint32(data) != p.sequence {
		return
	}
	p.waiting = false
	p.sequence++
	m.timers.stop(p.timer)
	m.startDPD(sa)
}

// alive notes an authenticated message of the peer.
func (m *Machine) alive(sa *phaseOne) {
	sa.heard = m.now
	sa.suspect = false
}
