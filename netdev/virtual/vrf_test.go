package virtual

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"coterie/netdev"
)

// vrfs is a node with two VRFs that have the same addresses on wires of their
// own, and a neighbour on each, which have the same addresses too:
//
//	RED  10.0.0.1/24 Ethernet0/0 --- 10.0.0.2 red,  Loopback0 2.2.2.2
//	BLUE 10.0.0.1/24 Ethernet0/1 --- 10.0.0.2 blue, Loopback0 2.2.2.2
func vrfs(t *testing.T) (ce *Stack, peers map[string]*Stack) {
	t.Helper()
	ce = node(t, "CE")
	peers = map[string]*Stack{}
	var routes []netdev.StaticRoute
	for i, vrf := range []string{"RED", "BLUE"} {
		port := fmt.Sprintf("Ethernet0/%d", i)
		peer := node(t, vrf)
		w := NewWire(WireConfig{Name: vrf})
		attach(t, w, ce, port)
		attach(t, w, peer, "Ethernet0/0")
		for name, addr := range map[string]string{port: "10.0.0.1/24", fmt.Sprintf("Loopback%d", i): "1.1.1.1/32"} {
			if err := ce.Configure(netdev.InterfaceConfig{Name: name, VRF: vrf, Addresses: prefixes(addr)}); err != nil {
				t.Fatal(err)
			}
		}
		r := route("2.2.2.2/32", "10.0.0.2")
		r.VRF = vrf
		routes = append(routes, r)
		configure(t, peer, "Ethernet0/0", "10.0.0.2/24")
		configure(t, peer, "Loopback0", "2.2.2.2/32")
		if err := peer.SetRoutes([]netdev.StaticRoute{route("1.1.1.1/32", "10.0.0.1")}); err != nil {
			t.Fatal(err)
		}
		peers[vrf] = peer
	}
	if err := ce.SetRoutes(routes); err != nil {
		t.Fatal(err)
	}
	return ce, peers
}

func TestVRFs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ce, peers := vrfs(t)
		group := ap("239.1.1.1:848")
		inGroup := map[string]func() []string{}
		atPeer := map[string]func() []string{}
		for i, vrf := range []string{"RED", "BLUE"} {
			c, err := peers[vrf].Listen("", ap("2.2.2.2:848"))
			if err != nil {
				t.Fatal(err)
			}
			atPeer[vrf] = collect(c)
			m, err := ce.ListenGroup(fmt.Sprintf("Ethernet0/%d", i), group)
			if err != nil {
				t.Fatal(err)
			}
			inGroup[vrf] = collect(m)
		}
		for _, vrf := range []string{"RED", "BLUE"} {
			other := map[string]string{"RED": "BLUE", "BLUE": "RED"}[vrf]
			for _, local := range []string{"10.0.0.1:848", "1.1.1.1:848"} { // of both VRFs at once
				c, err := ce.Listen(vrf, ap(local))
				if err != nil {
					t.Fatalf("%s %s: %v", vrf, local, err)
				}
				defer c.Close()
				if _, err := c.WriteTo([]byte(vrf), ap("2.2.2.2:848")); err != nil {
					t.Fatal(err)
				}
				if got, want := atPeer[vrf](), []string{vrf + " from " + local}; !slices.Equal(got, want) {
					t.Errorf("%s received %q, want %q", vrf, got, want)
				}
				if got := atPeer[other](); len(got) != 0 {
					t.Errorf("%s received %q from %s", other, got, vrf)
				}
			}
			if src, ok := ce.SourceFor(vrf, ip("2.2.2.2")); !ok || src != ip("10.0.0.1") {
				t.Errorf("%s: source %v %v", vrf, src, ok)
			}
			want(t, vrf, ping(t, ce, netdev.Probe{VRF: vrf, Target: ip("2.2.2.2"), Source: ip("1.1.1.1")}), netdev.ProbeReply, "2.2.2.2")

			s, err := peers[vrf].Listen("", ap("10.0.0.2:848"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.WriteTo([]byte(vrf), group); err != nil {
				t.Fatal(err)
			}
			if got := inGroup[vrf](); !slices.Equal(got, []string{vrf + " from 10.0.0.2:848"}) {
				t.Errorf("group in %s: %q", vrf, got)
			}
			if got := inGroup[other](); len(got) != 0 {
				t.Errorf("group in %s: %q from %s", other, got, vrf)
			}
		}
		if got := ce.Memberships(); len(got) != 2 || got[0].VRF != "BLUE" || got[0].Interface != "Ethernet0/1" || got[1].VRF != "RED" {
			t.Errorf("memberships %+v", got)
		}

		// The global table knows nothing of it.
		if _, err := ce.Listen("", ap("10.0.0.1:848")); err == nil {
			t.Error("bound to a VRF's address in the global table")
		}
		if _, ok := ce.SourceFor("", ip("2.2.2.2")); ok {
			t.Error("the global table has a route")
		}
		want(t, "global", ping(t, ce, netdev.Probe{Target: ip("2.2.2.2")}), netdev.ProbeNoRoute, "")
		if _, err := ce.Listen("GREEN", ap("10.0.0.1:848")); err == nil {
			t.Error("bound in a VRF that nothing is in")
		}
		count := map[string]int{}
		for _, r := range ce.Routes() {
			count[r.VRF]++
		}
		if len(count) != 2 || count["RED"] != count["BLUE"] || count["RED"] != 4 {
			t.Errorf("routes %v", count)
		}

		// Nothing passes from one to the other, though both know the way.
		r := route("0.0.0.0/0", "10.0.0.1")
		if err := peers["RED"].SetRoutes([]netdev.StaticRoute{r}); err != nil {
			t.Fatal(err)
		}
		configure(t, peers["BLUE"], "Loopback1", "3.3.3.3/32")
		b := route("3.3.3.3/32", "10.0.0.2")
		b.VRF = "BLUE"
		if err := ce.SetRoutes([]netdev.StaticRoute{b}); err != nil {
			t.Fatal(err)
		}
		if got := ping(t, peers["RED"], netdev.Probe{Target: ip("3.3.3.3")}); got.Outcome == netdev.ProbeReply {
			t.Errorf("leaked from RED to BLUE: %+v", got)
		}

		// An interface that changes its VRF takes its address along.
		if err := ce.Configure(netdev.InterfaceConfig{Name: "Ethernet0/1", Addresses: prefixes("10.0.0.1/24")}); err != nil {
			t.Fatal(err)
		}
		want(t, "now global", ping(t, ce, netdev.Probe{Target: ip("10.0.0.2")}), netdev.ProbeReply, "10.0.0.2")
		want(t, "no longer BLUE", ping(t, ce, netdev.Probe{VRF: "BLUE", Target: ip("10.0.0.2")}), netdev.ProbeNoRoute, "")
	})
}
