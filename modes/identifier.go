package modes

import (
	"context"
	"fmt"
	"slices"

	"coterie/cli/grammar"
	runningconfig "coterie/running-config"
)

// identifierOutOfRange refuses an identifier that a group size has no room for.
func identifierOutOfRange(size string, n int) error {
	switch highest := runningconfig.HighestIdentifier(size); {
	case highest < 0:
		return Refusal("% A small group has no key server identifiers")
	case n > highest:
		return Refusal(fmt.Sprintf("%% Key server identifier %d is out of range for this group size (0-%d)", n, highest))
	}
	return nil
}

// sizeBinding binds `group size`, which limits the identifiers.
func sizeBinding() grammar.Binding {
	type local = runningconfig.LocalServer
	set := func(l *local, size string) error {
		if size == "medium" {
			size = ""
		}
		if l.Identifier != nil {
			for _, r := range l.Identifier.Ranges {
				if err := identifierOutOfRange(size, r.High); err != nil {
					return err
				}
			}
		}
		l.Size = size
		return nil
	}
	return grammar.Custom[local]{
		Keys:    []string{},
		OnSet:   func(l *local, a grammar.Args) error { return set(l, a.String("")) },
		OnUnset: func(l *local, _ grammar.Args) error { return set(l, "") },
		OnLines: func(l *local, all bool) []grammar.Line {
			switch {
			case l.Size != "":
				return one(grammar.Args{"": l.Size})
			case all:
				return one(grammar.Args{"": "medium"})
			}
			return nil
		},
	}
}

// identifier is `identifier` of a local server: the identifiers that this key
// server puts into the initialization vectors of counter modes. The mode edits
// the local server, because its size says which there are.
func (b *builder) identifier(parent *grammar.Mode) *grammar.Command {
	type local = runningconfig.LocalServer
	m := b.mode("gdoi-local-server-id", "")
	m.Parent, m.Prompt = parent, familyPrompt("", "-local-server-id")
	number := func(name string) grammar.Node {
		return grammar.Arg(name, grammar.Int(0, 511), "Key server identifier (0-127, in a large group 0-511)")
	}
	m.Add(
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("range", "Range of key server identifiers"), number("Low"), grammar.Kw("-", "Through"), number("High")},
			Bind: identifierBinding(func(a grammar.Args) runningconfig.IdentifierRange {
				return runningconfig.IdentifierRange{Low: min(a.Int("Low"), a.Int("High")), High: max(a.Int("Low"), a.Int("High"))}
			}, func(r runningconfig.IdentifierRange) (grammar.Args, bool) {
				return grammar.Args{"Low": r.Low, "High": r.High}, r.Low != r.High
			}),
			Sample: []string{"range 0 - 9", "range 100 - 127"},
		},
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("value", "One key server identifier"), number("")},
			Bind: identifierBinding(func(a grammar.Args) runningconfig.IdentifierRange {
				return runningconfig.IdentifierRange{Low: a.Int(""), High: a.Int("")}
			}, func(r runningconfig.IdentifierRange) (grammar.Args, bool) {
				return grammar.Args{"": r.Low}, r.Low == r.High
			}),
			Sample: []string{"value 0", "value 127"},
		},
	)
	return &grammar.Command{
		Syntax: grammar.Seq{grammar.Kw("identifier", "Configure the key server identifiers")},
		Bind: grammar.Custom[local]{
			OnSet: func(l *local, _ grammar.Args) error {
				if err := identifierOutOfRange(l.Size, 0); err != nil {
					return err
				}
				if l.Identifier == nil {
					l.Identifier = new(runningconfig.Identifier)
				}
				return nil
			},
			OnUnset: func(l *local, _ grammar.Args) error { l.Identifier = nil; return nil },
			OnLines: func(l *local, _ bool) []grammar.Line {
				if l.Identifier == nil {
					return nil
				}
				return []grammar.Line{{Sub: l}}
			},
			OnOpen: func(l *local, _ grammar.Args) (any, bool) { return l, l.Identifier != nil },
		},
		Enter: m,
	}
}

// identifierBinding binds the lines that args says are of one kind. A range
// that touches no other is kept; one that overlaps another is refused, as the
// same identifier would be handed out twice.
func identifierBinding(read func(grammar.Args) runningconfig.IdentifierRange, args func(runningconfig.IdentifierRange) (grammar.Args, bool)) grammar.Binding {
	type local = runningconfig.LocalServer
	return grammar.Custom[local]{
		OnSet: func(l *local, a grammar.Args) error {
			r := read(a)
			if err := identifierOutOfRange(l.Size, r.High); err != nil {
				return err
			}
			if slices.Contains(l.Identifier.Ranges, r) {
				return nil
			}
			for _, x := range l.Identifier.Ranges {
				if r.Low <= x.High && x.Low <= r.High {
					return Refusal(fmt.Sprintf("%% Key server identifiers overlap with %d - %d", x.Low, x.High))
				}
			}
			l.Identifier.Ranges = append(l.Identifier.Ranges, r)
			slices.SortFunc(l.Identifier.Ranges, func(x, y runningconfig.IdentifierRange) int { return x.Low - y.Low })
			return nil
		},
		OnUnset: func(l *local, a grammar.Args) error {
			r := read(a)
			if l.Identifier.Ranges = slices.DeleteFunc(l.Identifier.Ranges, func(x runningconfig.IdentifierRange) bool { return x == r }); len(l.Identifier.Ranges) == 0 {
				l.Identifier.Ranges = nil
			}
			return nil
		},
		OnLines: func(l *local, _ bool) []grammar.Line {
			var out []grammar.Line
			for _, r := range l.Identifier.Ranges {
				if a, ok := args(r); ok {
					out = append(out, grammar.Line{Args: a})
				}
			}
			return out
		},
	}
}

// pfs is `pfs` of a local server, which is nothing without G-IKEv2.
func (b *builder) pfs() *grammar.Command {
	c := store(func(l *runningconfig.LocalServer) *[]string { return &l.Kept }, single,
		grammar.Seq{grammar.Kw("pfs", "Perfect forward secrecy of the group's keys")})
	c.Run = func(_ context.Context, t grammar.Terminal, _ grammar.Args) error {
		config := b.config()
		if config == nil {
			return nil
		}
		for _, g := range config.Groups {
			if g.Local == nil || !slices.Contains(g.Local.Kept, "pfs") {
				continue
			}
			if !slices.ContainsFunc(g.Local.Kept, func(s string) bool { return len(s) > 7 && s[:7] == "gikev2 " }) {
				_, err := fmt.Fprint(t, "% GIKEv2 must be configured for pfs\n")
				return err
			}
		}
		return nil
	}
	return c
}

// mostPeers is how many key servers cooperate with this one.
const mostPeers = 7

// limited refuses one peer too many.
func limited(b grammar.Binding) grammar.Binding {
	type coop = runningconfig.Redundancy
	peers := b.(grammar.Custom[coop])
	set := peers.OnSet
	peers.OnSet = func(r *coop, a grammar.Args) error {
		if !slices.Contains(r.Peers, address(a, "")) && len(r.Peers) >= mostPeers {
			return Refusal(fmt.Sprintf("%% At most %d peers can be configured", mostPeers))
		}
		return set(r, a)
	}
	return peers
}
