package member

import (
	"bytes"
	"slices"
	"time"

	"coterie/gdoi/policy"
)

// Snapshot describes the member at a time; it shares nothing with the machine.
func (m *Machine) Snapshot(now time.Time) Snapshot {
	s := m.stats
	s.At, s.Config = now, m.cfg
	s.Direction = m.direction()
	s.Server = m.registered
	switch {
	case m.try != nil:
		s.Status, s.Server = "Registering", m.try.server
	case m.registered.IsValid():
		s.Status = "Registered"
	default:
		s.Status = "Not Registered"
	}
	if m.registered.IsValid() && m.try == nil && m.reRegisterAt.After(now) {
		s.ReRegistersIn = m.reRegisterAt.Sub(now)
	}
	s.SenderIDs = policy.SenderIDs{Bits: m.sids.Bits, Values: slices.Clone(m.sids.Values)}
	if s.Clock = m.clock.PseudoClock; s.Clock.Synchronized() {
		s.Pseudotime = s.Clock.Now(now)
	}
	for i, k := range m.keks {
		if i == 0 {
			s.HasKEK, s.KEK, s.LastRekeySeq = true, m.kekSnapshot(k, now), k.lastSeq
		} else if i == 1 {
			p := m.kekSnapshot(k, now)
			s.PreviousKEK = &p
		}
	}
	out := make(map[int]uint32)
	for _, r := range m.rules {
		s.ACEs = append(s.ACEs, r.ACE)
		if _, known := out[r.sa]; r.Permit && !known {
			out[r.sa] = m.outbound(r.sa, now)
		}
	}
	for _, t := range m.teks {
		s.TEKs = append(s.TEKs, TEKSnapshot{SPI: t.SPI, Transform: t.Transform, Remaining: max(0, t.end.Sub(now)),
			Replay: t.Replay, Transport: t.Transport, Outbound: out[t.SA] == t.SPI})
	}
	return s
}

func (m *Machine) kekSnapshot(k heldKEK, now time.Time) KEKSnapshot {
	s := KEKSnapshot{SPI: k.SPI, Cipher: k.Cipher, SigHash: k.SigHash, SigKeyLength: len(k.SigKey), SigKey: bytes.Clone(k.SigKey),
		Remaining: max(0, k.Expires().Sub(now)), Unicast: k.unicast, Src: k.src, Dst: k.dst, ConnID: k.conn}
	if k.unicast {
		s.Dst = m.cfg.Key.Source
	}
	return s
}
