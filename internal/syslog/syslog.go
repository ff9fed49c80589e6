// Package syslog declares every message the appliance can log, once, with the
// facility, severity, mnemonic and wording of IOS, and renders them: as a line
// of the console, and as a packet for a syslog server (RFC 3164, RFC 5424).
//
// Machines output a Message; the appliance stamps it with its clock and hands
// the Record to buffer, console, monitor sessions, servers and debug.
package syslog

import (
	"fmt"
	"time"
)

// An Event is a kind of message: %FACILITY-SEVERITY-MNEMONIC.
type Event struct {
	Facility string
	Severity int // 0 emergencies .. 7 debugging
	Mnemonic string
	Format   string // fmt verbs, one per argument

	head string // "%FACILITY-SEVERITY-MNEMONIC: "
	peer int    // see provoked
	own  bool   // see ours
}

var events []*Event

// Define registers an event; it is called from this package's catalogue only.
func define(facility string, severity int, mnemonic, format string) *Event {
	e := &Event{Facility: facility, Severity: severity, Mnemonic: mnemonic, Format: format,
		head: fmt.Sprintf("%%%s-%d-%s: ", facility, severity, mnemonic)}
	events = append(events, e)
	return e
}

// anyone is the argument of provoked for an event that names no peer.
const anyone = -1

// provoked marks an event that a packet from anybody can cause, and says which
// argument, from 1, is the peer: see Guard.
func (e *Event) provoked(peer int) *Event {
	e.peer = peer
	return e
}

// ours marks an event that IOS does not have.
func (e *Event) ours() *Event {
	e.own = true
	return e
}

// Own tells whether the event is our own, and not one of IOS.
func (e *Event) Own() bool { return e.own }

// Provoked tells whether the event is limited by a Guard.
func (e *Event) Provoked() bool { return e.peer != 0 }

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
	Level Level  // of a debug line
	Line  string // of a debug line, after the time stamp; a format when there are Args
}

// Made is the message with its debug line made.
func (m Message) Made() Message {
	if m.Event == nil && len(m.Args) > 0 {
		m.Line, m.Args = fmt.Sprintf(m.Line, m.Args...), nil
	}
	return m
}

// Text is the message from its % sign on, or the debug line.
func (m Message) Text() string {
	if m.Event == nil {
		return printable(m.Made().Line, maxText)
	}
	return printable(m.Event.head+fmt.Sprintf(m.Event.Format, m.Args...), maxText)
}

// Severity is 7 for debug lines.
func (m Message) Severity() int {
	if m.Event == nil {
		return 7
	}
	return m.Event.Severity
}

// A Record is a message as it was logged.
type Record struct {
	Time   time.Time
	Uptime time.Duration // of the device, then
	Seq    uint64        // counts records from 1
	Layout *Layout       // nil: the default
	Message
}

// Line renders the record as the console shows it.
func (r Record) Line() string { return r.Layout.head(r) + r.Text() }
