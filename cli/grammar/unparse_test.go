package grammar_test

import (
	"strings"
	"sync"
	"testing"

	. "coterie/cli/grammar"
)

func TestUnparse(t *testing.T) {
	kw := func(s string) Keyword { return Kw(s, strings.ToUpper(s)) }
	n := Arg("N", Int(0, 99), "Number")
	w := Arg("W", Word(), "Word")
	for _, c := range []struct {
		node Node
		args Args
		want string // "-": none
	}{
		{Seq{kw("a"), n}, Args{"N": int64(5)}, "a 5"},
		{Seq{kw("a"), n}, Args{"N": uint16(5)}, "a 5"},
		{Seq{kw("a"), n}, Args{}, "-"},
		{Seq{kw("a"), w}, Args{"W": ""}, "-"},
		{Seq{kw("a"), Opt{n}}, Args{}, "a"},
		{Seq{kw("a"), Opt{Seq{kw("b"), n}}, Opt{kw("c").Sets("C", true)}}, Args{"N": 1, "C": true}, "a b 1 c"},
		{Seq{kw("a"), Opt{kw("c").Sets("C", true)}}, Args{"C": false}, "a"},
		{Seq{kw("a"), Opt{kw("plain")}}, Args{}, "a"},
		{Alt{kw("x").Sets("", "x"), kw("y").Sets("", "y")}, Args{"": "y"}, "y"},
		{Alt{kw("x").Sets("", "x"), kw("y").Sets("", "y")}, Args{"": "z"}, "-"},
		// The branch that leaves nothing unprinted wins over an earlier one.
		{Alt{kw("short"), Seq{kw("long"), n}}, Args{"N": 1}, "long 1"},
		{Alt{Seq{kw("one"), n}, Seq{kw("both"), n, w}}, Args{"N": 1, "W": "x"}, "both 1 x"},
		{Alt{Seq{kw("one"), n}, Seq{kw("both"), n, w}}, Args{"N": 1}, "one 1"},
		{Alt{Only{kw("old")}, kw("new")}, Args{}, "new"},
		{Seq{kw("key"), Opt{Only{kw("0")}}, w}, Args{"W": "k"}, "key k"},
		{Seq{kw("key"), Only{kw("0")}, w}, Args{"W": "k"}, "key k"},
		{Seq{kw("encryption").Prints("encr"), w}, Args{"W": "aes"}, "encr aes"},
		{Rep{w, 3}, Args{"W": []any{"a", "b"}}, "a b"},
		{Rep{w, 3}, Args{"W": []string{"a", "b", "c", "d"}}, "a b c"},
		{Rep{n, 0}, Args{"N": []uint16{1, 2, 3}}, "1 2 3"},
		{Rep{w, 3}, Args{"W": []any{}}, "-"},
		{Rep{w, 3}, Args{"W": "single"}, "single"},
		{Rep{Alt{kw("des").Sets("C", "des-cbc"), Seq{kw("aes"), kw("128").Sets("C", "aes 128")}}, 4}, Args{"C": []any{"aes 128", "des-cbc"}}, "aes 128 des"},
		{AnyOrder{Seq{kw("b"), n}, Seq{kw("a"), w}}, Args{"W": "x", "N": 1}, "b 1 a x"},
		{AnyOrder{n, w}, Args{}, ""},
		{OptionalUnderNo{n}, Args{}, "-"},
		{Seq{kw("hostname"), Arg("", Word(), "Name")}, Args{"": "R1"}, "hostname R1"},
	} {
		got, ok := Unparse(c.node, c.args)
		if !ok {
			got = "-"
		}
		if got != c.want {
			t.Errorf("%s with %v: %q, want %q", Syntax(c.node), c.args, got, c.want)
		}
	}
}

// The line of a `no` needs what identifies it, and no more.
func TestLineTextNo(t *testing.T) {
	replay := Seq{Kw("replay", "Replay"), Alt{Seq{Kw("counter", "Counter"), Arg("N", Int(1, 9), "Size")}}}
	for _, c := range []struct {
		bind   Binding
		syntax Node
		args   Args
		want   string
	}{
		{Leaf(func(*toy) *replayValue { return nil }), replay, Args{}, "no replay"},
		{Leaf(func(*toy) *replayValue { return nil }), replay, Args{"N": 5}, "no replay counter 5"},
		{Custom[toy]{}, Seq{Kw("ip", "IP"), OptionalUnderNo{Arg("A", Word(), "Word")}}, Args{}, "no ip"},
		{Custom[toy]{}, Seq{Kw("ip", "IP"), OptionalUnderNo{Arg("A", Word(), "Word")}}, Args{"A": "x"}, "no ip x"},
		{Custom[toy]{Keys: []string{}}, Seq{Kw("ip", "IP"), Arg("A", Word(), "Word")}, nil, "no ip"},
	} {
		command := &Command{Syntax: c.syntax, Bind: c.bind}
		got, ok := LineText(command, Line{No: true, Args: c.args})
		if !ok || got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
		m := &Mode{}
		m.Add(command)
		if match, err := m.Parse(got, 15); err != nil || !match.No {
			t.Errorf("%q is not read back: %v", got, err)
		}
	}
}

type replayValue struct{ N int }

// A mode compiles on first use, by many sessions at once.
func TestConcurrentUse(t *testing.T) {
	modes := newToy()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			root := &toy{}
			if errs := Load(modes.global, root, canonical); errs != nil {
				t.Error(errs)
			}
			if _, err := modes.local.Help("rekey ", 15, root); err != nil {
				t.Error(err)
			}
			var b strings.Builder
			if err := Print(&b, modes.global, root, false); err != nil || b.String() != canonical {
				t.Errorf("%v\n%s", err, b.String())
			}
		})
	}
	all.Wait()
}

func BenchmarkLoad(b *testing.B) {
	modes := newToy()
	for b.Loop() {
		if errs := Load(modes.global, &toy{}, canonical); errs != nil {
			b.Fatal(errs)
		}
	}
	b.ReportMetric(float64(strings.Count(canonical, "\n")*b.N)/b.Elapsed().Seconds(), "lines/s")
}

func BenchmarkPrint(b *testing.B) {
	modes := newToy()
	root := &toy{}
	Load(modes.global, root, canonical)
	for b.Loop() {
		if err := Print(new(strings.Builder), modes.global, root, false); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(strings.Count(canonical, "\n")*b.N)/b.Elapsed().Seconds(), "lines/s")
}
