package modes

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"coterie/cli/grammar"
	"coterie/cli/show"
	"coterie/netdev"
	runningconfig "coterie/running-config"
)

// showIP declares `show ip ...`, interfaces and access lists.
func (x *execCommands) showIP() {
	x.show(userLevel, grammar.Seq{kwIP, grammar.Kw("interface", "IP interface status and configuration"), grammar.Kw("brief", "Brief summary of IP status and configuration")}, showInterfaceBrief)
	x.show(userLevel, grammar.Seq{kwIP, grammar.Kw("route", "IP routing table")}, showRoute)
	list := grammar.Opt{Node: grammar.Arg("Name", grammar.Word(), "Access list name or number").From(accessListNames)}
	x.show(userLevel, grammar.Seq{grammar.Kw("access-lists", "List access lists"), list}, showAccessLists)
	x.show(userLevel, grammar.Seq{kwIP, grammar.Kw("access-lists", "List IP access lists"), list}, showAccessLists)
	x.show(userLevel, grammar.Seq{grammar.Kw("interfaces", "Interface status and configuration"),
		grammar.Opt{Node: grammar.Arg("Interface", interfaceType, "Interface name")}}, showInterfaces)
}

// lineState is the state of an interface and its line protocol.
func lineState(i netdev.Interface) (status, protocol string) {
	switch {
	case i.Shutdown:
		return "administratively down", "down"
	case !i.Hardware || i.LinkUp:
		return "up", "up"
	}
	return "down", "down"
}

func showInterfaceBrief(v View, _ grammar.Args, d *show.Doc) error {
	list := v.Interfaces()
	d.Data = list
	d.Line("%-26s %-15s %s %s %-21s %s", "Interface", "IP-Address", "OK?", "Method", "Status", "Protocol")
	for _, i := range list {
		addr, method := "unassigned", "unset"
		if len(i.Addresses) > 0 {
			addr, method = i.Addresses[0].Addr().String(), "manual"
		}
		status, protocol := lineState(i)
		d.Line("%-26s %-15s YES %-6s %-21s %-8s", i.Name, addr, method, status, protocol)
	}
	return nil
}

func showInterfaces(v View, a grammar.Args, d *show.Doc) error {
	list := v.Interfaces()
	want := a.String("Interface") // canonical, by its type
	var shown []netdev.Interface
	for _, i := range list {
		if want != "" && i.Name != want {
			continue
		}
		shown = append(shown, i)
		status, protocol := lineState(i)
		d.Line("%s is %s, line protocol is %s ", i.Name, status, protocol)
		if i.Hardware {
			m := i.MAC
			d.Line("  Hardware is Ethernet, address is %02x%02x.%02x%02x.%02x%02x", m[0], m[1], m[2], m[3], m[4], m[5])
		} else {
			d.Line("  Hardware is Loopback")
		}
		for _, c := range v.Config().Interfaces {
			if c.Name == i.Name && c.Description != "" {
				d.Line("  Description: %s", c.Description)
			}
		}
		if len(i.Addresses) > 0 {
			d.Line("  Internet address is %v", i.Addresses[0])
		}
		d.Line("  MTU %d bytes", i.LinkMTU)
		n := i.Counters
		d.Line("     %d packets input, %d bytes", n.InPackets, n.InOctets)
		d.Line("     %d input drops", n.InDrops)
		d.Line("     %d packets output, %d bytes", n.OutPackets, n.OutOctets)
		d.Line("     %d output drops", n.OutDrops)
	}
	d.Data = shown
	if want != "" && len(shown) == 0 {
		return fmt.Errorf("%% Invalid interface %s", want)
	}
	return nil
}

const routeCodes = `Codes: L - local, C - connected, S - static, R - RIP, M - mobile, B - BGP
       D - EIGRP, EX - EIGRP external, O - OSPF, IA - OSPF inter area 
       N1 - OSPF NSSA external type 1, N2 - OSPF NSSA external type 2
       E1 - OSPF external type 1, E2 - OSPF external type 2
       i - IS-IS, su - IS-IS summary, L1 - IS-IS level-1, L2 - IS-IS level-2
       ia - IS-IS inter area, * - candidate default, U - per-user static route
       o - ODR, P - periodic downloaded static route, H - NHRP, l - LISP
       a - application route
       + - replicated route, % - next hop override
`

// major is the classful network of an address, under which IOS lists routes.
func major(a netip.Addr) netip.Prefix {
	bits := 24
	switch b := a.As4()[0]; {
	case b < 128:
		bits = 8
	case b < 192:
		bits = 16
	}
	p, _ := a.Prefix(bits)
	return p
}

func showRoute(v View, _ grammar.Args, d *show.Doc) error {
	routes := slices.Clone(v.Routes())
	d.Data = routes
	slices.SortStableFunc(routes, func(a, b netdev.Route) int {
		return cmp.Or(a.Prefix.Addr().Compare(b.Prefix.Addr()), cmp.Compare(a.Prefix.Bits(), b.Prefix.Bits()))
	})
	d.Line("%s", routeCodes)
	gateway := "not set"
	for _, r := range routes {
		if r.Prefix.Bits() == 0 && r.NextHop.IsValid() {
			gateway = fmt.Sprintf("%v to network 0.0.0.0", r.NextHop)
		}
	}
	d.Line("Gateway of last resort is %s", gateway)
	d.Blank()
	for len(routes) > 0 {
		m := major(routes[0].Prefix.Addr())
		n := 1
		for n < len(routes) && m.Contains(routes[n].Prefix.Addr()) && routes[0].Prefix.Bits() >= m.Bits() {
			n++
		}
		majorNetwork(d, m, routes[:n])
		routes = routes[n:]
	}
	return nil
}

// majorNetwork prints the routes of one classful network: subnetted, variably
// subnetted, or the network itself.
func majorNetwork(d *show.Doc, m netip.Prefix, routes []netdev.Route) {
	masks, subnets := map[int]bool{}, map[netip.Prefix]bool{}
	for _, r := range routes {
		masks[r.Prefix.Bits()] = true
		subnets[r.Prefix] = true
	}
	first := routes[0].Prefix
	switch {
	case len(subnets) == 1 && first.Bits() <= m.Bits(): // the network itself, or wider
		for i, r := range routes {
			code := string(r.Source)
			if first.Bits() == 0 {
				code += "*"
			}
			routeLine(d, code, 6, first.String(), r, i > 0)
		}
		return
	case len(masks) == 1:
		d.Line("      %v/%d is subnetted, %d subnets", m.Addr(), first.Bits(), len(subnets))
	default:
		d.Line("      %v is variably subnetted, %d subnets, %d masks", m, len(subnets), len(masks))
	}
	var last netip.Prefix
	for _, r := range routes {
		text := r.Prefix.String()
		if len(masks) == 1 {
			text = r.Prefix.Addr().String()
		}
		routeLine(d, string(r.Source), 9, text, r, r.Prefix == last)
		last = r.Prefix
	}
}

// routeLine prints one path; a further path of the same prefix is aligned
// under the first.
func routeLine(d *show.Doc, code string, column int, prefix string, r netdev.Route, further bool) {
	head := fmt.Sprintf("%-*s%s", column, code, prefix)
	if further {
		head = fmt.Sprintf("%*s", len(head), "")
	}
	switch {
	case r.NextHop.IsValid():
		path := fmt.Sprintf("[%d/0] via %v", r.Distance, r.NextHop)
		if r.Source == netdev.Static && r.Interface != "" && r.Distance == 0 {
			path += ", " + r.Interface
		}
		d.Line("%s %s", head, path)
	default:
		d.Line("%s is directly connected, %s", head, r.Interface)
	}
}

func showAccessLists(v View, a grammar.Args, d *show.Doc) error {
	lists := v.Config().AccessLists
	d.Data = lists
	want := a.String("Name")
	for _, l := range lists {
		if want != "" && l.Name != want {
			continue
		}
		kind := "Standard"
		if l.Extended {
			kind = "Extended"
		}
		d.Line("%s IP access list %s", kind, l.Name)
		for _, e := range l.Entries {
			if e.Remark == "" {
				d.Line("    %d %s", e.Sequence, entryText(l, e))
			}
		}
	}
	return nil
}

// entryText is an entry as `show access-lists` prints it: one blank behind the
// action in an extended list, the action padded in a standard one.
func entryText(l *runningconfig.AccessList, e runningconfig.ACE) string {
	syntax := standardEntry()
	if l.Extended {
		syntax = extendedEntry()
	}
	text, _ := grammar.Unparse(syntax, entryArgs(e, l.Extended))
	if l.Extended {
		if rest, ok := strings.CutPrefix(text, "deny   "); ok {
			text = "deny " + rest
		}
	}
	return text
}
