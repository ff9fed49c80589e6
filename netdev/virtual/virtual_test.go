package virtual

import (
	"context"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"coterie/internal/env"
	"coterie/netdev"

	"go.uber.org/goleak"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func pfx(s string) netip.Prefix { return netip.MustParsePrefix(s) }
func ip(s string) netip.Addr    { return netip.MustParseAddr(s) }

// node makes a stack with n Ethernet ports that ends with the test.
func node(t testing.TB, name string, ports ...Port) *Stack {
	t.Helper()
	if len(ports) == 0 {
		ports = []Port{{Name: "Ethernet0/0"}, {Name: "Ethernet0/1"}}
	}
	s, err := New(Config{Name: name, Interfaces: ports})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func prefixes(list ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, a := range list {
		out = append(out, pfx(a))
	}
	return out
}

func configure(t testing.TB, s *Stack, name string, addresses ...string) {
	t.Helper()
	if err := s.Configure(netdev.InterfaceConfig{Name: name, Addresses: prefixes(addresses...)}); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func route(prefix, via string) netdev.StaticRoute {
	return netdev.StaticRoute{Prefix: pfx(prefix), NextHop: ip(via), Distance: 1}
}

func attach(t testing.TB, w *Wire, s *Stack, name string) *Attachment {
	t.Helper()
	a, err := w.Attach(s, name)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func ping(t testing.TB, s *Stack, p netdev.Probe) netdev.ProbeResult {
	t.Helper()
	if p.Size == 0 {
		p.Size = 100
	}
	r, err := s.Probe(context.Background(), p)
	if err != nil {
		t.Fatalf("probe: %v", err)
	}
	return r
}

func want(t testing.TB, what string, got netdev.ProbeResult, outcome netdev.ProbeOutcome, from string) {
	t.Helper()
	if got.Outcome != outcome {
		t.Errorf("%s: outcome %d (code %d, from %v), want %d", what, got.Outcome, got.Code, got.From, outcome)
	}
	if from != "" && got.From != ip(from) {
		t.Errorf("%s: from %v, want %s", what, got.From, from)
	}
}

// segment is R1..Rn on one shared segment, 192.168.1.n, Loopback0 n.n.n.n and
// static routes between the loopbacks.
func segment(t testing.TB, n int, cfg WireConfig) (*Wire, []*Stack) {
	t.Helper()
	cfg.Shared = true
	w := NewWire(cfg)
	var all []*Stack
	addr := func(i int) string { return netip.AddrFrom4([4]byte{192, 168, 1, byte(i)}).String() }
	loop := func(i int) string { return netip.AddrFrom4([4]byte{byte(i), byte(i), byte(i), byte(i)}).String() }
	for i := 1; i <= n; i++ {
		s := node(t, "R"+string(rune('0'+i)))
		attach(t, w, s, "Ethernet0/0")
		configure(t, s, "Ethernet0/0", addr(i)+"/24")
		configure(t, s, "Loopback0", loop(i)+"/32")
		var routes []netdev.StaticRoute
		for j := 1; j <= n; j++ {
			if j != i {
				routes = append(routes, route(loop(j)+"/32", addr(j)))
			}
		}
		if err := s.SetRoutes(routes); err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return w, all
}

func TestPingAcrossSegment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var arps, echos atomic.Int32
		_, r := segment(t, 3, WireConfig{Name: "WAN", Latency: time.Millisecond, Capture: func(_ time.Time, frame []byte) {
			switch header.Ethernet(frame).Type() {
			case header.ARPProtocolNumber:
				arps.Add(1)
			case header.IPv4ProtocolNumber:
				echos.Add(1)
			}
		}})
		got := ping(t, r[0], netdev.Probe{Target: ip("192.168.1.2"), Seq: 1, Validate: true})
		want(t, "first", got, netdev.ProbeReply, "192.168.1.2")
		if got.RTT != 4*time.Millisecond { // ARP there and back, echo there and back
			t.Errorf("RTT of the first ping is %v, want 4ms", got.RTT)
		}
		got = ping(t, r[0], netdev.Probe{Target: ip("2.2.2.2"), Source: ip("1.1.1.1"), Seq: 2, Pattern: 0xabcd, Validate: true})
		want(t, "loopback to loopback", got, netdev.ProbeReply, "2.2.2.2")
		if got.RTT != 2*time.Millisecond {
			t.Errorf("RTT with ARP known is %v, want 2ms", got.RTT)
		}
		want(t, "own address", ping(t, r[0], netdev.Probe{Target: ip("1.1.1.1")}), netdev.ProbeReply, "1.1.1.1")
		if n := arps.Load(); n != 2 {
			t.Errorf("%d ARP frames, want one request and one reply", n)
		}
		if n := echos.Load(); n != 4 {
			t.Errorf("%d IP frames on the wire, want 4", n)
		}
		for i, s := range r {
			s.Close()
			for _, e := range s.Interfaces() {
				if i == 2 && e.Name == "Ethernet0/0" && e.Counters.InPackets != 1 {
					t.Errorf("R3 took %d frames, want only the broadcast", e.Counters.InPackets)
				}
			}
		}
	})
}

func TestProbeOutcomes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// A -- B -- C, the second link with a smaller MTU.
		a := node(t, "A")
		b := node(t, "B", Port{Name: "Ethernet0/0"}, Port{Name: "Ethernet0/1", MTU: 1400})
		c := node(t, "C", Port{Name: "Ethernet0/0", MTU: 1400})
		ab, bc := NewWire(WireConfig{Name: "AB"}), NewWire(WireConfig{Name: "BC"})
		attach(t, ab, a, "Ethernet0/0")
		attach(t, ab, b, "Ethernet0/0")
		attach(t, bc, b, "Ethernet0/1")
		attach(t, bc, c, "Ethernet0/0")
		configure(t, a, "Ethernet0/0", "10.0.1.1/24")
		configure(t, b, "Ethernet0/0", "10.0.1.2/24")
		configure(t, b, "Ethernet0/1", "10.0.2.2/24")
		configure(t, c, "Ethernet0/0", "10.0.2.3/24")
		configure(t, c, "Loopback0", "3.3.3.3/32")
		a.SetRoutes([]netdev.StaticRoute{route("0.0.0.0/0", "10.0.1.2")})
		b.SetRoutes([]netdev.StaticRoute{route("3.3.3.3/32", "10.0.2.3")})
		c.SetRoutes([]netdev.StaticRoute{route("10.0.1.0/24", "10.0.2.2")})

		tests := []struct {
			name    string
			probe   netdev.Probe
			outcome netdev.ProbeOutcome
			from    string
			code    uint8
		}{
			{"through B", netdev.Probe{Target: ip("10.0.2.3")}, netdev.ProbeReply, "10.0.2.3", 0},
			{"far interface of B with TTL 1", netdev.Probe{Target: ip("10.0.2.2"), TTL: 1}, netdev.ProbeReply, "10.0.2.2", 0},
			{"TTL 1 expires at B", netdev.Probe{Target: ip("3.3.3.3"), TTL: 1}, netdev.ProbeTTLExceeded, "10.0.1.2", 0},
			{"TTL 2 reaches C", netdev.Probe{Target: ip("3.3.3.3"), TTL: 2}, netdev.ProbeReply, "3.3.3.3", 0},
			{"DF too big for the second link", netdev.Probe{Target: ip("3.3.3.3"), Size: 1500, DF: true}, netdev.ProbeFragNeeded, "10.0.1.2", 4},
			{"DF too big for the first link", netdev.Probe{Target: ip("3.3.3.3"), Size: 1501, DF: true}, netdev.ProbeFragNeeded, "10.0.1.1", 4},
			{"DF that fits", netdev.Probe{Target: ip("3.3.3.3"), Size: 1400, DF: true}, netdev.ProbeReply, "3.3.3.3", 0},
			{"fragments", netdev.Probe{Target: ip("3.3.3.3"), Size: 18024, Pattern: 0xabcd, Validate: true}, netdev.ProbeReply, "3.3.3.3", 0},
			{"largest", netdev.Probe{Target: ip("3.3.3.3"), Size: 65535, Validate: true}, netdev.ProbeReply, "3.3.3.3", 0},
			{"smallest", netdev.Probe{Target: ip("3.3.3.3"), Size: 28, Validate: true}, netdev.ProbeReply, "3.3.3.3", 0},
			{"B has no route", netdev.Probe{Target: ip("9.9.9.9")}, netdev.ProbeUnreachable, "10.0.1.2", 0},
			{"nobody answers ARP", netdev.Probe{Target: ip("10.0.1.77")}, netdev.ProbeTimeout, "", 0},
			{"unknown VRF", netdev.Probe{Target: ip("10.0.1.2"), VRF: "RED"}, netdev.ProbeNoRoute, "", 0},
			{"foreign source", netdev.Probe{Target: ip("10.0.1.2"), Source: ip("8.8.8.8")}, netdev.ProbeNoRoute, "", 0},
			{"traceroute, first hop", netdev.Probe{Kind: netdev.ProbeUDP, Target: ip("3.3.3.3"), TTL: 1, Port: 33434}, netdev.ProbeTTLExceeded, "10.0.1.2", 0},
			{"traceroute, last hop", netdev.Probe{Kind: netdev.ProbeUDP, Target: ip("3.3.3.3"), TTL: 2, Port: 33435}, netdev.ProbeUnreachable, "3.3.3.3", 3},
		}
		for i, tt := range tests {
			tt.probe.Seq = uint16(i)
			start := time.Now()
			got := ping(t, a, tt.probe)
			want(t, tt.name, got, tt.outcome, tt.from)
			if got.Code != tt.code {
				t.Errorf("%s: code %d, want %d", tt.name, got.Code, tt.code)
			}
			waits := tt.outcome == netdev.ProbeTimeout || tt.outcome == netdev.ProbeNoRoute
			if waited := time.Since(start); waits != (waited == defaultProbeTimeout) {
				t.Errorf("%s: took %v", tt.name, waited)
			}
		}
		if got := ping(t, b, netdev.Probe{Target: ip("9.9.9.9")}); got.Outcome != netdev.ProbeNoRoute {
			t.Errorf("no route at the source: outcome %d", got.Outcome)
		}
	})
}

func TestProbeContract(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, r := segment(t, 2, WireConfig{})
		for _, p := range []netdev.Probe{{Size: 100}, {Target: ip("::1"), Size: 100}, {Target: ip("2.2.2.2"), Size: 27}, {Target: ip("2.2.2.2"), Size: 65536}} {
			if _, err := r[0].Probe(t.Context(), p); err == nil {
				t.Errorf("%+v: no error", p)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if _, err := r[0].Probe(ctx, netdev.Probe{Target: ip("192.168.1.77"), Size: 100}); err != context.DeadlineExceeded {
			t.Errorf("cancelled: %v", err)
		}
		done := make(chan error, 1)
		go func() {
			_, err := r[0].Probe(t.Context(), netdev.Probe{Target: ip("192.168.1.77"), Size: 100})
			done <- err
		}()
		synctest.Wait()
		r[0].Close()
		if err := <-done; err != errClosed {
			t.Errorf("closed: %v", err)
		}
		if _, err := r[0].Probe(t.Context(), netdev.Probe{Target: ip("2.2.2.2"), Size: 100}); err != errClosed {
			t.Errorf("after Close: %v", err)
		}
		if len(r[0].probes.waiting) != 0 {
			t.Errorf("%d probes are still waited for", len(r[0].probes.waiting))
		}
	})
}

func TestLinkEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := segment(t, 2, WireConfig{})
		plug := r[0].ports[0].plug.Load()
		events := func() (out []netdev.LinkEvent) {
			for len(r[0].Events()) > 0 {
				out = append(out, <-r[0].Events())
			}
			return out
		}
		up := netdev.LinkEvent{Interface: "Ethernet0/0", Up: true}
		down := netdev.LinkEvent{Interface: "Ethernet0/0"}
		admin := netdev.LinkEvent{Interface: "Ethernet0/0", AdminDown: true}
		check := func(what string, want ...netdev.LinkEvent) {
			t.Helper()
			got := events()
			same := len(got) == len(want)
			for i := 0; same && i < len(got); i++ {
				same = got[i] == want[i]
			}
			if !same {
				t.Errorf("%s: events %v, want %v", what, got, want)
			}
		}
		reach := func(what string, outcome netdev.ProbeOutcome) {
			t.Helper()
			want(t, what, ping(t, r[0], netdev.Probe{Target: ip("192.168.1.2")}), outcome, "")
		}
		check("boot", up, netdev.LinkEvent{Interface: "Loopback0", Up: true})
		reach("boot", netdev.ProbeReply)
		plug.SetUp(false)
		check("plug cut", down)
		reach("plug cut", netdev.ProbeNoRoute)
		if got := len(r[0].Routes()); got != 1 {
			t.Errorf("with the link down %d routes are left, want Loopback0's", got)
		}
		plug.SetUp(true)
		check("plug healed", up)
		reach("plug healed", netdev.ProbeReply)
		w.SetUp(false)
		check("wire cut", down)
		w.SetUp(true)
		check("wire healed", up)
		r[0].Configure(netdev.InterfaceConfig{Name: "Ethernet0/0", Addresses: []netip.Prefix{pfx("192.168.1.1/24")}, Shutdown: true})
		check("shutdown", admin)
		reach("shutdown", netdev.ProbeNoRoute)
		w.SetUp(false)
		check("wire cut while shut down")
		configure(t, r[0], "Ethernet0/0", "192.168.1.1/24")
		check("no shutdown without carrier", down)
		w.SetUp(true)
		check("carrier", up)
		reach("carrier", netdev.ProbeReply)
		r[1].Close()
		check("a neighbour on a segment goes away")
		if err := r[0].Remove("Loopback0"); err != nil {
			t.Error(err)
		}
		if got := len(r[0].Interfaces()); got != 2 {
			t.Errorf("%d interfaces after removing Loopback0, want the two ports", got)
		}
	})
}

func TestPointToPointCarrier(t *testing.T) {
	a, b := node(t, "A"), node(t, "B")
	w := NewWire(WireConfig{Name: "AB"})
	attach(t, w, a, "Ethernet0/0")
	if a.Interfaces()[0].LinkUp {
		t.Error("carrier without a peer")
	}
	attach(t, w, b, "Ethernet0/0")
	if !a.Interfaces()[0].LinkUp || !b.Interfaces()[0].LinkUp {
		t.Error("no carrier with both ends plugged")
	}
	if _, err := w.Attach(node(t, "C"), "Ethernet0/0"); err == nil {
		t.Error("a third end was plugged")
	}
	if _, err := NewWire(WireConfig{}).Attach(a, "Ethernet0/0"); err == nil {
		t.Error("a port was plugged twice")
	}
	if _, err := w.Attach(a, "Serial0/0"); err == nil {
		t.Error("a missing port was plugged")
	}
	b.Close()
	if a.Interfaces()[0].LinkUp {
		t.Error("carrier after the peer went away")
	}
}

func TestConfigure(t *testing.T) {
	s := node(t, "R1")
	if err := s.Configure(netdev.InterfaceConfig{Name: "Serial0/0"}); err != netdev.ErrNoInterface {
		t.Errorf("missing hardware: %v", err)
	}
	if err := s.Remove("Loopback9"); err != netdev.ErrNoInterface {
		t.Errorf("missing software: %v", err)
	}
	configure(t, s, "Loopback10", "10.10.10.10/32")
	configure(t, s, "Loopback2", "2.2.2.2/32")
	configure(t, s, "GigabitEthernet0/1", "10.0.0.1/24", "10.0.9.1/24")
	var names []string
	for _, i := range s.Interfaces() {
		names = append(names, i.Name)
	}
	if got := len(names); got != 4 || names[0] != "Ethernet0/0" || names[1] != "GigabitEthernet0/1" || names[2] != "Loopback2" || names[3] != "Loopback10" {
		t.Errorf("interfaces %q", names)
	}
	w := NewWire(WireConfig{Shared: true})
	attach(t, w, s, "Ethernet0/1") // the same port by its old name
	src, ok := s.SourceFor("", ip("10.0.0.77"))
	if !ok || src != ip("10.0.0.1") {
		t.Errorf("source toward the primary's subnet: %v %v", src, ok)
	}
	if _, ok := s.SourceFor("", ip("99.0.0.1")); ok {
		t.Error("a source toward nowhere")
	}
	if _, ok := s.SourceFor("RED", ip("10.0.0.77")); ok {
		t.Error("a source in a VRF that does not exist")
	}
	if err := s.Configure(netdev.InterfaceConfig{Name: "GigabitEthernet0/1", VRF: "RED", Addresses: []netip.Prefix{pfx("10.0.0.1/24")}}); err != nil {
		t.Fatal(err)
	}
	if src, ok := s.SourceFor("RED", ip("10.0.0.77")); !ok || src != ip("10.0.0.1") {
		t.Errorf("source in the VRF: %v %v", src, ok)
	}
	if _, ok := s.SourceFor("", ip("10.0.0.77")); ok {
		t.Error("the port is still in the global table")
	}
}

func TestRoutes(t *testing.T) {
	s := node(t, "R1")
	attach(t, NewWire(WireConfig{Shared: true}), s, "Ethernet0/0")
	configure(t, s, "Ethernet0/0", "192.168.1.1/24")
	configure(t, s, "Loopback0", "1.1.1.1/32")
	s.SetRoutes([]netdev.StaticRoute{
		route("5.5.5.0/24", "6.6.6.6"), // recursive, through the next but one
		route("2.2.2.2/32", "192.168.1.2"),
		route("6.6.6.6/32", "192.168.1.6"),
		{Prefix: pfx("2.2.2.2/32"), NextHop: ip("192.168.1.9"), Distance: 250},
		route("7.7.7.7/32", "100.0.0.1"), // unreachable
		{Prefix: pfx("8.8.8.0/24"), Interface: "Ethernet0/0", Distance: 1},
		{Prefix: pfx("9.9.9.9/32"), Interface: "Ethernet0/1", Distance: 1},                // down
		{Prefix: pfx("192.168.1.0/24"), NextHop: ip("192.168.1.3"), Distance: 1},          // connected is better
		{Prefix: pfx("3.3.3.3/32"), NextHop: ip("3.3.3.3"), Interface: "", Distance: 1},   // through itself
		{Prefix: pfx("11.0.0.0/8"), NextHop: ip("192.168.1.7"), VRF: "RED", Distance: 10}, // another table
	})
	type row struct {
		source  netdev.RouteSource
		prefix  string
		nextHop string
		iface   string
	}
	var got []row
	for _, r := range s.Routes() {
		nh := ""
		if r.NextHop.IsValid() {
			nh = r.NextHop.String()
		}
		got = append(got, row{r.Source, r.Prefix.String(), nh, r.Interface})
	}
	expect := []row{
		{netdev.Connected, "1.1.1.1/32", "", "Loopback0"},
		{netdev.Static, "2.2.2.2/32", "192.168.1.2", ""},
		{netdev.Static, "5.5.5.0/24", "6.6.6.6", ""},
		{netdev.Static, "6.6.6.6/32", "192.168.1.6", ""},
		{netdev.Static, "8.8.8.0/24", "", "Ethernet0/0"},
		{netdev.Connected, "192.168.1.0/24", "", "Ethernet0/0"},
		{netdev.Local, "192.168.1.1/32", "", "Ethernet0/0"},
	}
	if len(got) != len(expect) {
		t.Fatalf("routes %v, want %v", got, expect)
	}
	for i := range got {
		if got[i] != expect[i] {
			t.Errorf("route %d is %v, want %v", i, got[i], expect[i])
		}
	}
	for _, r := range s.tables[""].stack.GetRouteTable() {
		if r.Destination.Contains(address(ip("5.5.5.5"))) && fromAddress(r.Gateway) != ip("192.168.1.6") {
			t.Errorf("5.5.5.0/24 leads to %v, want the neighbour that 6.6.6.6 is behind", r.Gateway)
		}
	}
}

func TestUDP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, r := segment(t, 2, WireConfig{})
		listen := func(s *Stack, at string) netdev.UDPConn {
			t.Helper()
			c, err := s.Listen("", netip.MustParseAddrPort(at))
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		a, b := listen(r[0], "192.168.1.1:848"), listen(r[1], "2.2.2.2:848")
		defer b.Close()
		if _, err := r[0].Listen("", netip.MustParseAddrPort("7.7.7.7:848")); err == nil {
			t.Error("bound to a foreign address")
		}
		if _, err := r[0].Listen("", netip.MustParseAddrPort("192.168.1.1:848")); err == nil {
			t.Error("bound twice")
		}
		buf := make([]byte, 65535)
		for _, n := range []int{1, 100, 5000} { // the last in fragments
			if _, err := a.WriteTo(make([]byte, n), b.LocalAddr()); err != nil {
				t.Fatal(err)
			}
			got, from, err := b.ReadFrom(buf)
			if err != nil || got != n || from != a.LocalAddr() {
				t.Errorf("%d octets: got %d from %v, %v", n, got, from, err)
			}
			if _, err := b.WriteTo(buf[:n], from); err != nil {
				t.Fatal(err)
			}
			if got, from, err := a.ReadFrom(buf); err != nil || got != n || from != b.LocalAddr() {
				t.Errorf("%d octets back: got %d from %v, %v", n, got, from, err)
			}
		}
		// A port unreachable in between does not end the reader.
		if _, err := a.WriteTo([]byte("x"), netip.MustParseAddrPort("2.2.2.2:999")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		go func() { b.WriteTo([]byte("y"), a.LocalAddr()) }()
		if n, _, err := a.ReadFrom(buf); n != 1 || err != nil {
			t.Errorf("after an ICMP error: %d, %v", n, err)
		}
		ended := make(chan error)
		go func() { _, _, err := a.ReadFrom(buf); ended <- err }()
		synctest.Wait()
		a.Close()
		if err := <-ended; err == nil {
			t.Error("Close did not end the reader")
		}
		go func() { _, _, err := b.ReadFrom(buf); ended <- err }()
		synctest.Wait()
		r[1].Close()
		if err := <-ended; err == nil {
			t.Error("closing the stack did not end the reader")
		}
	})
}

// xor is a tap that turns every datagram but IKE's unreadable, and longer.
type xor struct{ key byte }

func (x xor) Outbound(_ string, d []byte) [][]byte {
	out := append([]byte(nil), d...)
	for i := header.IPv4MinimumSize; i < len(out); i++ {
		out[i] ^= x.key
	}
	out = append(out, make([]byte, 40)...)
	h := header.IPv4(out)
	h.SetTotalLength(uint16(len(out)))
	h.SetChecksum(0)
	h.SetChecksum(^h.CalculateChecksum())
	return [][]byte{out}
}

func (x xor) Inbound(_ string, d []byte) [][]byte {
	if len(d) < header.IPv4MinimumSize+40 {
		return nil
	}
	d = d[:len(d)-40]
	for i := header.IPv4MinimumSize; i < len(d); i++ {
		d[i] ^= x.key
	}
	h := header.IPv4(d)
	h.SetTotalLength(uint16(len(d)))
	h.SetChecksum(0)
	h.SetChecksum(^h.CalculateChecksum())
	return [][]byte{d}
}

func (xor) Overhead(string) int { return 40 }

func TestTap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var longest atomic.Int32
		_, r := segment(t, 3, WireConfig{Capture: func(_ time.Time, frame []byte) {
			longest.Store(max(longest.Load(), int32(len(frame))))
		}})
		r[0].SetTap(xor{0x5a})
		r[1].SetTap(xor{0x5a})
		r[2].SetTap(xor{0x33})
		for size := 100; size < 5000; size += 700 {
			want(t, "same key", ping(t, r[0], netdev.Probe{Target: ip("2.2.2.2"), Size: size, Validate: true}), netdev.ProbeReply, "2.2.2.2")
		}
		if longest.Load() > 1514 {
			t.Errorf("a frame of %d octets on the wire: the tap's overhead was not kept free", longest.Load())
		}
		want(t, "other key", ping(t, r[0], netdev.Probe{Target: ip("3.3.3.3")}), netdev.ProbeTimeout, "")
		want(t, "DF with the tap's overhead", ping(t, r[0], netdev.Probe{Target: ip("2.2.2.2"), Size: 1461, DF: true}), netdev.ProbeFragNeeded, "")
		r[0].SetTap(nil)
		want(t, "tap at one end only", ping(t, r[0], netdev.Probe{Target: ip("2.2.2.2")}), netdev.ProbeTimeout, "")
	})
}

func TestLossAndScaledTime(t *testing.T) {
	clock := env.NewClock(50)
	w := NewWire(WireConfig{Clock: clock, Shared: true, Loss: 1})
	var r []*Stack
	for _, a := range []string{"10.0.0.1/24", "10.0.0.2/24"} {
		s, err := New(Config{Name: a, Clock: clock, Interfaces: []Port{{Name: "Ethernet0/0"}}})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		attach(t, w, s, "Ethernet0/0")
		configure(t, s, "Ethernet0/0", a)
		r = append(r, s)
	}
	start := time.Now()
	want(t, "all lost", ping(t, r[0], netdev.Probe{Target: ip("10.0.0.2"), Timeout: 5 * time.Second}), netdev.ProbeTimeout, "")
	if took := time.Since(start); took > 4*time.Second { // 100 ms, and what a busy host adds
		t.Errorf("5 s of lab time at speed 50 took %v", took)
	}
}

func TestArpEntryOutlivesHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var arps atomic.Int32
		_, r := segment(t, 2, WireConfig{Capture: func(_ time.Time, frame []byte) {
			if header.Ethernet(frame).Type() == header.ARPProtocolNumber {
				arps.Add(1)
			}
		}})
		for range 10 * 60 {
			want(t, "ping", ping(t, r[0], netdev.Probe{Target: ip("2.2.2.2")}), netdev.ProbeReply, "")
			time.Sleep(time.Minute)
		}
		if n := arps.Load(); n > 6 {
			t.Errorf("%d ARP frames in ten hours", n)
		}
	})
}

func BenchmarkPing(b *testing.B) {
	_, r := segment(b, 2, WireConfig{})
	p := netdev.Probe{Target: ip("2.2.2.2"), Source: ip("1.1.1.1"), Size: 100}
	b.ReportAllocs()
	for b.Loop() {
		p.Seq++
		if got, err := r[0].Probe(context.Background(), p); err != nil || got.Outcome != netdev.ProbeReply {
			b.Fatal(got, err)
		}
	}
}
