//go:build linux

package linux

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"coterie/netdev"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// path is the topology of the probe tests:
//
//	h1 .1 --- 10.0.12.0/24 --- .2 r .2 --- 10.0.23.0/24, MTU 1280 --- .3 h3
type path struct {
	h1, r, h3 *host
	stack     *Stack // of h1
}

func newPath(t *testing.T) path {
	t.Helper()
	p := path{newHost(t), newHost(t), newHost(t), nil}
	wire(p.h1, "eth0", p.r, "west")
	wire(p.r, "east", p.h3, "eth0")
	p.r.sysctl("ip_forward", "1")
	for _, h := range []*host{p.r, p.h3} {
		h.sysctl("icmp_ratemask", "0")
	}
	for _, d := range []struct {
		h      *host
		device string
	}{{p.r, "east"}, {p.h3, "eth0"}} {
		l := d.h.link(d.device)
		d.h.do(func() error { return netlink.LinkSetMTU(l, 1280) })
	}
	p.r.address("west", "10.0.12.2/24")
	p.r.address("east", "10.0.23.2/24")
	p.h3.address("eth0", "10.0.23.3/24")
	p.r.up("west", "east")
	p.h3.up("eth0")
	p.h3.route("10.0.0.0/8", "10.0.23.2")
	p.r.route("10.255.0.0/16", "10.0.12.1")
	p.r.do(func() error {
		return netlink.RouteAdd(&netlink.Route{Dst: ipNet("10.0.13.0/24"), Type: unix.RTN_PROHIBIT})
	})
	// An ARP request that is not answered fails at once.
	p.r.sysctl("neigh/east/mcast_solicit", "1")
	p.r.sysctl("neigh/east/retrans_time_ms", "20")
	p.h1.sysctl("neigh/eth0/mcast_solicit", "1")
	p.h1.sysctl("neigh/eth0/retrans_time_ms", "20")

	p.stack = p.h1.stack(Config{})
	configure(t, p.stack, "Ethernet0/0", false, "10.0.12.1/24")
	configure(t, p.stack, "Loopback0", false, "10.255.0.1/32")
	settled(t, p.stack, "Ethernet0/0")
	p.r.settle("west")
	p.r.settle("east")
	p.h3.settle("eth0")
	if err := p.stack.SetRoutes([]netdev.StaticRoute{
		static("10.0.23.0/24", "10.0.12.2", "", 1), static("10.0.13.0/24", "10.0.12.2", "", 1), static("10.0.99.0/24", "10.0.12.2", "", 1),
	}); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestProbe(t *testing.T) {
	p := newPath(t)
	echo := netdev.Probe{Size: 100, Pattern: 0xabcd, Validate: true, ID: 7, Timeout: 10 * time.Second}
	udp := netdev.Probe{Kind: netdev.ProbeUDP, Size: 28, Port: 33434, Timeout: 10 * time.Second}
	with := func(q netdev.Probe, target string, change func(*netdev.Probe)) netdev.Probe {
		q.Target = netip.MustParseAddr(target)
		if change != nil {
			change(&q)
		}
		return q
	}
	answering, err := p.r.stack(Config{}).Listen("", netip.MustParseAddrPort("10.0.12.2:7"))
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		b := make([]byte, 64)
		for {
			n, from, err := answering.ReadFrom(b)
			if err != nil {
				return
			}
			answering.WriteTo(b[:n], from)
		}
	}()
	brief := func(q *netdev.Probe) { q.Timeout = 200 * time.Millisecond }

	for _, c := range []struct {
		name  string
		probe netdev.Probe
		want  netdev.ProbeOutcome
		from  string
		code  uint8
	}{
		{"echo", with(echo, "10.0.23.3", nil), netdev.ProbeReply, "10.0.23.3", 0},
		{"smallest echo", with(echo, "10.0.23.3", func(q *netdev.Probe) { q.Size = 28 }), netdev.ProbeReply, "10.0.23.3", 0},
		{"echo in fragments", with(echo, "10.0.23.3", func(q *netdev.Probe) { q.Size = 5001 }), netdev.ProbeReply, "10.0.23.3", 0},
		{"largest echo", with(echo, "10.0.12.2", func(q *netdev.Probe) { q.Size = 65535 }), netdev.ProbeReply, "10.0.12.2", 0},
		{"echo to itself", with(echo, "10.0.12.1", nil), netdev.ProbeReply, "10.0.12.1", 0},
		{"echo from a loopback", with(echo, "10.0.23.3", func(q *netdev.Probe) { q.Source = netip.MustParseAddr("10.255.0.1") }), netdev.ProbeReply, "10.0.23.3", 0},
		{"echo from nowhere", with(echo, "10.0.23.3", func(q *netdev.Probe) { q.Source = netip.MustParseAddr("10.1.2.3"); brief(q) }), netdev.ProbeNoRoute, "", 0},
		{"time to live 1", with(echo, "10.0.23.3", func(q *netdev.Probe) { q.TTL = 1 }), netdev.ProbeTTLExceeded, "10.0.12.2", 0},
		{"DF, narrow path", with(echo, "10.0.23.3", func(q *netdev.Probe) { q.Size, q.DF = 1400, true }), netdev.ProbeFragNeeded, "10.0.12.2", 4},
		{"DF, narrow path again", with(echo, "10.0.23.3", func(q *netdev.Probe) { q.Size, q.DF = 1400, true }), netdev.ProbeFragNeeded, "10.0.12.2", 4},
		{"DF, fits", with(echo, "10.0.23.3", func(q *netdev.Probe) { q.Size, q.DF = 1280, true }), netdev.ProbeReply, "10.0.23.3", 0},
		{"DF, own interface", with(echo, "10.0.23.3", func(q *netdev.Probe) { q.Size, q.DF = 1501, true }), netdev.ProbeFragNeeded, "10.0.12.1", 4},
		{"no network", with(echo, "10.0.99.9", nil), netdev.ProbeUnreachable, "10.0.12.2", 0},
		{"no such host", with(echo, "10.0.23.77", nil), netdev.ProbeUnreachable, "10.0.12.2", 1},
		{"prohibited", with(echo, "10.0.13.1", nil), netdev.ProbeUnreachable, "10.0.12.2", 13},
		{"no ARP", with(echo, "10.0.12.77", brief), netdev.ProbeTimeout, "", 0},
		{"no route", with(echo, "10.200.0.1", brief), netdev.ProbeNoRoute, "", 0},
		{"trace 1", with(udp, "10.0.23.3", func(q *netdev.Probe) { q.TTL = 1 }), netdev.ProbeTTLExceeded, "10.0.12.2", 0},
		{"trace 2", with(udp, "10.0.23.3", func(q *netdev.Probe) { q.TTL = 2 }), netdev.ProbeUnreachable, "10.0.23.3", 3},
		{"trace to a server", with(udp, "10.0.12.2", func(q *netdev.Probe) { q.Port = 7 }), netdev.ProbeReply, "10.0.12.2", 0},
		{"trace, no route", with(udp, "10.200.0.1", brief), netdev.ProbeNoRoute, "", 0},
		{"trace, no ARP", with(udp, "10.0.12.78", brief), netdev.ProbeTimeout, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.probe.Seq++
			r, err := p.stack.Probe(t.Context(), c.probe)
			if err != nil {
				t.Fatal(err)
			}
			from := ""
			if r.From.IsValid() {
				from = r.From.String()
			}
			if r.Outcome != c.want || from != c.from || r.Code != c.code {
				t.Errorf("outcome %d from %q code %d, want %d from %q code %d", r.Outcome, from, r.Code, c.want, c.from, c.code)
			}
			if answered := from != "" && from != "10.0.12.1"; answered && (r.RTT <= 0 || r.RTT > c.probe.Timeout) {
				t.Errorf("round trip %v", r.RTT)
			}
		})
	}
}

// What leaves the host is what was asked for.
func TestProbeOnTheWire(t *testing.T) {
	p := newPath(t)
	var fd int
	p.h3.do(func() (err error) {
		fd, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMP)
		return err
	})
	defer unix.Close(fd)
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 10}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.stack.Probe(t.Context(), netdev.Probe{
		Target: netip.MustParseAddr("10.0.23.3"), Size: 47, TTL: 9, TOS: 0xb8, DF: true, Pattern: 0x1234, ID: 0x0102, Seq: 0x0304, Timeout: 10 * time.Second,
	}); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1500)
	n, err := unix.Read(fd, b)
	if err != nil {
		t.Fatal(err)
	}
	b = b[:n]
	if len(b) != 47 || b[1] != 0xb8 || b[6] != 0x40 || b[8] != 8 || b[20] != icmpEcho {
		t.Fatalf("datagram % x", b)
	}
	if !bytes.Equal(b[24:28], []byte{1, 2, 3, 4}) {
		t.Errorf("identifier and sequence % x", b[24:28])
	}
	if want := []byte{0x12, 0x34, 0x12, 0x34, 0x12, 0x34, 0x12, 0x34, 0x12, 0x34, 0x12}; !bytes.Equal(b[36:], want) {
		t.Errorf("pattern % x, want % x", b[36:], want)
	}
	if checksum(b[20:]) != 0 {
		t.Error("the checksum is wrong")
	}
}

func TestProbeWithoutPrivilege(t *testing.T) {
	p := newPath(t)
	echo := netdev.Probe{Target: netip.MustParseAddr("10.0.23.3"), Size: 100, Validate: true, ID: 99, Seq: 1, Timeout: 10 * time.Second}
	without(t, []int{unix.CAP_NET_RAW}, func() {
		p.h1.sysctl("ping_group_range", "1 0")
		_, err := p.stack.Probe(t.Context(), echo)
		wantPermission(t, err, "CAP_NET_RAW")

		p.h1.sysctl("ping_group_range", "0 2147483647")
		r, err := p.stack.Probe(t.Context(), echo)
		if err != nil || r.Outcome != netdev.ProbeReply {
			t.Errorf("by a ping socket: %+v, %v", r, err)
		}
		echo.TTL = 1
		r, err = p.stack.Probe(t.Context(), echo)
		if err != nil || r.Outcome != netdev.ProbeTTLExceeded || r.From.String() != "10.0.12.2" {
			t.Errorf("by a ping socket, time to live 1: %+v, %v", r, err)
		}
		trace := netdev.Probe{Kind: netdev.ProbeUDP, Target: echo.Target, Size: 28, Port: 33434, Timeout: 10 * time.Second}
		if r, err = p.stack.Probe(t.Context(), trace); err != nil || r.Outcome != netdev.ProbeUnreachable || r.Code != 3 {
			t.Errorf("trace: %+v, %v", r, err)
		}
	})
}

// A ping in progress ends with the session or the device.
func TestProbeEnds(t *testing.T) {
	p := newPath(t)
	silent := netdev.Probe{Target: netip.MustParseAddr("10.0.12.77"), Size: 100, Timeout: time.Hour}
	lost := netdev.Probe{Target: netip.MustParseAddr("10.200.0.1"), Size: 100, Timeout: time.Hour}
	for _, q := range []netdev.Probe{silent, lost} {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(10*time.Millisecond, cancel)
		if _, err := p.stack.Probe(ctx, q); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	}
	ended := make(chan error)
	for _, q := range []netdev.Probe{silent, lost} {
		go func() {
			_, err := p.stack.Probe(t.Context(), q)
			ended <- err
		}()
	}
	p.stack.Close()
	for range 2 {
		if err := <-ended; err == nil {
			t.Error("a probe outlived the device")
		}
	}
}

func TestProbeRefusals(t *testing.T) {
	s := newHost(t).stack(Config{})
	for _, p := range []netdev.Probe{
		{Target: netip.MustParseAddr("127.0.0.1"), Size: 27},
		{Target: netip.MustParseAddr("127.0.0.1"), Size: 65536},
		{Target: netip.MustParseAddr("::1"), Size: 100},
		{Size: 100},
		{Target: netip.MustParseAddr("127.0.0.1"), Size: 100, VRF: "RED"},
	} {
		if _, err := s.Probe(t.Context(), p); err == nil {
			t.Errorf("%+v was sent", p)
		}
	}
}

func TestChecksum(t *testing.T) {
	// RFC 1071 section 3: the sum of these octets is ddf2.
	if got := checksum([]byte{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}); got != ^uint16(0xddf2) {
		t.Errorf("checksum %04x", got)
	}
	if got := checksum([]byte{0xff}); got != ^uint16(0xff00) {
		t.Errorf("checksum of an odd octet %04x", got)
	}
}
