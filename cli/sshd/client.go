package sshd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// ClientConfig is what `ssh -l USER HOST` asks a host for.
type ClientConfig struct {
	User          string
	Columns, Rows int
	// Ask answers a prompt without echo: a password, or a question of
	// keyboard-interactive.
	Ask func(prompt string) (string, error)
	// Handshake bounds everything up to the shell but the answers of Ask; 0
	// is 30 s.
	Handshake time.Duration
}

// ErrRefused is returned when a host takes none of the answers.
var ErrRefused = errors.New("Authentication failed")

// passwordTries is how often a user may mistype.
const passwordTries = 3

// Shell logs in over conn and opens a shell with a terminal. Its lines end in
// LF. Whatever host key is shown is believed, as IOS does without `ip ssh
// stricthostkeycheck`. Shell owns conn, and closing what it returns closes it.
func Shell(ctx context.Context, conn net.Conn, cfg ClientConfig) (io.ReadWriteCloser, error) {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	deadline := func() {
		limit := cfg.Handshake
		if limit == 0 {
			limit = 30 * time.Second
		}
		conn.SetDeadline(time.Now().Add(limit))
	}
	deadline()
	asked, gaveUp := false, error(nil)
	ask := func(prompt string) (answer string, err error) {
		conn.SetDeadline(time.Time{}) // a person is typing
		defer deadline()
		asked = true
		answer, gaveUp = cfg.Ask(prompt)
		return answer, gaveUp
	}
	client, channels, requests, err := ssh.NewClientConn(conn, conn.RemoteAddr().String(), &ssh.ClientConfig{
		User:            cfg.User,
		HostKeyCallback: ssh.InsecureIgnoreHostKey(),
		Auth: []ssh.AuthMethod{
			ssh.RetryableAuthMethod(ssh.PasswordCallback(func() (string, error) { return ask("Password: ") }), passwordTries),
			ssh.KeyboardInteractive(func(_, _ string, questions []string, _ []bool) ([]string, error) {
				answers := make([]string, len(questions))
				for i, q := range questions {
					var err error
					if answers[i], err = ask(printable(q)); err != nil {
						return nil, err
					}
				}
				return answers, nil
			}),
		},
	})
	if err != nil {
		conn.Close()
		switch {
		case gaveUp != nil:
			return nil, gaveUp
		case asked || strings.Contains(err.Error(), "unable to authenticate"):
			return nil, ErrRefused // hosts hang up after too many tries
		}
		return nil, fmt.Errorf("connection closed during the handshake: %w", err)
	}
	s, err := openShell(ssh.NewClient(client, channels, requests), cfg)
	if err != nil {
		client.Close()
		return nil, err
	}
	conn.SetDeadline(time.Time{})
	return s, nil
}

// shell is a session on another host.
type shell struct {
	io.WriteCloser
	io.Reader
	client *ssh.Client
}

func openShell(client *ssh.Client, cfg ClientConfig) (io.ReadWriteCloser, error) {
	s, err := client.NewSession()
	if err != nil {
		return nil, err
	}
	rows := cfg.Rows
	if rows <= 0 {
		rows = 24
	}
	if err := s.RequestPty("vt100", rows, cfg.Columns, ssh.TerminalModes{}); err != nil {
		return nil, fmt.Errorf("terminal refused: %w", err)
	}
	in, err := s.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := s.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.Shell(); err != nil {
		return nil, fmt.Errorf("shell refused: %w", err)
	}
	return &shell{WriteCloser: in, Reader: &lineEnds{r: out}, client: client}, nil
}

// Close ends the connection.
func (s *shell) Close() error { return s.client.Close() }

// lineEnds turns CR LF into LF.
type lineEnds struct {
	r  io.Reader
	cr bool
}

func (l *lineEnds) Read(p []byte) (int, error) {
	if len(p) < 2 {
		return 0, io.ErrShortBuffer
	}
	n, err := l.r.Read(p[1:]) // one octet is left for a CR held back
	out := p[:0]
	for _, c := range p[1 : n+1] {
		if l.cr && c != '\n' {
			out = append(out, '\r')
		}
		if l.cr = c == '\r'; !l.cr {
			out = append(out, c)
		}
	}
	return len(out), err
}

// printable drops what another host must not do to our terminal in a question.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return -1
		}
		return r
	}, s)
}
