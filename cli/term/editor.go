package term

import (
	"errors"
	"io"
	"strings"

	"github.com/chzyer/readline"
)

// This file is the seam to the library: what it is configured with, and the
// callbacks that it makes in its own goroutine while a line is open.

// start makes the editor at the first line; t.read is held.
func (t *Terminal) start() error {
	if t.editor != nil {
		return nil
	}
	nothing := func() error { return nil }
	editor, err := readline.NewEx(&readline.Config{
		Stdin: t.gate, Stdout: frameWriter{t}, Stderr: frameWriter{t},
		HistoryLimit: -1, DisableAutoSaveHistory: true, // history is the session's
		InterruptPrompt: "\n", EOFPrompt: "\n", // the library's way to say none
		AutoComplete: completer{t},
		Listener:     readline.FuncListener(t.changed),
		Painter:      painter{},

		FuncFilterInputRune: t.filter,
		ForceUseInteractive: true,
		FuncIsTerminal:      func() bool { return true },
		FuncMakeRaw:         nothing,
		FuncExitRaw:         nothing,
		FuncGetWidth:        func() int { return max(1, int(t.editColumns.Load())) },
		// Its own way would be a handler of SIGWINCH for the whole process.
		FuncOnWidthChanged: func(f func()) { t.width = f },
	})
	if err != nil {
		return err
	}
	t.editor = editor
	return nil
}

// stop ends the editor's goroutines; t.read is held and the gate closed. The
// library's own Close may hang when a read is open, so that is not used.
func (t *Terminal) stop() {
	if t.editor != nil {
		t.editor.Config.Stdin.Close()
		t.editor.Terminal.Close()
	}
}

// resize tells the editor its width. It is never less than the prompt and a
// few characters: the library does not end when the prompt fills the row.
func (t *Terminal) resize(prompt string) {
	columns, _ := t.Size()
	if columns <= 0 {
		columns = defaultColumns
	}
	columns = max(columns, len(prompt)+8)
	if t.editColumns.Swap(int32(columns)) != int32(columns) && t.width != nil {
		t.width()
	}
}

// frameWriter is the screen as the editor sees it.
type frameWriter struct{ t *Terminal }

func (w frameWriter) Write(b []byte) (int, error) {
	t := w.t
	t.screen.mu.Lock()
	out, isFrame := t.frame.update(b)
	if len(out) > 0 {
		t.logged /= 2
	}
	t.screen.emit(out)
	t.screen.mu.Unlock()
	if isFrame {
		t.gate.prompted()
	}
	return len(b), nil
}

// painter leaves the line as it is.
type painter struct{}

func (painter) Paint(line []rune, _ int) []rune { return line }

// filter sees each rune before the editor does. What it answers itself it
// takes out; the editor then draws the line again.
func (t *Terminal) filter(r rune) (rune, bool) {
	t.literal = false
	switch r {
	case 0: // the gate is closed
		return 0, true
	case runeWake:
		t.showLogInLine()
		t.resize(t.prompt)
	case runeRedraw:
		t.leaveLine("", "\n")
	case runePrevious:
		t.recallLine(t.recall - 1)
	case runeNext:
		t.recallLine(t.recall + 1)
	case runeDelete:
		if len(t.line) > 0 {
			t.gate.rearm()
			return readline.CharDelete, true
		}
		if t.cfg.EndOnCtrlD {
			t.gate.endEmpty(io.EOF)
			return readline.CharInterrupt, true
		}
		t.bell()
	case readline.CharInterrupt, readline.CharEnter:
		t.setTail(r)
		return r, true
	case '\t', '?':
		return r, true // the gate waits for complete or changed
	default:
		if r >= runeLiteral && r < runeLiteral+0x80 {
			t.literal = true
			r -= runeLiteral
		}
		if r >= ' ' && r != readline.CharBackspace && len(t.line) >= longestLine {
			t.gate.fill()
			t.bell()
			return 0, false
		}
		return r, true
	}
	t.gate.rearm()
	return 0, false
}

// setTail shows the control character that ends a configuration line.
func (t *Terminal) setTail(r rune) {
	if !t.options.EchoControl {
		return
	}
	t.gate.mu.Lock()
	end, err := t.gate.end, t.gate.err
	t.gate.mu.Unlock()
	t.screen.mu.Lock()
	defer t.screen.mu.Unlock()
	switch {
	case r == readline.CharEnter && end:
		t.frame.tail = "^Z"
	case r == readline.CharInterrupt && errors.Is(err, ErrInterrupt):
		t.frame.tail = "^C"
	}
}

// changed is told of the line after each key. Of the key that ends a line it
// may be told when ReadLine has returned already, so that one touches nothing.
func (t *Terminal) changed(line []rune, pos int, r rune) ([]rune, int, bool) {
	switch r {
	case 0, readline.CharEnter, readline.CharCtrlJ, readline.CharInterrupt:
		return nil, 0, false
	}
	asks := r == '?' && !t.literal && t.options.Help != nil && pos > 0 && line[pos-1] == '?'
	if len(line) > longestLine && !asks { // filter lets a yank pass: how much it adds only the editor knows
		t.gate.fill()
		t.bell()
		t.line, t.pos = line[:longestLine], min(pos, longestLine)
		return t.line, t.pos, true
	}
	t.line, t.pos = line, pos
	if !asks {
		return nil, 0, false
	}
	without := append(append([]rune{}, line[:pos-1]...), line[pos:]...)
	before := string(line[:pos-1])
	t.leaveLine(before+"?", "\n")
	t.setActivity(running)
	t.options.Help(before)
	t.screen.mu.Lock()
	t.screen.freshLine()
	t.screen.mu.Unlock()
	t.setActivity(lineOpen)
	t.line, t.pos = without, pos-1
	t.gate.rearm()
	return without, pos - 1, true
}

func (t *Terminal) setActivity(a activity) {
	t.screen.mu.Lock()
	defer t.screen.mu.Unlock()
	t.screen.lines(t.queue.take())
	t.activity = a
}

// leaveLine goes to a fresh row, so that the editor's next frame is drawn
// there. A line whose cursor is at its end stays on the screen as it is; any
// other is erased, and text, when not empty, is put in its place.
func (t *Terminal) leaveLine(text, end string) {
	s := &t.screen
	s.mu.Lock()
	stays := t.frame.simple
	t.frame.swallow = stays
	s.mu.Unlock()

	t.editor.Clean() // the editor now knows that its line is gone

	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case stays && !(t.frame.edge && end == "\n"):
		s.print(end)
	case !stays:
		s.emit(t.frame.erasure)
		if text != "" {
			s.print(t.prompt + text + end)
		}
	}
	t.frame.reset()
}

// showLogInLine shows log lines below the line; the line is then drawn anew
// below them. A bare prompt that log lines left last time is overwritten
// instead of repeated.
func (t *Terminal) showLogInLine() {
	s := &t.screen
	s.mu.Lock()
	lines := t.queue.take()
	bare := t.logged == 1 && len(t.line) == 0
	s.mu.Unlock()
	if len(lines) == 0 {
		return
	}
	if bare {
		t.leaveLine("", "\r")
		if pad := len(t.prompt) - len(lines[0]); pad > 0 {
			lines[0] += strings.Repeat(" ", pad)
		}
	} else {
		t.leaveLine("", "\n")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines(lines)
	t.logged = 2
}

// recallLine replaces the line by one of the history.
func (t *Terminal) recallLine(i int) {
	if i < 0 || i > len(t.options.History) {
		t.bell()
		return
	}
	if t.recall == len(t.options.History) {
		t.draft = t.line
	}
	t.recall, t.line = i, t.draft
	if i < len(t.options.History) {
		t.line = []rune(t.options.History[i])
	}
	t.pos = len(t.line)
	t.editor.Operation.SetBuffer(string(t.line))
}

func (t *Terminal) bell() {
	t.screen.mu.Lock()
	defer t.screen.mu.Unlock()
	t.screen.print("\a")
}

// completer answers Tab with one candidate or none, so that the editor never
// opens its menu.
type completer struct{ t *Terminal }

// Do completes and, as IOS does, shows the completed line on the next row.
func (c completer) Do(line []rune, pos int) ([][]rune, int) {
	t := c.t
	defer t.gate.rearm()
	if t.options.Complete == nil || pos != len(line) {
		t.bell()
		return nil, 0
	}
	rest, ok := t.options.Complete(string(line))
	if !ok || len(line)+len(rest) > longestLine {
		t.bell()
		return nil, 0
	}
	t.leaveLine("", "\n")
	return [][]rune{[]rune(rest)}, 0
}
