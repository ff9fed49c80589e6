package virtual

import (
	"slices"

	"coterie/xfrm"
)

// gdoiPort is UDP 848, the port of GDOI.
const gdoiPort = 848

// An action is what is to become of a packet.
type action uint8

const (
	pass       action = iota // in the clear, and nothing says otherwise
	passDeny                 // in the clear, by a deny
	encrypt                  // under the SA of the policy
	refuse                   // clear, but a permit wants it encrypted
	dropLocal                // by a permit in a local list
	dropClosed               // the map is fail-close, and has no policy for it yet
)

// A verdict is an action and what led to it.
type verdict struct {
	action action
	group  *group
	policy *policy // matched downloaded ACE
}

// clear judges a packet that is about to leave, or one that came in the clear,
// mirrored: entry by entry the local list, then the downloaded policy; the first
// match decides. Without a match it passes in the clear. A local permit has no
// meaning but to drop, and that only once there is a policy it could disagree
// with: until then a group fails open.
func (a *attachment) clear(f xfrm.Flow, outbound bool) verdict {
	if !outbound {
		f = f.Inbound()
	}
	v := a.judge(f)
	switch {
	case v.action != pass || v.policy == nil:
	case outbound && v.group.direction != xfrm.InboundOnly:
		v.action = encrypt
	case !outbound && v.group.direction == xfrm.Both:
		v.action = refuse
	}
	return v
}

// judge finds the first match of f. A permit of a downloaded policy is
// returned as pass with its policy, for the direction to decide. In a map that
// is fail-close, nothing gets past an entry whose group is not installed but
// what is exempt.
func (a *attachment) judge(f xfrm.Flow) verdict {
	for i := range a.entries {
		e := &a.entries[i]
		if a.failClose && !e.group.installed {
			if n := a.exempt.Lookup(f); n >= 0 && !a.exemptACEs[n].Permit {
				return verdict{passDeny, e.group, nil}
			}
			return verdict{dropClosed, e.group, nil}
		}
		if n := e.local.Lookup(f); n >= 0 {
			if !e.localACEs[n].Permit {
				return verdict{passDeny, e.group, nil}
			}
			if len(e.group.policies) > 0 {
				return verdict{dropLocal, e.group, nil}
			}
		}
		if n := e.group.classifier.Lookup(f); n >= 0 {
			p := &e.group.policies[n]
			if !p.Permit {
				return verdict{passDeny, e.group, p}
			}
			return verdict{pass, e.group, p}
		}
	}
	return verdict{}
}

// owner is the group that ESP of an unknown SPI is probably meant for, or nil:
// the one whose policy encrypts between its addresses, which are those of the
// packet inside, or else the only one of the map.
func (a *attachment) owner(v verdict) *group {
	if v.policy != nil {
		return v.group
	}
	g := a.entries[0].group
	for _, e := range a.entries[1:] {
		if e.group != g {
			return nil
		}
	}
	return g
}

// permits tells whether a decrypted packet is one that g's policy encrypts,
// and by which ACE. Local lists have no say: they are this member's exception,
// which its peers do not know.
func (g *group) permits(f xfrm.Flow) *policy {
	if n := g.classifier.Lookup(f.Inbound()); n >= 0 && g.policies[n].Permit {
		return &g.policies[n]
	}
	return nil
}

// control tells a packet of this member's own GDOI: UDP between the member's
// registration address and anyone, or to the rekey group. In transit there is
// none. The ports are yet to be looked at.
func (a *attachment) control(f xfrm.Flow, outbound bool) bool {
	if f.Protocol != xfrm.ProtoUDP {
		return false
	}
	if slices.Contains(a.rekey, f.Dst) {
		return true
	}
	if outbound {
		return slices.Contains(a.own, f.Src)
	}
	return slices.Contains(a.own, f.Dst)
}

// exempted tells whether a packet is always clear: UDP 848 of this member's
// own. The fragments of such a datagram follow its first one, which alone shows
// the ports.
func (d *Dataplane) exempted(a *attachment, f xfrm.Flow, datagram []byte, outbound bool) bool {
	if !a.control(f, outbound) {
		return false
	}
	if f.Fragment {
		return d.exempt.seen(fragmentOf(f, datagram), d.clock.Now())
	}
	if !f.HasPorts || f.SrcPort != gdoiPort && f.DstPort != gdoiPort {
		return false
	}
	if moreFragments(datagram) {
		d.exempt.add(fragmentOf(f, datagram), d.clock.Now())
	}
	return true
}
