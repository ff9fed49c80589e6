package virtual

import (
	"encoding/binary"
	"errors"

	"coterie/xfrm"
	"coterie/xfrm/esp"
)

// Outbound implements netdev.Tap. datagram is not changed.
func (d *Dataplane) Outbound(iface string, datagram []byte) [][]byte {
	return d.handle(iface, datagram, true)
}

// Inbound implements netdev.Tap. datagram is not changed.
func (d *Dataplane) Inbound(iface string, datagram []byte) [][]byte {
	return d.handle(iface, datagram, false)
}

// handle judges a datagram by the table of the moment.
func (d *Dataplane) handle(iface string, datagram []byte, outbound bool) [][]byte {
	a := d.current.Load().interfaces[iface]
	if a == nil || !isIPv4(datagram) {
		return [][]byte{datagram}
	}
	f, ok := xfrm.ParseFlow(datagram)
	switch {
	case !ok && !a.policy && !a.closed:
		return [][]byte{datagram}
	case !ok:
		a.entries[0].group.count(outbound, internalErrSend, internalErrRcv)
		return nil
	case !outbound && f.Protocol == xfrm.ProtoESP:
		if in := d.inboundESP(a, iface, f, datagram[:f.TotalLen]); in != nil {
			return [][]byte{in}
		}
		return nil
	case d.exempted(a, f, datagram, outbound):
		return [][]byte{datagram}
	}
	v := a.clear(f, outbound)
	if v.policy != nil {
		v.policy.hits.count(outbound)
	}
	switch v.action {
	case pass, passDeny:
		return [][]byte{datagram}
	case encrypt:
		if out := d.seal(v, iface, datagram[:f.TotalLen]); out != nil {
			return [][]byte{out}
		}
	case dropClosed:
		v.group.count(outbound, failCloseSend, failCloseRcv)
	case dropLocal:
		v.group.count(outbound, encapsFail, notIPSecRcv)
		d.report(event(xfrm.LocalPermit, iface, f, v.group))
	case refuse:
		v.group.counters[notIPSecRcv].Add(1)
		d.report(event(xfrm.ClearReceived, iface, f, v.group))
	}
	return nil
}

// event is what can be told of any packet.
func event(kind xfrm.EventKind, iface string, f xfrm.Flow, g *group) xfrm.Event {
	e := xfrm.Event{Kind: kind, Interface: iface, Src: f.SrcAddr(), Dst: f.DstAddr(), Protocol: f.Protocol}
	if g != nil {
		e.Group = g.key
	}
	return e
}

// count counts a packet by its direction.
func (g *group) count(outbound bool, send, receive counter) {
	if !outbound {
		send = receive
	}
	g.counters[send].Add(1)
}

// seal encrypts into a buffer of its own, or counts why not.
func (d *Dataplane) seal(v verdict, iface string, datagram []byte) []byte {
	s, now := v.policy.sa, d.clock.Now()
	if s == nil || !s.alive(now) {
		v.group.counters[noSASend].Add(1)
		return nil
	}
	buf := make([]byte, esp.Headroom+len(datagram)+esp.Tailroom)
	copy(buf[esp.Headroom:], datagram)
	out, err := s.sa.Seal(buf, esp.Headroom, esp.Headroom+len(datagram), v.group.pseudotime(now))
	if err != nil {
		v.group.counters[sendCounter(err)].Add(1)
		return nil
	}
	v.group.counters[encrypted].Add(1)
	if s.sa.Left() < d.low {
		d.report(xfrm.Event{Kind: xfrm.NumbersLow, Interface: iface, Group: v.group.key, SPI: s.spi})
	}
	if s.tbar != xfrm.NoTBAR {
		v.group.counters[replaySend].Add(1)
	}
	return out
}

// sendCounter is where a failure of Seal is counted.
func sendCounter(err error) counter {
	switch {
	case errors.Is(err, esp.ErrNoSenderID), errors.Is(err, esp.ErrExhausted):
		return noSASend
	case errors.Is(err, esp.ErrTooLong), errors.Is(err, esp.ErrFragment):
		return encapsFail
	case errors.Is(err, esp.ErrUnsynchronized):
		return timeSyncErr
	}
	return internalErrSend
}

// inboundESP returns what the ESP packet carries, the packet itself when a
// deny says that such ESP is not ours, or nil. ESP that was cut on the way is
// put together first.
func (d *Dataplane) inboundESP(a *attachment, iface string, f xfrm.Flow, datagram []byte) []byte {
	now := d.clock.Now()
	if f.Fragment || moreFragments(datagram) {
		if datagram = d.parts.add(f, datagram, now); datagram == nil {
			return nil
		}
	}
	spi, ok := esp.SPIOf(datagram)
	if !ok {
		a.entries[0].group.counters[decapFail].Add(1)
		return nil
	}
	in, ok := a.bySPI[spi]
	if !ok || !in.alive(now) {
		whose := in.group
		if !ok {
			// A deny that covers ESP lets the tunnels of others through.
			v := a.clear(f, false)
			if v.action == passDeny {
				return datagram
			}
			whose = a.owner(v)
		}
		e := event(xfrm.InvalidSPI, iface, f, whose)
		e.SPI = spi
		if whose == nil {
			whose = a.entries[0].group
		}
		whose.counters[invalidSARcv].Add(1)
		d.report(e)
		return nil
	}
	own := in.group.pseudotime(now)
	inner, sent, err := in.sa.Open(append([]byte(nil), datagram...), own)
	if sent != 0 {
		in.group.counters.delta(sent, own)
	}
	if err != nil {
		if n, ok := receiveCounter(err); ok {
			in.group.counters[n].Add(1)
		}
		if errors.Is(err, esp.ErrTime) { // not what was seen before, which any eavesdropper can send
			e := event(xfrm.ReplayFailed, iface, f, in.group)
			e.SPI, e.Own, e.Peer, e.Window = spi, own, sent, in.window
			d.report(e)
		}
		return nil
	}
	in.group.counters[decrypted].Add(1)
	if in.tbar != xfrm.NoTBAR {
		in.group.counters[replayRcv].Add(1)
	}
	g, _ := xfrm.ParseFlow(inner) // Open has checked it
	p := in.group.permits(g)
	if p == nil {
		in.group.counters[decapFail].Add(1)
		return nil
	}
	p.hits.count(false)
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
	case errors.Is(err, esp.ErrTime), errors.Is(err, esp.ErrSeen):
		return replayFail, true
	case errors.Is(err, esp.ErrUnsynchronized):
		return timeSyncErr, true
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
