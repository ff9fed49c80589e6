package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"coterie/cli"
	"coterie/cli/grammar"
	"coterie/cli/term"
	"coterie/internal/syslog"
	"coterie/netdev"
	netvirtual "coterie/netdev/virtual"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeDevice stands in for an appliance: it understands a few words, and sets
// its first address from a line `address A.B.C.D/N` of its configuration.
type fakeDevice struct {
	node  *Node
	stack *netvirtual.Stack
	exec  grammar.Mode

	mu          sync.Mutex
	settled     time.Time
	subscribers []func(syslog.Record)
	closed      bool
}

func makeFake(n *Node, stack *netvirtual.Stack) (device, error) {
	if n.Name() == "BROKEN" {
		return nil, errors.New("no power")
	}
	d := &fakeDevice{node: n, stack: stack}
	d.settled = n.lab.Clock().Now().Add(3 * time.Second)
	return d, nil
}

func (d *fakeDevice) Boot(_ context.Context, text string) (errs []grammar.LineError) {
	if saved, err := d.node.files.Read("startup-config"); err == nil {
		text = string(saved)
	}
	number := 0
	for line := range strings.Lines(text) {
		number++
		f := strings.Fields(line)
		switch {
		case len(f) == 2 && f[0] == "address":
			d.stack.Configure(netdev.InterfaceConfig{Name: "Ethernet0/0", Addresses: []netip.Prefix{netip.MustParsePrefix(f[1])}})
		case len(f) == 1 && f[0] == "bad":
			errs = append(errs, grammar.LineError{Number: number, Text: line, Err: errors.New("% Invalid input")})
		}
	}
	d.log("booted")
	return errs
}

func (d *fakeDevice) Exec() *grammar.Mode { return &d.exec }
func (d *fakeDevice) Settled() bool       { return !d.node.lab.Clock().Now().Before(d.settled) }

func (d *fakeDevice) Subscribe(f func(syslog.Record)) func() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.subscribers = append(d.subscribers, f)
	return func() {}
}

func (d *fakeDevice) log(text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.subscribers {
		f(syslog.Record{Time: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), Message: syslog.Message{Line: "LOG " + text}})
	}
}

func (d *fakeDevice) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return errors.New("closed twice")
	}
	d.closed = true
	return d.stack.Close()
}

func (d *fakeDevice) Open(cfg cli.Config) session { return &fakeSession{d: d, cfg: cfg, mode: ""} }

type fakeSession struct {
	d      *fakeDevice
	cfg    cli.Config
	mode   string
	escape bool
	closed bool
}

func (s *fakeSession) Prompt() string { return s.d.node.Name() + s.mode + "#" }
func (s *fakeSession) Close()         { s.closed = true }

// Run reads lines from the console until the user leaves.
func (s *fakeSession) Run(ctx context.Context) error {
	for {
		line, err := s.cfg.Reader.ReadLine(ctx, s.Prompt(), term.Options{})
		if err != nil {
			return err
		}
		s.escape = false
		if err := s.Execute(ctx, line.Text, s.cfg.Reader, nil); errors.Is(err, cli.ErrQuit) || ctx.Err() != nil {
			return err
		}
		if s.escape {
			return cli.ErrEscape
		}
	}
}

func (s *fakeSession) Execute(ctx context.Context, line string, out io.Writer, input cli.LineSource) error {
	if s.closed {
		return errors.New("used after Close")
	}
	word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	switch word {
	case "":
	case "echo":
		fmt.Fprintln(out, rest)
	case "level":
		fmt.Fprintln(out, s.cfg.Line, s.cfg.Level)
	case "time":
		fmt.Fprintln(out, s.d.node.lab.Clock().Now().Sub(s.d.settled).Round(time.Millisecond))
	case "mode":
		s.mode = rest
	case "log":
		s.d.log(rest)
	case "slow": // half a row, a log line, the other half
		io.WriteString(out, "!!!")
		s.d.log("in between")
		io.WriteString(out, "!!\nend")
	case "work":
		if err := s.d.node.lab.Clock().Sleep(ctx, time.Minute); err != nil {
			return err
		}
		fmt.Fprintln(out, "worked")
	case "ask":
		for {
			answer, ok := input.NextLine()
			if !ok || answer == "." {
				return nil
			}
			fmt.Fprintf(out, "Name: %s\n", answer)
		}
	case "save":
		s.d.node.files.Write("startup-config", []byte(rest))
	case "ping":
		r, err := s.d.stack.Probe(ctx, netdev.Probe{Target: netip.MustParseAddr(rest), Size: 100})
		if err != nil {
			return err
		}
		fmt.Fprintln(out, map[netdev.ProbeOutcome]string{netdev.ProbeReply: "!"}[r.Outcome]+".")
	case "reload":
		s.d.node.reload()
	case "connect":
		if err := s.d.node.lab.set.Connect(rest); err != nil {
			return err
		}
		s.escape = true
	case "exit":
		return cli.ErrQuit
	default:
		fmt.Fprintln(out, "% Invalid input detected at '^' marker.")
		return errors.New("% Invalid input detected at '^' marker.")
	}
	return nil
}
