package modes

import (
	"net/netip"
	"strconv"
	"strings"

	"coterie/cli/grammar"
)

// distinguisher is an RD or RT: ASN:nn or IP-address:nn.
var distinguisher = kind{placeholder: "ASN:nn or IP-address:nn", rank: grammar.RankTyped, samples: []string{"65001:1", "10.0.0.1:7"}, parse: func(s string) (any, bool) {
	left, right, ok := strings.Cut(s, ":")
	if _, err := strconv.ParseUint(right, 10, 32); !ok || err != nil || right[0] == '+' {
		return nil, false
	}
	if a, err := netip.ParseAddr(left); err == nil {
		return s, a.Is4()
	}
	n, err := strconv.ParseUint(left, 10, 32)
	return strconv.FormatUint(n, 10) + ":" + right, err == nil && left[0] != '+'
}}

// vrfs are `vrf definition` and the older `ip vrf`. Interfaces and routes of a
// VRF work; route targets have no routing engine.
func (b *builder) vrfs() []*grammar.Command {
	common := func(m *grammar.Mode) {
		m.ExitHelp = "Exit from VRF configuration mode"
		m.Add(
			b.text("description", "VRF specific description"),
			effective(store(stanzaText, single, grammar.Seq{grammar.Kw("rd", "Specify Route Distinguisher"), grammar.Arg("", distinguisher, "VPN Route Distinguisher")})),
			routeTarget(),
			store(stanzaText, single, grammar.Seq{grammar.Kw("import", "VRF import"), grammar.Opt{Node: mark("ipv4", "Address family IPv4 based VRF import")},
				grammar.Kw("map", "Route-map based VRF import"), grammar.Arg("Map", grammar.Word(), "VRF import route-map name")}),
			store(stanzaText, single, grammar.Seq{grammar.Kw("export", "VRF export"), grammar.Opt{Node: mark("ipv4", "Address family IPv4 based VRF export")},
				grammar.Kw("map", "Route-map based VRF export"), grammar.Arg("Map", grammar.Word(), "VRF export route-map name")}),
			store(stanzaText, single, grammar.Seq{grammar.Kw("maximum", "Set a limit"), grammar.Kw("routes", "Maximum number of routes allowed"),
				grammar.Arg("Limit", grammar.Uint32(1, 4294967295), "Number of routes"), grammar.Alt{
					grammar.Kw("warning-only", "Only give a warning message if limit is exceeded").Sets("WarningOnly", true),
					grammar.Arg("Threshold", grammar.Int(1, 100), "Threshold value (%) at which to generate a warning message"),
				}}),
		)
	}
	name := grammar.Arg("Name", grammar.Word(), "VRF name").From(vrfNames)
	definition := b.mode("config-vrf", "(config-vrf)")
	common(definition)
	family := b.mode("config-vrf-af", "(config-vrf-af)")
	family.Parent = definition
	family.ExitHelp = "Exit from VRF address family configuration mode"
	family.Add(routeTarget())
	definition.Add(
		effective(heading(stanzaSubs, grammar.Seq{grammar.Kw("address-family", wordHelp["address-family"]),
			choice("Family", "ipv4", "Address family IPv4", "ipv6", "Address family IPv6"),
			grammar.Opt{Node: choice("Kind", "multicast", "Address family modifier", "unicast", "Address family modifier")}}, family, nil, "Family", "Kind")),
		leave("exit-address-family"),
	)
	old := b.mode("config-vrf", "(config-vrf)")
	common(old)
	return []*grammar.Command{
		effective(heading(globalSections, then(keywords("vrf definition", "VRF definition"), name), definition, nil, "Name")),
		effective(heading(globalSections, then(keywords("ip vrf", "Specify parameters for a VPN Routing/Forwarding instance"), name), old, nil, "Name")),
	}
}

// effective marks a stored line whose meaning is in force all the same.
func effective(c *grammar.Command) *grammar.Command {
	c.NoEffect = false
	return c
}

// withoutEffect marks a line that has a value of its own in the tree, which no
// engine reads.
func withoutEffect(c *grammar.Command) *grammar.Command {
	c.NoEffect = true
	return c
}

// routeTarget is `route-target`, of which `both` is two lines.
func routeTarget() *grammar.Command {
	c := store(stanzaText, 0, grammar.Seq{grammar.Kw("route-target", "Specify Target VPN Extended Communities"),
		choice("Direction", "both", "Both import and export Target-VPN community", "export", "Export Target-VPN community",
			"import", "Import Target-VPN community"), grammar.Arg("Target", distinguisher, "ASN:nn or IP-address:nn")})
	c.Bind = targetBinding{c.Bind}
	return c
}

type targetBinding struct{ grammar.Binding }

// Identifying says that the whole line does.
func (targetBinding) Identifying() ([]string, bool) { return nil, true }

func (b targetBinding) each(a grammar.Args, f func(grammar.Args) error) error {
	directions := []string{a.String("Direction")}
	if directions[0] == "both" {
		directions = []string{"export", "import"}
	}
	for _, d := range directions {
		if err := f(grammar.Args{"Direction": d, "Target": a["Target"]}); err != nil {
			return err
		}
	}
	return nil
}

func (b targetBinding) Set(target any, a grammar.Args) error {
	return b.each(a, func(a grammar.Args) error { return b.Binding.Set(target, a) })
}

func (b targetBinding) Unset(target any, a grammar.Args) error {
	return b.each(a, func(a grammar.Args) error { return b.Binding.Unset(target, a) })
}
