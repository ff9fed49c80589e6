package grammar

import (
	"slices"
	"strings"
)

// unknown turns an error of the words before the cursor into that of `?`.
func unknown(err *SyntaxError) *SyntaxError {
	if err.Kind == Ambiguous {
		return err
	}
	e := *err
	e.Kind = Unknown
	return &e
}

// position reads the words before the cursor; partial is the one it stands
// in, "" after a blank.
func (r *run) position() (partial string, err *SyntaxError) {
	n := len(r.tokens)
	if n > 0 && !blank(r.line[len(r.line)-1]) {
		n--
		partial = r.tokens[n].text
	}
	r.limit = n
	if err := r.read(n); err != nil {
		return "", err
	}
	return partial, nil
}

// rows lists what may stand at the cursor, keywords and placeholders, without
// what is hidden. Dynamic names are handed to name.
func (r *run) rows(root any, keyword, value func(HelpEntry), name func(string)) {
	threads := r.threads()
	for i := range threads {
		t := &threads[i]
		s := &r.p.states[t.state]
		if !r.visible(t.state) || r.p.commands[s.command].Hidden {
			continue
		}
		if t.skip > 0 { // inside a value of several words
			if l, ok := t.captured.open(); ok {
				for _, e := range l {
					value(e)
				}
			}
			continue
		}
		for j := range s.edges {
			switch e := &s.edges[j]; {
			case e.hidden:
			case e.word != "":
				keyword(HelpEntry{e.kw.Text, e.kw.Help})
			default:
				if l, ok := e.value.Type.(Lister); ok {
					for _, row := range l.List(nil) {
						keyword(row)
					}
				} else {
					value(HelpEntry{e.value.Type.Placeholder(), e.value.Help})
				}
				if e.value.Complete != nil && root != nil {
					for _, n := range e.value.Complete(root) {
						name(n)
					}
				}
			}
		}
	}
	// `no` and `default` are no edges of a state.
	if len(r.words) == 0 && !r.negated {
		for _, w := range r.p.line.words {
			if w.edge.to < 0 {
				keyword(HelpEntry{w.edge.kw.Text, w.edge.kw.Help})
			}
		}
	}
}

// partly is the value that a thread has begun and not finished.
type partly struct {
	kind  Type
	typed []string
}

// open lists how an unfinished value may go on.
func (c *capture) open() ([]HelpEntry, bool) {
	if c == nil {
		return nil, false
	}
	if p, ok := c.value.(partly); ok {
		if l, ok := p.kind.(Lister); ok {
			return l.List(p.typed), true
		}
		return []HelpEntry{{Word: p.kind.Placeholder()}}, true
	}
	return nil, false
}

// Help answers `?`. After a blank it lists what may follow; otherwise, the
// words that the last word of line may be, keywords before values. root serves
// to name existing objects and may be nil. The error is a *SyntaxError.
func (m *Mode) Help(line string, level int, root any) (Help, error) {
	r := m.program().start(line, level)
	defer r.stop()
	partial, err := r.position()
	if err != nil {
		return Help{}, unknown(err)
	}
	var h Help
	if r.inLine != nil {
		v := r.inLine.value
		return Help{Entries: []HelpEntry{{v.Type.Placeholder(), v.Help}}, CR: r.ended() != nil}, nil
	}
	if partial != "" {
		h.Words = r.candidates(root, partial, true)
		if len(h.Words) == 0 {
			return Help{}, &SyntaxError{Kind: Unknown, Line: line, Offset: len(line) - len(partial), Progress: len(r.words)}
		}
		return h, nil
	}
	seen := map[string]bool{}
	row := func(e HelpEntry) {
		if !seen[e.Word] {
			seen[e.Word] = true
			h.Entries = append(h.Entries, e)
		}
	}
	r.rows(root, row, row, func(string) {})
	slices.SortStableFunc(h.Entries, func(a, b HelpEntry) int { return strings.Compare(a.Word, b.Word) })
	if t := r.ended(); t != nil && len(r.words) > 0 && !(r.negated && len(r.words) == 1) {
		h.CR = !r.p.commands[r.p.states[t.state].command].Hidden
	}
	if len(h.Entries) == 0 && !h.CR {
		return Help{}, &SyntaxError{Kind: Unknown, Line: line, Offset: len(line), Progress: len(r.words)}
	}
	return h, nil
}

// candidates are the words that begin with partial: keywords and names of
// existing objects, or else, with placeholders, the kinds of value that
// accept it.
func (r *run) candidates(root any, partial string, placeholders bool) []string {
	low := lower(partial)
	var words, names, values []string
	add := func(list *[]string, s string) {
		if !slices.Contains(*list, s) {
			*list = append(*list, s)
		}
	}
	r.rows(root,
		func(e HelpEntry) {
			if strings.HasPrefix(lower(e.Word), low) {
				add(&words, e.Word)
			}
		},
		func(HelpEntry) {},
		func(name string) {
			if strings.HasPrefix(name, partial) {
				add(&names, name)
			}
		})
	out := append(words, names...)
	if len(out) == 0 && placeholders {
		threads := r.threads()
		for i := range threads {
			t := &threads[i]
			if t.skip > 0 {
				if l, ok := t.captured.open(); ok {
					for _, e := range l {
						add(&values, e.Word)
					}
				}
				continue
			}
			s := &r.p.states[t.state]
			for j := range s.edges {
				e := &s.edges[j]
				if e.word != "" || e.hidden || !r.visible(t.state) {
					continue
				}
				if _, used, ok := e.value.Type.Parse([]string{partial}); ok && used > 0 {
					add(&values, e.value.Type.Placeholder())
				}
			}
		}
		out = values
	}
	slices.Sort(out)
	return out
}

// Complete answers Tab: what to append to line so that its last word is
// complete, a blank included. It fails when there is not exactly one way.
func (m *Mode) Complete(line string, level int, root any) (rest string, ok bool) {
	r := m.program().start(line, level)
	defer r.stop()
	partial, err := r.position()
	if err != nil || partial == "" || r.inLine != nil {
		return "", false
	}
	words := r.candidates(root, partial, false)
	for _, w := range words {
		if lower(w) == lower(partial) {
			return " ", true
		}
	}
	if len(words) != 1 {
		return "", false
	}
	return words[0][len(partial):] + " ", true
}

// Text is the screen of `?` for a terminal of width columns (0: 80), each line
// ended by a newline. Help that is too long goes on in the column of the help;
// a newline in it breaks it there, and blanks after the newline are kept.
func (h Help) Text(width int) string {
	if width <= 0 {
		width = 80
	}
	var b strings.Builder
	if h.Words != nil {
		longest := 0
		for _, w := range h.Words {
			longest = max(longest, len(w))
		}
		perLine := max(1, width/(longest+2))
		for i, w := range h.Words {
			b.WriteString(w)
			if i == len(h.Words)-1 || (i+1)%perLine == 0 {
				b.WriteByte('\n')
			} else {
				b.WriteString(strings.Repeat(" ", longest+2-len(w)))
			}
		}
		return b.String()
	}
	column := 0
	for _, e := range h.Entries {
		column = max(column, len(e.Word))
	}
	if h.CR {
		column = max(column, len("<cr>"))
	}
	column += len("  ") + len("  ")
	for _, e := range h.Entries {
		text := "  " + e.Word + strings.Repeat(" ", column-2-len(e.Word))
		for _, part := range strings.Split(e.Help, "\n") {
			for _, s := range wrap(part, width-column) {
				b.WriteString(strings.TrimRight(text+s, " "))
				b.WriteByte('\n')
				text = strings.Repeat(" ", column)
			}
		}
	}
	if h.CR {
		b.WriteString("  <cr>\n")
	}
	return b.String()
}

// wrap breaks s at blanks so that each part is shorter than width.
func wrap(s string, width int) []string {
	var out []string
	for width > 1 && len(s) >= width {
		i := strings.LastIndexByte(s[:width], ' ')
		if i <= 0 || strings.TrimSpace(s[:i]) == "" {
			break
		}
		out = append(out, strings.TrimRight(s[:i], " "))
		s = s[i+1:]
	}
	return append(out, s)
}
