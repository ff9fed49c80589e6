package grammar

import "strings"

// Syntax is the form of a line as command references write it: {a | b} for a
// choice, [x] for what may be left out, placeholders for values.
func Syntax(n Node) string {
	switch n := n.(type) {
	case Keyword:
		return n.Text
	case Token:
		return n.Type.Placeholder()
	case Seq:
		var parts []string
		for _, x := range n {
			if s := Syntax(x); s != "" {
				parts = append(parts, s)
			}
		}
		return strings.Join(parts, " ")
	case Alt:
		var parts []string
		for _, x := range n {
			if k, ok := x.(Keyword); ok && k.Hidden {
				continue
			}
			parts = append(parts, inner(x))
		}
		if len(parts) == 1 {
			return parts[0]
		}
		return "{" + strings.Join(parts, " | ") + "}"
	case AnyOrder:
		var parts []string
		for _, x := range n {
			parts = append(parts, "["+inner(x)+"]")
		}
		return strings.Join(parts, " ")
	case Opt:
		return "[" + inner(n.Node) + "]"
	case Only:
		return "[" + inner(n.Node) + "]"
	case OptionalUnderNo:
		return Syntax(n.Node)
	case Rep:
		s := Syntax(n.Node)
		return s + " [" + s + " ...]"
	}
	return ""
}

// inner is Syntax without the brackets that the context gives anyway.
func inner(n Node) string {
	switch n := n.(type) {
	case Only:
		return inner(n.Node)
	case Alt:
		s := Syntax(n)
		return strings.TrimSuffix(strings.TrimPrefix(s, "{"), "}")
	}
	return Syntax(n)
}

// Walk calls f for every command of a mode and of the modes it enters, each
// mode once, in order of declaration. path is the modes from m inward.
func Walk(m *Mode, f func(path []*Mode, c *Command)) {
	seen := map[*Mode]bool{}
	var walk func(path []*Mode)
	walk = func(path []*Mode) {
		m := path[len(path)-1]
		if seen[m] {
			return
		}
		seen[m] = true
		for _, c := range m.Commands {
			f(path, c)
		}
		for _, c := range m.Commands {
			if c.Enter != nil {
				walk(append(path[:len(path):len(path)], c.Enter))
			}
		}
	}
	walk([]*Mode{m})
}
