package keyserver

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// What `show crypto gdoi ks policy` of real key servers counts down to: KEK
// 1200 s and TEK 600 s retransmitted 10 x 3 are replaced 235 s and 125 s before
// their end, KEK 360 s 225 s before, TEK 120 s 90 s before.
func TestTimeToRekey(t *testing.T) {
	tests := []struct {
		kek, tek           time.Duration
		count              int
		kekRekey, tekRekey time.Duration
	}{
		{1200 * time.Second, 600 * time.Second, 3, 965 * time.Second, 475 * time.Second},
		{360 * time.Second, 120 * time.Second, 2, 135 * time.Second, 30 * time.Second},
		{24 * time.Hour, time.Hour, 2, 86400*time.Second - 6073*time.Second, 3323 * time.Second},
	}
	for _, tt := range tests {
		g := testGroup()
		g.Rekey.Lifetime, g.Rekey.Count, g.SAs[0].Lifetime = tt.kek, tt.count, tt.tek
		w := newWorld(t, g)
		w.newMember(2).register(1234)
		s := w.group()
		if s.KEK.TimeToRekey != tt.kekRekey || s.TEKs[0].TimeToRekey != tt.tekRekey {
			t.Errorf("KEK %v TEK %v: to rekey %v and %v, want %v and %v", tt.kek, tt.tek, s.KEK.TimeToRekey, s.TEKs[0].TimeToRekey, tt.kekRekey, tt.tekRekey)
		}
		if want := start.Add(min(tt.kekRekey, tt.tekRekey)); !w.m.Next().Equal(want) {
			t.Errorf("next at %v, want %v", w.m.Next().Sub(start), want.Sub(start))
		}
	}
}

// Twenty hours of a KEK of two hours and TEKs of one: who rekeys what when.
func TestScheduleOverHours(t *testing.T) {
	g := testGroup()
	g.Rekey.Lifetime = 2 * time.Hour
	w := newWorld(t, g)
	var members []*member
	for i := range 4 {
		m := w.newMember(i + 2)
		m.register(1234)
		members = append(members, m)
	}
	const tekLife, kekLife = 3323 * time.Second, (7200 - 529) * time.Second
	nextTEK, nextKEK := start.Add(tekLife), start.Add(kekLife)
	seqs := map[[16]byte]uint32{}
	for w.now.Before(start.Add(20 * time.Hour)) {
		want := nextTEK
		if nextKEK.Before(want) {
			want = nextKEK
		}
		w.takeSends()
		before := w.m.groups[0].kek
		w.runTo(want)
		sends := w.takeSends()
		if len(sends) != 4 {
			t.Fatalf("at %v: %d datagrams, want 4 for a rekey", w.now.Sub(start), len(sends))
		}
		for _, s := range sends[1:] {
			if !bytes.Equal(s.Data, sends[0].Data) {
				t.Fatal("the members got different datagrams")
			}
		}
		// SEQ increases by one and starts at 1 under each KEK.
		if got := pushSeq(sends[0].Data, before.KEK); got != seqs[before.SPI]+1 {
			t.Fatalf("SEQ %d after %d", got, seqs[before.SPI])
		}
		seqs[before.SPI]++
		p := members[0].pushes[len(members[0].pushes)-1]
		switch {
		case want == nextKEK:
			nextKEK = w.now.Add(kekLife)
			if w.m.groups[0].kek == before || len(p.SA.SAK) != 1 || w.group().Seq != 0 {
				t.Fatalf("at %v: KEK is due and was not replaced", w.now.Sub(start))
			}
		default:
			nextTEK = w.now.Add(tekLife)
			if w.m.groups[0].kek != before || len(p.SA.SAK) != 0 {
				t.Fatalf("at %v: the KEK was replaced early", w.now.Sub(start))
			}
		}
		s := w.group()
		for i, m := range members {
			if !m.holds(s.TEKs[0].SPI) || m.kek.SPI != s.KEK.SPI {
				t.Fatalf("at %v: member %d lacks the current keys", w.now.Sub(start), i)
			}
		}
	}
	if n := len(seqs); n != 11 {
		t.Errorf("%d KEKs in 20 hours", n)
	}
	s := w.group()
	if m, _ := s.Members.Get(memberAddr(2)); m.RekeysSent != s.RekeysSent || m.AcksRcvd != s.RekeysSent || m.RekeyRetries != 0 || m.AcksMissed != 0 {
		t.Errorf("%d rekeys, member %+v", s.RekeysSent, m)
	}
}

// A joiner between the KEK's replacement and its first use is told SEQ 0.
func TestSequenceRestartsWithTheKEK(t *testing.T) {
	g := testGroup()
	g.Rekey.Lifetime = 2 * time.Hour
	w := newWorld(t, g)
	r2 := w.newMember(2)
	r2.register(1234)
	w.step(RekeyNow{})
	w.step(RekeyNow{})
	r3 := w.newMember(3)
	r3.register(1234)
	if r3.seq != 2 {
		t.Errorf("joined with SEQ %d after two rekeys", r3.seq)
	}
	w.run(2*time.Hour - 529*time.Second)
	r4 := w.newMember(4)
	r4.register(1234)
	if r4.seq != 0 || r4.kek.SPI != r2.kek.SPI {
		t.Errorf("joined with SEQ %d under %s, the others hold %s", r4.seq, spiText(r4.kek.SPI), spiText(r2.kek.SPI))
	}
	w.step(RekeyNow{})
	if r2.seq != 1 || r3.seq != 1 || r4.seq != 1 {
		t.Errorf("first SEQ under the new KEK: %d %d %d", r2.seq, r3.seq, r4.seq)
	}
}

// Without an RSA key there is no KEK; members get TEKs, and the next
// generation is there before they register again.
func TestGroupWithoutRSAKey(t *testing.T) {
	g := testGroup()
	g.Rekey.Signer, g.Rekey.SPKI = nil, nil
	w := newWorld(t, g)
	if l := w.takeLogs(); l[len(l)-1] != "%GDOI-1-KS_NO_RSA_KEYS: RSA Key - MYRSAKEY : Not found, Required for group GDOI-GROUP1" {
		t.Error(l)
	}
	m := w.newMember(2)
	if !m.register(1234) || m.kek != nil || len(m.teks) != 1 {
		t.Fatalf("KEK %v, %d TEKs", m.kek, len(m.teks))
	}
	w.run(time.Hour - 252*time.Second)
	if s := w.group(); len(s.TEKs) != 2 || s.HasKEK || len(w.sends) != 0 {
		t.Errorf("%d TEKs, %d datagrams", len(s.TEKs), len(w.sends))
	}
	m.register(1234)
	if len(m.teks) != 2 || m.policy.ATD == nil || *m.policy.ATD != 222*time.Second {
		t.Errorf("registered again: %d TEKs, to encrypt after %v", len(m.teks), m.policy.ATD)
	}
	w.takeLogs()
	// crypto key generate rsa
	w.configure(testGroup())
	w.wantLogs()
	if s := w.group(); !s.HasKEK || s.Changed {
		t.Errorf("with the key: KEK %v changed %v", s.HasKEK, s.Changed)
	}
	w.step(RekeyNow{})
	if len(w.takeSends()) != 0 {
		t.Error("a rekey to a member that has no KEK")
	}
	m.register(1234)
	w.step(RekeyNow{})
	if m.seq != 2 {
		t.Errorf("SEQ %d", m.seq)
	}
	// crypto key zeroize rsa
	w.configure(g)
	if l := w.takeLogs(); !strings.Contains(l[len(l)-1], "KS_NO_RSA_KEYS") || w.group().HasKEK {
		t.Errorf("without the key: %v %v", l, w.group().HasKEK)
	}
}

func TestRekeyOfAnEmptyGroup(t *testing.T) {
	w := newWorld(t, testGroup())
	w.takeLogs()
	w.run(50 * time.Hour)
	w.wantLogs() // scheduled: nobody to tell
	if w.group().Seq != 0 {
		t.Error("sequence numbers used for nobody")
	}
	w.step(RekeyNow{}) // by command: said, at least
	w.wantLogs("%GDOI-5-KS_SEND_UNICAST_REKEY: Sending Unicast Rekey for group GDOI-GROUP1 from address 192.168.1.254 with seq # 1")
	g := testGroup()
	g.Incomplete = "profile P does not exist"
	w = newWorld(t, g)
	w.takeLogs()
	w.step(RekeyNow{})
	w.wantLogs("%GDOI-3-KS_INCOMPLETE_CFG: Key server of group GDOI-GROUP1 cannot serve: profile P does not exist")
	if !w.m.Next().IsZero() {
		t.Error("a group without keys wants to be woken")
	}
}

// More members than the margins were made for: keys still live a while.
func TestMarginsLeaveSomeLife(t *testing.T) {
	g := testGroup()
	g.Rekey.Lifetime, g.SAs[0].Lifetime = 300*time.Second, 120*time.Second
	g.Rekey.Retransmit, g.Rekey.Count = time.Minute, 10
	w := newWorld(t, g)
	w.newMember(2).register(1234)
	if k := w.group().KEK.TimeToRekey; k != 30*time.Second {
		t.Errorf("KEK of 300 s is kept %v", k)
	}
	w.run(time.Hour)
	if n := w.group().RekeysSent; n > 250 {
		t.Errorf("%d rekeys in an hour", n)
	}
}

// A host that slept: one rekey now, not one for each that was missed.
func TestLateTick(t *testing.T) {
	w := newWorld(t, testGroup())
	m := w.newMember(2)
	m.register(1234)
	w.now = start.Add(100 * time.Hour)
	w.step(Tick{})
	s := w.group()
	if s.RekeysSent != 1 || s.KEK.Remaining != 24*time.Hour || len(s.TEKs) != 1 || s.TEKs[0].Remaining != time.Hour {
		t.Errorf("%d rekeys, %+v", s.RekeysSent, s.TEKs)
	}
	if next := w.m.Next(); !next.After(w.now) {
		t.Errorf("next tick at %v", next)
	}
}
