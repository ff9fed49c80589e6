package modes

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"coterie/cli/grammar"
	runningconfig "coterie/running-config"
)

// family is the word for GDOI, which names the prompts of the modes below it.
var family = grammar.Alt{
	grammar.Kw("gdoi", "Configure GDOI policy").Sets("Family", "gdoi"),
	grammar.Kw("gkm", "Configure GKM (Group Key Management) policy").Sets("Family", "gkm"),
}

// familyPrompt is a prompt that begins with the word typed when the group was
// entered, unless `platform profile` settles it.
func familyPrompt(before, after string) func(any, []grammar.Frame) string {
	return func(root any, path []grammar.Frame) string {
		word := "gdoi"
		for _, f := range path {
			if typed := f.Args.String("Family"); typed != "" {
				word = typed
			}
		}
		if c, ok := root.(*runningconfig.Config); ok && c != nil {
			switch c.Platform.Profile {
			case "ios-xe":
				word = "gkm"
			case "ios-15.4":
				word = "gdoi"
			}
		}
		return "(" + before + word + after + ")"
	}
}

// groups is `crypto gdoi group`, one object under either word.
func (b *builder) groups() []*grammar.Command {
	type root = runningconfig.Config
	o := objects[root, runningconfig.Group]{
		list: func(c *root) *[]*runningconfig.Group { return &c.Groups },
		is:   func(g *runningconfig.Group, a grammar.Args) bool { return g.Name == a.String("Name") },
		make: func(a grammar.Args) *runningconfig.Group {
			return &runningconfig.Group{Name: a.String("Name"), Family: a.String("Family"), IPv6: a.Bool("IPv6")}
		},
		args: func(g *runningconfig.Group) grammar.Args {
			a := grammar.Args{"Name": g.Name, "Family": "gdoi"}
			if g.Family != "" {
				a["Family"] = g.Family
			}
			if g.IPv6 {
				a["IPv6"] = true
			}
			return a
		},
		keep: func(c *root, g *runningconfig.Group) error {
			if referred(c, g.Name) {
				return Refusal("% GDOI or GKM group doesn't exist or attempted to delete when actively referred by crypto map")
			}
			return nil
		},
	}
	opener := o.opener().(grammar.Custom[root])
	set := opener.OnSet
	opener.OnSet = func(c *root, a grammar.Args) error {
		g := findGroup(c, a.String("Name"))
		if g != nil && g.IPv6 != a.Bool("IPv6") {
			return Refusal("% Group " + g.Name + " already exists as an " + map[bool]string{false: "IPv4", true: "IPv6"}[g.IPv6] + " group.")
		}
		return set(c, a)
	}
	return []*grammar.Command{{
		Syntax: grammar.Seq{kwCrypto, family, grammar.Kw("group", "Configure a group"),
			grammar.Opt{Node: grammar.Kw("ipv6", "Configure an IPv6 group").Sets("IPv6", true)},
			grammar.Arg("Name", grammar.Word(), "Group name").From(groupNames)},
		Bind:      opener,
		Before:    b.removeGroup,
		Enter:     b.group(),
		Immediate: true, // for its `no`
	}}
}

func findGroup(c *runningconfig.Config, name string) *runningconfig.Group {
	if i := slices.IndexFunc(c.Groups, func(g *runningconfig.Group) bool { return g.Name == name }); i >= 0 {
		return c.Groups[i]
	}
	return nil
}

// referred tells whether a crypto map names the group.
func referred(c *runningconfig.Config, group string) bool {
	return slices.ContainsFunc(c.CryptoMaps, func(m *runningconfig.CryptoMap) bool {
		return slices.ContainsFunc(m.Entries, func(e *runningconfig.CryptoMapEntry) bool { return e.Group == group })
	})
}

// removeGroup asks before a group that is served here goes with its keys.
func (b *builder) removeGroup(ctx context.Context, t grammar.Terminal, m grammar.Match) (bool, error) {
	c := b.config()
	if !m.No && !m.Default || c == nil {
		return true, nil
	}
	g := findGroup(c, m.Args.String("Name"))
	if g == nil || g.Local == nil || referred(c, g.Name) {
		return true, nil
	}
	fmt.Fprint(t, "% The Key Server will destroy created policies.\n% All Group Members are required to re-register.\n\n")
	return confirm(ctx, t, "Do you want to continue? [yes/no]: ")
}

// mostServers is how many key servers a member knows.
const mostServers = 8

// group is `crypto gdoi group NAME`.
func (b *builder) group() *grammar.Mode {
	type group = runningconfig.Group
	kept := func(g *group) *[]string { return &g.Kept }
	server := grammar.Kw("server", "Set the group server for the group")
	client := grammar.Kw("client", wordHelp["client"])
	rekey := grammar.Kw("rekey", "Acceptable rekey ciphers and hashes")
	m := b.mode("config-gdoi-group", "")
	m.Prompt = familyPrompt("config-", "-group")
	m.Add(
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("identity", "Set the identity of the group"), grammar.OptionalUnderNo{Node: grammar.Alt{
				grammar.Seq{grammar.Kw("address", "Set the address identity of the group"), grammar.Kw("ipv4", "IPv4 address"),
					grammar.Arg("Address", grammar.IPv4(), "Group address")},
				grammar.Seq{grammar.Kw("number", "Set the number identity of the group"),
					grammar.Arg("Number", grammar.Int(0, 2147483647), "Group number")},
			}}},
			Bind: identityBinding(),
		},
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("passive", "Set the group member to passive mode")},
			Bind:   flag(func(g *group) *bool { return &g.Passive }),
		},
		b.localServer(m, server),
		&grammar.Command{
			Syntax: grammar.Seq{server, grammar.Alt{
				grammar.Seq{grammar.Kw("address", "Identify the group server by address"), grammar.Alt{
					grammar.Seq{grammar.Kw("ipv4", "IPv4 address"), grammar.Arg("Address", grammar.IPv4(), "Address of the group server")},
					grammar.Seq{grammar.Kw("ipv6", "IPv6 address").Sets("IPv6", true), grammar.Arg("Address", ipv6Address, "Address of the group server")},
				}},
				grammar.Seq{grammar.Kw("hostname", "Identify the group server by hostname"), grammar.Alt{
					grammar.Seq{grammar.Kw("ipv4", "Resolve to an IPv4 address"), grammar.Arg("Hostname", grammar.Word(), "Hostname of the group server")},
					grammar.Seq{grammar.Kw("ipv6", "Resolve to an IPv6 address").Sets("IPv6", true), grammar.Arg("Hostname", grammar.Word(), "Hostname of the group server")},
				}},
			}},
			Bind: serverBinding(),
		},
		&grammar.Command{
			Syntax: grammar.Seq{client, grammar.Kw("bypass-policy", "Bypass policy for GDOI traffic to this group member")},
			Bind:   grammar.Leaf(func(g *group) *bool { return &g.NoBypassPolicy }, grammar.NoIsStored()),
			Switch: true,
		},
		&grammar.Command{
			Syntax: grammar.Seq{client, grammar.Kw("fail-close", "Fail-close parameters"),
				grammar.Kw("revert", "Return to fail-close when registration fails")},
			Bind: flag(func(g *group) *bool { return &g.FailCloseRevert }),
		},
		keep(kept, "client pfs", "Perfect forward secrecy of the group's keys", single|bare|defaults),
		store(kept, single, grammar.Seq{client, grammar.Kw("protocol", "Protocol that the group member registers by"),
			grammar.Kw("gikev2", "Register by G-IKEv2"), grammar.Arg("", grammar.Word(), "IKEv2 profile name")}),
		&grammar.Command{ // the default, which replaces the other
			Syntax: grammar.Seq{client, grammar.Kw("protocol", "Protocol that the group member registers by"), grammar.Kw("gdoi", "Register by GDOI")},
			Bind: grammar.Custom[group]{
				OnSet: func(g *group, _ grammar.Args) error {
					g.Kept = slices.DeleteFunc(g.Kept, func(s string) bool { return strings.HasPrefix(s, "client protocol ") })
					if len(g.Kept) == 0 {
						g.Kept = nil
					}
					return nil
				},
				OnUnset: func(*group, grammar.Args) error { return nil },
				OnLines: func(g *group, all bool) []grammar.Line {
					if !all || slices.ContainsFunc(g.Kept, func(s string) bool { return strings.HasPrefix(s, "client protocol ") }) {
						return nil
					}
					return one(nil)
				},
			},
		},
		&grammar.Command{
			Syntax: grammar.Seq{client, grammar.Kw("recovery-check", "Recovery registration on data plane errors"),
				grammar.Kw("interval", "Interval between recovery registrations"),
				grammar.Arg("", grammar.Int(100, 1000), "Seconds")},
			Bind: leaf(func(g *group) *int { return &g.RecoveryCheck }, 0),
		},
		&grammar.Command{
			Syntax: grammar.Seq{client, grammar.Kw("registration", "Registration parameters"),
				grammar.Kw("interface", "Interface that the group member registers from"),
				interfaceWord("", "Interface name")},
			Bind: leaf(func(g *group) *string { return &g.RegistrationInterface }, ""),
		},
		&grammar.Command{
			Syntax: grammar.Seq{client, rekey, grammar.Kw("encryption", "Acceptable rekey encryption algorithms"),
				grammar.Rep{Node: grammar.Alt{
					grammar.Kw("3des-cbc", "Triple DES in CBC mode").Sets("", "3des-cbc"),
					grammar.Seq{grammar.Kw("aes", "Advanced Encryption Standard"), aesSizes()},
					grammar.Kw("des-cbc", "DES in CBC mode").Sets("", "des-cbc"),
				}, Max: 5}},
			Bind: wordList(func(g *group) *[]string { return &g.RekeyCiphers }),
		},
		&grammar.Command{
			Syntax: grammar.Seq{client, rekey, grammar.Kw("hash", "Acceptable rekey hash algorithms"),
				grammar.Rep{Node: sigHashes(), Max: 4}},
			Bind: wordList(func(g *group) *[]string { return &g.RekeyHashes }),
		},
		store(kept, single, grammar.Seq{client, grammar.Kw("status", "Track the state of the group's security associations"),
			grammar.Kw("active-sa", "Active security associations"), grammar.Kw("track", "Object that follows the state"),
			grammar.Arg("", grammar.Int(1, 1000), "Number of a stub object").From(trackNumbers)}),
		&grammar.Command{
			Syntax: grammar.Seq{client, grammar.Kw("transform-sets", "Acceptable transform sets"),
				grammar.Rep{Node: grammar.Arg("", grammar.Word(), "Transform set tag").From(transformSetNames), Max: 6}},
			Bind: wordList(func(g *group) *[]string { return &g.TransformSets }),
		},
		withDefault(store(kept, single, grammar.Seq{client, grammar.Kw("transport-encrypt-key", "Kind of key that encrypts traffic"),
			choice("", "group-key", "Key of the group", "pair-wise-key", "Key of each pair of members")}), "client transport-encrypt-key group-key"),
	)
	return m
}

// aesSizes is the size that follows `aes`; the value is "aes 256".
func aesSizes() grammar.Node {
	return grammar.Alt{
		grammar.Kw("128", "128 bit keys").Sets("", "aes 128"),
		grammar.Kw("192", "192 bit keys").Sets("", "aes 192"),
		grammar.Kw("256", "256 bit keys").Sets("", "aes 256"),
	}
}

// sigHashes are the hashes of a rekey's signature.
func sigHashes() grammar.Node {
	return choice("", "sha", "Secure Hash Standard", "sha256", "Secure Hash Standard 2 (256 bit)",
		"sha384", "Secure Hash Standard 2 (384 bit)", "sha512", "Secure Hash Standard 2 (512 bit)")
}

func identityBinding() grammar.Binding {
	type group = runningconfig.Group
	return grammar.Custom[group]{
		OnSet: func(g *group, a grammar.Args) error {
			if !a.Has("Number") && !a.Has("Address") {
				return incomplete
			}
			g.Identity = runningconfig.Identity{Set: true, Number: int64(a.Int("Number")), Address: address(a, "Address")}
			return nil
		},
		OnUnset: func(g *group, _ grammar.Args) error { g.Identity = runningconfig.Identity{}; return nil },
		OnLines: func(g *group, _ bool) []grammar.Line {
			switch {
			case !g.Identity.Set:
				return nil
			case g.Identity.Address.IsValid():
				return one(grammar.Args{"Address": g.Identity.Address})
			}
			return one(grammar.Args{"Number": int(g.Identity.Number)})
		},
	}
}

// serverBinding binds the ordered list of key servers of a member.
func serverBinding() grammar.Binding {
	type group = runningconfig.Group
	server := func(a grammar.Args) runningconfig.Server {
		return runningconfig.Server{Address: address(a, "Address"), Hostname: a.String("Hostname"), IPv6: a.Bool("IPv6")}
	}
	return grammar.Custom[group]{
		OnSet: func(g *group, a grammar.Args) error {
			if slices.Contains(g.Servers, server(a)) {
				return nil
			}
			if len(g.Servers) == mostServers {
				return Refusal(fmt.Sprintf("%% At most %d key servers can be configured for a group", mostServers))
			}
			g.Servers = append(g.Servers, server(a))
			return nil
		},
		OnUnset: func(g *group, a grammar.Args) error {
			g.Servers = slices.DeleteFunc(g.Servers, func(s runningconfig.Server) bool { return s == server(a) })
			return nil
		},
		OnLines: func(g *group, _ bool) []grammar.Line {
			var out []grammar.Line
			for _, s := range g.Servers {
				a := grammar.Args{"Address": s.Address}
				if s.Hostname != "" {
					a = grammar.Args{"Hostname": s.Hostname}
				}
				if s.IPv6 {
					a["IPv6"] = true
				}
				out = append(out, grammar.Line{Args: a})
			}
			return out
		},
	}
}

// addressList binds `... ipv4 A`, one line each.
func addressList[C any](field func(*C) *[]netip.Addr) grammar.Binding {
	return grammar.Custom[C]{
		OnSet: func(t *C, a grammar.Args) error {
			if v := address(a, ""); !slices.Contains(*field(t), v) {
				*field(t) = append(*field(t), v)
			}
			return nil
		},
		OnUnset: func(t *C, a grammar.Args) error {
			*field(t) = slices.DeleteFunc(*field(t), func(v netip.Addr) bool { return v == address(a, "") })
			return nil
		},
		OnLines: func(t *C, _ bool) []grammar.Line {
			var out []grammar.Line
			for _, v := range *field(t) {
				out = append(out, grammar.Line{Args: grammar.Args{"": v}})
			}
			return out
		},
	}
}
