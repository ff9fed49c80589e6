package virtual

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// software types exist as soon as they are configured.
var software = []string{"Loopback", "Null"}

// ethernetLike types name the same hardware: a port called Ethernet0/1 answers
// to GigabitEthernet0/1 as well.
var ethernetLike = []string{"Ethernet", "FastEthernet", "GigabitEthernet", "TenGigabitEthernet"}

// splitName cuts "Ethernet0/1" into "Ethernet" and "0/1".
func splitName(name string) (typ, number string) {
	i := strings.IndexAny(name, "0123456789")
	if i < 0 {
		return name, ""
	}
	return name[:i], name[i:]
}

func isSoftware(name string) bool {
	typ, number := splitName(name)
	_, err := strconv.ParseUint(number, 10, 31)
	return err == nil && slices.Contains(software, typ)
}

// sameHardware says whether two names are spellings of one port.
func sameHardware(a, b string) bool {
	at, an := splitName(a)
	bt, bn := splitName(b)
	return a == b || an == bn && slices.Contains(ethernetLike, at) && slices.Contains(ethernetLike, bt)
}

// compareSoftware orders software interfaces by type, then by number.
func compareSoftware(a, b *port) int {
	at, an := splitName(a.name())
	bt, bn := splitName(b.name())
	ai, _ := strconv.Atoi(an)
	bi, _ := strconv.Atoi(bn)
	return cmp.Or(strings.Compare(at, bt), cmp.Compare(ai, bi))
}
