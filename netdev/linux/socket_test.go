//go:build linux

package linux

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"coterie/netdev"

	"golang.org/x/sys/unix"
)

func TestListenBothWays(t *testing.T) {
	a, b := newHost(t), newHost(t)
	wire(a, "eth0", b, "eth0")
	left, right := a.stack(Config{}), b.stack(Config{})
	configure(t, left, "Ethernet0/0", false, "10.0.0.1/24")
	configure(t, right, "Ethernet0/0", false, "10.0.0.2/24")
	a.settle("eth0")
	b.settle("eth0")

	addrs := []netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:848"), netip.MustParseAddrPort("10.0.0.2:848")}
	var conns []netdev.UDPConn
	for i, s := range []*Stack{left, right} {
		c, err := s.Listen("", addrs[i])
		if err != nil {
			t.Fatal(err)
		}
		if c.LocalAddr() != addrs[i] {
			t.Errorf("local address %v, want %v", c.LocalAddr(), addrs[i])
		}
		conns = append(conns, c)
	}
	long := bytes.Repeat([]byte("rekey "), 1500) // 9000 octets: seven fragments
	buffer := make([]byte, 65535)
	for i := range 4 {
		from, to := i%2, 1-i%2
		if n, err := conns[from].WriteTo(long, addrs[to]); err != nil || n != len(long) {
			t.Fatal(n, err)
		}
		n, src, err := conns[to].ReadFrom(buffer)
		if err != nil || src != addrs[from] || !bytes.Equal(buffer[:n], long) {
			t.Fatalf("%d octets from %v, %v", n, src, err)
		}
	}
	if src, ok := left.SourceFor("", addrs[1].Addr()); !ok || src != addrs[0].Addr() {
		t.Errorf("source %v, %v", src, ok)
	}
	if src, ok := left.SourceFor("", netip.MustParseAddr("10.200.0.1")); ok {
		t.Errorf("source %v toward nowhere", src)
	}
	if _, ok := left.SourceFor("RED", addrs[1].Addr()); ok {
		t.Error("a source in a VRF")
	}

	var counters netdev.InterfaceCounters
	for _, i := range left.Interfaces() {
		counters = i.Counters
	}
	if counters.OutPackets < 14 || counters.InOctets < 18000 {
		t.Errorf("counters %+v", counters)
	}
	left.ClearCounters("Ethernet0/0")
	if i := left.Interfaces()[0]; i.Counters.OutOctets >= counters.OutOctets || i.Cleared.IsZero() {
		t.Errorf("counters after clear %+v, cleared %v", i.Counters, i.Cleared)
	}

	peer := right.Interfaces()[0]
	want := []netdev.Neighbor{{Interface: "Ethernet0/0", Address: addrs[1].Addr(), MAC: peer.MAC}}
	got := left.Neighbors()
	for i := range got {
		if got[i].Age < 0 || got[i].Age > time.Hour {
			t.Errorf("age %v", got[i].Age)
		}
		got[i].Age = 0
	}
	if !slices.Equal(got, want) {
		t.Errorf("neighbours %+v, want %+v", got, want)
	}

	// Whoever reads is told of the end, by Close of the socket or of the stack.
	var readers sync.WaitGroup
	for _, c := range conns {
		readers.Go(func() {
			if _, _, err := c.ReadFrom(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
				t.Errorf("read ended with %v", err)
			}
		})
	}
	if err := conns[0].Close(); err != nil {
		t.Error(err)
	}
	if err := right.Close(); err != nil {
		t.Error(err)
	}
	readers.Wait()
	for _, c := range conns {
		if err := c.Close(); err != nil {
			t.Errorf("second Close: %v", err)
		}
	}
}

// A socket has room for the burst in which the acknowledgements of a rekey
// arrive: as much as the host allows, and more with the privilege.
func TestReceiveBuffer(t *testing.T) {
	text, err := os.ReadFile("/proc/sys/net/core/rmem_max")
	if err != nil {
		t.Fatal(err)
	}
	allowed, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	room := func(s *Stack) (n int) {
		c, err := s.Listen("", netip.MustParseAddrPort("127.0.0.1:0"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		raw, err := c.(*socket).conn.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		raw.Control(func(fd uintptr) { n, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF) })
		if err != nil {
			t.Fatal(err)
		}
		return n / 2 // the kernel doubles what it is asked for
	}
	s := newHost(t).stack(Config{})
	if got := room(s); got != receiveBuffer {
		t.Errorf("%d octets, want %d", got, receiveBuffer)
	}
	without(t, []int{unix.CAP_NET_ADMIN}, func() {
		if got, want := room(s), min(allowed, receiveBuffer); got != want {
			t.Errorf("%d octets without the privilege, want %d", got, want)
		}
	})
}

func TestListenRefusals(t *testing.T) {
	s := newHost(t).stack(Config{})
	if _, err := s.Listen("RED", netip.MustParseAddrPort("127.0.0.1:848")); !errors.Is(err, netdev.ErrNotSupported) {
		t.Errorf("in a VRF: %v", err)
	}
	for _, local := range []string{"10.0.0.1:848", "[::1]:848"} {
		if _, err := s.Listen("", netip.MustParseAddrPort(local)); err == nil {
			t.Errorf("%s is open", local)
		}
	}
	c, err := s.Listen("", netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil || c.LocalAddr().Port() == 0 {
		t.Fatalf("any port: %v, %v", c, err)
	}
	if _, err := s.Listen("", c.LocalAddr()); err == nil {
		t.Error("one port was opened twice")
	}
	s.Close()
	if _, err := s.Listen("", netip.MustParseAddrPort("127.0.0.1:0")); err == nil {
		t.Error("open after Close")
	}
}

func TestDialStream(t *testing.T) {
	a, b := newHost(t), newHost(t)
	wire(a, "eth0", b, "eth0")
	left, right := a.stack(Config{}), b.stack(Config{})
	configure(t, left, "Ethernet0/0", false, "10.0.0.1/24", "10.0.0.3/24")
	configure(t, right, "Ethernet0/0", false, "10.0.0.2/24")
	a.settle("eth0")
	b.settle("eth0")
	var server net.Listener
	b.do(func() (err error) {
		server, err = net.Listen("tcp4", "10.0.0.2:23")
		return err
	})
	defer server.Close()
	remote := netip.MustParseAddrPort("10.0.0.2:23")
	go func() {
		for {
			c, err := server.Accept()
			if err != nil {
				return
			}
			io.WriteString(c, c.RemoteAddr().(*net.TCPAddr).IP.String())
			c.Close()
		}
	}()
	for _, local := range []string{"10.0.0.1", "10.0.0.3"} {
		c, err := left.DialStream(t.Context(), "", netip.MustParseAddr(local), remote)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(c); err != nil || string(got) != local {
			t.Errorf("from %s: the server saw %s, %v", local, got, err)
		}
		c.Close()
	}
	if _, err := left.DialStream(t.Context(), "RED", netip.Addr{}, remote); !errors.Is(err, netdev.ErrNotSupported) {
		t.Errorf("in a VRF: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := left.DialStream(ctx, "", netip.Addr{}, remote); err == nil {
		t.Error("a cancelled call connected")
	}
	left.Close()
	if _, err := left.DialStream(t.Context(), "", netip.Addr{}, remote); err == nil {
		t.Error("connected after Close")
	}
}
