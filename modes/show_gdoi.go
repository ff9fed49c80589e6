package modes

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"coterie/cli/grammar"
	"coterie/cli/show"
	"coterie/crypto/suite"
	"coterie/gdoi/keyserver"
	"coterie/gdoi/member"
	"coterie/gdoi/policy"
	runningconfig "coterie/running-config"
	"coterie/xfrm"
)

// groupWidth is the label column of `show crypto gdoi` blocks: indent 4, then
// 25 characters before the colon.
const groupWidth = 25

// showGDOI declares `show crypto {gdoi|gkm} ...`.
func (x *execCommands) showGDOI() {
	gdoi := func(words ...grammar.Node) grammar.Node { return append(grammar.Seq{kwCrypto, kwGDOI}, words...) }
	ks := grammar.Kw("ks", "Key server information")
	gm := grammar.Kw("gm", "Group member information")
	rekey := grammar.Kw("rekey", "Rekey information")
	detail := grammar.Opt{Node: grammar.Kw("detail", "Detailed information")}
	acl := grammar.Kw("acl", "Access lists")

	x.show(userLevel, gdoi(detail), func(v View, _ grammar.Args, d *show.Doc) error { return gdoiAll(v, d, "") })
	x.show(userLevel, gdoi(grammar.Kw("group", "Name of the group"), grammar.Arg("Group", grammar.Word(), "Group name").From(groupNames)),
		func(v View, a grammar.Args, d *show.Doc) error { return gdoiAll(v, d, a.String("Group")) })
	x.show(userLevel, gdoi(gm), showGM)
	x.show(userLevel, gdoi(gm, acl), func(v View, _ grammar.Args, d *show.Doc) error { return showGMACL(v, d, true, true) })
	x.show(userLevel, gdoi(gm, acl, grammar.Kw("download", "Access list downloaded from the key server")),
		func(v View, _ grammar.Args, d *show.Doc) error { return showGMACL(v, d, true, false) })
	x.show(userLevel, gdoi(gm, acl, grammar.Kw("local", "Access list configured locally")),
		func(v View, _ grammar.Args, d *show.Doc) error { return showGMACL(v, d, false, true) })
	x.show(userLevel, gdoi(gm, rekey, detail), showGMRekey)
	x.show(userLevel, gdoi(gm, grammar.Kw("dataplane", "Data plane information"), grammar.Kw("counters", "Data plane counters")), showDataplane)
	x.show(userLevel, gdoi(gm, grammar.Kw("pubkey", "Public key received from the key server")), showGMPubkey)
	x.show(userLevel, gdoi(ks, detail), showKS)
	x.show(userLevel, gdoi(ks, acl), showKSACL)
	x.show(userLevel, gdoi(ks, grammar.Kw("members", "Registered group members")),
		func(v View, _ grammar.Args, d *show.Doc) error { return showKSMembers(v, d, netip.Addr{}) })
	x.show(userLevel, gdoi(ks, grammar.Kw("members", "Registered group members"), grammar.Arg("Member", grammar.IPv4(), "Address of a member")),
		func(v View, a grammar.Args, d *show.Doc) error {
			addr, _ := a["Member"].(netip.Addr)
			return showKSMembers(v, d, addr)
		})
	x.show(userLevel, gdoi(ks, grammar.Kw("members", "Registered group members"), grammar.Kw("summary", "Summary of members")), showKSMembersSummary)
	x.show(userLevel, gdoi(ks, grammar.Kw("policy", "Policies of the key server")), showKSPolicy)
	x.show(userLevel, gdoi(ks, rekey), showKSRekey)
	x.showDatabase()
	x.show(userLevel, gdoi(grammar.Kw("ipsec", "IPsec information"), grammar.Kw("sa", "Security associations")), showGDOIIPsecSA)
	x.show(userLevel, gdoi(rekey, grammar.Kw("sa", "Security associations")), showRekeySA)
	x.show(userLevel, gdoi(rekey, grammar.Kw("sa", "Security associations"), grammar.Kw("detail", "Detailed information")), showRekeySADetail)
}

// seconds is a remaining time in whole seconds, never negative.
func seconds(d time.Duration) int64 { return int64(max(d, 0) / time.Second) }

func identity(id policy.GroupID) string {
	if id.Address.IsValid() {
		return id.Address.String()
	}
	return fmt.Sprint(id.Number)
}

func direction(d xfrm.Direction) string {
	switch d {
	case xfrm.InboundOnly:
		return "Inbound Only"
	case xfrm.InboundOptional:
		return "Inbound Optional"
	}
	return "Both"
}

func transport(unicast bool) string {
	if unicast {
		return "Unicast"
	}
	return "Multicast"
}

// kekAlgorithm is the name of a KEK cipher without its key size.
func kekAlgorithm(c suite.Cipher) string {
	switch c {
	case suite.DES:
		return "DES"
	case suite.TripleDES:
		return "3DES"
	}
	return "AES"
}

// aceText prints an ACE as GDOI screens do: "deny udp any port = 848 any".
func aceText(a xfrm.ACE) string {
	action := "deny"
	if a.Permit {
		action = "permit"
	}
	return action + " " + protocolName(a.Protocol) + " " + matchText(a.Src) + " " + matchText(a.Dst)
}

func matchText(m xfrm.Match) string {
	text := "any"
	switch {
	case !m.Addr.IsValid():
	case m.Mask == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		text = "host " + m.Addr.String()
	default:
		b := m.Mask.As4()
		for i := range b {
			b[i] = ^b[i]
		}
		text = m.Addr.String() + " " + netip.AddrFrom4(b).String()
	}
	switch p := m.Ports; {
	case p == xfrm.PortRange{}:
	case p.Lo == p.Hi:
		text += fmt.Sprintf(" port = %d", p.Lo)
	default:
		text += fmt.Sprintf(" port range %d %d", p.Lo, p.Hi)
	}
	return text
}

var protocolNames = map[uint8]string{0: "ip", 1: "icmp", 2: "igmp", 4: "ipinip", 6: "tcp", 17: "udp", 47: "gre", 50: "esp", 51: "ahp", 88: "eigrp", 89: "ospf", 94: "nos", 103: "pim", 108: "pcp"}

func protocolName(p uint8) string {
	if n, ok := protocolNames[p]; ok {
		return n
	}
	return fmt.Sprint(p)
}

// gdoiAll is `show crypto gdoi [group NAME]`: what is served and what is
// joined. Without a name each group stands under a heading of its own.
func gdoiAll(v View, d *show.Doc, name string) error {
	ks, members := v.KeyServer(), v.Members()
	heading := func() {
		if name == "" {
			d.Line("GROUP INFORMATION")
			d.Blank()
		}
	}
	d.Data = struct {
		KeyServer keyserver.Snapshot
		Members   []member.Snapshot
	}{ks, members}
	found := false
	for _, g := range ks.Groups {
		if name == "" || g.Config.Name == name {
			found = true
			heading()
			servedGroup(d, g)
			d.Blank()
		}
	}
	for _, m := range members {
		if name == "" || m.Config.Key.Name == name {
			found = true
			heading()
			joinedGroup(v, d, m)
			d.Blank()
		}
	}
	for _, g := range v.Config().Groups {
		if served(ks, g.Name) || joined(members, g.Name) || name != "" && g.Name != name {
			continue
		}
		found = true
		heading()
		idleGroup(d, g)
		d.Blank()
	}
	switch {
	case !found && name != "":
		return fmt.Errorf("%% Group %s does not exist", name)
	case !found:
		heading()
	}
	return nil
}

// idleGroup is a group that is configured, and neither served nor attached to
// an interface.
func idleGroup(d *show.Doc, g *runningconfig.Group) {
	pair := func(label string, value any) { d.Pair(4, groupWidth, label, value) }
	pair("Group Name", g.Name)
	if g.Identity.Set {
		pair("Group Identity", configuredIdentity(g))
	}
	pair("Group Type", "GDOI (ISAKMP)")
	pair("Crypto Path", "ipv4")
	pair("Key Management Path", "ipv4")
	if g.Local != nil {
		d.Blank()
		serverLine(d, 0, "Local")
		return
	}
	pair("Rekeys received", 0)
	pair("IPSec SA Direction", "Both")
	d.Blank()
	for i, s := range g.Servers {
		if s.Address.IsValid() {
			serverLine(d, i, s.Address.String())
		} else {
			serverLine(d, i, s.Hostname)
		}
	}
}

func served(ks keyserver.Snapshot, name string) bool {
	return slices.ContainsFunc(ks.Groups, func(g keyserver.GroupSnapshot) bool { return g.Config.Name == name })
}

func joined(members []member.Snapshot, name string) bool {
	return slices.ContainsFunc(members, func(m member.Snapshot) bool { return m.Config.Key.Name == name })
}

// serverLine is one row of the `Group Server list`.
func serverLine(d *show.Doc, row int, text string) {
	if row == 0 {
		d.Line("     Group Server list       : %s", text)
	} else {
		d.Line("%31s%s", "", text)
	}
}

// replayLine is the anti-replay line of a TEK on a member.
func replayLine(r policy.Replay) string {
	switch r.Method {
	case policy.ReplayTime:
		return fmt.Sprintf("Anti-Replay(Time Based) : %d sec interval", r.TimeWindow/time.Second)
	case policy.ReplayCounter:
		return fmt.Sprintf("Anti-Replay(Counter Based) : %d", r.CounterWindow)
	}
	return "Anti-Replay : Disabled"
}

// hms is a span as hours, minutes and seconds.
func hms(d time.Duration) string {
	s := seconds(d)
	return fmt.Sprintf("%02d:%02d:%02d", s/3600, s/60%60, s%60)
}

func spi16(b [16]byte) string { return fmt.Sprintf("0x%X", b[:]) }

func words(list []string, none string) string {
	if len(list) == 0 {
		return none
	}
	return strings.Join(list, " ")
}
