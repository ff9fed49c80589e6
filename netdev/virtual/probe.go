package virtual

import (
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"sync"
	"time"

	"coterie/netdev"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// Sizes of a probe, octets of the IP datagram.
const (
	minProbe = header.IPv4MinimumSize + header.ICMPv4MinimumSize
	maxProbe = 65535
)

// defaultProbeTimeout is that of the ping command.
const defaultProbeTimeout = 2 * time.Second

// Errors of Probe.
var (
	errProbeTarget = errors.New("a probe needs an IPv4 target")
	errProbeSize   = errors.New("a probe has 28 to 65535 octets")
	errProbeTwice  = errors.New("the same probe is already under way")
)

// probes are those whose outcome is awaited.
type probes struct {
	mu      sync.Mutex
	waiting map[probeKey]*waitingProbe
	id      uint16 // of the IP datagrams
	port    uint16 // next source port of a UDP probe
}

// probeKey is how a reply or an ICMP error names the probe it is about.
type probeKey struct {
	vrf    string
	kind   netdev.ProbeKind
	target netip.Addr
	a, b   uint16 // identifier and sequence, or source and destination port
}

type waitingProbe struct {
	sent   time.Time
	expect []byte // the echo's data, to compare; nil: do not
	result chan netdev.ProbeResult
}

func (p *probes) init() {
	p.waiting, p.port = make(map[probeKey]*waitingProbe), firstProbePort
}

// firstProbePort begins the range of UDP probes' source ports.
const firstProbePort = 49152

// Probe sends one ping or traceroute probe and waits for its outcome, at most
// p.Timeout, or until ctx ends, whose error it then returns. A probe that
// could not leave waits just as long, as the command does.
func (s *Stack) Probe(ctx context.Context, p netdev.Probe) (netdev.ProbeResult, error) {
	switch {
	case !p.Target.Is4():
		return netdev.ProbeResult{}, errProbeTarget
	case p.Size < minProbe || p.Size > maxProbe:
		return netdev.ProbeResult{}, errProbeSize
	}
	if p.TTL == 0 {
		p.TTL = 255
	}
	if p.Timeout <= 0 {
		p.Timeout = defaultProbeTimeout
	}
	s.mu.Lock()
	t, closed := s.tables[p.VRF], s.closed
	s.mu.Unlock()
	if closed {
		return netdev.ProbeResult{}, errClosed
	}
	deadline := s.clock.NewTimer(p.Timeout)
	defer deadline.Stop()
	outcome := netdev.ProbeNoRoute
	var result chan netdev.ProbeResult
	if t != nil {
		if route, err := t.stack.FindRoute(0, address(p.Source), address(p.Target), ipv4.ProtocolNumber, false); err == nil {
			defer route.Release()
			if p.DF && route.Loop() == stack.PacketOut && p.Size-header.IPv4MinimumSize > int(route.MTU()) {
				return netdev.ProbeResult{Outcome: netdev.ProbeFragNeeded, From: fromAddress(route.LocalAddress()), Code: 4}, nil
			}
			w, key, err := s.probes.send(s.clock, route, p)
			if err != nil {
				return netdev.ProbeResult{}, err
			}
			defer s.probes.forget(key)
			outcome, result = netdev.ProbeTimeout, w.result
		}
	}
	select {
	case r := <-result:
		return r, nil
	case <-deadline.C:
		select {
		case r := <-result:
			if r.RTT <= p.Timeout { // in time; it was this goroutine that came late
				return r, nil
			}
		default:
		}
		return netdev.ProbeResult{Outcome: outcome}, nil
	case <-ctx.Done():
		return netdev.ProbeResult{}, ctx.Err()
	case <-s.done:
		return netdev.ProbeResult{}, errClosed
	}
}

// send registers the probe and puts it on its way.
func (ps *probes) send(c *clock, route *stack.Route, p netdev.Probe) (*waitingProbe, probeKey, error) {
	key := probeKey{vrf: p.VRF, kind: p.Kind, target: p.Target, a: p.ID, b: p.Seq}
	w := &waitingProbe{result: make(chan netdev.ProbeResult, 1)}
	ps.mu.Lock()
	ps.id++
	if ps.id == 0 {
		ps.id = 1 // netstack would choose another for 0
	}
	id := ps.id
	if p.Kind == netdev.ProbeUDP {
		key.a, key.b = ps.port, p.Port
		if ps.port++; ps.port == 0 {
			ps.port = firstProbePort
		}
	}
	if ps.waiting[key] != nil {
		ps.mu.Unlock()
		return nil, key, errProbeTwice
	}
	now := c.Now()
	datagram := probeDatagram(p, route, key, id, now)
	if p.Kind == netdev.ProbeEcho && p.Validate {
		w.expect = append([]byte(nil), datagram[minProbe:]...)
	}
	w.sent = now
	ps.waiting[key] = w
	ps.mu.Unlock()

	pkt := stack.NewPacketBuffer(stack.PacketBufferOptions{
		ReserveHeaderBytes: int(route.MaxHeaderLength()),
		Payload:            buffer.MakeWithData(datagram),
	})
	route.WriteHeaderIncludedPacket(pkt) // an error shows as a timeout
	pkt.DecRef()
	return w, key, nil
}

func (ps *probes) forget(key probeKey) {
	ps.mu.Lock()
	delete(ps.waiting, key)
	ps.mu.Unlock()
}

// finish hands a result to whom it is for. Its RTT is counted here.
func (ps *probes) finish(key probeKey, now time.Time, r netdev.ProbeResult, data func() []byte) {
	ps.mu.Lock()
	w := ps.waiting[key]
	delete(ps.waiting, key)
	ps.mu.Unlock()
	if w == nil {
		return
	}
	r.RTT = now.Sub(w.sent)
	if w.expect != nil && r.Outcome == netdev.ProbeReply && string(data()) != string(w.expect) {
		r.Outcome = netdev.ProbeCorrupt
	}
	w.result <- r
}

// datagram builds the probe's IP datagram. An echo's data begins with a time
// stamp in milliseconds, as IOS sends it, and goes on with the pattern.
func probeDatagram(p netdev.Probe, route *stack.Route, key probeKey, id uint16, now time.Time) []byte {
	b := make([]byte, p.Size)
	src := fromAddress(route.LocalAddress())
	if p.Source.IsValid() {
		src = p.Source
	}
	var flags uint8
	if p.DF {
		flags = header.IPv4FlagDontFragment
	}
	proto := header.ICMPv4ProtocolNumber
	if p.Kind == netdev.ProbeUDP {
		proto = header.UDPProtocolNumber
	}
	header.IPv4(b).Encode(&header.IPv4Fields{
		TOS: p.TOS, TotalLength: uint16(p.Size), ID: id, Flags: flags, TTL: p.TTL, Protocol: uint8(proto),
		SrcAddr: address(src), DstAddr: address(p.Target),
	})
	data := b[minProbe:]
	if len(data) >= 8 && p.Kind == netdev.ProbeEcho {
		binary.BigEndian.PutUint64(data, uint64(now.UnixMilli())&0xffffffff)
		data = data[8:]
	}
	for i := range data {
		data[i] = byte(p.Pattern >> (8 * (1 - i&1)))
	}
	body := b[header.IPv4MinimumSize:]
	if p.Kind == netdev.ProbeUDP {
		u := header.UDP(body)
		u.Encode(&header.UDPFields{SrcPort: key.a, DstPort: key.b, Length: uint16(len(body))})
		sum := header.PseudoHeaderChecksum(header.UDPProtocolNumber, address(src), address(p.Target), uint16(len(body)))
		u.SetChecksum(^checksum.Checksum(body, sum))
		return b
	}
	icmp := header.ICMPv4(body)
	icmp.SetType(header.ICMPv4Echo)
	icmp.SetIdent(key.a)
	icmp.SetSequence(key.b)
	icmp.SetChecksum(^checksum.Checksum(body, 0))
	return b
}

// icmpSink sees every ICMP message for this device, whole, before netstack
// acts on it, and ends the probes that it is about.
type icmpSink struct {
	probes *probes
	vrf    string
	clock  *clock
}

// HandlePacket implements stack.RawTransportEndpoint.
func (s *icmpSink) HandlePacket(pkt *stack.PacketBuffer) {
	ip := header.IPv4(pkt.NetworkHeader().Slice())
	h := header.ICMPv4(pkt.TransportHeader().Slice())
	if len(ip) < header.IPv4MinimumSize || len(h) < header.ICMPv4MinimumSize || ip.More() || ip.FragmentOffset() != 0 {
		return
	}
	if checksum.Checksum(h, pkt.Data().Checksum()) != 0xffff {
		return
	}
	r := netdev.ProbeResult{From: fromAddress(ip.SourceAddress())}
	switch h.Type() {
	case header.ICMPv4EchoReply:
		r.Outcome = netdev.ProbeReply
		key := probeKey{vrf: s.vrf, kind: netdev.ProbeEcho, target: r.From, a: h.Ident(), b: h.Sequence()}
		s.probes.finish(key, s.clock.Now(), r, func() []byte { return payload(pkt) })
		return
	case header.ICMPv4DstUnreachable:
		r.Outcome, r.Code = netdev.ProbeUnreachable, uint8(h.Code())
		if h.Code() == header.ICMPv4FragmentationNeeded {
			r.Outcome = netdev.ProbeFragNeeded
		}
	case header.ICMPv4TimeExceeded:
		r.Outcome, r.Code = netdev.ProbeTTLExceeded, uint8(h.Code())
	case header.ICMPv4SrcQuench:
		r.Outcome = netdev.ProbeSourceQuench
	default:
		return
	}
	if key, ok := quoted(s.vrf, payload(pkt)); ok {
		s.probes.finish(key, s.clock.Now(), r, nil)
	}
}

func payload(pkt *stack.PacketBuffer) []byte { return pkt.Data().AsRange().ToSlice() }

// quoted names the probe whose first octets an ICMP error carries.
func quoted(vrf string, b []byte) (probeKey, bool) {
	if len(b) < header.IPv4MinimumSize {
		return probeKey{}, false
	}
	ip := header.IPv4(b)
	n := int(ip.HeaderLength())
	if n < header.IPv4MinimumSize || len(b) < n+8 || ip.FragmentOffset() != 0 {
		return probeKey{}, false
	}
	key := probeKey{vrf: vrf, target: fromAddress(ip.DestinationAddress())}
	switch tcpip.TransportProtocolNumber(ip.Protocol()) {
	case header.ICMPv4ProtocolNumber:
		h := header.ICMPv4(b[n:])
		key.kind, key.a, key.b = netdev.ProbeEcho, h.Ident(), h.Sequence()
		return key, h.Type() == header.ICMPv4Echo
	case header.UDPProtocolNumber:
		h := header.UDP(b[n:])
		key.kind, key.a, key.b = netdev.ProbeUDP, h.SourcePort(), h.DestinationPort()
		return key, true
	}
	return probeKey{}, false
}
