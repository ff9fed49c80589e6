package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"coterie/internal/testenv"
)

// tmux is a terminal that a test can type at and read.
type tmux struct {
	t      *testing.T
	socket string
}

func (m *tmux) run(args ...string) string {
	m.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-S", m.socket, "-f", "/dev/null"}, args...)...).CombinedOutput()
	if err != nil {
		m.t.Fatalf("tmux %q: %v\n%s", args, err, out)
	}
	return string(out)
}

func (m *tmux) screen() string { return m.run("capture-pane", "-p") }

func (m *tmux) keys(keys ...string) { m.run(append([]string{"send-keys"}, keys...)...) }

// await polls the screen, as a person's eye does, until want says yes.
func (m *tmux) await(what string, want func(screen string) bool) string {
	m.t.Helper()
	tick, end := time.NewTicker(20*time.Millisecond), time.After(30*time.Second)
	defer tick.Stop()
	for {
		s := m.screen()
		if want(s) {
			return s
		}
		select {
		case <-tick.C:
		case <-end:
			m.t.Fatalf("%s does not come:\n%s", what, s)
		}
	}
}

// last is the last line of a screen that is not empty.
func last(screen string) string {
	lines := strings.Split(strings.TrimRight(screen, " \n"), "\n")
	return lines[len(lines)-1]
}

// TestTerminal uses the lab as a person at a terminal of 80 by 24 does: help,
// a wrong command, the pager, a window made narrow while paging, Ctrl-Z,
// Ctrl-C, and leaving.
func TestTerminal(t *testing.T) {
	testenv.Tool(t, "tmux")
	dir := t.TempDir()
	program := filepath.Join(dir, "coterie")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	m := &tmux{t, filepath.Join(dir, "tmux")}
	left := filepath.Join(dir, "left")
	m.run("new-session", "-d", "-x", "80", "-y", "24", fmt.Sprintf("%s lab; echo $? > %s; cat", program, left))
	t.Cleanup(func() { exec.Command("tmux", "-S", m.socket, "kill-server").Run() })
	prompt := func(p string) func(string) bool { return func(s string) bool { return last(s) == p } }
	m.await("the first prompt", prompt("R2#"))

	m.keys("show cry", "?")
	m.await("the word that fits", func(s string) bool { return strings.Contains(s, "crypto") && last(s) == "R2#show cry" })
	m.keys("C-u", "show cryptoo", "Enter")
	s := m.await("the caret", prompt("R2#"))
	if !strings.Contains(s, "R2#show cryptoo\n             ^\n% Invalid input detected at '^' marker.") &&
		!strings.Contains(s, "% Invalid input detected at '^' marker.") {
		t.Errorf("no caret:\n%s", s)
	}

	m.keys("show running-config", "Enter")
	more := func(s string) bool { return strings.TrimSpace(last(s)) == "--More--" }
	m.await("the pager", more)
	m.run("resize-window", "-x", "40", "-y", "24")
	m.keys("Space")
	s = m.await("the next page", func(s string) bool { return more(s) || prompt("R2#")(s) })
	if n := len(strings.Split(strings.TrimRight(s, "\n"), "\n")); n > 24 {
		t.Errorf("%d rows on a screen of 24", n)
	}
	m.keys("q")
	m.await("the prompt after the pager", func(s string) bool { return strings.HasPrefix(last(s), "R2#") })
	m.keys("C-u", "configure terminal", "Enter")
	m.await("configuration mode", prompt("R2(config)#"))
	m.keys("interface loopback 7", "C-z")
	m.await("Ctrl-Z", prompt("R2#")) // and the process was not stopped
	m.keys("ping 9.9.9.9 repeat 1000", "Enter")
	m.await("a ping under way", func(s string) bool { return strings.Contains(s, "Sending 1000") })
	m.keys("C-c")
	m.await("the prompt after Ctrl-C", prompt("R2#"))
	m.keys("exit", "Enter")
	m.await("the end of the program", func(string) bool {
		_, err := os.Stat(left)
		return err == nil
	})
	if b, _ := os.ReadFile(left); strings.TrimSpace(string(b)) != "0" {
		t.Errorf("exit status %s", b)
	}
}
