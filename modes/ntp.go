package modes

import "coterie/cli/grammar"

// ntp is `ntp`: the clock of this device is that of its host, so all of it is
// stored.
func (b *builder) ntp() []*grammar.Command {
	word := grammar.Kw("ntp", "Configure NTP")
	associate := func(kind, help string) *grammar.Command {
		return store(frame, 0, grammar.Seq{word, grammar.Kw(kind, help), grammar.Opt{Node: inVRF("VRF", "VPN Routing/Forwarding Information")},
			grammar.Arg("Host", grammar.HostOrAddress(), "IP address or hostname of peer"), grammar.OptionalUnderNo{Node: grammar.AnyOrder{
				grammar.Seq{grammar.Kw("version", "Configure NTP version"), grammar.Arg("Version", grammar.Int(1, 4), "NTP version number")},
				grammar.Seq{grammar.Kw("key", "Configure peer authentication key"), grammar.Arg("Key", grammar.Uint32(1, 4294967295), "Peer key number")},
				grammar.Seq{grammar.Kw("minpoll", "Minimum poll interval"), grammar.Arg("Minpoll", grammar.Int(4, 17), "Poll value in Log2")},
				grammar.Seq{grammar.Kw("maxpoll", "Maximum poll interval"), grammar.Arg("Maxpoll", grammar.Int(4, 17), "Poll value in Log2")},
				grammar.Seq{grammar.Kw("source", "Interface for source address"), interfaceWord("Source", "Interface name")},
				mark("prefer", "Prefer this peer when possible"), mark("iburst", "Send a burst when peer is unreachable"),
				mark("burst", "Send a burst when peer is reachable"),
			}}}, "VRF", "Host")
	}
	one := func(w, help string, n ...grammar.Node) *grammar.Command {
		return store(frame, single, append(grammar.Seq{word, grammar.Kw(w, help)}, n...))
	}
	return []*grammar.Command{
		store(frame, single|both, grammar.Seq{word, grammar.Kw("logging", "Enable NTP message logging")}),
		store(frame, 0, grammar.Seq{word, grammar.Kw("authentication-key", "Authentication key for trusted time sources"),
			grammar.Arg("Number", grammar.Uint32(1, 4294967295), "Key number"), grammar.OptionalUnderNo{Node: grammar.Seq{
				grammar.Kw("md5", "MD5 authentication"), grammar.Arg("Key", grammar.Word(), "Authentication key"),
				grammar.Opt{Node: grammar.Arg("Type", grammar.Int(0, 7), "Authentication key encryption type")}}}}, "Number"),
		one("authenticate", "Authenticate time sources"),
		store(frame, 0, grammar.Seq{word, grammar.Kw("trusted-key", "Key numbers for trusted time sources"), grammar.Arg("", grammar.Uint32(1, 4294967295), "Key number")}),
		one("source", "Configure interface for source address", interfaceWord("", "Interface name")),
		store(frame, 0, grammar.Seq{word, grammar.Kw("access-group", "Control NTP access"), choice("Kind", "peer", "Provide full access", "query-only", "Allow only control queries",
			"serve", "Provide server and query access", "serve-only", "Provide only server access"),
			grammar.OptionalUnderNo{Node: grammar.Arg("ACL", grammar.Word(), "Access list").From(accessListNames)}}, "Kind"),
		one("master", "Act as NTP master clock", grammar.Opt{Node: grammar.Arg("", grammar.Int(1, 15), "Stratum number")}),
		one("update-calendar", "Configure NTP to update the calendar"),
		associate("peer", "Configure NTP peer"),
		associate("server", "Configure NTP server"),
	}
}
