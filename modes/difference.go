package modes

import (
	"fmt"
	"io"
	"strings"

	"coterie/cli/grammar"
	runningconfig "coterie/running-config"
)

// A Difference is what leads from one configuration to another, line by line.
type Difference struct {
	Changes []grammar.Change
	to      []grammar.Item // the other configuration
}

// Compare finds the lines in which two configurations differ.
func Compare(from, to *runningconfig.Config) (Difference, error) {
	a, err := grammar.Items(reading().global, from)
	if err != nil {
		return Difference{}, err
	}
	b, err := grammar.Items(reading().global, to)
	if err != nil {
		return Difference{}, err
	}
	return Difference{grammar.Compare(a, b), b}, nil
}

// Lines counts the lines that only one of the configurations has.
func (d Difference) Lines() int { return changed(d.Changes) }

func changed(changes []grammar.Change) int {
	n := 0
	for _, c := range changes {
		if c.Kind == grammar.Within {
			n += changed(c.Below)
		} else {
			n += size(c.Item)
		}
	}
	return n
}

func size(i grammar.Item) int {
	n := 1
	for _, b := range i.Below {
		n += size(b)
	}
	return n
}

// WriteContext writes the lines of `show archive config differences`: first
// those that came, then those that went, each below the lines of its modes.
func (d Difference) WriteContext(w io.Writer) error {
	var out strings.Builder
	if len(d.Changes) == 0 {
		out.WriteString("!No changes were found\n")
	}
	inContext(&out, d.Changes, grammar.Added, "+", "")
	inContext(&out, d.Changes, grammar.Removed, "-", "")
	_, err := io.WriteString(w, out.String())
	return err
}

func inContext(out *strings.Builder, changes []grammar.Change, kind grammar.Kind, sign, indent string) {
	var whole func(i grammar.Item, indent string)
	whole = func(i grammar.Item, indent string) {
		put(out, indent, sign, i.Text)
		for _, b := range i.Below {
			whole(b, indent+" ")
		}
	}
	for _, c := range changes {
		switch c.Kind {
		case kind:
			whole(c.Item, indent)
		case grammar.Within:
			var below strings.Builder
			inContext(&below, c.Below, kind, sign, indent+" ")
			if below.Len() > 0 {
				put(out, indent, "", c.Item.Text)
				out.WriteString(below.String())
			}
		}
	}
}

// put writes one line as it prints at that depth.
func put(out *strings.Builder, indent, sign, text string) {
	line := strings.TrimPrefix(padded(indent+text+"\n"), indent)
	out.WriteString(indent + sign + line)
}

// mostPasses is how often Commands looks again at what it has reached.
const mostPasses = 3

// Commands are the lines that, typed in configuration mode, make one
// configuration into the other, but for the order of lines where none counts.
// Most are there after one pass; a few lines of IOS take others with them, or
// leave something of the old one standing, and need another.
func Commands(from, to *runningconfig.Config) ([]string, error) {
	var out []string
	reached := from
	for pass := range mostPasses {
		d, err := Compare(reached, to)
		if err != nil || len(d.Changes) == 0 {
			return out, err
		}
		lines := d.commands(pass > 0)
		if pass == 0 {
			reached = from.Clone()
		}
		Load(reached, strings.Join(lines, "\n")) // what is refused shows in the next pass
		out = append(out, lines...)
	}
	return out, nil
}

// commands are those of one pass: what goes first, then what comes. An entry
// that comes into a named list bears the number that puts it in its place; a
// numbered list into whose middle something comes is typed anew. A line whose
// place another takes goes without saying, unless strict.
func (d Difference) commands(strict bool) []string {
	again := d.again()
	var out []string
	removals(&out, d.Changes, again, "", strict)
	additions(&out, d.Changes, again, "", nil)
	for _, i := range d.to {
		if n, ok := numberedEntry(i); ok && again[n] {
			out = append(out, i.Text)
		}
	}
	return out
}

// removals are the lines that take away.
func removals(out *[]string, changes []grammar.Change, again map[int]bool, indent string, strict bool) {
	type place struct {
		command  *grammar.Command
		identity string
	}
	taken, gone := map[place]bool{}, map[int]bool{}
	for _, c := range changes {
		if id, ok := grammar.Identity(c.Item); ok && c.Kind == grammar.Added && !strict {
			taken[place{c.Item.Command, id}] = true
		}
	}
	for _, c := range changes {
		n, isNumbered := numberedEntry(c.Item)
		id, ok := grammar.Identity(c.Item)
		switch {
		case c.Kind == grammar.Within:
			var below []string
			if removals(&below, c.Below, again, indent+" ", strict); len(below) > 0 {
				*out = append(append(*out, indent+c.Item.Text), below...)
			}
		case isNumbered && again[n]:
			if !gone[n] {
				*out = append(*out, fmt.Sprint("no access-list ", n))
			}
			gone[n] = true
		case c.Kind == grammar.Removed && !(ok && taken[place{c.Item.Command, id}]):
			*out = append(*out, indent+grammar.Negation(c.Item))
		}
	}
}

// additions are the lines that make; parent is the line of their mode.
func additions(out *[]string, changes []grammar.Change, again map[int]bool, indent string, parent *grammar.Item) {
	for _, c := range changes {
		switch n, ok := numberedEntry(c.Item); {
		case ok && again[n]:
		case c.Kind == grammar.Within:
			var below []string
			if additions(&below, c.Below, again, indent+" ", &c.Item); len(below) > 0 {
				*out = append(append(*out, indent+c.Item.Text), below...)
			}
		case c.Kind == grammar.Added:
			text := c.Item.Text
			if parent != nil {
				if l, ok := parent.Line.Sub.(*runningconfig.AccessList); ok && c.To < len(l.Entries) {
					text = fmt.Sprint(l.Entries[c.To].Sequence, " ", text)
				}
			}
			*out = append(*out, indent+text)
			typedBelow(out, indent+" ", c.Item.Below)
		}
	}
}

func typedBelow(out *[]string, indent string, items []grammar.Item) {
	for _, i := range items {
		*out = append(*out, indent+i.Text)
		typedBelow(out, indent+" ", i.Below)
	}
}

// numbered gives the number of the list that an entry `access-list N` is of.
func numberedEntry(i grammar.Item) (int, bool) {
	n, ok := i.Line.Args["Number"].(int)
	return n, ok && strings.HasPrefix(i.Text, "access-list ")
}

// again are the numbered lists into which entries come elsewhere than at the
// end.
func (d Difference) again() map[int]bool {
	added := map[int]int{}
	for _, c := range d.Changes {
		if n, ok := numberedEntry(c.Item); ok && c.Kind == grammar.Added {
			added[n]++
		}
	}
	if len(added) == 0 {
		return nil
	}
	isNew := make(map[int]bool, len(d.Changes))
	for _, c := range d.Changes {
		if c.Kind == grammar.Added {
			isNew[c.To] = true
		}
	}
	out := map[int]bool{}
	for i := len(d.to) - 1; i >= 0; i-- {
		n, ok := numberedEntry(d.to[i])
		switch {
		case !ok || added[n] == 0:
		case isNew[i]:
			added[n]--
		default:
			out[n] = true
		}
	}
	return out
}

// Additions are the lines that, typed on the first configuration, bring what
// it lacks of the second.
func (d Difference) Additions() []string {
	var out []string
	additions(&out, d.Changes, nil, "", nil)
	return out
}
