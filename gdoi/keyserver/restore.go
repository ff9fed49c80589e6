package keyserver

import (
	"bytes"
	"strings"
	"time"

	"coterie/internal/syslog"
)

// stored is what Restore brought for one group. It waits until a group of that
// name is configured and complete.
type stored struct {
	records map[string][]byte // by key, without members
	members []Record
	shift   time.Duration // from the clock of the records to ours
}

// restore takes what survived a crash.
func (m *Machine) restore(now time.Time, in Restore) {
	m.stored, m.lost = map[string]*stored{}, in.Lost
	if in.Lost != "" {
		return
	}
	var latest, one time.Time
	for _, r := range in.Records {
		if r.Key == keyClock {
			t := (&reader{b: r.Value}).time()
			if r.Group == "" {
				one = t
			}
			if t.After(latest) {
				latest = t
			}
			continue
		}
		s := m.stored[r.Group]
		if s == nil {
			s = &stored{records: map[string][]byte{}}
			m.stored[r.Group] = s
		}
		if strings.HasPrefix(r.Key, keyMember) {
			s.members = append(s.members, r)
			continue
		}
		s.records[r.Key] = r.Value
	}
	if !one.IsZero() {
		latest = one // each group had its own once, and a removed one kept it
	}
	// Lifetimes go on by how long it really was; the clock may have been set
	// meanwhile. Without a measure the clock is believed, but not backwards.
	elapsed := in.Elapsed
	if elapsed <= 0 && !latest.IsZero() {
		elapsed = max(0, now.Sub(latest))
	}
	for _, s := range m.stored {
		if !latest.IsZero() {
			s.shift = now.Add(-elapsed).Sub(latest)
		}
	}
}

// resume goes on with a group where it was before this program ended. False
// says that it must have new keys: nothing was stored, all of it has ended, or
// it cannot be relied on, which is logged.
func (m *Machine) resume(now time.Time, g *group) bool {
	s := m.stored[g.cfg.Name]
	delete(m.stored, g.cfg.Name)
	if m.lost != "" && !g.started {
		m.log(syslog.KSStateLost.With(g.cfg.Name, m.lost))
	}
	if s == nil || g.started || s.empty() {
		return false
	}
	st, err := decodeState(s.records[keyState])
	lost := ""
	switch {
	case s.records[keyState] == nil:
		lost = "no keys are stored"
	case err != nil:
		lost = err.Error()
	case st.id != g.cfg.ID:
		lost = "its identity was another"
	default:
		if lost = m.usable(g, &st, s); lost == "" {
			lost = m.restoreNumbers(now, g, &st, s)
		}
	}
	if lost != "" {
		m.abandon(now, g, s)
		m.log(syslog.KSStateLost.With(g.cfg.Name, lost))
		return false
	}
	st.move(now, s.shift)
	if !m.adopt(now, g, st) {
		m.abandon(now, g, s)
		return false
	}
	for _, r := range s.members {
		rec, err := decodeMember(r.Key, r.Value)
		if err != nil {
			m.persistLater(Record{Group: r.Group, Key: r.Key})
			continue
		}
		rec.Registered = rec.Registered.Add(s.shift)
		rec.keyed = rec.keyed && st.kek != nil && g.kek != nil && g.kek.SPI == st.kek.SPI
		g.put(now, rec)
	}
	m.log(syslog.KSStateRestored.With(g.cfg.Name, len(g.teks), g.members.Len()))
	m.follow(now, g)
	// Nobody knows which members the last rekey had reached: all are told
	// again, under a new number.
	m.rekey(now, g, rekeying{resync: true})
	if s.shift.Abs() >= leastSet {
		m.save(now, g) // by the clock as it is now: the next record says that one
	}
	return true
}

func (s *stored) empty() bool { return len(s.members) == 0 && len(s.records) == 0 }

// usable tells why what was stored cannot be gone on with; "": it can.
func (m *Machine) usable(g *group, st *state, s *stored) string {
	if st.kek == nil {
		return ""
	}
	signer := g.cfg.Rekey.Signer
	if signer == nil || !bytes.Equal(g.cfg.Rekey.SPKI, st.kek.SigKey) {
		return "the RSA key is not the one that signed its rekeys"
	}
	st.force.Rekey.Signer = signer
	if st.under != nil && !bytes.Equal(g.cfg.Rekey.SPKI, st.under.SigKey) {
		st.under = nil // nothing more can be signed under it
	}
	for _, k := range []*kek{st.kek, st.under} {
		if k == nil {
			continue
		}
		free, ok := freeSeq(s.records[keySeq], k.SPI)
		if !ok {
			return "no sequence number is stored for its KEK"
		}
		k.signer, k.rekey.Signer = signer, signer
		k.seq, k.reserved = free-1, free
	}
	return ""
}

// move shifts all times of a state.
func (s *state) move(now time.Time, d time.Duration) {
	moved := func(t time.Time) time.Time { return steady(t.Add(d), now) }
	if !s.active.IsZero() {
		s.active = moved(s.active)
	}
	for _, k := range []*kek{s.kek, s.under} {
		if k != nil {
			k.Created = moved(k.Created)
		}
	}
	for _, t := range s.teks {
		t.Created, t.end = moved(t.Created), moved(t.end)
	}
}

// adopt takes over the keys that have not ended; false when there are none. A
// KEK that has ended takes the members' way of being reached with it.
func (m *Machine) adopt(now time.Time, g *group, st state) bool {
	for _, t := range st.teks {
		if t.end.After(now) && !m.knownSPI(t.SPI) {
			g.teks = append(g.teks, t)
		}
	}
	live := func(k *kek) bool { return k != nil && k.Expires().After(now) && m.byKEK[k.SPI] == nil }
	if len(g.teks) == 0 && !live(st.kek) {
		return false
	}
	g.live, g.started, g.epoch, g.active = true, true, st.epoch+1, st.active
	cfg := g.cfg
	g.force = st.force
	g.force.Name, g.force.ID, g.force.Address, g.force.Port = cfg.Name, cfg.ID, cfg.Address, cfg.Port
	g.force.Acknowledgement, g.force.Identifiers, g.force.Interfaces = cfg.Acknowledgement, cfg.Identifiers, cfg.Interfaces
	g.announced = g.force
	if live(st.kek) {
		g.kek = st.kek
		m.byKEK[g.kek.SPI] = g
		if live(st.under) {
			g.under = st.under
			g.retired = append(g.retired, st.under)
			m.byKEK[st.under.SPI] = g
		}
	} else if rekeyable(g.force) {
		m.newKEK(now, g)
	}
	return true
}

// abandon forgets what was stored of a group that gets new keys.
func (m *Machine) abandon(now time.Time, g *group, s *stored) {
	m.eraseStored(s)
	g.teks, g.kek, g.retired = nil, nil, nil
}
