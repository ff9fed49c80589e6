package runningconfig

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func acl(sequences []int, hosts ...byte) *AccessList {
	l := &AccessList{Name: "A", Extended: true}
	for i, h := range hosts {
		l.Entries = append(l.Entries, ACE{Sequence: sequences[i], Permit: true, Protocol: "ip",
			Src: Endpoint{Host: true, Addr: netip.AddrFrom4([4]byte{10, 0, 0, h})}, Dst: Endpoint{Any: true}})
	}
	return l
}

func TestKeepNumbers(t *testing.T) {
	tens := []int{10, 20, 30, 40, 50, 60}
	for _, tt := range []struct {
		name string
		old  *AccessList
		new  []byte
		want []int
	}{
		{"equal", acl([]int{5, 7, 100}, 1, 2, 3), []byte{1, 2, 3}, []int{5, 7, 100}},
		{"one goes", acl([]int{5, 7, 100}, 1, 2, 3), []byte{1, 3}, []int{5, 100}},
		{"one comes between", acl([]int{5, 7, 100}, 1, 2, 3), []byte{1, 4, 2, 3}, []int{5, 6, 7, 100}},
		{"one comes at the end", acl([]int{5, 7, 100}, 1, 2, 3), []byte{1, 2, 3, 4}, []int{5, 7, 100, 110}},
		{"one moves", acl([]int{10, 20, 30}, 1, 2, 3), []byte{2, 3, 1}, []int{20, 30, 40}},
		{"no room", acl([]int{5, 6, 100}, 1, 2, 3), []byte{1, 4, 2, 3}, tens[:4]},
		{"another list", acl([]int{5, 6}, 1, 2), []byte{3, 4, 5}, tens[:3]},
		{"at the front", acl([]int{5, 6}, 1, 2), []byte{3, 1, 2}, []int{2, 5, 6}},
	} {
		c := &Config{AccessLists: []*AccessList{acl(tens, tt.new...)}}
		c.KeepNumbers(&Config{AccessLists: []*AccessList{tt.old}})
		var got []int
		for _, e := range c.AccessLists[0].Entries {
			got = append(got, e.Sequence)
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s: %s", tt.name, d)
		}
	}
}

// Numbers rise whatever the lists are, and an entry that a list keeps in its
// place keeps its number.
func TestKeepNumbersRise(t *testing.T) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 1))
		var numbers []int
		for n := 0; len(numbers) < 20; {
			n += 1 + r.IntN(15)
			numbers = append(numbers, n)
		}
		tens := make([]int, 20)
		for i := range tens {
			tens[i] = 10 * (i + 1)
		}
		hosts := func() (out []byte) {
			for _, n := range r.Perm(20)[:r.IntN(20)] {
				out = append(out, byte(n))
			}
			return out
		}
		c := &Config{AccessLists: []*AccessList{acl(tens, hosts()...)}}
		c.KeepNumbers(&Config{AccessLists: []*AccessList{acl(numbers, hosts()...)}})
		last := 0
		for _, e := range c.AccessLists[0].Entries {
			if e.Sequence <= last {
				t.Fatalf("seed %d: %d follows %d", seed, e.Sequence, last)
			}
			last = e.Sequence
		}
	}
}
