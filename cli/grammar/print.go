package grammar

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
)

// Print writes the configuration of a target: the lines of each command of the
// mode in order of declaration, one space deeper for each sub-mode, with `!`
// lines as Command.Bang says. With all, defaults are written too.
func Print(w io.Writer, m *Mode, target any, all bool) error {
	return PrintSome(w, m, target, all, nil)
}

// PrintSome is Print of those lines, with all below them, that keep accepts;
// nil accepts every line.
func PrintSome(w io.Writer, m *Mode, target any, all bool, keep func(*Command, Line) bool) error {
	p := printer{all: all, level: math.MaxInt}
	return p.print(w, m, target, keep)
}

// PrintLevel is Print of the lines that a session at a privilege level may
// type itself.
func PrintLevel(w io.Writer, m *Mode, target any, all bool, level int) error {
	p := printer{all: all, level: level}
	return p.print(w, m, target, nil)
}

func (p *printer) print(w io.Writer, m *Mode, target any, keep func(*Command, Line) bool) error {
	p.mode(m, target, keep)
	if _, err := io.WriteString(w, p.text.String()); err != nil {
		return err
	}
	return errors.Join(p.errs...)
}

// LineText is one line of a command as it is printed, without indentation.
func LineText(c *Command, l Line) (string, bool) {
	if !l.No {
		return c.sheet().unparse(l.Args)
	}
	text, ok := unparseNo(c, l.Args)
	return "no " + text, ok
}

type printer struct {
	all   bool
	level int // of those who read it
	text  strings.Builder
	depth int
	bang  bool // the last line was `!`
	errs  []error
}

func (p *printer) line(s string) {
	p.text.WriteString(strings.Repeat(" ", p.depth))
	p.text.WriteString(s)
	p.text.WriteByte('\n')
	p.bang = false
}

// separate writes `!`, unless there is one.
func (p *printer) separate() {
	if p.depth == 0 && !p.bang {
		p.text.WriteString("!\n")
		p.bang = true
	}
}

func (p *printer) mode(m *Mode, target any, keep func(*Command, Line) bool) {
	levels := *m.program().levels.Load() // and bindings learn their names
	for i, c := range m.Commands {
		if c.Bind == nil || levels[i] > p.level {
			continue
		}
		printed := false
		for _, l := range c.Bind.Lines(target, p.all) {
			if keep != nil && !keep(c, l) {
				continue
			}
			text, ok := LineText(c, l)
			if !ok {
				p.errs = append(p.errs, fmt.Errorf("%s: %s: no text for %v", m.Name, Syntax(c.Syntax), l.Args))
				continue
			}
			if !printed && c.Bang&BangBefore != 0 {
				p.separate()
			}
			printed = true
			p.line(text)
			if c.Enter == nil || l.No {
				continue
			}
			sub := l.Sub
			if sub == nil {
				if sub, ok = openSub(c, target, l.Args); !ok {
					continue
				}
			}
			p.depth++
			p.mode(c.Enter, sub, nil)
			p.depth--
			if c.Bang == 0 || c.Bang&BangEach != 0 {
				p.separate()
			}
		}
		if printed && c.Bang&BangAfter != 0 {
			p.separate()
		}
	}
}

// openSub is the target of the mode that a command enters.
func openSub(c *Command, target any, a Args) (any, bool) {
	if o, ok := c.Bind.(Opener); ok {
		return o.Open(target, a)
	}
	return target, true
}
