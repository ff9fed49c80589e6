package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"coterie/crypto/isakmp"
	"coterie/crypto/keys"
	"coterie/crypto/suite"
	"coterie/gdoi/gdoitest"
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

	member *gdoitest.Member // nil before the first
}

type packet struct {
	from netip.AddrPort
	data []byte
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
			timer.Reset(g.wait())
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
			if g.member != nil {
				g.member.Receive(now, netip.AddrPortFrom(g.addr, 848), p.from, p.data)
			}
		case <-timer.C:
			if g.member != nil {
				g.member.Tick(now)
			}
		}
	}
}

// wait is how long nothing is to be done.
func (g *load) wait() time.Duration {
	if next := g.member.Next(); !next.IsZero() {
		return max(0, time.Until(next))
	}
	return time.Hour
}

// renew begins a new member.
func (g *load) renew(now time.Time) {
	g.number++
	name := fmt.Sprintf("%v/%d", g.addr, g.number)
	g.member = &gdoitest.Member{Outlets: gdoitest.Outlets{
		Between: &gdoitest.Onlooker{Registered: func(p wire.Policy, ids policy.SenderIDs) { g.history.registered(name, g.addr, p, ids) }},
		Send:    func(_, remote netip.AddrPort, data []byte) { g.conn.WriteToUDPAddrPort(data, remote) },
	}}
	g.member.Boot(now, env.System(), isakmp.Config{
		Enabled: true, PhaseOneDOI: 2, Capabilities: isakmp.CapDenyACE | isakmp.CapPushAck | isakmp.CapTwoOctetTEK,
		Policies: []isakmp.Policy{{Priority: 10, Cipher: suite.AES256, Hash: suite.SHA256, Group: suite.Group(19), Auth: isakmp.PreShared, Lifetime: time.Hour}},
		Keyrings: []isakmp.Keyring{{PSKs: []keys.PSK{{Peer: netip.MustParsePrefix("0.0.0.0/0"), Key: secret.Of("killed-again-and-again")}}}},
	}, member.Config{
		Key: xfrm.GroupKey{Name: "G", Source: g.addr}, ID: policy.GroupID{Number: 7}, Servers: []netip.Addr{killedServer}, Port: 848, Interfaces: []string{"Ethernet0/0"}, MapName: "M",
	})
}
