//go:build linux

package linux

import (
	"errors"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// ifaProto is IFA_PROTO, who installed an address (Linux 5.18). Older kernels
// ignore it; what an earlier run left there then counts as the host's.
const ifaProto = 11

// address is one IPv4 address of the host.
type address struct {
	index     int
	prefix    netip.Prefix
	network   netip.Prefix // connected by it: the peer's, on a point-to-point link
	label     string
	marked    bool // by us
	secondary bool // in the subnet of another, which takes it along when it goes
	message   []byte
}

// addresses lists the host's IPv4 addresses in the kernel's order: on each
// device the primary ones first.
func addresses() ([]address, error) {
	messages, err := dump(func() ([][]byte, error) {
		req := nl.NewNetlinkRequest(unix.RTM_GETADDR, unix.NLM_F_DUMP)
		req.AddData(nl.NewIfAddrmsg(unix.AF_INET))
		return req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWADDR)
	})
	if err != nil {
		return nil, err
	}
	out := make([]address, 0, len(messages))
	for _, m := range messages {
		if a, ok := parseAddress(m); ok {
			out = append(out, a)
		}
	}
	return out, nil
}

func parseAddress(m []byte) (address, bool) {
	if len(m) < unix.SizeofIfAddrmsg {
		return address{}, false
	}
	h := nl.DeserializeIfAddrmsg(m)
	attrs, err := nl.ParseRouteAttr(m[unix.SizeofIfAddrmsg:])
	if err != nil || h.Family != unix.AF_INET {
		return address{}, false
	}
	a := address{index: int(h.Index), secondary: h.Flags&unix.IFA_F_SECONDARY != 0, message: m}
	var local, peer netip.Addr
	for _, attr := range attrs {
		switch attr.Attr.Type {
		case unix.IFA_LOCAL:
			local, _ = netip.AddrFromSlice(attr.Value)
		case unix.IFA_ADDRESS:
			peer, _ = netip.AddrFromSlice(attr.Value)
		case unix.IFA_LABEL:
			a.label = unix.ByteSliceToString(attr.Value)
		case ifaProto:
			a.marked = len(attr.Value) > 0 && attr.Value[0] == Mark
		}
	}
	if !peer.IsValid() {
		peer = local
	}
	a.prefix = netip.PrefixFrom(local, int(h.Prefixlen))
	a.network = netip.PrefixFrom(peer, int(h.Prefixlen)).Masked()
	return a, a.prefix.IsValid() && local.Is4()
}

// addAddress gives a device one more address, marked as ours.
func addAddress(index int, p netip.Prefix, label string) error {
	req := nl.NewNetlinkRequest(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
	req.AddData(addressHeader(index, p))
	octets := p.Addr().AsSlice()
	req.AddData(nl.NewRtAttr(unix.IFA_LOCAL, octets))
	req.AddData(nl.NewRtAttr(unix.IFA_ADDRESS, octets))
	if p.Bits() < 31 {
		req.AddData(nl.NewRtAttr(unix.IFA_BROADCAST, broadcast(p).AsSlice()))
	}
	if label != "" {
		req.AddData(nl.NewRtAttr(unix.IFA_LABEL, nl.ZeroTerminated(label)))
	}
	req.AddData(nl.NewRtAttr(ifaProto, []byte{Mark}))
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	return err
}

// deleteAddress takes an address from its device, with its secondary ones
// unless net.ipv4.conf.*.promote_secondaries is set.
func deleteAddress(a address) error {
	req := nl.NewNetlinkRequest(unix.RTM_DELADDR, unix.NLM_F_ACK)
	req.AddData(addressHeader(a.index, a.prefix))
	req.AddData(nl.NewRtAttr(unix.IFA_LOCAL, a.prefix.Addr().AsSlice()))
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	if errors.Is(err, unix.EADDRNOTAVAIL) || errors.Is(err, unix.ENODEV) {
		return nil // gone already
	}
	return err
}

// restoreAddress puts an address back exactly as it was listed.
func restoreAddress(a address) error {
	req := nl.NewNetlinkRequest(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
	req.AddRawData(a.message)
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	return err
}

func addressHeader(index int, p netip.Prefix) *nl.IfAddrmsg {
	h := nl.NewIfAddrmsg(unix.AF_INET)
	h.Index, h.Prefixlen = uint32(index), uint8(p.Bits())
	if p.Addr().IsLoopback() {
		h.Scope = unix.RT_SCOPE_HOST
	}
	return h
}

func broadcast(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	return netip.AddrFrom4(b)
}

// holding is what a device holds of ours: addresses under one label ("" is
// any), those marked and those remembered.
type holding struct {
	index int
	label string
	added map[netip.Prefix]bool // by this run
}

func (h *holding) list() (all, ours []address, err error) {
	all, err = addresses()
	all = slices.DeleteFunc(all, func(a address) bool { return a.index != h.index })
	for _, a := range all {
		if h.label != "" && a.label != h.label {
			continue
		}
		if a.marked || h.added[a.prefix] {
			ours = append(ours, a)
		}
	}
	return all, ours, err
}

// set makes the device hold the wanted addresses, the first of each subnet as
// the primary one. It removes only what is ours, adopts what is there, and
// puts back foreign addresses that the kernel drops along with one of ours.
func (h *holding) set(want []netip.Prefix) error {
	before, ours, err := h.list()
	if err != nil {
		return err
	}
	again := misplaced(before, ours, want)
	removed := false
	for _, a := range ours {
		if slices.Contains(want, a.prefix) && !slices.Contains(again, a.prefix) {
			continue
		}
		if err := deleteAddress(a); err != nil {
			return err
		}
		delete(h.added, a.prefix)
		removed = true
	}
	have := before
	if removed {
		if have, _, err = h.list(); err != nil {
			return err
		}
		for _, a := range before {
			if !holds(ours, a.prefix) && !holds(have, a.prefix) {
				if err := restoreAddress(a); err != nil {
					return err
				}
			}
		}
	}
	for _, p := range want {
		if holds(have, p) {
			continue
		}
		if err := addAddress(h.index, p, h.label); err != nil && !errors.Is(err, unix.EEXIST) {
			return err
		}
		h.added[p] = true
	}
	return nil
}

// misplaced lists our addresses that must be added anew so that the first
// wanted one of their subnet becomes its primary. Behind a foreign primary
// nothing can be gained.
func misplaced(have, ours []address, want []netip.Prefix) []netip.Prefix {
	var out []netip.Prefix
	seen := make(map[netip.Prefix]bool)
	for _, leader := range want {
		subnet := leader.Masked()
		if seen[subnet] {
			continue
		}
		seen[subnet] = true
		primary := slices.IndexFunc(have, func(a address) bool { return !a.secondary && a.prefix.Masked() == subnet })
		if primary < 0 || have[primary].prefix == leader || !holds(ours, have[primary].prefix) {
			continue
		}
		for _, a := range ours {
			if a.prefix.Masked() == subnet {
				out = append(out, a.prefix)
			}
		}
	}
	return out
}

func holds(list []address, p netip.Prefix) bool {
	return slices.ContainsFunc(list, func(a address) bool { return a.prefix == p })
}
