//go:build linux

package linux

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"coterie/netdev"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func ipNet(s string) *net.IPNet {
	_, n, err := net.ParseCIDR(s)
	if err != nil {
		panic(err)
	}
	return n
}

// Ports 1 and 2 are up with 10.0.1.0/24 and 10.0.2.0/24; a default route of the
// host leads to 10.0.1.254, one to 172.16.0.0/12 to 10.0.2.254.
func TestResolve(t *testing.T) {
	addr := netip.MustParseAddr
	usable := []entry{
		{prefix: netip.MustParsePrefix("10.0.1.0/24"), hop: hop{index: 1}},
		{prefix: netip.MustParsePrefix("10.0.2.0/24"), hop: hop{index: 2}},
		{prefix: netip.MustParsePrefix("0.0.0.0/0"), hop: hop{index: 1, gateway: addr("10.0.1.254")}},
		{prefix: netip.MustParsePrefix("172.16.0.0/12"), hop: hop{index: 2, gateway: addr("10.0.2.254")}},
	}
	device := func(name string) (int, bool) {
		return map[string]int{"Ethernet0/1": 1, "Ethernet0/2": 2}[name], name == "Ethernet0/1" || name == "Ethernet0/2"
	}
	for _, c := range []struct {
		name   string
		static []netdev.StaticRoute
		want   []string // prefix, device, gateway
	}{
		{"by next hop", []netdev.StaticRoute{static("10.9.0.0/16", "10.0.1.9", "", 1)}, []string{"10.9.0.0/16 1 10.0.1.9"}},
		{"by interface", []netdev.StaticRoute{static("10.9.0.0/16", "", "Ethernet0/2", 1)}, []string{"10.9.0.0/16 2 invalid IP"}},
		{"by both, off the subnet", []netdev.StaticRoute{static("10.9.0.0/16", "192.0.2.1", "Ethernet0/2", 1)}, []string{"10.9.0.0/16 2 192.0.2.1"}},
		{"an interface that is down", []netdev.StaticRoute{static("10.9.0.0/16", "10.0.3.1", "Ethernet0/3", 1)}, nil},
		{"discarded", []netdev.StaticRoute{static("10.9.0.0/16", "", "Null0", 1)}, []string{"10.9.0.0/16 0 invalid IP"}},
		{"not by the default route", []netdev.StaticRoute{static("10.9.0.0/16", "192.0.2.1", "", 1)}, nil},
		{"by a route of the host", []netdev.StaticRoute{static("10.9.0.0/16", "172.16.5.5", "", 1)}, []string{"10.9.0.0/16 2 10.0.2.254"}},
		{"by one another, in any order", []netdev.StaticRoute{static("10.9.0.0/16", "10.8.0.1", "", 1), static("10.8.0.0/16", "10.0.1.8", "", 1)},
			[]string{"10.8.0.0/16 1 10.0.1.8", "10.9.0.0/16 1 10.0.1.8"}},
		{"not by itself", []netdev.StaticRoute{static("192.0.2.0/24", "192.0.2.1", "", 1)}, nil},
		{"not by one that discards", []netdev.StaticRoute{static("10.9.0.0/16", "", "Null0", 1), static("10.8.0.0/16", "10.9.0.1", "", 1)},
			[]string{"10.9.0.0/16 0 invalid IP"}},
		{"two paths", []netdev.StaticRoute{static("10.9.0.0/16", "10.0.1.9", "", 1), static("10.9.0.0/16", "10.0.2.9", "", 1)},
			[]string{"10.9.0.0/16 1 10.0.1.9", "10.9.0.0/16 2 10.0.2.9"}},
		{"floating", []netdev.StaticRoute{static("10.9.0.0/16", "10.0.2.9", "", 200), static("10.9.0.0/16", "10.0.1.9", "", 1)},
			[]string{"10.9.0.0/16 1 10.0.1.9"}},
		{"floating, the better one down", []netdev.StaticRoute{static("10.9.0.0/16", "10.0.2.9", "", 200), static("10.9.0.0/16", "", "Ethernet0/3", 1)},
			[]string{"10.9.0.0/16 2 10.0.2.9"}},
	} {
		var got []string
		for _, e := range resolve(usable, c.static, device) {
			got = append(got, strings.Join([]string{e.prefix.String(), string(rune('0' + e.hop.index)), e.hop.gateway.String()}, " "))
		}
		slices.Sort(got)
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}

// routeLines are the static routes as `show ip route` has them.
func routeLines(s *Stack) []string {
	var out []string
	for _, r := range s.Routes() {
		if r.Source == netdev.Connected || r.Source == netdev.Local {
			continue
		}
		via := r.Interface
		if r.NextHop.IsValid() {
			via = strings.TrimSpace(r.NextHop.String() + " " + r.Interface)
		}
		out = append(out, string(r.Source)+" "+r.Prefix.String()+" "+via)
	}
	return out
}

// Routes follow their interfaces, and others' routes stay.
func TestRoutesFollowInterfaces(t *testing.T) {
	h, peer := newHost(t), newHost(t)
	for _, n := range []string{"0", "1"} {
		wire(h, "eth"+n, peer, "p"+n)
		peer.up("p" + n)
	}
	s := h.stack(Config{})
	configure(t, s, "Ethernet0/0", false, "10.0.0.1/24")
	configure(t, s, "Ethernet0/1", false, "10.0.1.1/24")
	settled(t, s, "Ethernet0/0", "Ethernet0/1")
	h.route("198.51.100.0/24", "10.0.1.9")
	h.do(func() error {
		return netlink.RouteAdd(&netlink.Route{Dst: ipNet("203.0.113.0/24"), Gw: net.ParseIP("10.0.1.9"), Protocol: unix.RTPROT_BGP, Priority: 20})
	})
	foreign := []string{"S 198.51.100.0/24 10.0.1.9 Ethernet0/1", "B 203.0.113.0/24 10.0.1.9 Ethernet0/1"}
	if err := s.SetRoutes([]netdev.StaticRoute{
		static("0.0.0.0/0", "10.0.0.254", "", 1),
		static("0.0.0.0/0", "10.0.1.254", "", 250),
		static("10.7.0.0/16", "10.9.0.1", "", 1), // by the next one
		static("10.9.0.0/16", "10.0.0.9", "", 1),
		static("10.9.0.0/16", "10.0.1.9", "", 1),
		static("10.6.0.0/16", "192.0.2.6", "Ethernet0/1", 1),
		static("10.5.0.0/16", "10.77.0.1", "", 1), // waits for ever
		static("198.51.100.0/24", "10.0.0.77", "", 5),
	}); err != nil {
		t.Fatal(err)
	}
	up := []string{
		"S 0.0.0.0/0 10.0.0.254",
		"S 10.6.0.0/16 192.0.2.6 Ethernet0/1",
		"S 10.7.0.0/16 10.9.0.1",
		"S 10.9.0.0/16 10.0.0.9",
		"S 10.9.0.0/16 10.0.1.9",
	}
	if d := cmp.Diff(append(slices.Clone(up), foreign...), routeLines(s)); d != "" {
		t.Errorf("both up (-want +got):\n%s", d)
	}

	peer.down("p0")
	if e := event(t, s, "Ethernet0/0"); e.Up || e.AdminDown {
		t.Errorf("event %+v after the wire was cut", e)
	}
	// The event is sent before the routes follow; a call that needs the lock
	// comes after both.
	want := append([]string{"S 0.0.0.0/0 10.0.1.254", "S 10.6.0.0/16 192.0.2.6 Ethernet0/1", "S 10.7.0.0/16 10.9.0.1", "S 10.9.0.0/16 10.0.1.9"}, foreign...)
	if d := cmp.Diff(want, routeLines(s)); d != "" {
		t.Errorf("Ethernet0/0 down (-want +got):\n%s", d)
	}

	peer.up("p0")
	settled(t, s, "Ethernet0/0")
	if d := cmp.Diff(append(slices.Clone(up), foreign...), routeLines(s)); d != "" {
		t.Errorf("both up again (-want +got):\n%s", d)
	}
	if err := s.SetRoutes(nil); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(foreign, routeLines(s)); d != "" {
		t.Errorf("no ip route (-want +got):\n%s", d)
	}
}

func TestLinkEvents(t *testing.T) {
	h, peer := newHost(t), newHost(t)
	wire(h, "eth0", peer, "p0")
	s := h.stack(Config{})
	configure(t, s, "GigabitEthernet0/0", false, "10.0.0.1/24")
	for _, step := range []struct {
		name string
		do   func()
		want netdev.LinkEvent
	}{
		{"", func() {}, netdev.LinkEvent{}}, // no shutdown, no carrier yet
		{"the peer comes up", func() { peer.up("p0") }, netdev.LinkEvent{Up: true}},
		{"the peer goes down", func() { peer.down("p0") }, netdev.LinkEvent{}},
		{"the peer comes back", func() { peer.up("p0") }, netdev.LinkEvent{Up: true}},
		{"shutdown", func() { configure(t, s, "GigabitEthernet0/0", true, "10.0.0.1/24") }, netdev.LinkEvent{AdminDown: true}},
		{"no shutdown", func() { configure(t, s, "GigabitEthernet0/0", false, "10.0.0.1/24") }, netdev.LinkEvent{Up: true}},
	} {
		step.do()
		step.want.Interface = "GigabitEthernet0/0"
		if got := event(t, s, "GigabitEthernet0/0"); got != step.want {
			t.Errorf("%s: event %+v, want %+v", step.name, got, step.want)
		}
	}
	s.Close()
	for range s.Events() { // what Close itself did to the port is not told
		t.Error("an event after Close")
	}
}

// When the kernel's messages outrun the reader, what they told is found again.
func TestLostMessages(t *testing.T) {
	h, peer := newHost(t), newHost(t)
	wire(h, "eth0", peer, "p0")
	wire(h, "eth1", peer, "p1")
	peer.up("p0", "p1")
	s := h.stack(Config{})
	configure(t, s, "Ethernet0/0", false)
	configure(t, s, "Ethernet0/1", false)
	settled(t, s, "Ethernet0/0", "Ethernet0/1")
	l := h.link("eth1")
	func() {
		s.mu.Lock() // nothing is followed meanwhile
		defer s.mu.Unlock()
		peer.down("p0")
		h.do(func() error { return netlink.LinkDel(l) })
		if err := s.doLocked(s.rescan); err != nil {
			t.Fatal(err)
		}
	}()
	for _, name := range []string{"Ethernet0/1", "Ethernet0/0"} {
		if e := <-s.Events(); e != (netdev.LinkEvent{Interface: name}) {
			t.Errorf("event %+v, want %s down", e, name)
		}
	}
}
