package keyserver

import (
	"cmp"
	"time"

	"coterie/gdoi/wire"
)

// Pacing of unicast rekeys, as policy.KEKMargin counts on it: a batch of
// members every interval, so that neither this host nor the first link is
// flooded. A batch is larger where the old keys would end before the last
// member has the new ones.
const (
	batchSize     = 50
	batchInterval = 5 * time.Second
)

// Pace is how unicast rekeys leave: Batch members, then as many again every
// Interval (`platform gdoi rekey-pace`). The zero value is that of IOS, 50 every 5 s.
type Pace struct {
	Batch    int
	Interval time.Duration
}

// Unpaced sends everything at once.
var Unpaced = Pace{Batch: 1 << 30, Interval: batchInterval}

func (p Pace) batch() int              { return cmp.Or(p.Batch, batchSize) }
func (p Pace) interval() time.Duration { return cmp.Or(p.Interval, batchInterval) }

// retries is how long the last copy to a member leaves after the first.
func (r Rekey) retries() time.Duration { return r.Retransmit * time.Duration(r.Count) }

// paceFor is how many members a batch has so that all have had all their
// copies after room.
func paceFor(members int, room time.Duration, r Rekey) int {
	batches := int(max(1, (room-r.retries())/r.Pace.interval()))
	return max(r.Pace.batch(), (members+batches-1)/batches)
}

// deliveryTime is how long it takes until all members have had all their
// copies, an interval included for the way.
func deliveryTime(members, pace int, r Rekey) time.Duration {
	return r.Pace.interval()*time.Duration((members+pace-1)/max(pace, 1)) + r.retries()
}

// activationGuard is how long before the end of the old TEKs all members have
// changed over to the new ones.
const activationGuard = 5 * time.Second

// activation is how long members wait before they encrypt with new TEKs, nil
// for what they do by themselves: until all members have them, which for many
// is longer than members would wait. Each counts from when it was told, so that
// the last one changes over that much after the first, and the old TEK of the
// first must still live then: delivery has half of that life.
// Without a KEK nobody is told, and members change over when the old TEKs are
// about to end.
func (g *group) activation(now time.Time, replaceNow bool) *time.Duration {
	left := g.oldLife(now)
	delay := min(wire.DefaultActivationDelay, left)
	g.pace = g.cfg.Rekey.Pace.batch()
	switch {
	case left == 0 || replaceNow:
		delay = 0
	case g.kek == nil:
		delay = max(0, left-wire.DefaultActivationDelay)
	case g.kek.rekey.Unicast:
		n, room := g.members.Len(), left-activationGuard
		g.pace = paceFor(n, min(room/2, g.untilNext(now)), g.cfg.Rekey)
		delivery := deliveryTime(n, g.pace, g.cfg.Rekey)
		spread := delivery - g.cfg.Rekey.Pace.interval() - g.cfg.Rekey.retries()
		delay = max(delay, min(delivery, room-spread))
	}
	g.active = now.Add(delay)
	if delay == wire.DefaultActivationDelay || left == 0 || replaceNow {
		return nil
	}
	return &delay
}

// untilNext is how long it is until the next scheduled rekey, which overtakes
// the one that is about to be sent.
func (g *group) untilNext(now time.Time) time.Duration {
	next := g.kekRekeyAt()
	if !next.After(now) {
		next = time.Time{} // the KEK is being replaced
	}
	for _, t := range g.teks {
		if !t.superseded {
			next = earliest(next, g.tekRekeyAt(t))
		}
	}
	return next.Sub(now)
}

// oldLife is how long members can go on encrypting with what they have: until
// the TEK ends that was current, of the `sa ipsec` where that is first. Zero:
// there was none.
func (g *group) oldLife(now time.Time) time.Duration {
	var least time.Duration
	for _, sa := range g.force.SAs {
		for _, t := range g.teks {
			if t.SA == sa.Number && t.superseded && t.end.After(now) { // newest first
				if left := t.end.Sub(now); least == 0 || left < least {
					least = left
				}
				break
			}
		}
	}
	return least
}
