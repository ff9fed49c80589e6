package grammar

import (
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
)

// engine is the compiled form of a mode: made on first use, and again when
// commands were added since.
type engine struct {
	mu     sync.Mutex
	p      atomic.Pointer[program]
	levels []Relevel // see SetLevels
}

// program returns the compiled mode.
func (m *Mode) program() *program {
	if p := m.engine.p.Load(); p != nil && p.declared == len(m.Commands) {
		return p
	}
	m.engine.mu.Lock()
	defer m.engine.mu.Unlock()
	if p := m.engine.p.Load(); p != nil && p.declared == len(m.Commands) {
		return p
	}
	p := compile(m)
	p.relevel(m.engine.levels)
	m.engine.p.Store(p)
	return p
}

// program is the automaton of a mode. Its states are the union of one small
// automaton per command, stepped together.
type program struct {
	declared       int                   // number of commands of the mode
	commands       []*Command            // those of the mode, then `exit`, `end`, `do`
	declaredLevels []int                 // of each command
	levels         atomic.Pointer[[]int] // as SetLevels has made them
	states         []state
	line           *opening // of a line as such
	negated        *opening // after `no` or `default`
	scratch        sync.Pool
}

// state is a point between two tokens. A line may end where accept is set;
// a cut end is one that only `no` and `default` allow, because arguments that
// do not identify the line are missing.
type state struct {
	command     int32
	accept, cut bool
	edges       []edge
	eps         []epsilon
}

// An edge takes a token: a keyword when word is set, a value otherwise.
type edge struct {
	to     int32
	rep    bool // inside Rep: the value is appended
	hidden bool
	word   string // in lower case
	kw     Keyword
	value  Token
	rank   int // of the Type
}

// An epsilon takes nothing. The bits say which nodes of an AnyOrder a thread
// has been through.
type epsilon struct {
	to                int32
	without, set, del uint64
	negated           bool // only after `no` and `default`
}

// opening is where a line stands after its first keywords, none of them at the
// root: computed once, because a mode may have hundreds of commands and many
// of them begin alike. next is filled as lines come by.
type opening struct {
	depth   int
	threads []thread
	words   []openingWord // sorted by word
	values  []hit         // edges that take a value
	next    []atomic.Pointer[opening]
}

type openingWord struct {
	word string
	hit
}

// deepest is how many keywords openings are kept for.
const deepest = 4

// A hit is an edge that a token may take, and the thread it leaves from.
type hit struct {
	from *thread
	edge *edge
}

// Edges of the words `no` and `default` lead to these instead of a state.
const (
	toNo = -1 - iota
	toDefault
)

// Commands that every configuration mode answers to without declaring them: a
// Match of one of these is for the session to carry out. `end` and `do` belong
// to global configuration, and are reached from below by walk-up.
var (
	Exit = &Command{Syntax: Kw("exit", "Exit from configure mode"), Level: 1}
	End  = &Command{Syntax: Kw("end", "Exit from configure mode"), Level: 1}
	Do   = &Command{Syntax: Seq{
		Kw("do", "To run exec commands in config mode"),
		Arg("Line", Rest(), "Exec Command"),
	}, Level: 1}
)

var (
	noWord      = Kw("no", "Negate a command or set its defaults")
	defaultWord = Kw("default", "Set a command to its defaults")
)

// configuration tells a mode of configuration from exec: its lines bind.
func (m *Mode) configuration() bool {
	return m.Parent != nil || slices.ContainsFunc(m.Commands, func(c *Command) bool {
		return c.Bind != nil || c.Enter != nil
	})
}

// level is the privilege that a command of the mode takes.
func level(c *Command, configuration bool) int {
	if configuration && c.Level == 0 {
		return 15
	}
	return c.Level
}

func compile(m *Mode) *program {
	p := &program{declared: len(m.Commands), commands: slices.Clone(m.Commands)}
	configuration := m.configuration()
	exit := Exit.Syntax.(Keyword)
	if configuration {
		p.commands = append(p.commands, Exit)
		if m.Parent == nil {
			p.commands = append(p.commands, End, Do)
		} else if exit.Help = m.ExitHelp; exit.Help == "" {
			exit.Help = "Exit from this configuration mode"
		}
	}
	var line, negated []int32
	for i, c := range p.commands {
		if b, ok := c.Bind.(naming); ok {
			b.names(names(nil, c.Syntax))
		}
		syntax := c.Syntax
		if c == Exit {
			syntax = exit
		}
		b := builder{p: p, command: int32(i), hidden: c.Hidden}
		start := b.compile(c, syntax)
		p.declaredLevels = append(p.declaredLevels, level(c, configuration))
		line = append(line, start)
		if c.Bind != nil {
			negated = append(negated, start)
		}
	}
	var words []openingWord
	if len(negated) > 0 {
		from := &thread{}
		for _, e := range []*edge{
			{to: toNo, word: noWord.Text, kw: noWord},
			{to: toDefault, word: defaultWord.Text, kw: defaultWord},
		} {
			words = append(words, openingWord{e.word, hit{from, e}})
		}
	}
	starts := func(list []int32) func(*run) {
		return func(r *run) {
			for _, s := range list {
				r.enter(s, 0, nil, 0)
			}
		}
	}
	p.line = p.opening(0, false, words, starts(line))
	p.negated = p.opening(0, true, nil, starts(negated))
	p.scratch.New = func() any { return &run{p: p, mark: make([]mark, len(p.states))} }
	return p
}

// opening computes where a line stands after enter.
func (p *program) opening(depth int, negated bool, words []openingWord, enter func(*run)) *opening {
	r := &run{p: p, mark: make([]mark, len(p.states)), negated: negated}
	r.begin()
	enter(r)
	o := &opening{depth: depth, threads: r.next, words: words}
	for i := range o.threads {
		t := &o.threads[i]
		s := &p.states[t.state]
		for j := range s.edges {
			e := &s.edges[j]
			if e.word != "" {
				o.words = append(o.words, openingWord{e.word, hit{t, e}})
			} else {
				o.values = append(o.values, hit{t, e})
			}
		}
	}
	sort.SliceStable(o.words, func(i, j int) bool { return o.words[i].word < o.words[j].word })
	o.next = make([]atomic.Pointer[opening], len(o.words))
	return o
}

// after is the opening one keyword further on, nil when it is too deep to keep.
func (p *program) after(o *opening, word string, negated bool) *opening {
	if o.depth == deepest {
		return nil
	}
	at := sort.Search(len(o.words), func(i int) bool { return o.words[i].word >= word })
	if next := o.next[at].Load(); next != nil {
		return next
	}
	next := p.opening(o.depth+1, negated, nil, func(r *run) {
		for _, w := range o.words[at:] {
			if w.word != word {
				break
			}
			if w.edge.to < 0 {
				continue
			}
			r.enter(w.edge.to, w.from.used, captureKeyword(w.from.captured, w.edge), 0)
		}
	})
	o.next[at].Store(next)
	return next
}

// search is the range of words that start with prefix.
func (f *opening) search(prefix string) (lo, hi int) {
	lo = sort.Search(len(f.words), func(i int) bool { return f.words[i].word >= prefix })
	hi = lo + sort.Search(len(f.words)-lo, func(i int) bool {
		return !strings.HasPrefix(f.words[lo+i].word, prefix)
	})
	return lo, hi
}
