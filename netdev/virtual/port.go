package virtual

import (
	"slices"
	"sync/atomic"
	"time"

	"coterie/netdev"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// etherSize is the length of an Ethernet II header.
const etherSize = header.EthernetMinimumSize

// defaultMTU is the IP MTU of Ethernet.
const defaultMTU = 1500

// port is one interface: the link endpoint that netstack writes to, and what
// hangs on the wire. The tap sits in it, between the two.
type port struct {
	stack   *Stack
	mac     tcpip.LinkAddress
	linkMTU int
	soft    bool // no wire: a loopback

	label      atomic.Pointer[string]
	ipMTU      atomic.Int64 // configured; 0: linkMTU
	vrf        atomic.Pointer[table]
	dispatcher atomic.Pointer[stack.NetworkDispatcher]
	plug       atomic.Pointer[Attachment]
	up         atomic.Bool // neither shut down nor without carrier

	// Under stack.mu.
	cfg     netdev.InterfaceConfig
	carrier bool
	cleared time.Time   // the counters
	nic     tcpip.NICID // 0: in no table

	in, out struct{ packets, octets, drops atomic.Uint64 }
}

var _ stack.LinkEndpoint = (*port)(nil)

func (p *port) name() string { return *p.label.Load() }

// WritePackets takes what netstack sends: Ethernet frames, with IP datagrams
// passing the tap first.
func (p *port) WritePackets(pkts stack.PacketBufferList) (int, tcpip.Error) {
	list := pkts.AsSlice()
	for _, pkt := range list {
		p.write(pkt)
	}
	return len(list), nil
}

func (p *port) write(pkt *stack.PacketBuffer) {
	plug := p.plug.Load()
	if plug == nil || !p.up.Load() {
		p.out.drops.Add(1)
		return
	}
	frame := make([]byte, 0, pkt.Size())
	for _, s := range pkt.AsSlices() {
		frame = append(frame, s...)
	}
	if len(frame) < etherSize {
		p.out.drops.Add(1)
		return
	}
	tap := p.stack.tap.Load()
	if tap == nil || header.Ethernet(frame).Type() != header.IPv4ProtocolNumber {
		p.transmit(plug, frame)
		return
	}
	datagram := frame[etherSize:]
	out := (*tap).Outbound(p.name(), datagram)
	if len(out) == 0 {
		p.out.drops.Add(1)
	}
	for _, d := range out {
		if len(d) == len(datagram) && len(d) > 0 && &d[0] == &datagram[0] {
			p.transmit(plug, frame)
			continue
		}
		f := make([]byte, 0, etherSize+len(d))
		p.transmit(plug, append(append(f, frame[:etherSize]...), d...))
	}
}

func (p *port) transmit(plug *Attachment, frame []byte) {
	p.out.packets.Add(1)
	p.out.octets.Add(uint64(len(frame)))
	plug.wire.send(plug, frame)
}

// receive takes a frame from the wire and owns it. It runs on the stack's
// receive goroutine.
func (p *port) receive(frame []byte) {
	d := p.dispatcher.Load()
	if d == nil || !p.up.Load() || len(frame) < etherSize {
		p.in.drops.Add(1)
		return
	}
	eth := header.Ethernet(frame)
	kind := p.packetType(eth.DestinationAddress())
	if kind == tcpip.PacketOtherHost {
		return
	}
	p.in.packets.Add(1)
	p.in.octets.Add(uint64(len(frame)))
	if eth.Type() != header.IPv4ProtocolNumber {
		p.deliver(*d, kind, eth.Type(), frame)
		return
	}
	datagram, ok := trim(frame[etherSize:])
	if !ok {
		p.in.drops.Add(1)
		return
	}
	in := [][]byte{datagram}
	if tap := p.stack.tap.Load(); tap != nil {
		in = (*tap).Inbound(p.name(), datagram)
	}
	if len(in) == 0 {
		p.in.drops.Add(1)
	}
	for _, data := range in {
		if len(data) < header.IPv4MinimumSize {
			continue
		}
		for _, piece := range p.transit(data) {
			f := make([]byte, 0, etherSize+len(piece))
			p.deliver(*d, kind, header.IPv4ProtocolNumber, append(append(f, frame[:etherSize]...), piece...))
		}
	}
}

func (p *port) packetType(dst tcpip.LinkAddress) tcpip.PacketType {
	switch {
	case dst == p.mac:
		return tcpip.PacketHost
	case dst == header.EthernetBroadcastAddress:
		return tcpip.PacketBroadcast
	case header.IsMulticastEthernetAddress(dst):
		return tcpip.PacketMulticast
	}
	return tcpip.PacketOtherHost
}

func (p *port) deliver(d stack.NetworkDispatcher, kind tcpip.PacketType, proto tcpip.NetworkProtocolNumber, frame []byte) {
	pkt := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(frame)})
	defer pkt.DecRef()
	pkt.PktType = kind
	if _, ok := pkt.LinkHeader().Consume(etherSize); ok {
		d.DeliverNetworkPacket(proto, pkt)
	}
}

// trim cuts the padding of a short frame off.
func trim(datagram []byte) ([]byte, bool) {
	if len(datagram) < header.IPv4MinimumSize {
		return nil, false
	}
	n := int(header.IPv4(datagram).TotalLength())
	if n < header.IPv4MinimumSize || n > len(datagram) {
		return nil, false
	}
	return datagram[:n:n], true
}

// MTU is the IP MTU less what the tap may add, asked for anew for each packet,
// since the tap's answer follows its policy.
func (p *port) MTU() uint32 {
	mtu := p.configuredMTU()
	if tap := p.stack.tap.Load(); tap != nil && !p.soft {
		mtu -= (*tap).Overhead(p.name())
	}
	return uint32(max(mtu, header.IPv4MinimumMTU))
}

func (p *port) configuredMTU() int {
	if m := int(p.ipMTU.Load()); m > 0 && m < p.linkMTU {
		return m
	}
	return p.linkMTU
}

// SetMTU implements stack.LinkEndpoint; the MTU is Configure's business.
func (*port) SetMTU(uint32) {}

// MaxHeaderLength implements stack.LinkEndpoint.
func (*port) MaxHeaderLength() uint16 { return etherSize }

// LinkAddress implements stack.LinkEndpoint.
func (p *port) LinkAddress() tcpip.LinkAddress { return p.mac }

// SetLinkAddress implements stack.LinkEndpoint; the address is burned in.
func (*port) SetLinkAddress(tcpip.LinkAddress) {}

// Capabilities implements stack.LinkEndpoint: ARP is for wires only.
func (p *port) Capabilities() stack.LinkEndpointCapabilities {
	if p.soft {
		return stack.CapabilityNone
	}
	return stack.CapabilityResolutionRequired
}

// Attach implements stack.LinkEndpoint.
func (p *port) Attach(d stack.NetworkDispatcher) {
	if d == nil {
		p.dispatcher.Store(nil)
		return
	}
	p.dispatcher.Store(&d)
}

// IsAttached implements stack.LinkEndpoint.
func (p *port) IsAttached() bool { return p.dispatcher.Load() != nil }

// Wait implements stack.LinkEndpoint.
func (*port) Wait() {}

// ARPHardwareType implements stack.LinkEndpoint.
func (p *port) ARPHardwareType() header.ARPHardwareType {
	if p.soft {
		return header.ARPHardwareNone
	}
	return header.ARPHardwareEther
}

// AddHeader implements stack.LinkEndpoint.
func (p *port) AddHeader(pkt *stack.PacketBuffer) {
	header.Ethernet(pkt.LinkHeader().Push(etherSize)).Encode(&header.EthernetFields{
		SrcAddr: p.mac,
		DstAddr: pkt.EgressRoute.RemoteLinkAddress,
		Type:    pkt.NetworkProtocolNumber,
	})
}

// ParseHeader implements stack.LinkEndpoint.
func (*port) ParseHeader(pkt *stack.PacketBuffer) bool {
	_, ok := pkt.LinkHeader().Consume(etherSize)
	return ok
}

// Close implements stack.LinkEndpoint; the port outlives its NIC.
func (*port) Close() {}

// SetOnCloseAction implements stack.LinkEndpoint.
func (*port) SetOnCloseAction(func()) {}

func (p *port) interfaceLocked() netdev.Interface {
	i := netdev.Interface{
		InterfaceConfig: p.cfg, Hardware: !p.soft, LinkUp: p.soft || p.carrier, LinkMTU: p.linkMTU, Cleared: p.cleared,
		Counters: netdev.InterfaceCounters{
			InPackets: p.in.packets.Load(), InOctets: p.in.octets.Load(), InDrops: p.in.drops.Load(),
			OutPackets: p.out.packets.Load(), OutOctets: p.out.octets.Load(), OutDrops: p.out.drops.Load(),
		},
	}
	i.Name, i.MTU = p.name(), p.configuredMTU()
	i.Addresses = slices.Clone(p.cfg.Addresses)
	copy(i.MAC[:], p.mac)
	return i
}

func (p *port) clearCounters() {
	for _, c := range []*struct{ packets, octets, drops atomic.Uint64 }{&p.in, &p.out} {
		c.packets.Store(0)
		c.octets.Store(0)
		c.drops.Store(0)
	}
}
