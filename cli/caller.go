package cli

import (
	"context"
	"io"
	"net/netip"
	"time"

	"coterie/cli/term"
)

// Caller is who came in on a line, and over what.
type Caller struct {
	Login   Login
	Console bool       // the console rather than a virtual terminal
	From    netip.Addr // of the peer; invalid on the console
	// Hangup ends the connection from this side: `clear line`, exec-timeout.
	Hangup func()
	// LastInput is when the peer last sent anything.
	LastInput func() time.Time
}

// A Shell is a device as a server of sessions sees it. It gives each caller a
// line, and takes it back when the call is over.
type Shell interface {
	// Serve runs a session at r until the user leaves, the line is cleared or
	// ctx ends.
	Serve(ctx context.Context, c Caller, r term.LineReader)
	// Command runs one line without a terminal; input answers its dialogs and
	// may be nil. The error is that of the command, whose text out has.
	Command(ctx context.Context, c Caller, line string, input LineSource, out io.Writer) error
}
