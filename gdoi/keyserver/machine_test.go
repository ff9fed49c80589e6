package keyserver

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"coterie/crypto/isakmp"
	"coterie/gdoi/policy"
	"coterie/gdoi/wire"
)

// What a change of configuration keeps, changes at once, and announces.
func TestConfigureKeepsWhatDidNotChange(t *testing.T) {
	tests := []struct {
		name    string
		edit    func(*Group)
		changed bool
	}{
		{"nothing", func(*Group) {}, false},
		{"authorization", func(g *Group) { g.Authorized = nil }, false},
		{"retransmission", func(g *Group) { g.Rekey.Count = 5; g.Rekey.Retransmit = time.Minute }, false},
		{"acknowledgement", func(g *Group) { g.Acknowledgement = "Any" }, false},
		{"name of the access list alone", func(g *Group) { g.SAs[0].ACLName = "other" }, false},
		{"server address", func(g *Group) { g.Address = netip.MustParseAddr("192.168.1.253") }, false},
		{"entries", func(g *Group) { g.SAs[0].ACEs[0].Protocol = 17 }, true},
		{"TEK lifetime", func(g *Group) { g.SAs[0].Lifetime = 2 * time.Hour }, true},
		{"KEK lifetime", func(g *Group) { g.Rekey.Lifetime = 2 * time.Hour }, true},
		{"replay", func(g *Group) { g.SAs[0].Replay = policy.Replay{Method: policy.ReplayNone} }, true},
		{"receive-only", func(g *Group) { g.ReceiveOnly = true }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testGroup())
			m := w.newMember(2)
			m.register(1234)
			before := w.group()
			w.takeLogs()
			g := testGroup()
			tt.edit(&g)
			w.configure(g)
			after := w.group()
			if after.KEK.SPI != before.KEK.SPI || after.TEKs[0].SPI != before.TEKs[0].SPI || after.Members.Len() != 1 || len(w.sends) != 0 {
				t.Error("state was lost, or a rekey sent")
			}
			if after.Changed != tt.changed {
				t.Errorf("changed %v", after.Changed)
			}
			if logs := w.takeLogs(); tt.changed != (len(logs) == 1 && strings.Contains(logs[0], "POLICY_CHANGE")) || !tt.changed && len(logs) != 0 {
				t.Errorf("logged %q", logs)
			}
		})
	}
}

// An edit that passes through an unfinished configuration is announced once,
// at its end; members keep their keys meanwhile and nobody new is served.
func TestEditInSteps(t *testing.T) {
	w := newWorld(t, testGroup())
	m := w.newMember(2)
	m.register(1234)
	w.takeLogs()
	g := testGroup()
	g.SAs[0].ACEs = nil
	g.Incomplete = "access-list new-acl of sa ipsec 1 does not exist"
	w.configure(g)
	w.wantLogs()
	if w.newMember(3).register(1234) {
		t.Error("an unfinished group serves")
	}
	w.wantLogs("%GDOI-3-KS_INCOMPLETE_CFG: Key server of group GDOI-GROUP1 cannot serve: access-list new-acl of sa ipsec 1 does not exist")
	w.run(3323 * time.Second) // the scheduled rekey still comes, with the policy in force
	if m.seq != 1 || m.policy.TEKs[0].ACEs[0].Protocol != 1 {
		t.Errorf("SEQ %d, %+v", m.seq, m.policy.TEKs)
	}
	w.takeLogs()
	g = testGroup()
	g.SAs[0].ACEs[0].Protocol = 47
	w.configure(g)
	if l := w.takeLogs(); len(l) != 1 || !strings.Contains(l[0], "POLICY_CHANGE") {
		t.Errorf("logged %q", l)
	}
}

func TestGroupsComeAndGo(t *testing.T) {
	a, b := testGroup(), testGroup()
	b.Name, b.ID = "A-GROUP", policy.GroupID{Number: 7}
	w := newWorld(t, b, a)
	m := w.newMember(2)
	m.register(1234)
	spi := w.m.Snapshot(w.now).Groups[1].KEK.SPI
	w.takeLogs()

	w.configure(a) // A-GROUP is gone, the other is untouched
	w.wantLogs("%GDOI-5-KS_GROUP_DELETE: Config: Group A-GROUP deleted")
	if s := w.m.Snapshot(w.now); len(s.Groups) != 1 || s.Groups[0].KEK.SPI != spi || s.Groups[0].Members.Len() != 1 {
		t.Errorf("%+v", s.Groups)
	}
	a.ID = policy.GroupID{Number: 4321} // another identity is another group
	w.configure(a)
	w.wantLogs("%GDOI-5-KS_GROUP_DELETE: Config: Group GDOI-GROUP1 deleted", "%GDOI-5-KS_GROUP_ADD: Config: Group GDOI-GROUP1 added",
		"%GDOI-5-KS_REKEY_TRANS_2_UNI: Group GDOI-GROUP1 transitioned to Unicast Rekey.")
	if s := w.group(); s.KEK.SPI == spi || s.Members.Len() != 0 || m.register(1234) || !m.register(4321) {
		t.Error("state of one identity served under another")
	}
	w.configure()
	if !w.m.Next().IsZero() || len(w.m.byKEK) != 0 || len(w.m.due) != 0 {
		t.Errorf("something is left of removed groups: next %v, %d KEKs", w.m.Next(), len(w.m.byKEK))
	}
}

func TestClear(t *testing.T) {
	w := newWorld(t, testGroup())
	m := w.newMember(2)
	m.register(1234)
	m.mute = true
	w.step(RekeyNow{})
	before := w.group()
	w.takeLogs()
	w.step(Clear{Group: "no such group"})
	w.wantLogs()
	w.step(Clear{Group: "GDOI-GROUP1"})
	w.wantLogs("%GDOI-5-KS_CLEAR_REGISTER: Config: KS cleared from group GDOI-GROUP1")
	if s := w.group(); s.Members.Len() != 0 || s.KEK.SPI == before.KEK.SPI || len(s.TEKs) != 1 || s.Seq != 0 {
		t.Errorf("%+v", s)
	}
	if !m.register(1234) {
		t.Error("nobody can register after a clear")
	}
}

// A snapshot stays what it was.
func TestSnapshotIsImmutable(t *testing.T) {
	w := newWorld(t, testGroup())
	for i := range 300 {
		w.newMember(i + 1).register(1234)
	}
	s := w.group()
	members := func() (all []MemberSnapshot) {
		s.Members.Ascend(func(m MemberSnapshot) bool { all = append(all, m); return true })
		return all
	}
	before, tek := members(), s.TEKs[0]
	w.step(RekeyNow{})
	w.run(time.Minute)
	w.step(Clear{})
	if after := members(); !slices.Equal(before, after) || len(after) != 300 || s.TEKs[0] != tek {
		t.Error("a snapshot changed")
	}
	if !slices.IsSortedFunc(before, func(a, b MemberSnapshot) int { return a.Address.Compare(b.Address) }) {
		t.Error("members are not in order of address")
	}
	if s.Config.Rekey.Signer != nil {
		t.Error("the snapshot holds the private key")
	}
	n := 0
	s.Members.Ascend(func(MemberSnapshot) bool { n++; return n < 3 })
	if n != 3 {
		t.Errorf("iteration went on to %d", n)
	}
}

// The same inputs and the same seed give the same outputs, octet for octet.
func TestDeterminism(t *testing.T) {
	run := func() string {
		var b strings.Builder
		g := testGroup()
		g.Rekey.Lifetime = 2 * time.Hour
		w := newWorld(t, g)
		for i := range 120 {
			m := w.newMember(i + 1)
			m.register(1234)
			m.mute = i%7 == 0
		}
		w.run(8 * time.Hour)
		for _, s := range w.sends {
			fmt.Fprintf(&b, "%v %x\n", s.Remote, s.Data)
		}
		return b.String() + strings.Join(w.logs, "\n")
	}
	if a, b := run(), run(); a != b {
		t.Error("two runs differ")
	}
}

func TestUnreadablePhase2(t *testing.T) {
	w := newWorld(t, testGroup())
	m := w.newMember(2)
	m.mid = 5
	m.send(wire.PayloadHash, nil)
	m.send(wire.PayloadSA, []byte{0, 0, 0, 4})
	w.step(Phase2{isakmp.Phase2{SA: m.sa, Exchange: 99, MessageID: 6, First: 8}})
	if len(w.refused) != 3 || w.refused[2].Notify != notifyUnsupportedExchange || w.answer != nil {
		t.Errorf("refused %+v", w.refused)
	}
	if c := w.m.counters; c.PullsReceived != 2 || c.Malformed+c.HashFail != 3 {
		t.Errorf("counters %+v", c)
	}
}

// Any octets from an authenticated peer, in each state of a registration, and
// as an acknowledgement: an answer or a refusal, never a panic, never a member.
func FuzzServer(f *testing.F) {
	f.Add([]byte{0, 0, 0, 4}, uint8(8), uint8(0))
	f.Add(make([]byte, 64), uint8(1), uint8(1))
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x08\x10\x23\x00\x00\x00\x00\x00\x00\x00\x00\x1c"), uint8(0), uint8(2))
	w := newWorld(f, testGroup())
	m := w.newMember(2)
	m.register(1234)
	w.step(RekeyNow{})
	var spi [16]byte = m.kek.SPI
	f.Fuzz(func(t *testing.T, data []byte, first, state uint8) {
		w.now = w.now.Add(time.Second)
		switch state % 3 {
		case 0:
			m.mid++
			m.send(first, data)
		case 1:
			m.pull1(1234)
			m.send(first, data)
		case 2:
			if len(data) >= 16 {
				copy(data, spi[:])
			}
			w.step(Ack{Remote: m.sa.Remote, Data: data})
		}
		if w.answer != nil && state%3 != 1 || w.group().Members.Len() != 1 || len(w.m.pulls.byKey) > 61 {
			t.Fatalf("answer %+v, %d members, %d registrations", w.answer, w.group().Members.Len(), len(w.m.pulls.byKey))
		}
		w.refused, w.logs, w.trace, w.sends = nil, nil, nil, nil
	})
}

// One rekey to ten thousand members, all of whom acknowledge.
func BenchmarkRekey10000(b *testing.B) {
	const members = 10000
	w := newWorld(b, testGroup())
	w.quick = true
	for i := range members {
		w.newMember(i + 1).register(1234)
	}
	b.ResetTimer()
	b.ReportAllocs()
	for range b.N {
		w.sends, w.trace, w.logs = nil, nil, nil
		w.step(RekeyNow{})
		w.run(20 * time.Minute)
	}
	b.StopTimer()
	if len(w.sends) != members {
		b.Fatalf("%d datagrams", len(w.sends))
	}
	if m, _ := w.group().Members.Get(memberAddr(members)); m.AcksRcvd != uint64(b.N) {
		b.Fatalf("%+v", m)
	}
}

// Ten thousand silent members, three copies each: what the key server costs
// without its members.
func BenchmarkRekey10000ServerOnly(b *testing.B) {
	const members = 10000
	w := newWorld(b, testGroup())
	for i := range members {
		m := w.newMember(i + 1)
		m.sa.Capabilities = 0 // silent, and not ejected for it
		m.register(1234)
	}
	clear(w.members)
	b.ResetTimer()
	b.ReportAllocs()
	for range b.N {
		w.sends, w.trace, w.logs = nil, nil, nil
		w.step(RekeyNow{})
		w.run(17 * time.Minute)
	}
}

func BenchmarkSnapshot10000(b *testing.B) {
	w := newWorld(b, testGroup())
	for i := range 10000 {
		w.newMember(i + 1).register(1234)
	}
	b.ResetTimer()
	b.ReportAllocs()
	for range b.N {
		w.m.Snapshot(w.now)
	}
}

func BenchmarkRegistration(b *testing.B) {
	w := newWorld(b, testGroup())
	m := w.newMember(2)
	b.ReportAllocs()
	for range b.N {
		m.register(1234)
		w.logs, w.trace = nil, nil
	}
}
