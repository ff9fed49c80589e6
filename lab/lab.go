// Package lab runs a whole network in one process: routers of a topology, each
// a complete appliance on a network stack of its own, joined by wires in
// memory. Nothing in it is faked but the wires, and those can be captured.
//
// Run is the `coterie lab` command. Tests build a Lab themselves:
//
//	t, err := lab.Find("basic")
//	l, err := lab.New(t, lab.Settings{})
//	defer l.Close()
//	err = l.Boot(ctx)
//	err = l.Settle(ctx, time.Minute)
//	err = l.Node("R2").Execute(ctx, "show crypto gdoi gm", os.Stdout)
//
// All of a lab shares one clock, which alone knows the speed. A Lab may live
// inside a testing/synctest bubble.
package lab

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"coterie/appliance"
	"coterie/internal/env"
	"coterie/internal/syslog"
	"coterie/modes"
	netvirtual "coterie/netdev/virtual"
)

// Settings of a Lab; the zero value will do.
type Settings struct {
	Clock   *env.Clock                  // nil: the wall clock
	Rand    func(node string) io.Reader // private values of a node, asked for once; nil: the system's
	Pcap    string                      // directory for captures; created
	KeyLog  bool                        // key tables and plain rekeys in the Pcap directory
	Version modes.Version
	// Log is told every log record of every node, in order per node. It must
	// not block.
	Log func(node string, r syslog.Record)
	// Connect, when set, is what the exec command `connect NODE` asks for.
	Connect func(node string) error

	make    maker         // nil: a real appliance
	latency time.Duration // of every wire, one way
	// sequence is that of every wire: tests put what happens at one instant in order.
	sequence func(node string, carry func())
}

// Lab is a running network.
type Lab struct {
	Topology *Topology
	set      Settings
	nodes    []*Node
	wires    []*netvirtual.Wire
	captures []*pcapWriter
	keys     *keyLog
	reloads  sync.WaitGroup
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc

	mu  sync.Mutex
	cut map[End]bool // ends of shared segments that @link cut
}

// New lays the wires and places the routers, all of them off.
func New(t *Topology, set Settings) (*Lab, error) {
	if set.Clock == nil {
		set.Clock = env.NewClock(1)
	}
	if set.Rand == nil {
		set.Rand = func(string) io.Reader { return rand.Reader }
	}
	if set.make == nil {
		set.make = newAppliance
	}
	set.Version.Lab = true
	l := &Lab{Topology: t, set: set, cut: make(map[End]bool)}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	if err := l.lay(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	for i, p := range t.Nodes {
		l.nodes = append(l.nodes, &Node{lab: l, plan: p, number: i + 1, files: newNVRAM(set.Clock.Now), state: appliance.NewMemoryState(set.Clock.Now), rand: &sharedReader{r: set.Rand(p.Name)}})
	}
	return l, nil
}

func (l *Lab) lay() error {
	dir := l.set.Pcap
	if dir != "" {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return err
		}
	}
	if l.set.KeyLog {
		if dir == "" {
			return errors.New("key tables go into the directory of the captures, and there is none")
		}
		k, err := newKeyLog(dir, l.set.Clock)
		if err != nil {
			return err
		}
		l.keys = k
	}
	for _, w := range l.Topology.Wires {
		cfg := netvirtual.WireConfig{Name: w.Name, Clock: l.set.Clock, Shared: w.Shared, Latency: l.set.latency, Sequence: l.set.sequence}
		if dir != "" {
			p, err := createPcap(pcapPath(dir, w.Name))
			if err != nil {
				return err
			}
			l.captures = append(l.captures, p)
			cfg.Capture = p.frame
		}
		l.wires = append(l.wires, netvirtual.NewWire(cfg))
	}
	return nil
}

// sharedReader lets the parts of a node draw from one source at once.
type sharedReader struct {
	mu sync.Mutex
	r  io.Reader
}

func (s *sharedReader) Read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return io.ReadFull(s.r, b)
}

// Clock is the lab's time.
func (l *Lab) Clock() *env.Clock { return l.set.Clock }

// Wire finds a wire by its name, or nil.
func (l *Lab) Wire(name string) *netvirtual.Wire {
	for _, w := range l.wires {
		if w.Name() == name {
			return w
		}
	}
	return nil
}

// Node finds a router by its name, or nil.
func (l *Lab) Node(name string) *Node {
	for _, n := range l.nodes {
		if n.plan.Name == name {
			return n
		}
	}
	return nil
}

// Nodes lists the routers in the order of the topology.
func (l *Lab) Nodes() []*Node { return append([]*Node(nil), l.nodes...) }

// Boot switches every router on: first all of them with the lines of their
// NODE.exec, side by side, because keys take time to make; then their
// configurations, one after the other.
func (l *Lab) Boot(ctx context.Context) error {
	errs := make([]error, len(l.nodes))
	var wg sync.WaitGroup
	for i, n := range l.nodes {
		wg.Go(func() { errs[i] = n.powerOn(ctx) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, n := range l.nodes {
		n.load(ctx)
	}
	return ctx.Err()
}

// settlePoll is how often Settle looks, lab time.
const settlePoll = 20 * time.Millisecond

// Settle waits until every complete member has registered or failed once, at
// most limit of lab time. Running out of it is no error.
func (l *Lab) Settle(ctx context.Context, limit time.Duration) error {
	end := l.set.Clock.Now().Add(limit)
	for !l.settled() && l.set.Clock.Now().Before(end) {
		if err := l.set.Clock.Sleep(ctx, settlePoll); err != nil {
			return err
		}
	}
	return nil
}

func (l *Lab) settled() bool {
	for _, n := range l.nodes {
		if d, _ := n.device(); d != nil && !d.Settled() {
			return false
		}
	}
	return true
}

// Link cuts or heals what joins a and b: the links between two routers, or a
// router's connection to a shared segment.
func (l *Lab) Link(a, b string, up bool) error {
	wires := l.Topology.between(a, b)
	if len(wires) == 0 {
		return fmt.Errorf("no wire between %s and %s", a, b)
	}
	for _, i := range wires {
		plan := l.Topology.Wires[i]
		if !plan.Shared {
			l.wires[i].SetUp(up)
			continue
		}
		for _, e := range plan.Ends {
			if e.Node == a || e.Node == b {
				l.mu.Lock()
				l.cut[e] = !up
				l.mu.Unlock()
				l.Node(e.Node).plug(e, up)
			}
		}
	}
	return nil
}

func (l *Lab) isCut(e End) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cut[e]
}

// Close switches everything off and completes the captures.
func (l *Lab) Close() error {
	l.cancel()
	l.reloads.Wait()
	var errs []error
	for _, n := range l.nodes {
		if err := n.Crash(); err != nil && !errors.Is(err, errOff) {
			errs = append(errs, err)
		}
	}
	for _, p := range l.captures {
		errs = append(errs, p.close())
	}
	if l.keys != nil {
		errs = append(errs, l.keys.close())
	}
	return errors.Join(errs...)
}
