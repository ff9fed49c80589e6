package modes

import (
	"strings"

	"coterie/cli/grammar"
	runningconfig "coterie/running-config"
)

// interfaceType reads the name of an interface in any legal spelling, in one
// word or two; its value is the canonical name, a string.
var interfaceType = interfaceName{}

type interfaceName struct{}

func (interfaceName) Placeholder() string { return "INTERFACE" }
func (interfaceName) Rank() int           { return grammar.RankTyped }
func (interfaceName) Format(v any) string { s, _ := v.(string); return s }
func (interfaceName) Samples() []string   { return []string{"Loopback0", "Ethernet 0/0"} }

func (interfaceName) Parse(tokens []string) (any, int, bool) {
	if name, ok := runningconfig.InterfaceName(tokens[0]); ok {
		return name, 1, true
	}
	// The type and the number may be two words.
	if _, ok := runningconfig.InterfaceName(tokens[0] + "0"); !ok || strings.ContainsAny(tokens[0], "0123456789") {
		return nil, 0, false
	}
	if len(tokens) == 1 {
		return nil, 2, true
	}
	if tokens[1][0] < '0' || tokens[1][0] > '9' {
		return nil, 0, false
	}
	name, ok := runningconfig.InterfaceName(tokens[0] + tokens[1])
	return name, 2, ok
}

// List is what `?` shows: the types, then the numbers of one.
func (interfaceName) List(typed []string) []grammar.HelpEntry {
	if len(typed) == 0 {
		return interfaceHelp
	}
	if name, ok := runningconfig.InterfaceName(typed[0] + "0"); ok && !strings.ContainsAny(typed[0], "0123456789") {
		typ := strings.TrimSuffix(name, "0")
		switch typ {
		case "Embedded-Service-Engine", "Ethernet", "FastEthernet", "GigabitEthernet", "TenGigabitEthernet", "Serial":
			return []grammar.HelpEntry{{Word: "<0-9>", Help: typ + " interface number"}}
		}
		return []grammar.HelpEntry{{Word: "<0-2147483647>", Help: typ + " interface number"}}
	}
	return nil
}

var interfaceHelp = []grammar.HelpEntry{
	{Word: "Async", Help: "Async interface"},
	{Word: "BVI", Help: "Bridge-Group Virtual Interface"},
	{Word: "Dialer", Help: "Dialer interface"},
	{Word: "Embedded-Service-Engine", Help: "cisco embedded service engine module"},
	{Word: "Ethernet", Help: "IEEE 802.3"},
	{Word: "FastEthernet", Help: "FastEthernet IEEE 802.3"},
	{Word: "GigabitEthernet", Help: "GigabitEthernet IEEE 802.3z"},
	{Word: "Loopback", Help: "Loopback interface"},
	{Word: "Null", Help: "Null interface"},
	{Word: "Port-channel", Help: "Ethernet Channel of interfaces"},
	{Word: "Serial", Help: "Serial"},
	{Word: "TenGigabitEthernet", Help: "Ten Gigabit Ethernet"},
	{Word: "Tunnel", Help: "Tunnel interface"},
	{Word: "Vlan", Help: "Catalyst Vlans"},
}
