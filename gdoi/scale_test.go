package gdoi_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"net/netip"
	"runtime/debug"
	"testing"
	"time"

	"coterie/gdoi/member"
	"coterie/gdoi/policy"
	"coterie/internal/sim"
	"coterie/internal/syslog"
	"coterie/internal/testkey"
	"coterie/xfrm"
)

// crowd is one key server with thousands of members, watched for what must
// never happen: a member that could not decrypt what another sends, a sequence
// number used for two contents, a member that registers again.
type crowd struct {
	*sim.Network
	t    testing.TB
	ks   *ks
	gms  []*gm
	hash hash.Hash // of every datagram delivered

	sends    map[uint32]int // members that encrypt under an SPI
	decrypts map[uint32]int // members that decrypt it
	present  int            // members with keys
	faults   int
}

// crowdOf builds a crowd whose members boot within the first minutes, one
// every pause.
func crowdOf(t testing.TB, seed uint64, members int, pause time.Duration) *crowd {
	c := &crowd{
		Network: sim.New(seed, start), t: t, hash: sha256.New(),
		sends: map[uint32]int{}, decrypts: map[uint32]int{},
	}
	c.Conditions(sim.Conditions{Latency: 5 * time.Millisecond, Jitter: 10 * time.Millisecond})
	c.ks = &ks{phase1: isakmpConfig(true), cfg: serverConfig()}
	g := &c.ks.cfg.Groups[0]
	if members > 1000 {
		g.Rekey.Signer, g.Rekey.SPKI = testkey.Short()
	}
	g.Rekey.Lifetime = 8 * time.Hour // three KEKs in a day
	c.Add("KS", c.ks, serverAddr)
	c.Observe(func(e sim.Event) {
		if e.Kind != sim.Delivered {
			return
		}
		var at [8]byte
		binary.BigEndian.PutUint64(at[:], uint64(c.Now().Sub(start)))
		c.hash.Write(at[:])
		c.hash.Write(e.Datagram.Data)
	})
	for i := range members {
		c.After(time.Duration(i)*pause, func() { c.join(i) })
	}
	return c
}

func crowdAddr(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
}

func (c *crowd) join(i int) {
	addr := crowdAddr(i + 1)
	g := &gm{phase1: isakmpConfig(false), cfg: member.Config{
		Key: xfrm.GroupKey{Name: "GDOI_GROUP", Source: addr}, ID: policy.GroupID{Number: 1},
		Servers: []netip.Addr{serverAddr}, Port: 848, Hostname: "gm",
	}}
	g.watch = c.changed
	c.gms = append(c.gms, g)
	c.Add(addr.String(), g, addr)
}

// changed keeps the books when a member's data plane changes, and checks that
// whoever sends is understood by all. Nothing else changes what they can do:
// a member takes an SA out when it expires.
func (c *crowd) changed(before, after *xfrm.Group) {
	for _, x := range []struct {
		g *xfrm.Group
		d int
	}{{before, -1}, {after, 1}} {
		if x.g == nil {
			continue
		}
		c.present += x.d
		for _, p := range x.g.Policies {
			c.sends[p.SPI] += x.d
			if c.sends[p.SPI] == 0 {
				delete(c.sends, p.SPI)
			}
		}
		for _, s := range x.g.SAs {
			c.decrypts[s.SPI] += x.d
			if c.decrypts[s.SPI] == 0 {
				delete(c.decrypts, s.SPI)
			}
		}
	}
	for spi, n := range c.sends {
		if c.decrypts[spi] != c.present && c.faults < 10 {
			c.faults++
			c.t.Errorf("%v: %d members send under %x, which %d of %d decrypt", c.Now().Sub(start), n, spi, c.decrypts[spi], c.present)
		}
	}
}

// check is what must hold after a run of whole hours.
func (c *crowd) check(hours int) {
	c.t.Helper()
	last := map[[16]byte]uint32{}
	for _, p := range c.ks.pushes {
		if p.seq <= last[p.kek] {
			c.t.Errorf("%v: SEQ %d after %d under one KEK", p.at.Sub(start), p.seq, last[p.kek])
		}
		last[p.kek] = p.seq
	}
	if want := hours / 8; hours >= 8 && len(last) < want {
		c.t.Errorf("%d KEKs in %d hours", len(last), hours)
	}
	g := c.ks.group()
	if g.Members.Len() != len(c.gms) {
		c.t.Errorf("%d members of %d", g.Members.Len(), len(c.gms))
	}
	rekeys := uint64(len(c.ks.pushes))
	for _, m := range c.gms {
		s := m.snapshot()
		if s.Succeeded != 1 || s.Attempted != 1 || s.Status != "Registered" {
			c.t.Errorf("%s: %d of %d registrations succeeded, %s\n%s", m.host.Name, s.Succeeded, s.Attempted, s.Status, m.log.text())
			return
		}
		if s.RekeysReceived != rekeys || s.AcksSent < rekeys {
			c.t.Errorf("%s: %d of %d rekeys, %d acknowledgements", m.host.Name, s.RekeysReceived, rekeys, s.AcksSent)
			return
		}
	}
	if n := len(c.ks.log.at(syslog.KSNackGMEject)); n > 0 {
		c.t.Errorf("%d members ejected", n)
	}
}

// longestDelivery is more than a rekey takes to reach ten thousand members, 50
// every 5 s.
const longestDelivery = 20 * time.Minute

// TestDay: ten thousand members, one key server, 24 hours; every octet made and
// read by the machines that run on a router. Each member verifies each rekey:
// so many do it under RSA-1024, a quarter of the work of the key that the five
// hundred of a run under the race detector have.
func TestDay(t *testing.T) {
	members, hours := 10_000, 24
	if raceEnabled {
		members = 500
	}
	defer debug.SetGCPercent(debug.SetGCPercent(200)) // as `coterie run`
	began := time.Now()
	c := crowdOf(t, 1, members, 20*time.Millisecond)
	c.Run(start.Add(2 * time.Hour))
	early := fmt.Sprintf("%x", c.hash.Sum(nil))
	c.Run(start.Add(time.Duration(hours) * time.Hour))
	for c.Now().Sub(c.ks.pushes[len(c.ks.pushes)-1].at) < longestDelivery {
		c.RunFor(time.Minute)
	}
	c.check(hours)
	t.Logf("%d members, %d hours, %d rekeys, %d datagrams: %v", members, hours, len(c.ks.pushes), c.Counters.Delivered, time.Since(began).Round(100*time.Millisecond))

	again := crowdOf(t, 1, members, 20*time.Millisecond)
	again.Run(start.Add(2 * time.Hour))
	if got := fmt.Sprintf("%x", again.hash.Sum(nil)); got != early {
		t.Error("the same seed gave other octets")
	}
}
