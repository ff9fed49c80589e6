package modes

import "coterie/cli/grammar"

// multicast is multicast routing in global configuration. No multicast routing
// engine is attached: all of it is stored.
func (b *builder) multicast() []*grammar.Command {
	pim := keywords("ip pim", "PIM global commands")
	vrf := grammar.Opt{Node: inVRF("VRF", "Select VPN Routing/Forwarding instance")}
	pim = then(pim, vrf)
	scope := grammar.Seq{grammar.Kw("scope", "RP announcement scope"), grammar.Arg("Scope", grammar.Int(1, 255), "TTL of the RP announce packet")}
	interval := option("interval", "RP announcement interval", grammar.Arg("Interval", grammar.Int(1, 16383), "Number of seconds"))
	list := func(help string) grammar.Token { return grammar.Arg("ACL", grammar.Word(), help).From(accessListNames) }
	return []*grammar.Command{
		store(frame, single, then(pim, grammar.Kw("autorp", "Configure AutoRP global operations"), grammar.Kw("listener", "Allow AutoRP packets across sparse mode interfaces"))),
		store(frame, 0, then(pim, grammar.Kw("bsr-candidate", "Candidate bootstrap router (candidate BSR)"), interfaceWord("Interface", "Interface name"),
			grammar.OptionalUnderNo{Node: grammar.Seq{grammar.Opt{Node: grammar.Arg("Hash", grammar.Int(0, 32), "Hash Mask length for RP selection")},
				grammar.Opt{Node: grammar.Arg("Priority", grammar.Int(0, 255), "Priority value for candidate bootstrap router")}}}), "VRF", "Interface"),
		store(frame, 0, then(pim, grammar.Kw("rp-address", "PIM RP-address (Rendezvous Point)"), grammar.Arg("Address", grammar.IPv4(), "IP address of Rendezvous-point for group"),
			grammar.OptionalUnderNo{Node: grammar.Seq{grammar.Opt{Node: list("Access list for group addresses")}, grammar.Opt{Node: mark("override", "Overrides dynamically learnt RP mappings")}}}), "VRF", "Address"),
		store(frame, 0, then(pim, grammar.Kw("rp-candidate", "To be a PIMv2 RP candidate"), interfaceWord("Interface", "Interface name"),
			grammar.OptionalUnderNo{Node: option("group-list", "Group-list", list("Access list for group addresses"))}), "VRF", "Interface"),
		store(frame, 0, then(pim, grammar.Kw("send-rp-announce", "Auto-RP send RP announcement"), interfaceWord("Interface", "Interface name"),
			grammar.OptionalUnderNo{Node: then(scope, option("group-list", "Group-list", list("Access list for group addresses")), interval)}), "VRF", "Interface"),
		store(frame, 0, then(pim, grammar.Kw("send-rp-discovery", "Auto-RP send RP discovery message (as RP-mapping agent)"), grammar.Opt{Node: interfaceWord("Interface", "Interface name")},
			grammar.OptionalUnderNo{Node: then(scope, interval)}), "VRF", "Interface"),
		withDefault(store(frame, single, then(pim, grammar.Kw("spt-threshold", "Source-tree switching threshold"), grammar.Alt{
			grammar.Kw("0", "Traffic rate in kilobits per second").Sets("Rate", "0"), grammar.Kw("infinity", "Never switch to source-tree").Sets("Rate", "infinity"),
		})), "ip pim spt-threshold 0"),
		store(frame, single, then(pim, grammar.Kw("ssm", "Configure Source Specific Multicast"), grammar.Alt{
			grammar.Kw("default", "Use 232/8 group range for SSM").Sets("Range", "default"),
			grammar.Seq{grammar.Kw("range", "ACL for group range to be used for SSM"), list("Access list for group range")},
		})),
		store(frame, 0, then(keywords("ip mroute", "Configure static multicast routes"), vrf,
			grammar.Arg("Source", grammar.IPv4(), "Source address"), grammar.Arg("Mask", grammar.Mask(), "Wildcard mask"),
			grammar.OptionalUnderNo{Node: grammar.Seq{grammar.Alt{
				interfaceWord("Interface", "Interface name"),
				grammar.Arg("Neighbor", grammar.IPv4(), "RPF neighbor address or route"),
			}, grammar.Opt{Node: grammar.Arg("Distance", grammar.Int(0, 255), "Administrative distance for mroute")}}}), "VRF", "Source", "Mask"),
	}
}

// multicastRouting is `ip multicast-routing`, which stands elsewhere.
func (b *builder) multicastRouting() *grammar.Command {
	return store(frame, 0, then(keywords("ip multicast-routing", "Enable IP multicast forwarding"),
		grammar.Opt{Node: inVRF("VRF", "Select VPN Routing/Forwarding instance")},
		grammar.OptionalUnderNo{Node: grammar.Opt{Node: mark("distributed", "Distributed multicast switching")}}), "VRF")
}

// eventTrace is `monitor event-trace gdoi`.
func (b *builder) eventTrace() *grammar.Command {
	return store(frame, 0, then(keywords("monitor event-trace gdoi", "GDOI event traces"),
		choice("Trace", "coop", "Cooperative key server trace", "exit", "Exit trace", "infra", "Infrastructure trace",
			"registration", "Registration trace", "rekey", "Rekey trace"), grammar.Alt{
			branch("Setting", "dump-file", "Set name of trace dump file", grammar.Arg("File", grammar.Word(), "Name of dump file")),
			branch("Setting", "size", "Set size of trace", grammar.OptionalUnderNo{Node: grammar.Arg("Size", grammar.Int(1, 1000000), "Number of entries in trace")}),
			branch("Setting", "stacktrace", "Trace call stack at tracepoints", grammar.Opt{Node: grammar.Arg("Depth", grammar.Int(1, 16), "Depth of the call stack")}),
		}), "Trace", "Setting")
}
