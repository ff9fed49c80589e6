//go:build linux

package linux

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"coterie/internal/testenv"
	"coterie/netdev"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A host is a network namespace of its own. Nothing here touches the one that
// the test runs in.
type host struct {
	t  *testing.T
	ns namespace
}

func newHost(t *testing.T) *host {
	t.Helper()
	testenv.Need(t, os.Geteuid() == 0, "network namespaces need root")
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	own, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(own)
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		testenv.Need(t, false, "network namespaces cannot be made: "+err.Error())
	}
	fd, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if e := unix.Setns(own, unix.CLONE_NEWNET); e != nil {
		panic(e) // the thread is lost, and with it the test's own namespace
	}
	if err != nil {
		t.Fatal(err)
	}
	h := &host{t: t, ns: namespace{fd: fd, open: true}}
	t.Cleanup(h.ns.close)
	h.do(func() error {
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		return netlink.LinkSetUp(lo)
	})
	return h
}

func (h *host) path() string { return fmt.Sprintf("/proc/self/fd/%d", h.ns.fd) }

// do works on the host as its administrator.
func (h *host) do(f func() error) {
	h.t.Helper()
	if err := h.ns.do(f); err != nil {
		h.t.Fatal(err)
	}
}

// link is a device of the host.
func (h *host) link(name string) (l netlink.Link) {
	h.t.Helper()
	h.do(func() (err error) { l, err = netlink.LinkByName(name); return err })
	return l
}

func (h *host) up(names ...string) {
	h.t.Helper()
	for _, n := range names {
		l := h.link(n)
		h.do(func() error { return netlink.LinkSetUp(l) })
	}
}

func (h *host) down(name string) {
	h.t.Helper()
	l := h.link(name)
	h.do(func() error { return netlink.LinkSetDown(l) })
}

// address adds a foreign address.
func (h *host) address(name, prefix string) {
	h.t.Helper()
	l := h.link(name)
	a, err := netlink.ParseAddr(prefix)
	if err != nil {
		h.t.Fatal(err)
	}
	h.do(func() error { return netlink.AddrAdd(l, a) })
}

// route adds a foreign route.
func (h *host) route(prefix, gateway string) {
	h.t.Helper()
	_, dst, err := net.ParseCIDR(prefix)
	if err != nil {
		h.t.Fatal(err)
	}
	h.do(func() error {
		return netlink.RouteAdd(&netlink.Route{Dst: dst, Gw: net.ParseIP(gateway), Protocol: unix.RTPROT_STATIC})
	})
}

func (h *host) sysctl(name, value string) {
	h.t.Helper()
	h.do(func() error { return os.WriteFile(filepath.Join("/proc/sys/net/ipv4", name), []byte(value), 0o644) })
}

var wires atomic.Int32

// wire joins two hosts. The ends have different indices, because the kernel
// takes its time, up to a second, with the carrier of a device that seems to
// be its own peer.
func wire(a *host, nameA string, b *host, nameB string) {
	a.t.Helper()
	index := 1000 + int(wires.Add(1))
	a.do(func() error {
		return netlink.LinkAdd(&netlink.Veth{
			LinkAttrs: netlink.LinkAttrs{Name: nameA, Index: index}, PeerName: nameB, PeerNamespace: netlink.NsFd(b.ns.fd),
		})
	})
}

// snapshot describes devices, addresses and routes, so that two can be compared.
func (h *host) snapshot() string {
	h.t.Helper()
	var out []string
	h.do(func() error {
		list, err := devices()
		if err != nil {
			return err
		}
		for _, d := range list {
			out = append(out, fmt.Sprintf("link %s %s up=%v mtu=%d alias=%q", d.name, d.kind, d.up, d.mtu, d.alias))
		}
		all, err := addresses()
		if err != nil {
			return err
		}
		for _, a := range all {
			out = append(out, fmt.Sprintf("address %s %v label=%s marked=%v secondary=%v", byIndex(list, a.index).name, a.prefix, a.label, a.marked, a.secondary))
		}
		table, err := mainTable()
		if err != nil {
			return err
		}
		for _, r := range table {
			out = append(out, fmt.Sprintf("route %v proto=%d", routeKey(r), r.Protocol))
		}
		return nil
	})
	slices.Sort(out)
	return strings.Join(out, "\n") + "\n"
}

// stack opens the host as a device.
func (h *host) stack(c Config) *Stack {
	h.t.Helper()
	c.Namespace = h.path()
	s, err := New(c)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { s.Close() })
	return s
}

// same fails unless the host is as before.
func (h *host) same(before, when string) {
	h.t.Helper()
	if d := cmp.Diff(before, h.snapshot()); d != "" {
		h.t.Errorf("%s the host is not as before (-before +now):\n%s", when, d)
	}
}

func configure(t *testing.T, s *Stack, name string, shutdown bool, prefixes ...string) {
	t.Helper()
	c := netdev.InterfaceConfig{Name: name, Shutdown: shutdown}
	for _, p := range prefixes {
		c.Addresses = append(c.Addresses, netip.MustParsePrefix(p))
	}
	if err := s.Configure(c); err != nil {
		t.Fatal(err)
	}
}

// settle waits until a device of the host can send.
func (h *host) settle(device string) {
	h.t.Helper()
	s := h.stack(Config{Map: map[string]string{"GigabitEthernet0/0/0": device}})
	defer s.Close()
	for _, i := range s.Interfaces() {
		if i.Name == "GigabitEthernet0/0/0" && i.LinkUp {
			return
		}
	}
	settled(h.t, s, "GigabitEthernet0/0/0")
}

// event waits for the next event of one of the interfaces.
func event(t *testing.T, s *Stack, names ...string) netdev.LinkEvent {
	t.Helper()
	limit := time.NewTimer(10 * time.Second)
	defer limit.Stop()
	for {
		select {
		case e := <-s.Events():
			if slices.Contains(names, e.Interface) {
				return e
			}
		case <-limit.C:
			t.Fatalf("no event of %v", names)
		}
	}
}

// settled waits until each of the interfaces has reported that it is up.
func settled(t *testing.T, s *Stack, names ...string) {
	t.Helper()
	for len(names) > 0 {
		e := event(t, s, names...)
		if e.Up {
			names = slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == e.Interface })
		}
	}
}

func static(prefix, nextHop, iface string, distance uint8) netdev.StaticRoute {
	r := netdev.StaticRoute{Prefix: netip.MustParsePrefix(prefix), Interface: iface, Distance: distance}
	if nextHop != "" {
		r.NextHop = netip.MustParseAddr(nextHop)
	}
	return r
}

// without runs f on a thread that lacks capabilities.
func without(t *testing.T, capabilities []int, f func()) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	h := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var have [2]unix.CapUserData
	if err := unix.Capget(&h, &have[0]); err != nil {
		t.Fatal(err)
	}
	less := have
	for _, c := range capabilities {
		less[c/32].Effective &^= 1 << (c % 32)
	}
	if err := unix.Capset(&h, &less[0]); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Capset(&h, &have[0]); err != nil {
			panic(err)
		}
	}()
	f()
}

func wantPermission(t *testing.T, err error, capability string) {
	t.Helper()
	if !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), capability) {
		t.Errorf("error %v, want one that names %s", err, capability)
	}
}
