package modes

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"coterie/cli/grammar"
	"coterie/cli/show"
	"coterie/crypto/isakmp"
	"coterie/crypto/keys"
	"coterie/crypto/suite"
	"coterie/gdoi/member"
	runningconfig "coterie/running-config"
	"coterie/xfrm"
)

// showCrypto declares `show crypto ...` beside GDOI.
func (x *execCommands) showCrypto() {
	crypto := func(words ...grammar.Node) grammar.Node { return append(grammar.Seq{kwCrypto}, words...) }
	ike := grammar.Kw("isakmp", "Show ISAKMP")
	x.show(userLevel, crypto(ike, grammar.Kw("sa", "Show ISAKMP Security Associations")), showISAKMPSA)
	x.show(userLevel, crypto(ike, grammar.Kw("sa", "Show ISAKMP Security Associations"), grammar.Kw("count", "Show SA counts")), showISAKMPCount)
	x.show(userLevel, crypto(ike, grammar.Kw("sa", "Show ISAKMP Security Associations"), grammar.Kw("detail", "Show ISAKMP SA Detail")), showISAKMPDetail)
	x.show(userLevel, crypto(ike, grammar.Kw("policy", "Show ISAKMP protection suite policy")), showISAKMPPolicy)
	x.show(privilegedLevel, crypto(ike, grammar.Kw("key", "Show ISAKMP preshared keys")), showISAKMPKey)
	x.show(userLevel, crypto(ike, grammar.Kw("peers", "Show ISAKMP peer structures"), grammar.Opt{Node: grammar.Arg("Peer", grammar.IPv4(), "IP address of the peer")}), showISAKMPPeers)
	x.show(userLevel, crypto(ike, grammar.Kw("profile", "Show ISAKMP profiles"), grammar.Opt{Node: grammar.Arg("Name", grammar.Word(), "Profile name").From(isakmpProfileNames)}), showISAKMPProfile)
	x.show(userLevel, crypto(grammar.Kw("ipsec", "Show IPSEC policy"), grammar.Kw("sa", "IPSEC SA table")), showIPsecSA)
	x.show(userLevel, crypto(grammar.Kw("ipsec", "Show IPSEC policy"), grammar.Kw("transform-set", "Crypto transform sets")), showTransformSets)
	x.show(userLevel, crypto(grammar.Kw("map", "Crypto maps")), showCryptoMap)
	mypubkey := grammar.Seq{grammar.Kw("key", "Show long term public keys"), grammar.Kw("mypubkey", "Show public keys associated with this router"),
		grammar.Kw("rsa", "Show RSA public keys"), grammar.Opt{Node: grammar.Arg("Label", grammar.Word(), "Key name")}}
	x.show(userLevel, crypto(mypubkey), showMypubkey)
	x.show(userLevel, crypto(grammar.Kw("session", "Show crypto sessions (tunnels)"), grammar.Opt{Node: grammar.Kw("detail", "Detailed information").Sets("Detail", true)}), showSession)
}

// ends orders an SA's addresses as IOS does: dst is the responder.
func ends(s isakmp.SASnapshot) (dst, src netip.Addr) {
	if s.Initiator {
		return s.Remote.Addr(), s.Local.Addr()
	}
	return s.Local.Addr(), s.Remote.Addr()
}

func showISAKMPSA(v View, _ grammar.Args, d *show.Doc) error {
	s := v.ISAKMP()
	members := v.Members()
	d.Data = s
	d.Line("IPv4 Crypto ISAKMP SA")
	d.Line("%-15s %-15s %-14s %-7s %s", "dst", "src", "state", "conn-id", "status")
	row := func(dst, src netip.Addr, state string, id uint32, status string) {
		d.Line("%-15v %-15v %-14s %7d %s", source(dst), source(src), state, id, status)
	}
	var rekeys []*member.KEKSnapshot
	for _, m := range members {
		rekeys = append(rekeys, keks(m)...)
	}
	slices.SortStableFunc(rekeys, func(a, b *member.KEKSnapshot) int { return cmp.Compare(b.ConnID, a.ConnID) }) // newest first
	for _, k := range rekeys {
		row(k.Dst, k.Src, "GDOI_REKEY", k.ConnID, "ACTIVE")
	}
	for _, sa := range slices.Backward(s.SAs) { // newest first
		dst, src := ends(sa)
		status := "ACTIVE"
		if sa.Deleted {
			status = "ACTIVE (deleted)"
		}
		row(dst, src, sa.State, uint32(sa.ID), status)
	}
	d.Blank()
	d.Line("IPv6 Crypto ISAKMP SA")
	d.Blank()
	return nil
}

// suiteNames are the long names of `show crypto isakmp policy`.
func cipherName(c suite.Cipher) string {
	switch c {
	case suite.DES:
		return "DES - Data Encryption Standard (56 bit keys)."
	case suite.TripleDES:
		return "Three key triple DES"
	}
	return fmt.Sprintf("AES - Advanced Encryption Standard (%d bit keys).", 8*c.KeyLen())
}

func hashName(h suite.Hash) string {
	switch h {
	case suite.MD5:
		return "Message Digest 5"
	case suite.SHA1:
		return "Secure Hash Standard"
	}
	return fmt.Sprintf("Secure Hash Standard 2 (%d bit)", 8*h.Size())
}

// groupBits is the size that IOS prints behind a group number.
var groupBits = map[suite.Group]int{1: 768, 2: 1024, 5: 1536, 14: 2048, 15: 3072, 16: 4096, 19: 256, 20: 384, 21: 521, 24: 2048}

func showISAKMPPolicy(v View, _ grammar.Args, d *show.Doc) error {
	s := v.ISAKMP()
	d.Data = s.Config.Policies
	d.Line("")
	d.Line("Global IKE policy")
	configured := v.Config().ISAKMP.Policies
	for _, p := range s.Config.Policies {
		d.Line("Protection suite of priority %d", p.Priority)
		d.Line("\tencryption algorithm:\t%s", cipherName(p.Cipher))
		d.Line("\thash algorithm:\t\t%s", hashName(p.Hash))
		d.Line("\tauthentication method:\t%s", authenticationName(configured, p.Priority))
		d.Line("\tDiffie-Hellman group:\t#%d (%d bit)", p.Group, groupBits[p.Group])
		d.Line("\tlifetime:\t\t%d seconds, no volume limit", seconds(p.Lifetime))
	}
	return nil
}

func authenticationName(configured []*runningconfig.ISAKMPPolicy, priority int) string {
	for _, p := range configured {
		if p.Priority != priority {
			continue
		}
		switch p.Authentication {
		case "pre-share":
			return "Pre-Shared Key"
		case "ecdsa-sig":
			return "Elliptic Curve Digital Signature"
		}
	}
	return "Rivest-Shamir-Adleman Signature"
}

// showISAKMPKey lists the peers that have a pre-shared key. The key itself is
// printed by show running-config alone.
func showISAKMPKey(v View, _ grammar.Args, d *show.Doc) error {
	d.Data = v.Config().ISAKMP.Keys // a key prints as <hidden> in any encoding
	d.Data = v.Config().ISAKMP.Keys
	d.Line("Keyring      Hostname/Address                            Preshared Key")
	d.Blank()
	rows := func(ring string, list []runningconfig.ISAKMPKey) {
		for _, k := range list {
			peer := k.Hostname
			switch {
			case peer != "":
			case k.IPv6.IsValid():
				peer = k.IPv6.String()
			default:
				peer = k.Address.String()
				if p := k.Prefix(); p.Bits() < 32 {
					peer = fmt.Sprintf("%-14v [%s]", p.Addr(), netmask(p.Bits()))
				}
			}
			d.Line("%-12s %-43s %v", ring, peer, k.Key)
		}
	}
	rows("default", v.Config().ISAKMP.Keys)
	for _, k := range v.Config().ISAKMP.Keyrings {
		rows(k.Name, k.Keys)
	}
	return nil
}

func netmask(bits int) string {
	m := ^uint32(0) << (32 - bits)
	if bits == 0 {
		m = 0
	}
	return fmt.Sprintf("%d.%d.%d.%d", m>>24, m>>16&255, m>>8&255, m&255)
}

// showIPsecSA is `show crypto ipsec sa`: one pair of idents per permit, under
// one heading per interface.
func showIPsecSA(v View, _ grammar.Args, d *show.Doc) error {
	plane, members := v.Dataplane(), v.Members()
	d.Data = plane
	shown := false
	for _, p := range plane.Interfaces {
		if len(p.Entries) == 0 {
			continue
		}
		shown = true
		d.Blank()
		d.Line("interface: %s", p.Interface)
		d.Line("    Crypto map tag: %s, local addr %s", p.MapName, source(p.Entries[0].Group.Source))
		for _, e := range p.Entries {
			group, _ := installed(plane, e.Group)
			for _, policy := range group.Policies {
				if policy.Permit {
					ipsecIdent(v, d, p, group, policy, connections(plane, group.Key), transportOf(members, e.Group))
				}
			}
		}
	}
	if !shown {
		d.Blank()
		d.Line("No SAs found")
	}
	return nil
}

// connections is how many SAs the groups before this one have: the n-th SA of
// the data plane is connection 2n-1 inbound and 2n outbound.
func connections(s xfrm.Snapshot, k xfrm.GroupKey) int {
	n := 0
	for _, g := range s.Groups {
		if g.Key == k {
			break
		}
		n += len(g.SAs)
	}
	return n
}

func installed(s xfrm.Snapshot, k xfrm.GroupKey) (xfrm.GroupSnapshot, bool) {
	for _, g := range s.Groups {
		if g.Key == k {
			return g, true
		}
	}
	return xfrm.GroupSnapshot{}, false
}

// transportOf finds the SPIs of a member that are in transport mode.
func transportOf(members []member.Snapshot, k xfrm.GroupKey) map[uint32]bool {
	out := map[uint32]bool{}
	for _, m := range members {
		if m.Config.Key == k {
			for _, t := range m.TEKs {
				out[t.SPI] = t.Transport
			}
		}
	}
	return out
}

func identText(m xfrm.Match, protocol uint8) string {
	addr, mask := "0.0.0.0", "0.0.0.0"
	if m.Addr.IsValid() {
		addr, mask = m.Addr.String(), m.Mask.String()
	}
	return fmt.Sprintf("(%s/%s/%d/%d)", addr, mask, protocol, m.Ports.Lo)
}

func ipsecIdent(v View, d *show.Doc, i xfrm.InterfacePolicy, g xfrm.GroupSnapshot, p xfrm.PolicyCounters, before int, transportMode map[uint32]bool) {
	d.Blank()
	d.Line("   protected vrf: %s", noVRF(g.Key.VRF))
	d.Line("   local  ident (addr/mask/prot/port): %s", identText(p.Src, p.Protocol))
	d.Line("   remote ident (addr/mask/prot/port): %s", identText(p.Dst, p.Protocol))
	d.Line("   Group: %s", g.Key.Name)
	d.Line("   current_peer 0.0.0.0 port 848")
	d.Line("     PERMIT, flags={}")
	d.Line("    #pkts encaps: %d, #pkts encrypt: %d, #pkts digest: %d", p.Outbound, p.Outbound, p.Outbound)
	d.Line("    #pkts decaps: %d, #pkts decrypt: %d, #pkts verify: %d", p.Inbound, p.Inbound, p.Inbound)
	d.Line("    #pkts compressed: 0, #pkts decompressed: 0")
	d.Line("    #pkts not compressed: 0, #pkts compr. failed: 0")
	d.Line("    #pkts not decompressed: 0, #pkts decompress failed: 0")
	sent, received := drops(g.Counters)
	d.Line("    #send errors %d, #recv errors %d", sent, received)
	d.Blank()
	d.Line("     local crypto endpt.: %s, remote crypto endpt.: 0.0.0.0", source(g.Key.Source))
	for _, n := range v.Interfaces() {
		if n.Name == i.Interface {
			d.Line("     path mtu %d, ip mtu %d, ip mtu idb %s", n.LinkMTU, cmp.Or(n.MTU, n.LinkMTU), n.Name)
		}
	}
	d.Line("     current outbound spi: 0x%X(%d)", p.SPI, p.SPI)
	d.Line("     PFS (Y/N): N, DH group: none")
	d.Blank()
	section := func(direction string, connection int, in func(xfrm.SASnapshot) bool) {
		d.Line("     %s esp sas:", direction)
		for n, sa := range g.SAs {
			if !in(sa) {
				continue
			}
			id := 2*(before+n) + connection
			mode := "Tunnel"
			if transportMode[sa.SPI] {
				mode = "Transport"
			}
			d.Line("      spi: 0x%X(%d)", sa.SPI, sa.SPI)
			d.Line("        transform: %v ,", sa.Transform)
			d.Line("        in use settings ={%s, }", mode)
			d.Line("        conn id: %d, flow_id: SW:%d, crypto map: %s", id, id, i.MapName)
			d.Line("        sa timing: remaining key lifetime (sec): (%d)", seconds(sa.Expires.Sub(v.Now())))
			d.Line("        Kilobyte Volume Rekey has been disabled")
			d.Line("        IV size: %d bytes", sa.Transform.IVLen())
			d.Line("        replay detection support: N")
			d.Line("        Status: ACTIVE(ACTIVE)")
		}
		d.Blank()
		d.Line("     %s ah sas:", direction)
		d.Blank()
		d.Line("     %s pcp sas:", direction)
		d.Blank()
	}
	section("inbound", 1, func(xfrm.SASnapshot) bool { return true })
	section("outbound", 2, func(sa xfrm.SASnapshot) bool { return sa.SPI == p.SPI })
}

func showTransformSets(v View, _ grammar.Args, d *show.Doc) error {
	d.Data = v.Config().TransformSets
	d.Data = v.Config().TransformSets
	for _, t := range v.Config().TransformSets {
		text := strings.TrimSpace(t.Cipher + " " + t.Auth)
		if tr, ok := suite.ParseTransform(t.Cipher, t.Auth); ok {
			text = tr.String()
		}
		mode := "Tunnel"
		if strings.HasPrefix(t.Mode, "transport") {
			mode = "Transport"
		}
		d.Line("Transform set %s: { %s  } ", t.Name, text)
		d.Line("   will negotiate = { %s,  }, ", mode)
		d.Blank()
	}
	return nil
}

// showCryptoMap is `show crypto map` for gdoi entries.
func showCryptoMap(v View, _ grammar.Args, d *show.Doc) error {
	c := v.Config()
	d.Data = c.CryptoMaps
	for _, m := range c.CryptoMaps {
		for _, e := range m.Entries {
			d.Line("Crypto Map IPv4 %q %d gdoi", m.Name, e.Sequence)
			if e.Description != "" {
				d.Line("\tDescription: %s", e.Description)
			}
			if e.ACL != "" {
				d.Line("\tLocal access list: %s", e.ACL)
			}
			if !slices.ContainsFunc(c.Groups, func(g *runningconfig.Group) bool { return g.Name == e.Group }) {
				d.Line("\tWARNING: This crypto map is in an incomplete state!")
				d.Line("\t\t(missing or incomplete group definition)")
			}
			if e.Group != "" {
				d.Line("\tGroup Name: %s", e.Group)
			}
			for _, g := range c.Groups {
				if g.Name != e.Group {
					continue
				}
				if g.Identity.Address.IsValid() {
					d.Line("\tidentity address ipv4 %v", g.Identity.Address)
				} else if g.Identity.Set {
					d.Line("\tidentity number %d", g.Identity.Number)
				}
				for _, s := range g.Servers {
					if s.Address.IsValid() {
						d.Line("\tserver address ipv4 %v", s.Address)
					} else {
						d.Line("\tserver hostname ipv4 %s", s.Hostname)
					}
				}
			}
			d.Blank()
		}
		if len(m.Entries) == 0 {
			continue
		}
		d.Line("\tInterfaces using crypto map %s:", m.Name)
		for _, i := range c.Interfaces {
			if i.CryptoMap == m.Name {
				d.Line("\t\t%s", i.Name)
			}
		}
		d.Blank()
	}
	return nil
}

func showMypubkey(v View, a grammar.Args, d *show.Doc) error {
	pairs := v.RSAKeys()
	d.Data = pairs
	for _, k := range pairs {
		if label := a.String("Label"); label == "" || label == k.Label {
			publicKey(d, k)
		}
	}
	return nil
}

func publicKey(d *show.Doc, k keys.Public) {
	d.Line("%% Key pair was generated at: %s", k.Generated.UTC().Format("15:04:05 UTC Jan 2 2006"))
	d.Line("Key name: %s", k.Label)
	usage := "General Purpose Key"
	if k.EC {
		usage = "Signature Key"
		d.Line("Key type: EC KEYS      p%d curve", k.Bits)
	} else {
		d.Line("Key type: RSA KEYS      %d bits", k.Bits)
	}
	d.Line(" Storage Device: private-config")
	d.Line(" Usage: %s", usage)
	if k.Exportable {
		d.Line(" Key is exportable. Redundancy enabled.")
	} else {
		d.Line(" Key is not exportable. Redundancy enabled.")
	}
	d.Line(" Key Data:")
	hexBlock(d, "  ", k.SPKI)
}

// hexBlock prints eight groups of four octets a line, as IOS prints keys: a
// blank follows every group but the last of all.
func hexBlock(d *show.Doc, indent string, b []byte) {
	for len(b) > 0 {
		n := min(32, len(b))
		var row strings.Builder
		for i := 0; i < n; i += 4 {
			row.WriteString(strings.ToUpper(hex.EncodeToString(b[i:min(i+4, n)])))
			if i+4 < len(b) {
				row.WriteByte(' ')
			}
		}
		d.Line("%s%s", indent, row.String())
		b = b[n:]
	}
}
