// Package grammartest checks every command of a grammar against the laws that
// make a configuration trustworthy: what is printed can be read back and means
// the same, `no` undoes, an abbreviation never means something else, every word
// has help, and no two commands take the same line.
package grammartest

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"coterie/cli/grammar"
)

// Options adapt the laws to a grammar.
type Options struct {
	// New makes an empty tree. Without it only the laws of exec modes are
	// checked: those that need no tree.
	New func() any
	// Prepare makes the tree that a command is tried on more than empty.
	Prepare func(root any)
	// Shadows lists lines that a mode and one of its parents both accept, and
	// why: the key is "child > parent: " and the full keywords of the line up
	// to its first value, or `*` for every line.
	Shadows map[string]string
	// Same compares trees; nil: reflect.DeepEqual.
	Same func(a, b any) bool
}

// Check tries every command of a mode and of all modes it enters, and returns
// what is wrong with them, in order of declaration.
func Check(m *grammar.Mode, o Options) []error {
	c := &checker{Options: o, global: m, used: map[string]bool{}}
	if c.Same == nil {
		c.Same = reflect.DeepEqual
	}
	c.mode(m, nil)
	for key := range o.Shadows {
		if !c.used[key] {
			c.fail("shadow %q is allowed and does not occur", key)
		}
	}
	return c.errs
}

type checker struct {
	Options
	global *grammar.Mode
	where  string
	used   map[string]bool // shadows met
	seen   map[string]bool
	modes  []*grammar.Mode
	errs   []error
}

func (c *checker) fail(format string, a ...any) {
	c.errs = append(c.errs, fmt.Errorf(c.where+format, a...))
}

// mode checks the commands of a mode that the given lines lead to.
func (c *checker) mode(m *grammar.Mode, path []string) {
	for _, done := range c.modes {
		if done == m {
			return
		}
	}
	c.modes = append(c.modes, m)
	for _, command := range m.Commands {
		c.where = fmt.Sprintf("%s: %s: ", m.Name, grammar.Syntax(command.Syntax))
		c.help(command.Syntax)
		samples, err := Samples(command)
		if err != nil {
			c.where = m.Name + ": "
			c.fail("%v", err)
			continue
		}
		if len(samples) == 0 && command.Sample == nil {
			c.fail("no samples")
		}
		for _, line := range samples {
			c.where = fmt.Sprintf("%s: %s: ", m.Name, line)
			c.line(m, command, line)
			if c.New != nil && command.Bind != nil {
				c.binding(m, command, path, line)
			}
		}
		if command.Enter != nil && len(samples) > 0 {
			c.mode(command.Enter, append(path[:len(path):len(path)], samples[0]))
		}
	}
	c.where = m.Name + ": "
	c.sameHelp(m)
}

// help checks the texts of every word.
func (c *checker) help(n grammar.Node) {
	switch n := n.(type) {
	case grammar.Keyword:
		c.text(n.Text, n.Help)
		if p := strings.ToLower(strings.TrimRight(n.Printed, " ")); p != "" && !strings.HasPrefix(strings.ToLower(n.Text), p) {
			c.fail("%q is printed for %q and is no prefix of it", n.Printed, n.Text)
		}
		if n.Text == "" || strings.ContainsAny(n.Text, " \t\n") {
			c.fail("%q is not one word", n.Text)
		}
	case grammar.Token:
		c.text(n.Type.Placeholder(), n.Help)
	case grammar.Seq:
		for _, x := range n {
			c.help(x)
		}
	case grammar.Alt:
		for _, x := range n {
			c.help(x)
		}
	case grammar.AnyOrder:
		for _, x := range n {
			c.help(x)
		}
	case grammar.Opt:
		c.help(n.Node)
	case grammar.Rep:
		c.help(n.Node)
	case grammar.Only:
		c.help(n.Node)
	case grammar.OptionalUnderNo:
		c.help(n.Node)
	}
}

// text checks one help text. One with line breaks of its own is that of a real
// screen and may be longer.
func (c *checker) text(word, help string) {
	limit := 60
	if strings.Contains(help, "\n") {
		limit = 70
	}
	for _, part := range strings.Split(help, "\n") {
		if len(part) > limit {
			c.fail("help of %s is longer than %d: %q", word, limit, part)
		}
	}
	switch {
	case help == "":
		c.fail("%s has no help", word)
	case 'a' <= help[0] && help[0] <= 'z' && !strings.HasPrefix(help, "c banner-text c") || help[0] == ' ':
		c.fail("help of %s does not start with a capital: %q", word, help)
	}
}

// sameHelp checks that commands which begin alike explain the common words
// alike.
func (c *checker) sameHelp(m *grammar.Mode) {
	known := map[string]string{}
	for _, command := range m.Commands {
		prefix := ""
		s, ok := command.Syntax.(grammar.Seq)
		if !ok {
			s = grammar.Seq{command.Syntax}
		}
		for _, n := range s {
			k, ok := n.(grammar.Keyword)
			if !ok {
				break
			}
			prefix = join(prefix, strings.ToLower(k.Text))
			if help, ok := known[prefix]; ok && help != k.Help {
				c.fail("%q has two helps: %q and %q", prefix, help, k.Help)
			}
			known[prefix] = k.Help
		}
	}
}

// line checks what needs no tree: who accepts the line, its abbreviations and
// those of its parents.
func (c *checker) line(m *grammar.Mode, command *grammar.Command, line string) {
	match, err := m.Parse(line, 15)
	if err != nil {
		c.fail("not accepted: %v", describe(err))
		return
	}
	for _, other := range m.Accepts(line, 15) {
		if other != command {
			c.fail("also accepted by %s", grammar.Syntax(other.Syntax))
		}
	}
	if match.Command != command {
		return
	}
	words, err := m.Words(line, 15)
	if err != nil {
		c.fail("%v", err)
		return
	}
	for _, w := range words {
		if w.Keyword == "" || command.Hidden { // hidden words give way
			continue
		}
		for n := 1; n < len(w.Text); n++ {
			short := line[:w.Offset] + w.Text[:n] + line[w.Offset+len(w.Text):]
			got, err := m.Parse(short, 15)
			if err != nil {
				continue // ambiguous, or cut into another word
			}
			if got.Command == command && reflect.DeepEqual(got.Args, match.Args) && !got.No && !got.Default {
				continue
			}
			if other, _ := m.Words(short, 15); exact(other, w.Offset, w.Text[:n]) {
				continue // a keyword in full, of which the other is a longer form
			}
			c.fail("%q means something else", short)
		}
	}
	c.shadow(m, words, line)
}

// exact tells whether the word at an offset was read as a keyword in full.
func exact(words []grammar.Reading, offset int, text string) bool {
	for _, w := range words {
		if w.Offset == offset {
			return strings.EqualFold(w.Keyword, text)
		}
	}
	return false
}

// shadow looks for parents that accept the line too.
func (c *checker) shadow(m *grammar.Mode, words []grammar.Reading, line string) {
	for p := m.Parent; p != nil; p = p.Parent {
		if _, err := p.Parse(line, 15); err != nil {
			continue
		}
		key := m.Name + " > " + p.Name + ":"
		if every := key + " *"; c.Shadows[every] != "" {
			c.used[every] = true
			continue
		}
		for _, w := range words {
			if w.Keyword == "" {
				break
			}
			key += " " + w.Keyword
		}
		if _, ok := c.Shadows[key]; !ok && !c.used[key] {
			c.fail("accepted in %s too; Shadows lacks %q", p.Name, key)
		}
		c.used[key] = true
	}
}

// describe shows where a syntax error is.
func describe(err error) string {
	var syntax *grammar.SyntaxError
	if errors.As(err, &syntax) && syntax.Kind == grammar.Invalid {
		return fmt.Sprintf("%v at %q", err, syntax.Line[syntax.Offset:])
	}
	return err.Error()
}
