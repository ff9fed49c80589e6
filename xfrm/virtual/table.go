package virtual

import (
	"time"

	"coterie/crypto/suite"
	"coterie/xfrm"
	"coterie/xfrm/esp"
)

// A table is everything that packets are judged by. It never changes; only the
// counters it points to do.
type table struct{ interfaces map[string]*attachment }

// An attachment is the crypto map of one interface.
type attachment struct {
	entries []entry // by sequence
	bySPI   map[uint32]inboundSA
	// own and rekey are the unicast and multicast addresses of Bypass.
	own, rekey []uint32
	overhead   int  // most octets that ESP adds
	policy     bool // some group has one: not everything is clear
	// closed says that the map is fail-close and some group is not installed;
	// exempt is what passes in the clear nevertheless.
	closed     bool
	failClose  bool
	exempt     *xfrm.Classifier
	exemptACEs []xfrm.ACE
}

type entry struct {
	local     *xfrm.Classifier
	localACEs []xfrm.ACE
	group     *group
}

type inboundSA struct {
	group *group
	*association
}

// A group is a member's policy and SAs; empty until it has registered.
type group struct {
	key          xfrm.GroupKey
	installed    bool
	direction    xfrm.Direction
	classifier   *xfrm.Classifier
	policies     []policy
	associations []*association // as installed
	bySPI        map[uint32]*association
	counters     *counters
	clock        xfrm.PseudoClock
}

// pseudotime is the group's at a moment, 0 while its clock is not synchronized.
func (g *group) pseudotime(now time.Time) xfrm.Pseudotime {
	if !g.clock.Synchronized() {
		return 0
	}
	return g.clock.Now(now)
}

type policy struct {
	xfrm.Policy
	sa   *association // of a permit; nil when there is none
	hits *hits
}

// An association is one installed SA. Its esp.SA lives on in the next
// association with the same SPI and keys.
type association struct {
	id        keyID
	spi       uint32
	transform suite.Transform
	transport bool
	expires   time.Time // zero: never
	tbar      xfrm.TBAR
	window    time.Duration
	sa        *esp.SA
}

// alive tells whether the SA may be used at now.
func (a *association) alive(now time.Time) bool {
	return a.expires.IsZero() || now.Before(a.expires)
}

func emptyGroup(k xfrm.GroupKey, c *counters) *group {
	return &group{key: k, classifier: xfrm.Compile(nil), counters: c}
}

// setPolicies compiles the policy. An ACE that was there before keeps its
// counters; of equal ones, the n-th keeps those of the n-th.
func (g *group) setPolicies(list []xfrm.Policy, old *group) {
	type nth struct {
		ace xfrm.ACE
		n   int
	}
	count := map[xfrm.ACE]int{}
	before := map[nth]*hits{}
	for _, p := range old.policies {
		before[nth{p.ACE, count[p.ACE]}] = p.hits
		count[p.ACE]++
	}
	clear(count)
	aces := make([]xfrm.ACE, len(list))
	g.policies = make([]policy, len(list))
	for i, p := range list {
		h := before[nth{p.ACE, count[p.ACE]}]
		count[p.ACE]++
		if h == nil {
			h = new(hits)
		}
		aces[i] = p.ACE
		g.policies[i] = policy{Policy: p, hits: h}
		if p.Permit {
			g.policies[i].sa = g.bySPI[p.SPI]
		}
	}
	g.classifier = xfrm.Compile(aces)
}

// attach resolves the groups of p, which are all in members.
func attach(p xfrm.InterfacePolicy, members map[xfrm.GroupKey]*member) *attachment {
	a := &attachment{bySPI: map[uint32]inboundSA{}}
	if f := p.FailClose; f != nil {
		a.failClose, a.exempt, a.exemptACEs = true, xfrm.Compile(f.Exempt), f.Exempt
	}
	for _, e := range p.Entries {
		g := members[e.Group].group
		a.entries = append(a.entries, entry{local: xfrm.Compile(e.Local), localACEs: e.Local, group: g})
		a.policy = a.policy || len(g.policies) > 0
		a.closed = a.closed || a.failClose && !g.installed
		for _, s := range g.associations {
			a.overhead = max(a.overhead, esp.Overhead(s.transform, s.tbar))
			if _, taken := a.bySPI[s.spi]; !taken {
				a.bySPI[s.spi] = inboundSA{g, s}
			}
		}
		for _, addr := range e.Bypass {
			v, ok := xfrm.Uint32(addr)
			switch {
			case !ok:
			case addr.IsMulticast():
				a.rekey = append(a.rekey, v)
			default:
				a.own = append(a.own, v)
			}
		}
	}
	return a
}
