//go:build linux

package linux

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ethernetTypes are the IOS types under which an Ethernet-like device answers,
// all of one number.
var ethernetTypes = []string{"Ethernet", "FastEthernet", "GigabitEthernet", "TenGigabitEthernet"}

// splitName cuts "Ethernet0/1" into "Ethernet" and "0/1".
func splitName(name string) (typ, number string) {
	i := strings.IndexAny(name, "0123456789")
	if i < 0 {
		return name, ""
	}
	return name[:i], name[i:]
}

// sameHardware says whether two IOS names are spellings of one port.
func sameHardware(a, b string) bool {
	at, an := splitName(a)
	bt, bn := splitName(b)
	return a == b || an == bn && slices.Contains(ethernetTypes, at) && slices.Contains(ethernetTypes, bt)
}

// softwareNumber is N of "Loopback N".
func softwareNumber(name string) (n int, ok bool) {
	typ, number := splitName(name)
	v, err := strconv.ParseUint(number, 10, 31)
	return int(v), err == nil && typ == "Loopback"
}

// isNull says whether name is the interface that discards.
func isNull(name string) bool { return name == "Null0" }

// ordinalName is the IOS name of the n-th Ethernet-like device.
func ordinalName(n int) string { return fmt.Sprintf("Ethernet%d/%d", n/4, n%4) }

// names gives Linux devices their IOS names. A number once given stays with
// its device, so that hardware that comes and goes renames nothing.
type names struct {
	mapped  map[string]string // IOS name to Linux name
	ordinal map[string]int    // Linux name to number
}

// learn numbers devices that have none, in natural order of their names.
func (n *names) learn(devices []string) {
	devices = slices.DeleteFunc(slices.Clone(devices), func(d string) bool {
		_, known := n.ordinal[d]
		return known
	})
	slices.SortFunc(devices, compareNatural)
	for _, d := range devices {
		n.ordinal[d] = len(n.ordinal)
	}
}

// linux finds the device that an IOS name means: as mapped, by its number, or
// as Linux calls it.
func (n *names) linux(name string, exists func(linux string) bool) (string, bool) {
	base, sub, dotted := strings.Cut(name, ".")
	if dotted && !exists(name) { // a VLAN of a port is ethX.N
		parent, ok := n.linux(base, exists)
		vlan := parent + "." + sub
		return vlan, ok && exists(vlan)
	}
	for _, ios := range n.iosNames() {
		if sameHardware(ios, name) {
			return n.mapped[ios], exists(n.mapped[ios])
		}
	}
	for device, number := range n.ordinal {
		if sameHardware(ordinalName(number), name) && !n.isMapped(device) {
			return device, exists(device)
		}
	}
	return name, exists(name)
}

// ios is the IOS name of a device, or its own when it has none.
func (n *names) ios(device string) string {
	for _, ios := range n.iosNames() {
		if n.mapped[ios] == device {
			return ios
		}
	}
	number, ok := n.ordinal[device]
	if !ok {
		return device
	}
	name := ordinalName(number)
	for ios := range n.mapped {
		if sameHardware(ios, name) {
			return device // the map gave its name away
		}
	}
	return name
}

func (n *names) isMapped(device string) bool {
	for _, d := range n.mapped {
		if d == device {
			return true
		}
	}
	return false
}

// iosNames lists the mapped names, sorted.
func (n *names) iosNames() []string {
	out := make([]string, 0, len(n.mapped))
	for ios := range n.mapped {
		out = append(out, ios)
	}
	slices.Sort(out)
	return out
}

// compareNatural orders names with their numbers as numbers: eth2 before
// eth10, Ethernet0/1 before Ethernet0/10.
func compareNatural(a, b string) int {
	for a != "" && b != "" {
		ta, tb := token(a), token(b)
		na, ea := strconv.ParseUint(ta, 10, 64)
		nb, eb := strconv.ParseUint(tb, 10, 64)
		c := strings.Compare(ta, tb)
		if ea == nil && eb == nil {
			c = cmp.Or(cmp.Compare(na, nb), c)
		}
		if c != 0 {
			return c
		}
		a, b = a[len(ta):], b[len(tb):]
	}
	return cmp.Compare(len(a), len(b))
}

// token is the run of digits or of other octets that s begins with.
func token(s string) string {
	digit := func(c byte) bool { return c >= '0' && c <= '9' }
	i := 1
	for i < len(s) && digit(s[i]) == digit(s[0]) {
		i++
	}
	return s[:i]
}
