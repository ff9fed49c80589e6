package sim

import (
	"fmt"
	"strings"
	"time"
)

// Kind is what happened to a datagram, or a note.
type Kind uint8

// Kinds of Event.
const (
	Delivered   Kind = iota
	Lost             // by chance
	Cut              // by a partition
	Dead             // the receiver was down
	Unreachable      // nobody has the address
	Note             // Host.Logf, crash, boot
)

var kindNames = [...]string{"delivered", "lost", "cut", "dead", "unreachable", "note"}

func (k Kind) String() string { return kindNames[k] }

// Event is one line of the trace.
type Event struct {
	At       time.Time
	Kind     Kind
	From, To string
	Datagram Datagram
	Text     string
}

// trace keeps the latest events in a ring.
type trace struct {
	ring []Event
	next int
}

// TraceLength is how many events the trace keeps.
const TraceLength = 4096

func (n *Network) note(e Event) {
	e.At = n.now
	for _, f := range n.observers {
		f(e)
	}
	t := &n.trace
	if len(t.ring) < TraceLength {
		t.ring = append(t.ring, e)
		return
	}
	t.ring[t.next] = e
	t.next = (t.next + 1) % TraceLength
}

// Observe calls f for every event as it happens.
func (n *Network) Observe(f func(Event)) { n.observers = append(n.observers, f) }

// Describe sets how a datagram is named in the trace.
func (n *Network) Describe(f func(Datagram) string) { n.describe = f }

// Trace returns the last events, oldest first, at most count of them.
func (n *Network) Trace(count int) []Event {
	t := &n.trace
	events := make([]Event, 0, len(t.ring))
	events = append(append(events, t.ring[t.next:]...), t.ring[:t.next]...)
	if count < len(events) {
		events = events[len(events)-count:]
	}
	return events
}

// Ladder is the last count events as text, one a line:
//
//	10:00:03.005  R2 --> KS   PULL 1, 92 octets
//	10:00:13.005  R2 --x KS   PULL 1, 92 octets (lost)
func (n *Network) Ladder(count int) string {
	var b strings.Builder
	width := 0
	for _, h := range n.order {
		width = max(width, len(h.Name))
	}
	for _, e := range n.Trace(count) {
		stamp := e.At.Format("15:04:05.000")
		if e.Kind == Note {
			fmt.Fprintf(&b, "%s  %-*s  %s\n", stamp, width, e.From, e.Text)
			continue
		}
		arrow, why := "-->", ""
		if e.Kind != Delivered {
			arrow, why = "--x", " ("+e.Kind.String()+")"
		}
		to := e.To
		if to == "" {
			to = e.Datagram.To.Addr().String()
		}
		fmt.Fprintf(&b, "%s  %-*s %s %-*s  %s%s\n", stamp, width, e.From, arrow, width, to, n.describe(e.Datagram), why)
	}
	return b.String()
}

// Mermaid is the last count events as a Mermaid sequence diagram.
func (n *Network) Mermaid(count int) string {
	var b strings.Builder
	b.WriteString("sequenceDiagram\n")
	for _, h := range n.order {
		fmt.Fprintf(&b, "    participant %s\n", h.Name)
	}
	for _, e := range n.Trace(count) {
		switch {
		case e.Kind == Note:
			fmt.Fprintf(&b, "    Note over %s: %s\n", e.From, clean(e.Text))
		case e.To == "":
			fmt.Fprintf(&b, "    Note over %s: %s to %s (%s)\n", e.From, clean(n.describe(e.Datagram)), e.Datagram.To, e.Kind)
		case e.Kind == Delivered:
			fmt.Fprintf(&b, "    %s->>%s: %s\n", e.From, e.To, clean(n.describe(e.Datagram)))
		default:
			fmt.Fprintf(&b, "    %s-x%s: %s (%s)\n", e.From, e.To, clean(n.describe(e.Datagram)), e.Kind)
		}
	}
	return b.String()
}

// clean takes out what would end a Mermaid statement.
func clean(s string) string { return strings.NewReplacer(";", ",", "\n", " ", "#", "no. ").Replace(s) }

// TB is the part of testing.TB that DumpOnFailure needs.
type TB interface {
	Cleanup(func())
	Failed() bool
	Logf(format string, args ...any)
}

// DumpOnFailure logs seed and ladder when the test has failed.
func (n *Network) DumpOnFailure(t TB, count int) {
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d, %+v\n%s", n.seed, n.Counters, n.Ladder(count))
		}
	})
}
