package modes

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"coterie/cli/grammar"
	runningconfig "coterie/running-config"

	"github.com/google/go-cmp/cmp"
)

// printed is the running configuration of a tree.
func printed(t testing.TB, c *runningconfig.Config, all bool) string {
	t.Helper()
	var b bytes.Buffer
	if err := Print(&b, c, all); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// loaded is the tree that a text makes; every line must be accepted.
func loaded(t testing.TB, text string) *runningconfig.Config {
	t.Helper()
	c := new(runningconfig.Config)
	for _, e := range Load(c, text) {
		t.Errorf("line %d: %q: %v", e.Number, e.Text, e.Err)
	}
	return c
}

// Each file of testdata/config is a paste; its .want is what the router shows.
// What it shows makes the same tree again, on an empty router and on itself.
func TestPaste(t *testing.T) {
	files, err := filepath.Glob("testdata/config/*.ios")
	if err != nil || len(files) == 0 {
		t.Fatal("no configurations", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".ios"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(strings.TrimSuffix(file, ".ios") + ".want")
			if err != nil {
				t.Fatal(err)
			}
			c := loaded(t, string(text))
			got := printed(t, c, false)
			if d := cmp.Diff(string(want), got); d != "" {
				t.Errorf("show running-config (-want +got):\n%s", d)
			}
			if d := cmp.Diff(got, printed(t, loaded(t, got), false)); d != "" {
				t.Errorf("pasted into an empty router (-first +second):\n%s", d)
			}
			for _, e := range Load(c, got) {
				t.Errorf("pasted into itself: %q: %v", e.Text, e.Err)
			}
			if d := cmp.Diff(got, printed(t, c, false)); d != "" {
				t.Errorf("pasted into itself (-before +after):\n%s", d)
			}
			// The defaults may be written out without changing anything.
			for _, e := range Load(c, printed(t, c, true)) {
				t.Errorf("defaults pasted: %q: %v", e.Text, e.Err)
			}
			if d := cmp.Diff(got, printed(t, c, false)); d != "" {
				t.Errorf("defaults pasted (-before +after):\n%s", d)
			}
		})
	}
}

// console types lines at a session as a terminal does: walk-up, no indentation.
type console struct {
	t     *testing.T
	tree  *runningconfig.Config
	stack *grammar.Stack
}

func newConsole(t *testing.T) *console {
	return &console{t, new(runningconfig.Config), grammar.NewStack(Configuration(nil))}
}

// typed gives the answer to a line: "" or its error.
func (c *console) typed(line string) string {
	r, err := c.stack.Resolve(line, 15, c.tree)
	if err == nil {
		err = c.stack.Apply(c.tree, r)
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func (c *console) prompt() string { return c.stack.Prompt(c.tree) }
