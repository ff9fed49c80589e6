package modes

import (
	"fmt"
	"strings"

	"coterie/cli/grammar"
	"coterie/cli/show"
	"coterie/gdoi/keyserver"
	"coterie/gdoi/policy"
)

// A feature is one that `show crypto gdoi feature` asks for: the GET VPN
// version that brought it, and whether this program has it, whose version is
// that of the screens it follows.
type feature struct {
	word, help string
	since      string
	here       bool
}

var features = []feature{
	{"ckm", "Pair-wise keying", "1.0.17", false},
	{"crl-check", "Re-authentication on a new CRL", "1.0.8", true},
	{"cts-sgt", "Security group tags", "1.0.5", false},
	{"dp-recovery", "Recovery from errors of the data plane", "1.0.8", true},
	{"gdoi-interop-ack", "Interoperable acknowledgement of rekeys", "1.0.11", true},
	{"gdoi-mib", "GDOI MIB", "1.0.3", false},
	{"gikev2", "G-IKEv2", "1.0.11", false},
	{"gm-removal", "Removal of group members", "1.0.2", true},
	{"ip-d3p", "IP delivery delay detection", "1.0.11", false},
	{"ipv6-crypto-path", "Groups of IPv6", "1.0.3", false},
	{"long-sa-lifetime", "Lifetimes of more than a day", "1.0.8", true},
	{"pfs", "Perfect forward secrecy", "1.0.26", false},
	{"policy-replace", "Replacement of the policy by a rekey", "1.0.2", true},
	{"suite-b", "Suite B: counter modes and sender identifiers", "1.0.4", true},
}

// showFeature declares `show crypto gdoi feature [F]`.
func (x *execCommands) showFeature() {
	word := grammar.Kw("feature", "Which devices support a feature")
	line := func(n ...grammar.Node) grammar.Node { return append(grammar.Seq{kwCrypto, kwGDOI, word}, n...) }
	x.show(userLevel, line(), func(v View, _ grammar.Args, d *show.Doc) error { return featureTable(v, d, feature{here: true}) })
	for _, f := range features {
		x.show(userLevel, line(grammar.Kw(f.word, f.help)), func(v View, _ grammar.Args, d *show.Doc) error { return featureTable(v, d, f) })
	}
}

// featureTable is the key server and every member, each with its version.
func featureTable(v View, d *show.Doc, f feature) error {
	s := v.KeyServer()
	d.Data = s
	row := func(address any, version string, supported bool) {
		answer := "No"
		if supported {
			answer = "Yes"
		}
		d.Line("        %v          %s         %s", address, version, answer)
	}
	for _, g := range s.Groups {
		d.Line("Group Name: %s", g.Config.Name)
		d.Line("    Key Server ID       Version   Feature Supported")
		row(source(g.Config.Address), policy.Version, f.here)
		d.Blank()
		d.Line("    Group Member ID     Version   Feature Supported")
		members(g).Ascend(func(m keyserver.MemberSnapshot) bool {
			row(m.Address, m.Version, f.supported(m))
			return true
		})
		d.Blank()
	}
	return nil
}

// supported tells whether a member has the feature: one of ours what this
// program has, another what its version brings. A peer that tells no version
// has none.
func (f feature) supported(m keyserver.MemberSnapshot) bool {
	switch {
	case m.Foreign || m.Version == "" || m.Version == "unknown":
		return false
	case m.Version == policy.Version:
		return f.here
	}
	return atLeast(m.Version, f.since)
}

// atLeast compares versions of three numbers; what is not one is older.
func atLeast(version, since string) bool {
	parse := func(s string) (n [3]int, ok bool) {
		k, err := fmt.Sscanf(strings.TrimSpace(s), "%d.%d.%d", &n[0], &n[1], &n[2])
		return n, err == nil && k == 3
	}
	a, ok := parse(version)
	b, _ := parse(since)
	if !ok {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return a[i] > b[i]
		}
	}
	return true
}
