package sshd

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"
)

func TestLineEnds(t *testing.T) {
	for in, want := range map[string]string{
		"R4#\r\nx\ry\r\r\nz": "R4#\nx\ry\r\nz", "": "", "\n": "\n", "a\rb": "a\rb",
	} {
		for _, r := range []io.Reader{bytes.NewReader([]byte(in)), iotest.OneByteReader(bytes.NewReader([]byte(in)))} {
			got, err := io.ReadAll(&lineEnds{r: r})
			if err != nil || string(got) != want {
				t.Errorf("%q: %q, want %q, %v", in, got, want, err)
			}
		}
	}
}

// The way out leads to a server like ours.
func TestShellClient(t *testing.T) {
	f := start(t, Limits{})
	for _, c := range []struct {
		name    string
		answers []string
		want    string
		err     error
	}{
		{"password", []string{"secret"}, "admin 1 false\n", nil},
		{"third time lucky", []string{"a", "b", "secret"}, "admin 1 false\n", nil},
		{"never", []string{"a", "b", "c", "d", "e", "f", "g", "h", "i"}, "", ErrRefused},
	} {
		conn, err := net.Dial("tcp", f.address)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Shell(context.Background(), conn, ClientConfig{User: "admin", Columns: 80, Ask: func(prompt string) (string, error) {
			if len(c.answers) == 0 {
				return "", io.EOF
			}
			a := c.answers[0]
			c.answers = c.answers[1:]
			return a, nil
		}})
		if !errors.Is(err, c.err) {
			t.Errorf("%s: %v", c.name, err)
		}
		if err != nil {
			continue
		}
		io.WriteString(s, "who\rexit\r")
		screen, _ := io.ReadAll(s)
		if !strings.Contains(string(screen), c.want) || strings.Contains(string(screen), "\r") {
			t.Errorf("%s: %q", c.name, screen)
		}
		s.Close()
	}
	// Whoever gives up is not waited for.
	conn, err := net.Dial("tcp", f.address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	_, err = Shell(ctx, conn, ClientConfig{User: "admin", Ask: func(string) (string, error) { cancel(); return "", context.Canceled }})
	if err == nil {
		t.Error("logged in")
	}
}
