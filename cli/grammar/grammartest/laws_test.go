package grammartest

import (
	"strings"
	"testing"

	"coterie/cli/grammar"
)

type tree struct {
	Name   string
	Number int
	Off    bool
	Subs   []*sub
}

type sub struct {
	Key  string
	Text string
}

func kw(s string) grammar.Keyword { return grammar.Kw(s, strings.ToUpper(s[:1])+s[1:]) }

// sound is a grammar without a defect.
func sound() (*grammar.Mode, *grammar.Mode) {
	global := &grammar.Mode{Name: "config"}
	inner := &grammar.Mode{Name: "config-sub", Parent: global}
	inner.Add(&grammar.Command{Syntax: grammar.Seq{kw("text"), grammar.Arg("", grammar.Rest(), "Text")},
		Bind: grammar.Leaf(func(s *sub) *string { return &s.Text })})
	global.Add(
		&grammar.Command{Syntax: grammar.Seq{kw("name"), grammar.Arg("", grammar.Word(), "Name")},
			Bind: grammar.Leaf(func(t *tree) *string { return &t.Name })},
		&grammar.Command{Syntax: grammar.Seq{kw("feature"), grammar.Opt{Node: kw("now")}},
			Bind: grammar.Leaf(func(t *tree) *bool { return &t.Off }, grammar.NoIsStored()), Switch: true},
		&grammar.Command{Syntax: grammar.Seq{kw("sub"), grammar.Arg("Key", grammar.Word(), "Key")}, Enter: inner,
			Bind: grammar.Object(func(t *tree) *[]*sub { return &t.Subs }, "Key")},
	)
	return global, inner
}

func options() Options { return Options{New: func() any { return new(tree) }} }

func TestSoundGrammar(t *testing.T) {
	global, _ := sound()
	for _, err := range Check(global, options()) {
		t.Error(err)
	}
}

// Each law finds the defect that it is about.
func TestDefects(t *testing.T) {
	word := grammar.Arg("", grammar.Word(), "Value")
	name := func(f func(*tree) *string) grammar.Binding { return grammar.Leaf(f) }
	field := func(t *tree) *string { return &t.Name }
	for what, c := range map[string]struct {
		want    string
		command *grammar.Command
		inner   bool
	}{
		"no help":    {"has no help", &grammar.Command{Syntax: grammar.Kw("x", "")}, false},
		"small help": {"capital", &grammar.Command{Syntax: grammar.Kw("x", "small")}, false},
		"long help":  {"longer than 60", &grammar.Command{Syntax: grammar.Kw("x", strings.Repeat("X", 61))}, false},
		"two helps":  {"two helps", &grammar.Command{Syntax: grammar.Seq{grammar.Kw("name", "Other"), kw("y")}}, false},
		"twice":      {"also accepted by", &grammar.Command{Syntax: grammar.Seq{kw("name"), grammar.Arg("", grammar.HostOrAddress(), "Host")}}, false},
		"no samples": {"names no samples", &grammar.Command{Syntax: grammar.Arg("", mute{grammar.Word()}, "Value")}, false},
		"shadow":     {"Shadows lacks \"config-sub > config: name\"", &grammar.Command{Syntax: grammar.Seq{kw("name"), word}}, true},
		"bad print":  {"is no prefix", &grammar.Command{Syntax: kw("alpha").Prints("beta")}, false},
		"not undone": {"leaves", &grammar.Command{Syntax: grammar.Seq{kw("keep"), word}, Bind: stubborn{name(field)}}, false},
		"forgotten": {"another tree", &grammar.Command{Syntax: grammar.Seq{kw("keep"), grammar.Arg("", grammar.Int(1, 2), "Number")},
			Bind: silent{grammar.Leaf(func(t *tree) *int { return &t.Number })}}, false},
		"not canonical": {"no text for", &grammar.Command{Syntax: grammar.Seq{kw("keep"), word}, Bind: nameless{name(field)}}, false},
		"abbreviation": {"\"keep alp\" means something else", &grammar.Command{
			Syntax: grammar.Seq{kw("keep"), grammar.Alt{kw("alpha").Sets("A", 1).Hide(), kw("alps")}}}, false},
	} {
		global, inner := sound()
		if c.inner {
			inner.Add(c.command)
		} else {
			global.Add(c.command)
		}
		var all []string
		for _, err := range Check(global, options()) {
			all = append(all, err.Error())
		}
		if text := strings.Join(all, "\n"); !strings.Contains(text, c.want) {
			t.Errorf("%s: not found in\n%s", what, text)
		}
	}
}

func TestSamples(t *testing.T) {
	c := &grammar.Command{Syntax: grammar.Seq{kw("a"), grammar.Opt{Node: grammar.Alt{kw("b"), kw("c")}},
		grammar.Rep{Node: grammar.Arg("", grammar.Int(1, 2), "N"), Max: 3}}}
	got, err := Samples(c)
	want := "a 1|a 2|a 1 2|a 1 2 1|a b 1|a b 2|a b 1 2|a b 1 2 1|a c 1|a c 2|a c 1 2|a c 1 2 1"
	if err != nil || strings.Join(got, "|") != want {
		t.Errorf("%v\n%s", err, strings.Join(got, "|"))
	}
}

// stubborn keeps its value under `no`.
type stubborn struct{ grammar.Binding }

func (stubborn) Unset(any, grammar.Args) error { return nil }

// silent does not print.
type silent struct{ grammar.Binding }

func (silent) Lines(any, bool) []grammar.Line { return nil }

// nameless prints without its value.
type nameless struct{ grammar.Binding }

func (n nameless) Lines(t any, all bool) []grammar.Line {
	lines := n.Binding.Lines(t, all)
	for i := range lines {
		lines[i].Args = nil
	}
	return lines
}

// mute names no samples.
type mute struct{ grammar.Type }

// An allowed shadow is no violation; one that does not occur is.
func TestShadows(t *testing.T) {
	for _, key := range []string{"config-sub > config: name", "config-sub > config: *"} {
		global, inner := sound()
		o := options()
		o.Shadows = map[string]string{key: "the same name in both"}
		if errs := Check(global, o); len(errs) != 1 || !strings.Contains(errs[0].Error(), "does not occur") {
			t.Errorf("%v", errs)
		}
		inner.Add(&grammar.Command{Syntax: grammar.Seq{kw("name"), grammar.Arg("", grammar.Word(), "Name")}})
		if errs := Check(global, o); len(errs) != 0 {
			t.Errorf("%v", errs)
		}
	}
}
