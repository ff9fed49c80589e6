package sshd

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"coterie/cli"
)

// Bounds of one connection: sessions, and channels with those that the peer
// has not closed yet.
const (
	sessionsPerConnection = 16
	channelsPerConnection = 2 * sessionsPerConnection
)

// connection is one peer.
type connection struct {
	server *Server
	net    net.Conn
	from   netip.Addr
	login  cli.Login

	mu       sync.Mutex
	channels int         // that one side or both have not closed
	sessions int         // of those, not over
	running  int         // of those, with a shell or a command
	ending   bool        // no new ones
	linger   *time.Timer // closes a connection where nothing runs
}

// serve runs a connection to its end.
func (c *connection) serve() {
	s := c.server
	defer s.forget(c)
	defer c.net.Close()
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()

	conn, channels, requests, err := c.handshake(ctx)
	room := s.loggedIn(c)
	if err != nil {
		return
	}
	if !room {
		c.end()
	}
	var work sync.WaitGroup
	defer work.Wait()
	defer cancel()
	work.Go(func() { answer(requests) })
	c.mu.Lock()
	c.linger = time.AfterFunc(s.cfg.Limits.Linger, c.idle)
	c.mu.Unlock()
	defer c.linger.Stop()
	for request := range channels {
		switch {
		case request.ChannelType() != "session":
			request.Reject(ssh.UnknownChannelType, "only sessions are served here")
			continue
		case !c.take():
			request.Reject(ssh.ResourceShortage, "too many sessions")
			continue
		}
		ch, requests, err := request.Accept()
		if err != nil {
			c.give(false)
			continue
		}
		work.Go(func() { c.session(ctx, ch, requests) })
	}
	conn.Close()
}

// answer says no to global requests, which is what a keepalive asks for.
func answer(requests <-chan *ssh.Request) {
	for r := range requests {
		if r.WantReply {
			r.Reply(false, nil)
		}
	}
}

// handshake is key exchange and login, both within the time of grace.
func (c *connection) handshake(ctx context.Context) (*ssh.ServerConn, <-chan ssh.NewChannel, <-chan *ssh.Request, error) {
	cfg, err := c.config(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	c.net.SetDeadline(time.Now().Add(c.server.cfg.Limits.Grace))
	conn, channels, requests, err := ssh.NewServerConn(c.net, cfg)
	if err != nil {
		return nil, nil, nil, err
	}
	c.net.SetDeadline(time.Time{})
	var ok bool
	if c.login, ok = login(conn); !ok {
		conn.Close()
		return nil, nil, nil, cli.ErrDenied
	}
	return conn, channels, requests, nil
}

// take counts a channel in.
func (c *connection) take() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending || c.sessions >= sessionsPerConnection || c.channels >= channelsPerConnection {
		return false
	}
	c.channels++
	c.sessions++
	return true
}

// begin counts a session that runs something: while there is one, the
// connection stays.
func (c *connection) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending {
		return false
	}
	c.running++
	c.linger.Stop()
	return true
}

// over counts it out. Its channel is still there, for the peer to close.
func (c *connection) over() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sessions--
	if c.running--; c.running == 0 && !c.ending {
		c.linger.Reset(c.server.cfg.Limits.Linger)
	}
}

// give counts out a channel that both sides have closed, and its session
// unless that began.
func (c *connection) give(began bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !began {
		c.sessions--
	}
	if c.channels--; c.channels == 0 && c.ending {
		c.net.Close()
	}
}

// idle ends a connection where nothing has run for long.
func (c *connection) idle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running == 0 {
		c.endLocked()
	}
}

// end closes the connection when its sessions are over, which they have
// been told to be, and their channels closed, or after a moment anyway.
func (c *connection) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endLocked()
}

func (c *connection) endLocked() {
	c.ending = true
	if c.channels == 0 {
		c.net.Close()
		return
	}
	time.AfterFunc(goodbye, func() { c.net.Close() })
}
