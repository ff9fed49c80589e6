package modes

import (
	"errors"
	"math/rand/v2"
	"testing"

	"coterie/cli/grammar"
	"coterie/cli/grammar/grammartest"
	runningconfig "coterie/running-config"
)

// Random sessions: lines of every mode, with and without `no`, in any order.
// What they leave behind makes itself again.
func TestRandomSessions(t *testing.T) {
	global := Configuration(nil)
	pool := map[*grammar.Mode][]string{}
	grammar.Walk(global, func(path []*grammar.Mode, c *grammar.Command) {
		lines, err := grammartest.Samples(c)
		if err != nil {
			t.Fatal(err)
		}
		m := path[len(path)-1]
		for i, line := range lines {
			if i < 30 && c.Bind != nil {
				pool[m] = append(pool[m], line)
			}
		}
	})
	for seed := range uint64(150) {
		random := rand.New(rand.NewPCG(seed, 1))
		c, stack := new(runningconfig.Config), grammar.NewStack(global)
		for range 80 {
			m := stack.Mode()
			for m.Parent != nil && (random.IntN(6) == 0 || len(pool[m]) == 0) {
				m = m.Parent
			}
			line := pool[m][random.IntN(len(pool[m]))]
			line = []string{"", "", "", "", "", "no ", "default "}[random.IntN(7)] + line
			r, err := stack.Resolve(line, 15, c)
			if err != nil {
				t.Fatalf("seed %d: %s: %q: %v", seed, m.Name, line, err)
			}
			var refused Refusal
			if err := stack.Apply(c, r); err != nil && !errors.As(err, &refused) && !errors.Is(err, grammar.ErrGone) {
				t.Fatalf("seed %d: %q: %v", seed, line, err)
			}
		}
		for _, all := range []bool{false, true} {
			got := printed(t, c, all)
			for _, tree := range []*runningconfig.Config{new(runningconfig.Config), c} {
				for _, e := range Load(tree, got) {
					t.Fatalf("seed %d: of\n%s%q is refused: %v", seed, got, e.Text, e.Err)
				}
				if again := printed(t, tree, all); again != got {
					t.Fatalf("seed %d: printed\n%spasted, that prints\n%s", seed, got, again)
				}
			}
		}
	}
}
