package virtual

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"coterie/netdev"

	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"

	"gvisor.dev/gvisor/pkg/tcpip"
)

// pair is two stacks on one wire, 10.0.0.1 and 10.0.0.2.
func pair(t *testing.T, tcp bool) (a, b *Stack) {
	t.Helper()
	w := NewWire(WireConfig{Name: "W"})
	var out [2]*Stack
	for i, address := range []string{"10.0.0.1/24", "10.0.0.2/24"} {
		s, err := New(Config{Name: string(rune('A' + i)), Interfaces: []Port{{Name: "Ethernet0/0"}}, TCP: tcp})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		configure(t, s, "Ethernet0/0", address)
		attach(t, w, s, "Ethernet0/0")
		out[i] = s
	}
	return out[0], out[1]
}

func TestNeighbors(t *testing.T) { synctest.Test(t, neighbors) }

func neighbors(t *testing.T) {
	a, b := pair(t, false)
	ping := func(to string) {
		a.Probe(t.Context(), netdev.Probe{Target: ip(to), Size: 100, Timeout: 20 * time.Millisecond})
	}
	ping("10.0.0.2")
	ping("10.0.0.9")
	list := a.Neighbors()
	if len(list) != 2 {
		t.Fatalf("neighbours %+v", list)
	}
	if n := list[0]; n.Address != ip("10.0.0.2") || n.MAC != b.Interfaces()[0].MAC || n.Incomplete || n.Interface != "Ethernet0/0" || n.Age < 0 || n.Age > time.Minute {
		t.Errorf("%+v", n)
	}
	if n := list[1]; n.Address != ip("10.0.0.9") || !n.Incomplete {
		t.Errorf("%+v", n)
	}
	if !a.Interfaces()[0].Cleared.IsZero() {
		t.Error("cleared before anybody did")
	}
	a.ClearCounters("")
	if i := a.Interfaces()[0]; i.Cleared.IsZero() || i.Counters != (netdev.InterfaceCounters{}) {
		t.Errorf("after clear counters: %+v", i)
	}
	a.Close()
	if list := a.Neighbors(); len(list) != 0 {
		t.Errorf("a closed stack has neighbours: %v", list)
	}
}

func TestDialStream(t *testing.T) {
	a, _ := pair(t, false)
	to := netip.MustParseAddrPort("10.0.0.2:23")
	if _, err := a.DialStream(t.Context(), "", netip.Addr{}, to); !errors.Is(err, netdev.ErrNotSupported) {
		t.Errorf("without TCP: %v", err)
	}
	a, b := pair(t, true)
	if _, err := a.DialStream(t.Context(), "", netip.Addr{}, to); err == nil {
		t.Error("connected to nobody")
	}
	l, err := gonet.ListenTCP(b.tables[""].stack, tcpip.FullAddress{Port: 23}, ipv4.ProtocolNumber)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	served := make(chan struct{})
	go func() {
		defer close(served)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		io.WriteString(c, "R2>")
	}()
	c, err := a.DialStream(t.Context(), "", ip("10.0.0.1"), to)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(c); string(text) != "R2>" || err != nil {
		t.Errorf("%q %v", text, err)
	}
	c.Close()
	<-served
	if _, err := a.DialStream(t.Context(), "RED", netip.Addr{}, to); err == nil {
		t.Error("connected in a VRF that is not there")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := a.DialStream(ctx, "", netip.Addr{}, netip.MustParseAddrPort("10.0.0.77:23")); err == nil {
		t.Error("connected to nobody")
	}
}
