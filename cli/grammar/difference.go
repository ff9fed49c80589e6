package grammar

import (
	"errors"
	"fmt"
	"sort"
	"strings"
)

// An Item is one line of a printed configuration, with the lines of the mode
// that it enters.
type Item struct {
	Command *Command
	Line    Line
	Text    string // as Print writes it, without indentation
	Below   []Item
}

// Items gives the configuration of a target as Print writes it, line by line.
func Items(m *Mode, target any) ([]Item, error) {
	l := lister{}
	items := l.mode(m, target)
	return items, errors.Join(l.errs...)
}

type lister struct{ errs []error }

func (l *lister) mode(m *Mode, target any) []Item {
	m.program() // bindings learn their names
	var out []Item
	for _, c := range m.Commands {
		if c.Bind == nil {
			continue
		}
		for _, line := range c.Bind.Lines(target, false) {
			text, ok := LineText(c, line)
			if !ok {
				l.errs = append(l.errs, fmt.Errorf("%s: %s: no text for %v", m.Name, Syntax(c.Syntax), line.Args))
				continue
			}
			item := Item{Command: c, Line: line, Text: text}
			if c.Enter != nil && !line.No {
				sub := line.Sub
				if sub == nil {
					if sub, ok = openSub(c, target, line.Args); !ok {
						continue
					}
				}
				item.Line.Sub, item.Below = sub, l.mode(c.Enter, sub)
			}
			out = append(out, item)
		}
	}
	return out
}

// Kind is what happens to a line between two configurations.
type Kind uint8

// Kinds of Change.
const (
	Removed Kind = iota
	Added
	Within // the line is in both, and what stands below it differs
)

// A Change is a line, with all below it, that only one of two configurations
// has, or one that both have and below which they differ.
type Change struct {
	Kind Kind
	Item Item // of the old configuration when Removed, else of the new
	// From is its place among its neighbours in the old configuration, To in
	// the new; of a line that only one has, where it would stand in the other.
	From, To int
	Below    []Change // of Within
}

// Compare gives the changes that lead from one configuration to another, in
// the order of the lines. A line that moves among its neighbours is removed
// and added; as many lines as can be stay. It takes n log n steps for n lines.
func Compare(from, to []Item) []Change {
	stay := longestOrder(places(from, to))
	var out []Change
	i, j := 0, 0
	for i < len(from) || j < len(to) {
		switch {
		case i < len(from) && stay[i] < 0:
			out = append(out, Change{Kind: Removed, Item: from[i], From: i, To: j})
			i++
		case j < len(to) && (i == len(from) || stay[i] != j):
			out = append(out, Change{Kind: Added, Item: to[j], From: i, To: j})
			j++
		default:
			if below := Compare(from[i].Below, to[j].Below); len(below) > 0 {
				out = append(out, Change{Kind: Within, Item: to[j], From: i, To: j, Below: below})
			}
			i++
			j++
		}
	}
	return out
}

// places finds each line of from in to, -1 where it is not. Equal lines pair
// up in order.
func places(from, to []Item) []int {
	at := make([]int, len(from))
	lo := 0
	for lo < len(from) && lo < len(to) && from[lo].Text == to[lo].Text {
		at[lo] = lo
		lo++
	}
	where := make(map[string][]int, len(to)-lo)
	for j := lo; j < len(to); j++ {
		where[to[j].Text] = append(where[to[j].Text], j)
	}
	for i := lo; i < len(from); i++ {
		at[i] = -1
		if w := where[from[i].Text]; len(w) > 0 {
			at[i], where[from[i].Text] = w[0], w[1:]
		}
	}
	return at
}

// longestOrder keeps of a list the longest sequence that rises and makes the
// rest -1.
func longestOrder(at []int) []int {
	var ends []int // index in at of the smallest end of a sequence of each length
	before := make([]int, len(at))
	for i, v := range at {
		if v < 0 {
			continue
		}
		n := sort.Search(len(ends), func(k int) bool { return at[ends[k]] >= v })
		before[i] = -1
		if n > 0 {
			before[i] = ends[n-1]
		}
		if n == len(ends) {
			ends = append(ends, i)
		} else {
			ends[n] = i
		}
	}
	out := make([]int, len(at))
	for i := range out {
		out[i] = -1
	}
	if len(ends) > 0 {
		for i := ends[len(ends)-1]; i >= 0; i = before[i] {
			out[i] = at[i]
		}
	}
	return out
}

// Negation is the line that takes an item away. A line whose `no` is itself
// kept takes `default`; one that is a `no` and nothing else goes by its
// positive.
func Negation(i Item) string {
	if i.Command.Switch {
		if text, ok := Unparse(i.Command.Syntax, i.Line.Args); ok {
			return "default " + text
		}
		return "default " + strings.TrimPrefix(i.Text, "no ")
	}
	return "no " + i.Text
}

// Identity is the part of a line that `no` needs; false when that is all of
// it. Two lines of one command with one identity take each other's place.
func Identity(i Item) (string, bool) {
	nodes := flatten(nil, i.Command.Syntax)
	needed := identifying(i.Command.Bind, nodes)
	if needed == len(nodes) {
		return "", false
	}
	w := writer{args: i.Line.Args, index: -1, negated: true}
	for _, n := range nodes[:needed] {
		if !w.node(newSheet(n)) {
			return "", false
		}
	}
	return w.text(), true
}
