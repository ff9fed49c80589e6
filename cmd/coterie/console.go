package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"

	"coterie/appliance"
	"coterie/cli/sshd"
	"coterie/cli/term"
)

const consoleUsage = `Usage: coterie console [-state DIR]

Attaches to the console of the appliance that runs from DIR. 'exit' in the exec
mode leaves it, and so does Ctrl-^ x (Ctrl-Shift-6, then x) at any time. Lines
from a pipe are typed one after another.

`

func runConsole(ctx context.Context, args []string, stdin *os.File, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("coterie console", flag.ContinueOnError)
	fs.SetOutput(stderr)
	state := fs.String("state", defaultState(), "the `DIR` that the appliance runs from")
	fs.Usage = func() {
		io.WriteString(stderr, consoleUsage)
		fs.PrintDefaults()
	}
	if status, ok := parse(fs, args); !ok {
		return status
	}
	if fs.NArg() > 0 {
		fmt.Fprintf(stderr, "coterie console: what is %q?\n", fs.Arg(0))
		return exitUsage
	}
	if err := attach(ctx, *state, stdin, stdout); err != nil && ctx.Err() == nil {
		fmt.Fprintf(stderr, "coterie console: %v\n", err)
		return exitFailed
	}
	return exitOK
}

// attach is a session at the console.
func attach(ctx context.Context, state string, stdin *os.File, stdout io.Writer) error {
	conn, err := net.Dial("unix", appliance.ConsoleSocket(state))
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("no appliance runs from %s; 'coterie run -state %s' starts one", state, state)
	case err != nil:
		return err
	}
	t := sshd.Terminal{In: stdin, Out: stdout}
	out, isFile := stdout.(*os.File)
	if isFile && term.IsTTY(stdin) && term.IsTTY(out) {
		tty, err := term.OpenTTY(stdin, out)
		if err != nil {
			return errors.Join(err, conn.Close())
		}
		defer tty.Restore()
		var stop func()
		t.Size = tty.Size
		t.Resized, stop = resized()
		defer stop()
	}
	return sshd.Attach(ctx, conn, t)
}

// resized tells of each SIGWINCH, until stop.
func resized() (told <-chan struct{}, stop func()) {
	signals := make(chan os.Signal, 1)
	out := make(chan struct{}, 1)
	done := make(chan struct{})
	signal.Notify(signals, syscall.SIGWINCH)
	go func() {
		for {
			select {
			case <-signals:
				select {
				case out <- struct{}{}:
				default:
				}
			case <-done:
				return
			}
		}
	}()
	return out, func() {
		signal.Stop(signals)
		close(done)
	}
}
