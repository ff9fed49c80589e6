//go:build linux

package linux

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"time"

	"coterie/netdev"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

var _ netdev.NeighborLister = (*Stack)(nil)

// Attributes of a neighbour and its states, linux/neighbour.h.
const (
	neighborMessage = 12 // octets of struct ndmsg
	neighborTicks   = 100
	nudIncomplete   = 0x01
	nudFailed       = 0x20
	nudNoARP        = 0x40
	nudPermanent    = 0x80
	ndaDst          = 1
	ndaLladdr       = 2
	ndaCacheinfo    = 3
)

// Neighbors lists what ARP has learned on the interfaces of Interfaces.
func (s *Stack) Neighbors() []netdev.Neighbor {
	var out []netdev.Neighbor
	s.do(func(list []device) error {
		messages, err := dump(func() ([][]byte, error) {
			req := nl.NewNetlinkRequest(unix.RTM_GETNEIGH, unix.NLM_F_DUMP)
			req.AddRawData(append([]byte{unix.AF_INET}, make([]byte, neighborMessage-1)...))
			return req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWNEIGH)
		})
		for _, m := range messages {
			n, index, ok := parseNeighbor(m)
			if d := byIndex(list, index); ok && d != nil && s.shown(*d) {
				n.Interface = s.label(*d)
				out = append(out, n)
			}
		}
		return err
	})
	slices.SortFunc(out, func(a, b netdev.Neighbor) int {
		return cmp.Or(strings.Compare(a.Interface, b.Interface), a.Address.Compare(b.Address))
	})
	return out
}

// parseNeighbor reads struct ndmsg and its attributes; ok is false for an
// entry that was not learned.
func parseNeighbor(m []byte) (n netdev.Neighbor, index int, ok bool) {
	if len(m) < neighborMessage || m[0] != unix.AF_INET {
		return n, 0, false
	}
	index = int(binary.NativeEndian.Uint32(m[4:]))
	state := binary.NativeEndian.Uint16(m[8:])
	attrs, err := nl.ParseRouteAttr(m[neighborMessage:])
	if err != nil || state == 0 || state&(nudNoARP|nudPermanent) != 0 {
		return n, 0, false
	}
	n.Incomplete = state&(nudIncomplete|nudFailed) != 0
	for _, a := range attrs {
		switch a.Attr.Type {
		case ndaDst:
			n.Address, _ = netip.AddrFromSlice(a.Value)
		case ndaLladdr:
			copy(n.MAC[:], a.Value)
		case ndaCacheinfo: // confirmed, used, updated: ticks ago
			if len(a.Value) >= 4 {
				n.Age = time.Duration(binary.NativeEndian.Uint32(a.Value)) * time.Second / neighborTicks
			}
		}
	}
	return n, index, n.Address.Is4()
}
