package runningconfig

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// InterfaceTypes are the types of interface of IOS, in the order in which
// `show running-config` prints them.
var InterfaceTypes = []string{
	"Loopback", "Port-channel", "Tunnel", embedded,
	"Ethernet", "FastEthernet", "GigabitEthernet", "TenGigabitEthernet",
	"Serial", "Async", "BVI", "Dialer", "Vlan", "Null",
}

// embedded is a type that every ISR G2 has in its configuration and nobody
// types: the abbreviations "e" and "E" stay with Ethernet.
const embedded = "Embedded-Service-Engine"

// software types have one number and no slot.
var software = map[string]bool{
	"Loopback": true, "Port-channel": true, "Tunnel": true, "BVI": true, "Dialer": true, "Vlan": true, "Null": true,
}

// InterfaceName gives the canonical name of an interface: the full type and
// its number, "Ethernet0/0", of any unambiguous spelling ("e0/0",
// "Ethernet 0/0", "gi0/1.100", "lo0"). A name that only Linux gives
// ("enp0s3", "br-lan") is canonical as it stands. ok is false for anything else.
func InterfaceName(s string) (name string, ok bool) {
	digit := strings.IndexAny(s, "0123456789")
	if digit > 0 {
		typ, number := strings.TrimRight(s[:digit], " "), s[digit:]
		if typ = interfaceType(typ); typ != "" {
			if number, ok = interfaceNumber(number, software[typ]); ok {
				return typ + number, true
			}
			return "", false
		}
	}
	return s, linuxName(s)
}

// interfaceType completes a type: exact, or the only one with the prefix.
func interfaceType(prefix string) string {
	found := ""
	for _, t := range InterfaceTypes {
		if len(prefix) > len(t) || !strings.EqualFold(t[:len(prefix)], prefix) {
			continue
		}
		if len(prefix) == len(t) {
			return t
		}
		switch {
		case found == embedded:
		case found != "":
			return ""
		}
		found = t
	}
	return found
}

// interfaceNumber checks N[/N[/N]][.SUB] and drops leading zeros.
func interfaceNumber(s string, single bool) (string, bool) {
	base, sub, dotted := strings.Cut(s, ".")
	parts := strings.Split(base, "/")
	if len(parts) > 4 || single && (len(parts) > 1 || dotted) {
		return "", false
	}
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 10, 31)
		if err != nil {
			return "", false
		}
		parts[i] = strconv.FormatUint(n, 10)
	}
	out := strings.Join(parts, "/")
	if dotted {
		n, err := strconv.ParseUint(sub, 10, 32)
		if err != nil {
			return "", false
		}
		out += "." + strconv.FormatUint(n, 10)
	}
	return out, true
}

// linuxPrefixes begin the names that Linux and its administrators give to
// network devices.
var linuxPrefixes = []string{"eno", "enp", "ens", "enx", "eth", "wlan", "wlp", "br-", "veth", "bond", "dummy", "tap", "tun", "virbr", "docker"}

func linuxName(s string) bool {
	if len(s) > 15 {
		return false
	}
	for _, r := range s {
		if !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '-' || r == '_') {
			return false
		}
	}
	return slices.ContainsFunc(linuxPrefixes, func(p string) bool { return len(s) > len(p) && strings.HasPrefix(s, p) })
}

// ShortInterfaceName is the name that IOS prints in tables and messages:
// "Et0/0" of Ethernet0/0.
func ShortInterfaceName(name string) string {
	i := strings.IndexAny(name, "0123456789")
	if i < 0 {
		return name
	}
	short := map[string]string{
		"Loopback": "Lo", "Port-channel": "Po", "Tunnel": "Tu", "Ethernet": "Et", "FastEthernet": "Fa",
		"GigabitEthernet": "Gi", "TenGigabitEthernet": "Te", "Serial": "Se", "Async": "As", "BVI": "BV",
		embedded: "Em", "Dialer": "Di", "Vlan": "Vl", "Null": "Nu",
	}[name[:i]]
	if short == "" {
		return name
	}
	return short + name[i:]
}

// CompareInterfaceNames orders canonical names as IOS prints them: by type,
// then number by number; other names last, by text.
func CompareInterfaceNames(a, b string) int {
	at, an := splitInterface(a)
	bt, bn := splitInterface(b)
	return cmp.Or(cmp.Compare(at, bt), slices.Compare(an, bn), strings.Compare(a, b))
}

// splitInterface gives the rank of the type and the numbers.
func splitInterface(name string) (rank int, numbers []uint64) {
	i := strings.IndexAny(name, "0123456789")
	if i < 0 {
		return len(InterfaceTypes), nil
	}
	if rank = slices.Index(InterfaceTypes, name[:i]); rank < 0 {
		return len(InterfaceTypes), nil
	}
	for _, f := range strings.FieldsFunc(name[i:], func(r rune) bool { return r == '/' || r == '.' }) {
		n, _ := strconv.ParseUint(f, 10, 64)
		numbers = append(numbers, n)
	}
	return rank, numbers
}
