package sim

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

var start = time.Date(2026, 1, 2, 10, 0, 0, 0, time.UTC)

func addr(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}) }

// chatter sends to its peer every period, answers once, and records all it sees.
type chatter struct {
	host    *Host
	peer    netip.Addr
	period  time.Duration
	next    time.Time
	sent    int
	log     []string
	answers bool
	booted  int
}

func (c *chatter) Boot(now time.Time, h *Host) {
	c.host, c.sent, c.booted = h, 0, c.booted+1
	if c.period > 0 {
		c.next = now.Add(c.period)
	}
	if v := h.Load("sent"); v != nil {
		c.log = append(c.log, "loaded "+string(v))
	}
}
func (c *chatter) Next() time.Time { return c.next }
func (c *chatter) Wake(now time.Time) {
	c.sent++
	var nonce [4]byte
	c.host.Rand.Read(nonce[:])
	c.host.Store("sent", fmt.Append(nil, c.sent))
	c.host.Send(Datagram{netip.AddrPortFrom(c.host.Address(), 848), netip.AddrPortFrom(c.peer, 848), fmt.Appendf(nil, "%d %x", c.sent, nonce)})
	c.next = now.Add(c.period)
}
func (c *chatter) Receive(now time.Time, d Datagram) {
	c.log = append(c.log, fmt.Sprintf("%v %v %s", now.Sub(start), d.From.Addr(), d.Data))
	if c.answers {
		c.host.Send(Datagram{d.To, d.From, []byte("re " + string(d.Data))})
	}
}

func pair(seed uint64, c Conditions) (*Network, *chatter, *chatter) {
	n := New(seed, start)
	n.Conditions(c)
	a := &chatter{peer: addr(2), period: time.Second}
	b := &chatter{answers: true}
	n.Add("A", a, addr(1))
	n.Add("B", b, addr(2))
	return n, a, b
}

func TestSameSeedSameWorld(t *testing.T) {
	run := func(seed uint64) string {
		n, a, b := pair(seed, Conditions{Latency: 10 * time.Millisecond, Jitter: 5 * time.Millisecond, Loss: 0.2, Duplicate: 0.2, Reorder: 0.2})
		n.RunFor(10 * time.Minute)
		return fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(append(a.log, b.log...), "\n")+n.Ladder(10000))))
	}
	if run(1) != run(1) {
		t.Error("the same seed gave two different runs")
	}
	if run(1) == run(2) {
		t.Error("two seeds gave the same run")
	}
}

func TestConditions(t *testing.T) {
	n, a, b := pair(7, Conditions{Latency: 10 * time.Millisecond})
	n.RunFor(10500 * time.Millisecond)
	if len(b.log) != 10 || len(a.log) != 10 || !strings.HasPrefix(b.log[0], "1.01s 10.0.0.1 1 ") || !strings.HasPrefix(a.log[0], "1.02s 10.0.0.2 re 1 ") {
		t.Fatalf("clean path: %q %q", a.log, b.log)
	}
	n.Conditions(Conditions{Loss: 1})
	n.RunFor(5 * time.Second)
	n.Conditions(Conditions{Duplicate: 1})
	n.RunFor(5 * time.Second)
	if len(b.log) != 20 || len(a.log) != 30 {
		t.Fatalf("after loss and duplication: %d at B, %d at A", len(b.log), len(a.log))
	}
	if c := n.Counters; c.Lost != 5 || c.Duplicated != 15 {
		t.Errorf("counters %+v", c)
	}
}

func TestPartitionCutAndUnreachable(t *testing.T) {
	n, _, b := pair(7, Conditions{})
	n.Partition([]string{"A"})
	n.RunFor(3 * time.Second)
	n.Heal()
	n.Cut("A", "B")
	n.RunFor(3 * time.Second)
	if len(b.log) != 0 || n.Counters.Cut != 6 {
		t.Fatalf("passed a cut: %q %+v", b.log, n.Counters)
	}
	n.Mend("A", "B")
	n.RunFor(3 * time.Second)
	if len(b.log) != 3 {
		t.Fatalf("after mending: %q", b.log)
	}
	n.Host("B").Send(Datagram{To: netip.AddrPortFrom(addr(99), 1)})
	if n.Counters.Unreachable != 1 {
		t.Errorf("counters %+v", n.Counters)
	}
}

func TestCrashKeepsOnlyTheDisk(t *testing.T) {
	n, a, b := pair(7, Conditions{Latency: 100 * time.Millisecond})
	n.RunFor(2500 * time.Millisecond)
	n.Host("A").Crash()
	n.RunFor(10 * time.Second)
	if a.sent != 2 || len(b.log) != 2 {
		t.Fatalf("a crashed node sent: %d, %q", a.sent, b.log)
	}
	first := b.log[0]
	n.Host("A").Restart()
	n.RunFor(1500 * time.Millisecond)
	if a.booted != 2 || a.log[len(a.log)-2] != "loaded 2" {
		t.Fatalf("after restart: %q", a.log)
	}
	if nonce := func(s string) string { return s[strings.LastIndex(s, " "):] }; nonce(first) == nonce(b.log[2]) {
		t.Error("a second boot drew the first boot's random values")
	}
	// What was under way to a node when it went down is lost.
	n.Host("B").Crash()
	before := n.Counters.Dead
	n.RunFor(time.Second)
	if n.Counters.Dead != before+1 {
		t.Errorf("counters %+v", n.Counters)
	}
}

func TestMulticastReachesMembersOnly(t *testing.T) {
	n := New(1, start)
	group := netip.MustParseAddr("239.1.1.1")
	a := &chatter{peer: group, period: time.Second}
	b, c := &chatter{}, &chatter{}
	n.Add("A", a, addr(1))
	n.Add("B", b, addr(2)).Join(group)
	n.Add("C", c, addr(3))
	n.RunFor(2500 * time.Millisecond)
	if len(b.log) != 2 || len(c.log) != 0 {
		t.Fatalf("B %q C %q", b.log, c.log)
	}
	n.Host("B").Leave(group)
	n.RunFor(2 * time.Second)
	if len(b.log) != 2 {
		t.Fatal("B left and still hears the group")
	}
}

func TestDrawings(t *testing.T) {
	n, _, _ := pair(1, Conditions{Latency: 10 * time.Millisecond})
	n.Describe(func(d Datagram) string { return strings.Fields(string(d.Data))[0] })
	n.RunFor(1500 * time.Millisecond)
	n.Host("A").Logf("done")
	n.Conditions(Conditions{Loss: 1})
	n.RunFor(time.Second)
	wantLadder := "" +
		"10:00:01.010  A --> B  1\n" +
		"10:00:01.020  B --> A  re\n" +
		"10:00:01.500  A  done\n" +
		"10:00:02.000  A --x B  2 (lost)\n"
	if got := n.Ladder(10); got != wantLadder {
		t.Errorf("got\n%swant\n%s", got, wantLadder)
	}
	wantMermaid := "sequenceDiagram\n    participant A\n    participant B\n    A->>B: 1\n    B->>A: re\n    Note over A: done\n    A-xB: 2 (lost)\n"
	if got := n.Mermaid(10); got != wantMermaid {
		t.Errorf("got\n%swant\n%s", got, wantMermaid)
	}
	if got := n.Ladder(1); got != "10:00:02.000  A --x B  2 (lost)\n" {
		t.Errorf("last event only: %q", got)
	}
}

func TestRunUntilAndEvery(t *testing.T) {
	n := New(1, start)
	ticks := 0
	n.Every(time.Second, func() bool { ticks++; return ticks < 5 })
	if !n.RunUntil(time.Minute, func() bool { return ticks == 3 }) || n.Now() != start.Add(3*time.Second) {
		t.Fatalf("%d ticks at %v", ticks, n.Now())
	}
	if n.RunUntil(time.Minute, func() bool { return ticks == 9 }) || ticks != 5 || n.Now() != start.Add(63*time.Second) {
		t.Fatalf("%d ticks at %v", ticks, n.Now())
	}
}

func TestTraceIsBounded(t *testing.T) {
	n, _, _ := pair(1, Conditions{})
	n.RunFor(2 * TraceLength * time.Second)
	events := n.Trace(2 * TraceLength)
	if len(events) != TraceLength {
		t.Fatalf("%d events", len(events))
	}
	for i := 1; i < len(events); i++ {
		if events[i].At.Before(events[i-1].At) {
			t.Fatal("out of order")
		}
	}
}
