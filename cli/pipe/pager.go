package pipe

import (
	"bytes"
	"errors"
	"io"
	"unicode/utf8"
)

// More is the prompt of the pager.
const More = " --More-- "

// ErrQuit is what Write returns once the user wants no more.
var ErrQuit = errors.New("output ended at the pager")

// Keys is what the pager needs of the terminal.
type Keys interface {
	// Key shows a prompt, waits for one key and erases the prompt.
	Key(prompt string) (rune, error)
	// Pattern reads a regular expression behind `/`, `+` or `-`.
	Pattern(prompt string) (string, error)
}

// Pager shows output a screen at a time. At its prompt Space shows the next
// screen and Enter the next line; `/RE` goes on at the next line that matches,
// `+RE` shows only lines that match from there on and `-RE` only those that do
// not; any other key ends the output.
type Pager struct {
	out     io.Writer
	keys    Keys
	rows    int // shown between two prompts; 0 = all
	columns int // 0 = lines never wrap

	left int    // rows until the next prompt
	col  int    // of the row in work
	part []byte // a line that a filter waits for
	skip lineFunc
	asks int // how many filters were asked for
	err  error
}

// NewPager pages for a screen of length rows, one of which the prompt takes.
// With a length of 0 it only passes on.
func NewPager(out io.Writer, keys Keys, length, columns int) *Pager {
	p := &Pager{out: out, keys: keys, columns: columns}
	if length > 0 {
		p.rows = max(1, length-1)
	}
	p.left = p.rows
	return p
}

// Write shows b, asking for a key before each row that does not fit.
func (p *Pager) Write(b []byte) (int, error) {
	if p.rows == 0 {
		return p.out.Write(b)
	}
	n := len(b)
	for p.err == nil && len(b) > 0 {
		i := bytes.IndexByte(b, '\n') + 1
		if i == 0 {
			i = len(b)
		}
		p.piece(b[:i])
		b = b[i:]
	}
	if p.err != nil {
		return 0, p.err
	}
	return n, nil
}

// piece takes a line, or a part of one.
func (p *Pager) piece(b []byte) {
	if p.skip.line == nil {
		p.show(b)
		return
	}
	p.part = append(p.part, b...)
	if p.part[len(p.part)-1] == '\n' {
		line := p.part
		p.part = nil
		if err := p.skip.line(line); p.err == nil {
			p.err = err
		}
	}
}

// show writes b, which ends at or before the end of a line.
func (p *Pager) show(b []byte) {
	if p.left <= 0 {
		asked := p.asks
		p.ask()
		if p.err != nil {
			return
		}
		if p.asks > asked { // the new filter begins with this line
			p.piece(b)
			return
		}
	}
	if _, err := p.out.Write(b); err != nil {
		p.err = err
		return
	}
	text := bytes.TrimRight(b, "\r\n")
	p.col += utf8.RuneCount(text)
	if len(text) == len(b) {
		return // the row goes on
	}
	p.left--
	if p.columns > 0 && p.col > 0 {
		p.left -= (p.col - 1) / p.columns
	}
	p.col = 0
}

// ask waits at the prompt until a key says how to go on.
func (p *Pager) ask() {
	for {
		k, err := p.keys.Key(More)
		if err != nil {
			p.err = err
			return
		}
		switch k {
		case ' ':
			p.left = p.rows
		case '\r', '\n':
			p.left = 1
		case '/', '+', '-':
			pattern, err := p.keys.Pattern(string(k))
			if err != nil {
				p.err = err
				return
			}
			re, err := Compile(pattern)
			if pattern == "" || err != nil {
				if err != nil {
					io.WriteString(p.out, err.Error()+"\n")
				}
				continue
			}
			io.WriteString(p.out, "filtering...\n")
			out := shower{p}
			p.skip = map[rune]lineFunc{'/': begin(out, re), '+': include(out, re), '-': exclude(out, re)}[k]
			p.left = p.rows
			p.asks++
		default:
			p.err = ErrQuit
		}
		return
	}
}

// Close shows what a filter still holds.
func (p *Pager) Close() error {
	if p.err == nil && len(p.part) > 0 {
		p.err = p.skip.line(append(p.part, '\n'))
		p.part = nil
	}
	if errors.Is(p.err, ErrQuit) {
		return nil
	}
	return p.err
}

// shower is where the filter of a pager writes.
type shower struct{ p *Pager }

func (s shower) Write(b []byte) (int, error) {
	s.p.show(b)
	return len(b), s.p.err
}
