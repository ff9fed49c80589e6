package netdev

import (
	"net/netip"
	"time"
)

// Neighbor is one entry of the ARP table that was learned.
type Neighbor struct {
	VRF        string
	Interface  string
	Address    netip.Addr
	MAC        [6]byte
	Age        time.Duration // since it was last confirmed
	Incomplete bool          // asked for, and not answered
}

// NeighborLister is a Stack that shows its ARP table.
type NeighborLister interface {
	// Neighbors lists what was learned, sorted by VRF, interface and address.
	Neighbors() []Neighbor
}
