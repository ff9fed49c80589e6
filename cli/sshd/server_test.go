package sshd

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"

	"coterie/cli"
	"coterie/cli/term"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func key(seed string) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed([]byte(fmt.Sprintf("%-32s", seed)))
}

func signer(t testing.TB, seed string) ssh.Signer {
	t.Helper()
	s, err := ssh.NewSignerFromSigner(key(seed))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// users are who may log in, by password or key.
type users struct {
	passwords map[string]string
	keys      map[string]string // public key in wire format to user

	mu    sync.Mutex
	tried int
}

func (u *users) CanLogin() bool { return true }

func (u *users) Authenticate(_ context.Context, c cli.Credentials) (cli.Login, error) {
	u.mu.Lock()
	u.tried++
	u.mu.Unlock()
	if !c.From.IsLoopback() || c.Line != "vty" {
		return cli.Login{}, fmt.Errorf("from %v on %s", c.From, c.Line)
	}
	if c.PublicKey != nil {
		if name, ok := u.keys[string(c.PublicKey)]; ok {
			return cli.Login{User: name, Level: 15}, nil
		}
		return cli.Login{}, cli.ErrDenied
	}
	if p, ok := u.passwords[c.User]; ok && p == string(c.Password.Reveal()) {
		return cli.Login{User: c.User, Level: 1}, nil
	}
	return cli.Login{}, cli.ErrDenied
}

// toyShell echoes lines and answers a few.
type toyShell struct {
	mu    sync.Mutex
	open  map[netip.Addr]int
	most  int
	gone  chan struct{}   // one for each session that ended
	stuck chan cli.Caller // who has asked for output without end
}

func newToyShell() *toyShell {
	return &toyShell{open: make(map[netip.Addr]int), gone: make(chan struct{}, 1000), stuck: make(chan cli.Caller, 1)}
}

func (s *toyShell) count(from netip.Addr, n int) {
	s.mu.Lock()
	s.open[from] += n
	s.most = max(s.most, s.open[from])
	s.mu.Unlock()
	if n < 0 {
		s.gone <- struct{}{}
	}
}

func (s *toyShell) Serve(ctx context.Context, c cli.Caller, r term.LineReader) {
	s.count(c.From, 1)
	defer s.count(c.From, -1)
	for {
		l, err := r.ReadLine(ctx, "KS1#", term.Options{Help: func(string) {}})
		if err != nil {
			return
		}
		switch l.Text {
		case "who":
			fmt.Fprintf(r, "%s %d %v\n", c.Login.User, c.Login.Level, c.Console)
		case "size":
			columns, rows := r.Size()
			fmt.Fprintln(r, columns, rows)
		case "flood":
			for ctx.Err() == nil {
				if _, err := r.Write(bytes.Repeat([]byte("x"), 999)); err != nil {
					return
				}
			}
		case "stuck":
			s.stuck <- c
			for {
				if _, err := r.Write(bytes.Repeat([]byte("x"), 999)); err != nil {
					return
				}
			}
		case "hangup":
			fmt.Fprintln(r, "cleared")
			c.Hangup()
		case "exit":
			return
		}
	}
}

func (s *toyShell) Command(ctx context.Context, c cli.Caller, line string, input cli.LineSource, out io.Writer) error {
	s.count(c.From, 1)
	defer s.count(c.From, -1)
	switch {
	case strings.HasPrefix(line, "ask"):
		answer, ok := input.NextLine()
		_, err := fmt.Fprintf(out, "answer %q %v\n", answer, ok)
		return err
	case line == "hang":
		<-ctx.Done()
		return ctx.Err()
	case line == "show clock":
		_, err := fmt.Fprintf(out, "12:00 for %s\n", c.Login.User)
		return err
	}
	fmt.Fprintln(out, "% Invalid input detected at '^' marker.")
	return errors.New("invalid")
}

// fixture is a running server.
type fixture struct {
	server  *Server
	shell   *toyShell
	users   *users
	address string
}

func start(t testing.TB, limits Limits) *fixture {
	t.Helper()
	f := &fixture{shell: newToyShell(), users: &users{passwords: map[string]string{"admin": "secret"}, keys: map[string]string{}}}
	f.server = New(Config{
		HostKeys: func() ([]crypto.Signer, error) { return []crypto.Signer{key("host")}, nil },
		Shell:    f.shell, Auth: f.users, Limits: limits,
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.address = l.Addr().String()
	var work sync.WaitGroup
	work.Go(func() {
		if err := f.server.Serve(l); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		f.server.Close()
		work.Wait()
	})
	return f
}

func (f *fixture) client(user string, auth ...ssh.AuthMethod) (*ssh.Client, error) {
	return ssh.Dial("tcp", f.address, &ssh.ClientConfig{
		User: user, Auth: auth, HostKeyCallback: ssh.InsecureIgnoreHostKey(), Timeout: 10 * time.Second,
	})
}

func (f *fixture) admin(t testing.TB) *ssh.Client {
	t.Helper()
	c, err := f.client("admin", ssh.Password("secret"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// typed runs a shell with a pty of 24 rows and 511 columns and gives what came
// back for what was typed.
func typed(t testing.TB, c *ssh.Client, text string) string {
	t.Helper()
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.RequestPty("vt100", 24, 511, ssh.TerminalModes{}); err != nil {
		t.Fatal(err)
	}
	s.Stdin = strings.NewReader(text)
	var out bytes.Buffer
	s.Stdout = &out
	if err := s.Shell(); err != nil {
		t.Fatal(err)
	}
	if err := s.Wait(); err != nil {
		t.Errorf("exit: %v", err)
	}
	return out.String()
}

// The echo is what was typed, CR LF, and nothing else: no escape sequence.
func TestShellEcho(t *testing.T) {
	f := start(t, Limits{})
	got := typed(t, f.admin(t), "terminal width 511\rterminal length 0\nwho\r\nsize\rexit\r")
	want := "KS1#terminal width 511\r\nKS1#terminal length 0\r\nKS1#who\r\nadmin 1 false\r\nKS1#size\r\n511 24\r\nKS1#exit\r\n"
	if got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestWindowChange(t *testing.T) {
	f := start(t, Limits{})
	s, err := f.admin(t).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	in, _ := s.StdinPipe()
	out, _ := s.StdoutPipe()
	if err := errors.Join(s.RequestPty("xterm", 24, 80, nil), s.Shell(), s.WindowChange(50, 132)); err != nil {
		t.Fatal(err)
	}
	s.SendRequest("sync", true, nil) // requests and octets go different ways
	io.WriteString(in, "size\rexit\r")
	b, _ := io.ReadAll(out)
	if !strings.Contains(string(b), "132 50\r\n") {
		t.Errorf("screen %q", b)
	}
}

// Without a pty the lines are echoed and end in LF.
func TestShellWithoutTerminal(t *testing.T) {
	f := start(t, Limits{})
	s, err := f.admin(t).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	s.Stdin = strings.NewReader("who\nsize\n")
	var out bytes.Buffer
	s.Stdout = &out
	if err := errors.Join(s.Shell(), s.Wait()); err != nil {
		t.Fatal(err)
	}
	if want := "KS1#who\nadmin 1 false\nKS1#size\n0 0\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestCommand(t *testing.T) {
	f := start(t, Limits{})
	c := f.admin(t)
	for _, tt := range []struct {
		line, input, want string
		pty               bool
		status            int
	}{
		{line: "show clock", want: "12:00 for admin\n"},
		{line: "show clock", pty: true, want: "12:00 for admin\r\n"},
		{line: "bogus", status: 1, want: "% Invalid input detected at '^' marker.\n"},
		{line: "ask", input: "yes\r\nno\n", want: "answer \"yes\" true\n"},
		{line: "ask\nfrom the command", want: "answer \"from the command\" true\n"},
		{line: "ask", want: "answer \"\" false\n"},
	} {
		s, err := c.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		if tt.pty {
			s.RequestPty("vt100", 24, 80, nil)
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
		if string(out) != tt.want || status != tt.status {
			t.Errorf("%q: %q status %d, want %q status %d", tt.line, out, status, tt.want, tt.status)
		}
	}
}

// Requests that are refused or ignored, and the answer to a keepalive.
func TestRequests(t *testing.T) {
	f := start(t, Limits{})
	c := f.admin(t)
	if ok, _, err := c.SendRequest("keepalive@openssh.com", true, nil); ok || err != nil {
		t.Errorf("keepalive: %v %v, want an answer that says no", ok, err)
	}
	if _, _, err := c.OpenChannel("direct-tcpip", nil); err == nil {
		t.Error("a forwarded connection was accepted")
	}
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	in, _ := s.StdinPipe()
	out, _ := s.StdoutPipe()
	if err := s.Setenv("LANG", "C"); err == nil {
		t.Error("env was accepted")
	}
	if err := s.RequestSubsystem("sftp"); err == nil {
		t.Error("a subsystem was accepted")
	}
	if err := errors.Join(s.RequestPty("vt100", 24, 80, nil), s.Shell()); err != nil {
		t.Fatal(err)
	}
	if ok, err := s.SendRequest("shell", true, nil); ok || err != nil {
		t.Errorf("a second shell: %v %v", ok, err)
	}
	s.Signal(ssh.SIGINT)
	s.SendRequest("break", false, ssh.Marshal(struct{ Length uint32 }{500}))
	io.WriteString(in, "who\rexit\r")
	if b, _ := io.ReadAll(out); !strings.Contains(string(b), "admin 1") {
		t.Errorf("screen %q", b)
	}
}

// unread types text into a shell whose output nobody reads.
func unread(t *testing.T, c *ssh.Client, text string) {
	t.Helper()
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	in, _ := s.StdinPipe()
	if _, err := s.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.RequestPty("vt100", 24, 80, nil), s.Shell()); err != nil {
		t.Fatal(err)
	}
	io.WriteString(in, text)
}

// A slow peer does not keep the server from hanging up.
func TestHangup(t *testing.T) {
	f := start(t, Limits{})
	c := f.admin(t)
	if got := typed(t, c, "hangup\rwho\r"); !strings.Contains(got, "cleared\r\n") || strings.Contains(got, "admin") {
		t.Errorf("screen %q", got)
	}
	<-f.shell.gone
	unread(t, c, "flood\r")
	f.server.Close()
	<-f.shell.gone
}

// Nor does a peer that takes no output keep a line from being cleared.
func TestHangupOfSlowPeer(t *testing.T) {
	f := start(t, Limits{Linger: 50 * time.Millisecond})
	c := f.admin(t)
	unread(t, c, "stuck\r")
	caller := <-f.shell.stuck
	caller.Hangup()
	select {
	case <-f.shell.gone:
	case <-time.After(20 * time.Second):
		t.Error("the session is still there")
	}
	c.Wait() // until the connection has lingered
}

// Console: the unix socket, its owner and the client.
func TestConsole(t *testing.T) {
	l, err := net.Listen("unix", t.TempDir()+"/console")
	if err != nil {
		t.Fatal(err)
	}
	shell := newToyShell()
	s := New(Config{HostKeys: func() ([]crypto.Signer, error) { return []crypto.Signer{key("host")}, nil }, Shell: shell, Trust: Owner})
	var work sync.WaitGroup
	work.Go(func() { s.Serve(l) })
	defer work.Wait()
	defer s.Close()
	attach := func(typed string, pty bool) (string, error) {
		conn, err := net.Dial("unix", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		tt := Terminal{In: strings.NewReader(typed), Out: &out}
		if pty {
			tt.Size = func() (int, int) { return 100, 30 }
		}
		err = Attach(t.Context(), conn, tt)
		return out.String(), err
	}
	if out, err := attach("who\rsize\rexit\r", true); err != nil || out != "KS1#who\r\n 1 true\r\nKS1#size\r\n100 30\r\nKS1#exit\r\n" {
		t.Errorf("console: %q %v", out, err)
	}
	if out, err := attach("who\n", false); err != nil || out != "KS1#who\n 1 true\n" {
		t.Errorf("pipe: %q %v", out, err)
	}
	if _, err := attach("\x1ex", true); err != nil {
		t.Errorf("escape: %v", err)
	}
	for range 3 {
		<-shell.gone
	}
}
