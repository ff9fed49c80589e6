package modes

import (
	"fmt"
	"net/netip"
	"slices"

	"coterie/cli/grammar"
	"coterie/cli/show"
	"coterie/netdev"
)

// showRoutes declares `show ip route`.
func (x *execCommands) showRoutes() {
	route := grammar.Kw("route", "IP routing table")
	vrf := grammar.Opt{Node: grammar.Seq{grammar.Kw("vrf", "Display routes from a VPN Routing/Forwarding instance"),
		grammar.Arg("VRF", grammar.Word(), "VPN Routing/Forwarding instance name").From(vrfNames)}}
	x.show(userLevel, grammar.Seq{kwIP, route, vrf, grammar.Opt{Node: grammar.Alt{
		grammar.Kw("connected", "Connected").Sets("Source", "C"),
		grammar.Kw("static", "Static routes").Sets("Source", "S"),
	}}}, showRoute)
	x.show(userLevel, grammar.Seq{kwIP, route, vrf, grammar.Kw("summary", "Summary of all routes")}, showRouteSummary)
	x.show(userLevel, grammar.Seq{kwIP, route, vrf, grammar.Arg("Address", grammar.IPv4(), "Network to display information about"),
		grammar.Opt{Node: grammar.Arg("Mask", grammar.Mask(), "Network mask")}}, showRouteEntry)
}

// routesOf are the routes of one VRF that can be printed.
func routesOf(v View, vrf string) []netdev.Route {
	return slices.DeleteFunc(slices.Clone(v.Routes()), func(r netdev.Route) bool {
		return r.VRF != vrf || !r.Prefix.IsValid() || !r.Prefix.Addr().Is4()
	})
}

// knownVRF refuses the name of a VRF that nothing makes.
func knownVRF(v View, vrf string) error {
	if vrf == "" || slices.Contains(vrfNames(v.Config()), vrf) {
		return nil
	}
	for _, i := range v.Interfaces() {
		if i.VRF == vrf {
			return nil
		}
	}
	return fmt.Errorf("%% IP routing table %s does not exist", vrf)
}

func showRoute(v View, a grammar.Args, d *show.Doc) error {
	vrf, from := a.String("VRF"), a.String("Source")
	if err := knownVRF(v, vrf); err != nil {
		return err
	}
	if vrf != "" {
		d.Blank()
		d.Line("Routing Table: %s", vrf)
	}
	routeTable(v, d, vrf, func(r netdev.Route) bool {
		return from == "" || string(r.Source) == from || from == "C" && r.Source == netdev.Local
	})
	return nil
}

// sourceNames are the words of `show ip route A.B.C.D` and of the summary.
var sourceNames = map[netdev.RouteSource]string{netdev.Connected: "connected", netdev.Local: "connected", netdev.Static: "static"}

// showRouteEntry is the route that an address takes, or with a mask the route
// of just that network.
func showRouteEntry(v View, a grammar.Args, d *show.Doc) error {
	vrf, target := a.String("VRF"), address(a, "Address")
	if err := knownVRF(v, vrf); err != nil {
		return err
	}
	var best []netdev.Route
	inMajor := false
	for _, r := range routesOf(v, vrf) {
		inMajor = inMajor || r.Prefix.Bits() > 0 && major(target) == major(r.Prefix.Addr())
		if a.Has("Mask") {
			if r.Prefix == netip.PrefixFrom(target, maskBits(address(a, "Mask"))) {
				best = append(best, r)
			}
			continue
		}
		switch {
		case !r.Prefix.Contains(target) || r.Prefix.Bits() == 0: // the default route is asked for by name
		case len(best) == 0 || r.Prefix.Bits() > best[0].Prefix.Bits():
			best = []netdev.Route{r}
		case r.Prefix == best[0].Prefix:
			best = append(best, r)
		}
	}
	d.Data = best
	switch {
	case len(best) == 0 && inMajor:
		return fmt.Errorf("%% Subnet not in table")
	case len(best) == 0:
		return fmt.Errorf("%% Network not in table")
	}
	first := best[0]
	known, via := sourceNames[first.Source], ""
	if first.Source != netdev.Static {
		via = " (connected, via interface)"
	}
	d.Line("Routing entry for %v", first.Prefix)
	d.Line("  Known via \"%s\", distance %d, metric 0%s", known, first.Distance, via)
	d.Line("  Routing Descriptor Blocks:")
	for i, r := range best {
		star := " "
		if i == 0 {
			star = "*"
		}
		switch {
		case r.NextHop.IsValid() && r.Interface != "" && byInterface(v, r):
			d.Line("  %s %v, via %s", star, r.NextHop, r.Interface)
		case r.NextHop.IsValid():
			d.Line("  %s %v", star, r.NextHop)
		default:
			d.Line("  %s directly connected, via %s", star, r.Interface)
		}
		d.Line("      Route metric is 0, traffic share count is 1")
	}
	return nil
}

// RouteCount is one row of `show ip route summary`.
type RouteCount struct {
	Source            string
	Networks, Subnets int
}

// showRouteSummary counts routes. What they cost in memory is not known.
func showRouteSummary(v View, a grammar.Args, d *show.Doc) error {
	vrf := a.String("VRF")
	if err := knownVRF(v, vrf); err != nil {
		return err
	}
	rows := []RouteCount{{Source: "connected"}, {Source: "static"}}
	total := RouteCount{Source: "Total"}
	for _, r := range routesOf(v, vrf) {
		row := &rows[0]
		if r.Source == netdev.Static {
			row = &rows[1]
		}
		if r.Prefix.Bits() <= major(r.Prefix.Addr()).Bits() {
			row.Networks++
			total.Networks++
		} else {
			row.Subnets++
			total.Subnets++
		}
	}
	d.Data = rows
	name := vrf
	if name == "" {
		name = "default"
	}
	d.Line("IP routing table name is %s", name)
	d.Line("%-16s%-12s%s", "Route Source", "Networks", "Subnets")
	for _, r := range append(rows, total) {
		d.Line("%-16s%-12d%d", r.Source, r.Networks, r.Subnets)
	}
	return nil
}
