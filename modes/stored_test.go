package modes

import (
	"fmt"
	"slices"
	"testing"

	"coterie/cli/grammar"
	runningconfig "coterie/running-config"
)

// A line that is kept is parsed when it is typed and when it is first compared,
// not again for each line that comes after it.
func TestStoredLinesAreParsedOnce(t *testing.T) {
	const lines = 200
	parsed := 0
	number := grammar.Convert(grammar.Int(0, 100000), func(n int) (int, bool) { parsed++; return n, true }, func(n int) int { return n })
	word := func(text string) grammar.Node { return grammar.Kw(text, "A word") }
	n, more := grammar.Arg("N", number, "Number"), grammar.Arg("More", number, "Number")
	kept := func(c *runningconfig.Config) *[]string { return &c.Frame.Kept }
	inside := &grammar.Mode{Name: "inside", Parent: &grammar.Mode{Name: "config"}}
	inside.Add(store(stanzaText, single, keywords("within", "A word")))
	for _, tt := range []struct {
		name     string
		commands []*grammar.Command
		line     string
		more     string // replaces the line, or stands below it
		kept     string
	}{
		{"told apart by all of it", []*grammar.Command{
			store(kept, 0, grammar.Seq{word("line"), n, more}), store(kept, 0, grammar.Seq{word("line"), word("other"), n})},
			"line %d 7", "line %[1]d 7", "line %d 7"},
		{"told apart by a key", []*grammar.Command{
			store(kept, 0, grammar.Seq{word("line"), n, more}, "N"), store(kept, 0, grammar.Seq{word("line"), word("other"), n}, "N")},
			"line %d 7", "line %d 8", "line %d 8"},
		{"told apart by a key, beside another", []*grammar.Command{
			store(kept, 0, grammar.Seq{word("line"), n, more}, "N"), store(kept, single, grammar.Seq{word("line"), word("other")})},
			"line %d 7", "line other", "line %d 7"},
		{"sections", []*grammar.Command{heading(globalSections, grammar.Seq{word("line"), n}, inside, nil, "N")},
			"line %d", "within", "line %d"},
	} {
		global := &grammar.Mode{Name: "config"}
		global.Add(tt.commands...)
		c, stack := new(runningconfig.Config), grammar.NewStack(global)
		parsed = 0
		for i := range lines {
			for _, text := range []string{tt.line, tt.more} {
				line := text
				if text != "within" && text != "line other" {
					line = fmt.Sprintf(text, i)
				}
				r, err := stack.Resolve(line, 15, c)
				if err == nil {
					err = stack.Apply(c, r)
				}
				if err != nil {
					t.Fatalf("%s: %q: %v", tt.name, line, err)
				}
			}
		}
		have := slices.Clone(c.Frame.Kept)
		for _, s := range c.Stanzas {
			have = append(have, s.Header)
		}
		have = slices.DeleteFunc(have, func(s string) bool { return s == "line other" })
		if len(have) != lines || have[0] != fmt.Sprintf(tt.kept, 0) || have[lines-1] != fmt.Sprintf(tt.kept, lines-1) {
			t.Errorf("%s: %d lines, %q first", tt.name, len(have), have[:1])
		}
		if parsed > 12*lines {
			t.Errorf("%s: %d values parsed of %d lines", tt.name, parsed, lines)
		}
	}
}
