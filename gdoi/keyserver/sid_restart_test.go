package keyserver

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"coterie/gdoi/policy"
	"coterie/xfrm"
)

// After a crash numbers go on behind the block that was on disk; without the
// store they begin anew, under new keys.
func TestSenderIDsAfterCrash(t *testing.T) {
	s := newStation(t, counterGroup(policy.SizeMedium, 1))
	before, _ := s.register(2, 1, false)
	s.register(3, 1, false)
	s.crash(time.Minute, "")
	after, ok := s.register(4, 1, false)
	if !ok || after.policy.TEKs[0].SPI == before.policy.TEKs[0].SPI && after.ids.Values[0] != 1<<17|(1+sidBlock) {
		t.Errorf("%+v", after.ids)
	}
	if after.policy.KEK.SPI != before.policy.KEK.SPI {
		t.Error("the KEK is another")
	}
	s.crash(time.Minute, "the file is damaged")
	lost, ok := s.register(5, 1, false)
	if !ok || lost.ids.Values[0] != 1<<17 || lost.policy.KEK.SPI == before.policy.KEK.SPI {
		t.Errorf("%+v", lost.ids)
	}
	// A record that is none: nothing of it is used.
	s.disk[[2]string{"GDOI-GROUP1", keySID}] = []byte{1, 2, 3}
	s.crash(0, "")
	bad, ok := s.register(6, 1, false)
	if !ok || bad.policy.KEK.SPI == lost.policy.KEK.SPI {
		t.Error("the keys of a damaged record")
	}
}

// A record that cannot be written keeps message 4 back, and the number is not
// used again.
func TestSenderIDDiskFull(t *testing.T) {
	s := newStation(t, counterGroup(policy.SizeMedium, 1))
	s.register(2, 1, false)
	s.full = true
	for i := range sidBlock { // numbers on disk last a while
		s.register(3+i, 1, false)
	}
	if _, ok := s.register(90, 1, false); ok {
		t.Error("a number that is not on disk as used")
	}
	s.full = false
	g, ok := s.register(91, 1, false)
	if !ok {
		t.Fatal("refused")
	}
	s.crash(0, "")
	if h, _ := s.register(92, 1, false); h.ids.Values[0] <= g.ids.Values[0] {
		t.Errorf("%v after %v", h.ids, g.ids)
	}
}

// The law: over any history of registrations, rekeys, crashes, changes and
// lost disks, no sender ID is given twice under one TEK or KEK, and every one
// lies within the identifiers. The station checks the first.
func TestSenderIDLaw(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		sizes := []policy.GroupSize{{Bits: 8, ServerBits: 6}, {Bits: 8, ServerBits: 3}, policy.SizeSmall8, policy.SizeMedium}
		identifiers := [][]uint32{{1}, {0, 3, 5}, {2, 7}}
		g := counterGroup(rapid.SampledFrom(sizes).Draw(rt, "size"), rapid.SampledFrom(identifiers).Draw(rt, "identifiers")...)
		g.Rekey.Lifetime = 2 * time.Hour
		s := newStation(rt, g)
		steps := rapid.IntRange(5, 60).Draw(rt, "steps")
		for range steps {
			switch rapid.IntRange(0, 11).Draw(rt, "what") {
			case 0:
				s.step(RekeyNow{ReplaceNow: rapid.Bool().Draw(rt, "now")})
			case 1:
				s.crash(rapid.SampledFrom([]time.Duration{0, time.Second, time.Hour, 48 * time.Hour}).Draw(rt, "off"), "")
			case 2:
				s.crash(time.Second, "lost")
			case 3:
				s.run(rapid.SampledFrom([]time.Duration{time.Second, 10 * time.Minute, 3 * time.Hour}).Draw(rt, "time"))
			case 4:
				s.full = rapid.Bool().Draw(rt, "full")
			case 5:
				g.Size = rapid.SampledFrom(sizes).Draw(rt, "size")
				g.Identifiers = rapid.SampledFrom(identifiers).Draw(rt, "identifiers")
				s.groups = []Group{g}
				s.step(Configure{Config{Groups: s.groups}})
			case 6:
				s.step(Clear{What: rapid.SampledFrom([]ClearWhat{ClearAll, ClearMembers, ClearMembersNow, ClearPolicy, ClearReplay}).Draw(rt, "clear")})
			default:
				n := rapid.IntRange(1, 5).Draw(rt, "sids")
				allowed := s.snapshot().SenderIDs
				x, ok := s.register(rapid.IntRange(2, 9).Draw(rt, "member"), n, rapid.Bool().Draw(rt, "foreign"))
				if !ok {
					continue
				}
				if len(x.ids.Values) == 0 || len(x.ids.Values) > n {
					rt.Fatalf("%d asked, %v given", n, x.ids)
				}
				for _, v := range x.ids.Values {
					size := allowed.Size
					server, number := v>>(size.Bits-size.ServerBits), v&(1<<(size.Bits-size.ServerBits)-1)
					if s.snapshot().SenderIDs.Epoch != allowed.Epoch {
						size = s.snapshot().SenderIDs.Size
						server, number = v>>(size.Bits-size.ServerBits), v&(1<<(size.Bits-size.ServerBits)-1)
					}
					if x.ids.Bits != size.Bits || size.ServerBits > 0 && !slices.Contains(g.Identifiers, server) || number >= size.Members() {
						rt.Fatalf("%#x of %d bits is outside of %v, %v", v, x.ids.Bits, g.Identifiers, size)
					}
				}
			}
		}
	})
}

// Records: what is written reads back, anything else is refused or harmless.
func TestSenderIDRecord(t *testing.T) {
	var a senders
	a.restart(policy.SizeLarge)
	for range 3 {
		a.take([]uint32{4, 5}, 2)
	}
	var b senders
	if !b.restore(a.record()) || b.size != a.size || b.marks[0].next != a.marks[0].reserved || !bytes.Equal(b.record(), a.record()) {
		t.Errorf("%+v %+v", a, b)
	}
	r := a.record()
	for n := range r {
		if n == sidRecordHeader {
			continue
		}
		if b.restore(r[:n]) {
			t.Errorf("%d octets accepted", n)
		}
	}
	for _, bad := range [][]byte{
		append([]byte{2}, r[1:]...),
		append([]byte{1, 0}, r[2:]...),
		append([]byte{1, 33}, r[2:]...),
		append([]byte{1, 8, 8}, r[3:]...),
		append(slices.Clone(r), r[sidRecordHeader:]...), // twice the same
	} {
		if b.restore(bad) {
			t.Errorf("%x accepted", bad)
		}
	}
}

func FuzzNumberRecords(f *testing.F) {
	var a senders
	a.restart(policy.SizeMedium)
	a.take([]uint32{4}, 1)
	f.Add(a.record())
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	// One that wraps within the second that has passed since.
	f.Add(binary.BigEndian.AppendUint64([]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, uint64(start.Add(-time.Second).UnixNano())))
	f.Fuzz(func(t *testing.T, b []byte) {
		var s senders
		if s.restore(b) {
			s.take([]uint32{0, 1, 2}, 3)
			s.snapshot(Group{Identifiers: []uint32{1}}, true)
		}
		var p pseudotime
		if p.restore(start, b, 0) && p.now(start) < xfrm.MinPseudotime {
			t.Error("a pseudotime before the first")
		}
	})
}
