//go:build linux

package linux

import (
	"slices"
	"testing"
)

func TestNames(t *testing.T) {
	devices := []string{"eth10", "eth2", "br-lan", "eth0", "eth1", "enp3s0"}
	exists := func(n string) bool { return slices.Contains(devices, n) || n == "eth0.100" }
	n := names{mapped: map[string]string{"GigabitEthernet0/1": "br-lan", "GigabitEthernet1": "eth10"}, ordinal: map[string]int{}}
	n.learn([]string{"eth10", "eth2", "eth0"})
	n.learn([]string{"eth10", "eth2", "eth1", "eth0", "enp3s0"})

	for _, c := range []struct{ typed, device string }{
		{"Ethernet0/0", "eth0"},
		{"FastEthernet0/0", "eth0"},
		{"GigabitEthernet0/0", "eth0"},
		{"TenGigabitEthernet0/0", "eth0"},
		{"eth0", "eth0"},
		{"Ethernet0/0.100", "eth0.100"},
		{"Ethernet0/0.200", ""},
		{"Ethernet0/1", "br-lan"}, // mapped; eth2 answers to its own name only
		{"eth2", "eth2"},
		{"Ethernet0/2", ""}, // eth10, which the map renames
		{"GigabitEthernet1", "eth10"},
		{"Ethernet0/3", "enp3s0"}, // came later, so numbers of the others stay
		{"Ethernet1/0", "eth1"},
		{"Ethernet1/1", ""},
		{"wlan0", ""},
	} {
		got, ok := n.linux(c.typed, exists)
		if ok != (c.device != "") || ok && got != c.device {
			t.Errorf("%s is device %q, %v; want %q", c.typed, got, ok, c.device)
		}
	}
	for _, c := range []struct{ device, ios string }{
		{"eth0", "Ethernet0/0"},
		{"br-lan", "GigabitEthernet0/1"},
		{"eth2", "eth2"},
		{"eth10", "GigabitEthernet1"},
		{"eth1", "Ethernet1/0"},
		{"docker0", "docker0"},
	} {
		if got := n.ios(c.device); got != c.ios {
			t.Errorf("%s is %s, want %s", c.device, got, c.ios)
		}
	}
}

func TestCompareNatural(t *testing.T) {
	in := []string{"eth10", "eth2", "eth", "ens5f1", "ens5f0", "Ethernet0/10", "Ethernet0/9", "eth02"}
	want := []string{"Ethernet0/9", "Ethernet0/10", "ens5f0", "ens5f1", "eth", "eth02", "eth2", "eth10"}
	slices.SortFunc(in, compareNatural)
	if !slices.Equal(in, want) {
		t.Errorf("order %v, want %v", in, want)
	}
}

func TestLoopbackNames(t *testing.T) {
	for _, c := range []struct {
		typed, device string
	}{
		{"Loopback0", "coterie-lo0"},
		{"Loopback99999", "coterie-lo99999"},
		{"Loopback2147483647", "cotlo2147483647"},
	} {
		n, ok := softwareNumber(c.typed)
		if got := loopbackName(n); !ok || got != c.device || len(got) > 15 {
			t.Errorf("%s is %s, want %s", c.typed, got, c.device)
		}
		p := port{onLo: true}
		p.cfg.Name = c.typed
		if label := p.addressLabel(); len(label) > 15 {
			t.Errorf("label %s is too long", label)
		}
	}
	if _, ok := softwareNumber("Loopback2147483648"); ok {
		t.Error("Loopback2147483648 exists")
	}
}
