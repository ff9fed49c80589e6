package virtual

import (
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/arp"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
)

// table is one VRF: a netstack of its own.
type table struct {
	vrf   string
	stack *stack.Stack
	local atomic.Pointer[map[netip.Addr]bool] // addresses that are up

	mu      sync.Mutex
	sockets map[*socket]struct{}
}

// defaultTTL is that of IOS.
const defaultTTL = 255

// arpTimeout is how long an ARP entry is believed (`arp timeout`, 4 hours).
const arpTimeout = 4 * time.Hour

// arpRequests are made, a second apart, before what waits for an answer is
// dropped; a neighbour that comes up meanwhile is found within the second.
const arpRequests = 10

func (s *Stack) tableLocked(vrf string) (*table, error) {
	if t := s.tables[vrf]; t != nil {
		return t, nil
	}
	opts := stack.Options{
		NetworkProtocols: []stack.NetworkProtocolFactory{
			ipv4.NewProtocolWithOptions(ipv4.Options{IGMP: ipv4.IGMPOptions{Enabled: true}}), arp.NewProtocol,
		},
		TransportProtocols: []stack.TransportProtocolFactory{udp.NewProtocol, icmp.NewProtocol4},
		Clock:              s.clock,
		HandleLocal:        true,
		SecureRNG:          s.rand,
		NFTables:           forwardGuard{},
		NUDConfigs: stack.NUDConfigurations{
			BaseReachableTime: arpTimeout, MinRandomFactor: 1, MaxRandomFactor: 1,
			DelayFirstProbeTime: arpTimeout, // of an entry learned from a neighbour's request
			MaxMulticastProbes:  arpRequests,
		},
	}
	if s.cfg.TCP {
		opts.TransportProtocols = append(opts.TransportProtocols, tcp.NewProtocol)
	}
	t := &table{vrf: vrf, stack: stack.New(opts), sockets: make(map[*socket]struct{})}
	t.stack.SetNFTablesConfigured(true) // or else netstack does not ask the filter
	t.local.Store(&map[netip.Addr]bool{})
	ttl := tcpip.DefaultTTLOption(defaultTTL)
	if err := t.stack.SetNetworkProtocolOption(ipv4.ProtocolNumber, &ttl); err != nil {
		return nil, stackError("time to live", err)
	}
	if err := t.stack.SetForwardingDefaultAndAllNICs(ipv4.ProtocolNumber, true); err != nil {
		return nil, stackError("forwarding", err)
	}
	if err := t.stack.RegisterRawTransportEndpoint(ipv4.ProtocolNumber, header.ICMPv4ProtocolNumber, &icmpSink{&s.probes, vrf, s.clock}); err != nil {
		return nil, stackError("ICMP", err)
	}
	s.tables[vrf] = t
	return t, nil
}

// stackError makes an error of netstack's.
func stackError(what string, err tcpip.Error) error { return fmt.Errorf("%s: %s", what, err) }

func (t *table) owns(a netip.Addr) bool { return (*t.local.Load())[a] }

// add gives p a NIC in this table.
func (t *table) add(p *port) error {
	id := t.stack.NextNICID()
	if err := t.stack.CreateNICWithOptions(id, p, stack.NICOptions{Name: p.name(), Disabled: true}); err != nil {
		return stackError(p.name(), err)
	}
	p.nic = id
	p.vrf.Store(t)
	if err := t.speakIGMPv2(id); err != nil {
		return err
	}
	if p.up.Load() {
		t.enable(p, true)
	}
	return nil
}

func (t *table) remove(p *port) {
	t.stack.RemoveNIC(p.nic)
	p.nic = 0
	p.vrf.Store(nil)
}

func (t *table) enable(p *port, up bool) {
	if up {
		t.stack.EnableNIC(p.nic)
		return
	}
	t.stack.DisableNIC(p.nic)
	t.stack.ClearNeighbors(p.nic, ipv4.ProtocolNumber)
}

// address gives the NIC of p the addresses of its configuration, the primary first.
func (t *table) address(p *port) error {
	for _, a := range t.stack.AllAddresses()[p.nic] {
		if a.Protocol == ipv4.ProtocolNumber {
			t.stack.RemoveAddress(p.nic, a.AddressWithPrefix.Address)
		}
	}
	for _, a := range p.cfg.Addresses {
		if !a.Addr().Is4() {
			return fmt.Errorf("%s: %v is not an IPv4 address", p.name(), a)
		}
		err := t.stack.AddProtocolAddress(p.nic, tcpip.ProtocolAddress{
			Protocol:          ipv4.ProtocolNumber,
			AddressWithPrefix: tcpip.AddressWithPrefix{Address: address(a.Addr()), PrefixLen: a.Bits()},
		}, stack.AddressProperties{})
		if err != nil {
			return stackError(fmt.Sprintf("%s: %v", p.name(), a), err)
		}
	}
	return nil
}

func (t *table) close() {
	t.mu.Lock()
	open := make([]*socket, 0, len(t.sockets))
	for c := range t.sockets {
		open = append(open, c)
	}
	t.mu.Unlock()
	for _, c := range open {
		c.Close()
	}
	t.stack.Destroy()
}

// address is a as netstack writes it; none for an address that is not IPv4.
func address(a netip.Addr) tcpip.Address {
	if !a.Is4() {
		return tcpip.Address{}
	}
	return tcpip.AddrFrom4(a.As4())
}

// fromAddress is the reverse of address.
func fromAddress(a tcpip.Address) netip.Addr {
	if a.Len() != 4 {
		return netip.Addr{}
	}
	return netip.AddrFrom4(a.As4())
}
