package keyserver

import (
	"encoding/binary"
	"slices"
	"time"

	"coterie/gdoi/policy"
	"coterie/gdoi/wire"
	"coterie/internal/syslog"
	"coterie/xfrm"
)

// The pseudotime of a group is a count of milliseconds that this key server
// keeps for time-based anti-replay. It has nothing to do with the time of day
// and never goes back while a TEK lives that was used under it: an old packet
// would be young again.
//
// Members learn it in message 2 of a registration and in every rekey, and a
// rekey that says nothing else goes out when none has for syncInterval. A
// retransmission carries the pseudotime of the first copy.
//
// After a crash it goes on from what was stored, with the time that has passed
// since added as far as that is known. It is stored at every rekey, once a
// minute, and within storeAfter of being told to a member, not ahead of time:
// a jump would set members apart. What the store had not yet taken when the
// host failed is made up for by the clock of the host, less what that has been
// set by meanwhile.

const (
	// syncInterval is how long members go without hearing the pseudotime.
	syncInterval = 2 * time.Hour
	// storeInterval is how often it is stored when nothing happens, storeAfter
	// how soon once somebody has been told.
	storeInterval = time.Minute
	storeAfter    = time.Second
	// stampLag is how long at most lies between a Stamp and the moment that the
	// store takes for that of the write.
	stampLag = 100 * time.Millisecond
)

// pseudotime is the clock of a group.
type pseudotime struct {
	at   xfrm.Pseudotime // when base was; 0: there is none yet
	base time.Time
	sync time.Time // when members must hear it again
	// stored is when it was last handed to the store.
	stored        time.Time
	sent, resyncs uint64
	anew          bool // it begins anew with the next rekey that replaces all TEKs
	// bound: it has begun anew, and the TEKs on disk are those of the time before
	// it. It goes to disk with the new ones.
	bound bool
}

// now is the pseudotime at a moment. A clock that is set back stops it.
func (p *pseudotime) now(now time.Time) xfrm.Pseudotime {
	if d := now.Sub(p.base); d > 0 {
		ms := xfrm.Pseudotime(d / time.Millisecond)
		p.at += ms
		p.base = p.base.Add(time.Duration(ms) * time.Millisecond)
	} else if d < -storeInterval {
		p.base = now // and from here it goes on
	}
	return p.at
}

// peek is now without moving anything, for screens.
func (p pseudotime) peek(now time.Time) xfrm.Pseudotime { return p.now(now) }

// timed tells whether a configuration has time-based anti-replay.
func timed(c Group) bool {
	return slices.ContainsFunc(c.SAs, func(sa SA) bool { return sa.Replay.Method == policy.ReplayTime })
}

// timed tells whether a member that registers now needs the pseudotime: a
// generation that it is given is checked by it.
func (g *group) timed() bool {
	return slices.ContainsFunc(g.teks, func(t *tek) bool { return t.Replay.Method == policy.ReplayTime })
}

// startClock starts the pseudotime of a group whose keys are all new.
func (m *Machine) startClock(now time.Time, g *group) {
	if timed(g.force) && g.time.at == 0 {
		// The TEKs on disk may be others, of keys that cannot be used at present.
		g.time.bound = true
		m.resetClock(now, g)
	}
}

// resetClock begins an epoch of the pseudotime.
func (m *Machine) resetClock(now time.Time, g *group) {
	g.time.at, g.time.base, g.time.sync = xfrm.MinPseudotime, now, now.Add(syncInterval)
	m.storeTime(now, g)
}

// tellTime is the pseudotime for a message that is written now; nil when the
// group has none.
func (m *Machine) tellTime(now time.Time, g *group) *xfrm.Pseudotime {
	if !timed(g.force) && !g.timed() {
		return nil
	}
	if g.time.at == 0 {
		m.resetClock(now, g) // time-based anti-replay has just come into force
	}
	t := g.time.now(now)
	g.time.sent++
	if now.Sub(g.time.stored) >= storeAfter {
		m.storeTime(now, g)
	}
	return &t
}

// toldAll notes that a message with the pseudotime is on its way to every member.
func (g *group) toldAll(now time.Time) { g.time.sync = now.Add(syncInterval) }

// The record "pst" of a group: version 1, the pseudotime (8), and when that
// was by the clock of this host (8, ns since 1970).
const (
	keyPseudotime        = "pst"
	pseudotimeVersion    = 1
	pseudotimeRecordSize = 17
)

// storeTime hands the pseudotime to the store.
func (m *Machine) storeTime(now time.Time, g *group) {
	g.time.stored = now
	if !g.time.bound {
		m.persistLater(g.timeRecord(now))
	}
}

// timeRecord is the record "pst". It goes with every record of keys, so that
// both times mean the same clock.
func (g *group) timeRecord(now time.Time) Record {
	b := binary.BigEndian.AppendUint64([]byte{pseudotimeVersion}, uint64(g.time.now(now)))
	b = binary.BigEndian.AppendUint64(b, uint64(dated(g.time.base, now).UnixNano()))
	return Record{Group: g.cfg.Name, Key: keyPseudotime, Value: b}
}

// restore reads a record back. shift is what a time stored before is to be
// moved by, so that it means the same moment on the clock of now: this is what
// the clock has been set by while the host was off. The stamp of a write is a
// little older than the write: a shift that small is taken for that, and any
// other is allowed for it, so that the pseudotime is not late. False says that it
// is not such a record.
func (p *pseudotime) restore(now time.Time, b []byte, shift time.Duration) bool {
	if len(b) != pseudotimeRecordSize || b[0] != pseudotimeVersion {
		return false
	}
	at := xfrm.Pseudotime(binary.BigEndian.Uint64(b[1:]))
	if at < xfrm.MinPseudotime || at > xfrm.MaxPseudotime {
		return false
	}
	if shift >= 0 && shift <= stampLag {
		shift = 0
	} else {
		shift -= stampLag
	}
	base := time.Unix(0, int64(binary.BigEndian.Uint64(b[9:]))).Add(shift)
	if base.After(now) {
		base = now
	}
	*p = pseudotime{at: at, base: steady(base, now), sync: now.Add(syncInterval)}
	p.now(now)
	return true
}

// nextTime is when the pseudotime wants attention.
func (g *group) nextTime() time.Time {
	if g.time.at == 0 || !timed(g.force) && !g.timed() {
		return time.Time{}
	}
	next := g.time.stored.Add(storeInterval)
	if g.kek != nil && g.pending == nil {
		next = earliest(next, g.time.sync)
	}
	return next
}

// advanceTime stores the pseudotime and tells members when that is due.
func (m *Machine) advanceTime(now time.Time, g *group) {
	next := g.nextTime()
	if next.IsZero() || now.Before(next) {
		return
	}
	if !now.Before(g.time.stored.Add(storeInterval)) {
		m.storeTime(now, g)
	}
	if g.kek != nil && g.pending == nil && !now.Before(g.time.sync) {
		m.synchronize(now, g)
	}
}

// synchronize sends a rekey that says the pseudotime and nothing else. While a
// rekey is still being repeated to somebody it says the policy too, since
// members drop what is older.
func (m *Machine) synchronize(now time.Time, g *group) {
	g.toldAll(now)
	k := g.kek
	if g.members.Len() == 0 || k.seq >= seqLimit {
		return
	}
	for _, f := range g.flights {
		if f.kek == k && !f.done {
			m.rekey(now, g, rekeying{})
			return
		}
	}
	g.epoch++
	k.seq++
	p := &push{group: g, kek: k, seq: k.seq, epoch: g.epoch, built: now}
	sa, _, err := wire.Policy{Pseudotime: m.tellTime(now, g)}.Encode(now)
	if err == nil {
		p.unsigned, err = wire.PreparePush(k.KEK, wire.Push{Seq: p.seq, Form: m.cfg.Form, SA: &sa})
	}
	if err != nil {
		m.log(syslog.KSIncomplete.With(g.cfg.Name, err))
		return
	}
	g.time.resyncs++
	g.pending = p
	m.sign(p)
}

// clearReplay is `clear crypto gdoi ks replay`: the pseudotime begins anew, and
// because what was sent under the old one would be young again, every TEK is
// replaced at once.
func (m *Machine) clearReplay(now time.Time, g *group) {
	if !g.live || !timed(g.force) && !g.timed() {
		return
	}
	g.time.anew = true
	m.rekeyNow(now, g, true)
}

// clearTime does what clearReplay has asked for, in the rekey that replaces the
// TEKs: nobody is to be told the new time with an old key.
func (m *Machine) clearTime(now time.Time, g *group) {
	g.time.anew, g.time.bound = false, true
	m.resetClock(now, g)
	m.pulls.forget(g) // they have been offered the old keys with the old time
}

// snapshot is what `show crypto gdoi ks replay` prints.
func (p pseudotime) snapshot(now time.Time, enabled bool) ReplaySnapshot {
	return ReplaySnapshot{
		Enabled: enabled, Value: p.peek(now), NextSync: max(0, p.sync.Sub(now)), Sent: p.sent, Resyncs: p.resyncs,
	}
}
