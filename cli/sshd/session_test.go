package sshd

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ssh"

	"coterie/cli"
	"coterie/cli/term"
)

// silentChannel is one whose peer says nothing any more, not even that it
// closes the channel.
type silentChannel struct {
	ssh.Channel
	full  bool          // it takes no output
	stuck bool          // nor anything else, because its connection is full
	gone  chan struct{} // closed with the connection
}

func (c *silentChannel) Read([]byte) (int, error) {
	<-c.gone
	return 0, io.EOF
}

func (c *silentChannel) Write(p []byte) (int, error) {
	if c.full || c.stuck {
		<-c.gone
		return 0, io.EOF
	}
	return len(p), nil
}

func (c *silentChannel) Close() error {
	if c.stuck {
		<-c.gone
	}
	return nil
}

func (c *silentChannel) SendRequest(string, bool, []byte) (bool, error) { return false, c.Close() }

// loneCommand is a Shell for one command.
type loneCommand struct {
	cli.Shell
	run    func(input cli.LineSource, out io.Writer) error
	caller chan cli.Caller
	over   chan error
}

func (l loneCommand) Serve(context.Context, cli.Caller, term.LineReader) {}

func (l loneCommand) Command(_ context.Context, c cli.Caller, _ string, input cli.LineSource, out io.Writer) error {
	l.caller <- c
	err := l.run(input, out)
	l.over <- err
	return err
}

// A session ends, and later its connection, whatever its peer fails to do.
func TestSilentPeer(t *testing.T) {
	write := func(_ cli.LineSource, out io.Writer) error {
		for {
			if _, err := out.Write(make([]byte, 999)); err != nil {
				return err
			}
		}
	}
	for _, tt := range []struct {
		name   string
		peer   silentChannel
		run    func(cli.LineSource, io.Writer) error
		hangup bool
		want   error
		within time.Duration // of the hang-up
	}{
		{name: "does not close the channel", run: func(_ cli.LineSource, out io.Writer) error {
			_, err := io.WriteString(out, "12:00")
			return err
		}},
		{name: "does not take the last words", peer: silentChannel{full: true}, run: func(_ cli.LineSource, out io.Writer) error {
			_, err := io.WriteString(out, "12:00")
			return err
		}},
		{name: "does not answer", hangup: true, want: io.EOF, run: func(input cli.LineSource, _ io.Writer) error {
			for range 2 {
				if _, ok := input.NextLine(); ok {
					return nil
				}
			}
			return io.EOF
		}},
		{name: "takes no output", peer: silentChannel{full: true}, hangup: true, want: errHungUp, within: goodbye, run: write},
		{name: "takes nothing", peer: silentChannel{stuck: true}, hangup: true, want: errHungUp, within: goodbye, run: write},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				shell := loneCommand{run: tt.run, caller: make(chan cli.Caller, 1), over: make(chan error, 1)}
				near, far := net.Pipe()
				defer near.Close()
				var closed time.Time
				var work sync.WaitGroup
				work.Go(func() {
					io.Copy(io.Discard, far)
					closed = time.Now()
				})
				c := &connection{server: New(Config{Shell: shell}), net: near}
				c.linger = time.AfterFunc(c.server.cfg.Limits.Linger, c.idle)
				peer := tt.peer
				peer.gone = make(chan struct{})
				requests := make(chan *ssh.Request)
				if !c.take() {
					t.Fatal("no room")
				}
				work.Go(func() { c.session(t.Context(), &peer, requests) })
				time.Sleep(time.Second)
				requests <- &ssh.Request{Type: "exec", Payload: ssh.Marshal(execRequest{"show clock"})}
				caller := <-shell.caller
				if tt.hangup {
					time.Sleep(time.Hour) // while it runs
					caller.Hangup()
				}
				time.Sleep(tt.within)
				synctest.Wait()
				select {
				case err := <-shell.over:
					if !errors.Is(err, tt.want) {
						t.Errorf("the command ended with %v, want %v", err, tt.want)
					}
				default:
					t.Error("the command is not over")
				}
				over := time.Now()
				time.Sleep(c.server.cfg.Limits.Linger + 3*goodbye)
				synctest.Wait()
				if closed.Before(over) {
					t.Error("the connection is still there")
				}
				close(peer.gone) // what the library does then
				close(requests)
				near.Close()
				work.Wait()
				if c.channels != 0 || c.sessions != 0 || c.running != 0 {
					t.Errorf("left %d channels, %d sessions, %d running", c.channels, c.sessions, c.running)
				}
			})
		})
	}
}

// A connection has so many sessions, and some more channels that its peer has
// not closed yet.
func TestChannelsOfConnection(t *testing.T) {
	c := &connection{server: New(Config{}), linger: time.NewTimer(time.Hour)}
	defer c.linger.Stop()
	for range sessionsPerConnection {
		if !c.take() || !c.begin() {
			t.Fatal("no room")
		}
	}
	if c.take() {
		t.Error("one session too many")
	}
	for range channelsPerConnection - sessionsPerConnection {
		c.over()
		if !c.take() || !c.begin() {
			t.Fatal("no room where a session is over")
		}
	}
	c.over()
	if c.take() {
		t.Error("one channel too many")
	}
	c.give(true)
	if !c.take() {
		t.Error("no room where a channel is closed")
	}
}
