package lab_test

import (
	"context"
	"flag"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"coterie/gdoi/policy"
	"coterie/internal/env"
	"coterie/internal/syslog"
	"coterie/lab"
	"coterie/netdev"
)

// journal keeps the log of every node.
type journal struct {
	mu      sync.Mutex
	entries []entry
}

type entry struct {
	node string
	syslog.Record
}

func (j *journal) log(node string, r syslog.Record) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = append(j.entries, entry{node, r})
}

// of lists the records of one event on one node; "" is every node.
func (j *journal) of(node string, e *syslog.Event) []syslog.Record {
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []syslog.Record
	for _, x := range j.entries {
		if (node == "" || x.node == node) && x.Event == e {
			out = append(out, x.Record)
		}
	}
	return out
}

func (j *journal) text(node string) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var b strings.Builder
	for _, x := range j.entries {
		if node == "" || x.node == node {
			fmt.Fprintf(&b, "%s %s\n", x.node, x.Line())
		}
	}
	return b.String()
}

// edit replaces text in a node's configuration.
func edit(t *testing.T, topology *lab.Topology, node, old, new string) {
	t.Helper()
	for i := range topology.Nodes {
		p := &topology.Nodes[i]
		if p.Name != node {
			continue
		}
		if !strings.Contains(p.Config, old) {
			t.Fatalf("%s has no %q", node, old)
		}
		p.Config = strings.Replace(p.Config, old, new, 1)
	}
}

// start boots the basic lab with edits and waits for its members.
func start(t *testing.T, edits ...func(*lab.Topology)) (*lab.Lab, *journal) {
	return startAt(t, nil, edits...)
}

func startAt(t *testing.T, clock *env.Clock, edits ...func(*lab.Topology)) (*lab.Lab, *journal) {
	t.Helper()
	topology, err := lab.Find("basic")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range edits {
		e(topology)
	}
	j := new(journal)
	l, err := lab.New(topology, lab.Settings{Log: j.log, Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := l.Boot(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := l.Settle(context.Background(), time.Minute); err != nil {
		t.Fatal(err)
	}
	return l, j
}

// pingTimeout is generous: at -speed 60 a minute of the lab is a second, and a
// busy host may stop a goroutine for as long.
const pingTimeout = 10 * time.Minute

func ping(l *lab.Lab, node, source, target string, seq uint16) (netdev.ProbeResult, error) {
	return l.Node(node).Appliance().Probe(context.Background(), netdev.Probe{
		Source: netip.MustParseAddr(source), Target: netip.MustParseAddr(target),
		Size: 100, Seq: seq, ID: 1, Timeout: pingTimeout,
	})
}

// TestTenHours runs the basic lab for ten of its hours, one ping each second
// in both directions: TEK and KEK roll over when the timing rules say, no ping
// is lost and no member registers twice.
func TestTenHours(t *testing.T) {
	const hours = 10
	synctest.Test(t, func(t *testing.T) {
		l, j := start(t, func(p *lab.Topology) {
			edit(t, p, "R1", "  rekey transport unicast\n", "  rekey lifetime seconds 7200\n  rekey transport unicast\n")
		})
		begin := l.Clock().Now()
		keys := l.Node("R1").Appliance().KeyServer().Groups[0]
		made := begin.Add(-keys.TEKs[0].Elapsed)
		everySecond(t, l, hours*3600)
		for _, n := range []string{"R2", "R4"} { // a request and a reply each second, every one of them encrypted
			if c := l.Node(n).Appliance().Dataplane().Groups[0].Counters; c.Encrypt != 2*hours*3600 || c.Decrypt != 2*hours*3600 {
				t.Errorf("%s encrypted %d and decrypted %d packets, want %d", n, c.Encrypt, c.Decrypt, 2*hours*3600)
			}
		}
		checkSchedule(t, j, made, hours*time.Hour)
		for _, n := range []string{"R2", "R3", "R4", "R5"} {
			if got := len(j.of(n, syslog.GMRegister)); got != 1 {
				t.Errorf("%s registered %d times", n, got)
			}
			if got, want := len(j.of(n, syslog.GMRecvRekey)), len(j.of("R1", syslog.KSSendUnicastRekey)); got != want {
				t.Errorf("%s received %d rekeys of %d", n, got, want)
			}
		}
		if t.Failed() {
			t.Log(j.text("R1"))
		}
	})
}

// everySecond pings once each lab second in both directions, n times.
func everySecond(t *testing.T, l *lab.Lab, n int) {
	t.Helper()
	begin := l.Clock().Now()
	lost := 0
	for i := range n {
		for _, p := range [][3]string{{"R2", "2.2.2.2", "4.4.4.4"}, {"R4", "4.4.4.4", "2.2.2.2"}} {
			r, err := ping(l, p[0], p[1], p[2], uint16(i))
			if err != nil || r.Outcome != netdev.ProbeReply {
				if lost++; lost < 5 {
					t.Errorf("after %v: %s -> %s: outcome %v, %v", l.Clock().Now().Sub(begin), p[0], p[2], r.Outcome, err)
				}
			}
		}
		l.Clock().Sleep(context.Background(), begin.Add(time.Duration(i+1)*time.Second).Sub(l.Clock().Now()))
	}
	if lost > 0 {
		t.Errorf("%d pings of %d lost", lost, 2*n)
		for _, node := range []string{"R2", "R4"} {
			a := l.Node(node).Appliance()
			t.Logf("%s: %+v", node, a.Dataplane().Groups[0].Counters)
			for _, i := range a.Interfaces() {
				t.Logf("%s %s: %+v", node, i.Name, i.Counters)
			}
		}
	}
}

var wall = flag.Duration("wall", 3*time.Second, "how long TestSpeed60 runs by the wall clock")

// TestSpeed60 is the same lab by the wall clock, sixty times as fast: nothing
// is lost over the rollovers. -wall 10m covers ten lab hours.
func TestSpeed60(t *testing.T) {
	l, j := startAt(t, env.NewClock(60), func(p *lab.Topology) {
		edit(t, p, "R1", "  rekey transport unicast\n", "  rekey lifetime seconds 7200\n  rekey transport unicast\n")
	})
	everySecond(t, l, int(60*wall.Seconds()))
	for _, n := range []string{"R2", "R3", "R4", "R5"} {
		if got := len(j.of(n, syslog.GMRegister)); got != 1 {
			t.Errorf("%s registered %d times", n, got)
		}
	}
	if t.Failed() {
		t.Log(j.text(""))
	}
}

// checkSchedule compares the rekeys of R1 with the margins of the timing
// rules: TEK 3600 s, KEK 7200 s, retransmit 10 s twice, four members.
func checkSchedule(t *testing.T, j *journal, made time.Time, span time.Duration) {
	t.Helper()
	tekEvery := time.Hour - policy.TEKMargin(time.Hour, 10*time.Second, 2, 4, true)
	kekEvery := 2*time.Hour - policy.KEKMargin(2*time.Hour, 10*time.Second, 2, 4, true)
	var want []time.Time
	for at := made.Add(tekEvery); at.Before(made.Add(span)); at = at.Add(tekEvery) {
		want = append(want, at)
	}
	for at := made.Add(kekEvery); at.Before(made.Add(span)); at = at.Add(kekEvery) {
		want = append(want, at)
	}
	sent := j.of("R1", syslog.KSSendUnicastRekey)
	if len(sent) != len(want) {
		t.Errorf("%d rekeys, want %d", len(sent), len(want))
	}
	for _, w := range want {
		near := false
		for _, s := range sent {
			near = near || s.Time.Sub(w).Abs() <= 2*time.Second
		}
		if !near {
			t.Errorf("no rekey at %v (%v after the keys were made)", w.Format(time.TimeOnly), w.Sub(made))
		}
	}
}
