package term

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
)

// What goes past the editor, and what does not.
func TestTakeLine(t *testing.T) {
	for _, tt := range []struct {
		buf, text, rest string
		help, ok        bool
	}{
		{buf: "show clock\rexit\r", text: "show clock", rest: "exit\r", ok: true},
		{buf: "show clock\r\nexit", text: "show clock", rest: "\nexit", ok: true},
		{buf: "\n", ok: true},
		{buf: "half", rest: "half"},
		{buf: "sh?\r", rest: "sh?\r", help: true},
		{buf: "why?\r", text: "why?", ok: true},
		{buf: "a\tb\r", rest: "a\tb\r"},
		{buf: "a\x7f\r", rest: "a\x7f\r"},
		{buf: "end\x1a\r", rest: "end\x1a\r"},
		{buf: "\u00e9\r", rest: "\u00e9\r"},
		{buf: strings.Repeat("x", longestLine) + "\r", text: strings.Repeat("x", longestLine), ok: true},
		{buf: strings.Repeat("x", longestLine+1) + "\r", rest: strings.Repeat("x", longestLine+1) + "\r"},
	} {
		g := newGate()
		g.buf = []byte(tt.buf)
		text, ok := g.takeLine(tt.help)
		if text != tt.text || ok != tt.ok || string(g.buf) != tt.rest {
			t.Errorf("%.20q: %.20q %v, rest %.20q; want %.20q %v, rest %.20q", tt.buf, text, ok, g.buf, tt.text, tt.ok, tt.rest)
		}
	}
	g := newGate()
	g.buf, g.skipLF = []byte("\nexit\r"), true
	if text, ok := g.takeLine(false); text != "exit" || !ok {
		t.Errorf("after CR LF: %q %v", text, ok)
	}
	g.buf, g.closed = []byte("exit\r"), true
	if _, ok := g.takeLine(false); ok {
		t.Error("a line after the end")
	}
}

// Pasted lines look as if typed key by key.
func TestPasteLooksTyped(t *testing.T) {
	lines := []string{"configure terminal", "", " ip address 10.0.0.1 255.255.255.0", "sh?ow", strings.Repeat("long ", 30), "a\x08b", "exit"}
	var screens [2]string
	for i := range screens {
		p := newPeer()
		term := NewTerminal(Config{Peer: p, Size: func() (int, int) { return 511, 24 }})
		o := Options{Help: func(string) { fmt.Fprint(term, "help\n") }}
		if i == 0 {
			go p.typed(strings.Join(lines, "\r") + "\r")
		}
		for _, l := range lines {
			if i == 1 {
				go func() {
					p.await(t, "KS1#") // the editor is open: nothing goes past it
					for j := range l {
						p.typed(l[j : j+1])
					}
					p.typed("\r")
				}()
			}
			got := read(t, term, o)
			fmt.Fprintf(term, "<%s>\n", got.Text)
		}
		screens[i] = p.String()
		term.Close()
	}
	if screens[0] != screens[1] {
		t.Errorf("pasted\n%q\ntyped\n%q", screens[0], screens[1])
	}
}

// Log lines come between pasted lines and never glue to one.
func TestPasteAndLog(t *testing.T) {
	p := newPeer()
	term := NewTerminal(Config{Peer: p})
	defer term.Close()
	const lines = 500
	go p.typed(strings.Repeat("permit ip any any\r", lines))
	for i := range lines {
		if i%10 == 0 {
			term.Async("*LOG")
		}
		read(t, term, Options{})
	}
	term.Async("*LOG")
	p.await(t, "*LOG\r\n")
	if bad, all := glued(p.String(), "*LOG"); bad > 0 || all != lines/10+1 {
		t.Errorf("%d of %d log lines are glued to something", bad, all)
	}
	if n := strings.Count(p.String(), "KS1#permit ip any any\r\n"); n != lines {
		t.Errorf("%d lines on the screen, want %d", n, lines)
	}
}

// sink is a peer that has typed everything already.
type sink struct{ *bytes.Reader }

func (sink) Write(p []byte) (int, error) { return len(p), nil }

func BenchmarkPaste(b *testing.B) {
	line := "permit ip host 10.1.2.3 any\r"
	for b.Loop() {
		b.StopTimer()
		term := NewTerminal(Config{Peer: sink{bytes.NewReader([]byte(strings.Repeat(line, 10000)))}})
		b.StartTimer()
		for {
			if _, err := term.ReadLine(context.Background(), "KS1#", Options{}); err != nil {
				break
			}
		}
		b.StopTimer()
		term.Close()
		b.StartTimer()
	}
	b.ReportMetric(10000*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}
