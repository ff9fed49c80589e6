package pipe

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"

	"coterie/cli/grammar"
)

// kind is a filter by its word.
type kind struct {
	word, help string
	make       func(out io.Writer, re *regexp.Regexp) lineFunc
}

// A lineFunc takes one line with its end; last is called once, after all.
type lineFunc struct {
	line func(line []byte) error
	last func() error
}

// kinds, in the order of `?`. Those without make are not a matter of lines:
// see destination.go.
var kinds = []kind{
	{wordAppend, "Append redirected output to URL (URLs supporting append operation only)", nil},
	{"begin", "Begin with the line that matches", begin},
	{"count", "Count number of lines which match regexp", count},
	{"exclude", "Exclude lines that match", exclude},
	{wordFormat, "Format the output using the specified spec file", nil},
	{"include", "Include lines that match", include},
	{wordJSON, "Print the data behind the output as JSON", nil},
	{wordRedirect, "Redirect output to URL", nil},
	{"section", "Filter a section of output", section},
	{wordTee, "Copy output to URL", nil},
}

// A Filter is what follows the `|` of a line.
type Filter struct {
	kind      kind
	re        *regexp.Regexp
	invert    bool   // section exclude
	url       string // append, redirect, tee, format
	appending bool   // append, tee /append
}

// Split finds the `|` that ends the command of a line: the first one behind a
// blank. Every other `|` is part of the pattern. at is its place, len(line)
// when there is none.
func Split(line string) (command string, at int, ok bool) {
	for i := 1; i < len(line); i++ {
		if line[i] == '|' && (line[i-1] == ' ' || line[i-1] == '\t') {
			return line[:i], i, true
		}
	}
	return line, len(line), false
}

// word cuts the first word of s; start and end are its places.
func word(s string, from int) (start, end int) {
	start = from
	for start < len(s) && s[start] == ' ' {
		start++
	}
	end = start
	for end < len(s) && s[end] != ' ' {
		end++
	}
	return start, end
}

// find is the kind that w abbreviates.
func find(w string) (k kind, found int) {
	for _, c := range kinds {
		if c.word == strings.ToLower(w) {
			return c, 1
		}
		if strings.HasPrefix(c.word, strings.ToLower(w)) {
			k = c
			found++
		}
	}
	return k, found
}

// Parse reads the filter behind the `|` at the place of line that Split gave.
// The pattern is the rest of the line, blanks included. The error is a
// *grammar.SyntaxError, or ErrRegexp.
func Parse(line string, at int) (*Filter, error) {
	fail := func(k grammar.SyntaxKind, offset, progress int) error {
		return &grammar.SyntaxError{Kind: k, Line: line, Offset: offset, Progress: progress}
	}
	start, end := word(line, at+1)
	if start == end {
		return nil, fail(grammar.Incomplete, len(line), 1)
	}
	k, found := find(line[start:end])
	switch {
	case found == 0:
		return nil, fail(grammar.Invalid, start, 1)
	case found > 1:
		return nil, fail(grammar.Ambiguous, start, 1)
	}
	f := &Filter{kind: k}
	if k.make == nil {
		return f, f.parseURL(line, end)
	}
	pattern := strings.TrimLeft(line[end:], " ") // blanks at its end count
	if k.word == "section" {
		if rest, ok := strings.CutPrefix(pattern, "include "); ok {
			pattern = strings.TrimLeft(rest, " ")
		} else if rest, ok := strings.CutPrefix(pattern, "exclude "); ok {
			pattern, f.invert = strings.TrimLeft(rest, " "), true
		}
	}
	if pattern == "" {
		return nil, fail(grammar.Incomplete, len(line), 2)
	}
	var err error
	f.re, err = Compile(pattern)
	return f, err
}

// Help answers `?` behind the `|` at the place of line that Split gave.
func Help(line string, at int) (grammar.Help, error) {
	start, end := word(line, at+1)
	var h grammar.Help
	if end == len(line) {
		for _, k := range kinds {
			if start == end {
				h.Entries = append(h.Entries, grammar.HelpEntry{Word: k.word, Help: k.help})
			} else if strings.HasPrefix(k.word, strings.ToLower(line[start:end])) {
				h.Words = append(h.Words, k.word)
			}
		}
		if h.Words == nil && h.Entries == nil {
			return h, &grammar.SyntaxError{Kind: grammar.Unknown, Line: line, Offset: start, Progress: 1}
		}
		return h, nil
	}
	k, found := find(line[start:end])
	if found != 1 {
		kind := grammar.Unknown
		if found > 1 {
			kind = grammar.Ambiguous
		}
		return h, &grammar.SyntaxError{Kind: kind, Line: line, Offset: start, Progress: 1}
	}
	if k.make == nil {
		return urlHelp(k, line, end)
	}
	if strings.TrimLeft(line[end:], " ") != "" {
		return grammar.Help{Entries: []grammar.HelpEntry{{Word: "LINE"}}, CR: true}, nil
	}
	h.Entries = []grammar.HelpEntry{{Word: "LINE", Help: "Regular Expression"}}
	if k.word == "section" {
		h.Entries = append(h.Entries,
			grammar.HelpEntry{Word: "exclude", Help: "Exclude section(s) of output"},
			grammar.HelpEntry{Word: "include", Help: "Include section(s) of output"})
	}
	return h, nil
}

// Complete answers Tab behind the `|`.
func Complete(line string, at int) (rest string, ok bool) {
	start, end := word(line, at+1)
	if start == end || end != len(line) {
		return "", false
	}
	k, found := find(line[start:end])
	if found != 1 {
		return "", false
	}
	return k.word[end-start:] + " ", true
}

// Writer filters what is written to it into out. Close writes what is left:
// a line without end, a count. It does not close out. A filter with a
// Destination, or for JSON, passes everything on.
func (f *Filter) Writer(out io.Writer) io.WriteCloser {
	if f.kind.make == nil {
		return &lines{do: lineFunc{line: func(line []byte) error { _, err := out.Write(line); return err }}}
	}
	if f.invert {
		return &lines{do: sections(out, f.re, true)}
	}
	return &lines{do: f.kind.make(out, f.re)}
}

// lines cuts what is written to it into lines.
type lines struct {
	do   lineFunc
	part []byte
	err  error
}

func (l *lines) Write(p []byte) (int, error) {
	n := len(p)
	for l.err == nil && len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			l.part = append(l.part, p...)
			break
		}
		line := p[:i+1]
		if len(l.part) > 0 {
			line = append(l.part, line...)
			l.part = nil
		}
		l.err = l.do.line(line)
		p = p[i+1:]
	}
	if l.err != nil {
		return 0, l.err
	}
	return n, nil
}

func (l *lines) Close() error {
	if l.err == nil && len(l.part) > 0 {
		l.err = l.do.line(append(l.part, '\n'))
		l.part = nil
	}
	if l.err == nil && l.do.last != nil {
		l.err = l.do.last()
	}
	return l.err
}

// matches tells whether the text of a line matches.
func matches(re *regexp.Regexp, line []byte) bool {
	return re.Match(bytes.TrimRight(line, "\r\n"))
}

func include(out io.Writer, re *regexp.Regexp) lineFunc {
	return lineFunc{line: func(line []byte) (err error) {
		if matches(re, line) {
			_, err = out.Write(line)
		}
		return err
	}}
}

func exclude(out io.Writer, re *regexp.Regexp) lineFunc {
	return lineFunc{line: func(line []byte) (err error) {
		if !matches(re, line) {
			_, err = out.Write(line)
		}
		return err
	}}
}

func begin(out io.Writer, re *regexp.Regexp) lineFunc {
	begun := false
	return lineFunc{line: func(line []byte) (err error) {
		if begun = begun || matches(re, line); begun {
			_, err = out.Write(line)
		}
		return err
	}}
}

func count(out io.Writer, re *regexp.Regexp) lineFunc {
	n := 0
	return lineFunc{
		line: func(line []byte) error {
			if matches(re, line) {
				n++
			}
			return nil
		},
		last: func() error {
			_, err := fmt.Fprintf(out, "Number of lines which match regexp = %d\n", n)
			return err
		},
	}
}

func section(out io.Writer, re *regexp.Regexp) lineFunc { return sections(out, re, false) }

// sections passes a line that matches, and the lines below it that are
// indented deeper; or, inverted, all the others. Empty lines neither end a
// section nor belong to it.
func sections(out io.Writer, re *regexp.Regexp, invert bool) lineFunc {
	inside, depth := false, 0
	return lineFunc{line: func(line []byte) (err error) {
		text := bytes.TrimRight(line, "\r\n")
		indent := len(text) - len(bytes.TrimLeft(text, " \t"))
		empty := indent == len(text)
		if !empty && (!inside || indent <= depth) {
			inside, depth = re.Match(text), indent
		}
		if inside != invert && !(empty && inside) {
			_, err = out.Write(line)
		}
		return err
	}}
}
