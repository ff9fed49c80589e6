package isakmp

import (
	"crypto"
	"crypto/rsa"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"coterie/crypto/suite"
	"coterie/internal/env"
)

// run performs the outputs of two machines until nothing is left to do, with
// nothing between them but slices.
func (p *benchPair) run() (up bool) {
	for busy := true; busy; {
		busy = false
		for i, m := range p.machines {
			for _, o := range m.Drain() {
				busy = true
				switch o := o.(type) {
				case Send:
					p.machines[1-i].Step(start, Datagram{Local: o.Remote, Remote: o.Local, Data: o.Data})
				case Compute:
					m.Step(start, Done{env.JobDone{ID: o.ID, Result: o.Do()}})
				case PhaseOneUp:
					up = true
				}
			}
		}
	}
	return up
}

type benchPair struct{ machines [2]*Machine }

func newBenchPair(gm, ks Config) *benchPair {
	p := &benchPair{[2]*Machine{New(env.System()), New(env.System())}}
	p.machines[0].Step(start, Configure{gm})
	p.machines[1].Step(start, Configure{ks})
	return p
}

// mainMode is one phase 1 from the first message to the last.
func (p *benchPair) mainMode(b testing.TB) {
	p.machines[0].Step(start, Connect{Owner: 1, Local: gmAddr, Remote: ksAddr})
	if !p.run() {
		b.Fatal("no SA")
	}
	for _, m := range p.machines {
		m.Step(start, Clear{All: true})
		m.Drain()
	}
}

// BenchmarkMainMode is both sides of main mode. The metric bare% is how much of
// the time the public-key operations alone take in the same run: four of
// Diffie-Hellman, and with signatures two of each kind.
func BenchmarkMainMode(b *testing.B) {
	gmRSA, ksRSA := enrolled(b, rsaKey())
	gmEC, ksEC := enrolled(b, ecKeys()[256])
	psk := func(g suite.Group) (gm, ks Config) {
		p := policy(suite.AES256, suite.SHA256, g)
		return config(false, "cisco", p), config(true, "cisco", p)
	}
	gm14, ks14 := psk(14)
	gm19, ks19 := psk(19)
	hash := suite.SHA256.Sum([]byte("HASH"))
	rsaBoth := func() {
		sig, err := rsa.SignPKCS1v15(nil, rsaKey(), crypto.Hash(0), hash)
		if err != nil || rsa.VerifyPKCS1v15(&rsaKey().PublicKey, crypto.Hash(0), hash, sig) != nil {
			b.Fatal(err)
		}
	}
	ec := signed(ECDSASig)
	ec.Curve = 256
	for _, x := range []struct {
		name   string
		gm, ks Config
		group  suite.Group
		sign   func()
	}{
		{"PSK/group14", gm14, ks14, 14, func() {}},
		{"PSK/group19", gm19, ks19, 19, func() {}},
		{"RSA2048/group19", gmRSA, ksRSA, 19, rsaBoth},
		{"ECDSA256/group19", gmEC, ksEC, 19, func() {
			sig, ok := sign(ksEC.Trustpoints[0], ec, hash)().([]byte)
			if !ok || verifySignature(&ecKeys()[256].PublicKey, ec, hash, sig) != nil {
				b.Fatal("no signature")
			}
		}},
	} {
		b.Run(x.name, func(b *testing.B) {
			p := newBenchPair(x.gm, x.ks)
			p.mainMode(b)
			b.ReportAllocs()
			for b.Loop() {
				p.mainMode(b)
			}
			whole := b.Elapsed() / time.Duration(b.N)
			b.StopTimer()
			began, n := time.Now(), max(1, b.N/4)
			for range n {
				bareCrypto(b, x.group)
				x.sign()
				x.sign()
			}
			bare := time.Since(began) / time.Duration(n)
			b.ReportMetric(100*float64(bare)/float64(whole), "bare%")
		})
	}
}

// bareCrypto is the Diffie-Hellman of both sides.
func bareCrypto(b *testing.B, g suite.Group) {
	e := env.System()
	x, err := g.GenerateKey(e.Bytes(g.RandomLen()))
	if err != nil {
		b.Fatal(err)
	}
	y, err := g.GenerateKey(e.Bytes(g.RandomLen()))
	if err != nil {
		b.Fatal(err)
	}
	for _, pair := range [][2]*suite.PrivateKey{{x, y}, {y, x}} {
		if _, err := pair[0].Shared(pair[1].Public()); err != nil {
			b.Fatal(err)
		}
	}
}

// An established SA that is idle is small, whatever made it.
func TestIdleSAIsSmall(t *testing.T) {
	const most = 1536
	p := newBenchPair(config(false, "cisco", quick()), config(true, "cisco", quick()))
	ks := p.machines[1]
	heap := func() uint64 {
		runtime.GC()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return s.HeapAlloc
	}
	const count = 400
	before := heap()
	for i := range count {
		from := gmAddr.Addr()
		for range i {
			from = from.Next()
		}
		gm := New(env.System())
		gm.Step(start, Configure{config(false, "cisco", quick())})
		p.machines[0] = gm
		local := netip.AddrPortFrom(from, gmAddr.Port())
		gm.Step(start, Connect{Owner: 1, Local: local, Remote: ksAddr})
		if !p.run() {
			t.Fatal("no SA")
		}
	}
	p.machines[0] = nil
	ks.Step(start.Add(2*time.Minute), Tick{}) // what answers duplicates is gone
	ks.Drain()
	each := (heap() - before) / count
	t.Logf("%d octets an SA", each)
	if each > most {
		t.Errorf("%d octets an idle SA, want at most %d", each, most)
	}
	if n := len(ks.byID); n != count {
		t.Errorf("%d SAs", n)
	}
}
