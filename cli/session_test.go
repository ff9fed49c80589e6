package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	"coterie/cli/grammar"
	"coterie/cli/term"
)

// Lines without a terminal: the session keeps its mode, dialogs take the next
// lines, the first `%` error is told.
func TestExecute(t *testing.T) {
	d := newToy()
	s := New(Config{Device: d, Level: 15})
	defer s.Close()
	var syntax *grammar.SyntaxError
	for _, c := range []struct {
		line   string
		input  Lines
		want   string
		prompt string
		is     error
		as     any
	}{
		{line: "show clock", want: "09:24:01.123 UTC Sat Nov 21 2026\n", prompt: "R2#"},
		{line: "sh clok", want: "         ^\n% Invalid input detected at '^' marker.\n\n", prompt: "R2#", as: &syntax},
		{line: "show numbers 30 | count 1", want: "Number of lines which match regexp = 12\n", prompt: "R2#"},
		{line: "conf t", want: "Enter configuration commands, one per line.  End with CNTL/Z.\n", prompt: "R2(config)#"},
		{line: "interface Ethernet0/0", prompt: "R2(config-if)#"},
		{line: "do fail", want: "% no group is registered\n", prompt: "R2(config-if)#", as: new(error)},
		{line: "crypto key generate", input: Lines{"1024 ! small"}, prompt: "R2(config)#",
			want: "How many bits in the modulus [2048]: 1024\n% Generating 1024 bit RSA keys, keys will be non-exportable...\n"},
		{line: "crypto key generate", want: "How many bits in the modulus [2048]: \n", prompt: "R2(config)#", is: io.EOF},
		{line: "banner motd #", input: Lines{"hello", "#"}, want: "Enter TEXT message.  End with the character '#'.\nhello\n#\n", prompt: "R2(config)#"},
		{line: "banner motd #", want: "Enter TEXT message.  End with the character '#'.\n% Incomplete command.\n\n", prompt: "R2(config)#", as: &syntax},
		{line: "hostname a-name-of-more-than-twenty-letters", prompt: "a-name-of-more-than-(config)#"},
		{line: "end", prompt: "a-name-of-more-than-twenty-letters#"},
		{line: "disable", prompt: "a-name-of-more-than-twenty-letters>"},
		{line: "conf t", want: strings.Repeat(" ", 38) + "^\n% Invalid input detected at '^' marker.\n\n",
			prompt: "a-name-of-more-than-twenty-letters>", as: &syntax},
		{line: "enable", input: Lines{"cisco"}, want: "Password: \n", prompt: "a-name-of-more-than-twenty-letters#"},
		{line: "import", input: Lines{"a", "quit"}, want: "a\nquit\n% 2 lines\n", prompt: "a-name-of-more-than-twenty-letters#"},
		{line: "connect", prompt: "a-name-of-more-than-twenty-letters#", is: ErrEscape},
		{line: "exit", prompt: "a-name-of-more-than-twenty-letters#", is: ErrQuit},
	} {
		var out bytes.Buffer
		err := s.Execute(context.Background(), c.line, &out, &c.input)
		if out.String() != c.want {
			t.Errorf("%s: output\n%q, want\n%q", c.line, out.String(), c.want)
		}
		switch {
		case c.is != nil && !errors.Is(err, c.is):
			t.Errorf("%s: error %v, want %v", c.line, err, c.is)
		case c.as != nil && (err == nil || !errors.As(err, c.as)):
			t.Errorf("%s: error %v, want %T", c.line, err, c.as)
		case c.is == nil && c.as == nil && err != nil:
			t.Errorf("%s: error %v", c.line, err)
		}
		if got := s.Prompt(); got != c.prompt {
			t.Errorf("%s: prompt %q, want %q", c.line, got, c.prompt)
		}
	}
}

func TestExecuteCancelled(t *testing.T) {
	d := newToy()
	s := New(Config{Device: d, Level: 15})
	defer s.Close()
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-d.started; cancel() }()
	var out bytes.Buffer
	if err := s.Execute(ctx, "wait", &out, nil); err != nil {
		t.Errorf("a command that ends well when interrupted gives %v", err)
	}
	if !strings.HasSuffix(out.String(), "(0/2)\n") {
		t.Errorf("output %q", out.String())
	}
	if err := s.Execute(ctx, "copy run start", &out, &Lines{"x"}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestHistory(t *testing.T) {
	s := New(Config{Device: newToy()})
	defer s.Close()
	for _, l := range []string{"a", "a", " ", "b ", "c"} {
		s.remember(l)
	}
	s.SetHistorySize(2)
	if got := strings.Join(s.History(), "|"); got != "b|c" {
		t.Errorf("history %q", got)
	}
	s.SetHistorySize(0)
	s.remember("d")
	if got := s.History(); len(got) != 0 {
		t.Errorf("history %q", got)
	}
}

// wire is a peer in memory: typed is its keyboard.
type wire struct {
	*io.PipeReader
	typed *io.PipeWriter
	mu    sync.Mutex
	out   bytes.Buffer
}

func newWire() *wire {
	r, w := io.Pipe()
	return &wire{PipeReader: r, typed: w}
}

func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.Write(p)
}

func (w *wire) shows(s string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.HasSuffix(w.out.String(), s)
}

func (w *wire) showed(s string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Contains(w.out.String(), s)
}

// The whole way at a terminal: Ctrl-C cancels a command, log lines come while
// it runs and while a line is open, the pager asks, secrets have no echo.
func TestAtATerminal(t *testing.T) {
	d := newToy()
	w := newWire()
	r := term.NewTerminal(term.Config{Peer: w, Size: func() (int, int) { return 80, 4 }})
	defer r.Close()
	s := New(Config{Device: d, Reader: r, Level: 1})
	defer s.Close()
	step := func(keys, screen string) {
		io.WriteString(w.typed, keys)
		if !until(func() bool { return w.shows(screen) }) {
			w.mu.Lock()
			defer w.mu.Unlock()
			t.Errorf("after %q the screen does not end in %q:\n%q", keys, screen, w.out.String())
		}
	}
	end := make(chan error)
	go func() { end <- s.Run(context.Background()) }()
	step("ena\r", "Password: ")
	step("cisco\r", "Password: \r\nR2#")
	step("wai\r", "abort.\r\n..")
	<-d.started
	d.log("%TOY-6-LOG: while it runs")
	step("", "..\r\n%TOY-6-LOG: while it runs\r\n")
	step("\x03", "\r\nSuccess rate is 0 percent (0/2)\r\nR2#")
	step("show num", "R2#show num")
	d.log("%TOY-6-LOG: while a line is open")
	step("", "R2#show num\r\n%TOY-6-LOG: while a line is open\r\nR2#show num")
	step("\t5\r", "R2#show numbers 5\r\nline 1\r\nline 2\r\nline 3\r\n --More-- ")
	step("q", "R2#")
	step("\x10\r", "R2#show numbers 5\r\nline 1\r\nline 2\r\nline 3\r\n --More-- ")
	step(" ", "line 4\r\nline 5\r\nR2#")
	step("copy a b\r", "Destination filename [startup-config]? ")
	step("\x03", "\r\nR2#")
	step("conf t\r", "R2(config)#")
	step("int e0\r", "R2(config-if)#")
	step("\x1a", "R2(config-if)#^Z\r\n%SYS-5-CONFIG_I: Configured from console by console\r\nR2#")
	step("wai\r", "..")
	io.WriteString(w.typed, "\x1ex")
	if err := <-end; !errors.Is(err, ErrEscape) {
		t.Errorf("Run ended with %v", err)
	}
	if w.showed("cisco") {
		t.Error("the secret was shown")
	}
	// The session goes on where it was; log lines wait for nobody meanwhile.
	d.log("%TOY-6-LOG: unseen")
	go func() { end <- s.Run(context.Background()) }()
	step("\x03\x03", "R2#\r\n")
	if err := <-end; !errors.Is(err, ErrInterrupted) {
		t.Errorf("Run ended with %v", err)
	}
	if w.showed("unseen") {
		t.Error("a log line was shown on a console that was not looked at")
	}
	// A cancelled context ends Run at once.
	ctx, cancel := context.WithCancel(context.Background())
	go func() { end <- s.Run(ctx) }()
	step("", "R2#")
	cancel()
	if err := <-end; !errors.Is(err, context.Canceled) {
		t.Errorf("Run ended with %v", err)
	}
}

// A pipe as keyboard: a transcript, without pager and without keys.
func TestAtAPipe(t *testing.T) {
	var out bytes.Buffer
	r := term.NewPlain(strings.NewReader("show numbers 3\nconf t\r\nhostname why?\x1a\nenable\ncisco\nexit\nnever\n"), &out, true)
	defer r.Close()
	s := New(Config{Device: newToy(), Reader: r, Level: 15})
	err := s.Run(context.Background())
	s.Close()
	if !errors.Is(err, ErrQuit) {
		t.Errorf("Run ended with %v", err)
	}
	want := "R2#show numbers 3\nline 1\nline 2\nline 3\nR2#conf t\n" +
		"Enter configuration commands, one per line.  End with CNTL/Z.\nR2(config)#hostname why?\n" +
		"%SYS-5-CONFIG_I: Configured from console by console\nwhy?#enable\nPassword: \nwhy?#exit\n"
	if out.String() != want {
		t.Errorf("screen\n%s, want\n%s", out.String(), want)
	}
}
