// Package linux makes a Linux host the network of a device: its own
// interfaces, addresses, routes and sockets, through netlink.
//
// It touches only what the configuration names, and takes back only what it
// installed itself. An address that was there already is adopted: it counts as
// configured and is never removed. What it adds carries Mark, as the protocol
// of an address (`ip address show`, kernel 5.18 and later) and of a route
// (`ip route show proto 167`), so that a later run knows it again; Loopback N is
// a dummy device `coterie-loN`, or addresses of lo labelled `lo:LoN` where the
// kernel has no such devices. Where an interface is shut down or given an MTU
// by configuration, Remove and Close put back what was found.
//
// Changing the host needs CAP_NET_ADMIN, ports below 1024 CAP_NET_BIND_SERVICE
// and Probe CAP_NET_RAW or a group in net.ipv4.ping_group_range; reading needs
// nothing, so an empty configuration runs without privilege. An error for want
// of a capability names it and wraps fs.ErrPermission.
//
// One goroutine follows the kernel's link and address messages until Close.
// IPv4 only; VRFs are netdev.ErrNotSupported.
//
//	host, err := linux.New(linux.Config{Map: map[string]string{"GigabitEthernet0/0": "ens5"}})
//	defer host.Close()
//	err = host.Configure(netdev.InterfaceConfig{Name: "GigabitEthernet0/0", Addresses: ...})
package linux

import (
	"errors"

	"coterie/internal/env"
)

// Mark is the protocol number of addresses and routes that this program
// installs, in the ranges that the kernel leaves to routing daemons.
const Mark = 167

// Config is what a Stack is made of.
type Config struct {
	// Map gives Linux devices IOS names ("GigabitEthernet0/0": "ens5"), in
	// place of the ones that their order gives them.
	Map map[string]string
	// Clock measures probes; nil is the wall clock.
	Clock *env.Clock
	// Namespace is the network namespace to work in: a name as `ip netns` has
	// it, or the path of one; "" is the process's own.
	Namespace string
	// KeepOnClose leaves addresses, routes, loopbacks and link states in place
	// at Close, so that a restart does not interrupt traffic. The next run takes
	// them over where its configuration still names them; see Sweep.
	KeepOnClose bool
}

var errClosed = errors.New("the network stack is closed")
