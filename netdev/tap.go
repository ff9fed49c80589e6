package netdev

// A Tap sits between a device's interface and its wire, below ARP: it sees
// whole IP datagrams. The lab's data plane is one.
type Tap interface {
	// Outbound is given a datagram about to leave iface and returns what leaves
	// instead: itself, its encrypted form, or nothing.
	Outbound(iface string, datagram []byte) [][]byte
	// Inbound is given a datagram that arrived on iface and returns what the
	// device receives instead.
	Inbound(iface string, datagram []byte) [][]byte
	// Overhead is how many octets Outbound may add on iface; the stack lowers
	// the IP MTU by it, so that fragments are made before encryption.
	Overhead(iface string) int
}
