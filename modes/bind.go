package modes

import (
	"slices"
	"strings"

	"coterie/cli/grammar"
)

// Refusal is what a configuration line answers when it is understood and not
// accepted; it prints as it stands.
type Refusal string

func (r Refusal) Error() string { return string(r) }

// Verbatim says that a refusal prints as it stands, without `% ` before it.
func (r Refusal) Verbatim() bool { return true }

// incomplete is the answer to a line that lacks what only its binding can miss.
const incomplete = Refusal("% Incomplete command.")

// one is the result of Lines for one line.
func one(a grammar.Args) []grammar.Line { return []grammar.Line{{Args: a}} }

// leaf binds one value, the argument named "". Saying the default is not
// configuring anything, as on IOS; `show running-config all` prints it.
func leaf[C any, V comparable](field func(*C) *V, fallback V) grammar.Binding {
	var zero V
	if fallback == zero {
		return grammar.Leaf(field)
	}
	return grammar.Leaf(field, grammar.Default(fallback))
}

// wordList binds a list given in one line, the argument named "".
func wordList[C any](field func(*C) *[]string) grammar.Binding { return grammar.Leaf(field) }

// flag binds a line that is there or not.
func flag[C any](field func(*C) *bool) grammar.Binding {
	return grammar.Custom[C]{
		OnSet:   func(c *C, _ grammar.Args) error { *field(c) = true; return nil },
		OnUnset: func(c *C, _ grammar.Args) error { *field(c) = false; return nil },
		OnLines: func(c *C, all bool) []grammar.Line {
			if *field(c) || all {
				return []grammar.Line{{No: !*field(c)}}
			}
			return nil
		},
	}
}

// list gives the values of a repeated argument.
func list(a grammar.Args, name string) []any {
	switch v := a[name].(type) {
	case nil:
		return nil
	case []any:
		return v
	default:
		return []any{v}
	}
}

// objects is the opener of a keyed sub-mode that grammar.Object does not fit:
// an order of its own, a deletion that may be refused.
type objects[C, S any] struct {
	list func(*C) *[]*S
	// is tells whether a line names the object.
	is   func(*S, grammar.Args) bool
	make func(grammar.Args) *S
	args func(*S) grammar.Args
	// compare keeps the list in the order of show running-config; nil: of entry.
	compare func(a, b *S) int
	// update applies the rest of the line to an object, new or old.
	update func(*S, grammar.Args) error
	// keep refuses a deletion, by `no` or by `default`.
	keep func(*C, *S) error
}

func (o objects[C, S]) find(c *C, a grammar.Args) *S {
	l := *o.list(c)
	if i := slices.IndexFunc(l, func(s *S) bool { return o.is(s, a) }); i >= 0 {
		return l[i]
	}
	return nil
}

func (o objects[C, S]) opener() grammar.Opener {
	return grammar.Custom[C]{
		OnSet: func(c *C, a grammar.Args) error {
			s := o.find(c, a)
			exists := s != nil
			if !exists {
				s = o.make(a)
			}
			if o.update != nil {
				if err := o.update(s, a); err != nil {
					return err
				}
			}
			if exists {
				return nil
			}
			l := o.list(c)
			at := len(*l)
			if o.compare != nil {
				at, _ = slices.BinarySearchFunc(*l, s, o.compare)
			}
			*l = slices.Insert(*l, at, s)
			return nil
		},
		OnUnset: func(c *C, a grammar.Args) error {
			s := o.find(c, a)
			if s == nil {
				return nil
			}
			if o.keep != nil {
				if err := o.keep(c, s); err != nil {
					return err
				}
			}
			l := o.list(c)
			if *l = slices.DeleteFunc(*l, func(x *S) bool { return x == s }); len(*l) == 0 {
				*l = nil
			}
			return nil
		},
		OnLines: func(c *C, _ bool) []grammar.Line {
			var out []grammar.Line
			for _, s := range *o.list(c) {
				out = append(out, grammar.Line{Args: o.args(s), Sub: s})
			}
			return out
		},
		OnOpen: func(c *C, a grammar.Args) (any, bool) {
			s := o.find(c, a)
			return s, s != nil
		},
	}
}

// A negation says what `no` of a kept line does.
type negation uint8

const (
	removes negation = iota // forgets the line
	stays                   // is itself kept: the line's default is on
	either                  // forgets the line if it is there, else is kept
)

// keptLines binds lines without an engine: verbatim text that begins with
// words. single lines replace one another; the argument is named "Rest".
func keptLines[C any](field func(*C) *[]string, words string, single bool, no negation) grammar.Binding {
	text := func(a grammar.Args) string {
		if rest := a.String("Rest"); rest != "" {
			return words + " " + rest
		}
		return words
	}
	begins := func(line, with string) bool {
		return line == with || strings.HasPrefix(line, with+" ")
	}
	own := func(line string) bool { return begins(strings.TrimPrefix(line, "no "), words) }
	// drop forgets the lines that a names, and reports whether there were any.
	drop := func(c *C, a grammar.Args, negative bool) bool {
		l, before := field(c), len(*field(c))
		*l = slices.DeleteFunc(*l, func(line string) bool {
			bare, isNo := strings.CutPrefix(line, "no ")
			if isNo && !negative {
				return false
			}
			return own(line) && (single || begins(bare, text(a)))
		})
		if len(*l) == 0 {
			*l = nil
		}
		return len(*l) != before
	}
	return grammar.Custom[C]{
		OnSet: func(c *C, a grammar.Args) error {
			line := text(a)
			if slices.Contains(*field(c), line) {
				return nil
			}
			if single {
				drop(c, a, true)
			} else {
				*field(c) = slices.DeleteFunc(*field(c), func(s string) bool { return s == "no "+line })
			}
			*field(c) = append(*field(c), line)
			return nil
		},
		OnUnset: func(c *C, a grammar.Args) error {
			line := "no " + text(a)
			if no != removes && slices.Contains(*field(c), line) {
				return nil
			}
			if had := drop(c, a, no == removes); no == stays || no == either && !had {
				*field(c) = append(*field(c), line)
			}
			return nil
		},
		OnDefault: func(c *C, a grammar.Args) error { drop(c, a, true); return nil },
		OnLines: func(c *C, _ bool) []grammar.Line {
			var out []grammar.Line
			for _, line := range *field(c) {
				if !own(line) {
					continue
				}
				bare, isNo := strings.CutPrefix(line, "no ")
				a := grammar.Args{}
				if rest := strings.TrimPrefix(bare[len(words):], " "); rest != "" {
					a["Rest"] = rest
				}
				out = append(out, grammar.Line{No: isNo, Args: a})
			}
			return out
		},
	}
}
