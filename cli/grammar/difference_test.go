package grammar

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// patch applies changes to the lines they were computed from.
func patch(from []Item, changes []Change) []Item {
	var out []Item
	i := 0
	for _, c := range changes {
		out = append(out, from[i:c.From]...)
		switch i = c.From; c.Kind {
		case Removed:
			i++
		case Added:
			out = append(out, c.Item)
		case Within:
			item := from[i]
			item.Below = patch(item.Below, c.Below)
			out = append(out, item)
			i++
		}
	}
	return append(out, from[i:]...)
}

// texts is a configuration as indented text.
func texts(items []Item, indent string) (out []string) {
	for _, i := range items {
		out = append(out, indent+i.Text)
		out = append(out, texts(i.Below, indent+" ")...)
	}
	return out
}

func randomItems(r *rand.Rand, words, depth int) []Item {
	var out []Item
	for range r.IntN(12) {
		item := Item{Text: fmt.Sprint("line ", r.IntN(words))}
		if depth > 0 && r.IntN(3) == 0 {
			item.Below = randomItems(r, words, depth-1)
		}
		out = append(out, item)
	}
	return out
}

// The changes between two configurations, applied to the first, give the
// second; between equal ones there are none.
func TestCompareLaws(t *testing.T) {
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 2))
		words := 2 + r.IntN(30)
		a, b := randomItems(r, words, 2), randomItems(r, words, 2)
		if d := cmp.Diff(texts(b, ""), texts(patch(a, Compare(a, b)), "")); d != "" {
			t.Fatalf("seed %d: %s", seed, d)
		}
		if c := Compare(a, slices.Clone(a)); len(c) > 0 {
			t.Fatalf("seed %d: equal configurations differ: %+v", seed, c)
		}
	}
}

// No more lines change than must: the lines that stay are a longest common
// subsequence, here of lists without equal lines.
func TestCompareIsMinimal(t *testing.T) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 3))
		lines := func() (out []Item) {
			for _, n := range r.Perm(12)[:r.IntN(12)] {
				out = append(out, Item{Text: fmt.Sprint(n)})
			}
			return out
		}
		a, b := lines(), lines()
		common := make([][]int, len(a)+1)
		for i := range common {
			common[i] = make([]int, len(b)+1)
		}
		for i := range a {
			for j := range b {
				if common[i+1][j+1] = max(common[i][j+1], common[i+1][j]); a[i].Text == b[j].Text {
					common[i+1][j+1] = common[i][j] + 1
				}
			}
		}
		if got, want := len(Compare(a, b)), len(a)+len(b)-2*common[len(a)][len(b)]; got != want {
			t.Fatalf("seed %d: %d changes, want %d\n%v\n%v", seed, got, want, texts(a, ""), texts(b, ""))
		}
	}
}

// A change of ten lines of a long list is ten lines, and soon found.
func BenchmarkCompare(b *testing.B) {
	list := func(odd int) (out []Item) {
		for i := range 10000 {
			text := fmt.Sprintf("permit ip host 10.0.%d.%d any", i/256, i%256)
			if i%1000 == 500 {
				text = fmt.Sprintf("permit ip host 10.%d.%d.%d any", odd, i/256, i%256)
			}
			out = append(out, Item{Text: text})
		}
		return out
	}
	from, to := list(1), list(2)
	for b.Loop() {
		if n := len(Compare(from, to)); n != 20 {
			b.Fatalf("%d changes", n)
		}
	}
}
