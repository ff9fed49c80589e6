package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"coterie/cli"
	"coterie/cli/term"
)

// console is one keyboard and screen for all routers: one of them has it at a
// time. Each router's session keeps its mode while another is looked at.
type console struct {
	lab    *Lab
	reader term.LineReader
	first  string
	boot   io.Writer // shows the log until there is a reader; nil: nowhere

	mu      sync.Mutex
	target  string // of `connect`, until the switch
	current string // router whose console is shown; "" before the first
	seated  int    // boot whose session is open and shows its log itself; 0: none
}

// log shows what a router logs at its console while it has no session there,
// because it boots.
func (c *console) log(node, line string) {
	_, boot := c.lab.Node(node).device()
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.seated == boot || node != cmp.Or(c.current, c.first):
	case c.current == "":
		fmt.Fprintln(c.boot, line)
	default:
		c.reader.Async(line)
	}
}

// show notes whose console is shown, and the boot that its session is of.
func (c *console) show(node string, boot int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current, c.seated = node, boot
}

// seat is a router's session at the console.
type seat struct {
	session session
	boot    int // of the device it is a session of
}

// connect notes where `connect` wants to go.
func (c *console) connect(node string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.target = node
	return nil
}

func (c *console) takeTarget() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.target
	c.target = ""
	return t
}

// run shows consoles until the user leaves, which is no error.
func (c *console) run(ctx context.Context) error {
	seats := make(map[string]seat)
	defer func() {
		for _, s := range seats {
			s.session.Close()
		}
	}()
	current := c.first
	for {
		n := c.lab.Node(current)
		s, off, err := c.sit(ctx, n, seats)
		if err != nil {
			return leaving(ctx, err)
		}
		err = runUntil(ctx, off, s.session.Run)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, cli.ErrEscape):
			next := c.takeTarget()
			if next == "" {
				if next, err = c.ask(ctx, current); err != nil {
					return leaving(ctx, err)
				}
			}
			current = next
		case isClosed(off): // it reloads: wait for it
		default:
			return leaving(ctx, err)
		}
	}
}

// leaving tells the ways to leave from failures.
func leaving(ctx context.Context, err error) error {
	if ctx.Err() != nil || errors.Is(err, cli.ErrQuit) || errors.Is(err, cli.ErrInterrupted) ||
		errors.Is(err, term.ErrInterrupt) || errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// sit finds the router's session, or opens one when it is on; off is closed
// when the router goes off.
func (c *console) sit(ctx context.Context, n *Node, seats map[string]seat) (seat, <-chan struct{}, error) {
	for {
		n.mu.Lock()
		dev, loaded, boot, off := n.dev, n.loaded, n.boots, n.off
		n.mu.Unlock()
		s, ok := seats[n.Name()]
		if !loaded {
			c.show(n.Name(), 0)
			if err := c.lab.Clock().Sleep(ctx, settlePoll); err != nil {
				return seat{}, nil, err
			}
			continue
		}
		if ok && s.boot == boot {
			c.show(n.Name(), boot)
			return s, off, nil
		}
		if ok {
			s.session.Close()
		}
		s = seat{dev.Open(cli.Config{Reader: c.reader, Line: "console", Level: privileged}), boot}
		seats[n.Name()] = s
		c.show(n.Name(), boot)
		return s, off, nil
	}
}

// runUntil runs f under a context that ends when off is closed.
func runUntil(ctx context.Context, off <-chan struct{}, f func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-off:
			cancel()
		case <-ctx.Done():
		}
	}()
	err := f(ctx)
	cancel()
	<-ended
	return err
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// ask asks which console to change to; an empty answer stays.
func (c *console) ask(ctx context.Context, current string) (string, error) {
	names := c.lab.Topology.Names()
	fmt.Fprintf(c.reader, "\nConsoles: %s\n", strings.Join(names, " "))
	for {
		line, err := c.reader.ReadLine(ctx, "Connect to ["+current+"]: ", term.Options{})
		if err != nil {
			return "", err
		}
		answer := strings.TrimSpace(line.Text)
		if answer == "" {
			return current, nil
		}
		if name := c.lab.find(answer); name != "" {
			return name, nil
		}
		fmt.Fprintf(c.reader, "%% There is no %s in this lab\n", answer)
	}
}
