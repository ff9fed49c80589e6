package keyserver

import (
	"container/heap"
	"net/netip"
	"slices"
	"time"

	"coterie/internal/syslog"
)

// silentLimit is how many rekeys in a row a member may leave unacknowledged.
const silentLimit = 3

// flightMemory is how long a rekey is kept for a member whose registration
// overlapped it; a registration lives as long.
const flightMemory = pullLife

// lateCopy is how long after its registration such a member gets its copy: the
// keys of message 4 come first.
const lateCopy = time.Second

// flight is one signed rekey on its way: the same datagram to every member,
// first copies and retransmissions.
type flight struct {
	kek       *kek
	seq       uint32
	epoch     uint64
	data      []byte
	started   time.Time
	multicast netip.AddrPort // valid: one destination, nobody acknowledges
	to        []netip.Addr   // recipients; batches are ranges of it
	waiting   int            // recipients that have neither acknowledged nor been given up
	batches   batchHeap
	done      bool
	// farewell: it tells members to leave, those in gone that have not
	// acknowledged it.
	farewell bool
	gone     memberTree
}

// batch is a range of recipients that are served together.
type batch struct {
	at       time.Time
	from, to int
	copies   int // sent so far
}

// awaits tells whether the flight still wants an acknowledgement of a member.
func (f *flight) awaits(r *record) bool {
	return !f.farewell && !f.multicast.IsValid() && r.keyed && r.epoch < f.epoch && r.settled < f.epoch
}

// launch starts the delivery of a signed rekey.
func (m *Machine) launch(now time.Time, g *group, p *push, datagram, plain []byte) {
	g.overtake(m, now, p.kek)
	f := &flight{kek: p.kek, seq: p.seq, epoch: p.epoch, data: datagram, started: now, farewell: p.farewell, gone: p.gone}
	g.stats.rekeys++
	g.stats.lastRetransmits, g.stats.registrations, g.stats.last, g.stats.duration = 0, 0, now, 0
	wording := ""
	if p.replaced {
		wording = "with policy-replace "
	}
	m.reserve(now, g, p.kek, p.seq)
	var first netip.AddrPort
	if p.kek.rekey.Unicast {
		members := g.members
		if f.farewell {
			members = f.gone
			m.log(p.farewellLine())
		} else {
			m.log(syslog.KSSendUnicastRekey.With(wording, g.cfg.Name, g.cfg.Address, p.seq))
			m.dropUnfit(now, g)
			m.dropIncapable(now, g)
		}
		members.tree.Ascend(func(r *record) bool {
			if f.farewell || f.awaits(r) {
				if len(f.to) == 0 {
					first = r.Remote
				}
				f.to = append(f.to, r.Address)
			}
			return true
		})
		f.waiting = len(f.to)
		pace, interval := max(p.pace, g.cfg.Rekey.Pace.batch()), g.cfg.Rekey.Pace.interval()
		for i := 0; i < len(f.to); i += pace {
			at := now.Add(interval * time.Duration(i/pace))
			f.batches = append(f.batches, batch{at: at, from: i, to: min(i+pace, len(f.to))})
		}
	} else {
		first = p.kek.rekey.Multicast
		f.multicast = first
		if f.farewell {
			m.log(p.farewellLine())
		} else {
			m.log(syslog.KSSendMcastRekey.With(wording, g.cfg.Name, g.cfg.Address, first.Addr(), p.seq))
		}
		f.batches = batchHeap{{at: now}}
	}
	g.flights = append(g.flights, f)
	m.deliver(now, g)
	if m.cfg.KeyLog && first.IsValid() {
		m.emit(PlainPush{Local: g.server(), Remote: first, Data: plain})
	}
	if len(f.batches) == 0 {
		g.finish(now, f)
	}
}

// overtake ends earlier rekeys under the same KEK: a member takes the later
// one and ignores them. A rekey under an older KEK goes on, because its
// members cannot read anything else.
func (g *group) overtake(m *Machine, now time.Time, k *kek) {
	for _, f := range g.flights {
		if f.kek != k || f.done {
			continue
		}
		m.hurry(now, g, f)
		m.end(now, g, f)
	}
	g.flights = slices.DeleteFunc(g.flights, func(f *flight) bool { return f.kek == k })
}

// end ends a rekey before its last copy. Members that had a whole period to
// acknowledge and did not have missed it.
func (m *Machine) end(now time.Time, g *group, f *flight) {
	for _, b := range f.batches {
		if b.copies == 0 || now.Before(b.at) && b.copies == 1 {
			continue
		}
		for _, a := range f.to[b.from:b.to] {
			m.giveUp(now, g, f, a)
		}
	}
	g.finish(now, f)
}

// hurry sends the first copy of a rekey to all members that have not had it:
// others have its TEK and are going to encrypt with it.
func (m *Machine) hurry(now time.Time, g *group, f *flight) {
	for _, b := range f.batches {
		if b.copies > 0 || f.multicast.IsValid() {
			continue
		}
		for _, a := range f.to[b.from:b.to] {
			if rec := g.recipient(f, a); rec != nil {
				m.copyTo(now, g, f, rec, false)
			}
		}
	}
}

// deliver sends what is due and forgets what is over.
func (m *Machine) deliver(now time.Time, g *group) {
	for _, f := range g.flights {
		if !f.done && !f.kek.Expires().After(now) { // nobody can read it, nor acknowledge it
			m.end(now, g, f)
		}
		for len(f.batches) > 0 && !f.batches[0].at.After(now) {
			m.fire(now, g, f)
		}
	}
	g.flights = slices.DeleteFunc(g.flights, func(f *flight) bool { return f.done && now.Sub(f.started) > flightMemory })
}

// fire serves the first batch once: a copy to each member that has not
// acknowledged, or, after the last copy has had its time, the verdict.
func (m *Machine) fire(now time.Time, g *group, f *flight) {
	b := &f.batches[0]
	r := g.cfg.Rekey
	over := b.copies > r.Count && !(r.Periodic && !f.multicast.IsValid())
	busy := false
	switch {
	case over:
		for _, a := range f.to[b.from:b.to] {
			m.giveUp(now, g, f, a)
		}
	case f.multicast.IsValid():
		busy = true
		m.reserve(now, g, f.kek, f.seq)
		m.emit(Send{Local: g.server(), Remote: f.multicast, Data: f.data})
		if b.copies > 0 {
			g.stats.retransmits++
			g.stats.lastRetransmits++
		}
	default:
		for _, a := range f.to[b.from:b.to] {
			if rec := g.recipient(f, a); rec != nil {
				busy = true
				m.copyTo(now, g, f, rec, b.copies > 0)
			}
		}
	}
	if over || !busy {
		if len(f.batches) > 0 { // the verdict may have ended the flight
			heap.Pop(&f.batches)
		}
	} else {
		b.copies++
		b.at = b.at.Add(r.Retransmit)
		if b.at.Before(now) { // this host slept
			b.at = now.Add(r.Retransmit)
		}
		heap.Fix(&f.batches, 0)
	}
	if len(f.batches) == 0 {
		g.finish(now, f)
	}
}

// copyTo sends one member its copy.
func (m *Machine) copyTo(now time.Time, g *group, f *flight, rec *record, again bool) {
	c := *rec
	if again {
		c.RekeyRetries++
		g.stats.retransmits++
		g.stats.lastRetransmits++
	} else {
		c.RekeysSent++
		c.SentSeq = push4(c.SentSeq, f.seq)
	}
	if f.farewell {
		f.gone.tree.ReplaceOrInsert(&c)
	} else {
		g.members.tree.ReplaceOrInsert(&c)
		if !again {
			m.keep(g, &c)
		}
	}
	m.reserve(now, g, f.kek, f.seq)
	m.emit(Send{Local: g.server(), Remote: c.Remote, Data: f.data})
}

// giveUp counts a rekey that a member did not acknowledge, and ejects one
// that has missed too many and could have acknowledged.
func (m *Machine) giveUp(now time.Time, g *group, f *flight, a netip.Addr) {
	r := g.recipient(f, a)
	if r == nil || f.farewell {
		return
	}
	c := *r
	c.AcksMissed++
	c.silent++
	c.settled = f.epoch
	g.put(now, &c)
	if c.acks && c.silent >= silentLimit {
		g.remove(now, a)
		m.persistLater(Record{Group: g.cfg.Name, Key: memberKey(a)})
		m.log(syslog.KSNackGMEject.With(a, g.cfg.Name))
		if g.members.Len() == 0 {
			m.log(syslog.KSLastGM.With(a, g.cfg.Name))
		}
	}
}

// put replaces a member's record and keeps the flights' counts. A member whose
// registration overlapped a rekey becomes one more recipient of it.
func (g *group) put(now time.Time, r *record) {
	old, had := g.members.tree.ReplaceOrInsert(r)
	g.foreign += foreigner(r) - foreigner(old)
	for _, f := range g.flights {
		was, is := had && f.awaits(old), f.awaits(r)
		switch {
		case was && !is:
			f.waiting--
			if f.waiting == 0 {
				g.finish(now, f)
			}
		case is && !was:
			f.waiting++
			f.done = false
			f.to = append(f.to, r.Address)
			heap.Push(&f.batches, batch{at: now.Add(lateCopy), from: len(f.to) - 1, to: len(f.to)})
		case f.multicast.IsValid() && r.keyed && r.epoch < f.epoch && (!had || old.Registered != r.Registered):
			f.done = false
			heap.Push(&f.batches, batch{at: now.Add(lateCopy), copies: g.cfg.Rekey.Count})
		}
	}
}

// remove drops a member.
func (g *group) remove(now time.Time, a netip.Addr) {
	old, had := g.members.tree.Delete(&record{MemberSnapshot: MemberSnapshot{Address: a}})
	if !had {
		return
	}
	g.foreign -= foreigner(old)
	for _, f := range g.flights {
		if f.awaits(old) {
			f.waiting--
			if f.waiting == 0 {
				g.finish(now, f)
			}
		}
	}
}

// finish ends a flight: nobody is waited for any more.
func (g *group) finish(now time.Time, f *flight) {
	if f.done {
		return
	}
	f.done, f.batches = true, nil
	if f == g.flights[len(g.flights)-1] {
		g.stats.duration = now.Sub(f.started)
	}
}

// batchHeap orders batches by time, then by their place among the recipients.
type batchHeap []batch

func (h batchHeap) Len() int { return len(h) }
func (h batchHeap) Less(i, j int) bool {
	if c := h[i].at.Compare(h[j].at); c != 0 {
		return c < 0
	}
	return h[i].from < h[j].from
}
func (h batchHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *batchHeap) Push(x any)   { *h = append(*h, x.(batch)) }
func (h *batchHeap) Pop() any {
	old := *h
	b := old[len(old)-1]
	*h = old[:len(old)-1]
	return b
}
