//go:build linux

package linux

import (
	"errors"
	"net"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// device is what the kernel says about one of its network devices.
type device struct {
	index    int
	name     string
	ethernet bool // may be a router's port
	up       bool // administratively
	carrier  bool
	operates bool // carrier, and the kernel's queue behind it (RFC 2863 ifOperStatus)
	mtu      int
	mac      [6]byte
	kind     string // of a software device: "dummy", "veth"
	alias    string
	counters netlink.LinkStatistics
	link     netlink.Link
}

// portKinds are the kinds of software device that stand for a port: what
// containers, bonds and virtual machines are wired with. Hardware has the kind
// "device".
var portKinds = map[string]bool{
	"device": true, "veth": true, "macvlan": true, "ipvlan": true, "bond": true, "team": true, "hv_netvsc": true,
}

func newDevice(l netlink.Link) device {
	a := l.Attrs()
	d := device{
		index: a.Index, name: a.Name, mtu: a.MTU, kind: l.Type(), alias: a.Alias, link: l,
		up: a.RawFlags&unix.IFF_UP != 0, carrier: a.RawFlags&unix.IFF_LOWER_UP != 0,
		operates: a.RawFlags&unix.IFF_RUNNING != 0 && a.RawFlags&unix.IFF_LOWER_UP != 0,
		// A port of a bridge or a bond is the bridge's, not the router's.
		ethernet: a.EncapType == "ether" && a.Flags&net.FlagLoopback == 0 && a.MasterIndex == 0 && portKinds[l.Type()],
	}
	copy(d.mac[:], a.HardwareAddr)
	if a.Statistics != nil {
		d.counters = *a.Statistics
	}
	return d
}

// running says whether packets can leave and arrive.
func (d device) running() bool { return d.up && d.operates }

// dumps is how often a table that changes while it is read is read again.
const dumps = 4

// dump reads a table of the kernel whole.
func dump[T any](read func() ([]T, error)) (out []T, err error) {
	for range dumps {
		if out, err = read(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			return out, err
		}
	}
	return out, nil // as good as a table that never rests gets
}

// devices lists the kernel's devices by index.
func devices() ([]device, error) {
	links, err := dump(netlink.LinkList)
	out := make([]device, 0, len(links))
	for _, l := range links {
		out = append(out, newDevice(l))
	}
	return out, err
}

// byName finds a device, or nil.
func byName(list []device, name string) *device {
	for i := range list {
		if list[i].name == name {
			return &list[i]
		}
	}
	return nil
}

// byIndex finds a device, or nil.
func byIndex(list []device, index int) *device {
	for i := range list {
		if list[i].index == index {
			return &list[i]
		}
	}
	return nil
}
