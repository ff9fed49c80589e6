package appliance

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"coterie/cli"
	"coterie/cli/sshd"
)

const adminText = `
hostname KS1
enable secret 0 enabled-here
username admin secret 0 admin-password
username boss privilege 15 secret 0 boss-password
line vty 0 4
 login local
 transport input ssh
`

// remoteDevice serves SSH on loopback; its address is empty while it is shut.
type remoteDevice struct {
	*Appliance
	mu      sync.Mutex
	address string
	opened  chan string
}

func serveSSH(t testing.TB, text string) *remoteDevice {
	t.Helper()
	return serveSSHTo(t, device(t, text), nil)
}

// serveSSHTo is serveSSH for the users of auth; nil: of the configuration.
func serveSSHTo(t testing.TB, a *Appliance, auth cli.Authenticator) *remoteDevice {
	t.Helper()
	if auth == nil {
		auth = a
	}
	d := &remoteDevice{Appliance: a, opened: make(chan string, 16)}
	t.Cleanup(d.ServeSSH(auth, sshd.Limits{PerSource: 64}, func() (net.Listener, error) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err == nil {
			d.mu.Lock()
			d.address = l.Addr().String()
			d.mu.Unlock()
			d.opened <- l.Addr().String()
		}
		return l, err
	}))
	return d
}

// await is the address once SSH is open.
func (d *remoteDevice) await(t testing.TB) string {
	t.Helper()
	select {
	case a := <-d.opened:
		return a
	case <-time.After(20 * time.Second):
		t.Fatal("SSH never opened")
		return ""
	}
}

func dial(t testing.TB, address, user, password string) *ssh.Client {
	t.Helper()
	c, err := ssh.Dial("tcp", address, &ssh.ClientConfig{
		User: user, Auth: []ssh.AuthMethod{ssh.Password(password)}, HostKeyCallback: ssh.InsecureIgnoreHostKey(), Timeout: 20 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// screen is a shell with a pty of 24 rows and 511 columns.
type screen struct {
	t   testing.TB
	s   *ssh.Session
	in  io.WriteCloser
	mu  sync.Mutex
	out bytes.Buffer
	end chan error
	new *sync.Cond
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out.Write(p)
	s.new.Broadcast()
	return len(p), nil
}

func shell(t testing.TB, c *ssh.Client) *screen {
	t.Helper()
	session, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	s := &screen{t: t, s: session, end: make(chan error, 1)}
	s.new = sync.NewCond(&s.mu)
	s.s.Stdout = s
	if s.in, err = session.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(session.RequestPty("vt100", 24, 511, nil), session.Shell()); err != nil {
		t.Fatal(err)
	}
	go func() { s.end <- session.Wait() }()
	return s
}

// await gives what is new on the screen once it ends in suffix.
func (s *screen) await(suffix string) string {
	s.t.Helper()
	late := false
	timer := time.AfterFunc(20*time.Second, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		late = true
		s.new.Broadcast()
	})
	defer timer.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for !bytes.HasSuffix(s.out.Bytes(), []byte(suffix)) {
		if late {
			s.t.Fatalf("the screen never ended in %q:\n%q", suffix, s.out.String())
		}
		s.new.Wait()
	}
	text := s.out.String()
	s.out.Reset()
	return text
}

// say types a line and gives what the screen shows up to the next prompt.
func (s *screen) say(line, prompt string) string {
	s.t.Helper()
	io.WriteString(s.in, line+"\r")
	return s.await(prompt)
}

// SSH opens with the first user and shuts with the last.
func TestSSHNeedsSomebody(t *testing.T) {
	d := serveSSH(t, "hostname KS1\n")
	log := watchLog(d.Appliance)
	if err := d.MergeConfig(t.Context(), "username admin privilege 15 secret 0 admin-password\n"); err != nil {
		t.Fatal(err)
	}
	address := d.await(t)
	s := shell(t, dial(t, address, "admin", "admin-password"))
	s.await("KS1#")
	if err := d.MergeConfig(t.Context(), "no username admin\n"); err != nil {
		t.Fatal(err)
	}
	<-s.end // its session ends with it
	if c, err := net.Dial("tcp", address); err == nil {
		c.Close()
		t.Error("the port is open and nobody could log in")
	}
	for _, want := range []string{"%SSH-5-ENABLED: SSH 2.0 has been enabled", "%SSH-5-DISABLED: SSH 2.0 has been disabled"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %q in %v", want, log)
		}
	}
}

func TestSSHSession(t *testing.T) {
	d := serveSSH(t, adminText)
	log := watchLog(d.Appliance)
	c := dial(t, d.await(t), "admin", "admin-password")
	s := shell(t, c)
	if got := s.await("KS1>"); strings.Contains(got, "\x1b") {
		t.Errorf("greeting %q", got)
	}
	if got := s.say("terminal width 511", "KS1>"); got != "terminal width 511\r\nKS1>" {
		t.Errorf("echo %q", got)
	}
	s.say("enable", "Password: ")
	s.say("enabled-here", "KS1#")
	s.say("configure terminal", "KS1(config)#")
	s.say("interface Loopback0", "KS1(config-if)#")
	s.say("end", "KS1#")
	if want := "%SYS-5-CONFIG_I: Configured from console by admin on vty0 (127.0.0.1)"; !strings.Contains(log.String(), want) {
		t.Errorf("no %q in %v", want, log)
	}
	second := shell(t, dial(t, d.open(), "boss", "boss-password"))
	second.await("KS1#")
	got := second.say("show users", "KS1#")
	for _, want := range []string{
		"    Line       User       Host(s)              Idle       Location\r\n",
		"   2 vty 0     admin      idle                 00:00:0",
		"*  3 vty 1     boss       idle                 00:00:00 127.0.0.1\r\n",
		"  Interface    User               Mode         Idle     Peer Address\r\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("show users lacks %q:\n%s", want, got)
		}
	}
	second.say("clear line vty 0", "[confirm]")
	if got := second.say("", "KS1#"); got != "\r\n [OK]\r\nKS1#" {
		t.Errorf("clear line: %q", got)
	}
	<-s.end
	io.WriteString(second.in, "exit\r")
	if err := <-second.end; err != nil {
		t.Errorf("exit: %v", err)
	}
	if list := d.Sessions(); len(list) != 0 {
		t.Errorf("sessions %+v", list)
	}
}

// open is the address of a server that is open already.
func (d *remoteDevice) open() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.address
}

func TestSSHCommands(t *testing.T) {
	d := serveSSH(t, adminText)
	c := dial(t, d.await(t), "boss", "boss-password")
	for _, tt := range []struct {
		line, input, want string
		status            int
	}{
		{line: "show privilege", want: "Current privilege level is 15\n"},
		{line: "show bogus", want: "         ^\n% Invalid input detected at '^' marker.\n\n", status: 1},
		{line: "copy running-config startup-config", input: "\n", want: "Destination filename [startup-config]? \nBuilding configuration...\n[OK]\n"},
		{line: "exit"},
	} {
		s, err := c.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		s.Stdin = strings.NewReader(tt.input)
		out, err := s.Output(tt.line)
		status := 0
		var exit *ssh.ExitError
		if errors.As(err, &exit) {
			status = exit.ExitStatus()
		} else if err != nil {
			t.Errorf("%q: %v", tt.line, err)
		}
		if status != tt.status || !strings.HasSuffix(string(out), tt.want) {
			t.Errorf("%q: status %d\n%q, want %d\n%q", tt.line, status, out, tt.status, tt.want)
		}
	}
}

// There are five lines; the sixth caller is told so, and a line that is left
// is free again.
func TestBusyLines(t *testing.T) {
	d := serveSSH(t, adminText)
	c := dial(t, d.await(t), "boss", "boss-password")
	var open []*screen
	for range 5 {
		s := shell(t, c)
		s.await("KS1#")
		open = append(open, s)
	}
	sixth := shell(t, c)
	<-sixth.end
	if got := sixth.out.String(); got != "% All vty lines are busy; try again later\r\n" {
		t.Errorf("the sixth caller reads %q", got)
	}
	io.WriteString(open[2].in, "exit\r")
	<-open[2].end
	s := shell(t, c)
	s.await("KS1#")
	if got := s.say("show users", "KS1#"); !strings.Contains(got, "*  4 vty 2     boss") {
		t.Errorf("not on the line that was left:\n%s", got)
	}
}

// Sessions that edit different objects at the same time lose no line.
func TestConcurrentEdits(t *testing.T) {
	d := serveSSH(t, adminText+"line vty 5 15\n login local\n")
	c := dial(t, d.await(t), "boss", "boss-password")
	const sessions, lines = 16, 40
	var work sync.WaitGroup
	for i := range sessions {
		s := shell(t, c)
		work.Go(func() {
			s.await("KS1#")
			var b strings.Builder
			fmt.Fprintf(&b, "configure terminal\rip access-list extended ACL%d\r", i)
			for n := range lines {
				fmt.Fprintf(&b, "permit ip host 10.%d.%d.1 any\r", i, n)
			}
			io.WriteString(s.in, b.String()+"end\rexit\r")
			<-s.end
			if strings.Contains(s.out.String(), "%") {
				t.Errorf("session %d: %s", i, s.out.String())
			}
		})
	}
	work.Wait()
	config := d.Config()
	if len(config.AccessLists) != sessions {
		t.Fatalf("%d lists, want %d", len(config.AccessLists), sessions)
	}
	for _, l := range config.AccessLists {
		if len(l.Entries) != lines {
			t.Errorf("%s has %d lines, want %d", l.Name, len(l.Entries), lines)
		}
		for n, e := range l.Entries {
			if got := e.Src.Addr.As4()[2]; int(got) != n {
				t.Errorf("%s: line %d is for 10.x.%d.1", l.Name, n, got)
			}
		}
	}
}
