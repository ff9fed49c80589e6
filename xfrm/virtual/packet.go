package virtual

import (
	"encoding/binary"
	"errors"

	"coterie/xfrm"
	"coterie/xfrm/esp"
)

// Outbound implements netdev.Tap. datagram is not changed.
func (d *Dataplane) Outbound(iface string, datagram []byte) [][]byte {
	a := d.current.Load().interfaces[iface]
	if a == nil || !isIPv4(datagram) {
		return [][]byte{datagram}
	}
	f, ok := xfrm.ParseFlow(datagram)
	if !ok {
		if !a.policy {
			return [][]byte{datagram}
		}
		a.entries[0].group.counters[internalErrSend].Add(1)
		return nil
	}
	if d.exempted(a, f, datagram, true) {
		return [][]byte{datagram}
	}
	v := a.outbound(f)
	if v.policy != nil {
		v.policy.hits.outbound.Add(1)
	}
	switch v.action {
	case dropLocal:
		v.group.counters[encapsFail].Add(1)
		d.report(xfrm.Event{Kind: xfrm.LocalPermit, Interface: iface, Src: f.SrcAddr(), Dst: f.DstAddr(), Protocol: f.Protocol})
		return nil
	case encrypt:
		if out := d.seal(v, datagram[:f.TotalLen]); out != nil {
			return [][]byte{out}
		}
		return nil
	}
	return [][]byte{datagram}
}

// seal encrypts into a buffer of its own, or counts why not.
func (d *Dataplane) seal(v verdict, datagram []byte) []byte {
	s := v.policy.sa
	if s == nil || !s.alive(d.clock.Now()) {
		v.group.counters[noSASend].Add(1)
		return nil
	}
	buf := make([]byte, esp.Headroom+len(datagram)+esp.Tailroom)
	copy(buf[esp.Headroom:], datagram)
	out, err := s.sa.Seal(buf, esp.Headroom, esp.Headroom+len(datagram))
	if err != nil {
		v.group.counters[sendCounter(err)].Add(1)
		return nil
	}
	v.group.counters[encrypted].Add(1)
	return out
}

// sendCounter is where a failure of Seal is counted.
func sendCounter(err error) counter {
	switch {
	case errors.Is(err, esp.ErrNoSenderID), errors.Is(err, esp.ErrExhausted):
		return noSASend
	case errors.Is(err, esp.ErrTooLong), errors.Is(err, esp.ErrFragment):
		return encapsFail
	}
	return internalErrSend
}

// Inbound implements netdev.Tap. datagram is not changed.
func (d *Dataplane) Inbound(iface string, datagram []byte) [][]byte {
	a := d.current.Load().interfaces[iface]
	if a == nil || !isIPv4(datagram) {
		return [][]byte{datagram}
	}
	f, ok := xfrm.ParseFlow(datagram)
	if !ok {
		if !a.policy {
			return [][]byte{datagram}
		}
		a.entries[0].group.counters[internalErrRcv].Add(1)
		return nil
	}
	if f.Protocol == xfrm.ProtoESP {
		if in := d.inboundESP(a, iface, f, datagram[:f.TotalLen]); in != nil {
			return [][]byte{in}
		}
		return nil
	}
	if d.exempted(a, f, datagram, false) {
		return [][]byte{datagram}
	}
	v := a.inboundClear(f)
	if v.policy != nil {
		v.policy.hits.inbound.Add(1)
	}
	switch v.action {
	case refuse:
		v.group.counters[notIPSecRcv].Add(1)
		d.report(xfrm.Event{Kind: xfrm.ClearReceived, Interface: iface, Src: f.SrcAddr(), Dst: f.DstAddr(), Protocol: f.Protocol})
		return nil
	case dropLocal:
		v.group.counters[notIPSecRcv].Add(1)
		d.report(xfrm.Event{Kind: xfrm.LocalPermit, Interface: iface, Src: f.SrcAddr(), Dst: f.DstAddr(), Protocol: f.Protocol})
		return nil
	}
	return [][]byte{datagram}
}

// inboundESP returns what the ESP packet carries, the packet itself when a
// deny says that such ESP is not ours, or nil. ESP that was cut on the way is
// put together first.
func (d *Dataplane) inboundESP(a *attachment, iface string, f xfrm.Flow, datagram []byte) []byte {
	if f.Fragment || moreFragments(datagram) {
		if datagram = d.parts.add(f, datagram, d.clock.Now()); datagram == nil {
			return nil
		}
	}
	spi, ok := esp.SPIOf(datagram)
	if !ok {
		a.entries[0].group.counters[decapFail].Add(1)
		return nil
	}
	in, ok := a.bySPI[spi]
	if !ok || !in.alive(d.clock.Now()) {
		if !ok {
			// A deny that covers ESP lets the tunnels of others through.
			if a.inboundClear(f).action == passDeny {
				return datagram
			}
			in.group = a.entries[0].group
		}
		in.group.counters[invalidSARcv].Add(1)
		d.report(xfrm.Event{Kind: xfrm.InvalidSPI, Interface: iface, Src: f.SrcAddr(), Dst: f.DstAddr(), Protocol: f.Protocol, SPI: spi})
		return nil
	}
	inner, err := in.sa.Open(append([]byte(nil), datagram...))
	if err != nil {
		if n, ok := receiveCounter(err); ok {
			in.group.counters[n].Add(1)
		}
		return nil
	}
	in.group.counters[decrypted].Add(1)
	g, _ := xfrm.ParseFlow(inner) // Open has checked it
	p := in.group.permits(g)
	if p == nil {
		in.group.counters[decapFail].Add(1)
		return nil
	}
	p.hits.inbound.Add(1)
	return inner
}

// receiveCounter is where a failure of Open is counted; a dummy packet is not.
func receiveCounter(err error) (counter, bool) {
	switch {
	case errors.Is(err, esp.ErrDummy):
		return 0, false
	case errors.Is(err, esp.ErrICV):
		return verifyFailRcv, true
	case errors.Is(err, esp.ErrNextHeader):
		return invalidProtRcv, true
	}
	return decapFail, true
}

// Overhead implements netdev.Tap: the most that ESP adds with the transforms
// installed, 0 without a crypto map or before the first registration.
func (d *Dataplane) Overhead(iface string) int {
	if a := d.current.Load().interfaces[iface]; a != nil {
		return a.overhead
	}
	return 0
}

func isIPv4(datagram []byte) bool { return len(datagram) > 0 && datagram[0]>>4 == 4 }

func moreFragments(datagram []byte) bool { return binary.BigEndian.Uint16(datagram[6:])&0x2000 != 0 }
