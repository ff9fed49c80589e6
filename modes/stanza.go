package modes

import (
	"slices"
	"strings"

	"coterie/cli/grammar"
	runningconfig "coterie/running-config"
)

// sectionBinding binds the sections that begin with words.
func sectionBinding[C any](list func(*C) *[]*runningconfig.Stanza, words string) grammar.Opener {
	header := func(a grammar.Args) string {
		if rest := a.String("Rest"); rest != "" {
			return words + " " + strings.Join(strings.Fields(rest), " ")
		}
		return words
	}
	own := func(s *runningconfig.Stanza) bool {
		return s.Header == words || strings.HasPrefix(s.Header, words+" ")
	}
	find := func(c *C, a grammar.Args) int {
		h := header(a)
		return slices.IndexFunc(*list(c), func(s *runningconfig.Stanza) bool { return s.Header == h })
	}
	return grammar.Custom[C]{
		OnSet: func(c *C, a grammar.Args) error {
			if find(c, a) < 0 {
				*list(c) = append(*list(c), &runningconfig.Stanza{Header: header(a)})
			}
			return nil
		},
		OnUnset: func(c *C, a grammar.Args) error {
			if i := find(c, a); i >= 0 {
				if *list(c) = slices.Delete(*list(c), i, i+1); len(*list(c)) == 0 {
					*list(c) = nil
				}
			}
			return nil
		},
		OnLines: func(c *C, _ bool) []grammar.Line {
			var out []grammar.Line
			for _, s := range *list(c) {
				if !own(s) {
					continue
				}
				a := grammar.Args{}
				if rest := strings.TrimPrefix(s.Header[len(words):], " "); rest != "" {
					a["Rest"] = rest
				}
				out = append(out, grammar.Line{Args: a, Sub: s})
			}
			return out
		},
		OnOpen: func(c *C, a grammar.Args) (any, bool) {
			if i := find(c, a); i >= 0 {
				return (*list(c))[i], true
			}
			return nil, false
		},
	}
}

// section declares a stanza without an engine.
// named is the argument "Rest" behind its words, nil for none.
func section[C any](list func(*C) *[]*runningconfig.Stanza, words, help string, named grammar.Node, enter *grammar.Mode) *grammar.Command {
	fields := strings.Fields(words)
	var syntax grammar.Seq
	for i, w := range fields {
		h := wordHelp[w]
		if i == len(fields)-1 {
			h = help
		}
		syntax = append(syntax, grammar.Kw(w, h))
	}
	if named != nil {
		syntax = append(syntax, named)
	}
	return &grammar.Command{Syntax: syntax, Bind: sectionBinding(list, words), Enter: enter, NoEffect: true}
}

// stanzaMode is the mode of a section: the first words that its lines may
// have, so that any other line walks up.
func (b *builder) stanzaMode(name, prompt string, words string, subs ...*grammar.Command) *grammar.Mode {
	type stanza = runningconfig.Stanza
	m := b.mode(name, prompt)
	for _, w := range strings.Fields(words) {
		help := strings.ToUpper(w[:1]) + w[1:] + " of this section"
		m.Add(&grammar.Command{
			Syntax:   grammar.Seq{grammar.Kw(w, help), grammar.Opt{Node: grammar.Arg("Rest", grammar.Rest(), "Parameters")}},
			Bind:     stanzaLines(w),
			Switch:   true,
			NoEffect: true,
		})
	}
	for _, c := range subs {
		c.Enter.Parent = m
		m.Add(c)
	}
	return m
}

// stanzaLines keeps the lines of a section in the order of typing within each
// first word.
func stanzaLines(word string) grammar.Binding {
	return keptLines(func(s *runningconfig.Stanza) *[]string { return &s.Lines }, word, false, either)
}

// subs are the sections inside a section.
func subs(s *runningconfig.Stanza) *[]*runningconfig.Stanza { return &s.Subs }

// leave is a line such as exit-address-family, which goes back to the mode
// that knows it and prints behind the section of the mode.
func leave(word string) *grammar.Command {
	return &grammar.Command{
		Syntax:   grammar.Seq{grammar.Kw(word, "Exit from the mode below")},
		Bind:     grammar.Custom[runningconfig.Stanza]{},
		NoEffect: true,
	}
}

// routingLines are the first words of lines of a routing process.
const routingLines = "aggregate-address area auto-cost auto-summary bgp default-information default-metric distance " +
	"distribute-list log-adjacency-changes max-lsa maximum-paths metric neighbor nsf offset-list passive-interface " +
	"redistribute router-id summary-address synchronization template timers variance version eigrp"

// stanzas are the sections without an engine: before the cryptography, and
// between interfaces and access lists.
func (b *builder) stanzas() (vrfs, tracks, classes, routers, maps []*grammar.Command) {
	list := func(c *runningconfig.Config) *[]*runningconfig.Stanza { return &c.Stanzas }
	router := func(word, help string, named grammar.Node) *grammar.Command {
		family := section(subs, "address-family", "Enter Address Family command mode", grammar.Arg("Rest", grammar.Rest(), "Address family"), b.stanzaMode("config-router-af", "(config-router-af)",
			"network "+routingLines+" advertise topology af-interface"))
		m := b.stanzaMode("config-router", "(config-router)", "network "+routingLines, family)
		m.Add(leave("exit-address-family"))
		return section(list, "router "+word, help, named, m)
	}
	vrf := func(words, help, prompt string) *grammar.Command {
		family := section(subs, "address-family", "Enter Address Family command mode", grammar.Arg("Rest", grammar.Rest(), "Address family"),
			b.stanzaMode("config-vrf-af", "(config-vrf-af)", "route-target import export maximum mdt bgp"))
		m := b.stanzaMode("config-vrf", prompt, "description rd route-target import export maximum vpn", family)
		m.Add(leave("exit-address-family"))
		return section(list, words, help, grammar.Arg("Rest", grammar.Word(), "VRF name"), m)
	}
	vrfs = []*grammar.Command{vrf("vrf definition", "VRF definition", "(config-vrf)"), vrf("ip vrf", "Specify parameters for a VPN Routing/Forwarding instance", "(config-vrf)")}
	tracks = []*grammar.Command{
		section(list, "track", "Object tracking configuration commands", grammar.Arg("Rest", grammar.Rest(), "Tracked object"), b.stanzaMode("config-track", "(config-track)", "delay default-state object threshold description")),
		section(list, "archive", "Archive the configuration", nil, b.stanzaMode("config-archive", "(config-archive)", "path maximum write-memory time-period log")),
	}
	const classLines = "priority bandwidth set police shape queue-limit fair-queue random-detect service-policy drop"
	class := section(subs, "class", "Policy criteria", grammar.Arg("Rest", grammar.Word(), "Class-map name"), b.stanzaMode("config-pmap-c", "(config-pmap-c)", classLines))
	classes = []*grammar.Command{
		section(list, "class-map", "Configure QoS Class Map", grammar.Arg("Rest", grammar.Rest(), "Class-map name"), b.stanzaMode("config-cmap", "(config-cmap)", "match description")),
		section(list, "policy-map", "Configure Policy Map", grammar.Arg("Rest", grammar.Rest(), "Policy-map name"), b.stanzaMode("config-pmap", "(config-pmap)", "description", class)),
	}
	routers = []*grammar.Command{
		router("bgp", "Border Gateway Protocol (BGP)", grammar.Arg("Rest", grammar.Word(), "Autonomous system number")), router("eigrp", "Enhanced Interior Gateway Routing Protocol (EIGRP)", grammar.Arg("Rest", grammar.Word(), "Autonomous system number or name")),
		router("ospf", "Open Shortest Path First (OSPF)", grammar.Arg("Rest", grammar.Rest(), "Process ID")), router("rip", "Routing Information Protocol (RIP)", nil),
	}
	maps = []*grammar.Command{
		section(list, "route-map", "Create route-map or enter route-map command mode", grammar.Arg("Rest", grammar.Rest(), "Route map tag"), b.stanzaMode("config-route-map", "(config-route-map)", "match set description continue")),
	}
	return vrfs, tracks, classes, routers, maps
}
