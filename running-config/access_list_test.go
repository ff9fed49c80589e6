package runningconfig

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

func entry(n int) ACE {
	return ACE{Permit: n%2 == 0, Protocol: []string{"ip", "udp"}[n/2%2],
		Src: Endpoint{Any: true}, Dst: Endpoint{Host: true, Addr: netip.AddrFrom4([4]byte{10, 0, 0, byte(n / 4)})}}
}

// Find agrees with looking at every entry, whatever has happened to the list.
func TestFind(t *testing.T) {
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 2))
		l := new(AccessList)
		for step := range 200 {
			e := entry(random.IntN(24))
			switch random.IntN(8) {
			case 0:
				l.Insert(ACE{Sequence: random.IntN(1000) + 1, Remark: []string{"a", "b"}[random.IntN(2)]})
			case 1:
				l.Entries = slices.DeleteFunc(l.Entries, e.Equal)
				l.TidyRemarks()
			case 2:
				for i := range l.Entries {
					l.Entries[i].Sequence = 1 + 7*i
				}
				l.Renumbered()
			case 3: // replaced behind its back, the length the same
				l.Entries = slices.Clone(l.Entries)
				slices.Reverse(l.Entries)
				for i := range l.Entries {
					l.Entries[i].Sequence = 1 + i
				}
			case 4:
				if at := l.Find(e); at >= 0 {
					l.DropRepeated(at)
				}
			default:
				if l.Find(e) < 0 {
					e.Sequence = random.IntN(1000) + 1
					l.Insert(e)
				}
			}
			for n := range 24 {
				e := entry(n)
				if got, want := l.Find(e), slices.IndexFunc(l.Entries, e.Equal); got != want {
					t.Fatalf("seed %d, step %d: found at %d, is at %d", seed, step, got, want)
				}
			}
			if !slices.IsSortedFunc(l.Entries, func(a, b ACE) int { return a.Sequence - b.Sequence }) {
				t.Fatalf("seed %d, step %d: out of order", seed, step)
			}
		}
	}
}

// A run of remarks says each thing once; the same remark may stand elsewhere.
func TestRemarks(t *testing.T) {
	remark := func(n int, text string) ACE { return ACE{Sequence: n, Remark: text} }
	l := new(AccessList)
	for _, e := range []ACE{remark(10, "R"), {Sequence: 20, Permit: true}, remark(30, "R"), remark(40, "S"), remark(50, "R"), remark(45, "S")} {
		if !l.Insert(e) {
			t.Fatalf("%+v is refused", e)
		}
	}
	var got []int
	for _, e := range l.Entries {
		got = append(got, e.Sequence)
	}
	if want := []int{10, 20, 30, 40}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if l.Insert(remark(40, "T")) {
		t.Error("a number is taken twice")
	}
	l.Entries = slices.Delete(l.Entries, 1, 2)
	if l.TidyRemarks(); len(l.Entries) != 2 {
		t.Errorf("%+v", l.Entries)
	}
}
