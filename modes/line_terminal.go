package modes

import (
	"fmt"
	"strings"

	"coterie/cli/grammar"
	runningconfig "coterie/running-config"
)

// terminalCommands are the lines of a terminal line that begin its sessions:
// how long and wide the screen is, and how many lines are remembered.
func terminalCommands() []*grammar.Command {
	return []*grammar.Command{
		lineNumber("length", "Set number of lines on a screen", grammar.Int(0, 512), "Number of lines on screen (0 for no pausing)", 24),
		lineNumber("width", "Set width of the display terminal", grammar.Int(0, 512), "Number of characters on a screen line", 80),
	}
}

// lineNumber is a line of one word and a number; saying the default forgets it.
func lineNumber(word, help string, number grammar.Type, numberHelp string, fallback int) *grammar.Command {
	type line = runningconfig.Line
	drop := func(l *line) {
		var rest []string
		for _, k := range l.Kept {
			if !strings.HasPrefix(k, word+" ") {
				rest = append(rest, k)
			}
		}
		l.Kept = rest
	}
	return &grammar.Command{
		Syntax: grammar.Seq{grammar.Kw(word, help), grammar.OptionalUnderNo{Node: grammar.Arg("N", number, numberHelp)}},
		Bind: grammar.Custom[line]{
			OnSet: func(l *line, a grammar.Args) error {
				drop(l)
				if n := a.Int("N"); n != fallback {
					l.Kept = append(l.Kept, fmt.Sprintf("%s %d", word, n))
				}
				return nil
			},
			OnUnset: func(l *line, _ grammar.Args) error { drop(l); return nil },
			OnLines: func(l *line, all bool) []grammar.Line {
				for _, k := range l.Kept {
					var n int
					if _, err := fmt.Sscanf(k, word+" %d", &n); err == nil {
						return one(grammar.Args{"N": n})
					}
				}
				if all {
					return one(grammar.Args{"N": fallback})
				}
				return nil
			},
		},
	}
}

// lineEffects are the commands of a line that act on its sessions. The others
// are only kept.
var lineEffects = map[string]bool{
	"exec-timeout": true, "privilege": true, "login": true, "length": true, "width": true, "history": true, "password": true,
}

// actsOnLine tells whether a command of a line has an effect.
func actsOnLine(c *grammar.Command) bool {
	words := strings.Fields(grammar.Syntax(c.Syntax))
	return lineEffects[words[0]] || len(words) > 1 && words[0] == "transport" && words[1] == "input" || words[0] == "logging"
}
