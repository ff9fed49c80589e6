//go:build linux

package linux

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"coterie/netdev"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

var comparePrefixes = cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })

func TestEmptyConfigurationChangesNothing(t *testing.T) {
	h, peer := newHost(t), newHost(t)
	wire(h, "eth0", peer, "p0")
	wire(h, "eth1", peer, "p1")
	h.up("eth0")
	peer.up("p0")
	h.address("eth0", "192.0.2.1/24")
	h.route("198.51.100.0/24", "192.0.2.254")
	before := h.snapshot()
	var s *Stack
	without(t, []int{unix.CAP_NET_ADMIN, unix.CAP_NET_RAW}, func() { s = h.stack(Config{}) })
	s.Interfaces()
	s.Routes()
	if err := s.SetRoutes(nil); err != nil {
		t.Error(err)
	}
	if err := s.Sweep(); err != nil {
		t.Error(err)
	}
	h.same(before, "with an empty configuration")
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	h.same(before, "after Close")
}

func TestConfigureAndBack(t *testing.T) {
	h, peer := newHost(t), newHost(t)
	for _, n := range []string{"0", "1", "2"} {
		wire(h, "eth"+n, peer, "p"+n)
		peer.up("p" + n)
	}
	h.up("eth0", "eth2")
	h.address("eth0", "192.0.2.1/24")
	h.address("eth2", "203.0.113.1/24")
	h.route("198.51.100.0/24", "192.0.2.254")
	before := h.snapshot()

	s := h.stack(Config{})
	if err := s.Configure(netdev.InterfaceConfig{
		Name: "GigabitEthernet0/0", MTU: 1400,
		Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24"), netip.MustParsePrefix("10.0.0.1/24"), netip.MustParsePrefix("10.0.0.2/24")},
	}); err != nil {
		t.Fatal(err)
	}
	configure(t, s, "eth1", false, "10.0.1.1/30")
	configure(t, s, "Loopback0", false, "10.255.0.1/32")
	if err := s.SetRoutes([]netdev.StaticRoute{static("10.9.0.0/16", "10.0.0.254", "", 1), static("10.8.0.0/16", "", "Null0", 1)}); err != nil {
		t.Fatal(err)
	}
	settled(t, s, "eth1")

	got := s.Interfaces()
	want := []netdev.Interface{
		{InterfaceConfig: netdev.InterfaceConfig{Name: "GigabitEthernet0/0", MTU: 1400, Addresses: []netip.Prefix{
			netip.MustParsePrefix("192.0.2.1/24"), netip.MustParsePrefix("10.0.0.1/24"), netip.MustParsePrefix("10.0.0.2/24")}},
			Hardware: true, LinkUp: true, LinkMTU: 1500},
		{InterfaceConfig: netdev.InterfaceConfig{Name: "Ethernet0/2", MTU: 1500, Addresses: []netip.Prefix{netip.MustParsePrefix("203.0.113.1/24")}},
			Hardware: true, LinkUp: true, LinkMTU: 1500},
		{InterfaceConfig: netdev.InterfaceConfig{Name: "eth1", MTU: 1500, Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.1.1/30")}},
			Hardware: true, LinkUp: true, LinkMTU: 1500},
		{InterfaceConfig: netdev.InterfaceConfig{Name: "Loopback0", Addresses: []netip.Prefix{netip.MustParsePrefix("10.255.0.1/32")}}, LinkUp: true},
	}
	if d := cmp.Diff(want, got, comparePrefixes, cmpopts.IgnoreFields(netdev.Interface{}, "MAC", "Counters"),
		cmp.FilterPath(func(p cmp.Path) bool { // a loopback's MTU is the kernel's
			last := p.Last().String()
			return last == ".MTU" || last == ".LinkMTU"
		}, cmp.Comparer(func(a, b int) bool { return a == b || a == 0 || b == 0 }))); d != "" {
		t.Errorf("interfaces (-want +got):\n%s", d)
	}
	if now := h.snapshot(); !strings.Contains(now, "address eth0 192.0.2.1/24 label=eth0 marked=false") || !strings.Contains(now, "eth2 veth up=true") {
		t.Errorf("foreign state changed:\n%s", now)
	}
	var routes []netdev.Route
	for _, r := range s.Routes() {
		if r.Source == netdev.Static {
			routes = append(routes, r)
		}
	}
	wantRoutes := []netdev.Route{
		{Source: netdev.Static, Prefix: netip.MustParsePrefix("10.8.0.0/16"), Interface: "Null0", Distance: 1},
		{Source: netdev.Static, Prefix: netip.MustParsePrefix("10.9.0.0/16"), NextHop: netip.MustParseAddr("10.0.0.254"), Distance: 1},
		{Source: netdev.Static, Prefix: netip.MustParsePrefix("198.51.100.0/24"), NextHop: netip.MustParseAddr("192.0.2.254"), Interface: "GigabitEthernet0/0", Distance: 1},
	}
	if d := cmp.Diff(wantRoutes, routes, comparePrefixes, cmpopts.EquateComparable(netip.Addr{})); d != "" {
		t.Errorf("routes (-want +got):\n%s", d)
	}

	// Each `no` takes back its own.
	for _, step := range []func() error{
		func() error { return s.SetRoutes(nil) },
		func() error { return s.Remove("Loopback0") },
		func() error { return s.Remove("eth1") },
		func() error { return s.Remove("GigabitEthernet0/0") },
	} {
		if err := step(); err != nil {
			t.Error(err)
		}
	}
	h.same(before, "after Remove")

	// And so does Close.
	configure(t, s, "Ethernet0/0", true, "10.0.0.1/24")
	configure(t, s, "Ethernet0/1", false, "10.0.1.1/30")
	configure(t, s, "Loopback7", false, "10.255.0.7/32")
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	after := h.snapshot()
	// Linux itself forgets routes by a port that is shut down.
	if lost := "route 198.51.100.0/24"; strings.Contains(after, lost) {
		t.Errorf("%s survived `shutdown`?", lost)
	}
	h.route("198.51.100.0/24", "192.0.2.254")
	h.same(before, "after Close")
}

func TestLoopback(t *testing.T) {
	for _, mode := range []string{"dummy", "lo"} {
		t.Run(mode, func(t *testing.T) {
			h := newHost(t)
			h.address("lo", "192.0.2.9/32")
			before := h.snapshot()
			s := h.stack(Config{})
			if mode == "lo" {
				s.lo = true
			} else {
				h.do(func() error {
					err := netlink.LinkAdd(&netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Name: "probe"}})
					if errors.Is(err, unix.EOPNOTSUPP) {
						t.Log("the kernel has no dummy devices: addresses on lo stand in for them here too")
						return nil
					}
					if err != nil {
						return err
					}
					return netlink.LinkDel(&netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Name: "probe"}})
				})
			}
			configure(t, s, "Loopback10", false, "10.0.0.10/24", "10.1.0.10/32")
			configure(t, s, "Loopback9", false, "10.0.9.9/32")
			configure(t, s, "Null0", false)
			settled(t, s, "Loopback9")
			var names []string
			for _, i := range s.Interfaces() {
				names = append(names, i.Name)
				if i.Name == "Loopback10" && (len(i.Addresses) != 2 || i.Addresses[0].String() != "10.0.0.10/24" || i.Hardware || !i.LinkUp) {
					t.Errorf("Loopback10 is %+v", i)
				}
			}
			if got := strings.Join(names, " "); got != "Loopback9 Loopback10 Null0" {
				t.Errorf("interfaces %s", got)
			}
			var routes []string
			for _, r := range s.Routes() {
				routes = append(routes, string(r.Source)+" "+r.Prefix.String()+" "+r.Interface)
			}
			want := []string{"C 10.0.0.0/24 Loopback10", "L 10.0.0.10/32 Loopback10", "C 10.0.9.9/32 Loopback9", "C 10.1.0.10/32 Loopback10", "C 192.0.2.9/32 lo"}
			if d := cmp.Diff(want, routes); d != "" {
				t.Errorf("routes (-want +got):\n%s", d)
			}
			if src, ok := s.SourceFor("", netip.MustParseAddr("10.0.9.9")); !ok || src.String() != "10.0.9.9" {
				t.Errorf("source %v %v", src, ok)
			}
			configure(t, s, "Loopback9", true, "10.0.9.9/32")
			if e := event(t, s, "Loopback9"); !e.AdminDown || e.Up {
				t.Errorf("event %+v after shutdown", e)
			}
			if err := s.Remove("Loopback10"); err != nil {
				t.Error(err)
			}
			if got := len(s.Interfaces()); got != 2 {
				t.Errorf("%d interfaces after `no interface Loopback10`", got)
			}
			s.Close()
			h.same(before, "after Close")
		})
	}
}

// A device that only has the name of a loopback belongs to somebody else.
func TestForeignLoopbackDevice(t *testing.T) {
	h, peer := newHost(t), newHost(t)
	wire(h, "coterie-lo3", peer, "p0")
	before := h.snapshot()
	s := h.stack(Config{})
	if err := s.Configure(netdev.InterfaceConfig{Name: "Loopback3"}); !errors.Is(err, netdev.ErrNoInterface) {
		t.Errorf("error %v", err)
	}
	s.Close()
	h.same(before, "after Close")
}

func TestAddressOrder(t *testing.T) {
	h, peer := newHost(t), newHost(t)
	wire(h, "eth0", peer, "p0")
	peer.up("p0")
	h.up("eth0")
	h.address("eth0", "10.0.5.77/24")
	s := h.stack(Config{})
	line := func(prefix string) string {
		for l := range strings.Lines(h.snapshot()) {
			if strings.HasPrefix(l, "address eth0 "+prefix+" ") {
				return strings.TrimSpace(l)
			}
		}
		return ""
	}
	configure(t, s, "Ethernet0/0", false, "10.0.0.1/24", "10.0.0.2/24")
	if !strings.HasSuffix(line("10.0.0.1/24"), "secondary=false") || !strings.HasSuffix(line("10.0.0.2/24"), "secondary=true") {
		t.Errorf("primary: %s\nsecondary: %s", line("10.0.0.1/24"), line("10.0.0.2/24"))
	}
	// A foreign address in our subnet is secondary to ours, and stays.
	h.address("eth0", "10.0.0.99/24")
	configure(t, s, "Ethernet0/0", false, "10.0.0.3/24", "10.0.0.2/24")
	if !strings.HasSuffix(line("10.0.0.3/24"), "marked=true secondary=false") && !strings.HasSuffix(line("10.0.0.99/24"), "marked=false secondary=false") {
		t.Errorf("new primary: %s", line("10.0.0.3/24"))
	}
	for _, foreign := range []string{"10.0.0.99/24", "10.0.5.77/24"} {
		if !strings.Contains(line(foreign), "marked=false") {
			t.Errorf("foreign %s: %q", foreign, line(foreign))
		}
	}
	if line("10.0.0.1/24") != "" {
		t.Error("the former primary is still there")
	}
	// Behind a foreign primary nothing is moved.
	configure(t, s, "Ethernet0/0", false, "10.0.5.1/24")
	before := h.snapshot()
	configure(t, s, "Ethernet0/0", false, "10.0.5.1/24")
	h.same(before, "configured twice")
	if err := s.Remove("Ethernet0/0"); err != nil {
		t.Fatal(err)
	}
	for _, foreign := range []string{"10.0.0.99/24", "10.0.5.77/24"} {
		if line(foreign) == "" {
			t.Errorf("foreign %s is gone", foreign)
		}
	}
}

// A restart with KeepOnClose sends the kernel nothing at all.
func TestRestartDoesNotFlap(t *testing.T) {
	h, peer := newHost(t), newHost(t)
	wire(h, "eth0", peer, "p0")
	peer.up("p0")
	bare := h.snapshot()
	set := func(s *Stack) {
		t.Helper()
		configure(t, s, "Ethernet0/0", false, "10.0.0.1/24", "10.0.0.2/24")
		configure(t, s, "Loopback0", false, "10.255.0.1/32")
		if err := s.SetRoutes([]netdev.StaticRoute{static("0.0.0.0/0", "10.0.0.254", "", 1), static("10.7.0.0/16", "", "Null0", 5),
			static("10.6.0.0/16", "10.0.0.253", "", 1), static("10.6.0.0/16", "10.0.0.252", "", 1)}); err != nil {
			t.Fatal(err)
		}
	}
	first := h.stack(Config{KeepOnClose: true})
	set(first)
	settled(t, first, "Ethernet0/0")
	set(first) // the routes are in place once the port is up
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	running := h.snapshot()
	if strings.Count(running, "proto=167") != 3 {
		t.Fatalf("not all routes are installed:\n%s", running)
	}

	// (Of links the kernel tells late and unasked; a port that went down and up
	// would have lost its routes.)
	var monitor *nl.NetlinkSocket
	h.do(func() (err error) {
		monitor, err = nl.Subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV4_ROUTE)
		return err
	})
	defer monitor.Close()
	second := h.stack(Config{})
	set(second)
	if err := second.Sweep(); err != nil {
		t.Fatal(err)
	}
	h.same(running, "after a restart")
	if n, _, err := unix.Recvfrom(monitor.GetFd(), make([]byte, 65536), unix.MSG_DONTWAIT); !errors.Is(err, unix.EAGAIN) {
		t.Errorf("the kernel announced a change of %d octets, %v", n, err)
	}

	// What the new configuration no longer names goes.
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	third := h.stack(Config{})
	if err := third.Sweep(); err != nil {
		t.Fatal(err)
	}
	h.down("eth0") // who set it up is not known any more
	h.same(bare, "after Sweep")
}

func TestHardwareThatComesLater(t *testing.T) {
	h, peer := newHost(t), newHost(t)
	s := h.stack(Config{Map: map[string]string{"GigabitEthernet0/0/0": "wan"}})
	err := s.Configure(netdev.InterfaceConfig{Name: "GigabitEthernet0/0/0", Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/24")}})
	if !errors.Is(err, netdev.ErrNoInterface) {
		t.Fatalf("error %v, want %v", err, netdev.ErrNoInterface)
	}
	if err := s.SetRoutes([]netdev.StaticRoute{static("10.9.0.0/16", "10.0.0.254", "", 1)}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		wire(h, "wan", peer, "p0")
		peer.up("p0")
		settled(t, s, "GigabitEthernet0/0/0")
		if name, _, ok := s.Device("GigabitEthernet0/0/0"); !ok || name != "wan" {
			t.Errorf("device %s, %v", name, ok)
		}
		l := h.link("wan")
		h.do(func() error { return netlink.LinkDel(l) })
		if e := event(t, s, "GigabitEthernet0/0/0"); e.Up {
			t.Errorf("event %+v of a device that was pulled out", e)
		}
	}
}

func TestRefusals(t *testing.T) {
	h := newHost(t)
	s := h.stack(Config{})
	for _, c := range []struct {
		c    netdev.InterfaceConfig
		want error
	}{
		{netdev.InterfaceConfig{Name: "Ethernet0/0"}, netdev.ErrNoInterface},
		{netdev.InterfaceConfig{Name: "Tunnel0"}, netdev.ErrNoInterface},
		{netdev.InterfaceConfig{Name: "Loopback0", VRF: "RED"}, netdev.ErrNotSupported},
		{netdev.InterfaceConfig{Name: "Loopback0", MTU: 60}, nil},
		{netdev.InterfaceConfig{Name: "Loopback0", Addresses: []netip.Prefix{netip.MustParsePrefix("2001:db8::1/64")}}, nil},
	} {
		if err := s.Configure(c.c); err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%+v: %v, want %v", c.c, err, c.want)
		}
	}
	if err := s.SetRoutes([]netdev.StaticRoute{{VRF: "RED", Prefix: netip.MustParsePrefix("10.0.0.0/8"), NextHop: netip.MustParseAddr("10.1.1.1")}}); !errors.Is(err, netdev.ErrNotSupported) {
		t.Errorf("a route in a VRF: %v", err)
	}
	if err := s.Remove("Ethernet3/3"); !errors.Is(err, netdev.ErrNoInterface) {
		t.Errorf("no interface: %v", err)
	}
	if _, err := New(Config{Namespace: "no such namespace"}); err == nil {
		t.Error("a namespace that is not there was opened")
	}
	s.Close()
	if err := s.Configure(netdev.InterfaceConfig{Name: "Loopback0"}); err == nil {
		t.Error("Configure after Close")
	}
}

func TestPrivileges(t *testing.T) {
	h, peer := newHost(t), newHost(t)
	wire(h, "eth0", peer, "p0")
	before := h.snapshot()
	s := h.stack(Config{})
	without(t, []int{unix.CAP_NET_ADMIN}, func() {
		wantPermission(t, s.Configure(netdev.InterfaceConfig{Name: "Ethernet0/0", Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/24")}}), "CAP_NET_ADMIN")
		wantPermission(t, s.Configure(netdev.InterfaceConfig{Name: "Loopback0", Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.1.1/24")}}), "CAP_NET_ADMIN")
		wantPermission(t, s.SetRoutes([]netdev.StaticRoute{static("10.9.0.0/16", "", "Null0", 1)}), "CAP_NET_ADMIN")
	})
	without(t, []int{unix.CAP_NET_BIND_SERVICE}, func() {
		_, err := s.Listen("", netip.MustParseAddrPort("127.0.0.1:848"))
		wantPermission(t, err, "CAP_NET_BIND_SERVICE")
	})
	h.same(before, "without privilege")
}
