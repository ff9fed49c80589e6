package term

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func read(t *testing.T, term *Terminal, o Options) Line {
	t.Helper()
	l, err := term.ReadLine(context.Background(), "KS1#", o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// What a plain session puts on the wire, octet by octet: the echo of what was
// typed and nothing else. Programs at the other end depend on it.
func TestEcho(t *testing.T) {
	p := newPeer()
	term := NewTerminal(Config{Peer: p})
	defer term.Close()
	go p.typed("show ver\rterminal length 0\r\nexit\n")
	var got []string
	for range 3 {
		l := read(t, term, Options{})
		got = append(got, l.Text)
		fmt.Fprintf(term, "got %s\n", l.Text)
	}
	if want := "show ver|terminal length 0|exit"; strings.Join(got, "|") != want {
		t.Errorf("lines %q, want %q", got, want)
	}
	want := "KS1#show ver\r\ngot show ver\r\nKS1#terminal length 0\r\ngot terminal length 0\r\nKS1#exit\r\ngot exit\r\n"
	if p.String() != want {
		t.Errorf("screen\n%q, want\n%q", p.String(), want)
	}
}

func TestKeys(t *testing.T) {
	history := []string{"show clock", "configure terminal"}
	for _, c := range []struct {
		name, typed, want, screen string
		options                   Options
		end                       bool
	}{
		{name: "backspace", typed: "shoe\x7fw\r", want: "show", screen: "#shoe\b \bw\r\n"},
		{name: "ctrl-H", typed: "ab\x08\r", want: "a", screen: "#ab\b \b\r\n"},
		{name: "insert", typed: "sow\x02\x02h\r", want: "show"},
		{name: "arrow keys", typed: "sow\x1b[D\x1b[Dh\x1bOCX\r", want: "shoXw"},
		{name: "kill line", typed: "show ver\x15x\r", want: "x"},
		{name: "ctrl-X", typed: "show ver\x18x\r", want: "x"},
		{name: "kill word", typed: "show ver\x17x\r", want: "show x"},
		{name: "delete right", typed: "abc\x01\x04\r", want: "bc"},
		{name: "home and end", typed: "bc\x1b[Ha\x1b[Fd\r", want: "abcd"},
		{name: "unknown keys", typed: "a\x1b[200~b\x1b[201~\x1b[15~c\x14\x00\x07\x13\r", want: "abc", screen: "#abc\r\n"},
		{name: "not UTF-8", typed: "a\xffb\r", want: "ab"},
		{name: "UTF-8", typed: "a\u00e9\r", want: "a\u00e9", screen: "#a\u00e9\r\n"},
		{name: "private runes", typed: "a\ue000\ue003b\r", want: "ab"},
		{name: "ctrl-D in an empty line", typed: "\x04a\r", want: "a", screen: "#\aa\r\n"},
		{name: "ctrl-Z", typed: "exit\x1a", want: "exit", end: true, screen: "#exit\r\n"},
		{name: "ctrl-Z in configuration", typed: "\x1a", end: true, screen: "#^Z\r\n", options: Options{EchoControl: true}},
		{name: "history", typed: "\x10\r", want: "configure terminal", options: Options{History: history}, screen: "#configure terminal\r\n"},
		{name: "history twice", typed: "\x1b[A\x1b[A!\r", want: "show clock!", options: Options{History: history},
			screen: "#configure terminal" + strings.Repeat("\b", 18) + "show clock" + strings.Repeat(" ", 8) + strings.Repeat("\b", 8) + "!\r\n"},
		{name: "history and back", typed: "dr\x10\x10\x0e\x0eaft\r", want: "draft", options: Options{History: history}},
		{name: "end of history", typed: "\x10\x10\x10\r", want: "show clock", options: Options{History: history}},
		{name: "redraw", typed: "sh\x12ow\r", want: "show", screen: "#sh\r\nKS1#show\r\n"},
		{name: "question mark as text", typed: "why?\r", want: "why?", screen: "#why?\r\n"},
		{name: "literal", typed: "a\x16?b\r", want: "a?b", screen: "#a?b\r\n", options: Options{Help: func(string) { panic("asked") }}},
		{name: "initial", typed: "clock\r", want: "show clock", screen: "#show clock\r\n", options: Options{Initial: "show "}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPeer()
			term := NewTerminal(Config{Peer: p})
			defer term.Close()
			go p.typed(c.typed)
			l := read(t, term, c.options)
			if l.Text != c.want || l.End != c.end {
				t.Errorf("line %+v, want %q end=%v", l, c.want, c.end)
			}
			if c.screen != "" && p.String() != "KS1"+c.screen {
				t.Errorf("screen\n%q, want\n%q", p.String(), "KS1"+c.screen)
			}
		})
	}
}

func TestEndings(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	for _, c := range []struct {
		name, typed string
		config      Config
		options     Options
		want        error
		screen      string
		after       func(p *peer)
	}{
		{name: "ctrl-C", typed: "show\x03", want: ErrInterrupt, screen: "KS1#show\r\n"},
		{name: "ctrl-C in configuration", typed: "in\x03", want: ErrInterrupt, screen: "KS1#in^C\r\n", options: Options{EchoControl: true}},
		{name: "escape", typed: "sho\x1ex", want: ErrEscape, screen: "KS1#sho\r\n"},
		{name: "ctrl-D", typed: "\x04", config: Config{EndOnCtrlD: true}, want: io.EOF, screen: "KS1#\r\n"},
		{name: "peer gone", after: func(p *peer) { p.w.Close() }, want: io.EOF, screen: "KS1#\r\n"},
		{name: "peer gone in a line", typed: "reload", after: func(p *peer) { p.await(t, "reload"); p.w.Close() }, want: io.EOF, screen: "KS1#reload\r\n"},
		{name: "cancelled", typed: "half", after: func(p *peer) { p.await(t, "half"); cancel() }, want: context.Canceled, screen: "KS1#half\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPeer()
			c.config.Peer = p
			term := NewTerminal(c.config)
			defer term.Close()
			go func() {
				p.typed(c.typed)
				if c.after != nil {
					c.after(p)
				}
			}()
			_, err := term.ReadLine(ctx, "KS1#", c.options)
			if !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
			if p.String() != c.screen {
				t.Errorf("screen %q, want %q", p.String(), c.screen)
			}
			// The line is over: the next starts empty.
			if c.name == "ctrl-C" || c.name == "escape" {
				go p.typed("x\r")
				if l := read(t, term, Options{}); l.Text != "x" {
					t.Errorf("next line %q", l.Text)
				}
			}
		})
	}
}

func TestHelp(t *testing.T) {
	p := newPeer()
	term := NewTerminal(Config{Peer: p})
	defer term.Close()
	var asked []string
	o := Options{Help: func(before string) {
		asked = append(asked, before)
		io.WriteString(term, "  version  System version\n\n")
	}}
	go p.typed("show ver?sion\rsver\x02\x02\x02?\r")
	l := read(t, term, o)
	want := "KS1#show ver?\r\n  version  System version\r\n\r\nKS1#show version\r\n"
	if p.String() != want || l.Text != "show version" {
		t.Errorf("line %q screen\n%q, want\n%q", l.Text, p.String(), want)
	}
	// In the middle of a line: help for what is left of the cursor.
	if l = read(t, term, o); l.Text != "sver" {
		t.Errorf("line %q", l.Text)
	}
	if strings.Join(asked, "|") != "show ver|s" {
		t.Errorf("asked for %q", asked)
	}
}

// Help longer than the screen asks for keys while the line is open.
func TestHelpPages(t *testing.T) {
	p := newPeer()
	term := NewTerminal(Config{Peer: p})
	defer term.Close()
	o := Options{Help: func(string) {
		io.WriteString(term, "one\n")
		if r, err := term.ReadKey(context.Background(), " --More-- "); r != ' ' || err != nil {
			t.Errorf("key %q %v", r, err)
		}
		io.WriteString(term, "two\n")
	}}
	go p.typed("sh? ow\r")
	if l := read(t, term, o); l.Text != "show" {
		t.Errorf("line %q", l.Text)
	}
	back := strings.Repeat("\b", 10)
	want := "KS1#sh?\r\none\r\n --More-- " + back + strings.Repeat(" ", 10) + back + "two\r\nKS1#show\r\n"
	if p.String() != want {
		t.Errorf("screen\n%q, want\n%q", p.String(), want)
	}
}

func TestTab(t *testing.T) {
	p := newPeer()
	term := NewTerminal(Config{Peer: p})
	defer term.Close()
	o := Options{Complete: func(before string) (string, bool) { return "ow ", before == "sh" }}
	go p.typed("s\th\tver\t\r")
	if l := read(t, term, o); l.Text != "show ver" {
		t.Errorf("line %q", l.Text)
	}
	if want := "KS1#s\ah\r\nKS1#show ver\a\r\n"; p.String() != want {
		t.Errorf("screen %q, want %q", p.String(), want)
	}
}

func TestSecret(t *testing.T) {
	p := newPeer()
	term := NewTerminal(Config{Peer: p})
	defer term.Close()
	go p.typed("wrong\x15ci\x7fisco?\x16!\r\x10\x03")
	s, err := term.ReadSecret(context.Background(), "Password: ")
	if s != "cisco?!" || err != nil {
		t.Errorf("secret %q %v", s, err)
	}
	if _, err = term.ReadLine(context.Background(), "KS1#", Options{}); err != ErrInterrupt {
		t.Errorf("error %v", err)
	}
	if want := "Password: \r\nKS1#\a\r\n"; p.String() != want {
		t.Errorf("screen %q, want %q", p.String(), want)
	}
}

// Log lines go below the open line, which is drawn again below them; a bare
// prompt between two of them is overwritten.
func TestLogWhileTyping(t *testing.T) {
	p := newPeer()
	term := NewTerminal(Config{Peer: p})
	defer term.Close()
	go func() {
		p.await(t, "KS1#")
		term.Async("%A-5-ONE: first\r\n")
		p.await(t, "first\r\nKS1#")
		term.Async("%A")
		p.await(t, "%A  \r\nKS1#")
		p.typed("show cry")
		p.await(t, "show cry")
		term.Async("%A-5-THREE: third")
		p.await(t, "third\r\nKS1#show cry")
		p.typed("\x02")
		p.await(t, "\b")
		term.Async("%A-5-FOUR: fourth")
		p.await(t, "fourth\r\nKS1#show cry\b")
		p.typed("\x05pto\r")
	}()
	if l := read(t, term, Options{}); l.Text != "show crypto" {
		t.Errorf("line %q", l.Text)
	}
	want := "KS1#\r\n%A-5-ONE: first\r\nKS1#\r%A  \r\nKS1#show cry\r\n%A-5-THREE: third\r\nKS1#show cry"
	if !strings.HasPrefix(p.String(), want) {
		t.Errorf("screen\n%q, want\n%q", p.String(), want)
	}
	if bad, all := glued(p.String(), "%A"); bad != 0 || all != 4 {
		t.Errorf("%d of %d log lines are glued:\n%q", bad, all, p.String())
	}
}

func TestLogWhileRunning(t *testing.T) {
	p := newPeer()
	term := NewTerminal(Config{Peer: p})
	defer term.Close()
	io.WriteString(term, "!!!")
	term.Async("%A-5-ONE: x")
	p.await(t, "!!!\r\n%A-5-ONE: x\r\n")
	done := make(chan struct{})
	go func() { term.ReadKey(context.Background(), " --More-- "); close(done) }()
	p.await(t, " --More-- ")
	term.Async("%A-5-TWO: x")
	p.await(t, "%A-5-TWO: x\r\n --More-- ")
	p.typed(" ")
	<-done
}

// Two writers of log lines against fast typing: no line is lost or glued, no
// key is lost.
func TestNoGlue(t *testing.T) {
	n := 400
	if testing.Short() {
		n = 100
	}
	p := newPeer()
	term := NewTerminal(Config{Peer: p})
	defer term.Close()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	sent := make([]int, 2)
	for w := range sent {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				term.queue.mu.Lock()
				room := len(term.queue.lines) < queueLimit/2
				term.queue.mu.Unlock()
				if room {
					term.Async("%LOG-5-X: hello")
					sent[w]++
				}
			}
		})
	}
	go func() {
		for range n {
			for _, c := range "show ver\r" {
				p.typed(string(c))
			}
		}
	}()
	for i := range n {
		if l := read(t, term, Options{}); l.Text != "show ver" {
			t.Errorf("line %d is %q", i, l.Text)
		}
		io.WriteString(term, "out\n")
	}
	close(stop)
	wg.Wait()
	term.screen.mu.Lock()
	term.screen.lines(term.queue.take())
	term.screen.mu.Unlock()
	if bad, all := glued(p.String(), "%LOG"); bad != 0 || all != sent[0]+sent[1] || all == 0 {
		t.Errorf("%d of %d log lines are glued, %d sent", bad, all, sent[0]+sent[1])
	}
	if got := strings.Count(p.String(), "out\r\n"); got != n {
		t.Errorf("%d outputs, want %d", got, n)
	}
}

// A peer that does not read must not hold up those who log.
func TestSlowPeer(t *testing.T) {
	r, w := io.Pipe()
	_, in := io.Pipe()
	peer := struct {
		io.Reader
		io.Writer
	}{r, in} // nobody reads the other end
	term := NewTerminal(Config{Peer: peer})
	for i := range 5 * queueLimit {
		term.Async(fmt.Sprint("line ", i)) // returns, or the test never ends
	}
	w.Close()
	in.CloseWithError(io.ErrClosedPipe)
	term.Close()
}

func TestQueueCountsWhatItDrops(t *testing.T) {
	q := newQueue()
	for range queueLimit + 3 {
		q.put("x\r\n")
	}
	lines := q.take()
	want := "% 3 log messages were dropped: this line is too slow"
	if len(lines) != queueLimit+1 || lines[0] != "x" || lines[queueLimit] != want {
		t.Errorf("%d lines, first %q, last %q", len(lines), lines[0], lines[len(lines)-1])
	}
	if lines = q.take(); len(lines) != 0 {
		t.Errorf("%d lines left", len(lines))
	}
}

func TestInterrupt(t *testing.T) {
	p := newPeer()
	term := NewTerminal(Config{Peer: p})
	defer term.Close()
	breaks := make(chan struct{}, 9)
	stop := term.Interrupted(func() { breaks <- struct{}{} })
	p.typed("typed ahead\x03")
	<-breaks
	p.typed("more\x1e")
	<-breaks
	stop()
	go p.typed("next\r")
	if l := read(t, term, Options{}); l.Text != "next" {
		t.Errorf("line %q", l.Text)
	}
	// Ctrl-^ interrupts; an x behind it is the escape.
	stop = term.Interrupted(func() { breaks <- struct{}{} })
	p.typed("\x1e")
	<-breaks
	p.typed("x")
	stop()
	if _, err := term.ReadLine(context.Background(), "KS1#", Options{}); err != ErrEscape {
		t.Errorf("error %v, want escape", err)
	}
}

// Sessions come and go; goleak looks for what they leave.
func TestSessionsLeaveNothing(t *testing.T) {
	for i := range 30 {
		p := newPeer()
		term := NewTerminal(Config{Peer: p})
		switch i % 3 {
		case 0: // ended by the user
			go p.typed("exit\r")
			read(t, term, Options{})
			term.Close()
		case 1: // closed under an open line
			go func() { p.await(t, "KS1#"); p.typed("hal"); p.await(t, "hal"); term.Close() }()
			if l, err := term.ReadLine(context.Background(), "KS1#", Options{}); err != io.EOF {
				t.Errorf("line %+v error %v", l, err)
			}
		case 2: // never used
			term.Close()
		}
		if _, err := term.ReadLine(context.Background(), "KS1#", Options{}); err != io.EOF {
			t.Errorf("read after Close: %v", err)
		}
	}
}

// However a line grows, it stays within its length: by keys, by what was cut,
// by what Tab adds. It is then refused rather than run in part.
func TestLongestLine(t *testing.T) {
	grows := Options{Complete: func(string) (string, bool) { return "xyz", true }}
	for _, c := range []struct {
		name, typed string
		long        bool
	}{
		{"keys", strings.Repeat("\x02x", longestLine+1), true},
		{"yank", "x" + strings.Repeat("\x01\x0b\x19\x19", 12), true},
		{"tab", strings.Repeat("\t", longestLine), false}, // nothing was typed that is not there
		{"full", strings.Repeat("\x02x", longestLine), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPeer()
			term := NewTerminal(Config{Peer: p})
			defer term.Close()
			go p.typed(c.typed + "\r")
			l := read(t, term, grows)
			if n := len(l.Text); n > longestLine || n < longestLine-3 || l.Long != c.long {
				t.Errorf("%d characters, long %v", n, l.Long)
			}
		})
	}
}

// A question about a full line is answered like any other.
func TestHelpOnFullLine(t *testing.T) {
	p := newPeer()
	term := NewTerminal(Config{Peer: p})
	defer term.Close()
	full := strings.Repeat("x", longestLine)
	asked := 0
	go p.typed(full + "??\r")
	l := read(t, term, Options{Help: func(before string) {
		if asked++; before != full {
			t.Errorf("asked about %d characters", len(before))
		}
	}})
	if asked != 2 || l.Text != full || l.Long {
		t.Errorf("asked %d times; %d characters, long %v", asked, len(l.Text), l.Long)
	}
}

func TestLongestSecret(t *testing.T) {
	p := newPeer()
	term := NewTerminal(Config{Peer: p})
	defer term.Close()
	go p.typed(strings.Repeat("x", 2*longestLine) + "\r")
	s, err := term.ReadSecret(context.Background(), "Password: ")
	if err != nil || len(s) != longestLine {
		t.Errorf("%d characters, %v", len(s), err)
	}
}
