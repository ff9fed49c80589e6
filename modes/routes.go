package modes

import (
	"cmp"
	"net/netip"
	"slices"

	"coterie/cli/grammar"
	runningconfig "coterie/running-config"
)

// routes is `ip route`.
func (b *builder) routes() []*grammar.Command {
	return []*grammar.Command{{
		Syntax: grammar.Seq{
			grammar.Kw("ip", wordHelp["ip"]), grammar.Kw("route", "Establish static routes"),
			grammar.Opt{Node: grammar.Seq{grammar.Kw("vrf", "Configure static route for a VPN Routing/Forwarding instance"),
				grammar.Arg("VRF", grammar.Word(), "VPN Routing/Forwarding instance name").From(vrfNames)}},
			grammar.Arg("Prefix", grammar.IPv4(), "Destination prefix"),
			grammar.Arg("Mask", grammar.Mask(), "Destination prefix mask"),
			grammar.OptionalUnderNo{Node: grammar.Seq{
				grammar.Alt{
					grammar.Seq{interfaceWord("Interface", "Outgoing interface"),
						grammar.Opt{Node: grammar.Arg("NextHop", grammar.IPv4(), "Forwarding router's address")}},
					grammar.Arg("NextHop", grammar.IPv4(), "Forwarding router's address"),
				},
				grammar.Opt{Node: grammar.Arg("Distance", grammar.Int(1, 255), "Distance metric for this route")},
				grammar.AnyOrder{
					grammar.Seq{grammar.Kw("tag", "Set tag for this route"), grammar.Arg("Tag", grammar.Uint32(1, 4294967295), "Tag value")},
					grammar.Seq{grammar.Kw("name", "Specify name of the next hop"), grammar.Arg("Name", grammar.Word(), "Name of the next hop")},
					grammar.Alt{
						grammar.Kw("permanent", "Permanent route").Sets("Permanent", true),
						grammar.Seq{grammar.Kw("track", "Install route depending on tracked item"),
							grammar.Arg("Track", grammar.Int(1, 1000), "Tracked object number").From(trackNumbers)},
					},
				},
			}},
		},
		Bind: routeBinding(),
		Sample: []string{"ip route 10.0.0.0 255.0.0.0 192.168.1.1", "ip route 10.1.0.0 255.255.0.0 Ethernet0/0 192.168.1.1 200 tag 7 name X permanent",
			"ip route vrf A 10.2.0.0 255.255.0.0 Null0", "ip route 10.3.0.0 255.255.0.0 192.168.1.1 track 10"},
	}}
}

func routeBinding() grammar.Binding {
	type root = runningconfig.Config
	read := func(a grammar.Args) (runningconfig.Route, error) {
		r := runningconfig.Route{
			VRF: a.String("VRF"), Prefix: address(a, "Prefix"), Mask: address(a, "Mask"), Interface: a.String("Interface"),
			NextHop: address(a, "NextHop"), Distance: a.Int("Distance"), Name: a.String("Name"), Permanent: a.Bool("Permanent"), Track: a.Int("Track"),
		}
		r.Tag, _ = a["Tag"].(uint32)
		if r.Distance == runningconfig.DefaultRouteDistance {
			r.Distance = 0
		}
		if masked(r.Prefix, r.Mask) != r.Prefix {
			return r, Refusal("%Inconsistent address and mask")
		}
		if first := r.Prefix.As4()[0]; first >= 224 || first == 127 || first == 0 && r.Prefix != netip.IPv4Unspecified() {
			return r, Refusal("%Invalid destination prefix")
		}
		return r, nil
	}
	// same compares what identifies a route; the path may be left out under `no`.
	same := func(x, y runningconfig.Route, path bool) bool {
		return x.VRF == y.VRF && x.Prefix == y.Prefix && x.Mask == y.Mask &&
			(!path || x.Interface == y.Interface && x.NextHop == y.NextHop)
	}
	order := func(x, y runningconfig.Route) int {
		return cmp.Or(cmp.Compare(x.VRF, y.VRF), x.Prefix.Compare(y.Prefix), x.Mask.Compare(y.Mask))
	}
	return grammar.Custom[root]{
		OnSet: func(c *root, a grammar.Args) error {
			r, err := read(a)
			if err != nil {
				return err
			}
			if r.Interface == "" && !r.NextHop.IsValid() {
				return incomplete
			}
			for i, old := range c.Routes {
				if same(old, r, true) {
					c.Routes[i] = r
					return nil
				}
			}
			at, _ := slices.BinarySearchFunc(c.Routes, r, func(x, y runningconfig.Route) int {
				return cmp.Or(order(x, y), -1) // after its equals
			})
			c.Routes = slices.Insert(c.Routes, at, r)
			return nil
		},
		OnUnset: func(c *root, a grammar.Args) error {
			r, err := read(a)
			if err != nil {
				return err
			}
			before := len(c.Routes)
			c.Routes = slices.DeleteFunc(c.Routes, func(old runningconfig.Route) bool {
				return same(old, r, r.Interface != "" || r.NextHop.IsValid())
			})
			if len(c.Routes) == before {
				return Refusal("%No matching route to delete")
			}
			return nil
		},
		OnLines: func(c *root, _ bool) []grammar.Line {
			var out []grammar.Line
			for _, r := range c.Routes {
				a := grammar.Args{"Prefix": r.Prefix, "Mask": r.Mask}
				if r.VRF != "" {
					a["VRF"] = r.VRF
				}
				if r.Interface != "" {
					a["Interface"] = r.Interface
				}
				if r.NextHop.IsValid() {
					a["NextHop"] = r.NextHop
				}
				if r.Distance != 0 {
					a["Distance"] = r.Distance
				}
				if r.Tag != 0 {
					a["Tag"] = r.Tag
				}
				if r.Name != "" {
					a["Name"] = r.Name
				}
				if r.Permanent {
					a["Permanent"] = true
				}
				if r.Track != 0 {
					a["Track"] = r.Track
				}
				out = append(out, grammar.Line{Args: a})
			}
			return out
		},
	}
}
