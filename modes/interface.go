package modes

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"coterie/cli/grammar"
	runningconfig "coterie/running-config"
)

// removable tells interfaces that `no interface` deletes: software, and the
// sub-interfaces of hardware.
func removable(name string) bool {
	if strings.Contains(name, ".") {
		return true
	}
	for _, t := range []string{"Loopback", "Port-channel", "Tunnel", "BVI", "Dialer", "Vlan"} {
		if strings.HasPrefix(name, t) {
			return true
		}
	}
	return false
}

// interfaces is `interface NAME`.
func (b *builder) interfaces() []*grammar.Command {
	type root = runningconfig.Config
	o := objects[root, runningconfig.Interface]{
		list: func(c *root) *[]*runningconfig.Interface { return &c.Interfaces },
		is:   func(i *runningconfig.Interface, a grammar.Args) bool { return i.Name == a.String("Name") },
		make: func(a grammar.Args) *runningconfig.Interface {
			return &runningconfig.Interface{Name: a.String("Name")}
		},
		args: func(i *runningconfig.Interface) grammar.Args { return grammar.Args{"Name": i.Name} },
		compare: func(x, y *runningconfig.Interface) int {
			return runningconfig.CompareInterfaceNames(x.Name, y.Name)
		},
		keep: func(_ *root, i *runningconfig.Interface) error {
			if !removable(i.Name) {
				return Refusal("% Removal of physical interfaces is not permitted")
			}
			return nil
		},
	}
	opener := o.opener().(grammar.Custom[root])
	opener.OnDefault = func(c *root, a grammar.Args) error {
		if i := o.find(c, a); i != nil {
			*i = runningconfig.Interface{Name: i.Name}
		}
		return nil
	}
	return []*grammar.Command{{
		Syntax: grammar.Seq{grammar.Kw("interface", "Select an interface to configure"), interfaceWord("Name", "Interface type and number")},
		Bind:   opener,
		Before: func(_ context.Context, t grammar.Terminal, m grammar.Match) (bool, error) {
			if m.Default {
				fmt.Fprintf(t, "Interface %s set to default configuration\n", m.Args.String("Name"))
			}
			return true, nil
		},
		Enter:  b.interfaceMode(),
		Bang:   grammar.BangEach,
		Sample: []string{"interface Loopback0", "interface Tunnel 10"},
	}}
}

// interfaceMode is the mode of an interface, in the order in which IOS prints it.
func (b *builder) interfaceMode() *grammar.Mode {
	type iface = runningconfig.Interface
	kept := func(i *iface) *[]string { return &i.Kept }
	ip := grammar.Kw("ip", wordHelp["ip"])
	number := func(words []grammar.Node, lo, hi int, help string, field func(*iface) *int) *grammar.Command {
		return &grammar.Command{Syntax: append(grammar.Seq(words), grammar.Arg("", grammar.Int(lo, hi), help)), Bind: leaf(field, 0)}
	}
	// Packets are only as long as `ip mtu` says.
	ipMTU := number([]grammar.Node{ip, grammar.Kw("mtu", "Set IP Maximum Transmission Unit")}, 68, 18000, "MTU (bytes)",
		func(i *iface) *int { return &i.IPMTU })
	ipMTU.Immediate = true
	vlan, serial := encapsulations()
	m := b.mode("config-if", "")
	m.Prompt = func(_ any, path []grammar.Frame) string {
		if n := len(path); n > 0 && strings.Contains(path[n-1].Args.String("Name"), ".") {
			return "(config-subif)"
		}
		return "(config-if)"
	}
	m.Add(
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("description", "Interface specific description"),
				grammar.Arg("", grammar.Rest(), "Up to 240 characters describing this interface")},
			Bind: leaf(func(i *iface) *string { return &i.Description }, ""),
		},
		vlan,
		withoutEffect(number([]grammar.Node{grammar.Kw("mtu", "Set the interface Maximum Transmission Unit (MTU)")}, 64, 18000, "MTU size in bytes",
			func(i *iface) *int { return &i.MTU })),
		number([]grammar.Node{grammar.Kw("bandwidth", "Set bandwidth informational parameter")}, 1, 10000000, "Bandwidth in kilobits",
			func(i *iface) *int { return &i.Bandwidth }),
		b.vrfForwarding(ip),
		b.ipAddress(ip),
		dhcpAddress(),
		store(kept, single, grammar.Seq{ip, grammar.Kw("unnumbered", "Enable IP processing without an explicit address"), interfaceWord("", "Interface name")}),
		store(kept, 0, grammar.Seq{ip, grammar.Kw("helper-address", "Specify a destination address for UDP broadcasts"), grammar.Arg("", grammar.IPv4(), "IP destination address")}),
		&grammar.Command{
			Syntax: grammar.Seq{ip, grammar.Kw("access-group", "Specify access control for packets"), grammar.OptionalUnderNo{Node: grammar.Seq{
				grammar.Arg("ACL", grammar.Word(), "Access-list number or name").From(accessListNames),
				grammar.Alt{grammar.Kw("in", "Inbound packets").Sets("In", true), grammar.Kw("out", "Outbound packets").Sets("In", false)}}}},
			Bind: accessGroupBinding(), NoEffect: true,
		},
		keep(kept, "ip redirects", "Enable sending ICMP Redirect messages", single|bare|defaults),
		keep(kept, "ip unreachables", "Enable sending ICMP Unreachable messages", single|bare|defaults),
		keep(kept, "ip proxy-arp", "Enable proxy ARP", single|bare|defaults),
		keep(kept, "ip route-cache", "Enable fast-switching cache for outgoing packets", single|defaults),
		ipMTU,
		keep(kept, "ip flow", "NetFlow related commands", 0),
		keep(kept, "ip nbar", "Network-Based Application Recognition", 0),
	)
	m.Add(pimLines()...)
	m.Add(nhrpLines()...)
	m.Add(
		keep(kept, "ip nat", "NAT interface commands", 0),
		keep(kept, "ip virtual-reassembly", "Virtual Reassembly", single|both),
	)
	m.Add(igmpLines()...)
	m.Add(
		withoutEffect(number([]grammar.Node{ip, grammar.Kw("tcp", "TCP interface commands"), grammar.Kw("adjust-mss", "Adjust the mss of transit packets")}, 500, 1460,
			"Maximum segment size in bytes", func(i *iface) *int { return &i.AdjustMSS })),
	)
	m.Add(ospfLines()...)
	m.Add(
		keep(kept, "ip policy", "Enable policy routing", single),
		keep(kept, "ip summary-address", "Perform address summarization", 0),
		keep(kept, "ip verify", "Enable per packet validation", 0),
		keep(kept, "zone-member", "Apply zone name", single),
		serial,
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("load-interval", "Specify interval for load calculation for an interface"),
				grammar.Arg("", loadInterval, "Load interval delay in seconds")},
			Bind: leaf(func(i *iface) *int { return &i.LoadInterval }, 300), NoEffect: true,
		},
		number([]grammar.Node{grammar.Kw("delay", "Specify interface throughput delay")}, 1, 16777215, "Throughput delay (tens of microseconds)",
			func(i *iface) *int { return &i.Delay }),
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("shutdown", "Shutdown the selected interface")},
			Bind: grammar.Custom[iface]{
				OnSet:     func(i *iface, _ grammar.Args) error { i.Shutdown, i.NoShutdown = true, false; return nil },
				OnUnset:   func(i *iface, _ grammar.Args) error { i.Shutdown, i.NoShutdown = false, true; return nil },
				OnDefault: func(i *iface, _ grammar.Args) error { i.Shutdown, i.NoShutdown = false, false; return nil },
				OnLines: func(i *iface, all bool) []grammar.Line {
					if i.Shutdown || all {
						return []grammar.Line{{No: !i.Shutdown}}
					}
					return nil
				},
			},
			Immediate: true,
		},
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("duplex", "Configure duplex operation"), choice("",
				"auto", "Enable AUTO duplex configuration", "full", "Force full duplex operation", "half", "Force half-duplex operation")},
			Bind: leaf(func(i *iface) *string { return &i.Duplex }, ""), NoEffect: true,
		},
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("speed", "Configure speed operation"), choice("",
				"10", "Force 10 Mbps operation", "100", "Force 100 Mbps operation", "1000", "Force 1000 Mbps operation",
				"auto", "Enable AUTO speed configuration")},
			Bind: leaf(func(i *iface) *string { return &i.Speed }, ""), NoEffect: true,
		},
		keep(kept, "keepalive", "Enable keepalive", single|defaults),
		keep(kept, "negotiation", "Select Autonegotiation mode", single|defaults),
		keep(kept, "media-type", "Interface media type", single),
		keep(kept, "serial restart-delay", "Set serial interface restart delay", single),
		keep(kept, "clock rate", "Configure serial interface clock speed", single),
	)
	m.Add(tunnelLines()...)
	m.Add(
		keep(kept, "standby", "HSRP interface configuration commands", 0),
		keep(kept, "ipv6", "IPv6 interface subcommands", both),
		keep(kept, "cdp enable", "Enable CDP on interface", single|bare|defaults),
		keep(kept, "cdp tlv", "Enable exchange of specific TLV information", both),
		keep(kept, "lldp", "LLDP subcommands", both),
		keep(kept, "mop enabled", "Enable MOP for interface", single|bare|defaults),
		keep(kept, "mop sysid", "Send MOP periodic SysID messages", single|bare|defaults),
		keep(kept, "snmp trap", "Allow a specific SNMP trap", both),
		b.ctsManual(m),
		keep(kept, "bfd", "BFD interface configuration commands", 0),
		keep(kept, "hold-queue", "Set hold queue depth", 0),
		interfaceCryptoMap(),
		store(kept, 0, grammar.Seq{grammar.Kw("service-policy", "Configure QoS Service Policy"),
			choice("Direction", "input", "Assign policy-map to the input of an interface", "output", "Assign policy-map to the output of an interface"),
			grammar.OptionalUnderNo{Node: grammar.Arg("Name", grammar.Word(), "Policy-map name").From(policyMapNames)}}, "Direction"),
	)
	return m
}

// loadInterval is a multiple of 30 seconds.
var loadInterval = grammar.Convert(grammar.Int(30, 600), func(n int) (int, bool) { return n, n%30 == 0 }, func(n int) int { return n })

// vrfForwarding is `[ip] vrf forwarding V`; it takes the addresses away.
func (b *builder) vrfForwarding(ip grammar.Keyword) *grammar.Command {
	type iface = runningconfig.Interface
	tail := grammar.Seq{grammar.Kw("vrf", "VPN Routing/Forwarding parameters on the interface"), grammar.Kw("forwarding", "Configure forwarding table"),
		grammar.OptionalUnderNo{Node: grammar.Arg("VRF", grammar.Word(), "VRF name").From(vrfNames)}}
	old := ip
	old.Name, old.Value = "Old", true
	return &grammar.Command{
		Syntax: grammar.Alt{append(grammar.Seq{old}, tail...), tail},
		Bind: grammar.Custom[iface]{
			OnSet: func(i *iface, a grammar.Args) error {
				v := a.String("VRF")
				if v != i.VRF {
					i.Addresses = nil
				}
				i.VRF, i.OldVRF = v, a.Bool("Old")
				return nil
			},
			OnUnset: func(i *iface, _ grammar.Args) error {
				if i.VRF != "" {
					i.Addresses = nil
				}
				i.VRF, i.OldVRF = "", false
				return nil
			},
			OnLines: func(i *iface, _ bool) []grammar.Line {
				switch {
				case i.VRF == "":
					return nil
				case i.OldVRF:
					return one(grammar.Args{"Old": true, "VRF": i.VRF})
				}
				return one(grammar.Args{"VRF": i.VRF})
			},
		},
		Immediate: true,
	}
}

// ipAddress is `ip address A M [secondary]`; the primary address is printed
// last, and an interface without one prints `no ip address`.
func (b *builder) ipAddress(ip grammar.Keyword) *grammar.Command {
	type iface = runningconfig.Interface
	read := func(a grammar.Args) (runningconfig.InterfaceAddress, error) {
		v := runningconfig.InterfaceAddress{Address: address(a, "Address"), Mask: address(a, "Mask"), Secondary: a.Bool("Secondary")}
		bits := maskLength(v.Mask)
		host := masked(v.Address, inverse(v.Mask))
		switch first := v.Address.As4()[0]; {
		case first == 0 || first >= 224:
			return v, Refusal("Not a valid host address - " + v.Address.String())
		case bits == 0, bits < 31 && (host == netip.IPv4Unspecified() || host == inverse(v.Mask)):
			return v, Refusal(fmt.Sprintf("Bad mask /%d for address %s", bits, v.Address))
		}
		return v, nil
	}
	return &grammar.Command{
		Syntax: grammar.Seq{ip, grammar.Kw("address", "Set the IP address of an interface"), grammar.OptionalUnderNo{Node: grammar.Seq{
			grammar.Arg("Address", grammar.IPv4(), "IP address"), grammar.Arg("Mask", grammar.Mask(), "IP subnet mask"),
			grammar.Opt{Node: grammar.Kw("secondary", "Make this IP address a secondary address").Sets("Secondary", true)}}}},
		Bind: grammar.Custom[iface]{
			OnSet: func(i *iface, a grammar.Args) error {
				if !a.Has("Address") {
					return incomplete
				}
				v, err := read(a)
				if err != nil {
					return err
				}
				i.Addresses = slices.DeleteFunc(i.Addresses, func(old runningconfig.InterfaceAddress) bool {
					return old.Address == v.Address || !v.Secondary && !old.Secondary
				})
				i.NoAddress = false
				forgetDHCP(i)
				if v.Secondary {
					i.Addresses = append(i.Addresses, v)
				} else {
					i.Addresses = slices.Insert(i.Addresses, 0, v)
				}
				return nil
			},
			OnUnset: func(i *iface, a grammar.Args) error {
				if !a.Has("Address") {
					i.Addresses, i.NoAddress = nil, true
					forgetDHCP(i)
					return nil
				}
				v, err := read(a)
				if err != nil {
					return err
				}
				at := slices.Index(i.Addresses, v)
				switch {
				case at < 0:
					return Refusal("% Address not found on interface")
				case !v.Secondary && len(i.Addresses) > 1:
					return Refusal("Must delete secondary before deleting primary")
				}
				i.Addresses = slices.Delete(i.Addresses, at, at+1)
				return nil
			},
			OnLines: func(i *iface, _ bool) []grammar.Line {
				var out []grammar.Line
				var primary *runningconfig.InterfaceAddress
				for n, v := range i.Addresses {
					if !v.Secondary {
						primary = &i.Addresses[n]
						continue
					}
					out = append(out, grammar.Line{Args: grammar.Args{"Address": v.Address, "Mask": v.Mask, "Secondary": true}})
				}
				if primary != nil {
					return append(out, grammar.Line{Args: grammar.Args{"Address": primary.Address, "Mask": primary.Mask}})
				}
				if len(out) > 0 || slices.ContainsFunc(i.Kept, func(s string) bool { return strings.HasPrefix(s, "ip unnumbered") || s == dhcp }) {
					return out
				}
				return []grammar.Line{{No: true}}
			},
		},
		Immediate: true,
	}
}

// dhcp is kept: this device takes no address from a server.
const dhcp = "ip address dhcp"

func forgetDHCP(i *runningconfig.Interface) {
	if i.Kept = slices.DeleteFunc(i.Kept, func(s string) bool { return s == dhcp }); len(i.Kept) == 0 {
		i.Kept = nil
	}
}

// dhcpAddress is `ip address dhcp`, which takes the place of an address.
func dhcpAddress() *grammar.Command {
	c := keep(func(i *runningconfig.Interface) *[]string { return &i.Kept }, dhcp, "IP Address negotiated via DHCP", single|bare)
	kept := c.Bind
	c.Bind = grammar.Custom[runningconfig.Interface]{
		OnSet: func(i *runningconfig.Interface, a grammar.Args) error {
			i.Addresses = nil
			return kept.Set(i, a)
		},
		OnUnset: func(i *runningconfig.Interface, a grammar.Args) error { return kept.Unset(i, a) },
		OnLines: func(i *runningconfig.Interface, all bool) []grammar.Line { return kept.Lines(i, all) },
	}
	return c
}

func accessGroupBinding() grammar.Binding {
	type iface = runningconfig.Interface
	return grammar.Custom[iface]{
		OnSet: func(i *iface, a grammar.Args) error {
			if a.Bool("In") {
				i.AccessIn = a.String("ACL")
			} else {
				i.AccessOut = a.String("ACL")
			}
			return nil
		},
		OnUnset: func(i *iface, a grammar.Args) error {
			if !a.Has("In") || a.Bool("In") {
				i.AccessIn = ""
			}
			if !a.Has("In") || !a.Bool("In") {
				i.AccessOut = ""
			}
			return nil
		},
		OnLines: func(i *iface, _ bool) []grammar.Line {
			var out []grammar.Line
			if i.AccessIn != "" {
				out = append(out, grammar.Line{Args: grammar.Args{"ACL": i.AccessIn, "In": true}})
			}
			if i.AccessOut != "" {
				out = append(out, grammar.Line{Args: grammar.Args{"ACL": i.AccessOut, "In": false}})
			}
			return out
		},
	}
}
