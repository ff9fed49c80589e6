package grammar

import "strings"

// Reading is a token of a line and how it was read.
type Reading struct {
	Text    string // as typed
	Offset  int
	Keyword string // the keyword in full; "" for a value
}

// Parse reads a line typed at a privilege level; commands above the level do
// not exist for it. The error is a *SyntaxError. Blanks around the line do not
// matter; a `!` standing alone ends a complete line. Exit, End and Do come back
// as the Command of the match.
func (m *Mode) Parse(line string, level int) (Match, error) {
	r := m.program().start(line, level)
	defer r.stop()
	t, err := r.match()
	if err != nil {
		return Match{}, err
	}
	return Match{
		Command: r.p.commands[r.p.states[t.state].command],
		Args:    t.args(),
		No:      r.negated && !r.byDefault,
		Default: r.byDefault,
	}, nil
}

// Accepts names every command that accepts the whole line, in order of
// declaration. A mode without a defect gives one at most.
func (m *Mode) Accepts(line string, level int) []*Command {
	r := m.program().start(line, level)
	defer r.stop()
	if _, err := r.match(); err != nil {
		return nil
	}
	found := make([]bool, len(r.p.commands))
	for _, t := range r.threads() {
		if s := r.p.states[t.state]; s.accept && !s.cut && t.skip == 0 && r.visible(t.state) {
			found[s.command] = true
		}
	}
	var out []*Command
	for i, ok := range found {
		if ok {
			out = append(out, r.p.commands[i])
		}
	}
	return out
}

// Words says how each token of an acceptable line is read.
func (m *Mode) Words(line string, level int) ([]Reading, error) {
	r := m.program().start(line, level)
	defer r.stop()
	if _, err := r.match(); err != nil {
		return nil, err
	}
	return append([]Reading(nil), r.words...), nil
}

// Expand is an acceptable line with every keyword in full, for accounting.
func (m *Mode) Expand(line string, level int) (string, error) {
	words, err := m.Words(line, level)
	if err != nil {
		return "", err
	}
	out := make([]string, len(words))
	for i, w := range words {
		if out[i] = w.Keyword; out[i] == "" {
			out[i] = w.Text
		}
	}
	return strings.Join(out, " "), nil
}
