// Package netdev is what an operating system gives a router: interfaces,
// addresses, routes, UDP sockets, probes and link events. Package linux drives
// the host's own, package virtual a user-space network stack of the lab.
package netdev

import (
	"context"
	"errors"
	"net/netip"
	"time"
)

// ErrNotSupported is returned by a back end that lacks a feature.
var ErrNotSupported = errors.New("not supported by this network back end")

// Stack is one device's network. Its methods are safe for concurrent use and
// do not block on the network, except Probe and reads of a socket.
type Stack interface {
	// Interfaces lists what exists, in the order `show ip interface brief` prints.
	Interfaces() []Interface
	// Configure sets one interface to c. Loopbacks (and other software
	// interfaces) are created; ErrNoInterface when hardware is missing.
	Configure(c InterfaceConfig) error
	// Remove deletes a software interface; hardware is left shut down.
	Remove(name string) error
	// SetRoutes replaces all static routes that this device installed.
	SetRoutes([]StaticRoute) error
	// Routes lists the routing table, connected and static, sorted by prefix.
	Routes() []Route
	// Listen opens UDP at local in a VRF ("" is the global table).
	Listen(vrf string, local netip.AddrPort) (UDPConn, error)
	// ListenGroup joins an IPv4 multicast group on an interface (IGMP) and opens
	// UDP for what is sent to it there. Close leaves the group.
	ListenGroup(iface string, group netip.AddrPort) (UDPConn, error)
	// SourceFor is the address this device would send from toward dst.
	SourceFor(vrf string, dst netip.Addr) (netip.Addr, bool)
	// Probe sends one ping or traceroute probe and waits for its outcome.
	Probe(ctx context.Context, p Probe) (ProbeResult, error)
	// Events reports changes of link or line state until Close.
	Events() <-chan LinkEvent
	Close() error
}

// ErrNoInterface says that the device has no such hardware.
var ErrNoInterface = errors.New("no such interface")

// UDPConn is a bound UDP socket.
type UDPConn interface {
	ReadFrom(b []byte) (n int, from netip.AddrPort, err error)
	WriteTo(b []byte, to netip.AddrPort) (int, error)
	LocalAddr() netip.AddrPort
	Close() error
}

// InterfaceConfig is the part of an interface that the network back end acts on.
type InterfaceConfig struct {
	Name      string         // canonical IOS name, "Ethernet0/0"
	Addresses []netip.Prefix // first is primary
	Shutdown  bool
	MTU       int // IP MTU, 0 = the link's
	VRF       string
}

// Interface is the state of one interface.
type Interface struct {
	InterfaceConfig
	Hardware bool // false: a loopback or other software interface
	LinkUp   bool // a wire is attached and up
	MAC      [6]byte
	LinkMTU  int
	Counters InterfaceCounters
	Cleared  time.Time // when the counters last began anew; zero: never
}

// InterfaceCounters count packets and octets since boot or `clear counters`.
type InterfaceCounters struct {
	InPackets, InOctets, OutPackets, OutOctets, InDrops, OutDrops uint64
}

// StaticRoute is one `ip route`.
type StaticRoute struct {
	VRF       string
	Prefix    netip.Prefix
	NextHop   netip.Addr // invalid: by interface only
	Interface string     // "" : resolve by next hop
	Distance  uint8
}

// RouteSource says where a route came from.
type RouteSource byte

// Sources, printed as the code letters of `show ip route`.
const (
	Connected RouteSource = 'C'
	Local     RouteSource = 'L'
	Static    RouteSource = 'S'
)

// String is the code letter.
func (s RouteSource) String() string { return string(rune(s)) }

// Route is one entry of the routing table.
type Route struct {
	Source    RouteSource
	VRF       string
	Prefix    netip.Prefix
	NextHop   netip.Addr
	Interface string
	Distance  uint8
}

// LinkEvent reports that an interface changed state.
type LinkEvent struct {
	Interface     string
	AdminDown, Up bool
}

// ProbeKind is ping or traceroute.
type ProbeKind uint8

// Kinds of probe.
const (
	ProbeEcho ProbeKind = iota // ICMP echo request
	ProbeUDP                   // UDP to Port, as IOS traceroute sends
)

// Probe is one packet of `ping` or `traceroute`.
type Probe struct {
	Kind     ProbeKind
	VRF      string
	Source   netip.Addr // invalid: SourceFor(Target)
	Target   netip.Addr
	Size     int   // of the IP datagram, octets; at least 28
	TTL      uint8 // 0: 255
	TOS      uint8
	DF       bool
	Pattern  uint16 // repeated through the data
	Validate bool   // compare the reply's data
	ID, Seq  uint16 // of an echo
	Port     uint16 // of a UDP probe
	Timeout  time.Duration
}

// ProbeOutcome is what became of a probe.
type ProbeOutcome uint8

// Outcomes, with the mark that ping prints.
const (
	ProbeTimeout      ProbeOutcome = iota // .
	ProbeReply                            // !
	ProbeUnreachable                      // U (net, host, protocol, port; see Code)
	ProbeTTLExceeded                      // &
	ProbeFragNeeded                       // M
	ProbeSourceQuench                     // Q
	ProbeCorrupt                          // C
	ProbeNoRoute                          // . and no packet left
)

// ProbeResult is the outcome of one probe.
type ProbeResult struct {
	Outcome ProbeOutcome
	From    netip.Addr
	Code    uint8         // of an unreachable: 0 net, 1 host, 2 protocol, 3 port, 13 prohibited
	RTT     time.Duration // in the device's clock
}
