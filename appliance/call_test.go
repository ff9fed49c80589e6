package appliance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"coterie/cli"
	"coterie/cli/term"
	"coterie/internal/secret"
)

// visitor is a caller with a terminal in memory.
type visitor struct {
	near net.Conn // what the visitor types into and reads
	gone chan struct{}
	mu   sync.Mutex
	out  strings.Builder
	last time.Time
}

func (v *visitor) screen() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.out.String()
}

func (v *visitor) typed(text string) {
	v.mu.Lock()
	v.last = time.Now()
	v.mu.Unlock()
	io.WriteString(v.near, text)
}

// visit opens a session for caller inside of a bubble.
func visit(a *Appliance, caller cli.Caller) *visitor {
	near, far := net.Pipe()
	v := &visitor{near: near, gone: make(chan struct{}), last: time.Now()}
	ctx, cancel := context.WithCancel(context.Background())
	caller.Hangup = cancel
	caller.LastInput = func() time.Time {
		v.mu.Lock()
		defer v.mu.Unlock()
		return v.last
	}
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := near.Read(b)
			v.mu.Lock()
			v.out.Write(b[:n])
			v.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	go func() {
		defer close(v.gone)
		defer cancel()
		t := term.NewTerminal(term.Config{Peer: far})
		defer near.Close()
		defer t.Close()
		a.Serve(ctx, caller, t)
	}()
	synctest.Wait()
	return v
}

func (v *visitor) left() bool {
	select {
	case <-v.gone:
		return true
	default:
		return false
	}
}

// exec-timeout counts from the last key, not while a command runs, and takes
// effect on sessions that are open.
func TestExecTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := device(t, "hostname KS1\nline vty 0 4\n exec-timeout 5 0\n")
		log := watchLog(a)
		caller := cli.Caller{Login: cli.Login{User: "admin", Level: 15}, From: netip.MustParseAddr("192.0.2.1")}
		v := visit(a, caller)
		step := func(d time.Duration) { time.Sleep(d); synctest.Wait() }
		step(4 * time.Minute)
		v.typed("s")
		step(4 * time.Minute)
		if v.left() {
			t.Fatal("hung up a minute early: the key did not count")
		}
		step(time.Minute)
		if !v.left() {
			t.Fatal("still there five minutes after the last key")
		}
		if want := "%SYS-6-TTY_EXPIRE_TIMER: (exec timer expired, tty 2 (192.0.2.1)), user admin"; !strings.Contains(log.String(), want) {
			t.Errorf("no %q in %v", want, log)
		}

		v = visit(a, caller)
		step(2 * time.Minute)
		other := visit(a, caller)
		other.typed("configure terminal\rline vty 0 4\rexec-timeout 1 0\rend\r")
		synctest.Wait()
		if !v.left() {
			t.Error("a shorter exec-timeout did not end the idle session")
		}
		other.typed("configure terminal\rline vty 0 4\rno exec-timeout\rend\r")
		step(24 * time.Hour)
		if other.left() {
			t.Errorf("hung up without an exec-timeout:\n%s", other.screen())
		}
		other.typed("exit\r")
		<-other.gone
	})
}

// slowAnswers are the answers of a caller who gives none.
type slowAnswers struct{ hungUp <-chan struct{} }

func (s slowAnswers) NextLine() (string, bool) {
	<-s.hungUp
	return "", false
}

// exec-timeout holds for a command that waits for an answer, too.
func TestExecTimeoutOfCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := device(t, "hostname KS1\nline vty 0 4\n exec-timeout 5 0\n")
		log := watchLog(a)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		began := time.Now()
		caller := cli.Caller{
			Login: cli.Login{User: "admin", Level: 15}, From: netip.MustParseAddr("192.0.2.1"),
			Hangup: cancel, LastInput: func() time.Time { return began },
		}
		over := make(chan struct{})
		go func() {
			defer close(over)
			a.Command(ctx, caller, "copy running-config startup-config", slowAnswers{ctx.Done()}, io.Discard)
		}()
		time.Sleep(4 * time.Minute)
		synctest.Wait()
		if lines := a.Sessions(); len(lines) != 1 || lines[0].Idle != 4*time.Minute {
			t.Errorf("the lines in use are %+v", lines)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		select {
		case <-over:
		default:
			t.Error("still there five minutes after the question")
			cancel()
			<-over
		}
		if want := "%SYS-6-TTY_EXPIRE_TIMER: (exec timer expired, tty 2 (192.0.2.1)), user admin"; !strings.Contains(log.String(), want) {
			t.Errorf("no %q in %v", want, log)
		}
		if lines := a.Sessions(); len(lines) != 0 {
			t.Errorf("left %+v", lines)
		}
	})
}

// `show users` tells how long each line has been idle.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := device(t, "hostname KS1\nline con 0\n exec-timeout 0 0\n")
		console := visit(a, cli.Caller{Login: cli.Login{Level: 15}, Console: true})
		time.Sleep(83 * time.Second)
		v := visit(a, cli.Caller{Login: cli.Login{User: "op", Level: 1}, From: netip.MustParseAddr("192.0.2.9")})
		time.Sleep(2 * time.Second)
		v.typed("show users\r")
		synctest.Wait()
		want := strings.ReplaceAll(`KS1>show users
    Line       User       Host(s)              Idle       Location
   0 con 0                idle                 00:01:25   
*  2 vty 0     op         idle                 00:00:00 192.0.2.9

  Interface    User               Mode         Idle     Peer Address
KS1>`, "\n", "\r\n")
		if got := v.screen(); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		second := visit(a, cli.Caller{Console: true})
		<-second.gone
		if !strings.Contains(second.screen(), "% The console is in use") {
			t.Errorf("a second console reads %q", second.screen())
		}
		console.typed("\x1ex") // leaves
		<-console.gone
		v.typed("\x1ex") // does not
		synctest.Wait()
		v.typed("logout\r")
		<-v.gone
	})
}

// The console asks for what its line says.
func TestConsoleLogin(t *testing.T) {
	for _, tt := range []struct {
		name, line, typed, want string
		in                      bool
	}{
		{"open", "", "", "KS1>", true},
		{"local", "login local", "op\rop-password\r", "\r\n\r\nUser Access Verification\r\n\r\nUsername: op\r\nPassword: \r\n\r\nKS1>", true},
		{"wrong", "login local", strings.Repeat("op\rguess\r", 3), "% Login invalid\r\n\r\n", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := device(t, "hostname KS1\nusername op secret 0 op-password\nline con 0\n "+tt.line+"\n")
				v := visit(a, cli.Caller{Login: cli.Login{Level: 1}, Console: true})
				v.typed(tt.typed)
				time.Sleep(time.Minute) // failures are slow
				synctest.Wait()
				if !strings.HasSuffix(v.screen(), tt.want) {
					t.Errorf("screen %q, want %q", v.screen(), tt.want)
				}
				if v.left() == tt.in {
					t.Errorf("left %v", v.left())
				}
				if tt.in {
					v.typed("exit\r")
					<-v.gone
				}
			})
		})
	}
}

// A device without any configuration asks at the console, and then SSH has
// somebody to let in.
func TestSetup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := device(t, "")
		v := visit(a, cli.Caller{Login: cli.Login{Level: 1}, Console: true})
		for _, line := range []string{
			"maybe", "yes", "KS7", "short", "enable-secret", "enable-secret", "", "user-password", "other-password", "user-password", "user-password", "",
		} {
			v.typed(line + "\r")
			synctest.Wait()
		}
		if !strings.HasSuffix(v.screen(), "KS7>") {
			t.Fatalf("screen\n%s", v.screen())
		}
		for _, hidden := range []string{"enable-secret", "user-password"} {
			if strings.Contains(v.screen(), hidden) {
				t.Errorf("%s is on the screen", hidden)
			}
		}
		if !a.CanLogin() {
			t.Error("nobody can log in")
		}
		if l, err := a.Authenticate(t.Context(), cli.Credentials{Line: "vty", User: "admin", Password: secret.Of("user-password"), From: netip.MustParseAddr("192.0.2.1")}); err != nil || l.Level != 15 {
			t.Errorf("login: %+v %v", l, err)
		}
		saved, ok := a.Startup()
		if !ok || !strings.Contains(saved, "hostname KS7") || strings.Contains(saved, "user-password") {
			t.Errorf("saved:\n%s", saved)
		}
		v.typed("exit\r")
		<-v.gone

		again := visit(a, cli.Caller{Login: cli.Login{Level: 1}, Console: true})
		if again.screen() != "KS7>" {
			t.Errorf("the dialog comes again: %q", again.screen())
		}
		again.typed("exit\r")
		<-again.gone
	})
}

// Ctrl-C leaves the dialog with nothing changed.
func TestSetupAborted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := device(t, "")
		v := visit(a, cli.Caller{Login: cli.Login{Level: 1}, Console: true})
		v.typed("y\r")
		synctest.Wait()
		v.typed("KS7\r")
		synctest.Wait()
		v.typed("\x03")
		synctest.Wait()
		if !strings.HasSuffix(v.screen(), "Router>") || a.CanLogin() {
			t.Errorf("screen\n%s", v.screen())
		}
		v.typed("exit\r")
		<-v.gone
	})
}

// Fifty sessions that edit different objects at the same time lose no line.
func TestFiftySessions(t *testing.T) {
	a := device(t, "hostname KS1\n")
	const sessions, lines = 50, 20
	var work sync.WaitGroup
	for i := range sessions {
		work.Go(func() {
			s := cli.New(cli.Config{Device: a, Line: fmt.Sprintf("vty %d", i), Level: 15})
			defer s.Close()
			say := func(format string, args ...any) {
				var out strings.Builder
				if err := s.Execute(t.Context(), fmt.Sprintf(format, args...), &out, nil); err != nil && !errors.Is(err, cli.ErrQuit) {
					t.Errorf("session %d: %v: %s", i, err, out.String())
				}
			}
			say("configure terminal")
			say("ip access-list extended ACL%d", i)
			for n := range lines {
				say("permit ip host 10.%d.%d.1 any", i, n)
			}
			say("end")
		})
	}
	work.Wait()
	lists := a.Config().AccessLists
	if len(lists) != sessions {
		t.Fatalf("%d lists, want %d", len(lists), sessions)
	}
	for _, l := range lists {
		if len(l.Entries) != lines {
			t.Errorf("%s has %d lines, want %d", l.Name, len(l.Entries), lines)
		}
	}
}

func TestBanners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := device(t, "hostname KS1\nip domain name example.net\nusername op secret 0 op-password\n"+
			"banner motd ^C\nThis is $(hostname).$(domain)\n^C\nbanner login #who#\nbanner exec #line $(line)#\n"+
			"line con 0\n login local\nline vty 1\n no motd-banner\n")
		console := visit(a, cli.Caller{Login: cli.Login{Level: 1}, Console: true})
		console.typed("op\rop-password\r")
		time.Sleep(time.Second)
		synctest.Wait()
		want := "\r\nThis is KS1.example.net\r\nwho\r\n\r\n\r\nUser Access Verification\r\n\r\nUsername: op\r\nPassword: \r\n\r\nline 0\r\nKS1>"
		if got := console.screen(); got != want {
			t.Errorf("console\n%q\nwant\n%q", got, want)
		}
		remote := cli.Caller{Login: cli.Login{User: "op", Level: 1}, From: netip.MustParseAddr("192.0.2.1")}
		first, second := visit(a, remote), visit(a, remote)
		if got, want := first.screen(), "\r\nThis is KS1.example.net\r\nline 0\r\nKS1>"; got != want {
			t.Errorf("vty 0 %q, want %q", got, want)
		}
		if got, want := second.screen(), "line 1\r\nKS1>"; got != want {
			t.Errorf("vty 1 %q, want %q", got, want)
		}
		for _, v := range []*visitor{console, first, second} {
			v.typed("exit\r")
			<-v.gone
		}
	})
}
