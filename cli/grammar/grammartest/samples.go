package grammartest

import (
	"fmt"
	"slices"
	"strings"

	"coterie/cli/grammar"
)

// maxProduct bounds the lines made of one sequence; beyond it each choice is
// taken at least once instead of every combination.
const maxProduct = 16

// maxSamples bounds the lines of one command.
const maxSamples = 500

// Samples are lines of a command: Command.Sample when there is one (an empty
// list that is not nil: none), otherwise made from the syntax so that each
// keyword, each sample of each type, and each option present and absent, occur.
func Samples(c *grammar.Command) ([]string, error) {
	if c.Sample != nil {
		return c.Sample, nil
	}
	lines, err := lines(c.Syntax)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", grammar.Syntax(c.Syntax), err)
	}
	if len(lines) > maxSamples { // every so many of them
		for i := range maxSamples {
			lines[i] = lines[i*len(lines)/maxSamples]
		}
		lines = lines[:maxSamples]
	}
	return lines, nil
}

func lines(n grammar.Node) ([]string, error) {
	switch n := n.(type) {
	case grammar.Keyword:
		return []string{n.Text}, nil
	case grammar.Token:
		s, ok := n.Type.(grammar.Sampler)
		if !ok || len(s.Samples()) == 0 {
			return nil, fmt.Errorf("type %s of %q names no samples: give Command.Sample", n.Type.Placeholder(), n.Name)
		}
		return s.Samples(), nil
	case grammar.Seq:
		return sequence(n)
	case grammar.Alt:
		var out []string
		for _, x := range n {
			if only, ok := x.(grammar.Only); ok {
				x = only.Node // a branch of its own
			}
			l, err := lines(x)
			if err != nil {
				return nil, err
			}
			out = append(out, l...)
		}
		return out, nil
	case grammar.Opt:
		l, err := lines(n.Node)
		return append([]string{""}, l...), err
	case grammar.Only:
		l, err := lines(n.Node)
		return append([]string{""}, l...), err
	case grammar.OptionalUnderNo:
		return lines(n.Node)
	case grammar.Rep:
		l, err := lines(n.Node)
		if err != nil {
			return nil, err
		}
		out := slices.Clone(l)
		if n.Max != 1 {
			out = append(out, join(l[0], l[len(l)-1]))
		}
		if most := make([]string, 0, n.Max); n.Max > 2 {
			for i := range n.Max {
				most = append(most, l[i%len(l)])
			}
			out = append(out, strings.Join(most, " "))
		}
		return out, nil
	case grammar.AnyOrder:
		var out []string
		forward, backward := "", ""
		for _, x := range n {
			l, err := lines(x)
			if err != nil {
				return nil, err
			}
			out = append(out, l...)
			forward, backward = join(forward, l[0]), join(l[len(l)-1], backward)
		}
		return append(out, forward, backward), nil
	}
	return []string{""}, nil
}

func join(a, b string) string {
	switch {
	case a == "":
		return b
	case b == "" || strings.HasPrefix(b, "\n"):
		return a + b
	}
	return a + " " + b
}

// sequence combines the lines of its parts.
func sequence(s grammar.Seq) ([]string, error) {
	parts := make([][]string, len(s))
	product, most := 1, 1
	for i, n := range s {
		l, err := lines(n)
		if err != nil {
			return nil, err
		}
		parts[i] = l
		product = min(product*len(l), maxProduct+1)
		most = max(most, len(l))
	}
	if product <= maxProduct {
		out := []string{""}
		for _, l := range parts {
			var next []string
			for _, a := range out {
				for _, b := range l {
					next = append(next, join(a, b))
				}
			}
			out = next
		}
		return out, nil
	}
	// All first choices, then each other choice among first ones and among
	// last ones.
	var out []string
	for i, l := range parts {
		for j := range l {
			first, last := "", ""
			for k, other := range parts {
				f, z := other[0], other[len(other)-1]
				if k == i {
					f, z = l[j], l[j]
				}
				first, last = join(first, f), join(last, z)
			}
			out = append(out, first, last)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}
