package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"coterie/cli/grammar"
)

// plain is an error that prints as it stands.
type plain string

func (p plain) Error() string { return string(p) }
func (plain) Verbatim() bool  { return true }

// A line is asked about before it binds, under `no` too; an answer of no, an
// error and the end of the input leave the tree alone.
func TestBefore(t *testing.T) {
	d := newToy()
	type tree = toyTree
	d.config.Add(&grammar.Command{
		Syntax: grammar.Seq{grammar.Kw("group", "Group"), grammar.Arg("", grammar.Word(), "Name")},
		Bind: grammar.Custom[tree]{
			OnSet: func(c *tree, a grammar.Args) error {
				if a.String("") == "bad" {
					return plain("Bad mask /24 for address 10.0.0.0")
				}
				c.Banner = a.String("")
				return nil
			},
			OnUnset: func(c *tree, _ grammar.Args) error { c.Banner = ""; return nil },
		},
		Before: func(ctx context.Context, t grammar.Terminal, m grammar.Match) (bool, error) {
			if !m.No {
				return true, nil
			}
			if m.Args.String("") == "error" {
				return false, errors.New("it is in use")
			}
			answer, err := t.Ask(ctx, "Do you want to continue? [yes/no]: ")
			return answer == "yes", err
		},
	})
	s := New(Config{Device: d, Level: 15})
	defer s.Close()
	run := func(line string, input ...string) (string, error) {
		var out bytes.Buffer
		lines := Lines(input)
		err := s.Execute(context.Background(), line, &out, &lines)
		return out.String(), err
	}
	run("configure terminal")
	for _, c := range []struct {
		line  string
		input []string
		out   string
		left  string
		err   bool
	}{
		{"group G", nil, "", "G", false},
		{"no group G", []string{"no"}, "Do you want to continue? [yes/no]: no\n", "G", false},
		{"no group error", nil, "% it is in use\n", "G", true},
		{"no group G", nil, "Do you want to continue? [yes/no]: \n", "G", true},
		{"group bad", nil, "Bad mask /24 for address 10.0.0.0\n", "G", true},
		{"no group G", []string{"yes"}, "Do you want to continue? [yes/no]: yes\n", "", false},
	} {
		out, err := run(c.line, c.input...)
		if out != c.out || d.tree.Banner != c.left || (err != nil) != c.err {
			t.Errorf("%s: %q, %v, left %q", c.line, out, err, d.tree.Banner)
		}
	}
	if _, err := run("no group G"); !errors.Is(err, io.EOF) {
		t.Errorf("without an answer: %v", err)
	}
}
