package runningconfig

import (
	"slices"
	"testing"
)

func TestInterfaceName(t *testing.T) {
	for _, c := range []struct{ typed, want string }{
		{"e0/0", "Ethernet0/0"}, {"Ethernet 0/0", "Ethernet0/0"}, {"eth0/1", "Ethernet0/1"}, {"ETHERNET0/0", "Ethernet0/0"},
		{"Gi0/1", "GigabitEthernet0/1"}, {"g0/1.100", "GigabitEthernet0/1.100"}, {"GigabitEthernet1/0/12", "GigabitEthernet1/0/12"},
		{"fa1/0", "FastEthernet1/0"}, {"te0/0/8", "TenGigabitEthernet0/0/8"},
		{"lo0", "Loopback0"}, {"l 0", "Loopback0"}, {"Loopback00", "Loopback0"}, {"loopback2147483647", "Loopback2147483647"},
		{"Embedded-Service-Engine0/0", "Embedded-Service-Engine0/0"}, {"em0/0", "Embedded-Service-Engine0/0"}, {"E1", "Ethernet1"}, {"et0/0", "Ethernet0/0"},
		{"tu10", "Tunnel10"}, {"s1/0", "Serial1/0"}, {"vlan10", "Vlan10"}, {"po1", "Port-channel1"}, {"nu0", "Null0"},
		{"ens3", "ens3"}, {"enp0s31f6", "enp0s31f6"}, {"br-lan", "br-lan"}, {"veth12.7", "veth12.7"},
		// Not a name.
		{"", ""}, {"e", ""}, {"0/0", ""}, {"t0", ""}, {"Ethernet", ""}, {"Loopback0/0", ""}, {"lo0.1", ""}, {"e0/0/0/0/0", ""},
		{"e0/", ""}, {"e/0", ""}, {"eternet0/0", ""}, {"e-1", ""}, {"lo2147483648", ""}, {"e0/0.x", ""}, {"10.0.0.1", ""}, {"any", ""},
	} {
		got, ok := InterfaceName(c.typed)
		if ok != (c.want != "") || ok && got != c.want {
			t.Errorf("%q: %q, %v; want %q", c.typed, got, ok, c.want)
		}
		if again, ok := InterfaceName(got); c.want != "" && (!ok || again != got) {
			t.Errorf("%q is not its own canonical name", got)
		}
	}
}

func TestShortInterfaceName(t *testing.T) {
	for name, want := range map[string]string{"Ethernet0/0": "Et0/0", "GigabitEthernet0/1.5": "Gi0/1.5", "Loopback0": "Lo0", "Embedded-Service-Engine0/0": "Em0/0", "ens3": "ens3", "br-lan": "br-lan"} {
		if got := ShortInterfaceName(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestInterfaceOrder(t *testing.T) {
	want := []string{"Loopback0", "Loopback2", "Loopback10", "Tunnel0", "Embedded-Service-Engine0/0", "Ethernet0/0", "Ethernet0/2", "Ethernet0/10", "Ethernet1/0",
		"GigabitEthernet0/1", "GigabitEthernet0/1.5", "GigabitEthernet0/2", "Serial0/0", "Vlan1", "br-lan", "ens3"}
	got := slices.Clone(want)
	slices.Reverse(got)
	if slices.SortFunc(got, CompareInterfaceNames); !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func FuzzInterfaceName(f *testing.F) {
	f.Add("e0/0")
	f.Add("Port-channel 1.2")
	f.Fuzz(func(t *testing.T, s string) {
		if name, ok := InterfaceName(s); ok {
			if again, ok := InterfaceName(name); !ok || again != name {
				t.Errorf("%q gives %q, and that %q", s, name, again)
			}
		}
		CompareInterfaceNames(s, "Ethernet0/0")
		ShortInterfaceName(s)
	})
}
