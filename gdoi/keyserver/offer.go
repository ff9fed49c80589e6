package keyserver

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"coterie/gdoi/wire"
)

// makeOffer writes the policy in force with the lifetimes that remain, as the
// body of an SA payload. A new member also gets the older generations, to
// decrypt what others still send.
//
// Thousands register at once after an outage and are told the same octets for
// up to a second, so the last ones are kept.
func (p *pull) makeOffer(now time.Time, g *group, form wire.Form) ([]byte, error) {
	p.offer.epoch = g.epoch
	if g.kek != nil {
		p.offer.kek, p.offer.seq = g.kek, g.kek.seq
	}
	kept := &g.told[0]
	if p.foreign {
		kept = &g.told[1]
	}
	if p.offer.time == nil && kept.holds(now, g) {
		p.offer.keys, p.offer.kd = kept.keys, kept.kd
		return kept.sa, nil
	}
	t := told{epoch: g.epoch, kek: g.kek, from: now, until: now.Add(time.Second)}
	w := wire.Policy{Server: g.server(), HasTEKs: true, Pseudotime: p.offer.time}
	if g.kek != nil {
		w.KEK, w.Rekey = &g.kek.KEK, g.kek.destination(g.cfg.Port)
		t.counts(g.kek.Expires())
	}
	var offered []*tek
	for _, k := range g.teks {
		if g.current(k.SA) != nil && now.Before(k.end) && g.offers(k) {
			offered = append(offered, k)
			t.counts(k.end)
		}
	}
	if delay := g.active.Sub(now); delay > 0 && slices.ContainsFunc(offered, func(k *tek) bool { return k.superseded }) {
		// It encrypts as the others do: with the older TEK until all have the new.
		w.ATD = &delay
		t.counts(g.active)
	}
	for {
		w.TEKs = nil
		for _, k := range offered {
			w.TEKs = append(w.TEKs, g.tell(k, p.foreign))
		}
		err := t.encode(now, w, form)
		if err == nil && len(t.sa) <= maxOffer {
			break
		}
		i := spare(offered)
		if i < 0 {
			return nil, cmp.Or(err, errLongOffer)
		}
		offered = slices.Delete(offered, i, i+1)
	}
	p.offer.keys, p.offer.kd = t.keys, t.kd
	if p.offer.time == nil { // a clock reading is nobody else's
		*kept = t
	}
	return t.sa, nil
}

// maxOffer is the longest SA payload, in octets, that fits a datagram beside
// what else message 2 and message 4 carry.
const maxOffer = 60000

var errLongOffer = fmt.Errorf("its policy has more than %d octets", maxOffer)

// spare is the place of the generation that a new member needs least, -1 when
// it needs all: the oldest one, but not the one that others encrypt with until
// they have the newest.
func spare(offered []*tek) int {
	least := -1
	seen := map[int]bool{} // superseded ones, by SA; newest first
	for i, k := range offered {
		if !k.superseded {
			continue
		}
		if seen[k.SA] && (least < 0 || k.end.Before(offered[least].end)) {
			least = i
		}
		seen[k.SA] = true
	}
	return least
}

// encode writes a policy as it is told.
func (t *told) encode(now time.Time, w wire.Policy, form wire.Form) error {
	sa, keys, err := w.Encode(now)
	if err != nil {
		return err
	}
	if t.sa, err = sa.Append(nil, form); err != nil {
		return err
	}
	t.keys = keys
	t.kd, err = wire.AppendKD(nil, keys)
	return err
}

// told is what members were offered last. The same octets are right until a
// lifetime in them has a second less.
type told struct {
	from, until time.Time
	epoch       uint64
	kek         *kek
	sa, kd      []byte // bodies; sa nil: nothing is kept
	keys        []wire.KeyPacket
}

// counts says that the whole seconds until end are among what is told.
func (t *told) counts(end time.Time) {
	if left := end.Sub(t.from); left > 0 {
		if change := t.from.Add(left % time.Second); change.Before(t.until) {
			t.until = change
		}
	}
}

func (t *told) holds(now time.Time, g *group) bool {
	return t.sa != nil && t.epoch == g.epoch && t.kek == g.kek && !now.Before(t.from) && (now.Equal(t.from) || now.Before(t.until))
}

// forgetTold comes before anything that may change what members are told.
func (m *Machine) forgetTold() {
	for _, g := range m.groups {
		g.told = [2]told{}
	}
}
