package modes

import (
	"strings"

	"coterie/cli/grammar"
)

// There is no IPv6 forwarding: what is IPv6 in global configuration is stored.

// ipv6Routes is `ipv6 route`.
func (b *builder) ipv6Routes() *grammar.Command {
	return store(frame, 0, then(keywords("ipv6 route", "Configure static routes"),
		grammar.Opt{Node: inVRF("VRF", "IPv6 Routing table")}, grammar.Arg("Prefix", ipv6Prefix, "IPv6 prefix"),
		grammar.Alt{
			grammar.Seq{interfaceWord("Interface", "Interface name"), grammar.Opt{Node: grammar.Arg("NextHop", ipv6Address, "IPv6 address of next-hop")}},
			grammar.Arg("NextHop", ipv6Address, "IPv6 address of next-hop"),
		}, grammar.Opt{Node: grammar.Arg("Distance", grammar.Int(1, 254), "Administrative distance")},
		grammar.AnyOrder{
			option("tag", "Tag value", grammar.Arg("Tag", grammar.Uint32(1, 4294967295), "Tag value")).Node,
			option("name", "Specify name for route", grammar.Arg("Name", grammar.Word(), "Name for this route")).Node,
		}))
}

// ipv6AccessList is `ipv6 access-list`.
func (b *builder) ipv6AccessList() *grammar.Command {
	m := b.mode("config-ipv6-acl", "(config-ipv6-acl)")
	m.ExitHelp = "Exit from access-list configuration mode"
	sequence := option("sequence", "Sequence number for this entry", grammar.Arg("Sequence", grammar.Int(1, 4294967294), "Sequence number for this entry"))
	m.Add(store(stanzaText, 0, grammar.Seq{sequence, grammar.Alt{
		grammar.Seq{grammar.Kw("remark", "Access list entry comment"), grammar.Arg("Remark", grammar.Rest(), "Access list entry comment")},
		grammar.Seq{choice("Action", "deny", "Specify packets to reject", "permit", "Specify packets to forward"), ipv6Entry()},
	}}))
	c := heading(globalSections, then(keywords("ipv6 access-list", "Configure access lists"),
		grammar.Arg("Name", grammar.Word(), "User selected string identifying this access list")), m, nil, "Name")
	c.Bang = grammar.BangEach
	return c
}

// ipv6Entry is an entry behind its action.
func ipv6Entry() grammar.Node {
	var others grammar.Alt
	for _, p := range [][2]string{{"ahp", "Authentication Header Protocol"}, {"esp", "Encapsulation Security Payload"},
		{"icmp", "Internet Control Message Protocol"}, {"ipv6", "Any IPv6"}, {"pcp", "Payload Compression Protocol"}} {
		others = append(others, grammar.Kw(p[0], p[1]).Sets("Protocol", p[0]))
	}
	others = append(others, grammar.Arg("ProtocolNumber", grammar.Int(0, 255), "An IPv6 protocol number"))
	options := func() grammar.Seq {
		return grammar.Seq{
			option("dscp", "Match packets with given dscp value", grammar.Arg("DSCP", dscpValue, "Differentiated services codepoint value")),
			grammar.Opt{Node: mark("fragments", "Check non-initial fragments")},
			option("time-range", "Specify a time-range", grammar.Arg("Range", grammar.Word(), "Time-range entry name").From(timeRangeNames)),
			grammar.Opt{Node: choice("Log", "log", "Log matches against this entry", "log-input", "Log matches against this entry, including input")},
		}
	}
	flagged := grammar.Opt{Node: mark("established", "Match established connections")}
	return grammar.Alt{
		then(grammar.Seq{grammar.Kw("tcp", "Transmission Control Protocol").Sets("Protocol", "tcp"), ipv6Endpoint("Src", "source"), ports("Src", tcpPorts),
			ipv6Endpoint("Dst", "destination"), ports("Dst", tcpPorts), flagged}, options()...),
		then(grammar.Seq{grammar.Kw("udp", "User Datagram Protocol").Sets("Protocol", "udp"), ipv6Endpoint("Src", "source"), ports("Src", udpPorts),
			ipv6Endpoint("Dst", "destination"), ports("Dst", udpPorts)}, options()...),
		then(grammar.Seq{others, ipv6Endpoint("Src", "source"), ipv6Endpoint("Dst", "destination")}, options()...),
	}
}

func ipv6Endpoint(side, which string) grammar.Node {
	title := strings.ToUpper(which[:1]) + which[1:]
	return grammar.Alt{
		grammar.Kw("any", "Any "+which+" prefix").Sets(side+"Any", true),
		grammar.Seq{grammar.Kw("host", "A single "+which+" host").Sets(side+"Host", true), grammar.Arg(side+"Address", ipv6Address, title+" address")},
		grammar.Arg(side+"Prefix", ipv6Prefix, title+" prefix"),
	}
}
