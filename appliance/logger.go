package appliance

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"coterie/internal/syslog"
	"coterie/modes"
	runningconfig "coterie/running-config"
)

// defaultBuffer is the size of the logging buffer in octets, as IOS has it.
const defaultBuffer = 4096

// off is the severity that nothing has.
const off = -1

// logger keeps the logging buffer and hands records to those who watch. A
// record is stamped, stored and handed out under one lock, so that everybody
// sees the same order. Nobody it hands to may block: terminals and servers have
// queues of their own.
type logger struct {
	a *Appliance

	mu       sync.Mutex
	seq      uint64
	layout   *syslog.Layout
	clock    syslog.ClockState
	records  []kept
	octets   int
	size     int
	buffered int // most verbose severity kept; off: none
	console  int
	monitor  int
	trap     int
	counts   modes.LogSnapshot // counters only
	guard    syslog.Guard
	limit    runningconfig.LogLimit
	bucket   *syslog.Bucket // of limit
	counting bool           // logging count
	events   map[*syslog.Event]modes.LogCount
	filter   syslog.Filter
	debugs   atomic.Bool // filter wants something

	servers     []*server
	subscribers []*subscriber
}

// kept is a record of the buffer with the octets it takes there.
type kept struct {
	syslog.Record
	octets int
}

type subscriber struct{ f func(syslog.Record) }

func newLogger(a *Appliance) *logger {
	l := &logger{a: a, events: make(map[*syslog.Event]modes.LogCount)}
	l.settings(new(runningconfig.Config))
	return l
}

// severities are the words of `logging console LEVEL`.
var severities = []string{"emergencies", "alerts", "critical", "errors", "warnings", "notifications", "informational", "debugging"}

// severity is the number of a word, that of usual without one, and off with no.
func severity(no bool, word, usual string) int {
	if no {
		return off
	}
	return slices.Index(severities, cmp.Or(word, usual))
}

// configure makes the log what the configuration says. What is unchanged goes
// on: a server keeps its connection and its queue.
func (l *logger) configure(tree *runningconfig.Config) {
	l.mu.Lock()
	l.settings(tree)
	l.trim()
	var hosts []runningconfig.LogHost
	if c := tree.Logging; !c.Off && !c.NoTrap {
		hosts = c.Hosts
	}
	closed, said := l.reconcileServers(tree, hosts)
	l.mu.Unlock()
	for _, s := range closed {
		s.close()
	}
	for _, m := range said {
		l.add(m)
	}
}

// settings takes over everything but the servers.
func (l *logger) settings(tree *runningconfig.Config) {
	c := tree.Logging
	l.size = cmp.Or(c.BufferSize, defaultBuffer)
	l.console = severity(c.NoConsole, c.ConsoleLevel, "debugging")
	l.buffered = severity(c.NoBuffered || c.Off, c.BufferLevel, "debugging")
	l.monitor = severity(c.NoMonitor || c.Off, c.MonitorLevel, "debugging")
	l.trap = severity(c.NoTrap || c.Off, c.TrapLevel, runningconfig.DefaultTrapLevel)
	if l.counting = c.Count; !l.counting {
		clear(l.events)
	}
	if l.limit != c.Limit {
		if l.limit, l.bucket = c.Limit, nil; c.Limit.Rate > 0 {
			l.bucket = syslog.PerSecond(c.Limit.Rate)
		}
	}
	layout := &syslog.Layout{Log: stamp(c.LogStamp), Debug: stamp(c.DebugStamp), Sequence: c.Sequence, Clock: l.clock}
	if tree.Clock.Set() {
		layout.Local = tree.Clock.Local
	}
	l.layout = layout
}

// stamp is the form of `service timestamps`.
func stamp(t runningconfig.Timestamp) syslog.Stamp {
	switch t.Kind {
	case "none":
		return syslog.Stamp{Kind: syslog.NoStamp}
	case "uptime":
		return syslog.Stamp{Kind: syslog.Uptime}
	case "datetime":
		return syslog.Stamp{Msec: t.Msec, Local: t.Local, Zone: t.Zone, Year: t.Year}
	}
	return syslog.DefaultStamp
}

// setClock changes the mark before the stamps from now on.
func (l *logger) setClock(s syslog.ClockState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	layout := *l.layout
	l.clock, layout.Clock = s, s
	l.layout = &layout
}

// add stamps a message and hands it out. Debug lines pass only while their
// topic is on.
func (l *logger) add(m syslog.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m.Event == nil {
		if !l.filter.Wants(m) {
			return
		}
		m = m.Made()
	}
	now, level := l.a.cfg.Clock.Now(), m.Severity()
	limited := l.limited(now, m)
	if !l.guard.Allow(now, m) || limited && !l.limit.Console {
		l.counts.RateLimited++
		return
	}
	l.seq++
	r := syslog.Record{Time: now, Uptime: now.Sub(l.a.booted), Seq: l.seq, Layout: l.layout, Message: m}
	line := r.Line()
	if l.counting && m.Event != nil {
		n := l.events[m.Event]
		n.Event, n.Occurred, n.Last = m.Event, n.Occurred+1, strings.TrimSuffix(strings.TrimSuffix(line, m.Text()), ": ")
		l.events[m.Event] = n
	}
	if level <= l.buffered {
		l.counts.Buffered++
		l.records = append(l.records, kept{r, len(line) + 1})
		l.octets += len(line) + 1
		l.trim()
	}
	console := level <= l.console
	if console && limited {
		l.counts.RateLimited++
		console = false
	}
	if console {
		l.counts.Console++
		for _, s := range l.subscribers {
			s.f(r)
		}
	}
	if l.a.toSessions(line, console, level <= l.monitor) {
		l.counts.Monitor++
	}
	if level <= l.trap && len(l.servers) > 0 {
		l.counts.Trap++
		l.send(r)
	}
}

// limited takes a message out of the bucket of `logging rate-limit`, and tells
// whether there was none left.
func (l *logger) limited(now time.Time, m syslog.Message) bool {
	switch {
	case l.bucket == nil, m.Event == nil && !l.limit.All:
		return false
	case l.limit.Except != "" && m.Severity() <= slices.Index(severities, l.limit.Except):
		return false
	}
	return !l.bucket.Allow(now)
}

// trim drops the oldest records until the buffer fits.
func (l *logger) trim() {
	drop := 0
	for l.octets > l.size && drop < len(l.records)-1 {
		l.octets -= l.records[drop].octets
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
	s.Size = l.size
	for _, r := range l.records {
		s.Records = append(s.Records, r.Record)
	}
	for _, v := range l.servers {
		h := v.snapshot()
		s.Hosts, s.Dropped = append(s.Hosts, h), s.Dropped+h.Dropped
	}
	for _, n := range l.events {
		s.Counts = append(s.Counts, n)
	}
	slices.SortFunc(s.Counts, func(x, y modes.LogCount) int {
		return cmp.Or(cmp.Compare(x.Event.Facility, y.Event.Facility), cmp.Compare(x.Event.Mnemonic, y.Event.Mnemonic))
	})
	return s
}

func (l *logger) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records, l.octets = nil, 0
}

func (l *logger) debug(t syslog.Topic, levels syslog.Level, on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.filter.Set(t, levels, on)
	l.debugs.Store(l.filter.Topics() != 0)
}

// debugging is a copy of what is being debugged.
func (l *logger) debugging() syslog.Filter {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.filter
}

// close ends the servers.
func (l *logger) close() {
	l.mu.Lock()
	servers := l.servers
	l.servers = nil
	l.mu.Unlock()
	for _, s := range servers {
		s.close()
	}
}

// toSessions shows a line on the console, and on lines that monitor; it
// reports whether any of these got it.
func (a *Appliance) toSessions(line string, console, monitor bool) (monitored bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for s := range a.sessions {
		if onConsole := s.Line() == "console"; onConsole && console || !onConsole && monitor && s.Monitor() {
			s.Log(line)
			monitored = monitored || !onConsole
		}
	}
	return monitored
}

// SetClockState tells the log what the clock is worth: set by hand, by a time
// server, or by nobody yet.
func (a *Appliance) SetClockState(s syslog.ClockState) { a.log.setClock(s) }

// ClockState is what SetClockState said last.
func (a *Appliance) ClockState() syslog.ClockState {
	a.log.mu.Lock()
	defer a.log.mu.Unlock()
	return a.log.clock
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
			if !strings.HasPrefix(e.Interface, "Loopback") { // which has no link
				a.log.add(syslog.LinkUpDown.With(e.Interface, "up"))
			}
			a.log.add(syslog.LineProto.With(e.Interface, "up"))
		default:
			a.log.add(syslog.LinkUpDown.With(e.Interface, "down"))
			a.log.add(syslog.LineProto.With(e.Interface, "down"))
		}
	}
}
