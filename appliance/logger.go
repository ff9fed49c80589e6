package appliance

import (
	"slices"
	"sync"

	"coterie/internal/syslog"
	"coterie/modes"
	runningconfig "coterie/running-config"
)

// defaultBuffer is the size of the logging buffer in octets, as IOS has it.
const defaultBuffer = 4096

// logger keeps the logging buffer and hands records to those who watch. A
// record is stamped, stored and handed out under one lock, so that everybody
// sees the same order.
type logger struct {
	a  *Appliance
	mu sync.Mutex

	records  []syslog.Record
	octets   int
	size     int
	buffered int // most verbose severity kept; -1: none
	console  int
	monitor  int
	counts   modes.LogSnapshot // counters only

	topics      syslog.Topic
	subscribers []*subscriber
}

type subscriber struct{ f func(syslog.Record) }

func newLogger(a *Appliance) *logger {
	return &logger{a: a, size: defaultBuffer, buffered: 7, console: 7, monitor: 7}
}

// severities are the words of `logging console LEVEL`.
var severities = []string{"emergencies", "alerts", "critical", "errors", "warnings", "notifications", "informational", "debugging"}

func severity(word string) int {
	if i := slices.Index(severities, word); i >= 0 {
		return i
	}
	return 7
}

func (l *logger) configure(c runningconfig.Logging) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.size = defaultBuffer
	if c.BufferSize != 0 {
		l.size = c.BufferSize
	}
	l.buffered, l.console, l.monitor = severity(c.BufferLevel), severity(c.ConsoleLevel), severity(c.MonitorLevel)
	if c.NoBuffered {
		l.buffered = -1
	}
	if c.NoConsole {
		l.console = -1
	}
	l.trim()
}

// add stamps a message and hands it out. Debug lines pass only while their
// topic is on.
func (l *logger) add(m syslog.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m.Event == nil && m.Debug&l.topics == 0 {
		return
	}
	r := syslog.Record{Time: l.a.cfg.Clock.Now(), Message: m}
	level := m.Severity()
	if level <= l.buffered {
		l.counts.Buffered++
		l.records = append(l.records, r)
		l.octets += len(r.Line()) + 1
		l.trim()
	}
	console, monitor := level <= l.console, level <= l.monitor
	if console {
		l.counts.Console++
		for _, s := range l.subscribers {
			s.f(r)
		}
	}
	if monitor {
		l.counts.Monitor++
	}
	l.a.toSessions(r, console, monitor)
}

// trim drops the oldest records until the buffer fits.
func (l *logger) trim() {
	drop := 0
	for l.octets > l.size && drop < len(l.records)-1 {
		l.octets -= len(l.records[drop].Line()) + 1
		drop++
	}
	l.records = slices.Delete(l.records, 0, drop)
}

func (l *logger) subscribe(f func(syslog.Record)) (cancel func()) {
	s := &subscriber{f}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.subscribers = append(l.subscribers, s)
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.subscribers = slices.DeleteFunc(l.subscribers, func(o *subscriber) bool { return o == s })
	}
}

func (l *logger) snapshot() modes.LogSnapshot {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.counts
	s.Records, s.Size = slices.Clone(l.records), l.size
	return s
}

func (l *logger) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records, l.octets = nil, 0
}

func (l *logger) debug(t syslog.Topic, on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if on {
		l.topics |= t
	} else {
		l.topics &^= t
	}
}

func (l *logger) debugging() syslog.Topic {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.topics
}

// toSessions shows a record on the console, and on lines that monitor.
func (a *Appliance) toSessions(r syslog.Record, console, monitor bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for s := range a.sessions {
		if onConsole := s.Line() == "console"; onConsole && console || !onConsole && monitor && s.Monitor() {
			s.Log(r.Line())
		}
	}
}

// watchLinks logs changes of interface state and opens sockets whose address
// came up, until the stack closes.
func (a *Appliance) watchLinks() {
	for e := range a.cfg.Stack.Events() {
		switch {
		case e.AdminDown:
			a.log.add(syslog.LinkChanged.With(e.Interface))
			a.log.add(syslog.LineProto.With(e.Interface, "down"))
		case e.Up:
			a.log.add(syslog.LinkUpDown.With(e.Interface, "up"))
			a.log.add(syslog.LineProto.With(e.Interface, "up"))
		default:
			a.log.add(syslog.LinkUpDown.With(e.Interface, "down"))
			a.log.add(syslog.LineProto.With(e.Interface, "down"))
		}
	}
}
