package keyserver

import (
	"encoding/binary"
	"slices"
	"time"

	"coterie/gdoi/policy"
	"coterie/gdoi/wire"
	"coterie/internal/syslog"
)

// Sender IDs (RFC 6054): members that encrypt in a counter mode under one key
// are told apart by a number in the initialization vector. This key server
// hands out the numbers of its own identifiers in turn, a new one at every
// registration, and none twice until every TEK and the KEK of the group have
// been replaced: a member keeps its number over rekeys, and may sit on it
// unheard of.
//
// A number counts as used from the moment it is written into message 4, and is
// on disk as used before that leaves. After a crash the rest of the block that
// was on disk is skipped.
//
// What is on disk must never speak of a later epoch than the keys do: the
// record of a new epoch is written with its first number, behind the keys of
// that epoch, which are stored before anybody gets them.

// sidBlock is how many numbers one record covers.
const sidBlock = 64

// senders hands out the sender IDs of a group.
type senders struct {
	size  policy.GroupSize // of the epoch: one width for all who share a key
	marks []sidMark        // identifiers used in this epoch, by identifier
	at    int              // index of the one in use; meaningless without marks
	epoch uint64           // re-initializations
}

// sidMark is how far the numbers under one identifier are used.
type sidMark struct {
	server         uint32
	next, reserved uint32 // first free number, first one that is not on disk as used
}

// mediumByDefault is the size of `group size` without a line.
func mediumByDefault(s policy.GroupSize) policy.GroupSize {
	if s.Bits == 0 {
		return policy.SizeMedium
	}
	return s
}

// counterMode tells whether a configuration has a transform that needs sender
// IDs.
func counterMode(c Group) bool {
	return slices.ContainsFunc(c.SAs, func(sa SA) bool { return sa.Transform.CounterMode() })
}

// needsSID tells whether a member that registers now must have a sender ID: a
// generation that it is given, the current one or an older one, is of a
// counter mode.
func (g *group) needsSID() bool {
	return slices.ContainsFunc(g.teks, func(t *tek) bool { return t.Transform.CounterMode() })
}

// restart begins an epoch: every key of the group is new. Nothing is written
// until the first number is used.
func (s *senders) restart(size policy.GroupSize) {
	*s = senders{size: mediumByDefault(size), epoch: s.epoch}
}

// identifiers are those that may be used, in order: the configured ones that
// fit the size; for a size without bits for a key server, number 0 alone.
func (s *senders) identifiers(configured []uint32) []uint32 {
	if s.size.ServerBits == 0 {
		return []uint32{0}
	}
	for i, id := range configured {
		if id>>s.size.ServerBits != 0 {
			return configured[:i] // they are sorted
		}
	}
	return configured
}

// free is how many numbers an identifier has left.
func (s *senders) free(server uint32) uint32 {
	if i, ok := s.mark(server); ok {
		return s.size.Members() - min(s.marks[i].next, s.size.Members())
	}
	return s.size.Members()
}

func (s *senders) mark(server uint32) (int, bool) {
	return slices.BinarySearchFunc(s.marks, server, func(m sidMark, id uint32) int {
		switch {
		case m.server < id:
			return -1
		case m.server > id:
			return 1
		}
		return 0
	})
}

// current is the identifier in use, or the one that comes next; false when
// there is none with a number left.
func (s *senders) current(configured []uint32) (server uint32, ok bool) {
	ids := s.identifiers(configured)
	if s.at < len(s.marks) {
		if id := s.marks[s.at].server; slices.Contains(ids, id) && s.free(id) > 0 {
			return id, true
		}
	}
	for _, id := range ids {
		if s.free(id) > 0 {
			return id, true
		}
	}
	return 0, false
}

// take uses up to n numbers in a row, as many as there are, and tells whether
// that must be written before anybody hears of it. The rest of an identifier
// too small for n is left out when there is another.
func (s *senders) take(configured []uint32, n int) (ids policy.SenderIDs, write bool) {
	server, ok := s.current(configured)
	if !ok {
		return policy.SenderIDs{}, false
	}
	if s.free(server) < uint32(n) {
		for _, id := range s.identifiers(configured) {
			if s.free(id) >= uint32(n) {
				s.use(server).next = s.size.Members()
				server = id
				break
			}
		}
	}
	m := s.use(server)
	ids.Bits = s.size.Bits
	for range min(uint32(n), s.free(server)) {
		ids.Values = append(ids.Values, s.size.SenderID(server, m.next))
		m.next++
	}
	if write = m.next > m.reserved; write {
		m.reserved = min(m.next+sidBlock, s.size.Members())
	}
	return ids, write
}

// use makes an identifier the current one.
func (s *senders) use(server uint32) *sidMark {
	i, ok := s.mark(server)
	if !ok {
		s.marks = slices.Insert(s.marks, i, sidMark{server: server})
	}
	s.at = i
	return &s.marks[i]
}

// unreserve says that what was to be written may not have been: it must be
// written again before the next number is told.
func (s *senders) unreserve() {
	for i := range s.marks {
		s.marks[i].reserved = 0
	}
}

// The record "sid" of a group: version 1, bits, bits of the key server, the
// epoch (8), the current identifier (4), then each identifier (4) with its
// first number that is free after a crash (4).
const (
	keySID           = "sid"
	sidRecordVersion = 1
	sidRecordHeader  = 15
	sidRecordMark    = 8
)

// record is what must be on disk.
func (s *senders) record() []byte {
	b := []byte{sidRecordVersion, s.size.Bits, s.size.ServerBits}
	b = binary.BigEndian.AppendUint64(b, s.epoch)
	var current uint32
	if s.at < len(s.marks) {
		current = s.marks[s.at].server
	}
	b = binary.BigEndian.AppendUint32(b, current)
	for _, m := range s.marks {
		b = binary.BigEndian.AppendUint32(b, m.server)
		b = binary.BigEndian.AppendUint32(b, max(m.next, m.reserved))
	}
	return b
}

// restore reads a record back; false when it is not one.
func (s *senders) restore(b []byte) bool {
	if len(b) < sidRecordHeader || b[0] != sidRecordVersion || (len(b)-sidRecordHeader)%sidRecordMark != 0 {
		return false
	}
	r := senders{size: policy.GroupSize{Bits: b[1], ServerBits: b[2]}, epoch: binary.BigEndian.Uint64(b[3:])}
	if r.size.Bits == 0 || r.size.Bits > 32 || r.size.ServerBits >= r.size.Bits {
		return false
	}
	current := binary.BigEndian.Uint32(b[11:])
	for b = b[sidRecordHeader:]; len(b) > 0; b = b[sidRecordMark:] {
		m := sidMark{server: binary.BigEndian.Uint32(b), next: binary.BigEndian.Uint32(b[4:])}
		m.reserved = m.next
		if n := len(r.marks); n > 0 && r.marks[n-1].server >= m.server || m.next > r.size.Members() {
			return false
		}
		r.marks = append(r.marks, m)
	}
	r.at, _ = r.mark(current)
	*s = r
	return true
}

// restoreNumbers brings back the sender IDs and the pseudotime that go with
// stored keys, and tells why these keys cannot be gone on with; "": they can.
// Without a record of sender IDs nobody has one under these keys.
func (m *Machine) restoreNumbers(now time.Time, g *group, st *state, s *stored) string {
	sids, clock := senders{}, pseudotime{}
	sids.restart(st.force.Size)
	if b, ok := s.records[keySID]; ok && !sids.restore(b) {
		return "its sender IDs: " + errRecord.Error()
	}
	if b, ok := s.records[keyPseudotime]; ok {
		if !clock.restore(now, b, s.shift) {
			return "its pseudotime: " + errRecord.Error()
		}
	} else if timed(st.force) {
		return "no pseudotime is stored"
	}
	if g.sids, g.time = sids, clock; clock.at != 0 {
		m.storeTime(now, g) // by the clock as it is now
	}
	return ""
}

// takeSIDs uses sender IDs for a registration that has been verified, and
// reserves them; none are left when the result is empty.
func (m *Machine) takeSIDs(now time.Time, g *group, n int) policy.SenderIDs {
	ids, write := g.sids.take(g.cfg.Identifiers, n)
	if write {
		m.save(now, g) // keys first
		m.persist(now, []Record{{Group: g.cfg.Name, Key: keySID, Value: g.sids.record()}}, nil)
	}
	return ids
}

// addSIDs adds to the keys of message 4 as many sender IDs as message 3 asked
// for. False: others have used the last ones since message 2.
func (m *Machine) addSIDs(now time.Time, p *pull, gap []wire.Attribute) (kd []wire.KeyPacket, ids policy.SenderIDs, ok bool) {
	kd = p.offer.keys
	if !p.offer.sids {
		return kd, ids, true
	}
	ids = m.takeSIDs(now, p.group, wire.SenderIDsWanted(gap))
	if len(ids.Values) == 0 {
		return nil, ids, false
	}
	return append(slices.Clip(kd), wire.SenderIDPacket(ids)), ids, true
}

// unreserve is for a Persist that failed: everything behind it has been
// dropped, reservations of other groups among it.
func (m *Machine) unreserve() {
	for _, g := range m.groups {
		g.sids.unreserve()
	}
}

// offerSIDs makes sure that a member which registers now can be given a sender
// ID. It re-initializes a group whose numbers are all used. False: there is
// nothing to give and never was.
func (m *Machine) offerSIDs(now time.Time, g *group) bool {
	if !g.needsSID() {
		return true
	}
	if len(g.sids.identifiers(g.cfg.Identifiers)) == 0 {
		if m.quiet.allow(now, "sid "+g.cfg.Name, quietIncomplete) {
			m.log(syslog.KSNoSIDAvailable.With(g.cfg.Name))
		}
		return false
	}
	if _, ok := g.sids.current(g.cfg.Identifiers); !ok {
		m.reinitialize(now, g, "No more sender IDs are available")
	}
	return true
}

// resized tells whether members hold sender IDs of another width than the
// policy in force asks for.
func (g *group) resized() bool {
	return len(g.sids.marks) > 0 && g.sids.size != mediumByDefault(g.force.Size)
}

// reinitialize begins a new epoch of sender IDs: every TEK and the KEK are
// replaced, members are told to drop theirs and to register again, and numbers
// start at 0. What tells them brings no new key.
func (m *Machine) reinitialize(now time.Time, g *group, reason string) {
	m.log(syslog.KSReinitGroup.With(reason, g.cfg.Name))
	g.sids.epoch++
	m.dismiss(now, g, true)
	m.log(syslog.KSReinitFinish.With(g.cfg.Name))
}

// makeKeys makes the first keys of an epoch.
func (m *Machine) makeKeys(now time.Time, g *group) {
	g.epoch++
	g.sids.restart(g.force.Size)
	m.startClock(now, g)
	if rekeyable(g.force) {
		m.newKEK(now, g)
	}
	for _, sa := range g.force.SAs {
		g.teks = append(g.teks, m.newTEK(now, sa, g.force.ReceiveOnly))
	}
	g.active = now
}

// snapshot is what `show crypto gdoi ks identifier` prints.
func (s *senders) snapshot(c Group, counter bool) SenderIDSnapshot {
	x := SenderIDSnapshot{CounterMode: counter, Size: s.size, Identifiers: c.Identifiers, Epoch: s.epoch}
	if s.size.Bits == 0 {
		x.Size = mediumByDefault(c.Size)
		return x
	}
	x.Current, x.Left = s.current(c.Identifiers)
	if i, ok := s.mark(x.Current); ok && x.Left {
		x.Next = s.marks[i].next
	}
	x.InUse = x.Left && s.at < len(s.marks) && s.marks[s.at].server == x.Current
	if !x.Left && s.at < len(s.marks) { // all used: the last one stays
		x.Current, x.Next, x.InUse = s.marks[s.at].server, s.marks[s.at].next, true
	}
	for _, id := range s.identifiers(c.Identifiers) {
		if n := s.free(id); n == 0 {
			x.Used = append(x.Used, id)
		} else {
			x.Remaining += uint64(n)
		}
	}
	return x
}
