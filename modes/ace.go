package modes

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"coterie/cli/grammar"
	runningconfig "coterie/running-config"
)

// action is permit or deny; arrange pads the shorter word to the longer.
var action = grammar.Alt{
	grammar.Kw("deny", "Specify packets to reject").Sets("Permit", false),
	grammar.Kw("permit", "Specify packets to forward").Sets("Permit", true),
}

var remark = grammar.Seq{grammar.Kw("remark", "Access list entry comment"),
	grammar.Arg("Remark", grammar.Rest(), "Comment up to 100 characters")}

// standardEntry is an entry of a standard list without its number.
func standardEntry() grammar.Node {
	return grammar.Alt{remark, grammar.Seq{action, grammar.Alt{
		grammar.Kw("any", "Any source host").Sets("SrcAny", true),
		grammar.Only{Node: grammar.Seq{grammar.Kw("host", "A single host address"), grammar.Arg("SrcAddr", grammar.IPv4(), "Host address")}},
		grammar.Seq{grammar.Arg("SrcAddr", grammar.IPv4(), "Address to match"),
			grammar.Opt{Node: grammar.Arg("SrcWildcard", grammar.Wildcard(), "Wildcard bits")}},
	}, grammar.Opt{Node: grammar.Kw("log", "Log matches against this entry").Sets("Log", "log")}}}
}

// extendedEntry is an entry of an extended list without its number.
func extendedEntry() grammar.Node {
	var portless, icmp, tcp, udp grammar.Node
	var others grammar.Alt
	for _, p := range []struct{ name, help string }{
		{"ahp", "Authentication Header Protocol"}, {"eigrp", "Cisco's EIGRP routing protocol"},
		{"esp", "Encapsulation Security Payload"}, {"gre", "Cisco's GRE tunneling"},
		{"ip", "Any Internet Protocol"},
		{"ipinip", "IP in IP tunneling"}, {"nos", "KA9Q NOS compatible IP over IP tunneling"},
		{"ospf", "OSPF routing protocol"}, {"pcp", "Payload Compression Protocol"},
		{"pim", "Protocol Independent Multicast"},
	} {
		others = append(others, grammar.Kw(p.name, p.help).Sets("Protocol", p.name))
	}
	others = append(others, grammar.Arg("Protocol", protocolNumber, "An IP protocol number"))
	options := func(first ...grammar.Node) grammar.AnyOrder {
		return append(grammar.AnyOrder(first), entryOptions()...)
	}
	portless = grammar.Seq{others, endpoint("Src", "source"), endpoint("Dst", "destination"), options()}
	icmp = grammar.Seq{grammar.Kw("icmp", "Internet Control Message Protocol").Sets("Protocol", "icmp"),
		endpoint("Src", "source"), endpoint("Dst", "destination"), options(icmpTypes())}
	igmp := grammar.Seq{grammar.Kw("igmp", "Internet Gateway Message Protocol").Sets("Protocol", "igmp"),
		endpoint("Src", "source"), endpoint("Dst", "destination"), options(igmpTypes())}
	flags := func() []grammar.Node {
		var out []grammar.Node
		for _, f := range tcpFlags {
			out = append(out, grammar.Kw(f.name, f.help).Sets("TCP"+f.name, true))
		}
		return out
	}
	tcp = grammar.Seq{grammar.Kw("tcp", "Transmission Control Protocol").Sets("Protocol", "tcp"),
		endpoint("Src", "source"), ports("Src", tcpPorts), endpoint("Dst", "destination"), ports("Dst", tcpPorts), options(flags()...)}
	udp = grammar.Seq{grammar.Kw("udp", "User Datagram Protocol").Sets("Protocol", "udp"),
		endpoint("Src", "source"), ports("Src", udpPorts), endpoint("Dst", "destination"), ports("Dst", udpPorts), options()}
	return grammar.Alt{remark, grammar.Seq{action, grammar.Alt{icmp, igmp, tcp, udp, portless}}}
}

var tcpFlags = []struct{ name, help string }{
	{"established", "Match established connections"}, {"ack", "Match on the ACK bit"}, {"fin", "Match on the FIN bit"},
	{"psh", "Match on the PSH bit"}, {"rst", "Match on the RST bit"}, {"syn", "Match on the SYN bit"}, {"urg", "Match on the URG bit"},
}

// endpoint is `any`, `host A` or `A WILDCARD`.
func endpoint(side, which string) grammar.Node {
	title := strings.ToUpper(which[:1]) + which[1:]
	return grammar.Alt{
		grammar.Kw("any", "Any "+which+" host").Sets(side+"Any", true),
		grammar.Seq{grammar.Kw("host", "A single "+which+" host").Sets(side+"Host", true), grammar.Arg(side+"Addr", grammar.IPv4(), title+" address")},
		grammar.Seq{grammar.Arg(side+"Addr", grammar.IPv4(), title+" address"), grammar.Arg(side+"Wildcard", grammar.Wildcard(), title+" wildcard bits")},
	}
}

// ports is the port operator of one side.
func ports(side string, port codes) grammar.Node {
	op := func(word, help string) grammar.Keyword { return grammar.Kw(word, help).Sets(side+"Op", word) }
	number := func(name string) grammar.Node { return grammar.Arg(name, port, "Port number") }
	return grammar.Opt{Node: grammar.Alt{
		grammar.Seq{op("eq", "Match only packets on a given port number"), grammar.Rep{Node: number(side + "Ports"), Max: 10}},
		grammar.Seq{op("gt", "Match only packets with a greater port number"), number(side + "Low")},
		grammar.Seq{op("lt", "Match only packets with a lower port number"), number(side + "Low")},
		grammar.Seq{op("neq", "Match only packets not on a given port number"), number(side + "Low")},
		grammar.Seq{op("range", "Match only packets in the range of port numbers"), number(side + "Low"), number(side + "High")},
	}}
}

// Port names as IOS prints them back.
var (
	tcpPorts = codes{limit: 65535, what: "port", names: map[string]int{
		"bgp": 179, "chargen": 19, "cmd": 514, "daytime": 13, "discard": 9, "domain": 53, "drip": 3949, "echo": 7,
		"exec": 512, "finger": 79, "ftp": 21, "ftp-data": 20, "gopher": 70, "hostname": 101, "ident": 113, "irc": 194,
		"klogin": 543, "kshell": 544, "login": 513, "lpd": 515, "msrpc": 135, "nntp": 119, "pim-auto-rp": 496, "pop2": 109,
		"pop3": 110, "smtp": 25, "sunrpc": 111, "tacacs": 49, "talk": 517, "telnet": 23, "time": 37, "uucp": 540,
		"whois": 43, "www": 80,
	}}
	udpPorts = codes{limit: 65535, what: "port", names: map[string]int{
		"biff": 512, "bootpc": 68, "bootps": 67, "discard": 9, "dnsix": 195, "domain": 53, "echo": 7, "isakmp": 500,
		"mobile-ip": 434, "nameserver": 42, "netbios-dgm": 138, "netbios-ns": 137, "netbios-ss": 139,
		"non500-isakmp": 4500, "ntp": 123, "pim-auto-rp": 496, "rip": 520, "ripv6": 521, "snmp": 161, "snmptrap": 162,
		"sunrpc": 111, "syslog": 514, "tacacs": 49, "talk": 517, "tftp": 69, "time": 37, "who": 513, "xdmcp": 177,
	}}
)

// protocolNumber is an IP protocol by number; those with a name take it.
var protocolNumber = numbered("<0-255>", 255, map[int]string{
	0: "ip", 1: "icmp", 2: "igmp", 4: "ipinip", 6: "tcp", 17: "udp", 47: "gre", 50: "esp", 51: "ahp",
	88: "eigrp", 89: "ospf", 94: "nos", 103: "pim", 108: "pcp",
})

// entryOptions are the options of every protocol, in printing order.
func entryOptions() []grammar.Node {
	return []grammar.Node{
		grammar.Seq{grammar.Kw("dscp", "Match packets with given dscp value"), grammar.Arg("dscp", dscpValue, "Differentiated services codepoint value")},
		grammar.Seq{grammar.Kw("precedence", "Match packets with given precedence value"), grammar.Arg("precedence", precedenceValue, "Precedence value")},
		grammar.Seq{grammar.Kw("tos", "Match packets with given TOS value"), grammar.Arg("tos", tosValue, "Type of service value")},
		grammar.Kw("fragments", "Check non-initial fragments").Sets("fragments", true),
		timeToLive(),
		grammar.Seq{grammar.Kw("time-range", "Specify a time-range"), grammar.Arg("time-range", grammar.Word(), "Time-range entry name").From(timeRangeNames)},
		grammar.Alt{
			grammar.Kw("log", "Log matches against this entry").Sets("Log", "log"),
			grammar.Kw("log-input", "Log matches against this entry, including input interface").Sets("Log", "log-input"),
		},
	}
}

// timeToLive is a condition on the TTL of a packet.
func timeToLive() grammar.Node {
	value := func(name string) grammar.Node { return grammar.Arg(name, grammar.Int(0, 255), "TTL value") }
	op := func(word, help string) grammar.Keyword { return grammar.Kw(word, help).Sets("TTL", word) }
	return grammar.Seq{grammar.Kw("ttl", "Match packets with given TTL value"), grammar.Alt{
		grammar.Seq{op("eq", "Match only packets on a given TTL number"), value("TTLLow")},
		grammar.Seq{op("gt", "Match only packets with a greater TTL number"), value("TTLLow")},
		grammar.Seq{op("lt", "Match only packets with a lower TTL number"), value("TTLLow")},
		grammar.Seq{op("neq", "Match only packets not on a given TTL number"), value("TTLLow")},
		grammar.Seq{op("range", "Match only packets in the range of TTLs"), value("TTLLow"), value("TTLHigh")},
	}}
}

// igmpTypes is an IGMP message by name or number.
func igmpTypes() grammar.Node {
	return grammar.Alt{
		choice("IGMP", "dvmrp", "Distance Vector Multicast Routing Protocol", "host-query", "Host query", "host-report", "Host report",
			"pim", "Protocol Independent Multicast", "trace", "Multicast trace"),
		grammar.Arg("IGMPType", grammar.Int(0, 15), "IGMP message type"),
	}
}

// Values with names, kept as text.
var (
	dscpValue = named("<0-63>", 63, map[int]string{0: "default", 8: "cs1", 10: "af11", 12: "af12", 14: "af13", 16: "cs2",
		18: "af21", 20: "af22", 22: "af23", 24: "cs3", 26: "af31", 28: "af32", 30: "af33", 32: "cs4", 34: "af41", 36: "af42",
		38: "af43", 40: "cs5", 46: "ef", 48: "cs6", 56: "cs7"})
	precedenceValue = named("<0-7>", 7, map[int]string{0: "routine", 1: "priority", 2: "immediate", 3: "flash",
		4: "flash-override", 5: "critical", 6: "internet", 7: "network"})
	tosValue = named("<0-15>", 15, map[int]string{0: "normal", 1: "min-monetary-cost", 2: "max-reliability", 4: "max-throughput", 8: "min-delay"})
)

// named is numbered whose names may be typed as well.
func named(placeholder string, limit int, names map[int]string) grammar.Type {
	number := numbered(placeholder, limit, names).(kind)
	k := number
	k.parse = func(s string) (any, bool) {
		for _, name := range names {
			if name == strings.ToLower(s) {
				return name, true
			}
		}
		return number.parse(s)
	}
	return k
}

// icmpMessages are the ICMP messages with a name.
var icmpMessages = map[string][2]int{ // type, code or -1
	"echo-reply": {0, -1}, "unreachable": {3, -1}, "net-unreachable": {3, 0}, "host-unreachable": {3, 1},
	"protocol-unreachable": {3, 2}, "port-unreachable": {3, 3}, "packet-too-big": {3, 4}, "source-quench": {4, -1},
	"redirect": {5, -1}, "echo": {8, -1}, "router-advertisement": {9, -1}, "router-solicitation": {10, -1},
	"time-exceeded": {11, -1}, "ttl-exceeded": {11, 0}, "parameter-problem": {12, -1}, "timestamp-request": {13, -1},
	"timestamp-reply": {14, -1}, "mask-request": {17, -1}, "mask-reply": {18, -1}, "traceroute": {30, -1},
	"administratively-prohibited": {3, 13},
}

// icmpTypes is an ICMP message by name, or by type and code.
func icmpTypes() grammar.Node {
	var alt grammar.Alt
	for _, w := range slices.Sorted(maps.Keys(icmpMessages)) {
		alt = append(alt, grammar.Kw(w, "ICMP "+strings.ReplaceAll(w, "-", " ")).Sets("ICMP", w))
	}
	return append(alt, grammar.Seq{grammar.Arg("ICMPType", grammar.Int(0, 255), "ICMP message type"),
		grammar.Opt{Node: grammar.Arg("ICMPCode", grammar.Int(0, 255), "ICMP message code")}})
}

// entryOf makes an entry of the arguments, in the form that IOS prints: host
// bits cleared, full and empty wildcards as words.
func entryOf(a grammar.Args, extended bool) runningconfig.ACE {
	e := runningconfig.ACE{Sequence: a.Int("Sequence"), Remark: a.String("Remark")}
	if e.Remark != "" {
		return e
	}
	e.Permit, e.Protocol = a.Bool("Permit"), a.String("Protocol")
	e.Src = endpointOf(a, "Src")
	if !extended {
		if a.Has("Log") {
			e.Options = []string{"log"}
		}
		return e
	}
	e.Dst = endpointOf(a, "Dst")
	for _, f := range tcpFlags {
		if a.Bool("TCP" + f.name) {
			e.Options = append(e.Options, f.name)
		}
	}
	if v := icmpOption(a); v != "" {
		e.Options = append(e.Options, v)
	}
	switch v := a.String("IGMP"); {
	case v != "":
		e.Options = append(e.Options, v)
	case a.Has("IGMPType"):
		e.Options = append(e.Options, strconv.Itoa(a.Int("IGMPType")))
	}
	for _, o := range []string{"dscp", "precedence", "tos"} {
		if v := a.String(o); v != "" {
			e.Options = append(e.Options, o+" "+v)
		}
	}
	if a.Bool("fragments") {
		e.Options = append(e.Options, "fragments")
	}
	if v := a.String("TTL"); v != "" {
		v = fmt.Sprintf("ttl %s %d", v, a.Int("TTLLow"))
		if a.Has("TTLHigh") {
			v += " " + strconv.Itoa(a.Int("TTLHigh"))
		}
		e.Options = append(e.Options, v)
	}
	if v := a.String("time-range"); v != "" {
		e.Options = append(e.Options, "time-range "+v)
	}
	if v := a.String("Log"); v != "" {
		e.Options = append(e.Options, v)
	}
	return e
}

// icmpOption is the ICMP message, by name where it has one.
func icmpOption(a grammar.Args) string {
	if v := a.String("ICMP"); v != "" || !a.Has("ICMPType") {
		return v
	}
	number := [2]int{a.Int("ICMPType"), -1}
	if a.Has("ICMPCode") {
		number[1] = a.Int("ICMPCode")
	}
	for name, n := range icmpMessages {
		if n == number {
			return name
		}
	}
	if number[1] < 0 {
		return strconv.Itoa(number[0])
	}
	return fmt.Sprintf("%d %d", number[0], number[1])
}

func endpointOf(a grammar.Args, side string) runningconfig.Endpoint {
	e := runningconfig.Endpoint{Any: a.Bool(side + "Any"), Addr: address(a, side+"Addr"), Wildcard: address(a, side+"Wildcard"), PortOp: a.String(side + "Op")}
	switch w := e.Wildcard; {
	case e.Any:
	case !w.IsValid() || w == netip.IPv4Unspecified():
		e.Host, e.Wildcard = true, netip.Addr{}
	case w == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		e.Any, e.Addr, e.Wildcard = true, netip.Addr{}, netip.Addr{}
	default:
		e.Addr = masked(e.Addr, inverse(w))
	}
	for _, v := range list(a, side+"Ports") {
		if p := uint16(v.(int)); !slices.Contains(e.Ports, p) {
			e.Ports = append(e.Ports, p)
		}
	}
	switch e.PortOp {
	case "gt", "lt", "neq":
		e.Ports = []uint16{uint16(a.Int(side + "Low"))}
	case "range":
		e.Ports = []uint16{uint16(a.Int(side + "Low")), uint16(a.Int(side + "High"))}
		slices.Sort(e.Ports)
	}
	return e
}

// entryArgs is the way back, for printing; the sequence number is not printed.
func entryArgs(e runningconfig.ACE, extended bool) grammar.Args {
	if e.Remark != "" {
		return grammar.Args{"Remark": e.Remark}
	}
	a := grammar.Args{"Permit": e.Permit}
	if !extended {
		endpointArgs(e.Src, "Src", a)
		delete(a, "SrcHost")
		if len(e.Options) > 0 {
			a["Log"] = "log"
		}
		return a
	}
	a["Protocol"] = e.Protocol
	endpointArgs(e.Src, "Src", a)
	endpointArgs(e.Dst, "Dst", a)
	for _, o := range e.Options {
		word, value, valued := strings.Cut(o, " ")
		first, err := strconv.Atoi(word)
		switch {
		case err == nil && e.Protocol == "igmp":
			a["IGMPType"] = first
		case err == nil:
			a["ICMPType"] = first
			if code, err := strconv.Atoi(value); err == nil {
				a["ICMPCode"] = code
			}
		case word == "ttl":
			for i, f := range strings.Fields(value) {
				if n, err := strconv.Atoi(f); err == nil {
					a[[]string{"TTL", "TTLLow", "TTLHigh"}[i]] = n
				} else {
					a["TTL"] = f
				}
			}
		case valued:
			a[word] = value
		case word == "log" || word == "log-input":
			a["Log"] = word
		case word == "fragments":
			a[word] = true
		case e.Protocol == "igmp":
			a["IGMP"] = word
		case e.Protocol == "icmp":
			a["ICMP"] = word
		default:
			a["TCP"+word] = true
		}
	}
	return a
}

func endpointArgs(e runningconfig.Endpoint, side string, a grammar.Args) {
	switch {
	case e.Any:
		a[side+"Any"] = true
	case e.Host || !e.Wildcard.IsValid():
		a[side+"Host"], a[side+"Addr"] = true, e.Addr
	default:
		a[side+"Addr"], a[side+"Wildcard"] = e.Addr, e.Wildcard
	}
	if e.PortOp == "" || len(e.Ports) == 0 {
		return
	}
	a[side+"Op"] = e.PortOp
	if e.PortOp == "eq" {
		var all []any
		for _, p := range e.Ports {
			all = append(all, int(p))
		}
		a[side+"Ports"] = all
		return
	}
	a[side+"Low"] = int(e.Ports[0])
	if len(e.Ports) > 1 {
		a[side+"High"] = int(e.Ports[1])
	}
}
