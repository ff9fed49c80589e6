package isakmp

import (
	"slices"
	"time"
)

// A deleted SA stays on screens for a while, as on IOS.
const (
	showDeleted  = 60 * time.Second
	maxTombstone = 64
)

type tombstone struct {
	SASnapshot
	until time.Time
}

// bury keeps a deleted SA for the screens. A peer that never returned our
// cookie leaves no trace.
func (m *Machine) bury(sa *phaseOne) {
	if sa.state == rMM2 {
		return
	}
	s := sa.snapshot()
	s.Deleted, s.State = true, "MM_NO_STATE"
	m.gone = slices.DeleteFunc(m.gone, func(t tombstone) bool { return !t.until.After(m.now) })
	if len(m.gone) >= maxTombstone {
		m.gone = slices.Delete(m.gone, 0, 1)
	}
	m.gone = append(m.gone, tombstone{s, m.now.Add(showDeleted)})
}

func (sa *phaseOne) snapshot() SASnapshot {
	out := SASnapshot{
		ID: sa.id, Local: sa.local, Remote: sa.remote, Initiator: sa.initiator, State: sa.state.screen(),
		Policy: sa.policy, Created: sa.created, Expires: sa.expires, Capabilities: sa.capabilities,
		VRF: sa.vrf, Profile: sa.profile, Peer: sa.peerID, DPD: sa.dpd, Foreign: !sa.ours, Fragments: sa.fragments,
	}
	return out
}

// Snapshot is the machine as of now: every SA by conn-id, those without one
// first, then the recently deleted.
func (m *Machine) Snapshot(now time.Time) Snapshot {
	s := Snapshot{Config: m.cfg, Counters: m.count}
	for _, sa := range m.all() {
		x := sa.snapshot()
		x.DPD = x.DPD && m.dpd(sa).Interval > 0
		s.SAs = append(s.SAs, x)
	}
	for _, t := range m.gone {
		if t.until.After(now) {
			s.SAs = append(s.SAs, t.SASnapshot)
		}
	}
	slices.SortStableFunc(s.SAs, func(a, b SASnapshot) int { return int(int64(a.ID) - int64(b.ID)) })
	s.Config.Policies = slices.Clone(s.Config.Policies)
	s.Config.Keyrings = slices.Clone(s.Config.Keyrings)
	return s
}
