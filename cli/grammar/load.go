package grammar

import (
	"errors"
	"strings"
)

// LoadOption changes Load.
type LoadOption func(*loader)

// Accepted calls f after each line that was applied: the place to note lines
// that are Immediate or without effect, and to run those that only Run.
func Accepted(f func(number int, m Match)) LoadOption {
	return func(l *loader) { l.accepted = f }
}

// maxBlock bounds the lines of one block.
const maxBlock = 4096

// Load applies configuration text to the tree at root and returns the lines
// that were not accepted, in order; it always goes on to the end.
//
// The indentation of a line says which mode it belongs to: one that is not
// deeper than the line that entered a mode is outside of it. When that mode
// does not accept it, it is tried as if typed, in the mode of the line before
// and outward, so that a file without indentation works as well. `!` lines,
// blank lines and the header of `show running-config` are skipped, `exit`
// leaves the mode of the line before, `end` stops.
func Load(global *Mode, root any, text string, opts ...LoadOption) []LineError {
	l := loader{root: root, stack: NewStack(global), indent: []int{-1}}
	for _, o := range opts {
		o(&l)
	}
	l.lines = strings.Split(text, "\n")
	for i := range l.lines {
		l.lines[i] = strings.TrimSuffix(l.lines[i], "\r")
	}
	for l.next < len(l.lines) && !l.ended {
		l.line()
	}
	return l.errs
}

type loader struct {
	root     any
	stack    *Stack
	indent   []int // of the line that entered each open mode
	lines    []string
	next     int
	ended    bool
	began    bool // a line has been applied
	errs     []LineError
	accepted func(int, Match)
}

// header tells lines that stand before the configuration on a screen.
func header(line string) bool {
	line = strings.TrimSpace(line)
	for _, s := range []string{"Building configuration...", "Current configuration :", "Using "} {
		if strings.HasPrefix(line, s) {
			return true
		}
	}
	return false
}

// typed tells lines that lead to configuration mode, at the head of a paste.
func typed(line string) bool {
	words := strings.Fields(strings.ToLower(line))
	switch len(words) {
	case 1:
		return len(words[0]) >= 2 && strings.HasPrefix("enable", words[0])
	case 2:
		return len(words[0]) >= 4 && strings.HasPrefix("configure", words[0]) && strings.HasPrefix("terminal", words[1])
	}
	return false
}

func (l *loader) line() {
	number, line := l.next+1, l.lines[l.next]
	l.next++
	if Blank(line) || !l.began && (header(line) || typed(line)) {
		return
	}
	indent := len(line) - len(strings.TrimLeft(line, " \t"))
	depth := l.stack.Depth()
	for depth > 1 && indent <= l.indent[depth-1] {
		depth--
	}
	r, line, err := l.resolve(line, depth)
	if err == nil {
		err = l.apply(indent, r)
	}
	if err != nil {
		l.errs = append(l.errs, LineError{number, line, err})
		return
	}
	l.began = true
	if l.accepted != nil && r.Command != Exit && r.Command != End {
		l.accepted(number, r.Match)
	}
}

// resolve finds the mode of a line. When the line opens a block it takes the
// lines up to the end of that; a block without an end is an error of its first
// line alone.
func (l *loader) resolve(line string, depth int) (Resolved, string, error) {
	r, err := l.place(line, depth)
	var syntax *SyntaxError
	if !errors.As(err, &syntax) || !syntax.More {
		return r, line, err
	}
	for i, next := range l.lines[l.next:min(l.next+maxBlock, len(l.lines))] {
		if syntax.Closes(next) {
			block := strings.Join(append([]string{line}, l.lines[l.next:l.next+i+1]...), "\n")
			r, err := l.place(block, depth)
			if err == nil {
				l.next += i + 1
			}
			return r, line, err
		}
	}
	return r, line, err
}

// place is the mode that the indentation says, or else any open one.
func (l *loader) place(line string, depth int) (Resolved, error) {
	m := l.stack.frames[depth-1].Mode
	match, err := m.Parse(line, 15)
	if err == nil {
		return Resolved{match, m, depth}, nil
	}
	if depth == 1 && l.stack.Depth() == 1 {
		return Resolved{}, err
	}
	var syntax *SyntaxError
	if errors.As(err, &syntax) && syntax.More {
		return Resolved{}, err
	}
	return l.stack.resolve(line, 15, l.stack.Depth())
}

func (l *loader) apply(indent int, r Resolved) error {
	switch r.Command {
	case End:
		l.ended = true
		return nil
	case Exit:
		l.stack.Exit()
		l.indent = l.indent[:l.stack.Depth()]
		return nil
	case Do:
		return nil
	}
	if err := l.stack.Apply(l.root, r); err != nil {
		return err
	}
	l.indent = append(l.indent[:min(r.depth, len(l.indent))], indent)[:l.stack.Depth()]
	return nil
}
