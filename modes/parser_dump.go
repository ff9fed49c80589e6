package modes

import (
	"context"
	"fmt"
	"io"
	"slices"

	"coterie/cli/grammar"
)

// declared is one mode and what it declares, for `show parser dump` and the
// command reference.
type declared struct {
	mode     *grammar.Mode
	path     []*grammar.Mode // from the outermost mode to this one
	commands []*grammar.Command
}

// catalogue lists a mode and all below it. Modes that share a name are one
// entry, as their prompts are: what they have in common is named once.
func catalogue(root *grammar.Mode) []declared {
	var out []declared
	index := map[string]int{}
	said := map[string]bool{}
	grammar.Walk(root, func(path []*grammar.Mode, c *grammar.Command) {
		m := path[len(path)-1]
		i, ok := index[m.Name]
		if !ok {
			i = len(out)
			index[m.Name] = i
			out = append(out, declared{mode: m, path: slices.Clone(path)})
		}
		if key := m.Name + "\n" + grammar.Syntax(c.Syntax); !c.Hidden && !said[key] {
			said[key] = true
			out[i].commands = append(out[i].commands, c)
		}
	})
	return out
}

// declaredLevel is the privilege that a command of the mode takes as it is declared.
func declaredLevel(m *grammar.Mode, c *grammar.Command) int {
	if m.Name != "exec" && c.Level == 0 {
		return privilegedLevel
	}
	return c.Level
}

// dump writes every command of a mode: level and syntax.
func dump(w io.Writer, d declared) error {
	if _, err := fmt.Fprintf(w, "Mode Name :%s\n", d.mode.Name); err != nil {
		return err
	}
	for _, c := range d.commands {
		if _, err := fmt.Fprintf(w, "%-2d %s\n", declaredLevel(d.mode, c), grammar.Syntax(c.Syntax)); err != nil {
			return err
		}
	}
	return nil
}

// parserDump is `show parser dump`.
func (x *execCommands) parserDump() {
	modes := catalogue(reading().global)
	var words grammar.Alt
	for _, d := range modes {
		words = append(words, grammar.Kw(d.mode.Name, modeHelp(d)).Sets("Mode", d.mode.Name))
	}
	words = append(words,
		grammar.Kw("all", "All modes").Sets("Mode", "all"),
		grammar.Kw("exec", "Exec mode").Sets("Mode", "exec"))
	x.run(privilegedLevel, grammar.Seq{kwShow, grammar.Kw("parser", "Show parser commands"), grammar.Kw("dump", "Dump the commands of a mode"), words},
		func(_ context.Context, t grammar.Terminal, a grammar.Args) error {
			name := a.String("Mode")
			for _, d := range append(catalogue(x.mode), modes...) {
				if name != "all" && name != d.mode.Name {
					continue
				}
				if err := dump(t, d); err != nil {
					return err
				}
			}
			return nil
		})
}

// modeHelp says which line enters a mode.
func modeHelp(d declared) string {
	if len(d.path) == 1 {
		return "Global configuration mode"
	}
	parent := d.path[len(d.path)-2]
	for _, c := range parent.Commands {
		if c.Enter == d.mode {
			if help := "Mode of " + leading(c.Syntax); len(help) <= 60 {
				return help
			}
		}
	}
	return "Mode below " + parent.Name
}

// leading is the first keywords of a syntax.
func leading(n grammar.Node) string {
	out := ""
	switch n := n.(type) {
	case grammar.Keyword:
		return n.Text
	case grammar.Alt:
		if len(n) > 0 {
			return leading(n[0])
		}
	case grammar.Seq:
		for _, x := range n {
			word := leading(x)
			if word == "" {
				return out
			}
			if out != "" {
				out += " "
			}
			out += word
		}
	}
	return out
}
