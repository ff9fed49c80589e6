package keyserver

import (
	"time"

	"coterie/crypto/isakmp"
	"coterie/gdoi/policy"
	"coterie/xfrm"
)

// A member that does not speak our extensions knows neither deny entries nor
// ranges of ports. It gets the access lists as permits that overlap nowhere
// (policy.Permits), in its registration and in rekeys. A rekey is one message
// for all under one number, so that with one such member in the group every
// member gets that form; it means the same.

// foreigner counts a member, which may be nil, as one that rekeys must be
// written for.
func foreigner(r *record) int {
	if r != nil && r.keyed && !r.understandsDeny() {
		return 1
	}
	return 0
}

// permits are the access lists of the policy in force in the form for foreign
// members, by number of `sa ipsec`; the error says why there is none.
func (g *group) permits() (map[int][]xfrm.ACE, error) {
	if g.plain.epoch == g.epoch {
		return g.plain.lists, g.plain.err
	}
	g.plain = plainLists{epoch: g.epoch}
	var lists [][]xfrm.ACE
	plain := true
	for _, sa := range g.force.SAs {
		lists = append(lists, sa.ACEs)
		plain = plain && policy.Plain(sa.ACEs)
	}
	if !plain {
		if lists, g.plain.err = policy.Permits(lists...); g.plain.err != nil {
			return nil, g.plain.err
		}
	}
	g.plain.lists = map[int][]xfrm.ACE{}
	for i, sa := range g.force.SAs {
		g.plain.lists[sa.Number] = lists[i]
	}
	return g.plain.lists, nil
}

// plainLists are the access lists of an epoch as permits.
type plainLists struct {
	epoch uint64
	lists map[int][]xfrm.ACE
	err   error
}

// unreadable tells what a foreign member could not read of the policy in
// force, in the words of the log; "": nothing.
func (g *group) unreadable() string {
	if _, err := g.permits(); err != nil {
		names := ""
		for _, sa := range g.force.SAs {
			if !policy.Plain(sa.ACEs) {
				names += " " + sa.ACLName
			}
		}
		return "deny entries or port ranges of access-list" + names + " (" + err.Error() + ")"
	}
	return ""
}

// tell is a generation as members are told of it: it ends when it ends, and
// for foreign members its access list is one of permits. Older generations
// only decrypt: what they permitted, whatever else was denied.
func (g *group) tell(t *tek, foreign bool) policy.TEK {
	p := t.wirePolicy()
	switch {
	case !foreign || policy.Plain(p.ACEs):
	case !t.superseded:
		if lists, err := g.permits(); err == nil {
			p.ACEs = lists[t.SA]
		}
	default:
		var permits []xfrm.ACE
		for _, a := range p.ACEs {
			if a.Permit {
				a.Src.Ports, a.Dst.Ports = xfrm.PortRange{}, xfrm.PortRange{}
				permits = append(permits, a)
			}
		}
		p.ACEs = permits
	}
	return p
}

// dropUnfit stops rekeying foreign members that could not read the policy in
// force: they register again and are told why not.
func (m *Machine) dropUnfit(now time.Time, g *group) {
	if g.foreign == 0 || g.unreadable() == "" {
		return
	}
	m.unkey(now, g, func(r *record) bool { return foreigner(r) > 0 })
}

// unkey stops rekeying the members that are unfit.
func (m *Machine) unkey(now time.Time, g *group, unfit func(*record) bool) {
	var list []*record
	g.members.tree.Ascend(func(r *record) bool {
		if unfit(r) {
			list = append(list, r)
		}
		return true
	})
	for _, r := range list {
		c := *r
		c.keyed = false
		g.put(now, &c)
		m.keep(g, &c)
	}
}

// readsDeny tells whether a peer understands our deny entries.
func readsDeny(sa isakmp.SA) bool { return sa.Capabilities&isakmp.CapDenyACE != 0 }
