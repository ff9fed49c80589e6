package modes

import (
	"encoding/hex"
	"fmt"
	"net/netip"
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
	x.show(userLevel, crypto(ike, grammar.Kw("policy", "Show ISAKMP protection suite policy")), showISAKMPPolicy)
	x.show(privilegedLevel, crypto(ike, grammar.Kw("key", "Show ISAKMP preshared keys")), showISAKMPKey)
	x.show(userLevel, crypto(grammar.Kw("ipsec", "Show IPSEC policy"), grammar.Kw("sa", "IPSEC SA table")), showIPsecSA)
	x.show(userLevel, crypto(grammar.Kw("ipsec", "Show IPSEC policy"), grammar.Kw("transform-set", "Crypto transform sets")), showTransformSets)
	x.show(userLevel, crypto(grammar.Kw("map", "Crypto maps")), showCryptoMap)
	mypubkey := grammar.Seq{grammar.Kw("key", "Show long term public keys"), grammar.Kw("mypubkey", "Show public keys associated with this router"),
		grammar.Kw("rsa", "Show RSA public keys"), grammar.Opt{Node: grammar.Arg("Label", grammar.Word(), "Key name")}}
	x.show(userLevel, crypto(mypubkey), showMypubkey)
	x.show(userLevel, crypto(grammar.Kw("session", "Show crypto sessions (tunnels)"), grammar.Opt{Node: grammar.Kw("detail", "Detailed information")}), showSession)
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
		d.Line("%-15v %-15v %-14s %7d %s", dst, src, state, id, status)
	}
	for _, m := range members {
		if m.HasKEK {
			row(m.KEK.Dst, m.KEK.Src, "GDOI_REKEY", m.KEK.ConnID, "ACTIVE")
		}
	}
	for _, sa := range s.SAs {
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
		case "rsa-encr":
			return "Rivest-Shamir-Adleman Encryption"
		}
	}
	return "Rivest-Shamir-Adleman Signature"
}

// showISAKMPKey lists the peers that have a pre-shared key. The key itself is
// printed by show running-config alone.
func showISAKMPKey(v View, _ grammar.Args, d *show.Doc) error {
	d.Line("Keyring      Hostname/Address                            Preshared Key")
	d.Blank()
	for _, k := range v.Config().ISAKMP.Keys {
		peer := k.Hostname
		if peer == "" {
			peer = k.Address.String()
			if p := k.Prefix(); p.Bits() < 32 {
				peer = fmt.Sprintf("%-14v [%s]", p.Addr(), netmask(p.Bits()))
			}
		}
		d.Line("default      %-43s %v", peer, k.Key)
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

// showIPsecSA is `show crypto ipsec sa`: one pair of idents per permit.
func showIPsecSA(v View, _ grammar.Args, d *show.Doc) error {
	plane := v.Dataplane()
	members := v.Members()
	d.Data = plane
	for _, p := range plane.Interfaces {
		for _, e := range p.Entries {
			group, ok := installed(plane, e.Group)
			if !ok {
				continue
			}
			d.Blank()
			d.Line("interface: %s", p.Interface)
			d.Line("    Crypto map tag: %s, local addr %v", p.MapName, e.Group.Source)
			for _, policy := range group.Policies {
				if policy.Permit {
					ipsecIdent(v, d, p, group, policy, transportOf(members, e.Group))
				}
			}
		}
	}
	return nil
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

func ipsecIdent(v View, d *show.Doc, i xfrm.InterfacePolicy, g xfrm.GroupSnapshot, p xfrm.PolicyCounters, transportMode map[uint32]bool) {
	d.Blank()
	vrf := "(none)"
	if g.Key.VRF != "" {
		vrf = g.Key.VRF
	}
	d.Line("   protected vrf: %s", vrf)
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
	c := g.Counters
	d.Line("    #send errors %d, #recv errors %d", c.NoSASend+c.EncapsFail+c.InternalErrSend, c.DecapFail+c.VerifyFailRcv+c.InvalidProtRcv+c.InternalErrRcv)
	d.Blank()
	d.Line("     local crypto endpt.: %v, remote crypto endpt.: 0.0.0.0", g.Key.Source)
	for _, n := range v.Interfaces() {
		if n.Name == i.Interface {
			d.Line("     path mtu %d, ip mtu %d, ip mtu idb %s", n.LinkMTU, n.LinkMTU, n.Name)
		}
	}
	d.Line("     current outbound spi: 0x%X(%d)", p.SPI, p.SPI)
	d.Line("     PFS (Y/N): N, DH group: none")
	d.Blank()
	section := func(direction string, sas []xfrm.SASnapshot) {
		d.Line("     %s esp sas:", direction)
		for n, sa := range sas {
			mode := "Tunnel"
			if transportMode[sa.SPI] {
				mode = "Transport"
			}
			d.Line("      spi: 0x%X(%d)", sa.SPI, sa.SPI)
			d.Line("        transform: %v ,", sa.Transform)
			d.Line("        in use settings ={%s, }", mode)
			d.Line("        conn id: %d, flow_id: SW:%d, crypto map: %s", n+1, n+1, i.MapName)
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
	section("inbound", g.SAs)
	var outbound []xfrm.SASnapshot
	for _, sa := range g.SAs {
		if sa.SPI == p.SPI {
			outbound = append(outbound, sa)
		}
	}
	section("outbound", outbound)
}

func showTransformSets(v View, _ grammar.Args, d *show.Doc) error {
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
			for _, g := range c.Groups {
				if g.Name != e.Group {
					continue
				}
				d.Line("\tGroup Name: %s", g.Name)
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
			d.Line("\tInterfaces using crypto map %s:", m.Name)
			for _, i := range c.Interfaces {
				if i.CryptoMap == m.Name {
					d.Line("\t\t%s", i.Name)
				}
			}
			d.Blank()
		}
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
	d.Line("Key type: RSA KEYS")
	d.Line(" Storage Device: private-config")
	d.Line(" Usage: General Purpose Key")
	if k.Exportable {
		d.Line(" Key is exportable. Redundancy enabled.")
	} else {
		d.Line(" Key is not exportable.")
	}
	d.Line(" Key Data:")
	hexBlock(d, "  ", k.SPKI)
}

// hexBlock prints eight groups of four octets a line, as IOS prints keys.
func hexBlock(d *show.Doc, indent string, b []byte) {
	for len(b) > 0 {
		n := min(32, len(b))
		var row strings.Builder
		for i := 0; i < n; i += 4 {
			row.WriteString(strings.ToUpper(hex.EncodeToString(b[i:min(i+4, n)])))
			row.WriteByte(' ')
		}
		d.Line("%s%s", indent, row.String())
		b = b[n:]
	}
}

// showSession is `show crypto session`.
func showSession(v View, _ grammar.Args, d *show.Doc) error {
	plane, members, ike := v.Dataplane(), v.Members(), v.ISAKMP()
	d.Data = plane
	d.Line("Crypto session current status")
	d.Blank()
	for _, p := range plane.Interfaces {
		for _, e := range p.Entries {
			status, peer := "DOWN", netip.Addr{}
			for _, m := range members {
				if m.Config.Key == e.Group {
					peer = m.Server
					if m.Status == "Registered" {
						status = "UP-ACTIVE"
					} else if len(m.TEKs) == 0 {
						status = "DOWN-NEGOTIATING"
					}
				}
			}
			d.Line("Interface: %s", p.Interface)
			d.Line("Session status: %-14s", status)
			d.Line("Peer: %s port 848 ", source(peer))
			for _, s := range ike.SAs {
				if s.Local.Addr() == e.Group.Source && s.Remote.Addr() == peer {
					state := "Inactive"
					if s.State == "GDOI_IDLE" && !s.Deleted {
						state = "Active"
					}
					d.Line("  IKEv1 SA: local %v/%d remote %v/%d %s ", s.Local.Addr(), s.Local.Port(), s.Remote.Addr(), s.Remote.Port(), state)
				}
			}
			g, ok := installed(plane, e.Group)
			if !ok {
				d.Blank()
				continue
			}
			for _, policy := range g.Policies {
				if policy.Permit {
					d.Line("  IPSEC FLOW: permit %d %s %s ", policy.Protocol, flow(policy.Src), flow(policy.Dst))
					d.Line("        Active SAs: %d, origin: crypto map", 2*len(g.SAs))
				}
			}
			d.Blank()
		}
	}
	return nil
}

func flow(m xfrm.Match) string {
	switch {
	case !m.Addr.IsValid():
		return "0.0.0.0/0.0.0.0"
	case maskBits(m.Mask) == 32:
		return "host " + m.Addr.String()
	}
	return m.Addr.String() + "/" + m.Mask.String()
}
