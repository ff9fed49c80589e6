package sshd

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"coterie/cli"
)

// Config is what a Server is made of.
type Config struct {
	// HostKeys are asked for at each connection, so that a new key counts at
	// once. At least one.
	HostKeys func() ([]crypto.Signer, error)
	Shell    cli.Shell
	// Auth decides over the peers of a network.
	Auth cli.Authenticator
	// Banner, when set, is shown before the login (RFC 4252 section 5.4).
	Banner func() string
	// Trust, instead of Auth, makes the server a console: it knows a peer by
	// its connection.
	Trust  func(net.Conn) (cli.Login, error)
	Limits Limits
}

// Limits of a server; a zero field has the default.
type Limits struct {
	// Handshakes is how many connections may be without a login, 64, and
	// PerSource how many of them from one address, 16.
	Handshakes, PerSource int
	// Connections is how many may be logged in, 32: twice the lines that a
	// device has for them, so that who finds those busy can be told.
	Connections int
	// Grace is how long a login may take, 120 s (`ip ssh time-out`).
	Grace time.Duration
	// Tries is how many passwords a connection may offer, 3 (`ip ssh
	// authentication-retries`).
	Tries int
	// Linger is how long a connection may be open without a shell or a
	// command, 60 s.
	Linger time.Duration
}

// Defaults of Limits.
const (
	defaultHandshakes  = 64
	defaultPerSource   = 16
	defaultConnections = 32
	defaultGrace       = 120 * time.Second
	defaultTries       = 3
	defaultLinger      = 60 * time.Second
)

// goodbye is how long a closing server waits for the last words of a session.
const goodbye = time.Second

// version is how the server names itself (RFC 4253 section 4.2).
const version = "SSH-2.0-Coterie"

func (l Limits) withDefaults() Limits {
	set := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	set(&l.Handshakes, defaultHandshakes)
	set(&l.PerSource, defaultPerSource)
	set(&l.Connections, defaultConnections)
	set(&l.Tries, defaultTries)
	if l.Grace == 0 {
		l.Grace = defaultGrace
	}
	if l.Linger == 0 {
		l.Linger = defaultLinger
	}
	return l
}

// Server serves the connections of any number of listeners.
type Server struct {
	cfg    Config
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu          sync.Mutex
	closed      bool
	listeners   map[net.Listener]struct{}
	connections map[*connection]struct{}
	handshakes  map[netip.Addr]int // connections without a login, by source
	waiting     int                // sum of handshakes
}

// New makes a server; Serve gives it listeners.
func New(cfg Config) *Server {
	cfg.Limits = cfg.Limits.withDefaults()
	s := &Server{
		cfg: cfg, listeners: make(map[net.Listener]struct{}),
		connections: make(map[*connection]struct{}), handshakes: make(map[netip.Addr]int),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Serve accepts connections until l or the server is closed, which is no
// error. It closes l.
func (s *Server) Serve(l net.Listener) error {
	defer l.Close()
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.listeners[l] = struct{}{}
	s.work.Add(1)
	s.mu.Unlock()
	defer s.work.Done()
	defer func() {
		s.mu.Lock()
		delete(s.listeners, l)
		s.mu.Unlock()
	}()
	pause := 5 * time.Millisecond
	for {
		c, err := l.Accept()
		switch {
		case errors.Is(err, net.ErrClosed) || s.ctx.Err() != nil:
			if err == nil {
				c.Close()
			}
			return nil
		case err != nil: // out of descriptors, say: it may pass
			if !s.sleep(pause) {
				return nil
			}
			pause = min(2*pause, time.Second)
			continue
		}
		pause = 5 * time.Millisecond
		s.accept(c)
	}
}

// sleep is false when the server is closed meanwhile.
func (s *Server) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.ctx.Done():
		return false
	}
}

// accept starts to serve a connection, unless too many are without a login.
func (s *Server) accept(nc net.Conn) {
	c := &connection{server: s, net: nc, from: source(nc)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.waiting >= s.cfg.Limits.Handshakes || s.handshakes[c.from] >= s.cfg.Limits.PerSource {
		nc.Close()
		return
	}
	s.waiting++
	s.handshakes[c.from]++
	s.connections[c] = struct{}{}
	s.work.Go(c.serve)
}

// loggedIn takes a connection off those without a login, and tells whether
// there is room for it among the others.
func (s *Server) loggedIn(c *connection) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting--
	if s.handshakes[c.from]--; s.handshakes[c.from] == 0 {
		delete(s.handshakes, c.from)
	}
	return len(s.connections)-s.waiting <= s.cfg.Limits.Connections
}

func (s *Server) forget(c *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.connections, c)
}

// Close ends every session and waits until nothing is left.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	for l := range s.listeners {
		l.Close()
	}
	connections := make([]*connection, 0, len(s.connections))
	for c := range s.connections {
		connections = append(connections, c)
	}
	s.mu.Unlock()
	s.cancel() // sessions say goodbye
	for _, c := range connections {
		c.end()
	}
	s.work.Wait()
	return nil
}

// source is the address of a peer; invalid over a unix socket.
func source(c net.Conn) netip.Addr {
	p, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return p.Addr().Unmap()
}

// signers are the host keys as the library wants them. RSA signs with SHA-2
// only (RFC 8332).
func (s *Server) signers() ([]ssh.Signer, error) {
	keys, err := s.cfg.HostKeys()
	if err != nil {
		return nil, err
	}
	var out []ssh.Signer
	for _, k := range keys {
		signer, err := ssh.NewSignerFromSigner(k)
		if err != nil {
			return nil, fmt.Errorf("host key: %w", err)
		}
		if a, ok := signer.(ssh.AlgorithmSigner); ok && signer.PublicKey().Type() == ssh.KeyAlgoRSA {
			if signer, err = ssh.NewSignerWithAlgorithms(a, []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}); err != nil {
				return nil, fmt.Errorf("host key: %w", err)
			}
		}
		out = append(out, signer)
	}
	if len(out) == 0 {
		return nil, errors.New("no host key")
	}
	return out, nil
}
