// Package gdoi_test runs key servers and members against each other over a
// simulated network: the same machines, the same octets, hours in seconds.
package gdoi_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"coterie/crypto/isakmp"
	"coterie/crypto/keys"
	"coterie/crypto/suite"
	"coterie/gdoi/gdoitest"
	"coterie/gdoi/keyserver"
	"coterie/gdoi/member"
	"coterie/gdoi/policy"
	"coterie/internal/env"
	"coterie/internal/secret"
	"coterie/internal/sim"
	"coterie/internal/syslog"
	"coterie/internal/testkey"
	"coterie/xfrm"
)

var start = time.Date(2026, 1, 2, 10, 0, 0, 0, time.UTC)

var serverAddr = netip.MustParseAddr("192.168.1.254")

func gmAddr(i int) netip.Addr { return netip.AddrFrom4([4]byte{192, 168, 1, byte(i)}) }

// isakmpConfig is the phase 1 of both sides; ECP-256 keeps long runs short.
func isakmpConfig(accept bool) isakmp.Config {
	return isakmp.Config{
		Enabled: true, Accept: accept, PhaseOneDOI: 2,
		Policies:     []isakmp.Policy{{Priority: 1, Cipher: suite.AES128, Hash: suite.SHA256, Group: 19, Auth: isakmp.PreShared, Lifetime: 24 * time.Hour}},
		Keyrings:     []isakmp.Keyring{{PSKs: []keys.PSK{{Peer: netip.MustParsePrefix("0.0.0.0/0"), Key: secret.Of("MYGDOIPSK")}}}},
		Capabilities: isakmp.CapTBAR | isakmp.CapDenyACE | isakmp.CapPushAck | isakmp.CapTwoOctetTEK,
	}
}

func serverConfig() keyserver.Config {
	key, spki := testkey.Long()
	return keyserver.Config{KeyLog: true, Groups: []keyserver.Group{{
		Name: "GDOI_GROUP", ID: policy.GroupID{Number: 1}, Address: serverAddr, Port: 848, Acknowledgement: "Cisco",
		Rekey: keyserver.Rekey{
			Unicast: true, Cipher: suite.AES256, SigHash: suite.SHA256, KeyLabel: "RSA_KEYS", Signer: key, SPKI: spki,
			Lifetime: 2 * time.Hour, Retransmit: 10 * time.Second, Count: 2,
		},
		SAs: []keyserver.SA{{
			Number: 1, Profile: "P", ACLName: "ICMP", ACEs: []xfrm.ACE{{Permit: true, Protocol: 1}},
			Transform: suite.Transform{Cipher: suite.ESPAES128, Auth: suite.ESPSHA256}, Lifetime: time.Hour,
			Replay: policy.Replay{CounterWindow: 64},
		}},
	}}}
}

// lines is a log with its times.
type lines []syslog.Record

func (l *lines) add(now time.Time, m syslog.Message) {
	if m.Event != nil {
		*l = append(*l, syslog.Record{Time: now, Message: m})
	}
}

// at lists when an event was logged, counted from the start.
func (l lines) at(e *syslog.Event) (times []time.Duration) {
	for _, r := range l {
		if r.Event == e {
			times = append(times, r.Time.Sub(start))
		}
	}
	return times
}

func (l lines) text() string {
	var b strings.Builder
	for _, r := range l {
		fmt.Fprintf(&b, "%v %s\n", r.Time.Sub(start), r.Text())
	}
	return b.String()
}

// ks is a key server on the simulated network.
type ks struct {
	gdoitest.Server
	host   *sim.Host
	phase1 isakmp.Config
	cfg    keyserver.Config
	log    lines
	pushes []push
}

// push is one rekey as the key server made it.
type push struct {
	at  time.Time
	kek [16]byte
	seq uint32
}

func (k *ks) Boot(now time.Time, h *sim.Host) {
	k.host = h
	k.Send = send(h)
	k.Store = func(o keyserver.Persist) {
		for _, r := range o.Records {
			h.Store(r.Group+"/"+r.Key, r.Value)
		}
	}
	k.Plain = func(now time.Time, o keyserver.PlainPush) {
		// HDR of 28 octets with the KEK's SPI in front, SEQ as first payload.
		k.pushes = append(k.pushes, push{now, [16]byte(o.Data), binary.BigEndian.Uint32(o.Data[32:])})
	}
	k.Log = k.log.add
	k.Server.Boot(now, env.Env{Rand: h.Rand}, k.phase1, k.cfg)
}

func (k *ks) Wake(now time.Time) { k.Tick(now) }

func (k *ks) Receive(now time.Time, d sim.Datagram) { k.Server.Receive(now, d.To, d.From, d.Data) }

// do gives the key server an input as an operator would.
func (k *ks) do(in keyserver.Input) { k.host.Poke(func(now time.Time) { k.Step(now, in) }) }

func send(h *sim.Host) func(local, remote netip.AddrPort, data []byte) {
	return func(local, remote netip.AddrPort, data []byte) {
		h.Send(sim.Datagram{From: local, To: remote, Data: data})
	}
}

func (k *ks) group() keyserver.GroupSnapshot { return k.GDOI.Snapshot(k.host.Now()).Groups[0] }

// gm is a group member with a data plane that only remembers.
type gm struct {
	gdoitest.Member
	host      *sim.Host
	phase1    isakmp.Config
	cfg       member.Config
	log       lines
	installed *xfrm.Group
	watch     func(before, after *xfrm.Group) // nil: nobody looks
}

func (g *gm) Boot(now time.Time, h *sim.Host) {
	g.host, g.installed = h, nil
	g.Send = send(h)
	g.Install = func(o member.Install) {
		g.install(&o.Group)
		if k := g.GDOI.Snapshot(h.Now()).KEK; k.Dst.IsMulticast() {
			h.Join(k.Dst)
		}
	}
	g.Remove = func() { g.install(nil) }
	g.Log = g.log.add
	g.Member.Boot(now, env.Env{Rand: h.Rand}, g.phase1, g.cfg)
}

func (g *gm) Wake(now time.Time) { g.Tick(now) }

func (g *gm) Receive(now time.Time, d sim.Datagram) { g.Member.Receive(now, d.To, d.From, d.Data) }

func (g *gm) install(group *xfrm.Group) {
	before := g.installed
	g.installed = group
	if g.watch != nil {
		g.watch(before, group)
	}
}

func (g *gm) snapshot() member.Snapshot { return g.GDOI.Snapshot(g.host.Now()) }

// sends is the SPI that encrypts a ping, zero when none does.
func (g *gm) sends() uint32 {
	if g.installed != nil {
		for _, p := range g.installed.Policies {
			if p.Protocol == 0 || p.Protocol == 1 {
				return p.SPI
			}
		}
	}
	return 0
}

// decrypts tells whether the data plane has a live SA of this SPI.
func (g *gm) decrypts(spi uint32) bool {
	return spi != 0 && g.installed != nil && slices.ContainsFunc(g.installed.SAs, func(s xfrm.SA) bool {
		return s.SPI == spi && s.Expires.After(g.host.Now())
	})
}

// lab is one key server and some members on one network.
type lab struct {
	*sim.Network
	t   *testing.T
	ks  *ks
	gms []*gm
}

func newLab(t *testing.T, seed uint64, members int, edit func(*keyserver.Group)) *lab {
	l := &lab{Network: sim.New(seed, start), t: t}
	l.Describe(describe)
	l.DumpOnFailure(t, 60)
	l.Conditions(sim.Conditions{Latency: 2 * time.Millisecond, Jitter: time.Millisecond})
	l.ks = &ks{phase1: isakmpConfig(true), cfg: serverConfig()}
	if edit != nil {
		edit(&l.ks.cfg.Groups[0])
	}
	l.Add("R1", l.ks, serverAddr)
	for i := range members {
		l.join(i+2, serverAddr)
	}
	return l
}

// join adds member number i with its list of key servers.
func (l *lab) join(i int, servers ...netip.Addr) *gm {
	g := &gm{phase1: isakmpConfig(false), cfg: member.Config{
		Key: xfrm.GroupKey{Name: "GDOI_GROUP", Source: gmAddr(i)}, ID: policy.GroupID{Number: 1},
		Servers: servers, Port: 848, Hostname: fmt.Sprintf("R%d", i),
	}}
	l.gms = append(l.gms, g)
	l.Add(fmt.Sprintf("R%d", i), g, gmAddr(i))
	return g
}

// describe names a datagram in the trace.
func describe(d sim.Datagram) string {
	if len(d.Data) < 28 {
		return fmt.Sprintf("%d octets", len(d.Data))
	}
	name := map[byte]string{2: "main mode", 5: "informational", 32: "PULL", 33: "PUSH", 35: "PUSH ACK"}[d.Data[18]]
	return fmt.Sprintf("%s %x, %d octets", name, d.Data[:2], len(d.Data))
}

// pingEverySecond checks each second that every member could decrypt what any
// other sends, from the moment all are registered; it returns the failures.
func (l *lab) pingEverySecond() *[]string {
	var lost []string
	l.Every(time.Second, func() bool {
		for _, a := range l.gms {
			for _, b := range l.gms {
				if a != b && !b.decrypts(a.sends()) && len(lost) < 20 {
					lost = append(lost, fmt.Sprintf("%v: %s sends under %x, %s has %x", l.Now().Sub(start), a.host.Name, a.sends(), b.host.Name, spis(b)))
				}
			}
		}
		return true
	})
	return &lost
}

func spis(g *gm) (all []uint32) {
	if g.installed != nil {
		for _, s := range g.installed.SAs {
			all = append(all, s.SPI)
		}
	}
	return all
}

// checkSequence is the law of SEQ: it strictly increases under each KEK.
func (l *lab) checkSequence() {
	l.t.Helper()
	last := map[[16]byte]uint32{}
	for _, p := range l.ks.pushes {
		if p.seq <= last[p.kek] {
			l.t.Errorf("%v: SEQ %d after %d under one KEK", p.at.Sub(start), p.seq, last[p.kek])
		}
		last[p.kek] = p.seq
	}
}

func near(got, want, by time.Duration) bool { return got >= want-by && got <= want+by }
