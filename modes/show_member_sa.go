package modes

import (
	"fmt"
	"slices"
	"strings"

	"coterie/cli/grammar"
	"coterie/cli/show"
	"coterie/gdoi/member"
	"coterie/gdoi/policy"
	runningconfig "coterie/running-config"
	"coterie/xfrm"
)

// showMember declares what a member shows of its sender IDs, its clock and its
// crypto maps.
func (x *execCommands) showMember() {
	gm := func(words ...grammar.Node) grammar.Node {
		return append(grammar.Seq{kwCrypto, kwGDOI, grammar.Kw("gm", "Group member information")}, words...)
	}
	identifier := grammar.Kw("identifier", "Sender identifiers of counter modes")
	x.show(userLevel, gm(identifier), func(v View, _ grammar.Args, d *show.Doc) error { return showGMIdentifier(v, d, false) })
	x.show(userLevel, gm(identifier, grammar.Kw("detail", "Detailed information")),
		func(v View, _ grammar.Args, d *show.Doc) error { return showGMIdentifier(v, d, true) })
	x.show(userLevel, gm(grammar.Kw("replay", "Time-based anti-replay")), showGMReplay)
	x.show(userLevel, grammar.Seq{kwCrypto, grammar.Kw("map", "Crypto maps"), grammar.Kw("gdoi", "Crypto maps of GDOI"),
		grammar.Kw("fail-close", "Crypto maps in fail-close mode"), grammar.Opt{Node: grammar.Arg("Name", grammar.Word(), "Crypto map tag").From(cryptoMapNames)}}, showFailClose)
}

// counting says whether a member's TEKs are of a counter mode.
func counting(m member.Snapshot) bool {
	return slices.ContainsFunc(m.TEKs, func(t member.TEKSnapshot) bool { return t.Transform.CounterMode() })
}

// showGMIdentifier is `show crypto gdoi gm identifier [detail]`.
func showGMIdentifier(v View, d *show.Doc, detail bool) error {
	members := v.Members()
	d.Data = members
	for i, m := range members {
		if i > 0 {
			d.Blank()
			d.Blank()
			if detail {
				d.Blank()
			}
		}
		mode := "Non-Counter (Non-Suite-B)"
		if counting(m) {
			mode = "Counter (Suite-B)"
		}
		d.Line("GM Sender ID (SID) Information for Group %s:", m.Config.Key.Name)
		d.Blank()
		d.Line("  Group Member: %-15s  vrf: %s", source(m.Config.Key.Source), vrfName(m.Config.Key.VRF))
		d.Line("    %-32s: %s", "Transform Mode", mode)
		d.Line("    %-32s: %d", "# of SIDs Last Requested", m.SenderIDsRequested)
		d.Blank()
		if len(m.SenderIDs.Values) == 0 {
			d.Line("    CURRENT SIDs: None")
		} else {
			var list []string
			for _, id := range m.SenderIDs.Values {
				list = append(list, fmt.Sprintf("0x%X", id))
			}
			d.Line("    CURRENT SIDs:")
			d.Line("      %-30s: Yes", "Shared Across Interfaces?")
			d.Line("      %-30s: %s", "SIDs", strings.Join(list, ", "))
		}
		if !detail {
			continue
		}
		d.Blank()
		d.Line("    NEXT SID REQUEST:")
		var life int64
		for _, t := range m.TEKs {
			if life = seconds(t.Remaining); t.Outbound {
				break
			}
		}
		d.Line("      %-30s: %d sec", "TEK Lifetime", life)
		d.Line("      %-30s: %s", "SID Length (Group Size)", groupSize(m.SenderIDs.Bits))
	}
	return nil
}

// groupSize names the width of sender IDs; a member that has none expects the
// width of a medium group.
func groupSize(bits uint8) string {
	switch bits {
	case 8, 12, 16:
		return fmt.Sprintf("%d bits (SMALL)", bits)
	case 32:
		return "32 bits (LARGE)"
	case 0, 24:
		return "24 bits (MEDIUM)"
	}
	return fmt.Sprintf("%d bits", bits)
}

// showGMReplay is `show crypto gdoi gm replay`.
func showGMReplay(v View, _ grammar.Args, d *show.Doc) error {
	members, plane := v.Members(), v.Dataplane()
	d.Data = members
	for _, m := range members {
		d.Line("Anti-replay Information For Group %s:", m.Config.Key.Name)
		d.Line("Timebased Replay:")
		if !slices.ContainsFunc(m.TEKs, func(t member.TEKSnapshot) bool { return t.Replay.Method == policy.ReplayTime }) {
			d.Line("         is not enabled")
			d.Line(" ")
			continue
		}
		g, _ := installed(plane, m.Config.Key)
		c := g.Counters
		d.Line("Replay Value : %s secs", pseudotime(m.Pseudotime))
		d.Line("Input Packets : %d Output Packets : %d", c.ReplayRcv+c.ReplayFail, c.ReplaySend)
		d.Line("Input Error Packets : %d Output Error Packets : %d", c.ReplayFail, 0)
		d.Line("Time Sync Error : %d Max time delta : %.2f secs", c.TimeSyncErr, c.MaxTimeDelta.Seconds())
		d.Line(" ")
		d.Line(" ")
		d.Line("TBAR Error History (sampled at 10pak/min):")
		if c.ReplayFail == 0 {
			d.Line("    No TBAR errors detected")
		} else {
			d.Line("    %d TBAR errors detected", c.ReplayFail)
		}
		d.Line(" ")
	}
	return nil
}

// pseudotime is a pseudotime in seconds, to hundredths.
func pseudotime(t xfrm.Pseudotime) string { return fmt.Sprintf("%d.%02d", t/1000, t%1000/10) }

// showFailClose is `show crypto map gdoi fail-close [M]`.
func showFailClose(v View, a grammar.Args, d *show.Doc) error {
	var maps []*runningconfig.CryptoMap
	for _, m := range v.Config().CryptoMaps {
		if m.FailClose != nil && (a.String("Name") == "" || a.String("Name") == m.Name) {
			maps = append(maps, m)
		}
	}
	d.Data = maps
	for _, m := range maps {
		activate := "no"
		if m.FailClose.Activate {
			activate = "yes"
		}
		d.Line("Crypto Map: %q", m.Name)
		d.Line("    Activate: %s", activate)
		d.Line("    Fail-Close Access-List: (Deny = Forward In Clear, Permit = Drop)")
		for _, p := range v.Dataplane().Interfaces {
			if p.MapName != m.Name || p.FailClose == nil {
				continue
			}
			for _, e := range p.FailClose.Exempt {
				d.Line("        access-list %s %s", p.FailClose.ACL, aceText(e))
			}
			break
		}
	}
	return nil
}
