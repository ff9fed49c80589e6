package keyserver

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"coterie/crypto/isakmp"
	"coterie/crypto/suite"
	"coterie/gdoi/policy"
	"coterie/gdoi/wire"
	"coterie/internal/env"
	"coterie/internal/testkey"
	"coterie/xfrm"
)

// store is the disk of a world.
func (w *world) store(records []Record) {
	if w.disk == nil {
		w.disk = map[[2]string][]byte{}
	}
	for _, r := range records {
		key := [2]string{r.Group, r.Key}
		if w.disk[key] = r.Value; len(r.Value) == 0 {
			delete(w.disk, key)
		}
	}
}

func (w *world) records() []Record {
	var out []Record
	for k, v := range w.disk {
		out = append(out, Record{Group: k[0], Key: k[1], Value: v})
	}
	slices.SortFunc(out, func(a, b Record) int { return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Key, b.Key)) })
	return out
}

// restart is a crash and, after off, a new machine over the same disk.
func (w *world) restart(off time.Duration, groups ...Group) {
	w.now = w.now.Add(off)
	w.m = New(env.Env{Rand: rand.NewChaCha8(sha256.Sum256(fmt.Append(nil, "again", w.now)))})
	var latest time.Time
	for k, v := range w.disk {
		if at := (&reader{b: v}); k[1] == keyClock {
			latest = at.time()
		}
	}
	w.step(Restore{Records: w.records(), Elapsed: w.now.Sub(latest)})
	w.configure(groups...)
}

func TestRestart(t *testing.T) {
	w := newWorld(t, testGroup())
	a, b := w.newMember(2), w.newMember(3)
	a.register(1234)
	b.register(1234)
	w.run(10 * time.Minute)
	w.step(RekeyNow{})
	w.run(time.Minute)
	before := w.group()
	w.takeLogs()
	w.takeSends()

	w.restart(90*time.Second, testGroup())
	w.wantLogs("%GDOI-5-KS_GROUP_ADD: Config: Group GDOI-GROUP1 added",
		"%GDOI-5-KS_REKEY_TRANS_2_UNI: Group GDOI-GROUP1 transitioned to Unicast Rekey.",
		"%GDOI-5-KS_STATE_RESTORED: Key server of group GDOI-GROUP1 goes on with 2 TEKs and 2 group members from before",
		"%GDOI-5-KS_SEND_UNICAST_REKEY: Sending Unicast Rekey for group GDOI-GROUP1 from address 192.168.1.254 with seq # 33")
	s := w.group()
	if s.KEK.SPI != before.KEK.SPI || len(s.TEKs) != 2 || s.Members.Len() != 2 || s.Seq != 33 || s.Changed {
		t.Fatalf("after the restart: %+v", s)
	}
	for i, tek := range s.TEKs {
		old := before.TEKs[i]
		if tek.SPI != old.SPI || tek.Remaining != old.Remaining-90*time.Second || tek.Superseded != old.Superseded || tek.ACLName != old.ACLName {
			t.Errorf("TEK %+v was %+v", tek, old)
		}
	}
	if s.KEK.Remaining != before.KEK.Remaining-90*time.Second {
		t.Errorf("KEK %v left, was %v", s.KEK.Remaining, before.KEK.Remaining)
	}
	m, _ := s.Members.Get(memberAddr(2))
	was, _ := before.Members.Get(memberAddr(2))
	was.RekeysSent++ // its acknowledgement of the one before came after its record
	was.SentSeq, was.RcvdSeq = push4(was.SentSeq, 33), [4]uint32{33}
	if m != was {
		t.Errorf("member %+v\nwas    %+v", m, was)
	}
	// Both know what it says already and have acknowledged it.
	if a.seq != 33 || len(w.takeSends()) != 2 || a.teks[0].SPI != s.TEKs[0].SPI {
		t.Errorf("SEQ %d", a.seq)
	}
	w.run(time.Minute)
	if len(w.sends) != 0 {
		t.Errorf("%d retransmissions", len(w.sends))
	}
	// The next scheduled rekey comes when it would have come.
	w.run(s.TEKs[0].TimeToRekey - time.Minute)
	if a.seq != 34 || b.seq != 34 {
		t.Errorf("members at SEQ %d and %d", a.seq, b.seq)
	}
}

// Lifetimes go on by the time that has passed, whatever the clock says now.
func TestRestartAfterTheClockWasSet(t *testing.T) {
	for _, set := range []time.Duration{-1000 * time.Hour, 1000 * time.Hour} {
		w := newWorld(t, testGroup())
		w.newMember(2).register(1234)
		before := w.group()
		w.now = w.now.Add(set)
		w.m = New(env.Env{Rand: rand.NewChaCha8([32]byte{7})})
		w.step(Restore{Records: w.records(), Elapsed: 100 * time.Second})
		w.configure(testGroup())
		s := w.group()
		m, _ := s.Members.Get(memberAddr(2))
		if s.TEKs[0].SPI != before.TEKs[0].SPI || s.TEKs[0].Remaining != 3500*time.Second || s.KEK.Remaining != 86300*time.Second || w.now.Sub(m.Registered) != 100*time.Second {
			t.Errorf("set by %v: %+v, registered %v", set, s, m.Registered)
		}
	}
	// Without a measure the clock is believed, but not backwards.
	w := newWorld(t, testGroup())
	w.newMember(2).register(1234)
	w.now = w.now.Add(-time.Hour)
	w.m = New(env.Env{Rand: rand.NewChaCha8([32]byte{7})})
	w.step(Restore{Records: w.records()})
	w.configure(testGroup())
	if s := w.group(); s.TEKs[0].Remaining != time.Hour {
		t.Errorf("%v left", s.TEKs[0].Remaining)
	}
}

// A rekey that nobody has got when the key server crashes goes out again: under
// the KEK that members hold, with the KEK and TEK that were stored.
func TestRestartInTheMiddleOfARollover(t *testing.T) {
	w := newWorld(t, testGroup())
	m := w.newMember(2)
	m.register(1234)
	held := *m.kek
	g := testGroup()
	g.Rekey.Cipher = suite.AES128
	w.configure(g)
	w.lose = func(Send) bool { return true }
	w.step(RekeyNow{})
	fresh := w.group()
	w.lose = nil
	w.takeSends()
	w.restart(time.Second, g)
	s := w.group()
	if s.KEK.SPI != fresh.KEK.SPI || s.KEK.SPI == held.SPI || s.TEKs[0].SPI != fresh.TEKs[0].SPI {
		t.Fatalf("KEK %x, was %x", s.KEK.SPI, fresh.KEK.SPI)
	}
	if m.kek.SPI != fresh.KEK.SPI || m.seq != 0 || !m.holds(fresh.TEKs[0].SPI) || pushSeq(w.sends[0].Data, held) != 33 {
		t.Errorf("the member has KEK %x, SEQ %d", m.kek.SPI, m.seq)
	}
	w.step(RekeyNow{})
	if m.seq != 33 {
		t.Errorf("SEQ %d under the new KEK", m.seq)
	}
}

// What changed in the configuration meanwhile is announced, and goes out with
// the next rekey.
func TestRestartWithAnotherConfiguration(t *testing.T) {
	w := newWorld(t, testGroup())
	m := w.newMember(2)
	m.register(1234)
	g := testGroup()
	g.SAs[0].ACEs = []xfrm.ACE{ace(true, 17)}
	w.takeLogs()
	w.restart(time.Second, g)
	if l := w.takeLogs(); len(l) != 5 || !strings.Contains(l[3], "POLICY_CHANGE") || !w.group().Changed {
		t.Errorf("logged %q", l)
	}
	if got := m.policy.TEKs[0].ACEs[0].Protocol; got != 1 {
		t.Errorf("members have the edited policy (%d) before anybody asked for it", got)
	}
	w.step(RekeyNow{})
	if got := m.policy.TEKs[0].ACEs[0].Protocol; got != 17 {
		t.Errorf("protocol %d", got)
	}
}

// A group that is configured, or becomes complete, later goes on then.
func TestRestartWaitsForTheGroup(t *testing.T) {
	w := newWorld(t, testGroup())
	w.newMember(2).register(1234)
	before := w.group()
	w.restart(time.Second)
	w.run(time.Minute)
	g := testGroup()
	g.Incomplete = "nothing is complete"
	w.configure(g)
	w.run(time.Minute)
	w.configure(testGroup())
	s := w.group()
	if s.KEK.SPI != before.KEK.SPI || s.TEKs[0].Remaining != before.TEKs[0].Remaining-121*time.Second || s.Members.Len() != 1 {
		t.Errorf("%+v", s)
	}
}

// Everything that forbids to go on gives new keys, and says so.
func TestRestartAnew(t *testing.T) {
	other := testGroup()
	key, spki := testkey.Short()
	other.Rekey.Signer, other.Rekey.SPKI = key, spki
	for _, tt := range []struct {
		name  string
		spoil func(w *world)
		off   time.Duration
		group Group
		lost  string
		why   string
	}{
		{name: "store lost", lost: "the store is damaged", why: "the store is damaged"},
		{name: "state lost", spoil: func(w *world) { delete(w.disk, [2]string{"GDOI-GROUP1", "state"}) }, why: "no keys are stored"},
		{name: "state damaged", spoil: func(w *world) { w.disk[[2]string{"GDOI-GROUP1", "state"}] = []byte{1, 2, 3} }, why: "the record is damaged"},
		{name: "seq lost", spoil: func(w *world) { delete(w.disk, [2]string{"GDOI-GROUP1", "seq"}) }, why: "no sequence number is stored for its KEK"},
		{name: "seq of another KEK", spoil: func(w *world) { w.disk[[2]string{"GDOI-GROUP1", "seq"}][0] ^= 1 }, why: "no sequence number is stored for its KEK"},
		{name: "another RSA key", group: other, why: "the RSA key is not the one that signed its rekeys"},
		{name: "no RSA key", group: func() Group { g := testGroup(); g.Rekey.Signer = nil; return g }(), why: "the RSA key is not the one that signed its rekeys"},
		{name: "another identity", group: func() Group { g := testGroup(); g.ID.Number = 1; return g }(), why: "its identity was another"},
		{name: "all ended", off: 25 * time.Hour},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testGroup())
			w.newMember(2).register(1234)
			w.step(RekeyNow{})
			before := w.group()
			if tt.spoil != nil {
				tt.spoil(w)
			}
			if tt.group.Name == "" {
				tt.group = testGroup()
			}
			w.takeLogs()
			w.now = w.now.Add(tt.off)
			w.m = New(env.Env{Rand: rand.NewChaCha8([32]byte{7})})
			w.step(Restore{Records: w.records(), Elapsed: tt.off, Lost: tt.lost})
			w.configure(tt.group)
			var lines []string
			for _, l := range w.takeLogs() {
				if strings.Contains(l, "STATE_") {
					lines = append(lines, l)
				}
			}
			want := []string{"%GDOI-4-KS_STATE_LOST: Key server of group GDOI-GROUP1 starts with new keys: " + tt.why}
			if tt.why == "" {
				want = nil
			}
			s := w.group()
			if !slices.Equal(lines, want) || s.HasKEK && s.KEK.SPI == before.KEK.SPI || s.TEKs[0].SPI == before.TEKs[0].SPI || len(s.TEKs) != 1 || s.Members.Len() != 0 {
				t.Errorf("logged %q, %d TEKs, %d members", lines, len(s.TEKs), s.Members.Len())
			}
			if tt.lost == "" {
				for k := range w.disk {
					if strings.HasPrefix(k[1], keyMember) {
						t.Errorf("%v is still stored", k)
					}
				}
			}
		})
	}
}

// A KEK that has ended is replaced, TEKs that live on stay.
func TestRestartAfterTheKEK(t *testing.T) {
	g := testGroup()
	g.Rekey.Lifetime, g.SAs[0].Lifetime = time.Hour, 5*time.Hour
	w := newWorld(t, g)
	w.newMember(2).register(1234)
	before := w.group()
	w.restart(2*time.Hour, g)
	if s := w.group(); s.KEK.SPI == before.KEK.SPI || s.TEKs[0].SPI != before.TEKs[0].SPI || s.TEKs[0].Remaining != 3*time.Hour {
		t.Errorf("%+v", s)
	}
}

// Groups that are removed leave nothing on disk but what says when.
func TestRemovedGroupIsErased(t *testing.T) {
	w := newWorld(t, testGroup())
	w.newMember(2).register(1234)
	w.configure()
	for k := range w.disk {
		if k[1] != keyClock {
			t.Errorf("%v is still stored", k)
		}
	}
	w.takeLogs()
	w.restart(time.Minute, testGroup())
	for _, l := range w.takeLogs() {
		if strings.Contains(l, "STATE_") {
			t.Errorf("a new group of that name: %s", l)
		}
	}
}

// A removal of members that was waiting for its signature stores nothing of a
// group that is gone by then.
func TestRemovedGroupStaysErased(t *testing.T) {
	w := newWorld(t, testGroup())
	w.newMember(2).register(1234)
	w.noSign = true
	w.step(Clear{What: ClearMembers})
	w.configure()
	for _, c := range w.held {
		w.step(Done{env.JobDone{ID: c.ID, Result: c.Do()}})
	}
	for k := range w.disk {
		if k[1] != keyClock {
			t.Errorf("%v is stored", k)
		}
	}
	if len(w.held) == 0 || len(w.sends) != 0 {
		t.Errorf("%d signatures, %d datagrams of a group that is gone", len(w.held), len(w.sends))
	}
}

// The law of durable state: whatever the moment of a crash, no number is used
// twice under a KEK for different content, and nobody is told of a key that is
// not on disk. A crash comes between any two outputs; what survives is what
// was on disk by then, of what may lag an arbitrary part.
func TestNothingIsUsedTwice(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := &history{t: rt, seen: map[string][]byte{}, w: &world{t: t}}
		g := testGroup()
		h.start(g)
		for range rapid.IntRange(3, 25).Draw(rt, "steps") {
			switch rapid.IntRange(0, 9).Draw(rt, "step") {
			case 0, 1:
				h.register(rapid.IntRange(2, 4).Draw(rt, "member"))
			case 2:
				h.in(RekeyNow{ReplaceNow: rapid.Bool().Draw(rt, "now")})
			case 3:
				g.Rekey.Cipher = rapid.SampledFrom([]suite.Cipher{suite.AES128, suite.AES256}).Draw(rt, "cipher")
				h.in(Configure{Config{Groups: []Group{g}}})
			case 4:
				h.now = h.now.Add(time.Duration(rapid.IntRange(1, 4000).Draw(rt, "pause")) * time.Second)
				h.in(Tick{})
			case 5:
				h.in(Clear{What: rapid.SampledFrom([]ClearWhat{ClearAll, ClearMembers, ClearMembersNow, ClearPolicy}).Draw(rt, "what")})
			case 6:
				h.crash, h.budget = true, rapid.IntRange(0, 12).Draw(rt, "outputs")
			case 7:
				h.fail = true
			default:
				h.in(RekeyNow{})
			}
			if h.dead {
				h.now = h.now.Add(time.Duration(rapid.IntRange(0, 100).Draw(rt, "off")) * time.Second)
				h.start(g)
			}
		}
	})
}

// history drives a machine and remembers what left it.
type history struct {
	t      *rapid.T
	w      *world // its disk
	m      *Machine
	now    time.Time
	starts int
	crash  bool // after budget outputs
	budget int
	dead   bool
	fail   bool // the next Persist
	seen   map[string][]byte
	answer *isakmp.Exchange2
}

func (h *history) start(g Group) {
	if h.now.IsZero() {
		h.now = start
	}
	h.starts++
	h.dead, h.crash, h.fail = false, false, false
	h.m = New(env.Env{Rand: rand.NewChaCha8(sha256.Sum256([]byte{byte(h.starts)}))})
	h.m.Step(h.now, Restore{Records: h.w.records()})
	h.in(Configure{Config{Groups: []Group{g}}})
}

func (h *history) in(in Input) {
	h.m.Step(h.now, in)
	for out := h.m.Drain(); len(out) > 0 && !h.dead; out = h.m.Drain() {
		for _, o := range out {
			if h.crash {
				if h.budget--; h.budget < 0 {
					h.dead = true
					return
				}
			}
			failed := false
			switch o := o.(type) {
			case Persist:
				if failed = h.fail; failed {
					h.fail = false
					h.m.Step(h.now, Persisted{o.Number, errors.New("disk full")})
				} else {
					h.w.store(o.Records)
					h.m.Step(h.now, Persisted{o.Number, nil})
				}
			case PersistLater:
				if rapid.Bool().Draw(h.t, "in time") {
					h.w.store(o.Records)
				}
			case Compute:
				h.m.Step(h.now, Done{env.JobDone{ID: o.ID, Result: o.Do()}})
			case ToISAKMP:
				if x, ok := o.Input.(isakmp.Exchange2); ok {
					h.answer = &x
					h.stored()
				}
			case Send:
				h.sent(o)
			}
			if failed {
				break
			}
		}
	}
}

// sent checks one rekey: its SPI and, under the KEK that is on disk for it, its
// number.
func (h *history) sent(o Send) {
	st, err := decodeState(h.w.disk[[2]string{"GDOI-GROUP1", keyState}])
	if err != nil {
		h.t.Fatalf("a rekey left with %v", err)
	}
	spi, _, _ := wire.SPI(o.Data)
	kek := h.kek(spi)
	if kek == nil {
		h.t.Fatalf("a rekey left under KEK %x, which the machine does not know", spi)
	}
	p, err := wire.ParsePush(kek.KEK, o.Data, wire.Form{})
	if err != nil {
		h.t.Fatal(err)
	}
	key := fmt.Sprintf("%x %d", spi, p.Seq)
	old, again := h.seen[key]
	if again && !bytes.Equal(old, o.Data) {
		h.t.Fatalf("KEK %x: number %d with two contents", spi, p.Seq)
	}
	h.seen[key] = o.Data
	if again || p.SA == nil {
		return // what a copy says may be over by now
	}
	w, err := wire.DecodeSA(*p.SA, h.now)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, tek := range w.TEKs {
		if !slices.ContainsFunc(h.m.groups[0].teks, func(t *savedTEK) bool { return t.SPI == tek.SPI && t.end.After(h.now) }) {
			continue // it has ended while this message waited for the disk
		}
		if !slices.ContainsFunc(st.teks, func(t *savedTEK) bool { return t.SPI == tek.SPI }) {
			h.t.Fatalf("TEK %x left and is not on disk", tek.SPI)
		}
	}
	if w.KEK == nil {
		return
	}
	if retired := h.kek(w.KEK.SPI); retired != nil && retired != h.m.groups[0].kek {
		return // another has taken its place while this message waited for the disk
	}
	if (st.kek == nil || st.kek.SPI != w.KEK.SPI) && (st.under == nil || st.under.SPI != w.KEK.SPI) {
		h.t.Fatalf("KEK %x left and is not on disk", w.KEK.SPI)
	}
}

// savedTEK is a TEK on disk, under another name where tek is a variable.
type savedTEK = tek

func (h *history) kek(spi [16]byte) *kek {
	if g := h.m.byKEK[spi]; g != nil {
		return g.kekOf(spi)
	}
	return nil
}

// stored checks that every key a member may be told of is on disk.
func (h *history) stored() {
	st, err := decodeState(h.w.disk[[2]string{"GDOI-GROUP1", keyState}])
	if err != nil {
		h.t.Fatalf("an answer left with %v", err)
	}
	g := h.m.groups[0]
	for _, t := range g.teks {
		if t.end.After(h.now) && !slices.ContainsFunc(st.teks, func(o *tek) bool { return o.SPI == t.SPI }) {
			h.t.Fatalf("TEK %x is in force and not on disk", t.SPI)
		}
	}
	if g.kek != nil && (st.kek == nil || st.kek.SPI != g.kek.SPI) {
		h.t.Fatalf("the KEK is not on disk")
	}
}

func (h *history) register(i int) {
	sa := phaseOne(i, isakmp.CapDenyACE|isakmp.CapPushAck)
	mid := uint32(len(h.seen)<<16 | h.starts<<8 | i)
	ni := bytes.Repeat([]byte{9}, 20)
	first, chain, _ := wire.BuildPull1(sa.PRF, mid, wire.Pull1{Nonce: ni, ID: wire.GroupIdentity(policy.GroupID{Number: 1234})})
	h.answer = nil
	h.in(Phase2{isakmp.Phase2{SA: sa, Exchange: isakmp.ExchangePull, MessageID: mid, First: first, Payloads: chain}})
	if h.answer == nil {
		return
	}
	msg, err := wire.ParsePull2(sa.PRF, mid, ni, h.answer.First, h.answer.Payloads, wire.Form{})
	if err != nil {
		h.t.Fatal(err)
	}
	first, chain, _ = wire.BuildPull3(sa.PRF, mid, ni, msg.Nonce, wire.Pull3{})
	h.in(Phase2{isakmp.Phase2{SA: sa, Exchange: isakmp.ExchangePull, MessageID: mid, First: first, Payloads: chain}})
}

// FuzzState: a record is read whole or not at all, and what is read is written
// the same.
func FuzzState(f *testing.F) {
	w := newWorld(f, testGroup())
	w.newMember(2).register(1234)
	g := testGroup()
	g.Rekey.Cipher = suite.AES128
	w.configure(g)
	w.step(RekeyNow{})
	for _, k := range slices.SortedFunc(maps.Keys(w.disk), func(a, b [2]string) int { return cmp.Compare(a[1], b[1]) }) {
		f.Add(w.disk[k])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := decodeState(b); err == nil && !bytes.Equal(s.encode(), b) {
			t.Errorf("%x is written as %x", b, s.encode())
		}
		if r, err := decodeMember(memberKey(memberAddr(2)), b); err == nil && !bytes.Equal(r.encode(), b) {
			t.Errorf("%x is written as %x", b, r.encode())
		}
		freeSeq(b, [16]byte{1})
	})
}
