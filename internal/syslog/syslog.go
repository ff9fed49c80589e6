// Package syslog declares every message the appliance can log, once, with the
// facility, severity, mnemonic and wording of IOS, and renders them.
//
// Machines output a Message; the appliance stamps it with its clock and hands
// the Record to buffer, console, monitor sessions and debug.
package syslog

import (
	"fmt"
	"strings"
	"time"
)

// An Event is a kind of message: %FACILITY-SEVERITY-MNEMONIC.
type Event struct {
	Facility string
	Severity int // 0 emergencies .. 7 debugging
	Mnemonic string
	Format   string // fmt verbs, one per argument
}

var events []*Event

// Define registers an event; it is called from this package's catalogue only.
func define(facility string, severity int, mnemonic, format string) *Event {
	e := &Event{facility, severity, mnemonic, format}
	events = append(events, e)
	return e
}

// Events lists the catalogue in order of definition.
func Events() []*Event { return events }

// With makes a message of this kind. Arguments from a peer are made printable:
// a log line is always one line.
func (e *Event) With(args ...any) Message { return Message{Event: e, Args: args} }

// A Message is one occurrence of an Event, or a debug line when Event is nil.
type Message struct {
	Event *Event
	Args  []any
	Debug Topic  // of a debug line
	Line  string // of a debug line, after the time stamp
}

// Debugf makes a debug line, shown while its topic is being debugged.
func Debugf(t Topic, format string, args ...any) Message {
	return Message{Debug: t, Line: fmt.Sprintf(format, args...)}
}

// Text is the message from its % sign on, or the debug line.
func (m Message) Text() string {
	if m.Event == nil {
		return printable(m.Line)
	}
	return printable(fmt.Sprintf("%%%s-%d-%s: ", m.Event.Facility, m.Event.Severity, m.Event.Mnemonic) +
		fmt.Sprintf(m.Event.Format, m.Args...))
}

// Severity is 7 for debug lines.
func (m Message) Severity() int {
	if m.Event == nil {
		return 7
	}
	return m.Event.Severity
}

// A Record is a message with the time it was logged at.
type Record struct {
	Time time.Time
	Message
}

// Line renders the record as IOS does with `service timestamps log datetime
// msec`; the star says that no time source has set the clock.
func (r Record) Line() string { return "*" + Stamp(r.Time) + ": " + r.Text() }

// Stamp is the time stamp of a log line without its clock marker.
func Stamp(t time.Time) string { return t.Format("Jan _2 15:04:05.000") }

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) || r == 0x2028 || r == 0x2029 {
			return '.'
		}
		return r
	}, s)
}

// A Topic is what `debug` switches on: one bit each.
type Topic uint32

// Topics of `debug crypto gdoi ...` and `debug crypto isakmp`.
const (
	DebugISAKMP Topic = 1 << iota
	DebugGMRegistration
	DebugGMRekey
	DebugGMACLs
	DebugGMInfrastructure
	DebugGMReplay
	DebugKSRegistration
	DebugKSRekey
	DebugKSInfrastructure
	DebugKSReplay
	DebugIPsec
)

// DebugGDOI is every topic of `debug crypto gdoi`.
const DebugGDOI = DebugGMRegistration | DebugGMRekey | DebugGMACLs | DebugGMInfrastructure | DebugGMReplay |
	DebugKSRegistration | DebugKSRekey | DebugKSInfrastructure | DebugKSReplay
