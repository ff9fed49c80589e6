package member_test

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"coterie/crypto/isakmp"
	"coterie/crypto/suite"
	"coterie/gdoi/keyserver"
	"coterie/gdoi/member"
	"coterie/gdoi/policy"
	"coterie/internal/env"
	"coterie/internal/testkey"
	"coterie/xfrm"
)

// A real key server and real members, over an isakmp that is reduced to its
// contract and a network without delay. What each says must be what the other
// understands.

var ks = netip.MustParseAddr("192.168.1.254")

type world struct {
	t       *testing.T
	now     time.Time
	ks      *keyserver.Machine
	members []*node
	log     []string // of the key server
	lose    func(to netip.Addr, data []byte) bool
}

type node struct {
	addr      netip.Addr
	m         *member.Machine
	installed *xfrm.Group
	log       []string
}

func prf(parts ...[]byte) []byte { return suite.SHA256.HMAC([]byte("SKEYID_a"), parts...) }

func newWorld(t *testing.T, n int) *world {
	w := &world{t: t, now: time.Date(2026, 1, 2, 18, 0, 0, 0, time.UTC)}
	w.ks = keyserver.New(env.Env{Rand: rand.NewChaCha8([32]byte{1})})
	for i := range n {
		a := netip.AddrFrom4([4]byte{192, 168, 1, byte(2 + i)})
		w.members = append(w.members, &node{addr: a, m: member.New(env.Env{Rand: rand.NewChaCha8([32]byte{2, byte(i)})})})
	}
	return w
}

func (w *world) keyserver() keyserver.Config {
	w.t.Helper()
	key, spki := testkey.Rekey()
	return keyserver.Config{Groups: []keyserver.Group{{
		Name: "G", ID: policy.GroupID{Number: 1}, Address: ks, Port: 848,
		Rekey: keyserver.Rekey{Unicast: true, Cipher: suite.AES256, SigHash: suite.SHA256, KeyLabel: "K", Signer: key, SPKI: spki,
			Lifetime: 2 * time.Hour, Retransmit: 10 * time.Second, Count: 2},
		SAs: []keyserver.SA{{Number: 10, Profile: "P", ACLName: "A", ACEs: []xfrm.ACE{{Protocol: 17}, {Permit: true, Protocol: 1}},
			Transform: suite.Transform{Cipher: suite.ESPAES256, Auth: suite.ESPSHA256}, Lifetime: time.Hour,
			Replay: policy.Replay{Method: policy.ReplayCounter, CounterWindow: 64}}},
	}}}
}

func (w *world) boot() {
	w.ks.Step(w.now, keyserver.Configure{Config: w.keyserver()})
	for _, n := range w.members {
		n.m.Step(w.now, member.Configure{Config: member.Config{Key: xfrm.GroupKey{Name: "G", Source: n.addr},
			ID: policy.GroupID{Number: 1}, Servers: []netip.Addr{ks}, Port: 848}})
	}
	w.settle()
}

// settle performs outputs until there are none.
func (w *world) settle() {
	for busy := true; busy; {
		busy = false
		for _, o := range w.ks.Drain() {
			busy = true
			w.fromKeyServer(o)
		}
		for _, n := range w.members {
			for _, o := range n.m.Drain() {
				busy = true
				w.fromMember(n, o)
			}
		}
	}
}

// sa is the phase 1 of a member as one of its ends sees it; its number tells
// the member.
func sa(n *node, initiator bool) isakmp.SA {
	s := isakmp.SA{ID: isakmp.SAID(n.addr.As4()[3]), Initiator: initiator, PRF: prf, Local: netip.AddrPortFrom(n.addr, 848),
		Remote: netip.AddrPortFrom(ks, 848), Capabilities: isakmp.CapDenyACE | isakmp.CapPushAck | isakmp.CapTwoOctetTEK}
	if !initiator {
		s.Local, s.Remote = s.Remote, s.Local
	}
	s.Peer = isakmp.AddressID(s.Remote)
	return s
}

func (w *world) node(id isakmp.SAID) *node {
	return w.members[slices.IndexFunc(w.members, func(n *node) bool { return isakmp.SAID(n.addr.As4()[3]) == id })]
}

func (w *world) fromKeyServer(o keyserver.Output) {
	switch o := o.(type) {
	case keyserver.Send:
		for _, n := range w.members {
			if n.addr == o.Remote.Addr() && (w.lose == nil || !w.lose(n.addr, o.Data)) {
				n.m.Step(w.now, member.Push{Local: o.Remote, Remote: o.Local, Data: o.Data})
			}
		}
	case keyserver.ToISAKMP:
		switch in := o.Input.(type) {
		case isakmp.Exchange2:
			n := w.node(in.SA)
			n.m.Step(w.now, member.Phase2{Phase2: isakmp.Phase2{SA: sa(n, true), Exchange: in.Exchange, MessageID: in.MessageID, First: in.First, Payloads: in.Payloads}})
		case isakmp.Refuse:
			n := w.node(in.SA)
			if in.Notify != 0 {
				n.m.Step(w.now, member.Notified{Notified: isakmp.Notified{SA: sa(n, true), Type: in.Notify, MessageID: in.MessageID}})
			}
		}
	case keyserver.Compute:
		w.ks.Step(w.now, keyserver.Done{JobDone: env.JobDone{ID: o.ID, Result: o.Do()}})
	case keyserver.Persist:
		w.ks.Step(w.now, keyserver.Persisted{Number: o.Number})
	case keyserver.Log:
		if o.Event != nil {
			w.log = append(w.log, o.Text())
		}
	}
}

func (w *world) fromMember(n *node, o member.Output) {
	switch o := o.(type) {
	case member.ToISAKMP:
		switch in := o.Input.(type) {
		case isakmp.Connect:
			n.m.Step(w.now, member.PhaseOneUp{PhaseOneUp: isakmp.PhaseOneUp{SA: sa(n, true)}})
		case isakmp.Exchange2:
			w.ks.Step(w.now, keyserver.Phase2{Phase2: isakmp.Phase2{SA: sa(n, false), Exchange: in.Exchange, MessageID: in.MessageID, First: in.First, Payloads: in.Payloads}})
		}
	case member.Install:
		n.installed = &o.Group
		n.m.Step(w.now, member.Installed{Number: o.Number})
	case member.Remove:
		n.installed = nil
	case member.Send:
		w.ks.Step(w.now, keyserver.Ack{Local: o.Remote, Remote: o.Local, Data: o.Data})
	case member.Log:
		if o.Event != nil {
			n.log = append(n.log, o.Text())
		}
	}
}

// run moves time on; each is called every second.
func (w *world) run(d time.Duration, each func()) {
	end := w.now.Add(d)
	second := w.now.Add(time.Second)
	for w.now.Before(end) {
		at := second
		if n := w.ks.Next(); !n.IsZero() && n.Before(at) {
			at = n
		}
		for _, m := range w.members {
			if n := m.m.Next(); !n.IsZero() && n.Before(at) {
				at = n
			}
		}
		if at.After(w.now) {
			w.now = at
		}
		if n := w.ks.Next(); !n.IsZero() && !n.After(w.now) {
			w.ks.Step(w.now, keyserver.Tick{})
		}
		for _, m := range w.members {
			if n := m.m.Next(); !n.IsZero() && !n.After(w.now) {
				m.m.Step(w.now, member.Tick{})
			}
		}
		w.settle()
		if w.now.Equal(second) {
			second = second.Add(time.Second)
			each()
		}
	}
}

// reach checks that every member decrypts what every member encrypts.
func (w *world) reach() {
	w.t.Helper()
	for _, from := range w.members {
		spi := outbound(from)
		for _, to := range w.members {
			if to.installed == nil || !slices.ContainsFunc(to.installed.SAs, func(s xfrm.SA) bool { return s.SPI == spi && s.Expires.After(w.now) }) {
				w.t.Fatalf("%v: what %v encrypts with 0x%X is lost on %v", w.now, from.addr, spi, to.addr)
			}
		}
	}
}

func outbound(n *node) uint32 {
	if n.installed == nil {
		return 0
	}
	for _, p := range n.installed.Policies {
		if p.Permit {
			return p.SPI
		}
	}
	return 0
}

func count(log []string, what string) (n int) {
	for _, l := range log {
		if strings.Contains(l, what) {
			n++
		}
	}
	return n
}

func TestGroupRollsOver(t *testing.T) {
	w := newWorld(t, 3)
	w.boot()
	for _, n := range w.members {
		if s := n.m.Snapshot(w.now); s.Status != "Registered" || len(s.ACEs) != 2 {
			t.Fatalf("%+v\n%s", s, strings.Join(n.log, "\n"))
		}
	}
	w.run(10*time.Hour, w.reach)
	for _, n := range w.members {
		s := n.m.Snapshot(w.now)
		if s.Attempted != 1 || s.RekeysReceived < 10 || s.AcksSent != s.RekeysReceived || s.Counters != (member.Counters{}) {
			t.Errorf("%v: %d registrations, %d rekeys, %d acks, %+v", n.addr, s.Attempted, s.RekeysReceived, s.AcksSent, s.Counters)
		}
	}
	k := w.ks.Snapshot(w.now)
	if k.Counters.AcksBad != 0 || k.Counters.AcksUnsolicited != 0 {
		t.Errorf("%+v", k.Counters)
	}
}

// Every first copy of a rekey is lost: the retransmissions are enough.
func TestGroupWithLoss(t *testing.T) {
	w := newWorld(t, 2)
	seen := make(map[string]bool)
	w.lose = func(to netip.Addr, data []byte) bool {
		first := !seen[to.String()+string(data)]
		seen[to.String()+string(data)] = true
		return first
	}
	w.boot()
	w.run(5*time.Hour, w.reach)
	for _, n := range w.members {
		if s := n.m.Snapshot(w.now); s.Attempted != 1 || s.RekeysReceived < 5 {
			t.Errorf("%d registrations, %d rekeys", s.Attempted, s.RekeysReceived)
		}
	}
}

// A member that gets no rekeys at all registers before its keys end, every
// time. (Until then it misses what the others encrypt with the new TEK.)
func TestGroupWithDeafMember(t *testing.T) {
	w := newWorld(t, 2)
	deaf := w.members[1].addr
	w.lose = func(to netip.Addr, _ []byte) bool { return to == deaf }
	w.boot()
	w.run(5*time.Hour, func() {
		if outbound(w.members[1]) == 0 {
			t.Fatalf("%v: nothing to encrypt with", w.now)
		}
	})
	if s := w.members[1].m.Snapshot(w.now); s.Attempted < 5 || s.Succeeded != s.Attempted || s.RekeysReceived != 0 {
		t.Errorf("%d registrations, %d rekeys", s.Attempted, s.RekeysReceived)
	}
	if n := count(w.members[1].log, "GM_RE_REGISTER"); n != 0 {
		t.Errorf("keys ran out %d times", n)
	}
}

func TestGroupPolicyReplace(t *testing.T) {
	w := newWorld(t, 2)
	w.boot()
	w.run(10*time.Minute, w.reach)
	old := outbound(w.members[0])

	cfg := w.keyserver()
	cfg.Groups[0].SAs[0].ACEs = []xfrm.ACE{{Permit: true, Protocol: 6}, {Permit: true, Protocol: 1}}
	w.ks.Step(w.now, keyserver.Configure{Config: cfg})
	w.settle()
	if len(w.members[0].installed.Policies) != 2 || w.members[0].installed.Policies[0].Permit {
		t.Error("the edited policy came without a rekey")
	}
	w.ks.Step(w.now, keyserver.RekeyNow{})
	w.settle()
	if p := w.members[0].installed.Policies; len(p) != 2 || !p[0].Permit || p[0].Protocol != 6 || p[0].SPI != old {
		t.Errorf("%+v", p)
	}
	w.run(40*time.Second, w.reach)
	if outbound(w.members[0]) == old {
		t.Error("still encrypts with the old TEK")
	}
	// MIN(remaining, MAX(90 s, MIN(5 %, 3600 s))) is 180 s here.
	w.run(139*time.Second, w.reach)
	if len(w.members[0].installed.SAs) != 2 {
		t.Error("the old TEK ended too soon")
	}
	w.run(2*time.Second, w.reach)
	if len(w.members[0].installed.SAs) != 1 {
		t.Error("the old TEK does not end")
	}
}

func TestGroupReplaceNow(t *testing.T) {
	w := newWorld(t, 2)
	w.boot()
	w.run(10*time.Minute, w.reach)
	old := outbound(w.members[0])
	w.ks.Step(w.now, keyserver.RekeyNow{ReplaceNow: true})
	w.settle()
	for _, n := range w.members {
		if len(n.installed.SAs) != 1 || outbound(n) == old || count(n.log, "GM_RECV_POLICY_REPLACE_NOW") != 1 {
			t.Errorf("%+v\n%s", n.installed, strings.Join(n.log, "\n"))
		}
	}
	w.run(time.Hour, w.reach)
}

func TestGroupRefusals(t *testing.T) {
	w := newWorld(t, 1)
	w.ks.Step(w.now, keyserver.Configure{Config: w.keyserver()})
	n := w.members[0]
	n.m.Step(w.now, member.Configure{Config: member.Config{Key: xfrm.GroupKey{Name: "G", Source: n.addr},
		ID: policy.GroupID{Number: 2}, Servers: []netip.Addr{ks}, Port: 848}})
	w.settle()
	if count(n.log, "no group with identity 2") != 1 || count(w.log, "KS_BAD_ID") != 1 {
		t.Errorf("member %v\nkey server %v", n.log, w.log)
	}
	cfg := w.keyserver()
	cfg.Groups[0].Authorized = []xfrm.ACE{{Permit: true, Src: xfrm.Match{Addr: ks, Mask: netip.MustParseAddr("255.255.255.255")}}}
	w.ks.Step(w.now, keyserver.Configure{Config: cfg})
	w.settle()
	n.m.Step(w.now, member.Configure{Config: member.Config{Key: xfrm.GroupKey{Name: "G", Source: n.addr},
		ID: policy.GroupID{Number: 1}, Servers: []netip.Addr{ks}, Port: 848}})
	w.settle()
	if count(n.log, "does not authorize address 192.168.1.2") != 1 || count(w.log, "UNAUTHORIZED_IPADDR") != 1 {
		t.Errorf("member %v\nkey server %v", n.log, w.log)
	}
}
