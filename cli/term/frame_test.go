package term

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/chzyer/readline"
)

// The write pattern of the editor that frame relies on: an erasure, then a
// frame, each in a Write of its own. A version of the library that writes
// otherwise must fail here before it fails on a user's screen.
func TestWritePattern(t *testing.T) {
	got := rawWrites(t, 20, "show\x02XYZ crypto gdoi group\x01\r", nil)
	frames := 0
	for i, w := range got {
		if _, ok := isErasure([]byte(w)); ok {
			if i+1 == len(got) {
				break
			}
			if _, again := isErasure([]byte(got[i+1])); again {
				t.Errorf("write %d: two erasures in a row", i)
			}
			continue
		}
		frames++
		if !strings.HasPrefix(w, "KS1#") {
			t.Errorf("write %d is neither an erasure nor a frame: %q", i, w)
		}
		if i == 0 || !func() bool { _, ok := isErasure([]byte(got[i-1])); return ok }() {
			t.Errorf("write %d: a frame without an erasure: %q", i, w)
		}
	}
	if frames < 25 {
		t.Errorf("%d frames", frames)
	}
	if first := got[1]; first != "KS1# \b" {
		t.Errorf("the first frame is %q", first)
	}
	if last := got[len(got)-1]; last != "KS1#shoXYZ crypto gdoi groupw\n" {
		t.Errorf("the last frame is %q", last)
	}
}

// rawWrites runs the editor alone, without frame, and gives its writes.
func rawWrites(t *testing.T, columns int, typed string, also io.Writer) (writes []string) {
	t.Helper()
	g := newGate()
	var mu sync.Mutex
	over := false // the editor erases once more when it ends
	w := writerFunc(func(b []byte) {
		mu.Lock()
		defer mu.Unlock()
		if over {
			return
		}
		writes = append(writes, string(b))
		if also != nil {
			also.Write(b)
		}
		if _, ok := isErasure(b); !ok {
			g.prompted()
		}
	})
	nothing := func() error { return nil }
	rl, err := readline.NewEx(&readline.Config{
		Prompt: "KS1#", Stdin: g, Stdout: w, Stderr: w, HistoryLimit: -1, DisableAutoSaveHistory: true,
		InterruptPrompt: "\n", Painter: painter{}, ForceUseInteractive: true,
		FuncIsTerminal: func() bool { return true }, FuncMakeRaw: nothing, FuncExitRaw: nothing,
		FuncGetWidth: func() int { return columns }, FuncOnWidthChanged: func(func()) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	g.begin()
	g.openLine(false)
	g.put([]byte(typed))
	rl.Readline()
	g.finish()
	mu.Lock()
	over = true
	mu.Unlock()
	g.close()
	rl.Config.Stdin.Close()
	rl.Terminal.Close()
	return writes
}

type writerFunc func(b []byte)

func (f writerFunc) Write(b []byte) (int, error) { f(b); return len(b), nil }

// model is a small screen: rows, a cursor, and the wrap that waits for the
// next character, as a VT100 has it.
type model struct {
	columns  int
	rows     [][]byte
	row, col int
	pending  bool // the last column was written
}

func (m *model) line() *[]byte {
	for len(m.rows) <= m.row {
		m.rows = append(m.rows, bytes.Repeat([]byte(" "), m.columns))
	}
	return &m.rows[m.row]
}

func (m *model) Write(b []byte) (int, error) {
	for i := 0; i < len(b); i++ {
		switch c := b[i]; c {
		case '\r':
			m.col, m.pending = 0, false
		case '\n':
			m.row, m.col, m.pending = m.row+1, 0, false
		case '\b':
			m.pending = false
			m.col = max(0, m.col-1)
		case '\a':
		case esc:
			j := i + 2
			for j < len(b) && b[j] < 0x40 {
				j++
			}
			m.pending = false
			switch l := m.line(); b[j] {
			case 'J':
				for k := m.col; k < m.columns; k++ {
					(*l)[k] = ' '
				}
				m.rows = m.rows[:m.row+1]
			case 'K':
				for k := range *l {
					(*l)[k] = ' '
				}
			case 'A':
				m.row = max(0, m.row-1)
			case 'C':
				m.col = m.columns - 1
			}
			i = j
		default:
			if m.pending {
				m.row, m.col, m.pending = m.row+1, 0, false
			}
			l := m.line()
			(*l)[m.col] = c
			if m.col == m.columns-1 {
				m.pending = true
			} else {
				m.col++
			}
		}
	}
	return len(b), nil
}

// String is what the user sees, rows without trailing blanks.
func (m *model) String() string {
	var rows []string
	for _, r := range m.rows {
		rows = append(rows, strings.TrimRight(string(r), " "))
	}
	return strings.TrimRight(strings.Join(rows, "\n"), "\n")
}

// framedScreen is the screen of a Terminal after the same keys.
func framedScreen(t *testing.T, columns int, typed string) (screen, line string) {
	t.Helper()
	m := &model{columns: columns}
	p := newPeer()
	p.hook = func(b []byte) { m.Write(b) }
	term := NewTerminal(Config{Peer: p, KeepLF: true, Size: func() (int, int) { return columns, 24 }})
	defer term.Close()
	go p.typed(typed)
	l, _ := term.ReadLine(context.Background(), "KS1#", Options{})
	return m.String(), l.Text
}

// At a narrow width the framed screen is the raw one, however the line was
// made: rows that wrap, insertions in the middle, words killed.
func TestSameScreen(t *testing.T) {
	keys := []string{"a", "b", "show ", "crypto", " ", "\x02", "\x02", "\x06", "\x01", "\x05", "\x7f", "\x7f", "\x17", "\x15", "\x0b", "\x19"}
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 300 {
		columns := 13 + r.IntN(16)
		var typed strings.Builder
		for range r.IntN(40) {
			typed.WriteString(keys[r.IntN(len(keys))])
		}
		compareScreens(t, n, columns, typed.String())
	}
}

// compareScreens looks before the last key: the end of a line that fills its
// row is better framed than raw, which leaves a row empty.
func compareScreens(t *testing.T, n, columns int, typed string) {
	t.Helper()
	raw := &model{columns: columns}
	rawWrites(t, columns, typed+"\x05\r", raw)
	framed, line := framedScreen(t, columns, typed+"\x05\r")
	if framed != raw.String() {
		t.Errorf("case %d, %d columns, keys %q, line %q: framed\n%s\nraw\n%s", n, columns, typed, line, framed, raw)
	}
}

// Random octets must never end the process or hang the line: the library is
// not made for a hostile peer.
func FuzzTerminal(f *testing.F) {
	f.Add([]byte("show ver?sion\x02\x02\x14\x14\x04\x1b[A\x1b[200~x\x16?\t\r"), uint8(20))
	f.Add([]byte("\x14a\x14\x14b\x17\x1bb\x1bf\x1bd\x19\x19\x1b\x7f"), uint8(4))
	f.Add([]byte("\x1b[;;;;;;;R\x1bO\x1b\x1b[99999999999999999999999999999999999Z\x80\xee\x80\x80"), uint8(0))
	f.Add([]byte("abcdefgh\x15"+strings.Repeat("\x19\x19\x15", 40)), uint8(0))
	f.Add([]byte(strings.Repeat("x?", longestLine/2)+"?"), uint8(20))
	f.Fuzz(func(t *testing.T, typed []byte, columns uint8) {
		// A key on a full line is milliseconds of the editor's, and many times as
		// much beside other work and with coverage counted: more keys show nothing new.
		typed = typed[:min(len(typed), 256)]
		hung := time.AfterFunc(2*time.Minute, func() { panic(fmt.Sprintf("hung on %q, %d columns", typed, columns)) })
		defer hung.Stop()
		p := newPeer()
		term := NewTerminal(Config{Peer: p, Size: func() (int, int) { return int(columns), 24 }})
		defer term.Close()
		go func() { p.w.Write(typed); p.w.Close() }()
		o := Options{
			Help:     func(string) { io.WriteString(term, "help\n"); term.ReadKey(context.Background(), " --More-- ") },
			Complete: func(s string) (string, bool) { return "x ", len(s)%2 == 0 },
			History:  []string{"show clock", ""},
		}
		for {
			l, err := term.ReadLine(context.Background(), "KS1(config)#", o)
			if err == io.EOF {
				return
			}
			if n := utf8.RuneCountInString(l.Text); n > longestLine {
				t.Errorf("%d characters from %q", n, typed)
			}
			if strings.ContainsFunc(l.Text, func(r rune) bool { return r < ' ' || r >= privateFirst && r <= privateLast }) {
				t.Errorf("line %q from %q", l.Text, typed)
			}
			term.Async("%LOG-5-X: y")
		}
	})
}
