package grammartest

import (
	"strings"

	"coterie/cli/grammar"
)

// binding checks a line of configuration on a tree: what it prints reads back
// as the same, and `no` undoes it.
func (c *checker) binding(m *grammar.Mode, command *grammar.Command, path []string, line string) {
	root, stack, ok := c.open(path)
	if !ok {
		return
	}
	before := c.print(root, false)
	if !c.apply(root, stack, m, line) {
		return
	}
	lines, ok := c.lines(root, c.target(m, path, root), command)
	if !ok {
		return
	}
	for _, l := range lines {
		c.round(m, command, l)
	}
	c.paste(root)

	// The line once more.
	after := c.print(root, false)
	if _, stack, ok := c.reopen(root, path); ok && c.apply(root, stack, m, line) {
		if got := c.print(root, false); got != after {
			c.fail("typed twice it prints\n%snot\n%s", got, after)
		}
	}
	c.undo(m, command, path, line, before)
}

// round checks that a printed line is its own canonical form.
func (c *checker) round(m *grammar.Mode, command *grammar.Command, l grammar.Line) {
	text, ok := grammar.LineText(command, l)
	if !ok {
		c.fail("no text for %v", l.Args)
		return
	}
	match, err := m.Parse(text, 15)
	if err != nil {
		c.fail("printed as %q, which is not accepted: %v", text, describe(err))
		return
	}
	if match.Command != command || match.No != l.No {
		c.fail("printed as %q, which is another command", text)
		return
	}
	if again, ok := grammar.LineText(command, grammar.Line{No: match.No, Args: match.Args}); !ok || again != text {
		c.fail("printed as %q, which prints as %q", text, again)
	}
}

// paste checks that the printed configuration makes the same tree, and changes
// nothing on the tree it was printed from.
func (c *checker) paste(root any) {
	for _, all := range []bool{false, true} {
		text := c.print(root, all)
		fresh := c.New()
		if c.Prepare != nil {
			c.Prepare(fresh)
		}
		for _, tree := range []any{fresh, root} {
			for _, e := range grammar.Load(c.global, tree, text) {
				c.fail("of what it prints, line %d %q is refused: %v", e.Number, e.Text, describe(e.Err))
			}
			if got := c.print(tree, all); got != text {
				c.fail("prints\n%spasted, that prints\n%s", text, got)
			}
		}
		if !all && !c.Same(fresh, root) {
			c.fail("what it prints makes another tree:\n%s", text)
		}
	}
}

// undo checks `no` and `default`.
func (c *checker) undo(m *grammar.Mode, command *grammar.Command, path []string, line, before string) {
	for _, word := range []string{"no ", "default "} {
		root, stack, ok := c.open(path)
		if !ok || !c.apply(root, stack, m, line) {
			return
		}
		if _, stack, ok = c.reopen(root, path); !ok || !c.apply(root, stack, m, word+line) {
			continue
		}
		got := c.print(root, false)
		switch {
		case got == before:
		case word == "default " && command.Enter != nil: // may reset what is in it
		case word == "no " && command.Switch:
			c.paste(root)
		default:
			c.fail("%sleaves\n%snot\n%s", word, got, before)
		}
	}
	if !command.Switch {
		return
	}
	root, stack, ok := c.open(path)
	if !ok || !c.apply(root, stack, m, "no "+line) {
		return
	}
	lines, _ := c.lines(root, c.target(m, path, root), command)
	for _, l := range lines {
		c.round(m, command, l)
	}
	c.paste(root)
}

// open makes a tree with the modes of path open.
func (c *checker) open(path []string) (any, *grammar.Stack, bool) {
	root := c.New()
	if c.Prepare != nil {
		c.Prepare(root)
	}
	return c.reopen(root, path)
}

func (c *checker) reopen(root any, path []string) (any, *grammar.Stack, bool) {
	stack := grammar.NewStack(c.global)
	for _, line := range path {
		if !c.apply(root, stack, stack.Mode(), line) {
			return nil, nil, false
		}
	}
	return root, stack, true
}

// target is the object of a mode.
func (c *checker) target(m *grammar.Mode, path []string, root any) any {
	_, stack, ok := c.reopen(root, path)
	if !ok {
		return nil
	}
	target, _ := stack.Target(root)
	return target
}

// apply carries out a line that mode m, and no other, must accept.
func (c *checker) apply(root any, stack *grammar.Stack, m *grammar.Mode, line string) bool {
	r, err := stack.Resolve(line, 15, root)
	if err != nil {
		c.fail("%q: %v", line, describe(err))
		return false
	}
	if r.Mode != m {
		c.fail("%q is accepted in %s, not in %s", line, r.Mode.Name, m.Name)
		return false
	}
	if err := stack.Apply(root, r); err != nil {
		c.fail("%q is refused, give Command.Sample or Options.Prepare: %v", line, err)
		return false
	}
	return true
}

func (c *checker) lines(root, target any, command *grammar.Command) ([]grammar.Line, bool) {
	if target == nil {
		c.fail("its mode has no object")
		return nil, false
	}
	return command.Bind.Lines(target, false), true
}

func (c *checker) print(root any, all bool) string {
	var b strings.Builder
	if err := grammar.Print(&b, c.global, root, all); err != nil {
		c.fail("printing: %v", err)
	}
	return b.String()
}
