//go:build linux

package linux

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"coterie/netdev"
)

// joined are the groups that the kernel has joined on a device, as in
// /proc/net/igmp.
func (h *host) joined(device string) (groups []string) {
	h.t.Helper()
	var text []byte
	h.do(func() (err error) { text, err = os.ReadFile("/proc/thread-self/net/igmp"); return err })
	on := ""
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		switch {
		case len(fields) > 3 && fields[2] == ":":
			on = fields[1]
		case len(fields) > 3 && strings.HasSuffix(fields[1], ":"):
			on = strings.TrimSuffix(fields[1], ":")
		case on == device && len(fields) >= 4:
			groups = append(groups, fields[0])
		}
	}
	return groups
}

// within waits for what the kernel does in its own time.
func within(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// TestListenGroup: a group joined on one interface receives what is sent there
// and nothing else, the source address chooses where a datagram leaves, and the
// membership ends with the last socket.
func TestListenGroup(t *testing.T) {
	hub, left, right := newHost(t), newHost(t), newHost(t)
	wire(hub, "eth0", left, "eth0")
	wire(hub, "eth1", right, "eth0")
	hubStack, leftStack, rightStack := hub.stack(Config{}), left.stack(Config{}), right.stack(Config{})
	configure(t, hubStack, "Ethernet0/0", false, "10.0.0.1/24")
	configure(t, hubStack, "Ethernet0/1", false, "10.0.1.1/24")
	configure(t, leftStack, "Ethernet0/0", false, "10.0.0.2/24")
	configure(t, rightStack, "Ethernet0/0", false, "10.0.1.2/24")
	hub.settle("eth0")
	hub.settle("eth1")
	left.settle("eth0")
	right.settle("eth0")

	group := netip.MustParseAddrPort("239.1.1.1:848")
	const kernelForm = "010101EF" // of 239.1.1.1, in host order of a little-endian host
	join := func(s *Stack, iface string) netdev.UDPConn {
		t.Helper()
		c, err := s.ListenGroup(iface, group)
		if err != nil {
			t.Fatal(err)
		}
		if c.LocalAddr() != group {
			t.Errorf("local address %v", c.LocalAddr())
		}
		return c
	}
	atLeft, atRight, again := join(leftStack, "Ethernet0/0"), join(rightStack, "Ethernet0/0"), join(leftStack, "Ethernet0/0")
	if got := left.joined("eth0"); !slices.Contains(got, kernelForm) {
		t.Errorf("the kernel has joined %v", got)
	}
	m := leftStack.Memberships()
	if len(m) != 1 || m[0].Interface != "Ethernet0/0" || m[0].Group != group.Addr() || m[0].Sockets != 2 || m[0].Reporter != netip.MustParseAddr("10.0.0.2") {
		t.Errorf("memberships %+v", m)
	}
	receive := func(c netdev.UDPConn, wait time.Duration) string {
		t.Helper()
		c.(*socket).conn.SetReadDeadline(time.Now().Add(wait))
		buf := make([]byte, 100)
		n, from, err := c.ReadFrom(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return ""
		}
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n]) + " from " + from.String()
	}
	const long, short = 5 * time.Second, 50 * time.Millisecond
	// A queue that has just come up may lose what comes first.
	warm := func(s *Stack, local string, to ...netdev.UDPConn) {
		t.Helper()
		c, err := s.Listen("", netip.MustParseAddrPort(local))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		within(t, "nothing arrives from "+local, func() bool {
			if _, err := c.WriteTo([]byte("warm"), group); err != nil {
				t.Fatal(err)
			}
			return receive(to[0], short) != ""
		})
		for _, at := range to {
			for receive(at, short) != "" {
			}
		}
	}
	warm(hubStack, "10.0.0.1:848", atLeft, again)
	warm(hubStack, "10.0.1.1:848", atRight)
	for local, want := range map[string][2]string{
		"10.0.0.1:848": {"x from 10.0.0.1:848", ""}, "10.0.1.1:848": {"", "x from 10.0.1.1:848"},
	} {
		c, err := hubStack.Listen("", netip.MustParseAddrPort(local))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.WriteTo([]byte("x"), group); err != nil {
			t.Fatalf("from %s: %v", local, err)
		}
		for i, at := range []netdev.UDPConn{atLeft, atRight} {
			wait := long
			if want[i] == "" {
				wait = short
			}
			if got := receive(at, wait); got != want[i] {
				t.Errorf("from %s, socket %d received %q, want %q", local, i, got, want[i])
			}
		}
		c.Close()
	}
	if got := receive(again, long); got != "x from 10.0.0.1:848" {
		t.Errorf("the second socket received %q", got)
	}

	// Joined on one interface: what comes by the other is not for this socket.
	on0, on1 := join(hubStack, "Ethernet0/0"), join(hubStack, "Ethernet0/1")
	warm(leftStack, "10.0.0.2:848", on0)
	sender, err := leftStack.Listen("", netip.MustParseAddrPort("10.0.0.2:848"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sender.WriteTo([]byte("y"), group); err != nil {
		t.Fatal(err)
	}
	if got := receive(on0, long); got != "y from 10.0.0.2:848" {
		t.Errorf("Ethernet0/0 received %q", got)
	}
	if got := receive(on1, short); got != "" {
		t.Errorf("Ethernet0/1 received %q", got)
	}

	atLeft.Close()
	if got := left.joined("eth0"); !slices.Contains(got, kernelForm) {
		t.Errorf("one of two sockets closed: the kernel has joined %v", got)
	}
	again.Close()
	within(t, "the kernel did not leave the group", func() bool { return !slices.Contains(left.joined("eth0"), kernelForm) })
	if m := leftStack.Memberships(); len(m) != 0 {
		t.Errorf("memberships %+v", m)
	}
	rightStack.Close()
	if _, _, err := atRight.ReadFrom(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close of the stack: %v", err)
	}
}

func TestListenGroupRefusals(t *testing.T) {
	s := newHost(t).stack(Config{})
	for _, c := range []struct{ iface, group, want string }{
		{"Ethernet0/0", "239.1.1.1:848", netdev.ErrNoInterface.Error()},
		{"Ethernet0/0", "10.1.1.1:848", "not an IPv4 multicast group"},
		{"Ethernet0/0", "[ff02::1]:848", "not an IPv4 multicast group"},
	} {
		if _, err := s.ListenGroup(c.iface, netip.MustParseAddrPort(c.group)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v", c.iface, c.group, err)
		}
	}
	s.Close()
	if _, err := s.ListenGroup("Ethernet0/0", netip.MustParseAddrPort("239.1.1.1:848")); err == nil {
		t.Error("a closed stack joined")
	}
}
