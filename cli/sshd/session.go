package sshd

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"coterie/cli"
	"coterie/cli/term"
)

// Requests of a session channel: RFC 4254 sections 6.2, 6.5 and 6.7.
type (
	ptyRequest struct {
		Term                         string
		Columns, Rows, Width, Height uint32
		Modes                        string
	}
	windowChange struct{ Columns, Rows, Width, Height uint32 }
	execRequest  struct{ Command string }
	exitStatus   struct{ Status uint32 }
)

// longestSide bounds what a peer may say of its window.
const longestSide = 1 << 14

// session is one channel of a connection.
type session struct {
	c       *connection
	channel ssh.Channel
	out     *outbox
	pty     bool

	columns, rows atomic.Int32
	resized       atomic.Pointer[term.Terminal] // to be told of a new size
	lastInput     atomic.Int64                  // nanoseconds since 1970
}

// program is what a session runs: it returns an exit status, and hangup ends
// its context from this side.
type program func(ctx context.Context, hangup func()) uint32

// session serves a channel until the peer and we have closed it.
func (c *connection) session(ctx context.Context, channel ssh.Channel, requests <-chan *ssh.Request) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &session{c: c, channel: channel}
	var running chan struct{}
	start := func(run program) {
		running = make(chan struct{})
		s.lastInput.Store(time.Now().UnixNano())
		s.out = newOutbox(channel)
		go func() {
			defer close(running)
			s.run(ctx, run)
		}()
	}
	for r := range requests {
		ok := false
		var begin program // after the answer, which must come first
		switch r.Type {
		case "pty-req":
			var p ptyRequest
			if ok = running == nil && ssh.Unmarshal(r.Payload, &p) == nil; ok {
				s.pty = true
				s.resize(p.Columns, p.Rows)
			}
		case "window-change":
			var w windowChange
			if ok = ssh.Unmarshal(r.Payload, &w) == nil; ok {
				s.resize(w.Columns, w.Rows)
			}
		case "shell":
			if ok = running == nil && c.begin(); ok {
				begin = s.shell
			}
		case "exec":
			var e execRequest
			if ok = running == nil && ssh.Unmarshal(r.Payload, &e) == nil && c.begin(); ok {
				begin = func(ctx context.Context, hangup func()) uint32 { return s.command(ctx, hangup, e.Command) }
			}
		}
		// env, subsystem, signal, break and whatever else there is: no.
		if r.WantReply {
			r.Reply(ok, nil)
		}
		if begin != nil {
			start(begin)
		}
	}
	cancel() // the peer has closed the channel, or the connection is gone
	channel.Close()
	if running != nil {
		<-running
		<-s.out.done
	}
	c.give(running != nil)
}

// run runs a program and says goodbye. A peer that takes nothing any more does
// not keep it: what is left then goes with the connection, which lingers.
func (s *session) run(ctx context.Context, run program) {
	ctx, hangup := context.WithCancel(ctx)
	context.AfterFunc(ctx, func() { s.out.abandonAfter(goodbye) })
	status := run(ctx, hangup)
	hangup()
	sent := s.out.finish()
	s.c.over()
	if sent {
		s.channel.SendRequest("exit-status", false, ssh.Marshal(exitStatus{status}))
	}
	s.channel.Close()
}

func (s *session) resize(columns, rows uint32) {
	s.columns.Store(int32(min(columns, longestSide)))
	s.rows.Store(int32(min(rows, longestSide)))
	if t := s.resized.Load(); t != nil {
		t.Resized()
	}
}

func (s *session) size() (columns, rows int) { return int(s.columns.Load()), int(s.rows.Load()) }

func (s *session) caller(hangup func()) cli.Caller {
	return cli.Caller{
		Login: s.c.login, Console: s.c.server.cfg.Trust != nil, From: s.c.from, Hangup: hangup,
		LastInput: func() time.Time { return time.Unix(0, s.lastInput.Load()) },
	}
}

// Read and Write make a session the peer of a terminal.
func (s *session) Read(p []byte) (int, error) {
	n, err := s.channel.Read(p)
	if n > 0 {
		s.lastInput.Store(time.Now().UnixNano())
	}
	return n, err
}

func (s *session) Write(p []byte) (int, error) { return s.out.Write(p) }

// shell runs a session at the peer's terminal. Without one its lines are
// echoed, so that what the peer gets reads like a session.
func (s *session) shell(ctx context.Context, hangup func()) uint32 {
	peer := struct {
		io.Reader
		io.Writer
	}{s, s}
	var r term.LineReader
	if s.pty {
		t := term.NewTerminal(term.Config{Peer: peer, Size: s.size})
		s.resized.Store(t)
		r = t
	} else {
		r = term.NewPlain(s, s, true)
	}
	s.c.server.cfg.Shell.Serve(ctx, s.caller(hangup), r)
	r.Close() // its reading goroutine ends with the channel
	return 0
}

// command runs an exec request: its first line, and the lines behind it and
// then those of the peer for the dialogs.
func (s *session) command(ctx context.Context, hangup func(), text string) uint32 {
	first, more, _ := strings.Cut(strings.TrimRight(text, "\r\n"), "\n")
	if more != "" {
		more += "\n"
	}
	input := &lines{ctx: ctx, more: bufio.NewScanner(io.MultiReader(strings.NewReader(more), s))}
	var out io.Writer = s
	if s.pty {
		out = crlf{s}
	}
	if err := s.c.server.cfg.Shell.Command(ctx, s.caller(hangup), strings.TrimSuffix(first, "\r"), input, out); err != nil {
		return 1
	}
	return 0
}

// lines is a cli.LineSource of the peer's input.
type lines struct {
	ctx  context.Context // of the command
	more *bufio.Scanner
}

// NextLine waits for the peer; false when it has closed its side, or the
// command is over. Nothing on this side ends a read of the channel, so that
// the last one may stay until the peer closes it.
func (l *lines) NextLine() (string, bool) {
	if l.ctx.Err() != nil {
		return "", false
	}
	next := make(chan string, 1)
	go func() {
		defer close(next)
		if l.more.Scan() {
			next <- strings.TrimSuffix(l.more.Text(), "\r")
		}
	}()
	select {
	case line, ok := <-next:
		return line, ok
	case <-l.ctx.Done():
		return "", false
	}
}

// crlf ends lines as a terminal wants it.
type crlf struct{ w io.Writer }

func (c crlf) Write(p []byte) (int, error) {
	if _, err := c.w.Write(bytes.ReplaceAll(p, []byte("\n"), []byte("\r\n"))); err != nil {
		return 0, err
	}
	return len(p), nil
}
