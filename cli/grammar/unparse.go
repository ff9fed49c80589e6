package grammar

import (
	"reflect"
	"slices"
	"strings"
)

// Unparse is the line that a syntax and values make: the one printing form of
// these values. It fails when a value is missing or has no text.
func Unparse(n Node, a Args) (string, bool) {
	w := writer{args: a, index: -1}
	if !w.node(n) {
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
		if i >= needed && (!w.gives(n) || !w.node(n)) {
			break
		}
		if i < needed && !w.node(n) {
			return "", false
		}
	}
	return w.text(), len(w.words) > 0
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

// gives tells whether any name under n has something to print.
func (w *writer) gives(n Node) bool {
	return mentions(n, w.has)
}

func (w *writer) node(n Node) bool {
	mark := len(w.words)
	fail := func() bool { w.words = w.words[:mark]; return false }
	switch n := n.(type) {
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
		for _, x := range n {
			if !w.node(x) {
				return fail()
			}
		}
	case Alt:
		return w.alt(n)
	case Opt:
		if w.gives(n.Node) {
			w.node(n.Node)
		}
	case Rep:
		outer := w.index
		for i := 0; n.Max == 0 || i < n.Max; i++ {
			if w.index = i; !w.gives(n.Node) || !w.node(n.Node) {
				break
			}
		}
		if w.index = outer; len(w.words) == mark {
			return false
		}
	case AnyOrder:
		for _, x := range n {
			if w.gives(x) {
				w.node(x)
			}
		}
	case Only:
	case OptionalUnderNo:
		if !w.node(n.Node) && !w.negated {
			return fail()
		}
	}
	return true
}

// alt prints the first branch that can be printed and leaves no value of the
// whole Alt unprinted.
func (w *writer) alt(n Alt) bool {
	var given []string
	mentions(n, func(name string) bool {
		if w.has(name) && !slices.Contains(given, name) {
			given = append(given, name)
		}
		return false
	})
branches:
	for _, branch := range n {
		if _, ok := branch.(Only); ok {
			continue
		}
		for _, name := range given {
			if !mentions(branch, func(s string) bool { return s == name }) {
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
