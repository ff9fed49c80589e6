package modes

import (
	"cmp"
	"slices"
	"strconv"

	"coterie/cli/grammar"
	runningconfig "coterie/running-config"
)

// step is the distance of the sequence numbers that IOS gives.
const step = 10

// maxSequence is the highest sequence number of an entry.
const maxSequence = 2147483647

// numberedList tells the kind of a list by its number.
func numberedList(name string) (extended, ok bool) {
	n, err := strconv.Atoi(name)
	switch {
	case err != nil || strconv.Itoa(n) != name:
		return false, false
	case n >= 1 && n <= 99 || n >= 1300 && n <= 1999:
		return false, true
	case n >= 100 && n <= 199 || n >= 2000 && n <= 2699:
		return true, true
	}
	return false, false
}

// compareLists orders lists as IOS prints them: standard before extended,
// numbers before names.
func compareLists(x, y *runningconfig.AccessList) int {
	rank := func(l *runningconfig.AccessList) (r int) {
		if l.Extended {
			r += 2
		}
		if !l.Numbered {
			r++
		}
		return r
	}
	nx, _ := strconv.Atoi(x.Name)
	ny, _ := strconv.Atoi(y.Name)
	return cmp.Or(cmp.Compare(rank(x), rank(y)), cmp.Compare(nx, ny), cmp.Compare(x.Name, y.Name))
}

// listName is the name of a list that is not a number of the other kind.
func listName(extended bool) grammar.Type {
	return kind{placeholder: "WORD", rank: grammar.RankWord, samples: []string{"getvpn-acl"}, parse: func(s string) (any, bool) {
		other, isNumber := numberedList(s)
		if isNumber && other != extended || !isNumber && s[0] >= '0' && s[0] <= '9' {
			return nil, false
		}
		return s, true
	}}
}

func findList(c *runningconfig.Config, name string) *runningconfig.AccessList {
	i := slices.IndexFunc(c.AccessLists, func(l *runningconfig.AccessList) bool { return l.Name == name })
	if i < 0 {
		return nil
	}
	return c.AccessLists[i]
}

// ensureList finds a list or makes an empty one; the kinds may not differ.
func ensureList(c *runningconfig.Config, name string, extended bool) (*runningconfig.AccessList, error) {
	if l := findList(c, name); l != nil {
		if l.Extended != extended {
			return nil, Refusal("%A named " + map[bool]string{false: "standard", true: "extended"}[l.Extended] + " IP access list with this name already exists")
		}
		return l, nil
	}
	_, isNumber := numberedList(name)
	l := &runningconfig.AccessList{Name: name, Extended: extended, Numbered: isNumber}
	at, _ := slices.BinarySearchFunc(c.AccessLists, l, compareLists)
	c.AccessLists = slices.Insert(c.AccessLists, at, l)
	return l, nil
}

func deleteList(c *runningconfig.Config, name string) {
	c.AccessLists = slices.DeleteFunc(c.AccessLists, func(l *runningconfig.AccessList) bool { return l.Name == name })
}

// addEntry puts an entry in its place. An entry that is there already is left
// where it is, and so are the remarks typed before it that stand before it
// there: a list that is pasted on itself stays what it is. Any other remark is
// new, unless it repeats one of the remarks around it.
func addEntry(l *runningconfig.AccessList, e runningconfig.ACE) error {
	if at := l.Find(e); at >= 0 {
		l.DropRepeated(at)
		return nil
	}
	if e.Sequence == 0 {
		e.Sequence = step
		if n := len(l.Entries); n > 0 {
			e.Sequence = l.Entries[n-1].Sequence + step
		}
	}
	if e.Sequence < 0 || e.Sequence > maxSequence {
		return Refusal("% Sequence numbers exceeded")
	}
	if !l.Insert(e) {
		if taken(l, e) {
			return nil
		}
		return Refusal("% Duplicate sequence number")
	}
	return nil
}

// taken tells whether the entry of that number says the same.
func taken(l *runningconfig.AccessList, e runningconfig.ACE) bool {
	return slices.ContainsFunc(l.Entries, func(x runningconfig.ACE) bool { return x.Sequence == e.Sequence && x.Equal(e) })
}

// removeEntry is `no SEQ` or `no` with an entry.
func removeEntry(l *runningconfig.AccessList, a grammar.Args, e runningconfig.ACE) error {
	given := a.Has("Permit") || a.Has("Remark")
	if !given && e.Sequence == 0 {
		return incomplete
	}
	before := len(l.Entries)
	l.Entries = slices.DeleteFunc(l.Entries, func(old runningconfig.ACE) bool {
		return (e.Sequence == 0 || old.Sequence == e.Sequence) && (!given || old.Equal(e))
	})
	if len(l.Entries) == before && !given {
		return Refusal("%Specified access-list entry does not exist")
	}
	l.TidyRemarks()
	return nil
}

// accessLists are the lines of lists in global configuration: named lists,
// numbered lists, resequence.
func (b *builder) accessLists() (named, numbered []*grammar.Command) {
	ip := grammar.Kw("ip", wordHelp["ip"])
	lists := grammar.Kw("access-list", "Named access-list")
	type root = runningconfig.Config
	open := func(extended bool) grammar.Opener {
		return grammar.Custom[root]{
			OnSet: func(c *root, a grammar.Args) error {
				_, err := ensureList(c, a.String("Name"), extended)
				return err
			},
			OnUnset: func(c *root, a grammar.Args) error {
				if l := findList(c, a.String("Name")); l != nil && l.Extended == extended {
					deleteList(c, l.Name)
				}
				return nil
			},
			OnLines: func(c *root, _ bool) []grammar.Line {
				var out []grammar.Line
				for _, l := range c.AccessLists {
					if l.Extended == extended && !l.Numbered {
						out = append(out, grammar.Line{Args: grammar.Args{"Name": l.Name}, Sub: l})
					}
				}
				return out
			},
			OnOpen: func(c *root, a grammar.Args) (any, bool) {
				l := findList(c, a.String("Name"))
				return l, l != nil
			},
		}
	}
	named = []*grammar.Command{
		{
			Syntax: grammar.Seq{ip, lists, grammar.Kw("resequence", "Resequence Access List"),
				grammar.Arg("Name", grammar.Word(), "Access-list name or number").From(accessListNames),
				grammar.Arg("Start", grammar.Int(1, maxSequence), "Starting Sequence Number"),
				grammar.Arg("Step", grammar.Int(1, maxSequence), "Step to increment the sequence number")},
			Bind:   resequenceBinding(),
			Sample: []string{"ip access-list resequence OLD 10 5"},
		},
		{
			Syntax: grammar.Seq{ip, lists, grammar.Kw("standard", "Standard Access List"),
				grammar.Arg("Name", listName(false), "Standard access-list number or name").From(accessListNames)},
			Bind:   open(false),
			Enter:  b.accessList("config-std-nacl", false),
			Bang:   grammar.BangNone,
			Sample: []string{"ip access-list standard MEMBERS"},
		},
		{
			Syntax: grammar.Seq{ip, lists, grammar.Kw("extended", "Extended Access List"),
				grammar.Arg("Name", listName(true), "Extended access-list number or name").From(accessListNames)},
			Bind:   open(true),
			Enter:  b.accessList("config-ext-nacl", true),
			Bang:   grammar.BangNone,
			Sample: []string{"ip access-list extended getvpn-acl"},
		},
	}
	number := func(lo, hi int, help string) grammar.Node {
		return grammar.Arg("Number", grammar.Int(lo, hi), help)
	}
	numbered = []*grammar.Command{{
		Syntax: grammar.Seq{grammar.Kw("access-list", "Add an access list entry"), grammar.Alt{
			grammar.Seq{grammar.Alt{number(1, 99, "IP standard access list"), number(1300, 1999, "IP standard access list (expanded range)")},
				grammar.OptionalUnderNo{Node: standardEntry()}},
			grammar.Seq{grammar.Alt{number(100, 199, "IP extended access list"), number(2000, 2699, "IP extended access list (expanded range)")},
				grammar.OptionalUnderNo{Node: extendedEntry()}},
		}},
		Bind: numberedBinding(),
		Bang: grammar.BangNone,
		Sample: []string{"access-list 10 permit 192.168.11.3", "access-list 1300 deny any log", "access-list 99 permit host 1.1.1.1",
			"access-list 1999 permit 10.0.0.0 0.255.255.255", "access-list 1 remark members of division 1",
			"access-list 100 permit ip any any", "access-list 2699 deny udp any eq isakmp ntp 848 host 10.1.1.1 range 1000 2000 log-input",
			"access-list 199 remark all"},
	}}
	return named, numbered
}

func resequenceBinding() grammar.Binding {
	type root = runningconfig.Config
	return grammar.Custom[root]{
		OnSet: func(c *root, a grammar.Args) error {
			l := findList(c, a.String("Name"))
			if l == nil {
				return Refusal("%Access list does not exist")
			}
			start, by, n := a.Int("Start"), a.Int("Step"), len(l.Entries)
			if n > 0 && (maxSequence-start)/by < n-1 {
				return Refusal("% Sequence numbers exceeded")
			}
			for i := range l.Entries {
				l.Entries[i].Sequence = start + i*by
			}
			l.Renumbered()
			return nil
		},
		OnUnset: func(*root, grammar.Args) error { return nil },
		OnLines: func(*root, bool) []grammar.Line { return nil },
	}
}

// numberedBinding binds `access-list N ...`: each line is an entry.
func numberedBinding() grammar.Binding {
	type root = runningconfig.Config
	return grammar.Custom[root]{
		OnSet: func(c *root, a grammar.Args) error {
			if !a.Has("Permit") && !a.Has("Remark") {
				return incomplete
			}
			name := strconv.Itoa(a.Int("Number"))
			extended, _ := numberedList(name)
			l, err := ensureList(c, name, extended)
			if err != nil {
				return err
			}
			return addEntry(l, entryOf(a, extended))
		},
		OnUnset: func(c *root, a grammar.Args) error {
			name := strconv.Itoa(a.Int("Number"))
			l := findList(c, name)
			if l == nil {
				return nil
			}
			if a.Has("Permit") || a.Has("Remark") {
				if err := removeEntry(l, a, entryOf(a, l.Extended)); err != nil {
					return err
				}
				if len(l.Entries) > 0 {
					return nil
				}
			}
			deleteList(c, name)
			return nil
		},
		OnLines: func(c *root, _ bool) []grammar.Line {
			var out []grammar.Line
			for _, l := range c.AccessLists {
				if !l.Numbered {
					continue
				}
				n, _ := strconv.Atoi(l.Name)
				for _, e := range l.Entries {
					a := entryArgs(e, l.Extended)
					a["Number"] = n
					out = append(out, grammar.Line{Args: a})
				}
			}
			return out
		},
	}
}

// accessList is the mode of a named list; `no SEQ` is a line cut short.
func (b *builder) accessList(name string, extended bool) *grammar.Mode {
	type acl = runningconfig.AccessList
	m := b.mode(name, "("+name+")")
	body := standardEntry()
	sample := []string{"permit 192.168.11.3", "deny any log", "20 permit 10.0.0.0 0.255.255.255", "remark members"}
	if extended {
		body = extendedEntry()
		sample = []string{"permit ip any any", "deny udp any eq 848 any", "1 deny tcp any eq telnet any", "permit icmp host 1.1.1.1 10.0.0.0 0.0.0.255 echo log",
			"permit tcp any range 1000 2000 any established", "deny 99 any any dscp ef", "remark all"}
	}
	m.Add(&grammar.Command{
		Syntax: grammar.Seq{
			grammar.Opt{Node: grammar.Arg("Sequence", grammar.Int(1, maxSequence), "Sequence Number")},
			grammar.OptionalUnderNo{Node: body},
		},
		Bind: grammar.Custom[acl]{
			OnSet: func(l *acl, a grammar.Args) error {
				if !a.Has("Permit") && !a.Has("Remark") {
					return incomplete
				}
				return addEntry(l, entryOf(a, l.Extended))
			},
			OnUnset: func(l *acl, a grammar.Args) error { return removeEntry(l, a, entryOf(a, l.Extended)) },
			OnLines: func(l *acl, _ bool) []grammar.Line {
				var out []grammar.Line
				for _, e := range l.Entries {
					out = append(out, grammar.Line{Args: entryArgs(e, l.Extended)})
				}
				return out
			},
		},
		Sample: sample,
	})
	return m
}
