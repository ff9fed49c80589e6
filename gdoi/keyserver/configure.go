package keyserver

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"coterie/gdoi/policy"
	"coterie/internal/syslog"
)

// configure replaces the configuration. A group that stays, by name and
// identity, keeps its keys, members and policy in force.
func (m *Machine) configure(now time.Time, cfg Config) {
	same := func(g *group) func(Group) bool {
		return func(c Group) bool { return g.cfg.Name == c.Name && g.cfg.ID == c.ID }
	}
	for _, g := range m.groups {
		if !slices.ContainsFunc(cfg.Groups, same(g)) {
			m.stop(g)
			// A removal that still waits for its signature would be stored.
			maps.DeleteFunc(m.signing, func(_ uint64, p *push) bool { return p.group == g })
			m.erase(now, g)
			m.schedule(g)
			m.log(syslog.KSGroupDelete.With(g.cfg.Name))
		}
	}
	old := m.groups
	m.cfg, m.groups, m.byID = cfg, nil, map[policy.GroupID]*group{}
	for _, c := range cfg.Groups {
		i := slices.IndexFunc(old, func(g *group) bool { return same(g)(c) })
		var g *group
		if i >= 0 {
			g = old[i]
		} else {
			g = &group{index: -1, members: newMemberTree(), cfg: Group{Name: c.Name, ID: c.ID}}
			m.log(syslog.KSGroupAdd.With(c.Name))
		}
		m.groups = append(m.groups, g)
		if first := m.byID[c.ID]; first == nil || first.cfg.Incomplete != "" {
			m.byID[c.ID] = g
		}
		m.reconfigure(now, g, inRange(c), i < 0)
	}
	slices.SortFunc(m.groups, func(a, b *group) int { return strings.Compare(a.cfg.Name, b.cfg.Name) })
}

// least is the shortest time between two duties of a kind. No line of
// configuration comes near it, but a recording that is replayed may say
// anything, and what is due again at once is due for ever.
const least = time.Second

// inRange is a configuration whose every duty comes to an end.
func inRange(c Group) Group {
	c.Rekey.Lifetime = max(c.Rekey.Lifetime, least)
	c.Rekey.Retransmit = max(c.Rekey.Retransmit, least)
	c.Rekey.Pace.Batch = max(c.Rekey.Pace.Batch, 0)
	c.Rekey.Pace.Interval = max(c.Rekey.Pace.Interval, 0)
	c.SAs = slices.Clone(c.SAs)
	for i := range c.SAs {
		c.SAs[i].Lifetime = max(c.SAs[i].Lifetime, least)
	}
	return c
}

// reconfigure gives one group its new configuration.
func (m *Machine) reconfigure(now time.Time, g *group, c Group, added bool) {
	before := g.cfg
	g.cfg = c
	g.refuse, g.refusal = refusal(c)
	if c.Rekey.Unicast != before.Rekey.Unicast {
		if c.Rekey.Unicast {
			m.log(syslog.KSRekeyTransUnicast.With(c.Name))
		} else {
			m.log(syslog.KSRekeyTransMulti.With(c.Name))
		}
	}
	missing := func(c Group) bool { return c.Rekey.KeyLabel != "" && c.Rekey.Signer == nil }
	if missing(c) && (added || !missing(before) || c.Rekey.KeyLabel != before.Rekey.KeyLabel) {
		m.log(syslog.KSNoRSAKeys.With(c.Rekey.KeyLabel, c.Name))
	}
	if g.refuse == "" {
		if !g.live {
			m.start(now, g)
		} else {
			m.follow(now, g)
		}
	}
	if r := c.Revocation; !added && r.Trustpoint != "" && r.Trustpoint == before.Revocation.Trustpoint && r.List != before.Revocation.List && r.List != "" {
		m.reauthenticate(now, g)
	}
	m.schedule(g)
}

// follow brings a live group after its configuration as far as that does not
// need a rekey, and announces what does.
func (m *Machine) follow(now time.Time, g *group) {
	switch {
	case g.kek == nil && rekeyable(g.cfg):
		// The first KEK: members that register from now on get it.
		g.force.Rekey = g.cfg.Rekey
		g.epoch++
		m.newKEK(now, g)
	case g.kek != nil && g.cfg.Rekey.Signer == nil:
		// The RSA key is gone: nothing can be signed any more, and a KEK would
		// make members wait for rekeys that never come.
		m.dropKEK(g)
	}
	traffic, rekeys := policyDiffers(g.announced, g.cfg)
	members := false
	if !admissionOf(g.announced).equal(admissionOf(g.cfg)) {
		members = g.kek != nil && g.revokes()
		g.revoking = members
	}
	g.announced = g.cfg
	if (traffic || rekeys) && g.changed() || members {
		m.log(syslog.PolicyChange.With(g.cfg.Name))
	}
}

// dropKEK ends rekeying: members register again by themselves in time.
func (m *Machine) dropKEK(g *group) {
	if g.pending != nil {
		delete(m.signing, g.pending.job)
	}
	g.retired = append(g.retired, g.kek)
	g.kek, g.pending, g.again = nil, nil, nil
	g.force.Rekey = g.cfg.Rekey
	g.epoch++
}

// refusal tells why a configuration cannot be served, and the line that says
// so when a member asks; "" when it can.
func refusal(c Group) (string, syslog.Message) {
	because := func(reason string) (string, syslog.Message) {
		return reason, syslog.KSIncomplete.With(c.Name, reason)
	}
	if c.Incomplete != "" {
		return because(c.Incomplete)
	}
	if len(c.SAs) == 0 {
		return because("sa ipsec is not configured")
	}
	for _, sa := range c.SAs {
		permits := false
		for _, a := range sa.ACEs {
			permits = permits || a.Permit
			if !a.Permit && (a.Src.Ports.Lo != a.Src.Ports.Hi || a.Dst.Ports.Lo != a.Dst.Ports.Hi) {
				return because(fmt.Sprintf("access-list %s has a deny entry with a range of ports", sa.ACLName))
			}
		}
		if !permits {
			return because(fmt.Sprintf("access-list %s permits nothing", sa.ACLName))
		}
	}
	if why := strongEnough(c); why != "" {
		return because(why)
	}
	return "", syslog.Message{}
}
