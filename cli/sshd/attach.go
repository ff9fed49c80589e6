package sshd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"golang.org/x/crypto/ssh"
)

// Terminal is the near end of Attach.
type Terminal struct {
	In  io.Reader
	Out io.Writer
	// Size, when set, makes the far end a terminal of that many columns and
	// rows; nil for a pipe.
	Size func() (columns, rows int)
	// Resized tells that Size has changed. It may be nil.
	Resized <-chan struct{}
}

// escapeFirst and escapeLast are Ctrl-^ x, which leaves the console.
const (
	escapeFirst = 0x1e
	escapeLast  = 'x'
)

// Attach opens a session at the console behind conn, and returns when it is
// over: the far end closed it, the user typed Ctrl-^ x, or ctx ended. It
// closes conn. Attach does not check who is at the other end; the owner of
// the socket must be one that the caller trusts. One goroutine stays in
// In.Read until that returns.
func Attach(ctx context.Context, conn net.Conn, t Terminal) error {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	c, channels, requests, err := ssh.NewClientConn(conn, "console", &ssh.ClientConfig{
		Config: algorithms, User: "console", HostKeyCallback: ssh.InsecureIgnoreHostKey(), ClientVersion: version,
	})
	if err != nil {
		conn.Close()
		return fmt.Errorf("attach to the console: %w", err)
	}
	client := ssh.NewClient(c, channels, requests)
	defer client.Close()
	s, err := client.NewSession()
	if err != nil {
		return fmt.Errorf("attach to the console: %w", err)
	}
	if t.Size != nil {
		columns, rows := t.Size()
		if err := s.RequestPty("vt100", rows, columns, ssh.TerminalModes{}); err != nil {
			return fmt.Errorf("attach to the console: %w", err)
		}
	}
	in, err := s.StdinPipe()
	if err != nil {
		return err
	}
	s.Stdout = t.Out
	if err := s.Shell(); err != nil {
		return fmt.Errorf("attach to the console: %w", err)
	}
	escaped := make(chan struct{})
	go func() {
		defer in.Close()
		if copyKeys(in, t.In, t.Size != nil) {
			close(escaped)
		}
	}()
	over := make(chan error, 1)
	go func() { over <- s.Wait() }()
	for {
		select {
		case err := <-over:
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return ended(err)
		case <-escaped:
			client.Close()
			<-over
			return nil
		case <-t.Resized:
			columns, rows := t.Size()
			s.WindowChange(rows, columns)
		}
	}
}

// ended tells an end that was said from one that was not.
func ended(err error) error {
	var exit *ssh.ExitError
	var missing *ssh.ExitMissingError
	switch {
	case errors.As(err, &missing):
		return errors.New("the appliance has gone")
	case errors.As(err, &exit):
		return nil
	}
	return err
}

// copyKeys sends what is typed until Ctrl-^ x, which it reports, or the end.
func copyKeys(to io.Writer, from io.Reader, escapes bool) (escaped bool) {
	b := make([]byte, 4096)
	armed := false
	for {
		n, err := from.Read(b)
		for i := 0; escapes && i < n; i++ {
			if armed && b[i]|0x20 == escapeLast {
				return true
			}
			armed = b[i] == escapeFirst
		}
		if _, werr := to.Write(b[:n]); werr != nil || err != nil {
			return false
		}
	}
}
