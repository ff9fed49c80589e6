package keyserver

import (
	"crypto/rsa"
	"time"
)

// Snapshot is the state at now. It takes no time in proportion to the number
// of members: their tree is shared until it changes.
func (m *Machine) Snapshot(now time.Time) Snapshot {
	s := Snapshot{Counters: m.counters, Groups: make([]GroupSnapshot, len(m.groups))}
	for i, g := range m.groups {
		s.Groups[i] = g.snapshot(now)
	}
	return s
}

func (g *group) snapshot(now time.Time) GroupSnapshot {
	s := GroupSnapshot{
		At:                      now,
		Config:                  g.cfg,
		Changed:                 g.changed(),
		Members:                 g.members.clone(),
		RekeysSent:              g.stats.rekeys,
		Retransmits:             g.stats.retransmits,
		LastRetransmits:         g.stats.lastRetransmits,
		LastRekey:               g.stats.last,
		LastRekeyDuration:       g.stats.duration,
		RegistrationsAfterRekey: g.stats.registrations,
		SenderIDs:               g.sids.snapshot(g.cfg, g.needsSID()),
		Replay:                  g.time.snapshot(now, timed(g.force)),
	}
	s.Config.Rekey.Signer = nil
	if k := g.kek; k != nil {
		s.HasKEK, s.Seq, s.SeqReserved = true, k.seq, k.reserved
		s.KEK = KEKSnapshot{
			SPI:          k.SPI,
			Cipher:       k.Cipher,
			SigHash:      k.SigHash,
			SigKeyLength: len(k.SigKey),
			Lifetime:     k.Lifetime,
			Remaining:    max(0, k.Expires().Sub(now)),
			TimeToRekey:  max(0, g.kekRekeyAt().Sub(now)),
		}
		if pub, ok := k.signer.Public().(*rsa.PublicKey); ok {
			s.KEK.SigSize = pub.Size()
		}
	}
	for _, t := range g.teks {
		x := TEKSnapshot{
			SA: t.SA, SPI: t.SPI, Transform: t.Transform, ACLName: t.aclName,
			Lifetime:   t.Lifetime,
			Remaining:  max(0, t.end.Sub(now)),
			Elapsed:    now.Sub(t.Created),
			Replay:     t.Replay,
			Superseded: t.superseded,
		}
		if x.TimeToRekey = -1; !t.superseded {
			x.TimeToRekey = max(0, g.tekRekeyAt(t).Sub(now))
		}
		s.TEKs = append(s.TEKs, x)
	}
	if n := len(g.flights); n > 0 {
		if f := g.flights[n-1]; len(f.batches) > 0 {
			s.RetransmitRemaining = max(0, f.batches[0].at.Sub(now))
		}
	}
	return s
}
