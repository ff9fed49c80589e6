package isakmp

import (
	"net/netip"
	"time"

	"coterie/internal/syslog"
)

// A line that a datagram can provoke is logged once per peer and logWindow,
// and no more than maxLogged of them in all.
const (
	logWindow = 30 * time.Second
	maxLogged = 256
)

type logKey struct {
	event *syslog.Event
	addr  netip.Addr
}

// limiter remembers what was logged within logWindow. Its zero value is empty.
type limiter struct {
	last  map[logKey]bool
	queue []loggedAt // by time
}

type loggedAt struct {
	key logKey
	at  time.Time
}

func (l *limiter) allow(now time.Time, k logKey) bool {
	for len(l.queue) > 0 && !l.queue[0].at.Add(logWindow).After(now) {
		delete(l.last, l.queue[0].key)
		l.queue = l.queue[1:]
	}
	if l.last[k] || len(l.queue) >= maxLogged {
		return false
	}
	if l.last == nil {
		l.last = make(map[logKey]bool)
	}
	l.last[k] = true
	l.queue = append(l.queue, loggedAt{k, now})
	return true
}

// logOnce logs an event whose last argument is the peer's address.
func (m *Machine) logOnce(p peer, e *syslog.Event, args ...any) {
	m.logPeer(p, e, append(args, addrOf(p.remote))...)
}

// logPeer logs an event about a peer.
func (m *Machine) logPeer(p peer, e *syslog.Event, args ...any) {
	if m.logged.allow(m.now, logKey{e, p.remote.Addr()}) {
		m.emit(Log{e.With(args...)})
	}
}

func (m *Machine) debugf(format string, args ...any) {
	m.emit(Log{syslog.Debugf(syslog.DebugISAKMP, format, args...)})
}
