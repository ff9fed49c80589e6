package virtual

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"coterie/netdev"

	"github.com/google/go-cmp/cmp"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// igmpLog notes the IGMP messages and the UDP datagrams to groups on a wire.
type igmpLog struct {
	mu    sync.Mutex
	start time.Time
	lines []string
}

func (l *igmpLog) capture(now time.Time, frame []byte) {
	if header.Ethernet(frame).Type() != header.IPv4ProtocolNumber {
		return
	}
	ip := header.IPv4(frame[etherSize:])
	body := ip[ip.HeaderLength():ip.TotalLength()]
	var line string
	switch h := header.IGMP(body); {
	case ip.Protocol() == uint8(header.IGMPProtocolNumber):
		kind := map[header.IGMPType]string{
			header.IGMPMembershipQuery: "query", header.IGMPv1MembershipReport: "v1 report",
			header.IGMPv2MembershipReport: "v2 report", header.IGMPv3MembershipReport: "v3 report", header.IGMPLeaveGroup: "leave",
		}[h.Type()]
		line = fmt.Sprintf("%v > %v: %s %v ttl %d", ip.SourceAddress(), ip.DestinationAddress(), kind, h.GroupAddress(), ip.TTL())
	case ip.Protocol() == uint8(header.UDPProtocolNumber):
		line = fmt.Sprintf("%v > %v: udp ttl %d to %v", ip.SourceAddress(), ip.DestinationAddress(), ip.TTL(), header.Ethernet(frame).DestinationAddress())
	default:
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
}

// take returns what was noted since the last time.
func (l *igmpLog) take() []string {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	out := l.lines
	l.lines = nil
	return out
}

func ap(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// collect reads datagrams until the socket closes.
func collect(c netdev.UDPConn) func() []string {
	var mu sync.Mutex
	var got []string
	go func() {
		buf := make([]byte, 2000)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			mu.Lock()
			got = append(got, fmt.Sprintf("%s from %v", buf[:n], from))
			mu.Unlock()
		}
	}()
	return func() []string {
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		out := got
		got = nil
		return out
	}
}

// TestListenGroup: a report goes out on joining and once more, what is sent to
// the group arrives at every member and nobody else, and a leave ends it.
func TestListenGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log igmpLog
		_, r := segment(t, 4, WireConfig{Capture: log.capture})
		sender, err := r[0].Listen("", ap("192.168.1.1:848"))
		if err != nil {
			t.Fatal(err)
		}
		join := func(s *Stack) netdev.UDPConn {
			t.Helper()
			c, err := s.ListenGroup("Ethernet0/0", ap("239.1.1.1:848"))
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		b := join(r[1])
		if got := b.LocalAddr(); got != ap("239.1.1.1:848") {
			t.Errorf("local address %v", got)
		}
		report := "192.168.1.2 > 239.1.1.1: v2 report 239.1.1.1 ttl 1"
		if got := log.take(); !slices.Equal(got, []string{report}) {
			t.Errorf("on joining: %q", got)
		}
		time.Sleep(10 * time.Second) // RFC 2236 section 8.10
		if got := log.take(); !slices.Equal(got, []string{report}) {
			t.Errorf("within 10 s: %q", got)
		}
		c := join(r[2])
		c2 := join(r[2]) // a second socket shares the membership
		log.take()
		atB, atC, atC2 := collect(b), collect(c), collect(c2)
		unicast, err := r[3].Listen("", ap("192.168.1.4:848"))
		if err != nil {
			t.Fatal(err)
		}
		atD := collect(unicast)

		if _, err := sender.WriteTo([]byte("rekey"), ap("239.1.1.1:848")); err != nil {
			t.Fatal(err)
		}
		if got := log.take(); !slices.Equal(got, []string{"192.168.1.1 > 239.1.1.1: udp ttl 255 to 01:00:5e:01:01:01"}) {
			t.Errorf("on the wire: %q", got)
		}
		want := []string{"rekey from 192.168.1.1:848"}
		for name, got := range map[string][]string{"R2": atB(), "R3": atC(), "R3 again": atC2()} {
			if !slices.Equal(got, want) {
				t.Errorf("%s received %q", name, got)
			}
		}
		if got := atD(); len(got) != 0 {
			t.Errorf("R4 did not join and received %q", got)
		}
		if diff := cmp.Diff([]netdev.Membership{{
			Interface: "Ethernet0/0", Group: ip("239.1.1.1"), Reporter: ip("192.168.1.3"), Since: time.Now(), Sockets: 2,
		}}, r[2].Memberships(), cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
			cmp.Comparer(func(a, b time.Time) bool { return true })); diff != "" {
			t.Errorf("memberships (-want +got):\n%s", diff)
		}

		// From a member: the answer to a group, and to one address.
		if _, err := b.WriteTo([]byte("to all"), ap("239.1.1.1:848")); err != nil {
			t.Error(err)
		}
		if got := atC(); !slices.Equal(got, []string{"to all from 192.168.1.2:848"}) {
			t.Errorf("R3 received %q", got)
		}
		if _, err := b.WriteTo([]byte("to one"), ap("192.168.1.4:848")); err != nil {
			t.Error(err)
		}
		if got := atD(); !slices.Equal(got, []string{"to one from 192.168.1.2:848"}) {
			t.Errorf("R4 received %q", got)
		}
		atC2()
		log.take()

		c.Close()
		if got := log.take(); len(got) != 0 {
			t.Errorf("one of two sockets closed: %q", got)
		}
		c2.Close()
		if got := log.take(); !slices.Equal(got, []string{"192.168.1.3 > 224.0.0.2: leave 239.1.1.1 ttl 1"}) {
			t.Errorf("on leaving: %q", got)
		}
		if got := r[2].Memberships(); len(got) != 0 {
			t.Errorf("after leaving: %+v", got)
		}
	})
}

// TestIGMPQueries: a member answers general and specific queries of every
// version, and others' groups are none of its business.
func TestIGMPQueries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log igmpLog
		w, r := segment(t, 2, WireConfig{Capture: log.capture})
		c, err := r[0].ListenGroup("Ethernet0/0", ap("239.1.1.1:848"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		time.Sleep(10 * time.Second)
		log.take()
		querier := r[1].hardware("Ethernet0/0")
		query := func(dst, group string, body ...byte) {
			h := header.IGMP(make([]byte, 8+len(body)))
			h.SetType(header.IGMPMembershipQuery)
			h.SetMaxRespTime(20) // 2 s
			h.SetGroupAddress(address(ip(group)))
			copy(h[8:], body)
			h.SetChecksum(header.IGMPCalculateChecksum(h))
			b := make([]byte, 24+len(h))
			header.IPv4(b).Encode(&header.IPv4Fields{
				TotalLength: uint16(len(b)), TTL: 1, Protocol: uint8(header.IGMPProtocolNumber),
				SrcAddr: address(ip("192.168.1.2")), DstAddr: address(ip(dst)),
				Options: header.IPv4OptionsSerializer{&header.IPv4SerializableRouterAlertOption{}},
			})
			header.IPv4(b).SetChecksum(^header.IPv4(b).CalculateChecksum())
			copy(b[24:], h)
			frame := make([]byte, etherSize, etherSize+len(b))
			header.Ethernet(frame).Encode(&header.EthernetFields{
				SrcAddr: querier.mac, DstAddr: header.EthernetAddressFromMulticastIPv4Address(address(ip(dst))), Type: header.IPv4ProtocolNumber,
			})
			w.send(querier.plug.Load(), append(frame, b...))
		}
		for _, q := range []struct {
			name, dst, group string
			body             []byte
			answered         bool
		}{
			{"general, version 2", "224.0.0.1", "0.0.0.0", nil, true},
			{"specific, version 2", "239.1.1.1", "239.1.1.1", nil, true},
			{"another group", "239.9.9.9", "239.9.9.9", nil, false},
			{"general, version 3", "224.0.0.1", "0.0.0.0", []byte{2, 125, 0, 0}, true},
		} {
			query(q.dst, q.group, q.body...)
			time.Sleep(3 * time.Second)
			got := slices.DeleteFunc(log.take(), func(s string) bool { return strings.Contains(s, "query") })
			if answered := slices.Equal(got, []string{"192.168.1.1 > 239.1.1.1: v2 report 239.1.1.1 ttl 1"}); answered != q.answered {
				t.Errorf("%s: %q", q.name, got)
			}
		}
	})
}

// TestGroupFollowsLink: a group joined on a port that is down is reported when
// it comes up.
func TestGroupFollowsLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log igmpLog
		w, r := segment(t, 2, WireConfig{Capture: log.capture})
		w.SetUp(false)
		c, err := r[0].ListenGroup("Ethernet0/0", ap("239.1.1.1:848"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if got := log.take(); len(got) != 0 {
			t.Errorf("while down: %q", got)
		}
		w.SetUp(true)
		if got := log.take(); !slices.Contains(got, "192.168.1.1 > 239.1.1.1: v2 report 239.1.1.1 ttl 1") {
			t.Errorf("coming up: %q", got)
		}
		atA := collect(c)
		b, err := r[1].Listen("", ap("192.168.1.2:848"))
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		if _, err := b.WriteTo([]byte("x"), ap("239.1.1.1:848")); err != nil {
			t.Fatal(err)
		}
		if got := atA(); !slices.Equal(got, []string{"x from 192.168.1.2:848"}) {
			t.Errorf("received %q", got)
		}
	})
}

// TestGroupInterface: the source address chooses the interface, a group belongs
// to the interface it was joined on, and a loopback's address leaves by the
// default route.
func TestGroupInterface(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := node(t, "HUB")
		left, right := node(t, "LEFT"), node(t, "RIGHT")
		for i, s := range []*Stack{left, right} {
			w := NewWire(WireConfig{Shared: true})
			attach(t, w, hub, fmt.Sprintf("Ethernet0/%d", i))
			attach(t, w, s, "Ethernet0/0")
			configure(t, hub, fmt.Sprintf("Ethernet0/%d", i), fmt.Sprintf("10.0.%d.1/24", i))
			configure(t, s, "Ethernet0/0", fmt.Sprintf("10.0.%d.2/24", i))
		}
		configure(t, hub, "Loopback0", "9.9.9.9/32")
		if err := hub.SetRoutes([]netdev.StaticRoute{route("0.0.0.0/0", "10.0.1.2")}); err != nil {
			t.Fatal(err)
		}
		group := ap("239.1.1.1:848")
		var got []func() []string
		for _, s := range []*Stack{left, right} {
			c, err := s.ListenGroup("Ethernet0/0", group)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, collect(c))
		}
		for from, want := range map[string][2]int{"10.0.0.1:848": {1, 0}, "10.0.1.1:848": {0, 1}, "9.9.9.9:848": {0, 1}} {
			c, err := hub.Listen("", ap(from))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.WriteTo([]byte("x"), group); err != nil {
				t.Errorf("from %s: %v", from, err)
			}
			if l, r := len(got[0]()), len(got[1]()); l != want[0] || r != want[1] {
				t.Errorf("from %s: left received %d, right %d, want %v", from, l, r, want)
			}
			c.Close()
		}

		// Joined on both interfaces by sockets of their own.
		c0, err := hub.ListenGroup("Ethernet0/0", group)
		if err != nil {
			t.Fatal(err)
		}
		c1, err := hub.ListenGroup("Ethernet0/1", group)
		if err != nil {
			t.Fatal(err)
		}
		at0, at1 := collect(c0), collect(c1)
		l, err := left.Listen("", ap("10.0.0.2:848"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.WriteTo([]byte("from the left"), group); err != nil {
			t.Fatal(err)
		}
		if g0, g1 := at0(), at1(); len(g0) != 1 || len(g1) != 0 {
			t.Errorf("Ethernet0/0 received %q, Ethernet0/1 %q", g0, g1)
		}
	})
}

func TestListenGroupRefuses(t *testing.T) {
	s := node(t, "R1")
	for _, c := range []struct{ iface, group, want string }{
		{"Ethernet9/9", "239.1.1.1:848", "no such interface"},
		{"Ethernet0/0", "239.1.1.1:848", "no such interface"}, // never configured
		{"Ethernet0/0", "10.1.1.1:848", "not an IPv4 multicast group"},
		{"Ethernet0/0", "[ff02::1]:848", "not an IPv4 multicast group"},
	} {
		if _, err := s.ListenGroup(c.iface, ap(c.group)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v", c.iface, c.group, err)
		}
	}
	s.Close()
	if _, err := s.ListenGroup("Ethernet0/0", ap("239.1.1.1:848")); err == nil {
		t.Error("a closed stack joined")
	}
}
