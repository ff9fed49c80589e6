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
	list := grammar.Opt{Node: grammar.Arg("Name", grammar.Word(), "Access list name or number").From(accessListNames)}
	x.show(userLevel, grammar.Seq{grammar.Kw("access-lists", "List access lists"), list}, showAccessLists)
	x.show(userLevel, grammar.Seq{kwIP, grammar.Kw("access-lists", "List IP access lists"), list}, showAccessLists)
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

const routeCodes = `Codes: L - local, C - connected, S - static, R - RIP, M - mobile, B - BGP
       D - EIGRP, EX - EIGRP external, O - OSPF, IA - OSPF inter area 
       N1 - OSPF NSSA external type 1, N2 - OSPF NSSA external type 2
       E1 - OSPF external type 1, E2 - OSPF external type 2, m - OMP
       n - NAT, Ni - NAT inside, No - NAT outside, Nd - NAT DIA
       i - IS-IS, su - IS-IS summary, L1 - IS-IS level-1, L2 - IS-IS level-2
       ia - IS-IS inter area, * - candidate default, U - per-user static route
       H - NHRP, G - NHRP registered, g - NHRP registration summary
       o - ODR, P - periodic downloaded static route, l - LISP
       a - application route
       + - replicated route, % - next hop override, p - overrides from PfR
       & - replicated local route overrides by connected
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

// routeTable prints the routes of a VRF that keep admits; the gateway of last
// resort is that of the whole table.
func routeTable(v View, d *show.Doc, vrf string, keep func(netdev.Route) bool) {
	routes := routesOf(v, vrf)
	gateway := "not set"
	for _, r := range routes {
		if r.Prefix.Bits() == 0 && gateway == "not set" {
			gateway = source(r.NextHop) + " to network 0.0.0.0"
		}
	}
	routes = slices.DeleteFunc(routes, func(r netdev.Route) bool { return !keep(r) })
	d.Data = slices.Clone(routes)
	slices.SortStableFunc(routes, func(a, b netdev.Route) int {
		return cmp.Or(a.Prefix.Addr().Compare(b.Prefix.Addr()), cmp.Compare(a.Prefix.Bits(), b.Prefix.Bits()))
	})
	d.Line("%s", routeCodes)
	d.Line("Gateway of last resort is %s", gateway)
	d.Blank()
	for len(routes) > 0 {
		m := major(routes[0].Prefix.Addr())
		n := 1
		for n < len(routes) && (routes[n].Prefix == routes[0].Prefix ||
			m.Contains(routes[n].Prefix.Addr()) && routes[0].Prefix.Bits() >= m.Bits()) {
			n++
		}
		majorNetwork(v, d, m, routes[:n])
		routes = routes[n:]
	}
}

// majorNetwork prints the routes of one classful network: subnetted, variably
// subnetted, or the network itself.
func majorNetwork(v View, d *show.Doc, m netip.Prefix, routes []netdev.Route) {
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
			routeLine(v, d, code, 6, first.String(), r, i > 0)
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
		routeLine(v, d, string(r.Source), 9, text, r, r.Prefix == last)
		last = r.Prefix
	}
}

// routeLine prints one path; a further path of the same prefix is aligned
// under the first.
func routeLine(v View, d *show.Doc, code string, column int, prefix string, r netdev.Route, further bool) {
	head := fmt.Sprintf("%-*s%s", column, code, prefix)
	if further {
		head = fmt.Sprintf("%*s", len(head), "")
	}
	switch {
	case r.NextHop.IsValid():
		path := fmt.Sprintf("[%d/0] via %v", r.Distance, r.NextHop)
		if r.Interface != "" && byInterface(v, r) {
			path += ", " + r.Interface
		}
		d.Line("%s %s", head, path)
	default:
		d.Line("%s is directly connected, %s", head, r.Interface)
	}
}

// byInterface tells whether the configuration of a static route names its
// interface beside the next hop.
func byInterface(v View, r netdev.Route) bool {
	for _, c := range v.Config().Routes {
		if c.Interface != "" && c.NextHop == r.NextHop && c.Prefix == r.Prefix.Addr() && maskBits(c.Mask) == r.Prefix.Bits() {
			return true
		}
	}
	return false
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
// action in an extended list; in a standard one the action is padded and a
// wildcard is spelled out.
func entryText(l *runningconfig.AccessList, e runningconfig.ACE) string {
	action := "deny"
	if e.Permit {
		action = "permit"
	}
	if l.Extended {
		text, _ := grammar.Unparse(extendedEntry(), entryArgs(e, true))
		_, rest, _ := strings.Cut(text, " ")
		return action + " " + strings.TrimLeft(rest, " ")
	}
	text := "any"
	if !e.Src.Any && e.Src.Addr.IsValid() {
		text = e.Src.Addr.String()
		if w := e.Src.Wildcard; w.IsValid() && !w.IsUnspecified() {
			text += ", wildcard bits " + w.String()
		}
	}
	if len(e.Options) > 0 {
		text += " log"
	}
	return fmt.Sprintf("%-6s %s", action, text)
}
