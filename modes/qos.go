package modes

import (
	"coterie/cli/grammar"
)

// No traffic is classified or shaped: class and policy maps are stored.

// classMap is `class-map`.
func (b *builder) classMap() *grammar.Command {
	m := b.mode("config-cmap", "(config-cmap)")
	m.ExitHelp = "Exit from class-map configuration mode"
	match := grammar.Seq{grammar.Kw("match", "Classification criteria"), grammar.Opt{Node: mark("not", "Negate this match result")}}
	m.Add(
		b.text("description", "Class-Map description"),
		store(stanzaText, 0, then(match, grammar.Alt{
			branch("Match", "access-group", "Access group", grammar.Alt{
				grammar.Seq{grammar.Kw("name", "Named Access List"), grammar.Arg("ACL", grammar.Word(), "Named Access List").From(accessListNames)},
				grammar.Arg("Number", grammar.Int(1, 2699), "Access list index"),
			}),
			grammar.Kw("any", "Any packets").Sets("Match", "any"),
			branch("Match", "class-map", "Class map", grammar.Arg("Class", grammar.Word(), "Nested class-map name").From(classMapNames)),
			branch("Match", "cos", "IEEE 802.1Q/ISL class of service/user priority values", grammar.Rep{Max: 4, Node: grammar.Arg("Values", grammar.Int(0, 7), "802.1Q/ISL class-of-service")}),
			branch("Match", "dscp", "Match DSCP in IPv4 and IPv6 packets", dscpValues()),
			branch("Match", "input-interface", "Select an input interface to match", interfaceWord("Interface", "Interface name")),
			branch("Match", "ip", "IP specific values", grammar.Alt{
				branch("IP", "dscp", "Match IP DSCP (DiffServ CodePoints)", dscpValues()),
				branch("IP", "precedence", "Match IP precedence", precedenceValues()),
			}),
			branch("Match", "packet", "Layer 3 Packet length", grammar.Kw("length", "Layer 3 Packet length"), grammar.AnyOrder{
				grammar.Seq{grammar.Kw("min", "Minimum length"), grammar.Arg("Min", grammar.Int(1, 9216), "Minimum length in bytes")},
				grammar.Seq{grammar.Kw("max", "Maximum length"), grammar.Arg("Max", grammar.Int(1, 9216), "Maximum length in bytes")},
			}),
			branch("Match", "precedence", "Match Precedence in IPv4 and IPv6 packets", precedenceValues()),
			branch("Match", "protocol", "Protocol", grammar.Arg("Protocol", grammar.Word(), "Protocol name")),
			branch("Match", "qos-group", "Qos-group", grammar.Arg("Group", grammar.Int(0, 1023), "Qos Group value")),
		})),
	)
	c := heading(globalSections, grammar.Seq{grammar.Kw("class-map", "Configure QoS Class Map"),
		grammar.Opt{Node: choice("Kind", "match-all", "Logical-AND all matching statements under this classmap",
			"match-any", "Logical-OR all matching statements under this classmap")},
		grammar.Arg("Name", grammar.Word(), "Class-map name").From(classMapNames)}, m,
		func(a grammar.Args) {
			if !a.Has("Kind") {
				a["Kind"] = "match-all"
			}
		}, "Name")
	c.Bang = grammar.BangNone
	return c
}

func dscpValues() grammar.Node {
	return grammar.Rep{Max: 8, Node: grammar.Arg("Values", dscpValue, "Differentiated services codepoint value")}
}

func precedenceValues() grammar.Node {
	return grammar.Rep{Max: 4, Node: grammar.Arg("Values", precedenceValue, "IP precedence")}
}

// policyMap is `policy-map`.
func (b *builder) policyMap() *grammar.Command {
	m := b.mode("config-pmap", "(config-pmap)")
	m.ExitHelp = "Exit from QoS policy-map configuration mode"
	m.Add(b.text("description", "Policy-Map description"), b.policyClass(m))
	return heading(globalSections, grammar.Seq{grammar.Kw("policy-map", "Configure QoS Policy Map"),
		grammar.Arg("Name", grammar.Word(), "Policy-map name").From(policyMapNames)}, m, nil, "Name")
}

// policyClass is `class NAME` of a policy map.
func (b *builder) policyClass(parent *grammar.Mode) *grammar.Command {
	m := b.mode("config-pmap-c", "(config-pmap-c)")
	m.Parent, m.ExitHelp = parent, "Exit from QoS class action configuration mode"
	one := func(syntax ...grammar.Node) *grammar.Command { return store(stanzaText, single, grammar.Seq(syntax)) }
	percent := func(help string) grammar.Node {
		return grammar.Seq{grammar.Kw("percent", help), grammar.Arg("Percent", grammar.Int(1, 100), "Percentage")}
	}
	rate := func(help string) grammar.Node { return grammar.Arg("Rate", grammar.Int(8000, 2000000000), help) }
	m.Add(
		one(grammar.Kw("priority", "Strict Scheduling Priority for this Class"), grammar.Opt{Node: grammar.Alt{
			grammar.Seq{grammar.Kw("level", "Multi-Level Priority Queue"), grammar.Arg("Level", grammar.Int(1, 2), "Priority level")},
			grammar.Seq{percent("% of total bandwidth"), grammar.Opt{Node: burst()}},
			grammar.Seq{grammar.Arg("Kbps", grammar.Int(1, 2000000), "Kilo Bits per second"), grammar.Opt{Node: burst()}},
		}}),
		one(grammar.Kw("bandwidth", "Bandwidth"), grammar.Alt{
			grammar.Arg("Kbps", grammar.Int(1, 2000000), "Kilo Bits per second"),
			percent("% of total Bandwidth"),
			branch("Remaining", "remaining", "% of the remaining bandwidth", grammar.Alt{
				percent("% of the remaining bandwidth"),
				grammar.Seq{grammar.Kw("ratio", "Ratio for sharing excess bandwidth"), grammar.Arg("Ratio", grammar.Int(1, 1000), "Ratio")},
			}),
		}),
		store(stanzaText, 0, grammar.Seq{grammar.Kw("set", "Set QoS values"), grammar.Alt{
			branch("Set", "cos", "Set IEEE 802.1Q/ISL class of service", grammar.Arg("Value", grammar.Int(0, 7), "802.1Q/ISL class-of-service")),
			branch("Set", "dscp", "Set DSCP in IP(v4) and IPv6 packets", grammar.Arg("DSCP", dscpValue, "Differentiated services codepoint value")),
			branch("Set", "ip", "Set IP specific values", grammar.Alt{
				branch("IP", "dscp", "Set IP DSCP (DiffServ CodePoint)", grammar.Arg("DSCP", dscpValue, "Differentiated services codepoint value")),
				branch("IP", "precedence", "Set IP precedence", grammar.Arg("Precedence", precedenceValue, "IP precedence")),
			}),
			branch("Set", "precedence", "Set precedence in IP(v4) and IPv6 packets", grammar.Arg("Precedence", precedenceValue, "IP precedence")),
			branch("Set", "qos-group", "Set QoS Group", grammar.Arg("Value", grammar.Int(0, 1023), "Qos Group value")),
		}}, "Set"),
		one(grammar.Kw("police", "Police"), grammar.Alt{
			branch("Form", "cir", "Committed information rate", grammar.Alt{percent("% of interface bandwidth for CIR"), rate("Bits per second")}),
			rate("Target Bit Rate (bits per second)"),
		}, grammar.Opt{Node: grammar.Arg("Normal", grammar.Int(1000, 512000000), "Normal burst bytes")},
			grammar.Opt{Node: grammar.Arg("Maximum", grammar.Int(1000, 1024000000), "Maximum burst bytes")},
			grammar.Opt{Node: policeActions()}),
		one(grammar.Kw("shape", "Traffic Shaping"), choice("Kind", "average", "Configure token bucket: CIR (bps)", "peak", "Configure token bucket: PIR (bps)"),
			grammar.Alt{percent("% of interface bandwidth for committed information rate"), rate("Target Bit Rate (bits per second)")},
			grammar.Opt{Node: grammar.Arg("Sustain", grammar.Int(1000, 800000000), "Bits per interval, sustained")}),
		one(grammar.Kw("queue-limit", "Queue Max Threshold for Tail Drop"), grammar.Arg("Limit", grammar.Int(1, 8192000), "Queue limit"),
			grammar.Opt{Node: choice("Unit", "bytes", "In bytes", "ms", "In milliseconds", "packets", "In packets")}),
		one(grammar.Kw("fair-queue", "Enable Flow-based Fair Queuing in this Class"), grammar.Opt{Node: grammar.Arg("Queues", grammar.Int(16, 4096), "Number of dynamic queues")}),
		one(grammar.Kw("random-detect", "Enable Random Early Detection as drop policy"), grammar.Opt{Node: choice("",
			"dscp-based", "Enable dscp-based WRED as drop policy", "precedence-based", "Enable precedence-based WRED as drop policy")}),
		one(grammar.Kw("drop", "Drop all packets")),
		one(grammar.Kw("service-policy", "Configure QoS Service Policy"), grammar.Arg("", grammar.Word(), "Policy-map name").From(policyMapNames)),
	)
	return heading(stanzaSubs, grammar.Seq{grammar.Kw("class", "Policy criteria"), grammar.Alt{
		grammar.Kw("class-default", "System default class matching otherwise unclassified packets").Sets("Name", "class-default"),
		grammar.Arg("Name", grammar.Word(), "Class-map name").From(classMapNames),
	}}, m, nil, "Name")
}

func burst() grammar.Node { return grammar.Arg("Burst", grammar.Int(32, 64000000), "Burst in bytes") }

// policeActions are what becomes of packets within and beyond the rate.
func policeActions() grammar.Node {
	action := func(name string) grammar.Node {
		return grammar.Alt{
			grammar.Kw("drop", "Drop packet").Sets(name, "drop"),
			branch(name, "set-dscp-transmit", "Set dscp and send it", grammar.Arg(name+"DSCP", dscpValue, "Differentiated services codepoint value")),
			branch(name, "set-prec-transmit", "Rewrite packet precedence and send it", grammar.Arg(name+"Precedence", precedenceValue, "IP precedence")),
			grammar.Kw("transmit", "Transmit packet").Sets(name, "transmit"),
		}
	}
	return grammar.Seq{grammar.Kw("conform-action", "Action when rate is less than conform burst"), action("Conform"),
		grammar.Opt{Node: grammar.Seq{grammar.Kw("exceed-action", "Action when rate is within conform and conform + exceed"), action("Exceed"),
			grammar.Opt{Node: grammar.Seq{grammar.Kw("violate-action", "Action when rate is greater than conform + exceed"), action("Violate")}}}}}
}
