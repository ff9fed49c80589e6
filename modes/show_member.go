package modes

import (
	"cmp"
	"fmt"
	"net/netip"

	"coterie/cli/grammar"
	"coterie/cli/show"
	"coterie/gdoi/member"
	"coterie/gdoi/policy"
	runningconfig "coterie/running-config"
)

func configuredIdentity(g *runningconfig.Group) string {
	if g.Identity.Address.IsValid() {
		return g.Identity.Address.String()
	}
	return fmt.Sprint(g.Identity.Number)
}

func vrfName(v string) string {
	if v == "" {
		return "None"
	}
	return v
}

// joinedGroup is the member's block of `show crypto gdoi`.
func joinedGroup(v View, d *show.Doc, m member.Snapshot) {
	c := m.Config
	d.Pair(4, groupWidth, "Group Name", c.Key.Name)
	d.Pair(4, groupWidth, "Group Identity", identity(c.ID))
	d.Pair(4, groupWidth, "Group Type", "GDOI (ISAKMP)")
	d.Pair(4, groupWidth, "Crypto Path", "ipv4")
	d.Pair(4, groupWidth, "Key Management Path", "ipv4")
	d.Pair(4, groupWidth, "Rekeys received", m.RekeysReceived)
	d.Pair(4, groupWidth, "IPSec SA Direction", direction(m.Direction))
	d.Blank()
	for i, s := range c.Servers {
		serverLine(d, i, s.String())
	}
	if len(c.Servers) > 0 {
		d.Blank()
	}
	memberBlock(v, d, m)
	d.Blank()
	d.Pair(7, 22, "allowable rekey cipher", words(spelled(c.RekeyCiphers), "any"))
	d.Pair(7, 22, "allowable rekey hash", words(spelled(c.RekeyHashes), "any"))
	d.Pair(7, 22, "allowable transformtag", words(spelled(c.Transforms), "any ESP"))
	d.Blank()
	d.Line("    Rekeys cumulative")
	d.Pair(7, 22, "Total received", m.RekeysReceived)
	d.Pair(7, 22, "After latest register", m.RekeysAfterRegistration)
	if multicast(m) {
		rekeyReceived(d, m)
	} else {
		d.Pair(7, 22, "Rekey Acks sents", m.AcksSent)
	}
	d.Blank()
	if downloadedACL(d, m) {
		d.Blank()
	}
	if m.HasKEK {
		d.Line("KEK POLICY:")
		k := m.KEK
		d.Pair(4, groupWidth, "Rekey Transport Type", transport(k.Unicast))
		d.Pair(4, groupWidth, "Lifetime (secs)", seconds(k.Remaining))
		d.Pair(4, groupWidth, "Encrypt Algorithm", kekAlgorithm(k.Cipher))
		d.Pair(4, groupWidth, "Key Size", 8*k.Cipher.KeyLen())
		d.Pair(4, groupWidth, "Sig Hash Algorithm", k.SigHash.SigName())
		d.Pair(4, groupWidth, "Sig Key Length (bits)", 8*k.SigKeyLength)
		d.Blank()
	}
	d.Line("TEK POLICY for the current KS-Policy ACEs Downloaded:")
	for _, i := range c.Interfaces {
		d.Line("  %s:", i)
		for _, t := range m.TEKs {
			cipher, auth := t.Transform.Keys()
			d.Line("    IPsec SA:")
			d.Line("        spi: 0x%X(%d)", t.SPI, t.SPI)
			d.Line("        transform: %v", t.Transform)
			d.Line("        sa timing:remaining key lifetime (sec): (%d)", seconds(t.Remaining))
			d.Line("        %s", replayLine(t.Replay))
			d.Line("        tag method : disabled")
			d.Line("        alg key size: %d (bytes)", cipher)
			d.Line("        sig key size: %d (bytes)", auth)
			if t.Transport {
				d.Line("        encaps: ENCAPS_TRANSPORT")
			} else {
				d.Line("        encaps: ENCAPS_TUNNEL")
			}
			d.Blank()
		}
	}
	d.Blank()
	d.Line("KGS POLICY:")
	d.Line("  REG_GM: local_addr %s", source(c.Key.Source))
	d.Blank()
	d.Line("P2P POLICY:")
	d.Line("  REG_GM: local_addr %s", source(c.Key.Source))
}

// multicast tells that rekeys are known to come by multicast.
func multicast(m member.Snapshot) bool { return m.HasKEK && !m.KEK.Unicast }

// downloadedFrom is the key server that the present policy came from. While a
// member registers anew, its Server is the one it is trying.
func downloadedFrom(m member.Snapshot) netip.Addr {
	if m.Status != "Registered" && m.HasKEK && m.KEK.Src.IsValid() {
		return m.KEK.Src
	}
	return m.Server
}

// downloadedACL prints the policy of the key server, if there is any.
func downloadedACL(d *show.Doc, m member.Snapshot) bool {
	from := downloadedFrom(m)
	if !from.IsValid() || len(m.TEKs) == 0 {
		return false
	}
	d.Line(" ACL Downloaded From KS %v:", from)
	for _, a := range m.ACEs {
		d.Line("   access-list   %s", aceText(a))
	}
	return true
}

func rekeyReceived(d *show.Doc, m member.Snapshot) {
	if m.LastRekeyAt.IsZero() {
		d.Pair(7, 22, "Rekey Received", "never")
	} else {
		d.Pair(7, 22, "Rekey Rcvd(hh:mm:ss)", hms(m.At.Sub(m.LastRekeyAt)))
	}
}

func spelled[T fmt.Stringer](list []T) []string {
	var out []string
	for _, v := range list {
		out = append(out, v.String())
	}
	return out
}

// memberBlock is `Group Member Information For Group G:`, shared by
// `show crypto gdoi` and `show crypto gdoi gm`.
func memberBlock(v View, d *show.Doc, m member.Snapshot) {
	c := m.Config
	d.Line("Group Member Information For Group %s:", c.Key.Name)
	d.Pair(4, groupWidth, "IPSec SA Direction", direction(m.Direction))
	d.Pair(4, groupWidth, "ACL Received From KS", "gdoi_group_"+c.Key.Name+"_temp_acl")
	d.Blank()
	d.Line("    Group member             : %-15v vrf: %s", source(c.Key.Source), vrfName(c.Key.VRF))
	remote := m.Server
	if !remote.IsValid() && len(c.Servers) > 0 {
		remote = c.Servers[0]
	}
	row := func(label string, value any) { d.Pair(7, 22, label, value) }
	port := cmp.Or(c.Port, 848)
	row("Local addr/port", fmt.Sprintf("%v/%d", source(c.Key.Source), port))
	row("Remote addr/port", fmt.Sprintf("%v/%d", source(remote), port))
	row("fvrf/ivrf", vrfName(c.VRF)+"/"+vrfName(c.Key.VRF))
	row("Version", policy.Version)
	row("Registration status", cmp.Or(m.Status, "Not Registered"))
	switch m.Status {
	case "Registered":
		row("Registered with", source(m.Server))
		row("Re-registers in", fmt.Sprintf("%d sec", seconds(m.ReRegistersIn)))
	case "Registering":
		row("Registering to", source(remote))
	}
	row("Succeeded registration", m.Succeeded)
	row("Attempted registration", m.Attempted)
	row("Last rekey from", source(m.LastRekeyFrom))
	row("Last rekey seq num", m.LastRekeySeq)
	if multicast(m) {
		row("Multicast rekey rcvd", m.RekeysReceived)
	} else {
		row("Unicast rekey received", m.RekeysReceived)
		row("Rekey ACKs sent", m.AcksSent)
		rekeyReceived(d, m)
	}
	row("PFS Rekey received", 0)
	monitoring := "OFF"
	if c.RecoveryCheck > 0 {
		monitoring = "ON"
	}
	row("DP Error Monitoring", monitoring)
	d.Pair(7, 27, "IPSEC init reg executed", m.Recoveries)
	d.Pair(7, 27, "IPSEC init reg postponed", m.RecoveriesPostponed)
	row("Active TEK Number", len(m.TEKs))
	row("SA Track (OID/status)", "disabled")
	revert := "Disabled"
	for _, g := range v.Config().Groups {
		if g.Name == c.Key.Name && g.FailCloseRevert {
			revert = "Enabled"
		}
	}
	d.Line("       Fail-Close Revert : %s", revert)
}

// source is an address as IOS prints it before there is one.
func source(a netip.Addr) string {
	if !a.IsValid() {
		return "0.0.0.0"
	}
	return a.String()
}

func showGM(v View, _ grammar.Args, d *show.Doc) error {
	members := v.Members()
	d.Data = members
	for i, m := range members {
		if i > 0 {
			d.Blank()
		}
		memberBlock(v, d, m)
	}
	return nil
}

// showGMACL is `show crypto gdoi gm acl [download|local]`.
func showGMACL(v View, d *show.Doc, download, local bool) error {
	members := v.Members()
	d.Data = members
	policies := v.Dataplane().Interfaces
	for _, m := range members {
		d.Line("Group Name: %s", m.Config.Key.Name)
		if download {
			downloadedACL(d, m)
		}
		if !local {
			continue
		}
		d.Line(" ACL Configured Locally: ")
		for _, p := range policies {
			for _, e := range p.Entries {
				if e.Group != m.Config.Key || len(e.Local) == 0 {
					continue
				}
				d.Line("  Map Name: %s", p.MapName)
				for _, a := range e.Local {
					d.Line("   access-list %s  %s", localACL(v, p.MapName, e.Sequence), aceText(a))
				}
			}
		}
	}
	return nil
}

// localACL is the name of a crypto map entry's access list.
func localACL(v View, name string, sequence int) string {
	for _, m := range v.Config().CryptoMaps {
		if m.Name != name {
			continue
		}
		for _, e := range m.Entries {
			if e.Sequence == sequence {
				return e.ACL
			}
		}
	}
	return ""
}

// showDataplane is `show crypto gdoi gm dataplane counters`.
func showDataplane(v View, _ grammar.Args, d *show.Doc) error {
	groups := v.Dataplane().Groups
	d.Data = groups
	for _, m := range v.Members() {
		d.Blank()
		d.Line("Data-plane statistics for group %s:", m.Config.Key.Name)
		var s dataCounters
		for _, g := range groups {
			if g.Key == m.Config.Key {
				s = dataCounters(g.Counters)
			}
		}
		s.rows(d)
	}
	return nil
}

// showGDOIIPsecSA is `show crypto gdoi ipsec sa`.
func showGDOIIPsecSA(v View, _ grammar.Args, d *show.Doc) error {
	members := v.Members()
	d.Data = members
	for _, m := range members {
		if len(m.TEKs) == 0 {
			continue
		}
		method := fmt.Sprintf("Counter/%d", m.TEKs[0].Replay.CounterWindow)
		switch r := m.TEKs[0].Replay; r.Method {
		case policy.ReplayTime:
			method = fmt.Sprintf("Time/%d sec", int(r.TimeWindow.Seconds()))
		case policy.ReplayNone:
			method = "Disabled"
		}
		d.Line("SA created for group %s:", m.Config.Key.Name)
		for _, i := range m.Config.Interfaces {
			d.Line("  %s:", i)
		}
		for _, a := range m.ACEs {
			d.Line("    protocol = %s", protocolName(a.Protocol))
			d.Line("      local ident  = %s, port = %d", ident(a.Src.Addr, a.Src.Mask), a.Src.Ports.Lo)
			d.Line("      remote ident = %s, port = %d", ident(a.Dst.Addr, a.Dst.Mask), a.Dst.Ports.Lo)
			d.Line("      direction: %s, replay(method/window): %s", direction(m.Direction), method)
		}
		d.Blank()
	}
	return nil
}

// ident is an address of `show crypto gdoi ipsec sa`: ANY, a host, or a prefix.
func ident(addr, mask netip.Addr) string {
	if !addr.IsValid() {
		return "ANY"
	}
	if bits := maskBits(mask); bits < 32 {
		return fmt.Sprintf("%v/%d", addr, bits)
	}
	return addr.String()
}

func maskBits(mask netip.Addr) int {
	n := 0
	for _, b := range mask.AsSlice() {
		for ; b&0x80 != 0; b <<= 1 {
			n++
		}
	}
	return n
}
