package sshd

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"coterie/cli"
)

func TestAuthentication(t *testing.T) {
	f := start(t, Limits{})
	f.users.keys[string(signer(t, "op").PublicKey().Marshal())] = "op"
	interactive := func(answer string) ssh.AuthMethod {
		return ssh.KeyboardInteractive(func(_, _ string, questions []string, echos []bool) ([]string, error) {
			if len(questions) != 1 || questions[0] != "Password: " || echos[0] {
				t.Errorf("asked %q echo %v", questions, echos)
			}
			return []string{answer}, nil
		})
	}
	for _, tt := range []struct {
		name, user string
		auth       ssh.AuthMethod
		want       string // of `who`; "" for refused
	}{
		{"password", "admin", ssh.Password("secret"), "admin 1"},
		{"wrong password", "admin", ssh.Password("guess"), ""},
		{"unknown user", "nobody", ssh.Password("secret"), ""},
		{"keyboard-interactive", "admin", interactive("secret"), "admin 1"},
		{"wrong answer", "admin", interactive("guess"), ""},
		{"public key", "op", ssh.PublicKeys(signer(t, "op")), "op 15"},
		{"wrong public key", "op", ssh.PublicKeys(signer(t, "other")), ""},
	} {
		c, err := f.client(tt.user, tt.auth)
		if err != nil {
			if tt.want != "" {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		if got := typed(t, c, "who\rexit\r"); tt.want == "" || !strings.Contains(got, tt.want+" false\r\n") {
			t.Errorf("%s: screen %q, want %q", tt.name, got, tt.want)
		}
		c.Close()
	}
}

// liar has the public key of somebody else, for which it cannot sign.
type liar struct {
	ssh.Signer
	public ssh.PublicKey
}

func (l liar) PublicKey() ssh.PublicKey { return l.public }

// meta is the metadata of a connection for the user boss.
type meta struct{ ssh.ConnMetadata }

func (meta) User() string { return "boss" }

// Who asks whether a key would do and then signs with another is the owner of
// that other key: CVE-2024-45337 was the opposite.
func TestLastKeyCounts(t *testing.T) {
	f := start(t, Limits{})
	boss, guest := signer(t, "boss"), signer(t, "guest")
	f.users.keys[string(boss.PublicKey().Marshal())] = "boss"
	f.users.keys[string(guest.PublicKey().Marshal())] = "guest"
	c := &connection{server: f.server, from: netip.MustParseAddr("127.0.0.1")}
	cfg, err := c.config(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cfg.PublicKeyCallback(meta{}, boss.PublicKey()); err != nil {
		t.Fatal(err)
	}
	p, err := cfg.PublicKeyCallback(meta{}, guest.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	if l, ok := login(&ssh.ServerConn{Permissions: p}); !ok || l.User != "guest" {
		t.Errorf("logged in as %+v, want guest", l)
	}
	stolen := liar{guest, boss.PublicKey()}
	if c, err := f.client("boss", ssh.PublicKeys(stolen)); err == nil {
		c.Close()
		t.Error("a key without its signature was enough")
	}
}

// Three passwords, by whatever method, and no more.
func TestTries(t *testing.T) {
	f := start(t, Limits{})
	c, err := f.client("admin",
		ssh.RetryableAuthMethod(ssh.PasswordCallback(func() (string, error) { return "guess", nil }), 2),
		ssh.RetryableAuthMethod(ssh.KeyboardInteractive(func(_, _ string, q []string, _ []bool) ([]string, error) {
			return []string{"secret"}[:len(q)], nil
		}), 1))
	if err != nil {
		t.Fatalf("the third password was right: %v", err)
	}
	c.Close()
	tried := func() int {
		f.users.mu.Lock()
		defer f.users.mu.Unlock()
		n := f.users.tried
		f.users.tried = 0
		return n
	}
	tried()
	_, err = f.client("admin", ssh.RetryableAuthMethod(ssh.PasswordCallback(func() (string, error) { return "guess", nil }), 10))
	if err == nil {
		t.Error("logged in by guessing")
	}
	if n := tried(); n != 3 {
		t.Errorf("%d passwords were checked, want 3", n)
	}
	// An agent may offer its keys first.
	var keys []ssh.Signer
	for _, seed := range []string{"a", "b", "c", "d", "e"} {
		keys = append(keys, signer(t, seed))
	}
	c, err = f.client("admin", ssh.PublicKeys(keys...), ssh.Password("secret"))
	if err != nil {
		t.Fatalf("five keys and then the password: %v", err)
	}
	c.Close()
}

// There are few peers without a login at a time.
func TestUnauthenticated(t *testing.T) {
	f := start(t, Limits{PerSource: 3, Handshakes: 3})
	var waiting []net.Conn
	for range 3 {
		c, err := net.Dial("tcp", f.address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.ReadFull(c, make([]byte, 8)); err != nil { // SSH-2.0-: it is served
			t.Fatal(err)
		}
		waiting = append(waiting, c)
	}
	extra, err := net.Dial("tcp", f.address)
	if err != nil {
		t.Fatal(err)
	}
	defer extra.Close()
	if n, err := extra.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Error("a fourth connection is served")
	}
	for _, c := range waiting {
		c.Close()
	}
	for deadline := time.Now().Add(time.Minute); ; { // until the server has noticed
		c, err := f.client("admin", ssh.Password("secret"))
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("there is no room again: %v", err)
		}
	}
}

// A peer without a login is hung up after a while.
func TestGrace(t *testing.T) {
	const grace = 300 * time.Millisecond
	f := start(t, Limits{Grace: grace})
	began := time.Now()
	c, err := net.Dial("tcp", f.address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(began.Add(time.Minute))
	if _, err := io.Copy(io.Discard, c); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(began); d < grace {
		t.Errorf("hung up after %v, before its time", d)
	}
}

// A connection that has logged in counts no longer, but does not stay without
// a shell or a command, however many channels it has open.
func TestLinger(t *testing.T) {
	f := start(t, Limits{Linger: 50 * time.Millisecond})
	for _, channels := range []int{0, sessionsPerConnection} {
		c := f.admin(t)
		for range channels {
			if _, _, err := c.OpenChannel("session", nil); err != nil {
				break // it is over already
			}
		}
		if err := c.Wait(); err == nil {
			t.Error("no error at the end of a connection")
		}
	}
	f.server.mu.Lock()
	defer f.server.mu.Unlock()
	if f.server.waiting != 0 || len(f.server.handshakes) != 0 {
		t.Errorf("it counts as without a login: %d %v", f.server.waiting, f.server.handshakes)
	}
}

// There are few connections that have logged in, too.
func TestConnections(t *testing.T) {
	f := start(t, Limits{Connections: 2})
	first, second := f.admin(t), f.admin(t)
	for _, c := range []*ssh.Client{first, second} { // both count before the third comes
		if _, _, err := c.SendRequest("keepalive@openssh.com", true, nil); err != nil {
			t.Fatal(err)
		}
	}
	if third, err := f.client("admin", ssh.Password("secret")); err == nil {
		third.Wait()
	}
	for _, c := range []*ssh.Client{first, second} {
		if got := typed(t, c, "who\rexit\r"); !strings.Contains(got, "admin 1") {
			t.Errorf("screen %q", got)
		}
	}
}

// A name that no user can have goes no further.
func TestLongUser(t *testing.T) {
	f := start(t, Limits{})
	for _, octets := range []int{longestUser, longestUser + 1, 200_000} {
		if _, err := f.client(strings.Repeat("u", octets), ssh.Password("secret")); err == nil {
			t.Errorf("logged in with a name of %d octets", octets)
		}
	}
	f.users.mu.Lock()
	defer f.users.mu.Unlock()
	if f.users.tried != 1 {
		t.Errorf("%d names were looked for, want 1", f.users.tried)
	}
}

// The first packet of the server, in the clear: strict key exchange, and
// nothing that is weak.
func TestAlgorithms(t *testing.T) {
	f := start(t, Limits{})
	c, err := net.Dial("tcp", f.address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	io.WriteString(c, "SSH-2.0-probe\r\n")
	var b []byte
	for !bytes.Contains(b, []byte("kex-strict-s-v00@openssh.com")) || !bytes.Contains(b, []byte("hmac-sha2-512")) {
		p := make([]byte, 4096)
		n, err := c.Read(p)
		if err != nil {
			t.Fatalf("%v after %q", err, b)
		}
		b = append(b, p[:n]...)
	}
	if !bytes.HasPrefix(b, []byte("SSH-2.0-Coterie\r\n")) {
		t.Errorf("it is called %q", b[:17])
	}
	for _, weak := range []string{"cbc", "sha1,", "hmac-sha1", "md5", "arcfour", "group1-", "group-exchange", "ssh-dss", "chacha20"} {
		if bytes.Contains(b, []byte(weak)) {
			t.Errorf("%s is offered", weak)
		}
	}
}

func TestOwnerRefusesNetwork(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if _, err := Owner(a); !errors.Is(err, ErrStranger) {
		t.Errorf("%v", err)
	}
	var _ cli.Authenticator = (*users)(nil)
}
