package modes

import (
	"coterie/cli/grammar"
)

// keeping says how a line without an engine is kept.
type keeping uint8

const (
	single   keeping = 1 << iota // one line, replaced by the next
	bare                         // nothing follows the words
	defaults                     // the default is on: `no` is printed
	both                         // `no` is printed when there was nothing to remove
	effect                       // not without effect after all, so nothing is said
)

// wordHelp is the help of words that begin several kept lines.
var wordHelp = map[string]string{
	"aaa":                  "Authentication, Authorization and Accounting",
	"address-family":       "Enter Address Family command mode",
	"address":              "Set the IP address of an interface",
	"authorization":        "GDOI group member authorization",
	"boot":                 "Modify system boot parameters",
	"ca":                   "Specify certificate authority parameters",
	"cdp":                  "CDP interface subcommands",
	"client":               "Set the group client parameters",
	"clock":                "Configure time-of-day clock",
	"crl":                  "Certificate revocation list parameters",
	"crypto":               kwCrypto.Help,
	"cts":                  "Configure Cisco Trusted Security",
	"database":             "Certificate Server database parameters",
	"domain":               "IP DNS Resolver",
	"enable":               "Modify enable password parameters",
	"ethernet":             "Ethernet configuration",
	"file":                 "Adjust file system parameters",
	"forward-protocol":     "Controls forwarding of physical and directed IP broadcasts",
	"http":                 "HTTP server configuration",
	"igmp":                 "IGMP interface commands",
	"ip":                   "Global IP configuration subcommands",
	"ipv6":                 "Global IPv6 configuration commands",
	"isakmp":               kwISAKMP.Help,
	"logging":              "Modify message logging facilities",
	"login":                "Enable secure login checking",
	"lifetime":             "Lifetime parameters",
	"mgcp":                 "Enable Media Gateway Control Protocol",
	"lldp":                 "LLDP subcommands",
	"monitor":              "Monitoring different system events",
	"event-trace":          "Tracing of system events",
	"mop":                  "DEC MOP server commands",
	"multilink":            "PPP multilink global configuration",
	"nat":                  "NAT configuration commands",
	"nhrp":                 "NHRP interface subcommands",
	"no":                   "Negate a command or set its defaults",
	"ocsp":                 "OCSP parameters",
	"password":             "Configure encryption password (key)",
	"pim":                  "PIM interface commands",
	"policy":               "CTS policy for manual mode",
	"propagate":            "CTS SGT Propagation configuration for manual mode",
	"qos":                  "QoS interface configuration commands",
	"platform":             "Platform specific configuration",
	"registration":         "Registration parameters",
	"router":               "Enable a routing process",
	"sa":                   "Security association",
	"security-association": "Security association parameters",
	"serial":               "Serial interface commands",
	"set":                  "Set values for encryption/decryption",
	"snmp":                 "Modify SNMP interface parameters",
	"source":               "Source of requests",
	"transport":            "Define transport protocols for line",
	"vrf":                  "VRF commands",
	"tunnel":               "Protocol-over-protocol tunneling",
}

// keep declares a line without an engine: it is stored as typed after its
// words, and printed back. No kept line may begin with the words of another.
func keep[C any](field func(*C) *[]string, words, help string, how keeping) *grammar.Command {
	syntax := keywords(words, help)
	if how&bare == 0 {
		syntax = append(syntax, grammar.Opt{Node: grammar.Arg("Rest", grammar.Rest(), help)})
	}
	no := removes
	switch {
	case how&defaults != 0:
		no = stays
	case how&both != 0:
		no = either
	}
	return &grammar.Command{
		Syntax:   syntax,
		Bind:     keptLines(field, words, how&single != 0, no),
		Switch:   no != removes,
		NoEffect: how&effect == 0,
	}
}
