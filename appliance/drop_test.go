package appliance

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"

	"coterie/cli"
)

// anybody may log in, and fast: there are other tests of passwords.
type anybody struct{}

func (anybody) CanLogin() bool { return true }
func (anybody) Authenticate(_ context.Context, k cli.Credentials) (cli.Login, error) {
	return cli.Login{User: k.User, Level: 15}, nil
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// Two hundred sessions that configure, ask and page, each dropped at some
// point: no session, no line, no goroutine and no descriptor stays.
func TestDroppedSessions(t *testing.T) {
	present := goleak.IgnoreCurrent()
	before := descriptors(t)
	t.Run("sessions", func(t *testing.T) {
		d := serveSSHTo(t, device(t, "hostname KS1\nline vty 5 15\n login local\n"), anybody{})
		address := d.await(t)
		random := rand.New(rand.NewPCG(3, 4))
		slots := make(chan struct{}, 8)
		var work sync.WaitGroup
		for range 200 {
			after := random.IntN(6000)
			slots <- struct{}{}
			work.Go(func() {
				defer func() { <-slots }()
				drop(address, after)
			})
		}
		work.Wait()
		deadline := time.Now().Add(20 * time.Second)
		for len(d.Sessions()) > 0 && time.Now().Before(deadline) {
			time.Sleep(time.Millisecond) // until the server has noticed the last
		}
		if left := d.Sessions(); len(left) > 0 {
			t.Errorf("sessions %+v", left)
		}
		shell(t, dial(t, address, "quick", "quick-password")).await("KS1#")
	})
	goleak.VerifyNone(t, present)
	if after := descriptors(t); after > before+2 { // the runtime's own poller
		t.Errorf("%d descriptors, %d before", after, before)
	}
}

// drop lives a session until its screen has shown so many octets.
func drop(address string, after int) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	c, channels, requests, err := ssh.NewClientConn(conn, address, &ssh.ClientConfig{
		User: "quick", Auth: []ssh.AuthMethod{ssh.Password("quick-password")}, HostKeyCallback: ssh.InsecureIgnoreHostKey(),
	})
	if err != nil {
		return
	}
	client := ssh.NewClient(c, channels, requests)
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
	const half = "configure terminal\rinterface Loopback7\rdescription dropped\rdo show users\rend\rcopy running-config startup-config\r\rshow lo?\t\x15show running-config\r"
	go io.WriteString(in, "terminal length 0\r"+strings.Repeat(half, 20)+"terminal length 5\rshow running-config\r")
	io.CopyN(io.Discard, out, int64(after))
}
