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

// sessionsPerConnection bounds the channels of one connection.
const sessionsPerConnection = 16

// connection is one peer.
type connection struct {
	server *Server
	net    net.Conn
	from   netip.Addr
	login  cli.Login

	mu     sync.Mutex
	open   int         // sessions
	ending bool        // no new ones
	linger *time.Timer // closes a connection without sessions
}

// serve runs a connection to its end.
func (c *connection) serve() {
	s := c.server
	defer s.forget(c)
	defer c.net.Close()
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()

	conn, channels, requests, err := c.handshake(ctx)
	s.loggedIn(c)
	if err != nil {
		return
	}
	var work sync.WaitGroup
	defer work.Wait()
	defer cancel()
	work.Go(func() { answer(requests) })
	c.mu.Lock()
	c.linger = time.AfterFunc(s.cfg.Limits.Linger, c.end)
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
			c.give()
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

// take counts a session in.
func (c *connection) take() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending || c.open >= sessionsPerConnection {
		return false
	}
	c.open++
	c.linger.Stop()
	return true
}

// give counts a session out.
func (c *connection) give() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
	switch {
	case c.open > 0:
	case c.ending:
		c.net.Close()
	default:
		c.linger.Reset(c.server.cfg.Limits.Linger)
	}
}

// end closes the connection when its sessions are over, which they have
// been told to be, or after a moment anyway.
func (c *connection) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ending = true
	if c.open == 0 {
		c.net.Close()
		return
	}
	time.AfterFunc(goodbye, func() { c.net.Close() })
}
