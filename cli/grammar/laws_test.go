package grammar_test

import (
	"testing"

	. "coterie/cli/grammar"
	"coterie/cli/grammar/grammartest"
)

func TestToyKeepsTheLaws(t *testing.T) {
	for _, err := range grammartest.Check(newToy().global, grammartest.Options{
		New: func() any { return new(toy) },
	}) {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	modes := newToy()
	all := []*Mode{modes.global, modes.iface, modes.group, modes.local, modes.sa, modes.acl, modes.line}
	for _, s := range []string{"hostname R1 ! x", "no rekey ret 10", "int e 0/0", "i", "banner motd ^Ca\nb^C", "certificate\n00\nquit", "default ip\t", "do", "permit ip any eq 1 2 3 any", "\x00\xff !"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		for _, m := range all {
			match, err := m.Parse(line, 15)
			if err != nil {
				syntax := err.(*SyntaxError)
				if syntax.Offset < 0 || syntax.Offset > len(line) || syntax.Line != line {
					t.Errorf("%q: %+v", line, syntax)
				}
			} else if match.Command == nil {
				t.Errorf("%q: no command", line)
			} else if match.Command.Bind != nil && !match.No && !match.Default {
				// What parses prints, and the print is its own canonical form.
				text, ok := Unparse(match.Command.Syntax, match.Args)
				if again, err := m.Parse(text, 15); ok && (err != nil || again.Command != match.Command) {
					t.Errorf("%q prints as %q: %v", line, text, err)
				}
			}
			m.Help(line, 15, nil)
			m.Help(line+" ", 15, new(toy))
			m.Complete(line, 15, new(toy))
		}
	})
}

func FuzzLoad(f *testing.F) {
	f.Add(canonical)
	f.Add("crypto gdoi group G\n server local\nsa ipsec 1\nexit\nexit\n end\n x")
	f.Add("banner motd ^C\ncertificate\n\n")
	f.Add("certificate\nx\r\r\nquit\n") // one of two returns belongs to the line
	modes := newToy()
	f.Fuzz(func(t *testing.T, text string) {
		root := &toy{}
		Load(modes.global, root, text)
		printed := show(t, modes.global, root, false)
		for _, e := range Load(modes.global, root, printed) {
			t.Errorf("its own print is refused: %q: %v", e.Text, e.Err)
		}
		if again := show(t, modes.global, root, false); again != printed {
			t.Errorf("pasted\n%sprints\n%s", printed, again)
		}
	})
}
