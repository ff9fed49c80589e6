package modes

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"coterie/cli/grammar"
	runningconfig "coterie/running-config"
)

// store declares a typed line without an engine: what it prints is what the
// tree keeps, and the syntax reads that back for printing. keys name the values
// that tell its lines apart; a line without keys is told apart by all of it,
// and a single line replaces whatever there was. Every choice in syntax must
// have a named value, or the line could not be printed.
func store[C any](field func(*C) *[]string, how keeping, syntax grammar.Node, keys ...string) *grammar.Command {
	no := removes
	switch {
	case how&defaults != 0:
		no = stays
	case how&both != 0:
		no = either
	}
	c := &grammar.Command{Syntax: syntax, Switch: no != removes, NoEffect: how&effect == 0}
	c.Bind = &storedLines[C]{reader: reader{command: c, keys: keys}, field: field, single: how&single != 0, no: no}
	return c
}

// withDefault makes a line of store one that says what its absence says
// anyway: it is not kept.
func withDefault(c *grammar.Command, text string) *grammar.Command {
	c.Bind.(interface{ absent(string) }).absent(text)
	return c
}

// A reader reads back the text of one command.
type reader struct {
	command *grammar.Command
	keys    []string // the values that tell its lines apart
	once    sync.Once
	prefix  string        // its first words, as printed
	alone   *grammar.Mode // the command and nothing else

	mu    sync.Mutex
	known map[string]comparison // of lines that were compared
}

// A comparison is what a kept line says to a command that compares it.
type comparison struct {
	own  bool   // it is one of the command
	keys string // see keyText
}

// mostCompared bounds what a command remembers.
const mostCompared = 1 << 14

func (r *reader) prepare() {
	r.once.Do(func() {
		r.alone = &grammar.Mode{Name: "stored", Commands: []*grammar.Command{{Syntax: r.command.Syntax, Bind: r.command.Bind}}}
		var words []string
		syntax, _ := r.command.Syntax.(grammar.Seq)
		for _, n := range syntax {
			k, ok := n.(grammar.Keyword)
			if !ok || k.Name != "" || k.Value != nil {
				break
			}
			if k.Printed != "" {
				k.Text = k.Printed
			}
			words = append(words, k.Text)
		}
		r.prefix = strings.Join(words, " ")
	})
}

// read gives the values of a kept line, if it is one of the command.
func (r *reader) read(line string) (grammar.Match, bool) {
	r.prepare()
	if bare := strings.TrimPrefix(line, "no "); !strings.HasPrefix(bare, r.prefix) {
		return grammar.Match{}, false
	}
	m, err := r.alone.Parse(line, privilegedLevel)
	return m, err == nil && m.Command == r.alone.Commands[0] && !m.Default
}

// compared is what to compare of a kept line, which every new line of the command
// asks for: parsed once, not once for each line after it. r.mu is held.
func (r *reader) compared(line string) comparison {
	r.prepare()
	if !strings.HasPrefix(strings.TrimPrefix(line, "no "), r.prefix) {
		return comparison{}
	}
	if k, ok := r.known[line]; ok {
		return k
	}
	var k comparison
	if m, ok := r.read(line); ok {
		k = comparison{true, r.keyText(m.Args)}
	}
	if r.known == nil || len(r.known) >= mostCompared {
		r.known = map[string]comparison{}
	}
	r.known[line] = k
	return k
}

// keyText is the values of the keys, absent ones included.
func (r *reader) keyText(a grammar.Args) string {
	var b strings.Builder
	for _, k := range r.keys {
		fmt.Fprintf(&b, "%T %q\n", a[k], fmt.Sprint(a[k]))
	}
	return b.String()
}

// text is a line as it is kept.
func (r *reader) text(no bool, a grammar.Args) (string, error) {
	text, ok := grammar.LineText(r.command, grammar.Line{No: no, Args: a})
	if !ok {
		return "", incomplete
	}
	return text, nil
}

// storedLines is the binding of store.
type storedLines[C any] struct {
	reader
	field    func(*C) *[]string
	single   bool
	no       negation
	fallback string // what an absent line says
}

func (s *storedLines[C]) absent(text string) { s.fallback = text }

// Identifying names the values that `no` needs.
func (s *storedLines[C]) Identifying() ([]string, bool) {
	if s.single {
		return []string{}, false
	}
	return s.keys, len(s.keys) == 0
}

// remove takes the lines out that a line of values a and of that text
// replaces, as far as which agrees.
func (s *storedLines[C]) remove(l []string, text string, a grammar.Args, which func(line string) bool) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	bare, keys := strings.TrimPrefix(text, "no "), s.keyText(a)
	same := func(line string) bool {
		if !s.single && len(s.keys) == 0 {
			return strings.TrimPrefix(line, "no ") == bare
		}
		k := s.compared(line)
		return k.own && (s.single || k.keys == keys)
	}
	return slices.DeleteFunc(l, func(line string) bool {
		goes := same(line) && which(line)
		if goes {
			delete(s.known, line)
		}
		return goes
	})
}

// put makes text the line of values a, in the place of the one it replaces.
func (s *storedLines[C]) put(target any, text string, a grammar.Args) {
	l := s.field(target.(*C))
	placed := false
	*l = s.remove(*l, text, a, func(line string) bool {
		placed = placed || line == text
		return line != text
	})
	if !placed {
		*l = append(*l, text)
	}
}

// drop forgets the lines of values a, those that begin with `no` when
// negative says so, and tells whether there were any.
func (s *storedLines[C]) drop(target any, a grammar.Args, negative bool) bool {
	l := s.field(target.(*C))
	text, _ := s.text(false, a)
	before := len(*l)
	*l = s.remove(*l, text, a, func(line string) bool { return negative || !strings.HasPrefix(line, "no ") })
	if len(*l) == 0 {
		*l = nil
	}
	return len(*l) != before
}

// Set keeps the line.
func (s *storedLines[C]) Set(target any, a grammar.Args) error {
	text, err := s.text(false, a)
	if err != nil {
		return err
	}
	if text == s.fallback {
		s.drop(target, a, true)
		return nil
	}
	s.put(target, text, a)
	return nil
}

// Unset forgets the line, or keeps that it is off.
func (s *storedLines[C]) Unset(target any, a grammar.Args) error {
	if s.no == removes {
		s.drop(target, a, true)
		return nil
	}
	text, err := s.text(true, a)
	if err != nil {
		return err
	}
	if had := s.drop(target, a, false); s.no == stays || !had {
		s.put(target, text, a)
	}
	return nil
}

// Default forgets the line and its negation.
func (s *storedLines[C]) Default(target any, a grammar.Args) error {
	s.drop(target, a, true)
	return nil
}

// Lines reads the kept lines of the command back.
func (s *storedLines[C]) Lines(target any, _ bool) []grammar.Line {
	var out []grammar.Line
	for _, line := range *s.field(target.(*C)) {
		if m, ok := s.read(line); ok {
			out = append(out, grammar.Line{No: m.No, Args: m.Args})
		}
	}
	return out
}

// heading declares a section without an engine. keys tell its sections apart;
// create completes the values of a new one.
func heading[C any](list func(*C) *[]*runningconfig.Stanza, syntax grammar.Node, enter *grammar.Mode, create func(grammar.Args), keys ...string) *grammar.Command {
	c := &grammar.Command{Syntax: syntax, Enter: enter, NoEffect: true}
	c.Bind = &storedSections[C]{reader: reader{command: c, keys: keys}, list: list, create: create}
	return c
}

// storedSections is the binding of heading.
type storedSections[C any] struct {
	reader
	list   func(*C) *[]*runningconfig.Stanza
	create func(grammar.Args)
}

// Identifying names the values that `no` needs.
func (s *storedSections[C]) Identifying() ([]string, bool) { return s.keys, false }

func (s *storedSections[C]) find(target any, a grammar.Args) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	keys := s.keyText(a)
	return slices.IndexFunc(*s.list(target.(*C)), func(x *runningconfig.Stanza) bool {
		k := s.compared(x.Header)
		return k.own && k.keys == keys
	})
}

// Set makes the section; one that is there takes the values that are given.
func (s *storedSections[C]) Set(target any, a grammar.Args) error {
	all := grammar.Args{}
	i, l := s.find(target, a), s.list(target.(*C))
	if i >= 0 {
		m, _ := s.read((*l)[i].Header)
		for k, v := range m.Args {
			all[k] = v
		}
	}
	for k, v := range a {
		all[k] = v
	}
	if s.create != nil {
		s.create(all)
	}
	text, err := s.text(false, all)
	if err != nil {
		return err
	}
	if i >= 0 {
		(*l)[i].Header = text
		return nil
	}
	*l = append(*l, &runningconfig.Stanza{Header: text})
	return nil
}

// Unset forgets the section.
func (s *storedSections[C]) Unset(target any, a grammar.Args) error {
	l := s.list(target.(*C))
	if i := s.find(target, a); i >= 0 {
		if *l = slices.Delete(*l, i, i+1); len(*l) == 0 {
			*l = nil
		}
	}
	return nil
}

// Lines reads the headers back.
func (s *storedSections[C]) Lines(target any, _ bool) []grammar.Line {
	var out []grammar.Line
	for _, x := range *s.list(target.(*C)) {
		if m, ok := s.read(x.Header); ok {
			out = append(out, grammar.Line{Args: m.Args, Sub: x})
		}
	}
	return out
}

// Open finds the section.
func (s *storedSections[C]) Open(target any, a grammar.Args) (any, bool) {
	if i := s.find(target, a); i >= 0 {
		return (*s.list(target.(*C)))[i], true
	}
	return nil, false
}

// stanzaText and stanzaSubs are where a section keeps its lines and sections.
func stanzaText(s *runningconfig.Stanza) *[]string                { return &s.Lines }
func stanzaSubs(s *runningconfig.Stanza) *[]*runningconfig.Stanza { return &s.Subs }

// keywords is a sequence of keywords whose helps are those of wordHelp, except the
// last, which is given.
func keywords(text, help string) grammar.Seq {
	var out grammar.Seq
	fields := strings.Fields(text)
	for i, w := range fields {
		h := wordHelp[w]
		if i == len(fields)-1 {
			h = help
		}
		out = append(out, grammar.Kw(w, h))
	}
	return out
}

// then appends nodes to a copy of a sequence.
func then(s grammar.Seq, n ...grammar.Node) grammar.Seq {
	return append(s[:len(s):len(s)], n...)
}

// option is `[word value]`.
func option(word, help string, value grammar.Node) grammar.Opt {
	return grammar.Opt{Node: grammar.Seq{grammar.Kw(word, help), value}}
}

// mark is `[word]`, a value true under its own name.
func mark(word, help string) grammar.Keyword { return grammar.Kw(word, help).Sets(word, true) }

// branch is a way to go on, told from its neighbours by the value of name.
func branch(name, word, help string, n ...grammar.Node) grammar.Seq {
	return append(grammar.Seq{grammar.Kw(word, help).Sets(name, word)}, n...)
}

// frame is where lines of global configuration without an engine are kept.
func frame(c *runningconfig.Config) *[]string { return &c.Frame.Kept }

// globalSections is where sections of global configuration are kept.
func globalSections(c *runningconfig.Config) *[]*runningconfig.Stanza { return &c.Stanzas }
