package keyserver

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"coterie/crypto/suite"
	"coterie/internal/testkey"
	"coterie/xfrm"
)

func TestChangedPolicy(t *testing.T) {
	w := newWorld(t, testGroup())
	r2 := w.newMember(2)
	r2.register(1234)
	w.takeLogs()
	old := w.group().TEKs[0].SPI
	edited := testGroup()
	edited.SAs[0].ACEs = []xfrm.ACE{ace(false, 6), ace(true, 0)}
	edited.SAs[0].ACLName = "new-acl"
	w.run(20 * time.Minute)

	// Noticed, and nothing more.
	w.configure(edited)
	w.wantLogs("%GDOI-5-POLICY_CHANGE: GDOI group GDOI-GROUP1 policy has changed. Use 'crypto gdoi ks rekey' to send a rekey, or the changes will be send in the next scheduled rekey")
	w.configure(edited)
	w.wantLogs()
	if s := w.group(); !s.Changed || s.TEKs[0].SPI != old {
		t.Errorf("after the edit: %+v", s)
	}
	// Whoever registers now gets the policy in force.
	r3 := w.newMember(3)
	r3.register(1234)
	if got := r3.policy.TEKs[0].ACEs; len(got) != 1 || got[0].Protocol != 1 {
		t.Errorf("a new member got the edited policy: %+v", got)
	}
	w.takeLogs()

	// crypto gdoi ks rekey
	w.step(RekeyNow{Group: "GDOI-GROUP1"})
	w.wantLogs("%GDOI-5-KS_SEND_UNICAST_REKEY: Sending Unicast Rekey with policy-replace for group GDOI-GROUP1 from address 192.168.1.254 with seq # 1")
	s := w.group()
	if s.Changed || len(s.TEKs) != 2 || s.TEKs[0].ACLName != "new-acl" || s.TEKs[1].SPI != old || !s.TEKs[1].Superseded || s.TEKs[1].TimeToRekey >= 0 {
		t.Errorf("after the rekey: %+v", s.TEKs)
	}
	// The old TEK has MIN(2400, MAX(90, MIN(180, 3600))) s left, here and there.
	if s.TEKs[1].Remaining != 180*time.Second || r2.policy.DTD == nil || *r2.policy.DTD != 180*time.Second {
		t.Errorf("old TEK: %v left, members told %v", s.TEKs[1].Remaining, r2.policy.DTD)
	}
	if got := r2.policy.TEKs[0].ACEs; len(got) != 2 || got[0].Permit {
		t.Errorf("members got %+v", got)
	}
	w.run(180 * time.Second)
	if s := w.group(); len(s.TEKs) != 1 {
		t.Errorf("%d TEKs after the old one's time", len(s.TEKs))
	}
	// The next one is an ordinary rekey again, and the old TEK keeps its life.
	w.step(RekeyNow{})
	if l := w.takeLogs(); l[0] != "%GDOI-5-KS_SEND_UNICAST_REKEY: Sending Unicast Rekey for group GDOI-GROUP1 from address 192.168.1.254 with seq # 2" {
		t.Error(l)
	}
	if s := w.group(); s.TEKs[1].Remaining != 3420*time.Second || r2.policy.DTD != nil {
		t.Errorf("old TEK: %v left, members told %v", s.TEKs[1].Remaining, r2.policy.DTD)
	}
}

// The edited policy goes out with the next scheduled rekey, too; an edit that
// is taken back changes nothing.
func TestChangedPolicyWithScheduledRekey(t *testing.T) {
	w := newWorld(t, testGroup())
	m := w.newMember(2)
	m.register(1234)
	edited := testGroup()
	edited.SAs[0].Transform = suite.Transform{Cipher: suite.ESPAES256, Auth: suite.ESPSHA512}
	w.configure(edited)
	w.takeLogs()
	w.configure(testGroup())
	if w.group().Changed {
		t.Error("an edit taken back counts as a change")
	}
	w.wantLogs()
	w.configure(edited)
	w.takeLogs()
	w.run(3323 * time.Second)
	w.wantLogs("%GDOI-5-KS_SEND_UNICAST_REKEY: Sending Unicast Rekey with policy-replace for group GDOI-GROUP1 from address 192.168.1.254 with seq # 1")
	if m.teks[0].Transform != edited.SAs[0].Transform {
		t.Errorf("members use %v", m.teks[0].Transform)
	}
}

func TestReplaceNow(t *testing.T) {
	w := newWorld(t, testGroup())
	m := w.newMember(2)
	m.register(1234)
	first := w.group().TEKs[0].SPI
	w.step(RekeyNow{})
	second := w.group().TEKs[0].SPI
	if !m.holds(first) || !m.holds(second) {
		t.Fatal("an ordinary rekey took a TEK away")
	}
	w.takeLogs()
	w.step(RekeyNow{ReplaceNow: true})
	w.wantLogs("%GDOI-5-KS_SEND_UNICAST_REKEY: Sending Unicast Rekey with policy-replace for group GDOI-GROUP1 from address 192.168.1.254 with seq # 2")
	s := w.group()
	if len(s.TEKs) != 1 || m.holds(first) || m.holds(second) || !m.holds(s.TEKs[0].SPI) {
		t.Errorf("key server %+v, member %v %v", s.TEKs, m.holds(first), m.holds(second))
	}
	p := m.pushes[len(m.pushes)-1]
	if got := p.Deletes[0].TEKs(); !slices.Contains(got, first) || !slices.Contains(got, second) || len(got) != 2 {
		t.Errorf("deleted %x, want %x and %x", got, first, second)
	}
}

// New members also get the generation that others still encrypt with.
func TestNewMemberUnderstandsOldTraffic(t *testing.T) {
	w := newWorld(t, testGroup())
	w.newMember(2).register(1234)
	old := w.group().TEKs[0].SPI
	w.step(RekeyNow{})
	r3 := w.newMember(3)
	r3.register(1234)
	if !r3.holds(old) || r3.policy.TEKs[0].SPI != w.group().TEKs[0].SPI || len(r3.policy.Current()) != 1 {
		t.Errorf("got %d TEKs", len(r3.policy.TEKs))
	}
}

// Several `sa ipsec`, with lifetimes of their own: a rekey brings all that is
// current and replaces what is due.
func TestSeveralSAs(t *testing.T) {
	g := testGroup()
	g.SAs = append(g.SAs, SA{Number: 2, ACLName: "B", ACEs: []xfrm.ACE{ace(true, 17)}, Transform: g.SAs[0].Transform, Lifetime: 4 * time.Hour})
	w := newWorld(t, g)
	m := w.newMember(2)
	m.register(1234)
	first, second := w.group().TEKs[0].SPI, w.group().TEKs[1].SPI
	w.run(3323 * time.Second)
	s := w.group()
	if len(s.TEKs) != 3 || s.TEKs[0].SPI == first || s.TEKs[1].SPI != first || s.TEKs[2].SPI != second || s.TEKs[2].Superseded {
		t.Fatalf("%+v", s.TEKs)
	}
	if cur := m.policy.Current(); len(cur) != 2 || cur[0].SPI != s.TEKs[0].SPI || cur[1].SPI != second {
		t.Errorf("members were told %+v", cur)
	}
	// Without the second: members lose it, and it ends early.
	w.configure(testGroup())
	w.step(RekeyNow{})
	if cur := m.policy.Current(); len(cur) != 1 {
		t.Errorf("members were told %+v", cur)
	}
	w.run(4 * time.Hour)
	for _, tek := range w.group().TEKs {
		if tek.SA != 1 {
			t.Errorf("sa ipsec 2 is still there: %+v", tek)
		}
	}
}

// Another RSA key: its public half travels under the old KEK, signed by the old.
func TestSigningKeyRollover(t *testing.T) {
	w := newWorld(t, testGroup())
	m := w.newMember(2)
	m.register(1234)
	w.takeLogs()
	g := testGroup()
	key, spki := testkey.Short()
	g.Rekey.Signer, g.Rekey.SPKI, g.Rekey.KeyLabel = key, spki, "OTHER"
	w.configure(g)
	if l := w.takeLogs(); len(l) != 1 || !strings.Contains(l[0], "POLICY_CHANGE") {
		t.Error(l)
	}
	w.step(RekeyNow{})
	w.step(RekeyNow{})
	if !bytes.Equal(m.kek.SigKey, spki) || m.seq != 1 || len(m.pushes) != 2 {
		t.Errorf("SEQ %d, %d rekeys", m.seq, len(m.pushes))
	}
	if k := w.group().KEK; k.SigKeyLength != 162 || k.SigSize != 128 {
		t.Errorf("sig key length %d, sig size %d", k.SigKeyLength, k.SigSize)
	}
}

// A signature that fails is tried again; what is asked for meanwhile is done
// once afterwards.
func TestSlowAndFailingSigner(t *testing.T) {
	w := newWorld(t, testGroup())
	m := w.newMember(2)
	m.register(1234)
	w.noSign = true
	w.step(RekeyNow{})
	w.step(RekeyNow{})
	w.step(RekeyNow{})
	if len(w.held) != 1 || len(w.sends) != 0 {
		t.Fatalf("%d signatures wanted, %d datagrams", len(w.held), len(w.sends))
	}
	first := w.held[0]
	w.step(Done{})                                                         // not ours
	w.step(doneWith(first.ID, fmt.Errorf("token removed")))                // fails
	w.run(signRetry)                                                       //
	w.step(doneWith(first.ID, first.Do()))                                 // too late for that one
	if len(w.held) != 2 || len(w.sends) != 0 || w.held[1].ID == first.ID { // tried again
		t.Fatalf("%d signatures wanted, %d datagrams", len(w.held), len(w.sends))
	}
	w.noSign = false
	w.step(doneWith(w.held[1].ID, w.held[1].Do()))
	if m.seq != 2 || len(m.pushes) != 2 {
		t.Errorf("SEQ %d after one rekey and one that waited", m.seq)
	}
}

func doneWith(id uint64, result any) Done {
	d := Done{}
	d.ID, d.Result = id, result
	return d
}
