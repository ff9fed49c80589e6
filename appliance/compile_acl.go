package appliance

import (
	"fmt"
	"net/netip"
	"strconv"

	runningconfig "coterie/running-config"
	"coterie/xfrm"
)

// protocols are the IP protocols that an access list spells as words.
var protocols = map[string]uint8{
	"ip": 0, "icmp": 1, "igmp": 2, "ipinip": 4, "tcp": 6, "udp": 17, "gre": 47, "esp": 50,
	"ahp": 51, "eigrp": 88, "ospf": 89, "nos": 94, "pim": 103, "pcp": 108,
}

func (c *compiler) accessList(name string) *runningconfig.AccessList {
	for _, a := range c.tree.AccessLists {
		if a.Name == name {
			return a
		}
	}
	return nil
}

// aces compiles an access list in order. An entry of several ports becomes
// several ACEs. An error names the entry that a group policy cannot express.
func aces(list *runningconfig.AccessList) ([]xfrm.ACE, error) {
	var out []xfrm.ACE
	for _, e := range list.Entries {
		if e.Remark != "" {
			continue
		}
		for _, o := range e.Options {
			if o != "log" && o != "log-input" {
				return nil, fmt.Errorf("entry %d of access-list %s: %s cannot be part of a group policy", e.Sequence, list.Name, o)
			}
		}
		base := xfrm.ACE{Permit: e.Permit}
		if e.Protocol != "" {
			number, ok := protocols[e.Protocol]
			if !ok {
				n, err := strconv.ParseUint(e.Protocol, 10, 8)
				if err != nil {
					return nil, fmt.Errorf("entry %d of access-list %s: protocol %q", e.Sequence, list.Name, e.Protocol)
				}
				number = uint8(n)
			}
			base.Protocol = number
		}
		base.Src = match(e.Src)
		if list.Extended {
			base.Dst = match(e.Dst)
		}
		for _, sp := range ports(e.Src) {
			for _, dp := range ports(e.Dst) {
				ace := base
				ace.Src.Ports, ace.Dst.Ports = sp, dp
				out = append(out, ace)
			}
		}
	}
	return out, nil
}

func match(e runningconfig.Endpoint) xfrm.Match {
	if e.Any || !e.Addr.IsValid() {
		return xfrm.Match{}
	}
	mask := [4]byte{255, 255, 255, 255}
	if e.Wildcard.IsValid() {
		for i, b := range e.Wildcard.As4() {
			mask[i] = ^b
		}
	}
	addr := e.Addr.As4()
	for i := range addr {
		addr[i] &= mask[i]
	}
	return xfrm.Match{Addr: netip.AddrFrom4(addr), Mask: netip.AddrFrom4(mask)}
}

// ports lists the ranges an endpoint's operator means; one zero range is any.
func ports(e runningconfig.Endpoint) []xfrm.PortRange {
	if len(e.Ports) == 0 {
		return []xfrm.PortRange{{}}
	}
	p := e.Ports[0]
	switch e.PortOp {
	case "eq":
		var out []xfrm.PortRange
		for _, p := range e.Ports {
			out = append(out, xfrm.PortRange{Lo: p, Hi: p})
		}
		return out
	case "lt":
		return []xfrm.PortRange{{Lo: 0, Hi: max(p, 1) - 1}}
	case "gt":
		return []xfrm.PortRange{{Lo: min(p, 65534) + 1, Hi: 65535}}
	case "range":
		if len(e.Ports) > 1 {
			return []xfrm.PortRange{{Lo: min(p, e.Ports[1]), Hi: max(p, e.Ports[1])}}
		}
	case "neq":
		var out []xfrm.PortRange
		if p > 0 {
			out = append(out, xfrm.PortRange{Lo: 0, Hi: p - 1})
		}
		if p < 65535 {
			out = append(out, xfrm.PortRange{Lo: p + 1, Hi: 65535})
		}
		return out
	}
	return []xfrm.PortRange{{}}
}

// contiguous says whether all masks are, as a downloaded policy needs.
func contiguous(list []xfrm.ACE) bool {
	for _, a := range list {
		for _, m := range []netip.Addr{a.Src.Mask, a.Dst.Mask} {
			if !m.IsValid() {
				continue
			}
			b := m.As4()
			v := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
			if inv := ^v; inv&(inv+1) != 0 {
				return false
			}
		}
	}
	return true
}
