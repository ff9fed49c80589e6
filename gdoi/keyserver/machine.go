package keyserver

import (
	"slices"
	"time"

	"coterie/gdoi/policy"
	"coterie/internal/env"
	"coterie/internal/syslog"
)

// A Machine is the key server of one appliance. The package comment says how
// to drive it.
type Machine struct {
	env     env.Env
	cfg     Config
	groups  []*group // sorted by name
	byID    map[policy.GroupID]*group
	byKEK   map[[16]byte]*group // by the SPI of each KEK that may still be acknowledged
	due     dueHeap
	pulls   pulls
	signing map[uint64]*push  // by Job
	writing map[uint64]func() // by Persist: what to do when it fails; nil: nothing
	later   []Record          // to be stored at the end of this Step
	// reproof: isakmp was told to have everybody prove itself again, and may not
	// have heard, if a write fails that this waits for.
	reproof  bool
	stored   map[string]*stored
	lost     string    // why nothing was restored
	dated    time.Time // what is stored is by the clock of then
	quiet    limiter
	counters Counters
	out      env.Outputs[Output]

	lastJob, lastPersist uint64
}

// New returns a machine that serves nothing until it is configured.
func New(e env.Env) *Machine {
	return &Machine{
		env:     e,
		byID:    map[policy.GroupID]*group{},
		byKEK:   map[[16]byte]*group{},
		signing: map[uint64]*push{},
		writing: map[uint64]func(){},
		pulls:   newPulls(),
		quiet:   limiter{},
	}
}

// Step takes one input. What is due by now happens first, so that a late Tick
// changes nothing. Bad input is counted and logged.
func (m *Machine) Step(now time.Time, in Input) {
	m.pulls.expire(now)
	for len(m.due) > 0 && !m.due[0].due.After(now) {
		g := m.due[0]
		g.told = [2]told{}
		m.advance(now, g)
		m.schedule(g)
	}
	switch in.(type) {
	case Phase2, Ack, Tick:
	default:
		m.forgetTold()
	}
	switch in := in.(type) {
	case Configure:
		m.configure(now, in.Config)
	case Phase2:
		m.phase2(now, in)
	case Notified:
		m.notified(now, in)
	case Ack:
		m.ack(now, in)
	case RekeyNow:
		for _, g := range m.named(in.Group) {
			m.rekeyNow(now, g, in.ReplaceNow)
			m.schedule(g)
		}
	case Clear:
		for _, g := range m.named(in.Group) {
			m.clear(now, g, in.What)
			m.schedule(g)
		}
	case Done:
		m.signed(now, in)
	case Persisted:
		m.persisted(now, in)
	case Restore:
		m.restore(now, in)
	case Tick:
	}
	m.flush(now)
}

// Next is when the machine wants a Tick; zero is never.
func (m *Machine) Next() time.Time {
	if len(m.due) == 0 {
		return time.Time{}
	}
	return m.due[0].due
}

// Drain hands over what is to be done, in order, and forgets it. The slice is
// good until the next Drain.
func (m *Machine) Drain() []Output { return m.out.Drain() }

func (m *Machine) emit(o Output) { m.out.Emit(o) }

func (m *Machine) log(msg syslog.Message) { m.emit(Log{msg}) }

func (m *Machine) debugf(t syslog.Topic, l syslog.Level, format string, args ...any) {
	m.emit(Log{syslog.DebugAt(t, l, format, args...)})
}

// named is one group, or all of them for "".
func (m *Machine) named(name string) []*group {
	if name == "" {
		return slices.Clone(m.groups)
	}
	for _, g := range m.groups {
		if g.cfg.Name == name {
			return []*group{g}
		}
	}
	return nil
}

// limiter says when a log line about one subject may be written again.
type limiter map[string]time.Time

// limiterSize bounds the table; a full table is forgotten, which at worst
// lets a line through early.
const limiterSize = 1024

// allow tells whether a line about subject may be written, and if so keeps it
// quiet for a while.
func (l limiter) allow(now time.Time, subject string, quiet time.Duration) bool {
	if until, ok := l[subject]; ok && now.Before(until) {
		return false
	}
	if len(l) >= limiterSize {
		clear(l)
	}
	l[subject] = now.Add(quiet)
	return true
}

// How long the machine is quiet about the same thing: one member's mistake,
// which it repeats with each retry, and an unfinished configuration, which
// every member runs into.
const (
	quietMember     = 5 * time.Second
	quietIncomplete = 30 * time.Second
)

// dueHeap orders the groups by when each has something to do. Groups without
// a deadline are not in it.
type dueHeap []*group

func (h dueHeap) Len() int { return len(h) }
func (h dueHeap) Less(i, j int) bool {
	if c := h[i].due.Compare(h[j].due); c != 0 {
		return c < 0
	}
	return h[i].cfg.Name < h[j].cfg.Name
}
func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *dueHeap) Push(x any) {
	g := x.(*group)
	g.index = len(*h)
	*h = append(*h, g)
}
func (h *dueHeap) Pop() any {
	old := *h
	g := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	g.index = -1
	return g
}
