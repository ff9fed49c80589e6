package netdev

import (
	"net/netip"
	"time"
)

// Membership is a multicast group that this device has joined on an interface.
type Membership struct {
	VRF       string
	Interface string
	Group     netip.Addr
	Reporter  netip.Addr // who reports it there: the interface's own address
	Since     time.Time  // of the device's clock
	Sockets   int        // that listen to it; at least one
}

// MembershipLister is a Stack that shows which multicast groups it has joined.
type MembershipLister interface {
	// Memberships lists them, sorted by VRF, interface and group.
	Memberships() []Membership
}
