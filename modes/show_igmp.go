package modes

import (
	"errors"
	"net/netip"
	"slices"

	"coterie/cli/grammar"
	"coterie/cli/show"
	"coterie/netdev"
)

// A GroupMember is a View that knows which multicast groups the device has
// joined.
type GroupMember interface {
	// Memberships are those of every interface; false when the network back end
	// has none that can be shown.
	Memberships() ([]netdev.Membership, bool)
}

// showMemberships declares `show ip igmp groups`.
func (x *execCommands) showMemberships() {
	x.show(userLevel, grammar.Seq{kwIP, grammar.Kw("igmp", "IGMP information"),
		grammar.Opt{Node: inVRF("VRF", "Select VPN Routing/Forwarding instance")},
		grammar.Kw("groups", "IGMP group membership information"),
		grammar.Opt{Node: grammar.Alt{
			grammar.Arg("Group", grammar.IPv4(), "IP name or group address"),
			interfaceWord("Interface", "Interface name"),
		}}}, showMemberships)
}

// showMemberships lists the groups that this device has joined itself: it is
// their last reporter, and they do not expire while it listens.
func showMemberships(v View, a grammar.Args, d *show.Doc) error {
	var all []netdev.Membership
	ok := false
	if g, is := v.(GroupMember); is {
		all, ok = g.Memberships()
	}
	if !ok {
		return errors.New("% IGMP is that of the host and cannot be shown here")
	}
	group, of := a["Group"].(netip.Addr)
	all = slices.DeleteFunc(slices.Clone(all), func(m netdev.Membership) bool {
		return m.VRF != a.String("VRF") || of && m.Group != group || a.Has("Interface") && m.Interface != a.String("Interface")
	})
	slices.SortStableFunc(all, func(x, y netdev.Membership) int { return x.Group.Compare(y.Group) })
	d.Data = all
	d.Line("IGMP Connected Group Membership")
	d.Line("Group Address    Interface                Uptime    Expires   Last Reporter   Group Accounted")
	for _, m := range all {
		d.Line("%-16s %-24s %-9s %-9s %s", m.Group, m.Interface, ago(v.Now().Sub(m.Since)), "never", m.Reporter)
	}
	return nil
}
