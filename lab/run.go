package lab

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"coterie/cli/term"
	"coterie/internal/env"
	"coterie/internal/syslog"
)

// Exit statuses.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// settleLimit is how long, in lab time, lines wait for the members.
const settleLimit = 60 * time.Second

// promptLimit is how long, in wall time, a person waits for the members.
const promptLimit = time.Second

// Run is the `coterie lab` command; it returns the exit status.
func Run(ctx context.Context, o Options, stdin io.Reader, stdout, stderr io.Writer) int {
	if o.List {
		return list(stdout, stderr)
	}
	t, err := Find(o.Name)
	if err != nil {
		return fail(stderr, exitUsage, err)
	}
	steps, err := script(o.Sources, t)
	if err != nil {
		return fail(stderr, exitUsage, err)
	}
	if o.KeyLog && o.Pcap == "" {
		return fail(stderr, exitUsage, fmt.Errorf("-keylog writes into the directory of -pcap, which is missing"))
	}
	if o.Speed == 0 {
		o.Speed = 1
	}
	set := Settings{Clock: env.NewClock(o.Speed), Pcap: o.Pcap, KeyLog: o.KeyLog, Version: o.Version}
	if len(o.Sources) > 0 {
		return runScript(ctx, t, set, steps, o.Keep, stdout, stderr)
	}
	return interact(ctx, t, set, o.Speed, stdin, stdout, stderr)
}

func fail(stderr io.Writer, code int, err error) int {
	fmt.Fprintf(stderr, "coterie lab: %v\n", err)
	return code
}

// list prints the embedded labs with the first line of their welcome.
func list(stdout, stderr io.Writer) int {
	for _, name := range Embedded() {
		t, err := Find(name)
		if err != nil {
			return fail(stderr, exitFailed, err)
		}
		about, _, _ := strings.Cut(t.Welcome, ":")
		fmt.Fprintf(stdout, "%-12s %s\n", name, strings.Join(strings.Fields(about), " "))
	}
	return exitOK
}

func runScript(ctx context.Context, t *Topology, set Settings, steps []step, keep bool, stdout, stderr io.Writer) int {
	out := newTranscript(stdout)
	set.Log = func(node string, r syslog.Record) { out.log(node, r.Line()) }
	l, err := New(t, set)
	if err != nil {
		return fail(stderr, exitFailed, err)
	}
	r := &runner{lab: l, out: out, keep: keep, steps: steps}
	err = bootAndSettle(ctx, l, stderr)
	if err == nil {
		err = r.run(ctx)
	}
	if cerr := l.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = out.err
	}
	if err != nil {
		return fail(stderr, exitFailed, err)
	}
	return exitOK
}

// bootAndSettle switches a lab on for a script.
func bootAndSettle(ctx context.Context, l *Lab, stderr io.Writer) error {
	if err := l.Boot(ctx); err != nil {
		return err
	}
	problems(l, stderr)
	return l.Settle(ctx, settleLimit)
}

// problems shows configuration lines that were not accepted.
func problems(l *Lab, w io.Writer) {
	for _, n := range l.Nodes() {
		for _, p := range n.Problems() {
			fmt.Fprintln(w, p)
		}
	}
}

// interact gives a person, or a pipe, the consoles.
func interact(ctx context.Context, t *Topology, set Settings, speed float64, stdin io.Reader, stdout, stderr io.Writer) int {
	in, inFile := stdin.(*os.File)
	out, outFile := stdout.(*os.File)
	person := inFile && outFile && term.IsTTY(in) && term.IsTTY(out)

	c := &console{first: t.firstConsole()}
	set.Connect = c.connect
	if person {
		c.boot = stdout
		set.Log = func(node string, r syslog.Record) { c.log(node, r.Line()) }
	}
	if person {
		io.WriteString(stdout, welcome(t))
	}
	l, err := New(t, set)
	if err != nil {
		return fail(stderr, exitFailed, err)
	}
	c.lab = l
	err = func() error {
		if !person {
			if err := bootAndSettle(ctx, l, stderr); err != nil {
				return err
			}
			c.reader = term.NewPlain(stdin, stdout, true)
			defer c.reader.Close()
			return c.run(ctx)
		}
		if err := l.Boot(ctx); err != nil {
			return err
		}
		problems(l, stdout)
		// Most members register in this time, and then the prompt comes last.
		if err := l.Settle(ctx, time.Duration(float64(promptLimit)*speed)); err != nil {
			return err
		}
		tty, err := term.OpenTTY(in, out)
		if err != nil {
			return err
		}
		defer tty.Restore()
		c.reader = tty.Terminal(true)
		defer c.reader.Close()
		return c.run(ctx)
	}()
	if cerr := l.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fail(stderr, exitFailed, err)
	}
	return exitOK
}

// firstConsole is where a person begins: the first router that is a member, or
// the first of all.
func (t *Topology) firstConsole() string {
	for _, n := range t.Nodes {
		for line := range strings.Lines(n.Config) {
			f := strings.Fields(line)
			if len(f) == 5 && f[0] == "crypto" && f[1] == "map" && f[4] == "gdoi" {
				return n.Name
			}
		}
	}
	return t.Nodes[0].Name
}

// welcome is what a person reads while the routers boot: one screen.
func welcome(t *Topology) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Coterie lab %s\n\n", t.Name)
	if t.Welcome != "" {
		b.WriteString(strings.TrimRight(t.Welcome, "\n") + "\n")
	} else {
		for _, w := range t.Wires {
			kind := "link   "
			if w.Shared {
				kind = "segment"
			}
			fmt.Fprintf(&b, "    %s %s:", kind, w.Name)
			for _, e := range w.Ends {
				fmt.Fprintf(&b, " %v", e)
			}
			b.WriteString("\n")
		}
		b.WriteString("\nThree commands to try: show ip interface brief, show crypto gdoi, connect " + t.Nodes[0].Name + "\n")
	}
	fmt.Fprintf(&b, "\n`connect NODE` or Ctrl-^ x changes the console; `exit` leaves.\nSwitching on %d routers: keys are made, and then the members register.\n\n", len(t.Nodes))
	return b.String()
}
