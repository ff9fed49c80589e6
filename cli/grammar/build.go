package grammar

import "slices"

// builder compiles one command.
type builder struct {
	p       *program
	command int32
	hidden  bool
	rep     bool  // inside a Rep
	cut     int32 // where a cut line ends; -1 while every node is needed
	bits    int   // nodes of AnyOrder so far
}

func (b *builder) state() int32 {
	b.p.states = append(b.p.states, state{command: b.command})
	return int32(len(b.p.states) - 1)
}

func (b *builder) epsilon(from int32, e epsilon) {
	b.p.states[from].eps = append(b.p.states[from].eps, e)
}

func (b *builder) edge(from int32, e edge) {
	e.rep, e.hidden = b.rep, e.hidden || b.hidden
	b.p.states[from].edges = append(b.p.states[from].edges, e)
	if b.cut >= 0 {
		b.epsilon(from, epsilon{to: b.cut, negated: true})
	}
}

// compile returns the start of a command's automaton.
func (b *builder) compile(c *Command, syntax Node) int32 {
	start, end, cut := b.state(), b.state(), b.state()
	b.p.states[end].accept = true
	b.p.states[cut].accept, b.p.states[cut].cut = true, true
	nodes := flatten(nil, syntax)
	needed := len(nodes)
	if c.Bind != nil {
		needed = identifying(c.Bind, nodes)
	}
	b.cut = -1
	at := start
	for i, n := range nodes {
		if i == needed {
			b.cut = cut
		}
		to := end
		if i < len(nodes)-1 {
			to = b.state()
		}
		b.node(n, at, to, false)
		at = to
	}
	if len(nodes) == 0 {
		b.epsilon(start, epsilon{to: end})
	}
	return start
}

// flatten makes one list of nested Seqs.
func flatten(dst []Node, n Node) []Node {
	if s, ok := n.(Seq); ok {
		for _, n := range s {
			dst = flatten(dst, n)
		}
		return dst
	}
	return append(dst, n)
}

// identifying says how many of the nodes of a line are needed to identify it
// after `no`: all up to the last key, and plain keywords behind it up to the
// first argument or choice.
func identifying(bind Binding, nodes []Node) int {
	id, ok := bind.(Identifier)
	if !ok {
		return len(nodes)
	}
	keys, all := id.Identifying()
	if all {
		return len(nodes)
	}
	last := -1
	for i, n := range nodes {
		for _, name := range names(nil, n) {
			if slices.Contains(keys, name) {
				last = i
			}
		}
	}
	for i := last + 1; i < len(nodes); i++ {
		if _, ok := nodes[i].(Keyword); !ok && len(names(nil, nodes[i])) > 0 {
			return i
		}
	}
	return len(nodes)
}

// node compiles n between two states. branch is set for the direct branches
// of an Alt.
func (b *builder) node(n Node, from, to int32, branch bool) {
	switch n := n.(type) {
	case Keyword:
		b.edge(from, edge{to: to, word: lower(n.Text), kw: n, hidden: n.Hidden})
	case Token:
		b.edge(from, edge{to: to, value: n, rank: n.Type.Rank()})
	case Seq:
		for i, x := range n {
			next := to
			if i < len(n)-1 {
				next = b.state()
			}
			b.node(x, from, next, false)
			from = next
		}
		if len(n) == 0 {
			b.epsilon(from, epsilon{to: to})
		}
	case Alt:
		for _, x := range n {
			b.node(x, from, to, true)
		}
	case Opt:
		b.node(n.Node, from, to, false)
		b.epsilon(from, epsilon{to: to})
	case Only:
		b.node(n.Node, from, to, false)
		if !branch {
			b.epsilon(from, epsilon{to: to})
		}
	case OptionalUnderNo:
		b.node(n.Node, from, to, false)
		b.epsilon(from, epsilon{to: to, negated: true})
	case Rep:
		rep := b.rep
		b.rep = true
		count := n.Max
		if n.Max == 0 {
			count = 1
		}
		for i := range count {
			in := b.state()
			b.epsilon(from, epsilon{to: in})
			out := b.state()
			b.node(n.Node, in, out, false)
			if i < count-1 {
				b.epsilon(out, epsilon{to: to})
			} else {
				b.epsilon(out, epsilon{to: to})
				if n.Max == 0 {
					b.epsilon(out, epsilon{to: in})
				}
			}
			from = out
		}
		b.rep = rep
	case AnyOrder:
		if b.bits += len(n); b.bits > 64 {
			panic("grammar: more than 64 nodes of AnyOrder in one command")
		}
		all := (uint64(1)<<len(n) - 1) << (b.bits - len(n))
		hub := b.state()
		b.epsilon(from, epsilon{to: hub, del: all})
		for i, x := range n {
			bit := uint64(1) << (b.bits - len(n) + i)
			in, out := b.state(), b.state()
			b.epsilon(hub, epsilon{to: in, without: bit, set: bit})
			b.node(x, in, out, false)
			b.epsilon(out, epsilon{to: hub})
		}
		b.epsilon(hub, epsilon{to: to, del: all})
	case nil:
		b.epsilon(from, epsilon{to: to})
	}
}

// names appends the names of the values under n.
func names(dst []string, n Node) []string {
	mentions(n, func(name string) bool {
		if !slices.Contains(dst, name) {
			dst = append(dst, name)
		}
		return false
	})
	return dst
}

// mentions tells whether f holds for the name of any value under n.
func mentions(n Node, f func(name string) bool) bool {
	switch n := n.(type) {
	case Keyword:
		return (n.Name != "" || n.Value != nil) && f(n.Name)
	case Token:
		return f(n.Name)
	case Seq:
		return mentionsAny(n, f)
	case Alt:
		return mentionsAny(n, f)
	case AnyOrder:
		return mentionsAny(n, f)
	case Opt:
		return mentions(n.Node, f)
	case Rep:
		return mentions(n.Node, f)
	case Only:
		return mentions(n.Node, f)
	case OptionalUnderNo:
		return mentions(n.Node, f)
	}
	return false
}

func mentionsAny(list []Node, f func(name string) bool) bool {
	for _, n := range list {
		if mentions(n, f) {
			return true
		}
	}
	return false
}
