package modes

import (
	"coterie/cli/grammar"
	runningconfig "coterie/running-config"
)

func interfaceKept(i *runningconfig.Interface) *[]string { return &i.Kept }

// encapsulations are `encapsulation` of a sub-interface, which prints before
// its address, and of a serial interface, which prints behind it.
func encapsulations() (vlan, serial *grammar.Command) {
	word := grammar.Kw("encapsulation", "Set encapsulation type for an interface")
	vlan = store(interfaceKept, single, grammar.Seq{word, grammar.Kw("dot1Q", "IEEE 802.1Q Virtual LAN"),
		grammar.Arg("VLAN", grammar.Int(1, 4094), "IEEE 802.1Q VLAN ID"), grammar.Opt{Node: mark("native", "Make this as native vlan")}})
	serial = withDefault(store(interfaceKept, single, grammar.Seq{word, choice("",
		"frame-relay", "Frame Relay networks", "hdlc", "Serial HDLC synchronous", "ppp", "Point-to-Point protocol")}), "encapsulation hdlc")
	return vlan, serial
}

// interfaceCryptoMap is `crypto map M [redundancy R]`.
func interfaceCryptoMap() *grammar.Command {
	type iface = runningconfig.Interface
	return &grammar.Command{
		Syntax: grammar.Seq{kwCrypto, grammar.Kw("map", "Assign a Crypto Map"), grammar.OptionalUnderNo{Node: grammar.Seq{
			grammar.Arg("Name", grammar.Word(), "Crypto Map tag").From(cryptoMapNames),
			option("redundancy", "Enable redundancy", grammar.Arg("Redundancy", grammar.Word(), "Standby name")),
		}}},
		Bind: grammar.Custom[iface]{
			OnSet: func(i *iface, a grammar.Args) error {
				i.CryptoMap, i.MapRedundancy = a.String("Name"), a.String("Redundancy")
				return nil
			},
			OnUnset: func(i *iface, _ grammar.Args) error { i.CryptoMap, i.MapRedundancy = "", ""; return nil },
			OnLines: func(i *iface, _ bool) []grammar.Line {
				switch {
				case i.CryptoMap == "":
					return nil
				case i.MapRedundancy != "":
					return one(grammar.Args{"Name": i.CryptoMap, "Redundancy": i.MapRedundancy})
				}
				return one(grammar.Args{"Name": i.CryptoMap})
			},
		},
		Immediate: true,
	}
}

// pimLines are `ip pim` on an interface. No multicast routing is attached.
func pimLines() []*grammar.Command {
	pim := keywords("ip pim", "PIM interface commands")
	return []*grammar.Command{
		withDefault(store(interfaceKept, single, then(pim, grammar.Kw("dr-priority", "PIM router DR priority"),
			grammar.Arg("", grammar.Uint32(0, 4294967294), "DR priority, preference given to larger value"))), "ip pim dr-priority 1"),
		store(interfaceKept, single, then(pim, grammar.Kw("nbma-mode", "Use Non-Broadcast Multi-Access (NBMA) mode on interface"))),
		withDefault(store(interfaceKept, single, then(pim, grammar.Kw("query-interval", "PIM router query interval"),
			grammar.Arg("", grammar.Int(0, 65535), "Query interval in seconds"))), "ip pim query-interval 30"),
		// The modes replace one another: one command.
		store(interfaceKept, single, then(pim, choice("", "dense-mode", "Enable PIM dense-mode operation", "passive", "Enable PIM passive operation",
			"sparse-dense-mode", "Enable PIM sparse-dense-mode operation", "sparse-mode", "Enable PIM sparse-mode operation"))),
	}
}

// igmpLines are `ip igmp` on an interface.
func igmpLines() []*grammar.Command {
	igmp := keywords("ip igmp", "IGMP interface commands")
	group := grammar.Arg("Group", grammar.IPv4(), "IP group address")
	source := option("source", "Source address to be joined", grammar.Arg("Source", grammar.IPv4(), "IP source address"))
	return []*grammar.Command{
		store(interfaceKept, 0, then(igmp, grammar.Kw("join-group", "IGMP join multicast group"), group, source)),
		store(interfaceKept, 0, then(igmp, grammar.Kw("static-group", "IGMP static multicast group"), group, source)),
		store(interfaceKept, single, then(igmp, grammar.Kw("access-group", "IGMP group access group"),
			grammar.Arg("", grammar.Word(), "Access-list number or name").From(accessListNames))),
		withDefault(store(interfaceKept, single, then(igmp, grammar.Kw("query-interval", "IGMP host query interval"),
			grammar.Arg("", grammar.Int(1, 18000), "Query interval in seconds"))), "ip igmp query-interval 60"),
		withDefault(store(interfaceKept, single, then(igmp, grammar.Kw("version", "IGMP version"),
			grammar.Arg("", grammar.Int(1, 3), "Version number"))), "ip igmp version 2"),
	}
}

// ospfLines are `ip ospf` on an interface. No routing engine is attached.
func ospfLines() []*grammar.Command {
	ospf := keywords("ip ospf", "OSPF interface commands")
	seconds := grammar.Arg("", grammar.Int(1, 65535), "Seconds")
	return []*grammar.Command{
		store(interfaceKept, single, then(ospf, grammar.Kw("authentication", "Enable authentication"), grammar.Opt{Node: choice("",
			"message-digest", "Use message-digest authentication", "null", "Use no authentication")})),
		store(interfaceKept, single, then(ospf, grammar.Kw("cost", "Interface cost"), grammar.Arg("", grammar.Int(1, 65535), "Cost"))),
		store(interfaceKept, single, then(ospf, grammar.Kw("dead-interval", "Interval after which a neighbor is declared dead"), seconds)),
		store(interfaceKept, single, then(ospf, grammar.Kw("hello-interval", "Time between HELLO packets"), seconds)),
		store(interfaceKept, 0, then(ospf, grammar.Kw("message-digest-key", "Message digest authentication password (key)"),
			grammar.Arg("Key", grammar.Int(1, 255), "Key ID"), grammar.OptionalUnderNo{Node: grammar.Seq{grammar.Kw("md5", "Use MD5 algorithm"),
				grammar.Opt{Node: choice("Form", "0", "Specifies an UNENCRYPTED password will follow", "7", "Specifies an ENCRYPTED password will follow")},
				grammar.Arg("Password", grammar.Word(), "The OSPF password (key)")}}), "Key"),
		store(interfaceKept, single, then(ospf, grammar.Kw("mtu-ignore", "Ignores the MTU in DBD packets"))),
		store(interfaceKept, single, then(ospf, grammar.Kw("network", "Network type"), grammar.Alt{
			grammar.Kw("broadcast", "Specify OSPF broadcast multi-access network").Sets("Type", "broadcast"),
			grammar.Kw("non-broadcast", "Specify OSPF NBMA network").Sets("Type", "non-broadcast"),
			branch("Type", "point-to-multipoint", "Specify OSPF point-to-multipoint network",
				grammar.Opt{Node: mark("non-broadcast", "Specify non-broadcast point-to-mpoint network")}),
			grammar.Kw("point-to-point", "Specify OSPF point-to-point network").Sets("Type", "point-to-point"),
		})),
		store(interfaceKept, single, then(ospf, grammar.Kw("priority", "Router priority"), grammar.Arg("", grammar.Int(0, 255), "Priority"))),
		store(interfaceKept, single, then(ospf, grammar.Arg("Process", grammar.Int(1, 65535), "Process ID"),
			grammar.OptionalUnderNo{Node: grammar.Seq{grammar.Kw("area", "Set the OSPF area ID"), areaID("Area")}})),
	}
}

// areaID is an OSPF area, as a number or an address, kept as text.
func areaID(name string) grammar.Node {
	return grammar.Alt{
		grammar.Arg(name, grammar.Uint32(0, 4294967295), "OSPF area ID as a decimal value"),
		grammar.Arg(name+"Address", grammar.IPv4(), "OSPF area ID in IP address format"),
	}
}

// nhrpLines are `ip nhrp` on a tunnel. No NHRP is attached.
func nhrpLines() []*grammar.Command {
	nhrp := keywords("ip nhrp", "NHRP interface subcommands")
	mapping := grammar.Kw("map", "Map dest IP addresses to NBMA addresses")
	nbma := grammar.Arg("NBMA", grammar.IPv4(), "IP NBMA address")
	return []*grammar.Command{
		store(interfaceKept, single, then(nhrp, grammar.Kw("authentication", "Authentication string"), grammar.Arg("", grammar.Word(), "Authentication string"))),
		store(interfaceKept, 0, then(nhrp, mapping, grammar.Kw("multicast", "Use this NBMA mapping for broadcasts/multicasts"), grammar.Alt{
			grammar.Kw("dynamic", "Dynamically learn destinations from client registrations").Sets("Dynamic", true), nbma})),
		store(interfaceKept, 0, then(nhrp, mapping, grammar.Arg("Address", grammar.IPv4(), "Destination IP address"),
			grammar.Opt{Node: grammar.Arg("Mask", grammar.Mask(), "Destination IP mask")}, nbma)),
		store(interfaceKept, single, then(nhrp, grammar.Kw("network-id", "NBMA network identifier"), grammar.Arg("", grammar.Uint32(1, 4294967295), "Network identifier"))),
		withDefault(store(interfaceKept, single, then(nhrp, grammar.Kw("holdtime", "Advertised holdtime"),
			grammar.Arg("", grammar.Int(1, 65535), "Number of seconds"))), "ip nhrp holdtime 7200"),
		store(interfaceKept, 0, then(nhrp, grammar.Kw("nhs", "Specify a next hop server"), grammar.Arg("Address", grammar.IPv4(), "IP address of NHS"),
			grammar.OptionalUnderNo{Node: grammar.Seq{
				option("nbma", "NBMA address of NHS", nbma),
				grammar.Opt{Node: mark("multicast", "Send multicast to this NHS")},
				option("priority", "NHS priority", grammar.Arg("Priority", grammar.Int(0, 255), "Priority, 0 is the highest")),
				option("cluster", "NHS cluster", grammar.Arg("Cluster", grammar.Int(0, 10), "Cluster")),
			}}), "Address"),
		store(interfaceKept, single, then(nhrp, grammar.Kw("registration", "Settings for registration packets"), choice("",
			"no-unique", "Do not set unique flag", "unique", "Set unique flag"))),
		store(interfaceKept, single, then(nhrp, grammar.Kw("shortcut", "Enable shortcut switching"))),
		store(interfaceKept, single, then(nhrp, grammar.Kw("redirect", "Enable NHRP redirect traffic indication"))),
	}
}

// tunnelLines are the lines of a tunnel. No tunnel is built.
func tunnelLines() []*grammar.Command {
	word := grammar.Kw("tunnel", wordHelp["tunnel"])
	return []*grammar.Command{
		store(interfaceKept, single, keywords("qos pre-classify", "Enable QOS classification before packets are encrypted")),
		store(interfaceKept, single, grammar.Seq{word, grammar.Kw("source", "Source of tunnel packets"), grammar.Alt{
			grammar.Arg("Address", grammar.IPv4(), "IP address"), interfaceWord("Interface", "Interface name")}}),
		withDefault(store(interfaceKept, single, grammar.Seq{word, grammar.Kw("mode", "Tunnel encapsulation method"), grammar.Alt{
			branch("Mode", "gre", "Generic route encapsulation protocol", choice("GRE", "ip", "Over IP", "multipoint", "Over IP (multipoint)")),
			grammar.Kw("ipip", "IP over IP encapsulation").Sets("Mode", "ipip"),
			branch("Mode", "ipsec", "IPSec tunnel encapsulation", choice("IPsec", "ipv4", "Over IPv4", "ipv6", "Over IPv6")),
		}}), "tunnel mode gre ip"),
		store(interfaceKept, single, grammar.Seq{word, grammar.Kw("destination", "Destination of tunnel"), grammar.Arg("", grammar.HostOrAddress(), "IP address or host name")}),
		store(interfaceKept, single, grammar.Seq{word, grammar.Kw("key", "Security or selector key"), grammar.Arg("", grammar.Uint32(0, 4294967295), "Key")}),
		store(interfaceKept, single, grammar.Seq{word, grammar.Kw("vrf", "Set tunnel vrf membership"), grammar.Arg("", grammar.Word(), "VRF name").From(vrfNames)}),
		store(interfaceKept, single, grammar.Seq{word, grammar.Kw("path-mtu-discovery", "Enable Path MTU Discovery on tunnel")}),
		store(interfaceKept, single, grammar.Seq{word, grammar.Kw("protection", "Enable tunnel protection"), grammar.Kw("ipsec", "Use ipsec to protect this tunnel interface"),
			grammar.Kw("profile", "Determine the ipsec policy profile to use."), grammar.Arg("Profile", grammar.Word(), "Policy profile Name").From(profileNames),
			grammar.Opt{Node: mark("shared", "Use a shared socket with ipsec")}}),
	}
}

// ctsManual is `cts manual`.
func (b *builder) ctsManual(parent *grammar.Mode) *grammar.Command {
	m := b.mode("config-if-cts-manual", "(config-if-cts-manual)")
	m.Parent, m.ExitHelp = parent, "Exit from the CTS manual configuration sub mode"
	m.Add(
		store(stanzaText, single, keywords("propagate sgt", "Propagate the security group tag")),
		store(stanzaText, single, then(keywords("policy static", "Static policy"), grammar.Kw("sgt", "Security group tag of the peer"),
			grammar.Arg("SGT", grammar.Int(2, 65519), "Security group tag value"), grammar.Opt{Node: mark("trusted", "Trust the tag of the peer")})),
	)
	return heading(func(i *runningconfig.Interface) *[]*runningconfig.Stanza { return &i.Sections },
		keywords("cts manual", "Supply local configuration for CTS parameters"), m, nil)
}
