package modes

import (
	"slices"
	"strings"

	"coterie/cli/grammar"
	runningconfig "coterie/running-config"
)

// keyrings is `crypto keyring`. Its keys serve like those of `crypto isakmp
// key`, unless the keyring is bound to a VRF or a local address.
func (b *builder) keyrings() []*grammar.Command {
	type root = runningconfig.Config
	o := objects[root, runningconfig.Keyring]{
		list: func(c *root) *[]*runningconfig.Keyring { return &c.ISAKMP.Keyrings },
		is: func(k *runningconfig.Keyring, a grammar.Args) bool {
			return k.Name == a.String("Name") && (!a.Has("VRF") || k.VRF == a.String("VRF"))
		},
		make: func(a grammar.Args) *runningconfig.Keyring {
			return &runningconfig.Keyring{Name: a.String("Name"), VRF: a.String("VRF")}
		},
		args: func(k *runningconfig.Keyring) grammar.Args {
			a := grammar.Args{"Name": k.Name}
			if k.VRF != "" {
				a["VRF"] = k.VRF
			}
			return a
		},
	}
	// A name is there once: another VRF is a refusal, not a second keyring.
	opener := o.opener().(grammar.Custom[root])
	set := opener.OnSet
	opener.OnSet = func(c *root, a grammar.Args) error {
		for _, k := range c.ISAKMP.Keyrings {
			if k.Name == a.String("Name") && a.Has("VRF") && k.VRF != a.String("VRF") {
				return Refusal("% Keyring " + k.Name + " already exists in another VRF")
			}
		}
		return set(c, a)
	}
	return []*grammar.Command{{
		Syntax: grammar.Seq{kwCrypto, grammar.Kw("keyring", "Key ring commands"),
			grammar.Arg("Name", grammar.Word(), "Name of Key Ring").From(keyringNames),
			grammar.Opt{Node: inVRF("VRF", "Specify the VRF the keyring belongs to")}},
		Bind:  opener,
		Enter: b.keyring(),
		Bang:  grammar.BangNone,
	}}
}

// inVRF is `vrf V`.
func inVRF(name, help string) grammar.Seq {
	return grammar.Seq{grammar.Kw("vrf", help), grammar.Arg(name, grammar.Word(), "VRF name").From(vrfNames)}
}

func (b *builder) keyring() *grammar.Mode {
	type keyring = runningconfig.Keyring
	kept := func(k *keyring) *[]string { return &k.Kept }
	m := b.mode("conf-keyring", "(conf-keyring)")
	m.ExitHelp = "Exit from keyring sub mode"
	m.Add(
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("description", "Specify a description of this keyring"), grammar.Arg("", grammar.Rest(), "Text describing this keyring")},
			Bind:   leaf(func(k *keyring) *string { return &k.Description }, ""),
		},
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("local-address", "Set the local address of this keyring"), grammar.Alt{
				interfaceWord("Address", "Interface name"),
				grammar.Seq{grammar.Arg("Address", dotted, "IP address"),
					grammar.Opt{Node: grammar.Arg("VRF", grammar.Word(), "VRF of the address").From(vrfNames)}},
			}},
			Bind: oneLine(func(k *keyring, a grammar.Args) {
				k.LocalAddress, k.LocalVRF = a.String("Address"), a.String("VRF")
			}, func(k *keyring) grammar.Args {
				if k.LocalAddress == "" {
					return nil
				}
				a := grammar.Args{"Address": k.LocalAddress}
				if k.LocalVRF != "" {
					a["VRF"] = k.LocalVRF
				}
				return a
			}),
		},
		&grammar.Command{
			Syntax: then(grammar.Seq{grammar.Kw("pre-shared-key", "Pre-shared key"), pskPeer()},
				grammar.OptionalUnderNo{Node: then(grammar.Seq{grammar.Kw("key", "Specify key")}, pskSecret()...)}),
			Bind: pskBinding(b, func(k *keyring) *[]runningconfig.ISAKMPKey { return &k.Keys }),
		},
		store(kept, 0, then(keywords("rsa-pubkey", "Specify RSA public key"), grammar.Alt{
			branch("Peer", "address", "Specify a peer by address", grammar.Arg("Address", grammar.IPv4(), "IP address")),
			branch("Peer", "name", "Specify a peer by name", grammar.Arg("Name", grammar.Word(), "FQDN of the peer")),
		}, grammar.Opt{Node: choice("Use", "encryption", "Key is used for encryption", "signature", "Key is used for signature")})),
	)
	return m
}

// dotted is an address kept as text.
var dotted = grammar.Convert(grammar.IPv4(), addressText, addressOf)

// isakmpProfile is `crypto isakmp profile`.
func (b *builder) isakmpProfile(syntax grammar.Seq) *grammar.Command {
	type root = runningconfig.Config
	o := objects[root, runningconfig.ISAKMPProfile]{
		list: func(c *root) *[]*runningconfig.ISAKMPProfile { return &c.ISAKMP.Profiles },
		is:   func(p *runningconfig.ISAKMPProfile, a grammar.Args) bool { return p.Name == a.String("Name") },
		make: func(a grammar.Args) *runningconfig.ISAKMPProfile {
			return &runningconfig.ISAKMPProfile{Name: a.String("Name")}
		},
		args: func(p *runningconfig.ISAKMPProfile) grammar.Args { return grammar.Args{"Name": p.Name} },
	}
	return &grammar.Command{
		Syntax: then(syntax, grammar.Arg("Name", grammar.Word(), "Name of the profile").From(isakmpProfileNames)),
		Bind:   o.opener(), Enter: b.profileMode(), Bang: grammar.BangNone,
	}
}

// profileMode is what a profile says of its peers.
func (b *builder) profileMode() *grammar.Mode {
	type profile = runningconfig.ISAKMPProfile
	m := b.mode("conf-isa-prof", "(conf-isa-prof)")
	m.ExitHelp = "Exit from crypto isakmp profile sub mode"
	kept := func(p *profile) *[]string { return &p.Kept }
	match := grammar.Seq{grammar.Kw("match", "Match values of peer"), grammar.Kw("identity", "Match a peer identity")}
	m.Add(
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("description", "Specify a description of this profile"),
				grammar.Arg("", grammar.Rest(), "Text describing this profile")},
			Bind: leaf(func(p *profile) *string { return &p.Description }, ""),
		},
		&grammar.Command{
			Syntax: inVRF("", "Specify the VRF it is related to"),
			Bind:   leaf(func(p *profile) *string { return &p.VRF }, ""),
		},
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("keyring", "Specify keyring to use"),
				grammar.Arg("", grammar.Word(), "The name of the keyring").From(keyringNames)},
			Bind: leaf(func(p *profile) *string { return &p.Keyring }, ""),
		},
		&grammar.Command{
			Syntax: then(keywords("ca trust-point", "Specify the trustpoint"),
				grammar.Arg("", grammar.Word(), "The trustpoint name").From(trustpointNames)),
			Bind: leaf(func(p *profile) *string { return &p.Trustpoint }, ""),
		},
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("self-identity", "Specify Identity to use"), grammar.Alt{
				grammar.Kw("address", "Use the IP address of the interface").Sets("Self", "address"),
				branch("Self", "fqdn", "Use FQDN", grammar.Opt{Node: grammar.Arg("Name", grammar.Word(), "Fully qualified domain name")}),
				branch("Self", "user-fqdn", "Use user FQDN", grammar.Arg("Name", grammar.Word(), "User at fully qualified domain name")),
			}},
			Bind: oneLine(func(p *profile, a grammar.Args) {
				p.Self = runningconfig.ProfileIdentity{Kind: a.String("Self"), Name: a.String("Name")}
			}, func(p *profile) grammar.Args {
				if p.Self.Kind == "" {
					return nil
				}
				a := grammar.Args{"Self": p.Self.Kind}
				if p.Self.Name != "" {
					a["Name"] = p.Self.Name
				}
				return a
			}),
		},
		&grammar.Command{
			Syntax: then(match, grammar.Alt{
				branch("Identity", "address", "IP Address(es)", grammar.Arg("Address", grammar.IPv4(), "IP address prefix"),
					grammar.Opt{Node: grammar.Arg("Mask", grammar.Mask(), "Specify mask")},
					grammar.Opt{Node: grammar.Arg("VRF", grammar.Word(), "The FVRF of the peer").From(vrfNames)}),
				branch("Identity", "host", "Match a hostname/domain", grammar.Opt{Node: mark("domain", "Match a domain name")},
					grammar.Arg("Name", grammar.Word(), "Name of the host or domain")),
				branch("Identity", "user", "Match a user", grammar.Opt{Node: mark("domain", "Match a domain name")},
					grammar.Arg("Name", grammar.Word(), "Name of the user or domain")),
			}),
			Bind: matchBinding(),
		},
		// Groups are those of Unity clients, which no router of a group is.
		store(kept, 0, then(match, branch("Identity", "group", "Match a Unity group", grammar.Arg("Name", grammar.Word(), "Group name")))),
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("keepalive", "Set a keepalive interval for use with IOS peers"),
				grammar.Arg("Interval", grammar.Int(10, 3600), "Number of seconds between keep alives"),
				grammar.Kw("retry", "Retry interval"), grammar.Arg("Retry", grammar.Int(2, 60), "Number of seconds between retries")},
			Bind: oneLine(func(p *profile, a grammar.Args) {
				p.Keepalive = runningconfig.Keepalive{Interval: a.Int("Interval"), Retry: a.Int("Retry")}
			}, func(p *profile) grammar.Args {
				if p.Keepalive.Interval == 0 {
					return nil
				}
				return grammar.Args{"Interval": p.Keepalive.Interval, "Retry": p.Keepalive.Retry}
			}),
		},
		store(kept, single, grammar.Seq{grammar.Kw("initiate", "Initiating mode"), grammar.Kw("mode", "IKE mode"), grammar.Kw("aggressive", "Aggressive mode")}),
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("local-address", "Set the local address of this profile"), interfaceWord("", "Interface name")},
			Bind:   leaf(func(p *profile) *string { return &p.LocalAddress }, ""),
		},
	)
	return m
}

// matchBinding binds the identities that a profile matches, in their order.
func matchBinding() grammar.Binding {
	type profile = runningconfig.ISAKMPProfile
	read := func(a grammar.Args) runningconfig.ProfileMatch {
		m := runningconfig.ProfileMatch{Address: address(a, "Address"), Mask: address(a, "Mask"), VRF: a.String("VRF")}
		name := a.String("Name")
		switch {
		case a.String("Identity") == "host" && a.Bool("domain"):
			m.Domain = name
		case a.String("Identity") == "host":
			m.Host = name
		case a.String("Identity") == "user" && a.Bool("domain"):
			m.User = "@" + name
		case a.String("Identity") == "user":
			m.User = name
		}
		return m
	}
	return grammar.Custom[profile]{
		OnSet: func(p *profile, a grammar.Args) error {
			if m := read(a); !slices.Contains(p.Match, m) {
				p.Match = append(p.Match, m)
			}
			return nil
		},
		OnUnset: func(p *profile, a grammar.Args) error {
			m := read(a)
			if p.Match = slices.DeleteFunc(p.Match, func(x runningconfig.ProfileMatch) bool { return x == m }); len(p.Match) == 0 {
				p.Match = nil
			}
			return nil
		},
		OnLines: func(p *profile, _ bool) []grammar.Line {
			var out []grammar.Line
			for _, m := range p.Match {
				a := grammar.Args{}
				switch {
				case m.Address.IsValid():
					a["Identity"], a["Address"] = "address", m.Address
					if m.Mask.IsValid() {
						a["Mask"] = m.Mask
					}
					if m.VRF != "" {
						a["VRF"] = m.VRF
					}
				case m.Host != "":
					a["Identity"], a["Name"] = "host", m.Host
				case m.Domain != "":
					a["Identity"], a["domain"], a["Name"] = "host", true, m.Domain
				case strings.HasPrefix(m.User, "@"):
					a["Identity"], a["domain"], a["Name"] = "user", true, m.User[1:]
				default:
					a["Identity"], a["Name"] = "user", m.User
				}
				out = append(out, grammar.Line{Args: a})
			}
			return out
		},
	}
}

// isakmpPeer is `crypto isakmp peer`: attributes for aggressive mode, which
// this device does not do.
func (b *builder) isakmpPeer(syntax grammar.Seq) *grammar.Command {
	m := b.mode("config-isakmp-peer", "(config-isakmp-peer)")
	set := keywords("set aggressive-mode", "Set aggressive-mode parameters")
	m.Add(
		store(stanzaText, single, grammar.Seq{grammar.Kw("description", "Specify a description of this peer"),
			grammar.Arg("", grammar.Rest(), "Text describing this peer")}),
		store(stanzaText, single, then(set, grammar.Kw("client-endpoint", "Identity of this device"), grammar.Alt{
			branch("Kind", "fqdn", "Use FQDN", grammar.Arg("Name", grammar.Word(), "FQDN")),
			branch("Kind", "ipv4-address", "Use IPv4 address", grammar.Arg("Address", grammar.IPv4(), "IPv4 address")),
			branch("Kind", "user-fqdn", "Use user FQDN", grammar.Arg("Name", grammar.Word(), "User FQDN")),
		})),
		store(stanzaText, single, then(set, grammar.Kw("password", "Key of the peer"), grammar.Arg("", grammar.Word(), "Password"))),
	)
	c := heading(globalSections, then(syntax, grammar.Alt{
		branch("Peer", "address", "Specify the peer by address", grammar.Arg("Address", grammar.IPv4(), "Peer IP address")),
		branch("Peer", "hostname", "Specify the peer by hostname", grammar.Arg("Name", grammar.Word(), "Peer hostname")),
	}), m, nil, "Peer", "Address", "Name")
	c.Bang = grammar.BangNone
	return c
}
