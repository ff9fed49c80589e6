package modes

import (
	"slices"
	"strings"

	"coterie/cli/grammar"
	runningconfig "coterie/running-config"
)

// privilegeModes are the modes of `privilege` and the names of the grammar
// for them.
var privilegeModes = [][3]string{
	{"configure", "config", "Global configuration mode"},
	{"exec", "exec", "Exec mode"},
	{"interface", "config-if", "Interface configuration mode"},
	{"line", "config-line", "Line configuration mode"},
}

// privileges is `privilege MODE [all] {level N | reset} COMMAND`.
func (b *builder) privileges() *grammar.Command {
	type root = runningconfig.Config
	var modes grammar.Alt
	for _, m := range privilegeModes {
		modes = append(modes, grammar.Kw(m[0], m[2]).Sets("Mode", m[0]))
	}
	words := func(a grammar.Args) string { return strings.Join(strings.Fields(a.String("Command")), " ") }
	find := func(c *root, a grammar.Args) int {
		return slices.IndexFunc(c.AAA.Privileges, func(p runningconfig.PrivilegeLine) bool {
			return p.Mode == a.String("Mode") && p.Command == words(a)
		})
	}
	remove := func(c *root, a grammar.Args) error {
		if i := find(c, a); i >= 0 {
			if c.AAA.Privileges = slices.Delete(c.AAA.Privileges, i, i+1); len(c.AAA.Privileges) == 0 {
				c.AAA.Privileges = nil
			}
		}
		return nil
	}
	command := grammar.Arg("Command", grammar.Rest(), "Initial keywords of the command to modify")
	return &grammar.Command{
		Syntax: grammar.Seq{grammar.Kw("privilege", "Command privilege parameters"), modes,
			grammar.Opt{Node: grammar.Kw("all", "All suboption will be set to the samelevel").Sets("All", true)},
			grammar.Alt{
				grammar.Seq{grammar.Kw("level", "Set privilege level of command"), grammar.Arg("Level", grammar.Int(0, 15), "Privilege level"), command},
				grammar.Only{Node: grammar.Seq{grammar.Kw("reset", "Reset privilege level of command").Sets("Reset", true), command}},
			}},
		Sample: []string{"privilege exec level 5 show running-config", "privilege configure all level 7 interface", "privilege interface level 0 shutdown"},
		Bind: grammar.Custom[root]{
			OnSet: func(c *root, a grammar.Args) error {
				if a.Bool("Reset") {
					return remove(c, a)
				}
				p := runningconfig.PrivilegeLine{Mode: a.String("Mode"), All: a.Bool("All"), Level: a.Int("Level"), Command: words(a)}
				if i := find(c, a); i >= 0 {
					c.AAA.Privileges[i] = p
					return nil
				}
				c.AAA.Privileges = append(c.AAA.Privileges, p)
				return nil
			},
			OnUnset: remove,
			OnLines: func(c *root, _ bool) []grammar.Line {
				var out []grammar.Line
				for _, p := range c.AAA.Privileges {
					a := grammar.Args{"Mode": p.Mode, "Level": p.Level, "Command": p.Command}
					if p.All {
						a["All"] = true
					}
					out = append(out, grammar.Line{Args: a})
				}
				return out
			},
		},
	}
}

// SetLevels gives the commands of a device the levels that its configuration
// says. exec and configuration are those that Exec and Configuration made.
func SetLevels(exec, configuration *grammar.Mode, lines []runningconfig.PrivilegeLine) {
	byMode := map[string]*grammar.Mode{exec.Name: exec, configuration.Name: configuration}
	grammar.Walk(configuration, func(path []*grammar.Mode, _ *grammar.Command) {
		m := path[len(path)-1]
		byMode[m.Name] = m
	})
	for _, words := range privilegeModes {
		if m := byMode[words[1]]; m != nil {
			setLevels(m, words[0], lines)
		}
	}
}

// setLevels gives a mode the levels of the lines that are about it.
func setLevels(m *grammar.Mode, word string, lines []runningconfig.PrivilegeLine) {
	var list []grammar.Relevel
	for _, l := range lines {
		if l.Mode == word {
			list = append(list, grammar.Relevel{Words: l.Command, Level: l.Level, All: l.All})
		}
	}
	m.SetLevels(list)
}
