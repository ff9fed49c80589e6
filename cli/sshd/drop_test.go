package sshd

import (
	"math"
	"math/rand/v2"
	"net"
	"sync"
	"testing"

	"coterie/cli/sshd/sshtest"
)

// cutter is a connection that breaks after some octets, either way.
type cutter struct {
	net.Conn
	mu   sync.Mutex
	left int
}

func (c *cutter) spend(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left -= n; c.left <= 0 {
		c.Conn.Close()
	}
}

func (c *cutter) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.spend(n)
	return n, err
}

func (c *cutter) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.spend(n)
	return n, err
}

// Two hundred sessions, each dropped somewhere between its first octet and
// the middle of its output: nothing of them stays.
func TestDroppedSessions(t *testing.T) {
	before := sshtest.Descriptors(t)
	f := start(t, Limits{})
	random := rand.New(rand.NewPCG(1, 2))
	const sessions, atOnce = 200, 10
	var work sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for range sessions {
		octets := 1 + random.IntN(9000)
		slots <- struct{}{}
		work.Go(func() {
			defer func() { <-slots }()
			sshtest.Call{
				Address: f.address, User: "admin", Password: "secret", Typed: "who\rsize\rflood\r", Octets: math.MaxInt64,
				Wrap: func(c net.Conn) net.Conn { return &cutter{Conn: c, left: octets} },
			}.Drop()
		})
	}
	work.Wait()
	f.server.Close()
	f.shell.mu.Lock()
	defer f.shell.mu.Unlock()
	for from, n := range f.shell.open {
		if n != 0 {
			t.Errorf("%d sessions of %v are open", n, from)
		}
	}
	if f.shell.most == 0 {
		t.Error("no session was ever open: the test tests nothing")
	}
	f.server.mu.Lock()
	if f.server.waiting != 0 || len(f.server.handshakes) != 0 || len(f.server.connections) != 0 {
		t.Errorf("the server still counts %d, %v, %d", f.server.waiting, f.server.handshakes, len(f.server.connections))
	}
	f.server.mu.Unlock()
	if after := sshtest.Descriptors(t); after > before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}
