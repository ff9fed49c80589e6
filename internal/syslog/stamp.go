package syslog

import (
	"fmt"
	"strconv"
	"time"
)

// StampKind is what a time stamp tells.
type StampKind uint8

// Kinds of stamp. The zero value is what IOS does when nothing is configured.
const (
	Datetime StampKind = iota // the time of day
	Uptime                    // the time since the device booted
	NoStamp                   // `no service timestamps`
)

// Stamp is the form of a time stamp: `service timestamps log ...`.
type Stamp struct {
	Kind  StampKind
	Msec  bool // milliseconds
	Local bool // in the configured zone rather than UTC
	Zone  bool // the name of the zone behind the time
	Year  bool // behind the day
}

// DefaultStamp is what an absent line means: `datetime msec`, as a router of
// today comes.
var DefaultStamp = Stamp{Msec: true}

// ClockState is how much the time of day is worth; its mark stands before a
// stamp.
type ClockState uint8

// States of the clock.
const (
	Unset          ClockState = iota // nobody has set it: "*"
	Authoritative                    // set by hand, or synchronized
	Unsynchronized                   // was set by a time server that is lost: "."
)

// Mark is what stands before a time.
func (c ClockState) Mark() string {
	switch c {
	case Authoritative:
		return ""
	case Unsynchronized:
		return "."
	}
	return "*"
}

// Layout is how records are rendered. It is shared by many records and never
// changed: another configuration is another Layout.
type Layout struct {
	Log, Debug Stamp
	Sequence   bool // `service sequence-numbers`
	Clock      ClockState
	// Local gives the time in the configured zone, and the zone's name; nil is
	// UTC.
	Local func(time.Time) (time.Time, string)
}

var defaultLayout = Layout{Log: DefaultStamp, Debug: DefaultStamp}

// head is what stands before the text of a record.
func (l *Layout) head(r Record) string {
	if l == nil {
		l = &defaultLayout
	}
	head := ""
	if l.Sequence {
		head = fmt.Sprintf("%06d: ", r.Seq)
	}
	stamp := l.Log
	if r.Event == nil {
		stamp = l.Debug
	}
	switch stamp.Kind {
	case NoStamp:
		return head
	case Uptime:
		return head + Since(r.Uptime) + ": "
	}
	return head + l.datetime(stamp, r.Time) + ": "
}

func (l *Layout) datetime(s Stamp, t time.Time) string {
	t, zone := t.UTC(), "UTC"
	if s.Local && l.Local != nil {
		t, zone = l.Local(t)
	}
	form := "Jan _2 15:04:05"
	if s.Year {
		form = "Jan _2 2006 15:04:05"
	}
	if s.Msec {
		form += ".000"
	}
	out := l.Clock.Mark() + t.Format(form)
	if s.Zone {
		out += " " + zone
	}
	return out
}

// Since is a span as IOS prints ages: 00:12:34, 1d02h, 3w4d, 1y2w.
func Since(d time.Duration) string {
	const day, week, year = 24 * time.Hour, 7 * 24 * time.Hour, 365 * 24 * time.Hour
	pair := func(n time.Duration, a string, m time.Duration, b string, width int) string {
		return strconv.Itoa(int(n)) + a + fmt.Sprintf("%0*d", width, int(m)) + b
	}
	switch {
	case d < day:
		return fmt.Sprintf("%02d:%02d:%02d", d/time.Hour, d/time.Minute%60, d/time.Second%60)
	case d < week:
		return pair(d/day, "d", d%day/time.Hour, "h", 2)
	case d < year:
		return pair(d/week, "w", d%week/day, "d", 1)
	}
	return pair(d/year, "y", d%year/week, "w", 1)
}
