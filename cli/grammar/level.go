package grammar

import (
	"math"
	"slices"
)

// A Relevel gives the commands that begin with some words another privilege
// level. Words may be abbreviated.
//
// It changes a command whose words these are, whatever values follow: `show
// running-config` is another command than `show running-config all`. With All,
// or when the level rises, it changes every command that begins with the
// words: one cannot get past a word that one may not use.
type Relevel struct {
	Words string
	Level int
	All   bool
}

// SetLevels replaces the levels that differ from the declared ones. Where
// several lines are about one command, that with the most words wins, the last
// of equals. It may be called while the mode is in use.
func (m *Mode) SetLevels(list []Relevel) {
	p := m.program()
	m.engine.mu.Lock()
	defer m.engine.mu.Unlock()
	if now := m.engine.p.Load(); now != nil {
		p = now
	}
	m.engine.levels = slices.Clone(list)
	p.relevel(m.engine.levels)
}

// relevel computes the level of each command.
func (p *program) relevel(list []Relevel) {
	levels := slices.Clone(p.declaredLevels)
	p.levels.CompareAndSwap(nil, &p.declaredLevels) // for the matches below, to which every level is visible
	depth := make([]int, len(levels))               // words of the line that was applied
	for _, l := range list {
		words, begins, whole := p.beginning(l.Words)
		if words == 0 {
			continue
		}
		for i := range levels {
			applies := whole[i] || begins[i] && (l.All || l.Level > p.declaredLevels[i])
			if applies && words >= depth[i] && !always(p.commands[i]) {
				levels[i], depth[i] = l.Level, words
			}
		}
	}
	p.levels.Store(&levels)
}

// always tells commands that nobody is locked out of configuration by.
func always(c *Command) bool { return c == Exit || c == End || c == Do }

// beginning reads words as keywords and tells which commands begin with them,
// and for which of those no further keyword is needed.
func (p *program) beginning(text string) (words int, begins, whole []bool) {
	begins, whole = make([]bool, len(p.commands)), make([]bool, len(p.commands))
	r := p.start(text, math.MaxInt)
	defer r.stop()
	if err := r.read(len(r.tokens)); err != nil || len(r.tokens) == 0 || r.negated {
		return 0, begins, whole
	}
	for _, w := range r.words {
		if w.Keyword == "" {
			return 0, begins, whole
		}
	}
	seen := make([]bool, len(p.states))
	var reach func(s int32) bool
	reach = func(s int32) bool {
		if seen[s] {
			return false
		}
		seen[s] = true
		state := &p.states[s]
		if state.accept && !state.cut {
			return true
		}
		for _, e := range state.eps {
			if !e.negated && reach(e.to) {
				return true
			}
		}
		for _, e := range state.edges {
			if e.word == "" && reach(e.to) {
				return true
			}
		}
		return false
	}
	for _, t := range r.threads() {
		command := p.states[t.state].command
		begins[command] = true
		clear(seen)
		whole[command] = whole[command] || reach(t.state)
	}
	return len(r.words), begins, whole
}
