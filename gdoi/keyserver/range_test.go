package keyserver

import (
	"testing"
	"time"
)

// A configuration that no line makes, as a recording that is replayed may hold
// one, costs neither a loop without end nor more than a few datagrams a second.
func TestConfigurationOutOfRange(t *testing.T) {
	for name, edit := range map[string]func(*Group){
		"periodic at once":        func(g *Group) { g.Rekey.Retransmit, g.Rekey.Periodic = 0, true },
		"periodic before":         func(g *Group) { g.Rekey.Retransmit, g.Rekey.Periodic = -time.Hour, true },
		"many copies at once":     func(g *Group) { g.Rekey.Retransmit, g.Rekey.Count = 0, 1<<40 },
		"batches of less than no": func(g *Group) { g.Rekey.Pace.Batch = -1 },
		"batches back in time":    func(g *Group) { g.Rekey.Pace.Interval = -time.Second },
		"a TEK without life":      func(g *Group) { g.SAs[0].Lifetime = 0 },
		"a TEK of the past":       func(g *Group) { g.SAs[0].Lifetime = -time.Hour },
		"a KEK of the past":       func(g *Group) { g.Rekey.Lifetime = -time.Hour },
	} {
		g := testGroup()
		edit(&g)
		w := newWorld(t, g)
		m := w.newMember(2)
		m.register(1234)
		m.mute = true
		w.takeSends()
		w.step(RekeyNow{})
		w.run(5 * time.Second)
		if n := len(w.takeSends()); n == 0 || n > 100 {
			t.Errorf("%s: %d datagrams", name, n)
		}
	}
}
