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
	syntax := keywords(words, help)
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
		help := routingHelp[w]
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
const routingLines = "router-id version bgp log-adjacency-changes auto-cost nsf area summary-address aggregate-address redistribute " +
	"passive-interface network neighbor default-information default-metric distance distribute-list max-lsa maximum-paths metric " +
	"offset-list synchronization template timers variance auto-summary eigrp"

// routingHelp is what `?` says of the words of routing processes and route maps.
var routingHelp = map[string]string{
	"advertise": "Advertise to this address", "af-interface": "Enter Address Family interface configuration",
	"aggregate-address": "Configure BGP aggregate entries", "area": "OSPF area parameters",
	"auto-cost": "Calculate OSPF interface cost according to bandwidth", "auto-summary": "Enable automatic network number summarization",
	"bgp": "BGP specific commands", "continue": "Continue on a different entry within the route-map",
	"default-information": "Control distribution of default information", "default-metric": "Set metric of redistributed routes",
	"description": "Route-map comment", "distance": "Define an administrative distance",
	"distribute-list": "Filter networks in routing updates", "eigrp": "EIGRP specific commands",
	"log-adjacency-changes": "Log changes in adjacency state", "match": "Match values from routing table",
	"max-lsa": "Maximum number of non self-generated LSAs to accept", "maximum-paths": "Forward packets over multiple paths",
	"metric": "Modify metrics and parameters for address advertisement", "neighbor": "Specify a neighbor router",
	"network": "Specify a network to announce via this process", "nsf": "Non-stop forwarding",
	"offset-list": "Add or subtract offset from metrics", "passive-interface": "Suppress routing updates on an interface",
	"redistribute": "Redistribute information from another routing protocol", "router-id": "Router ID of this process",
	"set": "Set values in destination routing protocol", "summary-address": "Configure IP address summaries",
	"synchronization": "Perform IGP synchronization", "template": "Enter template command mode",
	"timers": "Adjust routing timers", "topology": "Topology configuration mode", "variance": "Control load balancing variance",
	"version": "Set routing protocol version",
}

// stanzas are the sections without an engine between interfaces and access
// lists, and behind those.
func (b *builder) stanzas() (routers, maps []*grammar.Command) {
	list := globalSections
	router := func(word, help string, named grammar.Node) *grammar.Command {
		family := section(stanzaSubs, "address-family", "Enter Address Family command mode", grammar.Arg("Rest", grammar.Rest(), "Address family"), b.stanzaMode("config-router-af", "(config-router-af)",
			routingLines+" advertise topology af-interface"))
		m := b.stanzaMode("config-router", "(config-router)", routingLines, family)
		m.ExitHelp = "Exit from routing protocol configuration mode"
		m.Add(leave("exit-address-family"))
		return section(list, "router "+word, help, named, m)
	}
	routers = []*grammar.Command{
		router("bgp", "Border Gateway Protocol (BGP)", grammar.Arg("Rest", grammar.Word(), "Autonomous system number")), router("eigrp", "Enhanced Interior Gateway Routing Protocol (EIGRP)", grammar.Arg("Rest", grammar.Word(), "Autonomous system number or name")),
		router("ospf", "Open Shortest Path First (OSPF)", grammar.Arg("Rest", grammar.Rest(), "Process ID")), router("rip", "Routing Information Protocol (RIP)", nil),
	}
	maps = []*grammar.Command{
		section(list, "route-map", "Create route-map or enter route-map command mode", grammar.Arg("Rest", grammar.Rest(), "Route map tag"), b.stanzaMode("config-route-map", "(config-route-map)", "match set description continue")),
	}
	return routers, maps
}
