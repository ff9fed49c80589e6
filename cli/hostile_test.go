package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"coterie/cli/grammar"
	"coterie/cli/term"
)

// Lines that nobody types by hand: refused, in few words, and nothing of them
// is kept.
func TestBadLines(t *testing.T) {
	d := newToy()
	s := New(Config{Device: d, Level: 15})
	defer s.Close()
	execute := func(line string, answers ...string) string {
		var out bytes.Buffer
		l := Lines(answers)
		s.Execute(context.Background(), line, &out, &l)
		return out.String()
	}
	million := strings.Repeat("a", 1<<20)
	const long = "% Line too long, and ignored\n"
	const invalid = "^\n% Invalid input detected at '^' marker.\n\n"
	for _, line := range []string{million, "show " + million, "show clock | include " + strings.Repeat("(", 1<<20), strings.Repeat("show ", 200000)} {
		if got := execute(line); got != long {
			t.Errorf("%.20s...: %.200s", line, got)
		}
	}
	for line, column := range map[string]int{
		"show \x1b[2J":                len("R2#show "),
		"show clock\x00":              len("R2#show clock"),
		"show \xff":                   len("R2#show "),
		"\x07":                        len("R2#"),
		"show clock \u009b2J":         len("R2#show clock "),
		"show clo\u202ekc":            len("R2#show clo"),
		"show \u00a0clock":            len("R2#show "), // a space that is none
		"show\u3000clock":             len("R2#show"),
		"show clock \u00e9\ufffd\x7f": len("R2#show clock ee"),
	} {
		if got, want := execute(line), strings.Repeat(" ", column)+invalid; got != want {
			t.Errorf("%q: %q", line, got)
		}
	}
	if got := execute("show clock | include " + strings.Repeat("(", 2000)); got != "% Failed to compile regular expression.\n" {
		t.Errorf("a deep pattern: %.200s", got)
	}
	execute("configure terminal")
	execute("interface e0")
	for _, line := range []string{"description \x1b]0;owned\x07", "description " + million, "description \xc3\x28", "description a\x08b"} {
		if got := execute(line); !strings.HasPrefix(got, "%") && !strings.Contains(got, "% Invalid") {
			t.Errorf("%.30q: %.200s", line, got)
		}
	}
	if got := execute("banner motd ^C", "fine", "\x1b[31m", "^C"); !strings.Contains(got, "% Invalid input") {
		t.Errorf("banner: %q", got)
	}
	if got := execute("banner motd #", million, "shutdown", "#"); !strings.HasSuffix(got, "% Text too long, and ignored\n") {
		t.Errorf("long banner: %.100q", got[max(0, len(got)-200):])
	}
	execute("description caf\u00e9 \u2192 KS")
	execute("end")
	if got := d.tree.Interfaces[0]; got.Description != "caf\u00e9 \u2192 KS" || got.Shutdown || d.tree.Banner != "" {
		t.Errorf("%+v, banner %q", got, d.tree.Banner)
	}
	for _, h := range s.History() {
		if len(h) > longestLine {
			t.Errorf("the history has a line of %d octets", len(h))
		}
	}
	if got := execute("copy a b", "bad\x1b[2J"); !strings.Contains(got, "copied") && !strings.Contains(got, "[OK]") && strings.Contains(got[strings.Index(got, "?")+1:], "nvram:bad\x1b") {
		t.Errorf("an answer: %q", got)
	}
}

// The same through a terminal, octet by octet, in a time that a person would
// wait: a line of a megabyte, and then a good one.
func TestLongLineAtTerminal(t *testing.T) {
	d := newToy()
	w := newWire()
	r := term.NewTerminal(term.Config{Peer: w})
	octets := func() int {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.out.Len()
	}
	s := New(Config{Device: d, Reader: r, Level: 15})
	ended := make(chan error, 1)
	go func() { ended <- s.Run(context.Background()) }()
	began := time.Now()
	go func() {
		io.WriteString(w.typed, strings.Repeat("a", 1<<20)+"\r")
		io.WriteString(w.typed, "\x00\x1b[999C\xff\xfe\x80show clock\r\x1b\x1b[200~show clock\r\x1b[201~exit\r")
		w.typed.Close()
	}()
	select {
	case err := <-ended:
		if !errors.Is(err, ErrQuit) && !errors.Is(err, io.EOF) {
			t.Error(err)
		}
	case <-time.After(2 * time.Minute):
		t.Fatalf("no end after %v; the screen has %d octets", time.Since(began), octets())
	}
	s.Close()
	r.Close()
	if n := octets(); n > 8<<20 {
		t.Errorf("%d octets on the screen", n)
	}
	if !w.showed("% Line too long, and ignored") {
		t.Error("the long line was taken")
	}
	if !w.showed("UTC Sat Nov 21 2026") {
		t.Error("the good line was not executed")
	}
}

// FuzzSession types anything at exec and configuration mode.
func FuzzSession(f *testing.F) {
	f.Add("conf t\ninterface e0\nip address 10.0.0.1 255.255.255.0\nend\nshow groups | s KEK")
	f.Add("conf t\nbanner motd #\nx\n#\nexit\ncopy a b\nbad\nimport\nx\nquit")
	f.Add("show numbers 9 | tee /append flash:x\nshow clock | json\nshow | | |\n?\n\t\n\x1b[A\xff")
	f.Add("conf t\ninterface e0\ndescription \ufffd") // which is valid
	f.Add("conf t\ndo show clock | format\n no default no hostname\ndescription \u202e")
	f.Fuzz(func(t *testing.T, text string) {
		d := newFiling()
		d.exec.Commands = slices.DeleteFunc(d.exec.Commands, func(c *grammar.Command) bool {
			return strings.HasPrefix(grammar.Syntax(c.Syntax), "wait")
		})
		s := New(Config{Device: d, Level: 15})
		defer s.Close()
		lines := Lines(strings.Split(text, "\n"))
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		for len(lines) > 0 {
			line, _ := lines.NextLine()
			if s.Level() < 15 {
				s.SetLevel(15)
			}
			var out bytes.Buffer
			if err := s.Execute(ctx, line, &out, &lines); errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("%q takes too long", line)
			}
			if out.Len() > 100*len(text)+1<<15 {
				t.Fatalf("%q gave %d octets", line, out.Len())
			}
			if strings.ContainsAny(out.String(), "\x1b\x07\x00") && !strings.ContainsAny(text, "\x1b\x07\x00") {
				t.Fatalf("%q gave control characters", line)
			}
		}
		for _, i := range d.tree.Interfaces {
			text := i.Description + i.Name + d.tree.Banner
			if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' && r != 3 || r == 0x7f }) {
				t.Fatalf("the tree has %+q %q", i.Description, d.tree.Banner)
			}
		}
	})
}
