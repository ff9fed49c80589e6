package keyserver

import "time"

// The clock of the host may be set while the key server runs: a host without a
// battery learns the time of day minutes after it was switched on. Lifetimes and
// the pseudotime go by how long it really is, which the times that Step gets
// carry beside the time of day; records have the time of day alone. So that all
// records mean one clock, they are written by that of now, and once more when
// it has been set.

// leastSet is what is taken for a setting of the clock: two looks at it are
// never quite at once.
const leastSet = time.Second

// setBy is how much the clock of the host has been set by between t and now.
func setBy(t, now time.Time) time.Duration {
	if d := now.Round(0).Sub(t.Round(0)) - now.Sub(t); d.Abs() >= leastSet {
		return d
	}
	return 0
}

// dated is t by the clock of the host at now, for a record.
func dated(t, now time.Time) time.Time { return t.Add(setBy(t, now)) }

// steady is t, out of a record, as a time that stays as far from now as it is,
// whatever the clock is set to.
func steady(t, now time.Time) time.Time { return now.Add(t.Sub(now)) }

// redate stores what has times once more when the clock has been set.
func (m *Machine) redate(now time.Time) {
	by := setBy(m.dated, now)
	if m.dated.IsZero() || by != 0 {
		m.dated = now
	}
	if by == 0 {
		return
	}
	for _, g := range m.groups {
		if g.live {
			g.saved = 0
			m.save(now, g)
		}
	}
}
