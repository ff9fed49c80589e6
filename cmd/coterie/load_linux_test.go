package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"coterie/crypto/isakmp"
	"coterie/crypto/keys"
	"coterie/crypto/suite"
	"coterie/gdoi/member"
	"coterie/gdoi/policy"
	"coterie/gdoi/wire"
	"coterie/internal/env"
	"coterie/internal/secret"
	"coterie/xfrm"
)

// load is one member after another at an address: each poke makes a new one,
// which knows nothing of those before.
type load struct {
	addr    netip.Addr
	conn    *net.UDPConn
	history *history
	pokes   chan struct{}
	packets chan packet
	ended   sync.WaitGroup
	done    chan struct{}
	number  int

	isakmp *isakmp.Machine
	member *member.Machine
	sa     isakmp.SA
	pull   pull
}

type packet struct {
	from netip.AddrPort
	data []byte
}

// pull is what an onlooker of one registration has to keep.
type pull struct {
	mid    uint32
	ni, nr []byte
	policy wire.Policy
}

func newLoad(t *testing.T, ns *namespace, addr netip.Addr, h *history, _ uint64) *load {
	g := &load{addr: addr, history: h, pokes: make(chan struct{}, 1), packets: make(chan packet, 1024), done: make(chan struct{})}
	err := ns.do(func() (err error) {
		g.conn, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, 848)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	g.ended.Go(g.read)
	g.ended.Go(g.run)
	return g
}

func (g *load) poke() {
	select {
	case g.pokes <- struct{}{}:
	default:
	}
}

func (g *load) close() {
	close(g.done)
	g.conn.Close()
	g.ended.Wait()
}

func (g *load) read() {
	b := make([]byte, 65536)
	for {
		n, from, err := g.conn.ReadFromUDPAddrPort(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // a port that nobody listens on
		}
		data := bytes.Clone(b[:n])
		if len(data) > 28 && data[18] == isakmp.ExchangePush {
			g.history.push(data)
		}
		select {
		case g.packets <- packet{netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), data}:
		default:
		}
	}
}

func (g *load) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	again := time.NewTicker(60 * time.Millisecond)
	defer again.Stop()
	for {
		if g.member != nil {
			timer.Reset(max(0, time.Until(g.next())))
		}
		now := time.Now()
		select {
		case <-g.done:
			return
		case <-g.pokes:
			g.renew(now)
		case <-again.C:
			g.renew(now)
		case p := <-g.packets:
			if g.member == nil {
				continue
			}
			local := netip.AddrPortFrom(g.addr, 848)
			if len(p.data) > 28 && p.data[18] == isakmp.ExchangePush {
				if slices.Contains(g.member.KEKSPIs(), [16]byte(p.data)) {
					g.member.Step(now, member.Push{Local: local, Remote: p.from, Data: p.data})
				}
			} else {
				g.isakmp.Step(now, isakmp.Datagram{Local: local, Remote: p.from, Data: p.data})
			}
		case <-timer.C:
			if g.member != nil {
				g.isakmp.Step(now, isakmp.Tick{})
				g.member.Step(now, member.Tick{})
			}
		}
		if g.member != nil {
			g.drain(now)
		}
	}
}

func (g *load) next() time.Time {
	next := time.Now().Add(time.Hour)
	for _, t := range []time.Time{g.isakmp.Next(), g.member.Next()} {
		if !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	return next
}

// renew begins a new member.
func (g *load) renew(now time.Time) {
	g.number++
	g.isakmp, g.member = isakmp.New(env.System()), member.New(env.System())
	g.isakmp.Step(now, isakmp.Configure{Config: isakmp.Config{
		Enabled: true, PhaseOneDOI: 2, Capabilities: isakmp.CapDenyACE | isakmp.CapPushAck | isakmp.CapTwoOctetTEK,
		Policies: []isakmp.Policy{{Priority: 10, Cipher: suite.AES256, Hash: suite.SHA256, Group: suite.Group(19), Auth: isakmp.PreShared, Lifetime: time.Hour}},
		Keyrings: []isakmp.Keyring{{PSKs: []keys.PSK{{Peer: netip.MustParsePrefix("0.0.0.0/0"), Key: secret.Of("killed-again-and-again")}}}},
	}})
	g.member.Step(now, member.Configure{Config: member.Config{
		Key: xfrm.GroupKey{Name: "G", Source: g.addr}, ID: policy.GroupID{Number: 7}, Servers: []netip.Addr{killedServer}, Port: 848, Interfaces: []string{"Ethernet0/0"}, MapName: "M",
	}})
	g.drain(now)
}

func (g *load) drain(now time.Time) {
	for busy := true; busy; {
		busy = false
		for _, o := range g.isakmp.Drain() {
			busy = true
			switch o := o.(type) {
			case isakmp.Send:
				g.conn.WriteToUDPAddrPort(o.Data, o.Remote)
			case isakmp.Compute:
				g.isakmp.Step(now, isakmp.Done{JobDone: env.JobDone{ID: o.ID, Result: o.Do()}})
			case isakmp.PhaseOneUp:
				g.sa = o.SA
				g.member.Step(now, member.PhaseOneUp{PhaseOneUp: o})
			case isakmp.PhaseOneFailed:
				g.member.Step(now, member.PhaseOneFailed{PhaseOneFailed: o})
			case isakmp.Phase2:
				g.look(now, o)
				g.member.Step(now, member.Phase2{Phase2: o})
			case isakmp.Phase2Failed:
				g.member.Step(now, member.Phase2Failed{Phase2Failed: o})
			case isakmp.Notified:
				g.member.Step(now, member.Notified{Notified: o})
			}
		}
		for _, o := range g.member.Drain() {
			busy = true
			switch o := o.(type) {
			case member.ToISAKMP:
				if e, ok := o.Input.(isakmp.Exchange2); ok && g.pull.mid != e.MessageID {
					if m, err := wire.ParsePull1(g.sa.PRF, e.MessageID, e.First, e.Payloads); err == nil {
						g.pull = pull{mid: e.MessageID, ni: m.Nonce}
					}
				}
				g.isakmp.Step(now, o.Input)
			case member.Install:
				g.member.Step(now, member.Installed{Number: o.Number})
			case member.Send:
				g.conn.WriteToUDPAddrPort(o.Data, o.Remote)
			}
		}
	}
}

// look reads a message of a registration over the member's shoulder.
func (g *load) look(now time.Time, in isakmp.Phase2) {
	p := &g.pull
	if in.MessageID != p.mid {
		return
	}
	if p.nr == nil {
		if m, err := wire.ParsePull2(in.SA.PRF, p.mid, p.ni, in.First, in.Payloads, wire.Form{}); err == nil {
			if p.policy, err = wire.DecodeSA(m.SA, now); err == nil {
				p.nr = m.Nonce
			}
		}
		return
	}
	m, err := wire.ParsePull4(in.SA.PRF, p.mid, p.ni, p.nr, in.First, in.Payloads)
	if err != nil || p.policy.AddKeys(m.KD) != nil {
		return
	}
	ids, err := wire.SenderIDsOf(m.KD)
	if err != nil {
		return
	}
	g.history.registered(fmt.Sprintf("%v/%d", g.addr, g.number), g.addr, p.policy, ids)
	p.nr = nil
}
