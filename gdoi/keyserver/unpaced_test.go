package keyserver

import (
	"net/netip"
	"testing"
	"time"

	"coterie/gdoi/wire"
	"coterie/internal/env"
)

// unpaced is a group of members that are rekeyed all at once.
func unpaced(t testing.TB, members int) *world {
	g := testGroup()
	g.Rekey.Pace = Unpaced
	w := newWorld(t, g)
	w.bulk(members)
	return w
}

// rekeyAll is a rekey from the command to the last acknowledgement, every
// datagram written, parsed and verified. It returns what it took the key server
// and how often it signed.
func rekeyAll(t testing.TB, w *world) (took time.Duration, sends, signatures int) {
	var members []netip.AddrPort
	var acks [][]byte
	working := func(f func()) {
		began := time.Now()
		f()
		took += time.Since(began)
	}
	var jobs []Compute
	step := func(in Input) {
		for pending := []Input{in}; len(pending) > 0; pending = pending[1:] {
			w.m.Step(w.now, pending[0])
			for _, o := range w.m.Drain() {
				switch o := o.(type) {
				case Send:
					sends++
					members = append(members, o.Remote)
				case Compute:
					jobs = append(jobs, o)
					pending = append(pending, Done{env.JobDone{ID: o.ID, Result: o.Do()}})
				case Persist:
					pending = append(pending, Persisted{Number: o.Number})
				}
			}
		}
	}
	working(func() { step(RekeyNow{}) })
	k := w.m.groups[0].kek
	for _, to := range members {
		ack, err := wire.BuildAck(k.KEK, k.seq, to)
		if err != nil {
			t.Fatal(err)
		}
		acks = append(acks, ack)
	}
	working(func() {
		for i, b := range acks {
			step(Ack{Local: w.m.groups[0].server(), Remote: members[i], Data: b})
		}
	})
	return took, sends, len(jobs)
}

// An unpaced rekey goes to everybody at once, signed once, and is over with the
// last acknowledgement; the standard pace sends the first fifty.
func TestUnpaced(t *testing.T) {
	const members = 500
	w := unpaced(t, members)
	_, sends, signatures := rekeyAll(t, w)
	if sends != members || signatures != 1 {
		t.Errorf("%d copies, %d signatures", sends, signatures)
	}
	w.m.groups[0].members.tree.Ascend(func(r *record) bool {
		if r.AcksRcvd != 1 || r.silent != 0 {
			t.Errorf("%v: %d acknowledgements", r.Address, r.AcksRcvd)
			return false
		}
		return true
	})
	if f := w.m.groups[0].flights; len(f) != 1 || !f[0].done {
		t.Error("the rekey still goes on")
	}
	w = newWorld(t, testGroup())
	w.bulk(members)
	if _, sends, _ := rekeyAll(t, w); sends != batchSize {
		t.Errorf("%d copies at the standard pace", sends)
	}
}

// BenchmarkUnpaced is a rekey of ten thousand members: what the key server itself
// does, without the sockets.
func BenchmarkUnpaced(b *testing.B) {
	const members = 10_000
	w := unpaced(b, members)
	var took time.Duration
	signatures := 0
	for b.Loop() {
		w.now = w.now.Add(time.Minute)
		t, sends, signed := rekeyAll(b, w)
		took, signatures = took+t, signatures+signed
		if sends != members {
			b.Fatalf("%d copies", sends)
		}
	}
	b.ReportMetric(took.Seconds()/float64(b.N), "s/rekey")
	b.ReportMetric(float64(signatures)/float64(b.N), "signatures/rekey")
}
