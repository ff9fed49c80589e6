package modes

import (
	"slices"
	"strings"

	"coterie/cli/grammar"
	runningconfig "coterie/running-config"
)

// identification is what opens a configuration: version, services, names.
func (b *builder) identification() [][]*grammar.Command {
	type root = runningconfig.Config
	kept := func(c *root) *[]string { return &c.Frame.Kept }
	version := []*grammar.Command{
		{
			Syntax:   grammar.Seq{grammar.Kw("version", "Version of the release that wrote the configuration"), grammar.Arg("", grammar.Word(), "Version number")},
			Bind:     leaf(func(c *root) *string { return &c.Frame.Version }, ""),
			NoEffect: true,
		},
		{
			Syntax: grammar.Seq{grammar.Kw("service", serviceHelp), grammar.Arg("", otherService{grammar.Rest()}, "Service and its parameters")},
			Bind:   serviceBinding(),
			Switch: true, NoEffect: true,
		},
	}
	version = append(slices.Insert(version, 1, b.stamps()...), b.passwordEncryption())
	host := []*grammar.Command{{
		Syntax: grammar.Seq{grammar.Kw("hostname", "Set system's network name"), grammar.Arg("", hostName, "This system's network name")},
		Bind:   leaf(func(c *root) *string { return &c.Hostname }, ""),
	}}
	boot := []*grammar.Command{
		{
			Syntax: grammar.Seq{grammar.Kw("boot-start-marker", "Beginning of the boot commands")},
			Bind:   flag(func(c *root) *bool { return &c.Frame.BootMarkers }), NoEffect: true,
		},
		keep(kept, "boot system", "System image file", 0),
		{
			Syntax: grammar.Seq{grammar.Kw("boot-end-marker", "End of the boot commands")},
			Bind:   flag(func(c *root) *bool { return &c.Frame.BootMarkers }), NoEffect: true,
		},
	}
	rules, logins := b.passwordRules()
	secrets := append(rules, b.enableSecrets()...)
	aaa := append(b.aaa(), append(logins, b.configKey())...)
	clock := append(b.clockZone(),
		keep(kept, "mmi", "Modem management interface", both),
		keep(kept, "ethernet lmi", "Ethernet local management interface", both),
	)
	return [][]*grammar.Command{version, b.platform(), host, boot, b.logging(), secrets, aaa, clock}
}

// hostName is a name of letters, digits and hyphens, as it goes into a prompt.
var hostName = kind{placeholder: "WORD", rank: grammar.RankWord, samples: []string{"KS-1"}, parse: func(s string) (any, bool) {
	ok := len(s) <= 63 && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.')
	})
	return s, ok
}}

// serviceBinding binds `[no] service ...`: one line for each subject.
func serviceBinding() grammar.Binding {
	type root = runningconfig.Config
	subject := func(text string) string {
		f := strings.Fields(text)
		if f[0] == "timestamps" && len(f) > 1 {
			return f[0] + " " + f[1]
		}
		return f[0]
	}
	set := func(c *root, text string, no bool) {
		s := runningconfig.Service{No: no, Text: text}
		l := &c.Frame.Services
		i := slices.IndexFunc(*l, func(old runningconfig.Service) bool { return subject(old.Text) == subject(text) })
		if i >= 0 && (*l)[i].No == no {
			(*l)[i] = s
			return
		}
		if i >= 0 {
			*l = slices.Delete(*l, i, i+1)
		}
		// Positive lines come first, as IOS prints them.
		at := len(*l)
		for !no && at > 0 && (*l)[at-1].No {
			at--
		}
		*l = slices.Insert(*l, at, s)
	}
	return grammar.Custom[root]{
		OnSet:   func(c *root, a grammar.Args) error { set(c, a.String(""), false); return nil },
		OnUnset: func(c *root, a grammar.Args) error { set(c, a.String(""), true); return nil },
		OnDefault: func(c *root, a grammar.Args) error {
			c.Frame.Services = slices.DeleteFunc(c.Frame.Services, func(s runningconfig.Service) bool {
				return subject(s.Text) == subject(a.String(""))
			})
			return nil
		},
		OnLines: func(c *root, _ bool) []grammar.Line {
			var out []grammar.Line
			for _, s := range c.Frame.Services {
				out = append(out, grammar.Line{No: s.No, Args: grammar.Args{"": s.Text}})
			}
			return out
		},
	}
}

// names is name resolution and forwarding.
func (b *builder) names() [][]*grammar.Command {
	type root = runningconfig.Config
	kept := func(c *root) *[]string { return &c.Frame.Kept }
	ip := grammar.Kw("ip", wordHelp["ip"])
	domain := grammar.Kw("domain", wordHelp["domain"])
	// The spelling of older releases, with a hyphen.
	spelled := func(word, help string) grammar.Alt {
		return grammar.Alt{
			grammar.Seq{domain, grammar.Kw(word, help)},
			grammar.Only{Node: grammar.Kw("domain-"+word, help).Hide()},
		}
	}
	resolution := []*grammar.Command{
		{
			Syntax: grammar.Seq{ip, spelled("lookup", "Enable IP Domain Name System hostname translation")},
			Bind:   grammar.Leaf(func(c *root) *bool { return &c.Frame.NoDomainLookup }, grammar.NoIsStored()),
			Switch: true,
		},
		{
			Syntax: grammar.Seq{ip, spelled("name", "Define the default domain name"),
				grammar.OptionalUnderNo{Node: grammar.Arg("", hostName, "Default domain name")}},
			Bind: leaf(func(c *root) *string { return &c.DomainName }, ""),
		},
		keep(kept, "ip name-server", "Specify address of name server to use", 0),
		keep(kept, "ip host", "Add an entry to the ip hostname table", 0),
		keep(kept, "ip dhcp", "Configure DHCP server and relay parameters", 0),
		b.multicastRouting(),
		keep(kept, "ip source-route", "Process packets with source routing header options", single|bare|defaults),
		keep(kept, "ip subnet-zero", "Allow 'subnet zero' subnets", single|bare|defaults),
		keep(kept, "ip classless", "Follow classless routing forwarding rules", single|bare|defaults),
		keep(kept, "ip gratuitous-arps", "Generate gratuitous ARPs for PPP/SLIP peer addresses", single|bare|defaults),
		keep(kept, "ip cef", "Cisco Express Forwarding", single|defaults),
		keep(kept, "ipv6 cef", "Cisco Express Forwarding for IPv6", single|defaults),
		keep(kept, "ipv6 unicast-routing", "Enable unicast routing", single|bare|defaults),
	}
	misc := []*grammar.Command{
		keep(kept, "multilink bundle-name", "Method for naming multilink bundles", single),
		keep(kept, "subscriber", "Subscriber management", both),
		keep(kept, "license", "Configure license features", both),
		keep(kept, "diagnostic", "Diagnostic subsystem", both),
		keep(kept, "mgcp behavior", "Behavior of the media gateway", both),
		keep(kept, "memory", "Configure memory management", both),
		keep(kept, "memory-size", "Adjust memory size by percentage", both),
		keep(kept, "spanning-tree", "Spanning Tree Subsystem", both),
		keep(kept, "vtp", "Configure global VTP state", 0),
		keep(kept, "cdp run", "Enable CDP", single|bare|defaults),
		keep(kept, "lldp run", "Enable LLDP", single|bare|defaults),
		b.username(),
		keep(kept, "redundancy", "Enter redundancy mode", single|bare),
		b.eventTrace(),
	}
	return [][]*grammar.Command{resolution, misc}
}

// forwarding is what stands between the interfaces and the access lists.
func (b *builder) forwarding() (before, after []*grammar.Command) {
	kept := func(c *runningconfig.Config) *[]string { return &c.Frame.Kept }
	before = []*grammar.Command{
		keep(kept, "ip forward-protocol nd", "Sun's Network Disk protocol", single|bare|defaults),
		keep(kept, "ip forward-protocol udp", "Packets to a specific UDP port", 0),
		keep(kept, "ip http server", "Enable HTTP server", single|bare|defaults),
		keep(kept, "ip http authentication", "Set HTTP server authentication method", single),
		keep(kept, "ip http secure-server", "Enable HTTP secure server", single|bare|defaults),
		keep(kept, "ip http client", "Set HTTP client parameters", 0),
		keep(kept, "ip http access-class", "Restrict HTTP server access by access-class", single),
		keep(kept, "ip nat", "NAT configuration commands", 0),
		keep(kept, "ip tftp", "TFTP configuration commands", 0),
	}
	after = []*grammar.Command{
		b.pubkeyChain(),
		keep(kept, "ip ssh", sshHelp, both),
		keep(kept, "ip scp", "Scp commands", both),
		keep(kept, "ip sla", "IP Service Level Agreement", 0),
		keep(kept, "ip prefix-list", "Build a prefix list", 0),
	}
	return before, after
}

// closing is what stands behind the access lists.
func (b *builder) closing() [][]*grammar.Command {
	type root = runningconfig.Config
	kept := func(c *root) *[]string { return &c.Frame.Kept }
	services := []*grammar.Command{
		keep(kept, "tacacs-server", "Modify TACACS query parameters", 0),
		keep(kept, "radius-server", "Modify RADIUS query parameters", 0),
	}
	control := []*grammar.Command{{
		Syntax: grammar.Seq{grammar.Kw("control-plane", "Configure control plane services")},
		Bind: grammar.Custom[root]{
			OnSet:   func(c *root, _ grammar.Args) error { c.Frame.ControlPlane = true; return nil },
			OnUnset: func(c *root, _ grammar.Args) error { c.Frame.ControlPlane = false; return nil },
			OnLines: func(c *root, _ bool) []grammar.Line {
				if !c.Frame.ControlPlane {
					return nil
				}
				return []grammar.Line{{Sub: c}}
			},
		},
		Enter:    b.mode("config-cp", "(config-cp)"),
		NoEffect: true,
	}}
	banner := grammar.Kw("banner", "Define a login banner")
	banners := []*grammar.Command{}
	for _, w := range [][2]string{{"exec", "Set EXEC process creation banner"}, {"login", "Set login banner"}, {"motd", "Set Message of the Day banner"}} {
		banners = append(banners, &grammar.Command{
			Syntax: grammar.Seq{banner, grammar.Kw(w[0], w[1]), grammar.OptionalUnderNo{Node: grammar.Arg("Rest", grammar.Banner(), "c banner-text c, where 'c' is a delimiting character")}},
			Bind:   keptLines(kept, "banner "+w[0], true, removes),
		})
	}
	ntp := append(b.ntp(),
		keep(kept, "scheduler", "Scheduler parameters", both),
		keep(kept, "event-log", "Event log", 0),
		keep(kept, "netconf-yang", "Configure NETCONF over YANG", single),
	)
	return [][]*grammar.Command{services, control, banners, {b.privileges()}, b.lines(), ntp}
}
