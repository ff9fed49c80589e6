package grammar

import (
	"math"
	"strings"
)

// thread is one way to have read the line so far.
type thread struct {
	state    int32
	skip     int32 // tokens that its last value still takes
	used     uint64
	captured *capture
}

// capture is a value read by a thread, newest first.
type capture struct {
	before *capture
	name   string
	value  any
	rep    bool
}

// mark notes that a state was entered in the present step.
type mark struct {
	step uint32
	used uint64
}

// Ranks of a match, of which the best wins. The ranks of types are below them.
const (
	rankHidden = RankTyped + 1 + iota // prefix of a hidden keyword
	rankPrefix
	rankExact
)

// run is the state of one match.
type run struct {
	p         *program
	line      string
	level     int
	levels    []int // of each command
	tokens    []token
	texts     []string
	opening   *opening // where the line stands; nil: at cur
	cur, next []thread
	hits      []hit
	values    []taken // of hits by a value, parallel to hits
	mark      []mark
	step      uint32
	negated   bool // after `no` or `default`
	byDefault bool
	words     []Reading // what each token was read as
	at        int       // token being read
	limit     int       // tokens that may be read: those before the cursor, for help
	inLine    *edge     // the LINE that took the rest
	more      bool      // the last value goes on in the next line
}

type taken struct {
	value any
	used  int
}

// start takes a run from the pool.
func (p *program) start(line string, level int) *run {
	r := p.scratch.Get().(*run)
	r.line, r.level, r.levels = line, level, *p.levels.Load()
	r.tokens = lex(r.tokens[:0], line)
	r.texts = r.texts[:0]
	for _, t := range r.tokens {
		r.texts = append(r.texts, t.text)
	}
	r.negated, r.byDefault, r.more, r.inLine = false, false, false, nil
	r.words, r.limit = r.words[:0], len(r.tokens)
	return r
}

// stop gives it back.
func (r *run) stop() {
	clear(r.cur)
	clear(r.next)
	clear(r.hits)
	clear(r.values)
	r.line, r.inLine, r.opening = "", nil, nil
	r.p.scratch.Put(r)
}

// begin starts a step.
func (r *run) begin() {
	r.next = r.next[:0]
	if r.step == math.MaxUint32 {
		clear(r.mark)
		r.step = 0
	}
	r.step++
}

// enter adds the threads at a state and at all that follow it without a token.
func (r *run) enter(s int32, used uint64, c *capture, skip int32) {
	m := &r.mark[s]
	if skip == 0 {
		if m.step == r.step {
			if m.used == used {
				return
			}
			for i := range r.next {
				if t := &r.next[i]; t.state == s && t.used == used && t.skip == 0 {
					return
				}
			}
		}
		*m = mark{r.step, used}
	}
	r.next = append(r.next, thread{s, skip, used, c})
	if skip > 0 {
		return
	}
	for _, e := range r.p.states[s].eps {
		if used&e.without != 0 || e.negated && !r.negated {
			continue
		}
		r.enter(e.to, used&^e.del|e.set, c, 0)
	}
}

// visible tells whether the session may use the command of a state.
func (r *run) visible(s int32) bool {
	return r.levels[r.p.states[s].command] <= r.level
}

// threads is where the line stands.
func (r *run) threads() []thread {
	if r.opening != nil {
		return r.opening.threads
	}
	return r.cur
}

// read steps through the first n tokens. The comment that ends a complete line
// is not read.
func (r *run) read(n int) *SyntaxError {
	r.cur, r.opening = r.cur[:0], r.p.line
	if at := unprintable(r.line); at >= 0 {
		before := 0
		for before < len(r.tokens) && r.tokens[before].at+len(r.tokens[before].text) <= at {
			before++
		}
		return &SyntaxError{Kind: Invalid, Line: r.line, Offset: at, Progress: before}
	}
	for i := 0; i < n; i++ {
		if r.tokens[i].text == "!" && i > 0 && r.ended() != nil {
			r.tokens = r.tokens[:i]
			return nil
		}
		r.at = i
		best, err := r.choose(i)
		if err != nil {
			return err
		}
		w := Reading{Text: r.tokens[i].text, Offset: r.tokens[i].at}
		e := r.hits[0].edge
		if best > RankTyped {
			w.Keyword = e.kw.Text
		}
		if best > RankTyped && e.to < 0 {
			r.negated, r.byDefault, r.opening = true, e.to == toDefault, r.p.negated
			r.words = append(r.words, w)
			continue
		}
		var next *opening
		if best > RankTyped && r.opening != nil {
			next = r.p.after(r.opening, e.word, r.negated)
		}
		used := 0
		if next == nil {
			used = r.advance(best)
		}
		r.opening = next
		if best == RankLine {
			w.Text = r.line[w.Offset:]
			r.more, r.inLine = used > 1, e
			i = n
		}
		r.words = append(r.words, w)
	}
	return nil
}

// choose fills hits with the edges of the best rank for token i.
func (r *run) choose(i int) (best int, err *SyntaxError) {
	clear(r.values)
	r.hits, r.values = r.hits[:0], r.values[:0]
	word := lower(r.tokens[i].text)
	if o := r.opening; o != nil {
		lo, hi := o.search(word)
		for _, w := range o.words[lo:hi] {
			best = r.keyword(w.hit, word, best)
		}
	} else {
		for j := range r.cur {
			t := &r.cur[j]
			if t.skip > 0 {
				best = max(best, RankTyped)
				continue
			}
			s := &r.p.states[t.state]
			for k := range s.edges {
				if e := &s.edges[k]; e.word != "" {
					best = r.keyword(hit{t, e}, word, best)
				}
			}
		}
	}
	if best > RankTyped {
		for _, h := range r.hits[1:] {
			if h.edge.word != r.hits[0].edge.word {
				return 0, &SyntaxError{Kind: Ambiguous, Line: r.line, Offset: r.tokens[i].at, Progress: i}
			}
		}
		return best, nil
	}
	r.hits = r.hits[:0]
	for rank := RankTyped; rank > 0; rank-- {
		if o := r.opening; o != nil {
			for _, h := range o.values {
				r.value(h, i, rank)
			}
		} else {
			for j := range r.cur {
				t := &r.cur[j]
				if t.skip > 0 {
					if rank == RankTyped {
						r.hits = append(r.hits, hit{t, nil})
						r.values = append(r.values, taken{})
					}
					continue
				}
				s := &r.p.states[t.state]
				for k := range s.edges {
					if e := &s.edges[k]; e.word == "" {
						r.value(hit{t, e}, i, rank)
					}
				}
			}
		}
		if len(r.hits) > 0 {
			return rank, nil
		}
	}
	return 0, r.refuse(i, word)
}

// keyword keeps a hit when its rank is as good as the best so far.
func (r *run) keyword(h hit, word string, best int) int {
	if !strings.HasPrefix(h.edge.word, word) {
		return best
	}
	rank := rankPrefix
	switch {
	case len(word) == len(h.edge.word):
		rank = rankExact
	case h.edge.hidden:
		rank = rankHidden
	}
	if rank < best || h.edge.to >= 0 && !r.visible(h.edge.to) {
		return best
	}
	if rank > best {
		r.hits = r.hits[:0]
	}
	r.hits = append(r.hits, h)
	return rank
}

// value adds a hit when the edge has that rank and its type reads the tokens.
func (r *run) value(h hit, i, rank int) {
	if h.edge.rank != rank || !r.visible(h.edge.to) {
		return
	}
	texts := r.texts[i:r.limit]
	if rank == RankLine {
		at := r.tokens[i].at
		if _, ok := h.edge.value.Type.(nextLiner); ok {
			after := 0
			if i > 0 {
				after = r.tokens[i-1].at + len(r.tokens[i-1].text)
			}
			n := strings.IndexByte(r.line[after:at], '\n')
			if n < 0 {
				return
			}
			at = after + n + 1
		}
		texts = []string{strings.TrimRight(r.line[at:], " \t\r\n")}
	}
	if v, used, ok := h.edge.value.Type.Parse(texts); ok && used > 0 {
		r.hits = append(r.hits, h)
		r.values = append(r.values, taken{v, used})
	}
}

// refuse is the error of token i: the caret stands under the first character
// that no keyword has there.
func (r *run) refuse(i int, word string) *SyntaxError {
	e := &SyntaxError{Kind: Invalid, Line: r.line, Offset: r.tokens[i].at, Progress: i}
	if word == "!" {
		e.Kind, e.Offset = Incomplete, len(r.line)
		return e
	}
	good := 0
	if i == 0 || i == 1 && r.negated {
		for _, w := range r.opening.words {
			if w.edge.to < 0 || r.visible(w.edge.to) && !w.edge.hidden {
				good = max(good, common(w.word, word))
			}
		}
	} else {
		for _, t := range r.threads() {
			for _, x := range r.p.states[t.state].edges {
				if t.skip == 0 && !x.hidden && r.visible(t.state) {
					good = max(good, common(x.word, word))
				}
			}
		}
	}
	e.Offset += good
	return e
}

// advance takes the hits. It returns how much of the line a LINE used.
func (r *run) advance(best int) (used int) {
	r.begin()
	for i, h := range r.hits {
		t := h.from
		if h.edge == nil {
			r.enter(t.state, t.used, t.captured, t.skip-1)
			continue
		}
		c := t.captured
		skip := int32(0)
		if best > RankTyped {
			c = captureKeyword(c, h.edge)
		} else {
			v := r.values[i]
			if best != RankLine && v.used > r.limit-r.at {
				v.value = partly{h.edge.value.Type, r.texts[r.at:r.limit]}
			}
			c = &capture{c, h.edge.value.Name, v.value, h.edge.rep}
			if used = max(used, v.used); best != RankLine {
				skip = int32(v.used - 1)
			}
		}
		r.enter(h.edge.to, t.used, c, skip)
	}
	r.cur, r.next = r.next, r.cur
	return used
}

// captureKeyword adds the value of a keyword that has one.
func captureKeyword(c *capture, e *edge) *capture {
	if k := e.kw; k.Name != "" || k.Value != nil {
		return &capture{c, k.Name, k.Value, e.rep}
	}
	return c
}

// ended is the thread that has read a whole line: of the first command in
// order of declaration. A line that is cut short under `no` must have only one
// command to go with it.
func (r *run) ended() *thread {
	var whole, cut *thread
	threads := r.threads()
	for i := range threads {
		t := &threads[i]
		s := &r.p.states[t.state]
		switch {
		case !s.accept || t.skip > 0 || !r.visible(t.state):
		case !s.cut:
			if whole == nil || s.command < r.p.states[whole.state].command {
				whole = t
			}
		case cut == nil:
			cut = t
		case r.p.states[cut.state].command != s.command:
			return whole
		}
	}
	if whole != nil {
		return whole
	}
	return cut
}

// match reads the whole line.
func (r *run) match() (*thread, *SyntaxError) {
	if err := r.read(len(r.tokens)); err != nil {
		return nil, err
	}
	incomplete := &SyntaxError{Kind: Incomplete, Line: r.line, Offset: len(r.line), Progress: len(r.tokens)}
	if len(r.words) == 0 || r.negated && len(r.words) == 1 {
		return nil, incomplete
	}
	if r.more {
		return nil, incomplete.open(r.inLine.value.Type, r.words[len(r.words)-1].Text)
	}
	if t := r.ended(); t != nil {
		return t, nil
	}
	for _, t := range r.threads() {
		for _, e := range r.p.states[t.state].edges {
			if _, ok := e.value.Type.(nextLiner); ok && t.skip == 0 && r.visible(t.state) {
				incomplete.open(e.value.Type, "")
			}
		}
	}
	return nil, incomplete
}

// open says that a value of type t which begins with text goes on.
func (e *SyntaxError) open(t Type, text string) *SyntaxError {
	e.More, e.Closes = true, func(string) bool { return true }
	if c, ok := t.(Closer); ok {
		e.Closes = func(line string) bool { return c.Closes(text, line) }
	}
	return e
}

// args are the values that a thread has read.
func (t *thread) args() Args {
	a := Args{}
	var list []*capture
	for c := t.captured; c != nil; c = c.before {
		list = append(list, c)
	}
	for i := len(list) - 1; i >= 0; i-- {
		c := list[i]
		if !c.rep {
			a[c.name] = c.value
			continue
		}
		values, _ := a[c.name].([]any)
		a[c.name] = append(values, c.value)
	}
	return a
}
