package keyserver

import (
	"container/heap"
	"time"

	"coterie/gdoi/policy"
)

// earliest keeps the earlier of two deadlines; zero is none.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// schedule puts a group back in its place among the deadlines.
func (m *Machine) schedule(g *group) {
	g.due = g.next()
	switch {
	case g.due.IsZero() && g.index >= 0:
		heap.Remove(&m.due, g.index)
	case g.due.IsZero():
	case g.index >= 0:
		heap.Fix(&m.due, g.index)
	default:
		heap.Push(&m.due, g)
	}
}

// next is the group's earliest deadline.
func (g *group) next() time.Time {
	var next time.Time
	if !g.live {
		return next
	}
	for _, t := range g.teks {
		if t.superseded {
			next = earliest(next, t.end)
		} else if g.pending == nil {
			next = earliest(next, g.tekRekeyAt(t))
		}
	}
	if g.kek != nil && g.pending == nil {
		next = earliest(next, g.kekRekeyAt())
	}
	for _, k := range g.retired {
		next = earliest(next, k.Expires())
	}
	for _, f := range g.flights {
		if len(f.batches) > 0 {
			next = earliest(next, f.batches[0].at)
		}
	}
	if g.pending != nil {
		next = earliest(next, g.pending.retry)
	}
	return earliest(next, g.nextTime())
}

// minimumShare is the part of its life that a key is kept whatever the margins
// say: with many members and a short life they would leave it none, and the
// key server would rekey without end.
const minimumShare = 10

// kekRekeyAt is when the KEK is replaced (policy.KEKMargin).
func (g *group) kekRekeyAt() time.Time {
	r := g.kek.rekey
	margin := policy.KEKMargin(g.kek.Lifetime, g.cfg.Rekey.Retransmit, g.cfg.Rekey.Count, g.members.Len(), r.Unicast)
	return g.kek.Expires().Add(-min(margin, g.kek.Lifetime-g.kek.Lifetime/minimumShare))
}

// tekRekeyAt is when the current TEK of an SA is replaced (policy.TEKMargin).
// Without a KEK nobody is waited for, and members register again by themselves.
func (g *group) tekRekeyAt(t *tek) time.Time {
	unicast := g.kek != nil && g.kek.rekey.Unicast
	margin := policy.TEKMargin(t.Lifetime, g.cfg.Rekey.Retransmit, g.cfg.Rekey.Count, g.members.Len(), unicast)
	return t.Expires().Add(-min(margin, t.Lifetime-t.Lifetime/minimumShare))
}

// advance does what is due by now.
func (m *Machine) advance(now time.Time, g *group) {
	defer m.advanceTime(now, g) // a rekey that is due says the pseudotime too
	if p := g.pending; p != nil && !p.retry.IsZero() && !now.Before(p.retry) {
		m.sign(p)
	}
	m.expire(now, g)
	m.deliver(now, g)
	if g.pending != nil {
		return
	}
	var r rekeying
	r.kek = g.kek != nil && !now.Before(g.kekRekeyAt())
	for _, t := range g.teks {
		if !t.superseded && !now.Before(g.tekRekeyAt(t)) {
			r.sas = append(r.sas, t.SA)
		}
	}
	if r.kek || len(r.sas) > 0 {
		m.rekey(now, g, r)
	}
}
