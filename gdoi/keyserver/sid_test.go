package keyserver

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"coterie/crypto/isakmp"
	"coterie/crypto/suite"
	"coterie/gdoi/policy"
	"coterie/gdoi/wire"
	"coterie/internal/env"
	"coterie/xfrm"
)

// checker is what *testing.T and *rapid.T have in common.
type checker interface {
	Helper()
	Errorf(string, ...any)
	Fatalf(string, ...any)
	Fatal(...any)
}

// station is a key server with a disk, and a history of what its members were
// given: enough to crash it and to see what comes twice.
type station struct {
	t      checker
	now    time.Time
	m      *Machine
	groups []Group
	disk   map[[2]string][]byte
	later  map[[2]string][]byte // not on disk yet
	wrote  time.Time
	lives  int
	full   bool          // the disk
	set    time.Duration // what the clock is set by while it is off
	logs   []string
	pushes []Send
	answer *isakmp.Exchange2

	// mid and seen: who has had which sender ID under which key, by TEK SPI.
	mid  uint32
	seen map[string]netip.Addr
	// told is the latest pseudotime that members of a TEK were told.
	told map[uint32]xfrm.Pseudotime
}

func newStation(t checker, groups ...Group) *station {
	s := &station{t: t, now: start, groups: groups, disk: map[[2]string][]byte{}, later: map[[2]string][]byte{}, seen: map[string]netip.Addr{}, told: map[uint32]xfrm.Pseudotime{}}
	s.boot("")
	return s
}

// boot starts the machine on what is on disk, or with a store that is lost.
func (s *station) boot(lost string) {
	s.lives++
	seed := sha256.Sum256(fmt.Append(nil, "station", s.lives))
	s.m = New(env.Env{Rand: rand.NewChaCha8(seed)})
	in := Restore{Lost: lost}
	if lost == "" {
		for _, k := range slices.SortedFunc(maps.Keys(s.disk), func(a, b [2]string) int { return strings.Compare(a[0]+a[1], b[0]+b[1]) }) {
			in.Records = append(in.Records, Record{k[0], k[1], s.disk[k]})
		}
		if len(s.disk) > 0 {
			in.Elapsed = s.now.Sub(s.wrote)
		}
	} else {
		clear(s.disk)
	}
	s.m.Step(s.now, in)
	s.step(Configure{Config{Groups: s.groups}})
}

// crash ends the machine, loses what was not on disk, and starts it later.
func (s *station) crash(off time.Duration, lost string) {
	clear(s.later)
	s.now, s.wrote = s.now.Add(off+s.set), s.wrote.Add(s.set)
	s.set = 0
	s.boot(lost)
}

func (s *station) write(list map[[2]string][]byte) {
	for k, v := range list {
		v = Stamp(s.now, []Record{{k[0], k[1], v}})[0].Value
		if len(v) == 0 {
			delete(s.disk, k)
		} else {
			s.disk[k] = v
		}
	}
	s.wrote = s.now
}

func (s *station) step(in Input) {
	s.m.Step(s.now, in)
	for out := s.m.Drain(); len(out) > 0; out = s.m.Drain() {
	drain:
		for _, o := range out {
			switch o := o.(type) {
			case Persist:
				if s.full {
					s.m.Step(s.now, Persisted{o.Number, errors.New("disk full")})
					break drain
				}
				list := map[[2]string][]byte{}
				for _, r := range o.Records {
					list[[2]string{r.Group, r.Key}] = r.Value
				}
				s.write(list)
				s.m.Step(s.now, Persisted{o.Number, nil})
			case PersistLater:
				for _, r := range o.Records {
					s.later[[2]string{r.Group, r.Key}] = r.Value
				}
			case Compute:
				s.m.Step(s.now, Done{env.JobDone{ID: o.ID, Result: o.Do()}})
			case Log:
				if o.Event != nil {
					s.logs = append(s.logs, o.Text())
				}
			case Send:
				s.pushes = append(s.pushes, o)
			case ToISAKMP:
				if x, ok := o.Input.(isakmp.Exchange2); ok {
					s.answer = &x
				}
			}
		}
	}
}

// run lets time pass; what may lag is on disk a second later.
func (s *station) run(d time.Duration) {
	for end := s.now.Add(d); ; {
		next := s.m.Next()
		if flush := s.now.Add(time.Second); len(s.later) > 0 && (next.IsZero() || flush.Before(next)) {
			next = flush
		}
		if next.IsZero() || next.After(end) {
			s.now = end
			return
		}
		s.now = later(s.now, next)
		if len(s.later) > 0 && !s.full {
			s.write(s.later)
			clear(s.later)
		}
		s.step(Tick{})
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// given is what one registration brought.
type given struct {
	policy wire.Policy
	ids    policy.SenderIDs
}

// register takes the policy and keys as member i, asking for n sender IDs.
// deliver false loses message 4.
func (s *station) register(i, n int, foreign bool) (given, bool) {
	s.mid++
	sa := phaseOne(i, isakmp.CapTBAR|isakmp.CapDenyACE|isakmp.CapPushAck)
	if foreign {
		sa.Foreign, sa.Capabilities = true, 0
	}
	send := func(first uint8, chain []byte, err error) bool {
		if err != nil {
			s.t.Fatal(err)
		}
		s.answer = nil
		s.step(Phase2{isakmp.Phase2{SA: sa, Exchange: isakmp.ExchangePull, MessageID: s.mid, First: first, Payloads: chain}})
		return s.answer != nil
	}
	ni := bytes.Repeat([]byte{byte(i)}, 20)
	if !send(wire.BuildPull1(sa.PRF, s.mid, wire.Pull1{Nonce: ni, ID: wire.GroupIdentity(s.groups[0].ID)})) {
		return given{}, false
	}
	two, err := wire.ParsePull2(sa.PRF, s.mid, ni, s.answer.First, s.answer.Payloads, wire.Form{})
	if err != nil {
		s.t.Fatal(err)
	}
	var g given
	if g.policy, err = wire.DecodeSA(two.SA, s.now); err != nil {
		s.t.Fatal(err)
	}
	s.tell(g.policy)
	if !send(wire.BuildPull3(sa.PRF, s.mid, ni, two.Nonce, wire.Pull3{GAP: wire.SenderIDRequest(n)})) {
		return given{}, false
	}
	four, err := wire.ParsePull4(sa.PRF, s.mid, ni, two.Nonce, s.answer.First, s.answer.Payloads)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := g.policy.AddKeys(four.KD); err != nil {
		s.t.Fatal(err)
	}
	if g.ids, err = wire.SenderIDsOf(four.KD); err != nil {
		s.t.Fatal(err)
	}
	s.record(sa.Remote.Addr(), g)
	return g, true
}

// record checks that nobody had a sender ID under the same key before, the
// KEK included: later TEKs come under it.
func (s *station) record(addr netip.Addr, g given) {
	s.t.Helper()
	under := []string{}
	for _, t := range g.policy.TEKs {
		if t.Transform.CounterMode() {
			under = append(under, fmt.Sprintf("TEK %x", t.CipherKey.Reveal()))
		}
	}
	if k := g.policy.KEK; k != nil {
		under = append(under, fmt.Sprintf("KEK %x", k.Key.Reveal()))
	}
	for _, key := range under {
		for _, v := range g.ids.Values {
			who := fmt.Sprintf("%s, %d bits, %#x", key, g.ids.Bits, v)
			if other, ok := s.seen[who]; ok {
				s.t.Fatalf("%s: given to %v and now to %v", who, other, addr)
			}
			s.seen[who] = addr
		}
	}
}

// tell checks that the pseudotime of a message has not gone back under any of
// its TEKs.
func (s *station) tell(p wire.Policy) {
	s.t.Helper()
	for _, t := range p.TEKs {
		if t.Replay.Method != policy.ReplayTime {
			continue
		}
		switch {
		case p.Pseudotime == nil:
			s.t.Fatalf("no pseudotime with SPI %#x", t.SPI)
		case *p.Pseudotime < s.told[t.SPI] || *p.Pseudotime < xfrm.MinPseudotime:
			s.t.Fatalf("pseudotime %d after %d under SPI %#x", *p.Pseudotime, s.told[t.SPI], t.SPI)
		}
		s.told[t.SPI] = *p.Pseudotime
	}
}

func (s *station) wantLog(want string) {
	s.t.Helper()
	if !slices.Contains(s.logs, want) {
		s.t.Errorf("not logged: %s\n%s", want, strings.Join(s.logs, "\n"))
	}
	s.logs = nil
}

func (s *station) snapshot() GroupSnapshot { return s.m.Snapshot(s.now).Groups[0] }

// counterGroup is testGroup with GCM.
func counterGroup(size policy.GroupSize, identifiers ...uint32) Group {
	g := testGroup()
	g.SAs[0].Transform = suite.Transform{Cipher: suite.ESPGCM128}
	g.Size, g.Identifiers = size, identifiers
	return g
}

// A new sender ID at every registration, in turn, as many as asked for; the
// record is on disk before message 4 leaves.
func TestSenderIDsInTurn(t *testing.T) {
	s := newStation(t, counterGroup(policy.GroupSize{}, 5, 9))
	want := []struct {
		member, ask int
		foreign     bool
		values      []uint32
	}{
		{2, 1, false, []uint32{5 << 17}},
		{3, 1, true, []uint32{5<<17 | 1}}, // RFC 6407's own form
		{2, 1, false, []uint32{5<<17 | 2}},
		{4, 3, false, []uint32{5<<17 | 3, 5<<17 | 4, 5<<17 | 5}},
		{2, 40, false, nil}, // 32 are the most
		{5, 1, false, []uint32{5<<17 | 38}},
	}
	for i, x := range want {
		g, ok := s.register(x.member, x.ask, x.foreign)
		if !ok || g.ids.Bits != 24 || x.values != nil && !slices.Equal(g.ids.Values, x.values) {
			t.Fatalf("%d: %+v", i, g.ids)
		}
		if x.values == nil && len(g.ids.Values) != wire.MaxSenderIDs {
			t.Errorf("%d given", len(g.ids.Values))
		}
		m, _ := s.snapshot().Members.Get(memberAddr(x.member))
		if m.SenderID != g.ids.Values[0] || m.SIDBits != 24 || int(m.SIDCount) != len(g.ids.Values) {
			t.Errorf("member %+v", m)
		}
	}
	x := s.snapshot().SenderIDs
	if !x.CounterMode || x.Current != 5 || x.Next != 39 || !x.InUse || !x.Left || x.Remaining != 2*131071-39 {
		t.Errorf("%+v", x)
	}
}

// The sizes of IOS: how many bits, how many numbers, which identifiers fit.
func TestSenderIDSizes(t *testing.T) {
	tests := []struct {
		size        policy.GroupSize
		identifiers []uint32
		bits        uint8
		first       uint32
		remaining   uint64
	}{
		{policy.SizeSmall8, nil, 8, 0, 255},
		{policy.SizeSmall12, nil, 12, 0, 4095},
		{policy.SizeSmall16, []uint32{3}, 16, 0, 65535}, // has no use for it
		{policy.SizeMedium, []uint32{127}, 24, 127 << 17, 131071},
		{policy.SizeLarge, []uint32{511}, 32, 511 << 23, 8388607},
		{policy.SizeMedium, []uint32{1, 300}, 24, 1 << 17, 131071}, // 300 needs a large group
	}
	for _, tt := range tests {
		s := newStation(t, counterGroup(tt.size, tt.identifiers...))
		if n := s.snapshot().SenderIDs.Remaining; n != tt.remaining {
			t.Errorf("%v: %d numbers", tt.size, n)
		}
		g, ok := s.register(2, 1, false)
		if !ok || g.ids.Bits != tt.bits || !slices.Equal(g.ids.Values, []uint32{tt.first}) {
			t.Errorf("%v: %+v", tt.size, g.ids)
		}
	}
	s := newStation(t, testGroup()) // no counter mode, no sender ID
	if g, ok := s.register(2, 1, false); !ok || g.ids.Bits != 0 {
		t.Errorf("%+v", g.ids)
	}
}

// With the last number of the last identifier the group begins anew: new keys,
// members are told to leave under the old KEK, numbers start at 0.
func TestSenderIDExhaustion(t *testing.T) {
	s := newStation(t, counterGroup(policy.GroupSize{Bits: 8, ServerBits: 6}, 1, 2)) // three numbers each
	var last given
	for i := range 6 {
		g, ok := s.register(2+i, 1, false)
		if !ok || g.ids.Values[0] != uint32(1+i/3)<<2|uint32(i%3) {
			t.Fatalf("%d: %+v", i, g.ids)
		}
		last = g
	}
	if x := s.snapshot().SenderIDs; x.Left || !slices.Equal(x.Used, []uint32{1, 2}) || x.Epoch != 0 {
		t.Errorf("%+v", x)
	}
	s.logs, s.pushes = nil, nil
	g, ok := s.register(9, 1, false)
	if !ok || g.ids.Values[0] != 1<<2 {
		t.Fatalf("%+v", g.ids)
	}
	if g.policy.KEK.SPI == last.policy.KEK.SPI || g.policy.TEKs[0].SPI == last.policy.TEKs[0].SPI || len(g.policy.TEKs) != 1 {
		t.Error("old keys")
	}
	if !slices.ContainsFunc(s.logs, func(l string) bool { return strings.Contains(l, "KS_REINIT_GROUP") }) {
		t.Error(s.logs)
	}
	s.wantLog("%GDOI-5-KS_REINIT_FINISH: Re-initialization of group GDOI-GROUP1 completed.")
	if x := s.snapshot().SenderIDs; x.Epoch != 1 || x.Next != 1 || x.Used != nil {
		t.Errorf("%+v", x)
	}
	// The farewell: under the old KEK, everything is deleted, nothing is given.
	if len(s.pushes) != 6 {
		t.Fatalf("%d datagrams", len(s.pushes))
	}
	p, err := wire.ParsePush(*last.policy.KEK, s.pushes[0].Data, wire.Form{})
	if err != nil || p.VerifySignature() != nil || p.SA != nil || p.KD != nil || len(p.Deletes) != 2 || !p.Deletes[0].All() || !p.Deletes[1].All() {
		t.Errorf("%+v %v", p, err)
	}
	// What was offered before is void: no number of the new epoch under old keys.
	for i := range 4 {
		s.register(20+i, 1, false)
	}
}

// A registration between messages 2 and 3 does not survive a new epoch.
func TestSenderIDEpochEndsOffers(t *testing.T) {
	w := newWorld(t, counterGroup(policy.GroupSize{Bits: 8, ServerBits: 6}, 1))
	early := w.newMember(2)
	if !early.pull1(1234) {
		t.Fatal("refused")
	}
	for i := range 3 {
		m := w.newMember(3 + i)
		m.register(1234)
		m.mute = true
	}
	if !w.newMember(7).register(1234) {
		t.Fatal("no new epoch")
	}
	if early.pull3() {
		t.Error("old keys with a number of the new epoch")
	}
}

// Two members are offered the last number; the second must ask again.
func TestLastSenderID(t *testing.T) {
	w := newWorld(t, counterGroup(policy.GroupSize{Bits: 8, ServerBits: 6}, 1))
	for i := range 2 {
		m := w.newMember(2 + i)
		m.register(1234)
		m.mute = true
	}
	a, b := w.newMember(4), w.newMember(5)
	a.mute = true
	if !a.pull1(1234) || !b.pull1(1234) || !a.pull3() {
		t.Fatal("refused")
	}
	if b.pull3() || w.refused[0].Notify != wire.NotifyNoProposalChosen {
		t.Error("given what is not there")
	}
	if !b.register(1234) {
		t.Error("refused for good")
	}
}

// Members keep their numbers over a rekey; another size needs new keys and new
// registrations.
func TestGroupSizeChanges(t *testing.T) {
	g := counterGroup(policy.SizeMedium, 1)
	s := newStation(t, g)
	old, _ := s.register(2, 1, false)
	s.logs = nil
	g.Size = policy.SizeLarge
	s.groups = []Group{g}
	s.step(Configure{Config{Groups: s.groups}})
	if !slices.ContainsFunc(s.logs, func(l string) bool { return strings.Contains(l, "POLICY_CHANGE") }) || !s.snapshot().Changed {
		t.Errorf("no change of policy: %v", s.logs)
	}
	// Until the next rekey the width is the old one.
	if g, _ := s.register(3, 1, false); g.ids.Bits != 24 || g.ids.Values[0] != 1<<17|1 {
		t.Errorf("%+v", g.ids)
	}
	s.step(RekeyNow{})
	now, ok := s.register(4, 1, false)
	if !ok || now.ids.Bits != 32 || now.ids.Values[0] != 1<<23 || now.policy.KEK.SPI == old.policy.KEK.SPI ||
		slices.ContainsFunc(now.policy.TEKs, func(t policy.TEK) bool { return t.SPI == old.policy.TEKs[0].SPI }) {
		t.Errorf("%+v", now)
	}
	s.wantLog("%GDOI-5-KS_REINIT_GROUP: Group size has changed for group GDOI-GROUP1 and will re-initialize the group.")
}
