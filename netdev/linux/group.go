//go:build linux

package linux

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"coterie/netdev"

	"golang.org/x/sys/unix"
)

var _ netdev.MembershipLister = (*Stack)(nil)

// membership is what a socket has joined.
type membership struct {
	index int // of the device
	group netip.Addr
	since time.Time
}

// multicastTTL lets what a router sends to a group pass other routers, as IOS
// does.
const multicastTTL = 255

// ListenGroup joins an IPv4 multicast group on an interface and opens UDP for
// what is sent to it there, and only there. The kernel speaks IGMP, in the
// version that net.ipv4.conf.*.force_igmp_version and the queries it hears say.
// Several sockets, of other programs too, may listen to one group and port.
func (s *Stack) ListenGroup(iface string, group netip.AddrPort) (netdev.UDPConn, error) {
	what := fmt.Sprintf("join %v on %s", group.Addr(), iface)
	if !group.Addr().Is4() || !group.Addr().IsMulticast() {
		return nil, fmt.Errorf("%s: not an IPv4 multicast group", what)
	}
	m := &membership{group: group.Addr(), since: s.clock.Now()}
	var c *socket
	err := s.do(func(list []device) error {
		d := s.find(list, iface)
		if p := s.ports[iface]; p != nil && p.index != 0 {
			d = byIndex(list, p.index)
		}
		if d == nil {
			return fmt.Errorf("%s: %w", what, netdev.ErrNoInterface)
		}
		m.index = d.index
		conn, err := listenUDP(group, func(fd int) error {
			if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
				return err
			}
			mreq := unix.IPMreqn{Ifindex: int32(d.index), Multiaddr: group.Addr().As4()}
			if err := unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP, &mreq); err != nil {
				return err
			}
			// Other sockets' memberships are not ours.
			if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, 0); err != nil {
				return err
			}
			return unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_IF, &unix.IPMreqn{Ifindex: int32(d.index)})
		})
		if err != nil {
			return needs(capNetBind, what, err)
		}
		c = &socket{stack: s, conn: conn, local: netip.AddrPortFrom(group.Addr(), uint16(conn.LocalAddr().(*net.UDPAddr).Port)), member: m}
		s.sockets[c] = struct{}{}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Memberships lists the groups that this program's sockets have joined.
func (s *Stack) Memberships() []netdev.Membership {
	var out []netdev.Membership
	s.do(func(list []device) error {
		all, err := addresses()
		for c := range s.sockets {
			if c.member == nil {
				continue
			}
			d := byIndex(list, c.member.index)
			if d == nil {
				continue
			}
			name := s.label(*d)
			i := slices.IndexFunc(out, func(o netdev.Membership) bool { return o.Interface == name && o.Group == c.member.group })
			if i < 0 {
				i = len(out)
				out = append(out, netdev.Membership{Interface: name, Group: c.member.group, Since: c.member.since})
				var configured []netip.Prefix
				if p := s.ports[name]; p != nil {
					configured = p.cfg.Addresses
				}
				if on := ordered(configured, d.index, "", all); len(on) > 0 {
					out[i].Reporter = on[0].Addr()
				}
			}
			out[i].Sockets++
			if c.member.since.Before(out[i].Since) {
				out[i].Since = c.member.since
			}
		}
		return err
	})
	slices.SortFunc(out, func(a, b netdev.Membership) int {
		return cmp.Or(strings.Compare(a.Interface, b.Interface), a.Group.Compare(b.Group))
	})
	return out
}
