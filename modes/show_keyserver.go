package modes

import (
	"fmt"
	"net/netip"
	"time"

	"coterie/cli/grammar"
	"coterie/cli/show"
	"coterie/gdoi/keyserver"
	"coterie/gdoi/policy"
	"coterie/xfrm"
)

// dataCounters prints the fourteen counters of the data plane.
type dataCounters xfrm.Counters

func (c dataCounters) rows(d *show.Doc) {
	row := func(left string, l uint64, right string, r uint64) {
		d.Line("    #pkts %-19s: %-5d    #pkts %-19s: %d", left, l, right, r)
	}
	row("encrypt", c.Encrypt, "decrypt", c.Decrypt)
	row("tagged (send)", c.TaggedSend, "untagged (rcv)", c.UntaggedRcv)
	row("no sa (send)", c.NoSASend, "invalid sa (rcv)", c.InvalidSARcv)
	row("encaps fail (send)", c.EncapsFail, "decap fail (rcv)", c.DecapFail)
	row("invalid prot (rcv)", c.InvalidProtRcv, "verify fail (rcv)", c.VerifyFailRcv)
	row("not tagged (send)", c.NotTaggedSend, "not untagged (rcv)", c.NotUntaggedRcv)
	row("internal err (send)", c.InternalErrSend, "internal err (rcv)", c.InternalErrRcv)
}

// servedGroup is the key server's block of `show crypto gdoi`.
func servedGroup(d *show.Doc, g keyserver.GroupSnapshot) {
	c := g.Config
	pair := func(label string, value any) { d.Pair(4, groupWidth, label, value) }
	pair("Group Name", fmt.Sprintf("%s (%s)", c.Name, transport(c.Rekey.Unicast)))
	pair("Re-auth on new CRL", enabled(c.Revocation.Trustpoint != ""))
	pair("Group Identity", identity(c.ID))
	pair("Group Type", "GDOI (ISAKMP)")
	pair("Crypto Path", "ipv4")
	pair("Key Management Path", "ipv4")
	pair("Group Members", members(g).Len())
	pair("IPSec SA Direction", servedDirection(c))
	pair("IP D3P Window", "Disabled")
	pair("CKM status", "Disabled")
	pair("Group Rekey Lifetime", fmt.Sprintf("%d secs", seconds(c.Rekey.Lifetime)))
	if g.HasKEK {
		d.Line("    Group Rekey")
		d.Pair(8, 21, "Remaining Lifetime", fmt.Sprintf("%d secs", seconds(g.KEK.Remaining)))
		d.Pair(8, 21, "Time to Rekey", fmt.Sprintf("%d secs", seconds(g.KEK.TimeToRekey)))
		d.Pair(8, 21, "Acknowledgement Cfg", c.Acknowledgement)
	}
	pair("Rekey Retransmit Period", fmt.Sprintf("%d secs", seconds(c.Rekey.Retransmit)))
	pair("Rekey Retransmit Attempts", c.Rekey.Count)
	if g.HasKEK {
		d.Line("    Group Retransmit")
		d.Pair(8, 21, "Remaining Lifetime", fmt.Sprintf("%d secs", seconds(g.RetransmitRemaining)))
	}
	d.Blank()
	for _, s := range c.SAs {
		row := func(label string, value any) { d.Pair(6, 23, label, value) }
		row("IPSec SA Number", s.Number)
		row("IPSec SA Rekey Lifetime", fmt.Sprintf("%d secs", seconds(s.Lifetime)))
		row("Profile Name", s.Profile)
		switch s.Replay.Method {
		case policy.ReplayTime:
			row("Replay method", "Time Based")
			row("Replay Window Size", int(s.Replay.TimeWindow/time.Second))
		case policy.ReplayCounter:
			row("Replay method", "Count Based")
			row("Replay Window Size", s.Replay.CounterWindow)
		default:
			row("Replay method", "Disabled")
		}
		row("Tagging method", "Disabled")
		if t, ok := liveTEK(g, s.Number); ok {
			d.Line("      SA Rekey")
			d.Pair(9, 20, "Remaining Lifetime", fmt.Sprintf("%d secs", seconds(t.Remaining)))
			d.Pair(9, 20, "Time to Rekey", fmt.Sprintf("%d secs", seconds(t.TimeToRekey)))
		}
		row("ACL Configured", "access-list "+s.ACLName)
		d.Blank()
	}
	serverLine(d, 0, "Local")
}

func enabled(on bool) string {
	if on {
		return "Enabled"
	}
	return "Disabled"
}

// noMembers is the tree of a group without one.
type noMembers struct{}

func (noMembers) Len() int                                             { return 0 }
func (noMembers) Ascend(func(keyserver.MemberSnapshot) bool)           {}
func (noMembers) Get(netip.Addr) (m keyserver.MemberSnapshot, ok bool) { return m, false }

// members is the tree of a group's members, never nil.
func members(g keyserver.GroupSnapshot) keyserver.MemberTree {
	if g.Members == nil {
		return noMembers{}
	}
	return g.Members
}

func servedDirection(c keyserver.Group) string {
	if c.ReceiveOnly {
		return "Inbound Only"
	}
	return "Both"
}

// showKS is `show crypto gdoi ks`.
func showKS(v View, _ grammar.Args, d *show.Doc) error {
	s := v.KeyServer()
	d.Data = s
	total := 0
	for _, g := range s.Groups {
		total += members(g).Len()
	}
	d.Line("Total group members registered to this box: %d", total)
	for _, g := range s.Groups {
		c := g.Config
		d.Blank()
		d.Line("Key Server Information For Group %s:", c.Name)
		pair := func(label string, value any) { d.Pair(4, groupWidth, label, value) }
		pair("Group Name", c.Name)
		pair("Re-auth on new CRL", enabled(c.Revocation.Trustpoint != ""))
		pair("Group Identity", identity(c.ID))
		pair("Group Type", "GDOI (ISAKMP)")
		pair("Group Members", members(g).Len())
		pair("Rekey Acknowledgement Cfg", c.Acknowledgement)
		pair("IPSec SA Direction", servedDirection(c))
		pair("IP D3P Window", "Disabled")
		pair("Split Resiliency Factor", 0)
		pair("CKM status", "Disabled")
		d.Line("    ACL Configured: ")
		for _, s := range c.SAs {
			d.Line("        access-list %s", s.ACLName)
		}
	}
	return nil
}

// eachServed prints every group of the key server, with a blank line between.
func eachServed(v View, d *show.Doc, print func(keyserver.GroupSnapshot)) error {
	s := v.KeyServer()
	d.Data = s
	for i, g := range s.Groups {
		if i > 0 {
			d.Blank()
		}
		print(g)
	}
	return nil
}

// showKSACL is `show crypto gdoi ks acl`.
func showKSACL(v View, _ grammar.Args, d *show.Doc) error {
	return eachServed(v, d, func(g keyserver.GroupSnapshot) {
		d.Line("Group Name: %s", g.Config.Name)
		d.Line(" Configured ACL:")
		for _, sa := range g.Config.SAs {
			for _, a := range sa.ACEs {
				d.Line("   access-list %s  %s", sa.ACLName, aceText(a))
			}
		}
	})
}

// showKSMembers is `show crypto gdoi ks members [A.B.C.D]`.
func showKSMembers(v View, d *show.Doc, only netip.Addr) error {
	s := v.KeyServer()
	d.Data = s
	for i, g := range s.Groups {
		if only.IsValid() {
			if _, ok := members(g).Get(only); !ok {
				d.Blank()
				d.Blank()
				d.Line("Group Member not Found")
				d.Blank()
				continue
			}
		}
		if i == 0 {
			d.Blank()
		}
		name := g.Config.Name
		d.Line("Number of rekeys sent for group %s : %d", name, g.RekeysSent)
		d.Line("Number of retransmits during the last rekey for group %s : %d", name, g.LastRetransmits)
		d.Line("Duration of the last rekey for group %s : %d msec", name, g.LastRekeyDuration.Milliseconds())
		d.Blank()
		members(g).Ascend(func(m keyserver.MemberSnapshot) bool {
			if !only.IsValid() || m.Address == only {
				memberRecord(d, g.Config, m)
			}
			return true
		})
	}
	return nil
}

// memberRecord is one member of `show crypto gdoi ks members`.
func memberRecord(d *show.Doc, c keyserver.Group, m keyserver.MemberSnapshot) {
	d.Line("Group Member ID    : %v  GM Version: %s", m.Address, m.Version)
	row := func(label string, value any) { d.Pair(1, 18, label, value) }
	row("Group ID", identity(c.ID))
	row("Group Name", c.Name)
	row("Group Type", "GDOI (ISAKMP)")
	row("GM State", "Registered")
	row("Key Server ID", source(c.Address))
	row("Rekeys sent", m.RekeysSent)
	row("Rekeys retries", m.RekeyRetries)
	row("Rekey Acks Rcvd", m.AcksRcvd)
	row("Rekey Acks missed", m.AcksMissed)
	d.Blank()
	seqs := func(label string, s [4]uint32) {
		d.Line(" %s seq num : %-5d %-5d %-5d %-5d ", label, s[0], s[1], s[2], s[3])
	}
	seqs("Sent", m.SentSeq)
	seqs("Rcvd", m.RcvdSeq)
	d.Blank()
	d.Blank()
}

// showKSMembersSummary is `show crypto gdoi ks members summary`.
func showKSMembersSummary(v View, _ grammar.Args, d *show.Doc) error {
	s := v.KeyServer()
	d.Data = s
	d.Line("Group Member Information : ")
	for _, g := range s.Groups {
		d.Blank()
		n := members(g).Len()
		d.Line("Group Name: %s, ID: %s, Group Members: %d", g.Config.Name, identity(g.Config.ID), n)
		d.Line("Key Server ID: %s, GMDB state: LOCAL, Group Members: %d", source(g.Config.Address), n)
		d.Line("  Member ID     Version      Rekey sent     Rekey Ack missed")
		members(g).Ascend(func(m keyserver.MemberSnapshot) bool {
			d.Line("  %-12v %-14s %-15d %d", m.Address, m.Version, m.RekeysSent, m.AcksMissed)
			return true
		})
		d.Blank()
	}
	return nil
}

// showKSRekey is `show crypto gdoi ks rekey`.
func showKSRekey(v View, _ grammar.Args, d *show.Doc) error {
	return eachServed(v, d, func(g keyserver.GroupSnapshot) {
		r := g.Config.Rekey
		d.Line("Group %s (%s)", g.Config.Name, transport(r.Unicast))
		pair := func(label string, value any) { d.Pair(4, 36, label, value) }
		under := func(label string, value any) { d.Pair(8, 32, label, value) }
		pair("Number of Rekeys sent", g.RekeysSent)
		pair("Number of Rekeys retransmitted", g.Retransmits)
		pair("KEK rekey lifetime (sec)", seconds(r.Lifetime))
		if g.HasKEK {
			under("Remaining lifetime (sec)", seconds(g.KEK.Remaining))
			under("Remaining time until rekey (sec)", seconds(g.KEK.TimeToRekey))
		}
		pair("Retransmit period", seconds(r.Retransmit))
		pair("Number of retransmissions", r.Count)
		for _, s := range g.Config.SAs {
			label := fmt.Sprintf("IPSec SA %d  lifetime (sec)", s.Number)
			t, ok := liveTEK(g, s.Number)
			if !ok {
				pair(label, seconds(s.Lifetime))
				continue
			}
			pair(label, seconds(t.Lifetime))
			under("Remaining lifetime (sec)", seconds(t.Remaining))
			under("Remaining time until rekey (sec)", seconds(t.TimeToRekey))
		}
		pair("Number of registrations after rekey", g.RegistrationsAfterRekey)
		if !r.Unicast && r.Multicast.IsValid() {
			pair("Multicast destination address", r.Multicast.Addr())
		}
	})
}

// liveTEK is the newest TEK of an `sa ipsec`.
func liveTEK(g keyserver.GroupSnapshot, sa int) (keyserver.TEKSnapshot, bool) {
	for _, t := range g.TEKs {
		if t.SA == sa && !t.Superseded {
			return t, true
		}
	}
	return keyserver.TEKSnapshot{}, false
}

// handle is the number IOS gives a group and its server; ours counts groups.
func handle(index int) string { return fmt.Sprintf("0x%X", 0x40000002+index) }

// showKSPolicy is `show crypto gdoi ks policy`.
func showKSPolicy(v View, _ grammar.Args, d *show.Doc) error {
	s := v.KeyServer()
	d.Data = s
	d.Line("Key Server Policy:")
	for i, g := range s.Groups {
		c := g.Config
		d.Line("For group %s (handle: %s) server %v (handle: %s):", c.Name, handle(i), source(c.Address), handle(i))
		d.Blank()
		d.Line("  # of teks : %d  Seq num : %d", len(g.TEKs), g.Seq)
		if g.HasKEK {
			k := g.KEK
			d.Line("  KEK POLICY (transport type : %s)", transport(c.Rekey.Unicast))
			d.Line("    spi : %s", spi16(k.SPI))
			policyRow(d, "management alg", "disabled", "encrypt alg", kekAlgorithm(k.Cipher))
			policyRow(d, "crypto iv length", k.Cipher.BlockLen(), "key size", k.Cipher.KeyLen())
			policyRow(d, "orig life(sec)", seconds(k.Lifetime), "remaining life(sec)", seconds(k.Remaining))
			d.Line("    time to rekey (sec): %d", seconds(k.TimeToRekey))
			policyRow(d, "sig hash algorithm", "enabled", "sig key length", k.SigKeyLength)
			d.Pair(4, 19, "sig size", k.SigSize)
			d.Pair(4, 19, "sig key name", c.Rekey.KeyLabel)
			d.Pair(4, 19, "acknowledgement", c.Acknowledgement)
			d.Blank()
		}
		for _, t := range g.TEKs {
			tekPolicy(d, c, t)
		}
	}
	return nil
}

// policyRow is one row of two columns of `show crypto gdoi ks policy`.
func policyRow(d *show.Doc, left string, l any, right string, r any) {
	d.Line("    %-19s: %-13v %-22s: %v", left, l, right, r)
}

func tekPolicy(d *show.Doc, c keyserver.Group, t keyserver.TEKSnapshot) {
	cipher, auth := t.Transform.Keys()
	window := t.Replay.CounterWindow
	if t.Replay.Method == policy.ReplayTime {
		window = int(t.Replay.TimeWindow / time.Second)
	}
	encaps := "ENCAPS_TUNNEL"
	for _, s := range c.SAs {
		if s.Number == t.SA && s.Transport {
			encaps = "ENCAPS_TRANSPORT"
		}
	}
	d.Line("  TEK POLICY (encaps : %s)", encaps)
	d.Pair(4, 19, "spi", fmt.Sprintf("0x%08X", t.SPI))
	d.Pair(4, 19, "access-list", t.ACLName)
	d.Pair(4, 19, "transform", t.Transform)
	policyRow(d, "alg key size", cipher, "sig key size", auth)
	policyRow(d, "orig life(sec)", seconds(t.Lifetime), "remaining life(sec)", seconds(t.Remaining))
	policyRow(d, "tek life(sec)", seconds(t.Lifetime), "elapsed time(sec)", seconds(t.Elapsed))
	policyRow(d, "override life(sec)", 0, "antireplay window size", window)
	if t.Superseded {
		d.Line("    time to rekey (sec): n/a")
	} else {
		d.Line("    time to rekey (sec): %d", seconds(t.TimeToRekey))
	}
	d.Blank()
	d.Blank()
}
