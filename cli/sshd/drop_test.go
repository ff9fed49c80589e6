package sshd

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// descriptors counts the open files of the process.
func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

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
	before := descriptors(t)
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
			drop(f.address, octets)
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
	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}

// drop lives a session until its connection breaks.
func drop(address string, octets int) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	nc, channels, requests, err := ssh.NewClientConn(&cutter{Conn: conn, left: octets}, address, &ssh.ClientConfig{
		User: "admin", Auth: []ssh.AuthMethod{ssh.Password("secret")}, HostKeyCallback: ssh.InsecureIgnoreHostKey(),
	})
	if err != nil {
		return
	}
	client := ssh.NewClient(nc, channels, requests)
	defer client.Close()
	s, err := client.NewSession()
	if err != nil {
		return
	}
	in, _ := s.StdinPipe()
	out, _ := s.StdoutPipe()
	if errors.Join(s.RequestPty("vt100", 24, 80, nil), s.Shell()) != nil {
		return
	}
	io.WriteString(in, "who\rsize\rflood\r")
	io.Copy(io.Discard, out)
}
