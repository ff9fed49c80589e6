package keyserver

import (
	"slices"
	"time"

	"coterie/gdoi/wire"
	"coterie/internal/syslog"
)

// ack takes a GROUPKEY-PUSH ACK (RFC 8263). Its key is the KEK, which every
// member holds: it proves that some member sent it, and the address says who.
func (m *Machine) ack(now time.Time, in Ack) {
	m.counters.AcksReceived++
	a, err := wire.ParseAck(in.Data)
	if err != nil {
		m.counters.AcksBad++
		return
	}
	g := m.byKEK[a.SPI]
	if g == nil {
		m.counters.AcksUnsolicited++ // of a group or KEK that is no more
		return
	}
	k := g.kekOf(a.SPI)
	if k == nil || !a.Verify(k.KEK) {
		m.counters.AcksBad++
		return
	}
	from := in.Remote.Addr()
	if g.farewellAck(now, k, a.Seq, from) {
		return
	}
	r := g.members.record(from)
	if claimed, ok := a.Member(); r == nil && ok {
		r = g.members.record(claimed) // a multihomed member answers from elsewhere
	}
	if r == nil || !r.is(a.ID) || !slices.Contains(r.SentSeq[:], a.Seq) {
		m.counters.AcksUnsolicited++
		if m.quiet.allow(now, "ack "+g.cfg.Name+" "+from.String(), quietMember) {
			m.log(syslog.KSUnsolAck.With(from, g.cfg.Name))
		}
		return
	}
	var epoch uint64
	for _, f := range g.flights {
		if f.kek == k && f.seq == a.Seq {
			epoch = f.epoch
		}
	}
	switch {
	case epoch != 0 && r.acked >= epoch:
		return // the answer to a retransmission that crossed the first answer
	case epoch == 0 && slices.Contains(r.RcvdSeq[:], a.Seq):
		return
	}
	c := *r
	c.AcksRcvd++
	c.RcvdSeq = push4(c.RcvdSeq, a.Seq)
	c.acks, c.silent = true, 0
	c.acked, c.settled = max(c.acked, epoch), max(c.settled, epoch)
	g.put(now, &c)
	m.schedule(g)
}

// kekOf finds the live or a retired KEK.
func (g *group) kekOf(spi [16]byte) *kek {
	if g.kek != nil && g.kek.SPI == spi {
		return g.kek
	}
	for _, k := range g.retired {
		if k.SPI == spi {
			return k
		}
	}
	return nil
}
