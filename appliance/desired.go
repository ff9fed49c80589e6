package appliance

import (
	"cmp"
	"net/netip"
	"slices"

	"coterie/crypto/isakmp"
	"coterie/crypto/keys"
	"coterie/gdoi/keyserver"
	"coterie/gdoi/member"
	"coterie/internal/syslog"
	"coterie/netdev"
	runningconfig "coterie/running-config"
	"coterie/xfrm"
)

// Desired is what a configuration means with every name resolved: the inputs
// that reconcile compares and hands to stack, data plane and machines.
type Desired struct {
	Hostname   string
	Interfaces []netdev.InterfaceConfig
	Routes     []netdev.StaticRoute
	Listen     []Socket // sorted
	ISAKMP     isakmp.Config
	KeyServer  keyserver.Config
	Members    []member.Config        // sorted by key
	Policies   []xfrm.InterfacePolicy // sorted by interface
	// Notes are said once while they stay true: weak algorithms in use, names
	// that resolve to nothing.
	Notes []syslog.Message
}

// Socket is one UDP 848 endpoint: one per VRF and local address.
type Socket struct {
	VRF  string
	Addr netip.Addr
}

func (s Socket) compare(o Socket) int {
	return cmp.Or(cmp.Compare(s.VRF, o.VRF), s.Addr.Compare(o.Addr))
}

// Port is where GDOI and its phase 1 listen (RFC 6407 section 2).
const Port = 848

// compiler turns one tree into a Desired.
type compiler struct {
	tree *runningconfig.Config
	key  func(label string) (keys.Pair, bool)
	out  *Desired
}

// compile resolves every name of a tree. It is a function of its arguments
// alone; an object with an unresolved name comes out incomplete and says why.
func compile(tree *runningconfig.Config, name string, key func(string) (keys.Pair, bool)) *Desired {
	c := &compiler{tree: tree, key: key, out: &Desired{Hostname: name}}
	if tree.Hostname != "" {
		c.out.Hostname = tree.Hostname
	}
	c.interfaces()
	c.routes()
	c.keyServer()
	c.members()
	c.isakmp()
	slices.SortFunc(c.out.Listen, Socket.compare)
	c.out.Listen = slices.Compact(c.out.Listen)
	return c.out
}

func (c *compiler) note(m syslog.Message) { c.out.Notes = append(c.out.Notes, m) }

// weak notes a weak algorithm in use and what to use instead.
func (c *compiler) weak(what, instead string) {
	c.note(syslog.WeakAlgorithm.With(what, instead))
}

// unresolved notes that from refers to something that does not exist.
func (c *compiler) unresolved(from, to string) {
	c.note(syslog.UnresolvedName.With(from, to))
}
