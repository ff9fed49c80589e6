package store

import "time"

// Moment is a point in time as two clocks see it.
type Moment struct {
	Wall time.Time
	// Boot names the time since the host was switched on, and Up is how long
	// that is, sleep included. Empty: the system does not tell.
	Boot string        `json:",omitempty"`
	Up   time.Duration `json:",omitempty"`
}

// since is how much time has passed, and by which clock: that of the host's
// boot when it has not been switched off meanwhile, because the other may be
// set. It is never negative.
func (m Moment) since(before Moment) (passed time.Duration, steady bool) {
	if m.Boot != "" && m.Boot == before.Boot && m.Up >= before.Up {
		return m.Up - before.Up, true
	}
	return max(m.Wall.Round(0).Sub(before.Wall.Round(0)), 0), false
}
