package modes

import (
	"fmt"
	"net/netip"

	"coterie/cli/grammar"
	"coterie/cli/show"
	"coterie/crypto/isakmp"
	"coterie/gdoi/member"
	"coterie/xfrm"
)

// sessionCodes explains the capabilities of `show crypto session detail`.
const sessionCodes = `Code: C - IKE Configuration mode, D - Dead Peer Detection     
K - Keepalives, N - NAT-traversal, T - cTCP encapsulation     
X - IKE Extended Authentication, F - IKE Fragmentation
R - IKE Auto Reconnect, U - IKE Dynamic Route Update
S - SIP VPN
`

// showSession is `show crypto session [detail]`: one session per crypto map
// entry on an interface.
func showSession(v View, a grammar.Args, d *show.Doc) error {
	plane, members, ike := v.Dataplane(), v.Members(), v.ISAKMP()
	d.Data = plane
	d.Line("Crypto session current status")
	d.Blank()
	detail := a.Bool("Detail")
	if detail {
		d.Line("%s", sessionCodes)
	}
	for _, p := range plane.Interfaces {
		for _, e := range p.Entries {
			status, peer := sessionState(members, e.Group)
			d.Line("Interface: %s", p.Interface)
			d.Line("Session status: %-14s", status)
			if detail {
				d.Line("Peer: %s port 848 fvrf: %s ivrf: %s", source(peer), noVRF(sessionVRF(members, e.Group)), noVRF(e.Group.VRF))
				d.Line("      Desc: (none)")
			} else {
				d.Line("Peer: %s port 848 ", source(peer))
			}
			for _, s := range ike.SAs {
				if s.Local.Addr() == e.Group.Source && s.Remote.Addr() == peer {
					sessionSA(v, d, ike, s, detail)
				}
			}
			if g, ok := installed(plane, e.Group); ok {
				flows(v, d, g, detail)
			}
			d.Blank()
		}
	}
	return nil
}

// sessionState is how a member stands with its key server.
func sessionState(members []member.Snapshot, k xfrm.GroupKey) (status string, peer netip.Addr) {
	status = "DOWN"
	for _, m := range members {
		if m.Config.Key != k {
			continue
		}
		peer = m.Server
		switch {
		case len(m.TEKs) > 0:
			status = "UP-ACTIVE"
		case m.Status == "Registering":
			status = "DOWN-NEGOTIATING"
		}
	}
	return status, peer
}

func sessionVRF(members []member.Snapshot, k xfrm.GroupKey) string {
	for _, m := range members {
		if m.Config.Key == k {
			return m.Config.VRF
		}
	}
	return ""
}

func noVRF(name string) string {
	if name == "" {
		return "(none)"
	}
	return name
}

func sessionSA(v View, d *show.Doc, ike isakmp.Snapshot, s isakmp.SASnapshot, detail bool) {
	state := "Inactive"
	if s.State == "GDOI_IDLE" && !s.Deleted {
		state = "Active"
	}
	d.Line("  Session ID: 0  ") // of IKEv1 sessions, always
	d.Line("  IKEv1 SA: local %v/%d remote %v/%d %s ", s.Local.Addr(), s.Local.Port(), s.Remote.Addr(), s.Remote.Port(), state)
	if !detail {
		return
	}
	capabilities := "(none)"
	if s.DPD {
		capabilities = "D"
	}
	life := "0"
	if s.ID != 0 {
		life = hms(s.Expires.Sub(v.Now()))
	}
	d.Line("          Capabilities:%s connid:%d lifetime:%s", capabilities, s.ID, life)
}

// flows prints what the group encrypts. Its SAs have no volume lifetime.
func flows(v View, d *show.Doc, g xfrm.GroupSnapshot, detail bool) {
	for _, p := range g.Policies {
		if !p.Permit {
			continue
		}
		protocol := "ip"
		if p.Protocol != 0 {
			protocol = fmt.Sprint(p.Protocol)
		}
		active, life := len(g.SAs), int64(0)
		for _, sa := range g.SAs {
			if sa.SPI == p.SPI {
				active++
				life = seconds(sa.Expires.Sub(v.Now()))
			}
		}
		d.Line("  IPSEC FLOW: permit %s %s %s ", protocol, flow(p.Src), flow(p.Dst))
		d.Line("        Active SAs: %d, origin: crypto map", active)
		if detail {
			sent, received := drops(g.Counters)
			d.Line("        Inbound:  #pkts dec'ed %d drop %d life (KB/Sec) KB Vol Rekey Disabled/%d", p.Inbound, received, life)
			d.Line("        Outbound: #pkts enc'ed %d drop %d life (KB/Sec) KB Vol Rekey Disabled/%d", p.Outbound, sent, life)
		}
	}
}

// drops sums the packets of a group that were lost on their way out and in.
func drops(c xfrm.Counters) (sent, received uint64) {
	return c.NoSASend + c.EncapsFail + c.InternalErrSend,
		c.DecapFail + c.VerifyFailRcv + c.InvalidProtRcv + c.InternalErrRcv
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
