package modes

import "testing"

// A number with two names would print now as one, now as the other.
func TestPortNamesAreUnique(t *testing.T) {
	for _, c := range []codes{tcpPorts, udpPorts} {
		seen := map[int]string{}
		for name, n := range c.names {
			if seen[n] != "" {
				t.Errorf("port %d is %s and %s", n, seen[n], name)
			}
			seen[n] = name
		}
	}
}

func TestPortName(t *testing.T) {
	for _, c := range []struct {
		typed string
		want  int
		ok    bool
	}{
		{"bgp", 179, true}, {"BGP", 179, true}, {"tel", 23, true}, {"t", 0, false}, {"22", 22, true},
		{"65535", 65535, true}, {"65536", 65536, false}, {"-1", -1, false}, {"+1", 1, false}, {"any", 0, false},
	} {
		v, _, ok := tcpPorts.Parse([]string{c.typed})
		if ok != c.ok || ok && v != c.want {
			t.Errorf("%s: %v, %v", c.typed, v, ok)
		}
	}
	for n, want := range map[int]string{179: "bgp", 23: "telnet", 80: "www", 49: "tacacs", 53: "domain", 22: "22", 443: "443", 848: "848", 3784: "3784"} {
		if got := tcpPorts.Format(n); got != want {
			t.Errorf("%d prints as %s", n, got)
		}
	}
	for n, want := range map[int]string{123: "ntp", 514: "syslog", 500: "isakmp", 161: "snmp", 69: "tftp"} {
		if got := udpPorts.Format(n); got != want {
			t.Errorf("%d prints as %s", n, got)
		}
	}
}
