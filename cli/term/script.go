package term

import (
	"context"
	"io"
	"strings"
	"sync"
	"sync/atomic"
)

// Script is a LineReader of lines known beforehand; its screen is what a
// Terminal would show after the same keys. A line may end in `?` or Tab, which
// then is that key and leaves the text in the line, to be continued by the
// next one (Ctrl-U in front of it empties the line first); in Ctrl-Z; or in
// Ctrl-C, which drops it. A line of Ctrl-^ x is the escape.
type Script struct {
	// Keys answers ReadKey, in order; `q` when there are no more.
	Keys string

	mu            sync.Mutex
	lines         []string
	columns, rows atomic.Int32
	screen        screen
}

// NewScript reads the lines and then ends; the screen is out.
func NewScript(out io.Writer, lines ...string) *Script {
	return &Script{lines: lines, screen: screen{w: out}}
}

func (s *Script) take() (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.lines) == 0 {
		return "", false
	}
	line := s.lines[0]
	s.lines = s.lines[1:]
	return line, true
}

func (s *Script) print(text string) {
	s.screen.mu.Lock()
	defer s.screen.mu.Unlock()
	s.screen.print(text)
}

// ReadLine plays the next line.
func (s *Script) ReadLine(ctx context.Context, prompt string, o Options) (Line, error) {
	text := o.Initial
	for {
		if err := ctx.Err(); err != nil {
			return Line{}, err
		}
		add, ok := s.take()
		if !ok {
			return Line{}, io.EOF
		}
		if rest, cut := strings.CutPrefix(add, "\x15"); cut {
			text, add = "", rest
		}
		text += add
		s.screen.mu.Lock()
		s.screen.freshLine()
		s.screen.mu.Unlock()

		before, help := strings.CutSuffix(text, "?")
		if help && o.Help != nil {
			s.print(prompt + text + "\n")
			o.Help(before)
			text = before
			continue
		}
		if before, tab := strings.CutSuffix(text, "\t"); tab {
			s.print(prompt + before)
			text = before
			if o.Complete == nil {
				continue
			}
			if rest, ok := o.Complete(before); ok {
				s.print("\n")
				text += rest
			} else {
				s.print("\a\r")
			}
			continue
		}
		return s.finish(prompt, text, o)
	}
}

// finish shows the line and how it ended.
func (s *Script) finish(prompt, text string, o Options) (Line, error) {
	echo := func(control string) string {
		if o.EchoControl {
			return control
		}
		return ""
	}
	if before, ok := strings.CutSuffix(text, "\x1ex"); ok {
		s.print(prompt + before + "\n")
		return Line{}, ErrEscape
	}
	if before, ok := strings.CutSuffix(text, string(rune(ctrlC))); ok {
		s.print(prompt + before + echo("^C") + "\n")
		return Line{Text: before}, ErrInterrupt
	}
	if before, ok := strings.CutSuffix(text, string(rune(ctrlZ))); ok {
		s.print(prompt + before + echo("^Z") + "\n")
		return Line{Text: before, End: true}, nil
	}
	s.print(prompt + text + "\n")
	return Line{Text: text}, nil
}

// ReadSecret takes the next line and does not show it.
func (s *Script) ReadSecret(ctx context.Context, prompt string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	line, ok := s.take()
	if !ok {
		return "", io.EOF
	}
	s.print(prompt + "\n")
	return line, nil
}

// ReadKey takes the next of Keys. The prompt stays on the screen, so that a
// transcript shows it.
func (s *Script) ReadKey(ctx context.Context, prompt string) (rune, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.print(prompt + "\n")
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	for i, r := range s.Keys {
		s.Keys = s.Keys[i+len(string(r)):]
		return r, nil
	}
	return 'q', nil
}

// Write shows output of a command.
func (s *Script) Write(p []byte) (int, error) { return s.screen.Write(p) }

// Async shows a log line at once.
func (s *Script) Async(line string) {
	s.screen.mu.Lock()
	defer s.screen.mu.Unlock()
	s.screen.lines([]string{line})
}

// Interrupted never calls f.
func (s *Script) Interrupted(func()) (stop func()) { return func() {} }

// Interactive is true.
func (s *Script) Interactive() bool { return true }

// Size is what SetSize said.
func (s *Script) Size() (columns, rows int) { return int(s.columns.Load()), int(s.rows.Load()) }

// SetSize is remembered for Size.
func (s *Script) SetSize(columns, rows int) {
	s.columns.Store(int32(columns))
	s.rows.Store(int32(rows))
}

// Close does nothing.
func (s *Script) Close() error { return nil }
