// Package sshtest is the far end of SSH sessions that end badly, for tests of
// what they leave behind.
package sshtest

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// Descriptors counts the open files of the process.
func Descriptors(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// Call is a session that its far end drops.
type Call struct {
	Address, User, Password string

	Typed  string                  // once there is a shell on a terminal
	Octets int64                   // of the screen that are read before it hangs up
	Wrap   func(net.Conn) net.Conn // nil: the connection itself never breaks
}

// Drop lives the session until it has seen enough or its connection breaks,
// wherever that is: what goes wrong here is no failure.
func (c Call) Drop() {
	conn, err := net.Dial("tcp", c.Address)
	if err != nil {
		return
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	if c.Wrap != nil {
		conn = c.Wrap(conn)
	}
	nc, channels, requests, err := ssh.NewClientConn(conn, c.Address, &ssh.ClientConfig{
		User: c.User, Auth: []ssh.AuthMethod{ssh.Password(c.Password)}, HostKeyCallback: ssh.InsecureIgnoreHostKey(),
	})
	if err != nil {
		return
	}
	client := ssh.NewClient(nc, channels, requests)
	var typist sync.WaitGroup
	defer typist.Wait()
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
	typist.Go(func() { io.WriteString(in, c.Typed) })
	io.CopyN(io.Discard, out, c.Octets)
}
