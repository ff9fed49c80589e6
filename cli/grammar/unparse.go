package grammar

import (
	"reflect"
	"slices"
	"strings"
)

// Unparse is the line that a syntax and values make: the one printing form of
// these values. It fails when a value is missing or has no text.
func Unparse(n Node, a Args) (string, bool) { return newSheet(n).unparse(a) }

func (s *sheet) unparse(a Args) (string, bool) {
	w := writer{args: a, index: -1}
	if !w.node(s) {
		return "", false
	}
	return w.text(), true
}

// unparseNo is Unparse for a line that `no` precedes: what comes after the
// nodes that identify the line is printed as far as it has values.
func unparseNo(c *Command, a Args) (string, bool) {
	nodes := flatten(nil, c.Syntax)
	needed := identifying(c.Bind, nodes)
	w := writer{args: a, index: -1, negated: true}
	for i, n := range nodes {
		s := newSheet(n)
		if i >= needed && (!w.gives(s) || !w.node(s)) {
			break
		}
		if i < needed && !w.node(s) {
			return "", false
		}
	}
	return w.text(), len(w.words) > 0
}

// A sheet is a node prepared for printing: with the names of the values under
// it, which decide whether and how it prints.
type sheet struct {
	node  Node
	below []*sheet
	names []string
}

func newSheet(n Node) *sheet {
	s := &sheet{node: n}
	list := func(nodes []Node) {
		for _, n := range nodes {
			s.below = append(s.below, newSheet(n))
		}
	}
	switch n := n.(type) {
	case Keyword:
		if n.Name != "" || n.Value != nil {
			s.names = []string{n.Name}
		}
	case Token:
		s.names = []string{n.Name}
	case Seq:
		list(n)
	case Alt:
		list(n)
	case AnyOrder:
		list(n)
	case Opt:
		list([]Node{n.Node})
	case Rep:
		list([]Node{n.Node})
	case Only:
		list([]Node{n.Node})
	case OptionalUnderNo:
		list([]Node{n.Node})
	}
	for _, b := range s.below {
		for _, name := range b.names {
			if !slices.Contains(s.names, name) {
				s.names = append(s.names, name)
			}
		}
	}
	return s
}

// sheet is that of the command's syntax, made on first use.
func (c *Command) sheet() *sheet {
	if s := c.prepared.Load(); s != nil {
		return s
	}
	s := newSheet(c.Syntax)
	c.prepared.Store(s)
	return s
}

// writer collects the words of a line. On failure node leaves words as they
// were.
type writer struct {
	args    Args
	index   int // of the repetition inside a Rep, else -1
	negated bool
	words   []string
}

func (w *writer) text() string {
	var b strings.Builder
	for i, s := range w.words {
		if i > 0 && !strings.HasPrefix(s, "\n") {
			b.WriteByte(' ')
		}
		b.WriteString(s)
	}
	return b.String()
}

// value is the value of a name, if one was given.
func (w *writer) value(name string) (any, bool) {
	v, ok := w.args[name]
	if !ok || w.index < 0 {
		return v, ok
	}
	if list, ok := v.([]any); ok {
		if w.index < len(list) {
			return list[w.index], true
		}
		return nil, false
	}
	if r := reflect.ValueOf(v); r.Kind() == reflect.Slice {
		if w.index < r.Len() {
			return plain(r.Index(w.index)), true
		}
		return nil, false
	}
	return v, w.index == 0
}

// has tells whether a name has something to print. A false flag has not.
func (w *writer) has(name string) bool {
	v, ok := w.value(name)
	return ok && v != false && v != nil
}

// gives tells whether any name under s has something to print.
func (w *writer) gives(s *sheet) bool { return slices.ContainsFunc(s.names, w.has) }

func (w *writer) node(s *sheet) bool {
	mark := len(w.words)
	fail := func() bool { w.words = w.words[:mark]; return false }
	switch n := s.node.(type) {
	case Keyword:
		if n.Name != "" || n.Value != nil {
			if v, ok := w.value(n.Name); !ok || !same(v, n.Value) {
				return false
			}
		}
		text := n.Text
		if n.Printed != "" {
			text = n.Printed
		}
		w.words = append(w.words, text)
	case Token:
		v, ok := w.value(n.Name)
		if !ok {
			return false
		}
		text := n.Type.Format(v)
		if text == "" {
			return false
		}
		w.words = append(w.words, text)
	case Seq:
		for _, x := range s.below {
			if !w.node(x) {
				return fail()
			}
		}
	case Alt:
		return w.alt(s)
	case Opt:
		if w.gives(s) {
			w.node(s.below[0])
		}
	case Rep:
		outer, x := w.index, s.below[0]
		for i := 0; n.Max == 0 || i < n.Max; i++ {
			if w.index = i; !w.gives(x) || !w.node(x) {
				break
			}
		}
		if w.index = outer; len(w.words) == mark {
			return false
		}
	case AnyOrder:
		for _, x := range s.below {
			if w.gives(x) {
				w.node(x)
			}
		}
	case Only:
	case OptionalUnderNo:
		if !w.node(s.below[0]) && !w.negated {
			return fail()
		}
	}
	return true
}

// alt prints the first branch that can be printed and leaves no value of the
// whole Alt unprinted.
func (w *writer) alt(s *sheet) bool {
	var room [8]string
	given := room[:0]
	for _, name := range s.names {
		if w.has(name) {
			given = append(given, name)
		}
	}
branches:
	for _, branch := range s.below {
		if _, ok := branch.node.(Only); ok {
			continue
		}
		for _, name := range given {
			if !slices.Contains(branch.names, name) {
				continue branches
			}
		}
		if w.node(branch) {
			return true
		}
	}
	return false
}

// same compares values of possibly different Go types: 14 and int64(14), a
// string and a named string.
func same(a, b any) bool {
	if reflect.TypeOf(a) == reflect.TypeOf(b) {
		return reflect.DeepEqual(a, b)
	}
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	switch {
	case !x.IsValid() || !y.IsValid():
		return false
	case x.Kind() == reflect.String && y.Kind() == reflect.String,
		x.Kind() == reflect.Bool && y.Kind() == reflect.Bool,
		x.CanInt() && y.CanInt(), x.CanUint() && y.CanUint():
		return reflect.DeepEqual(plain(x), plain(y))
	case x.CanInt() && y.CanUint():
		return x.Int() >= 0 && uint64(x.Int()) == y.Uint()
	case x.CanUint() && y.CanInt():
		return same(b, a)
	}
	return false
}
