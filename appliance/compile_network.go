package appliance

import (
	"fmt"
	"net/netip"

	"coterie/internal/syslog"
	"coterie/netdev"
	runningconfig "coterie/running-config"
)

func (c *compiler) interfaces() {
	for _, i := range c.tree.Interfaces {
		n := netdev.InterfaceConfig{Name: i.Name, Shutdown: i.Shutdown, VRF: i.VRF, MTU: i.IPMTU}
		for _, a := range i.Addresses {
			p := prefix(a.Address, a.Mask)
			if a.Secondary {
				n.Addresses = append(n.Addresses, p)
			} else {
				n.Addresses = append([]netip.Prefix{p}, n.Addresses...)
			}
		}
		c.out.Interfaces = append(c.out.Interfaces, n)
	}
}

func (c *compiler) routes() {
	for _, r := range c.tree.Routes {
		if r.Track != 0 {
			c.note(syslog.NoEffect.With(fmt.Sprintf("'track %d' of the route to %s is", r.Track, r.Prefix), "has"))
		}
		distance := uint8(1)
		if r.Distance != 0 {
			distance = uint8(r.Distance)
		}
		s := netdev.StaticRoute{VRF: r.VRF, Prefix: prefix(r.Prefix, r.Mask).Masked(), NextHop: r.NextHop, Distance: distance}
		s.Interface, _ = runningconfig.InterfaceName(r.Interface)
		c.out.Routes = append(c.out.Routes, s)
	}
}

// prefix joins an address and a netmask; a mask that is not contiguous was
// refused by the grammar, so it counts by its leading ones.
func prefix(addr, mask netip.Addr) netip.Prefix {
	bits := 0
	for _, b := range mask.AsSlice() {
		for ; b&0x80 != 0; b <<= 1 {
			bits++
		}
	}
	return netip.PrefixFrom(addr, bits)
}

// iface finds a configured interface by any legal spelling of its name.
func (c *compiler) iface(name string) *runningconfig.Interface {
	canonical, _ := runningconfig.InterfaceName(name)
	for _, i := range c.tree.Interfaces {
		if i.Name == canonical {
			return i
		}
	}
	return nil
}

// primary is an interface's primary address while it is not shut down.
func primary(i *runningconfig.Interface) (netip.Addr, bool) {
	if i == nil || i.Shutdown {
		return netip.Addr{}, false
	}
	for _, a := range i.Addresses {
		if !a.Secondary {
			return a.Address, true
		}
	}
	return netip.Addr{}, false
}
