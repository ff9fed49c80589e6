package modes

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"coterie/cli/grammar"
	runningconfig "coterie/running-config"
)

// configured is what an Operator that also shows the running configuration
// adds: the notes of lines that depend on other lines.
type configured interface {
	Config() *runningconfig.Config
}

// config is the running configuration, nil where nobody runs one.
func (b *builder) config() *runningconfig.Config {
	if c, ok := b.op.(configured); ok {
		return c.Config()
	}
	return nil
}

// interfacesWith lists the interfaces that carry a crypto map.
func interfacesWith(c *runningconfig.Config, name string) []string {
	var out []string
	for _, i := range c.Interfaces {
		if i.CryptoMap == name {
			out = append(out, runningconfig.ShortInterfaceName(i.Name))
		}
	}
	return out
}

func findMap(c *runningconfig.Config, name string) *runningconfig.CryptoMap {
	i := slices.IndexFunc(c.CryptoMaps, func(m *runningconfig.CryptoMap) bool { return m.Name == name })
	if i < 0 {
		return nil
	}
	return c.CryptoMaps[i]
}

// ensureMap finds a map or makes an empty one.
func ensureMap(c *runningconfig.Config, a grammar.Args) (*runningconfig.CryptoMap, error) {
	name := a.String("Name")
	if m := findMap(c, name); m != nil {
		if m.IPv6 != a.Bool("IPv6") {
			return nil, Refusal("% Crypto-map " + name + " already exists as a map of " + map[bool]string{false: "IPv4", true: "IPv6"}[m.IPv6] + " traffic")
		}
		return m, nil
	}
	m := &runningconfig.CryptoMap{Name: name, IPv6: a.Bool("IPv6")}
	c.CryptoMaps = append(c.CryptoMaps, m)
	return m, nil
}

// mapsInOrder are the maps in the order in which their lines make them anew:
// those with a line that stands before the entries of all maps come first.
func mapsInOrder(c *runningconfig.Config) []*runningconfig.CryptoMap {
	place := func(m *runningconfig.CryptoMap) int {
		switch {
		case m.LocalAddress != "":
			return 0
		case m.FailClose != nil:
			return 1
		}
		return 2
	}
	return slices.SortedStableFunc(slices.Values(c.CryptoMaps), func(x, y *runningconfig.CryptoMap) int { return cmp.Compare(place(x), place(y)) })
}

// mapArgs begins the values of a line of a map.
func mapArgs(m *runningconfig.CryptoMap) grammar.Args {
	a := grammar.Args{"Name": m.Name}
	if m.IPv6 {
		a["IPv6"] = true
	}
	return a
}

// dropEmptyMaps forgets maps without a line.
func dropEmptyMaps(c *runningconfig.Config) {
	c.CryptoMaps = slices.DeleteFunc(c.CryptoMaps, func(m *runningconfig.CryptoMap) bool {
		return len(m.Entries) == 0 && m.LocalAddress == "" && m.FailClose == nil
	})
}

// cryptoMaps is `crypto map` in global configuration.
func (b *builder) cryptoMaps() []*grammar.Command {
	type root = runningconfig.Config
	line := func(n ...grammar.Node) grammar.Seq {
		return append(grammar.Seq{kwCrypto, grammar.Kw("map", "Enter a crypto map"),
			grammar.Opt{Node: grammar.Kw("ipv6", "Crypto map of IPv6 traffic").Sets("IPv6", true)},
			grammar.Arg("Name", grammar.Word(), "Crypto map tag").From(cryptoMapNames)}, n...)
	}
	return []*grammar.Command{
		{
			Syntax: line(grammar.Kw("local-address", "Interface to use for local address for this crypto map"),
				grammar.OptionalUnderNo{Node: interfaceWord("Interface", "Interface name")}),
			Bind: grammar.Custom[root]{
				OnSet: func(c *root, a grammar.Args) error {
					m, err := ensureMap(c, a)
					if err == nil {
						m.LocalAddress = a.String("Interface")
					}
					return err
				},
				OnUnset: func(c *root, a grammar.Args) error {
					if m := findMap(c, a.String("Name")); m != nil {
						m.LocalAddress = ""
						dropEmptyMaps(c)
					}
					return nil
				},
				OnLines: func(c *root, _ bool) []grammar.Line {
					var out []grammar.Line
					for _, m := range mapsInOrder(c) {
						if m.LocalAddress != "" {
							a := mapArgs(m)
							a["Interface"] = m.LocalAddress
							out = append(out, grammar.Line{Args: a})
						}
					}
					return out
				},
			},
			Immediate: true,
		},
		{
			Syntax: line(grammar.Kw("gdoi", "GDOI"), grammar.Kw("fail-close", "Fail-close mode of this crypto map")),
			Bind: grammar.Custom[root]{
				OnSet: func(c *root, a grammar.Args) error {
					m, err := ensureMap(c, a)
					if err == nil && m.FailClose == nil {
						m.FailClose = new(runningconfig.FailClose)
					}
					return err
				},
				OnUnset: func(c *root, a grammar.Args) error {
					if m := findMap(c, a.String("Name")); m != nil {
						m.FailClose = nil
						dropEmptyMaps(c)
					}
					return nil
				},
				OnLines: func(c *root, _ bool) []grammar.Line {
					var out []grammar.Line
					for _, m := range mapsInOrder(c) {
						if m.FailClose != nil {
							out = append(out, grammar.Line{Args: mapArgs(m), Sub: m.FailClose})
						}
					}
					return out
				},
				OnOpen: func(c *root, a grammar.Args) (any, bool) {
					m := findMap(c, a.String("Name"))
					if m == nil || m.FailClose == nil {
						return nil, false
					}
					return m.FailClose, true
				},
			},
			Enter: b.failClose(),
			Bang:  grammar.BangNone,
		},
		{
			Syntax: line(grammar.OptionalUnderNo{Node: grammar.Seq{
				grammar.Arg("Sequence", grammar.Int(1, 65535), "Sequence to insert into crypto map entry"),
				grammar.Alt{
					grammar.Kw("gdoi", "GDOI").Sets("Family", "gdoi"),
					grammar.Kw("gkm", "GKM (Group Key Management)").Sets("Family", "gkm"),
					grammar.Kw("ipsec-isakmp", "IPSEC w/ISAKMP").Sets("Family", "ipsec-isakmp"),
				}}}),
			Bind:      mapEntryBinding(),
			Enter:     b.cryptoMapEntry(),
			Bang:      grammar.BangNone,
			Immediate: true, // for its `no`
			Run: func(_ context.Context, t grammar.Terminal, a grammar.Args) error {
				c := b.config()
				if c == nil {
					return nil
				}
				e := findMapEntry(c, a)
				switch {
				case e == nil:
				case e.Family == "ipsec-isakmp":
					if e.ACL == "" || len(e.Kept) == 0 {
						fmt.Fprint(t, "% NOTE: This new crypto map will remain disabled until a peer\n\tand a valid access list have been configured.\n")
					}
				case e.Group == "":
					fmt.Fprint(t, "% NOTE: This new crypto map will remain disabled until a valid\n\tgroup has been configured.\n")
				}
				return nil
			},
		},
	}
}

func findMapEntry(c *runningconfig.Config, a grammar.Args) *runningconfig.CryptoMapEntry {
	if m := findMap(c, a.String("Name")); m != nil {
		for _, e := range m.Entries {
			if e.Sequence == a.Int("Sequence") {
				return e
			}
		}
	}
	return nil
}

func mapEntryBinding() grammar.Opener {
	type root = runningconfig.Config
	return grammar.Custom[root]{
		OnSet: func(c *root, a grammar.Args) error {
			if !a.Has("Sequence") {
				return incomplete
			}
			if e := findMapEntry(c, a); e != nil {
				if m := findMap(c, a.String("Name")); m.IPv6 != a.Bool("IPv6") || (e.Family == "ipsec-isakmp") != (a.String("Family") == "ipsec-isakmp") {
					return Refusal(fmt.Sprintf("%% Attempt to change type of existing crypto map %s %d is not allowed.", m.Name, e.Sequence))
				}
				return nil
			}
			m, err := ensureMap(c, a)
			if err != nil {
				return err
			}
			e := &runningconfig.CryptoMapEntry{Sequence: a.Int("Sequence"), Family: a.String("Family")}
			at, _ := slices.BinarySearchFunc(m.Entries, e, func(x, y *runningconfig.CryptoMapEntry) int {
				return cmp.Compare(x.Sequence, y.Sequence)
			})
			m.Entries = slices.Insert(m.Entries, at, e)
			return nil
		},
		OnUnset: func(c *root, a grammar.Args) error {
			m := findMap(c, a.String("Name"))
			if m == nil || a.Has("Sequence") && findMapEntry(c, a) == nil {
				return nil
			}
			if in := interfacesWith(c, m.Name); len(in) > 0 {
				return Refusal("% Crypto-map " + m.Name + " is in use by interface(s): " + strings.Join(in, " "))
			}
			if a.Has("Sequence") {
				m.Entries = slices.DeleteFunc(m.Entries, func(e *runningconfig.CryptoMapEntry) bool { return e.Sequence == a.Int("Sequence") })
			} else {
				m.Entries, m.LocalAddress, m.FailClose = nil, "", nil
			}
			dropEmptyMaps(c)
			return nil
		},
		OnOpen: func(c *root, a grammar.Args) (any, bool) {
			e := findMapEntry(c, a)
			return e, e != nil
		},
		OnLines: func(c *root, _ bool) []grammar.Line {
			var out []grammar.Line
			for _, m := range mapsInOrder(c) {
				for _, e := range m.Entries {
					a := mapArgs(m)
					a["Sequence"], a["Family"] = e.Sequence, cmp.Or(e.Family, "gdoi")
					out = append(out, grammar.Line{Sub: e, Args: a})
				}
			}
			return out
		},
	}
}

// cryptoMapEntry is `crypto map M SEQ gdoi`.
func (b *builder) cryptoMapEntry() *grammar.Mode {
	type entry = runningconfig.CryptoMapEntry
	m := b.mode("config-crypto-map", "(config-crypto-map)")
	m.Add(
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("description", "Description of the crypto map statement policy"),
				grammar.Arg("", grammar.Rest(), "Up to 80 characters describing this crypto map entry")},
			Bind: leaf(func(e *entry) *string { return &e.Description }, ""),
		},
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("set", "Set values for encryption/decryption"), grammar.Kw("group", "Set the group parameters"),
				grammar.OptionalUnderNo{Node: grammar.Arg("", grammar.Word(), "Group name").From(groupNames)}},
			Bind: leaf(func(e *entry) *string { return &e.Group }, ""),
			Run:  b.groupOfMap,
		},
	)
	m.Add(peerLines()...)
	m.Add(matchAddress(func(e *entry) *string { return &e.ACL }))
	return m
}

// peerLines are the lines of an entry that negotiates with a peer of its own,
// which this device does not do.
func peerLines() []*grammar.Command {
	kept := func(e *runningconfig.CryptoMapEntry) *[]string { return &e.Kept }
	set := grammar.Kw("set", "Set values for encryption/decryption")
	return []*grammar.Command{
		store(kept, 0, grammar.Seq{set, grammar.Kw("peer", "Allowed Encryption/Decryption peer."), grammar.Arg("Peer", grammar.HostOrAddress(), "IP address or hostname of peer"),
			grammar.OptionalUnderNo{Node: grammar.Opt{Node: mark("default", "Make this peer the default")}}}, "Peer"),
		store(kept, single, grammar.Seq{set, grammar.Kw("transform-set", "Specify list of transform sets in priority order"),
			grammar.Rep{Node: grammar.Arg("Sets", grammar.Word(), "Proposal tag").From(transformSetNames), Max: 6}}),
		store(kept, single, grammar.Seq{set, grammar.Kw("pfs", "Specify pfs settings"), choice("",
			"group1", "D-H Group1 (768-bit modp)", "group14", "D-H Group14 (2048-bit modp)", "group19", "D-H Group19 (256-bit ecp)",
			"group2", "D-H Group2 (1024-bit modp)", "group20", "D-H Group20 (384-bit ecp)", "group5", "D-H Group5 (1536-bit modp)")}),
		store(kept, single, grammar.Seq{set, grammar.Kw("isakmp-profile", "Specify isakmp Profile"),
			grammar.Arg("", grammar.Word(), "ISAKMP profile name").From(isakmpProfileNames)}),
		store(kept, single, grammar.Seq{set, grammar.Kw("security-association", "Security association parameters"), grammar.Kw("lifetime", "Security association lifetime"),
			grammar.Kw("seconds", "Time-based key duration"), grammar.Arg("", grammar.Int(120, 2592000), "Security association duration in seconds")}),
		store(kept, single, grammar.Seq{grammar.Kw("reverse-route", "Reverse Route Injection."), grammar.Opt{Node: mark("static", "Create routes based on static ACLs permanently")}}),
		store(kept, single, keywords("qos pre-classify", "Enable QOS classification before packets are encrypted")),
	}
}

// groupOfMap notes what a map cannot do with its group yet. Neither note refuses
// the line: the group may be made, and be made one of IPv6, after the map, and
// what such a router shows must be accepted by the next.
func (b *builder) groupOfMap(_ context.Context, t grammar.Terminal, a grammar.Args) error {
	c, name := b.config(), a.String("")
	if c == nil || name == "" {
		return nil
	}
	six := slices.ContainsFunc(c.CryptoMaps, func(m *runningconfig.CryptoMap) bool { return m.IPv6 })
	switch g := findGroup(c, name); {
	case g == nil:
		fmt.Fprintf(t, "%% group %s doesn't yet exist.\n", name)
	case g.IPv6 && !six:
		fmt.Fprintf(t, "%% Group %s is an IPv6 group and Crypto map is for IPv4.Please set an IPv4 group.\n", name)
	}
	return nil
}

// failClose is `crypto map M gdoi fail-close`.
func (b *builder) failClose() *grammar.Mode {
	type entry = runningconfig.FailClose
	m := b.mode("crypto-map-fail-close", "(crypto-map-fail-close)")
	m.Add(
		matchAddress(func(f *entry) *string { return &f.ACL }),
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("activate", "Activate fail-close mode")},
			Bind:   flag(func(f *entry) *bool { return &f.Activate }),
		},
	)
	return m
}

func matchAddress[C any](field func(*C) *string) *grammar.Command {
	return &grammar.Command{
		Syntax: grammar.Seq{grammar.Kw("match", "Match values"), grammar.Kw("address", "Match address of packets to encrypt"),
			grammar.OptionalUnderNo{Node: grammar.Arg("", grammar.Word(), "Access-list name or number").From(accessListNames)}},
		Bind: leaf(field, ""),
	}
}
