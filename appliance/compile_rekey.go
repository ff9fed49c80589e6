package appliance

import (
	"fmt"
	"net/netip"
	"time"

	"coterie/gdoi/keyserver"
	"coterie/internal/syslog"
	runningconfig "coterie/running-config"
)

// pace is `platform gdoi rekey-pace`, of every group.
func (c *compiler) pace() keyserver.Pace {
	p := c.tree.Platform.RekeyPace
	if p.Unpaced {
		return keyserver.Unpaced
	}
	return keyserver.Pace{Batch: p.Members, Interval: time.Duration(p.Seconds) * time.Second}
}

// registrationInterface is `registration interface`: the addresses where
// registrations of a group may arrive, nil for anywhere. An interface that is
// down, or has no address, accepts none.
func (c *compiler) registrationInterface(l *runningconfig.LocalServer, incomplete func(string, ...any)) []netip.Addr {
	if l.RegistrationInterface == "" {
		return nil
	}
	i := c.iface(l.RegistrationInterface)
	if i == nil {
		incomplete("registration interface %s does not exist", l.RegistrationInterface)
		return nil
	}
	out := []netip.Addr{}
	if !i.Shutdown {
		for _, a := range i.Addresses {
			out = append(out, a.Address)
		}
	}
	return out
}

// rekeyDestination is where multicast rekeys go: destination and port of the
// first permit of `rekey address ipv4` that names a destination. Their source
// is the address of the group, whatever the list says of it.
func (c *compiler) rekeyDestination(g *runningconfig.Group) netip.AddrPort {
	list := c.accessList(g.Local.RekeyAddress)
	if list == nil {
		c.unresolved("rekey address of group "+g.Name, "access-list "+g.Local.RekeyAddress)
		return netip.AddrPort{}
	}
	for _, e := range list.Entries {
		if !e.Permit || !e.Dst.Addr.IsValid() {
			continue
		}
		if !e.Dst.Addr.IsMulticast() {
			break
		}
		port := uint16(Port)
		if len(e.Dst.Ports) > 0 {
			port = e.Dst.Ports[0]
		}
		return netip.AddrPortFrom(e.Dst.Addr, port)
	}
	if !g.Local.Unicast {
		c.note(syslog.NoEffect.With(fmt.Sprintf("'rekey address ipv4 %s' of group %s names no multicast address; it is", g.Local.RekeyAddress, g.Name), "has"))
	}
	return netip.AddrPort{}
}
