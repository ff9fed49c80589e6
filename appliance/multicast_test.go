package appliance

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"coterie/internal/env"
	"coterie/netdev"
	"coterie/xfrm"

	"github.com/google/go-cmp/cmp"
)

// groupNetwork only remembers which multicast groups are joined.
type groupNetwork struct {
	noNetwork
	mu   sync.Mutex
	open []string
	left int // how often a group was
}

func (n *groupNetwork) ListenGroup(iface string, group netip.AddrPort) (netdev.UDPConn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.open = append(n.open, iface+" "+group.String())
	return &groupConn{n: n, iface: iface, group: group, done: make(chan struct{})}, nil
}

func (n *groupNetwork) joined() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Sorted(slices.Values(n.open))
}

type groupConn struct {
	n     *groupNetwork
	iface string
	group netip.AddrPort
	done  chan struct{}
}

func (c *groupConn) ReadFrom([]byte) (int, netip.AddrPort, error) {
	<-c.done
	return 0, netip.AddrPort{}, io.EOF
}
func (c *groupConn) WriteTo([]byte, netip.AddrPort) (int, error) { return 0, io.EOF }
func (c *groupConn) LocalAddr() netip.AddrPort                   { return c.group }
func (c *groupConn) Close() error {
	c.n.mu.Lock()
	defer c.n.mu.Unlock()
	name := c.iface + " " + c.group.String()
	c.n.left++
	c.n.open = slices.DeleteFunc(c.n.open, func(s string) bool { return s == name })
	close(c.done)
	return nil
}

// mapPlane remembers the crypto maps and reports what a test makes up.
type mapPlane struct {
	xfrm.Dataplane
	mu     sync.Mutex
	maps   map[string]xfrm.InterfacePolicy
	events chan xfrm.Event
	once   sync.Once
}

func (p *mapPlane) SetInterface(i xfrm.InterfacePolicy) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.maps[i.Interface] = i
	return nil
}

func (p *mapPlane) Events() <-chan xfrm.Event { return p.events }
func (p *mapPlane) Close() error {
	p.once.Do(func() { close(p.events) })
	return p.Dataplane.Close()
}

func (p *mapPlane) bypass(iface string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []string
	for _, a := range p.maps[iface].Entries[0].Bypass {
		out = append(out, a.String())
	}
	return out
}

func groupDevice(t *testing.T) (*Appliance, *groupNetwork, *mapPlane) {
	t.Helper()
	net := &groupNetwork{noNetwork: noNetwork{events: make(chan netdev.LinkEvent)}}
	plane := &mapPlane{Dataplane: xfrm.NewNone(), maps: map[string]xfrm.InterfacePolicy{}, events: make(chan xfrm.Event)}
	a, err := New(Config{Name: "R2", Stack: net, Dataplane: plane, Clock: new(env.Clock), Env: env.System(), Files: &memory{files: make(map[string][]byte)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	a.Boot(t.Context(), vrfMemberText)
	return a, net, plane
}

// Two members that register from one interface share its multicast group;
// UDP 848 to it passes their crypto maps, and no other's.
func TestJoinMulticastGroup(t *testing.T) {
	a, net, plane := groupDevice(t)
	group := netip.MustParseAddrPort("239.10.10.1:848")
	join := func(name string, g netip.AddrPort) {
		t.Helper()
		a.ctl.ask(t.Context(), func(time.Time) {
			for _, m := range a.ctl.members {
				if m.key.Name == name {
					a.ctl.join(m, g)
				}
			}
		})
	}
	check := func(joined []string, red, blue []string) {
		t.Helper()
		if d := cmp.Diff(joined, net.joined()); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff([][]string{red, blue, {"10.3.0.2"}}, [][]string{plane.bypass("Ethernet0/1"), plane.bypass("Ethernet0/2"), plane.bypass("Ethernet0/3")}); d != "" {
			t.Error(d)
		}
	}
	own, both := []string{"10.0.0.2"}, []string{"10.0.0.2", "239.10.10.1"}
	check(nil, own, own)
	join("RED", group)
	check([]string{"Ethernet0/0 239.10.10.1:848"}, both, own)
	if join("RED", group); net.left != 0 { // as after a change of interfaces
		t.Error("a group that stays joined was left for a moment")
	}
	check([]string{"Ethernet0/0 239.10.10.1:848"}, both, own)
	join("BLUE", group)
	check([]string{"Ethernet0/0 239.10.10.1:848"}, both, both)
	join("RED", netip.AddrPort{})
	check([]string{"Ethernet0/0 239.10.10.1:848"}, own, both)
	join("BLUE", netip.AddrPort{})
	check(nil, own, own)
}

// An incident reaches the log, and the member whose it is: by its group, else
// by the interface.
func TestDataEvents(t *testing.T) {
	a, _, plane := groupDevice(t)
	log := watchLog(a)
	var mu sync.Mutex
	var heard []string
	a.ctl.ask(t.Context(), func(time.Time) {
		names := map[string]string{}
		for _, m := range a.ctl.members {
			names[memberEngine(m.owner)] = m.key.Name
		}
		a.ctl.tape = &tape{hear: func(e entry) {
			if e.Kind == "DataError" {
				mu.Lock()
				defer mu.Unlock()
				heard = append(heard, names[e.Engine])
			}
		}}
	})
	src, dst := netip.MustParseAddr("10.0.0.9"), netip.MustParseAddr("10.3.0.2")
	red := xfrm.GroupKey{VRF: "RED", Name: "RED", Source: netip.MustParseAddr("10.0.0.2")}
	for _, e := range []xfrm.Event{
		{Kind: xfrm.InvalidSPI, Interface: "Ethernet0/3", Src: src, Dst: dst, SPI: 0xA0B897B5},
		{Kind: xfrm.ReplayFailed, Interface: "Ethernet0/1", Group: red, Src: src, Dst: dst, Own: 600006_780, Peer: 500033_340, Window: 100 * time.Second},
		{Kind: xfrm.ReplayFailed, Interface: "Ethernet0/1", Group: xfrm.GroupKey{Name: "gone"}, Src: src, Dst: dst},
		{Kind: xfrm.ClearReceived, Interface: "Ethernet0/1", Src: src, Dst: dst, Protocol: 1},
		{Kind: xfrm.NumbersLow, Interface: "Ethernet0/1", Group: red, SPI: 1},
		{Kind: xfrm.InvalidSPI, Interface: "Ethernet0/2", Group: red, Src: src, Dst: dst, SPI: 1},
	} {
		plane.events <- e
	}
	close := make(chan struct{})
	a.ctl.post(func(time.Time) {})
	go func() { a.ctl.ask(t.Context(), func(time.Time) {}); close <- struct{}{} }()
	<-close
	want := []string{
		"RECVD_PKT_INV_SPI: decaps: rec'd IPSEC packet has invalid spi for destaddr=10.3.0.2, prot=50, spi=0xA0B897B5(2696452021), srcaddr=10.0.0.9, input interface=Ethernet0/3",
		"%GDOI-4-TIMEBASED_REPLAY_FAILED: An anti replay check has failed in group RED from source 10.0.0.9. my_pseudotime is 600006.78 secs, peer_pseudotime is 500033.34 secs, replay_window is 100 (second)",
	}
	for _, w := range want {
		if !strings.Contains(log.String(), w) {
			t.Errorf("log %s lacks %s", log, w)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if got := fmt.Sprint(heard[:min(len(heard), 3)]); got != "[PLAIN RED RED]" {
		t.Errorf("told %v", heard)
	}
}
