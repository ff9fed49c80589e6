package keyserver

import (
	"encoding/binary"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"coterie/crypto/isakmp"
)

// What is stored of a group, each as a Record of its name:
//
//	state          keys and the policy in force, see state
//	seq            for the KEK, and the KEK before it if the last rekey went
//	               out under that: SPI and the first number that is still free
//	gm/ADDRESS     a member
//
// A record of no group, "clock", says when the latest of all was written: the
// times of the others count from it.
//
// "state" and "seq" are on disk before anything that they cover leaves; a
// member may lag. Records of sender IDs and pseudotime have files of their own.
const (
	keyState  = "state"
	keySeq    = "seq"
	keyMember = "gm/"
	keyClock  = "clock"
)

// persist has records stored before the outputs behind them. failed is called
// when they are not: those outputs have then been dropped.
func (m *Machine) persist(now time.Time, records []Record, failed func()) {
	m.lastPersist++
	m.writing[m.lastPersist] = failed
	m.emit(Persist{Number: m.lastPersist, Records: append(records, clockRecord(now))})
}

// persistLater has a record stored some time soon.
func (m *Machine) persistLater(r Record) { m.later = append(m.later, r) }

// flush hands over what persistLater has gathered during a Step.
func (m *Machine) flush(now time.Time) {
	m.redate(now)
	if len(m.later) == 0 {
		return
	}
	m.emit(PersistLater{append(m.later, clockRecord(now))})
	m.later = nil
}

// Stamp dates records that are written at now: Restore tells from that date, and
// from how long ago it really was, whether the clock of the host has been set
// meanwhile. Whoever stores records calls it right before; a date from when the
// records were made would be older by as long as they waited.
func Stamp(now time.Time, records []Record) []Record {
	for i, r := range records {
		if r.Group == "" && r.Key == keyClock {
			records[i] = clockRecord(now)
		}
	}
	return records
}

func clockRecord(now time.Time) Record {
	var o octets
	o.time(now)
	return Record{Key: keyClock, Value: o}
}

// persisted takes the fate of records. When they failed, everything behind
// them has been dropped, further records and signatures to be made among it.
func (m *Machine) persisted(now time.Time, in Persisted) {
	if in.Err == nil {
		delete(m.writing, in.Number)
		m.reproof = m.reproof && len(m.writing) > 0
		return
	}
	if m.reproof {
		m.reproof = false
		m.emit(ToISAKMP{isakmp.Reauthenticate{}})
	}
	m.unreserve()
	for _, n := range slices.Sorted(maps.Keys(m.writing)) {
		if failed := m.writing[n]; failed != nil {
			failed()
		}
	}
	clear(m.writing)
	for _, id := range slices.Sorted(maps.Keys(m.signing)) {
		p := m.signing[id]
		delete(m.signing, id)
		m.sign(p)
	}
}

// reserveAhead is how many sequence numbers one record covers: fewer writes,
// and after a crash a number is skipped rather than used again.
const reserveAhead = 32

// reserve makes sure, before it is used, that seq is on disk as used, and with
// it the keys that the rekey brings.
func (m *Machine) reserve(now time.Time, g *group, k *kek, seq uint32) {
	if seq >= k.reserved {
		k.reserved = seq + reserveAhead
		g.unsavedSeq = true
	}
	m.save(now, g)
}

// save stores what has changed of a group since it was last stored. It comes
// before every output that tells somebody of its keys.
func (m *Machine) save(now time.Time, g *group) {
	if g.saved == g.epoch && !g.unsavedSeq {
		return
	}
	var records []Record
	if g.saved != g.epoch {
		records = append(records, Record{Group: g.cfg.Name, Key: keyState, Value: stateOf(now, g).encode()})
	}
	var seq []byte
	keks := g.continued(now)
	for _, k := range keks {
		if k.seq >= k.reserved {
			k.reserved = k.seq + 1 + reserveAhead
		}
		seq = binary.BigEndian.AppendUint32(append(seq, k.SPI[:]...), k.reserved)
	}
	records = append(records, Record{Group: g.cfg.Name, Key: keySeq, Value: seq})
	if g.time.at != 0 {
		records = append(records, g.timeRecord(now))
	}
	bound := g.time.bound
	g.saved, g.unsavedSeq, g.time.bound = g.epoch, false, false
	m.persist(now, records, func() {
		g.saved, g.time.bound = 0, bound || g.time.bound
		for _, k := range keks {
			k.reserved = 0
		}
	})
}

// continued are the KEKs that are used again after a crash: the present one,
// and the one of the last rekey.
func (g *group) continued(now time.Time) []*kek {
	var out []*kek
	if g.kek != nil {
		out = append(out, g.kek)
	}
	if u := g.under; u != nil && u.Expires().After(now) {
		out = append(out, u)
	}
	return out
}

// seqEntry is what record "seq" says of one KEK.
const seqEntry = 16 + 4

// freeSeq finds the first free number of a KEK in a record "seq".
func freeSeq(record []byte, spi [16]byte) (uint32, bool) {
	if len(record)%seqEntry != 0 {
		return 0, false
	}
	for ; len(record) > 0; record = record[seqEntry:] {
		if [16]byte(record[:16]) == spi {
			n := binary.BigEndian.Uint32(record[16:])
			return n, n > 0
		}
	}
	return 0, false
}

// erase deletes what is stored of a group's keys and members, and what Restore
// brought of it and nobody has asked for yet.
func (m *Machine) erase(now time.Time, g *group) {
	var records []Record
	for _, key := range []string{keyState, keySeq, keySID, keyPseudotime, keyClock} {
		records = append(records, Record{Group: g.cfg.Name, Key: key})
	}
	m.persist(now, slices.Clone(records), func() { m.later = append(m.later, records...) })
	if s := m.stored[g.cfg.Name]; s != nil {
		m.eraseStored(s)
		delete(m.stored, g.cfg.Name)
	}
	m.eraseMembers(g)
}

// eraseStored deletes members that Restore brought.
func (m *Machine) eraseStored(s *stored) {
	for _, r := range s.members {
		m.persistLater(Record{Group: r.Group, Key: r.Key})
	}
}

// eraseMembers deletes members. Members are always stored later, so that the
// order of what is said of one is kept.
func (m *Machine) eraseMembers(g *group) {
	g.members.tree.Ascend(func(r *record) bool {
		m.persistLater(Record{Group: g.cfg.Name, Key: memberKey(r.Address)})
		return true
	})
}

// keep stores a member, some time soon.
func (m *Machine) keep(g *group, r *record) {
	m.persistLater(Record{Group: g.cfg.Name, Key: memberKey(r.Address), Value: r.encode()})
}

func memberKey(a netip.Addr) string { return keyMember + a.String() }

const memberVersion = 1

// encode writes a member as a record: where it is, what it is, what it was
// sent. Its acknowledgements are those up to the last rekey.
func (r *record) encode() []byte {
	o := make(octets, 0, 192)
	o.u8(memberVersion)
	o.addr(r.Address)
	o.addrPort(r.Remote)
	o.text(r.Hostname)
	o.text(r.Version)
	o.u32(r.caps)
	o.flag(r.Foreign)
	o.flag(r.keyed)
	o.flag(r.acks)
	o.u8(r.identity.Type)
	o.u8(r.identity.Protocol)
	o.u16(r.identity.Port)
	o.bytes(r.identity.Data)
	o.time(r.Registered)
	for _, n := range []uint64{r.RekeysSent, r.RekeyRetries, r.AcksRcvd, r.AcksMissed} {
		o.u64(n)
	}
	for _, n := range append(r.SentSeq[:], r.RcvdSeq[:]...) {
		o.u32(n)
	}
	o.u32(r.SenderID)
	o.u8(r.SIDBits)
	o.u8(r.SIDCount)
	return o
}

// decodeMember reads a member whose record has this key.
func decodeMember(key string, b []byte) (*record, error) {
	in := reader{b: b}
	r := &record{}
	in.bad = in.u8() != memberVersion
	r.Address = in.addr()
	r.Remote = in.addrPort()
	r.Hostname = in.text()
	r.Version = in.text()
	r.caps = in.u32()
	r.Foreign, r.keyed, r.acks = in.flag(), in.flag(), in.flag()
	r.identity = isakmp.Identity{Type: in.u8(), Protocol: in.u8(), Port: in.u16(), Data: in.bytes()}
	r.Registered = in.time()
	for _, n := range []*uint64{&r.RekeysSent, &r.RekeyRetries, &r.AcksRcvd, &r.AcksMissed} {
		*n = in.u64()
	}
	for i := range r.SentSeq {
		r.SentSeq[i] = in.u32()
	}
	for i := range r.RcvdSeq {
		r.RcvdSeq[i] = in.u32()
	}
	r.SenderID, r.SIDBits, r.SIDCount = in.u32(), in.u8(), in.u8()
	in.bad = in.bad || !r.Address.IsValid() || !strings.HasPrefix(key, keyMember) || key[len(keyMember):] != r.Address.String()
	return r, in.done()
}
