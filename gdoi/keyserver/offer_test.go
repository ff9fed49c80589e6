package keyserver

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"coterie/gdoi/wire"
	"coterie/xfrm"
)

// What is kept of an offer is what would be written anew, at every moment: to
// the second of each lifetime, over rekeys, and after a change of policy.
func TestKeptOffer(t *testing.T) {
	w := newWorld(t, testGroup())
	w.quick = true
	g := w.m.groups[0]
	random := rand.New(rand.NewPCG(1, 2))
	kept := 0
	for range 20_000 {
		w.run(time.Duration(random.Int64N(int64(1500 * time.Millisecond))))
		if random.IntN(500) == 0 {
			w.step(RekeyNow{ReplaceNow: random.IntN(2) == 0})
		}
		offer := func() ([]byte, []byte) {
			p := &pull{group: g, foreign: random.IntN(2) == 0}
			body, err := p.makeOffer(w.now, g, wire.Form{})
			if err != nil {
				t.Fatal(err)
			}
			return body, p.offer.kd
		}
		if g.told[0].holds(w.now, g) {
			kept++
		}
		sa, kd := offer()
		w.m.forgetTold()
		fresh, freshKD := offer()
		if !bytes.Equal(sa, fresh) || !bytes.Equal(kd, freshKD) {
			t.Fatalf("%v: kept\n%x\n%x\nfresh\n%x\n%x", w.now.Sub(start), sa, kd, fresh, freshKD)
		}
	}
	if kept < 100 {
		t.Errorf("only %d of the offers were kept ones", kept)
	}
}

// However long the list, whoever registers after many rekeys gets as many of the
// older generations as fit.
func TestOfferOfLongList(t *testing.T) {
	g := testGroup()
	g.SAs[0].ACEs = nil
	for i := range 100 {
		m := netip.MustParseAddr("255.255.255.0")
		g.SAs[0].ACEs = append(g.SAs[0].ACEs, xfrm.ACE{Permit: true,
			Src: xfrm.Match{Addr: netip.AddrFrom4([4]byte{10, 1, byte(i), 0}), Mask: m}, Dst: xfrm.Match{Addr: netip.AddrFrom4([4]byte{10, 2, byte(i), 0}), Mask: m}})
	}
	w := newWorld(t, g)
	for i := range 20 {
		gm := w.newMember(2 + i)
		if !gm.register(1234) {
			t.Fatalf("refused after %d rekeys: %q", i, w.takeLogs())
		}
		if n := len(w.answer.Payloads); n > 65000 {
			t.Fatalf("%d octets", n)
		}
		w.step(RekeyNow{})
		w.run(time.Minute)
	}
}
