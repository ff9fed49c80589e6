package appliance

import (
	"net/netip"
	"slices"
	"strings"

	"coterie/internal/syslog"
	"coterie/netdev"
	"coterie/xfrm"
)

// groupJoin names a multicast group on an interface.
type groupJoin struct {
	Interface string
	Group     netip.AddrPort
}

// joinedGroup is the socket of a groupJoin, which members share.
type joinedGroup struct {
	conn    netdev.UDPConn // nil: the host refused
	members int
}

// join takes a member into the multicast group of its rekeys; an invalid group
// takes it out of the one before.
func (c *control) join(m *groupMember, group netip.AddrPort) {
	before := m.joins
	m.joins = nil
	if group.IsValid() {
		for _, name := range c.joinInterfaces(m.key) {
			j := groupJoin{name, group}
			m.joins = append(m.joins, j)
			g := c.groups[j]
			if g == nil {
				g = new(joinedGroup)
				c.groups[j] = g
			}
			if g.conn == nil {
				g.conn = c.listenGroup(m.vrf, j)
			}
			g.members++
		}
	}
	for _, j := range before { // after that: where it stays it has not left
		g := c.groups[j]
		if g.members--; g.members == 0 {
			delete(c.groups, j)
			if g.conn != nil {
				g.conn.Close()
			}
		}
	}
	// The crypto maps let rekeys of the group through.
	for _, p := range c.desired.Policies {
		if slices.ContainsFunc(p.Entries, func(e xfrm.MapEntry) bool { return e.Group == m.key }) {
			c.setInterface(p)
		}
	}
}

// listenGroup opens a socket of a group, nil when the host refuses.
func (c *control) listenGroup(vrf string, j groupJoin) netdev.UDPConn {
	if c.tape != nil && c.tape.play != nil {
		return nil
	}
	conn, err := c.a.cfg.Stack.ListenGroup(j.Interface, j.Group)
	if err != nil {
		c.a.log.add(syslog.HostRefused.With("multicast group "+j.Group.Addr().String()+" on "+j.Interface, err))
		return nil
	}
	c.work.Go(func() { c.read(vrf, conn) })
	return conn
}

// joinInterfaces are where a member's rekeys arrive: the interface that it
// registers from, or those that carry the map when that one is no wire.
func (c *control) joinInterfaces(key xfrm.GroupKey) []string {
	for _, m := range c.desired.Members {
		if m.Key != key {
			continue
		}
		if name := m.RegistrationInterface; name != "" && !strings.HasPrefix(name, "Loopback") {
			return []string{name}
		}
		return m.Interfaces
	}
	return nil
}

// setInterface installs a crypto map together with the multicast groups that
// its members have joined.
func (c *control) setInterface(p xfrm.InterfacePolicy) {
	p.Entries = slices.Clone(p.Entries)
	for i := range p.Entries {
		e := &p.Entries[i]
		if len(e.Bypass) == 0 {
			continue // no client bypass-policy
		}
		for _, m := range c.members {
			if m.key == e.Group && len(m.joins) > 0 {
				e.Bypass = append(slices.Clone(e.Bypass), m.joins[0].Group.Addr())
			}
		}
	}
	if err := c.a.cfg.Dataplane.SetInterface(p); err != nil {
		c.a.log.add(syslog.MapRefused.With(p.MapName, p.Interface, err))
	}
}
