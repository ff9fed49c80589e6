package virtual

import (
	"cmp"
	"maps"
	"slices"

	"coterie/xfrm"
)

// Snapshot implements xfrm.Dataplane. A group that only a crypto map names yet
// is listed too, with its counters and nothing else.
func (d *Dataplane) Snapshot() xfrm.Snapshot {
	d.mu.Lock()
	defer d.mu.Unlock()
	var s xfrm.Snapshot
	for _, k := range slices.SortedFunc(maps.Keys(d.members), compareKeys) {
		s.Groups = append(s.Groups, d.members[k].group.snapshot())
	}
	for _, name := range slices.Sorted(maps.Keys(d.interfaces)) {
		s.Interfaces = append(s.Interfaces, cloneInterface(d.interfaces[name]))
	}
	return s
}

func compareKeys(a, b xfrm.GroupKey) int {
	return cmp.Or(cmp.Compare(a.VRF, b.VRF), cmp.Compare(a.Name, b.Name), a.Source.Compare(b.Source))
}

func (g *group) snapshot() xfrm.GroupSnapshot {
	s := xfrm.GroupSnapshot{Key: g.key, Direction: g.direction, Counters: g.counters.snapshot()}
	for _, p := range g.policies {
		s.Policies = append(s.Policies, xfrm.PolicyCounters{
			Policy: p.Policy, Outbound: p.hits.outbound.Load(), Inbound: p.hits.inbound.Load(),
		})
	}
	for _, a := range g.associations {
		c := a.sa.Counters()
		s.SAs = append(s.SAs, xfrm.SASnapshot{
			SPI: a.spi, Transform: a.transform, Expires: a.expires,
			Counters: xfrm.SACounters{SPI: a.spi, Encrypt: c.Encrypt, Decrypt: c.Decrypt},
		})
	}
	return s
}

func cloneInterface(p xfrm.InterfacePolicy) xfrm.InterfacePolicy {
	p.Entries = slices.Clone(p.Entries)
	for i := range p.Entries {
		p.Entries[i].Local = slices.Clone(p.Entries[i].Local)
		p.Entries[i].Bypass = slices.Clone(p.Entries[i].Bypass)
	}
	if p.FailClose != nil {
		f := *p.FailClose
		f.Exempt = slices.Clone(f.Exempt)
		p.FailClose = &f
	}
	return p
}
