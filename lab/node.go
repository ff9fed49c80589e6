package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"coterie/appliance"
	"coterie/cli"
	"coterie/cli/grammar"
	"coterie/internal/syslog"
	netvirtual "coterie/netdev/virtual"
)

// Node is one router of a lab. Its NVRAM outlives crashes.
type Node struct {
	lab    *Lab
	plan   Plan
	number int // from 1, in its MAC addresses
	files  *nvram
	state  appliance.State // outlives crashes too
	rand   io.Reader

	power sync.Mutex // one switching at a time

	mu       sync.Mutex
	dev      device // nil: off
	plugs    map[End]*netvirtual.Attachment
	cancel   func() // ends the subscription to the log
	ran      bool   // NODE.exec has been run
	loaded   bool   // dev has its configuration
	boots    int
	off      chan struct{} // closed when the present dev goes off
	sess     session       // of Execute
	problems []string      // lines of the configuration that were not accepted

	reloading chan struct{} // closed when the last reload is over
}

// session is what the lab needs of a cli.Session.
type session interface {
	Execute(ctx context.Context, line string, out io.Writer, input cli.LineSource) error
	Run(ctx context.Context) error
	Prompt() string
	Close()
}

// device is what the lab needs of an appliance.
type device interface {
	Boot(ctx context.Context, startup string) []grammar.LineError
	Exec() *grammar.Mode
	Settled() bool
	Subscribe(func(syslog.Record)) (cancel func())
	Open(cli.Config) session
	Close() error
}

// Errors of switching.
var (
	errOff = errors.New("is off")
	errOn  = errors.New("is on already")
)

// Name is the router's name in the topology.
func (n *Node) Name() string { return n.plan.Name }

// Appliance is the device while it is on, or nil.
func (n *Node) Appliance() *appliance.Appliance {
	d, _ := n.device()
	if r, ok := d.(*realDevice); ok {
		return r.Appliance
	}
	return nil
}

// device is the present device, or nil, and the number of its boot.
func (n *Node) device() (device, int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.dev, n.boots
}

// Boot switches the router on; its startup-config is what it last saved, or
// the topology's.
func (n *Node) Boot(ctx context.Context) error {
	if err := n.powerOn(ctx); err != nil {
		return err
	}
	n.load(ctx)
	return nil
}

// powerOn makes the device, plugs its wires and runs NODE.exec the first time.
func (n *Node) powerOn(ctx context.Context) error {
	n.power.Lock()
	defer n.power.Unlock()
	if d, _ := n.device(); d != nil {
		return fmt.Errorf("%s %w", n.Name(), errOn)
	}
	stack, err := netvirtual.New(netvirtual.Config{
		Name: n.Name(), Clock: n.lab.set.Clock, Interfaces: n.ports(), Rand: n.rand,
	})
	if err != nil {
		return fmt.Errorf("%s: %w", n.Name(), err)
	}
	plugs := make(map[End]*netvirtual.Attachment)
	for i, w := range n.lab.Topology.Wires {
		for _, e := range w.Ends {
			if e.Node != n.Name() {
				continue
			}
			a, err := n.lab.wires[i].Attach(stack, e.Port)
			if err != nil {
				return errors.Join(err, stack.Close())
			}
			if n.lab.isCut(e) {
				a.SetUp(false)
			}
			plugs[e] = a
		}
	}
	dev, err := n.lab.set.make(n, stack)
	if err != nil {
		return fmt.Errorf("%s: %w", n.Name(), errors.Join(err, stack.Close()))
	}
	dev.Exec().Add(n.lab.connectCommand())
	n.mu.Lock()
	n.boots++
	n.mu.Unlock()
	cancel := func() {}
	if log := n.lab.set.Log; log != nil {
		cancel = dev.Subscribe(func(r syslog.Record) { log(n.Name(), r) })
	}
	n.mu.Lock()
	n.dev, n.plugs, n.cancel, n.off = dev, plugs, cancel, make(chan struct{})
	first := !n.ran
	n.ran = true
	n.mu.Unlock()
	if first {
		return n.exec(ctx, dev)
	}
	return nil
}

// exec types the lines of NODE.exec.
func (n *Node) exec(ctx context.Context, dev device) error {
	if len(n.plan.Exec) == 0 {
		return nil
	}
	s := dev.Open(cli.Config{Line: "console", Level: privileged})
	defer s.Close()
	rest := cli.Lines(n.plan.Exec)
	for {
		line, ok := rest.NextLine()
		if !ok {
			return nil
		}
		var out strings.Builder
		if err := s.Execute(ctx, line, &out, &rest); err != nil && !errors.Is(err, cli.ErrQuit) {
			return fmt.Errorf("%s: %q: %s", n.plan.ExecFile, line, firstError(out.String(), err))
		}
	}
}

// firstError is the `%` line of a command's output, or else err.
func firstError(out string, err error) string {
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "%") {
			return strings.TrimSpace(line)
		}
	}
	return err.Error()
}

// load boots the device from its configuration.
func (n *Node) load(ctx context.Context) {
	n.power.Lock()
	defer n.power.Unlock()
	dev, _ := n.device()
	if dev == nil {
		return
	}
	file := n.plan.ConfigFile
	if _, err := n.files.Read("startup-config"); err == nil {
		file = n.Name() + " startup-config"
	}
	var problems []string
	for _, e := range dev.Boot(ctx, n.plan.Config) {
		problems = append(problems, fmt.Sprintf("%s:%d: %s: %v", file, e.Number, strings.TrimSpace(e.Text), e.Err))
	}
	n.mu.Lock()
	n.problems, n.loaded = problems, true
	n.mu.Unlock()
}

// Problems lists the lines of the configuration that the last boot did not
// accept, as FILE:LINE: text: error.
func (n *Node) Problems() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.problems
}

// Crash switches the router off as a power failure does.
func (n *Node) Crash() error {
	n.power.Lock()
	defer n.power.Unlock()
	n.mu.Lock()
	dev, cancel := n.dev, n.cancel
	if dev == nil {
		n.mu.Unlock()
		return fmt.Errorf("%s %w", n.Name(), errOff)
	}
	n.dev, n.loaded, n.plugs, n.sess = nil, false, nil, nil // a line may still run in the session, which ends with the device
	close(n.off)
	n.mu.Unlock()
	cancel()
	return dev.Close()
}

// reload is what the device calls for `reload`. It returns at once: the device
// cannot wait for its own end.
func (n *Node) reload() {
	done := make(chan struct{})
	n.mu.Lock()
	n.reloading = done
	n.mu.Unlock()
	n.lab.reloads.Go(func() {
		defer close(done)
		if n.Crash() == nil && n.lab.ctx.Err() == nil {
			n.Boot(n.lab.ctx)
		}
	})
}

// awaitReload waits for the end of a reload that is under way.
func (n *Node) awaitReload(ctx context.Context) {
	n.mu.Lock()
	done := n.reloading
	n.mu.Unlock()
	if done == nil {
		return
	}
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// plug cuts or heals one port's connection to a shared segment.
func (n *Node) plug(e End, up bool) {
	n.mu.Lock()
	a := n.plugs[e]
	n.mu.Unlock()
	if a != nil {
		a.SetUp(up)
	}
}

// privileged is the level of the lab's sessions: nobody locks the consoles.
const privileged = 15

// Execute types one line at the router's console, as a session that keeps its
// mode from line to line, and writes what it shows to out. The error is that
// of the command.
func (n *Node) Execute(ctx context.Context, line string, out io.Writer) error {
	s, err := n.session()
	if err != nil {
		return err
	}
	return n.finish(s, s.Execute(ctx, line, out, nil))
}

// session is the one that Execute and scripts share.
func (n *Node) session() (session, error) {
	n.mu.Lock()
	dev, s := n.dev, n.sess
	n.mu.Unlock()
	switch {
	case dev == nil:
		return nil, fmt.Errorf("%s %w", n.Name(), errOff)
	case s != nil:
		return s, nil
	}
	s = dev.Open(cli.Config{Line: "console", Level: privileged})
	n.mu.Lock()
	n.sess = s
	n.mu.Unlock()
	return s, nil
}

// finish forgets a session that the line ended; `exit` is no error.
func (n *Node) finish(s session, err error) error {
	if !errors.Is(err, cli.ErrQuit) {
		return err
	}
	n.mu.Lock()
	if n.sess == s {
		n.sess = nil
	}
	n.mu.Unlock()
	s.Close()
	return nil
}

// ports are the router's, with addresses as an IOS of its number has them. Such
// an address holds two small numbers: a port whose name comes to the address
// of another one gets one by its place among the ports, from a range of its own.
func (n *Node) ports() []netvirtual.Port {
	var out []netvirtual.Port
	taken := make(map[[6]byte]bool)
	for i, name := range n.plan.Ports {
		var slot, port byte
		digits := strings.IndexAny(name, "0123456789")
		fmt.Sscanf(name[digits:], "%d/%d", &slot, &port)
		mac := [6]byte{0xaa, 0xbb, 0xcc, byte(n.number >> 8), byte(n.number), port<<4 | slot&0xf}
		if taken[mac] {
			mac[2], mac[5] = 0xcd+byte(i>>8), byte(i)
		}
		taken[mac] = true
		out = append(out, netvirtual.Port{Name: name, MAC: mac})
	}
	return out
}
